//! Power, sample size and smallest detectable effect.
//!
//! Every function gives NaN where its arguments make no sense, and where no sample is large enough.

use libm::sqrt;

use super::common::Alternative;
use super::roots::root;
use super::special::{nct_cdf, nct_sf, norm_isf, norm_sf, t_isf};

/// The largest sample that is looked for.
const MAX_N: f64 = 1e15;

/// The power of a paired t test of `n` pairs for the effect `d_z`, the mean difference over its standard deviation.
///
/// Source: statsmodels 0.15 `TTestPower`.
pub fn power_paired_t(d_z: f64, n: f64, alpha: f64, alternative: Alternative) -> f64 {
    if !(n > 1.0 && alpha > 0.0 && alpha < 1.0) {
        return f64::NAN;
    }
    t_power(d_z * sqrt(n), n - 1.0, alpha, alternative)
}

/// The power of a two-sample t test with equal variances, for the effect `d`; the second sample has `ratio` times `n1`
/// values.
///
/// Source: statsmodels 0.15 `TTestIndPower`.
pub fn power_independent_t(d: f64, n1: f64, ratio: f64, alpha: f64, alternative: Alternative) -> f64 {
    let df = n1 - 1.0 + n1 * ratio - 1.0;
    if !(df > 0.0 && ratio > 0.0 && n1 > 0.0 && alpha > 0.0 && alpha < 1.0) {
        return f64::NAN;
    }
    t_power(d * sqrt(1.0 / (1.0 / n1 + 1.0 / (n1 * ratio))), df, alpha, alternative)
}

fn t_power(noncentrality: f64, df: f64, alpha: f64, alternative: Alternative) -> f64 {
    let critical = t_isf(alternative.tail(1.0 - alpha), df);
    let greater = || nct_sf(critical, df, noncentrality);
    let less = || nct_cdf(-critical, df, noncentrality);
    match alternative {
        Alternative::TwoSided => greater() + less(),
        Alternative::Less => less(),
        Alternative::Greater => greater(),
    }
}

/// The power of the normal test of two independent proportions, for Cohen's `h`.
///
/// Source: statsmodels 0.15 `NormalIndPower`.
pub fn power_two_proportions_h(h: f64, n1: f64, ratio: f64, alpha: f64, alternative: Alternative) -> f64 {
    if !(ratio > 0.0 && n1 > 0.0 && alpha > 0.0 && alpha < 1.0) {
        return f64::NAN;
    }
    let shift = h * sqrt(1.0 / (1.0 / n1 + 1.0 / (n1 * ratio)));
    normal_power(shift, 1.0, norm_isf(alternative.tail(1.0 - alpha)), alternative)
}

fn normal_power(shift: f64, stretch: f64, critical: f64, alternative: Alternative) -> f64 {
    let greater = norm_sf(critical * stretch - shift);
    let less = norm_sf(critical * stretch + shift);
    match alternative {
        Alternative::TwoSided => greater + less,
        Alternative::Less => less,
        Alternative::Greater => greater,
    }
}

/// The power of the normal test of two independent proportions that are `p1` and `p2`, with pooled variance in the test and
/// each one's own in the truth.
///
/// Source: statsmodels 0.15 `power_proportions_2indep`.
pub fn power_two_proportions(p1: f64, p2: f64, n1: f64, ratio: f64, alpha: f64, alternative: Alternative) -> f64 {
    let valid = (0.0..=1.0).contains(&p1) && (0.0..=1.0).contains(&p2) && n1 > 0.0 && ratio > 0.0;
    if !(valid && alpha > 0.0 && alpha < 1.0) {
        return f64::NAN;
    }
    let pooled = (p1 + p2 * ratio) / (1.0 + ratio);
    let null = sqrt(pooled * (1.0 - pooled) * (1.0 + 1.0 / ratio));
    let truth = sqrt(p1 * (1.0 - p1) + p2 * (1.0 - p2) / ratio);
    let shift = (p1 - p2) * sqrt(n1) / truth;
    normal_power(shift, null / truth, norm_isf(alternative.tail(1.0 - alpha)), alternative)
}

