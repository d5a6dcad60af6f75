//! Permutation tests of a mean and of a difference of means.
//!
//! Turning the signs of a subset of differences makes their sum at least as great exactly where the subset sums to at most
//! 0, and after a shift exactly where the subset's mean is at most the shift. So one pass over subsets gives the p-value
//! and, by the ordered means of the subsets, the interval of all shifts that are not rejected (J. A. Hartigan's typical
//! values, 1969). The same holds for two samples and the mean difference of what is exchanged between them.

use libm::{lgamma, round, sqrt};
use rayon::prelude::*;

use super::cohens_d::noncentral_interval;
use super::common::{Alternative, Spread, differences, p_value, sorted, unusable, unusable_pairs};
use super::half_sums::HalfSums;
use super::rng::Stream;
use super::{Outcome, TestOutcome};

/// The options of permutation tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermutationOptions {
    /// How many permutations are drawn where there are too many for all of them.
    pub n_resamples: usize,
    /// The seed of what is drawn.
    pub seed: u64,
    /// The alternative.
    pub alternative: Alternative,
}

impl Default for PermutationOptions {
    fn default() -> Self {
        PermutationOptions { n_resamples: 9999, seed: 0, alternative: Alternative::TwoSided }
    }
}

/// Up to this number of pairs all sign flips are tried.
const MAX_EXACT_PAIRS: usize = 20;

/// Up to this number of ways to split two samples all are tried.
const MAX_EXACT_SPLITS: f64 = 1e6;

/// The most steps for the exact distribution of sums on a lattice.
const MAX_LATTICE_STEPS: f64 = 2e8;

/// Sums that are nearer to 0 than this share of the absolute sum are 0.
const ROUNDING: f64 = 1e-13;

/// The sign-flip test that the mean difference of pairs, first minus second, is 0; see [`sign_flip_test`].
pub fn permutation_test(a: &[f64], b: &[f64], options: &PermutationOptions, level: f64) -> Outcome {
    match unusable_pairs(a, b) {
        Some(reason) => {
            Outcome::new("permutation", level, a.len()).test(TestOutcome::new(options.alternative)).because(reason)
        }
        None => sign_flip_test(&differences(a, b), options, level),
    }
}

/// The test that differences are symmetric around 0, by turning their signs; `statistic` and `estimate` are the mean.
///
/// Up to 20 differences all sign flips are tried, and p is exact; so it is for differences that are multiples of one number
/// (scores of 0 and 1, stars, counts). Else `n_resamples` flips are drawn and p is (count + 1) / (n_resamples + 1). Two-sided
/// p is twice the smaller one, as in scipy. The interval holds the shifts that the same flips do not reject; it is infinite
/// where there are too few of them for `level`. Effect size: d_z. All differences zero: no test but a reason. `method`
/// says what ran: exact or monte_carlo.
///
/// Source: scipy 1.17 `permutation_test(permutation_type="samples")`.
pub fn sign_flip_test(d: &[f64], options: &PermutationOptions, level: f64) -> Outcome {
    let outcome = Outcome::new("permutation", level, d.len()).test(TestOutcome::new(options.alternative));
    if let Some(reason) = unusable(d) {
        return outcome.because(reason);
    }
    let spread = Spread::new(d);
    let outcome = outcome.estimate(spread.mean).std_error(spread.std_error());
    // In an order of their own, so that the order of rows makes no difference.
    let flips = match Flips::of_signs(&sorted(d), &vec![1.0; d.len()], options) {
        Some(flips) => flips,
        None => return outcome.because("all differences are zero"),
    };
    let outcome = flips.fill(outcome, options.alternative);
    if d.len() < 2 || spread.std == 0.0 {
        return outcome;
    }
    let root = sqrt(spread.n);
    let effect = spread.mean / spread.std;
    let (lower, upper) = noncentral_interval(effect * root, spread.n - 1.0, level);
    let test = outcome.test.clone().unwrap_or_default();
    outcome.test(test.effect("cohens_d_z", effect, (lower / root, upper / root)))
}

/// The sign-flip test over clusters of differences: the signs of a cluster turn together. `estimate` is the mean over all
/// differences. Otherwise as [`sign_flip_test`].
pub fn clustered_sign_flip_test(d: &[f64], clusters: &[u64], options: &PermutationOptions, level: f64) -> Outcome {
    let outcome = Outcome::new("permutation", level, d.len()).test(TestOutcome::new(options.alternative));
    if d.len() != clusters.len() {
        return outcome.because("there are not as many clusters as values");
    }
    if let Some(reason) = unusable(d) {
        return outcome.because(reason);
    }
    let groups = super::cluster_mean::Groups::new(d, clusters);
    let outcome = outcome.estimate(groups.mean);
    match Flips::of_signs(&groups.sums, &groups.sizes, options) {
        Some(flips) => flips.fill(outcome, options.alternative),
        None => outcome.because("all differences are zero"),
    }
}

