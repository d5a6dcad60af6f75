//! HTTP for the providers: one connection pool for the process, and faults of the connection as [`Failure`]s.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Request, Url};

use super::classify::{Failure, Retry};
use crate::completion::Status;
use crate::error::{Error, ErrorKind, Result};

/// The most that is read of one response.
const MAX_BODY: usize = 64 << 20;

/// The HTTP clients of a process, by connect timeout: reqwest fixes it for a client. Usually one.
#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<Duration, Client>>);

impl Clients {
    /// The client that gives up connecting after `connect_timeout`.
    pub fn get(&self, connect_timeout: Duration) -> Result<Client> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&connect_timeout) {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .connect_timeout(connect_timeout)
            // One request, one connection: HTTP/2 would put all on a few and queue them behind the server's stream limit.
            .http1_only()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(usize::MAX)
            .pool_idle_timeout(Duration::from_secs(60))
            // A key must not follow a redirect, and attempts are counted in one place only.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .user_agent(concat!("spark-assay/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::new(ErrorKind::Internal, format!("the HTTP client cannot be built: {e}")))?;
        clients.insert(connect_timeout, client.clone());
        Ok(client)
    }
}

/// A whole response.
#[derive(Debug)]
pub(super) struct HttpReply {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// Sends `body` and reads the whole response.
pub(super) async fn post(
    client: &Client,
    url: &Url,
    headers: HeaderMap,
    body: Bytes,
) -> std::result::Result<HttpReply, Failure> {
    let mut request = Request::new(Method::POST, url.clone());
    *request.headers_mut() = headers;
    *request.body_mut() = Some(body.into());
    let mut response = client.execute(request).await.map_err(|e| connection_failure(&e))?;
    let status = response.status().as_u16();
    let retry_after = if status == 200 { None } else { retry_after(response.headers(), SystemTime::now()) };
    let cut = |e: reqwest::Error| Failure {
        http_status: Some(status),
        ..Failure::transient(Status::NetworkError, format!("the connection broke within the answer{}", cause(&e)))
    };
    let Some(mut whole) = response.chunk().await.map_err(cut)? else {
        return Ok(HttpReply { status, retry_after, body: Bytes::new() });
    };
    // Most answers come in one chunk, which is then not copied.
    let mut more: Option<BytesMut> = None;
    while let Some(chunk) = response.chunk().await.map_err(cut)? {
        let body = more.get_or_insert_with(|| BytesMut::from(&whole[..]));
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Failure {
                status: Status::ServerError,
                message: format!("the answer is longer than {MAX_BODY} bytes"),
                retry: Retry::Never,
                http_status: Some(status),
                retry_after: None,
            });
        }
        body.extend_from_slice(&chunk);
    }
    if let Some(body) = more {
        whole = body.freeze();
    }
    Ok(HttpReply { status, retry_after, body: whole })
}

fn connection_failure(e: &reqwest::Error) -> Failure {
    let what = if e.is_connect() { "cannot connect" } else { "the connection broke before the answer" };
    if e.is_connect() && e.is_timeout() {
        return Failure::transient(Status::NetworkError, "cannot connect: no reply within connectTimeoutMs");
    }
    Failure::transient(Status::NetworkError, format!("{what}{}", cause(e)))
}

/// The kind of the I/O error beneath; the text of the outer errors holds the URL.
fn cause(e: &reqwest::Error) -> String {
    let mut source = e.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && io.kind() != std::io::ErrorKind::Other
        {
            return format!(": {}", io.kind());
        }
        source = inner.source();
    }
    String::new()
}

/// How long the server asks to wait: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date, else what
/// LiteLLM passes on from the provider behind it.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    // Longer than any row may take; keeps the arithmetic on instants safe.
    let seconds = |n: f64| Duration::from_secs_f64(n.min(1e7));
    if let Some(millis) = text("retry-after-ms").and_then(number) {
        return Some(seconds(millis / 1000.0));
    }
    let value = text("retry-after").or_else(|| text("llm_provider-retry-after"))?;
    match number(value) {
        Some(n) => Some(seconds(n)),
        None => Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    #[test]
    fn retry_after_in_all_its_forms() {
        let now = httpdate::parse_http_date("Fri, 31 Jul 2026 10:00:00 GMT").unwrap();
        let read = |pairs: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            retry_after(&headers, now).map(|d| d.as_millis())
        };
        assert_eq!(read(&[("retry-after", "2")]), Some(2000));
        assert_eq!(read(&[("retry-after", "0.5")]), Some(500));
        assert_eq!(read(&[("retry-after", "Fri, 31 Jul 2026 10:00:07 GMT")]), Some(7000));
        assert_eq!(read(&[("retry-after", "Fri, 31 Jul 2026 09:00:00 GMT")]), Some(0));
        assert_eq!(read(&[("retry-after-ms", "250"), ("retry-after", "9")]), Some(250));
        assert_eq!(read(&[("llm_provider-retry-after", "3")]), Some(3000));
        assert_eq!(read(&[("retry-after", "-1")]), None);
        assert_eq!(read(&[("retry-after", "soon")]), None);
        assert_eq!(read(&[]), None);
    }
}
