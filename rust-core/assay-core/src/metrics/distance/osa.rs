//! Optimal string alignment: Levenshtein's distance with transpositions of neighbours.

use super::{Distances, Symbol, WORD, add, last_bits};

/// The state of [`WORD`] rows of a column.
#[derive(Clone, Copy)]
pub(super) struct Word {
    /// Where a cell is one more, and where it is one less, than the one above it.
    up: u64,
    down: u64,
    /// Where a cell equals the one diagonally before it.
    diagonal: u64,
    /// The places of the column's symbol.
    places: u64,
}

/// What goes from a word to the one below it.
struct Carry {
    sum: bool,
    right: u64,
    left: u64,
    swap: u64,
}

/// The top row of the matrix grows by one from column to column.
const TOP: Carry = Carry { sum: false, right: 1, left: 0, swap: 0 };

/// The first column grows by one from row to row.
const START: Word = Word { up: u64::MAX, down: 0, diagonal: 0, places: 0 };

impl Word {
    #[inline(always)]
    fn advance(&mut self, places: u64, carry: &mut Carry) {
        let swappable = !self.diagonal & places;
        let swaps = (swappable << 1 | carry.swap) & self.places;
        carry.swap = swappable >> 63;
        let (sum, out) = add(places & self.up, self.up, carry.sum);
        carry.sum = out;
        let diagonal = (sum ^ self.up) | places | self.down | swaps;
        let right = self.down | !(diagonal | self.up);
        let left = diagonal & self.up;
        let (right_in, left_in) = (right << 1 | carry.right, left << 1 | carry.left);
        (carry.right, carry.left) = (right >> 63, left >> 63);
        *self = Word { up: left_in | !(diagonal | right_in), down: right_in & diagonal, diagonal, places };
    }

    fn rise(&self, bits: u64) -> i64 {
        i64::from((self.up & bits).count_ones()) - i64::from((self.down & bits).count_ones())
    }
}

impl Distances {
    /// Of sequences without common prefix and suffix.
    pub(super) fn osa<S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        match pattern.len() {
            0 => text.len(),
            length if length <= WORD => self.osa_word(pattern, text),
            _ => self.osa_blocks(pattern, text),
        }
    }

    fn osa_word<S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        self.masks.fill(pattern);
        let mut state = START;
        for &symbol in text {
            state.advance(self.masks.get(symbol), &mut { TOP });
        }
        self.masks.clear(pattern);
        text.len().saturating_add_signed(state.rise(last_bits(pattern.len())) as isize)
    }

    fn osa_blocks<S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        self.blocks.fill(pattern);
        let words = self.blocks.words();
        self.columns.osa.clear();
        self.columns.osa.resize(words, START);
        for &symbol in text {
            let mut carry = TOP;
            for (state, &places) in self.columns.osa.iter_mut().zip(self.blocks.row(symbol)) {
                state.advance(places, &mut carry);
            }
            if self.clock.stops(words) {
                return 0;
            }
        }
        let Some((last, whole)) = self.columns.osa.split_last() else { return text.len() };
        let rise = last.rise(last_bits(pattern.len())) + whole.iter().map(|state| state.rise(u64::MAX)).sum::<i64>();
        text.len().saturating_add_signed(rise as isize)
    }
}
