//! Edit distances of sequences of symbols, 64 cells of the matrix at a time.
//!
//! A symbol is a code point or the number of a word. Of each pair the common prefix and suffix are taken off first.
//! One sequence is the pattern: [`masks`] says where each symbol stands in it. The other is read symbol by symbol,
//! and each symbol turns one column of the matrix into the next: in one word ([`Masks`]), or in a row of words that
//! are added like one long number ([`Blocks`]).
//!
//! Sources: G. Myers, A fast bit-vector algorithm for approximate string matching (1999); H. Hyyrö, A bit-vector
//! algorithm for computing Levenshtein and Damerau edit distances (2003) and Bit-parallel LCS-length computation
//! revisited (2004); E. Ukkonen, Algorithms for approximate string matching (1985) for the band. Checked against
//! rapidfuzz 3.14.6.

mod lcs;
mod levenshtein;
pub(super) mod masks;
mod osa;
pub(super) mod words;

use masks::{Blocks, Masks};

use super::Stop;

/// What sequences are made of.
pub(super) trait Symbol: Copy + PartialEq {
    /// Whether every symbol is less than [`masks::LOW`].
    const LOW: bool;

    /// The symbol as a number.
    fn code(self) -> u32;
}

impl Symbol for u8 {
    const LOW: bool = true;

    fn code(self) -> u32 {
        self.into()
    }
}

impl Symbol for u32 {
    const LOW: bool = false;

    fn code(self) -> u32 {
        self
    }
}

/// How many rows of the matrix a word holds.
pub(super) const WORD: usize = u64::BITS as usize;

/// Which number is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// The least number of insertions, deletions and substitutions.
    Levenshtein,
    /// The length of the longest common subsequence.
    Lcs,
    /// As Levenshtein, and two neighbours may change places if neither is edited again.
    Osa,
}

/// A measured pair of texts; all in code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    /// The distance, or the length of the subsequence.
    pub(super) value: usize,
    /// The lengths of the texts.
    pub(super) lengths: (usize, usize),
}

/// Measures pairs in memory that it keeps.
pub(super) struct Distances {
    masks: Masks,
    blocks: Blocks,
    columns: Columns,
    left: Vec<u32>,
    right: Vec<u32>,
    clock: Clock,
}

/// The state of a column, a word for each [`WORD`] rows.
#[derive(Default)]
struct Columns {
    /// For Levenshtein: where a cell is one more, and where it is one less, than the one above it.
    vertical: Vec<[u64; 2]>,
    /// For the common subsequence.
    lcs: Vec<u64>,
    osa: Vec<osa::Word>,
}

/// Asks at times whether to stop.
struct Clock {
    stop: Stop,
    left: usize,
}

impl Clock {
    /// About a tenth of a millisecond.
    const STEPS: usize = 1 << 16;

    /// Whether to stop, after `steps` more words were computed.
    fn stops(&mut self, steps: usize) -> bool {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                false
            }
            None => {
                self.left = Clock::STEPS;
                self.stop.is_set()
            }
        }
    }
}

impl Distances {
    /// With no memory yet. Once `stop` is set, what is returned means nothing.
    pub(super) fn new(stop: &Stop) -> Distances {
        Distances {
            masks: Masks::default(),
            blocks: Blocks::default(),
            columns: Columns::default(),
            left: Vec::new(),
            right: Vec::new(),
            clock: Clock { stop: stop.clone(), left: Clock::STEPS },
        }
    }

    /// Measures two texts by code points.
    pub(super) fn texts(&mut self, measure: Measure, left: &str, right: &str) -> Measured {
        let (prefix, suffix) = common_affixes(left, right);
        let cores = (&left[prefix..left.len() - suffix], &right[prefix..right.len() - suffix]);
        if left.is_ascii() && right.is_ascii() {
            let value = self.cores(measure, cores.0.as_bytes(), cores.1.as_bytes(), prefix + suffix);
            return Measured { value, lengths: (left.len(), right.len()) };
        }
        let affixes = left[..prefix].chars().count() + left[left.len() - suffix..].chars().count();
        let mut decoded = (std::mem::take(&mut self.left), std::mem::take(&mut self.right));
        let page = page_of(cores.0);
        decode(cores.0, page, &mut decoded.0);
        decode(cores.1, page, &mut decoded.1);
        let lengths = (decoded.0.len() + affixes, decoded.1.len() + affixes);
        let value = self.cores(measure, &decoded.0, &decoded.1, affixes);
        (self.left, self.right) = decoded;
        Measured { value, lengths }
    }

