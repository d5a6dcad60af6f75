//! The length of the longest common subsequence.

use super::bits::{Columns, step};
use crate::metrics::Stop;

/// Finds lengths in memory that it keeps.
#[derive(Default)]
pub(super) struct Lcs {
    /// For each token whether the other text has it, or the columns at which it stands.
    masks: Vec<u64>,
    columns: Vec<u32>,
    rows: Vec<u32>,
    wide: Columns,
    row: Vec<u64>,
}

impl Lcs {
    /// The length of the longest common subsequence of `a` and `b`, whose tokens are below `n_ids`. Time is the product
    /// of the lengths over 64 at most, memory is linear.
    pub(super) fn length(&mut self, a: &[u32], b: &[u32], n_ids: usize, stop: &Stop) -> usize {
        let prefix = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let (a, b) = (&a[prefix..], &b[prefix..]);
        let suffix = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
        let (a, b) = (&a[..a.len() - suffix], &b[..b.len() - suffix]);
        let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        self.masks.resize(n_ids.max(self.masks.len()), 0);
        prefix + suffix + if short.len() <= 64 { self.narrow(short, long) } else { self.wide(short, long, n_ids, stop) }
    }

    fn narrow(&mut self, columns: &[u32], rows: &[u32]) -> usize {
        for (column, &id) in columns.iter().enumerate() {
            self.masks[id as usize] |= 1 << column;
        }
        let mut row = u64::MAX;
        for &id in rows {
            step(&mut row, self.masks[id as usize], false);
        }
        columns.iter().for_each(|&id| self.masks[id as usize] = 0);
        // No column beyond the last can rise, as none of them matches.
        row.count_zeros() as usize
    }

    fn wide(&mut self, short: &[u32], long: &[u32], n_ids: usize, stop: &Stop) -> usize {
        // Tokens that the other text does not have are in no common subsequence.
        let masks = &mut self.masks;
        keep(masks, &mut self.columns, short, long);
        keep(masks, &mut self.rows, long, short);
        self.wide.fill(&self.columns, n_ids);
        self.row.clear();
        self.row.resize(self.wide.words(), u64::MAX);
        for &id in &self.rows {
            self.wide.step(&mut self.row, id, |_, _| ());
            if stop.is_set() {
                break;
            }
        }
        self.row.iter().map(|word| word.count_zeros() as usize).sum()
    }
}

/// Puts those of `ids` that are in `other` into `kept`. All `masks` are zero before and after.
fn keep(masks: &mut [u64], kept: &mut Vec<u32>, ids: &[u32], other: &[u32]) {
    other.iter().for_each(|&id| masks[id as usize] = 1);
    kept.clear();
    kept.extend(ids.iter().filter(|&&id| masks[id as usize] == 1));
    other.iter().for_each(|&id| masks[id as usize] = 0);
}
