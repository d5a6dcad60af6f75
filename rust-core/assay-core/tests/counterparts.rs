//! Against servers that this project did not write, over HTTP: llmock (PyPI) for Anthropic and Gemini, aimock (npm) for
//! Bedrock, Anthropic and Gemini, and both for the generic format.
//!
//! `ASSAY_LLMOCK_PYTHON` names the Python that llmock is installed for, `ASSAY_AIMOCK` aimock's `dist/cli.js`. What is not
//! there is skipped, aloud. `scripts/counterparts` installs both and runs these tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, StructArray};
use assay_core::spec::{CallKind, ModelConf};
use serde_json::{Value, json};
use support::{attempts, call, counter, double, drain, error_text, http_status, ipc, open, options, text};

/// A server in a process of its own, which ends with it.
struct Program {
    child: Child,
    port: u16,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    /// Starts it and waits for the line that holds its port, behind `marker`.
    fn start(command: &mut Command, marker: &str) -> Program {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let (sender, marker) = (sender.clone(), marker.to_string());
            // Reads on to the end, so that the server never waits for a reader.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if let Some((_, rest)) = line.split_once(&marker) {
                        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                        let _ = sender.send(port.parse::<u16>().unwrap());
                    }
                }
            });
        }
        drop(sender);
        match receiver.recv_timeout(std::time::Duration::from_secs(60)) {
            Ok(port) => Program { child, port },
            Err(e) => {
                let _ = child.kill();
                panic!("{command:?} did not start: {e}");
            }
        }
    }

    /// The body of a response to a request without a client library.
    fn http(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!("{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n");
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (_, body) = reply.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    fn root(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn path_in(variable: &str, what: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    if path.is_none() {
        println!("SKIPPED: {what} is not installed ({variable}); nothing was proven against it");
    }
    path
}

fn llmock() -> Option<Program> {
    let python = path_in("ASSAY_LLMOCK_PYTHON", "llmock")?;
    let mut command = Command::new(python.with_file_name("llmock"));
    command.args(["serve", "--host", "127.0.0.1", "--port", "0", "--response-style", "echo", "--log-level", "info"]);
    Some(Program::start(&mut command, "Uvicorn running on http://127.0.0.1:"))
}

fn aimock() -> Option<Program> {
    let script = path_in("ASSAY_AIMOCK", "aimock")?;
    let fixtures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aimock.json");
    let fixture = |message: &str, response: Value| json!({"match": {"userMessage": message}, "response": response});
    let fixtures_json = json!({"fixtures": [
        fixture("capital", json!({"content": "Paris, says \"the mock\" \u{1f600} and goes on for some words."})),
        fixture("weather", json!({"toolCalls": [{"id": "tc1", "name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}]})),
        fixture("half", json!({"content": "half an", "finishReason": "length"})),
        fixture("think", json!({"content": "done", "reasoning": "step by step"})),
        fixture("slow down", json!({"error": {"message": "no", "type": "rate_limit_error"}, "status": 429})),
        fixture("wrong key", json!({"error": {"message": "no", "type": "authentication_error"}, "status": 401})),
        fixture("fall over", json!({"error": {"message": "no", "type": "server_error"}, "status": 500})),
    ]});
    std::fs::write(&fixtures, fixtures_json.to_string()).unwrap();
    let mut command = Command::new("node");
    command.arg(script).args(["--port", "0", "--host", "127.0.0.1", "--fixtures"]).arg(fixtures);
    Some(Program::start(&mut command, "listening on http://127.0.0.1:"))
}

fn conf(pairs: &[(&str, &str)]) -> ModelConf {
    let base = [("model", "model-1"), ("apiKeySecret", "sk-secret"), ("timeoutMs", "10000"), ("maxRetries", "0")];
    let conf: BTreeMap<String, String> =
        base.iter().chain(pairs).map(|(name, value)| (name.to_string(), value.to_string())).collect();
    ModelConf { name: "m".into(), conf }
}

/// Asks `prompts` and gives their completions in order, and how many requests were sent.
fn ask(conf: ModelConf, given: Value, prompts: &[&str]) -> (Vec<StructArray>, i64) {
    let mut call = call(conf);
    call.options = options(given);
    let session = open(1, vec![call]);
    session.push(&ipc(vec![Arc::new(StringArray::from(prompts.to_vec())) as ArrayRef])).unwrap();
    let rows = drain(&session, prompts.len()).into_values().map(|mut row| row.remove(0)).collect();
    (rows, counter(&session, "requests"))
}

fn status(row: &StructArray) -> String {
    text(row, "status").unwrap()
}

fn tokens(row: &StructArray, field: &str) -> i64 {
    use arrow::array::cast::AsArray;
    row.column_by_name(field).unwrap().as_primitive::<arrow::array::types::Int64Type>().value(0)
}

const PROVIDERS: &[(&str, &str)] = &[("anthropic", "/anthropic"), ("gemini", "/gemini")];

#[test]
fn llmock_answers_whole_and_streamed() {
    let Some(server) = llmock() else { return };
    for (provider, base) in PROVIDERS {
        for stream in ["false", "true"] {
            server.http("POST", "/_llmock/reset", &json!({}));
            let endpoint = server.root() + base;
            let conf = conf(&[("provider", provider), ("endpoint", &endpoint), ("stream", stream)]);
            let prompts: Vec<String> =
                (0..40).map(|i| format!("Question {i}: \u{e9}\u{1f600} \"quoted\" \\ ?")).collect();
            let prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
            let given = json!({"temperature": 0.5, "max_tokens": 500, "stop": ["END"]});
            let (rows, requests) = ask(conf, given, &prompts);
            assert_eq!(requests, 40);
            for (row, prompt) in rows.iter().zip(&prompts) {
                assert_eq!(status(row), "ok", "{provider} {stream}: {:?}", error_text(row, "message"));
                assert_eq!(text(row, "text"), Some(format!("Hello! You said: {prompt}")), "{provider} {stream}");
                assert!(tokens(row, "input_tokens") > 0 && tokens(row, "output_tokens") > 0);
                assert_eq!(double(row, "ttft_ms").is_some(), stream == "true");
            }
            let verdict = server.http("GET", "/_llmock/verdict", &json!({}));
            let findings = verdict["findings"].as_array().unwrap();
            assert!(findings.iter().all(|finding| finding["severity"] != "error"), "{provider} {stream}: {findings:?}");
        }
    }
}

#[test]
fn llmock_fails_in_every_way() {
    let Some(server) = llmock() else { return };
    for (provider, base) in PROVIDERS {
        let endpoint = server.root() + base;
        let with =
            |pairs: &[(&str, &str)]| conf(&[&[("provider", *provider), ("endpoint", &endpoint)], pairs].concat());
        let scenario = |behavior: Value| {
            server.http("POST", "/_llmock/reset", &json!({}));
            server.http("POST", "/_llmock/scenario", &json!({"behaviors": [behavior]}));
        };
        for (http, expected) in [
            (400, "invalid_request"),
            (401, "auth_failed"),
            (403, "auth_failed"),
            (404, "invalid_request"),
            (413, "invalid_request"),
            (422, "invalid_request"),
            (429, "rate_limited"),
            (500, "server_error"),
            (502, "server_error"),
            (503, "server_error"),
            (529, "server_error"),
        ] {
            scenario(json!({"type": "fail", "status": http, "times": 1}));
            let (rows, requests) = ask(with(&[]), json!({}), &["PRIVATE"]);
            assert_eq!((status(&rows[0]).as_str(), requests), (expected, 1), "{provider} {http}");
            assert_eq!(http_status(&rows[0]), Some(http));
            assert!(!error_text(&rows[0], "message").unwrap().contains("PRIVATE"));
        }
        // What may pass is tried again, not before the server's time.
        scenario(json!({"type": "fail", "status": 429, "times": 2, "retry_after": 0.2}));
        let (rows, requests) = ask(with(&[("maxRetries", "4")]), json!({}), &["again"]);
        assert_eq!((status(&rows[0]).as_str(), requests, attempts(&rows[0])), ("ok", 3, 3), "{provider}");
        assert!(double(&rows[0], "wait_ms").unwrap() >= 400.0);
        for (fault, expected) in [
            ("disconnect", "network_error"),
            ("truncate", "network_error"),
            ("malformed", "server_error"),
            ("stall", "timeout"),
        ] {
            scenario(json!({"type": "stream_fault", "kind": fault, "after_chunks": 1, "times": 1}));
            let settings = [("stream", "true"), ("idleTimeoutMs", "1000"), ("timeoutMs", "8000")];
            let (rows, _) = ask(with(&settings), json!({}), &["Tell me a longer story, please, of many words."]);
            let found = status(&rows[0]);
            // A stalled body is cut by the idle timeout, which counts as a fault of the network.
            let fits = found == expected || (fault == "stall" && found == "network_error");
            assert!(fits, "{provider} {fault}: {found} {:?}", error_text(&rows[0], "message"));
            assert_eq!(text(&rows[0], "text"), None);
        }
        server.http("POST", "/_llmock/reset", &json!({}));
    }
}

#[test]
fn aimock_speaks_three_formats() {
    let Some(server) = aimock() else { return };
    let root = server.root();
    for (provider, settings) in
        [("bedrock", &[("aws.region", "us-east-1")][..]), ("anthropic", &[]), ("gemini", &[("apiVersion", "v1beta")])]
    {
        for stream in ["false", "true"] {
            let base = [("provider", provider), ("endpoint", &root), ("stream", stream), ("model", "a.model-v1:0")];
            let conf = || conf(&[&base, settings].concat());
            let prompts = ["capital?", "weather?", "half?", "think!", "slow down!", "wrong key!", "fall over!"];
            let (rows, requests) = ask(conf(), json!({"temperature": 0.5}), &prompts);
            let what = format!("{provider}, stream {stream}");
            assert_eq!(requests, 7, "{what}");
            let found: Vec<String> = rows.iter().map(status).collect();
            let expected = ["ok", "ok", "truncated", "ok", "rate_limited", "auth_failed", "server_error"];
            assert_eq!(
                found,
                expected,
                "{what}: {:?}",
                rows.iter().map(|r| error_text(r, "message")).collect::<Vec<_>>()
            );
            let said = "Paris, says \"the mock\" \u{1f600} and goes on for some words.";
            assert_eq!(text(&rows[0], "text").as_deref(), Some(said), "{what}");
            let calls: Value = serde_json::from_str(&text(&rows[1], "tool_calls").unwrap()).unwrap();
            assert_eq!(calls[0]["function"]["name"], "get_weather", "{what}");
            let arguments: Value = serde_json::from_str(calls[0]["function"]["arguments"].as_str().unwrap()).unwrap();
            assert_eq!(arguments, json!({"city": "Oslo"}), "{what}");
            assert_eq!(text(&rows[2], "partial_text").as_deref(), Some("half an"), "{what}");
            assert_eq!(
                (text(&rows[3], "text"), text(&rows[3], "reasoning")),
                (Some("done".into()), Some("step by step".into())),
                "{what}"
            );
        }
    }
}

#[test]
fn aimock_embeds_as_gemini_does() {
    use arrow::array::cast::AsArray;
    let Some(server) = aimock() else { return };
    let root = server.root();
    let mut call = call(conf(&[("provider", "gemini"), ("endpoint", &root), ("model", "embedding-1")]));
    call.kind = CallKind::Embed;
    call.options = options(json!({"dimensions": 8}));
    let session = open(1, vec![call]);
    session.push(&ipc(vec![Arc::new(StringArray::from(vec!["one", "two", "one"])) as ArrayRef])).unwrap();
    let rows: Vec<StructArray> = drain(&session, 3).into_values().map(|mut row| row.remove(0)).collect();
    let vector = |row: &StructArray| {
        assert_eq!(status(row), "ok", "{:?}", error_text(row, "message"));
        let list = row.column_by_name("embedding").unwrap().as_list::<i32>().value(0);
        list.as_primitive::<arrow::array::types::Float32Type>().values().to_vec()
    };
    let vectors: Vec<Vec<f32>> = rows.iter().map(vector).collect();
    assert!(vectors.iter().all(|vector| vector.len() == 8));
    assert!(vectors[0] == vectors[2] && vectors[0] != vectors[1]);
}

#[test]
fn any_service_by_templates_and_paths() {
    let Some(server) = llmock() else { return };
    let endpoint = server.root() + "/v1/chat/completions";
    let conf = conf(&[
        ("provider", "http"),
        ("endpoint", &endpoint),
        (
            "http.body",
            "{\"model\": {{ model | tojson }}, \"messages\": {{ messages | tojson }}, \"max_tokens\": {{ options.max_tokens }}}",
        ),
        ("http.answerPath", "$.choices[0].message.content"),
        ("http.finishReasonPath", "$['choices'][-1]['finish_reason']"),
        ("http.inputTokensPath", "$.usage.prompt_tokens"),
        ("http.outputTokensPath", "$.usage.completion_tokens"),
        ("http.errorPath", "$.error"),
        ("headers.X-Model", "{{ model }}"),
    ]);
    let (rows, requests) =
        ask(conf, json!({"max_tokens": 300}), &["one \"quoted\" \u{e9} question", "another, longer question"]);
    assert_eq!(requests, 2);
    for (row, prompt) in rows.iter().zip(["one \"quoted\" \u{e9} question", "another, longer question"]) {
        assert_eq!(status(row), "ok", "{:?}", error_text(row, "message"));
        assert_eq!(text(row, "text"), Some(format!("Hello! You said: {prompt}")));
        let counted = (tokens(row, "input_tokens"), tokens(row, "output_tokens"));
        assert!(counted.0 > 0 && counted.1 > 0, "{counted:?}");
        assert_eq!(text(row, "finish_reason").as_deref(), Some("stop"));
    }
}
