//! Anthropic's messages.

use std::time::SystemTime;

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::{Value, json};

use super::{
    Answer, Api, Call, Cause, Finish, Frame, Problem, Route, Tokens, bearer_or, in_range, json_bytes, positive,
    text_of, typed_event,
};
use crate::quota::{Limit, Verdict};
use crate::respond::{put, rfc3339};
use crate::tokens;

pub(super) struct Messages;

impl Api for Messages {
    fn name(&self) -> &'static str {
        "anthropic.messages"
    }

    fn read(&self, _route: &Route, headers: &HeaderMap, body: &Value) -> Result<Call, String> {
        if !headers.contains_key("anthropic-version") {
            return Err("anthropic-version: header is required".to_string());
        }
        let model = body["model"].as_str().ok_or("model: Field required")?.to_string();
        let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
        let messages = messages.ok_or("messages: at least one message is required")?;
        let max_tokens = positive(&body["max_tokens"], "max_tokens")?.ok_or("max_tokens: Field required")?;
        in_range(&body["temperature"], "temperature", 1.0)?;
        let mut input_tokens = 3 + tokens::count(&text_of(&body["system"])?);
        let mut question = None;
        for message in messages {
            let text = text_of(&message["content"])?;
            input_tokens += 3 + tokens::count(&text);
            match message["role"].as_str() {
                Some("user") => question = Some(text),
                Some("assistant") => {}
                _ => return Err("messages: role must be user or assistant".to_string()),
            }
        }
        let choice = &body["tool_choice"];
        let tool = match choice["type"].as_str() {
            Some("any") => body["tools"][0]["name"].as_str(),
            Some("tool") => choice["name"].as_str(),
            _ => None,
        };
        Ok(Call {
            model,
            question: question.unwrap_or_default(),
            input_tokens,
            max_tokens: Some(max_tokens),
            json: !body["output_config"]["format"].is_null() || !body["output_format"].is_null(),
            stream: body["stream"] == true,
            tool: tool.map(str::to_string),
            ..Call::default()
        })
    }

    fn key<'a>(&self, headers: &'a HeaderMap, _query: &'a str) -> Option<&'a str> {
        bearer_or(headers, "x-api-key")
    }

    fn whole(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Bytes {
        let mut message = message(frame, usage(&answer.tokens));
        message["content"] = blocks(frame, call, answer).into();
        message["stop_reason"] = stop_reason(answer).into();
        json_bytes(&message)
    }

    fn events(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Vec<Bytes> {
        let begun = Tokens { output: 1, reasoning: 0, ..answer.tokens };
        let mut events = vec![json!({"type": "message_start", "message": message(frame, usage(&begun))})];
        for (index, block) in blocks(frame, call, answer).into_iter().enumerate() {
            let (mut start, deltas): (Value, Vec<Value>) = match block["type"].as_str() {
                Some("thinking") => {
                    let deltas = tokens::pieces(&answer.reasoning)
                        .map(|token| json!({"type": "thinking_delta", "thinking": token}))
                        .chain([json!({"type": "signature_delta", "signature": block["signature"]})]);
                    (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas.collect())
                }
                Some("tool_use") => {
                    let deltas = tokens::pieces(&answer.text)
                        .map(|token| json!({"type": "input_json_delta", "partial_json": token}));
                    (block.clone(), deltas.collect())
                }
                _ => {
                    let deltas = tokens::pieces(&answer.text).map(|token| json!({"type": "text_delta", "text": token}));
                    (json!({"type": "text", "text": ""}), deltas.collect())
                }
            };
            if start["type"] == "tool_use" {
                start["input"] = json!({});
            }
            events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
            let delta = |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
            events.extend(deltas.into_iter().map(delta));
            events.push(json!({"type": "content_block_stop", "index": index}));
        }
        events.insert(1.min(events.len()), json!({"type": "ping"}));
        let end = json!({"stop_reason": stop_reason(answer), "stop_sequence": null});
        events.push(json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": answer.tokens.output}}));
        events.push(json!({"type": "message_stop"}));
        events.iter().map(typed_event).collect()
    }

    fn error(&self, problem: &Problem) -> Value {
        let kind = match problem.cause {
            Cause::Invalid => "invalid_request_error",
            Cause::BadKey => "authentication_error",
            Cause::NoModel => "not_found_error",
            Cause::RateLimit(_) | Cause::TooLarge(_) => "rate_limit_error",
            Cause::Server | Cause::Unavailable => "api_error",
            Cause::Overloaded => "overloaded_error",
            Cause::Scripted => match problem.status {
                400 | 422 => "invalid_request_error",
                401 => "authentication_error",
                402 => "billing_error",
                403 => "permission_error",
                404 => "not_found_error",
                413 => "request_too_large",
                429 => "rate_limit_error",
                529 => "overloaded_error",
                _ => "api_error",
            },
        };
        json!({"type": "error", "error": {"type": kind, "message": problem.message}})
    }

    fn error_event(&self, problem: &Problem) -> Bytes {
        typed_event(&self.error(problem))
    }

    fn broken_events(&self) -> Vec<Bytes> {
        let broken = b"event: content_block_delta\ndata: {\"type\": \"content_block_delta\", \"delta\": [{\n\n";
        vec![Bytes::from_static(broken), typed_event(&json!({"type": "message_stop"}))]
    }

    fn put_rate_headers(&self, headers: &mut HeaderMap, verdict: &Verdict) {
        for (limit, names) in [
            (Limit::Requests, RateNames::REQUESTS),
            (Limit::InputTokens, RateNames::INPUT_TOKENS),
            (Limit::OutputTokens, RateNames::OUTPUT_TOKENS),
            (Limit::Tokens, RateNames::TOKENS),
        ] {
            if let Some(level) = verdict.level(limit) {
                put(headers, names.limit, level.limit.to_string());
                put(headers, names.remaining, level.remaining.to_string());
                put(headers, names.reset, rfc3339(SystemTime::now() + level.reset));
            }
        }
    }
}

struct RateNames {
    limit: &'static str,
    remaining: &'static str,
    reset: &'static str,
}

impl RateNames {
    const REQUESTS: RateNames = RateNames {
        limit: "anthropic-ratelimit-requests-limit",
        remaining: "anthropic-ratelimit-requests-remaining",
        reset: "anthropic-ratelimit-requests-reset",
    };
    const INPUT_TOKENS: RateNames = RateNames {
        limit: "anthropic-ratelimit-input-tokens-limit",
        remaining: "anthropic-ratelimit-input-tokens-remaining",
        reset: "anthropic-ratelimit-input-tokens-reset",
    };
    const OUTPUT_TOKENS: RateNames = RateNames {
        limit: "anthropic-ratelimit-output-tokens-limit",
        remaining: "anthropic-ratelimit-output-tokens-remaining",
        reset: "anthropic-ratelimit-output-tokens-reset",
    };
    const TOKENS: RateNames = RateNames {
        limit: "anthropic-ratelimit-tokens-limit",
        remaining: "anthropic-ratelimit-tokens-remaining",
        reset: "anthropic-ratelimit-tokens-reset",
    };
}

fn message(frame: &Frame<'_>, usage: Value) -> Value {
    json!({
        "id": format!("msg_{}", frame.id), "type": "message", "role": "assistant", "model": frame.model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage,
    })
}

/// What is cached, or written to the cache, is no part of `input_tokens` here.
fn usage(tokens: &Tokens) -> Value {
    json!({
        "input_tokens": tokens.input - tokens.cached_input - tokens.cache_write,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached_input,
        "output_tokens": tokens.output,
        "service_tier": "standard",
    })
}

fn blocks(frame: &Frame<'_>, call: &Call, answer: &Answer) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !answer.reasoning.is_empty() {
        blocks.push(json!({"type": "thinking", "thinking": answer.reasoning, "signature": frame.fingerprint}));
    }
    match (answer.finish, &call.tool) {
        (Finish::Tool, Some(name)) => {
            let input: Value = serde_json::from_str(&answer.text).unwrap_or_default();
            blocks.push(json!({"type": "tool_use", "id": format!("toolu_{}", frame.id), "name": name, "input": input}));
        }
        _ if !answer.text.is_empty() => blocks.push(json!({"type": "text", "text": answer.text})),
        _ => {}
    }
    blocks
}

fn stop_reason(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Stop | Finish::Empty => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Tool => "tool_use",
        Finish::Refusal | Finish::ContentFilter => "refusal",
    }
}
