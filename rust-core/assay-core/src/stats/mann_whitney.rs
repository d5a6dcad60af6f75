//! The Mann-Whitney U test (Wilcoxon's rank-sum test).

use libm::{floor, lgamma, sqrt};

use super::cliffs_delta;
use super::common::{Alternative, p_value, sorted, unusable};
use super::hodges_lehmann::{Ordered, PairwiseDifferences, shift_bounds};
use super::ranks::{midranks, tie_term};
use super::special::norm_sf;
use super::wilcoxon::RankMethod;
use super::{Outcome, TestOutcome};

/// The options of [`mann_whitney_test`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MannWhitneyOptions {
    /// How the p-value is computed; auto is exact for at most 8 values on a side and no ties,
    /// unless the other side has hundreds of thousands.
    pub method: RankMethod,
    /// Whether the normal approximation is corrected for continuity.
    pub use_continuity: bool,
    /// The alternative.
    pub alternative: Alternative,
}

impl Default for MannWhitneyOptions {
    /// scipy's defaults.
    fn default() -> Self {
        MannWhitneyOptions { method: RankMethod::Auto, use_continuity: true, alternative: Alternative::TwoSided }
    }
}

/// The largest product of both numbers of values for which the exact distribution is counted in whole numbers, if those
/// fit into 127 bits, and the largest for which it is summed in doubles.
const MAX_WHOLE: usize = 10_000_000;
const MAX_SUMMED: usize = 40_000;

/// Tests that values of two independent samples are equally often greater than one another.
///
/// `statistic` is U of the first sample. `estimate` is the Hodges-Lehmann estimate of the shift, the median of all pairwise
/// differences; its interval inverts the same test. Effect size: Cliff's delta with its interval. An empty side or a NaN
/// give no test but a reason; so do values that are all equal, but for the estimate.
///
/// Source: scipy 1.17 `mannwhitneyu`.
pub fn mann_whitney_test(a: &[f64], b: &[f64], options: &MannWhitneyOptions, level: f64) -> Outcome {
    let alternative = options.alternative;
    let outcome = Outcome::new("mann_whitney", level, a.len() + b.len()).test(TestOutcome::new(alternative));
    if let Some(reason) = unusable(a).or_else(|| unusable(b)) {
        return outcome.because(reason);
    }
    let (n1, n2) = (a.len() as f64, b.len() as f64);
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let (ranks, ties) = midranks(&all);
    let u = ranks[..a.len()].iter().sum::<f64>() - n1 * (n1 + 1.0) / 2.0;
    let tied = ties.iter().any(|&t| t > 1);
    let wanted = match options.method {
        RankMethod::Auto => (a.len() <= 8 || b.len() <= 8) && !tied,
        RankMethod::Exact => true,
        RankMethod::Asymptotic => false,
    };
    let exact = if wanted { u_distribution(a.len(), b.len()) } else { None };
    let asked = options.method == RankMethod::Exact;
    let method = if exact.is_some() || asked { "exact" } else { "asymptotic" };
    let (first, second) = (sorted(a), sorted(b));
    let pairs = PairwiseDifferences(&first, &second);
    let outcome = Outcome { method: Some(method), ..outcome }
        .estimate(pairs.median())
        .test(TestOutcome { statistic: Some(u), ..TestOutcome::new(alternative) });
    if ties.len() == 1 {
        return outcome.because("all values are equal");
    }
    let total = n1 + n2;
    let null = match exact {
        Some(cumulative) => Null::Exact(cumulative, n1 * n2),
        None if asked => return outcome.because("there are too many values for the exact distribution"),
        None => {
            let std = sqrt(n1 * n2 / 12.0 * ((total + 1.0) - tie_term(&ties) / (total * (total - 1.0))));
            Null::Normal { mean: n1 * n2 / 2.0, std, correction: if options.use_continuity { 0.5 } else { 0.0 } }
        }
    };
    let (lower, upper) = shift_bounds(&pairs, alternative.tail(level), |u| null.greater(u), |u| null.less(u));
    let delta = cliffs_delta::cliffs_delta(a, b, level);
    let mut test = outcome.test.clone().unwrap_or_default();
    test.p_value = p_value(alternative.of_tails(null.less(u), null.greater(u)));
    let effect_bounds = (delta.lower.unwrap_or(f64::NAN), delta.upper.unwrap_or(f64::NAN));
    outcome.bounds(alternative.open(lower, upper, f64::NEG_INFINITY, f64::INFINITY)).test(test.effect(
        "cliffs_delta",
        delta.estimate.unwrap_or(f64::NAN),
        effect_bounds,
    ))
}

enum Null {
    /// P(U <= u) for u from 0 to the middle, and the greatest u.
    Exact(Vec<f64>, f64),
    Normal {
        mean: f64,
        std: f64,
        correction: f64,
    },
}

impl Null {
    /// P(U >= u).
    fn greater(&self, u: f64) -> f64 {
        match self {
            Null::Exact(cumulative, greatest) => {
                let u = floor(u);
                let at = |k: f64| if k < 0.0 { 0.0 } else { cumulative[(k as usize).min(cumulative.len() - 1)] };
                // By the mirrored tail where that is the smaller.
                let mirrored = greatest - u;
                if mirrored <= u { at(mirrored) } else { 1.0 - at(u - 1.0) }
            }
            Null::Normal { mean, std, correction } => norm_sf((u - mean - correction) / std),
        }
    }

    fn less(&self, u: f64) -> f64 {
        match self {
            Null::Exact(_, greatest) => self.greater(greatest - u),
            Null::Normal { mean, std, correction } => norm_sf((mean - u - correction) / std),
        }
    }
}

