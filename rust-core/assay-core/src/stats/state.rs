//! The state of an aggregate over one numeric column, as bytes.
//!
//! Little-endian: `u8` version = 1, `u8` kind, `i64` number of NULLs; then for kind 0 (a histogram) `i32` k and k
//! pairs of `f64` value and `i64` count; for kind 1 (the values themselves) `i64` n and n `f64` values. Order has no
//! meaning, a value may come twice in a histogram, and which kind it is has no influence on any result.

use crate::error::{Error, ErrorKind, Result};

const VERSION: u8 = 1;
const HISTOGRAM: u8 = 0;
const VALUES: u8 = 1;

/// From how many values for each distinct one on they are kept as counts. About where drawing a count costs as much
/// as drawing the values.
const VALUES_PER_COUNT: u64 = 64;

/// The largest number of values; up to it, every count is exact as a double.
const MAX_N: u64 = 1 << 53;

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
    /// Reads a state.
    ///
    /// Errors: [`ErrorKind::MalformedBatch`] saying what is wrong.
    pub fn decode(state: &[u8]) -> Result<Sample> {
        let mut reader = Reader(state);
        match reader.u8()? {
            VERSION => {}
            other => return Err(malformed(format!("it has version {other}, this library reads {VERSION}"))),
        }
        let kind = reader.u8()?;
        let n_null = reader.count()?;
        let sample = match kind {
            HISTOGRAM => {
                let k = reader.i32()?;
                let k = usize::try_from(k).map_err(|_| malformed(format!("it has {k} distinct values")))?;
                reader.expect(k, 16)?;
                let pairs = (0..k).map(|_| Ok((reader.f64()?, reader.count()?))).collect::<Result<Vec<_>>>()?;
                Sample::from_counts(pairs, n_null)?
            }
            VALUES => {
                let n = reader.count()?;
                let n = usize::try_from(n).map_err(|_| malformed(format!("it has {n} values")))?;
                reader.expect(n, 8)?;
                Sample::from_values((0..n).map(|_| reader.f64()).collect::<Result<_>>()?, n_null)
            }
            other => return Err(malformed(format!("it has the unknown kind {other}"))),
        };
        reader.expect(0, 1)?;
        Ok(sample)
    }

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
    let mut state = header(VALUES, n_null);
    state.extend((values.len() as i64).to_le_bytes());
    values.iter().for_each(|value| state.extend(value.to_le_bytes()));
    state
}

/// The state of this histogram, as the shim writes it.
pub fn encode_counts(counts: &[(f64, u64)], n_null: u64) -> Vec<u8> {
    let mut state = header(HISTOGRAM, n_null);
    state.extend((counts.len() as i32).to_le_bytes());
    for (value, count) in counts {
        state.extend(value.to_le_bytes());
        state.extend(count.to_le_bytes());
    }
    state
}

fn header(kind: u8, n_null: u64) -> Vec<u8> {
    let mut state = vec![VERSION, kind];
    state.extend(n_null.to_le_bytes());
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

    fn u8(&mut self) -> Result<u8> {
        self.take().map(u8::from_le_bytes)
    }

    fn i32(&mut self) -> Result<i32> {
        self.take().map(i32::from_le_bytes)
    }

    fn f64(&mut self) -> Result<f64> {
        self.take().map(f64::from_le_bytes)
    }

    fn count(&mut self) -> Result<u64> {
        let count = i64::from_le_bytes(self.take()?);
        u64::try_from(count).map_err(|_| malformed(format!("it has the count {count}")))
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

    #[test]
    fn kind_and_order_make_no_difference() {
        let values = [3.0, 1.0, 2.0, 1.0, -0.0, 0.0];
        let raw = Sample::decode(&encode_values(&values, 4)).unwrap();
        let counts = [(2.0, 1), (0.0, 1), (1.0, 1), (3.0, 1), (1.0, 1), (-0.0, 1), (9.0, 0)];
        assert_eq!(Sample::decode(&encode_counts(&counts, 4)).unwrap(), raw);
        assert_eq!(raw.data, Data::Values(vec![0.0, 0.0, 1.0, 1.0, 2.0, 3.0]));
        let many: Vec<f64> = (0..1000).map(|i| f64::from(i % 5)).collect();
        let many = Sample::decode(&encode_values(&many, 0)).unwrap();
        assert_eq!(many.data, Data::Counts((0..5).map(|v| (f64::from(v), 200)).collect()));
    }

    #[test]
    fn damaged_states_are_refused() {
        let good = encode_counts(&[(1.0, 2)], 0);
        for length in 0..good.len() {
            assert_eq!(Sample::decode(&good[..length]).unwrap_err().kind(), ErrorKind::MalformedBatch);
        }
        let mut negative = encode_counts(&[(1.0, u64::MAX)], 0);
        assert!(Sample::decode(&negative).is_err());
        negative = encode_counts(&[(1.0, i64::MAX as u64), (2.0, i64::MAX as u64), (3.0, 2)], 0);
        assert!(Sample::decode(&negative).is_err());
        let mut long = encode_values(&[1.0], 0);
        long.push(0);
        assert!(Sample::decode(&long).is_err());
        long[10..18].copy_from_slice(&i64::MAX.to_le_bytes());
        assert!(Sample::decode(&long).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..80), kind in 0u8..2) {
            let _ = Sample::decode(&bytes);
            if bytes.len() > 2 {
                bytes[0] = 1;
                bytes[1] = kind;
            }
            let _ = Sample::decode(&bytes);
        }
    }
}
