//! What the tests of the formats share.

use proptest::prelude::*;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::format::{Format, Parsed, StreamStep, format_of};
use super::{Answer, Failure, Model, Retry, completion_options};
use crate::completion::{Status, Usage};
use crate::error::{Error, ErrorKind, Result};
use crate::message::Message;
use crate::options::Options;
use crate::spec::{CallKind, ModelConf};

pub(super) fn try_model(provider: &str, settings: &[(&str, &str)]) -> Result<Model> {
    let base = [("provider", provider), ("model", "model-1")];
    let conf = base.iter().chain(settings).map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Model::from_conf(&ModelConf { name: "m".into(), conf })
}

pub(super) fn model(provider: &str, settings: &[(&str, &str)]) -> Model {
    try_model(provider, settings).unwrap()
}

pub(super) fn options(given: Value) -> Options {
    completion_options(given.as_object().unwrap()).unwrap()
}

/// The body of a request.
pub(super) fn body(model: &Model, given: Value, messages: &[Message<'_>]) -> Result<Value> {
    let format = format_of(model, CallKind::Complete)?;
    let options = options(given);
    format.check(model, &options)?;
    Ok(serde_json::from_slice(&format.frame(model, &options, false)?.body(messages)?).unwrap())
}

/// Asserts that each of `given` is refused at planning, in words that name the option and hold `says`.
pub(super) fn refused(model: &Model, given: &[(Value, &str, &str)]) {
    for (given, option, says) in given {
        let e = format_of(model, CallKind::Complete).unwrap().check(model, &options(given.clone())).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidOption, "{given}");
        assert!(e.message().contains(&format!("'{option}'")) && e.message().contains(says), "{given}: {e}");
        assert!(e.message().contains(model.provider.name()), "{e}");
    }
}

/// Asserts that a row with `messages` becomes `invalid_request`, in words that hold `says`.
pub(super) fn row_refused(result: Result<Value>, says: &str) {
    let e: Error = result.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::InvalidArgument, "{e}");
    assert!(e.message().contains(says), "{e}");
}

pub(super) fn parsed(format: &dyn Format, body: Value) -> Parsed {
    format.parse(200, &HeaderMap::new(), body.to_string().as_bytes())
}

/// What a stream of `bytes` comes to, read in pieces of `piece`.
pub(super) fn streamed(format: &dyn Format, bytes: &[u8], piece: usize, complete: bool) -> (Parsed, bool) {
    let (mut decoder, mut parser) = (format.decoder(), format.stream());
    let mut has_token = false;
    for piece in bytes.chunks(piece.max(1)) {
        let step = decoder.feed(piece, &mut |event, data| {
            let step = parser.event(event, data);
            has_token |= step == StreamStep::Token;
            step
        });
        match step {
            Ok(StreamStep::Done) => break,
            Ok(_) => {}
            Err(_) => return (parser.finish(200, false), has_token),
        }
    }
    (parser.finish(200, complete), has_token)
}

/// Server-sent events of `data`.
pub(super) fn sse(data: &[Value]) -> Vec<u8> {
    let event = |data: &Value| match data["type"].as_str() {
        Some(name) => format!("event: {name}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    };
    data.iter().map(event).collect::<String>().into_bytes()
}

/// Asserts what error responses come to: HTTP status, header, body, status, whether to try again.
pub(super) fn errors(format: &dyn Format, table: &[(u16, Value, Status, bool)]) {
    for (http_status, body, status, retryable) in table {
        let failure = format.error(*http_status, &HeaderMap::new(), body.to_string().as_bytes());
        assert_failure(&failure, *http_status, *status, *retryable, &body.to_string());
    }
}

pub(super) fn assert_failure(failure: &Failure, http_status: u16, status: Status, retryable: bool, what: &str) {
    let retry = if retryable { Retry::Backoff } else { Retry::Never };
    assert_eq!((failure.status, failure.retry), (status, retry), "{http_status} {what}: {}", failure.message);
    assert_eq!(failure.http_status, Some(http_status), "{what}");
    assert!(!failure.message.contains("secret"), "{}", failure.message);
}

pub(super) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let header =
        |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    pairs.iter().map(header).collect()
}

pub(super) fn answer(parsed: Parsed) -> Answer {
    parsed.0.unwrap()
}

pub(super) fn failure(parsed: Parsed) -> (Failure, Usage) {
    (parsed.0.unwrap_err(), parsed.1)
}

/// Asserts that bodies that are no answer are failures: cut ones of the network, others of the server.
pub(super) fn broken_bodies(format: &dyn Format, malformed: &[&str]) {
    let whole = |text: &str| format.parse(200, &HeaderMap::new(), text.as_bytes()).0.unwrap_err();
    for cut in ["", "{\"", "{\"content\": [{\"te", " "] {
        assert_eq!(whole(cut).status, Status::NetworkError, "{cut}");
    }
    for text in ["<html>secret</html>", "[]", "{}", "null", "1"].iter().chain(malformed) {
        let failure = whole(text);
        assert_failure(&failure, 200, Status::ServerError, true, text);
    }
}

/// Asserts that no bytes, and no change of a byte in `bodies` and in the stream `events`, make a parser panic, and that a
/// stream that is cut anywhere is never an answer.
pub(super) fn never_panics(format: &dyn Format, bodies: &[Value], events: &[u8]) {
    let bodies: Vec<Vec<u8>> = bodies.iter().map(|body| body.to_string().into_bytes()).collect();
    for cut in 0..events.len() {
        let (parsed, _) = streamed(format, &events[..cut], 50, false);
        assert!(parsed.0.is_err(), "cut at {cut}");
    }
    let changes = (prop::collection::vec(any::<u8>(), 0..64), any::<prop::sample::Index>(), any::<u8>(), 1usize..40);
    let mut runner = proptest::test_runner::TestRunner::default();
    let ran = runner.run(&changes, |(bytes, at, byte, piece)| {
        let mut all = bodies.clone();
        all.push(bytes.clone());
        for mut body in all {
            for _ in 0..2 {
                let _ = format.parse(200, &HeaderMap::new(), &body);
                let _ = format.error(400, &headers(&[("x-amzn-errortype", "a:b#c")]), &body);
                let _ = format.error(503, &HeaderMap::new(), &body);
                let _ = streamed(format, &body, piece, true);
                let _ = streamed(format, &[b"data: ", body.as_slice(), b"\n\n"].concat(), piece, false);
                if !body.is_empty() {
                    let at = at.index(body.len());
                    body[at] = byte;
                }
            }
        }
        if !events.is_empty() {
            let mut changed = events.to_vec();
            let at = at.index(events.len());
            changed[at] = byte;
            let _ = streamed(format, &changed, piece, true);
        }
        Ok(())
    });
    ran.unwrap();
}

/// A value that names itself, for tools and schemas.
pub(super) fn object() -> Value {
    json!({"type": "object", "properties": {"x": {"type": "integer"}}})
}
