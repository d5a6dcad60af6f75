//! Google's `generateContent` and `embedContent`.

mod embeddings;
mod response;

use std::collections::HashMap;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::classify::{ErrorBody, Failure};
use super::format::{Format, Frame, Parsed, StreamParser, invalid};
use super::model::Model;
use super::sigv4::uri_encode;
use super::wire::{self, Effort, Image, ResponseFormat, Tool, ToolChoice, wrong_option};
use crate::completion::Usage;
use crate::error::Result;
use crate::message::{Content, Message, Part, Role};
use crate::options::Options;

use response::{Response, ResponseStream, UsageMetadata};

pub(super) use embeddings::GeminiEmbeddings;

/// `POST {endpoint}/{apiVersion}/models/{model}:generateContent`, and `:streamGenerateContent?alt=sse`.
pub(super) struct Gemini;

const VERSION: &str = "v1beta";
const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh"];
const WHAT: &str = "Gemini response";

const OPTIONS: &[&str] = &[
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "response_format",
    "reasoning_effort",
    "tools",
    "tool_choice",
];

impl Format for Gemini {
    fn check(&self, model: &Model, options: &Options) -> Result<()> {
        wire::only(model, options, OPTIONS)?;
        self.frame(model, options, false).map(|_| ())
    }

    fn url(&self, model: &Model, stream: bool) -> Result<Url> {
        url(model, if stream { "streamGenerateContent?alt=sse" } else { "generateContent" })
    }

