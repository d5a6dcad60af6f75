//! The layers around an attempt: retry > circuit > concurrency > quota > timeout > provider.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep, timeout};

use super::admission::Admission;
use super::backoff::Backoff;
use super::counters::{Counters, Tally};
use super::estimate::Estimator;
use super::flight::{Flights, Turn};
use crate::cache::store::{Found, Store};
use crate::completion::{CallError, Completion, Status, Usage};
use crate::error::Result;
use crate::provider::{Answer, Attempt, Failure, Model, Prepared, Price, Provider, Retry};

/// What makes one attempt: a [`Provider`], or a script in tests.
pub trait Backend: Send + Sync {
    /// Sends the request once.
    fn attempt(&self, request: &Prepared) -> impl Future<Output = Attempt> + Send;
}

impl Backend for Provider {
    fn attempt(&self, request: &Prepared) -> impl Future<Output = Attempt> + Send {
        Provider::attempt(self, request)
    }
}

/// How long and how often to try.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The model's name in the configuration.
    pub model: String,
    /// How long one attempt may take, from its turn to the last byte.
    pub timeout: Duration,
    /// How long a row may take: attempts and the waits before retries, not the waits for its turn.
    pub row_timeout: Duration,
    /// How many times a failed request is sent again.
    pub max_retries: u32,
    /// The waits before retries.
    pub backoff: Backoff,
    /// What tokens cost.
    pub price: Price,
    /// The most tokens of a prompt, where it is known.
    pub context_window: Option<u64>,
}

impl Policy {
    /// What a row gets whose answer was stored by another query.
    pub fn hit(&self, stored: Completion) -> Completion {
        Completion {
            cost_avoided_usd: self.price.cost(&stored.usage),
            model: self.model.clone(),
            cost_usd: Some(0.0),
            wait_ms: Some(0.0),
            attempts: 0,
            cache_hit: true,
            deduplicated: false,
            ..stored
        }
    }
}

impl From<&Model> for Policy {
    fn from(model: &Model) -> Self {
        Policy {
            model: model.name.clone(),
            timeout: model.timeout,
            row_timeout: model.row_timeout,
            max_retries: model.max_retries,
            backoff: Backoff::default(),
            price: model.price,
            context_window: model.context_window,
        }
    }
}

/// Everything that stands around the attempts to one model.
pub struct Pipeline<B> {
    /// Makes the attempts.
    pub backend: B,
    /// How long and how often to try.
    pub policy: Policy,
    /// When a request may be sent.
    pub admission: Admission,
    /// Where answers are looked up and kept.
    pub store: Arc<dyn Store>,
    /// The calls under way, which equal requests share; `None` where each makes its own.
    pub flights: Option<Arc<Flights>>,
    /// How many tokens a prompt is expected to have.
    pub estimator: Arc<dyn Estimator>,
}

/// What all attempts of a call have come to.
#[derive(Default)]
struct Spent {
    attempts: i32,
    wait: Duration,
    /// Attempts and the waits before retries: what counts against the row's time.
    time: Duration,
    /// The cost of attempts whose usage is known; `None` once one of them cannot be priced.
    cost_usd: Option<f64>,
}

impl<B: Backend> Pipeline<B> {
    /// Answers `request`: by an equal request that is under way, from the store, else by as many attempts as it takes and
    /// the policy allows. The answer is in the store before this returns. Errors: those of the store.
    pub async fn complete(&self, request: &Prepared, counters: &Counters) -> Result<Completion> {
        let Some(flights) = &self.flights else { return self.answer(request, counters).await };
        let queued = Instant::now();
        match flights.join(&request.key).await {
            Turn::Theirs(landed) => Ok(self.shared(&landed, queued.elapsed())),
            Turn::Mine(flight) => {
                // Looked up only now: what landed since the row came is in the store.
                let completion = self.answer(request, counters).await?;
                flight.land(&completion);
                Ok(completion)
            }
        }
    }

    async fn answer(&self, request: &Prepared, counters: &Counters) -> Result<Completion> {
        let claim = match self.store.lookup(&request.key).await? {
            Found::Hit { completion, pays: true, .. } => return Ok(*completion),
            Found::Hit { completion, is_own_run: true, .. } => return Ok(self.shared(&completion, Duration::ZERO)),
            Found::Hit { completion, .. } => return Ok(self.policy.hit(*completion)),
            Found::Miss(claim) => claim,
        };
        let mut completion = match self.over_window(request) {
            Some(failure) => self.failed(failure, &self.nothing_spent()),
            None => self.call(request, counters).await,
        };
        completion.request_key = Some(request.key.clone());
        // Where nothing was sent there is nothing to keep, and another row may be luckier.
        if completion.attempts > 0 && completion.status != Status::BudgetStopped {
            self.store
                .record(claim, &request.key, request.canonical.as_deref().unwrap_or_default(), &completion)
                .await?;
        }
        Ok(completion)
    }

    /// What a row gets whose equal has bought the answer, or has failed.
    fn shared(&self, landed: &Completion, waited: Duration) -> Completion {
        if landed.cache_hit || landed.deduplicated {
            return Completion { wait_ms: Some(millis(waited)), ..landed.clone() };
        }
        Completion {
            cost_usd: Some(0.0),
            cost_avoided_usd: landed.cost_usd,
            wait_ms: Some(millis(waited)),
            attempts: 0,
            deduplicated: true,
            ..landed.clone()
        }
    }

