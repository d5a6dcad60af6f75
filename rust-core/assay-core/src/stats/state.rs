//! The state of an aggregate, as bytes, and samples of numbers.
//!
//! A state holds the rows of one group: tuples of `width` words of 64 bits each, a double or half of a key. Little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 x `u8` | version = 2, kind, width, flags |
//! | `u32` | 0 |
//! | `i64` | rows in which an argument was NULL |
//! | `i64` | how many rows may be looked at one by one |
//! | kind 0 | `i64` k, k tuples, k counts (`i64`) |
//! | kind 1 | `i64` n, n tuples; for width 0: `i64` words in all, then for each row its length and as many words |
//! | kind 2 | [`ExactMoments`], for one number |
//! | kind 3 | `i64` n: so many rows that none is kept |
//!
//! Order has no meaning, and a tuple may come twice among counts. Whether rows come as counts or one by one has no influence
//! on any result.

use crate::error::{Error, ErrorKind, Result};
use crate::stats::exact_moments::ExactMoments;

const VERSION: u8 = 2;
const COUNTS: u8 = 0;
const ROWS: u8 = 1;
const MOMENTS: u8 = 2;
const TOO_MANY: u8 = 3;

/// The second argument is a BOOLEAN that says to which of two samples the first belongs.
const LABELLED: u8 = 1;
/// Words are hashes of values that are no numbers.
const HASHED: u8 = 2;
/// All values are of type BOOLEAN.
const BOOLEAN: u8 = 4;

/// From how many values for each distinct one on they are kept as counts. About where drawing a count costs as much
/// as drawing the values.
const VALUES_PER_COUNT: u64 = 64;

/// The largest number of values; up to it, every count is exact as a double.
const MAX_N: u64 = 1 << 53;

/// A state that was read.
#[derive(Debug, Clone)]
pub struct State {
    /// Words in a row; 0 for rows of any length.
    pub width: usize,
    /// How many rows there are.
    pub n: u64,
    /// How many rows had a NULL besides.
    pub n_null: u64,
    /// How many rows may be looked at one by one.
    pub max_rows: u64,
    /// The second argument is a BOOLEAN that says to which of two samples the first belongs.
    pub labelled: bool,
    /// Words are hashes of values that are no numbers.
    pub hashed: bool,
    /// All values are of type BOOLEAN.
    pub boolean: bool,
    /// The rows.
    pub rows: Rows,
}

/// The rows of a [`State`], in any order.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Tuples with how often each occurs.
    Counts(Vec<u64>, Vec<u64>),
    /// Tuples, or rows with their length before them.
    Words(Vec<u64>),
    /// Sums of powers.
    Moments(Box<ExactMoments>),
    /// None is kept.
    TooMany,
}

impl State {
    /// Reads a state.
    ///
    /// Errors: [`ErrorKind::MalformedBatch`] saying what is wrong.
    pub fn decode(state: &[u8]) -> Result<State> {
        let mut reader = Reader(state);
        let [version, kind, width, flags, ..] = reader.take::<8>()?;
        if version != VERSION {
            return Err(malformed(format!("it has version {version}, this library reads {VERSION}")));
        }
        let width = usize::from(width);
        let (n_null, max_rows) = (reader.count()?, reader.count()?);
        let (n, rows) = match kind {
            COUNTS if width > 0 => {
                let k = reader.length(8 * (width + 1))?;
                let words = reader.words(k * width)?;
                let counts = reader.words(k)?;
                let n = counts.iter().try_fold(0u64, |n, &count| n.checked_add(count)).filter(|&n| n <= MAX_N);
                (n.ok_or_else(|| malformed("it has more than 2^53 values"))?, Rows::Counts(words, counts))
            }
            ROWS if width > 0 => {
                let n = reader.length(8 * width)?;
                (n as u64, Rows::Words(reader.words(n * width)?))
            }
            ROWS => {
                let n = reader.count()?;
                let words = reader.length(8)?;
                let words = reader.words(words)?;
                if rows_of(&words).try_fold(0u64, |rows, row| row.map(|_| rows + 1)) != Some(n) {
                    return Err(malformed(format!("it does not have the {n} rows that it says")));
                }
                (n, Rows::Words(words))
            }
            MOMENTS if width == 1 => {
                let moments = ExactMoments::decode(reader.0).ok_or_else(|| malformed("its moments cannot be read"))?;
                reader.0 = &[];
                (moments.n(), Rows::Moments(Box::new(moments)))
            }
            TOO_MANY => (reader.count()?, Rows::TooMany),
            other => return Err(malformed(format!("it has the unknown kind {other} for width {width}"))),
        };
        reader.expect(0, 1)?;
        let has = |flag| flags & flag != 0;
        let (labelled, hashed, boolean) = (has(LABELLED), has(HASHED), has(BOOLEAN));
        Ok(State { width, n, n_null, max_rows, labelled, hashed, boolean, rows })
    }
}

