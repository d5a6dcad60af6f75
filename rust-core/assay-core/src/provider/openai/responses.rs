//! OpenAI's responses API.

use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::chat::data_url;
use super::{broken, error_in_success, json_headers, put_extra, url};
use crate::completion::{Status, Usage};
use crate::error::{Error, ErrorKind, Result};
use crate::message::{Content, Message, Part, Role, ToolCall};
use crate::options::Options;
use crate::provider::Answer;
use crate::provider::classify::Failure;
use crate::provider::format::{Format, Frame, Parsed, StreamParser, StreamStep, invalid, refuse};
use crate::provider::model::Model;

/// What the API does not know.
const UNKNOWN: &[&str] = &["stop", "seed", "presence_penalty", "frequency_penalty"];

const SUMMARIES: &[&str] = &["auto", "concise", "detailed"];

/// `POST {endpoint}/responses`.
pub(in crate::provider) struct OpenAiResponses {
    summary: Option<String>,
}

impl OpenAiResponses {
    /// Errors: [`ErrorKind::InvalidModel`].
    pub(in crate::provider) fn new(model: &Model) -> Result<Self> {
        let summary = model.own("reasoningSummary");
        if summary.is_some_and(|summary| !SUMMARIES.contains(&summary)) {
            return Err(invalid(model, "setting 'reasoningSummary' must be one of auto, concise, detailed"));
        }
        Ok(OpenAiResponses { summary: summary.map(str::to_string) })
    }
}

impl Format for OpenAiResponses {
    fn check(&self, model: &Model, options: &Options) -> Result<()> {
        refuse(model, options, UNKNOWN)?;
        let takes = |what: &str| {
            Err(Error::new(ErrorKind::InvalidOption, format!("llm_complete: model '{}': {what}", model.name)))
        };
        if options.get("max_tokens").is_some() && options.get("max_completion_tokens").is_some() {
            return takes("options 'max_tokens' and 'max_completion_tokens' are one here; give one of them");
        }
        let extra = options.get("extra_body").and_then(Value::as_object);
        if let Some(name) = ["input", "instructions"].iter().find(|name| extra.is_some_and(|e| e.contains_key(**name)))
        {
            return takes(&format!("option 'extra_body' cannot set '{name}'; it is made from the prompt"));
        }
        Ok(())
    }

    fn url(&self, model: &Model, _stream: bool) -> Result<Url> {
        url(model, "/responses")
    }

    fn headers(&self, _model: &Model) -> Result<HeaderMap> {
        Ok(json_headers())
    }

    fn frame(&self, model: &Model, options: &Options, stream: bool) -> Result<Box<dyn Frame>> {
        let mut fields = fields(options, self.summary.as_deref());
        fields.insert("model".into(), Value::from(model.model.as_str()));
        if stream {
            fields.insert("stream".into(), true.into());
        }
        put_extra(options, &mut fields);
        Ok(Box::new(ResponsesFrame { fields }))
    }

