//! Levenshtein's distance.

use std::ops::Range;

use super::{Clock, Distances, Symbol, WORD, add, last_bits};

/// The first column grows by one from row to row.
const START: [u64; 2] = [u64::MAX, 0];

/// What goes from a word of a column to the one below it.
struct Carry {
    sum: bool,
    right: u64,
    left: u64,
}

/// The row above the first word grows by one from column to column.
const TOP: Carry = Carry { sum: false, right: 1, left: 0 };

/// The same [`WORD`] rows of the next column, whose symbol stands at `places`.
#[inline(always)]
fn advance([up, down]: [u64; 2], places: u64, carry: &mut Carry) -> [u64; 2] {
    let (sum, out) = add(places & up, up, carry.sum);
    carry.sum = out;
    let diagonal = (sum ^ up) | places | down;
    let right = down | !(diagonal | up);
    let left = diagonal & up;
    let (right_in, left_in) = (right << 1 | carry.right, left << 1 | carry.left);
    (carry.right, carry.left) = (right >> 63, left >> 63);
    [left_in | !(diagonal | right_in), right_in & diagonal]
}

/// By how much the cells of a word rise from its first row to its last.
#[inline(always)]
fn rise([up, down]: [u64; 2], bits: u64) -> isize {
    (up & bits).count_ones() as isize - (down & bits).count_ones() as isize
}

impl Distances {
    /// Of sequences without common prefix and suffix.
    pub(super) fn levenshtein<S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        match (pattern.len(), text.len()) {
            (0, length) | (length, 0) => length,
            (1..=WORD, _) => {
                self.masks.fill(pattern);
                let mut state = START;
                for &symbol in text {
                    state = advance(state, self.masks.get(symbol), &mut { TOP });
                }
                self.masks.clear(pattern);
                text.len().saturating_add_signed(rise(state, last_bits(pattern.len())))
            }
            _ => self.levenshtein_blocks(pattern, text),
        }
    }

    fn levenshtein_blocks<S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        self.blocks.fill(pattern);
        let words = self.blocks.words();
        if self.blocks.has_whole_rows() {
            match words {
                2 => return self.levenshtein_few::<2, S>(pattern, text),
                3 => return self.levenshtein_few::<3, S>(pattern, text),
                4 => return self.levenshtein_few::<4, S>(pattern, text),
                5 => return self.levenshtein_few::<5, S>(pattern, text),
                _ => {}
            }
        }
        let longest = pattern.len().max(text.len());
        let mut limit = self.guess(pattern, text);
        loop {
            // A band has about as many rows as its limit: past a half, all that there may be is not much more.
            limit = if limit > longest / 2 { longest } else { limit };
            let distance = self.levenshtein_band(pattern.len(), text, limit);
            if distance <= limit || limit == longest {
                return distance;
            }
            limit *= 2;
        }
    }

    /// The whole matrix in registers.
    fn levenshtein_few<const N: usize, S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        let mut states = [START; N];
        for symbols in text.chunks(Clock::STEPS / N) {
            for &symbol in symbols {
                let Some(row) = self.blocks.whole_row(symbol).first_chunk::<N>() else { continue };
                let mut carry = TOP;
                for (state, &places) in states.iter_mut().zip(row) {
                    *state = advance(*state, places, &mut carry);
                }
            }
            if self.clock.stops(Clock::STEPS) {
                return 0;
            }
        }
        bottom(&states, pattern.len(), text.len())
    }

    /// The distance if it is at most `limit`, else a number that is at least the distance.
    ///
    /// Only cells are computed through which a way of at most `limit` edits may lead; those beside them count as if
    /// one came to them by edits alone, so no cell is less than it should be.
    fn levenshtein_band<S: Symbol>(&mut self, pattern: usize, text: &[S], limit: usize) -> usize {
        let words = self.blocks.words();
        let (above, below) = match pattern.checked_sub(text.len()) {
            Some(longer) => (limit.saturating_sub(longer) / 2, longer + limit.saturating_sub(longer) / 2),
            None => {
                let shorter = text.len() - pattern;
                (shorter + limit.saturating_sub(shorter) / 2, limit.saturating_sub(shorter) / 2)
            }
        };
        // Two columns at a time, so that the state is read and written half as often.
        let (pairs, odd) = if self.blocks.has_whole_rows() { text.as_chunks() } else { (&[] as &[[S; 2]], text) };
        let mut band = Band { above, below, last_row: pattern - 1, first: 0, top: 0 };
        let states = &mut self.columns.vertical;
        states.clear();
        for (pair, &[one, two]) in pairs.iter().enumerate() {
            let range = band.advance(states, 2 * pair, 2 * pair + 1);
            let rows = self.blocks.whole_row(one)[range.clone()].iter().zip(&self.blocks.whole_row(two)[range.clone()]);
            let (mut first, mut second) = (TOP, TOP);
            for (state, (&one, &two)) in states[range.clone()].iter_mut().zip(rows) {
                *state = advance(advance(*state, one, &mut first), two, &mut second);
            }
            if self.clock.stops(2 * range.len()) {
                return 0;
            }
        }
        for (at, &symbol) in odd.iter().enumerate() {
            let column = 2 * pairs.len() + at;
            let range = band.advance(states, column, column);
            let mut carry = TOP;
            for (state, &places) in states[range.clone()].iter_mut().zip(&self.blocks.row(symbol)[range.clone()]) {
                *state = advance(*state, places, &mut carry);
            }
            if self.clock.stops(range.len()) {
                return 0;
            }
        }
        if states.len() < words { usize::MAX } else { bottom(&states[band.first..], pattern, band.top) }
    }

    /// A limit that the distance probably keeps: how much the beginnings differ tells how much the whole does.
    fn guess<S: Symbol>(&mut self, pattern: &[S], text: &[S]) -> usize {
        let mut state = START;
        let mut least = WORD;
        for (column, &symbol) in text.iter().take(2 * WORD).enumerate() {
            let places = self.blocks.row(symbol).first().copied().unwrap_or_default();
            state = advance(state, places, &mut { TOP });
            least = least.min((column + 1).saturating_add_signed(rise(state, u64::MAX)));
        }
        let beyond = pattern.len().abs_diff(text.len());
        (least * pattern.len().max(text.len()) / WORD).saturating_mul(5) / 4 + beyond + WORD / 2
    }
}

