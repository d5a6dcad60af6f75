//! Scores rows, to be compared with what other libraries say: `score <ROWS >SCORES`.
//!
//! Each line is a JSON object with `metric`, a name such as `llm_ter`, `options`, `prediction` and `references`. Prints a line
//! with the score, `null` where there is none.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{BufRead, BufWriter, Write};

use assay_core::metrics::{self, Metric, Stop};
use assay_core::options::resolve;
use assay_core::{Error, ErrorKind, Result};

#[derive(serde::Deserialize)]
struct Row {
    metric: String,
    #[serde(default)]
    options: serde_json::Map<String, serde_json::Value>,
    prediction: String,
    references: Vec<String>,
}

fn main() -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut metrics: HashMap<String, Box<dyn Metric>> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| invalid(e.to_string()))?;
        let row: Row = serde_json::from_str(&line).map_err(|e| invalid(e.to_string()))?;
        let info = metrics::find(&row.metric).ok_or_else(|| invalid(format!("there is no metric {}", row.metric)))?;
        let key = format!("{} {}", row.metric, serde_json::Value::Object(row.options.clone()));
        let metric = match metrics.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                free.insert((info.create)(&resolve(&info.function, &row.options)?, &Stop::default())?)
            }
        };
        let references: Vec<&str> = row.references.iter().map(String::as_str).collect();
        let score = metric.score_best(&row.prediction, &references);
        writeln!(out, "{}", serde_json::json!(score)).map_err(|e| invalid(e.to_string()))?;
    }
    Ok(())
}

fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, what)
}
