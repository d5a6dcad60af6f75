//! What stands between a request and its being sent: the circuit of its endpoint, the number of open requests, and the
//! quota that the whole cluster shares.
//!
//! A request first gets its place among the open ones and only then its grant: a grant is for a moment, and one that
//! waited for a place would be used at a time when others are due.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::{Breaker, Health};
use super::estimate::{Estimate, Estimator, Tokens};
use super::limiter::{Limiter, Permit};
use super::quota::wire::{Need, Seen};
use super::quota::{Denied, Grant, GroupHandle, Hub, Outputs, Settlement};
use crate::completion::{Status, Usage};
use crate::provider::{Accounting, Attempt, Dimension, Failure, Model, Prepared, Price, RateHeaders, Retry, nanousd};

/// The gates before the requests to one model.
pub struct Admission {
    /// How many requests are open at once.
    pub limiter: Arc<Limiter>,
    /// Whether the endpoint is left alone.
    pub breaker: Arc<Breaker>,
    /// What may be sent in a minute, and for how much money.
    pub quota: GroupHandle,
    /// How many tokens a prompt has.
    pub estimator: Arc<dyn Estimator>,
    /// How many tokens an answer has.
    pub outputs: Arc<Outputs>,
    /// What tokens cost.
    pub price: Price,
}

/// A request that may be sent, now.
pub struct Admitted {
    grant: Grant,
    permit: Permit,
    limiter: Arc<Limiter>,
    breaker: Arc<Breaker>,
    estimator: Arc<dyn Estimator>,
    outputs: Arc<Outputs>,
    /// `None` where no tokens are limited.
    estimate: Option<Estimate>,
    /// What the answer may have at most, or is expected to have.
    reserved: i64,
    /// How long the request waited for its grant alone.
    pub quota_wait: Duration,
}

impl Admission {
    /// The gates of `model`, shared with the other sessions of this process.
    pub fn shared(model: &Model, hub: &Arc<Hub>) -> Self {
        let quota = &model.quota;
        Admission {
            limiter: Limiter::shared(&model.name, &model.endpoint, model.max_concurrency, model.adaptive_concurrency),
            breaker: Breaker::shared(
                &model.name,
                &model.endpoint,
                model.circuit_breaker_failures,
                model.circuit_breaker_pause,
            ),
            quota: hub.group(&quota.group, quota.accounting, quota.default_accounting),
            estimator: Tokens::shared(model),
            outputs: Outputs::shared(model),
            price: model.price,
        }
    }

    /// Waits until `request` may be sent. Errors: how its row ends where it may never be: the circuit is open, the request
    /// is larger than a limit, the budget is spent.
    pub async fn enter(&self, request: &Prepared) -> std::result::Result<Admitted, Failure> {
        self.breaker.check()?;
        let (accounting, counts_tokens) = self.quota.counting();
        // A tokenizer takes longer than all else here.
        let estimate = counts_tokens.then(|| self.estimator.input(request));
        let max_tokens = request.max_tokens.and_then(|most| i64::try_from(most).ok());
        let expected = self.outputs.expected(max_tokens);
        let output = if accounting == Accounting::Reserved { max_tokens.unwrap_or(expected) } else { expected };
        // A token has a byte at least, so the body bounds what the prompt can have.
        let most_input = request.body.len() as i64;
        let most_output = max_tokens.unwrap_or(expected);
        let bound = Usage { input_tokens: Some(most_input), output_tokens: Some(most_output), ..Usage::default() };
        let most_nanousd = self.price.cost(&bound).map_or(0, |usd| (usd * 1e9).ceil() as i64);
        let tokens =
            |of: fn(&Estimate) -> u64| estimate.as_ref().map_or(0, |e| i64::try_from(of(e)).unwrap_or(i64::MAX));
        let input = tokens(|estimate| estimate.tokens);
        let need = Need { input, output, most_tokens: most_input.saturating_add(most_output), most_nanousd };
        // Refused for its size is only what is surely too large: the least input, and of the output what is reserved.
        let sure_output = if accounting == Accounting::Reserved { max_tokens.unwrap_or(0) } else { 0 };
        let least = Need { input: tokens(|estimate| estimate.at_least), output: sure_output, ..need };
        let ticket = self.quota.enter(need, &least).map_err(|denied| refusal(denied, &least))?;
        let permit = self.limiter.acquire().await;
        let queued = Instant::now();
        let grant = ticket.granted().await.map_err(|denied| refusal(denied, &least))?;
        if let Err(open) = self.breaker.check() {
            grant.give_back();
            return Err(open);
        }
        Ok(Admitted {
            grant,
            permit,
            limiter: Arc::clone(&self.limiter),
            breaker: Arc::clone(&self.breaker),
            estimator: Arc::clone(&self.estimator),
            outputs: Arc::clone(&self.outputs),
            estimate,
            reserved: max_tokens.unwrap_or(output),
            quota_wait: queued.elapsed(),
        })
    }
}

