//! Where each symbol stands in a pattern, as bits.

use super::{Symbol, WORD};

/// Symbols below this are looked up in an array, others in a hash table.
pub(in super::super) const LOW: usize = 512;

/// Spreads symbols over a hash table.
#[inline(always)]
pub(in super::super) fn spread(symbol: u32) -> usize {
    (symbol.wrapping_mul(0x9E37_79B1) >> 15) as usize
}

/// The places of the symbols of a pattern of at most [`WORD`] symbols.
pub(in super::super) struct Masks {
    low: [u64; LOW],
    /// Symbol and places; free where there are none.
    high: [(u32, u64); SLOTS],
    /// The slots of `high` that are not free.
    used: Vec<usize>,
}

/// Twice as many as there can be symbols.
const SLOTS: usize = 2 * WORD;

impl Default for Masks {
    fn default() -> Masks {
        Masks { low: [0; LOW], high: [(0, 0); SLOTS], used: Vec::new() }
    }
}

impl Masks {
    /// Of a pattern, when there is none.
    pub(in super::super) fn fill<S: Symbol>(&mut self, pattern: &[S]) {
        let mut bit = 1u64;
        for symbol in pattern {
            let code = symbol.code();
            match self.low.get_mut(code as usize) {
                Some(mask) => *mask |= bit,
                None => {
                    let slot = self.slot(code);
                    if self.high[slot].1 == 0 {
                        self.used.push(slot);
                    }
                    self.high[slot] = (code, self.high[slot].1 | bit);
                }
            }
            bit <<= 1;
        }
    }

    /// Takes out what [`Masks::fill`] put in.
    pub(in super::super) fn clear<S: Symbol>(&mut self, pattern: &[S]) {
        for symbol in pattern {
            if let Some(mask) = self.low.get_mut(symbol.code() as usize) {
                *mask = 0;
            }
        }
        if !S::LOW {
            for slot in self.used.drain(..) {
                self.high[slot] = (0, 0);
            }
        }
    }

    /// Where a symbol stands.
    #[inline(always)]
    pub(in super::super) fn get<S: Symbol>(&self, symbol: S) -> u64 {
        let code = symbol.code();
        match self.low.get(code as usize) {
            Some(mask) => *mask,
            None => self.high[self.slot(code)].1,
        }
    }

    /// The slot of a symbol, or the free one where it would go.
    #[inline]
    fn slot(&self, code: u32) -> usize {
        let mut slot = spread(code) % SLOTS;
        while self.high[slot].1 != 0 && self.high[slot].0 != code {
            slot = (slot + 1) % SLOTS;
        }
        slot
    }
}

/// The places of the symbols of a pattern of any length, [`WORD`] to a word: a row of words for each symbol.
pub(super) struct Blocks {
    /// How many words a row has.
    words: usize,
    /// The number of the row of each symbol, from 1; 0 is for symbols that the pattern does not have.
    low: [u32; LOW],
    /// The same for other symbols; free where the row is 0. A power of two.
    high: Vec<(u32, u32)>,
    /// The number of the row of each symbol of the pattern.
    numbers: Vec<u32>,
    /// All rows, where that is not too much.
    dense: Vec<u64>,
    /// Else what is not zero of them: where each row begins in `entries`, and words with their numbers.
    starts: Vec<u32>,
    entries: Vec<(u32, u64)>,
    pub(super) is_sparse: bool,
    /// A row that is made when it is asked for, and which one it is.
    row: Vec<u64>,
    made: u32,
}

impl Default for Blocks {
    fn default() -> Blocks {
        Blocks {
            words: 0,
            low: [0; LOW],
            high: Vec::new(),
            numbers: Vec::new(),
            dense: Vec::new(),
            starts: Vec::new(),
            entries: Vec::new(),
            is_sparse: false,
            row: Vec::new(),
            made: 0,
        }
    }
}

/// Rows are kept whole up to this many words (1 MiB), or for this many symbols.
const DENSE: usize = 1 << 17;
const FEW: usize = 256;

/// ASCII needs no numbers of rows.
const ASCII: usize = 128;

impl Blocks {
    pub(super) fn fill<S: Symbol>(&mut self, pattern: &[S]) {
        self.words = pattern.len().div_ceil(WORD);
        self.is_sparse = false;
        self.dense.clear();
        if S::LOW {
            self.dense.resize(ASCII * self.words, 0);
            for (word, symbols) in pattern.chunks(WORD).enumerate() {
                for (bit, symbol) in symbols.iter().enumerate() {
                    self.dense[symbol.code() as usize * self.words + word] |= 1 << bit;
                }
            }
            return;
        }
        let symbols = self.number(pattern);
        if symbols > FEW && symbols.saturating_mul(self.words) > DENSE {
            self.fill_sparse(symbols);
            return;
        }
        self.dense.resize((symbols + 1) * self.words, 0);
        for (word, numbers) in self.numbers.chunks(WORD).enumerate() {
            for (bit, &number) in numbers.iter().enumerate() {
                self.dense[number as usize * self.words + word] |= 1 << bit;
            }
        }
    }

