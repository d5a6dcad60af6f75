//! Standardized differences of means: Cohen's d and Hedges' g.

use libm::{exp, lgamma, sqrt};

use super::Outcome;
use super::common::{Spread, differences, unusable, unusable_pairs};
use super::special::{nct_noncentrality, t_isf};

/// What the mean difference of pairs is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairedVariant {
    /// The standard deviation of the differences.
    Dz,
    /// The root of the mean of the two variances (Cumming 2012), as pingouin does.
    Dav,
    /// The mean of the two standard deviations (Lakens 2013).
    DavMeanOfSds,
    /// d_z times sqrt(2 (1 - r)): as if the pairs were independent groups.
    Drm,
}

impl PairedVariant {
    /// The name as SQL shows it.
    pub fn name(self) -> &'static str {
        match self {
            PairedVariant::Dz => "d_z",
            PairedVariant::Dav => "d_av",
            PairedVariant::DavMeanOfSds => "d_av_mean_of_sds",
            PairedVariant::Drm => "d_rm",
        }
    }
}

/// How the interval of a standardized difference is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EffectInterval {
    /// Inverts the noncentral t distribution: exact for normal data. For pairs only d_z has it.
    #[default]
    NoncentralT,
    /// A t quantile times an approximate standard error, as pingouin `compute_esci`.
    TApprox,
}

/// How Hedges' g corrects the bias of Cohen's d.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HedgesCorrection {
    /// 1 - 3 / (4 N - 9) with N values altogether, as pingouin does.
    #[default]
    Approximate,
    /// By the gamma function.
    Exact,
}

/// The standardized difference, first minus second, of pairs.
///
/// `std_error` is sqrt(1/n + d^2 / (2 n)), as in pingouin. No spread, or fewer than two pairs: no estimate but a reason.
/// The noncentral t interval exists for d_z only; for the others it is left out, with a reason.
///
/// Source: pingouin 0.7 `compute_effsize`, `compute_esci`; statsmodels 0.15 `_noncentrality_t`.
pub fn cohens_d_paired(a: &[f64], b: &[f64], variant: PairedVariant, interval: EffectInterval, level: f64) -> Outcome {
    let outcome = Outcome::new(variant.name(), level, a.len());
    if let Some(reason) = unusable_pairs(a, b) {
        return outcome.because(reason);
    }
    if a.len() < 2 {
        return outcome.because("one pair has no spread");
    }
    let n = a.len() as f64;
    let d = Spread::new(&differences(a, b));
    let (first, second) = (Spread::new(a), Spread::new(b));
    let estimate = match variant {
        PairedVariant::Dz => d.mean / d.std,
        PairedVariant::Dav => d.mean / sqrt((first.variance() + second.variance()) / 2.0),
        PairedVariant::DavMeanOfSds => d.mean / ((first.std + second.std) / 2.0),
        PairedVariant::Drm => {
            // 2 (1 - r) s1 s2 without the cancellation of 1 - r.
            let apart = first.std - second.std;
            d.mean / d.std * sqrt((d.variance() - apart * apart) / (first.std * second.std))
        }
    };
    if d.std <= super::t_tests::rounding(a, b)
        && variant != PairedVariant::Dav
        && variant != PairedVariant::DavMeanOfSds
        || !estimate.is_finite()
    {
        return outcome.because("there is no spread to divide by");
    }
    let std_error = sqrt(1.0 / n + estimate * estimate / (2.0 * n));
    let outcome = outcome.estimate(estimate).std_error(std_error);
    match interval {
        EffectInterval::TApprox => {
            let half = t_isf((1.0 - level) / 2.0, n - 1.0) * std_error;
            outcome.bounds((estimate - half, estimate + half))
        }
        EffectInterval::NoncentralT if variant == PairedVariant::Dz => {
            let (lower, upper) = noncentral_interval(estimate * sqrt(n), n - 1.0, level);
            outcome.bounds((lower / sqrt(n), upper / sqrt(n)))
        }
        EffectInterval::NoncentralT => outcome.because("the noncentral t interval is for d_z only"),
    }
}

/// The standardized difference, first minus second, of independent samples, by the pooled standard deviation.
///
/// `std_error` is sqrt((n1 + n2)/(n1 n2) + d^2/(2 (n1 + n2))), as in pingouin. No spread, or fewer than two values on a
/// side: no estimate but a reason.
pub fn cohens_d_independent(a: &[f64], b: &[f64], interval: EffectInterval, level: f64) -> Outcome {
    let outcome = Outcome::new("d", level, a.len() + b.len());
    if let Some(reason) = unusable(a).or_else(|| unusable(b)) {
        return outcome.because(reason);
    }
    if a.len() < 2 || b.len() < 2 {
        return outcome.because("one value has no spread");
    }
    let (first, second) = (Spread::new(a), Spread::new(b));
    let df = first.n + second.n - 2.0;
    let pooled = sqrt(((first.n - 1.0) * first.variance() + (second.n - 1.0) * second.variance()) / df);
    let d = (first.mean - second.mean) / pooled;
    if pooled == 0.0 || !d.is_finite() {
        return outcome.because("there is no spread to divide by");
    }
    let factor = sqrt(1.0 / first.n + 1.0 / second.n);
    let std_error = sqrt(factor * factor + d * d / (2.0 * (first.n + second.n)));
    let outcome = outcome.estimate(d).std_error(std_error);
    match interval {
        EffectInterval::TApprox => {
            let half = t_isf((1.0 - level) / 2.0, df) * std_error;
            outcome.bounds((d - half, d + half))
        }
        EffectInterval::NoncentralT => {
            let (lower, upper) = noncentral_interval(d / factor, df, level);
            outcome.bounds((lower * factor, upper * factor))
        }
    }
}

