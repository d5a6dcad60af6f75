//! Anthropic's and Gemini's formats against the testkit: faults in a mass, every way to end, and the books of both sides; and
//! single exchanges of the other formats over real connections.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, StringArray, StructArray};
use assay_core::spec::ModelConf;
use assay_testkit::{Config, FaultKind, Faults, Habits, Latency, ModelConfig, Prices, Scripted, Server as Testkit};
use serde_json::{Value, json};
use support::*;

fn testkit(provider: &str, faults: Faults) -> Testkit {
    // Gemini counts no tokens that it writes to a cache.
    let cache_write_share = if provider == "anthropic" { 0.2 } else { 0.0 };
    Testkit::start(Config {
        models: vec![ModelConfig::new("small", 1.0)],
        latency: Latency::fixed(Duration::from_millis(2)),
        faults,
        prices: Prices {
            input: 1.0,
            output: 2.0,
            cached_input: Some(0.1),
            cache_write: Some(1.25),
            // Anthropic does not always say how much of the output was reasoning.
            reasoning: None,
        },
        habits: Habits { cached_share: 0.3, cache_write_share, reasoning_tokens: 6, ..Habits::default() },
        ..Config::default()
    })
    .unwrap()
}

/// Every format that the testkit speaks and this file is about, whole and streamed.
fn formats() -> impl Iterator<Item = (&'static str, &'static str)> {
    ["anthropic", "gemini"].into_iter().flat_map(|provider| [(provider, "false"), (provider, "true")])
}

fn at(server: &Testkit, provider: &str, stream: &str, pairs: &[(&str, &str)]) -> ModelConf {
    let url = server.url();
    let base = [
        ("provider", provider),
        ("endpoint", url.trim_end_matches("/v1")),
        ("stream", stream),
        ("model", "small"),
        ("price.input", "1"),
        ("price.output", "2"),
        ("price.cachedInput", "0.1"),
        ("price.cacheWrite", "1.25"),
    ];
    model(&base.iter().chain(pairs).copied().collect::<Vec<_>>())
}

fn questions(rows: usize) -> Vec<u8> {
    let prompts: Vec<String> = (0..rows).map(|i| format!("Question {i}: what is {i} times seven?")).collect();
    ipc(vec![Arc::new(StringArray::from(prompts)) as ArrayRef])
}

fn statuses(rows: &BTreeMap<i64, Vec<StructArray>>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for calls in rows.values() {
        *counts.entry(text(&calls[0], "status").unwrap()).or_default() += 1;
    }
    counts
}

#[test]
fn with_every_fault_at_once_all_rows_come() {
    let kinds = [
        FaultKind::TooManyRequests,
        FaultKind::ServerError,
        FaultKind::BadGatewayHtml,
        FaultKind::Unavailable,
        FaultKind::Overloaded,
        FaultKind::Reset,
        FaultKind::StallBody,
        FaultKind::Truncated,
        FaultKind::Malformed,
        FaultKind::Error200,
        FaultKind::StreamError,
    ];
    for (provider, stream) in formats() {
        let server = testkit(
            provider,
            Faults {
                probabilities: kinds.into_iter().map(|kind| (kind, 0.02)).collect(),
                retry_after: Duration::from_millis(20),
                ..Faults::default()
            },
        );
        let settings = [("maxRetries", "8"), ("timeoutMs", "2000")];
        let session = open(1, vec![call(at(&server, provider, stream, &settings))]);
        session.push(&questions(150)).unwrap();
        let rows = drain(&session, 150);
        assert_eq!(statuses(&rows), BTreeMap::from([("ok".to_string(), 150)]), "{provider}, stream {stream}");
        assert!(rows.values().all(|calls| double(&calls[0], "ttft_ms").is_some() == (stream == "true")));
        let stats = server.stats();
        assert_eq!(counter(&session, "requests"), stats.requests as i64);
        assert!(stats.requests > 160, "{provider}: {} requests", stats.requests);
    }
}

#[test]
fn what_the_rows_cost_is_what_the_server_bills() {
    for (provider, stream) in formats() {
        let server = testkit(provider, Faults::default());
        let session = open(1, vec![call(at(&server, provider, stream, &[]))]);
        session.push(&questions(60)).unwrap();
        let rows = drain(&session, 60);
        let stats = server.stats();
        let cost: f64 = rows.values().map(|calls| double(&calls[0], "cost_usd").unwrap()).sum();
        assert_eq!((cost * 1e9).round() as u64, stats.cost_nano_usd, "{provider}, stream {stream}");
        assert_eq!(counter(&session, "input_tokens") as u64, stats.input_tokens, "{provider}, stream {stream}");
        assert_eq!(counter(&session, "output_tokens") as u64, stats.output_tokens, "{provider}, stream {stream}");
    }
}

#[test]
fn answers_that_are_not_whole_are_never_ok() {
    for (provider, stream) in formats() {
        for (kind, expected) in [
            (FaultKind::Refusal, if provider == "gemini" { "content_filtered" } else { "refused" }),
            (FaultKind::ContentFilter, if provider == "gemini" { "content_filtered" } else { "refused" }),
            (FaultKind::Length, "truncated"),
            (FaultKind::Error200, "server_error"),
            (FaultKind::StreamError, "server_error"),
            (FaultKind::Truncated, "network_error"),
        ] {
            let server = testkit(provider, Faults::default());
            server.script(vec![Scripted::fault(kind)]).unwrap();
            let session = open(1, vec![call(at(&server, provider, stream, &[("maxRetries", "0")]))]);
            session.push(&questions(1)).unwrap();
            let row = drain(&session, 1).remove(&0).unwrap().remove(0);
            let found = text(&row, "status").unwrap();
            assert_eq!(found, expected, "{provider}, stream {stream}, {kind:?}: {:?}", error_text(&row, "message"));
            assert_eq!(text(&row, "text"), None);
        }
    }
}