    /// Gives each symbol of the pattern a row; how many there are.
    fn number<S: Symbol>(&mut self, pattern: &[S]) -> usize {
        self.low.fill(0);
        self.high.clear();
        let high = pattern.iter().filter(|symbol| symbol.code() as usize >= LOW).count();
        self.high.resize((2 * high).next_power_of_two(), (0, 0));
        self.numbers.clear();
        self.numbers.reserve(pattern.len());
        let mut symbols = 0;
        for symbol in pattern {
            let code = symbol.code();
            let number = match self.low.get_mut(code as usize) {
                Some(number) => number,
                None => {
                    let slot = self.slot(code);
                    self.high[slot].0 = code;
                    &mut self.high[slot].1
                }
            };
            if *number == 0 {
                symbols += 1;
                *number = symbols;
            }
            self.numbers.push(*number);
        }
        symbols as usize
    }

    fn fill_sparse(&mut self, symbols: usize) {
        self.is_sparse = true;
        // First how many words of each row are not zero, then where each row ends, then the words from the last to
        // the first, so that each end becomes a beginning.
        self.starts.clear();
        self.starts.resize(symbols + 2, 0);
        let mut last = vec![usize::MAX; symbols + 1];
        for (word, numbers) in self.numbers.chunks(WORD).enumerate() {
            for &number in numbers {
                let last = &mut last[number as usize];
                self.starts[number as usize] += u32::from(*last != word);
                *last = word;
            }
        }
        let mut total = 0;
        for start in &mut self.starts {
            total += *start;
            *start = total;
        }
        self.entries.clear();
        self.entries.resize(total as usize, (0, 0));
        last.fill(usize::MAX);
        for (word, numbers) in self.numbers.chunks(WORD).enumerate().rev() {
            for (bit, &number) in numbers.iter().enumerate() {
                let start = &mut self.starts[number as usize];
                if std::mem::replace(&mut last[number as usize], word) != word {
                    *start -= 1;
                    self.entries[*start as usize] = (word as u32, 0);
                }
                self.entries[*start as usize].1 |= 1 << bit;
            }
        }
        self.row.clear();
        self.row.resize(self.words, 0);
        self.made = 0;
    }

    /// How many words a row has.
    pub(super) fn words(&self) -> usize {
        self.words
    }

    /// Whether [`Blocks::whole_row`] may be asked for.
    pub(super) fn has_whole_rows(&self) -> bool {
        !self.is_sparse
    }

    /// The number of the row of a symbol.
    #[inline(always)]
    fn number_of<S: Symbol>(&self, symbol: S) -> usize {
        let code = symbol.code();
        if S::LOW {
            return code as usize;
        }
        match self.low.get(code as usize) {
            Some(number) => *number as usize,
            None => self.high[self.slot(code)].1 as usize,
        }
    }

    /// The row of a symbol, where rows are kept whole.
    #[inline(always)]
    pub(super) fn whole_row<S: Symbol>(&self, symbol: S) -> &[u64] {
        let start = self.number_of(symbol) * self.words;
        &self.dense[start..start + self.words]
    }

    /// The row of a symbol.
    #[inline]
    pub(super) fn row<S: Symbol>(&mut self, symbol: S) -> &[u64] {
        if !self.is_sparse {
            return self.whole_row(symbol);
        }
        let number = self.number_of(symbol) as u32;
        if number != self.made {
            for &(word, _) in &self.entries[range(&self.starts, self.made)] {
                self.row[word as usize] = 0;
            }
            for &(word, bits) in &self.entries[range(&self.starts, number)] {
                self.row[word as usize] = bits;
            }
            self.made = number;
        }
        &self.row
    }

    /// The slot of a symbol, or the free one where it would go.
    #[inline]
    fn slot(&self, code: u32) -> usize {
        let mask = self.high.len() - 1;
        let mut slot = spread(code) & mask;
        while self.high[slot].1 != 0 && self.high[slot].0 != code {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

/// Where the words of a row lie.
fn range(starts: &[u32], number: u32) -> std::ops::Range<usize> {
    starts[number as usize] as usize..starts[number as usize + 1] as usize
}
