//! OpenAI's chat completions, also under Azure's paths.

use bytes::Bytes;
use hyper::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Answer, Api, Call, Cause, Finish, Frame, Problem, Route, Tokens, bearer_or, event, in_range, json_bytes, logprob,
    positive, text_of,
};
use crate::quota::{Limit, Verdict};
use crate::respond::{go_duration, put};
use crate::tokens;

pub(super) struct Chat;

impl Api for Chat {
    fn name(&self) -> &'static str {
        "openai.chat"
    }

    fn read(&self, route: &Route, _headers: &HeaderMap, body: &Value) -> Result<Call, String> {
        let model = route.model.as_deref().or(body["model"].as_str());
        let model = model.ok_or("you must provide a model parameter")?.to_string();
        let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
        let messages = messages.ok_or("'messages' must be an array with at least one message")?;
        if body.get("n").is_some_and(|n| !n.is_null() && *n != 1) {
            return Err("'n' must be 1".to_string());
        }
        in_range(&body["temperature"], "temperature", 2.0)?;
        let max_tokens = body.get("max_completion_tokens").or_else(|| body.get("max_tokens")).unwrap_or(&Value::Null);
        let (input_tokens, question) = read_messages(messages)?;
        let response_format = body["response_format"]["type"].as_str();
        let choice = &body["tool_choice"];
        Ok(Call {
            model,
            question,
            input_tokens,
            max_tokens: positive(max_tokens, "max_tokens")?,
            logprobs: body["logprobs"] == true,
            json: matches!(response_format, Some("json_object" | "json_schema")),
            stream: body["stream"] == true,
            include_usage: body["stream_options"]["include_usage"] == true,
            tool: match choice.as_str() {
                Some("required") => body["tools"][0]["function"]["name"].as_str(),
                _ => choice["function"]["name"].as_str(),
            }
            .map(str::to_string),
            ..Call::default()
        })
    }

    fn key<'a>(&self, headers: &'a HeaderMap, _query: &'a str) -> Option<&'a str> {
        bearer_or(headers, "api-key")
    }

    fn whole(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Bytes {
        let is_refusal = answer.finish == Finish::Refusal;
        let is_said = !is_refusal && answer.finish != Finish::Tool;
        json_bytes(&Completion {
            id: &format!("chatcmpl-{}", frame.id),
            object: "chat.completion",
            created: frame.created,
            model: frame.model,
            choices: (answer.finish != Finish::Empty)
                .then(|| Choice {
                    index: 0,
                    message: Message {
                        role: "assistant",
                        content: is_said.then_some(answer.text.as_str()),
                        reasoning_content: Some(answer.reasoning.as_str()).filter(|text| !text.is_empty()),
                        refusal: is_refusal.then_some(answer.text.as_str()),
                        tool_calls: tool_call(frame, call, answer).map(|call| [call]),
                    },
                    logprobs: call.logprobs.then(|| logprobs(answer)),
                    finish_reason: finish_reason(answer),
                })
                .into_iter()
                .collect(),
            usage: usage(&answer.tokens),
            service_tier: "default",
            system_fingerprint: frame.fingerprint,
        })
    }

    /// One chunk a token, and `[DONE]`.
    fn events(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Vec<Bytes> {
        let id = format!("chatcmpl-{}", frame.id);
        let chunk = |choices: Value, usage: Value| {
            let mut chunk = json!({
                "id": id, "object": "chat.completion.chunk", "created": frame.created, "model": frame.model,
                "system_fingerprint": frame.fingerprint, "choices": choices,
            });
            if call.include_usage {
                chunk["usage"] = usage;
            }
            event(&chunk)
        };
        let delta = |delta: Value, finish: Option<&str>, logprobs: Value| {
            chunk(json!([{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}]), Value::Null)
        };
        let token_logprobs = if call.logprobs { logprobs(answer).content } else { Vec::new() };
        let mut events = vec![delta(json!({"role": "assistant", "content": ""}), None, Value::Null)];
        for token in tokens::pieces(&answer.reasoning) {
            events.push(delta(json!({ "reasoning_content": token }), None, Value::Null));
        }
        if let Some(call) = tool_call(frame, call, answer) {
            let mut start = call.clone();
            start["index"] = json!(0);
            start["function"]["arguments"] = json!("");
            events.push(delta(json!({"tool_calls": [start]}), None, Value::Null));
        }
        for (i, token) in tokens::pieces(&answer.text).enumerate() {
            let logprobs = token_logprobs.get(i).map_or(Value::Null, |logprob| json!({"content": [logprob]}));
            let said = match answer.finish {
                Finish::Tool => json!({"tool_calls": [{"index": 0, "function": {"arguments": token}}]}),
                Finish::Refusal => json!({ "refusal": token }),
                _ => json!({ "content": token }),
            };
            events.push(delta(said, None, logprobs));
        }
        if answer.finish == Finish::Empty {
            events.clear();
        } else {
            events.push(delta(json!({}), Some(finish_reason(answer)), Value::Null));
        }
        if call.include_usage {
            events.push(chunk(json!([]), json!(usage(&answer.tokens))));
        }
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
        events
    }

    fn error(&self, problem: &Problem) -> Value {
        error(problem)
    }

    fn broken_events(&self) -> Vec<Bytes> {
        let broken = b"data: {\"id\": \"chatcmpl-\", \"choices\": [{\n\n";
        vec![Bytes::from_static(broken), Bytes::from_static(b"data: [DONE]\n\n")]
    }

    fn put_rate_headers(&self, headers: &mut HeaderMap, verdict: &Verdict) {
        put_rate_headers(headers, verdict);
    }
}

/// (tokens, the last user message). The overheads are those of OpenAI's own counting: 3 tokens a message, and 3 to start
/// the answer.
fn read_messages(messages: &[Value]) -> Result<(u64, String), String> {
    let mut input_tokens = 3;
    let mut question = None;
    for message in messages {
        let text = text_of(&message["content"])?;
        input_tokens += 3 + tokens::count(&text);
        match message["role"].as_str() {
            Some("user") => question = Some(text),
            Some("system" | "developer" | "assistant" | "tool" | "function") => {}
            _ => return Err("every message needs a known role".to_string()),
        }
    }
    Ok((input_tokens, question.unwrap_or_default()))
}

pub(super) fn error(problem: &Problem) -> Value {
    let (kind, code) = match problem.cause {
        Cause::Invalid => ("invalid_request_error", None),
        Cause::BadKey => ("invalid_request_error", Some("invalid_api_key")),
        Cause::NoModel => ("invalid_request_error", Some("model_not_found")),
        Cause::RateLimit(Limit::Requests) => ("requests", Some("rate_limit_exceeded")),
        Cause::RateLimit(_) | Cause::TooLarge(_) => ("tokens", Some("rate_limit_exceeded")),
        Cause::Server => ("server_error", None),
        Cause::Unavailable => ("service_unavailable_error", None),
        Cause::Overloaded => ("overloaded_error", None),
        Cause::Scripted if problem.status == 429 => ("requests", Some("rate_limit_exceeded")),
        Cause::Scripted => ("scripted_error", None),
    };
    json!({"error": {"message": problem.message, "type": kind, "param": null, "code": code}})
}

pub(super) fn put_rate_headers(headers: &mut HeaderMap, verdict: &Verdict) {
    if let Some(level) = verdict.level(Limit::Requests) {
        put(headers, "x-ratelimit-limit-requests", level.limit.to_string());
        put(headers, "x-ratelimit-remaining-requests", level.remaining.to_string());
        put(headers, "x-ratelimit-reset-requests", go_duration(level.reset));
    }
    if let Some(level) = verdict.level(Limit::Tokens) {
        put(headers, "x-ratelimit-limit-tokens", level.limit.to_string());
        put(headers, "x-ratelimit-remaining-tokens", level.remaining.to_string());
        put(headers, "x-ratelimit-reset-tokens", go_duration(level.reset));
    }
}

fn finish_reason(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Stop | Finish::Refusal | Finish::Empty => "stop",
        Finish::Length => "length",
        Finish::Tool => "tool_calls",
        Finish::ContentFilter => "content_filter",
    }
}

