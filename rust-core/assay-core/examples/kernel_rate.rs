//! Rows per second of the bare kernels on one core: `kernel_rate [PAIRS]`.
//!
//! Prints one line `<function> <rows per second>` for each function; the best of five passes.

use std::hint::black_box;
use std::time::Instant;

use assay_core::options::resolve;
use assay_core::{Result, metrics};

mod pairs;

fn main() -> Result<()> {
    let n = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let pairs = pairs::ascii(n);
    for name in ["llm_token_f1", "llm_exact_match"] {
        let Some(info) = metrics::find(name) else { continue };
        let mut metric = (info.create)(&resolve(&info.function, &serde_json::Map::new())?);
        let best = (0..5).map(|_| {
            let start = Instant::now();
            let sum: f64 = pairs.iter().map(|(prediction, reference)| metric.score(prediction, reference)).sum();
            black_box(sum);
            start.elapsed().as_secs_f64()
        });
        println!("{name} {:.0}", n as f64 / best.fold(f64::INFINITY, f64::min));
    }
    Ok(())
}
