//! What a group learns of its limits from responses: rate headers, and refusals without them.

use super::wire::{MILLISECOND, Nanos, SECOND};
use crate::provider::{Accounting, Dimension, Limits};

use super::wire::Seen;

/// How long responses are gathered before they are judged.
const EPOCH: Nanos = SECOND;

/// The share of refusals above which the group waits as long as the server says. Below, they are refusals of single
/// requests (a server that refuses at random, the last few above the limit), whose rows wait for themselves.
const PAUSE_SHARE: f64 = 0.3;

/// On refusals the rate falls to this share of what the server took.
const DECREASE: f64 = 0.95;

/// The most that the rate falls at once.
const MOST_DECREASE: f64 = 0.5;

/// What the rate gains each second without refusals, of the rate at the last fall.
const RECOVERY: f64 = 0.01;

/// By how much it grows each second after the server took nothing, until it is half of what it was.
const QUICK_RECOVERY: f64 = 1.5;

/// How long after the last refusal an unlimited group is free again.
const FORGET: Nanos = 120 * SECOND;

/// The longest pause that a response can ask for.
const LONGEST_PAUSE: Nanos = 600 * SECOND;

/// The lowest rate, in requests per second: enough to notice that the server takes requests again.
const LOWEST: f64 = 0.2;

/// Adds up what the responses of a group say.
#[derive(Debug, Clone, Default)]
pub(super) struct Learned {
    /// From rate headers.
    pub(super) limits: Limits,
    /// No request before this time.
    pub(super) paused_until: Nanos,
    /// The rate in requests per minute to which refusals have slowed the group.
    pub(super) slowed: Option<f64>,
    /// The rate at the last fall.
    recover_to: f64,
    /// Below this rate recovery is quick: the server took nothing at all for a while, which says nothing of its limit.
    threshold: f64,
    begun: Nanos,
    accepted: u64,
    refused: u64,
    last_refusal: Option<Nanos>,
    /// The responses of this epoch are to requests that were sent before the last fall.
    is_stale: bool,
    /// The rate and the share of refusals at the first fall of a series.
    series: Option<(f64, f64)>,
    /// The share of refusals that slowing down did not change, and when that was seen.
    noise: Option<(f64, Nanos)>,
    /// Evidence on how output is counted: positive for `used`.
    evidence: i32,
}

impl Learned {
    /// Takes what came in since the last time.
    pub(super) fn responses(&mut self, accepted: u64, refused: u64, pause: Option<Nanos>, now: Nanos) {
        if accepted + refused == 0 {
            return;
        }
        if self.accepted + self.refused == 0 && self.begun + EPOCH < now {
            self.begun = now - 100 * MILLISECOND;
        }
        self.accepted += accepted;
        self.refused += refused;
        if refused == 0 {
            return;
        }
        let share = self.share();
        if share > PAUSE_SHARE.max(self.tolerated(now))
            && let Some(pause) = pause
        {
            self.paused_until = self.paused_until.max(now + pause.min(LONGEST_PAUSE));
        }
    }

    fn share(&self) -> f64 {
        self.refused as f64 / (self.accepted + self.refused).max(1) as f64
    }

    /// The share of refusals that is no reason to slow down.
    fn tolerated(&self, now: Nanos) -> f64 {
        match self.noise {
            Some((share, at)) if at + FORGET > now => share * 1.5 + 0.02,
            _ => 0.0,
        }
    }

    /// Judges an epoch when it has ended: slows down, or recovers. `current` is the rate in force, in requests per minute,
    /// where there is one. Headers that say what is left make a slower rate needless.
    pub(super) fn judge(&mut self, current: Option<f64>, now: Nanos) {
        let length = now - self.begun;
        if length < EPOCH {
            return;
        }
        let (accepted, refused) = (self.accepted, self.refused);
        let share = self.share();
        let tolerated = self.tolerated(now);
        let is_stale = std::mem::take(&mut self.is_stale);
        (self.begun, self.accepted, self.refused) = (now, 0, 0);
        if refused == 0 || share <= tolerated {
            self.recover(length, now);
            return;
        }
        self.last_refusal = Some(now);
        if is_stale {
            return;
        }
        self.is_stale = true;
        // In a pause nothing was taken because nothing was sent.
        let minutes = length as f64 / (60 * SECOND) as f64;
        let taken = accepted as f64 / minutes;
        let rate = self.slowed.or(current).unwrap_or((accepted + refused) as f64 / minutes);
        let (first_rate, first_share) = *self.series.get_or_insert((rate, share));
        // A limit would refuse what is above it; does that fit what is seen, or is the share what it was at first?
        let by_limit = (1.0 - first_rate * (1.0 - first_share) / rate).max(0.0);
        if share < 0.9 && rate <= 0.6 * first_rate && (share - first_share).abs() < (share - by_limit).abs() {
            // Slowing down changed nothing: the server refuses whatever the rate.
            self.noise = Some((share, now));
            self.series = None;
            self.slowed = (current.is_none_or(|current| first_rate < current)).then_some(first_rate);
            self.recover_to = first_rate;
            return;
        }
        let slower = (DECREASE * taken).clamp(MOST_DECREASE * rate, rate);
        self.slowed = Some(slower.max(LOWEST * 60.0).min(rate.max(LOWEST * 60.0)));
        self.recover_to = slower.max(rate * MOST_DECREASE);
        self.threshold = if accepted == 0 { MOST_DECREASE * first_rate } else { 0.0 };
    }

