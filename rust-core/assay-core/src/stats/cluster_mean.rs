//! The mean of values that come in clusters.

use libm::sqrt;

use super::additive::Additive;
use super::bootstrap_ci::BootstrapOptions;
use super::common::{Alternative, Spread, sum, unusable};
use super::sums::ExactSum;
use super::t_tests::TEstimate;
use super::{Outcome, additive};

/// How the cluster-robust variance is corrected for few clusters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClusterCorrection {
    /// Not at all; normal quantiles are used with it in large samples only.
    Cr0,
    /// Times G / (G - 1) with G clusters; G - 1 degrees of freedom.
    Cr1,
    /// Each cluster by its leverage (Bell and McCaffrey 2002), with Satterthwaite's degrees of freedom: the default.
    #[default]
    Cr2,
}

impl ClusterCorrection {
    /// The name as SQL shows it.
    pub fn name(self) -> &'static str {
        match self {
            ClusterCorrection::Cr0 => "cr0",
            ClusterCorrection::Cr1 => "cr1",
            ClusterCorrection::Cr2 => "cr2",
        }
    }
}

/// Values by cluster.
pub(crate) struct Groups {
    pub(crate) mean: f64,
    /// The sum of the values of each cluster.
    pub(crate) sums: Vec<f64>,
    /// How many values each cluster has.
    pub(crate) sizes: Vec<f64>,
    /// The sum of the deviations from the mean of each cluster.
    deviations: Vec<f64>,
}

