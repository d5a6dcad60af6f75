//! Krippendorff's alpha of any raters, with ratings that may be missing.

use libm::sqrt;

use crate::stats::Outcome;
use crate::stats::common::{sorted, sum};
use crate::stats::special::t_isf;

/// What ratings are, and so how far apart two of them lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measurement {
    /// Equal or not.
    Nominal,
    /// By how many ratings lie between.
    Ordinal,
    /// By the square of the difference: the default of the library.
    Interval,
    /// By the square of the difference over the sum.
    Ratio,
}

impl Measurement {
    /// The name as SQL takes it.
    pub fn name(self) -> &'static str {
        match self {
            Measurement::Nominal => "nominal",
            Measurement::Ordinal => "ordinal",
            Measurement::Interval => "interval",
            Measurement::Ratio => "ratio",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Measurement> {
        [Measurement::Nominal, Measurement::Ordinal, Measurement::Interval, Measurement::Ratio]
            .into_iter()
            .find(|measurement| measurement.name() == name)
    }
}

/// 1 less observed over expected disagreement; `ratings` holds the ratings of an item, NaN where one is missing, in any
/// order and number.
///
/// The interval is by t over items from the linearized variance, which treats items as drawn and, for ordinal ratings, the
/// distances as fixed. Items with one rating do not count. One value only, or no item with two ratings: no estimate but a
/// reason. Time n log n, but for ratio, which is quadratic in the number of distinct values.
///
/// Source: krippendorff 0.9.0 `alpha`.
pub fn krippendorff_alpha<R: AsRef<[f64]>>(ratings: &[R], measurement: Measurement, level: f64) -> Outcome {
    let outcome = Outcome::new(measurement.name(), level, ratings.len());
    let all = ratings.iter().flat_map(|row| row.as_ref().iter().copied()).filter(|value| !value.is_nan());
    let mut distinct = sorted(&all.collect::<Vec<_>>());
    distinct.dedup_by(|a, b| a == b);
    if distinct.len() < 2 {
        return outcome.because("there are not two different ratings");
    }
    if distinct.iter().any(|value| value.is_infinite()) {
        return outcome.because("a value is infinite");
    }
    let place = |value: &f64| distinct.partition_point(|other| other < value);
    let items: Vec<Vec<usize>> = ratings
        .iter()
        .map(|row| {
            let mut item: Vec<usize> = row.as_ref().iter().filter(|value| !value.is_nan()).map(place).collect();
            item.sort_unstable();
            item
        })
        .filter(|item| item.len() > 1)
        .collect();
    if items.is_empty() {
        return outcome.because("no item has two ratings");
    }
    let mut counts = vec![0.0; distinct.len()];
    items.iter().flatten().for_each(|&place| counts[place] += 1.0);
    let total = sum(counts.iter().copied());
    let positions = positions(measurement, &distinct, &counts);
    let distance = |i: usize, j: usize| match measurement {
        Measurement::Nominal => f64::from(u8::from(i != j)),
        Measurement::Ordinal | Measurement::Interval => (positions[i] - positions[j]) * (positions[i] - positions[j]),
        Measurement::Ratio => ratio(distinct[i], distinct[j]),
    };
    // The sum of the distances of a value to all ratings.
    let mean = sum(positions.iter().zip(&counts).map(|(p, count)| p * count)) / total;
    let spread = sum(positions.iter().zip(&counts).map(|(p, count)| (p - mean) * (p - mean) * count));
    let to_all: Vec<f64> = (0..distinct.len())
        .map(|i| match measurement {
            Measurement::Nominal => total - counts[i],
            Measurement::Ordinal | Measurement::Interval => {
                total * (positions[i] - mean) * (positions[i] - mean) + spread
            }
            Measurement::Ratio => counts.iter().enumerate().map(|(j, count)| count * distance(i, j)).sum(),
        })
        .collect();
    // The disagreement within each item.
    let within: Vec<f64> = items
        .iter()
        .map(|item| disagreement(item, measurement, &positions, &distinct) / (item.len() - 1) as f64)
        .collect();
    let observed = sum(within.iter().copied());
    let expected = sum(to_all.iter().zip(&counts).map(|(to_all, count)| to_all * count));
    if !(expected > 0.0 && expected.is_finite() && observed.is_finite()) {
        return outcome.because("ratings that can be compared do not differ");
    }
    let disagreement = observed * (total - 1.0) / expected;
    let outcome = outcome.estimate(1.0 - disagreement);
    let n = items.len() as f64;
    if items.len() < 2 {
        return outcome.because("one item has no spread");
    }
    if observed == 0.0 {
        return outcome.std_error(0.0).because("the agreement has no spread");
    }
    let squares = sum(items.iter().zip(&within).map(|(item, within)| {
        let to_all: f64 = item.iter().map(|&place| to_all[place]).sum();
        let influence = within / observed + item.len() as f64 / total - 2.0 * to_all / expected;
        influence * influence
    }));
    let std_error = disagreement * sqrt(squares * n / (n - 1.0));
    let half = t_isf((1.0 - level) / 2.0, n - 1.0) * std_error;
    let alpha = 1.0 - disagreement;
    outcome.std_error(std_error).bounds((alpha - half, (alpha + half).min(1.0)))
}

/// The sum of the distances of all ordered pairs of an item, whose ratings are in ascending order.
fn disagreement(item: &[usize], measurement: Measurement, positions: &[f64], distinct: &[f64]) -> f64 {
    let m = item.len() as f64;
    match measurement {
        Measurement::Nominal => {
            let same: f64 = item.chunk_by(|a, b| a == b).map(|run| (run.len() * run.len()) as f64).sum();
            m * m - same
        }
        Measurement::Ordinal | Measurement::Interval => {
            let mean = item.iter().map(|&place| positions[place]).sum::<f64>() / m;
            2.0 * m * item.iter().map(|&place| (positions[place] - mean) * (positions[place] - mean)).sum::<f64>()
        }
        Measurement::Ratio => {
            item.iter().map(|&i| item.iter().map(|&j| ratio(distinct[i], distinct[j])).sum::<f64>()).sum()
        }
    }
}

/// Where values lie, if their distance is the square of a difference.
fn positions(measurement: Measurement, distinct: &[f64], counts: &[f64]) -> Vec<f64> {
    if measurement != Measurement::Ordinal {
        return distinct.to_vec();
    }
    // Half of a value's ratings lie below it.
    let mut below = 0.0;
    counts
        .iter()
        .map(|count| {
            below += count;
            below - count / 2.0
        })
        .collect()
}

fn ratio(a: f64, b: f64) -> f64 {
    if a + b == 0.0 { 0.0 } else { (a - b) / (a + b) * ((a - b) / (a + b)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Measurement; 4] =
        [Measurement::Nominal, Measurement::Ordinal, Measurement::Interval, Measurement::Ratio];

    #[test]
    fn degenerate_ratings_have_a_reason() {
        for measurement in ALL {
            for ratings in [&[vec![1.0, 1.0], vec![1.0]][..], &[vec![1.0], vec![2.0]], &[vec![f64::NAN]], &[]] {
                assert!(krippendorff_alpha(ratings, measurement, 0.95).reason.is_some());
            }
            assert_eq!(Measurement::from_name(measurement.name()), Some(measurement));
            let perfect = krippendorff_alpha(&[[1.0, 1.0], [2.0, 2.0]], measurement, 0.95);
            assert_eq!(perfect.estimate, Some(1.0));
        }
    }

    proptest! {
        #[test]
        fn order_of_items_and_ratings_makes_no_difference(
            mut ratings in prop::collection::vec(prop::collection::vec(0u8..5, 0..5), 2..20)
        ) {
            let as_numbers = |ratings: &[Vec<u8>]| -> Vec<Vec<f64>> {
                ratings.iter().map(|row| row.iter().map(|&v| f64::from(v)).collect()).collect()
            };
            for measurement in ALL {
                let before = krippendorff_alpha(&as_numbers(&ratings), measurement, 0.95);
                ratings.reverse();
                ratings.iter_mut().for_each(|row| row.reverse());
                let after = krippendorff_alpha(&as_numbers(&ratings), measurement, 0.95);
                prop_assert_eq!(before.reason, after.reason);
                if let (Some(before), Some(after)) = (before.estimate, after.estimate) {
                    prop_assert!((before - after).abs() < 1e-12 && before <= 1.0);
                }
            }
        }
    }
}
