//! The seam between a wire format and the rest: what a provider's file says, and nothing about connections.

use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::anthropic::Anthropic;
use super::bedrock::Bedrock;
use super::classify::Failure;
use super::gemini::{Gemini, GeminiEmbeddings};
use super::generic::Generic;
use super::model::Model;
use super::openai::{AzureOpenAi, OpenAiChat, OpenAiEmbeddings, OpenAiResponses};
use super::secret::Secret;
use super::settings::ProviderKind;
use super::{Answer, sse};
use crate::completion::Usage;
use crate::error::{Error, ErrorKind, Result};
use crate::message::Message;
use crate::options::Options;
use crate::spec::CallKind;

/// An answer or why there is none, and what the provider bills for it.
pub type Parsed = (std::result::Result<Answer, Failure>, Usage);

/// One wire format: requests as bytes, responses as answers. Pure: it opens no connection.
pub trait Format: Send + Sync {
    /// Checks what of `options` this format can carry. What it cannot is an error at planning that names the option, the
    /// provider and the way out (see [`refuse`]); nothing is silently dropped. `options` holds what the user gave and the
    /// table checked.
    fn check(&self, model: &Model, options: &Options) -> Result<()>;

    /// Where requests go.
    fn url(&self, model: &Model, stream: bool) -> Result<Url>;

    /// Headers that hold no secret: content type, versions. The model's own headers stand over them.
    fn headers(&self, model: &Model) -> Result<HeaderMap>;

    /// The body around the messages, built once for many requests.
    fn frame(&self, model: &Model, options: &Options, stream: bool) -> Result<Box<dyn Frame>>;

    /// The header of the key: in `authorization` it goes after `Bearer `, in any other as it is.
    fn key_header(&self, _model: &Model) -> Result<HeaderName> {
        Ok(AUTHORIZATION)
    }

    /// Puts the key, or a signature over the request, on. Called for every attempt; `now` is for signatures.
    fn sign(
        &self,
        model: &Model,
        key: Option<&Secret>,
        _url: &Url,
        headers: &mut HeaderMap,
        _body: &[u8],
        _now: SystemTime,
    ) -> Result<()> {
        put_key(model, key, headers, self.key_header(model)?)
    }

    /// What a whole 2xx body says. The usage is what is billed, answer or not.
    fn parse(&self, http_status: u16, headers: &HeaderMap, body: &[u8]) -> Parsed;

    /// What an error response says. How long its headers ask to wait is read elsewhere; a format sets `retry_after` only from
    /// a body that says it.
    fn error(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Failure {
        Failure::from_response(http_status, body)
    }

    /// A parser for one streamed response.
    fn stream(&self) -> Box<dyn StreamParser>;

    /// Cuts the bytes of a streamed response into events: server-sent events, unless a format says otherwise.
    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(sse::SseDecoder::default())
    }
}

