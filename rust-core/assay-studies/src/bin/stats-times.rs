//! Times kernels on values that benchmarks/stats.py lays beside it: one case, one line of JSON. Called by scripts/bench.
//!
//! `stats-times CASE FOLDER RESAMPLES ROUNDS`: the folder has files of 64-bit floating-point numbers, little-endian.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use assay_core::stats::bootstrap_ci::{BootstrapOptions, Statistic, bootstrap_ci};
use assay_core::stats::cluster_mean::cluster_bootstrap;
use assay_core::stats::permutation::{PermutationOptions, permutation_test, permutation_test_unpaired};
use assay_core::stats::{Outcome, finish, state};
use serde_json::json;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, folder, n_resamples, rounds] = &arguments[..] else {
        eprintln!("usage: stats-times CASE FOLDER RESAMPLES ROUNDS");
        return ExitCode::from(2);
    };
    let (Ok(n_resamples), Ok(rounds)) = (n_resamples.parse(), rounds.parse::<usize>()) else {
        eprintln!("RESAMPLES and ROUNDS are numbers");
        return ExitCode::from(2);
    };
    match run(case, Path::new(folder), n_resamples, rounds) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{case}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(case: &str, folder: &Path, n_resamples: usize, rounds: usize) -> std::io::Result<serde_json::Value> {
    let column = |name: &str| -> std::io::Result<Vec<f64>> {
        let bytes = std::fs::read(folder.join(name))?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    };
    let bootstrap = BootstrapOptions { n_resamples, ..BootstrapOptions::default() };
    let permutation = PermutationOptions { n_resamples, ..PermutationOptions::default() };
    match case {
        "bca" => {
            let x = column("x.f64")?;
            Ok(timed(rounds, || bootstrap_ci(&x, Statistic::Mean, &bootstrap)))
        }
        "binary" => {
            let counts = column("counts.f64")?;
            let state = state::encode_counts(&[(0.0, counts[0] as u64), (1.0, counts[1] as u64)], 0);
            let options = json!({"method": "bca", "n_resamples": n_resamples}).as_object().cloned().unwrap_or_default();
            Ok(timed(rounds, || finish("mean_ci", &options, &state).unwrap_or_default()))
        }
        "permutation" => {
            let (a, b) = (column("a.f64")?, column("b.f64")?);
            Ok(timed(rounds, || permutation_test(&a, &b, &permutation, 0.95)))
        }
        "permutation unpaired" => {
            let (a, b) = (column("a.f64")?, column("b.f64")?);
            Ok(timed(rounds, || permutation_test_unpaired(&a, &b, &permutation, 0.95)))
        }
        "cluster bootstrap" => {
            let (x, clusters) = (column("x.f64")?, column("clusters.f64")?);
            let clusters: Vec<u64> = clusters.into_iter().map(|cluster| cluster as u64).collect();
            Ok(timed(rounds, || cluster_bootstrap(&x, &clusters, &bootstrap)))
        }
        _ => Err(std::io::Error::other("there is no such case")),
    }
}

/// The times of all rounds, and the result of the last.
fn timed(rounds: usize, work: impl Fn() -> Outcome) -> serde_json::Value {
    let mut seconds = Vec::new();
    let mut outcome = Outcome::default();
    for _ in 0..rounds.max(1) {
        let started = Instant::now();
        outcome = work();
        seconds.push(started.elapsed().as_secs_f64());
    }
    json!({
        "seconds": seconds,
        "lower": outcome.lower,
        "upper": outcome.upper,
        "p_value": outcome.test.and_then(|test| test.p_value),
        "reason": outcome.reason,
    })
}
