//! The length of the longest common subsequence.

use super::{Clock, Distances, Symbol, WORD, add, last_bits};

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
        if self.blocks.has_whole_rows() {
            match words {
                2 => return self.lcs_few::<2, S>(pattern, text),
                3 => return self.lcs_few::<3, S>(pattern, text),
                4 => return self.lcs_few::<4, S>(pattern, text),
                5 => return self.lcs_few::<5, S>(pattern, text),
                6 => return self.lcs_few::<6, S>(pattern, text),
                7 => return self.lcs_few::<7, S>(pattern, text),
                8 => return self.lcs_few::<8, S>(pattern, text),
                _ => {}
            }
        }
        self.columns.lcs.clear();
        self.columns.lcs.resize(words, u64::MAX);
        // Two columns at a time, so that the state is read and written half as often.
        let (pairs, odd) = if self.blocks.has_whole_rows() { text.as_chunks() } else { (&[] as &[[S; 2]], text) };
        for &[one, two] in pairs {
            let rows = self.blocks.whole_row(one).iter().zip(self.blocks.whole_row(two));
            let mut carries = (false, false);
            for (rest, (&one, &two)) in self.columns.lcs.iter_mut().zip(rows) {
                *rest = advance(advance(*rest, one, &mut carries.0), two, &mut carries.1);
            }
            if self.clock.stops(2 * words) {
                return 0;
            }
        }
        for &symbol in odd {
            let mut carry = false;
            for (rest, &places) in self.columns.lcs.iter_mut().zip(self.blocks.row(symbol)) {
                *rest = advance(*rest, places, &mut carry);
            }
            if self.clock.stops(words) {
                return 0;
            }
        }
        found(&self.columns.lcs, pattern.len())
    }

    /// The same in registers.
    fn lcs_few<const N: usize, S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        let mut state = [u64::MAX; N];
        for symbols in text.chunks(Clock::STEPS / N) {
            for &symbol in symbols {
                let Some(row) = self.blocks.whole_row(symbol).first_chunk::<N>() else { continue };
                let mut carry = false;
                for (rest, &places) in state.iter_mut().zip(row) {
                    *rest = advance(*rest, places, &mut carry);
                }
            }
            if self.clock.stops(Clock::STEPS) {
                return 0;
            }
        }
        found(&state, pattern.len())
    }
}

#[inline(always)]
fn advance(rest: u64, places: u64, carry: &mut bool) -> u64 {
    let matches = rest & places;
    let (sum, out) = add(rest, matches, *carry);
    *carry = out;
    sum | (rest & !matches)
}

/// How many symbols of the pattern are in the subsequence.
fn found(state: &[u64], pattern: usize) -> usize {
    let Some((last, whole)) = state.split_last() else { return 0 };
    let whole: u32 = whole.iter().map(|rest| rest.count_zeros()).sum();
    whole as usize + (!last & last_bits(pattern)).count_ones() as usize
}
