//! What an estimate could be if the rows that are missing were all worst, or all best.

use super::common::sum;

/// The least and the greatest mean that is possible where `n_missing` values of unknown size come to the `n` with this
/// `mean`; a value lies in `range`. `None` where nothing is known or the mean is not in the range.
///
/// Source: C. F. Manski, "Partial identification of probability distributions" (2003), chapter 1.
///
/// ```
/// use assay_core::stats::missing::mean_bounds;
/// assert_eq!(mean_bounds(0.5, 3, 1, (0.0, 1.0)), Some((0.375, 0.625)));
/// ```
pub fn mean_bounds(mean: f64, n: u64, n_missing: u64, range: (f64, f64)) -> Option<(f64, f64)> {
    let all = n as f64 + n_missing as f64;
    if !(all > 0.0 && range.0 <= range.1) || (n > 0 && !(range.0..=range.1).contains(&mean)) {
        return None;
    }
    let known = if n == 0 { 0.0 } else { n as f64 / all * mean };
    let missing = n_missing as f64 / all;
    Some((known + missing * range.0, known + missing * range.1)).filter(|(low, high)| !(low.is_nan() || high.is_nan()))
}

/// The least and the greatest mean difference, first minus second, of pairs of which either value, or both, may be missing;
/// a value lies in `range`. `None` for no pairs and where a value is not in the range.
pub fn difference_bounds(
    pairs: impl IntoIterator<Item = (Option<f64>, Option<f64>)>,
    range: (f64, f64),
) -> Option<(f64, f64)> {
    let ends = |value: Option<f64>| match value {
        Some(value) => (range.0..=range.1).contains(&value).then_some((value, value)),
        None => Some(range),
    };
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for (a, b) in pairs {
        let (a, b) = (ends(a)?, ends(b)?);
        low.push(a.0 - b.1);
        high.push(a.1 - b.0);
    }
    let n = low.len() as f64;
    let bounds = (sum(low) / n, sum(high) / n);
    (!(bounds.0.is_nan() || bounds.1.is_nan())).then_some(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_reached() {
        let pairs = [(Some(1.0), Some(0.0)), (None, Some(0.25)), (Some(0.5), None), (None, None)];
        assert_eq!(difference_bounds(pairs, (0.0, 1.0)), Some((-0.1875, 0.8125)));
        assert_eq!(difference_bounds([(Some(2.0), None)], (0.0, 1.0)), None);
        assert_eq!(difference_bounds([], (0.0, 1.0)), None);
        assert_eq!(mean_bounds(0.5, 4, 0, (0.0, 1.0)), Some((0.5, 0.5)));
        assert_eq!(mean_bounds(f64::NAN, 0, 3, (1.0, 5.0)), Some((1.0, 5.0)));
        assert_eq!(mean_bounds(0.5, 4, 1, (0.0, f64::INFINITY)), Some((0.4, f64::INFINITY)));
        assert_eq!(mean_bounds(1.5, 4, 1, (0.0, 1.0)), None);
        assert_eq!(mean_bounds(0.5, 0, 0, (0.0, 1.0)), None);
    }
}
