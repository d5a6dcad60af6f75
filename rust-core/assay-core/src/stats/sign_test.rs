//! The sign test.

use libm::sqrt;

use super::binomial_test::probability;
use super::common::{Alternative, differences, p_value, unusable_pairs};
use super::proportion::exact_bounds;
use super::{Outcome, TestOutcome};

/// The sign test of pairs; see [`sign_test_differences`].
pub fn sign_test(a: &[f64], b: &[f64], alternative: Alternative, level: f64) -> Outcome {
    match unusable_pairs(a, b) {
        Some(reason) => Outcome::new("exact", level, a.len()).test(TestOutcome::new(alternative)).because(reason),
        None => sign_test_differences(&differences(a, b), alternative, level),
    }
}

/// Tests that differences are as often positive as negative; those of zero are dropped.
///
/// `estimate` is the share of positive less the share of negative differences among those that are not zero, from -1 to
/// 1; its interval is Clopper and Pearson's and agrees with the exact binomial p. `statistic` is half of the number of
/// positive less negative ones. No difference but zero: no test but a reason.
///
/// Source: scipy 1.17 `binomtest`, statsmodels 0.15 `sign_test`.
pub fn sign_test_differences(d: &[f64], alternative: Alternative, level: f64) -> Outcome {
    let outcome = Outcome::new("exact", level, d.len()).test(TestOutcome::new(alternative));
    if d.iter().any(|d| d.is_nan()) {
        return outcome.because("a value is NaN");
    }
    let positive = d.iter().filter(|&&d| d > 0.0).count() as u64;
    let negative = d.iter().filter(|&&d| d < 0.0).count() as u64;
    let n = positive + negative;
    let outcome = outcome.test(TestOutcome {
        statistic: Some((positive as f64 - negative as f64) / 2.0),
        n_discordant: Some(n),
        ..TestOutcome::new(alternative)
    });
    if n == 0 {
        return outcome.because(if d.is_empty() { "there are no values" } else { "all differences are zero" });
    }
    let share = positive as f64 / n as f64;
    let (lower, upper) = exact_bounds(positive, n, alternative, level);
    let mut test = outcome.test.clone().unwrap_or_default();
    test.p_value = p_value(probability(positive, n, 0.5, alternative));
    outcome
        .estimate((positive as f64 - negative as f64) / n as f64)
        .std_error(2.0 * sqrt(share * (1.0 - share) / n as f64))
        .bounds((2.0 * lower - 1.0, 2.0 * upper - 1.0))
        .test(test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_and_interval_agree() {
        for positive in 0..=20 {
            let d: Vec<f64> = (0..20).map(|i| if i < positive { 2.0 } else { -1.0 }).collect();
            let outcome = sign_test_differences(&d, Alternative::TwoSided, 0.95);
            let p = outcome.test.unwrap().p_value.unwrap();
            let inside = (outcome.lower.unwrap()..=outcome.upper.unwrap()).contains(&0.0);
            assert_eq!(p >= 0.05, inside, "{positive}");
        }
        assert!(sign_test_differences(&[0.0, 0.0], Alternative::Less, 0.95).reason.is_some());
        assert!(sign_test(&[1.0], &[], Alternative::Less, 0.95).reason.is_some());
    }
}
