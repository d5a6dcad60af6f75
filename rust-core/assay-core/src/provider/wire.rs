//! What the formats share that are not OpenAI's: its options in their words, images, and how answers end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::Answer;
use super::classify::{ErrorBody, Failure, Retry};
use super::format::{Parsed, StreamParser, StreamStep, invalid, refuse};
use super::model::Model;
use crate::completion::{Status, Usage};
use crate::error::{Error, ErrorKind, Result};
use crate::message::{Content, Part, ToolCall};
use crate::options::Options;

/// Options that every format has, because they are not its own.
const COMMON: &[&str] = &["system", "repeat", "extra_body", "extra_headers"];

/// An error at planning for the first option that was given and is not one of `supported`.
pub(super) fn only(model: &Model, options: &Options, supported: &[&str]) -> Result<()> {
    let is_unknown = |name: &&str| !supported.contains(name) && !COMMON.contains(name);
    let unknown: Vec<&str> = options.as_map().keys().map(String::as_str).filter(is_unknown).collect();
    refuse(model, options, &unknown)
}

/// An [`ErrorKind::InvalidModel`] where the setting `apiVersion` was given to a format that has none.
pub(super) fn refuse_api_version(model: &Model) -> Result<()> {
    match model.api_version {
        None => Ok(()),
        Some(_) => {
            Err(invalid(model, &format!("setting 'apiVersion' is not for the provider {}", model.provider.name())))
        }
    }
}

/// An [`ErrorKind::InvalidOption`] about `option`.
pub(super) fn wrong_option(model: &Model, option: &str, what: &str) -> Error {
    let provider = model.provider.name();
    Error::new(
        ErrorKind::InvalidOption,
        format!("llm_complete: model '{}', provider {provider}: option '{option}' {what}", model.name),
    )
}

/// The most tokens to answer, under either of its names.
pub(super) fn max_tokens(model: &Model, options: &Options) -> Result<Option<i64>> {
    match (options.int("max_tokens"), options.int("max_completion_tokens")) {
        (Some(_), Some(_)) => {
            Err(wrong_option(model, "max_tokens", "means the same as 'max_completion_tokens'; give one of them"))
        }
        (one, other) => Ok(one.or(other)),
    }
}

/// Merges `extra` into `body`, objects within objects too; what both have is taken from `extra`.
pub(super) fn merge(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (body.get_mut(name), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Merges the option `extra_body`, which may not set any of `reserved`.
pub(super) fn merge_extra(
    model: &Model,
    options: &Options,
    body: &mut Map<String, Value>,
    reserved: &[&str],
) -> Result<()> {
    let Some(extra) = options.get("extra_body").and_then(Value::as_object) else { return Ok(()) };
    if let Some(name) = reserved.iter().find(|name| extra.contains_key(**name)) {
        return Err(wrong_option(model, "extra_body", &format!("cannot set '{name}', which the messages make")));
    }
    merge(body, extra);
    Ok(())
}

/// A tool that a model may call.
pub(super) enum Tool<'a> {
    /// One in the form of OpenAI.
    Function { name: &'a str, description: Option<&'a str>, parameters: Option<&'a Value>, strict: Option<bool> },
    /// One in the provider's own form.
    Native(&'a Value),
}

/// The option `tools`. Errors: a function without a name.
pub(super) fn tools<'a>(model: &Model, options: &'a Options) -> Result<Vec<Tool<'a>>> {
    let Some(Value::Array(tools)) = options.get("tools") else { return Ok(Vec::new()) };
    tools
        .iter()
        .map(|tool| {
            if tool.get("type").and_then(Value::as_str) != Some("function") {
                return Ok(Tool::Native(tool));
            }
            // Chat completions put it under `function`, responses do not.
            let function = tool.get("function").unwrap_or(tool);
            let text = |name: &str| function.get(name).and_then(Value::as_str);
            Ok(Tool::Function {
                name: text("name").ok_or_else(|| wrong_option(model, "tools", "has a function without a name"))?,
                description: text("description"),
                parameters: function.get("parameters").filter(|parameters| !parameters.is_null()),
                strict: function.get("strict").and_then(Value::as_bool),
            })
        })
        .collect()
}

/// Which tool to call.
pub(super) enum ToolChoice<'a> {
    /// The model decides.
    Auto,
    /// None.
    None,
    /// Any, but one.
    Required,
    /// This one.
    Function(&'a str),
    /// In the provider's own form.
    Native(&'a Value),
}

/// The option `tool_choice`.
pub(super) fn tool_choice<'a>(model: &Model, options: &'a Options) -> Result<Option<ToolChoice<'a>>> {
    let Some(choice) = options.get("tool_choice") else { return Ok(None) };
    Ok(Some(match choice.as_str() {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::None,
        Some("required" | "any") => ToolChoice::Required,
        Some(_) => return Err(wrong_option(model, "tool_choice", "takes auto, none, required or a tool")),
        None if choice.get("type").and_then(Value::as_str) == Some("function") => {
            let function = choice.get("function").unwrap_or(choice);
            let name = function.get("name").and_then(Value::as_str);
            ToolChoice::Function(name.ok_or_else(|| wrong_option(model, "tool_choice", "names no function"))?)
        }
        None => ToolChoice::Native(choice),
    }))
}

