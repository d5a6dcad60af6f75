//! Intervals of a proportion.

use libm::sqrt;

use super::common::Alternative;
use super::special::{beta_isf, beta_ppf, norm_isf};
use super::{Outcome, wilson};

/// How the interval of a proportion is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProportionMethod {
    /// The score interval: the default.
    Wilson,
    /// The score interval with continuity correction.
    WilsonCorrected,
    /// Inverts the exact binomial test; covers at least `level` always.
    ClopperPearson,
    /// The normal interval around a shrunken proportion.
    AgrestiCoull,
    /// Quantiles of the posterior under Jeffreys' prior.
    Jeffreys,
    /// The normal interval (Wald); covers too little for small n and near 0 and 1.
    Normal,
}

impl ProportionMethod {
    /// The name as SQL shows it.
    pub fn name(self) -> &'static str {
        match self {
            ProportionMethod::Wilson => "wilson",
            ProportionMethod::WilsonCorrected => "wilson_cc",
            ProportionMethod::ClopperPearson => "clopper_pearson",
            ProportionMethod::AgrestiCoull => "agresti_coull",
            ProportionMethod::Jeffreys => "jeffreys",
            ProportionMethod::Normal => "normal",
        }
    }
}

/// The interval of `successes` out of `n` at confidence `level`, always inside 0 to 1; NaN where `n` is 0.
///
/// Source: statsmodels 0.15 `proportion_confint`, scipy 1.17 `binomtest(...).proportion_ci` for `wilson_cc`.
///
/// ```
/// use assay_core::stats::proportion::{ProportionMethod, interval};
/// let (lower, upper) = interval(8, 10, ProportionMethod::ClopperPearson, 0.95);
/// assert!((lower - 0.443905).abs() < 1e-6 && (upper - 0.974789).abs() < 1e-6);
/// ```
pub fn interval(successes: u64, n: u64, method: ProportionMethod, level: f64) -> (f64, f64) {
    if n == 0 || successes > n {
        return (f64::NAN, f64::NAN);
    }
    let (k, total) = (successes as f64, n as f64);
    let (p, q) = (k / total, (n - successes) as f64 / total);
    let tail = (1.0 - level) / 2.0;
    let z = norm_isf(tail);
    let around = |center: f64, half: f64| ((center - half).clamp(0.0, 1.0), (center + half).clamp(0.0, 1.0));
    match method {
        ProportionMethod::Wilson => wilson::interval(successes, n, level),
        ProportionMethod::WilsonCorrected => {
            let denominator = 2.0 * (total + z * z);
            let center = (2.0 * total * p + z * z) / denominator;
            let half = |sign: f64| {
                let root = z * z - sign * 2.0 - 1.0 / total + 4.0 * p * (total * q + sign);
                (1.0 + z * sqrt(root.max(0.0))) / denominator
            };
            let lower = if successes == 0 { 0.0 } else { center - half(1.0) };
            let upper = if successes == n { 1.0 } else { center + half(-1.0) };
            (lower.max(0.0), upper.min(1.0))
        }
        ProportionMethod::ClopperPearson => clopper_pearson(successes, n, tail),
        ProportionMethod::AgrestiCoull => {
            let more = total + z * z;
            let center = (k + z * z / 2.0) / more;
            around(center, z * sqrt(center * (1.0 - center) / more))
        }
        ProportionMethod::Jeffreys => {
            let (a, b) = (k + 0.5, total - k + 0.5);
            (beta_ppf(tail, a, b), beta_isf(tail, a, b))
        }
        ProportionMethod::Normal => around(p, z * sqrt(p * q / total)),
    }
}

/// The exact bounds that leave out `tail` on each side.
pub(crate) fn clopper_pearson(successes: u64, n: u64, tail: f64) -> (f64, f64) {
    let (k, rest) = (successes as f64, (n - successes) as f64);
    let lower = if successes == 0 { 0.0 } else { beta_ppf(tail, k, rest + 1.0) };
    let upper = if successes == n { 1.0 } else { beta_isf(tail, k + 1.0, rest) };
    (lower, upper)
}

/// [`clopper_pearson`] for the alternative of a test.
pub(crate) fn exact_bounds(successes: u64, n: u64, alternative: Alternative, level: f64) -> (f64, f64) {
    let (lower, upper) = clopper_pearson(successes, n, alternative.tail(level));
    alternative.open(lower, upper, 0.0, 1.0)
}

/// The share of `successes` out of `n` with its interval.
///
/// No trials: everything is empty. The normal interval of 0 or n successes has no width and is left out, with a reason.
pub fn proportion(successes: u64, n: u64, method: ProportionMethod, level: f64) -> Outcome {
    let outcome = Outcome { n, level, method: Some(method.name()), ..Outcome::default() };
    if n == 0 {
        return outcome.because("there are no values");
    }
    if successes > n {
        return outcome.because("there are more successes than trials");
    }
    let p = successes as f64 / n as f64;
    let outcome = outcome.estimate(p).std_error(sqrt(p * (1.0 - p) / n as f64));
    if method == ProportionMethod::Normal && (successes == 0 || successes == n) {
        return outcome.because("all values are equal");
    }
    outcome.bounds(interval(successes, n, method, level))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [ProportionMethod; 6] = [
        ProportionMethod::Wilson,
        ProportionMethod::WilsonCorrected,
        ProportionMethod::ClopperPearson,
        ProportionMethod::AgrestiCoull,
        ProportionMethod::Jeffreys,
        ProportionMethod::Normal,
    ];

    #[test]
    fn intervals_hold_the_estimate_and_mirror() {
        for method in METHODS {
            for n in [1, 2, 9, 1000, 100_000] {
                for k in [0, 1, n / 3, n - 1, n] {
                    let (lower, upper) = interval(k, n, method, 0.95);
                    let p = k as f64 / n as f64;
                    // Jeffreys' interval shrinks towards 1/2 and does not reach the ends.
                    if method != ProportionMethod::Jeffreys {
                        assert!((0.0..=p).contains(&lower) && (p..=1.0).contains(&upper), "{method:?} {k} {n}");
                    }
                    let (mirrored_lower, mirrored_upper) = interval(n - k, n, method, 0.95);
                    let apart = (lower + mirrored_upper - 1.0).abs().max((upper + mirrored_lower - 1.0).abs());
                    assert!(apart < 1e-12, "{method:?} {k} {n}: {apart}");
                }
            }
        }
    }

    #[test]
    fn nothing_to_say_is_said() {
        assert!(proportion(0, 0, ProportionMethod::Wilson, 0.95).reason.is_some());
        let all = proportion(3, 3, ProportionMethod::Normal, 0.95);
        assert!(all.lower.is_none() && all.estimate == Some(1.0) && all.reason.is_some());
    }
}
