//! Wilcoxon's signed-rank test.

use libm::{atanh, ceil, floor, sqrt, tanh};

use super::common::{Alternative, defined, differences, p_value, sorted, unusable, unusable_pairs};
use super::half_sums::HalfSums;
use super::hodges_lehmann::{Ordered, PairwiseMeans, shift_bounds};
use super::ranks::{midranks, tie_term};
use super::special::{norm_isf, norm_sf};
use super::{Outcome, TestOutcome};

/// What is done with differences of zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ZeroMethod {
    /// They are dropped before ranking.
    #[default]
    Wilcox,
    /// They are ranked, then their ranks are dropped.
    Pratt,
    /// They are ranked, and their ranks go to both sides by half.
    Zsplit,
}

/// How the p-value is computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RankMethod {
    /// Exact up to 50 pairs without ties and zeros, all sign flips up to 13 pairs with some, else the normal approximation.
    #[default]
    Auto,
    /// The distribution without ties; of a statistic between two numbers, the one nearer to the middle counts.
    Exact,
    /// The normal approximation, with the variance corrected for ties.
    Asymptotic,
}

/// The options of [`wilcoxon_test`]; the defaults are scipy's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WilcoxonOptions {
    /// What is done with differences of zero.
    pub zero_method: ZeroMethod,
    /// How the p-value is computed.
    pub method: RankMethod,
    /// Whether the normal approximation is corrected for continuity.
    pub correction: bool,
    /// The alternative.
    pub alternative: Alternative,
}

/// The largest number of pairs for which the exact distribution is computed; the time grows with its cube.
const MAX_EXACT: usize = 1000;

/// The signed ranks of a set of differences.
#[derive(Debug, Clone)]
pub struct SignedRanks {
    /// The sum of the ranks of positive differences.
    pub plus: f64,
    /// The sum of the ranks of negative differences.
    pub minus: f64,
    /// The mean of `plus` under the null hypothesis.
    pub mean: f64,
    /// Its standard deviation, corrected for ties.
    pub std: f64,
    /// How many differences were ranked.
    pub ranked: usize,
    /// Whether ranked differences are tied.
    pub tied: bool,
    /// What both sums have from zeros.
    shared: f64,
    /// The ranks of differences that are not zero.
    ranks: Vec<f64>,
}

impl SignedRanks {
    /// Ranks `d` by absolute value.
    pub fn new(d: &[f64], zero_method: ZeroMethod) -> SignedRanks {
        let kept: Vec<f64> = if zero_method == ZeroMethod::Wilcox {
            d.iter().copied().filter(|&d| d != 0.0).collect()
        } else {
            d.to_vec()
        };
        let (ranks, mut ties) = midranks(&kept.iter().map(|d| d.abs()).collect::<Vec<_>>());
        let side =
            |sign: f64| -> f64 { kept.iter().zip(&ranks).filter(|(d, _)| *d * sign > 0.0).map(|(_, r)| r).sum() };
        let zeros = kept.iter().filter(|&&d| d == 0.0).count() as f64;
        let shared = if zero_method == ZeroMethod::Zsplit { zeros * (zeros + 1.0) / 4.0 } else { 0.0 };
        let n = kept.len() as f64;
        let tied = ties.iter().any(|&t| t > 1);
        let (mut mean, mut square) = (n * (n + 1.0) / 4.0, n * (n + 1.0) * (2.0 * n + 1.0));
        if zero_method == ZeroMethod::Pratt && zeros > 0.0 {
            mean -= zeros * (zeros + 1.0) / 4.0;
            square -= zeros * (zeros + 1.0) * (2.0 * zeros + 1.0);
            ties.remove(0);
        }
        let std = sqrt(((square - tie_term(&ties) / 2.0) / 24.0).max(0.0));
        let nonzero = kept.iter().zip(&ranks).filter(|(d, _)| **d != 0.0).map(|(_, &rank)| rank).collect();
        SignedRanks {
            plus: side(1.0) + shared,
            minus: side(-1.0) + shared,
            mean,
            std,
            ranked: kept.len(),
            tied,
            shared,
            ranks: nonzero,
        }
    }

    /// The standardized sum of positive ranks, as the asymptotic method has it.
    pub fn z(&self, correction: bool, alternative: Alternative) -> f64 {
        let z = (self.plus - self.mean) / self.std;
        let sign = match alternative {
            Alternative::Greater => 1.0,
            Alternative::Less => -1.0,
            Alternative::TwoSided if z == 0.0 => 0.0,
            Alternative::TwoSided => 1f64.copysign(z),
        };
        let z = if correction { z - sign * 0.5 / self.std } else { z };
        if alternative == Alternative::TwoSided { -z.abs() } else { z }
    }
}

