//! A circuit breaker: an endpoint that fails everything is left alone for a while, and rows learn so at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::shared::Registry;
use crate::completion::Status;
use crate::provider::Failure;

/// The shortest time over which failures open a circuit: less may be a hiccup of a load balancer.
const SPAN: Duration = Duration::from_secs(5);

/// What an attempt says of its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered, if only to refuse.
    Alive,
    /// It failed, or could not be reached.
    Failing,
}

impl Health {
    /// What an attempt that ended with `failure`, or without one, says.
    pub(super) fn of(failure: Option<&Failure>) -> Self {
        match failure.map(|failure| failure.status) {
            Some(Status::NetworkError | Status::ServerError | Status::Timeout) => Health::Failing,
            _ => Health::Alive,
        }
    }
}

/// The circuit of one endpoint in this process.
#[derive(Debug)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// So many failures without a success between open the circuit; 0 never does.
    failures: u32,
    /// How long it stays open before one attempt tries again.
    pause: Duration,
    consecutive: u32,
    since: Option<Instant>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    is_probing: bool,
    last: Failure,
}

static BREAKERS: Registry<Breaker> = Registry::new();

impl Breaker {
    /// A closed circuit that `failures` in a row, over at least five seconds, open for `pause`; 0 failures never do.
    pub fn new(failures: u32, pause: Duration) -> Arc<Self> {
        Arc::new(Breaker { state: Mutex::new(State { failures, pause, consecutive: 0, since: None, open: None }) })
    }

    /// The circuit that all sessions of this process share for the model `name` at `endpoint`. The newest settings win.
    pub fn shared(name: &str, endpoint: &str, failures: u32, pause: Duration) -> Arc<Self> {
        let breaker = BREAKERS.get(name, endpoint, || Breaker::new(failures, pause));
        let mut state = breaker.lock();
        (state.failures, state.pause) = (failures, pause);
        drop(state);
        breaker
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an attempt may be made. Where the circuit is open, how the row ends: as the last attempt did. After the
    /// pause one attempt is let through, and the others wait for what it finds.
    pub fn check(&self) -> std::result::Result<(), Failure> {
        let now = Instant::now();
        let mut state = self.lock();
        let pause = state.pause;
        let Some(open) = &mut state.open else { return Ok(()) };
        if now >= open.until && !open.is_probing {
            open.is_probing = true;
            // A probe that never reports, because its row was cancelled, holds up the next for another pause only.
            open.until = now + pause;
            return Ok(());
        }
        if now >= open.until {
            open.until = now + pause;
            return Ok(());
        }
        let message = format!(
            "the circuit is open: the endpoint failed {} times in a row and is tried again every {} ms \
             (circuitBreakerFailures, circuitBreakerPauseMs); the last failure: {}",
            state.consecutive,
            pause.as_millis(),
            state.open.as_ref().map_or("", |open| open.last.message.as_str())
        );
        let last = state.open.as_ref().map(|open| open.last.clone());
        match last {
            Some(last) => Err(Failure { message, ..last }),
            None => Ok(()),
        }
    }

    /// Learns how an attempt ended.
    pub fn record(&self, failure: Option<&Failure>) {
        let now = Instant::now();
        let mut state = self.lock();
        match (Health::of(failure), failure) {
            (Health::Failing, Some(failure)) => {
                state.consecutive = state.consecutive.saturating_add(1);
                let since = *state.since.get_or_insert(now);
                let is_enough = state.failures > 0 && state.consecutive >= state.failures && now - since >= SPAN;
                if state.open.is_some() || is_enough {
                    let until = now + state.pause;
                    state.open = Some(Open { until, is_probing: false, last: failure.clone() });
                }
            }
            _ => {
                (state.consecutive, state.since, state.open) = (0, None, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn down() -> Failure {
        Failure { http_status: Some(503), ..Failure::transient(Status::ServerError, "HTTP 503") }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_enough_failures_over_enough_time_and_probes() {
        let breaker = Breaker::new(10, Duration::from_secs(30));
        for _ in 0..100 {
            breaker.record(Some(&down()));
        }
        assert!(breaker.check().is_ok(), "all in one moment");
        advance(SPAN).await;
        breaker.record(Some(&down()));
        let open = breaker.check().unwrap_err();
        assert_eq!((open.status, open.http_status), (Status::ServerError, Some(503)));
        assert!(open.message.contains("circuit is open") && open.message.contains("HTTP 503"), "{}", open.message);

        advance(Duration::from_secs(30)).await;
        assert!(breaker.check().is_ok(), "the probe");
        assert!(breaker.check().is_err(), "one probe only");
        breaker.record(Some(&down()));
        assert!(breaker.check().is_err());
        advance(Duration::from_secs(30)).await;
        assert!(breaker.check().is_ok());
        breaker.record(None);
        assert!(breaker.check().is_ok() && breaker.check().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_success_or_refusal_between_keeps_it_closed() {
        let breaker = Breaker::new(10, Duration::from_secs(30));
        let (refused, down) = (Failure::transient(Status::RateLimited, "HTTP 429"), down());
        for i in 0..100 {
            advance(Duration::from_secs(1)).await;
            breaker.record(match i % 18 {
                0 => None,
                9 => Some(&refused),
                _ => Some(&down),
            });
            assert!(breaker.check().is_ok());
        }
        let never = Breaker::new(0, Duration::from_secs(30));
        for _ in 0..100 {
            advance(Duration::from_secs(1)).await;
            never.record(Some(&down));
        }
        assert!(never.check().is_ok());
    }
}
