//! Requests: from a prompt and options to the bytes that are sent and the key that they are known by.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::cache::key::{KeyFrame, KeyParts, messages_json};
use crate::error::Result;
use crate::provider::{BodyFrame, Model, Prepared, completion_options, extra_headers};

/// One message of a chat.
#[derive(Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who says it, for instance `user`.
    pub role: &'a str,
    /// What is said.
    pub content: &'a str,
}

/// Makes the requests of one model with one set of options: all but the messages is built once.
///
/// ```
/// use assay_core::{inference::{Message, Requests}, provider::Model, spec::ModelConf};
/// let conf = [("provider", "mock"), ("model", "m")].map(|(k, v)| (k.to_string(), v.to_string())).into();
/// let model = Model::from_conf(&ModelConf { name: "m".into(), conf }).unwrap();
/// let options = serde_json::json!({"temperature": 0, "system": "Be brief."}).as_object().cloned().unwrap();
/// let requests = Requests::new(&model, &options).unwrap();
/// let hi = [Message { role: "user", content: "Hi" }];
/// assert_eq!(requests.canonical(&hi), r#"{"endpoint":"","key_version":1,"messages":[{"content":"Be brief.","role":"system"},{"content":"Hi","role":"user"}],"model":"m","options":{"temperature":0},"provider":"mock","repeat":0}"#);
/// assert_eq!(requests.key(&hi), requests.prepare(&hi).key);
/// ```
#[derive(Clone)]
pub struct Requests {
    system: Option<String>,
    key: KeyFrame,
    body: BodyFrame,
    headers: Arc<HeaderMap>,
}

impl Requests {
    /// Checks `options` (as the user gave them) and builds what all requests share.
    pub fn new(model: &Model, options: &Map<String, Value>) -> Result<Self> {
        let options = completion_options(options)?;
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
            provider: model.provider.name(),
            endpoint: &model.endpoint,
            api_version: model.api_version.as_deref(),
            model: &model.model,
            headers: &headers,
            options: &keyed,
            repeat: options.int("repeat").unwrap_or(0),
        });
        let header = |(name, value): &(String, String)| {
            let mut header = HeaderValue::from_str(value).ok()?;
            header.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, header))
        };
        Ok(Requests {
            system: options.text("system").map(str::to_string),
            key,
            body: BodyFrame::new(&model.model, &options),
            headers: Arc::new(own_headers.iter().filter_map(header).collect()),
        })
    }

    /// The request with these messages, behind the `system` option's.
    pub fn prepare(&self, messages: &[Message<'_>]) -> Prepared {
        let messages = self.messages(messages);
        Prepared {
            key: self.key.key(&messages),
            body: Bytes::from(self.body.body(&messages)),
            headers: Arc::clone(&self.headers),
        }
    }

    /// The cache key of the request with these messages: the value of `llm_request_key`.
    pub fn key(&self, messages: &[Message<'_>]) -> String {
        self.key.key(&self.messages(messages))
    }

    /// The canonical text that the key is the hash of: the value of `llm_request`. Holds no key and no secret header.
    pub fn canonical(&self, messages: &[Message<'_>]) -> String {
        self.key.canonical(&self.messages(messages))
    }

    fn messages(&self, messages: &[Message<'_>]) -> String {
        let system = self.system.as_deref().map(|content| ("system", content));
        messages_json(system.into_iter().chain(messages.iter().map(|m| (m.role, m.content))))
    }
}
