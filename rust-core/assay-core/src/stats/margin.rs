//! Non-inferiority and equivalence of pairs: tests against a margin.

use super::common::{Alternative, p_value};
use super::compare_paired::Kind;
use super::mcnemar::{PairedCounts, std_error, tango, tango_score};
use super::special::{norm_cdf, norm_isf, norm_sf, t_isf};
use super::t_tests::paired_estimate;
use super::{Outcome, TestOutcome};

/// What is taken from the pairs that are apart before Tango's score. Without it the size of a 5 % test is up to 6.0 % where few
/// pairs differ; with a quarter of a pair it is at most 5.0 % over the tables of our study (`scripts/coverage`).
const CORRECTION: f64 = 0.25;

/// Tests that the mean difference, first minus second, is greater than -`margin`: that the first is not worse by more.
///
/// Binary values: Tango's score test of a difference of paired shares, corrected by a quarter of a pair (`tango`); all others:
/// the one-sided t test (`t`).
/// `lower` is the one-sided bound at `level` of the same test, so the first is not inferior at 1 - `level` exactly where
/// `lower` lies above -`margin`; `upper` is open. `margin` is positive, and below 1 for binary values. Fewer than two pairs,
/// or equal differences, give no t test but a reason.
///
/// Source: T. Tango (1998); the t test as statsmodels 0.15 `ttost_paired`, its lower half.
pub fn non_inferiority_test(a: &[f64], b: &[f64], kind: Kind, margin: f64, level: f64) -> Outcome {
    let alternative = Alternative::Greater;
    let method = if kind == Kind::Binary { "tango" } else { "t" };
    let outcome = Outcome::new(method, level, a.len()).test(TestOutcome::new(alternative));
    if let Some(reason) = unusable_margin(kind, margin) {
        return outcome.because(reason);
    }
    if kind != Kind::Binary {
        return match paired_estimate(a, b) {
            Ok(found) => found.fill(outcome, -margin, alternative),
            Err((mean, reason)) => mean.map_or(outcome.clone(), |mean| outcome.estimate(mean)).because(reason),
        };
    }
    match PairedCounts::new(a, b) {
        Ok(counts) => non_inferiority_counts(&counts, margin, level),
        Err(reason) => outcome.because(reason),
    }
}

/// [`non_inferiority_test`] of counted pairs of 0/1 values.
pub fn non_inferiority_counts(counts: &PairedCounts, margin: f64, level: f64) -> Outcome {
    let alternative = Alternative::Greater;
    let outcome = Outcome { n: counts.n(), level, method: Some("tango"), ..Outcome::default() };
    let test = TestOutcome { n_discordant: Some(counts.discordant()), ..TestOutcome::new(alternative) };
    if let Some(reason) = unusable_counts(counts, margin) {
        return outcome.test(test).because(reason);
    }
    let z = tango_score(counts, -margin, CORRECTION);
    let (lower, _) = score_bounds(counts, 1.0 - level);
    estimated(outcome, counts).bounds((lower, 1.0)).test(TestOutcome {
        statistic: Some(z),
        p_value: p_value(norm_sf(z)),
        ..test
    })
}

/// Tests that the mean difference lies between -`margin` and `margin`, by two one-sided tests (TOST) of the kind that
/// [`non_inferiority_test`] takes.
///
/// p is the greater of the two, and `statistic` that of the weaker test. The interval has the level 2 `level` - 1, which
/// `level` of the result says: the two are equivalent at 1 - `level` exactly where it lies between the margins.
///
/// Source: D. J. Schuirmann (1987); the same p as statsmodels 0.15 `ttost_paired`.
pub fn equivalence_test(a: &[f64], b: &[f64], kind: Kind, margin: f64, level: f64) -> Outcome {
    let method = if kind == Kind::Binary { "tost_tango" } else { "tost" };
    let test = TestOutcome::new(Alternative::TwoSided);
    let outcome = Outcome::new(method, 2.0 * level - 1.0, a.len()).test(test.clone());
    if let Some(reason) = unusable_margin(kind, margin) {
        return outcome.because(reason);
    }
    if kind == Kind::Binary {
        return match PairedCounts::new(a, b) {
            Ok(counts) => equivalence_counts(&counts, margin, level),
            Err(reason) => outcome.because(reason),
        };
    }
    let found = match paired_estimate(a, b) {
        Ok(found) => found,
        Err((mean, reason)) => return mean.map_or(outcome.clone(), |mean| outcome.estimate(mean)).because(reason),
    };
    let (above, below) = (found.p(-margin, Alternative::Greater), found.p(margin, Alternative::Less));
    let weaker = if above >= below { -margin } else { margin };
    let half = t_isf(1.0 - level, found.df) * found.std_error;
    outcome
        .estimate(found.estimate)
        .std_error(found.std_error)
        .bounds((found.estimate - half, found.estimate + half))
        .test(TestOutcome {
            statistic: Some(found.statistic(weaker)),
            df: Some(found.df),
            p_value: p_value(above.max(below)),
            ..test
        })
}

