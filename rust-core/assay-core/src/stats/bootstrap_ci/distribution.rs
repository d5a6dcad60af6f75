//! A statistic's distribution over resamples, however it was come by.

use libm::sqrt;

use super::order::OrderStatistic;
use crate::stats::bootstrap::Resampled;
use crate::stats::common::{Spread, sum};
use crate::stats::descriptive::quantile;

/// The distribution over resamples.
pub(super) enum Distribution {
    /// Values in ascending order with the probabilities of all up to each.
    Atoms { values: Vec<f64>, cumulative: Vec<f64> },
    /// Drawn values in ascending order.
    Drawn(Vec<f64>),
    /// Drawn means.
    Mean(Resampled),
    /// A quantile.
    Order(OrderStatistic),
}

impl Distribution {
    /// Of values with their probabilities, in any order.
    pub(super) fn of_atoms(mut atoms: Vec<(f64, f64)>) -> Distribution {
        atoms.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut total = 0.0;
        let mut cumulative: Vec<f64> = atoms
            .iter()
            .map(|atom| {
                total += atom.1;
                total
            })
            .collect();
        cumulative.iter_mut().for_each(|share| *share /= total);
        Distribution::Atoms { values: atoms.into_iter().map(|atom| atom.0).collect(), cumulative }
    }

    pub(super) fn of_drawn(mut values: Vec<f64>) -> Distribution {
        values.sort_unstable_by(f64::total_cmp);
        Distribution::Drawn(values)
    }

    /// Of what is known, the least value that is not passed with this probability; of what is drawn, by interpolation.
    pub(super) fn quantile(&self, probability: f64) -> f64 {
        match self {
            Distribution::Atoms { values, cumulative } => {
                // A sum of many probabilities may miss a jump by rounding.
                let place = cumulative.partition_point(|&share| share < probability - 1e-14);
                values[place.min(values.len() - 1)]
            }
            Distribution::Drawn(values) => quantile(values, probability),
            Distribution::Mean(resampled) => resampled.quantile(probability),
            Distribution::Order(order) => order.quantile(probability),
        }
    }

    /// The share below `estimate`, and half of what is equal to it but for rounding.
    pub(super) fn share_below(&self, estimate: f64, rounding: f64) -> f64 {
        let (low, high) = (estimate - rounding, estimate + rounding);
        match self {
            Distribution::Atoms { values, cumulative } => {
                let up_to = |place: usize| if place == 0 { 0.0 } else { cumulative[place - 1] };
                let less = up_to(values.partition_point(|&value| value < low));
                let not_above = up_to(values.partition_point(|&value| value <= high));
                (less + not_above) / 2.0
            }
            Distribution::Drawn(values) => {
                let less = values.partition_point(|&value| value < low);
                let not_above = values.partition_point(|&value| value <= high);
                (less + not_above) as f64 / (2 * values.len()) as f64
            }
            Distribution::Mean(resampled) => resampled.share_below(),
            Distribution::Order(order) => (order.at_most(low) + order.at_most(high)) / 2.0,
        }
    }

    /// The standard deviation.
    pub(super) fn std_error(&self) -> f64 {
        match self {
            Distribution::Atoms { values, cumulative } => {
                let shares = || {
                    let before = std::iter::once(0.0).chain(cumulative.iter().copied());
                    cumulative.iter().zip(before).map(|(now, before)| now - before)
                };
                let mean = sum(values.iter().zip(shares()).map(|(value, share)| value * share));
                // Over the largest, so that squares do not overflow.
                let largest = values.iter().fold(0.0f64, |largest, value| largest.max((value - mean).abs()));
                if largest == 0.0 {
                    return 0.0;
                }
                let deviations = values.iter().map(|value| (value - mean) / largest);
                largest * sqrt(sum(deviations.zip(shares()).map(|(d, share)| d * d * share)))
            }
            Distribution::Drawn(values) => Spread::new(values).std,
            Distribution::Mean(resampled) => resampled.std_error(),
            Distribution::Order(order) => order.std_error(),
        }
    }
}
