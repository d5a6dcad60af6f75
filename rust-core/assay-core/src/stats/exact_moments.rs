//! Sums of powers that are exact and can be merged: what is left of a sample that is too large to be kept.

use super::moments::Moments;
use super::sums::ExactSum;

/// Number, ends and sums of the first four powers of a sample, the same for any order and partition of its values.
///
/// ```
/// use assay_core::stats::exact_moments::ExactMoments;
/// let mut moments = ExactMoments::default();
/// [1e9, 1e9 + 1.0, 1e9 + 2.0].iter().for_each(|&x| moments.add(x, 1));
/// let moments = moments.moments().unwrap();
/// assert_eq!((moments.mean, moments.std_error()), (1e9 + 1.0, (1.0f64 / 3.0).sqrt()));
/// ```
#[derive(Debug, Clone)]
pub struct ExactMoments {
    n: u64,
    least: f64,
    greatest: f64,
    powers: [ExactSum; 4],
}

impl Default for ExactMoments {
    fn default() -> Self {
        let powers = std::array::from_fn(|_| ExactSum::default());
        ExactMoments { n: 0, least: f64::INFINITY, greatest: f64::NEG_INFINITY, powers }
    }
}

impl ExactMoments {
    /// How many values there are.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The least and the greatest value; both infinite where there is none.
    pub fn ends(&self) -> (f64, f64) {
        (self.least, self.greatest)
    }

    /// Whether a value is NaN, or infinite ones of both signs are.
    pub fn has_nan(&self) -> bool {
        self.powers[0].value().is_nan()
    }

    /// Adds `count` times `x`.
    pub fn add(&mut self, x: f64, count: u64) {
        self.n = self.n.saturating_add(count);
        // min and max pass over NaN, which the sums keep.
        self.least = self.least.min(x);
        self.greatest = self.greatest.max(x);
        let (square, rest) = product(x, x);
        self.powers[0].add_times(x, count);
        let mut add = |sum: usize, (high, low): (f64, f64)| {
            self.powers[sum].add_times(high, count);
            if low != 0.0 {
                self.powers[sum].add_times(low, count);
            }
        };
        add(1, (square, rest));
        add(2, product(square, x));
        add(3, product(square, square));
        if rest != 0.0 {
            add(2, product(rest, x));
            add(3, product(2.0 * square, rest));
            add(3, product(rest, rest));
        }
    }

    /// Adds another sample.
    pub fn merge(&mut self, other: &ExactMoments) {
        self.n = self.n.saturating_add(other.n);
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.powers.iter_mut().zip(&other.powers).for_each(|(sum, other)| sum.merge(other));
    }

    /// Mean and central moments; `None` without values, with a NaN or an infinite one, and where a sum is beyond a double.
    pub fn moments(&self) -> Option<Moments> {
        let n = self.n as f64;
        let [first, second, third, fourth] = &self.powers;
        let mean = first.value() / n;
        if !(mean.is_finite() && self.powers.iter().all(|sum| sum.value().is_finite())) {
            return None;
        }
        let one = [mean];
        let two = products(&one, &one);
        let three = products(&two, &one);
        let four = products(&three, &one);
        let (m1, m2, m3, m4) = (one.as_slice(), two.as_slice(), three.as_slice(), four.as_slice());
        let [s1, s2, s3] = [first, second, third].map(ExactSum::parts);
        let (s1, s2, s3) = (s1.as_slice(), s2.as_slice(), s3.as_slice());
        let ones: &[f64] = &[n];
        // sum (x - m)^k by the binomial theorem; what cancels cancels exactly.
        let of = |start: &ExactSum, terms: &[(f64, u64, &[f64], &[f64])]| {
            let mut sum = start.clone();
            for (sign, count, power, factors) in terms {
                products(power, factors).iter().for_each(|part| sum.add_times(sign * part, *count));
            }
            sum.value()
        };
        let shift = of(first, &[(-1.0, 1, m1, ones)]) / n;
        let squares = of(second, &[(-1.0, 2, m1, s1), (1.0, 1, m2, ones)]);
        let cubes = of(third, &[(-1.0, 3, m1, s2), (1.0, 3, m2, s1), (-1.0, 1, m3, ones)]);
        let fourths = of(fourth, &[(-1.0, 4, m1, s3), (1.0, 6, m2, s2), (-1.0, 4, m3, s1), (1.0, 1, m4, ones)]);
        // From the rounded mean to the exact one.
        let squares = (squares - n * shift * shift).max(0.0);
        let cubes = cubes - 3.0 * shift * squares;
        let fourths = (fourths - 4.0 * shift * cubes).max(0.0);
        Some(Moments::known(mean, self.n, [squares, cubes, fourths]))
    }