    fn headers(&self, model: &Model) -> Result<HeaderMap> {
        auth_header(model)?;
        Ok(HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]))
    }

    fn frame(&self, model: &Model, options: &Options, _stream: bool) -> Result<Box<dyn Frame>> {
        let mut fields = fields(model, options)?;
        wire::merge_extra(model, options, &mut fields, &["systemInstruction", "system_instruction", "contents"])?;
        let mut tail = String::new();
        for (name, value) in &fields {
            tail.push_str(&format!(",{}:{value}", Value::from(name.as_str())));
        }
        tail.push('}');
        Ok(Box::new(ContentsFrame { tail }))
    }

    fn key_header(&self, model: &Model) -> Result<HeaderName> {
        auth_header(model)
    }

    fn parse(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Parsed {
        let response: Response = match serde_json::from_slice(body) {
            Ok(response) => response,
            Err(e) => return (Err(wire::broken(WHAT, http_status, body.len(), e.is_eof())), Usage::default()),
        };
        response::read(http_status, response, body.len())
    }

    fn error(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Failure {
        // Streams of JSON, which some servers answer with, put the error into a list.
        let error = match serde_json::from_slice::<Value>(body) {
            Ok(Value::Array(items)) => items.into_iter().next().unwrap_or_default(),
            Ok(body) => body,
            Err(_) => Value::Null,
        };
        let error = error.get("error").cloned().unwrap_or_default();
        let failure = words(&error).failure(http_status, body.len());
        Failure { retry_after: retry_delay(&error), ..failure }
    }

    fn stream(&self) -> Box<dyn StreamParser> {
        Box::new(ResponseStream::default())
    }
}

/// Where `action` of a model is asked for.
fn url(model: &Model, action: &str) -> Result<Url> {
    let last = model.endpoint.rsplit('/').next().unwrap_or_default();
    let base = match (is_version(last), model.api_version.as_deref()) {
        (true, None) => model.endpoint.clone(),
        (true, Some(version)) if version == last => model.endpoint.clone(),
        (true, Some(_)) => return Err(invalid(model, "settings 'endpoint' and 'apiVersion' name two API versions")),
        (false, version) => {
            let version = version.unwrap_or(VERSION);
            if !is_version(version) {
                return Err(invalid(model, "setting 'apiVersion' must be a version such as v1 or v1beta"));
            }
            format!("{}/{version}", model.endpoint)
        }
    };
    // A bare name is one of the models; tuned ones and those of Vertex come with their path.
    let folder = if model.model.contains('/') { "" } else { "models/" };
    let name = uri_encode(&model.model, b"-._~/@");
    Url::parse(&format!("{base}/{folder}{name}:{action}"))
        .map_err(|_| invalid(model, "setting 'endpoint' is not a URL"))
}

/// The setting `auth`.
fn auth_header(model: &Model) -> Result<HeaderName> {
    match model.own("auth") {
        None | Some("x-goog-api-key") => Ok(HeaderName::from_static("x-goog-api-key")),
        Some("bearer") => Ok(AUTHORIZATION),
        Some(_) => Err(invalid(model, "setting 'auth' must be x-goog-api-key or bearer")),
    }
}

/// Whether `text` is a version of the API, for instance `v1beta`.
fn is_version(text: &str) -> bool {
    let digits = text.strip_prefix('v').unwrap_or_default();
    digits.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The machine words of an `error`: its status, and the reasons in its details.
fn words(error: &Value) -> ErrorBody {
    let mut words = ErrorBody::default().with("status", error.get("status")).with("code", error.get("code"));
    for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
        words = words.with("reason", detail.get("reason"));
        let violations = detail.get("violations").and_then(Value::as_array);
        // A quota of a day does not come back while a row waits.
        let is_daily = |violation: &Value| {
            let quota = violation.get("quotaId").and_then(Value::as_str).unwrap_or_default();
            quota.contains("PerDay")
        };
        if violations.is_some_and(|violations| violations.iter().any(is_daily)) {
            words = words.with("quota", Some(&"daily_quota_exceeded".into()));
        }
    }
    words
}

/// The `retryDelay` of a `RetryInfo`, for instance `34.07s`.
fn retry_delay(error: &Value) -> Option<Duration> {
    let details = error.get("details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    (0.0..1e7).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// The fields of the body besides the messages.
fn fields(model: &Model, options: &Options) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    let mut config = Map::new();
    for (option, name) in [
        ("temperature", "temperature"),
        ("top_p", "topP"),
        ("stop", "stopSequences"),
        ("seed", "seed"),
        ("presence_penalty", "presencePenalty"),
        ("frequency_penalty", "frequencyPenalty"),
        ("logprobs", "responseLogprobs"),
        ("top_logprobs", "logprobs"),
    ] {
        if let Some(value) = options.get(option) {
            config.insert(name.into(), value.clone());
        }
    }
    if options.int("seed").is_some_and(|seed| i32::try_from(seed).is_err()) {
        return Err(wrong_option(model, "seed", "takes a whole number of 32 bits"));
    }
    if let Some(most) = wire::max_tokens(model, options)? {
        config.insert("maxOutputTokens".into(), most.into());
    }
    match wire::effort(model, options, EFFORTS, Some(0))? {
        None => {}
        Some(Effort::Word("none") | Effort::Budget(0)) => {
            config.insert("thinkingConfig".into(), json!({"thinkingBudget": 0}));
        }
        Some(Effort::Word(word)) => {
            let thinking = json!({"includeThoughts": true, "thinkingLevel": word.to_ascii_uppercase()});
            config.insert("thinkingConfig".into(), thinking);
        }
        Some(Effort::Budget(budget)) => {
            config.insert("thinkingConfig".into(), json!({"includeThoughts": true, "thinkingBudget": budget}));
        }
    }
    match wire::response_format(model, options)? {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => {
            config.insert("responseMimeType".into(), "application/json".into());
        }
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            config.insert("responseMimeType".into(), "application/json".into());
            config.insert("responseJsonSchema".into(), schema.clone());
        }
    }
    if !config.is_empty() {
        fields.insert("generationConfig".into(), config.into());
    }
    let mut functions = Vec::new();
    let mut tools = Vec::new();
    for tool in wire::tools(model, options)? {
        match tool {
            Tool::Native(tool) => tools.push(tool.clone()),
            Tool::Function { name, description, parameters, .. } => {
                let mut function = json!({"name": name});
                if let Some(description) = description {
                    function["description"] = description.into();
                }
                if let Some(parameters) = parameters {
                    function["parametersJsonSchema"] = parameters.clone();
                }
                functions.push(function);
            }
        }
    }
    if !functions.is_empty() {
        tools.insert(0, json!({"functionDeclarations": functions}));
    }
    if !tools.is_empty() {
        fields.insert("tools".into(), tools.into());
    }
    match wire::tool_choice(model, options)? {
        None => {}
        Some(choice) => {
            let choice = match choice {
                ToolChoice::Auto => json!({"functionCallingConfig": {"mode": "AUTO"}}),
                ToolChoice::None => json!({"functionCallingConfig": {"mode": "NONE"}}),
                ToolChoice::Required => json!({"functionCallingConfig": {"mode": "ANY"}}),
                ToolChoice::Function(name) => {
                    json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [name]}})
                }
                ToolChoice::Native(choice) => choice.clone(),
            };
            fields.insert("toolConfig".into(), choice);
        }
    }
    Ok(fields)
}