/// The test that two independent samples have the same mean, by splitting all values anew; `statistic` and `estimate` are
/// the difference of the means, first minus second.
///
/// Up to a million ways to split all are tried and p is exact, else `n_resamples` are drawn. p, interval and `method` as for
/// [`sign_flip_test`]. An empty side or equal values: no test but a reason.
///
/// Source: scipy 1.17 `permutation_test(permutation_type="independent")`.
pub fn permutation_test_unpaired(a: &[f64], b: &[f64], options: &PermutationOptions, level: f64) -> Outcome {
    let outcome = Outcome::new("permutation", level, a.len() + b.len()).test(TestOutcome::new(options.alternative));
    if let Some(reason) = unusable(a).or_else(|| unusable(b)) {
        return outcome.because(reason);
    }
    let (first, second) = (Spread::new(a), Spread::new(b));
    let outcome = outcome
        .estimate(first.mean - second.mean)
        .std_error(sqrt(first.variance() / first.n + second.variance() / second.n));
    if first.constant && second.constant && first.mean == second.mean {
        return outcome.because("all values are equal");
    }
    Flips::of_splits(&sorted(a), &sorted(b), options).fill(outcome, options.alternative)
}

/// What turning, or exchanging, subsets gives.
struct Flips {
    /// Mean of each subset that is not empty, in ascending order.
    ratios: Vec<f64>,
    /// How many subsets were empty: they change nothing and count on both sides.
    empty: f64,
    /// 1 where subsets were drawn: the data themselves count as one.
    added: f64,
    /// Exact tails where the ratios are not: less and greater.
    tails: Option<(f64, f64)>,
}

impl Flips {
    /// Over subsets of numbers with weights; `None` where all are zero.
    fn of_signs(d: &[f64], weights: &[f64], options: &PermutationOptions) -> Option<Flips> {
        let magnitude: f64 = d.iter().map(|d| d.abs()).sum();
        if magnitude == 0.0 {
            return None;
        }
        let tolerance = ROUNDING * magnitude;
        let ratio = move |sum: f64, weight: f64| if sum.abs() <= tolerance { 0.0 } else { sum / weight };
        if d.len() <= MAX_EXACT_PAIRS {
            let mut subsets = Vec::with_capacity(1 << d.len());
            subsets.push((0.0, 0.0));
            for (d, w) in d.iter().zip(weights) {
                subsets.extend_from_within(..);
                let half = subsets.len() / 2;
                subsets[half..].iter_mut().for_each(|(sum, weight)| (*sum, *weight) = (*sum + d, *weight + w));
            }
            let ratios = subsets[1..].iter().map(|&(sum, weight)| ratio(sum, weight)).collect();
            return Some(Flips::new(ratios, 1.0, 0.0));
        }
        let drawn: Vec<f64> = (0..options.n_resamples)
            .into_par_iter()
            .map(|number| {
                let mut stream = Stream::new(options.seed, number as u64);
                let (mut sum, mut weight) = (0.0, 0.0);
                for (d, w) in d.chunks(32).zip(weights.chunks(32)) {
                    let bits = stream.next_u32();
                    for (k, (d, w)) in d.iter().zip(w).enumerate() {
                        let kept = f64::from(bits >> k & 1);
                        sum += kept * d;
                        weight += kept * w;
                    }
                }
                if weight == 0.0 { f64::NAN } else { ratio(sum, weight) }
            })
            .collect();
        let empty = drawn.iter().filter(|ratio| ratio.is_nan()).count();
        let ratios = drawn.into_iter().filter(|ratio| !ratio.is_nan()).collect();
        Some(Flips { tails: lattice_tails(d), ..Flips::new(ratios, empty as f64, 1.0) })
    }

