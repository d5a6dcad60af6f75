//! HTTP for the providers: one exchange, and faults of the connection as [`Failure`]s.

use std::error::Error as _;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Request, Url};
use tokio::time::timeout;

use super::classify::{Failure, Retry};
use super::format::{StreamDecoder, StreamParser, StreamStep};
use crate::completion::Status;

/// The most that is read of one response.
const MAX_BODY: usize = 64 << 20;

/// How long to wait for the end of a body whose end marker was read.
const DRAIN: Duration = Duration::from_millis(20);

/// A response whose body is still to be read.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    response: reqwest::Response,
    idle: Option<Duration>,
}

/// Sends `body` and waits for the head of the response. Its body may bring nothing for `idle`, if that is given, before
/// it is cut.
pub(super) async fn post(
    client: &Client,
    url: &Url,
    headers: HeaderMap,
    body: Bytes,
    idle: Option<Duration>,
) -> Result<Reply, Failure> {
    let mut request = Request::new(Method::POST, url.clone());
    *request.headers_mut() = headers;
    *request.body_mut() = Some(body.into());
    let mut response = client.execute(request).await.map_err(|e| connection_failure(&e))?;
    let headers = std::mem::take(response.headers_mut());
    Ok(Reply { status: response.status().as_u16(), headers, response, idle })
}

impl Reply {
    /// The next piece of the body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let next = self.response.chunk();
        let chunk = match self.idle {
            None => Ok(next.await),
            Some(idle) => timeout(idle, next).await.map_err(|_| idle),
        };
        let failure = match chunk {
            Ok(Ok(chunk)) => return Ok(chunk),
            Ok(Err(e)) => {
                Failure::transient(Status::NetworkError, format!("the connection broke within the answer{}", cause(&e)))
            }
            Err(idle) => {
                Failure::transient(Status::Timeout, format!("the answer stood still for {} ms", idle.as_millis()))
            }
        };
        Err(Failure { http_status: Some(self.status), ..failure })
    }

    /// The whole body.
    pub(super) async fn body(&mut self) -> Result<Bytes, Failure> {
        let Some(whole) = self.chunk().await? else { return Ok(Bytes::new()) };
        // Most answers come in one chunk, which is then not copied.
        let mut more: Option<BytesMut> = None;
        while let Some(chunk) = self.chunk().await? {
            let body = more.get_or_insert_with(|| BytesMut::from(&whole[..]));
            if body.len() + chunk.len() > MAX_BODY {
                return Err(self.too_long());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(more.map_or(whole, BytesMut::freeze))
    }

    /// Reads the body as a stream of events into `parser`, and says when the first token came.
    pub(super) async fn events(
        &mut self,
        decoder: &mut dyn StreamDecoder,
        parser: &mut dyn StreamParser,
    ) -> (StreamEnd, Option<Instant>) {
        let mut first_token = None;
        let mut read = 0;
        loop {
            let chunk = match self.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return (StreamEnd::Complete, first_token),
                Err(failure) => return (StreamEnd::Failed(failure), first_token),
            };
            read += chunk.len();
            if read > MAX_BODY {
                return (StreamEnd::Failed(self.too_long()), first_token);
            }
            let mut is_token = false;
            let step = decoder.feed(&chunk, &mut |event, data| {
                let step = parser.event(event, data);
                is_token |= step == StreamStep::Token;
                step
            });
            if is_token {
                first_token.get_or_insert_with(Instant::now);
            }
            match step {
                Ok(StreamStep::Done) => {
                    // What still comes is nothing, or little; reading it lets the connection be used again.
                    let _ = timeout(DRAIN, self.response.chunk()).await;
                    return (StreamEnd::Complete, first_token);
                }
                Ok(_) => {}
                Err(fault) => {
                    let failure =
                        Failure { http_status: Some(self.status), ..Failure::transient(Status::ServerError, fault.0) };
                    return (StreamEnd::Failed(failure), first_token);
                }
            }
        }
    }

    fn too_long(&self) -> Failure {
        Failure {
            retry: Retry::Never,
            http_status: Some(self.status),
            ..Failure::transient(Status::ServerError, format!("the answer is longer than {MAX_BODY} bytes"))
        }
    }
}

/// How the reading of a stream ended.
pub(super) enum StreamEnd {
    /// The parser had its end marker, or the body ended as HTTP says it must.
    Complete,
    /// It was cut.
    Failed(Failure),
}

fn connection_failure(e: &reqwest::Error) -> Failure {
    let what = if e.is_connect() { "cannot connect" } else { "the connection broke before the answer" };
    if e.is_connect() && e.is_timeout() {
        return Failure::transient(Status::NetworkError, "cannot connect: no reply within connectTimeoutMs");
    }
    if e.is_connect() && io_kind(e) == Some(io::ErrorKind::InvalidData) {
        // Another attempt meets the same certificate.
        return Failure {
            retry: Retry::Never,
            ..Failure::transient(
                Status::NetworkError,
                "cannot connect: the certificate of the server is not trusted, or it speaks no TLS; caFile names the \
                 certificates of an authority of your own",
            )
        };
    }
    Failure::transient(Status::NetworkError, format!("{what}{}", cause(e)))
}

/// The kind of the I/O error beneath; the text of the outer errors holds the URL.
fn cause(e: &reqwest::Error) -> String {
    io_kind(e).map_or_else(String::new, |kind| format!(": {kind}"))
}

fn io_kind(e: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut source = e.source();
    while let Some(inner) = source {
        source = match inner.downcast_ref::<io::Error>() {
            Some(io) if io.kind() != io::ErrorKind::Other => return Some(io.kind()),
            // What an I/O error wraps is not its source, but what stands in its place.
            Some(io) => io.get_ref().map(|wrapped| wrapped as &(dyn std::error::Error + 'static)),
            None => inner.source(),
        };
    }
    None
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
