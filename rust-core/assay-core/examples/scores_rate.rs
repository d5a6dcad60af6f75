//! Pairs per second of several metrics, one by one and together: `scores_rate [WORDS]`.
//!
//! Prints one line `<functions> <apart> <together>` for each selection; the best of five passes over 2,000 pairs of as many words.

use std::hint::black_box;
use std::time::Instant;

use assay_core::metrics::together::{Chosen, Metrics, create};
use assay_core::metrics::{Stop, find};
use assay_core::options::resolve;
use assay_core::{Error, Result};
use serde_json::{Map, Value};

const SELECTIONS: &[(&[&str], &str)] = &[
    (&["llm_rouge_1", "llm_rouge_2", "llm_rouge_l"], "{}"),
    (&["llm_rouge_1", "llm_rouge_2", "llm_rouge_3", "llm_rouge_l", "llm_rouge_lsum"], "{}"),
    (&["llm_rouge_1", "llm_rouge_2", "llm_rouge_l"], r#"{"use_stemmer": true}"#),
    (&["llm_token_f1", "llm_exact_match"], r#"{"normalize": "squad"}"#),
];

fn main() -> Result<()> {
    let words = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(25);
    let pairs: Vec<(String, String)> = (0..2000).map(|i| (text(i, words), text(i + 1, words))).collect();
    for (names, options) in SELECTIONS {
        let chosen: Vec<Chosen> = names.iter().map(|name| choose(name, options)).collect::<Result<_>>()?;
        let mut apart = 0.0;
        for metric in chosen.chunks(1) {
            apart += seconds(&mut *create(metric, &Stop::default())?, 1, &pairs);
        }
        let together = seconds(&mut *create(&chosen, &Stop::default())?, chosen.len(), &pairs);
        let rate = |seconds: f64| pairs.len() as f64 / seconds;
        println!("{}{options} {:.0} {:.0}", names.join("+"), rate(apart), rate(together));
    }
    Ok(())
}

/// The options that the function has.
fn choose(name: &str, options: &str) -> Result<Chosen> {
    let info = find(name).ok_or_else(|| Error::internal(format!("no {name}")))?;
    let given: Map<String, Value> = serde_json::from_str(options).unwrap_or_default();
    let known = |option: &String| info.function.options.iter().any(|o| o.name == option);
    Ok((info, resolve(&info.function, &given.into_iter().filter(|(option, _)| known(option)).collect())?))
}

fn seconds(metrics: &mut dyn Metrics, n: usize, pairs: &[(String, String)]) -> f64 {
    let mut scores = vec![None; n];
    let passes = (0..5).map(|_| {
        let start = Instant::now();
        for (prediction, reference) in pairs {
            metrics.score_best(black_box(prediction), &[reference], &mut scores);
            black_box(&scores);
        }
        start.elapsed().as_secs_f64()
    });
    passes.fold(f64::INFINITY, f64::min)
}

/// Words of which neighbouring texts share about two thirds.
fn text(seed: usize, words: usize) -> String {
    let word = |i: usize| {
        let number = if (i * 7 + seed).is_multiple_of(3) { seed * 31 + i } else { i * 17 };
        ["run", "connection", "The", "evaluating", "of", "harbours", "stated"][number % 7].to_string()
            + &(number % 97).to_string()
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}
