//! Levenshtein's distance.

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
        let mut limit = self.guess(pattern, text);
        // A band has about as many rows as its limit; past three quarters the whole matrix is not much more.
        while limit / WORD + 2 < words * 3 / 4 {
            let distance = self.levenshtein_band(pattern.len(), text, limit);
            if distance <= limit {
                return distance;
            }
            limit = limit.saturating_mul(2);
        }
        self.columns.vertical.clear();
        self.columns.vertical.resize(words, START);
        // Two columns at a time, so that the state is read and written half as often.
        let (pairs, odd) = if self.blocks.has_whole_rows() { text.as_chunks() } else { (&[] as &[[S; 2]], text) };
        for &[one, two] in pairs {
            let rows = self.blocks.whole_row(one).iter().zip(self.blocks.whole_row(two));
            let (mut first, mut second) = (TOP, TOP);
            for (state, (&one, &two)) in self.columns.vertical.iter_mut().zip(rows) {
                *state = advance(advance(*state, one, &mut first), two, &mut second);
            }
            if self.clock.stops(2 * words) {
                return 0;
            }
        }
        for &symbol in odd {
            let mut carry = TOP;
            for (state, &places) in self.columns.vertical.iter_mut().zip(self.blocks.row(symbol)) {
                *state = advance(*state, places, &mut carry);
            }
            if self.clock.stops(words) {
                return 0;
            }
        }
        bottom(&self.columns.vertical, pattern.len(), text.len())
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
    /// Only cells are computed through which a way of at most `limit` edits may lead; those beside them count as if one
    /// came to them by edits alone, so no cell is less than it should be.
    fn levenshtein_band<S: Symbol>(&mut self, pattern: usize, text: &[S], limit: usize) -> usize {
        let words = self.blocks.words();
        let (above, below) = match pattern.checked_sub(text.len()) {
            Some(longer) => (limit.saturating_sub(longer) / 2, longer + limit.saturating_sub(longer) / 2),
            None => {
                let shorter = text.len() - pattern;
                (shorter + limit.saturating_sub(shorter) / 2, limit.saturating_sub(shorter) / 2)
            }
        };
        self.columns.vertical.clear();
        let (mut first, mut top) = (0, 0usize);
        for (column, &symbol) in text.iter().enumerate() {
            // Rows count from zero here, as the columns do: row r is the cell after symbol r of the pattern.
            let last = column.saturating_add(below).min(pattern - 1) / WORD;
            if last >= self.columns.vertical.len() {
                self.columns.vertical.resize(last + 1, START);
            }
            let wanted = (column.saturating_sub(above) / WORD).min(last);
            while first < wanted {
                top = top.saturating_add_signed(rise(self.columns.vertical[first], u64::MAX));
                first += 1;
            }
            top += 1;
            let mut carry = TOP;
            let row = &self.blocks.row(symbol)[first..=last];
            for (state, &places) in self.columns.vertical[first..=last].iter_mut().zip(row) {
                *state = advance(*state, places, &mut carry);
            }
            if self.clock.stops(last - first + 1) {
                return 0;
            }
        }
        if self.columns.vertical.len() < words {
            return usize::MAX;
        }
        bottom(&self.columns.vertical[first..], pattern, top)
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
