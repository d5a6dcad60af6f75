//! How one limit is spread over time.

use std::collections::VecDeque;

use super::wire::{MILLISECOND, Nanos, SECOND};
use crate::provider::Dimension;

/// How long after its time a grant may still be used. A stretch of time of length `t` so sees at most what is granted in
/// `t + VALID`.
pub const VALID: Nanos = 250 * MILLISECOND;

/// The share of a limit on requests that is given out. The other percent of a minute, 0.6 s, is room for the time a
/// request takes to reach the server, which varies.
const REQUESTS_SHARE: f64 = 0.99;

/// The share of a limit on tokens: counts before the call are estimates, so there is more room.
const TOKENS_SHARE: f64 = 0.98;

const MINUTE: Nanos = 60 * SECOND;

/// The window that the log holds: a minute, and room as above.
const WINDOW: Nanos = MINUTE + SECOND / 2;

/// How much a limit that does not bind may save up while another one does.
const SLACK: Nanos = 50 * MILLISECOND;

/// The grain of the log.
const GRAIN: Nanos = 50 * MILLISECOND;

/// One limit, spread evenly: each grant takes the time that its amount needs at the limit's rate, and the next one comes
/// after it (the generic cell rate algorithm). Beside it a log of the last minute keeps a sliding window of the limit
/// from being exceeded by amounts that are large or were settled late.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// The limit.
    per_minute: f64,
    /// What is aimed at, where refusals have slowed the group below the limit.
    slowed: f64,
    /// What is given out of either, at most 1.
    share: f64,
    /// The time before which nothing more may be granted.
    next: f64,
    log: Log,
    /// What was taken under a higher limit, and when that was lowered.
    former: Option<(Log, Nanos)>,
}

/// What was taken in the last minute and half a second.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    /// (the end of a grain, what was taken in it).
    grains: VecDeque<(Nanos, f64)>,
    sum: f64,
}

impl Log {
    /// Adds `amount` at the time `at`.
    pub(super) fn book(&mut self, amount: f64, at: Nanos) {
        let end = at - at.rem_euclid(GRAIN) + GRAIN;
        match self.grains.back_mut() {
            // Grants are made in the order of time, up to a grain or so; what comes back is booked with the newest.
            Some((last, taken)) if *last >= end => *taken += amount,
            _ => self.grains.push_back((end, amount)),
        }
        self.sum += amount;
    }

    /// The sum at `now`.
    pub(super) fn sum(&mut self, now: Nanos) -> f64 {
        while let Some((end, taken)) = self.grains.front().copied()
            && end + WINDOW <= now
        {
            self.sum -= taken;
            self.grains.pop_front();
        }
        if self.grains.is_empty() {
            self.sum = 0.0;
        }
        self.sum.max(0.0)
    }

    /// Puts what was taken earlier before the rest.
    fn put_before(&mut self, earlier: Log) {
        self.sum += earlier.sum;
        for grain in earlier.grains.into_iter().rev() {
            self.grains.push_front(grain);
        }
    }

    /// When `excess` less than the sum at `now` will be left, if that is after `from`.
    fn leaves(&mut self, mut excess: f64, from: Nanos) -> Option<Nanos> {
        for (end, taken) in &self.grains {
            if excess <= 1e-6 {
                return None;
            }
            excess -= taken;
            if end + WINDOW > from && excess <= 1e-6 {
                return Some(end + WINDOW);
            }
        }
        None
    }
}

impl Pace {
    /// A limit on `dimension`, of which nothing is used at `now`.
    pub(super) fn new(dimension: Dimension, per_minute: f64, now: Nanos) -> Self {
        let share = if dimension == Dimension::Requests { REQUESTS_SHARE } else { TOKENS_SHARE };
        Pace { per_minute, slowed: f64::INFINITY, share, next: now as f64, log: Log::default(), former: None }
    }

    /// The limit.
    pub(super) fn per_minute(&self) -> f64 {
        self.per_minute
    }

