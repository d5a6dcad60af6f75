//! Metrics over batches of 8192 short pairs: the bare kernel, and a session with Arrow IPC on both sides.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use assay_core::exec::EvalSession;
use assay_core::exec::ipc::{read_batch, write_batch};
use assay_core::metrics;
use assay_core::options::resolve;
use assay_core::spec::{EvalSpec, FunctionSpec, SPEC_VERSION};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Map, Value, json};

#[path = "../examples/pairs/mod.rs"]
mod pairs;

const ROWS: usize = 8192;

const CASES: &[(&str, &str, &str)] = &[
    ("llm_token_f1", "ascii", "{}"),
    ("llm_token_f1", "unicode", "{}"),
    ("llm_exact_match", "ascii", "{}"),
    ("llm_exact_match", "ascii", r#"{"normalize": "squad"}"#),
    ("llm_contains", "ascii", "{}"),
];

fn pairs_of(script: &str) -> Vec<(String, String)> {
    if script == "ascii" { pairs::ascii(ROWS) } else { pairs::unicode(ROWS) }
}

fn title(name: &str, script: &str, options: &str) -> String {
    format!("{name} {script}{}", if options == "{}" { String::new() } else { format!(" {options}") })
}

fn kernels(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, script, options) in CASES {
        let pairs = pairs_of(script);
        let info = metrics::find(name).unwrap();
        let given: Map<String, Value> = serde_json::from_str(options).unwrap();
        let mut metric = (info.create)(&resolve(&info.function, &given).unwrap(), &metrics::Stop::default()).unwrap();
        group.bench_function(title(name, script, options), |b| {
            b.iter(|| pairs.iter().map(|(p, r)| metric.score(black_box(p), black_box(r))).sum::<f64>());
        });
    }
}

fn sessions(c: &mut Criterion) {
    let mut group = c.benchmark_group("session");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, script, options) in CASES {
        let (session, input) = session(name, &pairs_of(script), options);
        group.bench_function(title(name, script, options), |b| b.iter(|| session.eval(black_box(&input)).unwrap()));
    }
    let (_, input) = session("llm_exact_match", &pairs::ascii(ROWS), "{}");
    group.bench_function("read and write only", |b| {
        b.iter(|| write_batch(&read_batch(black_box(&input)).unwrap()).unwrap());
    });
    let (session, input) = prompts();
    group.bench_function("llm_prompt", |b| b.iter(|| session.eval(black_box(&input)).unwrap()));
}

fn open(columns: usize, function: FunctionSpec) -> EvalSession {
    EvalSession::open(&EvalSpec { version: SPEC_VERSION, columns, functions: vec![function] }).unwrap()
}

fn function(name: &str, args: &[usize], options: &str) -> FunctionSpec {
    serde_json::from_value(json!({
        "name": name, "args": args, "options": serde_json::from_str::<Value>(options).unwrap()
    }))
    .unwrap()
}

fn session(name: &str, pairs: &[(String, String)], options: &str) -> (EvalSession, Vec<u8>) {
    let predictions: ArrayRef = Arc::new(StringArray::from_iter_values(pairs.iter().map(|(p, _)| p)));
    let references: ArrayRef = Arc::new(StringArray::from_iter_values(pairs.iter().map(|(_, r)| r)));
    let batch = RecordBatch::try_from_iter([("p", predictions), ("r", references)]).unwrap();
    (open(2, function(name, &[0, 1], options)), write_batch(&batch).unwrap())
}

fn prompts() -> (EvalSession, Vec<u8>) {
    let questions: ArrayRef = Arc::new(StringArray::from_iter_values(pairs::ascii(ROWS).iter().map(|(p, _)| p)));
    let row: ArrayRef = Arc::new(arrow::array::StructArray::try_from(vec![("question", questions)]).unwrap());
    let batch = RecordBatch::try_from_iter([("row", row)]).unwrap();
    let template = "Answer with one word.\n\nQuestion: {{ question }}\nAnswer:".to_string();
    let function = FunctionSpec { constant: Some(template), ..function("llm_prompt", &[0], "{}") };
    (open(1, function), write_batch(&batch).unwrap())
}

criterion_group!(benches, kernels, sessions);
criterion_main!(benches);
