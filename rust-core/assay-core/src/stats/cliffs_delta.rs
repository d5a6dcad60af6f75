//! Cliff's delta: how much more often the first is greater than the second.

use libm::sqrt;

use super::Outcome;
use super::common::{Spread, sorted};
use super::special::norm_isf;

/// P(a > b) - P(a < b) over all pairs of two independent samples, from -1 to 1.
///
/// The interval is Cliff's, asymmetric so that it stays inside -1 and 1, with the consistent variance estimate; where one
/// sample lies wholly above the other there is none, with a reason. n log n. An empty side or a NaN: no estimate but a
/// reason.
///
/// Source: N. Cliff, "Ordinal methods for behavioral data analysis" (1996); the estimate is 2 U / (n m) - 1.
pub fn cliffs_delta(a: &[f64], b: &[f64], level: f64) -> Outcome {
    let outcome = Outcome::new("cliff", level, a.len() + b.len());
    if a.is_empty() || b.is_empty() {
        return outcome.because("there are no values");
    }
    if a.iter().chain(b).any(|value| value.is_nan()) {
        return outcome.because("a value is NaN");
    }
    let (rows, columns) = (dominance(a, b), dominance(b, a));
    let (n, m) = (a.len() as f64, b.len() as f64);
    // Whole numbers below 2^53, so this is exact.
    let total: f64 = rows.iter().sum();
    let delta = total / (n * m);
    let outcome = outcome.estimate(delta);
    if delta.abs() == 1.0 {
        return outcome.because("one sample lies wholly above the other");
    }
    if a.len() < 2 || b.len() < 2 {
        return outcome.because("one value has no spread");
    }
    let spread = |counts: &[f64], over: f64| {
        let s = Spread::new(counts);
        s.variance() / (over * over) * (s.n - 1.0)
    };
    // Sums of squares of row means, column means and single comparisons.
    let (of_rows, of_columns) = (spread(&rows, m), spread(&columns, n));
    let ties = n * m - unequal(a, b);
    let of_all = n * m - ties - n * m * delta * delta;
    let variance = (m * m * of_rows + n * n * of_columns - of_all) / (n * m * (n - 1.0) * (m - 1.0));
    let variance = variance.max((1.0 - delta * delta) / (n * m - 1.0));
    let z = norm_isf((1.0 - level) / 2.0);
    let square = 1.0 - delta * delta;
    let half = z * sqrt(variance) * sqrt(square * square + z * z * variance);
    let denominator = square + z * z * variance;
    let center = delta - delta * delta * delta;
    outcome.std_error(sqrt(variance)).bounds(((center - half) / denominator, (center + half) / denominator))
}

/// For each value of `a`, how many of `b` it is above less how many it is below.
fn dominance(a: &[f64], b: &[f64]) -> Vec<f64> {
    let b = sorted(b);
    a.iter()
        .map(|&x| {
            let below = b.partition_point(|&y| y < x);
            let not_above = b.partition_point(|&y| y <= x);
            below as f64 - (b.len() - not_above) as f64
        })
        .collect()
}

/// How many pairs are not equal.
fn unequal(a: &[f64], b: &[f64]) -> f64 {
    let b = sorted(b);
    a.iter().map(|&x| (b.len() - (b.partition_point(|&y| y <= x) - b.partition_point(|&y| y < x))) as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_are_defined() {
        assert_eq!(cliffs_delta(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], 0.95).estimate, Some(0.0));
        let apart = cliffs_delta(&[5.0, 6.0], &[1.0], 0.95);
        assert!(apart.estimate == Some(1.0) && apart.reason.is_some());
        assert!(cliffs_delta(&[], &[1.0], 0.95).reason.is_some());
        assert_eq!(cliffs_delta(&[0.0, -0.0], &[-0.0, 0.0], 0.95).estimate, Some(0.0));
    }

    proptest! {
        #[test]
        fn laws(a in prop::collection::vec(-5i32..5, 2..30), b in prop::collection::vec(-5i32..5, 2..30)) {
            let (a, b): (Vec<f64>, Vec<f64>) = (a.into_iter().map(f64::from).collect(), b.into_iter().map(f64::from).collect());
            let there = cliffs_delta(&a, &b, 0.95);
            let back = cliffs_delta(&b, &a, 0.95);
            let delta = there.estimate.unwrap();
            prop_assert_eq!(delta, -back.estimate.unwrap());
            if let (Some(lower), Some(upper)) = (there.lower, there.upper) {
                prop_assert!((lower + back.upper.unwrap()).abs() < 1e-12);
                prop_assert!(-1.0 <= lower && lower <= delta && delta <= upper && upper <= 1.0);
            }
        }
    }
}
