//! Every fault of the testkit in every wire format, streamed and not: the row's status, the calls, and the bill.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, StringArray, StructArray};
use assay_core::spec::ModelConf;
use assay_testkit::{Config, FaultKind, Faults, Habits, Prices, Scripted, Server};
use support::*;

const FORMATS: [(&str, &str); 4] =
    [("openai", "/v1"), ("openai_responses", "/v1"), ("anthropic", "/anthropic"), ("gemini", "/gemini")];

/// The status of the row, and the calls, where the fault strikes once.
fn expected(kind: FaultKind, format: &str) -> (&'static str, i32) {
    match kind {
        FaultKind::Slow | FaultKind::Dribble => ("ok", 1),
        FaultKind::Length => ("truncated", 1),
        // Anthropic has one word for both, Gemini another.
        FaultKind::Refusal if format == "gemini" => ("content_filtered", 1),
        FaultKind::ContentFilter if format == "anthropic" => ("refused", 1),
        FaultKind::Refusal => ("refused", 1),
        FaultKind::ContentFilter => ("content_filtered", 1),
        // A turn of Anthropic's that ends without a word is an answer of no words.
        FaultKind::Empty if format == "anthropic" => ("ok", 1),
        _ => ("ok", 2),
    }
}

/// Whether what the attempt cost stands nowhere in what comes back, or only what it had cost up to then.
fn is_hidden(kind: FaultKind) -> bool {
    use FaultKind::*;
    matches!(kind, Truncated | Malformed | StallBody | StreamError)
}

fn server() -> Server {
    let faults =
        Faults { retry_after: Duration::from_millis(20), slow_by: Duration::from_millis(200), ..Faults::default() };
    let prices = Prices { input: 3.0, output: 15.0, cached_input: Some(0.3), ..Prices::default() };
    let habits = Habits { cached_share: 0.5, reasoning_tokens: 3, ..Habits::default() };
    Server::start(Config { faults, prices, habits, ..Config::default() }).unwrap()
}

fn at(server: &Server, (format, base): (&str, &str), is_streamed: bool, extra: &[(&str, &str)]) -> ModelConf {
    let endpoint = format!("http://{}{base}", server.addr());
    let stream = is_streamed.to_string();
    let pairs = [
        ("provider", format),
        ("endpoint", endpoint.as_str()),
        ("model", "m"),
        ("stream", stream.as_str()),
        ("price.input", "3"),
        ("price.cachedInput", "0.3"),
        ("price.output", "15"),
    ];
    model(&pairs.iter().chain(extra).copied().collect::<Vec<_>>())
}

fn ask(model: ModelConf) -> StructArray {
    let session = open(1, vec![call(model)]);
    session.push(&ipc(vec![Arc::new(StringArray::from(vec!["How are you?"])) as ArrayRef])).unwrap();
    drain(&session, 1).remove(&0).unwrap().remove(0)
}

/// One fault in one format.
fn check(kind: FaultKind, format: (&str, &str), is_streamed: bool) {
    let case = format!("{kind} {} streamed {is_streamed}", format.0);
    let server = server();
    server.script(vec![Scripted::fault(kind)]).unwrap();
    let impatient = match kind {
        FaultKind::Stall => &[("timeoutMs", "1000")][..],
        FaultKind::StallBody => &[("idleTimeoutMs", "500")],
        _ => &[],
    };
    let row = ask(at(&server, format, is_streamed, impatient));
    let status = text(&row, "status").unwrap();
    assert_eq!(
        (status.as_str(), attempts(&row)),
        expected(kind, format.0),
        "{case}: {:?}",
        error_text(&row, "message")
    );
    assert_eq!(text(&row, "text").is_some(), status == "ok", "{case}");
    let stats = server.stats();
    assert_eq!(stats.requests, attempts(&row) as u64, "{case}");
    let cost = double(&row, "cost_usd").unwrap();
    if !is_hidden(kind) {
        assert_eq!((cost * 1e9).round() as u64, stats.cost_nano_usd, "{case}");
    }
}

#[test]
fn each_fault_ends_in_its_status_after_its_calls_at_its_price() {
    let kinds = FaultKind::ALL.iter().copied();
    std::thread::scope(|scope| {
        for kind in kinds {
            scope.spawn(move || {
                for format in FORMATS {
                    for is_streamed in [false, true] {
                        check(kind, format, is_streamed);
                    }
                }
            });
        }
    });
}

#[test]
fn usage_and_cost_are_the_servers_in_every_format() {
    for format in FORMATS {
        for is_streamed in [false, true] {
            let server = server();
            let row = ask(at(&server, format, is_streamed, &[]));
            let entry = server.ledger().remove(0);
            let tokens = |field: &str| whole(&row, field).unwrap() as u64;
            assert_eq!(tokens("input_tokens"), entry.input_tokens, "{}", format.0);
            assert_eq!(tokens("cached_input_tokens"), entry.cached_input_tokens, "{}", format.0);
            assert_eq!(tokens("output_tokens"), entry.output_tokens, "{}", format.0);
            // Anthropic does not say how much of an answer is reasoning.
            let reasoning = if format.0 == "anthropic" { whole(&row, "reasoning_tokens").unwrap_or(0) } else { 3 };
            assert_eq!(whole(&row, "reasoning_tokens").unwrap_or(0), reasoning, "{}", format.0);
            assert!(text(&row, "reasoning").is_some_and(|text| text.starts_with("We look at")), "{}", format.0);
            assert_eq!((double(&row, "cost_usd").unwrap() * 1e9).round() as u64, entry.cost_nano_usd, "{}", format.0);
        }
    }
}
