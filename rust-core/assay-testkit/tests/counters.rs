//! The books are exact, also under concurrency, and they add up.
// A test fails by panicking, and the helpers of tests are not shared with anybody.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod common;

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use assay_testkit::{Config, FaultKind, Faults, Latency, Prices, Server, Stats, request_key};
use common::{Client, request};

fn hex(key: [u8; 32]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn server() -> Server {
    let faults = Faults {
        probabilities: BTreeMap::from([
            (FaultKind::ServerError, 0.1),
            (FaultKind::Malformed, 0.05),
            (FaultKind::Error200, 0.05),
            (FaultKind::TooManyRequests, 0.1),
        ]),
        ..Faults::default()
    };
    let prices = Prices { input: 0.15, output: 0.6, ..Prices::default() };
    Server::start(Config { faults, prices, threads: 2, ..Config::default() }).unwrap()
}

/// `threads` clients send the requests `0..distinct`, each `times` times.
fn send(server: &Server, threads: usize, distinct: usize, times: usize) -> BTreeMap<u16, u64> {
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut client = Client::connect(server.addr());
                    let mine = (0..distinct * times).filter(move |i| i % threads == thread);
                    mine.map(|i| client.ask("m", &format!("q{}", i / times)).status).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut by_status = BTreeMap::new();
    for status in statuses {
        *by_status.entry(status).or_insert(0) += 1;
    }
    by_status
}

#[test]
fn counters_are_exact_under_concurrency() {
    let server = server();
    let by_status = send(&server, 8, 500, 6);
    let stats = server.stats();
    assert_eq!(stats.requests, 3000);
    assert_eq!(stats.by_status, by_status);
    assert_eq!(stats.distinct_keys, 500);
    assert_eq!(stats.max_requests_per_key, 6);
    assert_eq!(stats.in_flight, 0);
    assert!((1..=8).contains(&stats.peak_in_flight));
    assert_eq!(stats.by_outcome.values().sum::<u64>(), 3000);
    assert_eq!(stats.by_outcome["ok"], stats.answered);
    assert_eq!(stats.by_model["m"].requests, 3000);
    let keys = server.keys();
    assert!(keys.iter().all(|key| key.requests == 6 && key.answered <= key.billed && key.billed <= 6));
    assert_eq!(keys.iter().map(|key| key.answered).sum::<u64>(), stats.answered);
    let expected: HashSet<String> =
        (0..500).map(|i| hex(request_key("/v1/chat/completions", &request("m", &format!("q{i}"))))).collect();
    assert_eq!(keys.into_iter().map(|key| key.key).collect::<HashSet<_>>(), expected);
}

#[test]
fn the_ledger_adds_up() {
    let server = server();
    send(&server, 4, 300, 3);
    let (stats, ledger) = (server.stats(), server.ledger());
    assert_eq!(ledger.len(), 900);
    assert!(ledger.iter().map(|entry| entry.sequence).eq(0..900));
    let sum = |field: fn(&assay_testkit::LedgerEntry) -> u64| ledger.iter().map(field).sum::<u64>();
    assert_eq!(sum(|entry| entry.input_tokens), stats.input_tokens);
    assert_eq!(sum(|entry| entry.output_tokens), stats.output_tokens);
    assert_eq!(sum(|entry| entry.cost_nano_usd), stats.cost_nano_usd);
    let model = &stats.by_model["m"];
    assert_eq!((model.input_tokens, model.cost_nano_usd), (stats.input_tokens, stats.cost_nano_usd));
    let billed = ["ok", "fault_malformed"];
    for entry in &ledger {
        // 0.15 and 0.6 USD per million are 150 and 600 nano-USD a token.
        assert_eq!(entry.cost_nano_usd, 150 * entry.input_tokens + 600 * entry.output_tokens);
        assert_eq!(entry.cost_nano_usd > 0, billed.contains(&entry.outcome.as_str()), "{entry:?}");
        assert!(entry.arrived_us <= entry.ended_us);
        assert!((1..=3).contains(&entry.attempt));
    }
}

#[test]
fn usage_in_the_answers_is_what_is_billed() {
    let server =
        Server::start(Config { prices: Prices { input: 3.0, output: 15.0, ..Prices::default() }, ..Config::default() })
            .unwrap();
    let mut client = Client::connect(server.addr());
    let (mut input, mut output) = (0, 0);
    for i in 0..50 {
        let usage = client.ask("m", &format!("question {i}")).json()["usage"].clone();
        input += usage["prompt_tokens"].as_u64().unwrap();
        output += usage["completion_tokens"].as_u64().unwrap();
    }
    let stats = server.stats();
    assert_eq!((stats.input_tokens, stats.output_tokens), (input, output));
    assert_eq!(stats.cost_nano_usd, 3000 * input + 15_000 * output);
}

#[test]
fn http_and_library_show_the_same() {
    let server = server();
    send(&server, 2, 20, 2);
    let mut client = Client::connect(server.addr());
    let stats: Stats = serde_json::from_value(client.send("GET", "/testkit/stats", &[], "").json()).unwrap();
    assert_eq!(stats, server.stats());
    let keys = client.send("GET", "/testkit/keys", &[], "").json();
    assert_eq!(keys["keys"], serde_json::to_value(server.keys()).unwrap());
    let ledger = client.send("GET", "/testkit/ledger", &[], "").json();
    assert_eq!(ledger["entries"], serde_json::to_value(server.ledger()).unwrap());
    assert_eq!(ledger["totals"], serde_json::to_value(&stats).unwrap());
}

#[test]
fn a_client_that_leaves_is_booked_as_abandoned() {
    let latency = Latency::fixed(Duration::from_secs(60));
    let server = Server::start(Config { latency, ..Config::default() }).unwrap();
    let mut client = Client::connect(server.addr());
    client.write("POST", "/v1/chat/completions", &[], &request("m", "x").to_string());
    wait_until(|| server.stats().in_flight == 1);
    drop(client);
    wait_until(|| server.stats().in_flight == 0);
    let stats = server.stats();
    assert_eq!(stats.by_outcome, BTreeMap::from([("abandoned".to_string(), 1)]));
    assert_eq!((stats.answered, stats.cost_nano_usd, stats.peak_in_flight), (0, 0, 1));
}

#[test]
fn a_reset_forgets_what_came_before_and_what_was_under_way() {
    let latency = Latency::fixed(Duration::from_millis(100));
    let server = Server::start(Config { latency, ..Config::default() }).unwrap();
    let mut client = Client::connect(server.addr());
    client.write("POST", "/v1/chat/completions", &[], &request("m", "x").to_string());
    wait_until(|| server.stats().in_flight == 1);
    server.reset();
    assert_eq!(client.read().status, 200);
    wait_until(|| server.stats().in_flight == 0);
    let stats = server.stats();
    assert_eq!((stats.requests, stats.answered, stats.distinct_keys), (0, 0, 0));
    assert_eq!(client.ask("m", "x").status, 200);
    assert_eq!(server.stats().requests, 1);
    assert_eq!(server.ledger()[0].sequence, 0);
}

#[test]
fn the_ledger_stops_at_its_limit_and_the_totals_do_not() {
    let server = Server::start(Config { ledger_limit: 64, ..Config::default() }).unwrap();
    send(&server, 1, 500, 1);
    assert!((1..=64).contains(&server.ledger().len()));
    assert_eq!(server.stats().answered, 500);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(Config::default()).unwrap();
    let mut client = Client::connect(server.addr());
    let mut alone = Client::connect(server.addr());
    let expected: Vec<String> = (0..20).map(|i| alone.ask("m", &format!("q{i}")).text()).collect();
    for i in 0..20 {
        client.write("POST", "/v1/chat/completions", &[], &request("m", &format!("q{i}")).to_string());
    }
    let answers: Vec<String> = (0..20).map(|_| client.read().text()).collect();
    assert_eq!(answers, expected);
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}
