//! Agreement of raters and correlation of two columns.

pub mod cohens_kappa;
pub mod fleiss_kappa;
pub mod kendall;
pub mod krippendorff;
pub mod pearson;
pub mod spearman;

/// The places of `values` among the distinct ones in ascending order, and how many distinct ones there are.
fn places(values: &[f64]) -> (Vec<usize>, usize) {
    let mut distinct = super::common::sorted(values);
    distinct.dedup_by(|a, b| a == b);
    let place = |value: &f64| distinct.partition_point(|other| other < value);
    (values.iter().map(place).collect(), distinct.len())
}
