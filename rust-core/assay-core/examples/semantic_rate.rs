//! Texts per second of a local model: `semantic_rate FOLDER TEXTS THREADS ROUNDS`.
//!
//! TEXTS is a file of JSON: a list of texts to embed, or of pairs of texts to score by BERTScore with the model's last layer.
//! Prints JSON: the seconds of each round, the first of which warms up, the processor's seconds, those to read the model, and the most
//! memory held.

use std::fs;
use std::time::Instant;

use assay_core::metrics::Stop;
use assay_core::semantic::{BertScorer, Model, check};
use assay_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let invalid = |what: &str| Error::new(ErrorKind::InvalidArgument, what);
    let [folder, texts, threads, rounds] = arguments.as_slice() else {
        return Err(invalid("semantic_rate FOLDER TEXTS THREADS ROUNDS"));
    };
    let text = fs::read_to_string(texts).map_err(|e| invalid(&format!("{texts}: {e}")))?;
    let texts: Vec<Value> = serde_json::from_str(&text).map_err(|e| invalid(&format!("{texts}: {e}")))?;
    let count = |text: &str| text.parse::<usize>().map_err(|_| invalid("THREADS and ROUNDS are numbers"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count(threads)?).build();
    let pool = pool.map_err(|e| invalid(&e.to_string()))?;
    let begun = Instant::now();
    check(folder)?;
    let model = Model::open(folder)?;
    let read = begun.elapsed().as_secs_f64();
    let (mut seconds, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..count(rounds)? {
        let (begun, used) = (Instant::now(), cpu_seconds());
        if texts.first().is_some_and(Value::is_array) {
            let pairs: Vec<(&str, Vec<&str>)> = texts
                .iter()
                .map(|pair| (pair[0].as_str().unwrap_or(""), vec![pair[1].as_str().unwrap_or("")]))
                .collect();
            let rows: Vec<(&str, &[&str])> = pairs.iter().map(|(p, r)| (*p, r.as_slice())).collect();
            let scorer = BertScorer::new(model.clone(), Some(model.layers()))?;
            pool.install(|| scorer.score(&rows, &Stop::default()))?;
        } else {
            let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
            pool.install(|| model.embed(&texts, &Stop::default()))?;
        }
        seconds.push(begun.elapsed().as_secs_f64());
        cpu.push(cpu_seconds() - used);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
    println!("{}", json!({ "seconds": seconds, "cpu": cpu, "read": read, "peak_rss_mb": most.map(|kb| kb / 1024.0) }));
    Ok(())
}

/// What the process has used of the processors.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
