//! Extraction of an answer from a text.

use regex::Regex;
use serde_json::Value;

use super::Stop;
use super::json_text::{Path, find_json};
use super::numeric_match::Numbers;
use super::pattern::compile;
use crate::error::{Error, ErrorKind, Result};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_extract(text [, options])`: a part of a text, or NULL where the text does not have it.
///
/// - `whole`: the text itself, for `strip_reasoning`.
/// - `last_number`, `first_number`: a number as `llm_numeric_match` finds it, without the commas between thousands.
/// - `regex`: what `pattern` matches, or its `group`; the syntax is that of `llm_regex_match`.
/// - `json`: the first JSON value: the whole text, else what stands in a code fence, else the first object or
///   list; of it what stands at `path`. A string comes without quotes, null is NULL, all else is JSON text.
/// - `marker`: what follows the last `marker` to the end of its line, without whitespace at its ends.
/// - `gsm8k`: the rule `flexible-extract` of lm_eval 0.4.13's task gsm8k: the last match of
///   `(-?[$0-9.,]{2,})|(-?[0-9]+)`, or `[invalid]` where there is none. `llm_exact_match` with `normalize =
///   gsm8k` compares as that task does.
pub const EXTRACT: FunctionInfo = FunctionInfo {
    name: "llm_extract",
    options: &[
        OptionInfo {
            name: "method",
            kind: OptionKind::Choice(&["whole", "last_number", "first_number", "regex", "json", "marker", "gsm8k"]),
            default: "\"whole\"",
            doc: "What is taken from the text.",
            per_row: false,
        },
        OptionInfo {
            name: "strip_reasoning",
            kind: OptionKind::Bool,
            default: "false",
            doc: "Whether <think>...</think> is removed first, also where one tag is missing, and whitespace at the ends.",
            per_row: false,
        },
        OptionInfo {
            name: "pattern",
            kind: OptionKind::Text,
            default: "",
            doc: "The regular expression of method regex.",
            per_row: false,
        },
        OptionInfo {
            name: "group",
            kind: OptionKind::Int { min: 0, max: 1000 },
            default: "",
            doc: "Which group of the pattern, 0 for the whole match; by default the first that took part, if any.",
            per_row: false,
        },
        OptionInfo {
            name: "occurrence",
            kind: OptionKind::Choice(&["first", "last"]),
            default: "\"first\"",
            doc: "Which match of the pattern.",
            per_row: false,
        },
        OptionInfo {
            name: "path",
            kind: OptionKind::Text,
            default: "",
            doc: "Where in the JSON value: a path ($.a[0].b) or a JSON pointer (/a/0/b).",
            per_row: false,
        },
        OptionInfo {
            name: "marker",
            kind: OptionKind::Text,
            default: "\"####\"",
            doc: "The text before the answer, for method marker.",
            per_row: false,
        },
        OptionInfo {
            name: "fallback",
            kind: OptionKind::Text,
            default: "",
            doc: "What is given where the text does not have it, instead of NULL.",
            per_row: false,
        },
    ],
};

/// Extracts by the options of [`EXTRACT`].
///
/// ```
/// use assay_core::metrics::Stop;
/// use assay_core::metrics::extract::{EXTRACT, Extractor};
/// use assay_core::options::resolve;
///
/// let given = serde_json::from_str(r#"{"method": "last_number", "strip_reasoning": true}"#).unwrap();
/// let extractor = Extractor::new(&resolve(&EXTRACT, &given).unwrap(), &Stop::default()).unwrap();
/// assert_eq!(extractor.extract("<think>3 or 4?</think> It is 1,024.").as_deref(), Some("1024"));
/// assert_eq!(extractor.extract("No idea."), None);
/// ```
#[derive(Debug)]
pub struct Extractor {
    method: Method,
    strip_reasoning: bool,
    fallback: Option<String>,
    stop: Stop,
}

#[derive(Debug)]
enum Method {
    Whole,
    LastNumber,
    FirstNumber,
    Regex { regex: Regex, group: Option<usize>, last: bool },
    Json(Path),
    Marker(String),
    Gsm8k,
}

