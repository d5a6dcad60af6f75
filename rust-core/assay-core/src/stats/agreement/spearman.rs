//! Spearman's rank correlation.

use super::pearson::{coefficient, with_test};
use crate::stats::common::{Alternative, unusable_pairs};
use crate::stats::ranks::midranks;
use crate::stats::{Outcome, TestOutcome};

/// Pearson's correlation of the ranks, equal values sharing theirs, with the t test of scipy and an interval by Fisher's
/// transformation with the variance (1 + rho^2 / 2) / (n - 3) (D. G. Bonett and T. A. Wright, 2000).
///
/// Fewer than three rows, NaN or constant values: no test but a reason.
///
/// Source: scipy 1.17 `spearmanr`.
pub fn spearman(a: &[f64], b: &[f64], alternative: Alternative, level: f64) -> Outcome {
    let outcome = Outcome::new("fisher_z", level, a.len()).test(TestOutcome::new(alternative));
    if let Some(reason) = unusable_pairs(a, b) {
        return outcome.because(reason);
    }
    if a.len() < 2 {
        return outcome.because("one row has no spread");
    }
    let Some(rho) = coefficient(&midranks(a).0, &midranks(b).0) else {
        return outcome.because("one column is constant");
    };
    if a.len() < 3 {
        return outcome.estimate(rho).because("two rows are too few for a test");
    }
    with_test(outcome, rho, 1.0 + rho * rho / 2.0, alternative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ranks_count() {
        let (a, b) = ([1.0, 5.0, 2.0, 9.0, 9.0], [0.0, 1.0, 4.0, 1.0, 8.0]);
        let cubes = a.map(|x: f64| x.powi(3));
        let two = Alternative::TwoSided;
        assert_eq!(spearman(&a, &b, two, 0.95), spearman(&cubes, &b, two, 0.95));
        assert!(spearman(&[1.0, 1.0], &[1.0, 2.0], two, 0.95).reason.is_some());
        assert!(spearman(&[1.0, 2.0], &[1.0, 2.0], two, 0.95).reason.is_some());
    }
}
