//! Quotas are strict, and say what they do.
// A test fails by panicking, and the helpers of tests are not shared with anybody.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod common;

use std::time::{Duration, Instant};

use assay_testkit::{Config, Quota, Server, WindowKind};
use common::{Client, Response};

fn server(quota: Quota) -> Server {
    Server::start(Config { quota, threads: 2, ..Config::default() }).unwrap()
}

/// Requests from several threads, as fast as they can, for a time.
fn flood(server: &Server, time: Duration) {
    let until = Instant::now() + time;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let mut client = Client::connect(server.addr());
                let mut i = 0;
                while Instant::now() < until {
                    i += 1;
                    let status = client.ask("m", &format!("{thread} {i}")).status;
                    assert!(status == 200 || status == 429);
                }
            });
        }
    });
}

#[test]
fn no_window_ever_holds_more_requests_than_the_limit() {
    let window = Duration::from_millis(300);
    // 20 in every 300 ms.
    let server = server(Quota { requests_per_minute: Some(4000), window, ..Quota::default() });
    flood(&server, 4 * window + window / 2);
    let ledger = server.ledger();
    let admitted: Vec<_> = ledger.iter().filter(|entry| entry.outcome == "ok").collect();
    assert!(admitted.len() > 60 && admitted.len() <= 100, "{}", admitted.len());
    for run in admitted.windows(21) {
        // Each was admitted between its arrival and its end, and the first and the last not within one window.
        let first_arrival = run.iter().map(|entry| entry.arrived_us).min().unwrap();
        let last_end = run.iter().map(|entry| entry.ended_us).max().unwrap();
        assert!(last_end - first_arrival >= window.as_micros() as u64);
    }
    let stats = server.stats();
    assert_eq!(stats.refused_by_quota, stats.by_status[&429]);
    assert_eq!(stats.requests, stats.answered + stats.refused_by_quota);
}

#[test]
fn no_window_ever_holds_more_tokens_than_the_limit() {
    let window = Duration::from_millis(300);
    // 1000 in every 300 ms, in fixed windows.
    let server =
        server(Quota { tokens_per_minute: Some(200_000), window, kind: WindowKind::Fixed, ..Quota::default() });
    flood(&server, 3 * window - window / 3);
    let stats = server.stats();
    let tokens = stats.input_tokens + stats.output_tokens;
    // The flood touches at most four fixed windows.
    assert!(tokens > 2000 && tokens <= 4000, "{tokens}");
    assert!(stats.refused_by_quota > 0);
}

fn header(response: &Response, name: &str) -> u64 {
    response.headers[name].parse().unwrap()
}

#[test]
fn headers_tell_the_state_of_the_quota() {
    let server = server(Quota { requests_per_minute: Some(2), tokens_per_minute: Some(10_000), ..Quota::default() });
    let mut client = Client::connect(server.addr());
    let first = client.ask("m", "one");
    assert_eq!(first.status, 200);
    assert_eq!(header(&first, "x-ratelimit-limit-requests"), 2);
    assert_eq!(header(&first, "x-ratelimit-remaining-requests"), 1);
    assert_eq!(header(&first, "x-ratelimit-limit-tokens"), 10_000);
    let used = first.json()["usage"]["total_tokens"].as_u64().unwrap();
    assert_eq!(header(&first, "x-ratelimit-remaining-tokens"), 10_000 - used);
    assert_eq!(first.headers["x-ratelimit-reset-requests"], "1m0s");
    assert_eq!(client.ask("m", "two").status, 200);
    let refused = client.ask("m", "three");
    assert_eq!(refused.status, 429);
    assert_eq!(header(&refused, "x-ratelimit-remaining-requests"), 0);
    assert!((59_000..=60_000).contains(&header(&refused, "retry-after-ms")));
    assert_eq!(header(&refused, "retry-after"), header(&refused, "retry-after-ms").div_ceil(1000));
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    // Every model has a quota of its own.
    assert_eq!(client.ask("other", "three").status, 200);
}

#[test]
fn who_waits_as_told_is_let_in() {
    let window = Duration::from_millis(200);
    let server = server(Quota { requests_per_minute: Some(600), window, ..Quota::default() });
    let mut client = Client::connect(server.addr());
    let mut refused = 0;
    for i in 0..8 {
        let response = client.ask("m", &format!("{i}"));
        if response.status == 429 {
            refused += 1;
            std::thread::sleep(Duration::from_millis(header(&response, "retry-after-ms")));
            assert_eq!(client.ask("m", &format!("{i} again")).status, 200);
        }
    }
    assert!(refused >= 2, "{refused}");
}

#[test]
fn a_request_that_never_fits_is_told_so() {
    let server = server(Quota { tokens_per_minute: Some(5), ..Quota::default() });
    let response = Client::connect(server.addr()).ask("m", "far too many words for so small a quota");
    assert_eq!(response.status, 429);
    assert!(!response.headers.contains_key("retry-after"));
    assert_eq!(response.json()["error"]["type"], "tokens");
}