/// The distribution of the sum of positive ranks under the null hypothesis.
enum Null {
    /// Sums in units of `step`, above `offset`. A sum between two of them counts `outward`, away from what is tested.
    Exact {
        sums: HalfSums,
        step: f64,
        offset: f64,
        outward: bool,
    },
    Normal {
        mean: f64,
        std: f64,
        correction: f64,
    },
}

impl Null {
    /// All sign flips of these midranks.
    fn of_flips(ranks: &[f64], offset: f64) -> Null {
        let sums = HalfSums::new(ranks.iter().map(|rank| (2.0 * rank) as usize));
        Null::Exact { sums, step: 0.5, offset, outward: false }
    }

    fn without_ties(n: usize) -> Null {
        Null::Exact { sums: HalfSums::new(1..=n), step: 1.0, offset: 0.0, outward: true }
    }

    /// P(sum >= w).
    fn greater(&self, w: f64) -> f64 {
        match self {
            Null::Exact { sums, step, offset, outward } => {
                let place = (w - offset) / step;
                sums.at_least(if *outward { floor(place) } else { ceil(place) })
            }
            Null::Normal { mean, std, correction } => norm_sf((w - mean - correction) / std),
        }
    }

    /// P(sum <= w).
    fn less(&self, w: f64) -> f64 {
        match self {
            Null::Exact { sums, step, offset, outward } => {
                let place = (w - offset) / step;
                sums.at_most(if *outward { ceil(place) } else { floor(place) })
            }
            Null::Normal { mean, std, correction } => norm_sf((mean - w - correction) / std),
        }
    }
}

/// Wilcoxon's signed-rank test of pairs; see [`wilcoxon_signed_rank`].
pub fn wilcoxon_test(a: &[f64], b: &[f64], options: &WilcoxonOptions, level: f64) -> Outcome {
    match unusable_pairs(a, b) {
        Some(reason) => {
            Outcome::new("wilcoxon", level, a.len()).test(TestOutcome::new(options.alternative)).because(reason)
        }
        None => wilcoxon_signed_rank(&differences(a, b), options, level),
    }
}

/// Wilcoxon's signed-rank test that differences are symmetric around 0.
///
/// `statistic` is the sum of positive ranks, and the lesser of the two sums if two-sided. `estimate` is the Hodges-Lehmann
/// estimate, the median of all pairwise means, without zeros for `wilcox`; its interval inverts the same test and so
/// agrees with p, up to a bound that is 0 itself. `pratt` has none, with a reason. Effect size: the matched-pairs
/// rank-biserial correlation (W+ - W-) / (W+ + W-) without zeros, with the interval of Fisher's transformation. `method`
/// says what ran: exact, permutation (all sign flips) or asymptotic. All differences zero: no test but a reason.
///
/// Source: scipy 1.17 `wilcoxon`, pingouin for the effect size.
pub fn wilcoxon_signed_rank(d: &[f64], options: &WilcoxonOptions, level: f64) -> Outcome {
    let alternative = options.alternative;
    let outcome = Outcome::new("wilcoxon", level, d.len()).test(TestOutcome::new(alternative));
    if let Some(reason) = unusable(d) {
        return outcome.because(reason);
    }
    let zeros = d.iter().filter(|&&d| d == 0.0).count();
    let ranks = SignedRanks::new(d, options.zero_method);
    let (method, null) = match options.method {
        RankMethod::Auto if d.len() <= 50 && !ranks.tied && zeros == 0 => ("exact", None),
        RankMethod::Auto if d.len() <= 13 => ("permutation", Some(Null::of_flips(&ranks.ranks, ranks.shared))),
        RankMethod::Exact => ("exact", None),
        RankMethod::Auto | RankMethod::Asymptotic => {
            let correction = if options.correction { 0.5 } else { 0.0 };
            ("asymptotic", Some(Null::Normal { mean: ranks.mean, std: ranks.std, correction }))
        }
    };
    let statistic = if alternative == Alternative::TwoSided { ranks.plus.min(ranks.minus) } else { ranks.plus };
    let outcome = Outcome { method: Some(method), ..outcome }.test(TestOutcome {
        statistic: Some(statistic),
        n_discordant: Some((d.len() - zeros) as u64),
        ..TestOutcome::new(alternative)
    });
    if zeros == d.len() {
        return outcome.estimate(0.0).because("all differences are zero");
    }
    let null = match null {
        Some(null) => null,
        None if ranks.ranked > MAX_EXACT => {
            return outcome.because("the exact distribution is for at most 1000 pairs");
        }
        None => Null::without_ties(ranks.ranked),
    };
    let p = alternative.of_tails(null.less(ranks.plus), null.greater(ranks.plus));
    let r = rank_biserial(d);
    let mut test = outcome.test.clone().unwrap_or_default();
    test.p_value = p_value(p);
    let test = test.effect("rank_biserial", r, rank_biserial_interval(r, d.len() - zeros, level));
    let ordered = if options.zero_method == ZeroMethod::Wilcox {
        sorted(&d.iter().copied().filter(|&d| d != 0.0).collect::<Vec<_>>())
    } else {
        sorted(d)
    };
    let pairs = PairwiseMeans(&ordered);
    let outcome = outcome.estimate(pairs.median()).test(test);
    if options.zero_method == ZeroMethod::Pratt && zeros > 0 {
        return outcome.because("no interval goes with zero_method pratt where there are zeros");
    }
    let (lower, upper) = shift_bounds(&pairs, alternative.tail(level), |w| null.greater(w), |w| null.less(w));
    outcome.bounds(alternative.open(lower, upper, f64::NEG_INFINITY, f64::INFINITY))
}

