//! The ratio of two sums.

use libm::sqrt;

use super::Outcome;
use super::common::{sum, unusable_pairs};
use super::student_t;

/// sum(a) / sum(b) over rows, such as cost per answer, with a t interval by the delta method.
///
/// The standard error is sqrt(n / (n - 1) sum((a - r b)^2)) / |sum(b)|. A sum of 0 below, fewer than two rows or no spread
/// leave fields empty, with a reason.
///
/// Source: W. G. Cochran, "Sampling techniques" (1977), 6.3.
pub fn ratio_ci(a: &[f64], b: &[f64], level: f64) -> Outcome {
    let outcome = Outcome::new("delta", level, a.len());
    if let Some(reason) = unusable_pairs(a, b) {
        return outcome.because(reason);
    }
    let (above, below) = (sum(a.iter().copied()), sum(b.iter().copied()));
    if below == 0.0 {
        return outcome.because("the second column sums to 0");
    }
    let ratio = above / below;
    if !ratio.is_finite() {
        return outcome.because("the values are too large to be summed");
    }
    let n = a.len() as f64;
    let outcome = outcome.estimate(ratio);
    if a.len() < 2 {
        return outcome.because("one row has no spread");
    }
    let residual = |a: f64, b: f64| a - ratio * b;
    let squares = sum(a.iter().zip(b).map(|(&a, &b)| residual(a, b) * residual(a, b)));
    let std_error = sqrt(n / (n - 1.0) * squares) / below.abs();
    let largest = a.iter().fold(0.0f64, |largest, a| largest.max(a.abs()));
    if std_error * below.abs() <= 4.0 * f64::EPSILON * largest {
        return outcome.std_error(0.0).because("all rows have the same ratio");
    }
    outcome.std_error(std_error).bounds(student_t::interval(ratio, std_error, a.len() as u64, level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::common::Spread;

    #[test]
    fn over_ones_it_is_the_mean() {
        let a = [1.0, 4.0, 2.0, 8.0];
        let outcome = ratio_ci(&a, &[1.0; 4], 0.95);
        assert_eq!(outcome.estimate, Some(3.75));
        assert!((outcome.std_error.unwrap() / Spread::new(&a).std_error() - 1.0).abs() < 1e-14);
        assert!(ratio_ci(&a, &[0.0; 4], 0.95).reason.is_some());
        assert!(ratio_ci(&[0.3, 0.6], &[0.1, 0.2], 0.95).reason.is_some());
        assert!(ratio_ci(&[1.0], &[1.0], 0.95).reason.is_some());
    }
}
