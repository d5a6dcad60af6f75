//! The union of longest common subsequences, for ROUGE-Lsum.
//!
//! For each pair of sentences, rouge-score picks one longest common subsequence by a walk back through the table; another
//! one gives another score. The walk: from the end of both, a match is taken; else it goes to the column before
//! where that is greater than the row above, and to the row above where not. Both cannot be less than here at once, so it
//! goes to the column before just where this row is higher than the one above.

use super::bits::{Columns, step};
use super::tokens::Tokens;
use crate::metrics::Stop;
use crate::metrics::interner::Interner;

/// How many words of the table are kept before rows are computed again.
const KEPT_WORDS: usize = 1 << 17;

/// Finds unions in memory that it keeps.
#[derive(Default)]
pub(super) struct Union {
    /// For each token of the reference whether it is in the union.
    found: Vec<bool>,
    counts: Vec<u32>,
    /// The sentences of the prediction so far.
    seen: Interner,
    bytes: Vec<u8>,
    masks: Vec<u64>,
    narrow: Vec<NarrowRow>,
    columns: Columns,
    wide: WideRows,
}

struct NarrowRow {
    /// Which token of the reference.
    at: usize,
    matches: u64,
    higher: u64,
}

impl Union {
    /// The hits of ROUGE-Lsum: for each token the number of times that it is in the union of the reference's sentences,
    /// or in the prediction where that is less.
    ///
    /// Time is the product of the lengths over 64 where sentences are long, and that of the length of the reference and
    /// the number of distinct sentences of the prediction where they are short. Memory is that of a few rows of the
    /// table or a few times the length of the longest sentence times the square root of it, over 64.
    pub(super) fn hits(&mut self, prediction: &Tokens, reference: &Tokens, n_ids: usize, stop: &Stop) -> usize {
        self.found.clear();
        self.found.resize(reference.ids.len(), false);
        self.masks.resize(n_ids.max(self.masks.len()), 0);
        self.seen.clear();
        for (_, sentence) in prediction.sentences() {
            // Equal sentences add nothing to a union.
            self.bytes.clear();
            self.bytes.extend(sentence.iter().flat_map(|id| id.to_le_bytes()));
            let known = self.seen.len();
            if (self.seen.intern(&self.bytes) as usize) < known {
                continue;
            }
            if sentence.len() <= 64 {
                self.add_narrow(sentence, reference);
            } else {
                self.add_wide(sentence, reference, n_ids, stop);
            }
            if stop.is_set() {
                break;
            }
        }
        self.counts.clear();
        self.counts.resize(n_ids, 0);
        prediction.ids.iter().for_each(|&id| self.counts[id as usize] += 1);
        let mut hits = 0;
        for (&id, _) in reference.ids.iter().zip(&self.found).filter(|(_, found)| **found) {
            let count = &mut self.counts[id as usize];
            let hit = u32::from(*count > 0);
            *count -= hit;
            hits += hit as usize;
        }
        hits
    }

    /// Adds the tokens that each sentence of the reference shares with `sentence`, of up to 64 tokens.
    fn add_narrow(&mut self, sentence: &[u32], reference: &Tokens) {
        for (column, &id) in sentence.iter().enumerate() {
            self.masks[id as usize] |= 1 << column;
        }
        for (start, other) in reference.sentences() {
            let mut row = u64::MAX;
            self.narrow.clear();
            for (at, &id) in (start..).zip(other) {
                let matches = self.masks[id as usize];
                // A token without a match changes no row, and the walk passes it by.
                if matches != 0 {
                    let (_, higher) = step(&mut row, matches, false);
                    self.narrow.push(NarrowRow { at, matches, higher });
                }
            }
            let mut left = sentence.len();
            for row in self.narrow.iter().rev() {
                let ends = (row.matches | !row.higher) & (u64::MAX >> (64 - left));
                let Some(column) = ends.checked_ilog2() else { break };
                if row.matches >> column & 1 == 0 {
                    left = column as usize + 1;
                    continue;
                }
                self.found[row.at] = true;
                left = column as usize;
                if left == 0 {
                    break;
                }
            }
        }
        sentence.iter().for_each(|&id| self.masks[id as usize] = 0);
    }

    /// The same for a `sentence` of any length.
    fn add_wide(&mut self, sentence: &[u32], reference: &Tokens, n_ids: usize, stop: &Stop) {
        self.columns.fill(sentence, n_ids);
        for (start, other) in reference.sentences() {
            let rows = &mut self.wide;
            rows.tokens.clear();
            rows.tokens.extend((start..).zip(other.iter().copied()).filter(|(_, id)| !self.columns.of(*id).is_empty()));
            rows.walk(&self.columns, sentence.len(), &mut self.found, stop);
            if stop.is_set() {
                return;
            }
        }
    }
}

/// The rows of a table of more than 64 columns.
#[derive(Default)]
struct WideRows {
    /// The tokens of the reference that the columns have, and where they stand.
    tokens: Vec<(usize, u32)>,
    /// The row before each block of rows.
    before: Vec<u64>,
    /// For each row of a block, the columns that are higher than in the row above.
    higher: Vec<u64>,
    row: Vec<u64>,
}

impl WideRows {
    /// Walks back through the table and marks the tokens that it takes.
    fn walk(&mut self, columns: &Columns, mut left: usize, found: &mut [bool], stop: &Stop) {
        if self.tokens.is_empty() {
            return;
        }
        let words = columns.words();
        // Two passes over a table that is large: the first keeps one row in so many, the second makes the others again.
        let block = (KEPT_WORDS / words).max(self.tokens.len().isqrt()).max(1);
        let blocks = self.tokens.len().div_ceil(block);
        self.row.clear();
        self.row.resize(words, u64::MAX);
        self.before.clear();
        for tokens in self.tokens.chunks(block).take(blocks - 1) {
            self.before.extend_from_slice(&self.row);
            for &(_, id) in tokens {
                columns.step(&mut self.row, id, |_, _| ());
                if stop.is_set() {
                    return;
                }
            }
        }
        self.before.extend_from_slice(&self.row);
        for (i, tokens) in self.tokens.chunks(block).enumerate().rev() {
            // Columns to the right of the walk are of no use any more.
            let needed = left.div_ceil(64);
            let row = &mut self.before[i * words..][..needed];
            self.higher.clear();
            self.higher.resize(tokens.len() * needed, 0);
            for (&(_, id), higher) in tokens.iter().zip(self.higher.chunks_exact_mut(needed)) {
                columns.step(row, id, |word, columns| higher[word] = columns);
                if stop.is_set() {
                    return;
                }
            }
            for (&(at, id), higher) in tokens.iter().zip(self.higher.chunks_exact(needed)).rev() {
                let matches = columns.of(id);
                let matches = &matches[..matches.partition_point(|&column| (column as usize) < left)];
                let matched = matches.last().map_or(0, |&column| column as usize + 1);
                let stopped = last_zero(higher, left, matched);
                let hit = matched > 0 && matched >= stopped;
                found[at] |= hit;
                left = if hit { matched - 1 } else { stopped };
                if left == 0 {
                    return;
                }
            }
        }
    }
}

/// The number, counted from one, of the last column of the first `left` whose bit is zero; `least` or less where
/// it is at or before that column.
fn last_zero(bits: &[u64], left: usize, least: usize) -> usize {
    let mut end = left;
    while end > least {
        let word = (end - 1) / 64;
        let zeros = !bits[word] & (u64::MAX >> (63 - (end - 1) % 64));
        if let Some(column) = zeros.checked_ilog2() {
            return word * 64 + column as usize + 1;
        }
        end = word * 64;
    }
    0
}