fn at_server(server: &Server, provider: &str, pairs: &[(&str, &str)]) -> ModelConf {
    let base = [("provider", provider), ("endpoint", server.endpoint.trim_end_matches("/v1"))];
    model(&base.iter().chain(pairs).copied().collect::<Vec<_>>())
}

fn ask(conf: ModelConf, given: Value) -> StructArray {
    let mut call = call(conf);
    call.options = options(given);
    let session = open(1, vec![call]);
    session.push(&ipc(vec![Arc::new(StringArray::from(vec!["PRIVATE"])) as ArrayRef])).unwrap();
    drain(&session, 1).remove(&0).unwrap().remove(0)
}

fn converse_answer() -> Act {
    let body = json!({"output": {"message": {"role": "assistant", "content": [{"text": "fine"}]}},
        "stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 1}});
    Act::Say(http(200, "content-type: application/json\r\n", &body.to_string()))
}

#[test]
fn aws_credentials_that_expired_are_read_again() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("aws-credentials");
    let write = |id: &str| {
        let text = format!("[default]\naws_access_key_id={id}\naws_secret_access_key=sk-secret\naws_session_token=t\n");
        std::fs::write(&file, text).unwrap();
    };
    write("OLDID");
    let server = Server::start({
        let file = file.clone();
        move |n, _| {
            if n > 0 {
                return converse_answer();
            }
            let text = std::fs::read_to_string(&file).unwrap().replace("OLDID", "NEWID");
            std::fs::write(&file, text).unwrap();
            Act::Say(http(403, "x-amzn-errortype: ExpiredTokenException\r\n", r#"{"message": "expired"}"#))
        }
    });
    let path = file.to_str().unwrap();
    let mut conf =
        at_server(&server, "bedrock", &[("aws.region", "eu-west-1"), ("apiKeyFile", path), ("maxRetries", "0")]);
    conf.conf.remove("apiKeySecret");
    let row = ask(conf, json!({}));
    assert_eq!(text(&row, "status").as_deref(), Some("ok"), "{:?}", error_text(&row, "message"));
    assert_eq!(attempts(&row), 2);
    let requests = server.seen.requests.lock().unwrap();
    for ((head, _), id) in requests.iter().zip(["OLDID", "NEWID"]) {
        assert!(head.starts_with("POST /model/gpt/converse HTTP/1.1"), "{head}");
        assert!(head.contains(&format!("AWS4-HMAC-SHA256 Credential={id}/")) && !head.contains("sk-secret"), "{head}");
        assert!(head.to_lowercase().contains("x-amz-security-token: t"), "{head}");
    }
}

#[test]
fn gemini_says_in_its_body_how_long_to_wait() {
    let error = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "PRIVATE",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.7s"}]}});
    let answer = json!({"candidates": [{"content": {"parts": [{"text": "fine"}]}, "finishReason": "STOP"}]});
    let server = Server::start(move |n, _| match n {
        0 => Act::Say(http(429, "", &error.to_string())),
        _ => Act::Say(http(200, "content-type: application/json\r\n", &answer.to_string())),
    });
    let row = ask(at_server(&server, "gemini", &[]), json!({}));
    assert_eq!((text(&row, "status").as_deref(), attempts(&row)), (Some("ok"), 2));
    assert!(double(&row, "wait_ms").unwrap() >= 700.0);
    let requests = server.seen.requests.lock().unwrap();
    let head = requests[0].0.to_lowercase();
    assert!(head.starts_with("post /v1beta/models/gpt:generatecontent http/1.1"), "{head}");
    assert!(head.contains("x-goog-api-key: sk-secret") && !head.contains("authorization"), "{head}");
}

#[test]
fn headers_of_a_generic_request_are_rendered_and_bear_the_key() {
    let server = Server::start(|_, _| Act::Say(http(200, "", r#"{"answer": ["fine"]}"#)));
    let settings = [
        ("http.body", r#"{"q": {{ prompt | tojson }}, "model": {{ model | tojson }}}"#),
        ("http.answerPath", "$.answer[-1]"),
        ("http.authHeader", "X-Token: key={key}"),
        ("headers.X-Seed", "{{ options.seed | default(0) }}"),
        ("headers.X-Plain", "plain"),
    ];
    let given = json!({"seed": 7, "extra_headers": {"x-plain": "mine"}, "extra_body": {"more": true}});
    let row = ask(at_server(&server, "http", &settings), given);
    assert_eq!(text(&row, "text").as_deref(), Some("fine"), "{:?}", error_text(&row, "message"));
    let requests = server.seen.requests.lock().unwrap();
    let (head, body) = &requests[0];
    let head = head.to_lowercase();
    for header in ["x-token: key=sk-secret", "x-seed: 7", "x-plain: mine", "content-type: application/json"] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(!head.contains("authorization") && !head.contains("{{"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({"q": "PRIVATE", "model": "gpt", "more": true}));
}
