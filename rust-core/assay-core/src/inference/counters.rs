//! What a session counts.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::quota::LiveTotals;
use super::quota::totals::Open as OpenInProcess;
use crate::completion::{Completion, Status, Usage};
use crate::provider::nanousd;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// The names of the counters, in the order of [`Counters::values`].
        pub const COUNTERS: &[&str] = &[$(stringify!($name),)+];

        /// Totals of a session so far. Times are kept in microseconds and shown in milliseconds.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $doc])+ $name: AtomicI64,)+
            /// Requests that are open now.
            open: AtomicI64,
        }

        impl Counters {
            /// The totals, in the order of [`COUNTERS`].
            pub fn values(&self) -> Vec<i64> {
                vec![$({
                    let value = self.$name.load(Ordering::Relaxed);
                    if stringify!($name).ends_with("_ms") { value / 1000 } else { value }
                },)+]
            }
        }
    };
}

counters! {
    /// Rows pushed.
    rows,
    /// Calls that ended ok.
    rows_ok,
    /// Calls that ended in any other status. A call that its guard left out counts nowhere.
    rows_failed,
    /// Requests sent.
    requests,
    /// Requests that were sent again.
    retries,
    /// Tokens of input, as far as the providers said, failed attempts included.
    input_tokens,
    /// Those of them that providers had in their caches.
    cached_input_tokens,
    /// Those of them that providers wrote to their caches.
    cache_write_tokens,
    /// Tokens of output.
    output_tokens,
    /// Those of them that were reasoning.
    reasoning_tokens,
    /// The cost in billionths of a US dollar, where the price is known.
    cost_nanousd,
    /// What hits and shared calls saved, in billionths of a US dollar.
    cost_avoided_nanousd,
    /// Time that rows waited for their turn or for a retry.
    wait_ms,
    /// The part of it in which they waited for a quota.
    quota_wait_ms,
    /// Time that answers took.
    latency_ms,
    /// Calls answered from the cache.
    cache_hits,
    /// Calls answered by that of an equal row.
    deduplicated,
    /// Attempts that the server refused for their number.
    rate_limited,
    /// Attempts that took too long.
    timeouts,
    /// Attempts that the server failed, or answered by what is no answer.
    server_errors,
    /// Attempts without a connection, or on one that broke.
    network_errors,
    /// The most requests that were open at once; no sum.
    max_in_flight,
}

/// Counts what happens twice: for the session, whose counts become the metrics of its task, and for the process, whose totals the
/// driver adds up.
#[derive(Clone, Copy)]
pub struct Tally<'a> {
    /// Those of the session.
    pub session: &'a Counters,
    /// Those of the process.
    pub process: &'a LiveTotals,
}

impl<'a> Tally<'a> {
    /// A request is sent; it is open until what this gives is dropped.
    pub(super) fn request(self, is_retry: bool) -> (Open<'a>, OpenInProcess<'a>) {
        (self.session.request(is_retry), self.process.request(is_retry))
    }

    pub(super) fn waited(self, wait: Duration) {
        self.session.waited(wait);
        self.process.waited(wait);
    }

    pub(super) fn attempt_failed(self, status: Status) {
        self.session.attempt_failed(status);
        self.process.attempt_failed(status);
    }

    pub(super) fn billed(self, usage: &Usage, cost_usd: Option<f64>) {
        self.session.billed(usage, cost_usd);
        self.process.billed(usage, cost_usd);
    }

    /// A call ended.
    pub fn completed(self, completion: &Completion) {
        self.session.completed(completion);
        self.process.completed(completion);
    }
}

/// One request that is open, until it is dropped.
pub(super) struct Open<'a>(&'a Counters);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        add(&self.0.open, -1);
    }
}

fn add(counter: &AtomicI64, value: i64) {
    counter.fetch_add(value, Ordering::Relaxed);
}

impl Counters {
    /// A row was pushed.
    pub fn row(&self) {
        add(&self.rows, 1);
    }

    fn request(&self, is_retry: bool) -> Open<'_> {
        add(&self.requests, 1);
        add(&self.retries, i64::from(is_retry));
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_in_flight.fetch_max(open, Ordering::Relaxed);
        Open(self)
    }

    fn waited(&self, wait: Duration) {
        add(&self.wait_ms, wait.as_micros() as i64);
    }

    pub(super) fn waited_for_quota(&self, wait: Duration) {
        add(&self.quota_wait_ms, wait.as_micros() as i64);
    }

    fn attempt_failed(&self, status: Status) {
        match status {
            Status::RateLimited => add(&self.rate_limited, 1),
            Status::Timeout => add(&self.timeouts, 1),
            Status::ServerError => add(&self.server_errors, 1),
            Status::NetworkError => add(&self.network_errors, 1),
            _ => {}
        }
    }

    fn billed(&self, usage: &Usage, cost_usd: Option<f64>) {
        add(&self.input_tokens, usage.input_tokens.unwrap_or(0));
        add(&self.cached_input_tokens, usage.cached_input_tokens.unwrap_or(0));
        add(&self.cache_write_tokens, usage.cache_write_tokens.unwrap_or(0));
        add(&self.output_tokens, usage.output_tokens.unwrap_or(0));
        add(&self.reasoning_tokens, usage.reasoning_tokens.unwrap_or(0));
        add(&self.cost_nanousd, nanousd(cost_usd.unwrap_or(0.0)));
    }

    /// A call ended.
    pub fn completed(&self, completion: &Completion) {
        add(if completion.status == Status::Ok { &self.rows_ok } else { &self.rows_failed }, 1);
        if completion.cache_hit || completion.deduplicated {
            add(if completion.cache_hit { &self.cache_hits } else { &self.deduplicated }, 1);
            add(&self.cost_avoided_nanousd, nanousd(completion.cost_avoided_usd.unwrap_or(0.0)));
        } else if let Some(latency) = completion.latency_ms {
            add(&self.latency_ms, (latency * 1000.0) as i64);
        }
    }
}