fn tool_call(frame: &Frame<'_>, call: &Call, answer: &Answer) -> Option<Value> {
    let name = call.tool.as_ref().filter(|_| answer.finish == Finish::Tool)?;
    let id = format!("call_{}", frame.id);
    Some(json!({"id": id, "type": "function", "function": {"name": name, "arguments": answer.text}}))
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    usage: Usage,
    service_tier: &'static str,
    system_fingerprint: &'a str,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    /// OpenAI shows no reasoning; the servers of open models do, by this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[Value; 1]>,
}

#[derive(Serialize)]
struct Logprobs<'a> {
    content: Vec<TokenLogprob<'a>>,
    refusal: Option<&'static str>,
}

#[derive(Serialize)]
struct TokenLogprob<'a> {
    token: &'a str,
    logprob: f64,
    bytes: &'a [u8],
    top_logprobs: [(); 0],
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

fn usage(tokens: &Tokens) -> Usage {
    Usage {
        prompt_tokens: tokens.input,
        completion_tokens: tokens.output,
        total_tokens: tokens.input + tokens.output,
        prompt_tokens_details: PromptDetails { cached_tokens: tokens.cached_input },
        completion_tokens_details: CompletionDetails { reasoning_tokens: tokens.reasoning },
    }
}

fn logprobs(answer: &Answer) -> Logprobs<'_> {
    let content = tokens::pieces(&answer.text).enumerate().map(|(i, token)| TokenLogprob {
        token,
        logprob: logprob(token, i),
        bytes: token.as_bytes(),
        top_logprobs: [],
    });
    Logprobs { content: content.collect(), refusal: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extra: Value) -> Result<Call, String> {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "What is 2 + 2?"}]});
        for (name, value) in extra.as_object().unwrap() {
            body[name] = value.clone();
        }
        let route = Route::find("/v1/chat/completions", "").unwrap();
        Chat.read(&route, &HeaderMap::new(), &body)
    }

    #[test]
    fn what_cannot_be_served_is_refused() {
        assert!(read(json!({})).is_ok());
        for bad in [
            json!({"n": 2}),
            json!({"temperature": 3}),
            json!({"max_tokens": 0}),
            json!({"messages": []}),
            json!({"messages": [{"role": "king", "content": "x"}]}),
            json!({"model": null}),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_last_user_message_counts_and_parts_are_joined() {
        let parts = json!([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]);
        let messages = json!([
            {"role": "user", "content": "first"},
            {"role": "user", "content": parts},
            {"role": "assistant", "content": "c"},
        ]);
        let call = read(json!({ "messages": messages })).unwrap();
        assert_eq!(call.question, "a\nb");
    }
}
