//! Anthropic's messages.

mod stream;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Answer;
use super::classify::{ErrorBody, Failure};
use super::format::{Format, Frame, Parsed, StreamParser, invalid};
use super::model::Model;
use super::wire::{self, Effort, Image, ResponseFormat, Said, Tool, ToolChoice, wrong_option};
use crate::completion::{Status, Usage};
use crate::error::Result;
use crate::message::{Content, Message, Part, Role};
use crate::options::Options;

/// `POST {endpoint}/v1/messages`.
pub(super) struct Anthropic;

/// The `anthropic-version` where none is configured.
const VERSION: &str = "2023-06-01";
/// The API demands a limit; this one is sent where none is given.
const MAX_TOKENS: i64 = 4096;
/// The least that the API takes as a budget for thinking.
const LEAST_BUDGET: i64 = 1024;
const EFFORTS: &[&str] = &["none", "low", "medium", "high", "xhigh", "max"];
const WHAT: &str = "Anthropic message";

const OPTIONS: &[&str] = &[
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "response_format",
    "reasoning_effort",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
];

impl Format for Anthropic {
    fn check(&self, model: &Model, options: &Options) -> Result<()> {
        wire::only(model, options, OPTIONS)?;
        self.frame(model, options, false).map(|_| ())
    }

    fn url(&self, model: &Model, _stream: bool) -> Result<Url> {
        let base = model.endpoint.strip_suffix("/v1").unwrap_or(&model.endpoint);
        Url::parse(&format!("{base}/v1/messages")).map_err(|_| invalid(model, "setting 'endpoint' is not a URL"))
    }

    fn headers(&self, model: &Model) -> Result<HeaderMap> {
        auth_header(model)?;
        let version = HeaderValue::from_str(model.api_version.as_deref().unwrap_or(VERSION))
            .map_err(|_| invalid(model, "setting 'apiVersion' holds characters that a header cannot hold"))?;
        Ok(HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("anthropic-version"), version),
        ]))
    }

    fn frame(&self, model: &Model, options: &Options, stream: bool) -> Result<Box<dyn Frame>> {
        let mut fields = fields(model, options, stream)?;
        wire::merge_extra(model, options, &mut fields, &["system"])?;
        let mut head = format!("{{\"model\":{}", Value::from(model.model.as_str()));
        for (name, value) in &fields {
            head.push_str(&format!(",{}:{value}", Value::from(name.as_str())));
        }
        Ok(Box::new(MessagesFrame { head }))
    }

    fn key_header(&self, model: &Model) -> Result<HeaderName> {
        auth_header(model)
    }

    fn parse(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Parsed {
        let response: Response = match serde_json::from_slice(body) {
            Ok(response) => response,
            Err(e) => return (Err(wire::broken(WHAT, http_status, body.len(), e.is_eof())), Usage::default()),
        };
        let usage = response.usage.map(Usage::from).unwrap_or_default();
        if let Some(error) = response.error.filter(|error| !error.is_null()) {
            return (Err(wire::error_in_success(http_status, &words(&error), body.len())), usage);
        }
        let Some(blocks) = response.content else {
            return (Err(wire::broken(WHAT, http_status, body.len(), false)), usage);
        };
        (answer(http_status, blocks, response.stop_reason, response.model), usage)
    }

    fn error(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Failure {
        let error =
            serde_json::from_slice::<Value>(body).ok().and_then(|mut body| body.get_mut("error").map(Value::take));
        words(&error.unwrap_or_default()).failure(http_status, body.len())
    }

    fn stream(&self) -> Box<dyn StreamParser> {
        Box::new(stream::MessageStream::default())
    }
}

/// The setting `auth`.
fn auth_header(model: &Model) -> Result<HeaderName> {
    match model.own("auth") {
        None | Some("x-api-key") => Ok(HeaderName::from_static("x-api-key")),
        Some("bearer") => Ok(AUTHORIZATION),
        Some(_) => Err(invalid(model, "setting 'auth' must be x-api-key or bearer")),
    }
}

/// The machine words of an `error`.
fn words(error: &Value) -> ErrorBody {
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    let words = ErrorBody::default()
        .with("type", error.get("type"))
        .with("code", error.get("code"))
        .with("error code", error.get("details").and_then(|details| details.get("error_code")));
    // It has no word of its own for this, only the one of any wrong request.
    match message.starts_with("Your credit balance is too low") {
        true => words.with("cause", Some(&"credit_balance_too_low".into())),
        false => words,
    }
}

/// The fields of the body besides model, system and messages.
fn fields(model: &Model, options: &Options, stream: bool) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    let mut output = Map::new();
    let mut max_tokens = wire::max_tokens(model, options)?;
    if options.float("temperature").is_some_and(|temperature| temperature > 1.0) {
        return Err(wrong_option(model, "temperature", "takes a number from 0 to 1"));
    }
    for name in ["temperature", "top_p"] {
        if let Some(value) = options.get(name) {
            fields.insert(name.into(), value.clone());
        }
    }
    if let Some(stop) = options.get("stop") {
        fields.insert("stop_sequences".into(), stop.clone());
    }
    match wire::effort(model, options, EFFORTS, Some(LEAST_BUDGET))? {
        None => {}
        Some(Effort::Word("none")) => {
            fields.insert("thinking".into(), json!({"type": "disabled"}));
        }
        Some(Effort::Word(word)) => {
            fields.insert("thinking".into(), json!({"type": "adaptive", "display": "summarized"}));
            output.insert("effort".into(), word.into());
        }
        Some(Effort::Budget(budget)) => {
            if max_tokens.is_some_and(|most| most <= budget) {
                let what = "must be less than max_tokens, which counts thinking too";
                return Err(wrong_option(model, "reasoning_effort", what));
            }
            max_tokens = max_tokens.or(Some(budget.saturating_add(MAX_TOKENS)));
            let thinking = json!({"type": "enabled", "budget_tokens": budget, "display": "summarized"});
            fields.insert("thinking".into(), thinking);
        }
    }
    match wire::response_format(model, options)? {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => {
            let what = "cannot be json_object: the API takes a schema; give json_schema";
            return Err(wrong_option(model, "response_format", what));
        }
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            output.insert("format".into(), json!({"type": "json_schema", "schema": schema}));
        }
    }
    if !output.is_empty() {
        fields.insert("output_config".into(), output.into());
    }
    let tools = wire::tools(model, options)?;
    if !tools.is_empty() {
        fields.insert("tools".into(), tools.iter().map(tool).collect());
    }
    let mut choice = match wire::tool_choice(model, options)? {
        None => None,
        Some(ToolChoice::Auto) => Some(json!({"type": "auto"})),
        Some(ToolChoice::None) => Some(json!({"type": "none"})),
        Some(ToolChoice::Required) => Some(json!({"type": "any"})),
        Some(ToolChoice::Function(name)) => Some(json!({"type": "tool", "name": name})),
        Some(ToolChoice::Native(choice)) => Some(choice.clone()),
    };
    let is_parallel = options.get("parallel_tool_calls").and_then(Value::as_bool);
    if let Some(is_parallel) = is_parallel
        && !tools.is_empty()
        && choice.as_ref().is_none_or(|choice| choice["type"] != "none")
    {
        choice.get_or_insert_with(|| json!({"type": "auto"}))["disable_parallel_tool_use"] = (!is_parallel).into();
    }
    if let Some(choice) = choice {
        fields.insert("tool_choice".into(), choice);
    }
    fields.insert("max_tokens".into(), max_tokens.unwrap_or(MAX_TOKENS).into());
    if stream {
        fields.insert("stream".into(), true.into());
    }
    Ok(fields)
}