    fn recover(&mut self, length: Nanos, now: Nanos) {
        if self.last_refusal.is_none_or(|at| at + 5 * SECOND < now) {
            self.series = None;
        }
        let Some(slowed) = self.slowed else { return };
        if now < self.paused_until {
            return;
        }
        if self.last_refusal.is_none_or(|at| at + FORGET < now) {
            self.slowed = None;
            return;
        }
        let seconds = length as f64 / SECOND as f64;
        self.slowed = Some(if slowed < self.threshold {
            (slowed * QUICK_RECOVERY.powf(seconds)).min(self.threshold)
        } else {
            slowed + RECOVERY * self.recover_to.max(60.0) * seconds
        });
    }

    /// Takes rate headers. Gives whether a limit changed.
    pub(super) fn headers(&mut self, seen: &Seen) -> bool {
        let mut changed = false;
        for dimension in Dimension::ALL {
            let Some(limit) = seen.limits.of(dimension).filter(|limit| *limit > 0) else { continue };
            if self.limits.of(dimension) != Some(limit) {
                self.limits.set(dimension, Some(limit));
                changed = true;
            }
        }
        if changed {
            // The server has said what holds; what was guessed before is void.
            self.slowed = None;
            self.series = None;
        }
        changed
    }

    /// Compares what the server says is used with what would be used if it counted answers by reservation or by what
    /// they have. Gives how it counts, once that is clear.
    pub(super) fn accounting(&mut self, server: f64, reserved: f64, used: f64, limit: f64) -> Option<Accounting> {
        // A bucket is nearly full whatever is used, and small numbers say nothing.
        if reserved < used * 1.3 || server < 0.5 * used || reserved < 0.1 * limit {
            return None;
        }
        let is_used = (server - used).abs() < (server - reserved).abs();
        self.evidence = (self.evidence + if is_used { 1 } else { -1 }).clamp(-8, 8);
        match self.evidence {
            8 => Some(Accounting::Used),
            -8 => Some(Accounting::Reserved),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that takes `limit` a second of what comes evenly, and then refuses; gives the rate after `seconds`.
    fn after(learned: &mut Learned, from: f64, limit: f64, seconds: i64, start: i64) -> (f64, u64) {
        let mut refusals = 0;
        let mut rate = learned.slowed.map_or(from, |slowed| slowed / 60.0);
        for second in 1..=seconds {
            let taken = rate.min(limit);
            let refused = (rate - taken).round() as u64;
            refusals += refused;
            let now = (start + second) * SECOND;
            learned.responses(taken.round() as u64, refused, None, now);
            learned.judge(None, now);
            rate = learned.slowed.map_or(from, |slowed| slowed / 60.0);
        }
        (rate, refusals)
    }

    #[test]
    fn a_rate_without_headers_settles_under_the_limit_and_probes_it() {
        let mut learned = Learned::default();
        let (rate, refusals) = after(&mut learned, 400.0, 100.0, 10, 0);
        assert!((80.0..=110.0).contains(&rate), "{rate}");
        assert!(refusals < 1000, "{refusals}");
        let (rate, refusals) = after(&mut learned, 400.0, 100.0, 60, 10);
        assert!((90.0..=110.0).contains(&rate), "{rate}");
        assert!(refusals < 60, "{refusals}");
    }

    #[test]
    fn refusals_at_random_do_not_slow_the_run_down_for_ever() {
        let mut learned = Learned::default();
        for second in 1..=60 {
            let rate = learned.slowed.map_or(1000.0, |slowed| slowed / 60.0);
            let now = second * SECOND;
            learned.responses((rate * 0.9) as u64, (rate * 0.1) as u64, Some(SECOND), now);
            learned.judge(None, now);
            assert_eq!(learned.paused_until, 0, "rows wait for themselves");
        }
        let rate = learned.slowed.map_or(1000.0, |slowed| slowed / 60.0);
        assert!(rate > 900.0, "{rate}");
    }

    #[test]
    fn the_server_that_refuses_all_is_left_alone_as_long_as_it_says() {
        let mut learned = Learned::default();
        learned.responses(0, 3, Some(7 * SECOND), 100 * SECOND);
        assert_eq!(learned.paused_until, 107 * SECOND);
        learned.responses(0, 1, Some(3 * SECOND), 101 * SECOND);
        assert_eq!(learned.paused_until, 107 * SECOND);
        learned.responses(0, 1, Some(SECOND * 10_000), 110 * SECOND);
        assert_eq!(learned.paused_until, 710 * SECOND);
    }

    #[test]
    fn headers_are_taken_at_once() {
        let mut learned = Learned { slowed: Some(1.0), ..Learned::default() };
        let mut seen = Seen::default();
        seen.limits.set(Dimension::Requests, Some(500));
        assert!(learned.headers(&seen) && learned.slowed.is_none());
        assert!(!learned.headers(&seen));
        seen.limits.set(Dimension::Requests, Some(250));
        assert!(learned.headers(&seen));
        assert_eq!(learned.limits.of(Dimension::Requests), Some(250));
    }

    #[test]
    fn how_output_is_counted_shows_in_what_is_left() {
        let mut learned = Learned::default();
        let said: Vec<_> = (0..8).map(|_| learned.accounting(4_100.0, 9_000.0, 4_000.0, 10_000.0)).collect();
        assert_eq!(said.last(), Some(&Some(Accounting::Used)));
        let mut learned = Learned::default();
        assert!((0..100).all(|_| learned.accounting(50.0, 9_000.0, 4_000.0, 10_000.0).is_none()), "a bucket");
    }
}
