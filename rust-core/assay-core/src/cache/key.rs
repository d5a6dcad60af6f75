//! The canonical form of a request and its key.
//!
//! # Key version 1, byte by byte
//!
//! The key is the SHA-256 of the canonical text in UTF-8, as 64 lower-case hexadecimal digits. The canonical text is one
//! JSON object without white space between its tokens:
//!
//! ```json
//! {"api_version":"2026-01-01","endpoint":"https://api.openai.com/v1","headers":{"x-team":"a"},"key_version":1,
//!  "messages":[{"content":"Hi","role":"user"}],"model":"gpt","options":{"temperature":0.2},"provider":"openai","repeat":0}
//! ```
//!
//! (on one line). `api_version` is there only where one is configured, `headers` and `settings` only where there are any; the
//! rest always is, `options` as `{}` where none was given. `"kind":"embed"` stands behind `key_version` for an embedding, whose
//! text is the content of one message of the user, and nothing there for an answer. `settings` holds what the model's configuration says about how
//! answers are made or read, as text by name.
//! - `endpoint` has no slash at its end. `headers` are the configured ones and the request's, names in lower case, without
//!   those that carry a secret ([`is_secret_header`]).
//! - `messages` are those that are sent, the `system` option being the first of them. Text is taken as it is: white space,
//!   case and Unicode form all count. Content in parts is a list of `{"text","type":"text"}`, `{"image_url","type":
//!   "image_url"}` and `{"media_type","sha256","type":"image"}`, where `sha256` is that of the image's bytes. A message
//!   without content has `null`; `tool_call_id` and `tool_calls` are there only where the message has them.
//! - `options` are the other options that were given, as their types say, so that `1`, `1.0` and `'1'` for a temperature are
//!   one; `repeat` stands outside and is 0 where it was not given.
//!
//! Inside, keys are sorted by their UTF-8 bytes, at every level. In text, `"` and `\` are escaped by a backslash, the
//! control characters as `\b`, `\t`, `\n`, `\f`, `\r` or else `\u00xx` in lower case, and nothing else is. Whole numbers
//! are written in decimal and exactly. Other numbers are IEEE doubles and written as ECMAScript writes them (RFC 8785): the
//! shortest digits that give the same double; `1` for 1.0 and for -0.0 `0`; an exponent (`1e-7`, `1e+21`) below 1e-6 and
//! from 1e21 on.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::message::{Content, Message, Part};
use crate::spec::CallKind;

/// The version of the canonical form. Another version never hits answers of this one.
pub const KEY_VERSION: u32 = 1;

/// What a key covers besides the messages.
#[derive(Clone)]
pub struct KeyParts<'a> {
    /// What is asked for.
    pub kind: CallKind,
    /// The wire format, for instance `openai`.
    pub provider: &'a str,
    /// The base URL, without a slash at its end.
    pub endpoint: &'a str,
    /// The version of the API, where one is configured.
    pub api_version: Option<&'a str>,
    /// The model as the provider names it.
    pub model: &'a str,
    /// Headers that may change the answer; names in any case. Secret ones are left out here.
    pub headers: &'a [(String, String)],
    /// The options, without `system`, `repeat` and `extra_headers`.
    pub options: &'a Map<String, Value>,
    /// Which repetition of the same request this is.
    pub repeat: i64,
    /// Settings of the model that may change how an answer is made or read; those that were given.
    pub settings: &'a [(&'a str, &'a str)],
}

/// The canonical text around the messages: made once for many requests that differ in their messages only.
///
/// ```
/// use assay_core::cache::key::{KeyFrame, KeyParts, messages_json, sha256_hex};
/// use assay_core::message::{Message, Role};
/// use assay_core::spec::CallKind;
/// let frame = KeyFrame::new(&KeyParts { kind: CallKind::Complete, provider: "openai", endpoint: "http://h/v1", api_version: None, model: "m",
///     headers: &[], options: &serde_json::Map::new(), repeat: 0, settings: &[] });
/// let messages = messages_json(&[Message::text(Role::User, "Hi")]).unwrap();
/// let text = frame.canonical(&messages);
/// assert_eq!(text, r#"{"endpoint":"http://h/v1","key_version":1,"messages":[{"content":"Hi","role":"user"}],"model":"m","options":{},"provider":"openai","repeat":0}"#);
/// assert_eq!(frame.key(&messages), sha256_hex(text.as_bytes()));
/// ```
#[derive(Clone)]
pub struct KeyFrame {
    head: String,
    tail: String,
}

