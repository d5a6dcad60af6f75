//! Every wire format: answers whole and streamed, usage, money, and the same faults.
// A test fails by panicking, and the helpers of tests are not shared with anybody.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod common;

use std::time::{Duration, Instant};

use assay_testkit::{Config, FaultKind, Faults, Habits, Prices, Quota, Server};
use common::{Client, End, Response, answer_key, question};
use serde_json::{Value, json};

/// (all input, cached, written to the cache, all output, reasoning)
type Usage = (u64, u64, u64, u64, u64);

/// A format as a client knows it.
struct Format {
    name: &'static str,
    path: &'static str,
    stream_path: &'static str,
    body: fn(&str) -> Value,
    /// The text of a whole answer.
    text: fn(&Value) -> String,
    /// The text of one event.
    delta: fn(&Value) -> String,
    usage: fn(&Value) -> Usage,
    /// The usage at the end of a stream, of all its events.
    stream_usage: fn(&[Value]) -> Usage,
    finish: fn(&Value) -> Value,
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn joined(parts: &Value, filter: fn(&Value) -> bool) -> String {
    let parts = parts.as_array().map_or(&[][..], Vec::as_slice);
    parts.iter().filter(|part| filter(part)).filter_map(|part| part["text"].as_str()).collect()
}

fn chat_usage(body: &Value) -> Usage {
    let usage = &body["usage"];
    (
        number(&usage["prompt_tokens"]),
        number(&usage["prompt_tokens_details"]["cached_tokens"]),
        0,
        number(&usage["completion_tokens"]),
        number(&usage["completion_tokens_details"]["reasoning_tokens"]),
    )
}

fn responses_usage(body: &Value) -> Usage {
    let usage = &body["usage"];
    (
        number(&usage["input_tokens"]),
        number(&usage["input_tokens_details"]["cached_tokens"]),
        0,
        number(&usage["output_tokens"]),
        number(&usage["output_tokens_details"]["reasoning_tokens"]),
    )
}

/// Anthropic does not say how much of the output is reasoning.
fn messages_usage(body: &Value) -> Usage {
    let usage = &body["usage"];
    let (cached, written) = (number(&usage["cache_read_input_tokens"]), number(&usage["cache_creation_input_tokens"]));
    (number(&usage["input_tokens"]) + cached + written, cached, written, number(&usage["output_tokens"]), 0)
}

fn gemini_usage(body: &Value) -> Usage {
    let usage = &body["usageMetadata"];
    let reasoning = number(&usage["thoughtsTokenCount"]);
    (
        number(&usage["promptTokenCount"]),
        number(&usage["cachedContentTokenCount"]),
        0,
        number(&usage["candidatesTokenCount"]) + reasoning,
        reasoning,
    )
}

const CHAT: Format = Format {
    name: "openai.chat",
    path: "/v1/chat/completions",
    stream_path: "/v1/chat/completions",
    body: |question| {
        json!({
            "model": "m", "messages": [{"role": "user", "content": question}], "stream_options": {"include_usage": true},
        })
    },
    text: |body| body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_string(),
    delta: |event| event["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_string(),
    usage: chat_usage,
    stream_usage: |events| chat_usage(events.last().unwrap()),
    finish: |body| body["choices"][0]["finish_reason"].clone(),
};

const RESPONSES: Format = Format {
    name: "openai.responses",
    path: "/v1/responses",
    stream_path: "/v1/responses",
    body: |question| json!({"model": "m", "input": [{"role": "user", "content": question}]}),
    text: |body| {
        let output = body["output"].as_array().unwrap();
        let message = output.iter().find(|item| item["type"] == "message");
        message.map(|message| joined(&message["content"], |part| part["type"] == "output_text")).unwrap_or_default()
    },
    delta: |event| {
        let is_text = event["type"] == "response.output_text.delta";
        event["delta"].as_str().filter(|_| is_text).unwrap_or_default().to_string()
    },
    usage: responses_usage,
    stream_usage: |events| responses_usage(&events.last().unwrap()["response"]),
    finish: |body| body["incomplete_details"]["reason"].clone(),
};

const MESSAGES: Format = Format {
    name: "anthropic.messages",
    path: "/anthropic/v1/messages",
    stream_path: "/anthropic/v1/messages",
    body: |question| json!({"model": "m", "max_tokens": 500, "messages": [{"role": "user", "content": question}]}),
    text: |body| joined(&body["content"], |block| block["type"] == "text"),
    delta: |event| event["delta"]["text"].as_str().unwrap_or_default().to_string(),
    usage: messages_usage,
    stream_usage: |events| {
        let start = messages_usage(&events[0]["message"]);
        let end = events.iter().find(|event| event["type"] == "message_delta").unwrap();
        (start.0, start.1, start.2, number(&end["usage"]["output_tokens"]), 0)
    },
    finish: |body| body["stop_reason"].clone(),
};

const GEMINI: Format = Format {
    name: "gemini.generate",
    path: "/gemini/v1beta/models/m:generateContent",
    stream_path: "/gemini/v1beta/models/m:streamGenerateContent?alt=sse",
    body: |question| json!({"contents": [{"role": "user", "parts": [{"text": question}]}]}),
    text: |body| joined(&body["candidates"][0]["content"]["parts"], |part| part["thought"] != true),
    delta: |event| joined(&event["candidates"][0]["content"]["parts"], |part| part["thought"] != true),
    usage: gemini_usage,
    stream_usage: |events| gemini_usage(events.last().unwrap()),
    finish: |body| body["candidates"][0]["finishReason"].clone(),
};

const ALL: [Format; 4] = [CHAT, RESPONSES, MESSAGES, GEMINI];

const HEADERS: [(&str, &str); 1] = [("anthropic-version", "2023-06-01")];

impl Format {
    fn ask(&self, client: &mut Client, question: &str) -> Response {
        client.send("POST", self.path, &HEADERS, &(self.body)(question).to_string())
    }

    fn stream(&self, client: &mut Client, question: &str) -> Response {
        let mut body = (self.body)(question);
        if self.path == self.stream_path {
            body["stream"] = json!(true);
        }
        client.send("POST", self.stream_path, &HEADERS, &body.to_string())
    }

    fn call(&self, client: &mut Client, question: &str, is_streamed: bool) -> Response {
        if is_streamed { self.stream(client, question) } else { self.ask(client, question) }
    }
}

/// The data of all events but `[DONE]`.
fn events(response: &Response) -> Vec<Value> {
    let body = response.body_text();
    let data = body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn habits() -> Habits {
    Habits { cached_share: 0.5, cache_write_share: 0.25, reasoning_tokens: 5, ..Habits::default() }
}

#[test]
fn an_answer_is_the_same_in_every_format_whole_and_streamed() {
    for reasoning_tokens in [0, 5] {
        let habits = Habits { reasoning_tokens, ..habits() };
        let server = Server::start(Config { answers: answer_key(10), habits, ..Config::default() }).unwrap();
        for format in ALL {
            let mut client = Client::connect(server.addr());
            let whole = format.ask(&mut client, &question(3));
            assert_eq!((whole.status, (format.text)(&whole.json()).as_str()), (200, "v3"), "{}", format.name);
            let streamed = format.stream(&mut client, &question(3));
            assert_eq!(streamed.headers["content-type"], "text/event-stream");
            let events = events(&streamed);
            let text: String = events.iter().map(format.delta).collect();
            assert_eq!(text, "v3", "{}", format.name);
            let usage = (format.usage)(&whole.json());
            assert_eq!((format.stream_usage)(&events), usage, "{}", format.name);
            assert!(usage.0 > 5 && usage.1 == usage.0 / 2 && usage.3 == 2 + reasoning_tokens, "{usage:?}");
        }
    }
}

#[test]
fn the_books_know_each_format_and_price_each_kind_of_token() {
    let prices =
        Prices { input: 3.0, output: 15.0, cached_input: Some(0.3), cache_write: Some(3.75), reasoning: Some(20.0) };
    for format in ALL {
        for is_streamed in [false, true] {
            let server = Server::start(Config { prices, habits: habits(), ..Config::default() }).unwrap();
            let response = format.call(&mut Client::connect(server.addr()), "hello there, who are you?", is_streamed);
            let told =
                if is_streamed { (format.stream_usage)(&events(&response)) } else { (format.usage)(&response.json()) };
            let entry = server.ledger().remove(0);
            assert_eq!((entry.api.as_str(), entry.outcome.as_str()), (format.name, "ok"));
            assert_eq!((entry.input_tokens, entry.cached_input_tokens, entry.output_tokens), (told.0, told.1, told.3));
            assert_eq!(entry.reasoning_tokens, 5);
            let (read, written) = (entry.cached_input_tokens, entry.cache_write_tokens);
            assert!(read > 0 && written > 0);
            // Only Anthropic tells what was written to its cache, and only the others what was reasoning.
            assert_eq!((told.2, told.4), if format.name == MESSAGES.name { (written, 0) } else { (0, 5) });
            let expected =
                (told.0 - read - written) * 3000 + read * 300 + written * 3750 + (told.3 - 5) * 15_000 + 5 * 20_000;
            assert_eq!(entry.cost_nano_usd, expected, "{}", format.name);
            let stats = server.stats();
            assert_eq!(stats.cost_nano_usd, expected);
            assert_eq!(stats.by_api[format.name], stats.by_model["m"]);
            assert_eq!((stats.cached_input_tokens, stats.reasoning_tokens), (read, 5));
        }
    }
}

#[test]
fn answers_end_in_the_words_of_each_format() {
    let cases = [
        (FaultKind::Length, ["length", "max_output_tokens", "max_tokens", "MAX_TOKENS"]),
        (FaultKind::ContentFilter, ["content_filter", "content_filter", "refusal", "null"]),
        (FaultKind::Refusal, ["stop", "null", "refusal", "SAFETY"]),
        (FaultKind::Empty, ["null", "null", "end_turn", "null"]),
    ];
    for (kind, expected) in cases {
        let server = Server::start(Config { faults: Faults::only(kind, 1.0), ..Config::default() }).unwrap();
        for (format, expected) in ALL.iter().zip(expected) {
            let response = format.ask(&mut Client::connect(server.addr()), "hello");
            assert_eq!(response.status, 200);
            let body = response.json();
            let finish = (format.finish)(&body);
            assert_eq!(finish.as_str().unwrap_or("null"), expected, "{kind} {}", format.name);
            assert!((format.usage)(&body).0 > 0, "{kind} {}", format.name);
            if kind == FaultKind::Empty {
                assert_eq!((format.text)(&body), "");
            }
            let streamed = format.stream(&mut Client::connect(server.addr()), "hello");
            assert_eq!((streamed.status, streamed.end), (200, End::Whole));
        }
        let body = CHAT.ask(&mut Client::connect(server.addr()), "hello").json();
        assert_eq!(body["choices"][0]["message"]["refusal"].is_string(), kind == FaultKind::Refusal);
        let stats = server.stats();
        assert_eq!((stats.answered, stats.by_outcome[&format!("fault_{kind}")]), (0, 9));
        assert!(stats.input_tokens > 0);
    }
}

#[test]
fn every_fault_has_its_shape_in_every_format() {
    for kind in FaultKind::ALL.iter().copied().filter(|kind| *kind != FaultKind::Stall) {
        let faults = Faults { slow_by: Duration::from_millis(40), ..Faults::only(kind, 1.0) };
        let server = Server::start(Config { faults, ..Config::default() }).unwrap();
        for format in ALL {
            for is_streamed in [false, true] {
                let mut client = Client::connect(server.addr()).timeout(Duration::from_millis(300));
                let response = format.call(&mut client, "hello", is_streamed);
                let case = format!("{kind} {} streamed {is_streamed}", format.name);
                let (status, end) = match kind {
                    FaultKind::Reset => (0, End::Reset),
                    FaultKind::TooManyRequests => (429, End::Whole),
                    FaultKind::ServerError => (500, End::Whole),
                    FaultKind::BadGatewayHtml => (502, End::Whole),
                    FaultKind::Unavailable => (503, End::Whole),
                    FaultKind::Overloaded => (529, End::Whole),
                    FaultKind::StallBody => (200, End::Silent),
                    FaultKind::Truncated => (200, End::Closed),
                    _ => (200, End::Whole),
                };
                assert_eq!((response.status, response.end), (status, end), "{case}");
                if matches!(status, 429 | 500 | 503 | 529) {
                    assert_error(&format, &response.json(), status);
                }
                if kind == FaultKind::Malformed {
                    let body = response.body_text();
                    let mut parts: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
                    parts.retain(|part| *part != "[DONE]");
                    let parts = if is_streamed { parts } else { vec![body.as_str()] };
                    assert!(parts.iter().any(|part| serde_json::from_str::<Value>(part).is_err()), "{case}");
                }
                if matches!(kind, FaultKind::StreamError | FaultKind::Error200) {
                    let last = if is_streamed { events(&response).pop().unwrap() } else { response.json() };
                    assert!(!last["error"].is_null() || last["type"] == "error", "{case}: {last}");
                }
            }
        }
        idle(&server);
        let stats = server.stats();
        assert_eq!(stats.by_outcome[&format!("fault_{kind}")], 8, "{kind}");
        assert_eq!(stats.cost_nano_usd, 0);
        assert_eq!(stats.output_tokens > 0, kind.is_billed() && kind != FaultKind::Empty, "{kind}");
    }
}

/// An error in the words of its format.
fn assert_error(format: &Format, body: &Value, status: u16) {
    let error = &body["error"];
    assert!(error["message"].is_string());
    match format.name {
        "anthropic.messages" => {
            let words = match status {
                429 => "rate_limit_error",
                529 => "overloaded_error",
                _ => "api_error",
            };
            assert_eq!((&body["type"], &error["type"]), (&json!("error"), &json!(words)));
        }
        "gemini.generate" => {
            let words = match status {
                429 => "RESOURCE_EXHAUSTED",
                500 => "INTERNAL",
                _ => "UNAVAILABLE",
            };
            assert_eq!((&error["code"], &error["status"]), (&json!(status), &json!(words)));
            let delay = error["details"].as_array().and_then(|details| details.last());
            assert_eq!(delay.map(|detail| &detail["retryDelay"]), (status == 429).then_some(&json!("1s")));
        }
        _ => assert!(error["type"].is_string()),
    }
}

fn idle(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.stats().in_flight > 0 {
        assert!(Instant::now() < deadline, "requests are still under way");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn which_faults_are_billed_can_be_said() {
    let server =
        Server::start(Config { prices: Prices { input: 1.0, ..Prices::default() }, ..Config::default() }).unwrap();
    let mut client = Client::connect(server.addr());
    let told = json!({"billed": ["truncated"], "next": [{"fault": "truncated"}, {"fault": "malformed"}]});
    let answer = client.send("POST", "/testkit/faults", &[], &told.to_string());
    assert_eq!(answer.json()["billed"], json!(["truncated"]));
    for _ in 0..2 {
        CHAT.ask(&mut Client::connect(server.addr()), "hello");
    }
    idle(&server);
    let billed: Vec<bool> = server.ledger().iter().map(|entry| entry.cost_nano_usd > 0).collect();
    assert_eq!(billed, [true, false]);
}

#[test]
fn rate_headers_are_the_providers_own() {
    let quota = Quota {
        requests_per_minute: Some(2),
        input_tokens_per_minute: Some(1000),
        output_tokens_per_minute: Some(500),
        tokens_per_minute: Some(1200),
        is_shared: false,
        ..Quota::default()
    };
    let limits = |response: &Response| -> Vec<(String, String)> {
        let is_limit = |(name, _): &(&String, &String)| name.contains("limit");
        response.headers.iter().filter(is_limit).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    for format in ALL {
        let server = Server::start(Config { quota, ..Config::default() }).unwrap();
        let mut client = Client::connect(server.addr());
        let first = format.ask(&mut client, "hello");
        let (input, _, _, output, _) = (format.usage)(&first.json());
        let found = limits(&first);
        let value = |name: &str| first.headers.get(name).cloned().unwrap_or_default();
        match format.name {
            "anthropic.messages" => {
                assert_eq!(found.len(), 12);
                let remaining = |name: &str| value(&format!("anthropic-ratelimit-{name}-remaining"));
                assert_eq!(remaining("requests"), "1");
                assert_eq!(remaining("input-tokens"), (1000 - input).to_string());
                assert_eq!(remaining("output-tokens"), (500 - output).to_string());
                assert_eq!(remaining("tokens"), (1200 - input - output).to_string());
                assert!(value("anthropic-ratelimit-requests-reset").ends_with('Z'));
            }
            "gemini.generate" => assert!(found.is_empty(), "{found:?}"),
            _ => {
                assert_eq!(found.len(), 6);
                assert_eq!(value("x-ratelimit-remaining-requests"), "1");
                assert_eq!(value("x-ratelimit-remaining-tokens"), (1200 - input - output).to_string());
            }
        }
        format.ask(&mut client, "hello");
        let refused = format.ask(&mut client, "hello");
        assert_eq!(refused.status, 429);
        assert_eq!(refused.headers.contains_key("retry-after"), format.name != GEMINI.name);
        if format.name == GEMINI.name {
            let body = refused.json();
            let delay =
                body["error"]["details"].as_array().unwrap().iter().find_map(|detail| detail["retryDelay"].as_str());
            let seconds: f64 = delay.unwrap().strip_suffix('s').unwrap().parse().unwrap();
            assert!((50.0..=60.0).contains(&seconds));
        }
    }
}

#[test]
fn keys_come_in_the_providers_ways() {
    let server = Server::start(Config { require_key: Some("k".to_string()), ..Config::default() }).unwrap();
    let mut client = Client::connect(server.addr());
    let mut status = |format: &Format, path: &str, header: Option<(&'static str, &'static str)>| {
        let headers: Vec<(&str, &str)> = HEADERS.into_iter().chain(header).collect();
        client.send("POST", path, &headers, &(format.body)("hello").to_string()).status
    };
    let azure = "/openai/deployments/m/chat/completions?api-version=2024-10-21";
    assert_eq!(status(&CHAT, CHAT.path, Some(("authorization", "Bearer k"))), 200);
    assert_eq!(status(&CHAT, azure, Some(("api-key", "k"))), 200);
    assert_eq!(status(&MESSAGES, MESSAGES.path, Some(("authorization", "Bearer k"))), 200);
    assert_eq!(status(&MESSAGES, MESSAGES.path, Some(("x-api-key", "k"))), 200);
    assert_eq!(status(&GEMINI, GEMINI.path, Some(("x-goog-api-key", "k"))), 200);
    assert_eq!(status(&GEMINI, "/gemini/v1/models/m:generateContent?key=k", None), 200);
    assert_eq!(status(&MESSAGES, MESSAGES.path, Some(("x-api-key", "wrong"))), 401);
    assert_eq!(status(&GEMINI, GEMINI.path, Some(("authorization", "Bearer k"))), 401);
    assert_eq!(status(&CHAT, CHAT.path, None), 401);
}

#[test]
fn what_a_format_demands_is_demanded() {
    let server = Server::start(Config::default()).unwrap();
    let mut client = Client::connect(server.addr());
    let message = json!([{"role": "user", "content": "hello"}]);
    let mut status = |path: &str, headers: &[(&str, &str)], body: Value| {
        client.send("POST", path, headers, &body.to_string()).status
    };
    assert_eq!(status(MESSAGES.path, &[], json!({"model": "m", "max_tokens": 5, "messages": message})), 400);
    assert_eq!(status(MESSAGES.path, &HEADERS, json!({"model": "m", "messages": message})), 400);
    let system = json!([{"role": "system", "content": "x"}]);
    assert_eq!(status(MESSAGES.path, &HEADERS, json!({"model": "m", "max_tokens": 5, "messages": system})), 400);
    assert_eq!(status(GEMINI.path, &[], json!({"contents": []})), 400);
    assert_eq!(status(GEMINI.path, &[], json!({"contents": [{"role": "assistant", "parts": []}]})), 400);
    assert_eq!(status(RESPONSES.path, &[], json!({"model": "m"})), 400);
    assert_eq!(status("/v1/embeddings", &[], json!({"model": "m", "input": ""})), 400);
}

#[test]
fn a_tool_that_must_be_called_is_called() {
    let server = Server::start(Config { answers: answer_key(5), ..Config::default() }).unwrap();
    let mut client = Client::connect(server.addr());
    let mut send = |format: &Format, extra: Value| {
        let mut body = (format.body)(&question(1));
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        client.send("POST", format.path, &HEADERS, &body.to_string()).json()
    };
    let arguments = |text: &Value| serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap();
    let expected = json!({"answer": "v1"});

    let tools = json!({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"});
    let choice = send(&CHAT, tools)["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "tool_calls");
    let function = &choice["message"]["tool_calls"][0]["function"];
    assert_eq!((&function["name"], arguments(&function["arguments"])), (&json!("f"), expected.clone()));

    let tools = json!({"tools": [{"type": "function", "name": "f"}], "tool_choice": "required"});
    let item = send(&RESPONSES, tools)["output"][0].clone();
    assert_eq!((&item["type"], arguments(&item["arguments"])), (&json!("function_call"), expected.clone()));

    let answer = send(&MESSAGES, json!({"tools": [{"name": "f"}], "tool_choice": {"type": "any"}}));
    assert_eq!(answer["stop_reason"], "tool_use");
    assert_eq!((&answer["content"][0]["name"], &answer["content"][0]["input"]), (&json!("f"), &expected));

    let tools = json!([{"functionDeclarations": [{"name": "f"}]}]);
    let answer = send(&GEMINI, json!({"tools": tools, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}));
    let call = &answer["candidates"][0]["content"]["parts"][0]["functionCall"];
    assert_eq!((&call["name"], &call["args"]), (&json!("f"), &expected));
}

#[test]
fn embeddings_are_the_same_in_every_shape() {
    let server = Server::start(Config::default()).unwrap();
    let mut client = Client::connect(server.addr());
    let body = json!({"model": "m", "input": ["one", "two"], "dimensions": 8});
    let answer = client.send("POST", "/v1/embeddings", &[], &body.to_string()).json();
    assert_eq!(answer["usage"]["total_tokens"], 2);
    let vectors: Vec<Value> = answer["data"].as_array().unwrap().iter().map(|item| item["embedding"].clone()).collect();
    assert_eq!((vectors.len(), vectors[0].as_array().unwrap().len()), (2, 8));
    assert_ne!(vectors[0], vectors[1]);
    let mut base64 = body.clone();
    base64["encoding_format"] = json!("base64");
    let text = client.send("POST", "/v1/embeddings", &[], &base64.to_string()).json();
    // Eight floats are 32 bytes, and those 44 digits.
    assert_eq!(text["data"][0]["embedding"].as_str().unwrap().len(), 44);

    let request = |text: &str| json!({"content": {"parts": [{"text": text}]}, "outputDimensionality": 8});
    let single = client.send("POST", "/gemini/v1beta/models/m:embedContent", &[], &request("one").to_string()).json();
    assert_eq!(single["embedding"]["values"], vectors[0]);
    let batch = json!({"requests": [request("one"), request("two")]});
    let batch = client.send("POST", "/gemini/v1beta/models/m:batchEmbedContents", &[], &batch.to_string()).json();
    assert_eq!(batch["embeddings"][1]["values"], vectors[1]);
    let stats = server.stats();
    assert_eq!((stats.by_api["openai.embeddings"].answered, stats.by_api["gemini.embed"].input_tokens), (2, 3));
    assert_eq!(stats.output_tokens, 0);
}

#[test]
fn gemini_streams_json_where_no_events_are_asked_for() {
    let server = Server::start(Config { answers: answer_key(5), ..Config::default() }).unwrap();
    let path = "/gemini/v1beta/models/m:streamGenerateContent";
    let body = (GEMINI.body)(&question(2)).to_string();
    let response = Client::connect(server.addr()).send("POST", path, &[], &body);
    assert_eq!(response.headers["content-type"], "application/json");
    let chunks = response.json();
    let text: String = chunks.as_array().unwrap().iter().map(GEMINI.delta).collect();
    assert_eq!(text, "v2");
}

#[test]
fn a_stream_that_is_left_is_abandoned_and_billed() {
    let config = Config {
        token_interval: Duration::from_secs(60),
        prices: Prices { input: 1.0, ..Prices::default() },
        ..Config::default()
    };
    let server = Server::start(config).unwrap();
    let mut client = Client::connect(server.addr()).timeout(Duration::from_millis(200));
    assert_eq!(CHAT.stream(&mut client, "hello").end, End::Silent);
    assert_eq!(server.stats().in_flight, 1);
    drop(client);
    idle(&server);
    let stats = server.stats();
    assert_eq!((stats.answered, stats.by_outcome["abandoned"]), (0, 1));
    assert!(stats.cost_nano_usd > 0);
}
