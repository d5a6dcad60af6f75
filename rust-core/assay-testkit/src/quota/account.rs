//! The account of one quota: what was admitted and not yet forgotten.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::usage::UsageLog;
use super::{Amounts, Charge, Limit, Quota, Usage, WindowKind};

/// What a quota has admitted and not yet forgotten, and the record of it.
#[derive(Debug)]
pub(crate) struct Account {
    quota: Quota,
    started: Instant,
    /// For windows: (when it leaves the window, what was taken), oldest first.
    log: VecDeque<(Instant, Amounts)>,
    /// The sum of the log.
    used: Amounts,
    /// For buckets: what is in each, below zero for a debt, at the time beside it.
    buckets: [f64; 4],
    filled: Instant,
    usage: UsageLog,
}

/// What a request asks of a quota.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) input_tokens: u64,
    /// The tokens that the answer will have.
    pub(crate) output_tokens: u64,
    /// The most that the request allows its answer.
    pub(crate) max_tokens: Option<u64>,
}

/// The answer to one request for admission.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) refused: Option<Refusal>,
    /// In the order of [`Limit::ALL`].
    pub(crate) levels: [Option<Level>; 4],
}

impl Verdict {
    pub(crate) fn level(&self, limit: Limit) -> Option<Level> {
        self.levels[limit as usize]
    }
}

/// The state of one limit, for the rate headers.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    Exhausted(Limit, Duration),
    /// The request alone has more tokens than the limit: it never fits.
    TooLarge(Limit),
}

impl Account {
    pub(crate) fn new(quota: Quota, started: Instant) -> Account {
        let mut account = Account {
            quota,
            started,
            log: VecDeque::new(),
            used: Amounts::default(),
            buckets: [f64::INFINITY; 4],
            filled: started,
            usage: UsageLog::new(started, &quota),
        };
        account.fill(started);
        account
    }

    /// Takes another quota from `now` on; what was used stays used.
    pub(crate) fn set_quota(&mut self, quota: Quota, now: Instant) {
        if self.quota.kind != quota.kind {
            self.log.clear();
            self.used = Amounts::default();
            self.buckets = [f64::INFINITY; 4];
        }
        self.fill(now);
        for limit in Limit::ALL {
            if self.quota.per_minute(limit).is_none() {
                self.buckets[limit as usize] = f64::INFINITY;
            }
        }
        self.quota = quota;
        self.fill(now);
        self.usage.limits_changed(&quota, now);
    }

    /// What was used in a range of time, in seconds since the server's start; `None` stands for the first and the last.
    pub(crate) fn usage(&self, from: Option<u64>, to: Option<u64>, now: Instant) -> Usage {
        self.usage.report(&self.quota, from, to, now)
    }

    pub(crate) fn quota(&self) -> Quota {
        self.quota
    }

    /// Admits a request at `now`, or says why not. `now` must not run backwards between calls.
    pub(crate) fn admit(&mut self, now: Instant, demand: Demand) -> Verdict {
        let output_tokens = match self.quota.charge {
            Charge::Actual => demand.output_tokens,
            Charge::Reserved => demand.max_tokens.unwrap_or(self.quota.default_max_tokens),
            Charge::Settled => 0,
        };
        let amounts = Amounts { requests: 1, input_tokens: demand.input_tokens, output_tokens };
        self.forget(now);
        self.fill(now);
        let refused = self.refusal(now, &amounts);
        if refused.is_none() {
            self.charge(now, &amounts);
        } else {
            self.usage.rejected(now);
        }
        Verdict { refused, levels: Limit::ALL.map(|limit| self.level(now, limit)) }
    }

    /// An answer with these tokens has ended.
    pub(crate) fn settle(&mut self, now: Instant, output_tokens: u64) {
        if self.quota.charge == Charge::Settled && output_tokens > 0 {
            self.forget(now);
            self.fill(now);
            self.charge(now, &Amounts { output_tokens, ..Amounts::default() });
        }
    }