/// The cell in the last row of the pattern, where the row above the first of `states` holds `top`.
fn bottom(states: &[[u64; 2]], pattern: usize, top: usize) -> usize {
    let Some((&last, whole)) = states.split_last() else { return top };
    let rises: isize = whole.iter().map(|&state| rise(state, u64::MAX)).sum();
    top.saturating_add_signed(rises + rise(last, last_bits(pattern)))
}

/// Which words of a column are computed.
struct Band {
    /// How many rows above the diagonal and below it.
    above: usize,
    below: usize,
    last_row: usize,
    /// The first word, and the cell in the row above it.
    first: usize,
    top: usize,
}

impl Band {
    /// Moves on over the columns from `from` to `to`. Rows count from zero, as columns do: row r is the cell after
    /// symbol r of the pattern.
    #[inline]
    fn advance(&mut self, states: &mut Vec<[u64; 2]>, from: usize, to: usize) -> Range<usize> {
        let end = to.saturating_add(self.below).min(self.last_row) / WORD + 1;
        if end > states.len() {
            states.resize(end, START);
        }
        let first = (from.saturating_sub(self.above) / WORD).min(end - 1);
        while self.first < first {
            self.top = self.top.saturating_add_signed(rise(states[self.first], u64::MAX));
            self.first += 1;
        }
        self.top += to - from + 1;
        self.first..end
    }
}
