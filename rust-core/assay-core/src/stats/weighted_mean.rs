//! The mean of values with weights.

use libm::sqrt;

use super::Outcome;
use super::common::{sum, unusable_pairs};
use super::student_t;

/// sum(w x) / sum(w) with a t interval.
///
/// The standard error is that of a ratio of sums, sqrt(n / (n - 1) sum(w^2 (x - mean)^2)) / sum(w): right for sampling
/// weights of any scale, and s / sqrt(n) for equal ones. Rows of weight 0 do not count. A negative weight, no weight, fewer
/// than two values or no spread leave fields empty, with a reason.
///
/// Source: W. G. Cochran, "Sampling techniques" (1977), 6.3.
pub fn weighted_mean_ci(x: &[f64], weights: &[f64], level: f64) -> Outcome {
    let rows: (Vec<f64>, Vec<f64>) = x.iter().zip(weights).filter(|(_, w)| **w != 0.0).unzip();
    let outcome = Outcome::new("t", level, rows.0.len());
    if x.len() != weights.len() {
        return outcome.because("there are not as many weights as values");
    }
    let (x, weights) = (&rows.0, &rows.1);
    if let Some(reason) = unusable_pairs(x, weights) {
        return outcome.because(reason);
    }
    if weights.iter().any(|w| *w < 0.0) {
        return outcome.because("a weight is negative");
    }
    // The scale of the weights has no influence, and must not overflow.
    let largest = weights.iter().fold(0.0f64, |largest, w| largest.max(*w));
    let weights: Vec<f64> = weights.iter().map(|w| w / largest).collect();
    let total = sum(weights.iter().copied());
    let mean = sum(x.iter().zip(&weights).map(|(x, w)| w * x)) / total;
    if !mean.is_finite() {
        return outcome.because("the values are too large to be summed");
    }
    let n = x.len() as f64;
    let outcome = outcome.estimate(mean);
    if x.len() < 2 {
        return outcome.because("one value has no spread");
    }
    if x.iter().all(|value| *value == x[0]) {
        return outcome.estimate(x[0]).std_error(0.0).because("all values are equal");
    }
    let squares = sum(x.iter().zip(&weights).map(|(x, w)| (w * (x - mean)) * (w * (x - mean))));
    let std_error = sqrt(n / (n - 1.0) * squares) / total;
    outcome.std_error(std_error).bounds(student_t::interval(mean, std_error, x.len() as u64, level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::common::Spread;

    #[test]
    fn equal_weights_are_no_weights() {
        let x = [1.0, 4.0, 2.0, 8.0];
        let spread = Spread::new(&x);
        for weight in [1.0, 1e-300, 3.7e300] {
            let outcome = weighted_mean_ci(&x, &[weight; 4], 0.95);
            assert!((outcome.estimate.unwrap() / spread.mean - 1.0).abs() < 1e-15);
            assert!((outcome.std_error.unwrap() / spread.std_error() - 1.0).abs() < 1e-14);
        }
        assert_eq!(weighted_mean_ci(&[1.0, 2.0, 9.0], &[1.0, 1.0, 0.0], 0.95).estimate, Some(1.5));
    }

    #[test]
    fn reasons() {
        for (x, w) in [(&[1.0, 2.0][..], &[1.0, -1.0][..]), (&[1.0], &[0.0]), (&[1.0], &[1.0]), (&[2.0; 3], &[1.0; 3])]
        {
            assert!(weighted_mean_ci(x, w, 0.95).reason.is_some());
        }
        assert!(weighted_mean_ci(&[1.0, 2.0], &[1.0], 0.95).reason.is_some());
    }
}
