//! Completions a second through a session, against a server in the process and against the mock, and what a row costs
//! in Arrow: prompts in, completion structs out.
//!
//! The server is as small as can be (it finds the end of a request and writes a fixed answer), so that two shared cores
//! measure the client as far as they can. `ASSAY_BENCH_SPLIT=1` prints processor time of client and server apart.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use assay_core::completion::{Completion, Status, Usage};
use assay_core::exec::CompleteSession;
use assay_core::exec::completion_schema::completions;
use assay_core::exec::ipc::{read_batch, write_batch};
use assay_core::inference::Requests;
use assay_core::message::{Message, Role};
use assay_core::provider::Model;
use assay_core::spec::{CallKind, CallSpec, CompleteSpec, ModelConf, PromptSpec, SPEC_VERSION};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Map, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ROWS: usize = 20_000;
const WINDOW: usize = 4_096;

/// Answers every request with the same bytes, on one thread.
fn serve() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "bench",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "The answer is 42.", "refusal": null},
            "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}}
    })
    .to_string();
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    std::thread::Builder::new()
        .name("server".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let answer = answer.clone();
                    tokio::spawn(async move {
                        let mut buffer = Vec::with_capacity(4096);
                        // Requests are small and come whole; their bodies end in a brace, their heads do not.
                        while stream.read_buf(&mut buffer).await.unwrap_or(0) > 0 {
                            if buffer.ends_with(b"}") {
                                buffer.clear();
                                if stream.write_all(answer.as_bytes()).await.is_err() {
                                    return;
                                }
                            }
                        }
                    });
                }
            });
        })
        .unwrap();
    format!("http://{address}/v1")
}

fn session(conf: &[(&str, &str)]) -> CompleteSession {
    let conf: BTreeMap<String, String> =
        [("model", "bench")].iter().chain(conf).map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let call = CallSpec {
        kind: CallKind::Complete,
        model: ModelConf { name: "bench".into(), conf },
        prompt: PromptSpec::Column(0),
        options: Map::from_iter([("temperature".to_string(), json!(0.0)), ("max_tokens".to_string(), json!(64))]),
        per_row: BTreeMap::new(),
        guard: None,
    };
    CompleteSession::open(&CompleteSpec {
        version: SPEC_VERSION,
        columns: 1,
        calls: vec![call],
        quota: None,
        journal: None,
        known: None,
    })
    .unwrap()
}

fn batches() -> Vec<Vec<u8>> {
    let prompts: Vec<String> =
        (0..ROWS).map(|i| format!("Question {i}: what is six times seven? Think, then give one number.")).collect();
    prompts
        .chunks(1024)
        .map(|chunk| {
            let column: ArrayRef = Arc::new(StringArray::from(chunk.to_vec()));
            write_batch(&RecordBatch::try_from_iter([("prompt", column)]).unwrap()).unwrap()
        })
        .collect()
}

/// Pushes and polls as the operator does: a window of rows in flight, one thread. Gives the number of polls.
fn run(session: &CompleteSession, batches: &[Vec<u8>]) -> usize {
    let mut pending = batches.iter();
    let mut done = 0;
    let mut polls = 0;
    while done < ROWS {
        while session.in_flight() < WINDOW {
            match pending.next() {
                Some(batch) => session.push(batch).unwrap(),
                None => break,
            };
        }
        if let Some(bytes) = session.poll(Duration::from_millis(100), 8192, 16 << 20).unwrap() {
            done += read_batch(&bytes).unwrap().num_rows();
            polls += 1;
        }
    }
    polls
}

/// Processor seconds of this process's threads, by whether they are the server's.
fn cpu_seconds() -> (f64, f64) {
    let mut seconds = (0.0, 0.0);
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = fields.iter().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
        if name.trim() == "server" { seconds.1 += ticks / 100.0 } else { seconds.0 += ticks / 100.0 }
    }
    seconds
}

fn completions_per_second(c: &mut Criterion) {
    let endpoint = serve();
    let batches = batches();
    let mut group = c.benchmark_group("completions");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10).measurement_time(Duration::from_secs(10));
    for concurrency in ["64", "512"] {
        let session = session(&[("provider", "openai"), ("endpoint", &endpoint), ("maxConcurrency", concurrency)]);
        if std::env::var_os("ASSAY_BENCH_SPLIT").is_some() {
            run(&session, &batches);
            let (before, start) = (cpu_seconds(), std::time::Instant::now());
            let polls: usize = (0..5).map(|_| run(&session, &batches)).sum();
            let (after, elapsed) = (cpu_seconds(), start.elapsed().as_secs_f64());
            let rows = (5 * ROWS) as f64;
            println!(
                "concurrency {concurrency}: {:.0} rows/s, client {:.1} us of processor a row, server {:.1}, {:.0} rows a poll",
                rows / elapsed,
                (after.0 - before.0) / rows * 1e6,
                (after.1 - before.1) / rows * 1e6,
                rows / polls as f64
            );
        }
        group.bench_function(format!("server/{concurrency}"), |b| b.iter(|| run(&session, &batches)));
    }
    let session = session(&[("provider", "mock")]);
    group.bench_function("mock", |b| b.iter(|| run(&session, &batches)));
    group.finish();
}

fn per_row(c: &mut Criterion) {
    let conf = [("provider", "mock"), ("model", "m")].map(|(k, v)| (k.to_string(), v.to_string())).into();
    let model = Model::from_conf(&ModelConf { name: "m".into(), conf }).unwrap();
    let requests = Requests::new(&model, CallKind::Complete, &Map::new()).unwrap();
    let row = Completion {
        text: Some("The answer is 42.".into()),
        model_answered: Some("bench".into()),
        finish_reason: Some("stop".into()),
        usage: Usage { input_tokens: Some(20), output_tokens: Some(5), ..Usage::default() },
        latency_ms: Some(1.0),
        answered_at: Some(1),
        request_key: Some("0".repeat(64)),
        ..Completion::uncalled("m", Status::Ok)
    };
    let mut group = c.benchmark_group("row");
    let content = "x".repeat(400);
    group.throughput(Throughput::Elements(1));
    group.bench_function("prepare a request of 400 bytes", |b| {
        b.iter(|| requests.prepare(black_box(&[Message::text(Role::User, &content)])))
    });
    for rows in [1, 64, 4096] {
        let many = vec![Some(row.clone()); rows];
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(format!("encode/{rows}"), |b| {
            b.iter(|| {
                let column: ArrayRef = Arc::new(completions(black_box(&many)).unwrap());
                write_batch(&RecordBatch::try_from_iter([("c0", column)]).unwrap()).unwrap()
            })
        });
    }
    let batch = &batches()[0];
    group.throughput(Throughput::Elements(1024));
    group.bench_function("decode/1024", |b| b.iter(|| read_batch(black_box(batch)).unwrap()));
    group.finish();
}

criterion_group!(benches, completions_per_second, per_row);
criterion_main!(benches);
