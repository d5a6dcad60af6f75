//! Resamples that are drawn.

use libm::sqrt;
use rayon::prelude::*;

use super::distribution::Distribution;
use super::enumerated::{Evaluate, distinct};
use super::{BootstrapOptions, What};
use crate::stats::bootstrap::{Cells, Split};
use crate::stats::common::sorted;
use crate::stats::moments::Moments;
use crate::stats::rng::Stream;
use crate::stats::state::{Data, Sample};

/// Draws how often each value is in a resample, and computes the statistic from that.
pub(super) fn one_sample(sample: &Sample, moments: &Moments, what: What, options: &BootstrapOptions) -> Distribution {
    let values: Vec<(f64, u64)> = match &sample.data {
        Data::Counts(counts) => counts.clone(),
        Data::Values(values) => distinct(values),
    };
    let few = matches!(sample.data, Data::Counts(_));
    if !few && matches!(what, What::Studentized) {
        return studentized(sample, moments, options);
    }
    let n = sample.n as u32;
    // The place of each of the values among the different ones.
    let places: Vec<u32> = if few {
        Vec::new()
    } else {
        values.iter().zip(0..).flat_map(|(value, place)| std::iter::repeat_n(place, value.1 as usize)).collect()
    };
    // Scaled by a power of two, so that squares do not overflow.
    let scaled: Vec<(f64, u64)> =
        values.iter().map(|value| ((value.0 - moments.mean) * moments.scale, value.1)).collect();
    let evaluate = Evaluate::new(&scaled, what);
    let drawn: Vec<f64> = (0..options.n_resamples.max(2))
        .into_par_iter()
        .map_init(
            || vec![0u64; values.len()],
            |counts, number| {
                let mut stream = Stream::new(options.seed, number as u64);
                if few {
                    let mut split = Split::new(sample.n);
                    for (count, value) in counts.iter_mut().zip(&values) {
                        *count = split.next(&mut stream, value.1);
                    }
                } else {
                    counts.fill(0);
                    for _ in 0..n {
                        counts[places[stream.next_below(n) as usize] as usize] += 1;
                    }
                }
                evaluate.of(counts)
            },
        )
        .collect();
    let unscaled = |value: f64| match what {
        What::Studentized => value,
        What::Statistic(super::Statistic::Std) => value / moments.scale,
        What::Statistic(_) => moments.mean + value / moments.scale,
    };
    Distribution::of_drawn(drawn.into_iter().map(unscaled).collect())
}

/// The studentized mean of values of which few are equal: two sums are enough.
fn studentized(sample: &Sample, moments: &Moments, options: &BootstrapOptions) -> Distribution {
    let cells = Cells::new(sample, moments);
    let n = sample.n as f64;
    let drawn = (0..options.n_resamples.max(2))
        .into_par_iter()
        .with_min_len(16)
        .map(|number| {
            let (sum, squares) = cells.draw_squares(&mut Stream::new(options.seed, number as u64));
            let rest = squares - sum * sum / n;
            // What rounding leaves of a resample of equal values is no spread.
            let variance = if rest <= 1e-13 * squares { 0.0 } else { rest / (n - 1.0) };
            if sum == 0.0 { 0.0 } else { sum / sqrt(n * variance) }
        })
        .collect();
    Distribution::of_drawn(drawn)
}

/// The difference of two means, each from resamples of its own; `None` where a sum is beyond a double.
pub(super) fn differences(a: &[f64], b: &[f64], options: &BootstrapOptions) -> Option<Distribution> {
    let (first, second) = (Sample::from_values(sorted(a), 0), Sample::from_values(sorted(b), 0));
    let (m1, m2) = (Moments::new(&first)?, Moments::new(&second)?);
    let (cells1, cells2) = (Cells::new(&first, &m1), Cells::new(&second, &m2));
    let (over1, over2) = (first.n as f64 * m1.scale, second.n as f64 * m2.scale);
    let drawn: Vec<f64> = (0..options.n_resamples.max(2))
        .into_par_iter()
        .with_min_len(16)
        .map(|number| {
            let stream = |which: u64| Stream::new(options.seed, 2 * number as u64 + which);
            let (d1, d2) = (cells1.draw(&mut stream(0)) / over1, cells2.draw(&mut stream(1)) / over2);
            m1.mean - m2.mean + (d1 - d2)
        })
        .collect();
    Some(Distribution::of_drawn(drawn))
}
