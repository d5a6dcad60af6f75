//! Requests beside those that the vendors' own clients send for the same: `tests/vectors/requests_*.jsonl`, made by
//! `tests/vectors/generate_providers.py`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use assay_core::message::{Content, Message, Part, Role};
use assay_core::provider::format::format_of;
use assay_core::provider::{Model, Secret, call_options};
use assay_core::spec::{CallKind, ModelConf};
use serde_json::{Map, Value};

fn rows(provider: &str) -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/vectors/requests_{provider}.jsonl"));
    fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn model(provider: &str, settings: &Value) -> Model {
    let mut conf: std::collections::BTreeMap<String, String> =
        settings.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_string())).collect();
    conf.insert("provider".into(), provider.into());
    conf.insert("apiKeySecret".into(), "k".into());
    Model::from_conf(&ModelConf { name: "m".into(), conf }).unwrap()
}

/// The bytes of the images of a row's messages, in order.
fn images(row: &Value) -> Vec<Vec<u8>> {
    let parts =
        row["messages"].as_array().unwrap().iter().filter_map(|message| message["content"].as_array()).flatten();
    parts.filter_map(|part| part["image"].as_str()).map(decode_base64).collect()
}

/// Base64 in plain steps; the crate under test has its own decoder.
fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String =
        text.trim_end_matches('=').chars().map(|c| format!("{:06b}", ALPHABET.find(c).unwrap())).collect();
    let whole = bits.len() / 8 * 8;
    (0..whole).step_by(8).map(|at| u8::from_str_radix(&bits[at..at + 8], 2).unwrap()).collect()
}

fn messages<'a>(row: &'a Value, images: &'a [Vec<u8>]) -> Vec<Message<'a>> {
    let mut images = images.iter();
    let mut part = |part: &'a Value| match part["type"].as_str().unwrap() {
        "text" => Part::Text(part["text"].as_str().unwrap()),
        "image_url" => Part::ImageUrl(part["image_url"].as_str().unwrap()),
        _ => Part::Image { bytes: images.next().unwrap(), media_type: part["media_type"].as_str().unwrap() },
    };
    let listed = row["messages"].as_array().unwrap().iter();
    listed
        .map(|message| Message {
            role: Role::parse(message["role"].as_str().unwrap()).unwrap(),
            content: match &message["content"] {
                Value::String(text) => Content::Text(text),
                Value::Array(parts) => Content::Parts(parts.iter().map(&mut part).collect()),
                _ => Content::Empty,
            },
            tool_calls: message["tool_calls"].as_str(),
            tool_call_id: message["tool_call_id"].as_str(),
        })
        .collect()
}

/// Equal as JSON, numbers by their values.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        _ => ours == theirs,
    }
}

fn check(provider: &str, at_least: usize) {
    let rows = rows(provider);
    let mut wrong = Vec::new();
    for row in &rows {
        let id = row["id"].as_str().unwrap();
        let model = model(provider, &row["settings"]);
        let stream = row["stream"] == true;
        let kind = if row["kind"] == "embed" { CallKind::Embed } else { CallKind::Complete };
        let options = call_options(kind, row["options"].as_object().unwrap_or(&Map::new())).unwrap();
        let format = format_of(&model, kind).unwrap();
        format.check(&model, &options).unwrap_or_else(|e| panic!("{provider}, {id}: {e}"));
        let images = images(row);
        let body = format.frame(&model, &options, stream).unwrap().body(&messages(row, &images)).unwrap();
        let ours: Value = serde_json::from_slice(&body).unwrap();
        if !same(&ours, &row["body"]) {
            wrong.push(format!("{id}:\n  ours   {ours}\n  theirs {}", row["body"]));
        }
        let url = format.url(&model, stream).unwrap();
        let path = url.as_str().strip_prefix(&model.endpoint).unwrap();
        assert_eq!(path, row["path"].as_str().unwrap(), "{provider}, {id}");
        let mut headers = format.headers(&model).unwrap();
        let key = Secret::new("k");
        format.sign(&model, Some(&key), &url, &mut headers, &body, SystemTime::UNIX_EPOCH).unwrap();
        for (name, value) in row["headers"].as_object().unwrap() {
            assert_eq!(headers.get(name).map(|v| v.to_str().unwrap()), value.as_str(), "{provider}, {id}: {name}");
        }
    }
    assert!(wrong.is_empty(), "{provider}: {} of {} differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert!(rows.len() >= at_least, "{}", rows.len());
}

#[test]
fn anthropic_requests_are_those_of_the_sdk() {
    check("anthropic", 30);
}

#[test]
fn gemini_requests_are_those_of_the_sdk() {
    check("gemini", 30);
}

#[test]
fn bedrock_requests_are_those_of_botocore() {
    check("bedrock", 30);
}