impl Admitted {
    /// The attempt has ended; it is billed as `cost_usd`, where that is known.
    pub fn settle(self, attempt: &Attempt, cost_usd: Option<f64>) {
        let failure = attempt.result.as_ref().err();
        self.breaker.record(failure);
        self.limiter.observe(Health::of(failure) == Health::Failing);
        if let Some(estimate) = &self.estimate {
            self.estimator.observe(estimate, &attempt.usage);
        }
        if let (Ok(_), Some(output)) = (&attempt.result, attempt.usage.output_tokens) {
            self.outputs.observe(output);
        }
        let was_limited = failure.is_some_and(|failure| failure.status == Status::RateLimited);
        let was_heard = failure.is_none_or(|failure| failure.http_status.is_some());
        let pause = failure.and_then(|failure| failure.retry_after).filter(|_| was_limited);
        self.grant.settle(&Settlement {
            input: attempt.usage.input_tokens,
            output: attempt.usage.output_tokens,
            reserved: Some(self.reserved),
            nanousd: cost_usd.map(nanousd),
            was_taken: if was_limited { Some(false) } else { was_heard.then_some(true) },
            pause: pause.map(nanos),
            seen: seen(&attempt.rate),
            ..Settlement::default()
        });
        drop(self.permit);
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// What rate headers say, in the order of the limits; `None` where they say nothing.
fn seen(rate: &RateHeaders) -> Option<Seen> {
    let mut seen = Seen::default();
    for (dimension, limit, remaining, reset) in [
        (Dimension::Requests, rate.limit_requests, rate.remaining_requests, rate.reset_requests),
        (Dimension::InputTokens, rate.limit_input_tokens, rate.remaining_input_tokens, rate.reset_input_tokens),
        (Dimension::OutputTokens, rate.limit_output_tokens, rate.remaining_output_tokens, rate.reset_output_tokens),
        (Dimension::Tokens, rate.limit_tokens, rate.remaining_tokens, rate.reset_tokens),
    ] {
        // A limit that takes hours to come back is one per day, which says nothing of a minute.
        if reset.is_none_or(|reset| reset <= Duration::from_secs(120)) {
            seen.limits.set(dimension, limit.filter(|limit| *limit > 0));
            seen.remaining.set(dimension, remaining);
        }
    }
    (seen != Seen::default()).then_some(seen)
}

fn refusal(denied: Denied, least: &Need) -> Failure {
    let (status, message) = match denied {
        Denied::NeverFits(dimension, limit) => {
            let (tokens, what) = match dimension {
                Dimension::InputTokens => (least.input, "of input"),
                Dimension::OutputTokens => (least.output, "of output"),
                _ => (least.input.saturating_add(least.output), "of input and output"),
            };
            let message = format!(
                "the request takes at least {tokens} tokens {what} by estimate, more than the {limit} that {} allows in a \
                 minute: it could never be sent. Shorten the prompt, lower max_tokens or raise the limit",
                dimension.setting()
            );
            (Status::InvalidRequest, message)
        }
        Denied::OverBudget => {
            (Status::BudgetStopped, "the budget of the run is spent (spark.assay.budget)".to_string())
        }
    };
    Failure { retry: Retry::Never, ..Failure::transient(status, message) }
}