/// The rows of any length in `words`; `None` and the end where a length is wrong.
pub(super) fn rows_of(words: &[u64]) -> impl Iterator<Item = Option<&[u64]>> {
    let mut rest = Some(words);
    std::iter::from_fn(move || {
        let (&length, after) = rest.take()?.split_first()?;
        let row = usize::try_from(length).ok().and_then(|length| after.split_at_checked(length));
        rest = row.map(|(_, rest)| rest);
        Some(row.map(|(row, _)| row))
    })
}

/// A sample of numbers in a form that depends on nothing but the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// How many values there are.
    pub n: u64,
    /// How many NULLs there were besides.
    pub n_null: u64,
    /// The values.
    pub data: Data,
}

/// The values of a [`Sample`], in ascending order. Zero has no sign.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Distinct values with how often each occurs, at least once.
    Counts(Vec<(f64, u64)>),
    /// Every value, where few are equal.
    Values(Vec<f64>),
}

impl Sample {
    /// A sample of these values.
    pub fn from_values(mut values: Vec<f64>, n_null: u64) -> Sample {
        values.iter_mut().for_each(|v| *v = unsigned_zero(*v));
        values.sort_unstable_by(f64::total_cmp);
        let n = values.len() as u64;
        let k = values.chunk_by(same).count();
        if !few(k, n) {
            return Sample { n, n_null, data: Data::Values(values) };
        }
        let counts = values.chunk_by(same).map(|run| (run[0], run.len() as u64)).collect();
        Sample { n, n_null, data: Data::Counts(counts) }
    }

    /// A sample of values with their counts.
    ///
    /// Errors: [`ErrorKind::MalformedBatch`] for more than 2^53 values.
    pub fn from_counts(mut pairs: Vec<(f64, u64)>, n_null: u64) -> Result<Sample> {
        pairs.retain(|&(_, count)| count > 0);
        pairs.iter_mut().for_each(|(v, _)| *v = unsigned_zero(*v));
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let n = pairs.iter().try_fold(0u64, |n, &(_, count)| n.checked_add(count)).filter(|&n| n <= MAX_N);
        let n = n.ok_or_else(|| malformed("it has more than 2^53 values"))?;
        let runs = pairs.chunk_by(|a, b| same(&a.0, &b.0));
        let counts: Vec<_> = runs.map(|run| (run[0].0, run.iter().map(|&(_, count)| count).sum())).collect();
        if few(counts.len(), n) {
            return Ok(Sample { n, n_null, data: Data::Counts(counts) });
        }
        let mut values = Vec::with_capacity(n as usize);
        for (value, count) in counts {
            values.extend(std::iter::repeat_n(value, count as usize));
        }
        Ok(Sample { n, n_null, data: Data::Values(values) })
    }

    /// The distinct values with their counts if there are few of them.
    pub fn counts(&self) -> Option<&[(f64, u64)]> {
        match &self.data {
            Data::Counts(counts) => Some(counts),
            Data::Values(_) => None,
        }
    }

    /// Calls `f` with each value and its count, in ascending order.
    pub fn for_each(&self, mut f: impl FnMut(f64, u64)) {
        match &self.data {
            Data::Counts(counts) => counts.iter().for_each(|&(value, count)| f(value, count)),
            Data::Values(values) => values.iter().for_each(|&value| f(value, 1)),
        }
    }

    /// The least and the greatest value in total order: a NaN, if there is one, is at an end.
    pub fn ends(&self) -> Option<(f64, f64)> {
        match &self.data {
            Data::Counts(counts) => Some((counts.first()?.0, counts.last()?.0)),
            Data::Values(values) => Some((*values.first()?, *values.last()?)),
        }
    }
}

/// The state of these values, as the shim writes it.
pub fn encode_values(values: &[f64], n_null: u64) -> Vec<u8> {
    encode_columns(&[values], false, n_null)
}

/// The state of this histogram, as the shim writes it.
pub fn encode_counts(counts: &[(f64, u64)], n_null: u64) -> Vec<u8> {
    let mut state = header(COUNTS, 1, 0, n_null);
    state.extend((counts.len() as u64).to_le_bytes());
    counts.iter().for_each(|(value, _)| state.extend(value.to_le_bytes()));
    counts.iter().for_each(|(_, count)| state.extend(count.to_le_bytes()));
    state
}

/// The state of rows of numbers, given as columns of one length. With `labelled` the last says to which of two samples the
/// first belongs.
pub fn encode_columns(columns: &[&[f64]], labelled: bool, n_null: u64) -> Vec<u8> {
    let n = columns.first().map_or(0, |column| column.len());
    let mut state = header(ROWS, columns.len() as u8, if labelled { LABELLED } else { 0 }, n_null);
    state.extend((n as u64).to_le_bytes());
    (0..n).for_each(|i| columns.iter().for_each(|column| state.extend(column[i].to_le_bytes())));
    state
}

