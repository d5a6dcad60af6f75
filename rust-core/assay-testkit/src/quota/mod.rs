//! Strict quotas: what a model admits, how that is counted, and the server's own account of it.

mod account;
mod usage;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Error;

pub(crate) use account::{Account, Demand, Refusal, Verdict};
pub use usage::{LimitUse, SecondUse, Usage, WindowUse};

/// What each model admits, per minute, and how that is counted. Only admitted requests count; a refused one takes nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// Requests.
    pub requests_per_minute: Option<u64>,
    /// Tokens of prompts.
    pub input_tokens_per_minute: Option<u64>,
    /// Tokens of answers.
    pub output_tokens_per_minute: Option<u64>,
    /// Tokens of prompts and answers together.
    pub tokens_per_minute: Option<u64>,
    /// The time over which the limits hold, a minute by default; of no meaning to a bucket. A window of a second admits a
    /// sixtieth, at least 1.
    pub window: Duration,
    /// How time is counted.
    pub kind: WindowKind,
    /// Which tokens of the answer are counted, and when.
    pub charge: Charge,
    /// What a bucket holds when it is full, as a time of refilling; at least one request or token.
    pub burst: Duration,
    /// What [`Charge::Reserved`] counts for a request that says no limit of its own.
    pub default_max_tokens: u64,
    /// Whether all models draw on one account; otherwise each has its own.
    pub is_shared: bool,
    /// How a client is told.
    pub hints: Hints,
}

/// How time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WindowKind {
    /// In no stretch of time as long as the window is more admitted than the limit: an exact log. The strictest rule.
    #[default]
    Sliding,
    /// One window after the other from the server's start, each with the full limit.
    Fixed,
    /// A bucket that fills all the time, at a sixtieth of the limit a second, and holds [`Quota::burst`] of it. What is
    /// larger than the bucket is admitted when the bucket is full, and leaves a debt.
    Bucket,
}

/// Which tokens of an answer are counted, and when. Tokens of the prompt are always counted at admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charge {
    /// Those that the answer will have (the server knows it beforehand), at admission.
    #[default]
    Actual,
    /// `max_tokens` of the request, or [`Quota::default_max_tokens`], at admission; never given back.
    Reserved,
    /// Those that the answer had, when it ends. A request is refused only while the account is at the limit already, so that
    /// the limit can be exceeded by what is under way.
    Settled,
}

/// How a client is told about limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// The form of Retry-After.
    pub retry_after: RetryAfterForm,
    /// Whether a refusal has `retry-after-ms` too.
    pub retry_after_ms: bool,
    /// Whether the provider's own rate headers are sent.
    pub rate_headers: bool,
}

/// The form of a Retry-After header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryAfterForm {
    /// Whole seconds, rounded up.
    #[default]
    Seconds,
    /// An HTTP date, rounded up to the second.
    Date,
    /// No such header.
    Off,
}

impl FromStr for RetryAfterForm {
    type Err = Error;

    fn from_str(text: &str) -> Result<RetryAfterForm, Error> {
        match text {
            "seconds" => Ok(RetryAfterForm::Seconds),
            "date" => Ok(RetryAfterForm::Date),
            "off" => Ok(RetryAfterForm::Off),
            _ => Err(Error::new(format!("a Retry-After is seconds, date or off, not {text:?}"))),
        }
    }
}

impl Default for Hints {
    fn default() -> Hints {
        Hints { retry_after: RetryAfterForm::Seconds, retry_after_ms: true, rate_headers: true }
    }
}

/// A way of counting: a kind of window and a charge, as `bucket`, `sliding`, `fixed`, `reserved`, `settled`, or both joined
/// as in `bucket+settled`. What is not said is `sliding` and the tokens that the answer will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counting {
    /// How time is counted.
    pub kind: WindowKind,
    /// Which tokens of the answer are counted, and when.
    pub charge: Charge,
}

impl FromStr for Counting {
    type Err = Error;

