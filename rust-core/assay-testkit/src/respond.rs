//! Responses and their headers: errors, limits, what a script says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use crate::RetryAfter;
use crate::api::{Api, Cause, Problem, json_bytes};
use crate::body::Reply;
use crate::faults::Scripted;
use crate::quota::{Hints, Limit, Refusal, RetryAfterForm};

pub(crate) const BAD_GATEWAY: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
    <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n";

/// A response with a whole body.
pub(crate) fn response(status: u16, content_type: &'static str, body: Bytes) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An error in the words of a wire format, with what it says about waiting.
pub(crate) fn problem(api: &dyn Api, problem: &Problem, hints: Hints) -> Response<Reply> {
    let mut response = response(problem.status, "application/json", json_bytes(&api.error(problem)));
    if let Some(wait) = problem.wait
        && api.has_retry_after()
    {
        put_retry_after(response.headers_mut(), wait, hints);
    }
    response
}

pub(crate) fn rate_limit(limit: Limit, wait: Duration) -> Problem {
    let message = format!("Rate limit reached on {} per minute. Please try again later.", limit.name());
    Problem { wait: Some(wait), ..Problem::new(429, Cause::RateLimit(limit), message) }
}

pub(crate) fn refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Exhausted(limit, wait) => rate_limit(*limit, *wait),
        Refusal::TooLarge(limit) => {
            let message = "Request too large: it alone has more tokens than the limit. It cannot succeed as it is.";
            Problem::new(429, Cause::TooLarge(*limit), message)
        }
    }
}

pub(crate) fn scripted_response(api: &dyn Api, scripted: &Scripted, status: u16) -> Response<Reply> {
    let mut response = match &scripted.body {
        Some(body) => response(status, "application/json", Bytes::from(body.clone())),
        None => {
            let told = Problem::new(status, Cause::Scripted, "The next request was told to end so.");
            problem(api, &told, Hints::default())
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
pub(crate) fn go_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..60_000 => format!("{}s", ms as f64 / 1000.0),
        _ => format!("{}m{}s", ms / 60_000, (ms % 60_000) as f64 / 1000.0),
    }
}

/// A time as Anthropic's rate headers write it, in whole seconds of UTC, rounded up.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let seconds = (time.duration_since(UNIX_EPOCH).unwrap_or_default() + Duration::from_millis(999)).as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days are counted in years that begin in March, so that the leap day is the last: 719,468 lie before 1970.
    let day = days + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
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
    fn times_read_like_anthropic_writes_them() {
        let at = |seconds: u64, ms: u64| rfc3339(UNIX_EPOCH + Duration::from_millis(seconds * 1000 + ms));
        // Python: datetime.fromtimestamp(s, UTC).isoformat()
        assert_eq!(at(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399, 1), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_735_689_599, 0), "2024-12-31T23:59:59Z");
        assert_eq!(at(1_772_409_600, 0), "2026-03-02T00:00:00Z");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00Z");
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
