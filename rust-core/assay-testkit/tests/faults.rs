//! Each fault has the shape on the wire that it claims.
// A test fails by panicking, and the helpers of tests are not shared with anybody.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use assay_testkit::{Config, FaultKind, Faults, RetryAfter, Scripted, Server};
use common::{Client, End, Response, request};
use serde_json::json;

fn server(kind: FaultKind) -> Server {
    Server::start(Config { faults: Faults::only(kind, 1.0), ..Config::default() }).unwrap()
}

fn respond(server: &Server) -> Response {
    Client::connect(server.addr()).timeout(Duration::from_millis(300)).ask("m", "hello")
}

fn assert_booked(server: &Server, kind: FaultKind, status: u16, is_billed: bool) {
    // The end of a request is booked when the server has let go of it, which may be just after the client saw it.
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.stats().in_flight > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    let stats = server.stats();
    assert_eq!(stats.by_outcome, BTreeMap::from([(format!("fault_{kind}"), 1)]));
    assert_eq!(stats.by_status, BTreeMap::from([(status, 1)]));
    assert_eq!(stats.input_tokens > 0, is_billed);
    assert_eq!(stats.answered, u64::from(kind == FaultKind::Slow));
}

#[test]
fn status_429_says_when_to_come_back() {
    let faults = Faults { retry_after: Duration::from_millis(1500), ..Faults::only(FaultKind::TooManyRequests, 1.0) };
    let server = Server::start(Config { faults, ..Config::default() }).unwrap();
    let response = respond(&server);
    assert_eq!((response.status, response.end), (429, End::Whole));
    assert_eq!(response.headers["retry-after"], "2");
    assert_eq!(response.headers["retry-after-ms"], "1500");
    assert_eq!(response.json()["error"]["code"], "rate_limit_exceeded");
    assert_booked(&server, FaultKind::TooManyRequests, 429, false);
}

#[test]
fn status_500_and_503_have_an_error_body() {
    for (kind, status) in [(FaultKind::ServerError, 500), (FaultKind::Unavailable, 503)] {
        let server = server(kind);
        let response = respond(&server);
        assert_eq!((response.status, response.end), (status, End::Whole));
        assert!(response.json()["error"]["message"].is_string());
        assert_booked(&server, kind, status, false);
    }
}

#[test]
fn status_502_is_a_page() {
    let server = server(FaultKind::BadGatewayHtml);
    let response = respond(&server);
    assert_eq!((response.status, response.end), (502, End::Whole));
    assert_eq!(response.headers["content-type"], "text/html");
    assert!(response.body_text().starts_with("<html>"));
    assert_booked(&server, FaultKind::BadGatewayHtml, 502, false);
}

#[test]
fn a_reset_is_a_reset() {
    let server = server(FaultKind::Reset);
    let response = respond(&server);
    assert_eq!((response.status, response.end), (0, End::Reset));
    assert_booked(&server, FaultKind::Reset, 0, false);
}

#[test]
fn a_stall_says_nothing_and_keeps_the_connection() {
    let server = server(FaultKind::Stall);
    let response = respond(&server);
    assert_eq!((response.status, response.end), (0, End::Silent));
    assert_booked(&server, FaultKind::Stall, 0, false);
}

#[test]
fn a_stalled_body_stops_half_way() {
    let server = server(FaultKind::StallBody);
    let response = respond(&server);
    assert_eq!((response.status, response.end), (200, End::Silent));
    assert_eq!(response.body.len(), response.headers["content-length"].parse::<usize>().unwrap() / 2);
    assert_booked(&server, FaultKind::StallBody, 200, true);
}

#[test]
fn a_truncated_body_ends_before_its_length() {
    let server = server(FaultKind::Truncated);
    let response = respond(&server);
    assert_eq!((response.status, response.end), (200, End::Closed));
    assert_eq!(response.body.len(), response.headers["content-length"].parse::<usize>().unwrap() / 2);
    assert_booked(&server, FaultKind::Truncated, 200, true);
}

#[test]
fn a_malformed_body_is_whole_and_no_json() {
    let server = server(FaultKind::Malformed);
    let response = respond(&server);
    assert_eq!((response.status, response.end), (200, End::Whole));
    assert_eq!(response.headers["content-type"], "application/json");
    assert!(serde_json::from_slice::<serde_json::Value>(&response.body).is_err());
    assert_booked(&server, FaultKind::Malformed, 200, true);
}

#[test]
fn an_error_can_come_with_status_200() {
    let server = server(FaultKind::Error200);
    let response = respond(&server);
    assert_eq!((response.status, response.end), (200, End::Whole));
    assert!(response.json()["error"]["message"].is_string());
    assert!(response.json().get("choices").is_none());
    assert_booked(&server, FaultKind::Error200, 200, false);
}

#[test]
fn a_slow_answer_is_right_and_late() {
    let faults = Faults { slow_by: Duration::from_millis(150), ..Faults::only(FaultKind::Slow, 1.0) };
    let server = Server::start(Config { faults, ..Config::default() }).unwrap();
    let began = Instant::now();
    let response = respond(&server);
    assert!(began.elapsed() >= Duration::from_millis(150));
    assert_eq!((response.status, response.end), (200, End::Whole));
    assert!(!response.text().is_empty());
    assert_booked(&server, FaultKind::Slow, 200, true);
}

