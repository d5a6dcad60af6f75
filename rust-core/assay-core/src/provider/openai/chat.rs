//! OpenAI's chat completions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::stream::ChatStream;
use super::{broken, error_in_success, json_headers, put_extra, url};
use crate::completion::{Status, Usage};
use crate::error::{Error, ErrorKind, Result};
use crate::message::{Content as Said, Message as ChatMessage, Part as Piece};
use crate::options::Options;
use crate::provider::Answer;
use crate::provider::classify::Failure;
use crate::provider::format::{Format, Frame, Parsed, StreamParser};
use crate::provider::model::Model;

/// `POST {endpoint}/chat/completions`.
pub(in crate::provider) struct OpenAiChat;

impl Format for OpenAiChat {
    /// Every option has its place here.
    fn check(&self, _model: &Model, _options: &Options) -> Result<()> {
        Ok(())
    }

    fn url(&self, model: &Model, _stream: bool) -> Result<Url> {
        url(model, "/chat/completions")
    }

    fn headers(&self, _model: &Model) -> Result<HeaderMap> {
        Ok(json_headers())
    }

    fn frame(&self, model: &Model, options: &Options, stream: bool) -> Result<Box<dyn Frame>> {
        Ok(Box::new(ChatFrame::new(&model.model, options, stream)))
    }

    fn key_header(&self, model: &Model) -> Result<HeaderName> {
        // Azure, the one with api-version, takes its keys in a header of its own.
        Ok(if model.api_version.is_some() { HeaderName::from_static("api-key") } else { AUTHORIZATION })
    }

