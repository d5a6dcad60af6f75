//! A streamed chat completion, put together again.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::chat::{Choice, Content, Logprob, Logprobs, Message, WireUsage, answer};
use super::{broken, error_in_success};
use crate::completion::{Status, Usage};
use crate::provider::classify::Failure;
use crate::provider::format::{Parsed, StreamParser, StreamStep};

#[derive(Deserialize)]
struct Chunk {
    model: Option<String>,
    #[serde(default)]
    choices: Vec<ChunkChoice>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    #[serde(default)]
    index: u32,
    delta: Option<Delta>,
    finish_reason: Option<String>,
    logprobs: Option<Logprobs>,
}

#[derive(Deserialize, Default)]
struct Delta {
    content: Option<Content>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Map<String, Value>>>,
    reasoning: Option<Value>,
    reasoning_content: Option<Value>,
}

/// The events of one stream so far.
#[derive(Default)]
pub(super) struct ChatStream {
    model: Option<String>,
    has_choice: bool,
    content: String,
    refusal: String,
    reasoning: String,
    tool_calls: BTreeMap<u64, Map<String, Value>>,
    logprobs: Option<Vec<Logprob>>,
    finish_reason: Option<String>,
    usage: Usage,
    bytes: usize,
    is_done: bool,
    fault: Option<Fault>,
}

enum Fault {
    /// A chunk that is none.
    Broken,
    /// The provider's error in the middle of an answer.
    Error(Value),
}

impl StreamParser for ChatStream {
    fn event(&mut self, _event: &str, data: &[u8]) -> StreamStep {
        self.bytes += data.len();
        if data.trim_ascii() == b"[DONE]" {
            self.is_done = true;
            return StreamStep::Done;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk>(data) else {
            self.fault = Some(Fault::Broken);
            return StreamStep::Done;
        };
        if let Some(usage) = chunk.usage {
            self.usage = usage.into();
        }
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            self.fault = Some(Fault::Error(error));
            return StreamStep::Done;
        }
        if chunk.model.as_ref().is_some_and(|model| !model.is_empty()) {
            self.model = chunk.model;
        }
        let mut step = StreamStep::Continue;
        // The first choice only: more are never asked for.
        for choice in chunk.choices.into_iter().filter(|choice| choice.index == 0) {
            if self.choice(choice) {
                step = StreamStep::Token;
            }
        }
        step
    }

    fn finish(self: Box<Self>, http_status: u16, complete: bool) -> Parsed {
        let usage = self.usage;
        let failure = match self.fault {
            Some(Fault::Broken) => broken(http_status, self.bytes, false),
            Some(Fault::Error(error)) => error_in_success(http_status, &error, self.bytes),
            None if !self.is_done => cut(http_status, complete, self.bytes),
            None if !self.has_choice => broken(http_status, self.bytes, false),
            None => {
                let text = |text: String| (!text.is_empty()).then_some(text);
                let calls: Vec<Value> = self.tool_calls.into_values().map(Value::Object).collect();
                let choice = Choice {
                    message: Some(Message {
                        content: Some(text(self.content).map(Content::Text)),
                        refusal: text(self.refusal),
                        tool_calls: Some(calls),
                        reasoning: text(self.reasoning).map(Value::from),
                        reasoning_content: None,
                    }),
                    finish_reason: self.finish_reason,
                    logprobs: self.logprobs.map(|content| Logprobs { content: Some(content) }),
                };
                match answer(choice, self.model) {
                    Some(answer) => return (answer, usage),
                    None => broken(http_status, self.bytes, false),
                }
            }
        };
        (Err(failure), usage)
    }
}

/// The failure of a stream that has no end marker. `complete` says whether it ended as HTTP says it must.
pub(super) fn cut(http_status: u16, complete: bool, bytes: usize) -> Failure {
    let how = if complete { "ended" } else { "broke" };
    let message = format!("the stream {how} before its end marker, after {bytes} bytes of events");
    Failure { http_status: Some(http_status), ..Failure::transient(Status::NetworkError, message) }
}