impl KeyFrame {
    /// The frame of requests with these `parts`.
    pub fn new(parts: &KeyParts<'_>) -> Self {
        let mut head = String::from("{");
        if let Some(version) = parts.api_version {
            head.push_str("\"api_version\":");
            write_text(version, &mut head);
            head.push(',');
        }
        head.push_str("\"endpoint\":");
        write_text(parts.endpoint, &mut head);
        let headers: BTreeMap<String, &String> = parts
            .headers
            .iter()
            .filter(|(name, _)| !is_secret_header(name))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        if !headers.is_empty() {
            head.push_str(",\"headers\":");
            write_object(headers.iter(), &mut head, |value, out| write_text(value, out));
        }
        head.push_str(&format!(",\"key_version\":{KEY_VERSION}"));
        if parts.kind == CallKind::Embed {
            head.push_str(",\"kind\":\"embed\"");
        }
        head.push_str(",\"messages\":");

        let mut tail = String::from(",\"model\":");
        write_text(parts.model, &mut tail);
        tail.push_str(",\"options\":");
        write_map(parts.options, &mut tail);
        tail.push_str(",\"provider\":");
        write_text(parts.provider, &mut tail);
        tail.push_str(&format!(",\"repeat\":{}", parts.repeat));
        if !parts.settings.is_empty() {
            let settings: BTreeMap<&str, &str> = parts.settings.iter().copied().collect();
            tail.push_str(",\"settings\":");
            write_object(settings.iter(), &mut tail, |value, out| write_text(value, out));
        }
        tail.push('}');
        KeyFrame { head, tail }
    }

    /// The canonical text of the request with these `messages` (see [`messages_json`]).
    pub fn canonical(&self, messages: &str) -> String {
        [self.head.as_str(), messages, &self.tail].concat()
    }

    /// The key of the request with these `messages`, without building its text.
    pub fn key(&self, messages: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(&self.head);
        hasher.update(messages);
        hasher.update(&self.tail);
        hex(&hasher.finalize())
    }
}

/// The canonical text of a list of messages. Errors: [`ErrorKind::InvalidArgument`] for `tool_calls` that are no JSON list.
pub fn messages_json(messages: &[Message<'_>]) -> Result<String> {
    let mut out = String::from("[");
    for (i, message) in messages.iter().enumerate() {
        out.push_str(if i == 0 { "{\"content\":" } else { ",{\"content\":" });
        match &message.content {
            Content::Empty => out.push_str("null"),
            Content::Text(text) => write_text(text, &mut out),
            Content::Parts(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    out.push(if i == 0 { '[' } else { ',' });
                    write_part(part, &mut out);
                }
                out.push_str(if parts.is_empty() { "[]" } else { "]" });
            }
        }
        out.push_str(",\"role\":");
        write_text(message.role.name(), &mut out);
        if let Some(id) = message.tool_call_id {
            out.push_str(",\"tool_call_id\":");
            write_text(id, &mut out);
        }
        if let Some(calls) = message.tool_calls {
            let calls: Vec<Value> = serde_json::from_str(calls)
                .map_err(|_| Error::new(ErrorKind::InvalidArgument, "tool_calls of a message must be a JSON list"))?;
            out.push_str(",\"tool_calls\":");
            write_value(&Value::from(calls), &mut out);
        }
        out.push('}');
    }
    out.push(']');
    Ok(out)
}

fn write_part(part: &Part<'_>, out: &mut String) {
    match part {
        Part::Text(text) => {
            out.push_str("{\"text\":");
            write_text(text, out);
            out.push_str(",\"type\":\"text\"}");
        }
        Part::ImageUrl(url) => {
            out.push_str("{\"image_url\":");
            write_text(url, out);
            out.push_str(",\"type\":\"image_url\"}");
        }
        Part::Image { bytes, media_type } => {
            out.push_str("{\"media_type\":");
            write_text(media_type, out);
            out.push_str(",\"sha256\":");
            write_text(&sha256_hex(bytes), out);
            out.push_str(",\"type\":\"image\"}");
        }
    }
}

/// The SHA-256 of `bytes` as lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)] as char, DIGITS[usize::from(b & 15)] as char]).collect()
}

/// The 32 bytes of a key that is written as 64 hexadecimal digits.
pub(super) fn key_bytes(key: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = key.as_bytes().as_chunks::<2>();
    let pairs: &[[u8; 2]; 32] = pairs.try_into().ok().filter(|_| rest.is_empty())?;
    let digit = |byte: u8| (byte as char).to_digit(16);
    let mut out = [0; 32];
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = (digit(*high)? * 16 + digit(*low)?) as u8;
    }
    Some(out)
}

/// A key's 64 hexadecimal digits.
pub(super) fn key_text(key: &[u8]) -> String {
    hex(key)
}