    /// Takes another limit from `now` on.
    pub(super) fn set_limit(&mut self, per_minute: f64, now: Nanos) {
        if per_minute < self.per_minute {
            // A bucket forgets at once what was sent under the higher limit; a sliding window does not.
            let mut log = std::mem::take(&mut self.log);
            // Words of several executors on a changed limit come in any order: it may fall more than once.
            if let Some((former, _)) = self.former.take() {
                log.put_before(former);
            }
            self.former = Some((log, now));
        }
        self.change(now, |pace| pace.per_minute = per_minute);
    }

    /// Goes no faster than `per_minute` from `now` on, whatever the limit.
    pub(super) fn slow_to(&mut self, per_minute: f64, now: Nanos) {
        if per_minute != self.slowed {
            self.change(now, |pace| pace.slowed = per_minute);
        }
    }

    fn change(&mut self, now: Nanos, change: impl Fn(&mut Pace)) {
        // A debt is a number of requests or tokens, not a length of time.
        let debt = (self.next - now as f64) * self.rate();
        change(self);
        self.next = now as f64 + debt / self.rate();
    }

    /// The server refused a request. Some time after a limit was lowered that means that it counts by a sliding window, which
    /// is still full of what was sent before.
    pub(super) fn refused(&mut self, now: Nanos) {
        if self.former.as_ref().is_some_and(|(_, lowered)| now - lowered > 2 * SECOND)
            && let Some((former, _)) = self.former.take()
        {
            self.log.put_before(former);
        }
    }

    /// What is given out in a nanosecond.
    fn rate(&self) -> f64 {
        self.per_minute.min(self.slowed) * self.share / MINUTE as f64
    }

    /// How long the limit needs for `amount`.
    pub(super) fn cost(&self, amount: f64) -> f64 {
        amount / self.rate()
    }

    /// The earliest time, from `from` on, at which `amount` may be granted.
    pub(super) fn earliest(&mut self, amount: f64, from: Nanos, now: Nanos) -> Nanos {
        let paced = (self.next.ceil() as Nanos).max(from);
        // A request larger than the limit would wait for ever; it is refused elsewhere, and here it waits for all.
        let excess = self.log.sum(now) + amount.min(self.per_minute) - self.per_minute;
        if excess <= 0.0 { paced } else { self.log.leaves(excess, paced).unwrap_or(paced) }
    }

    /// Grants `amount` at the time `at`, valid for [`VALID`] and `stretch`: a minute may then see what is granted in so much
    /// more, so the rate is less by as much.
    pub(super) fn take(&mut self, amount: f64, at: Nanos, stretch: Nanos) {
        let cost = self.cost(amount) * (1.0 + stretch as f64 / MINUTE as f64);
        self.next = self.next.max((at - SLACK) as f64) + cost;
        self.log.book(amount, at);
    }

    /// A grant took `difference` more than it was granted; less where that is negative.
    pub(super) fn settle(&mut self, difference: f64, now: Nanos) {
        // A credit that comes late would be a burst: it counts only as far as a grant of now is still usable.
        self.next = (self.next + self.cost(difference)).max((now - VALID) as f64);
        self.log.book(difference, now);
    }

    /// What was granted in the last minute, settled as far as is known.
    pub(super) fn used(&mut self, now: Nanos) -> f64 {
        self.log.sum(now)
    }

