//! The difference of two independent proportions.

use libm::{acos, cos, sqrt};

use super::common::{Alternative, p_value};
use super::roots::root;
use super::special::{norm_isf, norm_sf};
use super::{Outcome, TestOutcome, wilson};

/// How the interval of the difference is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceMethod {
    /// Inverts the score test of Miettinen and Nurminen (1985): the default.
    MiettinenNurminen,
    /// What statsmodels 0.15 calls `score`: the same, but for one coefficient of the cubic equation, in which it has the
    /// successes of the second sample instead of its size, so that proportions below 0 come in. Not symmetric; to compare
    /// with statsmodels.
    Score,
    /// From two Wilson intervals (Newcombe 1998, method 10).
    Newcombe,
    /// The normal interval with one success and one failure added to each side (Agresti and Caffo 2000).
    AgrestiCaffo,
    /// The normal interval (Wald).
    Normal,
}

impl DifferenceMethod {
    /// The name as SQL shows it.
    pub fn name(self) -> &'static str {
        match self {
            DifferenceMethod::MiettinenNurminen => "miettinen_nurminen",
            DifferenceMethod::Score => "score",
            DifferenceMethod::Newcombe => "newcombe",
            DifferenceMethod::AgrestiCaffo => "agresti_caffo",
            DifferenceMethod::Normal => "normal",
        }
    }
}

/// The interval of k1/n1 - k2/n2 at confidence `level`; NaN where a side has no trials.
///
/// Source: statsmodels 0.15 `confint_proportions_2indep(compare="diff")`. Score bounds are searched up to -1 and 1, where
/// statsmodels stops earlier and fails for some tables.
pub fn interval(k1: u64, n1: u64, k2: u64, n2: u64, method: DifferenceMethod, level: f64) -> (f64, f64) {
    if n1 == 0 || n2 == 0 {
        return (f64::NAN, f64::NAN);
    }
    bounds(k1, n1, k2, n2, method, level, (1.0 - level) / 2.0)
}

fn bounds(k1: u64, n1: u64, k2: u64, n2: u64, method: DifferenceMethod, level: f64, tail: f64) -> (f64, f64) {
    let (p1, p2) = (k1 as f64 / n1 as f64, k2 as f64 / n2 as f64);
    let z = norm_isf(tail);
    let normal = |added: f64| {
        let (n1, n2) = (n1 as f64 + 2.0 * added, n2 as f64 + 2.0 * added);
        let (p1, p2) = ((k1 as f64 + added) / n1, (k2 as f64 + added) / n2);
        let half = z * sqrt(p1 * (1.0 - p1) / n1 + p2 * (1.0 - p2) / n2);
        (p1 - p2 - half, p1 - p2 + half)
    };
    match method {
        DifferenceMethod::Normal => normal(0.0),
        DifferenceMethod::AgrestiCaffo => normal(1.0),
        DifferenceMethod::Newcombe => {
            let (low1, high1) = wilson::interval(k1, n1, level);
            let (low2, high2) = wilson::interval(k2, n2, level);
            let lower = p1 - p2 - sqrt((p1 - low1) * (p1 - low1) + (high2 - p2) * (high2 - p2));
            let upper = p1 - p2 + sqrt((p2 - low2) * (p2 - low2) + (high1 - p1) * (high1 - p1));
            (lower, upper)
        }
        DifferenceMethod::MiettinenNurminen | DifferenceMethod::Score => {
            let difference = p1 - p2;
            let as_statsmodels = method == DifferenceMethod::Score;
            let statistic = |value: f64| score(k1, n1, k2, n2, as_statsmodels, value);
            let lower = root(-1.0, difference, 0.0, |value| z - statistic(value));
            let upper = root(difference, 1.0, 0.0, |value| -statistic(value) - z);
            (lower, upper)
        }
    }
}