    fn from_str(text: &str) -> Result<Counting, Error> {
        let mut counting = Counting::default();
        for word in text.split('+') {
            match word {
                "bucket" => counting.kind = WindowKind::Bucket,
                "sliding" => counting.kind = WindowKind::Sliding,
                "fixed" => counting.kind = WindowKind::Fixed,
                "reserved" => counting.charge = Charge::Reserved,
                "settled" => counting.charge = Charge::Settled,
                _ => {
                    let what =
                        "a quota is counted as bucket, sliding, fixed, reserved or settled, or as two joined with +";
                    return Err(Error::new(format!("{what}, not {text:?}")));
                }
            }
        }
        Ok(counting)
    }
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            WindowKind::Sliding => "sliding",
            WindowKind::Fixed => "fixed",
            WindowKind::Bucket => "bucket",
        })?;
        f.write_str(match self.charge {
            Charge::Actual => "",
            Charge::Reserved => "+reserved",
            Charge::Settled => "+settled",
        })
    }
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    // In the order of `ALL`: a limit as a number is its place there.
    Requests,
    InputTokens,
    OutputTokens,
    Tokens,
}

impl Limit {
    pub(crate) const ALL: [Limit; 4] = [Limit::Requests, Limit::InputTokens, Limit::OutputTokens, Limit::Tokens];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Limit::Requests => "requests",
            Limit::InputTokens => "input_tokens",
            Limit::OutputTokens => "output_tokens",
            Limit::Tokens => "tokens",
        }
    }
}

/// What a request takes of a quota, or what was taken of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amounts {
    pub(crate) requests: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
}

impl Amounts {
    pub(crate) fn of(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Requests => self.requests,
            Limit::InputTokens => self.input_tokens,
            Limit::OutputTokens => self.output_tokens,
            Limit::Tokens => self.input_tokens + self.output_tokens,
        }
    }

    pub(crate) fn add(&mut self, other: &Amounts) {
        self.requests += other.requests;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
    }

    pub(crate) fn take(&mut self, other: &Amounts) {
        self.requests -= other.requests;
        self.input_tokens -= other.input_tokens;
        self.output_tokens -= other.output_tokens;
    }
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            requests_per_minute: None,
            input_tokens_per_minute: None,
            output_tokens_per_minute: None,
            tokens_per_minute: None,
            window: Duration::from_secs(60),
            kind: WindowKind::default(),
            charge: Charge::default(),
            burst: Duration::from_secs(1),
            default_max_tokens: 1024,
            is_shared: false,
            hints: Hints::default(),
        }
    }
}

impl Quota {
    pub(crate) fn is_unlimited(&self) -> bool {
        Limit::ALL.iter().all(|limit| self.per_minute(*limit).is_none())
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.window.is_zero() {
            return Err(Error::new("the window of a quota must not be 0"));
        }
        match Limit::ALL.iter().find(|limit| self.per_minute(**limit) == Some(0)) {
            Some(limit) => Err(Error::new(format!("a limit of 0 {} per minute admits nothing", limit.name()))),
            None => Ok(()),
        }
    }

    pub(crate) fn per_minute(&self, limit: Limit) -> Option<u64> {
        match limit {
            Limit::Requests => self.requests_per_minute,
            Limit::InputTokens => self.input_tokens_per_minute,
            Limit::OutputTokens => self.output_tokens_per_minute,
            Limit::Tokens => self.tokens_per_minute,
        }
    }

    /// The limit within one window; for a bucket, per minute.
    pub(crate) fn per_window(&self, limit: Limit) -> Option<u64> {
        let share = if self.kind == WindowKind::Bucket { 1.0 } else { self.window.as_secs_f64() / 60.0 };
        self.per_minute(limit).map(|per_minute| ((per_minute as f64 * share).round() as u64).max(1))
    }

    /// How these limits are counted.
    pub fn counting(&self) -> Counting {
        Counting { kind: self.kind, charge: self.charge }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_of_counting_have_names() {
        let read = |text: &str| text.parse::<Counting>().map(|counting| counting.to_string());
        assert_eq!(read("bucket"), Ok("bucket".to_string()));
        assert_eq!(read("reserved"), Ok("sliding+reserved".to_string()));
        assert_eq!(read("settled+bucket"), Ok("bucket+settled".to_string()));
        assert!(read("round").is_err());
    }
}
