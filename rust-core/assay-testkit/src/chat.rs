//! OpenAI's chat completions: reading a request, writing an answer.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::hash::StableHash;
use crate::tokens;

/// What the server needs of a request.
#[derive(Debug)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    /// The text of the last user message.
    pub(crate) question: String,
    pub(crate) input_tokens: u64,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) logprobs: bool,
    pub(crate) json: bool,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

impl ChatRequest {
    /// Reads a request body; the error is a message for the client.
    pub(crate) fn read(body: &Value) -> Result<ChatRequest, String> {
        let model = body["model"].as_str().ok_or("you must provide a model parameter")?.to_string();
        let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
        let messages = messages.ok_or("'messages' must be an array with at least one message")?;
        if body.get("n").is_some_and(|n| !n.is_null() && *n != 1) {
            return Err("'n' must be 1".to_string());
        }
        if let Some(temperature) = body["temperature"].as_f64()
            && !(0.0..=2.0).contains(&temperature)
        {
            return Err("'temperature' must lie between 0 and 2".to_string());
        }
        let max_tokens = match body.get("max_completion_tokens").or_else(|| body.get("max_tokens")) {
            None | Some(Value::Null) => None,
            Some(limit) => {
                Some(limit.as_u64().filter(|limit| *limit > 0).ok_or("'max_tokens' must be an integer of at least 1")?)
            }
        };
        // The overheads are those of OpenAI's own counting: 3 tokens a message, and 3 to start the answer.
        let mut input_tokens = 3;
        let mut question = None;
        for message in messages {
            let text = content(message)?;
            input_tokens += 3 + tokens::count(&text);
            match message["role"].as_str() {
                Some("user") => question = Some(text),
                Some("system" | "developer" | "assistant" | "tool" | "function") => {}
                _ => return Err("every message needs a known role".to_string()),
            }
        }
        let response_format = body["response_format"]["type"].as_str();
        Ok(ChatRequest {
            model,
            question: question.unwrap_or_default(),
            input_tokens,
            max_tokens,
            logprobs: body["logprobs"] == true,
            json: matches!(response_format, Some("json_object" | "json_schema")),
            stream: body["stream"] == true,
            include_usage: body["stream_options"]["include_usage"] == true,
        })
    }
}

/// The text of a message: a string, or parts of which the text counts.
fn content(message: &Value) -> Result<String, String> {
    match &message["content"] {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            Ok(texts.join("\n"))
        }
        _ => Err("'content' must be text or a list of parts".to_string()),
    }
}

/// An answer, cut to the tokens that the request allows.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) output_tokens: u64,
    pub(crate) finish_reason: &'static str,
}

impl Answer {
    pub(crate) fn new(mut text: String, request: &ChatRequest) -> Answer {
        if request.json {
            text = json!({ "answer": text }).to_string();
        }
        let output_tokens = tokens::count(&text);
        match request.max_tokens {
            Some(limit) if limit < output_tokens => {
                let length = tokens::pieces(&text).take(limit as usize).map(str::len).sum();
                text.truncate(length);
                Answer { text, output_tokens: limit, finish_reason: "length" }
            }
            _ => Answer { text, output_tokens, finish_reason: "stop" },
        }
    }
}

/// What stands around an answer in the response.
pub(crate) struct Frame<'a> {
    pub(crate) id: &'a str,
    pub(crate) created: u64,
    pub(crate) model: &'a str,
    pub(crate) fingerprint: &'a str,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
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
    content: &'a str,
    refusal: Option<&'static str>,
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

fn usage(request: &ChatRequest, answer: &Answer) -> Usage {
    Usage {
        prompt_tokens: request.input_tokens,
        completion_tokens: answer.output_tokens,
        total_tokens: request.input_tokens + answer.output_tokens,
        prompt_tokens_details: PromptDetails { cached_tokens: 0 },
        completion_tokens_details: CompletionDetails { reasoning_tokens: 0 },
    }
}

/// Log-probabilities between -2 and 0 that depend on the token and its place.
fn logprobs(answer: &Answer) -> Logprobs<'_> {
    let content = tokens::pieces(&answer.text).enumerate().map(|(i, token)| {
        let unit = StableHash::new(i as u64).text(token).unit();
        TokenLogprob { token, logprob: -2.0 * unit * unit, bytes: token.as_bytes(), top_logprobs: [] }
    });
    Logprobs { content: content.collect(), refusal: None }
}

/// The body of a whole answer.
pub(crate) fn completion(frame: &Frame<'_>, request: &ChatRequest, answer: &Answer) -> Bytes {
    json_bytes(&Completion {
        id: frame.id,
        object: "chat.completion",
        created: frame.created,
        model: frame.model,
        choices: [Choice {
            index: 0,
            message: Message { role: "assistant", content: &answer.text, refusal: None },
            logprobs: request.logprobs.then(|| logprobs(answer)),
            finish_reason: answer.finish_reason,
        }],
        usage: usage(request, answer),
        service_tier: "default",
        system_fingerprint: frame.fingerprint,
    })
}

/// The server-sent events of a streamed answer, one chunk a token, and `[DONE]`.
pub(crate) fn events(frame: &Frame<'_>, request: &ChatRequest, answer: &Answer) -> Vec<Bytes> {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": frame.id, "object": "chat.completion.chunk", "created": frame.created, "model": frame.model,
            "system_fingerprint": frame.fingerprint, "choices": choices,
        });
        if request.include_usage {
            chunk["usage"] = usage;
        }
        event(&chunk)
    };
    let delta = |delta: Value, finish: Option<&str>, logprobs: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}]), Value::Null)
    };
    let token_logprobs = if request.logprobs { logprobs(answer).content } else { Vec::new() };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), None, Value::Null)];
    for (i, token) in tokens::pieces(&answer.text).enumerate() {
        let logprobs = token_logprobs.get(i).map_or(Value::Null, |logprob| json!({"content": [logprob]}));
        events.push(delta(json!({ "content": token }), None, logprobs));
    }
    events.push(delta(json!({}), Some(answer.finish_reason), Value::Null));
    if request.include_usage {
        events.push(chunk(json!([]), json!(usage(request, answer))));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

/// One server-sent event.
pub(crate) fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// An error body of OpenAI's shape.
pub(crate) fn error(message: &str, kind: &str, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

pub(crate) fn json_bytes<T: Serialize>(value: &T) -> Bytes {
    // These are plain structs with string keys: they always serialize.
    serde_json::to_vec(value).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extra: Value) -> Result<ChatRequest, String> {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "What is 2 + 2?"}]});
        for (name, value) in extra.as_object().unwrap() {
            body[name] = value.clone();
        }
        ChatRequest::read(&body)
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
        let request = read(json!({ "messages": messages })).unwrap();
        assert_eq!(request.question, "a\nb");
    }

    #[test]
    fn an_answer_ends_at_max_tokens() {
        let request = read(json!({"max_tokens": 2})).unwrap();
        let answer = Answer::new("one two three".to_string(), &request);
        assert_eq!((answer.text.as_str(), answer.output_tokens, answer.finish_reason), ("one two", 2, "length"));
        let answer = Answer::new("one two".to_string(), &request);
        assert_eq!((answer.text.as_str(), answer.output_tokens, answer.finish_reason), ("one two", 2, "stop"));
    }
}
