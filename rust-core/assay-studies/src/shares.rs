//! Intervals of one share of 0/1 values: the coverage is computed from the binomial distribution, nothing is drawn.

use std::fmt::Write;

use assay_core::options::{Options, resolve};
use assay_core::stats::mean_ci::{INFO, mean_ci};
use assay_core::stats::special::binom_pmf;
use assay_core::stats::state::Sample;
use rayon::prelude::*;
use serde_json::json;

use crate::tally::{Tally, bounds};

pub(crate) const METHODS: &[&str] =
    &["wilson", "clopper_pearson", "agresti_coull", "jeffreys", "t", "hall", "percentile", "bca"];

fn options(method: &str) -> Options {
    let given = json!({"method": method}).as_object().cloned().unwrap_or_default();
    resolve(&INFO, &given).unwrap_or_else(|error| unreachable!("{error:?}"))
}

/// The interval of each number of successes out of `n`.
pub(crate) fn intervals(n: u64, method: &str) -> Vec<(Option<f64>, Option<f64>)> {
    let options = options(method);
    (0..=n)
        .into_par_iter()
        .map(|successes| {
            let sample = Sample::from_counts(vec![(0.0, n - successes), (1.0, successes)], 0);
            sample.map_or((None, None), |sample| bounds(&mean_ci(&sample, &options)))
        })
        .collect()
}

/// The coverage where the share is `p`.
pub(crate) fn coverage(intervals: &[(Option<f64>, Option<f64>)], p: f64) -> Tally {
    let n = intervals.len() as u64 - 1;
    let mut tally = Tally::default();
    for (successes, interval) in (0..).zip(intervals) {
        tally.add(*interval, p, binom_pmf(successes, n, p));
    }
    tally
}

/// Mean and least coverage over p = 0.01 to 0.99, and the mean width.
pub(crate) fn study(text: &mut String) -> std::fmt::Result {
    writeln!(text, "| n | {} |", METHODS.join(" | "))?;
    writeln!(text, "|{}", "---|".repeat(1 + METHODS.len()))?;
    for n in [10, 20, 50, 100, 300, 1000] {
        let mut cells = Vec::new();
        for method in METHODS {
            let intervals = intervals(n, method);
            let all: Vec<(f64, Tally)> =
                (1..100).map(|p| f64::from(p) / 100.0).map(|p| (p, coverage(&intervals, p))).collect();
            let mean = all.iter().map(|(_, tally)| tally.coverage()).sum::<f64>() / 99.0;
            let width = all.iter().map(|(_, tally)| tally.width()).sum::<f64>() / 99.0;
            let worst = all.iter().min_by(|a, b| a.1.coverage().total_cmp(&b.1.coverage()));
            let (at, least) = worst.map_or((0.0, 0.0), |(p, tally)| (*p, tally.coverage()));
            cells.push(format!("{mean:.1}, least {least:.1} at {at} ({width:.3})"));
        }
        writeln!(text, "| {n} | {} |", cells.join(" | "))?;
    }
    let worst = (20..=1000)
        .into_par_iter()
        .map(|n| {
            let intervals = intervals(n, "wilson");
            let least = (1..100).map(|p| coverage(&intervals, f64::from(p) / 100.0).coverage());
            (n, least.fold(100.0, f64::min))
        })
        .min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((n, least)) = worst {
        writeln!(
            text,
            "\nOver every n from 20 to 1,000 the least coverage of wilson on this grid is {least:.2} %, at n = {n}."
        )?;
    }
    Ok(())
}
