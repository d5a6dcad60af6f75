//! Cohen's kappa of two raters.

use std::collections::BTreeMap;

use libm::sqrt;

use super::places;
use crate::stats::Outcome;
use crate::stats::common::{sum, unusable_pairs};
use crate::stats::special::norm_isf;

/// How much a disagreement weighs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KappaWeights {
    /// All alike.
    #[default]
    None,
    /// By the distance of the categories in their order.
    Linear,
    /// By the square of the distance.
    Quadratic,
}

impl KappaWeights {
    /// The name as SQL takes it.
    pub fn name(self) -> &'static str {
        match self {
            KappaWeights::None => "none",
            KappaWeights::Linear => "linear",
            KappaWeights::Quadratic => "quadratic",
        }
    }

    /// The agreement of two places, 1 for the same and 0 for the farthest apart.
    fn agreement(self, i: f64, j: f64, farthest: f64) -> f64 {
        match self {
            KappaWeights::None => f64::from(u8::from(i == j)),
            KappaWeights::Linear => 1.0 - (i - j).abs() / farthest,
            KappaWeights::Quadratic => 1.0 - (i - j) * (i - j) / (farthest * farthest),
        }
    }

    /// The mean agreement of each place with a rater who chooses by these shares, in one pass.
    fn expected(self, shares: &[f64], farthest: f64) -> Vec<f64> {
        let index = |i: usize| i as f64;
        let first: f64 = shares.iter().enumerate().map(|(i, share)| index(i) * share).sum();
        let second: f64 = shares.iter().enumerate().map(|(i, share)| index(i) * index(i) * share).sum();
        let (mut below, mut moment) = (0.0, 0.0);
        shares
            .iter()
            .enumerate()
            .map(|(i, share)| {
                below += share;
                moment += index(i) * share;
                match self {
                    KappaWeights::None => *share,
                    KappaWeights::Linear => 1.0 - (index(i) * (2.0 * below - 1.0) + first - 2.0 * moment) / farthest,
                    KappaWeights::Quadratic => {
                        1.0 - (index(i) * index(i) - 2.0 * index(i) * first + second) / (farthest * farthest)
                    }
                }
            })
            .collect()
    }
}

/// Agreement of two raters beyond chance, with its normal interval; categories are in ascending order of their numbers.
///
/// The standard error is the one that does not assume kappa 0; where it is 0, both bounds are kappa, with a reason. No rows, NaN, or one category only: no estimate but a
/// reason. Any number of categories: time n log n.
///
/// Source: scikit-learn 1.9 `cohen_kappa_score`; statsmodels 0.15 `cohens_kappa` for the standard error (J. L. Fleiss, J.
/// Cohen and B. S. Everitt, 1969).
pub fn cohens_kappa(a: &[f64], b: &[f64], weights: KappaWeights, level: f64) -> Outcome {
    let outcome = Outcome::new(weights.name(), level, a.len());
    if let Some(reason) = unusable_pairs(a, b) {
        return outcome.because(reason);
    }
    let both: Vec<f64> = a.iter().chain(b).copied().collect();
    let (both, k) = places(&both);
    if k < 2 {
        return outcome.because("there is only one category");
    }
    let n = a.len() as f64;
    let (first, second) = both.split_at(a.len());
    let mut cells: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    let (mut rows, mut columns) = (vec![0.0; k], vec![0.0; k]);
    for (&i, &j) in first.iter().zip(second) {
        *cells.entry((i, j)).or_default() += 1;
        rows[i] += 1.0;
        columns[j] += 1.0;
    }
    rows.iter_mut().chain(&mut columns).for_each(|count| *count /= n);
    let farthest = (k - 1) as f64;
    // What each place agrees on with the other rater by chance.
    let (of_rows, of_columns) = (weights.expected(&columns, farthest), weights.expected(&rows, farthest));
    let chance = sum(rows.iter().zip(&of_rows).map(|(share, expected)| share * expected));
    let cell = |(&(i, j), &count): (&(usize, usize), &u64)| {
        (i, j, count as f64 / n, weights.agreement(i as f64, j as f64, farthest))
    };
    let observed = sum(cells.iter().map(cell).map(|(_, _, share, agreement)| share * agreement));
    let kappa = (observed - chance) / (1.0 - chance);
    if !kappa.is_finite() {
        return outcome.because("chance leaves no room for agreement");
    }
    let squares = sum(cells.iter().map(cell).map(|(i, j, share, agreement)| {
        let deviation = agreement - (of_rows[i] + of_columns[j]) * (1.0 - kappa);
        share * deviation * deviation
    }));
    let center = kappa - chance * (1.0 - kappa);
    let difference = squares - center * center;
    // What rounding leaves of equal numbers is no spread.
    let difference = if difference <= 1e-14 * squares { 0.0 } else { difference };
    let std_error = sqrt(difference / n) / (1.0 - chance);
    let half = norm_isf((1.0 - level) / 2.0) * std_error;
    let outcome = outcome.estimate(kappa).std_error(std_error);
    let outcome = outcome.bounds((kappa - half, kappa + half));
    if std_error == 0.0 { outcome.because("the agreement has no spread") } else { outcome }
}

/// The share of rows in which both raters chose the same; NaN where there are none.
pub fn observed_agreement(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len().min(b.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [KappaWeights; 3] = [KappaWeights::None, KappaWeights::Linear, KappaWeights::Quadratic];

    #[test]
    fn ends_are_defined() {
        for weights in ALL {
            assert!(cohens_kappa(&[1.0; 4], &[1.0; 4], weights, 0.95).reason.is_some());
            assert!(cohens_kappa(&[], &[], weights, 0.95).reason.is_some());
            let same = cohens_kappa(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], weights, 0.95);
            assert!((same.estimate.unwrap() - 1.0).abs() < 1e-15 && same.reason.is_some());
        }
    }

    proptest! {
        #[test]
        fn it_is_that_of_the_whole_table(rows in prop::collection::vec((0u8..5, 0u8..5), 2..60)) {
            let (a, b): (Vec<f64>, Vec<f64>) = rows.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            let mut distinct: Vec<f64> = a.iter().chain(&b).copied().collect();
            distinct.sort_unstable_by(f64::total_cmp);
            distinct.dedup();
            prop_assume!(distinct.len() > 1);
            let place = |x: f64| distinct.iter().position(|y| *y == x).unwrap() as f64;
            for weights in ALL {
                let distance = |x: f64, y: f64| match weights {
                    KappaWeights::None => f64::from(u8::from(x != y)),
                    KappaWeights::Linear => (place(x) - place(y)).abs(),
                    KappaWeights::Quadratic => (place(x) - place(y)).powi(2),
                };
                let seen: f64 = a.iter().zip(&b).map(|(&x, &y)| distance(x, y)).sum::<f64>() / a.len() as f64;
                let chance: f64 = a.iter().flat_map(|&x| b.iter().map(move |&y| (x, y))).map(|(x, y)| distance(x, y)).sum();
                let expected = 1.0 - seen / (chance / (a.len() * a.len()) as f64);
                if expected.is_finite() {
                    let there = cohens_kappa(&a, &b, weights, 0.95);
                    prop_assert!((there.estimate.unwrap() - expected).abs() < 1e-10);
                    let back = cohens_kappa(&b, &a, weights, 0.95);
                    prop_assert!((there.std_error.unwrap() - back.std_error.unwrap()).abs() < 1e-10);
                }
            }
        }
    }
}