/// P(U <= u) of two samples without ties, for u up to the middle; `None` where that is too much work.
fn u_distribution(m: usize, n: usize) -> Option<Vec<f64>> {
    let (m, n) = (m.min(n), m.max(n));
    let product = m.checked_mul(n)?;
    let (small, large) = (m as f64, n as f64);
    let bits = (lgamma(small + large + 1.0) - lgamma(small + 1.0) - lgamma(large + 1.0)) / std::f64::consts::LN_2;
    let mut probabilities = if bits < 126.0 && product <= MAX_WHOLE {
        counted(m, n)
    } else if product <= MAX_SUMMED {
        summed(m, n)
    } else {
        return None;
    };
    let mut sum = 0.0;
    for probability in &mut probabilities {
        sum += *probability;
        *probability = sum.min(1.0);
    }
    Some(probabilities)
}

/// By the factors of the Gaussian binomial coefficient, in whole numbers, for `m` not above `n`.
fn counted(m: usize, n: usize) -> Vec<f64> {
    let middle = m * n / 2;
    let mut counts = vec![0i128; middle + 1];
    counts[0] = 1;
    let mut total: i128 = 1;
    for i in 1..=m {
        for u in (n + i..=middle).rev() {
            counts[u] -= counts[u - n - i];
        }
        for u in i..=middle {
            counts[u] += counts[u - i];
        }
        // The product may pass 127 bits before it is divided.
        let (whole, rest) = (total / i as i128, total % i as i128);
        total = whole * (n + i) as i128 + rest * (n + i) as i128 / i as i128;
    }
    counts.into_iter().map(|count| count as f64 / total as f64).collect()
}

/// By which sample the greatest value comes from, in doubles, which only adds.
fn summed(m: usize, n: usize) -> Vec<f64> {
    let middle = m * n / 2;
    let mut rows: Vec<Vec<f64>> = vec![vec![1.0]; m + 1];
    for j in 1..=n {
        for i in 1..=m {
            let (first, second) = (i as f64 / (i + j) as f64, j as f64 / (i + j) as f64);
            let length = (i * j).min(middle) + 1;
            let (before, now) = rows.split_at_mut(i);
            let (fewer, row) = (&before[i - 1], &mut now[0]);
            row.resize(length, 0.0);
            for (u, probability) in row.iter_mut().enumerate() {
                let from_first = u.checked_sub(j).and_then(|u| fewer.get(u)).copied().unwrap_or(0.0);
                *probability = second * *probability + first * from_first;
            }
        }
    }
    rows.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_exact_distribution_is_that_of_all_orders() {
        // All 35 ways to choose 3 places of 7.
        let mut seen = [0.0; 13];
        for mask in 0u32..128 {
            if mask.count_ones() == 3 {
                let u: u32 = (0..7).filter(|i| mask >> i & 1 == 1).map(|i| (!mask & ((1 << i) - 1)).count_ones()).sum();
                seen[u as usize] += 1.0 / 35.0;
            }
        }
        let null = Null::Exact(u_distribution(3, 4).unwrap(), 12.0);
        for u in 0..=12 {
            let greater: f64 = seen[u..].iter().sum();
            let less: f64 = seen[..=u].iter().sum();
            assert!((null.greater(u as f64) - greater).abs() < 1e-14, "{u}");
            assert!((null.less(u as f64) - less).abs() < 1e-14, "{u}");
        }
        for (counted, summed) in counted(25, 30).into_iter().zip(summed(25, 30)) {
            assert!((counted - summed).abs() <= 1e-12 * counted);
        }
        let large = Null::Exact(u_distribution(150, 160).unwrap(), 24_000.0);
        assert!((large.greater(12_000.0) - 0.5).abs() < 1e-3);
        assert!(u_distribution(8, 10_000).is_some() && u_distribution(900, 900).is_none());
    }

    #[test]
    fn degenerate_data_have_a_reason() {
        for (a, b) in [(&[][..], &[1.0][..]), (&[1.0], &[]), (&[1.0, 1.0], &[1.0]), (&[f64::NAN], &[1.0])] {
            assert!(mann_whitney_test(a, b, &MannWhitneyOptions::default(), 0.95).reason.is_some());
        }
    }

    proptest! {
        #[test]
        fn laws(a in prop::collection::vec(-9i32..9, 2..20), b in prop::collection::vec(-9i32..9, 2..20)) {
            let spread = |values: &[i32], by: f64| -> Vec<f64> {
                values.iter().enumerate().map(|(i, &v)| f64::from(v) + by * (i as f64 + 0.5)).collect()
            };
            for (a, b) in [(spread(&a, 0.0), spread(&b, 0.0)), (spread(&a, 0.013), spread(&b, 0.0171))] {
                let options = MannWhitneyOptions::default();
                let there = mann_whitney_test(&a, &b, &options, 0.9);
                let back = mann_whitney_test(&b, &a, &options, 0.9);
                if there.reason.is_some() {
                    continue;
                }
                let (lower, upper) = (there.lower.unwrap(), there.upper.unwrap());
                prop_assert_eq!(lower, -back.upper.unwrap());
                prop_assert!(lower <= there.estimate.unwrap() && there.estimate.unwrap() <= upper);
                let p = there.test.unwrap().p_value.unwrap();
                prop_assert!((p - back.test.unwrap().p_value.unwrap()).abs() < 1e-12 && p > 0.0 && p <= 1.0);
                if (p - 0.1).abs() > 1e-9 && lower != 0.0 && upper != 0.0 {
                    prop_assert_eq!(p <= 0.1, !(lower..=upper).contains(&0.0), "{} {} {}", p, lower, upper);
                }
            }
        }
    }
}