struct ContentsFrame {
    /// The body from behind the messages.
    tail: String,
}

impl Frame for ContentsFrame {
    fn body(&self, messages: &[Message<'_>]) -> Result<Vec<u8>> {
        let mut body = b"{\"contents\":[".to_vec();
        let mut names = HashMap::new();
        let mut chat = messages.iter().filter(|message| !message.role.is_instruction()).peekable();
        let mut first = true;
        while let Some(message) = chat.next() {
            if !std::mem::take(&mut first) {
                body.push(b',');
            }
            match (message.role, &message.content, message.tool_calls) {
                (Role::User, Content::Text(text), None) => {
                    body.extend_from_slice(b"{\"role\":\"user\",\"parts\":[{\"text\":");
                    wire::write_text(text, &mut body)?;
                    body.extend_from_slice(b"}]}");
                }
                (Role::Tool, ..) => {
                    // All results of one turn stand in one content.
                    let mut results = vec![function_response(message, &names)?];
                    while let Some(next) = chat.next_if(|next| next.role == Role::Tool) {
                        results.push(function_response(next, &names)?);
                    }
                    wire::write_json(&json!({"role": "user", "parts": results}), &mut body)?;
                }
                (role, ..) => {
                    let mut parts = parts(message)?;
                    parts.extend(function_calls(message, &mut names)?);
                    let role = if role == Role::Assistant { "model" } else { "user" };
                    wire::write_json(&json!({"role": role, "parts": parts}), &mut body)?;
                }
            }
        }
        body.push(b']');
        let system: Vec<Value> = messages
            .iter()
            .filter(|message| message.role.is_instruction())
            .map(|message| json!({"text": message.joined_text()}))
            .collect();
        if !system.is_empty() {
            body.extend_from_slice(b",\"systemInstruction\":");
            wire::write_json(&json!({"parts": system}), &mut body)?;
        }
        body.extend_from_slice(self.tail.as_bytes());
        Ok(body)
    }
}

fn parts(message: &Message<'_>) -> Result<Vec<Value>> {
    let part = |part: &Part<'_>| {
        Ok(match wire::image(part)? {
            None => match part {
                Part::Text(text) => json!({"text": text}),
                _ => Value::Null,
            },
            Some(Image::Url(url)) => match media_type(url) {
                Some(media_type) => json!({"fileData": {"fileUri": url, "mimeType": media_type}}),
                None => json!({"fileData": {"fileUri": url}}),
            },
            Some(Image::Base64 { media_type, data }) => json!({"inlineData": {"mimeType": media_type, "data": data}}),
        })
    };
    wire::parts(&message.content).iter().map(part).collect()
}

/// What the end of a URL's path says of the image there.
fn media_type(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "gif" => "image/gif",
        _ => return None,
    })
}

/// The calls of an assistant's message; `names` learns which id is which function's.
fn function_calls(message: &Message<'_>, names: &mut HashMap<String, String>) -> Result<Vec<Value>> {
    let calls = message.calls()?;
    // What a signature is of stands beside it, as Google's own OpenAI-compatible API has it.
    let raw: Vec<Value> = message.tool_calls.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut parts = Vec::with_capacity(calls.len());
    for (i, call) in calls.iter().enumerate() {
        names.insert(call.id.clone(), call.name.clone());
        let mut function = json!({"name": call.name, "args": wire::arguments(call)?});
        if !call.id.is_empty() {
            function["id"] = call.id.as_str().into();
        }
        let mut part = json!({"functionCall": function});
        if let Some(signature) = raw.get(i).and_then(|call| call.pointer("/extra_content/google/thought_signature")) {
            part["thoughtSignature"] = signature.clone();
        }
        parts.push(part);
    }
    Ok(parts)
}

fn function_response(message: &Message<'_>, names: &HashMap<String, String>) -> Result<Value> {
    let name = names.get(message.tool_call_id.unwrap_or_default()).ok_or_else(|| {
        wire::row_error("the tool_call_id of a message of the role tool must be that of a call in an earlier message")
    })?;
    let text = message.joined_text();
    let response = match serde_json::from_str(&text) {
        Ok(object @ Value::Object(_)) => object,
        _ => json!({"output": text}),
    };
    let mut function = json!({"name": name, "response": response});
    if let Some(id) = message.tool_call_id.filter(|id| !id.is_empty()) {
        function["id"] = id.into();
    }
    Ok(json!({"functionResponse": function}))
}

#[cfg(test)]
mod tests;