/// Whether a header carries a secret, which neither a key nor a preview may hold.
///
/// ```
/// use assay_core::cache::key::is_secret_header;
/// assert!(is_secret_header("Authorization") && is_secret_header("x-goog-api-key") && is_secret_header("X-Token"));
/// assert!(!is_secret_header("x-team") && !is_secret_header("x-max-tokens"));
/// ```
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let words = ["authorization", "api-key", "apikey", "cookie", "secret", "password", "credential"];
    words.iter().any(|word| name.contains(word)) || name.ends_with("token")
}

/// `value` in canonical form.
///
/// ```
/// use assay_core::cache::key::canonical_json;
/// let value = serde_json::json!({"b": [1.0, 0.2, -0.0, 1e-7], "a": "x\n\u{e9}"});
/// assert_eq!(canonical_json(&value), r#"{"a":"x\né","b":[1,0.2,0,1e-7]}"#);
/// ```
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(double) if number.is_f64() => write_double(double, out),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => write_map(map, out),
    }
}

fn write_map(map: &Map<String, Value>, out: &mut String) {
    // Sorted here as well: a crate elsewhere in the build may turn on serde_json's `preserve_order`.
    let sorted: BTreeMap<&String, &Value> = map.iter().collect();
    write_object(sorted.iter(), out, |value, out| write_value(value, out));
}

