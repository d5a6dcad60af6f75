//! The union of longest common subsequences, for ROUGE-Lsum.
//!
//! For each pair of sentences, rouge-score picks one longest common subsequence by a walk back through the table; another
//! one gives another score. The walk: from the end of both, a match is taken; else it goes to the column before
//! where that is greater than the row above, and to the row above where not. Both cannot be less than here at once, so it
//! goes to the column before just where this row is higher than the one above.

use super::bits::{Columns, step_apart};
use super::tokens::Tokens;
use crate::metrics::Stop;
use crate::metrics::interner::Interner;

/// How many words of the table are kept before rows are computed again. Few in tests, so that small texts show both ways.
const KEPT_WORDS: usize = if cfg!(test) { 16 } else { 1 << 17 };

/// Finds unions in memory that it keeps.
#[derive(Default)]
pub(super) struct Union {
    /// For each token of the reference whether it is in the union.
    found: Vec<bool>,
    /// Where each distinct sentence of the reference begins and ends.
    distinct: Vec<(usize, usize)>,
    /// Where a sentence begins that came before, and the number of it in `distinct`.
    copies: Vec<(usize, usize)>,
    seen: Interner,
    bytes: Vec<u8>,
    counts: Vec<u32>,
    packed: Packed,
    columns: Columns,
    wide: WideRows,
}

impl Union {
    /// The hits of ROUGE-Lsum: for each token the number of times that it is in the union of the reference's sentences,
    /// or in the prediction where that is less.
    ///
    /// Time is in proportion to the product of the lengths over 64. Memory is linear, but that of a pair of long sentences
    /// is also in proportion to the length of one times the square root of that of the other, over 64.
    pub(super) fn hits(&mut self, prediction: &Tokens, reference: &Tokens, n_ids: usize, stop: &Stop) -> usize {
        self.found.clear();
        self.found.resize(reference.ids.len(), false);
        self.find_distinct(reference);
        self.packed.masks.resize(n_ids.max(self.packed.masks.len()), 0);
        self.seen.clear();
        for (_, sentence) in prediction.sentences() {
            // Equal sentences add nothing to a union.
            let known = self.seen.len();
            if self.number(sentence) < known {
                continue;
            }
            if sentence.len() > 64 {
                self.add_wide(sentence, reference, n_ids, stop);
            } else if !self.packed.take(sentence) {
                self.packed.walk(reference, &self.distinct, &mut self.found, stop);
                self.packed.take(sentence);
            }
            if stop.is_set() {
                break;
            }
        }
        self.packed.walk(reference, &self.distinct, &mut self.found, stop);
        for &(copy, number) in &self.copies {
            let (start, end) = self.distinct[number];
            self.found.copy_within(start..end, copy);
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

    /// The number of a sentence, which is that of the first one equal to it.
    fn number(&mut self, sentence: &[u32]) -> usize {
        self.bytes.clear();
        self.bytes.extend(sentence.iter().flat_map(|id| id.to_le_bytes()));
        self.seen.intern(&self.bytes) as usize
    }

    fn find_distinct(&mut self, reference: &Tokens) {
        self.distinct.clear();
        self.copies.clear();
        self.seen.clear();
        for (start, sentence) in reference.sentences() {
            let number = self.number(sentence);
            if number < self.distinct.len() {
                self.copies.push((start, number));
            } else {
                self.distinct.push((start, start + sentence.len()));
            }
        }
    }

    /// Marks the tokens that each sentence of the reference shares with `sentence`, of any length.
    fn add_wide(&mut self, sentence: &[u32], reference: &Tokens, n_ids: usize, stop: &Stop) {
        self.columns.fill(sentence, n_ids);
        for &(start, end) in &self.distinct {
            let ids = reference.ids[start..end].iter().copied();
            self.wide.tokens.clear();
            self.wide.tokens.extend((start..).zip(ids).filter(|(_, id)| !self.columns.of(*id).is_empty()));
            self.wide.walk(&self.columns, sentence.len(), &mut self.found, stop);
            if stop.is_set() {
                return;
            }
        }
    }
}

/// Tables of short sentences, side by side in one word. They are made and walked together.
#[derive(Default)]
struct Packed {
    /// For each token the columns at which it stands.
    masks: Vec<u64>,
    /// The tokens whose masks are not zero.
    ids: Vec<u32>,
    /// The first and the last column of each sentence.
    first: u64,
    last: u64,
    rows: Vec<PackedRow>,
}

struct PackedRow {
    /// Which token of the reference.
    at: usize,
    matches: u64,
    /// The columns that are higher than in the row above.
    higher: u64,
}

impl Packed {
    /// Takes one more sentence, if there is room for it.
    fn take(&mut self, sentence: &[u32]) -> bool {
        let columns = self.ids.len();
        if columns + sentence.len() > 64 {
            return false;
        }
        for (column, &id) in (columns..).zip(sentence) {
            self.masks[id as usize] |= 1 << column;
        }
        self.ids.extend_from_slice(sentence);
        self.first |= 1 << columns;
        self.last |= 1 << (self.ids.len() - 1);
        true
    }

    /// Marks the tokens that each of the `distinct` sentences of the reference shares with each sentence taken, and lets
    /// go of these.
    fn walk(&mut self, reference: &Tokens, distinct: &[(usize, usize)], found: &mut [bool], stop: &Stop) {
        let sentences = if self.ids.is_empty() { &[] } else { distinct };
        for &(start, end) in sentences {
            let mut row = u64::MAX;
            self.rows.clear();
            for (at, &id) in (start..end).zip(&reference.ids[start..end]) {
                let matches = self.masks[id as usize];
                // A token without a match changes no row, and the walk passes it by.
                if matches != 0 {
                    let higher = step_apart(&mut row, matches, self.last);
                    self.rows.push(PackedRow { at, matches, higher });
                }
            }
            // Where the walk through each table is: at most one bit of each sentence.
            let mut left = self.last;
            for row in self.rows.iter().rev() {
                let ends = row.matches | !row.higher;
                let mut moving = left & !ends;
                left &= ends;
                while moving != 0 {
                    moving = (moving & !self.first) >> 1;
                    left |= moving & ends;
                    moving &= !ends;
                }
                let hits = left & row.matches;
                found[row.at] |= hits != 0;
                left = (left & !hits) | ((hits & !self.first) >> 1);
                if left == 0 {
                    break;
                }
            }
            if stop.is_set() {
                break;
            }
        }
        self.ids.iter().for_each(|&id| self.masks[id as usize] = 0);
        self.ids.clear();
        (self.first, self.last) = (0, 0);
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
                let (end, hit) = columns.last_end(id, higher, left);
                found[at] |= hit;
                left = end;
                if left == 0 {
                    return;
                }
            }
        }
    }
}
