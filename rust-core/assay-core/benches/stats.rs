//! `mean_ci` from state bytes to result, on one thread.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use assay_core::stats::finish_with_threads;
use assay_core::stats::rng::Stream;
use assay_core::stats::state::{encode_counts, encode_values};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;

fn mean_ci(c: &mut Criterion) {
    let mut stream = Stream::new(7, 0);
    let mut uniform = |n: usize| (0..n).map(|_| stream.next_f64()).collect::<Vec<f64>>();
    let states = [
        ("binary, n = 1e8", encode_counts(&[(0.0, 30_000_000), (1.0, 70_000_000)], 0)),
        ("5 values, n = 1e6", encode_counts(&[1.0, 2.0, 3.0, 4.0, 5.0].map(|v| (v, 200_000)), 0)),
        ("values, n = 1000", encode_values(&uniform(1000), 0)),
        ("values, n = 100000", encode_values(&uniform(100_000), 0)),
    ];
    for method in ["auto", "percentile", "bca"] {
        let mut group = c.benchmark_group(format!("mean_ci {method}"));
        group.sample_size(10);
        let options = json!({"method": method}).as_object().cloned().unwrap();
        for (name, state) in &states {
            group.bench_function(*name, |b| {
                b.iter(|| finish_with_threads("mean_ci", &options, black_box(state), 1).unwrap());
            });
        }
    }
}

criterion_group!(benches, mean_ci);
criterion_main!(benches);
