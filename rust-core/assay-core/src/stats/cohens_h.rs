//! Cohen's h: the difference of two proportions on the scale of their arcsine.

use libm::{asin, sqrt};

use super::Outcome;
use super::special::norm_isf;

/// 2 asin(sqrt(p1)) - 2 asin(sqrt(p2)); NaN where a proportion is not between 0 and 1.
///
/// Source: statsmodels 0.15 `proportion_effectsize`.
pub fn cohens_h(p1: f64, p2: f64) -> f64 {
    2.0 * asin(sqrt(p1)) - 2.0 * asin(sqrt(p2))
}

/// Cohen's h of two independent proportions with its normal interval, whose standard error is sqrt(1/n1 + 1/n2).
pub fn cohens_h_ci(k1: u64, n1: u64, k2: u64, n2: u64, level: f64) -> Outcome {
    let outcome = Outcome { n: n1.saturating_add(n2), level, method: Some("normal"), ..Outcome::default() };
    if n1 == 0 || n2 == 0 {
        return outcome.because("one side has no values");
    }
    if k1 > n1 || k2 > n2 {
        return outcome.because("there are more successes than trials");
    }
    let (n1, n2) = (n1 as f64, n2 as f64);
    let (h, half) = parts(k1 as f64 / n1, n1, k2 as f64 / n2, n2, level);
    outcome.estimate(h).std_error(sqrt(1.0 / n1 + 1.0 / n2)).bounds((h - half, h + half))
}

pub(crate) fn parts(p1: f64, n1: f64, p2: f64, n2: f64, level: f64) -> (f64, f64) {
    (cohens_h(p1, p2), norm_isf((1.0 - level) / 2.0) * sqrt(1.0 / n1 + 1.0 / n2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_mirror() {
        assert_eq!(cohens_h(0.5, 0.5), 0.0);
        assert_eq!(cohens_h(1.0, 0.0), std::f64::consts::PI);
        assert_eq!(cohens_h(0.3, 0.8), -cohens_h(0.8, 0.3));
        let outcome = cohens_h_ci(3, 10, 8, 10, 0.95);
        assert!(outcome.lower < outcome.estimate && outcome.estimate < outcome.upper);
        assert!(cohens_h_ci(0, 0, 1, 2, 0.95).reason.is_some());
    }
}
