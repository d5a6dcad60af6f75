//! Any other service that answers a POST of JSON with JSON: a gateway, an agent, a RAG service.
//!
//! The body is a Jinja template that renders to JSON; the answer is found by a [path](crate::json_path).

use std::time::SystemTime;

use minijinja::{AutoEscape, Environment, ErrorKind as JinjaKind, UndefinedBehavior, Value as JinjaValue, context};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::classify::{ErrorBody, Failure};
use super::format::{Format, Frame, Parsed, StreamParser, invalid};
use super::model::Model;
use super::secret::Secret;
use super::wire::{self, Image, Said, wrong_option};
use crate::completion::{Status, Usage};
use crate::error::{Error, ErrorKind, Result, hint};
use crate::json_path::JsonPath;
use crate::message::{Message, Part, Role};
use crate::options::Options;

/// `POST {endpoint}`, as the settings `http.*` of its model say.
pub(super) struct Generic {
    answer: JsonPath,
    input_tokens: Option<JsonPath>,
    output_tokens: Option<JsonPath>,
    finish_reason: Option<JsonPath>,
    error: Option<JsonPath>,
}

/// What templates may use.
const VARIABLES: &[&str] = &["prompt", "system", "messages", "model", "options"];
const BODY: &str = "http.body";
const AUTH_HEADER: &str = "Authorization: Bearer {key}";

impl Generic {
    /// The format of `model`. Errors: [`ErrorKind::InvalidModel`] for a setting that is missing or cannot be used.
    pub(super) fn new(model: &Model) -> Result<Self> {
        let path = |setting: &str| match model.own(setting) {
            None => Ok(None),
            Some(text) => JsonPath::parse(text)
                .map(Some)
                .map_err(|what| invalid(model, &format!("setting '{setting}' is no JSON path: {what}"))),
        };
        Ok(Generic {
            answer: path("http.answerPath")?.ok_or_else(|| invalid(model, "setting 'http.answerPath' is missing"))?,
            input_tokens: path("http.inputTokensPath")?,
            output_tokens: path("http.outputTokensPath")?,
            finish_reason: path("http.finishReasonPath")?,
            error: path("http.errorPath")?,
        })
    }

    /// The error that a body says, if it says one.
    fn error_of(&self, body: &Value) -> Option<ErrorBody> {
        let error = self.error.as_ref()?.find(body).filter(|error| !error.is_null())?;
        Some(match error.is_object() {
            true => ErrorBody::from_error(error),
            false => ErrorBody::default().with("code", Some(error)),
        })
    }
}

impl Format for Generic {
    fn check(&self, model: &Model, options: &Options) -> Result<()> {
        let templates = Templates::new(model)?;
        if let Some(name) = options.as_map().keys().find(|name| !templates.has_place_for(name)) {
            let what = format!(
                "has no place: no template of the model uses options.{name}; give it in extra_body or not at all"
            );
            return Err(wrong_option(model, name, &what));
        }
        Ok(())
    }

    fn url(&self, model: &Model, stream: bool) -> Result<Url> {
        wire::refuse_api_version(model)?;
        if stream {
            return Err(invalid(model, "setting 'stream' must be false: the provider http reads whole answers"));
        }
        Url::parse(&model.endpoint).map_err(|_| invalid(model, "setting 'endpoint' is not a URL"))
    }

