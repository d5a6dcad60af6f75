//! Requests beside those of the vendors' own clients: tests/vectors/requests.jsonl, which generate_requests.py writes.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use assay_core::inference::Requests;
use assay_core::message::{Content, Message, Part, Role};
use assay_core::provider::format::format_of;
use assay_core::provider::{Model, Secret};
use assay_core::spec::{CallKind, ModelConf};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

const KEY: &str = "key-of-the-vectors";

#[derive(Deserialize)]
struct Case {
    provider: String,
    settings: BTreeMap<String, String>,
    kind: CallKind,
    stream: bool,
    options: Map<String, Value>,
    messages: Vec<Value>,
    path: String,
    headers: BTreeMap<String, String>,
    body: Value,
    source: String,
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/requests.jsonl");
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Where the vectors' clients were pointed to, under a name that no one resolves.
fn endpoint(provider: &str) -> &'static str {
    match provider {
        "openai" | "openai_responses" => "http://vectors.invalid/v1",
        _ => "http://vectors.invalid",
    }
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

/// The parts of a message, with its images' bytes.
fn images(message: &Value) -> Vec<Vec<u8>> {
    let parts = message["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| text(part, "image")).map(|image| BASE64.decode(image).unwrap()).collect()
}

fn message<'a>(message: &'a Value, images: &'a [Vec<u8>]) -> Message<'a> {
    let mut images = images.iter();
    let content = match &message["content"] {
        Value::Null => Content::Empty,
        Value::String(text) => Content::Text(text),
        parts => {
            let part = |part: &'a Value| match text(part, "type").unwrap() {
                "text" => Part::Text(text(part, "text").unwrap()),
                "image_url" => Part::ImageUrl(text(part, "image_url").unwrap()),
                "image" => Part::Image { bytes: images.next().unwrap(), media_type: text(part, "media_type").unwrap() },
                other => panic!("a part of type {other}"),
            };
            Content::Parts(parts.as_array().unwrap().iter().map(part).collect())
        }
    };
    Message {
        role: Role::parse(text(message, "role").unwrap()).unwrap(),
        content,
        tool_calls: text(message, "tool_calls"),
        tool_call_id: text(message, "tool_call_id"),
    }
}

/// Numbers as numbers, so that 1 is 1.0.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64().unwrap()),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(fields) => Value::Object(fields.iter().map(|(name, v)| (name.clone(), normal(v))).collect()),
        other => other.clone(),
    }
}

#[test]
fn requests_are_those_of_the_vendors_clients() {
    let mut by_provider: BTreeMap<String, usize> = BTreeMap::new();
    for (i, case) in cases().iter().enumerate() {
        let what = format!("line {} ({}, {})", i + 1, case.provider, case.source);
        let mut conf = case.settings.clone();
        for (key, value) in [
            ("provider", case.provider.as_str()),
            ("model", "gpt-x"),
            ("endpoint", endpoint(&case.provider)),
            ("apiKeySecret", KEY),
            ("stream", if case.stream { "true" } else { "false" }),
        ] {
            conf.entry(key.to_string()).or_insert(value.to_string());
        }
        let model = Model::from_conf(&ModelConf { name: "m".into(), conf }).unwrap();
        let format = format_of(&model, case.kind).unwrap();
        let images: Vec<Vec<Vec<u8>>> = case.messages.iter().map(images).collect();
        let messages: Vec<Message<'_>> = case.messages.iter().zip(&images).map(|(m, i)| message(m, i)).collect();
        let prepared = Requests::new(&model, case.kind, &case.options).unwrap().prepare(&messages).unwrap();

        let body: Value = serde_json::from_slice(&prepared.body).unwrap();
        assert_eq!(normal(&body), normal(&case.body), "{what}");
        let url = format.url(&model, case.stream).unwrap();
        let expected = Url::parse("http://vectors.invalid").unwrap().join(&case.path).unwrap();
        assert_eq!(url, expected, "{what}");
        let mut headers: HeaderMap = format.headers(&model).unwrap();
        format.sign(&model, Some(&Secret::new(KEY)), &url, &mut headers, &prepared.body, SystemTime::now()).unwrap();
        let headers: BTreeMap<String, String> =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string())).collect();
        assert_eq!(headers, case.headers, "{what}");
        *by_provider.entry(case.provider.clone()).or_default() += 1;
    }
    assert!(by_provider["openai"] >= 20 && by_provider["openai_responses"] >= 8 && by_provider["azure_openai"] >= 4);
}

/// Paths of servers that speak OpenAI's format, as their documentation gives the base URL.
#[test]
fn urls_of_compatible_servers() {
    for (endpoint, chat, embed) in [
        ("http://localhost:8000/v1", "/v1/chat/completions", "/v1/embeddings"), // vLLM
        ("http://localhost:11434/v1/", "/v1/chat/completions", "/v1/embeddings"), // Ollama
        ("http://localhost:4000", "/chat/completions", "/embeddings"),          // LiteLLM
        (
            "https://dbc-1.cloud.databricks.com/serving-endpoints",
            "/serving-endpoints/chat/completions",
            "/serving-endpoints/embeddings",
        ),
    ] {
        let conf = [("provider", "openai"), ("model", "m"), ("endpoint", endpoint)];
        let conf = conf.map(|(key, value)| (key.to_string(), value.to_string())).into();
        let model = Model::from_conf(&ModelConf { name: "m".into(), conf }).unwrap();
        for (kind, path) in [(CallKind::Complete, chat), (CallKind::Embed, embed)] {
            assert_eq!(format_of(&model, kind).unwrap().url(&model, false).unwrap().path(), path, "{endpoint}");
        }
    }
}
