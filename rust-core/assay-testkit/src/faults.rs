//! What goes wrong, how often, or in which order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::Finish;
use crate::config::{Error, check_share};
use crate::hash::StableHash;

/// A way for a request to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// `429`: status 429 with Retry-After and retry-after-ms.
    TooManyRequests,
    /// `500`: status 500 with an error body.
    ServerError,
    /// `502html`: status 502 with an HTML page, as proxies send it.
    BadGatewayHtml,
    /// `503`: status 503 with an error body.
    Unavailable,
    /// `reset`: the connection is reset (TCP RST) without an answer.
    Reset,
    /// `stall`: no answer ever, the connection stays open.
    Stall,
    /// `stall-body`: status 200, half of the body, then nothing; the connection stays open.
    StallBody,
    /// `truncated`: status 200, half of the body, then the connection is closed before content-length is reached.
    Truncated,
    /// `malformed`: status 200 with JSON that does not parse.
    Malformed,
    /// `error200`: status 200 with an error body.
    Error200,
    /// `slow`: the right answer, late by [`Faults::slow_by`].
    Slow,
    /// `529`: status 529, overloaded, as Anthropic sends it.
    Overloaded,
    /// `dribble`: the right answer in twenty pieces over [`Faults::slow_by`]; a stream has that much between two events
    /// spread over them all.
    Dribble,
    /// `stream-error`: half of a stream, then an event with an error. What is not streamed is `error200`.
    StreamError,
    /// `refusal`: the model refuses, in the format's own way.
    Refusal,
    /// `content-filter`: the provider's filter ends the answer half way, or blocks the prompt.
    ContentFilter,
    /// `length`: the answer ends half way as though at its limit of tokens.
    Length,
    /// `empty`: status 200 with usage and without an answer.
    Empty,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: &'static [FaultKind] = &[
        FaultKind::TooManyRequests,
        FaultKind::ServerError,
        FaultKind::BadGatewayHtml,
        FaultKind::Unavailable,
        FaultKind::Reset,
        FaultKind::Stall,
        FaultKind::StallBody,
        FaultKind::Truncated,
        FaultKind::Malformed,
        FaultKind::Error200,
        FaultKind::Slow,
        FaultKind::Overloaded,
        FaultKind::Dribble,
        FaultKind::StreamError,
        FaultKind::Refusal,
        FaultKind::ContentFilter,
        FaultKind::Length,
        FaultKind::Empty,
    ];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::TooManyRequests => "429",
            FaultKind::ServerError => "500",
            FaultKind::BadGatewayHtml => "502html",
            FaultKind::Unavailable => "503",
            FaultKind::Reset => "reset",
            FaultKind::Stall => "stall",
            FaultKind::StallBody => "stall-body",
            FaultKind::Truncated => "truncated",
            FaultKind::Malformed => "malformed",
            FaultKind::Error200 => "error200",
            FaultKind::Slow => "slow",
            FaultKind::Overloaded => "529",
            FaultKind::Dribble => "dribble",
            FaultKind::StreamError => "stream-error",
            FaultKind::Refusal => "refusal",
            FaultKind::ContentFilter => "content-filter",
            FaultKind::Length => "length",
            FaultKind::Empty => "empty",
        }
    }

    /// Whether the model ran, so that by default the tokens are billed although the client may get nothing of use.
    pub fn is_billed(self) -> bool {
        use FaultKind::*;
        matches!(self, StallBody | Truncated | Malformed | Slow | Dribble | Refusal | ContentFilter | Length | Empty)
    }

    /// Whether the client gets a whole and right answer.
    pub(crate) fn is_answered(self) -> bool {
        matches!(self, FaultKind::Slow | FaultKind::Dribble)
    }

    /// How the answer ends, where the fault lies in the answer and not on its way.
    pub(crate) fn finish(self) -> Option<Finish> {
        match self {
            FaultKind::Refusal => Some(Finish::Refusal),
            FaultKind::ContentFilter => Some(Finish::ContentFilter),
            FaultKind::Length => Some(Finish::Length),
            FaultKind::Empty => Some(Finish::Empty),
            _ => None,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<FaultKind, Error> {
        FaultKind::ALL.iter().copied().find(|kind| kind.name() == text).ok_or_else(|| {
            let names: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
            Error::new(format!("a fault is one of {}, not {text:?}", names.join(", ")))
        })
    }
}

impl Serialize for FaultKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for FaultKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<FaultKind, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The share of requests that each kind of fault hits.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// Probabilities; together at most 1.
    pub probabilities: BTreeMap<FaultKind, f64>,
    /// What a random 429 asks to wait; zero sends no such header.
    pub retry_after: Duration,
    /// What [`FaultKind::Slow`] adds to the latency, and over which [`FaultKind::Dribble`] spreads an answer.
    pub slow_by: Duration,
    /// Which faults are billed as whole answers, in place of [`FaultKind::is_billed`].
    pub billed: Option<BTreeSet<FaultKind>>,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            probabilities: BTreeMap::new(),
            retry_after: Duration::from_secs(1),
            slow_by: Duration::from_secs(5),
            billed: None,
        }
    }
}