/// The power of McNemar's test (asymptotic) of `n` pairs of which a share `first_only` and a share `second_only` differ.
///
/// Source: R. J. Connor, "Sample size for testing differences in proportions for the paired-sample design" (1987).
pub fn power_mcnemar(first_only: f64, second_only: f64, n: f64, alpha: f64, alternative: Alternative) -> f64 {
    let (discordant, difference) = (first_only + second_only, first_only - second_only);
    let valid = first_only >= 0.0 && second_only >= 0.0 && discordant <= 1.0 && n > 0.0;
    if !(valid && alpha > 0.0 && alpha < 1.0) {
        return f64::NAN;
    }
    let truth = sqrt(discordant - difference * difference);
    let shift = difference * sqrt(n) / truth;
    normal_power(shift, sqrt(discordant) / truth, norm_isf(alternative.tail(1.0 - alpha)), alternative)
}

/// How many pairs [`power_paired_t`] needs, not rounded; at least 2.
pub fn sample_size_paired_t(d_z: f64, power: f64, alpha: f64, alternative: Alternative) -> f64 {
    smallest(2.0, power, |n| power_paired_t(d_z, n, alpha, alternative))
}

/// How many values the first sample of [`power_independent_t`] needs, not rounded.
pub fn sample_size_independent_t(d: f64, power: f64, ratio: f64, alpha: f64, alternative: Alternative) -> f64 {
    let least = (2.0 + 1e-6) / (1.0 + ratio);
    smallest(least.max(2.0), power, |n| power_independent_t(d, n, ratio, alpha, alternative))
}

/// How many values the first sample of [`power_two_proportions_h`] needs, not rounded.
pub fn sample_size_two_proportions_h(h: f64, power: f64, ratio: f64, alpha: f64, alternative: Alternative) -> f64 {
    smallest(1e-3, power, |n| power_two_proportions_h(h, n, ratio, alpha, alternative))
}

/// How many values the first sample of [`power_two_proportions`] needs, not rounded.
pub fn sample_size_two_proportions(
    p1: f64,
    p2: f64,
    power: f64,
    ratio: f64,
    alpha: f64,
    alternative: Alternative,
) -> f64 {
    smallest(1e-3, power, |n| power_two_proportions(p1, p2, n, ratio, alpha, alternative))
}

/// How many pairs [`power_mcnemar`] needs, not rounded.
pub fn sample_size_mcnemar(first_only: f64, second_only: f64, power: f64, alpha: f64, alternative: Alternative) -> f64 {
    smallest(1e-3, power, |n| power_mcnemar(first_only, second_only, n, alpha, alternative))
}

/// The least n with at least this power, which grows with n.
fn smallest(least: f64, power: f64, power_of: impl Fn(f64) -> f64) -> f64 {
    if !(power > 0.0 && power < 1.0) || power_of(least).is_nan() {
        return f64::NAN;
    }
    let mut high = least;
    while power_of(high) < power {
        high *= 4.0;
        if high > MAX_N {
            return f64::NAN;
        }
    }
    root((high / 4.0).max(least), high, 0.0, |n| power_of(n) - power)
}

/// The smallest effect d_z, greater than 0, or less than 0 for the alternative `Less`, that [`power_paired_t`] detects.
pub fn mde_paired_t(n: f64, power: f64, alpha: f64, alternative: Alternative) -> f64 {
    detectable(power, alternative, |d| power_paired_t(d, n, alpha, alternative))
}

/// The smallest effect d that [`power_independent_t`] detects; its sign as for [`mde_paired_t`].
pub fn mde_independent_t(n1: f64, power: f64, ratio: f64, alpha: f64, alternative: Alternative) -> f64 {
    detectable(power, alternative, |d| power_independent_t(d, n1, ratio, alpha, alternative))
}