impl ChatStream {
    /// Takes a choice and says whether it held a piece of the answer.
    fn choice(&mut self, choice: ChunkChoice) -> bool {
        self.has_choice = true;
        if choice.finish_reason.is_some() {
            self.finish_reason = choice.finish_reason;
        }
        if let Some(content) = choice.logprobs.and_then(|logprobs| logprobs.content) {
            self.logprobs.get_or_insert_default().extend(content);
        }
        let delta = choice.delta.unwrap_or_default();
        let before = (self.content.len(), self.refusal.len(), self.reasoning.len());
        match delta.content {
            Some(Content::Text(text)) => self.content.push_str(&text),
            Some(Content::Parts(parts)) => {
                parts.iter().flat_map(|p| &p.text).for_each(|text| self.content.push_str(text))
            }
            None => {}
        }
        self.refusal.push_str(delta.refusal.as_deref().unwrap_or_default());
        if let Some(Value::String(text)) = delta.reasoning.or(delta.reasoning_content) {
            self.reasoning.push_str(&text);
        }
        let calls = delta.tool_calls.unwrap_or_default();
        let has_call = !calls.is_empty();
        for call in calls {
            self.tool_call(call);
        }
        has_call || before != (self.content.len(), self.refusal.len(), self.reasoning.len())
    }

    /// Puts a piece of a tool call where it belongs: by its index; servers that give none begin a new call with an id.
    fn tool_call(&mut self, piece: Map<String, Value>) {
        let last = self.tool_calls.keys().next_back().copied();
        let has_id = piece.get("id").is_some_and(|id| id.as_str().is_some_and(|id| !id.is_empty()));
        let index = piece.get("index").and_then(Value::as_u64).unwrap_or_else(|| match last {
            None => 0,
            Some(last) => last + u64::from(has_id),
        });
        let call = self.tool_calls.entry(index).or_default();
        for (name, value) in piece {
            match (name.as_str(), value) {
                ("index", _) | (_, Value::Null) => {}
                ("function", Value::Object(function)) => {
                    let known = call.entry("function").or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(known) = known {
                        append(known, function);
                    }
                }
                (_, value) => {
                    call.entry(name).or_insert(value);
                }
            }
        }
    }
}

