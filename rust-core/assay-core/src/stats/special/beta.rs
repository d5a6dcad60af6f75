//! Quantiles of the beta distribution.

use libm::{log, sqrt};

use super::{beta_parts, binomial_density};

/// The x with P(X <= x) = `p` of the beta distribution; NaN for a `p` outside 0 to 1 or parameters that are not positive.
pub fn beta_ppf(p: f64, a: f64, b: f64) -> f64 {
    quantile(p, 1.0 - p, a, b).0
}

/// The x with P(X > x) = `p` of the beta distribution; NaN for a `p` outside 0 to 1 or parameters that are not positive.
pub fn beta_isf(p: f64, a: f64, b: f64) -> f64 {
    quantile(1.0 - p, p, a, b).0
}

/// x and 1 - x for the x with the lower tail `p` and the upper tail `q`, each of which may be tiny.
fn quantile(p: f64, q: f64, a: f64, b: f64) -> (f64, f64) {
    if !((0.0..=1.0).contains(&p) && (0.0..=1.0).contains(&q) && a > 0.0 && b > 0.0) {
        return (f64::NAN, f64::NAN);
    }
    if p == 0.0 {
        return (0.0, 1.0);
    }
    if q == 0.0 {
        return (1.0, 0.0);
    }
    let mean = a / (a + b);
    if p <= beta_parts(a, b, mean, 1.0 - mean).0 {
        let x = from_below(p, a, b);
        (x, 1.0 - x)
    } else {
        let y = from_below(q, b, a);
        (1.0 - y, y)
    }
}

/// Newton's method on the logarithms of x and of its tail, in which the tail is nearly straight, kept inside a bracket.
fn from_below(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = a / (a + b);
    for _ in 0..400 {
        let (tail, _) = beta_parts(a, b, x, 1.0 - x);
        if tail > p {
            high = x;
        } else {
            low = x;
        }
        // x times the density.
        let slope = binomial_density(a, b, x, 1.0 - x) * a * b / (a + b) / (1.0 - x);
        let mut next = x * libm::exp(log(p / tail) * tail / slope);
        if !(next > low && next < high) {
            next = if low == 0.0 { high * 1e-3 } else { sqrt(low) * sqrt(high) };
        }
        if (next - x).abs() <= 1e-15 * x || next == 0.0 {
            return next;
        }
        x = next;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::special::beta_cdf;

    #[test]
    fn quantiles_invert_the_distribution() {
        for (a, b) in [(0.5, 0.5), (1.0, 30.0), (98.0, 4.0), (0.01, 3.0), (1e5, 2e5), (3.0, 1e6), (1e6, 0.5)] {
            for p in [1e-12, 0.001, 0.025, 0.5, 0.9, 0.975, 0.999999] {
                let x = beta_ppf(p, a, b);
                if x > 1e-300 && x < 1.0 - 1e-12 {
                    let found = beta_cdf(x, a, b);
                    assert!((found / p - 1.0).abs() < 1e-8, "{p} {a} {b}: {x} {found}");
                }
                assert!((beta_isf(p, a, b) - (1.0 - beta_ppf(p, b, a))).abs() < 1e-13);
            }
        }
        assert_eq!((beta_ppf(0.0, 2.0, 3.0), beta_ppf(1.0, 2.0, 3.0)), (0.0, 1.0));
        assert!(beta_ppf(1.1, 2.0, 3.0).is_nan() && beta_ppf(0.5, 0.0, 3.0).is_nan());
    }
}