impl Extractor {
    /// Of checked options. Errors: [`ErrorKind::InvalidOption`] for a pattern that does not compile, a group that
    /// it does not have, a path that is none, an empty marker, and options that belong to another method.
    pub fn new(options: &Options, stop: &Stop) -> Result<Extractor> {
        let method = options.text("method").unwrap_or("whole");
        for (option, of) in [("pattern", "regex"), ("group", "regex"), ("path", "json")] {
            if options.get(option).is_some() && method != of {
                return Err(invalid(format!("option '{option}' belongs to method '{of}'")));
            }
        }
        let method = match method {
            "last_number" => Method::LastNumber,
            "first_number" => Method::FirstNumber,
            "regex" => {
                let pattern =
                    options.text("pattern").ok_or_else(|| invalid("method 'regex' needs a 'pattern'".into()))?;
                let regex = compile(pattern, false, false).map_err(|e| invalid(format!("option 'pattern': {e}")))?;
                let group = options.int("group").and_then(|group| usize::try_from(group).ok());
                if let Some(group) = group.filter(|&group| group >= regex.captures_len()) {
                    return Err(invalid(format!("the pattern has {} groups, not {group}", regex.captures_len() - 1)));
                }
                Method::Regex { regex, group, last: options.text("occurrence") == Some("last") }
            }
            "json" => {
                let path = Path::parse(options.text("path").unwrap_or("$"));
                Method::Json(path.map_err(|e| invalid(format!("option 'path': {e}")))?)
            }
            "marker" => match options.text("marker").unwrap_or("####") {
                "" => return Err(invalid("option 'marker' is empty".into())),
                marker => Method::Marker(marker.to_string()),
            },
            "gsm8k" => Method::Gsm8k,
            _ => Method::Whole,
        };
        let invalid_match = matches!(method, Method::Gsm8k).then_some("[invalid]");
        let fallback = options.text("fallback").or(invalid_match).map(str::to_string);
        Ok(Extractor { method, strip_reasoning: options.flag("strip_reasoning"), fallback, stop: stop.clone() })
    }

    /// What the text has of it.
    pub fn extract(&self, text: &str) -> Option<String> {
        let stripped = self.strip_reasoning.then(|| strip_reasoning(text));
        let text = stripped.as_deref().map_or(text, str::trim);
        self.find(text).or_else(|| self.fallback.clone())
    }

    fn find(&self, text: &str) -> Option<String> {
        match &self.method {
            Method::Whole => Some(text.to_string()),
            Method::LastNumber => Numbers(text).last().map(|number| number.replace(',', "")),
            Method::FirstNumber => Numbers(text).next().map(|number| number.replace(',', "")),
            Method::Regex { regex, group, last } => {
                let found = match last {
                    // Each match may look at all that is left of the text.
                    true => regex.captures_iter(text).take_while(|_| !self.stop.is_set()).last()?,
                    false => regex.captures(text)?,
                };
                let part = match group {
                    Some(group) => found.get(*group),
                    None => found.iter().skip(1).flatten().next().or_else(|| found.get(0)),
                };
                part.map(|part| part.as_str().to_string())
            }
            Method::Json(path) => match path.find(&find_json(text)?)? {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            Method::Marker(marker) => {
                let (_, rest) = text.rsplit_once(marker.as_str())?;
                rest.lines().next().or(Some("")).map(|line| line.trim().to_string())
            }
            Method::Gsm8k => flexible_extract(text).map(str::to_string),
        }
    }
}

fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidOption, format!("llm_extract: {what}"))
}

/// A text without its reasoning: what stands between tags, before a closing tag that was not opened (models whose
/// prompt ends with the opening one answer so), and after an opening tag that is not closed (the answer was cut
/// off).
fn strip_reasoning(text: &str) -> String {
    const OPEN: &str = "<think>";
    const CLOSE: &str = "</think>";
    let mut rest = match (text.find(OPEN), text.find(CLOSE)) {
        (open, Some(close)) if open.is_none_or(|open| close < open) => {
            text.get(close + CLOSE.len()..).unwrap_or_default()
        }
        _ => text,
    };
    let mut stripped = String::with_capacity(rest.len());
    while let Some((before, inside)) = rest.split_once(OPEN) {
        stripped.push_str(before);
        rest = inside.split_once(CLOSE).map_or("", |(_, after)| after);
    }
    stripped.push_str(rest);
    stripped
}

/// The last match of `(-?[$0-9.,]{2,})|(-?[0-9]+)`.
fn flexible_extract(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let is_part = |byte: &u8| matches!(byte, b'$' | b'0'..=b'9' | b'.' | b',');
    // From the end: a run is a match if it is longer than one or a digit, with a minus before it.
    let mut end = bytes.len();
    loop {
        end = bytes[..end].iter().rposition(is_part)? + 1;
        let start = bytes[..end].iter().rposition(|byte| !is_part(byte)).map_or(0, |before| before + 1);
        if end - start > 1 || bytes[start].is_ascii_digit() {
            let minus = usize::from(start > 0 && bytes[start - 1] == b'-');
            return text.get(start - minus..end);
        }
        end = start;
    }
}

#[cfg(test)]
mod tests;