    /// As bytes: n, the ends, the sums; equal samples give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24 + 4 * ExactSum::ENCODED);
        bytes.extend(self.n.to_le_bytes());
        bytes.extend(self.least.to_le_bytes());
        bytes.extend(self.greatest.to_le_bytes());
        self.powers.iter().for_each(|sum| sum.encode(&mut bytes));
        bytes
    }

    /// Reads what [`ExactMoments::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<ExactMoments> {
        let (n, rest) = bytes.split_first_chunk()?;
        let (least, rest) = rest.split_first_chunk()?;
        let (greatest, rest) = rest.split_first_chunk()?;
        let sums: Vec<ExactSum> = rest.chunks(ExactSum::ENCODED).map(ExactSum::decode).collect::<Option<_>>()?;
        Some(ExactMoments {
            n: u64::from_le_bytes(*n),
            least: f64::from_le_bytes(*least),
            greatest: f64::from_le_bytes(*greatest),
            powers: sums.try_into().ok()?,
        })
    }
}

/// The product, rounded, and the error of rounding (T. J. Dekker 1971).
fn product(a: f64, b: f64) -> (f64, f64) {
    let split = |x: f64| {
        let c = 134_217_729.0 * x;
        let high = c - (c - x);
        (high, x - high)
    };
    let whole = a * b;
    let ((a_high, a_low), (b_high, b_low)) = (split(a), split(b));
    let rest = ((a_high * b_high - whole) + a_high * b_low + a_low * b_high) + a_low * b_low;
    (whole, if rest.is_finite() { rest } else { 0.0 })
}

/// All products of two sums, term by term.
fn products(a: &[f64], b: &[f64]) -> Vec<f64> {
    let pairs = a.iter().flat_map(|a| b.iter().map(|b| product(*a, *b)));
    pairs.flat_map(|(whole, rest)| [whole, rest]).filter(|part| *part != 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::state::Sample;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> ExactMoments {
        let mut moments = ExactMoments::default();
        values.iter().for_each(|&x| moments.add(x, 1));
        moments
    }

    #[test]
    fn a_large_offset_does_not_cancel() {
        let values = [1.0, 2.0, 4.0, 9.0];
        let near = of(&values).moments().unwrap();
        for offset in [1e6, -3e9, 1e12] {
            let far = of(&values.map(|x| x + offset)).moments().unwrap();
            assert_eq!((far.mean - offset, far.std_error()), (4.0, near.std_error()));
            assert_eq!((far.skewness(), far.excess_kurtosis()), (near.skewness(), near.excess_kurtosis()));
        }
        let known = Moments::new(&Sample::from_values(values.to_vec(), 0)).unwrap();
        assert!((near.skewness() - known.skewness()).abs() < 1e-14);
        assert!((near.excess_kurtosis() - known.excess_kurtosis()).abs() < 1e-14);
    }

    #[test]
    fn what_has_no_moments() {
        for values in [&[][..], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0], &[1e200, 1.0]] {
            assert!(of(values).moments().is_none());
        }
        assert!(ExactMoments::decode(&[0; 24]).is_none());
    }

    proptest! {
        #[test]
        fn parts_are_the_whole(values in prop::collection::vec(-1e6f64..1e6, 1..60), at in 0usize..60) {
            let (left, right) = values.split_at(at.min(values.len()));
            let mut merged = ExactMoments::decode(&of(right).encode()).unwrap();
            merged.merge(&of(left));
            prop_assert_eq!(merged.encode(), of(&values).encode());
            let (sums, known) = (merged.moments().unwrap(), Moments::new(&Sample::from_values(values.clone(), 0)).unwrap());
            prop_assert_eq!(sums.mean, known.mean);
            prop_assert!((sums.population_std() - known.population_std()).abs() <= 1e-14 * known.population_std());
        }
    }
}