    /// Moves the next grant by `late`: the last one was used so much after its time.
    pub(super) fn delay(&mut self, late: Nanos) {
        self.next += late as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(pace: &mut Pace, amounts: impl Iterator<Item = f64>) -> Vec<(Nanos, f64)> {
        let mut now = 0;
        amounts
            .map(|amount| {
                now = pace.earliest(amount, now - VALID, now).max(now);
                pace.take(amount, now, 0);
                (now, amount)
            })
            .collect()
    }

    fn most_in(grants: &[(Nanos, f64)], window: Nanos) -> f64 {
        let mut most = 0f64;
        let (mut sum, mut from) = (0.0, 0);
        for (at, amount) in grants {
            sum += amount;
            while grants[from].0 <= at - window {
                sum -= grants[from].1;
                from += 1;
            }
            most = most.max(sum);
        }
        most
    }

    #[test]
    fn requests_are_spread_evenly_and_the_limit_is_used() {
        for limit in [1.0, 7.0, 60.0, 1000.0, 100_000.0] {
            let mut pace = Pace::new(Dimension::Requests, limit, 0);
            let count = (limit as usize * 3).min(60_000);
            let all = grants(&mut pace, std::iter::repeat_n(1.0, count));
            assert!(most_in(&all, MINUTE) <= limit, "{limit}");
            let minutes = all[count - 1].0 as f64 / MINUTE as f64;
            assert!((count - 1) as f64 / minutes >= 0.985 * limit, "{limit}");
        }
    }

    #[test]
    fn large_amounts_never_fill_a_minute_beyond_the_limit() {
        let mut pace = Pace::new(Dimension::Tokens, 10_000.0, 0);
        let amounts = (0..600).map(|i| 100.0 + ((i * 7919) % 1700) as f64);
        let all = grants(&mut pace, amounts);
        assert!(most_in(&all, MINUTE) <= 10_000.0);
        let total: f64 = all.iter().map(|(_, amount)| amount).sum();
        let minutes = all[all.len() - 1].0 as f64 / MINUTE as f64;
        assert!(total / minutes >= 0.87 * 10_000.0, "{}", total / minutes);
    }

    #[test]
    fn idleness_saves_up_only_for_a_moment() {
        let mut pace = Pace::new(Dimension::Requests, 60_000.0, 0);
        let now = 100 * SECOND;
        let at_once = (0..1000)
            .take_while(|_| {
                let at = pace.earliest(1.0, now - VALID, now);
                pace.take(1.0, at, 0);
                at <= now
            })
            .count();
        assert!((240..=300).contains(&at_once), "{at_once}");
    }

    #[test]
    fn debts_slow_the_pace_and_late_credits_do_not_burst() {
        let mut pace = Pace::new(Dimension::OutputTokens, 60_000.0, 0);
        pace.take(100.0, 0, 0);
        pace.settle(900.0, SECOND);
        let at = pace.earliest(1.0, SECOND - VALID, SECOND);
        assert!((at - 1_020 * MILLISECOND).abs() < 5 * MILLISECOND, "{at}");
        pace.settle(-1e9, 10 * SECOND);
        assert_eq!(pace.earliest(1.0, 10 * SECOND - VALID, 10 * SECOND), 10 * SECOND - VALID);
    }

    #[test]
    fn a_sliding_window_remembers_what_was_sent_before_a_limit_fell_twice() {
        let mut pace = Pace::new(Dimension::Requests, 6_000.0, 0);
        for i in 0..6_000 {
            pace.take(1.0, i * 10 * MILLISECOND, 0);
        }
        let lowered = MINUTE;
        pace.set_limit(3_000.0, lowered);
        // An answer of before the change comes late.
        pace.set_limit(6_000.0, lowered + 50 * MILLISECOND);
        pace.set_limit(3_000.0, lowered + 60 * MILLISECOND);
        let now = lowered + 3 * SECOND;
        assert!(pace.earliest(1.0, now, now) < now + SECOND);
        pace.refused(now);
        assert!(pace.earliest(1.0, now, now) > now + 25 * SECOND);
    }

    #[test]
    fn a_new_limit_holds_at_once() {
        let mut pace = Pace::new(Dimension::Requests, 6000.0, 0);
        pace.take(1.0, 0, 0);
        pace.set_limit(60.0, 0);
        assert!(pace.earliest(1.0, 0 - VALID, 0) >= SECOND);
        pace.set_limit(6000.0, 0);
        assert!(pace.earliest(1.0, 0 - VALID, 0) <= 11 * MILLISECOND);
    }
}
