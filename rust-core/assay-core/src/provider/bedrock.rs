//! Amazon Bedrock's Converse.

mod stream;

use std::time::SystemTime;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Answer;
use super::aws_credentials::Identity;
use super::classify::{ErrorBody, Failure};
use super::eventstream::Decoder;
use super::format::{Format, Frame, Parsed, StreamDecoder, StreamParser, invalid, put_key};
use super::model::Model;
use super::secret::Secret;
use super::sigv4::{self, Scope, uri_encode};
use super::wire::{self, Effort, Image, ResponseFormat, Said, Tool, ToolChoice, wrong_option};
use crate::completion::{Status, Usage};
use crate::error::{Error, ErrorKind, Result};
use crate::message::{Message, Part, Role};
use crate::options::Options;

/// `POST {endpoint}/model/{model}/converse`, and `/converse-stream`.
pub(super) struct Bedrock;

const EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];
const WHAT: &str = "Converse response";

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
];

/// What of `extra_body` is Converse's own; the rest is the model's.
const FIELDS: &[&str] = &[
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "projectIdentifier",
    "additionalModelRequestFields",
    "promptVariables",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];

impl Format for Bedrock {
    fn check(&self, model: &Model, options: &Options) -> Result<()> {
        wire::only(model, options, OPTIONS)?;
        self.frame(model, options, false).map(|_| ())
    }

    fn url(&self, model: &Model, stream: bool) -> Result<Url> {
        region(model)?;
        wire::refuse_api_version(model)?;
        // An ARN's colons and slashes are part of the id, not of the path.
        let id = uri_encode(&model.model, b"-._~");
        let action = if stream { "converse-stream" } else { "converse" };
        Url::parse(&format!("{}/model/{id}/{action}", model.endpoint))
            .map_err(|_| invalid(model, "setting 'endpoint' is not a URL"))
    }

    fn headers(&self, _model: &Model) -> Result<HeaderMap> {
        Ok(HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]))
    }

    fn frame(&self, model: &Model, options: &Options, _stream: bool) -> Result<Box<dyn Frame>> {
        let mut fields = fields(model, options)?;
        if let Some(extra) = options.get("extra_body").and_then(Value::as_object) {
            if extra.contains_key("system") {
                return Err(wrong_option(model, "extra_body", "cannot set 'system', which the messages make"));
            }
            let is_own = |name: &String| FIELDS.contains(&name.as_str());
            let (own, rest): (Map<_, _>, Map<_, _>) =
                extra.iter().map(|(name, value)| (name.clone(), value.clone())).partition(|(name, _)| is_own(name));
            wire::merge(&mut fields, &own);
            if !rest.is_empty() {
                wire::merge(&mut fields, &Map::from_iter([("additionalModelRequestFields".into(), rest.into())]));
            }
        }
        let mut tail = String::new();
        for (name, value) in &fields {
            tail.push_str(&format!(",{}:{value}", Value::from(name.as_str())));
        }
        tail.push('}');
        Ok(Box::new(ConverseFrame { tail }))
    }

    fn sign(
        &self,
        model: &Model,
        key: Option<&Secret>,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<()> {
        let Some(secret) = key else { return Ok(()) };
        let profile = model.own("aws.profile").unwrap_or("default");
        let missing = |what: String| Error::new(ErrorKind::MissingKey, format!("model '{}': {what}", model.name));
        match Identity::read(secret, profile).map_err(missing)? {
            Identity::ApiKey => put_key(model, key, headers, AUTHORIZATION),
            Identity::Signed(credentials) => {
                let scope = Scope { region: region(model)?, service: "bedrock" };
                sigv4::sign(&credentials, scope, url, headers, body, now)
                    .ok_or_else(|| invalid(model, "the AWS credentials hold characters that a header cannot hold"))
            }
        }
    }

    fn parse(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Parsed {
        let response: Response = match serde_json::from_slice(body) {
            Ok(response) => response,
            Err(e) => return (Err(wire::broken(WHAT, http_status, body.len(), e.is_eof())), Usage::default()),
        };
        let usage = response.usage.map(Usage::from).unwrap_or_default();
        let Some(message) = response.output.and_then(|output| output.message) else {
            let words = body_words(body);
            let failure = match words.words().is_empty() {
                true => wire::broken(WHAT, http_status, body.len(), false),
                false => wire::error_in_success(http_status, &words, body.len()),
            };
            return (Err(failure), usage);
        };
        let invoked = response.trace.and_then(|trace| trace.prompt_router).and_then(|router| router.invoked_model_id);
        (answer(http_status, message.content, response.stop_reason, invoked), usage)
    }

    fn error(&self, http_status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        let header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let words = match header {
            Some(text) => ErrorBody::default().with("type", Some(&error_type(text).into())),
            None => body_words(body),
        };
        words.failure(http_status, body.len())
    }

    fn stream(&self) -> Box<dyn StreamParser> {
        Box::new(stream::ConverseStream::default())
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(Decoder::default())
    }
}

/// AWS's own endpoint in `region`.
pub(super) fn endpoint(region: &str) -> String {
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://bedrock-runtime.{region}.amazonaws.com{china}")
}

/// The setting `aws.region`.
fn region(model: &Model) -> Result<&str> {
    let region = model.own("aws.region").ok_or_else(|| invalid(model, "setting 'aws.region' is missing"))?;
    match region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        true => Ok(region),
        false => Err(invalid(model, "setting 'aws.region' must be a region such as us-east-1")),
    }
}

