//! The acceleration of bca, from what a statistic is without each value in turn.

use libm::sqrt;

use super::Statistic;
use crate::stats::common::{Spread, sorted, sum};
use crate::stats::moments::Moments;
use crate::stats::state::Sample;

/// sum(u^3) / (6 sum(u^2)^1.5) over u = mean of the jackknife less jackknife value; NaN where it has no spread. Each value
/// of the jackknife comes from a closed form, so that the time is n log n.
///
/// Source: scipy 1.17 `bootstrap(method="BCa")`.
pub fn acceleration(x: &[f64], statistic: Statistic) -> f64 {
    let ordered = sorted(x);
    if ordered.len() < 2 || ordered.first() == ordered.last() || ordered.iter().any(|x| !x.is_finite()) {
        return f64::NAN;
    }
    if statistic == Statistic::Mean {
        return Moments::new(&Sample::from_values(ordered, 0)).map_or(f64::NAN, |moments| moments.acceleration());
    }
    let jackknife = jackknife(&ordered, statistic);
    let spread = Spread::new(&jackknife);
    // Values that differ by rounding only do not differ.
    let size = ordered[0].abs().max(ordered[ordered.len() - 1].abs());
    if spread.constant || spread.std.is_nan() || spread.std <= 1e-14 * size {
        return f64::NAN;
    }
    let u = || jackknife.iter().map(|value| (spread.mean - value) / spread.std);
    let (squares, cubes) = (sum(u().map(|u| u * u)), sum(u().map(|u| u * u * u)));
    cubes / (6.0 * squares * sqrt(squares))
}

/// The acceleration of the difference of two independent means.
pub fn acceleration_difference(a: &[f64], b: &[f64]) -> f64 {
    let (first, second) = (Spread::new(a), Spread::new(b));
    let largest = first.std.max(second.std);
    let deviations = |x: &[f64], spread: Spread| x.iter().map(move |x| (x - spread.mean) / largest).collect::<Vec<_>>();
    let (first_deviations, second_deviations) = (deviations(a, first), deviations(b, second));
    let squares = |d: &[f64], n: f64| sum(d.iter().map(|d| d * d)) / (n * n);
    let cubes = |d: &[f64], n: f64| sum(d.iter().map(|d| d * d * d)) / (n * n * n);
    let cubes = cubes(&first_deviations, first.n) - cubes(&second_deviations, second.n);
    let squares = squares(&first_deviations, first.n) + squares(&second_deviations, second.n);
    cubes / (6.0 * squares * sqrt(squares))
}

/// The statistic without each of the values in ascending order.
fn jackknife(ordered: &[f64], statistic: Statistic) -> Vec<f64> {
    let n = ordered.len();
    // The value at a place, from 0 on, of those that are left without one.
    let without = |gone: usize, place: usize| ordered[if place < gone { place } else { place + 1 }];
    match statistic {
        Statistic::Median | Statistic::Quantile(_) => {
            let position = statistic.probability().unwrap_or(0.5) * (n - 2) as f64;
            let (index, share) = (position as usize, position - (position as usize) as f64);
            (0..n)
                .map(|gone| {
                    let (low, high) = (without(gone, index), without(gone, (index + 1).min(n - 2)));
                    if low == high { low } else { low * (1.0 - share) + high * share }
                })
                .collect()
        }
        Statistic::Std => {
            let (spread, size) = (Spread::new(ordered), n as f64);
            let square = |x: f64| (x - spread.mean) / spread.std * ((x - spread.mean) / spread.std);
            let total = size - 1.0;
            let left = |x: f64| ((total - size / (size - 1.0) * square(x)) / (size - 2.0)).max(0.0);
            ordered.iter().map(|&x| spread.std * sqrt(left(x))).collect()
        }
        Statistic::TrimmedMean(share) => {
            let cut = (share * (n - 1) as f64) as usize;
            let (start, end) = (cut, n - 1 - cut);
            let center = ordered[n / 2];
            let mut sums = vec![0.0];
            let mut total = 0.0;
            for x in ordered {
                total += x - center;
                sums.push(total);
            }
            (0..n)
                .map(|gone| {
                    // The places start..end of what is left, in the order of what was there.
                    let (from, to) = (start + usize::from(gone <= start), end + usize::from(gone < end));
                    let inside = if gone > start && gone < end { ordered[gone] - center } else { 0.0 };
                    center + (sums[to] - sums[from] - inside) / (end - start) as f64
                })
                .collect()
        }
        Statistic::Mean => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_are_what_leaving_out_gives() {
        let ordered: Vec<f64> = (0..17).map(|i| (f64::from(i) * 0.7).exp().ln_1p() + f64::from(i % 3)).collect();
        let ordered = sorted(&ordered);
        for statistic in [
            Statistic::Median,
            Statistic::Std,
            Statistic::Quantile(0.9),
            Statistic::Quantile(1.0),
            Statistic::TrimmedMean(0.0),
            Statistic::TrimmedMean(0.1),
            Statistic::TrimmedMean(0.25),
        ] {
            for (gone, found) in jackknife(&ordered, statistic).into_iter().enumerate() {
                let mut left = ordered.clone();
                left.remove(gone);
                assert!((found - statistic.of(&left)).abs() < 1e-12, "{statistic:?} {gone}");
            }
        }
    }
}
