//! The table of longest common subsequences, 64 columns at a time.
//!
//! Crochemore, Iliopoulos, Pinzon, Reid (2001), A fast and practical bit-vector algorithm for the longest common
//! subsequence problem. A row of the table is the set of columns at which it does *not* rise; one addition makes the
//! next row of it, and the carries of that addition are the columns at which the next row is higher than this one.

/// Makes the next row of `row` for a token that the columns `matches` have. Returns the carry out of the last column and
/// the columns that are higher by one.
#[inline]
pub(super) fn step(row: &mut u64, matches: u64, carry: bool) -> (bool, u64) {
    let common = *row & matches;
    let (sum, first) = row.overflowing_add(common);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    let higher = common | (*row & !sum);
    *row = sum | (*row & !matches);
    (first | second, higher)
}

/// The same for several tables side by side, whose last columns are `last`. Returns the columns that are higher by one.
#[inline]
pub(super) fn step_apart(row: &mut u64, matches: u64, last: u64) -> u64 {
    let common = *row & matches;
    // No carry leaves a last column.
    let sum = (*row & !last).wrapping_add(common & !last) ^ ((*row ^ common) & last);
    let higher = common | (*row & !sum);
    *row = sum | (*row & !matches);
    higher
}

/// The columns at which tokens stand, for tables too wide for one word.
#[derive(Default)]
pub(super) struct Columns {
    /// Where the columns of each token begin in `columns`, one more than there are tokens.
    starts: Vec<u32>,
    columns: Vec<u32>,
    /// For each token its place in `dense` plus one, or zero.
    dense_of: Vec<u32>,
    /// Whole rows of bits, for tokens with so many columns that a sweep over all words is as cheap.
    dense: Vec<u64>,
    words: usize,
}

impl Columns {
    /// Takes `ids`, all below `n_ids`, as columns. Memory is linear in both: where there are many columns, a token is dense
    /// only if it stands in a sixty-fourth of them or more.
    pub(super) fn fill(&mut self, ids: &[u32], n_ids: usize) {
        self.words = ids.len().div_ceil(64);
        self.starts.clear();
        self.starts.resize(n_ids + 1, 0);
        for &id in ids {
            self.starts[id as usize] += 1;
        }
        let mut total = 0;
        for start in &mut self.starts {
            total += *start;
            *start = total;
        }
        // Filled from behind, each start moves down to where it belongs.
        self.columns.clear();
        self.columns.resize(ids.len(), 0);
        for (column, &id) in ids.iter().enumerate().rev() {
            let start = &mut self.starts[id as usize];
            *start -= 1;
            self.columns[*start as usize] = column as u32;
        }
        self.dense.clear();
        self.dense_of.clear();
        self.dense_of.resize(n_ids, 0);
        for id in 0..n_ids {
            let range = self.starts[id] as usize..self.starts[id + 1] as usize;
            if !range.is_empty() && (range.len() >= self.words || self.words <= 4) {
                let start = self.dense.len();
                self.dense.resize(start + self.words, 0);
                for &column in &self.columns[range] {
                    self.dense[start + column as usize / 64] |= 1 << (column % 64);
                }
                self.dense_of[id] = (start / self.words) as u32 + 1;
            }
        }
    }

    /// How many words a row has.
    pub(super) fn words(&self) -> usize {
        self.words
    }

    /// The columns of a token, ascending.
    pub(super) fn of(&self, id: u32) -> &[u32] {
        let id = id as usize;
        &self.columns[self.starts[id] as usize..self.starts[id + 1] as usize]
    }

    /// Makes the next row of `row`, of its first words only where it is given short; `higher` is told each word and its
    /// columns that become higher, but for words without any.
    #[inline]
    pub(super) fn step(&self, row: &mut [u64], id: u32, mut higher: impl FnMut(usize, u64)) {
        let mut carry = false;
        if let Some(matches) = self.dense(id) {
            for (i, (word, &matches)) in row.iter_mut().zip(matches).enumerate() {
                let columns;
                (carry, columns) = step(word, matches, carry);
                higher(i, columns);
            }
            return;
        }
        // Where nothing matches and nothing is carried, a word stays as it is.
        let mut columns = self.of(id).iter().peekable();
        let mut i = 0;
        loop {
            match columns.peek() {
                Some(&&column) if !carry => i = column as usize / 64,
                None if !carry => return,
                _ => {}
            }
            let Some(word) = row.get_mut(i) else { return };
            let mut matches = 0;
            while let Some(column) = columns.next_if(|&&column| column as usize / 64 == i) {
                matches |= 1 << (column % 64);
            }
            let bits;
            (carry, bits) = step(word, matches, carry);
            higher(i, bits);
            i += 1;
        }
    }
    /// Where a walk back that has `left` columns left leaves a row of token `id`, whose columns `higher` are higher than
    /// in the row above: how many columns are left then, and whether a match was taken.
    #[inline]
    pub(super) fn last_end(&self, id: u32, higher: &[u64], left: usize) -> (usize, bool) {
        let dense = self.dense(id);
        let matched = match dense {
            Some(_) => 0,
            None => {
                let columns = self.of(id);
                let before = columns.partition_point(|&column| (column as usize) < left);
                columns[..before].last().map_or(0, |&column| column as usize + 1)
            }
        };
        let mut end = left;
        while end > matched {
            let (word, shift) = ((end - 1) / 64, 63 - (end - 1) % 64);
            let matches = dense.map_or(0, |dense| dense[word]);
            if let Some(column) = ((matches | !higher[word]) & (u64::MAX >> shift)).checked_ilog2() {
                let end = word * 64 + column as usize;
                if matches >> column & 1 == 1 {
                    return (end, true);
                }
                if end >= matched {
                    return (end + 1, false);
                }
                break;
            }
            end = word * 64;
        }
        (matched.saturating_sub(1), matched > 0)
    }

    fn dense(&self, id: u32) -> Option<&[u64]> {
        let dense = (self.dense_of[id as usize] as usize).checked_sub(1)?;
        Some(&self.dense[dense * self.words..(dense + 1) * self.words])
    }
}
