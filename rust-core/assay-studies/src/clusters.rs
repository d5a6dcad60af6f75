//! Means and differences of values that come in clusters.

use std::fmt::Write;

use assay_core::stats::cluster_mean::{ClusterCorrection, cluster_mean};
use assay_core::stats::compare_paired::compare_paired_clustered;
use assay_core::stats::permutation::PermutationOptions;
use assay_core::stats::rng::Stream;
use assay_core::stats::t_tests::one_sample_t_test;
use assay_core::stats::{Alternative, Outcome};
use rayon::prelude::*;

use crate::Study;
use crate::data::clustered;
use crate::tally::{Tally, bounds};

/// Coverage of the cluster-robust intervals and size of the comparison.
pub(crate) fn study(study: &Study, text: &mut String) -> std::fmt::Result {
    writeln!(
        text,
        "| clusters | values | cr2 | cr1 | cr0 with normal quantiles | t without clusters | size of compare_paired_clustered |"
    )?;
    writeln!(text, "|{}", "---|".repeat(7))?;
    for skewed in [false, true] {
        for clusters in [5usize, 10, 20, 50] {
            let of = |number: u64| -> [Tally; 5] {
                let mut stream = Stream::new(9, number);
                let (x, labels) = clustered(&mut stream, clusters, 0.3, skewed);
                let tally = |outcome: &Outcome| {
                    let mut tally = Tally::default();
                    tally.add(bounds(outcome), 0.0, 1.0);
                    tally
                };
                let robust = |correction, use_t| tally(&cluster_mean(&x, &labels, correction, use_t, 0.95));
                let options = PermutationOptions { n_resamples: 999, seed: number, ..PermutationOptions::default() };
                // Where all sign flips are looked at, a million of 20 clusters take long.
                let compared = (clusters != 20 || number < study.drawn / 10)
                    .then(|| tally(&compare_paired_clustered(&x, &vec![0.0; x.len()], &labels, &options, 0.95)));
                [
                    robust(ClusterCorrection::Cr2, true),
                    robust(ClusterCorrection::Cr1, true),
                    robust(ClusterCorrection::Cr0, false),
                    tally(&one_sample_t_test(&x, 0.0, Alternative::TwoSided, 0.95)),
                    compared.unwrap_or_default(),
                ]
            };
            let all = (0..study.repetitions)
                .into_par_iter()
                .map(of)
                .reduce(|| [Tally::default(); 5], |a, b| std::array::from_fn(|i| a[i].plus(b[i])));
            let cells: Vec<String> = all[..4].iter().map(Tally::cell).collect();
            let values = if skewed { "exponential" } else { "normal" };
            writeln!(text, "| {clusters} | {values} | {} | {:.1} |", cells.join(" | "), 100.0 - all[4].coverage())?;
        }
    }
    Ok(())
}
