//! Bootstrap intervals of a mean: percentile and BCa.
//!
//! Three routes, of which the values alone decide:
//! - Two distinct values: the resampled mean is a binomial number, so the limit of infinitely many resamples is
//!   computed. Nothing is drawn, and `n_resamples` and `seed` have no influence.
//! - Few distinct values: each resample is a multinomial draw of their counts.
//! - Else: the sorted values lie in blocks of 1,024. A resample draws how often each block is hit, and then ten bits
//!   for each hit, six of them from one random word, and reads from fast memory only.

use libm::sqrt;
use rayon::prelude::*;

use super::binomial;
use super::moments::Moments;
use super::rng::{Stream, Words};
use super::special::{binom_cdf, binom_pmf, norm_cdf, norm_ppf};
use super::state::{Data, Sample};
use super::sums::ExactSum;

/// The distribution of the mean over resamples.
pub enum Resampled {
    /// `low` plus `step` times a binomial number of `n` trials with `successes / n`.
    Exact {
        /// The less of the two values.
        low: f64,
        /// The greater of the two values.
        high: f64,
        /// How often the greater occurs.
        successes: u64,
        /// How many values there are.
        n: u64,
    },
    /// Drawn means.
    Drawn {
        /// The means in ascending order.
        means: Vec<f64>,
        /// How many lie below the mean of the sample; those equal to it count half.
        below: f64,
        /// Their standard deviation.
        std_error: f64,
    },
}

/// Resamples the mean of a `sample` of finite values, of which at least two differ.
///
/// Runs on the threads of rayon's current pool; the result does not depend on how many there are.
pub fn resample(sample: &Sample, moments: &Moments, n_resamples: usize, seed: u64) -> Resampled {
    if let Some(&[(low, _), (high, successes)]) = sample.counts() {
        return Resampled::Exact { low, high, successes, n: sample.n };
    }
    let cells = Cells::new(sample, moments);
    let mut sums: Vec<f64> = (0..n_resamples)
        .into_par_iter()
        .with_min_len(16)
        .map(|number| cells.draw(&mut Stream::new(seed, number as u64)))
        .collect();
    sums.par_sort_unstable_by(f64::total_cmp);
    // A sum of rounded terms that ought to be the sample's own may differ from it in its last bits.
    let tolerance = 1e-12 * cells.magnitude;
    let less = sums.partition_point(|&sum| sum < cells.observed - tolerance);
    let ties = sums.partition_point(|&sum| sum <= cells.observed + tolerance) - less;
    let to_mean = sample.n as f64 * moments.scale;
    let std_error = standard_deviation(&sums) / to_mean;
    sums.iter_mut().for_each(|sum| *sum = moments.mean + *sum / to_mean);
    Resampled::Drawn { means: sums, below: less as f64 + ties as f64 / 2.0, std_error }
}

fn standard_deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mut sum = ExactSum::default();
    values.iter().for_each(|&value| sum.add(value));
    let mean = sum.value() / n;
    let mut squares = ExactSum::default();
    values.iter().for_each(|&value| squares.add((value - mean) * (value - mean)));
    sqrt(squares.value() / (n - 1.0))
}

impl Resampled {
    /// The standard deviation of the resampled mean.
    pub fn std_error(&self) -> f64 {
        match self {
            Resampled::Exact { low, high, successes, n } => {
                let p = *successes as f64 / *n as f64;
                (high - low) * sqrt(p * (1.0 - p) / *n as f64)
            }
            Resampled::Drawn { std_error, .. } => *std_error,
        }
    }

    /// The percentile interval at confidence `level`.
    pub fn percentile(&self, level: f64) -> (f64, f64) {
        let alpha = (1.0 - level) / 2.0;
        (self.quantile(alpha), self.quantile(1.0 - alpha))
    }

    /// The bias-corrected and accelerated interval at confidence `level`, `None` where all resamples lie on one side of
    /// the sample's mean.
    ///
    /// Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), 14.3, with ties counting half, as
    /// in scipy 1.17 `bootstrap(method="BCa")`.
    pub fn bca(&self, acceleration: f64, level: f64) -> Option<(f64, f64)> {
        let z0 = norm_ppf(self.share_below());
        if !z0.is_finite() {
            return None;
        }
        let z = norm_ppf((1.0 - level) / 2.0);
        let adjusted = |z: f64| norm_cdf(z0 + (z0 + z) / (1.0 - acceleration * (z0 + z)));
        Some((self.quantile(adjusted(z)), self.quantile(adjusted(-z))))
    }

    /// The share of resamples below the sample's mean; those equal to it count half.
    pub(super) fn share_below(&self) -> f64 {
        match self {
            Resampled::Exact { successes, n, .. } => {
                let p = *successes as f64 / *n as f64;
                let less = successes.checked_sub(1).map_or(0.0, |k| binom_cdf(k, *n, p));
                less + binom_pmf(*successes, *n, p) / 2.0
            }
            Resampled::Drawn { means, below, .. } => below / means.len() as f64,
        }
    }

