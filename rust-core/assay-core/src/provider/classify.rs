//! The one place that decides what a failed attempt is called and whether to try again.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::completion::Status;

/// Whether and how to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Another attempt would end in the same way.
    Never,
    /// After a pause.
    Backoff,
    /// At once and only once: the key was replaced since.
    NewKey,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the row ends if this was the last attempt.
    pub status: Status,
    /// What is wrong. Holds neither prompt nor answer nor key.
    pub message: String,
    /// Whether and how to try again.
    pub retry: Retry,
    /// The HTTP status, where there was a response.
    pub http_status: Option<u16>,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure without an HTTP response that another attempt may mend.
    pub fn transient(status: Status, message: impl Into<String>) -> Self {
        Failure { status, message: message.into(), retry: Retry::Backoff, http_status: None, retry_after: None }
    }

    /// The failure that a response of `http_status` with `body` stands for.
    pub fn from_response(http_status: u16, body: &[u8]) -> Self {
        ErrorBody::read(body).failure(http_status, body.len())
    }
}

/// Words by which providers say that the account is out of money, which waiting does not mend.
const NO_MONEY: &[&str] = &[
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "account_deactivated",
    "credit_balance_too_low",
    "insufficient_credits",
    "billing_error",
    // Anthropic: the spend limits that an organization has or sets itself.
    "contract_spend_limit_reached",
    "enforced_spend_limit_reached",
    "linked_organization_spend_limit_reached",
    // Google.
    "billing_disabled",
    // Quotas of an account that do not come back within a row's time.
    "daily_quota_exceeded",
    "servicequotaexceededexception",
];

/// Words by which providers say that they do not take the key, under a status that does not say so itself.
const WRONG_KEY: &[&str] = &[
    // Anthropic.
    "authentication_error",
    "permission_error",
    "organization_on_hold",
    // Google.
    "api_key_invalid",
    "api_key_service_blocked",
    "unauthenticated",
    "permission_denied",
    // AWS.
    "accessdeniedexception",
    "unrecognizedclientexception",
    "expiredtokenexception",
    "invalidsignatureexception",
    "incompletesignatureexception",
    "missingauthenticationtokenexception",
];

/// Words for too many requests, under a status that does not say so itself.
const TOO_MANY: &[&str] = &[
    "rate_limit_exceeded",
    "rate_limit_error",
    "rate_limited",
    "too_many_requests",
    "resource_exhausted",
    "throttlingexception",
];

/// Words for a server that took too long.
const TIMED_OUT: &[&str] = &["timeout_error", "deadline_exceeded", "modeltimeoutexception"];

/// Words for a server that fails for now, under a status that says something else.
const FAILING: &[&str] = &[
    // AWS answers 424 where the model failed, and 429 where it is being started, which is no limit of ours.
    "modelerrorexception",
    "modelstreamerrorexception",
    "modelnotreadyexception",
    // Google answers 499.
    "cancelled",
];

/// Words for a request that is wrong as it stands, under a success.
const WRONG_REQUEST: &[&str] = &[
    "invalid_request_error",
    "context_length_exceeded",
    "invalid_prompt",
    "invalid_image",
    "not_found_error",
    "request_too_large",
    "invalid_argument",
    "not_found",
    "failed_precondition",
    "validationexception",
    "resourcenotfoundexception",
];

/// Words by which providers say that a filter held the prompt back.
const FILTERED: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "content_policy",
    "image_content_policy_violation",
    "responsibleaipolicyviolation",
    "moderation_blocked",
    "data_inspection_failed",
];

/// What a response of `http_status` is called, and whether to try again, given the machine words (`code`, `type`) of its
/// body in lower case. A 200 stands for an error that came under a success.
///
/// ```
/// use assay_core::{completion::Status, provider::classify};
/// assert_eq!(classify(429, &["rate_limit_exceeded"]), (Status::RateLimited, true));
/// assert_eq!(classify(429, &["insufficient_quota"]), (Status::QuotaExhausted, false));
/// ```
pub fn classify<S: AsRef<str>>(http_status: u16, words: &[S]) -> (Status, bool) {
    let said = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_ref()));
    match http_status {
        402 => (Status::QuotaExhausted, false),
        400 | 403 | 422 | 200..=299 if said(FILTERED) => (Status::ContentFiltered, false),
        400 | 401 | 403 | 429 | 200..=299 if said(FAILING) => (Status::ServerError, true),
        424 | 499 if said(FAILING) => (Status::ServerError, true),
        400 | 401 | 403 | 429 | 200..=299 if said(NO_MONEY) => (Status::QuotaExhausted, false),
        401 | 403 => (Status::AuthFailed, false),
        400 | 200..=299 if said(WRONG_KEY) => (Status::AuthFailed, false),
        408 => (Status::Timeout, true),
        500..=599 | 200..=299 if said(TIMED_OUT) => (Status::Timeout, true),
        // The lock timeout of OpenAI, and "too early".
        409 | 425 => (Status::ServerError, true),
        429 => (Status::RateLimited, true),
        400 | 200..=299 if said(TOO_MANY) => (Status::RateLimited, true),
        200..=299 if said(WRONG_REQUEST) => (Status::InvalidRequest, false),
        // A redirect is a wrong endpoint: keys do not follow it.
        300..=499 => (Status::InvalidRequest, false),
        _ => (Status::ServerError, true),
    }
}