    fn parse(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Parsed {
        parse(http_status, body)
    }

    fn stream(&self) -> Box<dyn StreamParser> {
        Box::new(ChatStream::default())
    }
}

/// The body of a request around its messages: made once for many requests that differ in their messages only.
pub(in crate::provider) struct ChatFrame {
    head: String,
    tail: String,
}

impl ChatFrame {
    /// The frame of requests to `model` with `options`. Only what was given is sent.
    pub(in crate::provider) fn new(model: &str, options: &Options, stream: bool) -> Self {
        let mut fields: Map<String, Value> = options
            .as_map()
            .iter()
            .filter(|(name, _)| !["system", "repeat", "extra_body", "extra_headers"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if stream {
            fields.insert("stream".into(), true.into());
            // Without it a stream says nothing about tokens.
            fields.insert("stream_options".into(), json!({"include_usage": true}));
        }
        put_extra(options, &mut fields);
        let head = format!("{{\"model\":{},\"messages\":", Value::from(model));
        let mut tail = String::new();
        for (name, value) in &fields {
            tail.push_str(&format!(",{}:{value}", Value::from(name.as_str())));
        }
        tail.push('}');
        ChatFrame { head, tail }
    }
}

impl Frame for ChatFrame {
    fn body(&self, messages: &[ChatMessage<'_>]) -> Result<Vec<u8>> {
        let size: usize =
            messages.iter().map(|m| if let Said::Text(text) = m.content { text.len() + 64 } else { 256 }).sum();
        let mut body = Vec::with_capacity(self.head.len() + size + self.tail.len());
        body.extend_from_slice(self.head.as_bytes());
        for (i, message) in messages.iter().enumerate() {
            body.push(if i == 0 { b'[' } else { b',' });
            write_message(message, &mut body)?;
        }
        body.extend_from_slice(if messages.is_empty() { b"[]" } else { b"]" });
        body.extend_from_slice(self.tail.as_bytes());
        Ok(body)
    }
}

fn write_message(message: &ChatMessage<'_>, body: &mut Vec<u8>) -> Result<()> {
    let cannot = |e: serde_json::Error| Error::internal(format!("a message cannot be written: {e}"));
    body.extend_from_slice(b"{\"role\":\"");
    body.extend_from_slice(message.role.name().as_bytes());
    body.extend_from_slice(b"\",\"content\":");
    match &message.content {
        Said::Empty => body.extend_from_slice(b"null"),
        Said::Text(text) => serde_json::to_writer(&mut *body, text).map_err(cannot)?,
        Said::Parts(parts) => {
            let parts: Vec<Value> = parts.iter().map(part).collect();
            serde_json::to_writer(&mut *body, &parts).map_err(cannot)?;
        }
    }
    if let Some(calls) = message.tool_calls {
        // As they are: a server may want fields of its own back that it put there.
        let calls: Vec<Value> = serde_json::from_str(calls).map_err(|_| {
            Error::new(ErrorKind::InvalidArgument, "tool_calls of a message must be a JSON list of objects")
        })?;
        body.extend_from_slice(b",\"tool_calls\":");
        serde_json::to_writer(&mut *body, &calls).map_err(cannot)?;
    }
    if let Some(id) = message.tool_call_id {
        body.extend_from_slice(b",\"tool_call_id\":");
        serde_json::to_writer(&mut *body, id).map_err(cannot)?;
    }
    body.push(b'}');
    Ok(())
}

fn part(part: &Piece<'_>) -> Value {
    match part {
        Piece::Text(text) => json!({"type": "text", "text": text}),
        Piece::ImageUrl(url) => json!({"type": "image_url", "image_url": {"url": url}}),
        Piece::Image { bytes, media_type } => {
            json!({"type": "image_url", "image_url": {"url": data_url(bytes, media_type)}})
        }
    }
}

/// An image as a URL that holds it.
pub(super) fn data_url(bytes: &[u8], media_type: &str) -> String {
    format!("data:{media_type};base64,{}", BASE64.encode(bytes))
}

#[derive(Deserialize)]
struct Response {
    model: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    pub(super) message: Option<Message>,
    pub(super) finish_reason: Option<String>,
    pub(super) logprobs: Option<Logprobs>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    /// Absent is broken; `null` is an empty answer, or one in another field.
    #[serde(default, deserialize_with = "present")]
    pub(super) content: Option<Option<Content>>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<Value>>,
    pub(super) reasoning: Option<Value>,
    pub(super) reasoning_content: Option<Value>,
}

fn present<'de, D>(deserializer: D) -> std::result::Result<Option<Option<Content>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Option::<Content>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
pub(super) struct Part {
    #[serde(default)]
    pub(super) text: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Logprobs {
    pub(super) content: Option<Vec<Logprob>>,
}

#[derive(Deserialize)]
pub(super) struct Logprob {
    pub(super) logprob: f64,
}

#[derive(Deserialize)]
pub(super) struct WireUsage {
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<i64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<i64>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        Usage {
            input_tokens: wire.prompt_tokens,
            cached_input_tokens: wire.prompt_tokens_details.and_then(|d| d.cached_tokens),
            cache_write_tokens: None,
            output_tokens: wire.completion_tokens,
            reasoning_tokens: wire.completion_tokens_details.and_then(|d| d.reasoning_tokens),
        }
    }
}

/// What the body of a 200 says. The usage is what is billed, whether there is an answer or not.
pub(super) fn parse(http_status: u16, body: &[u8]) -> Parsed {
    let response: Response = match serde_json::from_slice(body) {
        Ok(response) => response,
        Err(e) => return (Err(broken(http_status, body.len(), e.is_eof())), Usage::default()),
    };
    let usage = response.usage.map(Usage::from).unwrap_or_default();
    if let Some(error) = response.error.filter(|error| !error.is_null()) {
        return (Err(error_in_success(http_status, &error, body.len())), usage);
    }
    match response.choices.into_iter().next().and_then(|choice| answer(choice, response.model)) {
        Some(answer) => (answer, usage),
        None => (Err(broken(http_status, body.len(), false)), usage),
    }
}

/// `None` where the choice is no answer.
pub(super) fn answer(choice: Choice, model_answered: Option<String>) -> Option<std::result::Result<Answer, Failure>> {
    let message = choice.message?;
    let tool_calls = message.tool_calls.filter(|calls| !calls.is_empty()).map(|calls| Value::from(calls).to_string());
    let refusal = message.refusal.filter(|text| !text.is_empty());
    if message.content.is_none() && tool_calls.is_none() && refusal.is_none() {
        return None;
    }
    let content = message.content.flatten().map(|content| match content {
        Content::Text(text) => text,
        Content::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
    });
    let text_of = |value: Option<Value>| match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let status = match choice.finish_reason.as_deref() {
        Some("length" | "max_tokens") => Status::Truncated,
        Some("content_filter") => Status::ContentFiltered,
        Some("error") => {
            let failure = Failure {
                http_status: Some(200),
                ..Failure::transient(Status::ServerError, "the answer ends with finish_reason error")
            };
            return Some(Err(failure));
        }
        _ if refusal.is_some() => Status::Refused,
        _ => Status::Ok,
    };
    let (text, partial_text) = match status {
        // A model that has nothing to say has answered ''.
        Status::Ok => (content.or_else(|| tool_calls.is_none().then(String::new)), None),
        Status::Refused => (None, refusal),
        _ => (None, content.or(refusal)),
    };
    Some(Ok(Answer {
        text,
        partial_text,
        reasoning: text_of(message.reasoning).or_else(|| text_of(message.reasoning_content)),
        tool_calls,
        logprobs: choice.logprobs.and_then(|l| l.content).map(|l| l.iter().map(|token| token.logprob).collect()),
        finish_reason: choice.finish_reason,
        model_answered,
        ..Answer::new(status)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Role;
    use crate::provider::completion_options;
    use proptest::prelude::*;
    use serde_json::json;

    fn parsed(body: Value) -> Parsed {
        parse(200, body.to_string().as_bytes())
    }

    fn choice(message: Value, finish_reason: Value) -> Value {
        json!({"model": "gpt-1", "choices": [{"message": message, "finish_reason": finish_reason}]})
    }

    #[test]
    fn only_what_was_given_is_sent() {
        let body = |options: Value| {
            let options = completion_options(options.as_object().unwrap()).unwrap();
            let body = ChatFrame::new("gpt \"x\"", &options, false).body(&[ChatMessage::text(Role::User, "Hi")]);
            serde_json::from_slice::<Value>(&body.unwrap()).unwrap()
        };
        let messages = json!([{"role": "user", "content": "Hi"}]);
        assert_eq!(body(json!({})), json!({"model": "gpt \"x\"", "messages": messages}));
        let options = json!({"temperature": 0, "stop": "END", "max_tokens": "5", "system": "s", "repeat": 2,
            "logprobs": true, "extra_body": {"top_k": 3, "temperature": 0.5}, "extra_headers": {"a": "b"}});
        assert_eq!(
            body(options),
            json!({"model": "gpt \"x\"", "messages": messages, "temperature": 0.5, "stop": ["END"], "max_tokens": 5,
                "logprobs": true, "top_k": 3})
        );
    }

    #[test]
    fn a_full_answer() {
        let (answer, usage) = parsed(json!({
            "id": "x", "model": "gpt-1-0901",
            "choices": [{
                "index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Paris", "refusal": null, "reasoning_content": "hm"},
                "logprobs": {"content": [{"token": "Par", "logprob": -0.5, "bytes": null, "top_logprobs": []},
                    {"token": "is", "logprob": -0.25, "top_logprobs": [{"token": "is", "logprob": -0.25}]}]}
            }],
            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
                "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 1}}
        }));
        assert_eq!(
            answer.unwrap(),
            Answer {
                text: Some("Paris".into()),
                reasoning: Some("hm".into()),
                logprobs: Some(vec![-0.5, -0.25]),
                finish_reason: Some("stop".into()),
                model_answered: Some("gpt-1-0901".into()),
                ..Answer::new(Status::Ok)
            }
        );
        let expected = Usage {
            input_tokens: Some(9),
            cached_input_tokens: Some(4),
            cache_write_tokens: None,
            output_tokens: Some(2),
            reasoning_tokens: Some(1),
        };
        assert_eq!(usage, expected);
    }

    #[test]
    fn every_way_to_end() {
        for (message, reason, status, text, partial) in [
            (json!({"content": "a"}), json!("stop"), Status::Ok, Some("a"), None),
            (json!({"content": "a"}), json!(null), Status::Ok, Some("a"), None),
            (json!({"content": ""}), json!("stop"), Status::Ok, Some(""), None),
            (json!({"content": null}), json!("stop"), Status::Ok, Some(""), None),
            (json!({"content": [{"type": "text", "text": "a"}]}), json!("stop"), Status::Ok, Some("a"), None),
            (json!({"content": "a"}), json!("length"), Status::Truncated, None, Some("a")),
            (json!({"content": "a"}), json!("content_filter"), Status::ContentFiltered, None, Some("a")),
            (json!({"content": null, "refusal": "no"}), json!("stop"), Status::Refused, None, Some("no")),
            (json!({"content": null, "tool_calls": [{"id": "1"}]}), json!("tool_calls"), Status::Ok, None, None),
        ] {
            let answer = parsed(choice(message.clone(), reason)).0.unwrap();
            assert_eq!(answer.status, status, "{message}");
            assert_eq!((answer.text.as_deref(), answer.partial_text.as_deref()), (text, partial), "{message}");
            assert_eq!(answer.tool_calls.is_some(), message.get("tool_calls").is_some());
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            at in 0usize..400, byte in any::<u8>(),
        ) {
            let _ = parse(200, &bytes);
            let mut body = choice(json!({"content": "a", "tool_calls": [{"id": 1}]}), json!("stop")).to_string();
            body.push_str("  ");
            let mut body = body.into_bytes();
            let at = at % body.len();
            body[at] = byte;
            let _ = parse(200, &body);
            let _ = Failure::from_response(400, &body[..at]);
        }
    }

    #[test]
    fn a_success_that_is_none() {
        let status = |body: &str| parse(200, body.as_bytes()).0.unwrap_err().status;
        for cut in ["", "{\"choices\": [{\"mess", "{\"model\":"] {
            assert_eq!(status(cut), Status::NetworkError, "{cut}");
        }
        for malformed in
            ["<html>", "{}", "[]", "{\"choices\": []}", "{\"choices\": [{\"message\": {}}]}", "{\"choices\": 1}"]
        {
            assert_eq!(status(malformed), Status::ServerError, "{malformed}");
        }
        assert_eq!(status(r#"{"error": {"code": 429, "message": "slow"}}"#), Status::RateLimited);
        assert_eq!(status(r#"{"error": {"code": "insufficient_quota"}}"#), Status::QuotaExhausted);
        assert_eq!(status(r#"{"error": "text"}"#), Status::ServerError);
    }
}