/// The words of an error body, where no header has them.
fn body_words(body: &[u8]) -> ErrorBody {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let name = ["__type", "code"].iter().find_map(|field| body.get(field)?.as_str());
    ErrorBody::default().with("type", name.map(|name| error_type(name).into()).as_ref())
}

/// `ThrottlingException` of `com.amazon.bedrock#ThrottlingException:http://...`.
fn error_type(text: &str) -> &str {
    let text = text.split(':').next().unwrap_or_default();
    text.rsplit('#').next().unwrap_or_default().trim()
}

/// The fields of the body besides the messages.
fn fields(model: &Model, options: &Options) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    let mut inference = Map::new();
    if options.float("temperature").is_some_and(|temperature| temperature > 1.0) {
        return Err(wrong_option(model, "temperature", "takes a number from 0 to 1"));
    }
    for (option, name) in [("temperature", "temperature"), ("top_p", "topP"), ("stop", "stopSequences")] {
        if let Some(value) = options.get(option) {
            inference.insert(name.into(), value.clone());
        }
    }
    if let Some(most) = wire::max_tokens(model, options)? {
        inference.insert("maxTokens".into(), most.into());
    }
    if !inference.is_empty() {
        fields.insert("inferenceConfig".into(), inference.into());
    }
    let mut output = Map::new();
    if let Some(Effort::Word(word)) = wire::effort(model, options, EFFORTS, None)? {
        output.insert("effort".into(), word.into());
    }
    match wire::response_format(model, options)? {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => {
            let what = "cannot be json_object: the API takes a schema; give json_schema";
            return Err(wrong_option(model, "response_format", what));
        }
        Some(ResponseFormat::JsonSchema { name, description, schema }) => {
            let mut definition = json!({"schema": schema.to_string()});
            for (field, text) in [("name", name), ("description", description)] {
                if let Some(text) = text {
                    definition[field] = text.into();
                }
            }
            output.insert("textFormat".into(), json!({"type": "json_schema", "structure": {"jsonSchema": definition}}));
        }
    }
    if !output.is_empty() {
        fields.insert("outputConfig".into(), output.into());
    }
    let tools: Vec<Value> = wire::tools(model, options)?.iter().map(tool).collect();
    let choice = match wire::tool_choice(model, options)? {
        None => None,
        Some(ToolChoice::Auto) => Some(json!({"auto": {}})),
        Some(ToolChoice::Required) => Some(json!({"any": {}})),
        Some(ToolChoice::Function(name)) => Some(json!({"tool": {"name": name}})),
        Some(ToolChoice::Native(choice)) => Some(choice.clone()),
        Some(ToolChoice::None) => {
            return Err(wrong_option(model, "tool_choice", "cannot be none: leave out the tools instead"));
        }
    };
    match (tools.is_empty(), choice) {
        (true, None) => {}
        (true, Some(_)) => return Err(wrong_option(model, "tool_choice", "has no tools to choose from")),
        (false, None) => {
            fields.insert("toolConfig".into(), json!({"tools": tools}));
        }
        (false, Some(choice)) => {
            fields.insert("toolConfig".into(), json!({"tools": tools, "toolChoice": choice}));
        }
    }
    Ok(fields)
}

fn tool(tool: &Tool<'_>) -> Value {
    match tool {
        Tool::Native(tool) => (*tool).clone(),
        Tool::Function { name, description, parameters, strict } => {
            let schema = parameters.cloned().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
            let mut spec = json!({"name": name, "inputSchema": {"json": schema}});
            if let Some(description) = description {
                spec["description"] = (*description).into();
            }
            if let Some(strict) = strict {
                spec["strict"] = (*strict).into();
            }
            json!({"toolSpec": spec})
        }
    }
}

struct ConverseFrame {
    /// The body from behind the messages.
    tail: String,
}