/// The form of the answer.
pub(super) enum ResponseFormat<'a> {
    Text,
    JsonObject,
    JsonSchema { name: Option<&'a str>, description: Option<&'a str>, schema: &'a Value },
}

/// The option `response_format`.
pub(super) fn response_format<'a>(model: &Model, options: &'a Options) -> Result<Option<ResponseFormat<'a>>> {
    let Some(format) = options.get("response_format") else { return Ok(None) };
    Ok(Some(match format.get("type").and_then(Value::as_str) {
        Some("text") => ResponseFormat::Text,
        Some("json_object") => ResponseFormat::JsonObject,
        Some("json_schema") => {
            let definition = format.get("json_schema").unwrap_or(format);
            let text = |name: &str| definition.get(name).and_then(Value::as_str);
            ResponseFormat::JsonSchema {
                name: text("name"),
                description: text("description"),
                schema: definition
                    .get("schema")
                    .filter(|schema| schema.is_object())
                    .ok_or_else(|| wrong_option(model, "response_format", "has no schema"))?,
            }
        }
        _ => return Err(wrong_option(model, "response_format", "takes the type text, json_object or json_schema")),
    }))
}

/// The option `reasoning_effort`.
pub(super) enum Effort<'a> {
    /// A number: the most tokens to reason.
    Budget(i64),
    /// A word.
    Word(&'a str),
}

/// The option `reasoning_effort`, which must be one of `words` or, where there is a `least`, a number of tokens of at least
/// that.
pub(super) fn effort<'a>(
    model: &Model,
    options: &'a Options,
    words: &[&str],
    least: Option<i64>,
) -> Result<Option<Effort<'a>>> {
    let Some(text) = options.text("reasoning_effort").map(str::trim) else { return Ok(None) };
    if words.contains(&text) {
        return Ok(Some(Effort::Word(text)));
    }
    let known = words.join(", ");
    let what = match (least, text.parse::<i64>()) {
        (Some(least), Ok(budget)) if budget >= least => return Ok(Some(Effort::Budget(budget))),
        (Some(least), _) => format!("takes {known}, or a number of tokens of at least {least}"),
        (None, _) => format!("takes {known}; a number of tokens is the model's own and goes into extra_body"),
    };
    Err(wrong_option(model, "reasoning_effort", &what))
}

/// An image as formats send it.
pub(super) enum Image<'a> {
    /// That the provider fetches.
    Url(&'a str),
    /// In the request.
    Base64 { media_type: &'a str, data: String },
}

/// The image of `part`; `None` for a text. Errors: a `data:` URL that is not one of base64.
pub(super) fn image<'a>(part: &Part<'a>) -> Result<Option<Image<'a>>> {
    Ok(match *part {
        Part::Text(_) => None,
        Part::Image { bytes, media_type } => Some(Image::Base64 { media_type, data: BASE64.encode(bytes) }),
        Part::ImageUrl(url) => Some(match url.strip_prefix("data:") {
            None => Image::Url(url),
            Some(data) => {
                let (media_type, data) = data.split_once(";base64,").ok_or_else(|| {
                    row_error("an image's data: URL must have the form data:<media type>;base64,<data>")
                })?;
                Image::Base64 { media_type, data: data.to_string() }
            }
        }),
    })
}

/// An error of one row, which makes it `invalid_request`.
pub(super) fn row_error(what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, what)
}

/// The parts of a message's content; empty texts are no parts.
pub(super) fn parts<'a>(content: &Content<'a>) -> Vec<Part<'a>> {
    match content {
        Content::Empty | Content::Text("") => Vec::new(),
        Content::Text(text) => vec![Part::Text(text)],
        Content::Parts(parts) => parts.clone(),
    }
}

/// The arguments of a call as an object. Errors: they are none.
pub(super) fn arguments(call: &ToolCall) -> Result<Value> {
    if call.arguments.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_str(&call.arguments) {
        Ok(object @ Value::Object(_)) => Ok(object),
        _ => Err(row_error("the arguments in tool_calls of a message must be a JSON object")),
    }
}

/// Appends `text` as a JSON string.
pub(super) fn write_text(text: &str, body: &mut Vec<u8>) -> Result<()> {
    write_json(text, body)
}