impl Groups {
    /// Groups finite values; clusters are in the order of their numbers.
    pub(crate) fn new(x: &[f64], clusters: &[u64]) -> Groups {
        let mean = Spread::new(x).mean;
        let mut rows: Vec<(u64, f64)> = clusters.iter().copied().zip(x.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (mut sums, mut sizes, mut deviations) = (Vec::new(), Vec::new(), Vec::new());
        for rows in rows.chunk_by(|a, b| a.0 == b.0) {
            sums.push(sum(rows.iter().map(|row| row.1)));
            sizes.push(rows.len() as f64);
            let mut deviation = ExactSum::default();
            rows.iter().for_each(|row| deviation.add(row.1));
            deviation.add_times(-mean, rows.len() as u64);
            deviations.push(deviation.value());
        }
        Groups { mean, sums, sizes, deviations }
    }
}

/// The mean with an interval that allows for values of one cluster being alike; see [`cluster_t_test`].
pub fn cluster_mean(x: &[f64], clusters: &[u64], correction: ClusterCorrection, use_t: bool, level: f64) -> Outcome {
    let outcome = cluster_t_test(x, clusters, correction, use_t, Alternative::TwoSided, level);
    Outcome { test: None, ..outcome }
}

/// Tests that the mean is 0 where values come in clusters.
///
/// `std_error` is cluster-robust. Degrees of freedom, `df` of the test, are G - 1 for G clusters, Satterthwaite's for `Cr2`,
/// and infinite where `use_t` is false. Fewer than two clusters, or no deviation between them: no bounds but a reason.
///
/// Source: statsmodels 0.15 `OLS(y, 1).fit(cov_type="cluster")` for `Cr0` and `Cr1`; R. M. Bell and D. F. McCaffrey (2002)
/// for `Cr2`.
pub fn cluster_t_test(
    x: &[f64],
    clusters: &[u64],
    correction: ClusterCorrection,
    use_t: bool,
    alternative: Alternative,
    level: f64,
) -> Outcome {
    let outcome = Outcome::new(correction.name(), level, x.len()).test(super::TestOutcome::new(alternative));
    if x.len() != clusters.len() {
        return outcome.because("there are not as many clusters as values");
    }
    if let Some(reason) = unusable(x) {
        return outcome.because(reason);
    }
    let groups = Groups::new(x, clusters);
    let outcome = outcome.estimate(groups.mean);
    let (n, g) = (x.len() as f64, groups.sums.len() as f64);
    if groups.sums.len() < 2 {
        return outcome.because("there is only one cluster");
    }
    let scale = match correction {
        ClusterCorrection::Cr1 => g / (g - 1.0),
        _ => 1.0,
    };
    let leverage = |size: f64| if correction == ClusterCorrection::Cr2 { 1.0 - size / n } else { 1.0 };
    let squares = sum(groups.deviations.iter().zip(&groups.sizes).map(|(d, size)| d * d / leverage(*size)));
    let std_error = sqrt(scale * squares) / n;
    let df = if !use_t {
        f64::INFINITY
    } else if correction == ClusterCorrection::Cr2 {
        satterthwaite(&groups.sizes, n)
    } else {
        g - 1.0
    };
    if std_error == 0.0 {
        return outcome.std_error(0.0).because("the clusters do not differ");
    }
    TEstimate { estimate: groups.mean, std_error, df }.fill(outcome, 0.0, alternative)
}

/// The mean with an interval from resamples of whole clusters; percentile, basic or, for all other methods, bca.
///
/// `n` counts values. For 20 clusters and more; with fewer use [`cluster_mean`]. Fewer than two clusters, or clusters of one
/// mean: no bounds but a reason.
pub fn cluster_bootstrap(x: &[f64], clusters: &[u64], options: &BootstrapOptions) -> Outcome {
    let outcome = Outcome::new(options.method.name(), options.level, x.len());
    if x.len() != clusters.len() {
        return outcome.because("there are not as many clusters as values");
    }
    if let Some(reason) = unusable(x) {
        return outcome.because(reason);
    }
    let groups = Groups::new(x, clusters);
    // Deviations, so that nothing cancels.
    let rows = groups.deviations.iter().zip(&groups.sizes).flat_map(|(d, size)| [*d, *size]).collect();
    let data = Additive { width: 2, rows, score: &|sums| sums[0] / sums[1] };
    let found = additive::resampled(&data, options);
    let moved = |bound: Option<f64>| bound.map(|bound| groups.mean + bound);
    Outcome {
        estimate: Some(groups.mean),
        lower: moved(found.lower),
        upper: moved(found.upper),
        n: x.len() as u64,
        ..found
    }
}

/// The degrees of freedom of the Cr2 variance if values were independent.
fn satterthwaite(sizes: &[f64], n: f64) -> f64 {
    let squares = sum(sizes.iter().map(|size| size * size));
    let weighted = || sizes.iter().map(|size| size * size / (1.0 - size / n));
    let (once, twice) = (sum(weighted()), sum(weighted().map(|w| w * w)));
    n * n / (squares + (once * once - twice) / (n * n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_of_one_are_no_clusters() {
        let x = [1.0, 4.0, 2.0, 8.0];
        let spread = Spread::new(&x);
        for correction in [ClusterCorrection::Cr1, ClusterCorrection::Cr2] {
            let outcome = cluster_t_test(&x, &[4, 3, 2, 1], correction, true, Alternative::TwoSided, 0.95);
            assert!((outcome.std_error.unwrap() / spread.std_error() - 1.0).abs() < 1e-14);
            assert!((outcome.test.unwrap().df.unwrap() - 3.0).abs() < 1e-12);
        }
        assert!(cluster_mean(&x, &[1; 4], ClusterCorrection::Cr2, true, 0.95).reason.is_some());
        assert!(cluster_mean(&x, &[1; 3], ClusterCorrection::Cr2, true, 0.95).reason.is_some());
        assert!(cluster_mean(&[], &[], ClusterCorrection::Cr2, true, 0.95).reason.is_some());
    }

    #[test]
    fn resampled_clusters_agree_with_the_robust_error() {
        let x: Vec<f64> = (0..400).map(|i| f64::from(i / 4 * 7919 % 101) + f64::from(i % 4)).collect();
        let clusters: Vec<u64> = (0..400).map(|i| i / 4).collect();
        let robust = cluster_mean(&x, &clusters, ClusterCorrection::Cr0, true, 0.95);
        let options = BootstrapOptions { n_resamples: 4000, ..BootstrapOptions::default() };
        let drawn = cluster_bootstrap(&x, &clusters, &options);
        assert!((drawn.std_error.unwrap() / robust.std_error.unwrap() - 1.0).abs() < 0.05);
        assert!(drawn.lower < robust.estimate && robust.estimate < drawn.upper);
        for (x, clusters) in [(&[][..], &[][..]), (&[1.0, 2.0], &[1, 1]), (&[1.0, 1.0], &[1, 2]), (&[1.0], &[])] {
            let outcome = cluster_bootstrap(x, clusters, &options);
            assert!(outcome.lower.is_none() && outcome.reason.is_some());
        }
    }

    #[test]
    fn unequal_clusters_have_fewer_degrees_of_freedom() {
        let clusters = [1, 1, 1, 1, 1, 1, 2, 3, 4];
        let x = [1.0, 2.0, 1.5, 2.5, 1.0, 2.0, 5.0, 0.0, 3.0];
        let outcome = cluster_t_test(&x, &clusters, ClusterCorrection::Cr2, true, Alternative::TwoSided, 0.95);
        assert!(outcome.test.unwrap().df.unwrap() < 2.0);
        let mut turned: Vec<(f64, u64)> = x.into_iter().zip(clusters).collect();
        turned.reverse();
        let (x2, c2): (Vec<f64>, Vec<u64>) = turned.into_iter().unzip();
        assert_eq!(
            cluster_mean(&x, &clusters, ClusterCorrection::Cr2, true, 0.95),
            cluster_mean(&x2, &c2, ClusterCorrection::Cr2, true, 0.95)
        );
    }
}
