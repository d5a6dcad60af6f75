//! Kendall's tau.

use libm::{atanh, sqrt, tanh};

use super::places;
use crate::stats::common::{Alternative, p_value, unusable_pairs};
use crate::stats::special::{norm_isf, norm_sf};
use crate::stats::wilcoxon::RankMethod;
use crate::stats::{Outcome, TestOutcome};

/// Which of Kendall's coefficients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TauVariant {
    /// Tau-b, which allows for ties on both sides.
    #[default]
    B,
    /// Tau-c (Stuart's), for tables that are not square.
    C,
}

/// The largest number of rows for which the exact distribution is computed, unless almost all pairs are in one order.
const MAX_EXACT: usize = 1000;

/// How much more often pairs of rows are in the same order than in opposite ones, with a test that it is 0.
///
/// The p-value is exact (`Auto`: without ties, up to 33 rows or with at most one pair out of order) or that of the normal
/// approximation with ties. `statistic` is the number of pairs in the same less those in opposite order. The interval is by
/// Fisher's transformation with the variance 0.437 / (n - 4) (E. C. Fieller et al., 1957), from five rows on. Fewer than two
/// rows, NaN, constant values, or `Exact` with ties: no test but a reason. n log n.
///
/// Source: scipy 1.17 `kendalltau`.
pub fn kendall_tau(
    a: &[f64],
    b: &[f64],
    variant: TauVariant,
    method: RankMethod,
    alternative: Alternative,
    level: f64,
) -> Outcome {
    let outcome = Outcome::new("kendall", level, a.len()).test(TestOutcome::new(alternative));
    if let Some(reason) = unusable_pairs(a, b) {
        return outcome.because(reason);
    }
    let ((first, k1), (second, k2)) = (places(a), places(b));
    let n = a.len() as f64;
    let pairs = n * (n - 1.0) / 2.0;
    let mut rows: Vec<(usize, usize)> = first.into_iter().zip(second).collect();
    rows.sort_unstable();
    let (ties1, both) = (Ties::new(rows.iter().map(|row| row.0)), Ties::new(rows.iter().copied()));
    let mut column: Vec<usize> = rows.iter().map(|row| row.1).collect();
    let discordant = inversions(&mut column) as f64;
    let ties2 = Ties::new(column.into_iter());
    if k1 < 2 || k2 < 2 {
        return outcome.because("one column is constant");
    }
    let score = pairs - ties1.pairs - ties2.pairs + both.pairs - 2.0 * discordant;
    let tau = match variant {
        TauVariant::B => score / sqrt(pairs - ties1.pairs) / sqrt(pairs - ties2.pairs),
        TauVariant::C => {
            let classes = k1.min(k2) as f64;
            2.0 * score / (n * n * (classes - 1.0) / classes)
        }
    };
    let tau = tau.clamp(-1.0, 1.0);
    let tied = ties1.pairs > 0.0 || ties2.pairs > 0.0;
    let (fewer, few) = (discordant.min(pairs - discordant), a.len() <= 33);
    let exact = match method {
        RankMethod::Exact => true,
        RankMethod::Auto => !tied && (few || fewer <= 1.0),
        RankMethod::Asymptotic => false,
    };
    let outcome = Outcome { method: Some(if exact { "exact" } else { "asymptotic" }), ..outcome }
        .estimate(tau)
        .test(TestOutcome { statistic: Some(score), ..TestOutcome::new(alternative) });
    if exact && tied {
        return outcome.because("the exact distribution is for data without ties");
    }
    if exact && a.len() > MAX_EXACT && fewer > 1.0 {
        return outcome.because("there are too many rows for the exact distribution");
    }
    let (less, greater) = if exact {
        let (tail, mass) = left_tail(a.len(), fewer as usize);
        let other = (1.0 - tail + mass).min(1.0);
        // Few pairs out of order are the tail of great correlations.
        if discordant <= pairs - discordant { (other, tail) } else { (tail, other) }
    } else {
        let m = n * (n - 1.0);
        let triples = if n > 2.0 { ties1.triples * ties2.triples / (9.0 * m * (n - 2.0)) } else { 0.0 };
        let variance = (m * (2.0 * n + 5.0) - ties1.weighted - ties2.weighted) / 18.0
            + 2.0 * ties1.pairs * ties2.pairs / m
            + triples;
        let z = score / sqrt(variance);
        (norm_sf(-z), norm_sf(z))
    };
    let mut test = outcome.test.clone().unwrap_or_default();
    test.p_value = p_value(alternative.of_tails(less, greater));
    let outcome = outcome.test(test);
    if a.len() < 5 {
        return outcome.because("fewer than five rows have no interval");
    }
    let half = norm_isf(alternative.tail(level)) * sqrt(0.437 / (n - 4.0));
    outcome.bounds(alternative.open(tanh(atanh(tau) - half), tanh(atanh(tau) + half), -1.0, 1.0))
}

/// What groups of t equal values add to: pairs t (t - 1) / 2, triples t (t - 1) (t - 2), and t (t - 1) (2 t + 5).
struct Ties {
    pairs: f64,
    triples: f64,
    weighted: f64,
}