impl Frame for ConverseFrame {
    fn body(&self, messages: &[Message<'_>]) -> Result<Vec<u8>> {
        let mut body = b"{\"messages\":[".to_vec();
        // The API wants the roles to take turns.
        let mut role = None;
        for message in messages.iter().filter(|message| !message.role.is_instruction()) {
            let turn = if message.role == Role::Assistant { "assistant" } else { "user" };
            match role {
                Some(last) if last == turn => body.push(b','),
                Some(_) => body.extend_from_slice(format!("]}},{{\"role\":\"{turn}\",\"content\":[").as_bytes()),
                None => body.extend_from_slice(format!("{{\"role\":\"{turn}\",\"content\":[").as_bytes()),
            }
            role = Some(turn);
            for (i, block) in blocks(message)?.iter().enumerate() {
                if i > 0 {
                    body.push(b',');
                }
                wire::write_json(block, &mut body)?;
            }
        }
        body.extend_from_slice(if role.is_some() { b"]}]" } else { b"]" });
        let system: Vec<Value> = messages
            .iter()
            .filter(|message| message.role.is_instruction())
            .map(|message| json!({"text": message.joined_text()}))
            .collect();
        if !system.is_empty() {
            body.extend_from_slice(b",\"system\":");
            wire::write_json(&system, &mut body)?;
        }
        body.extend_from_slice(self.tail.as_bytes());
        Ok(body)
    }
}

/// What a message says, calls or answers. Never empty.
fn blocks(message: &Message<'_>) -> Result<Vec<Value>> {
    let mut blocks: Vec<Value> = wire::parts(&message.content).iter().map(block).collect::<Result<_>>()?;
    if message.role == Role::Tool {
        let id =
            message.tool_call_id.ok_or_else(|| wire::row_error("a message of the role tool has no tool_call_id"))?;
        return Ok(vec![json!({"toolResult": {"toolUseId": id, "content": blocks}})]);
    }
    for call in message.calls()? {
        let input = wire::arguments(&call)?;
        blocks.push(json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": input}}));
    }
    match blocks.is_empty() {
        true => Err(wire::row_error("a message has no content")),
        false => Ok(blocks),
    }
}

fn block(part: &Part<'_>) -> Result<Value> {
    let (format, source) = match wire::image(part)? {
        None => {
            let Part::Text(text) = part else { return Ok(Value::Null) };
            return Ok(json!({"text": text}));
        }
        Some(Image::Base64 { media_type, data }) => (media_type.strip_prefix("image/"), json!({"bytes": data})),
        Some(Image::Url(url)) if url.starts_with("s3://") => {
            (url.rsplit_once('.').map(|(_, extension)| extension), json!({"s3Location": {"uri": url}}))
        }
        Some(Image::Url(_)) => {
            return Err(wire::row_error(
                "Bedrock takes an image as bytes, as a data: URL or from s3://, by no other URL",
            ));
        }
    };
    let format = match format.map(str::to_ascii_lowercase).as_deref() {
        Some("png") => "png",
        Some("jpeg" | "jpg") => "jpeg",
        Some("gif") => "gif",
        Some("webp") => "webp",
        _ => return Err(wire::row_error("Bedrock takes images of the types png, jpeg, gif and webp only")),
    };
    Ok(json!({"image": {"format": format, "source": source}}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    output: Option<Output>,
    stop_reason: Option<String>,
    usage: Option<TokenUsage>,
    trace: Option<Trace>,
}

#[derive(Deserialize)]
struct Output {
    message: Option<OutputMessage>,
}

#[derive(Deserialize)]
struct OutputMessage {
    content: Vec<Block>,
}

/// One of its fields is there.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Block {
    text: Option<String>,
    tool_use: Option<ToolUse>,
    reasoning_content: Option<Reasoning>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse {
    #[serde(default)]
    tool_use_id: String,
    name: String,
    #[serde(default)]
    input: Value,
    /// A tool of the server's, which it runs itself.
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning {
    reasoning_text: Option<ReasoningText>,
}

#[derive(Deserialize)]
struct ReasoningText {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    prompt_router: Option<PromptRouter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptRouter {
    invoked_model_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenUsage {
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cache_read_input_tokens: Option<i64>,
    cache_write_input_tokens: Option<i64>,
}

impl From<TokenUsage> for Usage {
    fn from(wire: TokenUsage) -> Self {
        let cached = wire.cache_read_input_tokens.unwrap_or(0);
        let written = wire.cache_write_input_tokens.unwrap_or(0);
        Usage {
            // The API counts the three apart.
            input_tokens: wire.input_tokens.map(|rest| rest.saturating_add(cached).saturating_add(written)),
            cached_input_tokens: wire.cache_read_input_tokens,
            cache_write_tokens: wire.cache_write_input_tokens,
            output_tokens: wire.output_tokens,
            // Counted with the output and nowhere apart.
            reasoning_tokens: None,
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
        if let Some(text) = block.text {
            said.push_text(&text);
        }
        if let Some(reasoning) = block.reasoning_content.and_then(|reasoning| reasoning.reasoning_text) {
            said.push_reasoning(&reasoning.text);
        }
        if let Some(call) = block.tool_use.filter(|call| call.kind.is_none()) {
            calls.push((call.tool_use_id, call.name, call.input));
        }
    }
    let are_whole = said.set_calls(calls);
    let status = match said.finish_reason.as_deref() {
        Some("end_turn" | "tool_use" | "stop_sequence") if are_whole => Status::Ok,
        Some("end_turn" | "tool_use" | "stop_sequence" | "malformed_model_output" | "malformed_tool_use") => {
            Status::ParseFailed
        }
        Some("max_tokens" | "model_context_window_exceeded") => Status::Truncated,
        Some("guardrail_intervened" | "content_filtered") => Status::ContentFiltered,
        Some("refusal") => Status::Refused,
        _ => return Err(said.unknown_end(http_status, "stopReason")),
    };
    Ok(said.ended(status))
}

#[cfg(test)]
mod tests;