impl Faults {
    /// No fault but this one.
    pub fn only(kind: FaultKind, probability: f64) -> Faults {
        Faults { probabilities: BTreeMap::from([(kind, probability)]), ..Faults::default() }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        for (kind, probability) in &self.probabilities {
            check_share(kind.name(), *probability)?;
        }
        let total: f64 = self.probabilities.values().sum();
        // Shares that add up to 1 on paper may exceed it by a rounding.
        check_share("the probability of all faults together", if total > 1.0 { total - 1e-9 } else { total })
    }

    pub(crate) fn is_billed(&self, kind: FaultKind) -> bool {
        self.billed.as_ref().map_or(kind.is_billed(), |billed| billed.contains(&kind))
    }

    pub(crate) fn draw(&self, chance: StableHash) -> Option<FaultKind> {
        if self.probabilities.is_empty() {
            return None;
        }
        let mut unit = chance.unit();
        for (kind, probability) in &self.probabilities {
            if unit < *probability {
                return Some(*kind);
            }
            unit -= probability;
        }
        None
    }
}

/// What to do with one of the next requests, in JSON for instance `{"status": 429, "retry_after": 2}`,
/// `{"fault": "reset"}`, `{"fault": "none", "times": 3}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scripted {
    /// A fault by name; `none` lets the request through, past random faults too.
    pub fault: Option<String>,
    /// Any HTTP status with an error body.
    pub status: Option<u16>,
    /// The Retry-After header: seconds, or a string as it is (an HTTP date).
    pub retry_after: Option<RetryAfter>,
    /// The retry-after-ms header.
    pub retry_after_ms: Option<u64>,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// The body, in place of the usual error.
    pub body: Option<String>,
    /// How long to wait first, beside the usual latency.
    pub delay_ms: u64,
    /// How many requests to treat so; 0 and 1 both mean one.
    pub times: u32,
}

/// A Retry-After header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// Seconds.
    Seconds(u64),
    /// Anything else, sent as it is.
    Text(String),
}

impl Scripted {
    /// A status, and nothing else said.
    pub fn status(status: u16) -> Scripted {
        Scripted { status: Some(status), ..Scripted::default() }
    }

    /// A fault by kind.
    pub fn fault(kind: FaultKind) -> Scripted {
        Scripted { fault: Some(kind.name().to_string()), ..Scripted::default() }
    }

    fn check(&self) -> Result<(), Error> {
        match (&self.fault, self.status) {
            (None, None) => Err(Error::new("a scripted request needs a fault or a status")),
            (Some(_), Some(_)) => Err(Error::new("a scripted request has a fault or a status, not both")),
            (Some(fault), None) if fault != "none" => fault.parse::<FaultKind>().map(|_| ()),
            (None, Some(status)) if !(200..=999).contains(&status) => {
                Err(Error::new(format!("{status} is not a status that can be sent")))
            }
            _ => Ok(()),
        }
    }
}

/// The scripted faults that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Script(VecDeque<Scripted>);

impl Script {
    pub(crate) fn extend(&mut self, next: Vec<Scripted>) -> Result<(), Error> {
        next.iter().try_for_each(Scripted::check)?;
        self.0.extend(next);
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|scripted| scripted.times.max(1) as usize).sum()
    }

    pub(crate) fn next(&mut self) -> Option<Scripted> {
        let front = self.0.front_mut()?;
        if front.times > 1 {
            front.times -= 1;
            return Some(front.clone());
        }
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_round() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
        }
        assert!("404".parse::<FaultKind>().is_err());
    }

    #[test]
    fn faults_come_as_often_as_they_should() {
        let faults = Faults {
            probabilities: BTreeMap::from([(FaultKind::Reset, 0.1), (FaultKind::ServerError, 0.3)]),
            ..Faults::default()
        };
        let n = 100_000;
        let mut hits = BTreeMap::new();
        for i in 0..n {
            *hits.entry(faults.draw(StableHash::new(5).number(i))).or_insert(0u32) += 1;
        }
        for (kind, share) in [(Some(FaultKind::Reset), 0.1), (Some(FaultKind::ServerError), 0.3), (None, 0.6)] {
            let sd = (f64::from(n as u32) * share * (1.0 - share)).sqrt();
            assert!((f64::from(hits[&kind]) - f64::from(n as u32) * share).abs() < 5.0 * sd, "{hits:?}");
        }
    }

    #[test]
    fn shares_must_fit() {
        assert!(Faults::only(FaultKind::Reset, 1.0).check().is_ok());
        assert!(Faults::only(FaultKind::Reset, 1.1).check().is_err());
        assert!(Faults::default().check().is_ok());
        let mut faults = Faults::only(FaultKind::Reset, 0.6);
        faults.probabilities.insert(FaultKind::Slow, 0.6);
        assert!(faults.check().is_err());
    }

    #[test]
    fn a_script_runs_in_order() {
        let mut script = Script::default();
        let next = serde_json::from_str(r#"[{"status":429,"retry_after":2,"times":2},{"fault":"reset"}]"#).unwrap();
        script.extend(next).unwrap();
        assert_eq!(script.len(), 3);
        assert_eq!(script.next().unwrap().status, Some(429));
        assert_eq!(script.next().unwrap().retry_after, Some(RetryAfter::Seconds(2)));
        assert_eq!(script.next().unwrap().fault.as_deref(), Some("reset"));
        assert_eq!(script.next(), None);
        assert!(script.extend(vec![Scripted::default()]).is_err());
        assert!(script.extend(vec![Scripted::status(99)]).is_err());
    }
}