fn tool(tool: &Tool<'_>) -> Value {
    match tool {
        Tool::Native(tool) => (*tool).clone(),
        Tool::Function { name, description, parameters, strict } => {
            let schema = parameters.cloned().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
            let mut tool = json!({"name": name, "input_schema": schema});
            if let Some(description) = description {
                tool["description"] = (*description).into();
            }
            if let Some(strict) = strict {
                tool["strict"] = (*strict).into();
            }
            tool
        }
    }
}

struct MessagesFrame {
    /// The body up to the system prompt.
    head: String,
}

impl Frame for MessagesFrame {
    fn body(&self, messages: &[Message<'_>]) -> Result<Vec<u8>> {
        let mut body = Vec::with_capacity(self.head.len() + 256);
        body.extend_from_slice(self.head.as_bytes());
        let system: Vec<&Message<'_>> = messages.iter().filter(|message| message.role.is_instruction()).collect();
        match system[..] {
            [] => {}
            [one] => {
                body.extend_from_slice(b",\"system\":");
                wire::write_text(&one.joined_text(), &mut body)?;
            }
            _ => {
                body.extend_from_slice(b",\"system\":");
                let block = |message: &&Message<'_>| json!({"type": "text", "text": message.joined_text()});
                wire::write_json(&system.iter().map(block).collect::<Vec<_>>(), &mut body)?;
            }
        }
        body.extend_from_slice(b",\"messages\":[");
        let mut chat = messages.iter().filter(|message| !message.role.is_instruction()).peekable();
        let mut first = true;
        while let Some(message) = chat.next() {
            if !std::mem::take(&mut first) {
                body.push(b',');
            }
            if message.role == Role::Tool {
                // All results of one turn stand in one message.
                let mut results = vec![tool_result(message)?];
                while let Some(next) = chat.next_if(|next| next.role == Role::Tool) {
                    results.push(tool_result(next)?);
                }
                wire::write_json(&json!({"role": "user", "content": results}), &mut body)?;
            } else {
                write_message(message, &mut body)?;
            }
        }
        body.extend_from_slice(b"]}");
        Ok(body)
    }
}

fn write_message(message: &Message<'_>, body: &mut Vec<u8>) -> Result<()> {
    let role: &[u8] = if message.role == Role::Assistant { b"assistant" } else { b"user" };
    body.extend_from_slice(b"{\"role\":\"");
    body.extend_from_slice(role);
    body.extend_from_slice(b"\",\"content\":");
    match (&message.content, message.tool_calls) {
        (Content::Text(text), None) => wire::write_text(text, body)?,
        _ => {
            let mut blocks = blocks(message)?;
            for call in message.calls()? {
                let input = wire::arguments(&call)?;
                blocks.push(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}));
            }
            wire::write_json(&blocks, body)?;
        }
    }
    body.push(b'}');
    Ok(())
}