/// The score statistic of the hypothesis that the difference is `value`, with variances under it times N / (N - 1).
fn score(k1: u64, n1: u64, k2: u64, n2: u64, as_statsmodels: bool, value: f64) -> f64 {
    let (k1, n1, k2, n2) = (k1 as f64, n1 as f64, k2 as f64, n2 as f64);
    let square = if as_statsmodels { k2 } else { n2 };
    let (n, k) = (n1 + n2, k1 + k2);
    let second = if value == 0.0 {
        k / n
    } else {
        // The likeliest second proportion is a root of a cubic.
        let c2 = (n1 + 2.0 * n2) * value - n - k;
        let c1 = (square * value - n - 2.0 * k2) * value + k;
        let c0 = k2 * value * (1.0 - value);
        let a = c2 / (3.0 * n);
        let q = a * a * a - c1 * c2 / (6.0 * n * n) + c0 / (2.0 * n);
        let p = sqrt((a * a - c1 / (3.0 * n)).max(0.0)).copysign(q);
        let angle = if p == 0.0 { 0.0 } else { (q / (p * p * p)).clamp(-1.0, 1.0) };
        2.0 * p * cos((std::f64::consts::PI + acos(angle)) / 3.0) - a
    };
    let low = (-value).max(0.0);
    let second = if as_statsmodels { second } else { second.clamp(low, (1.0 - value).min(1.0).max(low)) };
    let first = second + value;
    let variance = (first * (1.0 - first) / n1 + second * (1.0 - second) / n2) * n / (n - 1.0);
    let difference = k1 / n1 - k2 / n2 - value;
    if difference == 0.0 {
        return 0.0;
    }
    difference / sqrt(variance.max(0.0))
}

/// The difference of two independent proportions, first minus second, with a test that it is 0.
///
/// p-value and interval are those of the score test. Either side without trials: everything is empty. Where all or none of
/// both succeed, p is 1.
pub fn two_proportions(k1: u64, n1: u64, k2: u64, n2: u64, alternative: Alternative, level: f64) -> Outcome {
    let outcome = Outcome { n: n1.saturating_add(n2), level, method: Some("miettinen_nurminen"), ..Outcome::default() };
    if n1 == 0 || n2 == 0 {
        return outcome.because("one side has no values");
    }
    if k1 > n1 || k2 > n2 {
        return outcome.because("there are more successes than trials");
    }
    let (p1, p2) = (k1 as f64 / n1 as f64, k2 as f64 / n2 as f64);
    let z = score(k1, n1, k2, n2, false, 0.0);
    let (lower, upper) = bounds(k1, n1, k2, n2, DifferenceMethod::MiettinenNurminen, level, alternative.tail(level));
    let (effect, half) = super::cohens_h::parts(p1, n1 as f64, p2, n2 as f64, level);
    outcome
        .estimate(p1 - p2)
        .std_error(sqrt(p1 * (1.0 - p1) / n1 as f64 + p2 * (1.0 - p2) / n2 as f64))
        .bounds(alternative.open(lower, upper, -1.0, 1.0))
        .test(TestOutcome {
            statistic: Some(z),
            p_value: p_value(alternative.of_tails(norm_sf(-z), norm_sf(z))),
            ..TestOutcome::new(alternative).effect("cohens_h", effect, (effect - half, effect + half))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_and_interval_agree_and_sides_mirror() {
        for (k1, n1, k2, n2) in [(3, 10, 9, 12), (0, 10, 10, 10), (5, 5, 5, 5), (50, 100, 36, 90), (0, 7, 0, 9)] {
            let there = two_proportions(k1, n1, k2, n2, Alternative::TwoSided, 0.95);
            let back = two_proportions(k2, n2, k1, n1, Alternative::TwoSided, 0.95);
            let (lower, upper) = (there.lower.unwrap(), there.upper.unwrap());
            assert!((lower + back.upper.unwrap()).abs() < 1e-9, "{k1} {n1} {k2} {n2}: {lower} {:?}", back.upper);
            let p = there.test.unwrap().p_value.unwrap();
            assert_eq!(p < 0.05, !(lower..=upper).contains(&0.0), "{k1} {n1} {k2} {n2}: {p} {lower} {upper}");
        }
    }
}