    /// Over exchanges between two samples.
    fn of_splits(a: &[f64], b: &[f64], options: &PermutationOptions) -> Flips {
        let (n, m) = (a.len() as f64, b.len() as f64);
        let magnitude: f64 = a.iter().chain(b).map(|x| x.abs()).sum();
        let tolerance = ROUNDING * magnitude;
        let ratio = |sum: f64, size: usize| if sum.abs() <= tolerance { 0.0 } else { sum / size as f64 };
        let log_splits = lgamma(n + m + 1.0) - lgamma(n + 1.0) - lgamma(m + 1.0);
        if log_splits < libm::log(MAX_EXACT_SPLITS) {
            // Sums of subsets of each sample by their size, then all pairs of equal size.
            let (first, second) = (by_size(a), by_size(b));
            let mut ratios = Vec::new();
            for (size, (gone, come)) in first.iter().zip(&second).enumerate().skip(1) {
                ratios.extend(gone.iter().flat_map(|gone| come.iter().map(move |come| ratio(gone - come, size))));
            }
            return Flips::new(ratios, 1.0, 0.0);
        }
        let drawn: Vec<f64> = (0..options.n_resamples)
            .into_par_iter()
            .map(|number| {
                let mut stream = Stream::new(options.seed, number as u64);
                let (mut wanted, mut left) = (a.len() as u64, (a.len() + b.len()) as u64);
                let (mut sum, mut size) = (0.0, 0);
                // Each value goes to the first sample with the probability that is left for it.
                let mut goes_first = || {
                    let chosen = u64::from(stream.next_u32()) * left < wanted << 32;
                    left -= 1;
                    wanted -= u64::from(chosen);
                    chosen
                };
                for x in a {
                    if !goes_first() {
                        sum += x;
                        size += 1;
                    }
                }
                for x in b {
                    if goes_first() {
                        sum -= x;
                    }
                }
                if size == 0 { f64::NAN } else { ratio(sum, size) }
            })
            .collect();
        let empty = drawn.iter().filter(|ratio| ratio.is_nan()).count();
        Flips::new(drawn.into_iter().filter(|ratio| !ratio.is_nan()).collect(), empty as f64, 1.0)
    }

    fn new(mut ratios: Vec<f64>, empty: f64, added: f64) -> Flips {
        ratios.par_sort_unstable_by(f64::total_cmp);
        Flips { ratios, empty, added, tails: None }
    }

    /// The shares of permutations with a statistic as small, and as great.
    fn tails(&self) -> (f64, f64) {
        let total = self.ratios.len() as f64 + self.empty + self.added;
        let not_above = self.ratios.partition_point(|&ratio| ratio <= 0.0);
        let below = self.ratios.partition_point(|&ratio| ratio < 0.0);
        let always = self.empty + self.added;
        ((always + (self.ratios.len() - below) as f64) / total, (always + not_above as f64) / total)
    }

    /// The shifts that leave out `tail` on each side.
    fn bounds(&self, tail: f64) -> (f64, f64) {
        let total = self.ratios.len() as f64 + self.empty + self.added;
        let more_than = tail * total - self.empty - self.added + 1e-9;
        if more_than < 0.0 {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let (k, n) = (more_than as usize, self.ratios.len());
        let at = |k: usize| self.ratios.get(k).copied().unwrap_or(f64::NAN);
        (at(k.min(n - 1)), at((n - 1).saturating_sub(k)))
    }

    fn fill(self, outcome: Outcome, alternative: Alternative) -> Outcome {
        let tail = alternative.tail(outcome.level);
        let (mut lower, mut upper) = self.bounds(tail);
        let (less, greater) = self.tails.unwrap_or_else(|| self.tails());
        if self.tails.is_some() {
            // The bounds are drawn and the tails are not; where they contradict one another, the tails are right.
            (lower, upper) = (
                if greater <= tail { lower.max(0.0) } else { lower.min(0.0) },
                if less <= tail { upper.min(0.0) } else { upper.max(0.0) },
            );
        }
        let exact = self.added == 0.0 || self.tails.is_some();
        let statistic = outcome.estimate;
        Outcome { method: Some(if exact { "exact" } else { "monte_carlo" }), ..outcome }
            .bounds(alternative.open(lower, upper, f64::NEG_INFINITY, f64::INFINITY))
            .test(TestOutcome {
                statistic,
                p_value: p_value(alternative.of_tails(less, greater)),
                ..TestOutcome::new(alternative)
            })
    }
}

/// The sums of all subsets, by the size of the subset.
fn by_size(x: &[f64]) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.0]];
    for value in x {
        sums.push(Vec::new());
        for size in (1..sums.len()).rev() {
            let more: Vec<f64> = sums[size - 1].iter().map(|sum| sum + value).collect();
            sums[size].extend(more);
        }
    }
    sums
}

