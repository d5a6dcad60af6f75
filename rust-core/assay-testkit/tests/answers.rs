//! Models are as good as they are said to be, today and tomorrow.
// A test fails by panicking, and the helpers of tests are not shared with anybody.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod common;

use assay_testkit::{Config, ModelConfig, Server};
use common::{Client, answer_key, question};
use serde_json::json;

const QUESTIONS: usize = 2000;

fn config(seed: u64) -> Config {
    Config {
        answers: answer_key(QUESTIONS),
        models: vec![ModelConfig::new("good", 0.9), ModelConfig::new("poor", 0.6)],
        seed,
        verbose_rate: 0.25,
        ..Config::default()
    }
}

/// What `model` says to every question, asked in steps of `stride`.
fn answers(config: Config, model: &str, stride: usize) -> Vec<String> {
    let server = Server::start(config).unwrap();
    let mut client = Client::connect(server.addr());
    let mut answers = vec![String::new(); QUESTIONS];
    for i in (0..QUESTIONS).map(|i| i * stride % QUESTIONS) {
        answers[i] = client.ask(model, &format!("Question: {}\nAnswer:", question(i))).text();
    }
    answers
}

fn share(answers: &[String], is_right: impl Fn(usize, &str) -> bool) -> f64 {
    let right = answers.iter().enumerate().filter(|(i, answer)| is_right(*i, answer)).count();
    right as f64 / answers.len() as f64
}

fn assert_near(share: f64, expected: f64) {
    let sd = (expected * (1.0 - expected) / QUESTIONS as f64).sqrt();
    assert!((share - expected).abs() < 5.0 * sd, "{share} instead of {expected}");
}

#[test]
fn accuracy_is_what_was_set() {
    let is_exact = |i: usize, answer: &str| answer == format!("v{i}");
    let is_verbose = |i: usize, answer: &str| answer == format!("The answer is v{i}.");
    for (model, accuracy) in [("good", 0.9), ("poor", 0.6)] {
        let answers = answers(config(1), model, 1);
        assert_near(share(&answers, |i, answer| is_exact(i, answer) || is_verbose(i, answer)), accuracy);
        assert_near(share(&answers, is_verbose), accuracy * 0.25);
        // Wrong answers are plausible: another answer of the category.
        assert!(answers.iter().all(|answer| answer.contains('v')));
    }
}

#[test]
fn answers_survive_a_restart_and_any_order() {
    let first = answers(config(1), "poor", 1);
    assert_eq!(first, answers(config(1), "poor", 7));
    assert_ne!(first, answers(config(2), "poor", 1));
}

#[test]
fn a_response_has_the_shape_of_openais() {
    let server = Server::start(config(1)).unwrap();
    let mut client = Client::connect(server.addr());
    let mut body = common::request("good", &question(1));
    let whole = client.chat(&body).json();
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["model"], "good");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["choices"][0]["logprobs"], json!(null));
    assert!(whole["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(whole["system_fingerprint"].as_str().unwrap().starts_with("fp_"));
    let usage = &whole["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap())
    );

    body["max_tokens"] = json!(1);
    let cut = client.chat(&body).json();
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    assert_eq!(cut["usage"]["completion_tokens"], 1);

    body["max_tokens"] = json!(100);
    body["logprobs"] = json!(true);
    body["response_format"] = json!({"type": "json_object"});
    let rich = client.chat(&body).json();
    let text = rich["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(text).unwrap()["answer"].is_string());
    let tokens = rich["choices"][0]["logprobs"]["content"].as_array().unwrap();
    assert_eq!(tokens.len() as u64, rich["usage"]["completion_tokens"].as_u64().unwrap());
    assert_eq!(tokens.iter().map(|token| token["token"].as_str().unwrap()).collect::<String>(), text);
    assert!(tokens.iter().all(|token| token["logprob"].as_f64().unwrap() <= 0.0));
}

#[test]
fn a_stream_says_the_same_as_a_whole_answer() {
    let server = Server::start(Config::default()).unwrap();
    let mut client = Client::connect(server.addr());
    let mut body = common::request("m", "hello");
    let whole = client.chat(&body);
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let streamed = client.chat(&body).body_text();
    let chunks: Vec<serde_json::Value> = streamed
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: ").filter(|data| *data != "[DONE]"))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, whole.text());
    assert_eq!(chunks.last().unwrap()["usage"], whole.json()["usage"]);
}

#[test]
fn what_cannot_be_served_is_refused() {
    let server = Server::start(Config { require_key: Some("sesame".to_string()), ..config(1) }).unwrap();
    let mut client = Client::connect(server.addr());
    let path = "/v1/chat/completions";
    let body = common::request("good", "x").to_string();
    assert_eq!(client.send("POST", path, &[], &body).status, 401);
    assert_eq!(client.send("POST", path, &[("authorization", "Bearer wrong")], &body).status, 401);
    let key = [("authorization", "Bearer sesame")];
    assert_eq!(client.send("POST", path, &key, &body).status, 200);
    assert_eq!(client.send("POST", path, &key, "{").status, 400);
    assert_eq!(client.send("POST", path, &key, r#"{"model":"good"}"#).status, 400);
    let unknown = client.send("POST", path, &key, &common::request("best", "x").to_string());
    assert_eq!((unknown.status, unknown.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    assert_eq!(client.send("GET", "/v2/models", &[], "").status, 404);
    let models = client.send("GET", "/v1/models", &[], "").json();
    assert_eq!(models["data"][0]["id"], "good");
    let outcomes = server.stats().by_outcome;
    assert_eq!(outcomes["unauthorized"], 2);
    assert_eq!(outcomes["invalid"], 2);
    assert_eq!(outcomes["unknown_model"], 1);
    assert_eq!(outcomes["ok"], 1);
}

#[test]
fn the_demos_questions_are_all_recognised() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/questions.jsonl");
    let key = assay_testkit::AnswerKey::read(path).unwrap();
    let lines = std::fs::read_to_string(path).unwrap();
    assert!(key.len() >= 1000);
    assert_eq!(key.len(), lines.lines().count(), "two rows have the same question");
    for line in lines.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let question = row["question"].as_str().unwrap();
        for prompt in [question.to_string(), format!("Answer in one word or number.\n\nQ: {question}\nA:")] {
            assert_eq!(key.find(&prompt), Some(question));
        }
    }
}
