//! The exact test of a proportion.

use libm::{ceil, floor, sqrt};

use super::common::{Alternative, p_value};
use super::proportion::exact_bounds;
use super::special::{binom_cdf, binom_pmf, binom_sf};
use super::{Outcome, TestOutcome};

/// Tests that `successes` out of `n` come from probability `p`; the interval is Clopper and Pearson's.
///
/// Two-sided, p is the probability of everything that is no likelier than what was seen, which at p = 1/2 is twice the
/// smaller tail. Only there do test and interval always agree.
///
/// Source: scipy 1.17 `binomtest`.
pub fn binomial_test(successes: u64, n: u64, p: f64, alternative: Alternative, level: f64) -> Outcome {
    let outcome = Outcome { n, level, method: Some("exact"), ..Outcome::default() };
    if n == 0 {
        return outcome.because("there are no values");
    }
    if successes > n || n > 1 << 53 || !(0.0..=1.0).contains(&p) {
        return outcome.because("successes, trials or probability are out of range");
    }
    let share = successes as f64 / n as f64;
    outcome
        .estimate(share)
        .std_error(sqrt(share * (1.0 - share) / n as f64))
        .bounds(exact_bounds(successes, n, alternative, level))
        .test(TestOutcome {
            statistic: Some(successes as f64),
            p_value: p_value(probability(successes, n, p, alternative)),
            ..TestOutcome::new(alternative)
        })
}

/// The p-value of [`binomial_test`], which may underflow to 0.
pub(crate) fn probability(k: u64, n: u64, p: f64, alternative: Alternative) -> f64 {
    let less = binom_cdf(k, n, p);
    let greater = if k == 0 { 1.0 } else { binom_sf(k - 1, n, p) };
    let mean = p * n as f64;
    match alternative {
        Alternative::Less => less,
        Alternative::Greater => greater,
        Alternative::TwoSided if k as f64 == mean => 1.0,
        Alternative::TwoSided => {
            // A little more than the probability seen, so that rounding does not part equal ones.
            let bound = binom_pmf(k, n, p) * (1.0 + 1e-7);
            if (k as f64) < mean {
                // The first number above the mean that is as unlikely.
                let (mut low, mut high) = (ceil(mean) as u64, n + 1);
                while low < high {
                    let middle = low + (high - low) / 2;
                    if binom_pmf(middle, n, p) <= bound {
                        high = middle;
                    } else {
                        low = middle + 1;
                    }
                }
                let other = if low > n { 0.0 } else { binom_sf(low.saturating_sub(1), n, p) };
                (less + other).min(1.0)
            } else {
                // The number of those below the mean that are as unlikely.
                let (mut low, mut high) = (0, floor(mean) as u64 + 1);
                while low < high {
                    let middle = low + (high - low) / 2;
                    if binom_pmf(middle, n, p) <= bound {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                let other = if low == 0 { 0.0 } else { binom_cdf(low - 1, n, p) };
                (greater + other).min(1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_sum_over_what_is_as_unlikely(n in 1u64..60, share in 0.0f64..=1.0, p in 0.01f64..0.99) {
            let k = (share * n as f64) as u64;
            let seen = binom_pmf(k, n, p) * (1.0 + 1e-7);
            let expected: f64 = (0..=n).map(|j| binom_pmf(j, n, p)).filter(|&f| f <= seen).sum();
            let found = probability(k, n, p, Alternative::TwoSided);
            prop_assert!((found - expected.min(1.0)).abs() < 1e-12, "{} {}", found, expected);
            let mirrored = probability(n - k, n, 1.0 - p, Alternative::TwoSided);
            prop_assert!((found - mirrored).abs() < 1e-9);
        }
    }

    #[test]
    fn ends_are_defined() {
        for p in [0.0, 1.0] {
            for k in [0, 3] {
                for alternative in Alternative::ALL {
                    let found = binomial_test(k, 3, p, alternative, 0.95).test.unwrap().p_value;
                    assert!(found.is_some_and(|p| p > 0.0 && p <= 1.0));
                }
            }
        }
        assert!(binomial_test(0, 0, 0.5, Alternative::TwoSided, 0.95).reason.is_some());
    }
}
