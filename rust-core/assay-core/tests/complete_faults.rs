//! Sessions against the testkit: random faults in a mass, with exact books on both sides.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, StringArray};
use assay_core::spec::ModelConf;
use assay_testkit::{Config, FaultKind, Faults, Latency, ModelConfig, Prices, Scripted, Server};
use support::*;

fn server(faults: Faults) -> Server {
    Server::start(Config {
        models: vec![ModelConfig::new("small", 1.0)],
        latency: Latency::fixed(Duration::from_millis(2)),
        faults,
        prices: Prices { input: 1.0, output: 2.0, ..Prices::default() },
        ..Config::default()
    })
    .unwrap()
}

fn at(server: &Server, pairs: &[(&str, &str)]) -> ModelConf {
    let url = server.url();
    let base = [("endpoint", url.as_str()), ("model", "small"), ("price.input", "1"), ("price.output", "2")];
    model(&base.iter().chain(pairs).copied().collect::<Vec<_>>())
}

fn prompts(rows: usize) -> Vec<u8> {
    let prompts: Vec<String> = (0..rows).map(|i| format!("Question {i}: what is {i} times seven?")).collect();
    ipc(vec![Arc::new(StringArray::from(prompts)) as ArrayRef])
}

/// How many rows ended in each status.
fn statuses(rows: &BTreeMap<i64, Vec<arrow::array::StructArray>>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for calls in rows.values() {
        *counts.entry(text(&calls[0], "status").unwrap()).or_default() += 1;
    }
    counts
}

#[test]
fn with_every_fault_at_once_all_rows_come_and_the_books_agree() {
    let kinds = [
        FaultKind::TooManyRequests,
        FaultKind::ServerError,
        FaultKind::BadGatewayHtml,
        FaultKind::Unavailable,
        FaultKind::Reset,
        FaultKind::StallBody,
        FaultKind::Truncated,
        FaultKind::Malformed,
        FaultKind::Error200,
    ];
    let server = server(Faults {
        probabilities: kinds.into_iter().map(|kind| (kind, 0.02)).collect(),
        retry_after: Duration::from_millis(20),
        ..Faults::default()
    });
    let session = open(1, vec![call(at(&server, &[("maxRetries", "8"), ("timeoutMs", "1000")]))]);
    session.push(&prompts(400)).unwrap();
    let rows = drain(&session, 400);
    assert_eq!(statuses(&rows), BTreeMap::from([("ok".to_string(), 400)]));

    let stats = server.stats();
    assert_eq!(stats.answered, 400);
    assert_eq!(stats.max_answered_per_key, 1);
    assert_eq!(stats.distinct_keys, 400);
    assert_eq!(counter(&session, "requests"), stats.requests as i64);
    assert_eq!(counter(&session, "retries"), stats.requests as i64 - 400);
    assert!(stats.requests > 430, "{} requests", stats.requests);
    assert!(stats.max_requests_per_key <= 9);
    let sum: i32 = rows.values().map(|calls| attempts(&calls[0])).sum();
    assert_eq!(sum as u64, stats.requests);
}

#[test]
fn what_the_rows_cost_is_what_the_server_bills() {
    let server = server(Faults::default());
    let session = open(1, vec![call(at(&server, &[]))]);
    session.push(&prompts(100)).unwrap();
    let rows = drain(&session, 100);
    let cost: f64 = rows.values().map(|calls| double(&calls[0], "cost_usd").unwrap()).sum();
    let stats = server.stats();
    assert_eq!((cost * 1e9).round() as u64, stats.cost_nano_usd);
    assert_eq!(counter(&session, "cost_nanousd") as u64, stats.cost_nano_usd);
    assert_eq!(counter(&session, "input_tokens") as u64, stats.input_tokens);
    assert_eq!(counter(&session, "output_tokens") as u64, stats.output_tokens);
}

#[test]
fn a_server_that_is_down_gets_each_row_as_often_as_the_policy_says() {
    let server = server(Faults::only(FaultKind::Unavailable, 1.0));
    let session = open(1, vec![call(at(&server, &[("maxRetries", "2")]))]);
    session.push(&prompts(20)).unwrap();
    assert_eq!(statuses(&drain(&session, 20)), BTreeMap::from([("server_error".to_string(), 20)]));
    let stats = server.stats();
    assert_eq!((stats.requests, stats.max_requests_per_key), (60, 3));
}

#[test]
fn the_server_never_sees_more_than_the_models_concurrency() {
    let server = server(Faults::default());
    let sessions: Vec<_> = (0..3).map(|_| open(1, vec![call(at(&server, &[("maxConcurrency", "7")]))])).collect();
    for session in &sessions {
        session.push(&prompts(200)).unwrap();
    }
    for session in &sessions {
        drain(session, 200);
    }
    assert_eq!(server.stats().peak_in_flight, 7);
}

#[test]
fn a_scripted_sequence_is_walked_to_its_end() {
    let server = server(Faults::default());
    server
        .script(vec![Scripted::status(500), Scripted::fault(FaultKind::Reset), Scripted::fault(FaultKind::Malformed)])
        .unwrap();
    let session = open(1, vec![call(at(&server, &[]))]);
    session.push(&prompts(1)).unwrap();
    let row = drain(&session, 1).remove(&0).unwrap().remove(0);
    assert_eq!((text(&row, "status").as_deref(), attempts(&row)), (Some("ok"), 4));
}
