//! Providers: a model's settings, the options of a call, and one file per wire format.
//!
//! A provider makes one attempt and says how it ended. When to try again, and how many at once, is decided in
//! [`inference`](crate::inference).

mod classify;
mod http;
pub mod mock;
mod model;
mod openai;
mod options;
mod price;
mod secret;

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};

pub use classify::{Failure, Retry, classify};
pub use http::Clients;
pub use model::{MockConf, Model, ProviderKind, SETTINGS, Setting, check_model};
pub use openai::BodyFrame;
pub use options::{FUNCTION, completion_options, extra_headers};
pub use price::{Listed, LongPrice, Price, price_of, price_source};
pub use secret::{KeySource, Secret};

use crate::completion::{Status, Usage};
use crate::error::{Error, ErrorKind, Result};

/// What a model said.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Ok, truncated, refused or content_filtered.
    pub status: Status,
    /// The answer, where the status is ok.
    pub text: Option<String>,
    /// What came of an answer that is not ok.
    pub partial_text: Option<String>,
    /// The reasoning, where the provider shows it.
    pub reasoning: Option<String>,
    /// Tool calls as JSON text.
    pub tool_calls: Option<String>,
    /// The log probability of each token.
    pub logprobs: Option<Vec<f64>>,
    /// The provider's word for why the answer ends.
    pub finish_reason: Option<String>,
    /// The model that the provider says answered.
    pub model_answered: Option<String>,
}

/// A request, ready to be sent as often as it takes. Not `Debug`: it holds a prompt.
#[derive(Clone)]
pub struct Prepared {
    /// The cache key.
    pub key: String,
    /// The body.
    pub body: Bytes,
    /// Headers of this request's own.
    pub headers: Arc<HeaderMap>,
}

/// How one attempt ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// An answer, or why there is none.
    pub result: std::result::Result<Answer, Failure>,
    /// What the provider says it will bill, answer or not.
    pub usage: Usage,
}

/// One model, ready to be called from this process.
#[derive(Debug)]
pub struct Provider {
    wire: Wire,
}

#[derive(Debug)]
enum Wire {
    OpenAi(Box<OpenAi>),
    Mock(Box<mock::Mock>),
}

#[derive(Debug)]
struct OpenAi {
    client: Client,
    url: Url,
    headers: HeaderMap,
    auth_header: HeaderName,
    model: Model,
    key: RwLock<Option<Secret>>,
}

impl Provider {
    /// Resolves the key of `model` on this machine. Errors: [`ErrorKind::MissingKey`].
    pub fn open(model: &Model, clients: &Clients) -> Result<Self> {
        let wire = match model.provider {
            ProviderKind::Mock => Wire::Mock(Box::new(mock::Mock::new(model)?)),
            ProviderKind::OpenAi => Wire::OpenAi(Box::new(OpenAi::open(model, clients)?)),
        };
        Ok(Provider { wire })
    }

    /// Sends the request once.
    pub async fn attempt(&self, request: &Prepared) -> Attempt {
        match &self.wire {
            Wire::Mock(mock) => mock.attempt(&request.key, &request.body).await,
            Wire::OpenAi(openai) => openai.attempt(request).await,
        }
    }
}

impl OpenAi {
    fn open(model: &Model, clients: &Clients) -> Result<Self> {
        let invalid = |what: &str| Error::new(ErrorKind::InvalidModel, format!("model '{}': {what}", model.name));
        let mut url = Url::parse(&format!("{}/chat/completions", model.endpoint))
            .map_err(|_| invalid("setting 'endpoint' is not a URL"))?;
        if let Some(version) = &model.api_version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &model.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("a header name is not valid"))?;
            let value = HeaderValue::from_str(value.expose()).map_err(|_| invalid("a header value is not valid"))?;
            headers.insert(name, sensitive(value));
        }
        // Azure, the one with api-version, takes its keys in a header of its own.
        let auth_header = if model.api_version.is_some() { HeaderName::from_static("api-key") } else { AUTHORIZATION };
        let key = model.key.resolve().map_err(|e| e.context(format!("model '{}'", model.name)))?;
        if let Some(key) = &key
            && HeaderValue::from_str(key.expose()).is_err()
        {
            return Err(invalid("the API key holds characters that a header cannot hold"));
        }
        let client = clients.get(model.connect_timeout)?;
        Ok(OpenAi { client, url, headers, auth_header, model: model.clone(), key: RwLock::new(key) })
    }

    async fn attempt(&self, request: &Prepared) -> Attempt {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut headers = self.headers.clone();
        if let Some(key) = &key {
            let text = match self.auth_header {
                AUTHORIZATION => format!("Bearer {}", key.expose()),
                _ => key.expose().to_string(),
            };
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(self.auth_header.clone(), sensitive(value));
            }
        }
        for (name, value) in request.headers.iter() {
            headers.insert(name, value.clone());
        }
        let failed = |failure| Attempt { result: Err(failure), usage: Usage::default() };
        let reply = match http::post(&self.client, &self.url, headers, request.body.clone()).await {
            Ok(reply) => reply,
            Err(failure) => return failed(failure),
        };
        if (200..300).contains(&reply.status) {
            let (result, usage) = openai::parse(reply.status, &reply.body);
            return Attempt { result, usage };
        }
        let mut failure = Failure::from_response(reply.status, &reply.body, reply.retry_after);
        if reply.status == 401 && self.key_was_replaced(key.as_ref()) {
            failure.retry = Retry::NewKey;
        }
        failed(failure)
    }

    /// Reads the key file again and says whether there is another key than `used`, which the server did not take.
    fn key_was_replaced(&self, used: Option<&Secret>) -> bool {
        if !matches!(self.model.key, KeySource::File(_)) {
            return false;
        }
        let mut current = self.key.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref() == used
            && let Ok(read) = self.model.key.resolve()
        {
            *current = read;
        }
        current.as_ref() != used
    }
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