/// The smallest h that [`power_two_proportions_h`] detects; its sign as for [`mde_paired_t`]. More than pi cannot be.
///
/// Where statsmodels 0.15 `NormalIndPower.solve_power` stops, which is within 1e-5 of the root.
pub fn mde_two_proportions_h(n1: f64, power: f64, ratio: f64, alpha: f64, alternative: Alternative) -> f64 {
    let low = if alternative == Alternative::TwoSided { 1e-8 } else { -1.0 };
    search(low, 1e-5, power, alternative, |h| power_two_proportions_h(h, n1, ratio, alpha, alternative))
}

fn detectable(power: f64, alternative: Alternative, power_of: impl Fn(f64) -> f64) -> f64 {
    search(0.0, 0.0, power, alternative, power_of)
}

/// The effect with this power, from `low` on, for the alternative `Less` with the other sign.
fn search(low: f64, tolerance: f64, power: f64, alternative: Alternative, power_of: impl Fn(f64) -> f64) -> f64 {
    let sign = if alternative == Alternative::Less { -1.0 } else { 1.0 };
    if !(power > 0.0 && power < 1.0) || power_of(0.0).is_nan() {
        return f64::NAN;
    }
    if power_of(0.0) >= power {
        return 0.0;
    }
    let (mut low, mut high) = (low, 1.0);
    while power_of(sign * high) < power {
        low = high;
        high *= 10.0;
        if high > 1e9 {
            return f64::NAN;
        }
    }
    sign * root(low, high, tolerance, |effect| power_of(sign * effect) - power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_effects_invert_power() {
        for alternative in [Alternative::TwoSided, Alternative::Greater] {
            for power in [0.5, 0.8, 0.99] {
                let n = sample_size_paired_t(0.3, power, 0.05, alternative);
                assert!((power_paired_t(0.3, n, 0.05, alternative) - power).abs() < 1e-10);
                let n = sample_size_independent_t(0.4, power, 1.5, 0.05, alternative);
                assert!((power_independent_t(0.4, n, 1.5, 0.05, alternative) - power).abs() < 1e-10);
                let n = sample_size_two_proportions(0.8, 0.7, power, 1.0, 0.05, alternative);
                assert!((power_two_proportions(0.8, 0.7, n, 1.0, 0.05, alternative) - power).abs() < 1e-10);
                let n = sample_size_mcnemar(0.15, 0.05, power, 0.05, alternative);
                assert!((power_mcnemar(0.15, 0.05, n, 0.05, alternative) - power).abs() < 1e-10);
                let d = mde_paired_t(20.0, power, 0.05, alternative);
                assert!((power_paired_t(d, 20.0, 0.05, alternative) - power).abs() < 1e-10);
                let h = mde_two_proportions_h(20.0, power, 2.0, 0.05, alternative);
                assert!((power_two_proportions_h(h, 20.0, 2.0, 0.05, alternative) - power).abs() < 1e-5);
            }
        }
        assert!(mde_independent_t(20.0, 0.8, 1.0, 0.05, Alternative::Less) < 0.0);
    }

    #[test]
    fn what_cannot_be_is_nan() {
        let two = Alternative::TwoSided;
        assert!(sample_size_paired_t(0.0, 0.8, 0.05, two).is_nan());
        assert!(sample_size_paired_t(-0.3, 0.8, 0.05, Alternative::Greater).is_nan());
        assert!(power_paired_t(0.3, 1.0, 0.05, two).is_nan() && power_paired_t(0.3, 9.0, 0.0, two).is_nan());
        assert!(power_two_proportions(1.2, 0.5, 9.0, 1.0, 0.05, two).is_nan());
        assert!(mde_paired_t(1.0, 0.8, 0.05, two).is_nan());
    }
}
