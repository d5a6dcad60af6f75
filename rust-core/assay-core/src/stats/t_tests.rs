//! Student's t tests: one sample, pairs, two samples.

use libm::sqrt;

use super::cohens_d::noncentral_interval;
use super::common::{Alternative, Spread, defined, differences, p_value, unusable, unusable_pairs};
use super::special::{t_cdf, t_isf, t_sf};
use super::{Outcome, TestOutcome};

/// An estimate that has a t distribution around the truth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TEstimate {
    pub(crate) estimate: f64,
    pub(crate) std_error: f64,
    pub(crate) df: f64,
}

impl TEstimate {
    /// The statistic against `null`.
    pub(crate) fn statistic(&self, null: f64) -> f64 {
        (self.estimate - null) / self.std_error
    }

    pub(crate) fn p(&self, null: f64, alternative: Alternative) -> f64 {
        let t = self.statistic(null);
        alternative.of_tails(t_cdf(t, self.df), t_sf(t, self.df))
    }

    pub(crate) fn bounds(&self, alternative: Alternative, level: f64) -> (f64, f64) {
        let half = t_isf(alternative.tail(level), self.df) * self.std_error;
        alternative.open(self.estimate - half, self.estimate + half, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// `outcome` with estimate, interval and the test against `null`.
    pub(crate) fn fill(&self, outcome: Outcome, null: f64, alternative: Alternative) -> Outcome {
        let bounds = self.bounds(alternative, outcome.level);
        outcome.estimate(self.estimate).std_error(self.std_error).bounds(bounds).test(TestOutcome {
            statistic: defined(self.statistic(null)),
            df: defined(self.df),
            p_value: p_value(self.p(null, alternative)),
            ..TestOutcome::new(alternative)
        })
    }
}

/// Tests that the mean of `x` is `null`. Effect size: Cohen's d with its noncentral t interval.
///
/// Fewer than two values, NaN, infinite or equal values give no test but a reason.
///
/// Source: scipy 1.17 `ttest_1samp`.
pub fn one_sample_t_test(x: &[f64], null: f64, alternative: Alternative, level: f64) -> Outcome {
    let outcome = Outcome::new("t", level, x.len()).test(TestOutcome::new(alternative));
    match unusable(x) {
        Some(reason) => outcome.because(reason),
        None => {
            let words = ["cohens_d", "one value has no spread", "all values are equal"];
            one_sample(x, 0.0, null, outcome, alternative, words)
        }
    }
}

/// Tests that the mean of the differences, first minus second, is 0. Effect size: d_z with its noncentral t interval.
///
/// Fewer than two pairs, NaN or infinite values, or equal differences give no test but a reason.
///
/// Source: scipy 1.17 `ttest_rel`.
pub fn paired_t_test(a: &[f64], b: &[f64], alternative: Alternative, level: f64) -> Outcome {
    let outcome = Outcome::new("t", level, a.len()).test(TestOutcome::new(alternative));
    if let Some(reason) = unusable_pairs(a, b) {
        return outcome.because(reason);
    }
    let words = ["cohens_d_z", "one pair has no spread", "all differences are equal"];
    one_sample(&differences(a, b), rounding(a, b), 0.0, outcome, alternative, words)
}

/// How far apart differences may lie by rounding alone.
pub(crate) fn rounding(a: &[f64], b: &[f64]) -> f64 {
    4.0 * f64::EPSILON * a.iter().chain(b).fold(0.0f64, |largest, value| largest.max(value.abs()))
}

fn one_sample(
    x: &[f64],
    rounding: f64,
    null: f64,
    outcome: Outcome,
    alternative: Alternative,
    [effect, one, equal]: [&'static str; 3],
) -> Outcome {
    let spread = Spread::new(x);
    if x.len() < 2 {
        return outcome.estimate(spread.mean).because(one);
    }
    if spread.constant || spread.std <= rounding {
        return outcome.estimate(spread.mean).std_error(0.0).because(equal);
    }
    let found = TEstimate { estimate: spread.mean, std_error: spread.std_error(), df: spread.n - 1.0 };
    let outcome = found.fill(outcome, null, alternative);
    let (t, root) = (found.statistic(null), sqrt(spread.n));
    let (lower, upper) = noncentral_interval(t, found.df, outcome.level);
    let test = outcome.test.clone().unwrap_or_default();
    outcome.test(test.effect(effect, t / root, (lower / root, upper / root)))
}

/// Tests that two independent samples have the same mean, without assuming that they have the same variance (Welch).
/// Effect size: Cohen's d by the pooled standard deviation.
///
/// Fewer than two values on a side, NaN or infinite values, or no spread on either side give no test but a reason.
///
/// Source: scipy 1.17 `ttest_ind(equal_var=False)`.
pub fn welch_t_test(a: &[f64], b: &[f64], alternative: Alternative, level: f64) -> Outcome {
    two_samples(a, b, false, alternative, level)
}

/// Tests that two independent samples have the same mean, assuming that they have the same variance.
///
/// As [`welch_t_test`] but for that. Source: scipy 1.17 `ttest_ind(equal_var=True)`.
pub fn student_t_test(a: &[f64], b: &[f64], alternative: Alternative, level: f64) -> Outcome {
    two_samples(a, b, true, alternative, level)
}

fn two_samples(a: &[f64], b: &[f64], equal_variance: bool, alternative: Alternative, level: f64) -> Outcome {
    let method = if equal_variance { "student_t" } else { "welch_t" };
    let outcome = Outcome::new(method, level, a.len() + b.len()).test(TestOutcome::new(alternative));
    if let Some(reason) = unusable(a).or_else(|| unusable(b)) {
        return outcome.because(reason);
    }
    let (first, second) = (Spread::new(a), Spread::new(b));
    let outcome = outcome.estimate(first.mean - second.mean);
    if a.len() < 2 || b.len() < 2 {
        return outcome.because("one value has no spread");
    }
    if first.std == 0.0 && second.std == 0.0 {
        return outcome.std_error(0.0).because("neither sample has a spread");
    }
    let pooled_df = first.n + second.n - 2.0;
    let pooled = sqrt(((first.n - 1.0) * first.variance() + (second.n - 1.0) * second.variance()) / pooled_df);
    let (std_error, df) = if equal_variance {
        (pooled * sqrt(1.0 / first.n + 1.0 / second.n), pooled_df)
    } else {
        let (v1, v2) = (first.variance() / first.n, second.variance() / second.n);
        let df = (v1 + v2) * (v1 + v2) / (v1 * v1 / (first.n - 1.0) + v2 * v2 / (second.n - 1.0));
        (sqrt(v1 + v2), df)
    };
    let found = TEstimate { estimate: first.mean - second.mean, std_error, df };
    let outcome = found.fill(outcome, 0.0, alternative);
    let factor = sqrt(1.0 / first.n + 1.0 / second.n);
    let d = found.estimate / pooled;
    let (lower, upper) = noncentral_interval(d / factor, pooled_df, level);
    let test = outcome.test.clone().unwrap_or_default();
    outcome.test(test.effect("cohens_d", d, (lower * factor, upper * factor)))
}

/// The mean difference of pairs; the error is the mean, where there is one, and why there is no test.
pub(crate) fn paired_estimate(a: &[f64], b: &[f64]) -> Result<TEstimate, (Option<f64>, &'static str)> {
    if let Some(reason) = unusable_pairs(a, b) {
        return Err((None, reason));
    }
    let spread = Spread::new(&differences(a, b));
    if a.len() < 2 {
        return Err((Some(spread.mean), "one pair has no spread"));
    }
    if spread.constant || spread.std <= rounding(a, b) {
        return Err((Some(spread.mean), "all differences are equal"));
    }
    Ok(TEstimate { estimate: spread.mean, std_error: spread.std_error(), df: spread.n - 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn degenerate_data_have_a_reason() {
        let two = Alternative::TwoSided;
        for outcome in [
            paired_t_test(&[1.0, 2.0], &[0.0, 1.0], two, 0.95),
            paired_t_test(&[0.3, 0.4], &[0.1, 0.2], two, 0.95),
            paired_t_test(&[1.0], &[0.0], two, 0.95),
            paired_t_test(&[], &[], two, 0.95),
            paired_t_test(&[1.0, 2.0], &[0.0], two, 0.95),
            paired_t_test(&[1.0, f64::NAN], &[0.0, 1.0], two, 0.95),
            one_sample_t_test(&[2.0, 2.0], 0.0, two, 0.95),
            welch_t_test(&[1.0, 1.0], &[2.0, 2.0], two, 0.95),
            welch_t_test(&[1.0], &[2.0, 2.5], two, 0.95),
        ] {
            assert!(outcome.reason.is_some() && outcome.lower.is_none(), "{outcome:?}");
            assert!(outcome.test.is_some_and(|test| test.p_value.is_none()));
        }
    }

    #[test]
    fn certain_differences_do_not_give_zero() {
        let a: Vec<f64> = (0..500).map(|i| 1e6 + f64::from(i % 7) * 1e-6).collect();
        let p = paired_t_test(&a, &vec![0.0; 500], Alternative::TwoSided, 0.95).test.unwrap().p_value.unwrap();
        assert!(p > 0.0 && p < 1e-300);
    }

    proptest! {
        #[test]
        fn laws(pairs in prop::collection::vec((-9.0f64..9.0, -9.0f64..9.0), 3..30), shift in -5.0f64..5.0) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            for test in [paired_t_test, welch_t_test, student_t_test] {
                let there = test(&a, &b, Alternative::TwoSided, 0.9);
                let back = test(&b, &a, Alternative::TwoSided, 0.9);
                let (lower, upper) = (there.lower.unwrap(), there.upper.unwrap());
                prop_assert!((lower + back.upper.unwrap()).abs() < 1e-9);
                prop_assert!((lower..=upper).contains(&there.estimate.unwrap()));
                let p = there.test.clone().unwrap().p_value.unwrap();
                prop_assert!((p - back.test.unwrap().p_value.unwrap()).abs() < 1e-12);
                prop_assert!(p > 0.0 && p <= 1.0);
                if (p - 0.1).abs() > 1e-9 {
                    prop_assert_eq!(p < 0.1, !(lower..=upper).contains(&0.0));
                }
                let moved = test(&a.iter().map(|x| x + shift).collect::<Vec<_>>(), &b, Alternative::TwoSided, 0.9);
                prop_assert!((moved.lower.unwrap() - lower - shift).abs() < 1e-9);
                let less = test(&a, &b, Alternative::Less, 0.9).test.unwrap().p_value.unwrap();
                let greater = test(&a, &b, Alternative::Greater, 0.9).test.unwrap().p_value.unwrap();
                prop_assert!((less + greater - 1.0).abs() < 1e-9);
            }
        }
    }
}
