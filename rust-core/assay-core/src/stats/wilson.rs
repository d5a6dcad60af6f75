//! The Wilson interval of a proportion.

use libm::sqrt;

use super::special::norm_ppf;

/// The score interval of `successes` out of `n`, without continuity correction, at confidence `level`.
///
/// Defined for every `n` from 1 on and never outside 0 to 1. Source: E. B. Wilson (1927); the same numbers as
/// statsmodels `proportion_confint(method="wilson")`.
///
/// ```
/// let (lower, upper) = assay_core::stats::wilson::interval(8, 10, 0.95);
/// assert!((lower - 0.490162).abs() < 1e-6 && (upper - 0.943318).abs() < 1e-6);
/// ```
pub fn interval(successes: u64, n: u64, level: f64) -> (f64, f64) {
    let z = norm_ppf((1.0 + level) / 2.0);
    let total = n as f64;
    let p = successes as f64 / total;
    let denominator = 1.0 + z * z / total;
    let center = (p + z * z / (2.0 * total)) / denominator;
    let half = z / denominator * sqrt(p * (1.0 - p) / total + z * z / (4.0 * total * total));
    // At the ends the formula gives 0 and 1 up to rounding.
    let lower = if successes == 0 { 0.0 } else { center - half };
    let upper = if successes == n { 1.0 } else { center + half };
    (lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_exact_and_the_sides_mirror() {
        assert_eq!(interval(0, 7, 0.95).0, 0.0);
        assert_eq!(interval(7, 7, 0.95).1, 1.0);
        for successes in 0..=9 {
            let (lower, upper) = interval(successes, 9, 0.9);
            let (mirrored_lower, mirrored_upper) = interval(9 - successes, 9, 0.9);
            assert!((lower - (1.0 - mirrored_upper)).abs() < 1e-15 && (upper - (1.0 - mirrored_lower)).abs() < 1e-15);
            let p = f64::from(successes as u32) / 9.0;
            assert!(lower <= p && p <= upper && lower < upper);
        }
    }
}