/// Hedges' g of independent samples: Cohen's d with its bias corrected, and the interval of d times the same factor.
pub fn hedges_g_independent(
    a: &[f64],
    b: &[f64],
    correction: HedgesCorrection,
    interval: EffectInterval,
    level: f64,
) -> Outcome {
    let n = (a.len() + b.len()) as f64;
    let factor = match correction {
        HedgesCorrection::Approximate => 1.0 - 3.0 / (4.0 * n - 9.0),
        HedgesCorrection::Exact => exact_correction(n - 2.0),
    };
    scaled(cohens_d_independent(a, b, interval, level), factor, "g")
}

/// Hedges' g of pairs: Cohen's d with its bias corrected, and the interval of d times the same factor.
///
/// The approximate correction counts every value, N = 2 n, as pingouin does; the exact one has n - 1 degrees of freedom.
pub fn hedges_g_paired(
    a: &[f64],
    b: &[f64],
    variant: PairedVariant,
    correction: HedgesCorrection,
    interval: EffectInterval,
    level: f64,
) -> Outcome {
    let n = a.len() as f64;
    let factor = match correction {
        HedgesCorrection::Approximate => 1.0 - 3.0 / (8.0 * n - 9.0),
        HedgesCorrection::Exact => exact_correction(n - 1.0),
    };
    let method = match variant {
        PairedVariant::Dz => "g_z",
        PairedVariant::Dav => "g_av",
        PairedVariant::DavMeanOfSds => "g_av_mean_of_sds",
        PairedVariant::Drm => "g_rm",
    };
    scaled(cohens_d_paired(a, b, variant, interval, level), factor, method)
}

fn scaled(outcome: Outcome, factor: f64, method: &'static str) -> Outcome {
    let times = |value: Option<f64>| value.map(|value| value * factor);
    Outcome {
        estimate: times(outcome.estimate),
        lower: times(outcome.lower),
        upper: times(outcome.upper),
        std_error: times(outcome.std_error),
        method: Some(method),
        ..outcome
    }
}

/// The factor that takes the bias out of d with `df` degrees of freedom.
fn exact_correction(df: f64) -> f64 {
    exp(lgamma(df / 2.0) - lgamma((df - 1.0) / 2.0)) / sqrt(df / 2.0)
}

/// The interval of the noncentrality of a t statistic.
pub(crate) fn noncentral_interval(t: f64, df: f64, level: f64) -> (f64, f64) {
    if !t.is_finite() {
        return (f64::NAN, f64::NAN);
    }
    let tail = (1.0 - level) / 2.0;
    (nct_noncentrality(t, df, 1.0 - tail), nct_noncentrality(t, df, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_mirror_and_bounds_hold_the_estimate() {
        let (a, b) = ([1.0, 3.0, 2.5, 4.0, 3.5], [0.5, 2.0, 3.0, 1.0, 2.0]);
        for interval in [EffectInterval::NoncentralT, EffectInterval::TApprox] {
            let there = cohens_d_independent(&a, &b, interval, 0.95);
            let back = cohens_d_independent(&b, &a, interval, 0.95);
            assert!((there.lower.unwrap() + back.upper.unwrap()).abs() < 1e-9);
            assert!(there.lower < there.estimate && there.estimate < there.upper);
            let paired = cohens_d_paired(&a, &b, PairedVariant::Dz, interval, 0.95);
            assert!(paired.lower < paired.estimate && paired.estimate < paired.upper);
        }
        let g = hedges_g_independent(&a, &b, HedgesCorrection::Exact, EffectInterval::NoncentralT, 0.95);
        assert!(g.estimate < cohens_d_independent(&a, &b, EffectInterval::NoncentralT, 0.95).estimate);
    }

    #[test]
    fn no_spread_has_a_reason() {
        let outcome = cohens_d_independent(&[4.0; 4], &[5.0; 5], EffectInterval::NoncentralT, 0.95);
        assert!(outcome.estimate.is_none() && outcome.reason.is_some());
        let (a, b) = ([0.3, 0.4, 0.5], [0.1, 0.2, 0.3]);
        assert!(cohens_d_paired(&a, &b, PairedVariant::Dz, EffectInterval::TApprox, 0.95).reason.is_some());
        assert!(cohens_d_paired(&a, &b, PairedVariant::Dav, EffectInterval::TApprox, 0.95).reason.is_none());
    }
}