/// The body of requests around their messages.
pub trait Frame: Send + Sync {
    /// The body of the request with these messages. An error is the row's: it becomes `invalid_request`.
    fn body(&self, messages: &[Message<'_>]) -> Result<Vec<u8>>;

    /// Headers that depend on the messages or options; they stand over the model's and below those of `extra_headers`. An
    /// error is the row's.
    fn headers(&self, _messages: &[Message<'_>]) -> Result<HeaderMap> {
        Ok(HeaderMap::new())
    }
}

/// Reads the events of one streamed response.
pub trait StreamParser: Send {
    /// Takes one event: its name (`message` where it has none) and its data.
    fn event(&mut self, event: &str, data: &[u8]) -> StreamStep;

    /// The stream ended. `complete` is false where the connection broke. A stream without its end marker is `network_error`
    /// and never ok; usage seen so far is kept.
    fn finish(self: Box<Self>, http_status: u16, complete: bool) -> Parsed;
}

/// What an event was to the reader of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStep {
    /// Nothing of note; more is to come.
    Continue,
    /// A piece of the answer or of the reasoning.
    Token,
    /// The end: nothing that follows matters.
    Done,
}

/// Cuts a stream of bytes, however it is split, into events.
pub trait StreamDecoder: Send {
    /// Takes the next bytes and calls `event` with name and data of every event that they complete, until it says to stop.
    /// Errors: [`StreamFault`] for bytes that are no event, or for an event that is too long.
    fn feed(
        &mut self,
        bytes: &[u8],
        event: &mut dyn FnMut(&str, &[u8]) -> StreamStep,
    ) -> std::result::Result<StreamStep, StreamFault>;
}

/// Bytes of a stream that cannot be read, in words, without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamFault(pub &'static str);

/// The format in which `model` is asked for answers or for embeddings. The mock has no wire and reads requests of OpenAI's
/// form. Errors: [`ErrorKind::InvalidModel`] for settings that do not fit together, or a provider without embeddings.
pub fn format_of(model: &Model, kind: CallKind) -> Result<Arc<dyn Format>> {
    Ok(match (model.provider, kind) {
        (ProviderKind::Mock | ProviderKind::OpenAi, CallKind::Complete) => Arc::new(OpenAiChat),
        (ProviderKind::OpenAiResponses, CallKind::Complete) => Arc::new(OpenAiResponses::new(model)?),
        (ProviderKind::AzureOpenAi, CallKind::Complete) => {
            Arc::new(AzureOpenAi::new(model, OpenAiChat, "/chat/completions")?)
        }
        (ProviderKind::Mock | ProviderKind::OpenAi | ProviderKind::OpenAiResponses, CallKind::Embed) => {
            Arc::new(OpenAiEmbeddings)
        }
        (ProviderKind::AzureOpenAi, CallKind::Embed) => {
            Arc::new(AzureOpenAi::new(model, OpenAiEmbeddings, "/embeddings")?)
        }
        (ProviderKind::Anthropic, CallKind::Complete) => Arc::new(Anthropic),
        (ProviderKind::Gemini, CallKind::Complete) => Arc::new(Gemini),
        (ProviderKind::Gemini, CallKind::Embed) => Arc::new(GeminiEmbeddings),
        (ProviderKind::Bedrock, CallKind::Complete) => Arc::new(Bedrock),
        (ProviderKind::Http, CallKind::Complete) => Arc::new(Generic::new(model)?),
        (ProviderKind::Anthropic | ProviderKind::Bedrock | ProviderKind::Http, CallKind::Embed) => {
            return Err(invalid(model, &format!("provider {} has no embeddings", model.provider.name())));
        }
    })
}

/// An error at planning for the first of `unknown` options that was given.
///
/// Errors: [`ErrorKind::InvalidOption`].
pub fn refuse(model: &Model, options: &Options, unknown: &[&str]) -> Result<()> {
    match unknown.iter().find(|name| options.get(name).is_some()) {
        None => Ok(()),
        Some(name) => Err(Error::new(
            ErrorKind::InvalidOption,
            format!(
                "llm_complete: model '{}': provider {} has no option '{name}'; leave it out, or give the provider's own field \
                 in extra_body",
                model.name,
                model.provider.name()
            ),
        )),
    }
}

/// `endpoint` with `path` at its end. Errors: [`ErrorKind::InvalidModel`].
pub(super) fn join(model: &Model, path: &str) -> Result<Url> {
    Url::parse(&format!("{}{path}", model.endpoint)).map_err(|_| invalid(model, "setting 'endpoint' is not a URL"))
}

/// An [`ErrorKind::InvalidModel`] that says `what`.
pub(super) fn invalid(model: &Model, what: &str) -> Error {
    Error::new(ErrorKind::InvalidModel, format!("model '{}': {what}", model.name))
}

/// Puts `key` into the header `name`: after `Bearer ` where that is `authorization`, else as it is.
pub(super) fn put_key(model: &Model, key: Option<&Secret>, headers: &mut HeaderMap, name: HeaderName) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    let text = match name {
        AUTHORIZATION => format!("Bearer {}", key.expose()),
        _ => key.expose().to_string(),
    };
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| invalid(model, "the API key holds characters that a header cannot hold"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}