/// The machine-readable words of an error body, each with what it is. Its `message` is never shown: it may quote the prompt or
/// the key.
#[derive(Debug, Default)]
pub(super) struct ErrorBody(Vec<(&'static str, String)>);

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    error: Value,
}

impl ErrorBody {
    /// Reads `{"error": {"code", "type", "innererror": {"code"}}}`, and nothing from a body of another form.
    pub(super) fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Envelope>(body) {
            Ok(envelope) => ErrorBody::from_error(&envelope.error),
            Err(_) => ErrorBody::default(),
        }
    }

    pub(super) fn from_error(error: &Value) -> Self {
        let inner = error.get("innererror").or_else(|| error.get("inner_error"));
        ErrorBody::default()
            .with("code", error.get("code"))
            .with("type", error.get("type"))
            .with("inner code", inner.and_then(|inner| inner.get("code")))
    }

    /// With `value` too, if it is a machine's word.
    pub(super) fn with(mut self, what: &'static str, value: Option<&Value>) -> Self {
        if let Some(word) = value.and_then(machine_word) {
            self.0.push((what, word));
        }
        self
    }

    /// The words in lower case.
    pub(super) fn words(&self) -> Vec<String> {
        self.0.iter().map(|(_, word)| word.to_ascii_lowercase()).collect()
    }

    /// An HTTP status that stands in `code`, as gateways write it.
    pub(super) fn http_status(&self) -> Option<u16> {
        let (_, code) = self.0.iter().find(|(what, _)| *what == "code")?;
        code.parse().ok().filter(|status| (400..600).contains(status))
    }

    /// The failure that a response of `http_status` with these words and a body of `length` bytes stands for.
    pub(super) fn failure(&self, http_status: u16, length: usize) -> Failure {
        let (status, retryable) = classify(http_status, &self.words());
        Failure {
            status,
            message: self.describe(http_status, length),
            retry: if retryable { Retry::Backoff } else { Retry::Never },
            http_status: Some(http_status),
            retry_after: None,
        }
    }

    pub(super) fn describe(&self, http_status: u16, length: usize) -> String {
        let mut message = format!("HTTP {http_status}");
        for (what, word) in &self.0 {
            message.push_str(&format!(", {what} {word}"));
        }
        message.push_str(&format!(", body of {length} bytes"));
        message
    }
}

/// A code as providers write them; anything else might be text that quotes the request.
fn machine_word(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number.as_u64().filter(|n| *n < 100_000).map(|n| n.to_string()),
        Value::String(text) => {
            let word = text.len() <= 48 && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
                || text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
            (word && !text.is_empty()).then(|| text.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::*;

    #[test]
    fn status_by_status() {
        for (http_status, words, expected) in [
            (200, &["server_error"][..], (ServerError, true)),
            (200, &[], (ServerError, true)),
            (200, &["rate_limit_exceeded"], (RateLimited, true)),
            (200, &["insufficient_quota"], (QuotaExhausted, false)),
            (200, &["content_filter"], (ContentFiltered, false)),
            (200, &["invalid_request_error"], (InvalidRequest, false)),
            (200, &["invalid_prompt"], (InvalidRequest, false)),
            (200, &["image_content_policy_violation"], (ContentFiltered, false)),
            (301, &[], (InvalidRequest, false)),
            (307, &[], (InvalidRequest, false)),
            (400, &["invalid_request_error"], (InvalidRequest, false)),
            (400, &["context_length_exceeded"], (InvalidRequest, false)),
            (400, &["content_policy_violation"], (ContentFiltered, false)),
            (400, &["content_filter", "responsibleaipolicyviolation"], (ContentFiltered, false)),
            (400, &["credit_balance_too_low"], (QuotaExhausted, false)),
            (401, &["invalid_api_key"], (AuthFailed, false)),
            (402, &[], (QuotaExhausted, false)),
            (403, &[], (AuthFailed, false)),
            (403, &["content_policy_violation"], (ContentFiltered, false)),
            (404, &["model_not_found"], (InvalidRequest, false)),
            (405, &[], (InvalidRequest, false)),
            (408, &[], (Timeout, true)),
            (409, &[], (ServerError, true)),
            (413, &[], (InvalidRequest, false)),
            (415, &[], (InvalidRequest, false)),
            (422, &[], (InvalidRequest, false)),
            (425, &[], (ServerError, true)),
            (429, &[], (RateLimited, true)),
            (429, &["rate_limit_exceeded", "tokens"], (RateLimited, true)),
            (429, &["insufficient_quota"], (QuotaExhausted, false)),
            (429, &["billing_hard_limit_reached"], (QuotaExhausted, false)),
            (500, &["server_error"], (ServerError, true)),
            (500, &["insufficient_quota"], (ServerError, true)),
            (502, &[], (ServerError, true)),
            (503, &[], (ServerError, true)),
            (504, &[], (ServerError, true)),
            (524, &[], (ServerError, true)),
            (529, &["overloaded_error"], (ServerError, true)),
        ] {
            assert_eq!(classify(http_status, words), expected, "{http_status} {words:?}");
        }
    }

    #[test]
    fn a_message_holds_words_and_no_text_of_the_provider() {
        let body = br#"{"error": {"message": "Incorrect API key sk-zz for 'my prompt'", "code": "invalid_api_key",
            "type": "my prompt is here"}}"#;
        let failure = Failure::from_response(401, body);
        assert_eq!(failure.message, format!("HTTP 401, code invalid_api_key, body of {} bytes", body.len()));
        let failure = Failure::from_response(502, b"<html>Bad gateway</html>");
        assert_eq!(failure.message, "HTTP 502, body of 24 bytes");
        let failure = Failure::from_response(400, br#"{"error": {"code": "sk-proj-1a2b3c"}}"#);
        assert_eq!(failure.message, "HTTP 400, body of 37 bytes");
        let azure = br#"{"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}"#;
        assert_eq!(Failure::from_response(400, azure).status, ContentFiltered);
    }
}
