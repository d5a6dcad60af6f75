//! The comparison of two paired columns by the test that fits what the values are.

use super::cluster_mean::{ClusterCorrection, cluster_t_test};
use super::common::{differences, unusable_pairs};
use super::mcnemar::{McnemarMethod, mcnemar_test};
use super::permutation::{PermutationOptions, clustered_sign_flip_test, permutation_test};
use super::t_tests::paired_t_test;
use super::wilcoxon::{WilcoxonOptions, wilcoxon_test};
use super::{Outcome, TestOutcome};

/// What values are. It is declared, not guessed from the values of one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 0 or 1.
    Binary,
    /// Between two known ends.
    Bounded,
    /// In an order without distances.
    Ordinal,
    /// Any number.
    Unbounded,
}

/// Up to this number of pairs signs are flipped; above, the mean is normal enough for t.
const MAX_FLIPPED_PAIRS: usize = 50;

/// Below this number of clusters signs are flipped.
const MIN_T_CLUSTERS: usize = 40;

/// Tests that pairs do not differ, first minus second: binary values by McNemar (mid-p), ordinal ones by Wilcoxon with the
/// Hodges-Lehmann estimate, others by the sign-flip permutation test up to 50 pairs and by t above. `method` says which:
/// `mcnemar_midp`, `wilcoxon`, `permutation` or `paired_t`.
///
/// What gives no test, and why, is as for that test.
pub fn compare_paired(a: &[f64], b: &[f64], kind: Kind, options: &PermutationOptions, level: f64) -> Outcome {
    let alternative = options.alternative;
    let (method, outcome) = match kind {
        Kind::Binary => ("mcnemar_midp", mcnemar_test(a, b, McnemarMethod::MidP, alternative, level)),
        Kind::Ordinal => {
            let options = WilcoxonOptions { alternative, ..WilcoxonOptions::default() };
            ("wilcoxon", wilcoxon_test(a, b, &options, level))
        }
        Kind::Bounded | Kind::Unbounded if a.len() <= MAX_FLIPPED_PAIRS => {
            ("permutation", permutation_test(a, b, options, level))
        }
        Kind::Bounded | Kind::Unbounded => ("paired_t", paired_t_test(a, b, alternative, level)),
    };
    Outcome { method: Some(method), ..outcome }
}

/// Tests that the mean difference of pairs is 0 where pairs come in clusters: by flipping the signs of whole clusters below
/// 40 of them, else by the cluster-robust t test (CR2 with Satterthwaite's degrees of freedom). `method` says which:
/// `cluster_permutation` or `cluster_t`.
pub fn compare_paired_clustered(
    a: &[f64],
    b: &[f64],
    clusters: &[u64],
    options: &PermutationOptions,
    level: f64,
) -> Outcome {
    let mut distinct = clusters.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let few = distinct.len() < MIN_T_CLUSTERS;
    let method = if few { "cluster_permutation" } else { "cluster_t" };
    let outcome = match unusable_pairs(a, b) {
        Some(reason) => {
            Outcome::new(method, level, a.len()).test(TestOutcome::new(options.alternative)).because(reason)
        }
        None if few => clustered_sign_flip_test(&differences(a, b), clusters, options, level),
        None => {
            let d = differences(a, b);
            cluster_t_test(&d, clusters, ClusterCorrection::Cr2, true, options.alternative, level)
        }
    };
    Outcome { method: Some(method), ..outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_chooses() {
        let options = PermutationOptions::default();
        let a: Vec<f64> = (0..60).map(|i| f64::from(i % 2)).collect();
        let b: Vec<f64> = (0..60).map(|i| f64::from(i % 3 % 2)).collect();
        let run = |kind, n: usize| compare_paired(&a[..n], &b[..n], kind, &options, 0.95).method;
        assert_eq!(run(Kind::Binary, 60), Some("mcnemar_midp"));
        assert_eq!(run(Kind::Ordinal, 60), Some("wilcoxon"));
        assert_eq!((run(Kind::Bounded, 50), run(Kind::Unbounded, 51)), (Some("permutation"), Some("paired_t")));
        let clusters: Vec<u64> = (0..60).collect();
        let all = compare_paired_clustered(&a, &b, &clusters, &options, 0.95);
        let few = compare_paired_clustered(&a[..30], &b[..30], &clusters[..30], &options, 0.95);
        assert_eq!((all.method, few.method), (Some("cluster_t"), Some("cluster_permutation")));
        assert!(all.lower.is_some() && few.lower.is_some());
        assert!(compare_paired(&[0.5], &[1.0], Kind::Binary, &options, 0.95).reason.is_some());
    }
}