/// The state of rows that are ratings of any number.
pub fn encode_ratings<R: AsRef<[f64]>>(rows: &[R], n_null: u64) -> Vec<u8> {
    let mut state = header(ROWS, 0, 0, n_null);
    let words: usize = rows.iter().map(|row| row.as_ref().len() + 1).sum();
    state.extend((rows.len() as u64).to_le_bytes());
    state.extend((words as u64).to_le_bytes());
    for row in rows {
        state.extend((row.as_ref().len() as u64).to_le_bytes());
        row.as_ref().iter().for_each(|value| state.extend(value.to_le_bytes()));
    }
    state
}

fn header(kind: u8, width: u8, flags: u8, n_null: u64) -> Vec<u8> {
    let mut state = vec![VERSION, kind, width, flags, 0, 0, 0, 0];
    state.extend(n_null.to_le_bytes());
    state.extend(i64::MAX.to_le_bytes());
    state
}

/// Two distinct values always stay counts: that is the binomial case.
fn few(k: usize, n: u64) -> bool {
    k <= 2 || (k as u64).saturating_mul(VALUES_PER_COUNT) <= n
}

fn same(a: &f64, b: &f64) -> bool {
    a.to_bits() == b.to_bits()
}

fn unsigned_zero(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(|| malformed("it ends early"))?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn count(&mut self) -> Result<u64> {
        let count = i64::from_le_bytes(self.take()?);
        u64::try_from(count).map_err(|_| malformed(format!("it has the count {count}")))
    }

    /// A number of items of `size` bytes, which are all that is left.
    fn length(&mut self, size: usize) -> Result<usize> {
        let n = self.count()?;
        let n = usize::try_from(n).map_err(|_| malformed(format!("it has {n} values")))?;
        self.expect(n, size)?;
        Ok(n)
    }

    fn words(&mut self, n: usize) -> Result<Vec<u64>> {
        let bytes = self.0.get(..8 * n).ok_or_else(|| malformed("it ends early"))?;
        self.0 = &self.0[8 * n..];
        Ok(bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }

    /// That exactly `items` of `size` bytes are left, before memory is taken for them.
    fn expect(&self, items: usize, size: usize) -> Result<()> {
        match items.checked_mul(size) {
            Some(bytes) if bytes == self.0.len() => Ok(()),
            _ => Err(malformed(format!("{} bytes are left for {items} items of {size}", self.0.len()))),
        }
    }
}

fn malformed(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::MalformedBatch, format!("the aggregate's state cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(state: &[u8]) -> bool {
        State::decode(state).is_err_and(|e| e.kind() == ErrorKind::MalformedBatch)
    }

    #[test]
    fn kind_and_order_make_no_difference_to_a_sample() {
        let raw = Sample::from_values(vec![3.0, 1.0, 2.0, 1.0, -0.0, 0.0], 4);
        let counts = vec![(2.0, 1), (0.0, 1), (1.0, 1), (3.0, 1), (1.0, 1), (-0.0, 1), (9.0, 0)];
        assert_eq!(Sample::from_counts(counts, 4).unwrap(), raw);
        assert_eq!(raw.data, Data::Values(vec![0.0, 0.0, 1.0, 1.0, 2.0, 3.0]));
        let many = Sample::from_values((0..1000).map(|i| f64::from(i % 5)).collect(), 0);
        assert_eq!(many.data, Data::Counts((0..5).map(|v| (f64::from(v), 200)).collect()));
    }

    #[test]
    fn damaged_states_are_refused() {
        let ratings = encode_ratings(&[vec![1.0, 2.0], vec![], vec![3.0]], 0);
        let pairs = encode_columns(&[&[1.0, 2.0], &[3.0, 4.0]], true, 7);
        for good in [encode_counts(&[(1.0, 2)], 0), encode_values(&[1.0, 2.0], 3), ratings.clone(), pairs.clone()] {
            assert!(!refused(&good));
            assert!((0..good.len()).all(|length| refused(&good[..length])));
            assert!(refused(&[good.as_slice(), &[0]].concat()));
        }
        assert!(State::decode(&pairs).is_ok_and(|s| s.labelled && (s.width, s.n, s.n_null) == (2, 2, 7)));
        assert!(refused(&encode_counts(&[(1.0, i64::MAX as u64), (2.0, i64::MAX as u64), (3.0, 2)], 0)));
        let mut lengths = ratings;
        lengths[40] = 3;
        assert!(refused(&lengths), "the first row takes the place of others");
        let mut long = encode_values(&[1.0], 0);
        long[24..32].copy_from_slice(&i64::MAX.to_le_bytes());
        assert!(refused(&long));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..80), kind in 0u8..4, width in 0u8..3) {
            let _ = State::decode(&bytes);
            if bytes.len() > 24 {
                bytes[..3].copy_from_slice(&[VERSION, kind, width]);
                bytes[8..24].fill(0);
            }
            let _ = State::decode(&bytes);
        }
    }
}
