//! McNemar's test of paired 0/1 values, and the difference of their shares.

use libm::sqrt;

use super::common::{Alternative, p_value, unusable_pairs};
use super::proportion::exact_bounds;
use super::roots::root;
use super::special::{binom_cdf, binom_pmf, binom_sf, norm_isf, norm_sf};
use super::{Outcome, TestOutcome};

/// How often pairs of 0/1 values are which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairedCounts {
    /// Both are 1.
    pub both: u64,
    /// Only the first is 1: b.
    pub first_only: u64,
    /// Only the second is 1: c.
    pub second_only: u64,
    /// Both are 0.
    pub neither: u64,
}

impl PairedCounts {
    /// Counts pairs; the error is the reason why it cannot be done.
    pub fn new(a: &[f64], b: &[f64]) -> Result<PairedCounts, &'static str> {
        if let Some(reason) = unusable_pairs(a, b) {
            return Err(reason);
        }
        let mut counts = PairedCounts::default();
        for (&a, &b) in a.iter().zip(b) {
            match (a == 1.0, b == 1.0) {
                _ if (a != 0.0 && a != 1.0) || (b != 0.0 && b != 1.0) => return Err("values are not 0 and 1 only"),
                (true, true) => counts.both += 1,
                (true, false) => counts.first_only += 1,
                (false, true) => counts.second_only += 1,
                (false, false) => counts.neither += 1,
            }
        }
        Ok(counts)
    }

    /// How many pairs there are.
    pub fn n(&self) -> u64 {
        self.both.saturating_add(self.first_only).saturating_add(self.second_only).saturating_add(self.neither)
    }

    /// How many pairs differ.
    pub fn discordant(&self) -> u64 {
        self.first_only.saturating_add(self.second_only)
    }
}

/// How the p-value of McNemar's test is computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum McnemarMethod {
    /// Binomial, with half the probability of what was seen: the default.
    #[default]
    MidP,
    /// Binomial.
    Exact,
    /// The chi-square approximation.
    Asymptotic,
    /// The chi-square approximation with continuity correction.
    Corrected,
}

impl McnemarMethod {
    /// The name as SQL shows it.
    pub fn name(self) -> &'static str {
        match self {
            McnemarMethod::MidP => "midp",
            McnemarMethod::Exact => "exact",
            McnemarMethod::Asymptotic => "asymptotic",
            McnemarMethod::Corrected => "corrected",
        }
    }
}

/// McNemar's test of pairs of 0/1 values; see [`mcnemar_counts`].
pub fn mcnemar_test(a: &[f64], b: &[f64], method: McnemarMethod, alternative: Alternative, level: f64) -> Outcome {
    match PairedCounts::new(a, b) {
        Ok(counts) => mcnemar_counts(&counts, method, alternative, level),
        Err(reason) => Outcome::new(method.name(), level, a.len()).test(TestOutcome::new(alternative)).because(reason),
    }
}

