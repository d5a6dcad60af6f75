//! Answers made in this process: for dry runs and tests, without a server.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use minijinja::{Environment, context};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::classify::{Failure, Retry};
use super::model::Model;
use super::{Answer, Attempt, RateHeaders};
use crate::completion::{Status, Usage};
use crate::error::{Error, ErrorKind, Result};

static CALLS: AtomicU64 = AtomicU64::new(0);

/// How many calls all mocks of this process have answered or failed since the start or [`reset_calls`].
pub fn calls() -> u64 {
    CALLS.load(Ordering::SeqCst)
}

/// Sets [`calls`] to 0.
pub fn reset_calls() {
    CALLS.store(0, Ordering::SeqCst);
}

/// A provider that makes its answers: the last user message, or a template over `prompt`, `model` and `seed`.
///
/// The same request always gets the same answer, and fails or does not fail at every attempt. A token is a word. An embedding
/// has the numbers that `dimensions` asks for, else 8, made from the hash of the text, and length 1.
#[derive(Debug)]
pub struct Mock {
    reply: Option<Environment<'static>>,
    model: String,
    latency: Duration,
    error_rate: f64,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    messages: Vec<Message>,
    input: Option<String>,
    dimensions: Option<usize>,
    seed: Option<i64>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Value,
}

impl Message {
    /// The text, parts joined.
    fn text(&self) -> Cow<'_, str> {
        match &self.content {
            Value::String(text) => text.as_str().into(),
            parts => {
                let texts = parts.as_array().into_iter().flatten().filter_map(|part| part.get("text")?.as_str());
                texts.collect::<String>().into()
            }
        }
    }
}

impl Mock {
    pub(super) fn new(model: &Model) -> Result<Self> {
        let reply = model.mock.reply.clone().map(|source| {
            let mut environment = Environment::new();
            environment.add_template_owned("reply", source).map_err(|e| {
                Error::new(ErrorKind::InvalidModel, format!("model '{}': mock.reply: {}", model.name, e.kind()))
            })?;
            Ok(environment)
        });
        Ok(Mock {
            reply: reply.transpose()?,
            model: model.model.clone(),
            latency: model.mock.latency,
            error_rate: model.mock.error_rate,
        })
    }

    pub(super) async fn attempt(&self, key: &str, body: &[u8]) -> Attempt {
        CALLS.fetch_add(1, Ordering::SeqCst);
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        match self.answer(key, body) {
            Ok((answer, usage)) => Attempt { result: Ok(answer), usage, rate: RateHeaders::default(), ttft: None },
            Err(failure) => Attempt::failed(failure),
        }
    }

    fn answer(&self, key: &str, body: &[u8]) -> std::result::Result<(Answer, Usage), Failure> {
        let fail = |status: Status, message: &str, http_status: u16| Failure {
            retry: Retry::Never,
            http_status: Some(http_status),
            ..Failure::transient(status, message)
        };
        // 52 bits of the key as a number in [0, 1).
        let share = key.get(..13).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
        if (share as f64) < self.error_rate * (1u64 << 52) as f64 {
            return Err(fail(Status::ServerError, "mock.errorRate", 500));
        }
        let body: Body = serde_json::from_slice(body)
            .map_err(|_| fail(Status::InvalidRequest, "the mock cannot read the request", 400))?;
        if let Some(text) = &body.input {
            return Ok(self.embed(text, body.dimensions.unwrap_or(8)));
        }
        let prompt = body.messages.iter().rev().find(|m| m.role == "user").map(Message::text).unwrap_or_default();
        let mut text = match &self.reply {
            None => prompt.to_string(),
            Some(environment) => environment
                .get_template("reply")
                .and_then(|reply| reply.render(context! { prompt, model => &self.model, seed => body.seed }))
                .map_err(|e| fail(Status::InvalidRequest, &format!("mock.reply does not render: {}", e.kind()), 400))?,
        };
        let words = |text: &str| text.split_whitespace().count();
        let limit = body.max_completion_tokens.or(body.max_tokens).unwrap_or(usize::MAX);
        let truncated = words(&text) > limit;
        if truncated {
            text = text.split_whitespace().take(limit).collect::<Vec<_>>().join(" ");
        }
        let usage = Usage {
            input_tokens: Some(body.messages.iter().map(|m| words(&m.text()) as i64).sum()),
            output_tokens: Some(words(&text) as i64),
            ..Usage::default()
        };
        let (status, reason) = if truncated { (Status::Truncated, "length") } else { (Status::Ok, "stop") };
        let (text, partial_text) = if truncated { (None, Some(text)) } else { (Some(text), None) };
        let answer = Answer {
            text,
            partial_text,
            finish_reason: Some(reason.to_string()),
            model_answered: Some(self.model.clone()),
            ..Answer::new(status)
        };
        Ok((answer, usage))
    }

    fn embed(&self, text: &str, dimensions: usize) -> (Answer, Usage) {
        // Enough for any model, and little enough for a typo.
        let dimensions = dimensions.clamp(1, 65_536);
        let mut numbers = Vec::with_capacity(dimensions + 8);
        for block in 0u64.. {
            if numbers.len() >= dimensions {
                break;
            }
            let hash = Sha256::new().chain_update(text).chain_update(block.to_le_bytes()).finalize();
            let (words, _) = hash.as_chunks::<4>();
            numbers.extend(words.iter().map(|bytes| i32::from_le_bytes(*bytes) as f64 / f64::from(i32::MAX)));
        }
        numbers.truncate(dimensions);
        let length = numbers.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let answer = Answer {
            embedding: Some(numbers.iter().map(|x| (x / length) as f32).collect()),
            model_answered: Some(self.model.clone()),
            ..Answer::new(Status::Ok)
        };
        let tokens = text.split_whitespace().count() as i64;
        (answer, Usage { input_tokens: Some(tokens), output_tokens: Some(0), ..Usage::default() })
    }
}