/// Arguments come in pieces; anything else comes once.
fn append(known: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (known.get_mut(&name), value) {
            (_, Value::Null) => {}
            (Some(Value::String(text)), Value::String(more)) if name == "arguments" => text.push_str(&more),
            (Some(_), _) => {}
            (None, value) => {
                known.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(events: &[Value], done: bool) -> (Parsed, Vec<StreamStep>) {
        let mut parser = ChatStream::default();
        let mut steps: Vec<StreamStep> =
            events.iter().map(|event| parser.event("message", event.to_string().as_bytes())).collect();
        if done {
            steps.push(parser.event("message", b"[DONE]"));
        }
        (Box::new(parser).finish(200, true), steps)
    }

    fn delta(delta: Value) -> Value {
        json!({"model": "gpt-1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
    }

    fn end(reason: &str) -> Value {
        json!({"model": "gpt-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    }

    #[test]
    fn pieces_become_one_answer() {
        let logprobs = |value: f64| json!({"content": [{"token": "t", "logprob": value}]});
        let ((answer, usage), steps) = read(
            &[
                json!({"choices": [], "prompt_filter_results": []}),
                delta(json!({"role": "assistant", "content": ""})),
                delta(json!({"reasoning_content": "h"})),
                delta(json!({"reasoning_content": "m"})),
                json!({"choices": [{"index": 0, "delta": {"content": "Pa"}, "logprobs": logprobs(-0.5)}]}),
                json!({"choices": [{"index": 1, "delta": {"content": "other"}}]}),
                json!({"choices": [{"index": 0, "delta": {"content": "ris"}, "logprobs": logprobs(-0.25)}]}),
                end("stop"),
                json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2,
                    "completion_tokens_details": {"reasoning_tokens": 1}}}),
            ],
            true,
        );
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.text.as_deref()), (Status::Ok, Some("Paris")));
        assert_eq!((answer.reasoning.as_deref(), answer.finish_reason.as_deref()), (Some("hm"), Some("stop")));
        assert_eq!(answer.logprobs, Some(vec![-0.5, -0.25]));
        assert_eq!((answer.tool_calls, answer.model_answered.as_deref()), (None, Some("gpt-1")));
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.reasoning_tokens), (Some(9), Some(2), Some(1)));
        let first = steps.iter().position(|step| *step == StreamStep::Token);
        assert_eq!((first, steps.last()), (Some(2), Some(&StreamStep::Done)));
    }

    #[test]
    fn tool_calls_come_in_pieces_of_any_order() {
        let ((answer, _), _) = read(
            &[
                delta(json!({"tool_calls": [{"index": 1, "id": "b", "type": "function",
                    "function": {"name": "g", "arguments": ""}}]})),
                delta(json!({"tool_calls": [{"index": 0, "id": "a", "type": "function",
                    "function": {"name": "f", "arguments": "{\"x\""}}]})),
                delta(json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}},
                    {"index": 0, "function": {"arguments": ": 1}"}}]})),
                end("tool_calls"),
            ],
            true,
        );
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.text), (Status::Ok, None));
        assert_eq!(
            serde_json::from_str::<Value>(&answer.tool_calls.unwrap()).unwrap(),
            json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}])
        );
        let ((answer, _), _) = read(
            &[
                delta(json!({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]})),
                delta(json!({"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "{"}}]})),
                delta(json!({"tool_calls": [{"function": {"arguments": "}"}}]})),
                end("tool_calls"),
            ],
            true,
        );
        let calls: Value = serde_json::from_str(&answer.unwrap().tool_calls.unwrap()).unwrap();
        assert_eq!((&calls[0]["id"], &calls[1]["function"]["arguments"]), (&json!("a"), &json!("{}")));
    }

    #[test]
    fn every_way_to_end() {
        for (pieces, reason, status, text, partial) in [
            (json!({"content": "a"}), "stop", Status::Ok, Some("a"), None),
            (json!({"content": ""}), "stop", Status::Ok, Some(""), None),
            (json!({"content": "a"}), "length", Status::Truncated, None, Some("a")),
            (json!({"content": "a"}), "content_filter", Status::ContentFiltered, None, Some("a")),
            (json!({"refusal": "no"}), "stop", Status::Refused, None, Some("no")),
        ] {
            let ((answer, _), _) = read(&[delta(pieces), end(reason)], true);
            let answer = answer.unwrap();
            assert_eq!(
                (answer.status, answer.text.as_deref(), answer.partial_text.as_deref()),
                (status, text, partial)
            );
        }
    }

    #[test]
    fn a_stream_that_is_no_answer() {
        let usage = json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}});
        let hi = delta(json!({"content": "a"}));
        for (events, done, status) in [
            (&[hi.clone(), usage.clone()][..], false, Status::NetworkError),
            (&[hi.clone(), end("stop"), usage.clone()], false, Status::NetworkError),
            (std::slice::from_ref(&usage), true, Status::ServerError),
            (&[hi.clone(), usage.clone(), json!("text")], false, Status::ServerError),
            (
                &[hi.clone(), usage.clone(), json!({"error": {"code": "rate_limit_exceeded"}})],
                false,
                Status::RateLimited,
            ),
            (&[hi.clone(), usage.clone(), json!({"error": {"message": "x"}})], false, Status::ServerError),
            (&[hi.clone(), usage.clone(), end("error")], true, Status::ServerError),
        ] {
            let ((answer, seen), _) = read(events, done);
            assert_eq!(answer.unwrap_err().status, status, "{events:?}");
            assert_eq!(seen.input_tokens, Some(9), "what was billed is kept");
        }
    }
}
