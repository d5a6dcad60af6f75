//! The length of the longest common subsequence.

use super::{Distances, Symbol, WORD, add, last_bits};

impl Distances {
    /// Of sequences without common prefix and suffix.
    pub(super) fn lcs<S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        match pattern.len() {
            0 => 0,
            length if length <= WORD => self.lcs_word(pattern, text),
            _ => self.lcs_blocks(pattern, text),
        }
    }

    fn lcs_word<S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        self.masks.fill(pattern);
        let mut rest = u64::MAX;
        for &symbol in text {
            let matches = rest & self.masks.get(symbol);
            rest = rest.wrapping_add(matches) | (rest & !matches);
        }
        self.masks.clear(pattern);
        (!rest & last_bits(pattern.len())).count_ones() as usize
    }

    fn lcs_blocks<S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        self.blocks.fill(pattern);
        let words = self.blocks.words();
        self.columns.lcs.clear();
        self.columns.lcs.resize(words, u64::MAX);
        for &symbol in text {
            let mut carry = false;
            for (rest, places) in self.columns.lcs.iter_mut().zip(self.blocks.row(symbol)) {
                let matches = *rest & places;
                let (sum, out) = add(*rest, matches, carry);
                *rest = sum | (*rest & !matches);
                carry = out;
            }
            if self.clock.stops(words) {
                return 0;
            }
        }
        let mut found = 0;
        for (word, rest) in self.columns.lcs.iter().enumerate() {
            let bits = if word + 1 == words { last_bits(pattern.len()) } else { u64::MAX };
            found += (!rest & bits).count_ones() as usize;
        }
        found
    }
}