    /// Measures two sequences.
    pub(super) fn sequences(&mut self, measure: Measure, left: &[u32], right: &[u32]) -> usize {
        let prefix = common_prefix(left, right);
        let (left, right) = (&left[prefix..], &right[prefix..]);
        let suffix = common_suffix(left, right);
        self.cores(measure, &left[..left.len() - suffix], &right[..right.len() - suffix], prefix + suffix)
    }

    /// Measures what is left of a pair without the `affixes` symbols that both begin or end with.
    fn cores<S: Symbol>(&mut self, measure: Measure, left: &[S], right: &[S], affixes: usize) -> usize {
        let (pattern, text) = if is_cheaper(left.len(), right.len()) { (left, right) } else { (right, left) };
        match measure {
            Measure::Levenshtein => self.levenshtein(pattern, text),
            Measure::Lcs => self.lcs(pattern, text) + affixes,
            Measure::Osa => self.osa(pattern, text),
        }
    }
}

/// Whether a pattern of the first length and a text of the second are less work than the other way round.
fn is_cheaper(pattern: usize, text: usize) -> bool {
    let work = |pattern: usize, text: usize| 4 * pattern.div_ceil(WORD).saturating_mul(text) + pattern;
    work(pattern, text) <= work(text, pattern)
}

/// The bits of the last word of a pattern.
fn last_bits(pattern: usize) -> u64 {
    match pattern % WORD {
        0 => u64::MAX,
        rest => (1 << rest) - 1,
    }
}

/// `a + b + carry` and the carry out of it.
#[inline(always)]
fn add(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(carry.into());
    (sum, first | second)
}

/// How many code points of a script lie together.
const PAGE: u32 = 256;

/// From here on lie scripts of many pages.
const MANY_PAGES: u32 = 0x2E80;

/// Where the page of the first code point beyond Latin-1 begins; 0 for a script of many pages.
pub(super) fn page_of(text: &str) -> u32 {
    let first = text.chars().map(u32::from).find(|&code| code >= PAGE).unwrap_or_default();
    if first < MANY_PAGES { first / PAGE * PAGE } else { 0 }
}

/// The code points as symbols. Those of Latin-1 and those of one more page become the low symbols, so that a text in
/// one script needs no hash table.
pub(super) fn decode(text: &str, page: u32, symbols: &mut Vec<u32>) {
    symbols.clear();
    symbols.extend(text.chars().map(|c| match u32::from(c) {
        code if code < PAGE => code,
        code if code.wrapping_sub(page) < PAGE => code - page + PAGE,
        code => code + masks::LOW as u32,
    }));
}

/// How many bytes both texts begin with and end with, in whole characters, without overlap.
fn common_affixes(left: &str, right: &str) -> (usize, usize) {
    let mut prefix = common_prefix(left.as_bytes(), right.as_bytes());
    // Where one text ends or has a whole character, so has the other: their bytes before are the same.
    while !left.is_char_boundary(prefix) || !right.is_char_boundary(prefix) {
        prefix -= 1;
    }
    let (left, right) = (&left[prefix..], &right[prefix..]);
    let mut suffix = common_suffix(left.as_bytes(), right.as_bytes());
    while !left.is_char_boundary(left.len() - suffix) || !right.is_char_boundary(right.len() - suffix) {
        suffix -= 1;
    }
    (prefix, suffix)
}

/// How many symbols are compared together.
const CHUNK: usize = 8;

fn common_prefix<S: PartialEq>(left: &[S], right: &[S]) -> usize {
    let chunks = left.as_chunks::<CHUNK>().0.iter().zip(right.as_chunks::<CHUNK>().0);
    let whole = CHUNK * chunks.take_while(|(a, b)| a == b).count();
    whole + left[whole..].iter().zip(&right[whole..]).take_while(|(a, b)| a == b).count()
}

fn common_suffix<S: PartialEq>(left: &[S], right: &[S]) -> usize {
    let chunks = left.as_rchunks::<CHUNK>().1.iter().rev().zip(right.as_rchunks::<CHUNK>().1.iter().rev());
    let whole = CHUNK * chunks.take_while(|(a, b)| a == b).count();
    let (left, right) = (&left[..left.len() - whole], &right[..right.len() - whole]);
    whole + left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