/// [`equivalence_test`] of counted pairs of 0/1 values.
pub fn equivalence_counts(counts: &PairedCounts, margin: f64, level: f64) -> Outcome {
    let outcome = Outcome { n: counts.n(), level: 2.0 * level - 1.0, method: Some("tost_tango"), ..Outcome::default() };
    let test = TestOutcome { n_discordant: Some(counts.discordant()), ..TestOutcome::new(Alternative::TwoSided) };
    if let Some(reason) = unusable_counts(counts, margin) {
        return outcome.test(test).because(reason);
    }
    let above = tango_score(counts, -margin, CORRECTION);
    let below = tango_score(counts, margin, -CORRECTION);
    let (p_above, p_below) = (norm_sf(above), norm_cdf(below));
    estimated(outcome, counts).bounds(score_bounds(counts, 1.0 - level)).test(TestOutcome {
        statistic: Some(if p_above >= p_below { above } else { below }),
        p_value: p_value(p_above.max(p_below)),
        ..test
    })
}

fn unusable_margin(kind: Kind, margin: f64) -> Option<&'static str> {
    if !(margin > 0.0 && margin.is_finite()) {
        return Some("the margin is not a positive number");
    }
    (kind == Kind::Binary && margin >= 1.0).then_some("the margin of a difference of shares is not below 1")
}

fn unusable_counts(counts: &PairedCounts, margin: f64) -> Option<&'static str> {
    if counts.n() == 0 { Some("there are no values") } else { unusable_margin(Kind::Binary, margin) }
}

fn score_bounds(counts: &PairedCounts, tail: f64) -> (f64, f64) {
    tango(counts.first_only as f64, counts.second_only as f64, counts.n() as f64, CORRECTION, norm_isf(tail))
}

fn estimated(outcome: Outcome, counts: &PairedCounts) -> Outcome {
    let apart = counts.first_only as f64 - counts.second_only as f64;
    outcome.estimate(apart / counts.n() as f64).std_error(std_error(counts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn degenerate_data_have_a_reason() {
        for kind in [Kind::Binary, Kind::Bounded, Kind::Ordinal, Kind::Unbounded] {
            for test in [non_inferiority_test, equivalence_test] {
                for (a, b, margin) in [
                    (&[][..], &[][..], 0.1),
                    (&[1.0], &[0.0, 1.0], 0.1),
                    (&[1.0, f64::NAN], &[0.0, 1.0], 0.1),
                    (&[1.0, 0.0], &[0.0, 1.0], -0.1),
                    (&[1.0, 0.0], &[0.0, 1.0], f64::NAN),
                ] {
                    let outcome = test(a, b, kind, margin, 0.95);
                    assert!(outcome.reason.is_some() && outcome.lower.is_none(), "{kind:?} {outcome:?}");
                    assert!(outcome.test.is_some_and(|test| test.p_value.is_none()));
                }
            }
        }
        assert!(equivalence_test(&[1.0, 2.0], &[0.0, 1.0], Kind::Unbounded, 0.5, 0.95).reason.is_some());
        assert!(non_inferiority_test(&[1.0], &[1.0], Kind::Binary, 1.0, 0.95).reason.is_some());
    }

    #[test]
    fn no_pair_differs() {
        // n m - 1/4 over its standard deviation, sqrt(n m (1 - m)).
        let counts = PairedCounts { both: 60, neither: 40, ..PairedCounts::default() };
        let test = non_inferiority_counts(&counts, 0.05, 0.95).test.unwrap();
        assert!((test.statistic.unwrap() - 4.75 / (5.0f64 * 0.95).sqrt()).abs() < 1e-12);
        assert_eq!(equivalence_counts(&counts, 0.05, 0.95).test.unwrap().p_value, test.p_value);
    }

    proptest! {
        #[test]
        fn means_agree_with_their_interval(d in prop::collection::vec(-1.0f64..1.0, 3..30), margin in 0.01f64..1.0) {
            let zeros = vec![0.0; d.len()];
            let outcome = equivalence_test(&d, &zeros, Kind::Bounded, margin, 0.95);
            let inside = outcome.lower.unwrap() > -margin && outcome.upper.unwrap() < margin;
            prop_assert_eq!(outcome.test.unwrap().p_value.unwrap() < 0.05, inside);
            let outcome = non_inferiority_test(&d, &zeros, Kind::Bounded, margin, 0.95);
            prop_assert_eq!(outcome.test.unwrap().p_value.unwrap() < 0.05, outcome.lower.unwrap() > -margin);
        }

        #[test]
        fn shares_agree_with_their_interval(
            b in 0u64..30, c in 0u64..30, rest in 0u64..100, margin in 0.01f64..0.5, level in 0.8f64..0.99
        ) {
            let counts = PairedCounts { both: rest, first_only: b, second_only: c, neither: 1 };
            let (alpha, outcome) = (1.0 - level, non_inferiority_counts(&counts, margin, level));
            let p = outcome.test.unwrap().p_value.unwrap();
            if (p - alpha).abs() > 1e-6 {
                prop_assert_eq!(p < alpha, outcome.lower.unwrap() > -margin);
            }
            let outcome = equivalence_counts(&counts, margin, level);
            let inside = outcome.lower.unwrap() > -margin && outcome.upper.unwrap() < margin;
            let p = outcome.test.unwrap().p_value.unwrap();
            if (p - alpha).abs() > 1e-6 {
                prop_assert_eq!(p < alpha, inside);
            }
        }
    }
}