/// Appends `value` as JSON.
pub(super) fn write_json<T: serde::Serialize + ?Sized>(value: &T, body: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(body, value).map_err(|e| Error::internal(format!("a request cannot be written: {e}")))
}

/// What has been said, before it is known how it ended.
#[derive(Default)]
pub(super) struct Said {
    pub(super) text: Option<String>,
    pub(super) reasoning: String,
    pub(super) tool_calls: Option<String>,
    pub(super) logprobs: Option<Vec<f64>>,
    pub(super) finish_reason: Option<String>,
    pub(super) model_answered: Option<String>,
}

impl Said {
    /// Appends to the answer.
    pub(super) fn push_text(&mut self, text: &str) {
        self.text.get_or_insert_default().push_str(text);
    }

    /// Appends to the reasoning, as a paragraph of its own.
    pub(super) fn push_reasoning(&mut self, text: &str) {
        if !self.reasoning.is_empty() && !text.is_empty() {
            self.reasoning.push_str("\n\n");
        }
        self.reasoning.push_str(text);
    }

    /// Takes the tools that were called, `arguments` being objects, or texts where what came is no JSON. Whether all were
    /// objects.
    pub(super) fn set_calls(&mut self, calls: Vec<(String, String, Value)>) -> bool {
        let all_objects = calls.iter().all(|(_, _, arguments)| !arguments.is_string());
        let call = |(id, name, arguments): (String, String, Value)| ToolCall {
            id,
            name,
            arguments: match arguments {
                Value::Null => "{}".to_string(),
                Value::String(text) => text,
                object => object.to_string(),
            },
        };
        self.tool_calls = ToolCall::to_json(&calls.into_iter().map(call).collect::<Vec<_>>());
        all_objects
    }

    /// The answer that ended in `status`.
    pub(super) fn ended(self, status: Status) -> Answer {
        let (text, partial_text) = match status {
            // A model that has nothing to say has answered ''.
            Status::Ok => (self.text.or_else(|| self.tool_calls.is_none().then(String::new)), None),
            _ => (None, self.text),
        };
        Answer {
            status,
            text,
            partial_text,
            reasoning: Some(self.reasoning).filter(|text| !text.is_empty()),
            tool_calls: self.tool_calls,
            logprobs: self.logprobs,
            embedding: None,
            finish_reason: self.finish_reason,
            model_answered: self.model_answered,
        }
    }

    /// Ended for a reason that no answer ends for: none was given, or one that this version does not know.
    pub(super) fn unknown_end(&self, http_status: u16, field: &str) -> Failure {
        match &self.finish_reason {
            None => Failure {
                http_status: Some(http_status),
                ..Failure::transient(Status::ServerError, format!("the answer has no {field}"))
            },
            Some(_) => {
                let message = format!("the answer ends with a {field} that this version does not know");
                final_failure(Status::ServerError, http_status, &message)
            }
        }
    }
}

/// A body that is no answer: `what` it should be, and whether it stops in the middle.
pub(super) fn broken(what: &str, http_status: u16, length: usize, is_cut: bool) -> Failure {
    let (status, what) = match is_cut {
        true => (Status::NetworkError, "the answer was cut".to_string()),
        false => (Status::ServerError, format!("the answer is no {what}")),
    };
    Failure {
        http_status: Some(http_status),
        ..Failure::transient(status, format!("{what}: HTTP {http_status}, body of {length} bytes"))
    }
}

/// A stream that stops before its end marker.
pub(super) fn stream_cut(http_status: u16, is_complete: bool, length: usize) -> Failure {
    let how = if is_complete { "ended" } else { "broke" };
    let message = format!("the stream {how} before its end marker, after {length} bytes of events");
    Failure { http_status: Some(http_status), ..Failure::transient(Status::NetworkError, message) }
}

/// For formats that have no streams: whatever comes as one is cut.
pub(super) struct NoStream;

impl StreamParser for NoStream {
    fn event(&mut self, _event: &str, _data: &[u8]) -> StreamStep {
        StreamStep::Done
    }

    fn finish(self: Box<Self>, http_status: u16, complete: bool) -> Parsed {
        (Err(stream_cut(http_status, complete, 0)), Usage::default())
    }
}

/// An error that came under a success, in a body or in the middle of a stream.
pub(super) fn error_in_success(http_status: u16, words: &ErrorBody, length: usize) -> Failure {
    let failure = words.failure(words.http_status().unwrap_or(http_status), length);
    Failure {
        message: format!("an error under a success: {}", words.describe(http_status, length)),
        http_status: Some(http_status),
        ..failure
    }
}

/// A failure that another attempt would not mend.
pub(super) fn final_failure(status: Status, http_status: u16, message: &str) -> Failure {
    Failure { http_status: Some(http_status), retry: Retry::Never, ..Failure::transient(status, message) }
}
