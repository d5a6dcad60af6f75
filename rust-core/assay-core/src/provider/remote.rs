//! A model behind HTTP: one attempt at a request in any format.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime};

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::connect::{Channels, Clients};
use super::format::{Format, invalid};
use super::http::{self, StreamEnd};
use super::rate::RateHeaders;
use super::{Attempt, Failure, KeySource, Model, Prepared, Retry, Secret};
use crate::completion::Status;
use crate::error::Result;

pub(super) struct Remote {
    channels: Channels,
    format: Arc<dyn Format>,
    url: Url,
    headers: HeaderMap,
    model: Model,
    key: RwLock<Option<Secret>>,
}

impl Remote {
    /// Resolves the key of `model` on this machine. Errors: [`ErrorKind::MissingKey`](crate::ErrorKind::MissingKey).
    pub(super) fn open(model: &Model, format: Arc<dyn Format>, clients: &Clients) -> Result<Self> {
        let url = format.url(model, model.stream)?;
        let mut headers = format.headers(model)?;
        for (name, value) in &model.headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid(model, "a header name is not valid"))?;
            let mut value =
                HeaderValue::from_str(value.expose()).map_err(|_| invalid(model, "a header value is not valid"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let key = model.key.resolve().map_err(|e| e.context(format!("model '{}'", model.name)))?;
        // Finds a key that cannot be sent before anything is.
        format.sign(model, key.as_ref(), &url, &mut headers.clone(), b"", SystemTime::now())?;
        let channels = clients
            .get(&model.connection, model.max_concurrency)
            .map_err(|e| e.context(format!("model '{}'", model.name)))?;
        Ok(Remote { channels, format, url, headers, model: model.clone(), key: RwLock::new(key) })
    }

    /// Sends the request once.
    pub(super) async fn attempt(&self, request: &Prepared) -> Attempt {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut headers = self.headers.clone();
        for (name, value) in request.headers.iter() {
            headers.insert(name, value.clone());
        }
        let now = SystemTime::now();
        if let Err(e) = self.format.sign(&self.model, key.as_ref(), &self.url, &mut headers, &request.body, now) {
            return Attempt::failed(Failure {
                retry: Retry::Never,
                ..Failure::transient(Status::AuthFailed, e.message())
            });
        }
        let begun = Instant::now();
        let Some(client) = self.channels.next() else {
            return Attempt::failed(Failure::transient(Status::NetworkError, "there is no connection to the model"));
        };
        let sent = http::post(client, &self.url, headers, request.body.clone(), self.model.idle_timeout).await;
        let mut reply = match sent {
            Ok(reply) => reply,
            Err(failure) => return Attempt::failed(failure),
        };
        let now = SystemTime::now();
        let rate = RateHeaders::read(&reply.headers, now);
        let is_success = (200..300).contains(&reply.status);
        if is_success && self.model.stream && is_stream(&reply.headers) {
            let mut parser = self.format.stream();
            let (end, first_token) = reply.events(self.format.decoder().as_mut(), parser.as_mut()).await;
            let ttft = first_token.map(|at| at - begun);
            let (result, usage) = parser.finish(reply.status, matches!(end, StreamEnd::Complete));
            let result = match end {
                StreamEnd::Complete => result,
                // Why it was cut says more than that it was.
                StreamEnd::Failed(failure) => Err(failure),
            };
            return Attempt { result, usage, rate, ttft };
        }
        let body = match reply.body().await {
            Ok(body) => body,
            Err(failure) => return Attempt { rate, ..Attempt::failed(failure) },
        };
        if is_success {
            let (result, usage) = self.format.parse(reply.status, &reply.headers, &body);
            return Attempt { result, usage, rate, ttft: None };
        }
        let mut failure = self.format.error(reply.status, &reply.headers, &body);
        let asked = http::retry_after(&reply.headers, now).or(failure.retry_after);
        failure.retry_after = asked.or_else(|| if failure.status == Status::RateLimited { rate.wait() } else { None });
        // AWS answers 403 for credentials that have expired.
        if failure.status == Status::AuthFailed && self.key_was_replaced(key.as_ref()) {
            failure.retry = Retry::NewKey;
        }
        Attempt { rate, ..Attempt::failed(failure) }
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

/// Whether a body is a stream of events. A server that does not stream answers in one piece, as JSON.
fn is_stream(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    !content_type.trim_start().to_ascii_lowercase().starts_with("application/json")
}
