//! Normal, Student's t, beta, binomial, chi-square, noncentral t and hypergeometric distributions.
//!
//! Written on `libm`, so that they give the same bits on every platform; checked against mpmath. `cdf` is P(X <= x), `sf`
//! P(X > x) with a small relative error of its own, `ppf` and `isf` are their inverses.

mod beta;
mod gamma;
pub mod hypergeometric;
mod noncentral_t;

pub use beta::{beta_isf, beta_ppf};
pub use gamma::{chi2_cdf, chi2_sf};
pub use noncentral_t::{nct_cdf, nct_noncentrality, nct_sf};

use std::f64::consts::{PI, SQRT_2};

use libm::{erfc, exp, lgamma, log, log1p, pow, sqrt};

/// P(Z <= x) of the standard normal distribution.
pub fn norm_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / SQRT_2)
}

/// P(Z > x) of the standard normal distribution.
pub fn norm_sf(x: f64) -> f64 {
    norm_cdf(-x)
}

/// The x with P(Z > x) = `p` of the standard normal distribution; NaN for a `p` outside 0 to 1.
pub fn norm_isf(p: f64) -> f64 {
    -norm_ppf(p)
}

/// The x with P(Z <= x) = `p` of the standard normal distribution; NaN for a `p` outside 0 to 1.
///
/// Source: M. J. Wichura, "Algorithm AS 241" (1988), PPND16.
pub fn norm_ppf(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(&CENTRAL_NUMERATOR, r) / polynomial(&CENTRAL_DENOMINATOR, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail.is_nan() || tail < 0.0 {
        return f64::NAN;
    }
    if tail == 0.0 {
        return f64::INFINITY.copysign(q);
    }
    let r = sqrt(-log(tail));
    let x = if r <= 5.0 {
        polynomial(&MIDDLE_NUMERATOR, r - 1.6) / polynomial(&MIDDLE_DENOMINATOR, r - 1.6)
    } else {
        polynomial(&FAR_NUMERATOR, r - 5.0) / polynomial(&FAR_DENOMINATOR, r - 5.0)
    };
    x.copysign(q)
}

/// P(|T| > |t|) of Student's t distribution with `df` degrees of freedom.
pub fn t_two_sided_p(t: f64, df: f64) -> f64 {
    let square = t * t;
    if square.is_infinite() {
        return 0.0;
    }
    if df.is_infinite() {
        return 2.0 * norm_cdf(-t.abs());
    }
    beta_parts(df / 2.0, 0.5, df / (df + square), square / (df + square)).0
}

/// P(T <= t) of Student's t distribution with `df` degrees of freedom.
pub fn t_cdf(t: f64, df: f64) -> f64 {
    let half = t_two_sided_p(t, df) / 2.0;
    if t <= 0.0 { half } else { 1.0 - half }
}

/// P(T > t) of Student's t distribution with `df` degrees of freedom.
pub fn t_sf(t: f64, df: f64) -> f64 {
    t_cdf(-t, df)
}

/// The t with P(T > t) = `p` of Student's t distribution with `df` degrees of freedom; NaN as for [`t_ppf`].
pub fn t_isf(p: f64, df: f64) -> f64 {
    -t_ppf(p, df)
}

/// The t with P(T <= t) = `p` of Student's t distribution with `df` degrees of freedom; NaN for a `p` outside 0 to 1
/// or a `df` that is not positive.
pub fn t_ppf(p: f64, df: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if p == 0.5 {
        return 0.0;
    }
    if p == 0.0 || p == 1.0 {
        return f64::INFINITY.copysign(p - 0.5);
    }
    if df.is_infinite() {
        return norm_ppf(p);
    }
    let two_tails = 2.0 * p.min(1.0 - p);
    t_of_tails(two_tails, df).copysign(p - 0.5)
}

/// The positive t with P(|T| > t) = `tails`: Newton's method on the logarithms of both, in which the tail is nearly
/// straight, kept inside a bracket.
fn t_of_tails(tails: f64, df: f64) -> f64 {
    let log_density = lgamma((df + 1.0) / 2.0) - lgamma(df / 2.0) - 0.5 * log(PI * df);
    let (mut low, mut high) = (0.0f64, f64::MAX);
    let mut t = -norm_ppf(tails / 2.0);
    for _ in 0..200 {
        let square = t * t;
        let (outside, inside) = beta_parts(df / 2.0, 0.5, df / (df + square), square / (df + square));
        let density = 2.0 * exp(log_density - (df + 1.0) / 2.0 * log1p(square / df));
        if outside > tails {
            low = t;
        } else {
            high = t;
        }
        // Near the middle the inside is the exact part, further out the tail.
        let mut next = if tails > 0.5 {
            t - (inside - (1.0 - tails)) / density
        } else {
            t * exp(log(outside / tails) * outside / (t * density))
        };
        if !(next > low && next < high) {
            next = match (low, high) {
                (low, f64::MAX) => 4.0 * low + 1.0,
                (0.0, high) => high / 4.0,
                (low, high) => sqrt(low) * sqrt(high),
            };
        }
        if (next - t).abs() <= 1e-15 * t.abs() {
            return next;
        }
        t = next;
    }
    t
}

/// The regularized incomplete beta function I_x(a, b): P(X <= x) of the beta distribution.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    beta_parts(a, b, x, 1.0 - x).0
}