/// The matched-pairs rank-biserial correlation of differences, zeros dropped; NaN where all are zero.
pub fn rank_biserial(d: &[f64]) -> f64 {
    let ranks = SignedRanks::new(d, ZeroMethod::Wilcox);
    (ranks.plus - ranks.minus) / (ranks.plus + ranks.minus)
}

/// By Fisher's transformation, with the standard error of W under the null hypothesis; NaN for a correlation of 1 or -1.
fn rank_biserial_interval(r: f64, n: usize, level: f64) -> (f64, f64) {
    let n = n as f64;
    let half = norm_isf((1.0 - level) / 2.0) * sqrt((2.0 * n + 1.0) * 2.0 / (3.0 * n * (n + 1.0)));
    if r.abs() >= 1.0 {
        return (f64::NAN, f64::NAN);
    }
    (tanh(atanh(r) - half), tanh(atanh(r) + half))
}

/// The matched-pairs rank-biserial correlation of pairs, with its interval.
pub fn rank_biserial_ci(a: &[f64], b: &[f64], level: f64) -> Outcome {
    let outcome = Outcome::new("fisher_z", level, a.len());
    if let Some(reason) = unusable_pairs(a, b) {
        return outcome.because(reason);
    }
    let d = differences(a, b);
    let r = rank_biserial(&d);
    let n = d.iter().filter(|&&d| d != 0.0).count();
    if defined(r).is_none() {
        return outcome.because("all differences are zero");
    }
    let outcome = outcome.estimate(r);
    if r.abs() >= 1.0 {
        return outcome.because("all differences have the same sign");
    }
    outcome.bounds(rank_biserial_interval(r, n, level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn degenerate_data_have_a_reason() {
        for method in [RankMethod::Auto, RankMethod::Exact, RankMethod::Asymptotic] {
            for zero_method in [ZeroMethod::Wilcox, ZeroMethod::Pratt, ZeroMethod::Zsplit] {
                let options = WilcoxonOptions { method, zero_method, ..WilcoxonOptions::default() };
                for d in [&[0.0, 0.0][..], &[], &[f64::NAN]] {
                    assert!(wilcoxon_signed_rank(d, &options, 0.95).reason.is_some());
                }
                let one = wilcoxon_signed_rank(&[2.5], &options, 0.95);
                assert_eq!(one.estimate, Some(2.5));
            }
        }
    }

    proptest! {
        #[test]
        fn laws(d in prop::collection::vec(-20i32..20, 4..40), ties in any::<bool>(), which in 0usize..3) {
            let scale = if ties { 1.0 } else { 1.0 / 3.0 };
            let d: Vec<f64> = d.iter().enumerate()
                .map(|(i, &v)| f64::from(v) * scale + if ties { 0.0 } else { 1e-3 * i as f64 + 1e-4 })
                .collect();
            prop_assume!(d.iter().any(|&d| d != 0.0));
            let method = [RankMethod::Auto, RankMethod::Exact, RankMethod::Asymptotic][which];
            for zero_method in [ZeroMethod::Wilcox, ZeroMethod::Zsplit] {
                let options = WilcoxonOptions { method, zero_method, ..WilcoxonOptions::default() };
                let there = wilcoxon_signed_rank(&d, &options, 0.9);
                let turned: Vec<f64> = d.iter().rev().map(|d| -d).collect();
                let back = wilcoxon_signed_rank(&turned, &options, 0.9);
                let (lower, upper) = (there.lower.unwrap(), there.upper.unwrap());
                prop_assert_eq!(lower, -back.upper.unwrap());
                let test = there.test.unwrap();
                let p = test.p_value.unwrap();
                prop_assert!((p - back.test.unwrap().p_value.unwrap()).abs() < 1e-12 && p > 0.0 && p <= 1.0);
                prop_assert!(lower <= there.estimate.unwrap() && there.estimate.unwrap() <= upper);
                if (p - 0.1).abs() > 1e-9 && lower != 0.0 && upper != 0.0 {
                    prop_assert_eq!(p <= 0.1, !(lower..=upper).contains(&0.0), "{} {} {}", p, lower, upper);
                }
            }
        }
    }
}