    fn parse(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Parsed {
        match serde_json::from_slice::<Response>(body) {
            Ok(response) => read(response, http_status, body.len()),
            Err(e) => (Err(broken(http_status, body.len(), e.is_eof())), Usage::default()),
        }
    }

    fn stream(&self) -> Box<dyn StreamParser> {
        Box::new(ResponsesStream::default())
    }
}

/// The options under the names that this API has for them.
fn fields(options: &Options, summary: Option<&str>) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut reasoning = Map::new();
    for (name, value) in options.as_map() {
        match name.as_str() {
            "max_tokens" | "max_completion_tokens" => {
                fields.insert("max_output_tokens".into(), value.clone());
            }
            "logprobs" => {
                if value.as_bool() == Some(true) {
                    fields.insert("include".into(), json!(["message.output_text.logprobs"]));
                }
            }
            "response_format" => {
                fields.insert("text".into(), json!({"format": flat(value, "json_schema")}));
            }
            "reasoning_effort" => {
                reasoning.insert("effort".into(), value.clone());
            }
            "tools" => {
                let tools = value.as_array().into_iter().flatten().map(|tool| flat(tool, "function"));
                fields.insert("tools".into(), tools.collect());
            }
            "tool_choice" => {
                fields.insert("tool_choice".into(), flat(value, "function"));
            }
            "system" | "repeat" | "extra_body" | "extra_headers" => {}
            _ => {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
    if let Some(summary) = summary {
        reasoning.insert("summary".into(), summary.into());
    }
    if !reasoning.is_empty() {
        fields.insert("reasoning".into(), Value::Object(reasoning));
    }
    fields
}

/// Chat completions nest what this API has beside `type`: `{"type": "function", "function": {"name"}}` is
/// `{"type": "function", "name"}`. Anything else stays as it is.
fn flat(value: &Value, nested: &str) -> Value {
    let (Some(outer), Some(Value::Object(inner))) = (value.as_object(), value.get(nested)) else {
        return value.clone();
    };
    let rest = outer.iter().filter(|(name, _)| *name != nested).chain(inner);
    Value::Object(rest.map(|(name, value)| (name.clone(), value.clone())).collect())
}

struct ResponsesFrame {
    fields: Map<String, Value>,
}

impl Frame for ResponsesFrame {
    fn body(&self, messages: &[Message<'_>]) -> Result<Vec<u8>> {
        let mut body = self.fields.clone();
        let mut rest = messages;
        if let Some((first, others)) = messages.split_first()
            && first.role == Role::System
        {
            body.insert("instructions".into(), first.joined_text().into());
            rest = others;
        }
        let mut input = Vec::with_capacity(rest.len());
        for message in rest {
            items(message, &mut input)?;
        }
        body.insert("input".into(), Value::from(input));
        serde_json::to_vec(&body).map_err(|e| Error::internal(format!("a request cannot be written: {e}")))
    }
}

fn items(message: &Message<'_>, input: &mut Vec<Value>) -> Result<()> {
    match message.role {
        Role::Tool => input.push(json!({"type": "function_call_output", "call_id": message.tool_call_id,
            "output": message.joined_text()})),
        role => {
            let content = match &message.content {
                Content::Empty => None,
                // Parts of an answer are of another type than those of a question, and text only.
                _ if role == Role::Assistant => Some(Value::from(message.joined_text())),
                Content::Text(text) => Some(Value::from(*text)),
                Content::Parts(parts) => Some(parts.iter().map(part).collect()),
            };
            if let Some(content) = content {
                input.push(json!({"role": role.name(), "content": content}));
            }
            for call in message.calls()? {
                input.push(json!({"type": "function_call", "call_id": call.id, "name": call.name,
                    "arguments": call.arguments}));
            }
        }
    }
    Ok(())
}

fn part(part: &Part<'_>) -> Value {
    match part {
        Part::Text(text) => json!({"type": "input_text", "text": text}),
        Part::ImageUrl(url) => json!({"type": "input_image", "image_url": url}),
        Part::Image { bytes, media_type } => json!({"type": "input_image", "image_url": data_url(bytes, media_type)}),
    }
}

#[derive(Deserialize)]
struct Response {
    status: Option<String>,
    model: Option<String>,
    error: Option<Value>,
    incomplete_details: Option<Incomplete>,
    output: Option<Vec<Item>>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    content: Option<Vec<ItemPart>>,
    #[serde(default)]
    summary: Option<Vec<ItemPart>>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct ItemPart {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    logprobs: Option<Vec<Logprob>>,
}

#[derive(Deserialize)]
struct Logprob {
    logprob: f64,
}

#[derive(Deserialize)]
struct WireUsage {
    input_tokens: Option<i64>,
    input_tokens_details: Option<Details>,
    output_tokens: Option<i64>,
    output_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        Usage {
            input_tokens: wire.input_tokens,
            cached_input_tokens: wire.input_tokens_details.and_then(|d| d.cached_tokens),
            cache_write_tokens: None,
            output_tokens: wire.output_tokens,
            reasoning_tokens: wire.output_tokens_details.and_then(|d| d.reasoning_tokens),
        }
    }
}

/// What the output items come to.
#[derive(Default)]
struct Output {
    text: Option<String>,
    refusal: String,
    reasoning: Vec<String>,
    calls: Vec<ToolCall>,
    logprobs: Option<Vec<f64>>,
}

impl Output {
    fn take(&mut self, item: Item) {
        match item.kind.as_str() {
            "message" => {
                for part in item.content.unwrap_or_default() {
                    match part.kind.as_str() {
                        "output_text" => {
                            self.text.get_or_insert_default().push_str(part.text.as_deref().unwrap_or_default());
                            if let Some(logprobs) = part.logprobs.filter(|logprobs| !logprobs.is_empty()) {
                                let values = logprobs.iter().map(|token| token.logprob);
                                self.logprobs.get_or_insert_default().extend(values);
                            }
                        }
                        "refusal" => self.refusal.push_str(part.refusal.as_deref().unwrap_or_default()),
                        _ => {}
                    }
                }
            }
            "reasoning" => {
                // Open models show the reasoning itself, others a summary.
                let whole = item.content.unwrap_or_default();
                let parts = if whole.is_empty() { item.summary.unwrap_or_default() } else { whole };
                self.reasoning.extend(parts.into_iter().filter_map(|part| part.text));
            }
            "function_call" => self.calls.push(ToolCall {
                id: item.call_id.unwrap_or_default(),
                name: item.name.unwrap_or_default(),
                arguments: item.arguments.unwrap_or_default(),
            }),
            // Calls of the provider's own tools: what came of them stands in the message.
            _ => {}
        }
    }
}

fn read(response: Response, http_status: u16, length: usize) -> Parsed {
    let usage = response.usage.map(Usage::from).unwrap_or_default();
    if let Some(error) = response.error.filter(|error| !error.is_null()) {
        return (Err(error_in_success(http_status, &error, length)), usage);
    }
    let Some(items) = response.output else { return (Err(broken(http_status, length, false)), usage) };
    let mut output = Output::default();
    items.into_iter().for_each(|item| output.take(item));
    let reason = response.incomplete_details.and_then(|details| details.reason);
    let status = match (response.status.as_deref(), reason.as_deref()) {
        (Some("incomplete"), Some("content_filter")) => Status::ContentFiltered,
        (Some("incomplete"), _) => Status::Truncated,
        (None | Some("completed"), _) if !output.refusal.is_empty() => Status::Refused,
        (None | Some("completed"), _) if output.text.is_some() || !output.calls.is_empty() => Status::Ok,
        (None | Some("completed"), _) => return (Err(broken(http_status, length, false)), usage),
        _ => {
            let message = format!("the response did not end: HTTP {http_status}, body of {length} bytes");
            let failure =
                Failure { http_status: Some(http_status), ..Failure::transient(Status::ServerError, message) };
            return (Err(failure), usage);
        }
    };
    let refusal = (!output.refusal.is_empty()).then_some(output.refusal);
    let (text, partial_text) = match status {
        Status::Ok => (output.text, None),
        Status::Refused => (None, refusal),
        _ => (None, output.text.or(refusal)),
    };
    let answer = Answer {
        text,
        partial_text,
        reasoning: (!output.reasoning.is_empty()).then(|| output.reasoning.join("\n\n")),
        tool_calls: ToolCall::to_json(&output.calls),
        logprobs: output.logprobs,
        finish_reason: reason.or(response.status),
        model_answered: response.model,
        ..Answer::new(status)
    };
    (Ok(answer), usage)
}

/// The last event of a stream holds the whole response; those before it only say that it goes on.
#[derive(Default)]
struct ResponsesStream {
    bytes: usize,
    end: Option<End>,
}

enum End {
    Response(Box<Response>),
    Error(Value),
    Broken,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct LastEvent {
    response: Box<Response>,
}

impl StreamParser for ResponsesStream {
    fn event(&mut self, _event: &str, data: &[u8]) -> StreamStep {
        self.bytes += data.len();
        let Ok(event) = serde_json::from_slice::<Event>(data) else {
            self.end = Some(End::Broken);
            return StreamStep::Done;
        };
        match event.kind.as_str() {
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.end = Some(match serde_json::from_slice::<LastEvent>(data) {
                    Ok(last) => End::Response(last.response),
                    Err(_) => End::Broken,
                });
                StreamStep::Done
            }
            "error" => {
                let error = serde_json::from_slice::<Value>(data).unwrap_or_default();
                // Some write the error's fields into the event, others under `error`. The event's own type says nothing.
                let mut error = error.get("error").cloned().unwrap_or(error);
                if let Value::Object(fields) = &mut error {
                    fields.retain(|name, value| name != "type" || value != "error");
                }
                self.end = Some(End::Error(error));
                StreamStep::Done
            }
            kind if kind.ends_with(".delta") => StreamStep::Token,
            _ => StreamStep::Continue,
        }
    }

    fn finish(self: Box<Self>, http_status: u16, complete: bool) -> Parsed {
        let failure = match self.end {
            Some(End::Response(response)) => return read(*response, http_status, self.bytes),
            Some(End::Error(error)) => error_in_success(http_status, &error, self.bytes),
            Some(End::Broken) => broken(http_status, self.bytes, false),
            None => super::stream::cut(http_status, complete, self.bytes),
        };
        (Err(failure), Usage::default())
    }
}

#[cfg(test)]
mod tests;