    /// By linear interpolation between drawn means (Hyndman and Fan's type 7, numpy's default).
    pub(super) fn quantile(&self, probability: f64) -> f64 {
        match self {
            Resampled::Exact { low, high, successes, n } => {
                let k = binomial::quantile(probability, *n, *successes as f64 / *n as f64);
                let share = k as f64 / *n as f64;
                low * (1.0 - share) + high * share
            }
            Resampled::Drawn { means, .. } => {
                let position = probability * (means.len() - 1) as f64;
                let index = (position as usize).min(means.len().saturating_sub(2));
                let next = (index + 1).min(means.len() - 1);
                means[index] + (position - index as f64) * (means[next] - means[index])
            }
        }
    }
}

const BLOCK: usize = 1 << BITS;
const BITS: u32 = 10;
/// How many places of a block a random word gives.
const PLACES: u64 = 6;

/// What resamples draw from: scaled deviations from the mean, in groups.
pub(super) struct Cells {
    groups: Groups,
    n: u64,
    /// The sum over the sample itself, summed in the same way: nearly zero.
    observed: f64,
    /// The sum of absolute deviations.
    magnitude: f64,
}

enum Groups {
    Counts(Vec<(f64, u64)>),
    Blocks { whole: Vec<[f64; BLOCK]>, rest: Vec<f64> },
}

impl Cells {
    pub(super) fn new(sample: &Sample, moments: &Moments) -> Cells {
        let deviation = |value: f64| (value - moments.mean) * moments.scale;
        let (mut observed, mut magnitude) = (0.0, 0.0);
        sample.for_each(|value, count| {
            observed += count as f64 * deviation(value);
            magnitude += count as f64 * deviation(value).abs();
        });
        let groups = match &sample.data {
            Data::Counts(counts) => {
                Groups::Counts(counts.iter().map(|&(value, count)| (deviation(value), count)).collect())
            }
            Data::Values(values) => {
                let (whole, rest) = values.as_chunks::<BLOCK>();
                Groups::Blocks {
                    whole: whole.iter().map(|block| block.map(deviation)).collect(),
                    rest: rest.iter().copied().map(deviation).collect(),
                }
            }
        };
        Cells { groups, n: sample.n, observed, magnitude }
    }

    /// The sum of one resample.
    pub(super) fn draw(&self, stream: &mut Stream) -> f64 {
        let mut split = Split::new(self.n);
        match &self.groups {
            Groups::Counts(counts) => {
                counts.iter().map(|&(value, count)| value * split.next(stream, count) as f64).sum()
            }
            Groups::Blocks { .. } => self.draw_blocks(stream, |value, sum| *sum += value, 0.0, |a, b| a + b),
        }
    }

    /// The sum of one resample and that of its squares.
    pub(super) fn draw_squares(&self, stream: &mut Stream) -> (f64, f64) {
        let mut split = Split::new(self.n);
        match &self.groups {
            Groups::Counts(counts) => counts.iter().fold((0.0, 0.0), |(sum, squares), &(value, count)| {
                let count = split.next(stream, count) as f64;
                (sum + value * count, squares + value * value * count)
            }),
            Groups::Blocks { .. } => {
                let add = |value: f64, sums: &mut (f64, f64)| {
                    sums.0 += value;
                    sums.1 += value * value;
                };
                self.draw_blocks(stream, add, (0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
            }
        }
    }

    /// Puts each drawn value into one of seven parts of a sum, whose order is fixed.
    #[inline]
    fn draw_blocks<T: Copy>(
        &self,
        stream: &mut Stream,
        add: impl Fn(f64, &mut T),
        zero: T,
        join: impl Fn(T, T) -> T,
    ) -> T {
        let Groups::Blocks { whole, rest } = &self.groups else { return zero };
        let mut split = Split::new(self.n);
        // Read and written at fixed places only, so that they stay in registers.
        let mut parts = [zero; PLACES as usize];
        let mut last = zero;
        let mut words = Words::new(stream);
        for block in whole {
            let draws = split.next(stream, BLOCK as u64);
            for _ in 0..draws / PLACES {
                let mut word = words.next_u64();
                for part in &mut parts {
                    add(block[word as usize % BLOCK], part);
                    word >>= BITS;
                }
            }
            let mut word = words.next_u64();
            for _ in 0..draws % PLACES {
                add(block[word as usize % BLOCK], &mut last);
                word >>= BITS;
            }
        }
        // Of at most 1,023 values none is favoured by more than one part in 2^22.
        let below = |word: u64| rest[((word * rest.len() as u64) >> 32) as usize];
        for _ in 0..split.draws / 2 {
            let word = words.next_u64();
            add(below(word & 0xffff_ffff), &mut parts[0]);
            add(below(word >> 32), &mut parts[1]);
        }
        if split.draws % 2 == 1 {
            add(below(words.next_u64() >> 32), &mut last);
        }
        let [a, b, c, d, e, f] = parts;
        join(join(join(join(a, b), join(c, d)), join(e, f)), last)
    }
}

/// Splits draws over groups, one after the other, by their weights.
pub(super) struct Split {
    draws: u64,
    weight: u64,
}

impl Split {
    /// All of `n` draws over all of `n` values.
    pub(super) fn new(n: u64) -> Split {
        Split { draws: n, weight: n }
    }

    /// The draws that fall to the next group, of this weight.
    pub(super) fn next(&mut self, stream: &mut Stream, weight: u64) -> u64 {
        let draws = if weight == self.weight {
            self.draws
        } else {
            binomial::sample(stream, self.draws, weight as f64 / self.weight as f64)
        };
        self.draws -= draws;
        self.weight -= weight;
        draws
    }
}

#[cfg(test)]
mod tests;
