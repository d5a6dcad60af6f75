//! The options of `llm_complete` and `llm_embed`: names and meaning are those of the OpenAI API.

use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options, resolve};
use crate::spec::CallKind;

const fn option(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionInfo {
    OptionInfo { name, kind, default: "", doc, per_row: false }
}

const fn per_row(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionInfo {
    OptionInfo { name, kind, default: "", doc, per_row: true }
}

const COUNT: OptionKind = OptionKind::Int { min: 1, max: i64::MAX };
const PENALTY: OptionKind = OptionKind::Float { min: -2.0, max: 2.0 };

/// The options of `llm_complete`. Only those that are given are sent.
pub const FUNCTION: FunctionInfo = FunctionInfo {
    name: "llm_complete",
    options: &[
        per_row("system", OptionKind::Text, "The system message, sent before the prompt."),
        option("temperature", OptionKind::Float { min: 0.0, max: 2.0 }, "Sampling temperature."),
        option(
            "top_p",
            OptionKind::Float { min: 0.0, max: 1.0 },
            "Nucleus sampling: the probability mass to sample from.",
        ),
        per_row("max_tokens", COUNT, "The most tokens to answer; for servers that do not know max_completion_tokens."),
        per_row("max_completion_tokens", COUNT, "The most tokens to answer, reasoning included."),
        option("stop", OptionKind::TextList, "Texts at which the answer ends."),
        per_row("seed", OptionKind::Int { min: i64::MIN, max: i64::MAX }, "The seed for sampling."),
        option("presence_penalty", PENALTY, "Penalty for tokens that have appeared."),
        option("frequency_penalty", PENALTY, "Penalty for tokens by how often they have appeared."),
        option("logprobs", OptionKind::Bool, "Whether to return the log probability of each token."),
        option("top_logprobs", OptionKind::Int { min: 0, max: 20 }, "How many alternatives for each token to ask for."),
        option(
            "response_format",
            OptionKind::Json,
            "The form of the answer: {\"type\": \"json_object\"}, or {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"x\", \
             \"schema\": {...}}}. An answer that is then no JSON is parse_failed.",
        ),
        option("reasoning_effort", OptionKind::Text, "How much to reason, for instance low, medium or high."),
        per_row("tools", OptionKind::Json, "The tools that the model may call, as a list."),
        option("tool_choice", OptionKind::Json, "Which tool to call: auto, none, required or a tool."),
        option("parallel_tool_calls", OptionKind::Bool, "Whether one answer may call several tools."),
        per_row(
            "repeat",
            OptionKind::Int { min: 0, max: i64::MAX },
            "Which repetition of the same request this is: part of the cache key, not sent. 0 where it is not given.",
        ),
        option("extra_body", OptionKind::Json, "An object merged into the body of the request."),
        option("extra_headers", OptionKind::Json, "An object of headers to send with the request."),
    ],
};

/// The options of `llm_embed`. Only those that are given are sent.
pub const EMBED: FunctionInfo = FunctionInfo {
    name: "llm_embed",
    options: &[
        option("dimensions", COUNT, "How many numbers the vector shall have, for models that can shorten it."),
        option("extra_body", OptionKind::Json, "An object merged into the body of the request."),
        option("extra_headers", OptionKind::Json, "An object of headers to send with the request."),
    ],
};

/// The function that makes calls of `kind`.
pub fn function_of(kind: CallKind) -> &'static FunctionInfo {
    match kind {
        CallKind::Complete => &FUNCTION,
        CallKind::Embed => &EMBED,
    }
}

/// Checks the options of a call of `kind`.
pub fn call_options(kind: CallKind, given: &Map<String, Value>) -> Result<Options> {
    match kind {
        CallKind::Complete => completion_options(given),
        CallKind::Embed => {
            let options = resolve(&EMBED, given)?;
            check_extra(&EMBED, &options, &["model", "input", "encoding_format"])?;
            Ok(options)
        }
    }
}

/// What `extra_body` may not set: what has a place of its own, and what would change how the answer must be read.
const RESERVED: &[&str] = &["model", "messages", "stream", "stream_options", "n"];

/// Checks options against the table, and what the table cannot say.
///
/// ```
/// let given = serde_json::json!({"temperature": "0.5", "tools": {"type": "function"}}).as_object().cloned().unwrap();
/// let e = assay_core::provider::completion_options(&given).unwrap_err();
/// assert_eq!(e.message(), "llm_complete: option 'tools' takes a list of structs");
/// ```
pub fn completion_options(given: &Map<String, Value>) -> Result<Options> {
    if given.contains_key("n") {
        let message = "llm_complete makes one answer for each row and has no option 'n'; for more, give each row a number of \
                       its own and pass it as option 'repeat'";
        return Err(Error::new(ErrorKind::UnknownOption, message));
    }
    let options = resolve(&FUNCTION, given)?;
    let takes = |name: &str, what: &str| {
        Err(Error::new(ErrorKind::InvalidOption, format!("{}: option '{name}' {what}", FUNCTION.name)))
    };
    match options.get("tools") {
        None => {}
        Some(Value::Array(tools)) if tools.iter().all(Value::is_object) => {}
        Some(_) => return takes("tools", "takes a list of structs"),
    }
    if options.get("response_format").is_some_and(|format| !format.is_object()) {
        return takes("response_format", "takes a struct");
    }
    if options.get("tool_choice").is_some_and(|choice| !choice.is_object() && !choice.is_string()) {
        return takes("tool_choice", "takes a text or a struct");
    }
    check_extra(&FUNCTION, &options, RESERVED)?;
    Ok(options)
}

/// Checks what is passed through: `extra_body` may not set what is `reserved`.
fn check_extra(function: &FunctionInfo, options: &Options, reserved: &[&str]) -> Result<()> {
    let takes = |name: &str, what: &str| {
        Err(Error::new(ErrorKind::InvalidOption, format!("{}: option '{name}' {what}", function.name)))
    };
    match options.get("extra_body") {
        None => {}
        Some(Value::Object(body)) => {
            if let Some(name) = reserved.iter().find(|name| body.contains_key(**name)) {
                return takes("extra_body", &format!("cannot set '{name}'"));
            }
        }
        Some(_) => return takes("extra_body", "takes a struct"),
    }
    match options.get("extra_headers") {
        None => {}
        Some(Value::Object(headers)) => {
            for (name, value) in headers {
                let valid = HeaderName::from_bytes(name.as_bytes()).is_ok()
                    && value.as_str().is_some_and(|text| HeaderValue::from_str(text).is_ok());
                if !valid {
                    return takes("extra_headers", "takes a struct of texts that are valid as headers");
                }
            }
        }
        Some(_) => return takes("extra_headers", "takes a struct of texts"),
    }
    Ok(())
}

/// Whether `options` ask for JSON.
pub fn wants_json(options: &Options) -> bool {
    let kind = options.get("response_format").and_then(|format| format.get("type")).and_then(Value::as_str);
    matches!(kind, Some("json_object" | "json_schema"))
}

/// The headers of `extra_headers`, names in lower case.
pub fn extra_headers(options: &Options) -> Vec<(String, String)> {
    let headers = options.get("extra_headers").and_then(Value::as_object);
    headers
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn structs_are_checked() {
        for bad in [
            json!({"tools": "no json"}),
            json!({"tools": [1]}),
            json!({"response_format": "json"}),
            json!({"tool_choice": 1}),
            json!({"extra_body": [1]}),
            json!({"extra_body": {"messages": []}}),
            json!({"extra_body": {"stream": true}}),
            json!({"extra_headers": {"a b": "c"}}),
            json!({"extra_headers": {"a": 1}}),
            json!({"repeat": -1}),
            json!({"temperature": 3}),
        ] {
            let e = completion_options(bad.as_object().unwrap()).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::InvalidOption, "{bad}");
        }
        let e = completion_options(json!({"n": 3}).as_object().unwrap()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::UnknownOption);
        assert!(e.message().contains("'repeat'"), "{e}");
        let good = json!({"tools": "[{\"type\": \"function\"}]", "tool_choice": "auto", "extra_headers": {"X-A": "b"}});
        let options = completion_options(good.as_object().unwrap()).unwrap();
        assert_eq!(options.get("tools"), Some(&json!([{"type": "function"}])));
        assert_eq!(extra_headers(&options), [("x-a".to_string(), "b".to_string())]);
    }

    #[test]
    fn options_of_embeddings() {
        let options = |given: Value| call_options(CallKind::Embed, given.as_object().unwrap());
        assert_eq!(options(json!({"dimensions": "8"})).unwrap().int("dimensions"), Some(8));
        assert_eq!(options(json!({"dimensions": 0})).unwrap_err().kind(), ErrorKind::InvalidOption);
        let e = options(json!({"temperature": 0})).unwrap_err();
        assert!(e.message().starts_with("llm_embed has no option 'temperature'"), "{e}");
        let e = options(json!({"extra_body": {"input": "x"}})).unwrap_err();
        assert_eq!(e.message(), "llm_embed: option 'extra_body' cannot set 'input'");
    }

    #[test]
    fn json_is_asked_for_by_its_format() {
        let wants = |given: Value| wants_json(&completion_options(given.as_object().unwrap()).unwrap());
        assert!(wants(json!({"response_format": {"type": "json_object"}})));
        assert!(wants(json!({"response_format": "{\"type\": \"json_schema\", \"json_schema\": {}}"})));
        assert!(!wants(json!({"response_format": {"type": "text"}})));
        assert!(!wants(json!({})));
    }
}