/// P(X > x) of the beta distribution.
pub fn beta_sf(x: f64, a: f64, b: f64) -> f64 {
    beta_parts(a, b, x, 1.0 - x).1
}

/// P(X <= k) of the binomial distribution with `n` trials of probability `p`.
pub fn binom_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 1.0 } else { beta_parts((n - k) as f64, k as f64 + 1.0, 1.0 - p, p).0 }
}

/// P(X > k) of the binomial distribution with `n` trials of probability `p`.
pub fn binom_sf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 0.0 } else { beta_parts(k as f64 + 1.0, (n - k) as f64, p, 1.0 - p).0 }
}

/// P(X = k) of the binomial distribution with `n` trials of probability `p`.
pub fn binom_pmf(k: u64, n: u64, p: f64) -> f64 {
    if k > n { 0.0 } else { binomial_density(k as f64, (n - k) as f64, p, 1.0 - p) }
}

/// I_x(a, b) and 1 - I_x(a, b), both with small relative errors; `y` is 1 - x.
///
/// The continued fraction of DLMF 8.17.22 by Lentz's method, which needs of the order of sqrt(max(a, b)) steps.
fn beta_parts(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        let (upper, lower) = beta_parts_left(b, a, y, x);
        return (lower, upper);
    }
    beta_parts_left(a, b, x, y)
}

fn beta_parts_left(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    const TINY: f64 = 1e-300;
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0), TINY);
    let mut fraction = d;
    for m in 1..1_000_000 {
        let m = f64::from(m);
        for term in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / nonzero(1.0 + term * d, TINY);
            c = nonzero(1.0 + term / c, TINY);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    // x^a y^b / (a B(a, b)) in the form that does not cancel.
    let part = (fraction * binomial_density(a, b, x, y) * b / (a + b)).min(1.0);
    (part, 1.0 - part)
}

fn nonzero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// The binomial probability of `successes` and `failures`, for any positive numbers; `q` is 1 - p.
///
/// Source: C. Loader, "Fast and accurate computation of binomial probabilities" (2000).
fn binomial_density(successes: f64, failures: f64, p: f64, q: f64) -> f64 {
    let n = successes + failures;
    if successes == 0.0 {
        return pow(q, n);
    }
    if failures == 0.0 {
        return pow(p, n);
    }
    let exponent = stirling_error(n)
        - stirling_error(successes)
        - stirling_error(failures)
        - deviance(successes, n * p)
        - deviance(failures, n * q);
    exp(exponent) * sqrt(n / (2.0 * PI * successes * failures))
}

/// log(n!) less Stirling's formula for it.
pub(super) fn stirling_error(n: f64) -> f64 {
    if n <= 15.0 {
        return lgamma(n + 1.0) - (n + 0.5) * log(n) + n - 0.918_938_533_204_672_8;
    }
    let square = n * n;
    let series = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0];
    polynomial(&series, 1.0 / square) / n
}

