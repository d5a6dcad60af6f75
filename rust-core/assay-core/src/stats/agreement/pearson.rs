//! Pearson's correlation.

use libm::{atanh, frexp, ldexp, sqrt, tanh};

use crate::stats::common::{Alternative, Spread, defined, p_value, sum, unusable_pairs};
use crate::stats::special::{norm_isf, t_cdf, t_sf};
use crate::stats::{Outcome, TestOutcome};

/// The linear correlation of two columns, with a test that it is 0 and the interval of Fisher's transformation.
///
/// p is that of the t distribution with n - 2 degrees of freedom, which is exact for normal data; with two rows it is 1.
/// Up to three rows the interval is -1 to 1. Fewer than two rows, NaN, infinite or constant values: no estimate but a
/// reason.
///
/// Source: scipy 1.17 `pearsonr`.
pub fn pearson(a: &[f64], b: &[f64], alternative: Alternative, level: f64) -> Outcome {
    let outcome = Outcome::new("fisher_z", level, a.len()).test(TestOutcome::new(alternative));
    if let Some(reason) = unusable_pairs(a, b) {
        return outcome.because(reason);
    }
    if a.len() < 2 {
        return outcome.because("one row has no spread");
    }
    match coefficient(a, b) {
        None => outcome.because("one column is constant"),
        Some(r) => with_test(outcome, r, 1.0, alternative),
    }
}

/// Pearson's r; `None` where a column is constant.
pub(crate) fn coefficient(a: &[f64], b: &[f64]) -> Option<f64> {
    let (first, second) = (Spread::new(a), Spread::new(b));
    if first.constant || second.constant || first.std == 0.0 || second.std == 0.0 {
        return None;
    }
    // Scaled by powers of two, so that nothing overflows and nothing is rounded.
    let scale = |spread: &Spread| ldexp(1.0, (-frexp(spread.std).1).clamp(-1000, 1000));
    let (scale_a, scale_b) = (scale(&first), scale(&second));
    let deviations = || a.iter().zip(b).map(|(&a, &b)| ((a - first.mean) * scale_a, (b - second.mean) * scale_b));
    let (shift_a, shift_b) = (sum(deviations().map(|d| d.0)), sum(deviations().map(|d| d.1)));
    let products = sum(deviations().map(|(a, b)| a * b)) - shift_a * shift_b / first.n;
    let squares_a = sum(deviations().map(|(a, _)| a * a)) - shift_a * shift_a / first.n;
    let squares_b = sum(deviations().map(|(_, b)| b * b)) - shift_b * shift_b / first.n;
    Some((products / sqrt(squares_a * squares_b)).clamp(-1.0, 1.0))
}

/// The t test of a correlation, and its Fisher interval with the variance times `inflation`.
pub(crate) fn with_test(outcome: Outcome, r: f64, inflation: f64, alternative: Alternative) -> Outcome {
    let n = outcome.n as f64;
    let df = n - 2.0;
    let t = r * sqrt(df / ((1.0 - r) * (1.0 + r)));
    let p = if df <= 0.0 { 1.0 } else { alternative.of_tails(t_cdf(t, df), t_sf(t, df)) };
    let (lower, upper) = if n <= 3.0 {
        (-1.0, 1.0)
    } else {
        let half = norm_isf(alternative.tail(outcome.level)) * sqrt(inflation / (n - 3.0));
        (tanh(atanh(r) - half), tanh(atanh(r) + half))
    };
    let std_error = if df > 0.0 { sqrt((1.0 - r) * (1.0 + r) / df) } else { f64::NAN };
    outcome.estimate(r).std_error(std_error).bounds(alternative.open(lower, upper, -1.0, 1.0)).test(TestOutcome {
        statistic: defined(t),
        df: (df > 0.0).then_some(df),
        p_value: p_value(p),
        ..TestOutcome::new(alternative)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_are_defined() {
        let two = Alternative::TwoSided;
        for (a, b) in [(&[1.0, 1.0][..], &[1.0, 2.0][..]), (&[1.0], &[1.0]), (&[], &[]), (&[1.0, 2.0], &[1.0])] {
            assert!(pearson(a, b, two, 0.95).reason.is_some());
        }
        let pair = pearson(&[1.0, 2.0], &[5.0, 3.0], two, 0.95);
        assert_eq!((pair.estimate, pair.test.unwrap().p_value), (Some(-1.0), Some(1.0)));
        let line = pearson(&[1.0, 2.0, 3.0, 4.0], &[3.0, 5.0, 7.0, 9.0], two, 0.95);
        assert!(line.estimate == Some(1.0) && line.test.unwrap().p_value.unwrap() > 0.0);
    }

    proptest! {
        #[test]
        fn scale_and_shift_make_no_difference(
            rows in prop::collection::vec((-9.0f64..9.0, -9.0f64..9.0), 4..30), scale in 0.01f64..100.0, shift in -9.0f64..9.0
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
            let there = pearson(&a, &b, Alternative::TwoSided, 0.95);
            let moved: Vec<f64> = a.iter().map(|x| x * -scale + shift).collect();
            let back = pearson(&moved, &b, Alternative::TwoSided, 0.95);
            prop_assert!((there.estimate.unwrap() + back.estimate.unwrap()).abs() < 1e-9);
            prop_assert!(there.lower <= there.estimate && there.estimate <= there.upper);
        }
    }
}
