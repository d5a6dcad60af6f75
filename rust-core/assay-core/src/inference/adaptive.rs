//! How many requests an endpoint stands: fewer while it fails under the load, more when it does not.

use std::time::Duration;

use tokio::time::Instant;

/// Above this share of failures in a window the number of open requests falls.
const OVERLOAD: f64 = 0.2;

/// By how much it falls.
const DECREASE: f64 = 0.7;

/// By how much it grows after a window with fewer failures: one request, or this share, whichever is more.
const INCREASE: f64 = 0.1;

/// The shortest window, in responses and in time.
const FEWEST: usize = 20;
const SHORTEST: Duration = Duration::from_millis(250);

/// How long failures that fewer requests do not change are taken for the endpoint's own way.
const FORGET: Duration = Duration::from_secs(60);

/// Additive increase, multiplicative decrease of the number of open requests, between 1 and the model's
/// `maxConcurrency`, where it begins: a healthy endpoint is never slowed.
#[derive(Debug)]
pub(super) struct Adaptive {
    most: usize,
    limit: f64,
    begun: Option<Instant>,
    good: usize,
    failed: usize,
    /// Responses to requests that were sent under the limit before, which say nothing of this one.
    stale: usize,
    /// The limit and the share of failures where a series of falls began.
    series: Option<(f64, f64)>,
    /// A share of failures that fewer requests did not change, and until when it is tolerated.
    tolerated: Option<(f64, Instant)>,
}

impl Adaptive {
    pub(super) fn new(most: usize) -> Self {
        Adaptive { most, limit: most as f64, begun: None, good: 0, failed: 0, stale: 0, series: None, tolerated: None }
    }

    /// The cap has changed.
    pub(super) fn set_most(&mut self, most: usize) {
        if most != self.most {
            *self = Adaptive::new(most);
        }
    }

    /// The number of requests that may be open.
    pub(super) fn limit(&self) -> usize {
        (self.limit.round() as usize).clamp(1, self.most.max(1))
    }

    /// An attempt ended: `is_overload` where the endpoint failed, broke the connection or took too long. Gives the new
    /// number when it has changed.
    pub(super) fn observe(&mut self, is_overload: bool, now: Instant) -> Option<usize> {
        if self.stale > 0 {
            self.stale -= 1;
            return None;
        }
        if is_overload {
            self.failed += 1;
        } else {
            self.good += 1;
            // The common case costs nothing more.
            if self.failed == 0 && self.limit() >= self.most && self.good > FEWEST {
                (self.good, self.begun, self.series) = (0, None, None);
                return None;
            }
        }
        let begun = *self.begun.get_or_insert(now);
        if self.good + self.failed < FEWEST.max(self.limit()) || now - begun < SHORTEST {
            return None;
        }
        let share = self.failed as f64 / (self.good + self.failed) as f64;
        (self.good, self.failed, self.begun) = (0, 0, None);
        let before = self.limit();
        self.judge(share, now);
        if self.limit() == before {
            return None;
        }
        self.stale = before;
        Some(self.limit())
    }

    fn judge(&mut self, share: f64, now: Instant) {
        let tolerated = self.tolerated.filter(|(_, until)| *until > now).map_or(0.0, |(share, _)| share * 1.5);
        if share <= OVERLOAD.max(tolerated) {
            self.limit = (self.limit + (self.limit * INCREASE).max(1.0)).min(self.most as f64);
            if self.limit >= self.most as f64 {
                self.series = None;
            }
            return;
        }
        let (first_limit, first_share) = *self.series.get_or_insert((self.limit, share));
        // Overload would fail what is above what the endpoint stands; does that fit, or is the share what it was at first?
        let by_load = (1.0 - first_limit * (1.0 - first_share) / self.limit).max(0.0);
        if share < 0.9 && self.limit <= 0.5 * first_limit && (share - first_share).abs() < (share - by_load).abs() {
            // As many fail with half the requests: it is not the load.
            self.tolerated = Some((share, now + FORGET));
            self.limit = first_limit;
            self.series = None;
            return;
        }
        self.limit = (self.limit * DECREASE).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of a server that fails what is above `capacity` at once, and `noise` of the rest; gives the limits.
    fn windows(adaptive: &mut Adaptive, capacity: usize, noise: f64, count: usize, from: Instant) -> Vec<usize> {
        let mut now = from;
        (0..count)
            .map(|_| {
                let open = adaptive.limit();
                for i in 0..open.max(FEWEST) * 3 {
                    now += SHORTEST / (open.max(FEWEST) as u32);
                    let random = |salt: usize| ((i + salt) * 7919 % 1009) as f64 / 1009.0;
                    let over = random(0) >= capacity as f64 / adaptive.limit() as f64;
                    adaptive.observe(over || random(500) < noise, now);
                }
                adaptive.limit()
            })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn it_finds_what_the_server_stands_and_comes_back() {
        let now = Instant::now();
        let mut adaptive = Adaptive::new(512);
        let limits = windows(&mut adaptive, 100, 0.0, 60, now);
        let late = &limits[20..];
        let mean = late.iter().sum::<usize>() as f64 / late.len() as f64;
        assert!((70.0..=170.0).contains(&mean), "{mean}");
        let limits = windows(&mut adaptive, 10_000, 0.0, 40, now + Duration::from_secs(1000));
        assert_eq!(limits.last(), Some(&512));
    }

    #[tokio::test(start_paused = true)]
    async fn a_healthy_server_keeps_the_cap_and_random_failures_do_not_take_it_for_long() {
        let now = Instant::now();
        let mut adaptive = Adaptive::new(512);
        assert!(windows(&mut adaptive, 10_000, 0.1, 30, now).iter().all(|limit| *limit == 512));
        let limits = windows(&mut adaptive, 10_000, 0.3, 30, now + Duration::from_secs(1000));
        assert_eq!(limits.last(), Some(&512));
        assert!(limits.iter().filter(|limit| **limit < 512).count() <= 8, "{limits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_fails_all_is_asked_by_one_at_a_time() {
        let mut adaptive = Adaptive::new(64);
        let limits = windows(&mut adaptive, 0, 0.0, 30, Instant::now());
        assert_eq!(limits.last(), Some(&1));
    }
}