/// McNemar's test that the shares of 1 in both samples are equal.
///
/// `estimate` is the difference of the shares, first minus second. `statistic` is min(b, c), or the chi-square number. The
/// interval is Tango's score interval with the quantile scaled so that 0 lies outside exactly where p is below 1 -
/// `level`; for the asymptotic test the scale is 1. Effect size: the odds ratio b / c with Clopper and Pearson's bounds.
/// No pair differs: p is 1. No pairs: no test but a reason. The corrected statistic is 0 where b = c (statsmodels has
/// 1 / (b + c) there).
///
/// Source: statsmodels 0.15 `mcnemar`; M. W. Fagerland et al. (2013) for mid-p; T. Tango (1998).
pub fn mcnemar_counts(counts: &PairedCounts, method: McnemarMethod, alternative: Alternative, level: f64) -> Outcome {
    let (b, c) = (counts.first_only, counts.second_only);
    let discordant = counts.discordant();
    let outcome = Outcome { n: counts.n(), level, method: Some(method.name()), ..Outcome::default() };
    let test = TestOutcome { n_discordant: Some(discordant), ..TestOutcome::new(alternative) };
    if counts.n() == 0 {
        return outcome.test(test).because("there are no values");
    }
    let correction = if matches!(method, McnemarMethod::Exact | McnemarMethod::Corrected) { 1.0 } else { 0.0 };
    let apart = b as f64 - c as f64;
    let root = sqrt(discordant as f64);
    let (less, greater) = match method {
        McnemarMethod::Exact => (binom_cdf(b, discordant, 0.5), binom_cdf(c, discordant, 0.5)),
        McnemarMethod::MidP => {
            let half = binom_pmf(b, discordant, 0.5) / 2.0;
            let below = if b == 0 { 0.0 } else { binom_cdf(b - 1, discordant, 0.5) };
            (below + half, binom_sf(b, discordant, 0.5) + half)
        }
        McnemarMethod::Asymptotic | McnemarMethod::Corrected if discordant == 0 => (0.5, 0.5),
        McnemarMethod::Asymptotic | McnemarMethod::Corrected => {
            (norm_sf((-apart - correction) / root), norm_sf((apart - correction) / root))
        }
    };
    let statistic = match method {
        McnemarMethod::Exact | McnemarMethod::MidP => b.min(c) as f64,
        _ if discordant == 0 => 0.0,
        _ => (apart.abs() - correction).max(0.0) * (apart.abs() - correction).max(0.0) / discordant as f64,
    };
    // How much stronger the score is than the test says.
    let tail = less.min(greater);
    let score = (apart.abs() - correction) / root;
    let strength = norm_isf(tail);
    let scale = if score > 0.0 && strength > 0.0 && tail > 1e-290 { score / strength } else { 1.0 };
    let z = norm_isf(alternative.tail(level)) * scale;
    let (lower, upper) = tango(b as f64, c as f64, counts.n() as f64, correction, z);
    let odds = odds_ratio_bounds(b, c, Alternative::TwoSided, level);
    outcome
        .estimate(apart / counts.n() as f64)
        .std_error(std_error(counts))
        .bounds(alternative.open(lower, upper, -1.0, 1.0))
        .test(TestOutcome {
            statistic: Some(statistic),
            df: (correction == 0.0 && method == McnemarMethod::Asymptotic || method == McnemarMethod::Corrected)
                .then_some(1.0),
            p_value: p_value(alternative.of_tails(less, greater)),
            ..test.effect("odds_ratio", b as f64 / c as f64, odds)
        })
}

/// The difference of the shares of 1 in two paired samples, first minus second, with Tango's score interval and the
/// asymptotic McNemar test, which it inverts.
pub fn risk_difference(a: &[f64], b: &[f64], alternative: Alternative, level: f64) -> Outcome {
    let outcome = mcnemar_test(a, b, McnemarMethod::Asymptotic, alternative, level);
    Outcome { method: Some("tango"), ..outcome }
}

pub(crate) fn std_error(counts: &PairedCounts) -> f64 {
    let (b, c, n) = (counts.first_only as f64, counts.second_only as f64, counts.n() as f64);
    sqrt((b + c - (b - c) * (b - c) / n).max(0.0)) / n
}

/// The likeliest share of pairs of which only the second is 1, where the difference is `delta`.
pub(crate) fn null_share(b: f64, c: f64, n: f64, delta: f64) -> f64 {
    let linear = -b - c + (2.0 * n - b + c) * delta;
    let constant = -c * delta * (1.0 - delta);
    let root = sqrt((linear * linear - 8.0 * n * constant).max(0.0));
    // Of two equal forms, the one that does not cancel.
    if linear <= 0.0 { (root - linear) / (4.0 * n) } else { -2.0 * constant / (root + linear) }
}

/// The standard deviation of b - c where the difference is `delta`.
fn null_spread(b: f64, c: f64, n: f64, delta: f64) -> f64 {
    sqrt((n * (2.0 * null_share(b, c, n, delta) + delta * (1.0 - delta))).max(0.0))
}

/// Tango's score of the hypothesis that the difference is `delta`, after `correction` pairs are taken from what is apart.
pub(crate) fn tango_score(counts: &PairedCounts, delta: f64, correction: f64) -> f64 {
    let (b, c, n) = (counts.first_only as f64, counts.second_only as f64, counts.n() as f64);
    (b - c - n * delta - correction) / null_spread(b, c, n, delta)
}

