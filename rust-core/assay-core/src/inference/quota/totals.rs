//! What the whole run has done so far, failed task attempts included.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::completion::{Completion, Status, Usage};
use crate::provider::nanousd;

macro_rules! totals {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Totals of one process, or the sum over several.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Totals { $($(#[doc = $doc])+ pub $name: i64,)+ }

        impl Totals {
            /// Adds those of another process.
            pub fn add(&mut self, other: &Totals) {
                $(self.$name = self.$name.saturating_add(other.$name);)+
            }

            /// What has come since `before`.
            #[must_use]
            pub fn since(&self, before: &Totals) -> Self {
                Totals { $($name: self.$name.saturating_sub(before.$name),)+ }
            }
        }

        /// Totals that many threads add to.
        #[derive(Debug, Default)]
        pub struct LiveTotals { $($name: AtomicI64,)+ }

        impl LiveTotals {
            /// The totals now.
            pub fn get(&self) -> Totals {
                Totals { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

totals! {
    /// Requests sent.
    requests,
    /// Requests that were sent again.
    retries,
    /// Attempts that the server refused for their number.
    rate_limited,
    /// Attempts that took too long.
    timeouts,
    /// Calls that ended ok.
    done,
    /// Calls that ended in any other status.
    failed,
    /// Calls that the budget stopped; they are among `failed`.
    budget_stopped,
    /// Calls answered from the cache.
    cache_hits,
    /// Tokens of input, failed attempts included.
    input_tokens,
    /// Tokens of output.
    output_tokens,
    /// The cost in billionths of a US dollar, where the price is known.
    cost_nanousd,
    /// Microseconds that rows waited for their turn or for a retry.
    wait_micros,
    /// Rows that wait for their turn, now.
    waiting,
    /// Requests that are open, now.
    in_flight,
}

/// One request that is open, until it is dropped.
pub(in crate::inference) struct Open<'a>(&'a LiveTotals);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        add(&self.0.in_flight, -1);
    }
}

fn add(counter: &AtomicI64, value: i64) {
    counter.fetch_add(value, Ordering::Relaxed);
}

impl LiveTotals {
    pub(in crate::inference) fn request(&self, is_retry: bool) -> Open<'_> {
        add(&self.requests, 1);
        add(&self.retries, i64::from(is_retry));
        add(&self.in_flight, 1);
        Open(self)
    }

    pub(in crate::inference) fn queued(&self, rows: i64) {
        add(&self.waiting, rows);
    }

    pub(in crate::inference) fn waited(&self, wait: Duration) {
        add(&self.wait_micros, wait.as_micros() as i64);
    }

    pub(in crate::inference) fn attempt_failed(&self, status: Status) {
        match status {
            Status::RateLimited => add(&self.rate_limited, 1),
            Status::Timeout => add(&self.timeouts, 1),
            _ => {}
        }
    }

    pub(in crate::inference) fn billed(&self, usage: &Usage, cost_usd: Option<f64>) {
        add(&self.input_tokens, usage.input_tokens.unwrap_or(0));
        add(&self.output_tokens, usage.output_tokens.unwrap_or(0));
        add(&self.cost_nanousd, nanousd(cost_usd.unwrap_or(0.0)));
    }

    /// A call ended.
    pub fn completed(&self, completion: &Completion) {
        add(if completion.status == Status::Ok { &self.done } else { &self.failed }, 1);
        add(&self.budget_stopped, i64::from(completion.status == Status::BudgetStopped));
        add(&self.cache_hits, i64::from(completion.cache_hit));
    }
}
