//! What a sample looks like: mean, spread, quantiles.

use libm::floor;

use super::common::{Spread, sorted};

/// What [`describe`] gives. Fields that a sample does not have are NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// How many values there are.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their variance, with n - 1.
    pub variance: f64,
    /// Their standard deviation, with n - 1.
    pub std: f64,
    /// The standard error of the mean.
    pub std_error: f64,
    /// The least value.
    pub min: f64,
    /// The middle value.
    pub median: f64,
    /// The greatest value.
    pub max: f64,
    /// The quantiles asked for.
    pub quantiles: Vec<f64>,
}

/// Describes a sample; one that is empty or has a NaN gives NaN everywhere.
///
/// Source: numpy `mean`, `var(ddof=1)`, `quantile`; sums are exact.
pub fn describe(x: &[f64], probabilities: &[f64]) -> Description {
    let spread = Spread::new(x);
    let ordered = sorted(x);
    let at = |p: f64| quantile(&ordered, p);
    Description {
        n: x.len() as u64,
        mean: spread.mean,
        variance: spread.variance(),
        std: spread.std,
        std_error: spread.std_error(),
        min: at(0.0),
        median: at(0.5),
        max: at(1.0),
        quantiles: probabilities.iter().map(|&p| at(p)).collect(),
    }
}

/// The quantile of values in ascending order, by linear interpolation (Hyndman and Fan's type 7, numpy's default); NaN
/// where there are no values or one is NaN.
///
/// ```
/// assert_eq!(assay_core::stats::descriptive::quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
/// ```
pub fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return f64::NAN };
    if first.is_nan() || last.is_nan() || !(0.0..=1.0).contains(&probability) {
        return f64::NAN;
    }
    let position = probability * (sorted.len() - 1) as f64;
    let index = floor(position) as usize;
    let (low, high) = (sorted[index], sorted[(index + 1).min(sorted.len() - 1)]);
    let share = position - index as f64;
    if low == high { low } else { low * (1.0 - share) + high * share }
}

/// The mean of what is left after a share of the values, rounded down, is cut off at each end of values in ascending order;
/// NaN where nothing is left.
///
/// Source: scipy `trim_mean`.
pub fn trimmed_mean(sorted: &[f64], share: f64) -> f64 {
    let cut = (share * sorted.len() as f64) as usize;
    match sorted.get(cut..sorted.len().saturating_sub(cut)) {
        Some(left) if !left.is_empty() => super::common::sum(left.iter().copied()) / left.len() as f64,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_samples() {
        let d = describe(&[3.0, 1.0, 2.0], &[0.25]);
        assert_eq!((d.mean, d.variance, d.median, d.quantiles[0], d.min, d.max), (2.0, 1.0, 2.0, 1.5, 1.0, 3.0));
        let one = describe(&[5.0], &[0.1]);
        assert!(one.mean == 5.0 && one.std.is_nan() && one.quantiles[0] == 5.0);
        assert!(describe(&[], &[0.5]).mean.is_nan() && describe(&[], &[0.5]).quantiles[0].is_nan());
        assert!(describe(&[1.0, f64::NAN], &[]).median.is_nan());
        assert_eq!(trimmed_mean(&[-90.0, 1.0, 2.0, 3.0, 90.0], 0.2), 2.0);
        assert!(trimmed_mean(&[1.0, 2.0], 0.5).is_nan());
    }
}