    fn headers(&self, model: &Model) -> Result<HeaderMap> {
        Templates::new(model)?.try_out()?;
        auth_header(model)?;
        Ok(HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]))
    }

    fn frame(&self, model: &Model, options: &Options, _stream: bool) -> Result<Box<dyn Frame>> {
        let templates = Templates::new(model)?;
        let given: Map<String, Value> = options
            .as_map()
            .iter()
            .filter(|(name, _)| !["system", "repeat", "extra_body", "extra_headers"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Ok(Box::new(TemplateFrame {
            templates,
            options: jinja(&given.into()),
            extra: options.get("extra_body").and_then(Value::as_object).cloned(),
        }))
    }

    fn sign(
        &self,
        model: &Model,
        key: Option<&Secret>,
        _url: &Url,
        headers: &mut HeaderMap,
        _body: &[u8],
        _now: SystemTime,
    ) -> Result<()> {
        let Some(key) = key else { return Ok(()) };
        let (name, template) = auth_header(model)?;
        let mut value = HeaderValue::try_from(template.replace("{key}", key.expose()))
            .map_err(|_| invalid(model, "the API key holds characters that a header cannot hold"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }

    fn parse(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Parsed {
        let length = body.len();
        let body: Value = match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(e) => return (Err(wire::broken("JSON", http_status, length, e.is_eof())), Usage::default()),
        };
        let count = |path: &Option<JsonPath>| path.as_ref()?.find(&body)?.as_i64();
        let usage = Usage {
            input_tokens: count(&self.input_tokens),
            output_tokens: count(&self.output_tokens),
            ..Usage::default()
        };
        if let Some(words) = self.error_of(&body) {
            return (Err(wire::error_in_success(http_status, &words, length)), usage);
        }
        let text = match self.answer.find(&body) {
            None | Some(Value::Null) => {
                let failure = wire::broken("body with a value at http.answerPath", http_status, length, false);
                return (Err(failure), usage);
            }
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        let reason = self.finish_reason.as_ref().and_then(|path| path.find(&body)).and_then(Value::as_str);
        let status = reason.map_or(Status::Ok, ending);
        let said = Said { text: Some(text), finish_reason: reason.map(str::to_string), ..Said::default() };
        (Ok(said.ended(status)), usage)
    }

    fn error(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Failure {
        match serde_json::from_slice::<Value>(body).ok().and_then(|body| self.error_of(&body)) {
            Some(words) => words.failure(http_status, body.len()),
            None => Failure::from_response(http_status, body),
        }
    }

    fn stream(&self) -> Box<dyn StreamParser> {
        Box::new(wire::NoStream)
    }
}

/// How an answer ended that ended for `reason`, in the word of whichever vendor stands behind the service.
fn ending(reason: &str) -> Status {
    match reason.to_ascii_lowercase().as_str() {
        "length"
        | "max_tokens"
        | "max_output_tokens"
        | "truncated"
        | "model_context_window_exceeded"
        | "pause_turn"
        | "incomplete" => Status::Truncated,
        "content_filter"
        | "content_filtered"
        | "safety"
        | "recitation"
        | "blocklist"
        | "prohibited_content"
        | "spii"
        | "guardrail_intervened" => Status::ContentFiltered,
        "refusal" | "refused" => Status::Refused,
        _ => Status::Ok,
    }
}

/// The setting `http.authHeader`: the name and the value around the key.
fn auth_header(model: &Model) -> Result<(HeaderName, &str)> {
    let wrong = || {
        let what = "setting 'http.authHeader' must have the form Name: value, with {key} where the key goes";
        invalid(model, what)
    };
    let text = model.own("http.authHeader").unwrap_or(AUTH_HEADER);
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let value = value.trim();
    if !value.contains("{key}") || HeaderValue::from_str(value).is_err() {
        return Err(wrong());
    }
    Ok((HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?, value))
}

/// The templates of a model, parsed.
struct Templates {
    environment: Environment<'static>,
    /// The headers with a template, by their setting.
    headers: Vec<(HeaderName, String)>,
    /// The name of each option that a template uses.
    options: Vec<String>,
    /// Whether a template uses the options as a whole.
    all_options: bool,
    model: String,
    /// The model's name in the configuration.
    name: String,
}

impl Templates {
    fn new(model: &Model) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        let body = model.own(BODY).ok_or_else(|| invalid(model, "setting 'http.body' is missing"))?;
        let mut templates = Templates {
            environment,
            headers: Vec::new(),
            options: Vec::new(),
            all_options: false,
            model: model.model.clone(),
            name: model.name.clone(),
        };
        templates.add(model, BODY, body)?;
        for (name, value) in &model.headers {
            if value.expose().contains("{{") || value.expose().contains("{%") {
                let header = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| invalid(model, "a header name is not valid"))?;
                let setting = format!("headers.{name}");
                templates.add(model, &setting, value.expose())?;
                templates.headers.push((header, setting));
            }
        }
        Ok(templates)
    }

    fn add(&mut self, model: &Model, setting: &str, source: &str) -> Result<()> {
        let syntax = |e: &minijinja::Error| {
            let line = e.line().unwrap_or(1);
            invalid(model, &format!("setting '{setting}' is no template, line {line}: {}", e.kind()))
        };
        self.environment.add_template_owned(setting.to_string(), source.to_string()).map_err(|e| syntax(&e))?;
        let template = self.environment.get_template(setting).map_err(|e| syntax(&e))?;
        let globals: Vec<&str> = self.environment.globals().map(|(name, _)| name).collect();
        for used in template.undeclared_variables(true) {
            let mut parts = used.split('.');
            let variable = parts.next().unwrap_or_default();
            match (variable, parts.next()) {
                ("options", Some(option)) => self.options.push(option.to_string()),
                ("options", None) => self.all_options = true,
                _ if VARIABLES.contains(&variable) || globals.contains(&variable) => {}
                _ => {
                    let hint = hint(variable, VARIABLES.iter().copied());
                    let known = VARIABLES.join(", ");
                    let what = format!("setting '{setting}' uses '{variable}', which is none of {known}{hint}");
                    return Err(invalid(model, &what));
                }
            }
        }
        Ok(())
    }

    fn has_place_for(&self, option: &str) -> bool {
        let is_common = ["system", "repeat", "extra_body", "extra_headers"].contains(&option);
        is_common || self.all_options || self.options.iter().any(|used| used == option)
    }

    /// Renders with a prompt that shows a text which went in without `tojson`. What a template lacks in it, a row may have.
    fn try_out(&self) -> Result<()> {
        let messages = [Message::text(Role::User, "a \"quoted\" text \\ of\ntwo lines")];
        let options = jinja(&json!({}));
        let wrong = |setting: &str, what: &str| {
            Error::new(ErrorKind::InvalidModel, format!("model '{}': setting '{setting}' {what}", self.name))
        };
        for setting in self.headers.iter().map(|(_, setting)| setting.as_str()).chain([BODY]) {
            match self.render(setting, &messages, &options) {
                Err(e) if e.kind() == JinjaKind::UndefinedError => {}
                Err(e) => return Err(wrong(setting, &format!("does not render: {}", e.kind()))),
                Ok(text) if setting == BODY && serde_json::from_str::<Value>(&text).is_err() => {
                    let what = "does not render to JSON; texts go in by the filter tojson and without quotes around them: \
                        {\"question\": {{ prompt | tojson }}}";
                    return Err(wrong(setting, what));
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    fn render(
        &self,
        setting: &str,
        messages: &[Message<'_>],
        options: &JinjaValue,
    ) -> std::result::Result<String, minijinja::Error> {
        let prompt = messages.iter().rev().find(|message| message.role == Role::User).map(Message::joined_text);
        let system: Vec<_> =
            messages.iter().filter(|message| message.role.is_instruction()).map(Message::joined_text).collect();
        let listed: Vec<JinjaValue> = messages.iter().map(|message| jinja(&message_value(message))).collect();
        self.environment.get_template(setting)?.render(context! {
            prompt => prompt.unwrap_or_default(),
            system => system.join("\n\n"),
            messages => listed,
            model => &self.model,
            options,
        })
    }

    /// Renders for a row, whose values no error shows.
    fn render_row(&self, setting: &str, messages: &[Message<'_>], options: &JinjaValue) -> Result<String> {
        self.render(setting, messages, options).map_err(|e| {
            let what = match e.kind() {
                JinjaKind::UndefinedError => "it uses something that the request does not have",
                JinjaKind::InvalidOperation => "an operation does not fit its value",
                _ => "it fails for this request",
            };
            let line = e.line().unwrap_or(1);
            wire::row_error(&format!("setting '{setting}' does not render, line {line}: {what}"))
        })
    }
}

/// A JSON value as templates see it.
fn jinja(value: &Value) -> JinjaValue {
    match value {
        Value::Null => JinjaValue::from(()),
        Value::Bool(flag) => JinjaValue::from(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => JinjaValue::from(whole),
            (None, Some(whole)) => JinjaValue::from(whole),
            (None, None) => JinjaValue::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => JinjaValue::from(text.as_str()),
        Value::Array(items) => items.iter().map(jinja).collect(),
        Value::Object(fields) => {
            JinjaValue::from_pairs(fields.iter().map(|(name, value)| (name.as_str(), jinja(value))))
        }
    }
}

/// A message as templates see it: as OpenAI's chat completions have it.
fn message_value(message: &Message<'_>) -> Value {
    let parts = wire::parts(&message.content);
    let is_text = parts.iter().all(|part| matches!(part, Part::Text(_)));
    let content: Value = match is_text {
        true => message.joined_text().into(),
        false => parts.iter().map(part_value).collect(),
    };
    let mut value = json!({"role": message.role.name(), "content": content});
    if let Some(calls) = message.tool_calls {
        value["tool_calls"] = serde_json::from_str(calls).unwrap_or(Value::Null);
    }
    if let Some(id) = message.tool_call_id {
        value["tool_call_id"] = id.into();
    }
    value
}

fn part_value(part: &Part<'_>) -> Value {
    let url = match (part, wire::image(part)) {
        (Part::Text(text), _) => return json!({"type": "text", "text": text}),
        (_, Ok(Some(Image::Base64 { media_type, data }))) => format!("data:{media_type};base64,{data}"),
        (Part::ImageUrl(url), _) => (*url).to_string(),
        _ => String::new(),
    };
    json!({"type": "image_url", "image_url": {"url": url}})
}

struct TemplateFrame {
    templates: Templates,
    options: JinjaValue,
    extra: Option<Map<String, Value>>,
}

impl Frame for TemplateFrame {
    fn body(&self, messages: &[Message<'_>]) -> Result<Vec<u8>> {
        let text = self.templates.render_row(BODY, messages, &self.options)?;
        let no_json = || wire::row_error("setting 'http.body' does not render to JSON for this request");
        let Some(extra) = &self.extra else {
            serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|_| no_json())?;
            return Ok(text.into_bytes());
        };
        match serde_json::from_str(&text) {
            Ok(Value::Object(mut body)) => {
                wire::merge(&mut body, extra);
                Ok(Value::from(body).to_string().into_bytes())
            }
            Ok(_) => Err(wire::row_error("setting 'http.body' renders to no object, into which extra_body could go")),
            Err(_) => Err(no_json()),
        }
    }

    fn headers(&self, messages: &[Message<'_>]) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, setting) in &self.templates.headers {
            let text = self.templates.render_row(setting, messages, &self.options)?;
            let mut value = HeaderValue::from_str(&text).map_err(|_| {
                wire::row_error(&format!("setting '{setting}' renders to characters that a header cannot hold"))
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests;