/// x log(x / mean) + mean - x, without cancellation where x is near the mean.
fn deviance(x: f64, mean: f64) -> f64 {
    if (x - mean).abs() >= 0.1 * (x + mean) {
        return x * log(x / mean) + mean - x;
    }
    let v = (x - mean) / (x + mean);
    let mut sum = (x - mean) * v;
    let mut power = 2.0 * x * v;
    for j in 1..1000 {
        power *= v * v;
        let next = sum + power / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// The polynomial with these coefficients, constant first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

// All digits as published.
#[rustfmt::skip]
#[allow(clippy::excessive_precision)]
const CENTRAL_NUMERATOR: [f64; 8] = [
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
    4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
];
#[rustfmt::skip]
#[allow(clippy::excessive_precision)]
const CENTRAL_DENOMINATOR: [f64; 8] = [
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
    2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
];
#[rustfmt::skip]
#[allow(clippy::excessive_precision)]
const MIDDLE_NUMERATOR: [f64; 8] = [
    1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
    1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
];
#[rustfmt::skip]
#[allow(clippy::excessive_precision)]
const MIDDLE_DENOMINATOR: [f64; 8] = [
    1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
];
#[rustfmt::skip]
#[allow(clippy::excessive_precision)]
const FAR_NUMERATOR: [f64; 8] = [
    6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
    2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
];
#[rustfmt::skip]
#[allow(clippy::excessive_precision)]
const FAR_DENOMINATOR: [f64; 8] = [
    1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
];

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF, Normal, StudentsT};

    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        a == b || (a - b).abs() <= tolerance * b.abs().max(1e-300)
    }

    #[test]
    fn a_second_library_agrees() {
        let normal = Normal::new(0.0, 1.0).unwrap();
        for x in [-8.0, -3.0, -0.5, 0.0, 1.0, 2.5] {
            assert!(close(norm_cdf(x), normal.cdf(x), 1e-9), "{x}");
        }
        for df in [1.0, 2.0, 3.5, 10.0, 100.0] {
            let t = StudentsT::new(0.0, 1.0, df).unwrap();
            for x in [0.1, 0.7, 2.0, 5.0] {
                assert!(close(t_two_sided_p(x, df), 2.0 * t.cdf(-x), 1e-9), "{x} {df}");
            }
        }
        for (a, b) in [(0.5, 0.5), (2.0, 5.0), (30.0, 1.0), (200.0, 300.0)] {
            let beta = Beta::new(a, b).unwrap();
            for x in [0.01, 0.3, 0.4, 0.9] {
                assert!((beta_cdf(x, a, b) - beta.cdf(x)).abs() < 1e-10, "{x} {a} {b}");
            }
        }
        let binomial = Binomial::new(0.3, 50).unwrap();
        for k in 0..=50 {
            assert!(close(binom_cdf(k, 50, 0.3), binomial.cdf(k), 1e-9), "{k}");
        }
    }

    #[test]
    fn quantiles_invert_distributions() {
        for p in [1e-300, 1e-15, 1e-6, 0.01, 0.2, 0.4999999, 0.5, 0.6, 0.975, 0.999999] {
            assert!(close(norm_cdf(norm_ppf(p)), p, 1e-12), "{p}");
            for df in [0.3, 1.0, 2.0, 7.5, 30.0, 1e3, 1e6] {
                let t = t_ppf(p, df);
                let tails = t_two_sided_p(t, df);
                if t.is_finite() && p > 1e-100 {
                    assert!(close(tails, 2.0 * p.min(1.0 - p), 1e-10), "{p} {df}: {t} {tails}");
                }
            }
        }
        for p in [-0.1, 1.1, f64::NAN] {
            assert!(norm_ppf(p).is_nan() && t_ppf(p, 3.0).is_nan());
        }
        assert_eq!((norm_ppf(0.0), norm_ppf(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!((t_ppf(0.0, 2.0), t_ppf(1.0, 2.0), t_ppf(0.5, 2.0)), (f64::NEG_INFINITY, f64::INFINITY, 0.0));
    }

    #[test]
    fn binomial_probabilities_add_up() {
        for (n, p) in [(1, 0.3), (17, 0.01), (400, 0.5)] {
            let mut sum = 0.0;
            for k in 0..=n {
                sum += binom_pmf(k, n, p);
                assert!((binom_cdf(k, n, p) - sum).abs() < 1e-12, "{n} {p} {k}");
            }
        }
        let middle = binom_cdf(500_000_000, 1_000_000_000, 0.5);
        assert!((middle - 0.5 - 0.5 * binom_pmf(500_000_000, 1_000_000_000, 0.5)).abs() < 1e-10);
    }
}
