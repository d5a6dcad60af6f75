//! Rows per second of the bare kernels on one core: `kernel_rate [PAIRS [FILE]]`.
//!
//! Prints one line `<function> <rows per second>` for each function; the best of five passes, by the time that the
//! thread was running and so whatever else the machine does. With FILE, writes the pairs there instead, a line each, the
//! texts separated by a tab.

use std::fs;
use std::hint::black_box;
use std::io::{BufWriter, Write};

use assay_core::options::resolve;
use assay_core::{Result, metrics};

mod clock;
mod pairs;

fn main() -> Result<()> {
    let n = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let pairs = pairs::ascii(n);
    if let Some(path) = std::env::args().nth(2) {
        return write(&path, &pairs)
            .map_err(|e| assay_core::Error::new(assay_core::ErrorKind::InvalidArgument, format!("{path}: {e}")));
    }
    for name in ["llm_token_f1", "llm_exact_match"] {
        let Some(info) = metrics::find(name) else { continue };
        let mut metric = (info.create)(&resolve(&info.function, &serde_json::Map::new())?, &metrics::Stop::default())?;
        let best = (0..5).map(|_| {
            let clock = clock::Clock::start();
            let sum: f64 = pairs.iter().map(|(prediction, reference)| metric.score(prediction, reference)).sum();
            black_box(sum);
            clock.seconds()
        });
        println!("{name} {:.0}", n as f64 / best.fold(f64::INFINITY, f64::min));
    }
    Ok(())
}

fn write(path: &str, pairs: &[(String, String)]) -> std::io::Result<()> {
    let mut file = BufWriter::new(fs::File::create(path)?);
    for (prediction, reference) in pairs {
        writeln!(file, "{prediction}\t{reference}")?;
    }
    file.flush()
}
