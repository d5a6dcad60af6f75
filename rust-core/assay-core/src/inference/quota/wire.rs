//! What executors and the driver tell each other. JSON, because both sides are small and of one build.
//!
//! Everything that adds up is sent as a total since the executor began, so that a message lost or heard twice does no
//! harm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::totals::Totals;
use crate::provider::{Accounting, Limits};

/// A point in time or a length of it in nanoseconds, on the clock of one process.
pub type Nanos = i64;

/// A second.
pub const SECOND: Nanos = 1_000_000_000;

/// A millisecond.
pub const MILLISECOND: Nanos = 1_000_000;

/// What one request takes of a quota and of the budget, or the sum over some.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Tokens of input.
    #[serde(rename = "i", default)]
    pub input: i64,
    /// Tokens of output, as the provider counts them.
    #[serde(rename = "o", default)]
    pub output: i64,
    /// The most tokens that it can use.
    #[serde(rename = "t", default)]
    pub most_tokens: i64,
    /// The most that it can cost, in billionths of a US dollar.
    #[serde(rename = "c", default)]
    pub most_nanousd: i64,
}

/// What of the run's budget was used, promised or given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Requests.
    pub requests: i64,
    /// Tokens of input and output.
    pub tokens: i64,
    /// Billionths of a US dollar.
    pub nanousd: i64,
}

impl Money {
    /// What `count` requests of `need` may come to.
    pub fn most(need: &Need, count: i64) -> Self {
        Money {
            requests: count,
            tokens: need.most_tokens.saturating_mul(count),
            nanousd: need.most_nanousd.saturating_mul(count),
        }
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Money) {
        self.requests = self.requests.saturating_add(other.requests);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.nanousd = self.nanousd.saturating_add(other.nanousd);
    }

    /// The difference to `other`.
    #[must_use]
    pub fn minus(&self, other: &Money) -> Self {
        Money {
            requests: self.requests.saturating_sub(other.requests),
            tokens: self.tokens.saturating_sub(other.tokens),
            nanousd: self.nanousd.saturating_sub(other.nanousd),
        }
    }
}

/// An executor's message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// Names the process.
    pub executor: String,
    /// Counts the messages of this executor, from 1.
    pub seq: u64,
    /// The last of them whose reply arrived. What later ones were granted was never seen and never will be used.
    pub acknowledged: u64,
    /// How long the last exchanges took.
    pub round_trip: Nanos,
    /// Within what length of time this process knows the driver's clock.
    #[serde(default)]
    pub uncertainty: Nanos,
    /// By group.
    pub groups: BTreeMap<String, GroupAsk>,
    /// What this process has done so far.
    pub totals: Totals,
    /// Of the budget that was granted: what is settled or was not used.
    pub released: Money,
    /// Of what is settled: what it really came to.
    pub spent: Money,
    /// What the process has granted itself while it could not reach the driver.
    #[serde(default)]
    pub alone: Money,
}

/// What an executor says of one group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupAsk {
    /// The configured limits, for a driver that has forgotten them.
    pub limits: Limits,
    /// How the provider counts output, as far as configuration says.
    pub accounting: Option<Accounting>,
    /// Requests that wait for a grant and will be able to use it soon, in their order: how many, and what all of them
    /// together take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demand: Vec<(u32, Need)>,
    /// Grants that nobody needs any more: their time at the driver.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<(Nanos, Need)>,
    /// What settled requests really took, less what they were granted: input and output tokens, in total.
    pub settled: (i64, i64),
    /// What settled requests really took: input, output, and output by reservation, in total.
    pub taken: (i64, i64, i64),
    /// Responses other than "too many requests", in total.
    pub accepted: u64,
    /// Responses "too many requests", in total.
    pub limited: u64,
    /// For how much longer the server wants no request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Nanos>,
    /// The newest rate headers since the last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// The longest that a grant was used after its time since the last message.
    #[serde(default)]
    pub late: Nanos,
}

/// Rate headers: what limits the server says it has, and what is left of them. In the order of `Limits`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Limits per minute.
    pub limits: Limits,
    /// What is left.
    pub remaining: Limits,
}

/// The driver's answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The message that it answers.
    pub seq: u64,
    /// Names the ledger; another one has another clock.
    pub ledger: u64,
    /// The driver's time.
    pub at: Nanos,
    /// When to ask again at the latest, from now.
    pub next: Nanos,
    /// By group.
    pub groups: BTreeMap<String, GroupReply>,
    /// The budget is spent: what waits will not be granted.
    #[serde(default)]
    pub is_stopped: bool,
}

/// What the driver says of one group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupReply {
    /// Whether requests need a grant.
    pub is_leased: bool,
    /// The grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Run>,
    /// The limits in force.
    pub limits: Limits,
    /// How the provider counts output.
    pub accounting: Option<Accounting>,
    /// No request before this time of the driver's.
    #[serde(default)]
    pub paused_until: Nanos,
}

/// Grants for equal requests, evenly in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The driver's time from which on the first may be used.
    pub at: Nanos,
    /// How much later each next one.
    pub step: Nanos,
    /// How many.
    pub count: u32,
    /// How long after its time each may still be used.
    pub valid: Nanos,
    /// What each takes.
    pub need: Need,
}
