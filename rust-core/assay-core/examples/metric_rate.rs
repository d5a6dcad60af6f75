//! Pairs per second of metrics on one core: `metric_rate FILE SECONDS METRIC[+METRIC...][=OPTIONS]...`.
//!
//! FILE has a pair on each line, a JSON array of prediction and reference. Prints a line `<name> <pairs per second>` for each
//! argument, over whole passes that take SECONDS together, by the time that the thread was running and so whatever else the
//! machine does. Metrics with a plus between them are scored one after the other for each pair; OPTIONS are a JSON object.

use std::fs;
use std::hint::black_box;

use assay_core::metrics::{self, Metric, Stop};
use assay_core::options::resolve;
use assay_core::{Error, ErrorKind, Result};

mod clock;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(path), Some(seconds)) = (args.next(), args.next().and_then(|seconds| seconds.parse::<f64>().ok())) else {
        return Err(invalid("metric_rate FILE SECONDS METRIC...".into()));
    };
    let text = fs::read_to_string(&path).map_err(|e| invalid(format!("{path}: {e}")))?;
    let pairs: std::result::Result<Vec<(String, String)>, _> = text.lines().map(serde_json::from_str).collect();
    let pairs = pairs.map_err(|e| invalid(format!("{path}: {e}")))?;
    for argument in args {
        let (names, options) = argument.split_once('=').unwrap_or((&argument, "{}"));
        let mut metrics = names.split('+').map(|name| create(name, options)).collect::<Result<Vec<_>>>()?;
        let mut score = || {
            for (prediction, reference) in &pairs {
                for metric in &mut metrics {
                    black_box(metric.score(black_box(prediction), black_box(reference)));
                }
            }
        };
        score();
        let (clock, mut passes) = (clock::Clock::start(), 0);
        while passes == 0 || clock.seconds() < seconds {
            score();
            passes += 1;
        }
        println!("{argument} {}", (passes * pairs.len()) as f64 / clock.seconds());
    }
    Ok(())
}

fn create(name: &str, options: &str) -> Result<Box<dyn Metric>> {
    let info = metrics::find(name).ok_or_else(|| invalid(format!("there is no metric {name}")))?;
    let options = serde_json::from_str(options).map_err(|e| invalid(format!("{options}: {e}")))?;
    (info.create)(&resolve(&info.function, &options)?, &Stop::default())
}

fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, what)
}