fn blocks(message: &Message<'_>) -> Result<Vec<Value>> {
    let block = |part: &Part<'_>| {
        let source = match wire::image(part)? {
            None => {
                let Part::Text(text) = part else { return Ok(Value::Null) };
                return Ok(json!({"type": "text", "text": text}));
            }
            Some(Image::Url(url)) => json!({"type": "url", "url": url}),
            Some(Image::Base64 { media_type, data }) => {
                json!({"type": "base64", "media_type": media_type, "data": data})
            }
        };
        Ok(json!({"type": "image", "source": source}))
    };
    wire::parts(&message.content).iter().map(block).collect()
}

fn tool_result(message: &Message<'_>) -> Result<Value> {
    let id = message.tool_call_id.ok_or_else(|| wire::row_error("a message of the role tool has no tool_call_id"))?;
    let content = match &message.content {
        Content::Text(text) => Value::from(*text),
        _ => blocks(message)?.into(),
    };
    Ok(json!({"type": "tool_result", "tool_use_id": id, "content": content}))
}

#[derive(Deserialize)]
struct Response {
    model: Option<String>,
    content: Option<Vec<Block>>,
    stop_reason: Option<String>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        #[serde(default)]
        text: String,
    },
    Thinking {
        #[serde(default)]
        thinking: String,
    },
    ToolUse {
        #[serde(default)]
        id: String,
        name: String,
        #[serde(default)]
        input: Value,
    },
    /// What tools of the server did, and thinking that is not shown.
    #[serde(other)]
    Other,
}

#[derive(Deserialize, Default, Clone)]
struct WireUsage {
    input_tokens: Option<i64>,
    cache_creation_input_tokens: Option<i64>,
    cache_read_input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Clone)]
struct OutputDetails {
    thinking_tokens: Option<i64>,
}

impl WireUsage {
    /// The counts of `later`, which are totals, stand over these.
    fn update(&mut self, later: WireUsage) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens = later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details.take());
    }
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        let cached = wire.cache_read_input_tokens.unwrap_or(0);
        let written = wire.cache_creation_input_tokens.unwrap_or(0);
        Usage {
            // The API counts the three apart.
            input_tokens: wire.input_tokens.map(|rest| rest.saturating_add(cached).saturating_add(written)),
            cached_input_tokens: wire.cache_read_input_tokens,
            cache_write_tokens: wire.cache_creation_input_tokens,
            output_tokens: wire.output_tokens,
            reasoning_tokens: wire.output_tokens_details.and_then(|details| details.thinking_tokens),
        }
    }
}

fn answer(
    http_status: u16,
    blocks: Vec<Block>,
    stop_reason: Option<String>,
    model: Option<String>,
) -> std::result::Result<Answer, Failure> {
    let mut said = Said { finish_reason: stop_reason, model_answered: model, ..Said::default() };
    let mut calls = Vec::new();
    for block in blocks {
        match block {
            Block::Text { text } => said.push_text(&text),
            Block::Thinking { thinking } => said.push_reasoning(&thinking),
            Block::ToolUse { id, name, input } => calls.push((id, name, input)),
            Block::Other => {}
        }
    }
    let are_whole = said.set_calls(calls);
    let status = match said.finish_reason.as_deref() {
        Some("end_turn" | "stop_sequence" | "tool_use") if are_whole => Status::Ok,
        Some("end_turn" | "stop_sequence" | "tool_use") => Status::ParseFailed,
        // A paused turn is unfinished, too: the server's tools took long, and the model would go on if it were asked to.
        Some("max_tokens" | "model_context_window_exceeded" | "pause_turn") => Status::Truncated,
        Some("refusal") => Status::Refused,
        _ => return Err(said.unknown_end(http_status, "stop_reason")),
    };
    Ok(said.ended(status))
}

#[cfg(test)]
mod tests;
