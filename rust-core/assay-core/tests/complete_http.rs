//! Sessions against a server: exact faults, retries, keys and cancellation.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use arrow::array::cast::AsArray;
use arrow::array::types::Float32Type;
use arrow::array::{Array, ArrayRef, Int64Array, StringArray};
use assay_core::ErrorKind;
use assay_core::inference::runtime;
use assay_core::spec::{CallKind, CallSpec, ModelConf};
use serde_json::{Value, json};
use support::*;

fn prompts(values: &[&str]) -> Vec<u8> {
    ipc(vec![Arc::new(StringArray::from(values.to_vec())) as ArrayRef])
}

/// Prompts that differ, so that each makes a call.
fn different(count: usize) -> Vec<u8> {
    let texts: Vec<String> = (0..count).map(|i| format!("a{i}")).collect();
    prompts(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn at(server: &Server, pairs: &[(&str, &str)]) -> ModelConf {
    let endpoint = [("endpoint", server.endpoint.as_str())];
    model(&endpoint.iter().chain(pairs).copied().collect::<Vec<_>>())
}

/// One row with the private prompt against a server that does `acts` in turn, then answers.
fn one(acts: Vec<Act>, pairs: &[(&str, &str)]) -> (arrow::array::StructArray, usize) {
    let server = Server::start(move |n, _| acts.get(n).cloned().unwrap_or_else(|| answer("fine")));
    let session = open(1, vec![call(at(&server, pairs))]);
    session.push(&prompts(&["PRIVATE"])).unwrap();
    let row = drain(&session, 1).remove(&0).unwrap().remove(0);
    assert_eq!(counter(&session, "requests"), server.requests() as i64);
    assert_eq!(i64::from(attempts(&row)), counter(&session, "requests"));
    if let Some(message) = error_text(&row, "message") {
        assert!(!message.contains("PRIVATE") && !message.contains("sk-secret"), "{message}");
    }
    (row, server.requests())
}

#[test]
fn the_request_is_what_the_api_expects() {
    let server = Server::start(|_, _| answer("fine"));
    let mut call = call(at(&server, &[("headers.X-Team", "a"), ("price.input", "1"), ("price.output", "2")]));
    call.options = options(json!({"temperature": 0.5, "system": "Be brief.", "extra_headers": {"X-One": "1"}}));
    let session = open(1, vec![call]);
    session.push(&prompts(&["Hi \"you\""])).unwrap();
    let row = drain(&session, 1).remove(&0).unwrap().remove(0);
    assert_eq!(text(&row, "text").as_deref(), Some("fine"));
    assert_eq!(text(&row, "model_answered").as_deref(), Some("served"));
    assert_eq!(double(&row, "cost_usd"), Some(14e-6));
    assert!(double(&row, "latency_ms").unwrap() > 0.0);

    let requests = server.seen.requests.lock().unwrap();
    let (head, body) = &requests[0];
    let head = head.to_lowercase();
    assert!(head.starts_with("post /v1/chat/completions http/1.1"), "{head}");
    for header in ["authorization: bearer sk-secret", "content-type: application/json", "x-team: a", "x-one: 1"] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert_eq!(
        serde_json::from_str::<Value>(body).unwrap(),
        json!({"model": "gpt", "temperature": 0.5, "messages": [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi \"you\""}]})
    );
}

#[test]
fn azure_takes_its_key_and_version_elsewhere() {
    let server = Server::start(|_, _| answer("fine"));
    let session = open(1, vec![call(at(&server, &[("apiVersion", "2026-01-01")]))]);
    session.push(&prompts(&["a"])).unwrap();
    drain(&session, 1);
    let head = server.seen.requests.lock().unwrap()[0].0.to_lowercase();
    assert!(head.starts_with("post /v1/chat/completions?api-version=2026-01-01 "), "{head}");
    assert!(head.contains("api-key: sk-secret") && !head.contains("authorization"), "{head}");
}

/// Faults that one more attempt mends.
#[test]
fn a_fault_is_met_with_one_more_attempt() {
    let whole = http(200, "", r#"{"choices": [{"message": {"content": "PRIVATE"}}]}"#);
    let cut = whole[..whole.len() - 9].to_string();
    for (name, act) in [
        ("a body that is cut", Act::SayAndClose(cut)),
        ("a head that is cut", Act::SayAndClose("HTTP/1.1 200 OK\r\ncontent-le".into())),
        (
            "a chunked body that is cut",
            Act::SayAndClose("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"cho".into()),
        ),
        ("no answer", Act::SayAndClose(String::new())),
        ("a reset", Act::Reset),
        ("an answer that is not HTTP", Act::SayAndClose("PRIVATE sk-secret\r\n\r\n".into())),
        ("malformed JSON", Act::Say(http(200, "", "{\"choices\": PRIVATE}"))),
        ("JSON that ends early", Act::Say(http(200, "", "{\"choices\": [{\"message\""))),
        ("an empty body", Act::Say(http(200, "", ""))),
        ("another JSON", Act::Say(http(200, "", "{\"PRIVATE\": \"sk-secret\"}"))),
        ("an error under a 200", Act::Say(http(200, "", r#"{"error": {"message": "PRIVATE", "code": 502}}"#))),
        ("an HTML page", Act::Say(http(502, "content-type: text/html\r\n", "<html>PRIVATE</html>"))),
        ("overload", Act::Say(http(529, "", r#"{"error": {"type": "overloaded_error"}}"#))),
        ("a timeout of the server", Act::Say(http(408, "", ""))),
    ] {
        let (row, requests) = one(vec![act.clone()], &[]);
        assert_eq!((text(&row, "status").as_deref(), requests), (Some("ok"), 2), "{name}");
        let (row, requests) = one(vec![act], &[("maxRetries", "0")]);
        let status = text(&row, "status").unwrap();
        assert!(["network_error", "server_error", "timeout"].contains(&status.as_str()), "{name}: {status}");
        assert_eq!((requests, text(&row, "text")), (1, None), "{name}");
    }
}

#[test]
fn faults_by_their_names() {
    for (act, status, http_status) in [
        (Act::Reset, "network_error", None),
        (Act::SayAndClose(http(200, "", "{\"choices\": []}").replace(": 15", ": 99")), "network_error", Some(200)),
        (Act::Say(http(200, "", "{\"choices\": [")), "network_error", Some(200)),
        (Act::Say(http(200, "", "<html>")), "server_error", Some(200)),
        (Act::Say(http(502, "", "<html>")), "server_error", Some(502)),
        (Act::Say(http(429, "retry-after: 0\r\n", "")), "rate_limited", Some(429)),
    ] {
        let (row, _) = one(vec![act], &[("maxRetries", "0")]);
        assert_eq!((text(&row, "status").as_deref(), support::http_status(&row)), (Some(status), http_status));
    }
}

#[test]
fn what_will_not_change_is_not_sent_again() {
    for (status, body, expected) in [
        (400, r#"{"error": {"message": "PRIVATE", "type": "invalid_request_error"}}"#, "invalid_request"),
        (400, r#"{"error": {"code": "content_policy_violation"}}"#, "content_filtered"),
        (401, r#"{"error": {"message": "bad key sk-secret", "code": "invalid_api_key"}}"#, "auth_failed"),
        (403, "", "auth_failed"),
        (404, r#"{"error": {"code": "model_not_found"}}"#, "invalid_request"),
        (413, "", "invalid_request"),
        (422, "", "invalid_request"),
        (429, r#"{"error": {"code": "insufficient_quota"}}"#, "quota_exhausted"),
        (307, "", "invalid_request"),
    ] {
        let (row, requests) = one(vec![Act::Say(http(status, "location: /elsewhere\r\n", body))], &[]);
        assert_eq!((text(&row, "status").as_deref(), requests), (Some(expected), 1), "{status}");
        assert_eq!(http_status(&row), Some(i32::from(status)));
    }
}

#[test]
fn attempts_never_multiply() {
    let fail = Act::Say(http(503, "retry-after-ms: 1\r\n", ""));
    let (row, requests) = one(vec![fail; 100], &[("maxRetries", "3"), ("price.input", "1"), ("price.output", "1")]);
    assert_eq!((text(&row, "status").as_deref(), requests, attempts(&row)), (Some("server_error"), 4, 4));
    assert_eq!(double(&row, "cost_usd"), Some(0.0));
}

#[test]
fn retry_after_is_kept_to_in_each_of_its_forms() {
    for (header, least_ms) in [("retry-after-ms: 300", 300.0), ("retry-after: 1", 1000.0), ("retry-after: ", 900.0)] {
        let server = Server::start(move |n, _| match n {
            // A date has whole seconds: two from now are at least one away.
            0 if header.ends_with(' ') => {
                let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
                Act::Say(http(429, &format!("{header}{date}\r\n"), ""))
            }
            0 => Act::Say(http(429, &format!("{header}\r\n"), "")),
            _ => answer("fine"),
        });
        let session = open(1, vec![call(at(&server, &[]))]);
        session.push(&prompts(&["a"])).unwrap();
        let row = drain(&session, 1).remove(&0).unwrap().remove(0);
        let requests = server.requests();
        assert_eq!((text(&row, "status").as_deref(), requests), (Some("ok"), 2));
        let wait = double(&row, "wait_ms").unwrap();
        assert!(wait >= least_ms && wait < least_ms + 2500.0, "{header}: {wait}");
        assert!(double(&row, "latency_ms").unwrap() < wait, "the wait is no latency");
    }
}

#[test]
fn a_stalled_answer_is_cut_by_the_timeout() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"choices\"";
    for act in [Act::SayAndStall(String::new()), Act::SayAndStall(head.into())] {
        let (row, _) = one(vec![act], &[("timeoutMs", "100"), ("idleTimeoutMs", "5000"), ("maxRetries", "0")]);
        assert_eq!(text(&row, "status").as_deref(), Some("timeout"));
        assert_eq!(error_text(&row, "message").as_deref(), Some("no whole answer within 100 ms"));
    }
}

/// A streamed answer of these events, whole or without its end.
fn stream(events: &[&str], whole: bool) -> String {
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let events: String = events.iter().map(|event| chunk(&format!("data: {event}\n\n"))).collect();
    [head, &events, if whole { "0\r\n\r\n" } else { "" }].concat()
}

const PIECES: &[&str] = &[
    r#"{"model": "served", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}"#,
    r#"{"choices": [{"index": 0, "delta": {"content": "fi"}}]}"#,
    r#"{"choices": [{"index": 0, "delta": {"content": "ne"}}]}"#,
    r#"{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}"#,
    r#"{"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}}"#,
    "[DONE]",
];

#[test]
fn a_streamed_answer_is_one_answer_and_says_when_it_began() {
    let server = Server::start(|_, _| Act::Say(stream(PIECES, true)));
    let session = open(1, vec![call(at(&server, &[("stream", "true"), ("maxConcurrency", "1")]))]);
    session.push(&prompts(&["a", "b"])).unwrap();
    let rows = drain(&session, 2);
    for row in rows.values().map(|calls| &calls[0]) {
        assert_eq!((text(row, "status").as_deref(), text(row, "text").as_deref()), (Some("ok"), Some("fine")));
        assert_eq!(text(row, "model_answered").as_deref(), Some("served"));
        let (ttft, latency) = (double(row, "ttft_ms").unwrap(), double(row, "latency_ms").unwrap());
        assert!(0.0 < ttft && ttft <= latency, "{ttft} {latency}");
    }
    assert_eq!(counter(&session, "input_tokens"), 20);
    let requests = server.seen.requests.lock().unwrap();
    let body: Value = serde_json::from_str(&requests[0].1).unwrap();
    assert_eq!((&body["stream"], &body["stream_options"]), (&json!(true), &json!({"include_usage": true})));
    assert_eq!(server.seen.closed.load(Ordering::SeqCst), 0, "the connection is used again");
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let body = r#"{"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}"#;
    let act = Act::Say(http(200, "content-type: application/json\r\n", body));
    let (row, _) = one(vec![act], &[("stream", "true")]);
    assert_eq!((text(&row, "status").as_deref(), text(&row, "text").as_deref()), (Some("ok"), Some("fine")));
    assert_eq!(double(&row, "ttft_ms"), None);
}

#[test]
fn a_stream_that_is_cut_is_no_answer_and_its_usage_is_billed() {
    let usage_first = [PIECES[4], PIECES[1]];
    let error = [PIECES[4], PIECES[1], r#"{"error": {"type": "server_error", "message": "PRIVATE"}}"#];
    let price = [("stream", "true"), ("maxRetries", "0"), ("price.input", "1"), ("price.output", "1")];
    let stall = [&price[..], &[("idleTimeoutMs", "100")]].concat();
    for (act, pairs, status, says) in [
        (Act::SayAndClose(stream(&usage_first, false)), &price[..], "network_error", "the connection broke"),
        (Act::Say(stream(&usage_first, true)), &price, "network_error", "the stream ended before its end marker"),
        (Act::Say(stream(&error, true)), &price, "server_error", "an error under a success"),
        (Act::SayAndStall(stream(&usage_first, false)), &stall, "timeout", "the answer stood still for 100 ms"),
    ] {
        let (row, _) = one(vec![act], pairs);
        assert_eq!((text(&row, "status").as_deref(), text(&row, "text")), (Some(status), None));
        let message = error_text(&row, "message").unwrap();
        assert!(message.contains(says), "{message}");
        assert_eq!(double(&row, "cost_usd"), Some(12e-6), "{status}");
    }
}

#[test]
fn a_body_that_stands_still_is_cut_long_before_the_timeout() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"choices\"";
    let pairs = [("timeoutMs", "60000"), ("idleTimeoutMs", "100"), ("maxRetries", "0")];
    let (row, _) = one(vec![Act::SayAndStall(head.into())], &pairs);
    assert_eq!(text(&row, "status").as_deref(), Some("timeout"));
    assert_eq!(error_text(&row, "message").as_deref(), Some("the answer stood still for 100 ms"));
}

#[test]
fn an_answer_that_should_be_json_and_is_not() {
    let server = Server::start(|_, _| answer("fine"));
    let mut call = call(at(&server, &[]));
    call.options = options(json!({"response_format": {"type": "json_object"}}));
    let session = open(1, vec![call]);
    session.push(&prompts(&["a"])).unwrap();
    let row = drain(&session, 1).remove(&0).unwrap().remove(0);
    assert_eq!((text(&row, "status").as_deref(), text(&row, "text")), (Some("parse_failed"), None));
    assert_eq!((text(&row, "partial_text").as_deref(), server.requests()), (Some("fine"), 1));
}

#[test]
fn reasoning_between_tags_is_separated_only_where_the_model_says_so() {
    for (pairs, said, reasoning) in
        [(&[][..], "<think>hm</think>42", None), (&[("reasoningTags", "think")], "42", Some("hm"))]
    {
        let (row, _) = one(vec![answer("<think>hm</think>42")], pairs);
        assert_eq!((text(&row, "text").as_deref(), text(&row, "reasoning").as_deref()), (Some(said), reasoning));
    }
}

#[test]
fn the_reset_of_a_rate_limit_is_waited_for_where_no_retry_after_is() {
    let headers = "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 300ms\r\n";
    let (row, _) = one(vec![Act::Say(http(429, headers, ""))], &[]);
    assert_eq!(text(&row, "status").as_deref(), Some("ok"));
    assert!(double(&row, "wait_ms").unwrap() >= 300.0);
}

#[test]
fn embeddings_are_calls_with_a_result_of_their_own() {
    let server = Server::start(|n, _| match n {
        0 => Act::Say(http(503, "retry-after-ms: 1\r\n", "")),
        1 => Act::Say(http(
            200,
            "",
            r#"{"model": "served", "data": [{"index": 0, "embedding": [0.5, -1.25]}],
                "usage": {"prompt_tokens": 3, "total_tokens": 3}}"#,
        )),
        _ => Act::Say(http(400, "", r#"{"error": {"type": "invalid_request_error"}}"#)),
    });
    let conf = at(&server, &[("price.input", "2"), ("price.output", "0")]);
    let embed = CallSpec { kind: CallKind::Embed, options: options(json!({"dimensions": 2})), ..call(conf) };
    let session = open(1, vec![embed]);
    session.push(&prompts(&["PRIVATE"])).unwrap();
    let row = drain(&session, 1).remove(&0).unwrap().remove(0);
    let names: Vec<&str> = row.column_names();
    assert_eq!(names, ["embedding", "status", "error", "input_tokens", "cost_usd", "cache_hit", "request_key"]);
    assert_eq!(text(&row, "status").as_deref(), Some("ok"));
    let vector = row.column_by_name("embedding").unwrap().as_list::<i32>().value(0);
    assert_eq!(vector.as_primitive::<Float32Type>().values(), &[0.5, -1.25]);
    assert_eq!(double(&row, "cost_usd"), Some(6e-6));
    assert_eq!((counter(&session, "requests"), counter(&session, "retries")), (2, 1));
    {
        let requests = server.seen.requests.lock().unwrap();
        assert!(requests[0].0.starts_with("POST /v1/embeddings "));
        let body: Value = serde_json::from_str(&requests[0].1).unwrap();
        let expected = json!({"model": "gpt", "input": "PRIVATE", "encoding_format": "float", "dimensions": 2});
        assert_eq!(body, expected);
    }
    session.push(&ipc(vec![Arc::new(StringArray::from(vec![Some("b"), None])) as ArrayRef])).unwrap();
    let mut statuses = Vec::new();
    while statuses.len() < 2 {
        let Some(bytes) = session.poll(Duration::from_secs(10), 1, 1).unwrap() else { continue };
        let batch = assay_core::exec::ipc::read_batch(&bytes).unwrap();
        let row = batch.column(1).as_struct().clone();
        assert!(row.column_by_name("embedding").unwrap().is_null(0));
        statuses.push(text(&row, "status").unwrap());
    }
    statuses.sort();
    assert_eq!(statuses, ["invalid_request", "no_prompt"]);
}

#[test]
fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let session = open(1, vec![call(model(&[("endpoint", &endpoint), ("maxRetries", "1")]))]);
    session.push(&prompts(&["a"])).unwrap();
    let row = drain(&session, 1).remove(&0).unwrap().remove(0);
    assert_eq!((text(&row, "status").as_deref(), attempts(&row)), (Some("network_error"), 2));
    assert_eq!(error_text(&row, "message").as_deref(), Some("cannot connect: connection refused (after 2 attempts)"));
}

#[test]
fn a_key_file_is_read_again_after_a_401() {
    let path = std::env::temp_dir().join(format!("assay-key-{}", std::process::id()));
    std::fs::write(&path, "sk-old\n").unwrap();
    let replace = path.clone();
    let server = Server::start(move |n, _| match n {
        0 => {
            std::fs::write(&replace, "sk-new\n").unwrap();
            Act::Say(http(401, "", ""))
        }
        2 => Act::Say(http(401, "", "")),
        _ => answer("fine"),
    });
    let file = path.to_str().unwrap();
    let mut conf = at(&server, &[("apiKeyFile", file), ("maxRetries", "0")]);
    conf.conf.remove("apiKeySecret");
    let session = open(1, vec![call(conf)]);
    session.push(&prompts(&["a"])).unwrap();
    let row = drain(&session, 1).remove(&0).unwrap().remove(0);
    assert_eq!((text(&row, "status").as_deref(), attempts(&row)), (Some("ok"), 2));
    let keys: Vec<bool> =
        server.seen.requests.lock().unwrap().iter().map(|(head, _)| head.contains("Bearer sk-new")).collect();
    assert_eq!(keys, [false, true]);
    // The same key again is no new key.
    session.push(&prompts(&["b"])).unwrap();
    while session.in_flight() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(server.requests(), 3);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_missing_key_is_an_error_of_open() {
    let mut conf = model(&[("endpoint", "http://localhost:1"), ("apiKeyFile", "/no/such/file")]);
    conf.conf.remove("apiKeySecret");
    let e = assay_core::exec::CompleteSession::open(&spec(1, vec![call(conf)])).err().unwrap();
    assert_eq!(e.kind(), ErrorKind::MissingKey);
}

#[test]
fn no_more_requests_are_open_than_the_model_allows_for_all_sessions() {
    let server = Server::start(|_, _| Act::SayAndStall(String::new()));
    let sessions: Vec<_> = (0..3).map(|_| open(1, vec![call(at(&server, &[("maxConcurrency", "4")]))])).collect();
    for (n, session) in sessions.iter().enumerate() {
        session.push(&different(20 + n)).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.requests() < 4 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(sessions[0].poll(Duration::from_millis(50), 1, 1).unwrap().is_none());
    assert_eq!(server.requests(), 4);
}

#[test]
fn cancelling_closes_the_connections_and_no_request_follows() {
    let server = Server::start(|_, _| Act::SayAndStall(String::new()));
    let session = open(1, vec![call(at(&server, &[("maxConcurrency", "8")]))]);
    session.push(&different(100)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.requests() < 8 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    session.cancel();
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.seen.closed.load(Ordering::SeqCst) < 8 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    // The pool may have opened one more that no request came to use.
    assert!(server.seen.closed.load(Ordering::SeqCst) >= 8);
    assert_eq!((server.requests(), counter(&session, "requests")), (8, 8));
    assert_eq!(session.poll(Duration::ZERO, 1, 1).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn rows_of_a_dropped_session_are_not_called() {
    let server = Server::start(|_, _| Act::SayAndStall(String::new()));
    let session = open(1, vec![call(at(&server, &[("maxConcurrency", "1")]))]);
    session.push(&different(10)).unwrap();
    drop(session);
    assert!(server.requests() <= 1);
}

#[test]
fn repeats_of_a_request_differ_in_their_keys_and_not_in_what_is_sent() {
    let server = Server::start(|_, _| answer("fine"));
    let mut call = call(at(&server, &[]));
    call.per_row = [("repeat".to_string(), 1)].into();
    let session = open(2, vec![call]);
    let repeats: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(1), None]));
    session.push(&ipc(vec![Arc::new(StringArray::from(vec!["a"; 3])), repeats])).unwrap();
    let rows = drain(&session, 3);
    let key = |row: i64| text(&rows[&row][0], "request_key").unwrap();
    assert_ne!(key(0), key(1));
    assert_eq!(key(0), key(2));
    let requests = server.seen.requests.lock().unwrap();
    assert!(requests.iter().all(|(_, body)| *body == requests[0].1));
}

#[test]
fn equal_rows_of_all_sessions_make_one_call_unless_told_otherwise() {
    for deduplicate in ["true", "false"] {
        let gate = Arc::new(std::sync::Barrier::new(2));
        let server = Server::start({
            let gate = Arc::clone(&gate);
            // The first answer waits until all rows are under way.
            move |n, _| {
                if n == 0 {
                    gate.wait();
                }
                answer("fine")
            }
        });
        let conf = at(&server, &[("deduplicate", deduplicate), ("price.input", "1"), ("price.output", "2")]);
        let sessions = [open(1, vec![call(conf.clone())]), open(1, vec![call(conf)])];
        for session in &sessions {
            session.push(&prompts(&["a"; 3])).unwrap();
        }
        gate.wait();
        let rows: Vec<_> = sessions.iter().flat_map(|session| drain(session, 3).into_values()).collect();
        let calls = server.requests();
        let paid: f64 = rows.iter().map(|row| double(&row[0], "cost_usd").unwrap()).sum();
        let avoided: f64 = rows.iter().filter_map(|row| double(&row[0], "cost_avoided_usd")).sum();
        assert!((paid - calls as f64 * 14e-6).abs() < 1e-12, "{paid}");
        assert!((paid + avoided - 6.0 * 14e-6).abs() < 1e-12, "{avoided}");
        assert!(rows.iter().all(|row| text(&row[0], "text").as_deref() == Some("fine")));
        let deduplicated: i64 = sessions.iter().map(|session| counter(session, "deduplicated")).sum();
        assert_eq!(deduplicated, 6 - calls as i64);
        assert_eq!(deduplicated > 0, deduplicate == "true", "{calls} calls");
    }
}

/// In a process of its own, because it takes the runtime away from under the other tests.
#[test]
fn a_shutdown_ends_sessions_and_the_next_one_starts_anew() {
    const CHILD: &str = "ASSAY_TEST_SHUTDOWN_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_shutdown_ends_sessions_and_the_next_one_starts_anew"])
            .env(CHILD, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let server = Server::start(|n, _| if n == 1 { Act::SayAndStall(String::new()) } else { answer("fine") });
    let first = open(1, vec![call(at(&server, &[]))]);
    first.push(&prompts(&["a"])).unwrap();
    drain(&first, 1);
    first.push(&prompts(&["stalls"])).unwrap();
    while server.requests() < 2 {
        std::thread::yield_now();
    }
    runtime::shutdown();
    assert_eq!(first.poll(Duration::from_secs(60), 1, 1).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(first.push(&prompts(&["a"])).unwrap_err().kind(), ErrorKind::Cancelled);
    let second = open(1, vec![call(at(&server, &[]))]);
    second.push(&prompts(&["b"; 3])).unwrap();
    drain(&second, 3);
    runtime::shutdown();
    runtime::shutdown();
}
