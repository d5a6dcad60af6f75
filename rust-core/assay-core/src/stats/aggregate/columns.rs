//! The rows of a state in an order of their own, as columns.

use crate::stats::mcnemar::PairedCounts;
use crate::stats::odds_ratio::Table;
use crate::stats::state::{Rows, Sample, State, rows_of};

/// Why rows are not looked at one by one.
pub(super) const TOO_MANY: &str = "there are more rows than are kept for this statistic";

impl State {
    /// The rows in ascending order as `W` columns of numbers; the error is the reason why there are none.
    pub(super) fn columns<const W: usize>(&self) -> Result<[Vec<f64>; W], &'static str> {
        let rows = self.sorted::<W>()?;
        Ok(std::array::from_fn(|i| rows.iter().map(|row| f64::from_bits(row[i])).collect()))
    }

    /// `V` columns of numbers, and which cluster each row is of, by the two words of its key that follow them.
    pub(super) fn clustered<const V: usize, const W: usize>(&self) -> Result<([Vec<f64>; V], Vec<u64>), &'static str> {
        let rows = self.sorted::<W>()?;
        let mut keys: Vec<[u64; 2]> = rows.iter().map(|row| [row[V], row[V + 1]]).collect();
        let of_row = keys.clone();
        keys.sort_unstable();
        keys.dedup();
        let clusters = of_row.iter().map(|key| keys.partition_point(|other| other < key) as u64).collect();
        Ok((std::array::from_fn(|i| rows.iter().map(|row| f64::from_bits(row[i])).collect()), clusters))
    }

    /// Two columns of categories as numbers. Those that came as hashes are numbered in the order of these.
    pub(super) fn categories(&self) -> Result<[Vec<f64>; 2], &'static str> {
        if !self.hashed {
            return self.columns::<2>();
        }
        let rows = self.sorted::<2>()?;
        let number = numbering(rows.iter().flatten().copied());
        Ok([0, 1].map(|i| rows.iter().map(|row| number(row[i])).collect()))
    }

    /// Rows of ratings in ascending order, NaN where one is missing.
    pub(super) fn ratings(&self) -> Result<Vec<Vec<f64>>, &'static str> {
        let Rows::Words(words) = &self.rows else { return Err(TOO_MANY) };
        let mut rows: Vec<&[u64]> = rows_of(words).flatten().collect();
        rows.sort_unstable_by(|a, b| a.iter().map(|word| ordered(*word)).cmp(b.iter().map(|word| ordered(*word))));
        if !self.hashed {
            return Ok(rows.iter().map(|row| row.iter().map(|word| f64::from_bits(*word)).collect()).collect());
        }
        let missing = f64::NAN.to_bits();
        let number = numbering(rows.iter().copied().flatten().copied().filter(|word| *word != missing));
        let rating = |word: &u64| if *word == missing { f64::NAN } else { number(*word) };
        Ok(rows.iter().map(|row| row.iter().map(rating).collect()).collect())
    }

    /// The first column by what the second says: first the rows of the candidate, then the others.
    pub(super) fn two_samples(&self) -> Result<[Vec<f64>; 2], &'static str> {
        let rows = self.sorted::<2>()?;
        let of = |label: f64| {
            let mine = rows.iter().filter(|row| f64::from_bits(row[1]) == label);
            mine.map(|row| f64::from_bits(row[0])).collect()
        };
        Ok([of(1.0), of(0.0)])
    }

    /// One column as a sample.
    pub(super) fn sample(&self) -> Result<Sample, &'static str> {
        let sample = match &self.rows {
            Rows::Counts(words, counts) => {
                let pairs = words.iter().map(|word| f64::from_bits(*word)).zip(counts.iter().copied()).collect();
                // The sum of the counts was checked where they were read.
                Sample::from_counts(pairs, self.n_null).map_err(|_| TOO_MANY)?
            }
            Rows::Words(words) => {
                Sample::from_values(words.iter().map(|word| f64::from_bits(*word)).collect(), self.n_null)
            }
            Rows::Moments(_) | Rows::TooMany => return Err(TOO_MANY),
        };
        Ok(sample)
    }

    /// How often pairs of 0 and 1 are which; the error is the reason why they cannot be counted.
    pub(super) fn paired_counts(&self) -> Result<PairedCounts, &'static str> {
        let mut counts = PairedCounts::default();
        self.for_each_pair(|a, b, count| {
            let one = PairedCounts::new(&[a], &[b])?;
            counts.both += one.both * count;
            counts.first_only += one.first_only * count;
            counts.second_only += one.second_only * count;
            counts.neither += one.neither * count;
            Ok(())
        })?;
        Ok(counts)
    }

    /// How often a labelled value is 1 or 0, for the candidate and the other.
    pub(super) fn table(&self) -> Result<Table, &'static str> {
        let counts = self.paired_counts()?;
        Ok(Table { a: counts.both, b: counts.second_only, c: counts.first_only, d: counts.neither })
    }

    fn for_each_pair(&self, mut f: impl FnMut(f64, f64, u64) -> Result<(), &'static str>) -> Result<(), &'static str> {
        let number = f64::from_bits;
        match &self.rows {
            Rows::Counts(words, counts) => {
                let pairs = words.as_chunks::<2>().0.iter().zip(counts);
                pairs.filter(|(_, count)| **count > 0).try_for_each(|([a, b], count)| f(number(*a), number(*b), *count))
            }
            Rows::Words(words) => words.as_chunks::<2>().0.iter().try_for_each(|[a, b]| f(number(*a), number(*b), 1)),
            Rows::Moments(_) | Rows::TooMany => Err(TOO_MANY),
        }
    }

    fn sorted<const W: usize>(&self) -> Result<Vec<[u64; W]>, &'static str> {
        if self.n > self.max_rows {
            return Err(TOO_MANY);
        }
        let mut rows: Vec<[u64; W]> = match &self.rows {
            Rows::Counts(words, counts) => {
                let rows = words.as_chunks::<W>().0.iter().zip(counts);
                rows.flat_map(|(row, count)| std::iter::repeat_n(row.map(ordered), *count as usize)).collect()
            }
            Rows::Words(words) => words.as_chunks::<W>().0.iter().map(|row| row.map(ordered)).collect(),
            Rows::Moments(_) | Rows::TooMany => return Err(TOO_MANY),
        };
        rows.sort_unstable();
        rows.iter_mut().for_each(|row| *row = row.map(unordered));
        Ok(rows)
    }
}

/// A number whose order is that of the doubles.
fn ordered(bits: u64) -> u64 {
    bits ^ ((bits as i64 >> 63) as u64 | 1 << 63)
}

fn unordered(bits: u64) -> u64 {
    bits ^ (((bits as i64 >> 63) as u64 ^ u64::MAX) | 1 << 63)
}

/// Numbers the distinct words from 0 on.
fn numbering(words: impl Iterator<Item = u64>) -> impl Fn(u64) -> f64 {
    let mut distinct: Vec<u64> = words.collect();
    distinct.sort_unstable();
    distinct.dedup();
    move |word| distinct.partition_point(|other| *other < word) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_the_order_of_doubles() {
        let values = [f64::NEG_INFINITY, -2.5, -5e-324, 0.0, 5e-324, 1.0, f64::INFINITY, f64::NAN];
        assert!(values.is_sorted_by_key(|x| ordered(x.to_bits())));
        assert!(values.iter().all(|x| unordered(ordered(x.to_bits())) == x.to_bits()));
    }
}