    fn charge(&mut self, now: Instant, amounts: &Amounts) {
        self.usage.charged(now, amounts);
        if self.quota.kind == WindowKind::Bucket {
            for limit in Limit::ALL {
                self.buckets[limit as usize] -= amounts.of(limit) as f64;
            }
        } else if !self.quota.is_unlimited() {
            self.log.push_back((self.leaves(now), *amounts));
            self.used.add(amounts);
        }
    }

    /// Drops what has left the window.
    fn forget(&mut self, now: Instant) {
        while let Some((_, old)) = self.log.front().copied().filter(|(leaves, _)| *leaves <= now) {
            self.used.take(&old);
            self.log.pop_front();
        }
    }

    /// Lets the buckets fill.
    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        for limit in Limit::ALL {
            if let Some((per_second, capacity)) = self.bucket(limit) {
                let level = &mut self.buckets[limit as usize];
                *level = (*level + seconds * per_second).min(capacity);
            }
        }
    }

    /// (what flows in each second, what it holds when it is full)
    fn bucket(&self, limit: Limit) -> Option<(f64, f64)> {
        let per_second = self.quota.per_minute(limit)? as f64 / 60.0;
        Some((per_second, (per_second * self.quota.burst.as_secs_f64()).max(1.0)))
    }

    fn leaves(&self, now: Instant) -> Instant {
        if self.quota.kind == WindowKind::Fixed {
            let into = (now - self.started).as_nanos() % self.quota.window.as_nanos();
            now + self.quota.window - Duration::from_nanos(into as u64)
        } else {
            now + self.quota.window
        }
    }

    /// Of several limits that are used up, the one that takes longest.
    fn refusal(&self, now: Instant, amounts: &Amounts) -> Option<Refusal> {
        let mut longest: Option<(Limit, Duration)> = None;
        for limit in Limit::ALL {
            let Some(most) = self.quota.per_window(limit) else { continue };
            if amounts.of(limit) > most {
                return Some(Refusal::TooLarge(limit));
            }
            let wait = match self.quota.kind {
                WindowKind::Bucket => self.bucket_wait(limit, amounts),
                _ => self.window_wait(now, limit, most, amounts),
            };
            if wait.is_some_and(|wait| longest.is_none_or(|(_, longest)| wait > longest)) {
                longest = wait.map(|wait| (limit, wait));
            }
        }
        longest.map(|(limit, wait)| Refusal::Exhausted(limit, wait))
    }

    /// Whether the answer's tokens come later, so that only an account at its limit refuses.
    fn is_settled_later(&self, limit: Limit) -> bool {
        self.quota.charge == Charge::Settled && matches!(limit, Limit::OutputTokens | Limit::Tokens)
    }

    fn window_wait(&self, now: Instant, limit: Limit, most: u64, amounts: &Amounts) -> Option<Duration> {
        let wanted = if self.is_settled_later(limit) { 1 } else { amounts.of(limit) };
        let mut excess = (self.used.of(limit) + wanted).checked_sub(most).filter(|excess| *excess > 0)?;
        for (leaves, old) in &self.log {
            if old.of(limit) >= excess {
                return Some(*leaves - now);
            }
            excess -= old.of(limit);
        }
        None
    }

    fn bucket_wait(&self, limit: Limit, amounts: &Amounts) -> Option<Duration> {
        /// What refilling loses to rounding.
        const SLACK: f64 = 1e-6;
        let (per_second, capacity) = self.bucket(limit)?;
        let wanted = if self.is_settled_later(limit) { 1.0 } else { amounts.of(limit) as f64 };
        let missing = wanted.min(capacity) - self.buckets[limit as usize];
        (missing > SLACK).then(|| Duration::from_secs_f64(missing / per_second))
    }

    fn level(&self, now: Instant, limit: Limit) -> Option<Level> {
        let most = self.quota.per_window(limit)?;
        if self.quota.kind == WindowKind::Bucket {
            let (per_second, capacity) = self.bucket(limit)?;
            let level = self.buckets[limit as usize];
            let reset = Duration::from_secs_f64((capacity - level).max(0.0) / per_second);
            return Some(Level { limit: most, remaining: level.max(0.0) as u64, reset });
        }
        let reset = self.log.back().map_or(Duration::ZERO, |(leaves, _)| *leaves - now);
        Some(Level { limit: most, remaining: most.saturating_sub(self.used.of(limit)), reset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tokens(input_tokens: u64, output_tokens: u64) -> Demand {
        Demand { input_tokens, output_tokens, max_tokens: None }
    }

    fn refused(account: &mut Account, now: Instant, demand: Demand) -> Option<Refusal> {
        account.admit(now, demand).refused
    }

    #[test]
    fn a_sliding_window_never_holds_more_than_the_limit() {
        let start = Instant::now();
        let mut account = Account::new(Quota { requests_per_minute: Some(10), ..Quota::default() }, start);
        let admitted: Vec<Instant> = (0..3000)
            .map(|i| start + i * SECOND / 10)
            .filter(|now| refused(&mut account, *now, tokens(1, 1)).is_none())
            .collect();
        assert_eq!(admitted.len(), 50);
        for pair in admitted.windows(11) {
            assert!(pair[10] - pair[0] >= 60 * SECOND);
        }
    }

    #[test]
    fn a_fixed_window_starts_anew_at_its_edge() {
        let quota = Quota { requests_per_minute: Some(2), kind: WindowKind::Fixed, ..Quota::default() };
        let start = Instant::now();
        let mut account = Account::new(quota, start);
        assert!(refused(&mut account, start + 58 * SECOND, tokens(1, 1)).is_none());
        assert!(refused(&mut account, start + 59 * SECOND, tokens(1, 1)).is_none());
        let wait = refused(&mut account, start + 59 * SECOND, tokens(1, 1));
        assert_eq!(wait, Some(Refusal::Exhausted(Limit::Requests, SECOND)));
        assert!(refused(&mut account, start + 60 * SECOND, tokens(1, 1)).is_none());
    }

    #[test]
    fn tokens_wait_for_as_many_as_they_need() {
        let start = Instant::now();
        let mut account = Account::new(Quota { tokens_per_minute: Some(100), ..Quota::default() }, start);
        for second in 0..4 {
            assert!(refused(&mut account, start + second * SECOND, tokens(20, 5)).is_none());
        }
        let now = start + 10 * SECOND;
        // 60 tokens fit once the first three of 25 have left, the third at 62 s.
        let wait = refused(&mut account, now, tokens(50, 10));
        assert_eq!(wait, Some(Refusal::Exhausted(Limit::Tokens, 52 * SECOND)));
        assert_eq!(refused(&mut account, now, tokens(1, 100)), Some(Refusal::TooLarge(Limit::Tokens)));
        assert!(refused(&mut account, now + 52 * SECOND, tokens(50, 10)).is_none());
    }

    #[test]
    fn a_bucket_holds_a_second_and_fills_evenly() {
        let quota = Quota { requests_per_minute: Some(600), kind: WindowKind::Bucket, ..Quota::default() };
        let start = Instant::now();
        let mut account = Account::new(quota, start);
        // 1,000 requests in the first instant: the burst of one second, 10, is admitted.
        let at_once = (0..1000).filter(|_| refused(&mut account, start, tokens(1, 1)).is_none()).count();
        assert_eq!(at_once, 10);
        let wait = refused(&mut account, start, tokens(1, 1));
        assert_eq!(wait, Some(Refusal::Exhausted(Limit::Requests, SECOND / 10)));
        // Then one every 100 ms, for whoever asks all the time.
        let later = (1..=60_000u32)
            .filter(|ms| refused(&mut account, start + *ms * SECOND / 1000, tokens(1, 1)).is_none())
            .count();
        assert_eq!(later, 600);
        // A pause is worth no more than the burst.
        let rested = start + 600 * SECOND;
        assert_eq!((0..1000).filter(|_| refused(&mut account, rested, tokens(1, 1)).is_none()).count(), 10);
    }

    #[test]
    fn what_is_larger_than_the_bucket_leaves_a_debt() {
        let quota = Quota { input_tokens_per_minute: Some(600), kind: WindowKind::Bucket, ..Quota::default() };
        let start = Instant::now();
        let mut account = Account::new(quota, start);
        assert!(refused(&mut account, start, tokens(100, 0)).is_none());
        // 90 tokens of debt are 9 s, and 10 tokens more a tenth second each.
        let wait = refused(&mut account, start, tokens(10, 0));
        assert_eq!(wait, Some(Refusal::Exhausted(Limit::InputTokens, 10 * SECOND)));
        assert!(refused(&mut account, start + 10 * SECOND, tokens(10, 0)).is_none());
        assert_eq!(refused(&mut account, start, tokens(601, 0)), Some(Refusal::TooLarge(Limit::InputTokens)));
    }

    #[test]
    fn reserved_tokens_are_not_given_back() {
        let quota = Quota {
            output_tokens_per_minute: Some(250),
            charge: Charge::Reserved,
            default_max_tokens: 50,
            ..Quota::default()
        };
        let start = Instant::now();
        let mut account = Account::new(quota, start);
        let with_limit = Demand { input_tokens: 10, output_tokens: 3, max_tokens: Some(100) };
        for _ in 0..2 {
            assert!(refused(&mut account, start, with_limit).is_none());
            account.settle(start, 3);
        }
        let wait = refused(&mut account, start, with_limit);
        assert_eq!(wait, Some(Refusal::Exhausted(Limit::OutputTokens, 60 * SECOND)));
        assert!(refused(&mut account, start, tokens(10, 3)).is_none());
        assert_eq!(account.usage(None, None, start + SECOND).output_tokens, 250);
    }

    #[test]
    fn settled_tokens_count_when_the_answer_ends() {
        for kind in [WindowKind::Sliding, WindowKind::Bucket] {
            let quota = Quota { output_tokens_per_minute: Some(60), kind, charge: Charge::Settled, ..Quota::default() };
            let start = Instant::now();
            let mut account = Account::new(quota, start);
            // What is under way is not counted yet, however much it will be.
            for _ in 0..5 {
                assert!(refused(&mut account, start, tokens(10, 100)).is_none());
            }
            account.settle(start + SECOND, 100);
            let wait = refused(&mut account, start + SECOND, tokens(10, 1));
            let expected = if kind == WindowKind::Bucket { 100 * SECOND } else { 60 * SECOND };
            assert_eq!(wait, Some(Refusal::Exhausted(Limit::OutputTokens, expected)), "{kind:?}");
            assert!(refused(&mut account, start + SECOND + expected, tokens(10, 1)).is_none());
        }
    }

    #[test]
    fn a_lowered_limit_counts_what_was_used_before() {
        let start = Instant::now();
        let mut account = Account::new(Quota { requests_per_minute: Some(100), ..Quota::default() }, start);
        for second in 0..10 {
            for _ in 0..5 {
                assert!(refused(&mut account, start + second * SECOND, tokens(1, 1)).is_none());
            }
        }
        account.set_quota(Quota { requests_per_minute: Some(20), ..Quota::default() }, start + 10 * SECOND);
        // 19 are left once those of seconds 0 to 6 (35 of 50) have gone, the last of them at 66 s.
        let wait = refused(&mut account, start + 10 * SECOND, tokens(1, 1));
        assert_eq!(wait, Some(Refusal::Exhausted(Limit::Requests, 56 * SECOND)));
        account.set_quota(Quota { requests_per_minute: Some(51), ..Quota::default() }, start + 11 * SECOND);
        assert!(refused(&mut account, start + 11 * SECOND, tokens(1, 1)).is_none());
    }

    #[test]
    fn of_two_limits_the_longer_wait_is_told() {
        let quota = Quota { requests_per_minute: Some(2), input_tokens_per_minute: Some(100), ..Quota::default() };
        let start = Instant::now();
        let mut account = Account::new(quota, start);
        assert!(refused(&mut account, start, tokens(10, 0)).is_none());
        assert!(refused(&mut account, start + SECOND, tokens(90, 0)).is_none());
        let wait = refused(&mut account, start + 2 * SECOND, tokens(11, 0));
        assert_eq!(wait, Some(Refusal::Exhausted(Limit::InputTokens, 59 * SECOND)));
    }
}
