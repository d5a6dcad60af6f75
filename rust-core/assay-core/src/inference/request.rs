//! Requests: from a prompt and options to the bytes that are sent and the key that they are known by.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::cache::key::{KeyFrame, KeyParts, messages_json};
use crate::error::Result;
use crate::message::{Message, Role};
use crate::provider::format::{Format, Frame, format_of};
use crate::provider::{Model, Prepared, call_options, extra_headers, wants_json};
use crate::spec::CallKind;

/// Makes the requests of one model with one set of options: all but the messages is built once.
///
/// ```
/// use assay_core::{inference::Requests, message::{Message, Role}, provider::Model};
/// use assay_core::spec::{CallKind, ModelConf};
/// let conf = [("provider", "mock"), ("model", "m")].map(|(k, v)| (k.to_string(), v.to_string())).into();
/// let model = Model::from_conf(&ModelConf { name: "m".into(), conf }).unwrap();
/// let options = serde_json::json!({"temperature": 0, "system": "Be brief."}).as_object().cloned().unwrap();
/// let requests = Requests::new(&model, CallKind::Complete, &options).unwrap();
/// let hi = [Message::text(Role::User, "Hi")];
/// assert_eq!(requests.canonical(&hi).unwrap(), r#"{"endpoint":"","key_version":1,"messages":[{"content":"Be brief.","role":"system"},{"content":"Hi","role":"user"}],"model":"m","options":{"temperature":0},"provider":"mock","repeat":0}"#);
/// assert_eq!(requests.key(&hi).unwrap(), requests.prepare(&hi).unwrap().key);
/// ```
#[derive(Clone)]
pub struct Requests {
    system: Option<String>,
    key: KeyFrame,
    frame: Arc<dyn Frame>,
    headers: Arc<HeaderMap>,
    wants_json: bool,
    max_tokens: Option<u64>,
    keeps_canonical: bool,
}

impl Requests {
    /// Checks `options` (as the user gave them) and builds what all requests share.
    pub fn new(model: &Model, kind: CallKind, options: &Map<String, Value>) -> Result<Self> {
        Requests::in_format(model, kind, format_of(model, kind)?.as_ref(), options)
    }

    /// The same for a `format` that was made before.
    pub fn in_format(model: &Model, kind: CallKind, format: &dyn Format, options: &Map<String, Value>) -> Result<Self> {
        let options = call_options(kind, options)?;
        format.check(model, &options)?;
        let own_headers = extra_headers(&options);
        // The request's header stands over the model's of the same name, as it does when it is sent.
        let mut headers: Vec<(String, String)> = model
            .headers
            .iter()
            .filter(|(name, _)| !own_headers.iter().any(|(own, _)| own == name))
            .map(|(name, value)| (name.clone(), value.expose().to_string()))
            .collect();
        headers.extend(own_headers.iter().cloned());
        let keyed: Map<String, Value> = options
            .as_map()
            .iter()
            .filter(|(name, _)| !["system", "repeat", "extra_headers"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let key = KeyFrame::new(&KeyParts {
            kind,
            provider: model.provider.name(),
            endpoint: &model.endpoint,
            api_version: model.api_version.as_deref(),
            model: &model.model,
            headers: &headers,
            options: &keyed,
            repeat: options.int("repeat").unwrap_or(0),
            settings: &model.keyed().collect::<Vec<_>>(),
        });
        let header = |(name, value): &(String, String)| {
            let mut header = HeaderValue::from_str(value).ok()?;
            header.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, header))
        };
        Ok(Requests {
            system: options.text("system").map(str::to_string),
            key,
            frame: Arc::from(format.frame(model, &options, model.stream)?),
            wants_json: wants_json(&options),
            headers: Arc::new(own_headers.iter().filter_map(header).collect()),
            max_tokens: (options.int("max_completion_tokens").or(options.int("max_tokens")))
                .and_then(|most| u64::try_from(most).ok()),
            keeps_canonical: false,
        })
    }

    /// The same, with the canonical text in each request.
    #[must_use]
    pub fn keeping_canonical(self, keeps_canonical: bool) -> Self {
        Requests { keeps_canonical, ..self }
    }

    /// Whether the canonical text stands in each request.
    pub fn keeps_canonical(&self) -> bool {
        self.keeps_canonical
    }

    /// The request with these messages, behind the `system` option's. Errors, of this function and of those below:
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for messages that the format cannot carry.
    pub fn prepare(&self, messages: &[Message<'_>]) -> Result<Prepared> {
        self.with_all(messages, |messages| {
            let text = messages_json(messages)?;
            Ok(Prepared {
                key: self.key.key(&text),
                canonical: self.keeps_canonical.then(|| self.key.canonical(&text)),
                body: Bytes::from(self.frame.body(messages)?),
                headers: self.headers(messages)?,
                wants_json: self.wants_json,
                max_tokens: self.max_tokens,
            })
        })
    }

    fn headers(&self, messages: &[Message<'_>]) -> Result<Arc<HeaderMap>> {
        let mut headers = self.frame.headers(messages)?;
        if headers.is_empty() {
            return Ok(Arc::clone(&self.headers));
        }
        for (name, value) in self.headers.iter() {
            headers.insert(name, value.clone());
        }
        Ok(Arc::new(headers))
    }

    /// The cache key of the request with these messages: the value of `llm_request_key`.
    pub fn key(&self, messages: &[Message<'_>]) -> Result<String> {
        self.with_all(messages, |messages| Ok(self.key.key(&messages_json(messages)?)))
    }

    /// The canonical text that the key is the hash of: the value of `llm_request`. Holds no key and no secret header.
    pub fn canonical(&self, messages: &[Message<'_>]) -> Result<String> {
        self.with_all(messages, |messages| Ok(self.key.canonical(&messages_json(messages)?)))
    }

    fn with_all<T>(&self, messages: &[Message<'_>], make: impl Fn(&[Message<'_>]) -> Result<T>) -> Result<T> {
        let Some(system) = &self.system else { return make(messages) };
        let mut all = Vec::with_capacity(messages.len() + 1);
        all.push(Message::text(Role::System, system));
        all.extend(messages.iter().cloned());
        make(&all)
    }
}