impl Ties {
    /// Of values in an order that has equal ones together.
    fn new<T: PartialEq>(values: impl Iterator<Item = T>) -> Ties {
        let mut ties = Ties { pairs: 0.0, triples: 0.0, weighted: 0.0 };
        let (mut before, mut run) = (None, 0.0);
        let mut close = |t: f64| {
            ties.pairs += t * (t - 1.0) / 2.0;
            ties.triples += t * (t - 1.0) * (t - 2.0);
            ties.weighted += t * (t - 1.0) * (2.0 * t + 5.0);
        };
        for value in values {
            if before.as_ref() == Some(&value) {
                run += 1.0;
            } else {
                close(run);
                run = 1.0;
            }
            before = Some(value);
        }
        close(run);
        ties
    }
}

/// How many pairs are in descending order; sorts `values` by merging.
fn inversions(values: &mut [usize]) -> u64 {
    let mut count = 0;
    let mut merged = values.to_vec();
    let mut width = 1;
    while width < values.len() {
        for start in (0..values.len()).step_by(2 * width) {
            let middle = (start + width).min(values.len());
            let end = (start + 2 * width).min(values.len());
            let (mut i, mut j) = (start, middle);
            for slot in &mut merged[start..end] {
                if j < end && (i == middle || values[j] < values[i]) {
                    count += (middle - i) as u64;
                    *slot = values[j];
                    j += 1;
                } else {
                    *slot = values[i];
                    i += 1;
                }
            }
        }
        values.copy_from_slice(&merged);
        width *= 2;
    }
    count
}

/// P(D <= d) and P(D = d) of the number D of pairs out of order among all orders of `n` rows.
fn left_tail(n: usize, d: usize) -> (f64, f64) {
    let shares = if n <= 33 { counted(n, d) } else { summed(n, d) };
    (shares.iter().sum(), shares[d])
}

/// P(D = k) for k up to `d`, in whole numbers.
fn counted(n: usize, d: usize) -> Vec<f64> {
    let mut counts = vec![0u128; d + 1];
    counts[0] = 1;
    let mut total: u128 = 1;
    for j in 2..=n {
        let before = counts.clone();
        let mut window: u128 = 0;
        for (k, count) in counts.iter_mut().enumerate() {
            window += before[k];
            if k >= j {
                window -= before[k - j];
            }
            *count = window;
        }
        total *= j as u128;
    }
    counts.into_iter().map(|count| count as f64 / total as f64).collect()
}

/// [`counted`] for more rows, in doubles.
fn summed(n: usize, d: usize) -> Vec<f64> {
    let mut shares = vec![0.0; d + 1];
    shares[0] = 1.0;
    for j in 2..=n {
        let mut sum = 0.0;
        for share in &mut shares {
            sum += *share / j as f64;
            *share = sum;
        }
        for k in (j..=d).rev() {
            shares[k] -= shares[k - j];
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_orders_of_four() {
        // 1, 3, 5, 6, 5, 3, 1 of 24.
        for (d, tail, mass) in [(0, 1.0, 1.0), (1, 4.0, 3.0), (2, 9.0, 5.0), (3, 15.0, 6.0)] {
            let (found, at) = left_tail(4, d);
            assert!((found - tail / 24.0).abs() < 1e-15 && (at - mass / 24.0).abs() < 1e-15);
        }
        for (counted, summed) in counted(33, 260).into_iter().zip(summed(33, 260)) {
            assert!((counted - summed).abs() <= 1e-11 * counted, "{counted} {summed}");
        }
    }

    #[test]
    fn degenerate_data_have_a_reason() {
        let run = |a: &[f64], b: &[f64], method| {
            kendall_tau(a, b, TauVariant::B, method, Alternative::TwoSided, 0.95).reason.is_some()
        };
        assert!(run(&[1.0, 1.0], &[1.0, 2.0], RankMethod::Auto) && run(&[], &[], RankMethod::Auto));
        assert!(run(&[1.0, 1.0, 2.0], &[1.0, 2.0, 3.0], RankMethod::Exact));
    }

    proptest! {
        #[test]
        fn it_counts_pairs(rows in prop::collection::vec((0u8..9, 0u8..9), 2..40)) {
            let (a, b): (Vec<f64>, Vec<f64>) = rows.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            let mut score = 0.0;
            for i in 0..a.len() {
                for j in 0..i {
                    let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
                    score += sign(a[i] - a[j]) * sign(b[i] - b[j]);
                }
            }
            let two = Alternative::TwoSided;
            let there = kendall_tau(&a, &b, TauVariant::B, RankMethod::Auto, two, 0.95);
            if let Some(tau) = there.estimate {
                prop_assert_eq!(there.test.clone().unwrap().statistic, Some(score));
                let back = kendall_tau(&b, &a, TauVariant::B, RankMethod::Auto, two, 0.95);
                prop_assert!((tau - back.estimate.unwrap()).abs() < 1e-12);
                let p = there.test.unwrap().p_value.unwrap();
                prop_assert!(p > 0.0 && (p - back.test.unwrap().p_value.unwrap()).abs() < 1e-12);
            }
        }
    }
}
