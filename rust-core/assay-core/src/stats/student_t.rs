//! Intervals of a mean by Student's t and by the normal distribution.

use super::special::{norm_ppf, t_ppf};

/// `mean` plus and minus the t quantile with n - 1 degrees of freedom times `std_error`.
///
/// The same numbers as statsmodels `DescrStatsW.tconfint_mean`. Needs n of at least 2.
///
/// ```
/// let (lower, upper) = assay_core::stats::student_t::interval(10.0, 1.0, 5, 0.95);
/// assert!((upper - 12.776445).abs() < 1e-6 && (lower - 7.223555).abs() < 1e-6);
/// ```
pub fn interval(mean: f64, std_error: f64, n: u64, level: f64) -> (f64, f64) {
    let half = t_ppf((1.0 + level) / 2.0, n as f64 - 1.0) * std_error;
    (mean - half, mean + half)
}

/// `mean` plus and minus the normal quantile times `std_error`.
///
/// The same numbers as statsmodels `DescrStatsW.zconfint_mean`. Too narrow for small samples.
pub fn normal_interval(mean: f64, std_error: f64, level: f64) -> (f64, f64) {
    let half = norm_ppf((1.0 + level) / 2.0) * std_error;
    (mean - half, mean + half)
}
