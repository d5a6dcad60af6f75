//! Strict quotas: what a model admits in a window of time, with OpenAI's rate headers.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::config::Error;

/// What each model admits. Only admitted requests count; a refused one takes nothing. The tokens of a request are its
/// prompt's and its answer's, both known to the server when it admits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// Requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Input and output tokens per minute.
    pub tokens_per_minute: Option<u64>,
    /// The window over which the limits hold, a minute by default. A window of a second admits a sixtieth, at least 1.
    pub window: Duration,
    /// Where windows begin.
    pub kind: WindowKind,
}

/// Where windows begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WindowKind {
    /// Everywhere: in no stretch of time as long as the window is more admitted than the limit. The strictest rule.
    #[default]
    Sliding,
    /// One after the other from the server's start, each with the full limit.
    Fixed,
}

impl FromStr for WindowKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<WindowKind, Error> {
        match text {
            "sliding" => Ok(WindowKind::Sliding),
            "fixed" => Ok(WindowKind::Fixed),
            _ => Err(Error::new(format!("a window is sliding or fixed, not {text:?}"))),
        }
    }
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            requests_per_minute: None,
            tokens_per_minute: None,
            window: Duration::from_secs(60),
            kind: WindowKind::default(),
        }
    }
}

impl Quota {
    pub(crate) fn is_unlimited(&self) -> bool {
        self.requests_per_minute.is_none() && self.tokens_per_minute.is_none()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.window.is_zero() { Err(Error::new("the window of a quota must not be 0")) } else { Ok(()) }
    }

    /// The limits within one window: (requests, tokens).
    pub fn per_window(&self) -> (Option<u64>, Option<u64>) {
        let share = self.window.as_secs_f64() / 60.0;
        let scale = |limit: u64| ((limit as f64 * share).round() as u64).max(1);
        (self.requests_per_minute.map(scale), self.tokens_per_minute.map(scale))
    }
}

/// What one model has admitted and not yet forgotten.
#[derive(Debug)]
pub(crate) struct QuotaLog {
    started: Instant,
    /// (when it leaves the window, its tokens), oldest first.
    admitted: VecDeque<(Instant, u64)>,
    tokens: u64,
}

/// The answer to one request for admission.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) refused: Option<Refusal>,
    pub(crate) requests: Option<Level>,
    pub(crate) tokens: Option<Level>,
}

/// The state of one limit, for the rate headers.
#[derive(Debug, PartialEq)]
pub(crate) struct Level {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// The time until nothing is used any more.
    pub(crate) reset: Duration,
}

/// Why a request is not admitted.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The limit named is used up; there is room for this request after the time given.
    Exhausted(&'static str, Duration),
    /// The request alone has more tokens than the limit: it never fits.
    TooLarge,
}

