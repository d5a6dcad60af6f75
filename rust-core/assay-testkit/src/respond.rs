//! Responses and their headers: errors, limits, what a script says.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use crate::body::Reply;
use crate::faults::Scripted;
use crate::quota::{Hints, Limit, Refusal, RetryAfterForm, Verdict};
use crate::{RetryAfter, chat};

pub(crate) const BAD_GATEWAY: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
    <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n";

/// A response with a whole body.
pub(crate) fn response(status: u16, content_type: &'static str, body: Bytes) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An error of OpenAI's shape.
pub(crate) fn error(status: u16, message: &str, kind: &str, code: Option<&str>) -> Response<Reply> {
    response(status, "application/json", chat::json_bytes(&chat::error(message, kind, code)))
}

pub(crate) fn rate_limit_error(limit: &str) -> Response<Reply> {
    let message = format!("Rate limit reached on {limit} per minute. Please try again later.");
    error(429, &message, limit, Some("rate_limit_exceeded"))
}

pub(crate) fn refused(refusal: &Refusal, rate_headers: HeaderMap, hints: Hints) -> Response<Reply> {
    match refusal {
        Refusal::Exhausted(limit, wait) => {
            let mut response = with_headers(rate_limit_error(limit_type(*limit)), rate_headers);
            put_retry_after(response.headers_mut(), *wait, hints);
            response
        }
        Refusal::TooLarge(limit) => {
            let message = "Request too large: it alone has more tokens than the limit. It cannot succeed as it is.";
            with_headers(error(429, message, limit_type(*limit), Some("rate_limit_exceeded")), rate_headers)
        }
    }
}

/// The `type` of OpenAI's error for a limit.
fn limit_type(limit: Limit) -> &'static str {
    if limit == Limit::Requests { "requests" } else { "tokens" }
}

pub(crate) fn scripted_response(scripted: &Scripted, status: u16) -> Response<Reply> {
    let mut response = match &scripted.body {
        Some(body) => response(status, "application/json", Bytes::from(body.clone())),
        None => {
            let kind = if status == 429 { "requests" } else { "scripted_error" };
            let code = (status == 429).then_some("rate_limit_exceeded");
            error(status, "The next request was told to end so.", kind, code)
        }
    };
    let headers = response.headers_mut();
    match &scripted.retry_after {
        Some(RetryAfter::Seconds(seconds)) => put(headers, "retry-after", seconds.to_string()),
        Some(RetryAfter::Text(text)) => put(headers, "retry-after", text.clone()),
        None => {}
    }
    if let Some(ms) = scripted.retry_after_ms {
        put(headers, "retry-after-ms", ms.to_string());
    }
    for (name, value) in &scripted.headers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            headers.remove(&name);
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
    response
}

pub(crate) fn with_headers(mut response: Response<Reply>, headers: HeaderMap) -> Response<Reply> {
    if !headers.is_empty() {
        response.headers_mut().extend(headers);
    }
    response
}

pub(crate) fn put(headers: &mut HeaderMap, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Retry-After and retry-after-ms, as far as they are wanted, rounded up.
pub(crate) fn put_retry_after(headers: &mut HeaderMap, wait: Duration, hints: Hints) {
    if wait.is_zero() {
        return;
    }
    let ms = wait.as_micros().div_ceil(1000) as u64;
    match hints.retry_after {
        RetryAfterForm::Seconds => {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
        }
        RetryAfterForm::Date => {
            // A date has no fractions: the next full second is not too early.
            let date = SystemTime::now() + wait + Duration::from_millis(999);
            put(headers, "retry-after", httpdate::fmt_http_date(date));
        }
        RetryAfterForm::Off => {}
    }
    if hints.retry_after_ms {
        put(headers, "retry-after-ms", ms.to_string());
    }
}

/// A duration as OpenAI's rate headers write it: `1m30s`, `7.5s`, `120ms`.
fn go_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..60_000 => format!("{}s", ms as f64 / 1000.0),
        _ => format!("{}m{}s", ms / 60_000, (ms % 60_000) as f64 / 1000.0),
    }
}

pub(crate) fn put_rate_headers(headers: &mut HeaderMap, verdict: &Verdict, hints: Hints) {
    if !hints.rate_headers {
        return;
    }
    if let Some(level) = &verdict.level(Limit::Requests) {
        put(headers, "x-ratelimit-limit-requests", level.limit.to_string());
        put(headers, "x-ratelimit-remaining-requests", level.remaining.to_string());
        put(headers, "x-ratelimit-reset-requests", go_duration(level.reset));
    }
    if let Some(level) = &verdict.level(Limit::Tokens) {
        put(headers, "x-ratelimit-limit-tokens", level.limit.to_string());
        put(headers, "x-ratelimit-remaining-tokens", level.remaining.to_string());
        put(headers, "x-ratelimit-reset-tokens", go_duration(level.reset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_openai_writes_them() {
        assert_eq!(go_duration(Duration::from_millis(120)), "120ms");
        assert_eq!(go_duration(Duration::from_millis(7500)), "7.5s");
        assert_eq!(go_duration(Duration::from_secs(90)), "1m30s");
    }

    #[test]
    fn retry_after_takes_the_form_that_is_wanted() {
        let headers = |hints: Hints| {
            let mut headers = HeaderMap::new();
            put_retry_after(&mut headers, Duration::from_millis(1200), hints);
            headers
        };
        let seconds = headers(Hints::default());
        assert_eq!(
            (seconds["retry-after"].as_bytes(), seconds["retry-after-ms"].as_bytes()),
            (&b"2"[..], &b"1200"[..])
        );
        let before = SystemTime::now();
        let date = headers(Hints { retry_after: RetryAfterForm::Date, retry_after_ms: false, ..Hints::default() });
        let until = httpdate::parse_http_date(date["retry-after"].to_str().unwrap()).unwrap();
        let wait = until.duration_since(before).unwrap();
        assert!(wait >= Duration::from_millis(1200) && wait <= Duration::from_millis(3200), "{wait:?}");
        assert!(!date.contains_key("retry-after-ms"));
        let off = headers(Hints { retry_after: RetryAfterForm::Off, retry_after_ms: false, ..Hints::default() });
        assert!(off.is_empty());
    }
}