/// The exact tails where all numbers are multiples of one, and few enough.
fn lattice_tails(d: &[f64]) -> Option<(f64, f64)> {
    const SCALES: [f64; 18] =
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 16.0, 20.0, 32.0, 60.0, 100.0, 840.0, 1000.0];
    let whole = |scale: &f64| d.iter().all(|d| (d * scale - round(d * scale)).abs() <= 1e-9);
    let scale = SCALES.into_iter().find(whole)?;
    let steps = |d: f64| round((d * scale).abs());
    let range: f64 = d.iter().map(|&d| steps(d)).sum();
    if range * d.len() as f64 > MAX_LATTICE_STEPS {
        return None;
    }
    let positive: f64 = d.iter().filter(|&&d| d > 0.0).map(|&d| steps(d)).sum();
    let sums = HalfSums::new(d.iter().map(|&d| steps(d) as usize));
    Some((sums.at_most(positive), sums.at_least(positive)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(alternative: Alternative) -> PermutationOptions {
        PermutationOptions { alternative, ..PermutationOptions::default() }
    }

    #[test]
    fn degenerate_data_have_a_reason() {
        let options = options(Alternative::TwoSided);
        for d in [&[0.0, 0.0][..], &[], &[f64::NAN], &[f64::INFINITY]] {
            assert!(sign_flip_test(d, &options, 0.95).reason.is_some());
        }
        assert!(permutation_test_unpaired(&[1.0], &[1.0, 1.0], &options, 0.95).reason.is_some());
        assert!(permutation_test_unpaired(&[], &[1.0, 1.0], &options, 0.95).reason.is_some());
        let one = sign_flip_test(&[2.5], &options, 0.95);
        assert_eq!((one.test.unwrap().p_value, one.lower), (Some(1.0), Some(f64::NEG_INFINITY)));
    }

    #[test]
    fn threads_make_no_difference() {
        let d: Vec<f64> = (0..200).map(|i| (f64::from(i) * 1.7).sin() + 0.1).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let options = options(Alternative::TwoSided);
                (sign_flip_test(&d, &options, 0.95), permutation_test_unpaired(&d[..90], &d[90..], &options, 0.95))
            })
        };
        assert_eq!(run(1), run(3));
        assert_eq!(run(1).0.method, Some("monte_carlo"));
    }

    #[test]
    fn drawn_is_near_exact() {
        let d: Vec<f64> = (0..40).map(|i| f64::from((i * 7) % 11) - 4.0).collect();
        let exact = sign_flip_test(&d, &options(Alternative::Greater), 0.95);
        let nudged: Vec<f64> = d.iter().enumerate().map(|(i, d)| d + 1e-7 * (i as f64).sqrt()).collect();
        let drawn = sign_flip_test(&nudged, &options(Alternative::Greater), 0.95);
        assert_eq!((exact.method, drawn.method), (Some("exact"), Some("monte_carlo")));
        let (p, q) = (exact.test.unwrap().p_value.unwrap(), drawn.test.unwrap().p_value.unwrap());
        assert!((p - q).abs() < 5.0 * (p * (1.0 - p) / 9999.0).sqrt(), "{p} {q}");
        assert!((exact.lower.unwrap() - drawn.lower.unwrap()).abs() < 0.1);
    }

    proptest! {
        #[test]
        fn test_and_interval_agree(
            d in prop::collection::vec(-9.0f64..11.0, 2..14), b in prop::collection::vec(-9.0f64..9.0, 2..7)
        ) {
            for alternative in Alternative::ALL {
                let options = options(alternative);
                for outcome in [
                    sign_flip_test(&d, &options, 0.9),
                    permutation_test_unpaired(&d[..d.len().min(6)], &b, &options, 0.9),
                    clustered_sign_flip_test(&d, &(0..d.len() as u64).map(|i| i / 2).collect::<Vec<_>>(), &options, 0.9),
                ] {
                    let p = outcome.test.unwrap().p_value.unwrap();
                    let (lower, upper) = (outcome.lower.unwrap(), outcome.upper.unwrap());
                    prop_assert!(p > 0.0 && p <= 1.0);
                    prop_assert_eq!(p <= 0.1, !(lower..=upper).contains(&0.0), "{} {} {}", p, lower, upper);
                }
            }
        }

        #[test]
        fn turned_signs_mirror(d in prop::collection::vec(-9.0f64..11.0, 2..14)) {
            let options = options(Alternative::TwoSided);
            let turned: Vec<f64> = d.iter().map(|d| -d).collect();
            let (there, back) = (sign_flip_test(&d, &options, 0.9), sign_flip_test(&turned, &options, 0.9));
            // Roots are searched from the other side.
            prop_assert_eq!(there.lower.is_some(), back.upper.is_some());
            if let Some((lower, upper)) = there.lower.zip(back.upper) {
                prop_assert!(lower == -upper || (lower + upper).abs() <= 1e-12 * lower.abs().max(1.0), "{lower} {upper}");
            }
            prop_assert_eq!(there.test.and_then(|t| t.p_value), back.test.and_then(|t| t.p_value));
        }
    }
}