impl QuotaLog {
    pub(crate) fn new(started: Instant) -> QuotaLog {
        QuotaLog { started, admitted: VecDeque::new(), tokens: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.admitted.clear();
        self.tokens = 0;
    }

    /// Admits a request of `tokens` at `now`, or says why not. `now` must not run backwards between calls.
    pub(crate) fn admit(&mut self, quota: &Quota, now: Instant, tokens: u64) -> Verdict {
        while let Some((leaves, old)) = self.admitted.front().copied().filter(|(leaves, _)| *leaves <= now) {
            debug_assert!(leaves <= now);
            self.tokens -= old;
            self.admitted.pop_front();
        }
        let (request_limit, token_limit) = quota.per_window();
        let refused = self.refusal(request_limit, token_limit, now, tokens);
        if refused.is_none() {
            self.admitted.push_back((self.leaves(quota, now), tokens));
            self.tokens += tokens;
        }
        let reset = self.admitted.back().map_or(Duration::ZERO, |(leaves, _)| *leaves - now);
        let level = |limit: u64, used: u64| Level { limit, remaining: limit.saturating_sub(used), reset };
        Verdict {
            refused,
            requests: request_limit.map(|limit| level(limit, self.admitted.len() as u64)),
            tokens: token_limit.map(|limit| level(limit, self.tokens)),
        }
    }

    fn leaves(&self, quota: &Quota, now: Instant) -> Instant {
        match quota.kind {
            WindowKind::Sliding => now + quota.window,
            WindowKind::Fixed => {
                let into = (now - self.started).as_nanos() % quota.window.as_nanos();
                now + quota.window - Duration::from_nanos(into as u64)
            }
        }
    }

    fn refusal(
        &self,
        request_limit: Option<u64>,
        token_limit: Option<u64>,
        now: Instant,
        tokens: u64,
    ) -> Option<Refusal> {
        if token_limit.is_some_and(|limit| tokens > limit) {
            return Some(Refusal::TooLarge);
        }
        if let Some(limit) = request_limit
            && self.admitted.len() as u64 >= limit
        {
            let wait = self.admitted.front().map_or(Duration::ZERO, |(leaves, _)| *leaves - now);
            return Some(Refusal::Exhausted("requests", wait));
        }
        if let Some(limit) = token_limit
            && self.tokens + tokens > limit
        {
            let mut excess = self.tokens + tokens - limit;
            for (leaves, old) in &self.admitted {
                if *old >= excess {
                    return Some(Refusal::Exhausted("tokens", *leaves - now));
                }
                excess -= old;
            }
        }
        None
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

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(requests: Option<u64>, tokens: Option<u64>, kind: WindowKind) -> Quota {
        Quota { requests_per_minute: requests, tokens_per_minute: tokens, kind, ..Quota::default() }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_sliding_window_never_holds_more_than_the_limit() {
        let quota = quota(Some(10), None, WindowKind::Sliding);
        let start = Instant::now();
        let mut log = QuotaLog::new(start);
        let admitted: Vec<Instant> = (0..3000)
            .map(|i| start + i * SECOND / 10)
            .filter(|now| log.admit(&quota, *now, 1).refused.is_none())
            .collect();
        assert_eq!(admitted.len(), 50);
        for pair in admitted.windows(11) {
            assert!(pair[10] - pair[0] >= 60 * SECOND);
        }
    }

    #[test]
    fn a_fixed_window_starts_anew_at_its_edge() {
        let quota = quota(Some(2), None, WindowKind::Fixed);
        let start = Instant::now();
        let mut log = QuotaLog::new(start);
        assert!(log.admit(&quota, start + 58 * SECOND, 1).refused.is_none());
        assert!(log.admit(&quota, start + 59 * SECOND, 1).refused.is_none());
        let verdict = log.admit(&quota, start + 59 * SECOND, 1);
        assert_eq!(verdict.refused, Some(Refusal::Exhausted("requests", SECOND)));
        assert!(log.admit(&quota, start + 60 * SECOND, 1).refused.is_none());
    }

    #[test]
    fn tokens_wait_for_as_many_as_they_need() {
        let quota = quota(None, Some(100), WindowKind::Sliding);
        let start = Instant::now();
        let mut log = QuotaLog::new(start);
        for second in 0..4 {
            assert!(log.admit(&quota, start + second * SECOND, 25).refused.is_none());
        }
        let now = start + 10 * SECOND;
        // 60 tokens fit once the first three of 25 have left, the third at 62 s.
        assert_eq!(log.admit(&quota, now, 60).refused, Some(Refusal::Exhausted("tokens", 52 * SECOND)));
        assert_eq!(log.admit(&quota, now, 101).refused, Some(Refusal::TooLarge));
        assert!(log.admit(&quota, now + 52 * SECOND, 60).refused.is_none());
    }

    #[test]
    fn durations_read_like_openai_writes_them() {
        assert_eq!(go_duration(Duration::from_millis(120)), "120ms");
        assert_eq!(go_duration(Duration::from_millis(7500)), "7.5s");
        assert_eq!(go_duration(Duration::from_secs(90)), "1m30s");
    }
}