/// The bounds of the difference of paired shares at which the score is `z`.
pub(crate) fn tango(b: f64, c: f64, n: f64, correction: f64, z: f64) -> (f64, f64) {
    let spread = |delta: f64| null_spread(b, c, n, delta);
    let estimate = (b - c) / n;
    // At the estimate itself there may be no spread left.
    const NEAR: f64 = 1e-13;
    let lower = root(-1.0, estimate - NEAR, 0.0, |delta| z * spread(delta) - (b - c - n * delta - correction));
    let upper = root(estimate + NEAR, 1.0, 0.0, |delta| (n * delta - b + c - correction) - z * spread(delta));
    (lower, upper)
}

/// The odds ratio b / c of discordant pairs with exact bounds; infinite where c is 0, nothing where both are.
///
/// Source: Clopper and Pearson's interval of b / (b + c), mapped by p / (1 - p).
pub fn mcnemar_odds_ratio(counts: &PairedCounts, alternative: Alternative, level: f64) -> Outcome {
    let outcome = Outcome { n: counts.n(), level, method: Some("exact"), ..Outcome::default() };
    if counts.discordant() == 0 {
        return outcome.because("no pair differs");
    }
    outcome.estimate(counts.first_only as f64 / counts.second_only as f64).bounds(odds_ratio_bounds(
        counts.first_only,
        counts.second_only,
        alternative,
        level,
    ))
}

fn odds_ratio_bounds(b: u64, c: u64, alternative: Alternative, level: f64) -> (f64, f64) {
    if b == 0 && c == 0 {
        return (f64::NAN, f64::NAN);
    }
    let (lower, upper) = exact_bounds(b, b.saturating_add(c), alternative, level);
    (lower / (1.0 - lower), if c == 0 { f64::INFINITY } else { upper / (1.0 - upper) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const METHODS: [McnemarMethod; 4] =
        [McnemarMethod::MidP, McnemarMethod::Exact, McnemarMethod::Asymptotic, McnemarMethod::Corrected];

    #[test]
    fn tangos_interval() {
        // Roots of the formula by scipy 1.17.1 `brentq`.
        let counts = PairedCounts { both: 20, first_only: 12, second_only: 2, neither: 16 };
        let outcome = mcnemar_counts(&counts, McnemarMethod::Asymptotic, Alternative::TwoSided, 0.95);
        assert!(
            (outcome.lower.unwrap() - 0.061112406).abs() < 1e-8 && (outcome.upper.unwrap() - 0.344708748).abs() < 1e-8
        );
    }

    #[test]
    fn no_pair_differs() {
        let counts = PairedCounts { both: 100, first_only: 0, second_only: 0, neither: 50 };
        for method in METHODS {
            let outcome = mcnemar_counts(&counts, method, Alternative::TwoSided, 0.95);
            assert_eq!(outcome.test.unwrap().p_value, Some(1.0));
            assert!(outcome.lower.unwrap() < 0.0 && outcome.upper.unwrap() > 0.0);
            assert!(mcnemar_counts(&PairedCounts::default(), method, Alternative::Less, 0.95).reason.is_some());
        }
        assert!(PairedCounts::new(&[0.5], &[1.0]).is_err());
    }

    proptest! {
        #[test]
        fn test_and_interval_agree(b in 0u64..40, c in 0u64..40, rest in 0u64..60, level in 0.8f64..0.99) {
            let counts = PairedCounts { both: rest, first_only: b, second_only: c, neither: 1 };
            let swapped = PairedCounts { both: rest, first_only: c, second_only: b, neither: 1 };
            for method in METHODS {
                for alternative in Alternative::ALL {
                    let outcome = mcnemar_counts(&counts, method, alternative, level);
                    let p = outcome.test.unwrap().p_value.unwrap();
                    let (lower, upper) = (outcome.lower.unwrap(), outcome.upper.unwrap());
                    prop_assert!(p > 0.0 && p <= 1.0);
                    prop_assert!(lower <= outcome.estimate.unwrap() && outcome.estimate.unwrap() <= upper);
                    if (p - (1.0 - level)).abs() > 1e-6 {
                        prop_assert_eq!(
                            p < 1.0 - level, !(lower..=upper).contains(&0.0),
                            "{:?} {:?} {} {} {}", method, alternative, p, lower, upper
                        );
                    }
                }
                let there = mcnemar_counts(&counts, method, Alternative::TwoSided, level);
                let back = mcnemar_counts(&swapped, method, Alternative::TwoSided, level);
                prop_assert!((there.lower.unwrap() + back.upper.unwrap()).abs() < 1e-9);
            }
        }
    }
}