fn write_object<'a, K: AsRef<str> + 'a, V: 'a>(
    entries: impl Iterator<Item = (&'a K, &'a V)>,
    out: &mut String,
    write: impl Fn(&V, &mut String),
) {
    out.push('{');
    for (i, (name, value)) in entries.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_text(name.as_ref(), out);
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

fn write_text(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut clean = 0;
    for (i, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // Every byte below 0x80 is a character of its own, so this slices at character borders.
        out.push_str(&text[clean..i]);
        clean = i + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
    }
    out.push_str(&text[clean..]);
    out.push('"');
}

/// ECMAScript's Number::toString. JSON has no number that is not finite.
fn write_double(double: f64, out: &mut String) {
    if double == 0.0 {
        out.push('0');
        return;
    }
    let scientific = format!("{:e}", double.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    // The value is 0.digits x 10^point.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = digits.len() as i32;
    if double < 0.0 {
        out.push('-');
    }
    match point {
        1..=21 if count <= point => {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', (point - count) as usize));
        }
        1..=21 => {
            out.push_str(&digits[..point as usize]);
            out.push('.');
            out.push_str(&digits[point as usize..]);
        }
        -5..=0 => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', -point as usize));
            out.push_str(&digits);
        }
        _ => {
            out.push_str(&digits[..1]);
            if count > 1 {
                out.push('.');
                out.push_str(&digits[1..]);
            }
            out.push_str(if point > 0 { "e+" } else { "e-" });
            out.push_str(&(point - 1).abs().to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Role;
    use proptest::prelude::*;
    use serde_json::json;

    fn parts<'a>(options: &'a Map<String, Value>, headers: &'a [(String, String)]) -> KeyParts<'a> {
        KeyParts {
            kind: CallKind::Complete,
            provider: "openai",
            endpoint: "https://api.openai.com/v1",
            api_version: None,
            model: "gpt",
            headers,
            options,
            repeat: 0,
            settings: &[],
        }
    }

    fn texts(pairs: &[(Role, &str)]) -> String {
        let messages: Vec<Message<'_>> = pairs.iter().map(|(role, content)| Message::text(*role, content)).collect();
        messages_json(&messages).unwrap()
    }

    /// The hashes were computed with Python's hashlib from the texts.
    #[test]
    fn vectors() {
        let options = json!({"temperature": 0.2, "stop": ["END"]}).as_object().cloned().unwrap();
        let headers =
            [("X-Team".to_string(), "a".to_string()), ("Authorization".to_string(), "Bearer sk-1".to_string())];
        let frame = KeyFrame::new(&KeyParts { api_version: Some("2026-01-01"), ..parts(&options, &headers) });
        let messages = texts(&[(Role::System, "Be \"brief\"."), (Role::User, " Hi\n\u{e9}\u{1f}\\ ")]);
        assert_eq!(
            frame.canonical(&messages),
            concat!(
                r#"{"api_version":"2026-01-01","endpoint":"https://api.openai.com/v1","headers":{"x-team":"a"},"#,
                r#""key_version":1,"messages":[{"content":"Be \"brief\".","role":"system"},"#,
                r#"{"content":" Hi\né\u001f\\ ","role":"user"}],"model":"gpt","#,
                r#""options":{"stop":["END"],"temperature":0.2},"provider":"openai","repeat":0}"#
            )
        );
        assert_eq!(frame.key(&messages), "5c4fac179edbd421673c9dece99966d4c5c6353f3aea3a4f2b0beee65eff64dc");
        let none = Map::new();
        let frame = KeyFrame::new(&parts(&none, &[]));
        assert_eq!(
            frame.key(&texts(&[(Role::User, "Hi")])),
            "0c5d56529df214cc3793a05fddc14e4d8401e86a71764e2a65662dc74d6903b7"
        );
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn messages_with_parts_and_tools() {
        let user = Message {
            content: Content::Parts(vec![
                Part::Text("What is \"this\"?"),
                Part::ImageUrl("http://h/a.png"),
                Part::Image { bytes: b"abc", media_type: "image/png" },
            ]),
            ..Message::text(Role::User, "")
        };
        let call = Message {
            content: Content::Empty,
            tool_calls: Some(r#"[{"type": "function", "id": "c1", "function": {"name": "f", "arguments": "{}"}}]"#),
            ..Message::text(Role::Assistant, "")
        };
        let result = Message { tool_call_id: Some("c1"), ..Message::text(Role::Tool, "4") };
        assert_eq!(
            messages_json(&[user, call.clone(), result]).unwrap(),
            concat!(
                r#"[{"content":[{"text":"What is \"this\"?","type":"text"},{"image_url":"http://h/a.png","type":"image_url"},"#,
                r#"{"media_type":"image/png","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","#,
                r#""type":"image"}],"role":"user"},"#,
                r#"{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{}","name":"f"},"id":"c1","#,
                r#""type":"function"}]},{"content":"4","role":"tool","tool_call_id":"c1"}]"#
            )
        );
        let e = messages_json(&[Message { tool_calls: Some("sk-zz"), ..call }]).unwrap_err();
        assert_eq!(e.message(), "tool_calls of a message must be a JSON list");
    }

    #[test]
    fn every_part_counts() {
        let none = Map::new();
        let one = json!({"seed": 1}).as_object().cloned().unwrap();
        let headers = [("x-a".to_string(), "1".to_string())];
        let base = parts(&none, &[]);
        let hi = texts(&[(Role::User, "Hi")]);
        let keys: std::collections::BTreeSet<String> = [
            KeyFrame::new(&base).key(&hi),
            KeyFrame::new(&base).key(&texts(&[(Role::User, "Hi ")])),
            KeyFrame::new(&base).key(&texts(&[(Role::System, "Hi")])),
            KeyFrame::new(&KeyParts { provider: "mock", ..base.clone() }).key(&hi),
            KeyFrame::new(&KeyParts { endpoint: "http://other", ..base.clone() }).key(&hi),
            KeyFrame::new(&KeyParts { model: "gpt2", ..base.clone() }).key(&hi),
            KeyFrame::new(&KeyParts { api_version: Some("1"), ..base.clone() }).key(&hi),
            KeyFrame::new(&KeyParts { repeat: 1, ..base.clone() }).key(&hi),
            KeyFrame::new(&KeyParts { options: &one, ..base.clone() }).key(&hi),
            KeyFrame::new(&KeyParts { headers: &headers, ..base.clone() }).key(&hi),
            KeyFrame::new(&KeyParts { settings: &[("a", "1")], ..base.clone() }).key(&hi),
            KeyFrame::new(&KeyParts { settings: &[("a", "2")], ..base.clone() }).key(&hi),
            KeyFrame::new(&KeyParts { kind: CallKind::Embed, ..base }).key(&hi),
        ]
        .into();
        assert_eq!(keys.len(), 13);
    }

    #[test]
    fn numbers_as_ecmascript_writes_them() {
        for (text, expected) in [
            ("1.0", "1"),
            ("-0.0", "0"),
            ("0.1", "0.1"),
            ("-1.5", "-1.5"),
            ("100.0", "100"),
            ("123.456", "123.456"),
            ("1e-6", "0.000001"),
            ("1e-7", "1e-7"),
            ("1.5e-9", "1.5e-9"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("5e-324", "5e-324"),
            ("9007199254740993", "9007199254740993"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(canonical_json(&serde_json::from_str(text).unwrap()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_text_reads_back_as_the_value(text in any::<String>(), double in any::<f64>(), whole in any::<i64>()) {
            prop_assume!(double.is_finite());
            let value = json!({"t": text.clone(), text: [whole]});
            prop_assert_eq!(&serde_json::from_str::<Value>(&canonical_json(&value)).unwrap(), &value);
            let read: f64 = canonical_json(&json!(double)).parse().unwrap();
            prop_assert_eq!(read, double);
        }
    }
}
