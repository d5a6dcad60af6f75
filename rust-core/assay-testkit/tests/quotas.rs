//! Quotas are strict, and say what they do.
// A test fails by panicking, and the helpers of tests are not shared with anybody.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod common;

use std::time::{Duration, Instant};

use assay_testkit::{Charge, Config, Hints, Quota, RetryAfterForm, Server, Usage, WindowKind};
use common::{Client, Response, request};
use serde_json::{Value, json};

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

fn control(server: &Server, body: &Value) -> Response {
    Client::connect(server.addr()).send("POST", "/_control/quota", &[], &body.to_string())
}

#[test]
fn a_limit_is_lowered_raised_and_lifted_while_it_runs() {
    let server = server(Quota { requests_per_minute: Some(10), ..Quota::default() });
    let mut client = Client::connect(server.addr());
    for i in 0..5 {
        assert_eq!(client.ask("m", &format!("{i}")).status, 200);
    }
    let lowered = control(&server, &json!({"requests_per_minute": 5})).json();
    assert_eq!((&lowered["requests_per_minute"], &lowered["count"]), (&json!(5), &json!("sliding")));
    assert_eq!(client.ask("m", "one more").status, 429);
    control(&server, &json!({"requests_per_minute": 6}));
    assert_eq!(client.ask("m", "one more").status, 200);
    assert_eq!(client.ask("m", "and another").status, 429);
    control(&server, &json!({"requests_per_minute": null, "input_tokens_per_minute": 1_000_000}));
    let free = client.ask("m", "and another");
    assert_eq!(free.status, 200);
    assert!(!free.headers.contains_key("x-ratelimit-limit-requests"));
    let usage = server.usage(None, None, Some(u64::MAX)).unwrap();
    assert_eq!((usage.admitted, usage.rejected), (7, 2));
    assert_eq!(usage.limits.keys().collect::<Vec<_>>(), ["input_tokens"]);
    for bad in
        [json!({"requests_per_minute": 0}), json!({"count": "round"}), json!({"rpm": 3}), json!({"window_ms": 0})]
    {
        let refused = control(&server, &bad);
        assert_eq!(refused.status, 400, "{bad}");
        assert!(refused.json()["error"]["message"].is_string());
    }
    server.reset();
    assert_eq!(header(&client.ask("m", "0"), "x-ratelimit-limit-requests"), 10);
}

#[test]
fn one_model_can_have_limits_of_its_own() {
    let server = server(Quota { requests_per_minute: Some(10), ..Quota::default() });
    assert_eq!(control(&server, &json!({"model": "small", "requests_per_minute": 1})).status, 200);
    let mut client = Client::connect(server.addr());
    let statuses = ["small", "small", "large", "large"].map(|model| client.ask(model, "hello").status);
    assert_eq!(statuses, [200, 429, 200, 200]);
    let usage = |model| server.usage(Some(model), None, Some(u64::MAX)).unwrap();
    assert_eq!((usage("small").admitted, usage("small").rejected), (1, 1));
    assert_eq!((usage("large").admitted, usage("large").rejected), (2, 0));
    assert!(server.usage(None, None, None).unwrap_err().to_string().ends_with("large, small"));
}

#[test]
fn models_that_share_an_account_share_its_limit() {
    let server = server(Quota { requests_per_minute: Some(3), is_shared: true, ..Quota::default() });
    let mut client = Client::connect(server.addr());
    let statuses = ["a", "b", "c", "a", "b"].map(|model| client.ask(model, "hello").status);
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(server.usage(None, None, Some(u64::MAX)).unwrap().admitted, 3);
}

#[test]
fn the_account_counts_what_the_way_of_counting_says() {
    let body = |i: u64| {
        let mut body = request("m", &format!("{i}"));
        body["max_tokens"] = json!(100);
        body
    };
    for (charge, kind) in [
        (Charge::Actual, WindowKind::Bucket),
        (Charge::Actual, WindowKind::Sliding),
        (Charge::Reserved, WindowKind::Sliding),
        (Charge::Settled, WindowKind::Sliding),
    ] {
        let server = server(Quota { output_tokens_per_minute: Some(60_000), charge, kind, ..Quota::default() });
        let mut client = Client::connect(server.addr());
        let (mut input, mut output) = (0, 0);
        for i in 0..5 {
            let usage = client.chat(&body(i)).json()["usage"].clone();
            input += usage["prompt_tokens"].as_u64().unwrap();
            output += usage["completion_tokens"].as_u64().unwrap();
        }
        let uri = "/_control/usage?from=0&to=1000";
        let usage: Usage = serde_json::from_value(client.send("GET", uri, &[], "").json()).unwrap();
        let expected = if charge == Charge::Reserved { 500 } else { output };
        assert_eq!((usage.input_tokens, usage.output_tokens), (input, expected), "{charge:?}");
        assert_eq!(usage.limits["output_tokens"].used, expected);
        let seconds: u64 = usage.seconds.iter().map(|second| second.output_tokens).sum();
        assert_eq!(seconds, expected);
    }
}

#[test]
fn hints_can_be_turned_off() {
    let hints = Hints { retry_after: RetryAfterForm::Date, retry_after_ms: false, rate_headers: false };
    let server = server(Quota { requests_per_minute: Some(1), hints, ..Quota::default() });
    let mut client = Client::connect(server.addr());
    assert_eq!(client.ask("m", "hello").status, 200);
    let refused = client.ask("m", "hello");
    assert_eq!(refused.status, 429);
    assert!(refused.headers["retry-after"].ends_with(" GMT"));
    assert!(!refused.headers.keys().any(|name| name.starts_with("x-ratelimit") || name == "retry-after-ms"));
    control(&server, &json!({"retry_after": "off"}));
    assert!(!client.ask("m", "hello").headers.contains_key("retry-after"));
}