    /// Why a prompt that the model cannot take need not be sent.
    fn over_window(&self, request: &Prepared) -> Option<Failure> {
        let window = self.policy.context_window?;
        // A token has a byte at least.
        if request.body.len() as u64 <= window {
            return None;
        }
        let at_least = self.estimator.input(request).at_least;
        (at_least > window).then(|| Failure {
            retry: Retry::Never,
            ..Failure::transient(
                Status::InvalidRequest,
                format!(
                    "the prompt has at least {at_least} tokens by estimate, the context window of the model is {window}; \
                     shorten it, or set contextWindow if the model takes more"
                ),
            )
        })
    }

    fn nothing_spent(&self) -> Spent {
        Spent { cost_usd: self.policy.price.is_known().then_some(0.0), ..Spent::default() }
    }

    async fn call(&self, request: &Prepared, counters: &Counters) -> Completion {
        let tally = Tally { session: counters, process: &self.admission.quota.hub().totals };
        let mut spent = self.nothing_spent();
        let mut retries = 0;
        let mut new_key_tried = false;
        loop {
            let (attempt, latency) = match self.attempt(request, tally, &mut spent).await {
                Ok(attempt) => attempt,
                Err(refusal) => return self.failed(refusal, &spent),
            };
            let failure = match attempt.result {
                Ok(answer) => {
                    let answered = self.answered(answer, attempt.usage, latency, &spent);
                    return Completion { ttft_ms: attempt.ttft.map(millis), ..answered };
                }
                Err(failure) => failure,
            };
            tally.attempt_failed(failure.status);
            let wait = match failure.retry {
                Retry::NewKey if !new_key_tried => {
                    new_key_tried = true;
                    continue;
                }
                Retry::Backoff if retries < self.policy.max_retries => {
                    self.policy.backoff.wait(retries, failure.retry_after)
                }
                _ => return self.failed(failure, &spent),
            };
            // A wait that outlasts the row would only hold up its result.
            if spent.time.saturating_add(wait) >= self.policy.row_timeout {
                return self.failed(failure, &spent);
            }
            retries += 1;
            sleep(wait).await;
            spent.time += wait;
            spent.wait += wait;
            tally.waited(wait);
        }
    }

    /// One attempt, in its turn and in time, and how long it took itself. Errors: how the row ends where none may be made.
    async fn attempt(
        &self,
        request: &Prepared,
        tally: Tally<'_>,
        spent: &mut Spent,
    ) -> std::result::Result<(Attempt, Duration), Failure> {
        let queued = Instant::now();
        let admitted = self.admission.enter(request).await;
        let begun = Instant::now();
        spent.wait += begun - queued;
        tally.waited(begun - queued);
        let admitted = admitted?;
        tally.session.waited_for_quota(admitted.quota_wait);
        let open = tally.request(spent.attempts > 0);
        spent.attempts += 1;
        let most = self.policy.timeout.min(self.policy.row_timeout.saturating_sub(spent.time));
        // On the heap: what it needs is large, and a row that waits for its turn should not carry it around.
        let attempt = match timeout(most, Box::pin(self.backend.attempt(request))).await {
            Ok(attempt) => attempt,
            Err(_) => Attempt::failed(Failure::transient(
                Status::Timeout,
                format!("no whole answer within {} ms", most.as_millis()),
            )),
        };
        drop(open);
        let latency = begun.elapsed();
        spent.time += latency;
        let cost = self.bill(&attempt, tally, spent);
        admitted.settle(&attempt, cost);
        Ok((attempt, latency))
    }

    /// What the attempt cost, where that is known.
    fn bill(&self, attempt: &Attempt, tally: Tally<'_>, spent: &mut Spent) -> Option<f64> {
        // A failed attempt whose usage is not known counts as not billed; an answer without usage cannot be priced.
        if attempt.result.is_err() && attempt.usage == Usage::default() {
            return None;
        }
        let cost = self.policy.price.cost(&attempt.usage);
        spent.cost_usd = spent.cost_usd.zip(cost).map(|(before, now)| before + now);
        tally.billed(&attempt.usage, cost);
        cost
    }

    fn answered(&self, answer: Answer, usage: Usage, latency: Duration, spent: &Spent) -> Completion {
        Completion {
            text: answer.text,
            partial_text: answer.partial_text,
            reasoning: answer.reasoning,
            tool_calls: answer.tool_calls,
            logprobs: answer.logprobs,
            embedding: answer.embedding,
            finish_reason: answer.finish_reason,
            model_answered: answer.model_answered,
            usage,
            latency_ms: Some(millis(latency)),
            answered_at: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|d| d.as_micros() as i64),
            ..self.ended(answer.status, spent)
        }
    }

    fn failed(&self, failure: Failure, spent: &Spent) -> Completion {
        let attempts = match spent.attempts {
            0 | 1 => String::new(),
            n => format!(" (after {n} attempts)"),
        };
        Completion {
            error: Some(CallError {
                condition: failure.status.condition().to_string(),
                message: failure.message + &attempts,
                retryable: failure.retry != Retry::Never,
                http_status: failure.http_status.map(i32::from),
            }),
            ..self.ended(failure.status, spent)
        }
    }

    fn ended(&self, status: Status, spent: &Spent) -> Completion {
        Completion {
            attempts: spent.attempts,
            wait_ms: Some(millis(spent.wait)),
            cost_usd: spent.cost_usd,
            ..Completion::uncalled(&self.policy.model, status)
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests;