#[test]
fn streams_break_too() {
    let mut body = request("m", "hello");
    body["stream"] = json!(true);
    let events = |kind: Option<FaultKind>| {
        let faults = kind.map_or_else(Faults::default, |kind| Faults::only(kind, 1.0));
        let server = Server::start(Config { faults, ..Config::default() }).unwrap();
        let mut client = Client::connect(server.addr()).timeout(Duration::from_millis(300));
        let response = client.chat(&body);
        assert_eq!(response.headers["content-type"], "text/event-stream");
        (response.end, response.body_text())
    };
    let is_json = |event: &str| {
        let data = event.strip_prefix("data: ").unwrap();
        data == "[DONE]" || serde_json::from_str::<serde_json::Value>(data).is_ok()
    };
    let (end, whole) = events(None);
    assert_eq!(end, End::Whole);
    assert!(whole.ends_with("data: [DONE]\n\n"));
    assert!(whole.trim().split("\n\n").all(is_json));
    let (end, cut) = events(Some(FaultKind::Truncated));
    assert_eq!(end, End::Closed);
    assert!(!cut.is_empty() && !cut.contains("[DONE]"));
    let (end, stalled) = events(Some(FaultKind::StallBody));
    assert_eq!(end, End::Silent);
    assert!(!stalled.is_empty() && !stalled.contains("[DONE]"));
    let (end, malformed) = events(Some(FaultKind::Malformed));
    assert_eq!(end, End::Whole);
    assert!(!malformed.trim().split("\n\n").all(is_json));
    let (_, error) = events(Some(FaultKind::Error200));
    assert!(error.contains("\"error\""));
}

#[test]
fn faults_hit_their_share_and_the_same_requests_again() {
    let faults = Faults {
        probabilities: BTreeMap::from([(FaultKind::ServerError, 0.2), (FaultKind::TooManyRequests, 0.1)]),
        ..Faults::default()
    };
    let config = Config { faults, seed: 3, ..Config::default() };
    let statuses = |backwards: bool| {
        let server = Server::start(config.clone()).unwrap();
        let mut client = Client::connect(server.addr());
        let mut numbers: Vec<usize> = (0..2000).collect();
        if backwards {
            numbers.reverse();
        }
        let statuses = numbers.into_iter().map(|i| (i, client.ask("m", &format!("q{i}")).status));
        statuses.collect::<BTreeMap<usize, u16>>()
    };
    let first = statuses(false);
    let count = |status: u16| first.values().filter(|s| **s == status).count();
    assert!((310..490).contains(&count(500)), "{}", count(500)); // 400, five standard deviations
    assert!((133..267).contains(&count(429)), "{}", count(429)); // 200
    assert_eq!(first, statuses(true));
}

#[test]
fn a_script_decides_over_the_next_requests() {
    let server =
        Server::start(Config { faults: Faults::only(FaultKind::ServerError, 1.0), ..Config::default() }).unwrap();
    server
        .script(vec![
            Scripted { retry_after: Some(RetryAfter::Seconds(2)), ..Scripted::status(429) },
            Scripted {
                retry_after: Some(RetryAfter::Text("Wed, 21 Oct 2026 07:28:00 GMT".to_string())),
                retry_after_ms: Some(1234),
                headers: BTreeMap::from([("llm_provider-retry-after".to_string(), "7".to_string())]),
                body: Some("{}".to_string()),
                ..Scripted::status(529)
            },
            Scripted { fault: Some("none".to_string()), times: 2, ..Scripted::default() },
            Scripted::fault(FaultKind::Reset),
        ])
        .unwrap();
    let mut client = Client::connect(server.addr());
    let first = client.ask("m", "a");
    assert_eq!((first.status, first.headers["retry-after"].as_str()), (429, "2"));
    let second = client.ask("m", "a");
    assert_eq!((second.status, second.body_text().as_str()), (529, "{}"));
    assert_eq!(second.headers["retry-after"], "Wed, 21 Oct 2026 07:28:00 GMT");
    assert_eq!(second.headers["retry-after-ms"], "1234");
    assert_eq!(second.headers["llm_provider-retry-after"], "7");
    assert_eq!(client.ask("m", "a").status, 200);
    assert_eq!(client.ask("m", "a").status, 200);
    assert_eq!(client.ask("m", "a").end, End::Reset);
    assert_eq!(Client::connect(server.addr()).ask("m", "a").status, 500);
}

#[test]
fn faults_can_be_set_over_http_and_taken_back() {
    let server = Server::start(Config::default()).unwrap();
    let mut client = Client::connect(server.addr());
    let mut set = |body: &str| client.send("POST", "/testkit/faults", &[], body);
    assert_eq!(set(r#"{"probabilities":{"503":1},"next":[{"status":429,"retry_after":2}]}"#).status, 200);
    for bad in [
        "nonsense",
        r#"{"probabilities":{"404":1}}"#,
        r#"{"probabilities":{"503":2}}"#,
        r#"{"next":[{}]}"#,
        r#"{"next":[{"status":429,"retry_afterr":2}]}"#,
        r#"{"extra":1}"#,
    ] {
        assert_eq!(set(bad).status, 400, "{bad}");
    }
    let state = client.send("GET", "/testkit/faults", &[], "").json();
    assert_eq!(state["probabilities"], json!({"503": 1.0}));
    assert_eq!(state["scripted"], 1);
    assert_eq!(client.ask("m", "a").status, 429);
    assert_eq!(client.ask("m", "a").status, 503);
    assert_eq!(client.send("POST", "/testkit/reset", &[], "").status, 200);
    assert_eq!(client.ask("m", "a").status, 200);
    assert_eq!(server.stats().requests, 1);
}
