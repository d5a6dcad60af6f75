//! The record of an account: what was admitted and rejected in each second, under which limits.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Amounts, Limit, Quota};

/// What an account has counted in a range of time. Times are seconds since the server's start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// The time of this report.
    pub now_s: f64,
    /// The first second of the range.
    pub from_s: u64,
    /// The second after the last of the range.
    pub to_s: u64,
    /// How the quota is counted; see [`super::Counting`].
    pub count: String,
    /// Requests admitted.
    pub admitted: u64,
    /// Requests refused.
    pub rejected: u64,
    /// Input tokens counted.
    pub input_tokens: u64,
    /// Output tokens counted: by the answer, by `max_tokens`, or settled in this range.
    pub output_tokens: u64,
    /// The limits in force, by name: `requests`, `input_tokens`, `output_tokens`, `tokens`.
    pub limits: BTreeMap<String, LimitUse>,
    /// Second by second; seconds in which nothing happened are there too.
    pub seconds: Vec<SecondUse>,
    /// The range in pieces as long as the quota's window, from its start; the last may be shorter.
    pub windows: Vec<WindowUse>,
}

/// How much of one limit was used.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LimitUse {
    /// The limit now.
    pub per_minute: u64,
    /// What the limit allows in the range: a sixtieth a second, each second under the limit that it began with.
    pub allowed: f64,
    /// What was used.
    pub used: u64,
    /// `used / allowed`. A window that is empty at the start of the range gives more than 1.
    pub share: f64,
}

/// What happened in one second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SecondUse {
    /// Since the server's start.
    pub second: u64,
    /// Requests admitted.
    pub admitted: u64,
    /// Requests refused.
    pub rejected: u64,
    /// Input tokens counted.
    pub input_tokens: u64,
    /// Output tokens counted.
    pub output_tokens: u64,
}

/// What happened in one window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WindowUse {
    /// The first second.
    pub from_s: u64,
    /// The second after the last.
    pub to_s: u64,
    /// Requests admitted.
    pub admitted: u64,
    /// Requests refused.
    pub rejected: u64,
    /// The share of each limit that was used, by name.
    pub share: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    rejected: u64,
    amounts: Amounts,
}

#[derive(Debug)]
pub(super) struct UsageLog {
    started: Instant,
    /// The second of the first item below.
    first: u64,
    seconds: Vec<Second>,
    /// (from which second on, the limits per minute in the order of [`Limit::ALL`]), oldest first.
    limits: Vec<(u64, [Option<u64>; 4])>,
}

impl UsageLog {
    pub(super) fn new(started: Instant, quota: &Quota) -> UsageLog {
        let limits = Limit::ALL.map(|limit| quota.per_minute(limit));
        UsageLog { started, first: 0, seconds: Vec::new(), limits: vec![(0, limits)] }
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs()
    }

    fn at(&mut self, now: Instant) -> &mut Second {
        let second = self.second(now);
        if self.seconds.is_empty() {
            self.first = second;
        }
        let index = second.saturating_sub(self.first) as usize;
        if index >= self.seconds.len() {
            self.seconds.resize(index + 1, Second::default());
        }
        &mut self.seconds[index]
    }

    pub(super) fn charged(&mut self, now: Instant, amounts: &Amounts) {
        self.at(now).amounts.add(amounts);
    }

    pub(super) fn rejected(&mut self, now: Instant) {
        self.at(now).rejected += 1;
    }

    pub(super) fn limits_changed(&mut self, quota: &Quota, now: Instant) {
        // The second that has begun keeps the limit that it began with.
        let from = self.second(now) + 1;
        self.limits.retain(|(second, _)| *second < from);
        self.limits.push((from, Limit::ALL.map(|limit| quota.per_minute(limit))));
    }

    fn per_minute(&self, second: u64, limit: Limit) -> Option<u64> {
        let after = self.limits.partition_point(|(from, _)| *from <= second);
        self.limits[after.saturating_sub(1)].1[limit as usize]
    }

    fn item(&self, second: u64) -> Second {
        let index = second.checked_sub(self.first).map(|index| index as usize);
        index.and_then(|index| self.seconds.get(index)).copied().unwrap_or_default()
    }

    pub(super) fn report(&self, quota: &Quota, from: Option<u64>, to: Option<u64>, now: Instant) -> Usage {
        // The second that is running is left out unless it is asked for: it is not yet full.
        let from_s = from.unwrap_or(self.first);
        let to_s = to.unwrap_or_else(|| self.second(now)).clamp(from_s, from_s.max(self.second(now) + 1));
        let seconds = (from_s..to_s).map(|second| {
            let Second { rejected, amounts } = self.item(second);
            SecondUse {
                second,
                admitted: amounts.requests,
                rejected,
                input_tokens: amounts.input_tokens,
                output_tokens: amounts.output_tokens,
            }
        });
        let (amounts, rejected) = self.sum(from_s, to_s);
        let step = quota.window.as_secs().max(1);
        let windows = (from_s..to_s).step_by(step as usize).map(|begin| {
            let end = (begin + step).min(to_s);
            let (amounts, rejected) = self.sum(begin, end);
            let share = |(name, limit): (String, LimitUse)| (name, limit.share);
            let share = self.limit_uses(begin, end, &amounts).into_iter().map(share).collect();
            WindowUse { from_s: begin, to_s: end, admitted: amounts.requests, rejected, share }
        });
        Usage {
            now_s: now.saturating_duration_since(self.started).as_secs_f64(),
            from_s,
            to_s,
            count: quota.counting().to_string(),
            admitted: amounts.requests,
            rejected,
            input_tokens: amounts.input_tokens,
            output_tokens: amounts.output_tokens,
            limits: self.limit_uses(from_s, to_s, &amounts),
            seconds: seconds.collect(),
            windows: windows.collect(),
        }
    }

    fn sum(&self, from_s: u64, to_s: u64) -> (Amounts, u64) {
        let (mut amounts, mut rejected) = (Amounts::default(), 0);
        for second in from_s..to_s {
            let item = self.item(second);
            amounts.add(&item.amounts);
            rejected += item.rejected;
        }
        (amounts, rejected)
    }

    fn limit_uses(&self, from_s: u64, to_s: u64, amounts: &Amounts) -> BTreeMap<String, LimitUse> {
        let mut uses = BTreeMap::new();
        for limit in Limit::ALL {
            let Some(per_minute) = self.limits.last().and_then(|(_, limits)| limits[limit as usize]) else { continue };
            let in_force = (from_s..to_s).filter_map(|second| self.per_minute(second, limit));
            let allowed = in_force.sum::<u64>() as f64 / 60.0;
            let used = amounts.of(limit);
            let share = if allowed > 0.0 { used as f64 / allowed } else { 0.0 };
            uses.insert(limit.name().to_string(), LimitUse { per_minute, allowed, used, share });
        }
        uses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_report_adds_up_and_knows_which_limit_held_when() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let quota = Quota { requests_per_minute: Some(120), ..Quota::default() };
        let mut log = UsageLog::new(start, &quota);
        let one = Amounts { requests: 1, input_tokens: 10, output_tokens: 3 };
        for ms in [2000, 2999, 3000, 5500] {
            log.charged(at(ms), &one);
        }
        log.rejected(at(3100));
        log.limits_changed(&Quota { requests_per_minute: Some(60), ..quota }, at(4500));
        let quota = Quota { requests_per_minute: Some(60), ..quota };
        let usage = log.report(&quota, None, None, at(7000));
        assert_eq!((usage.from_s, usage.to_s, usage.admitted, usage.rejected), (2, 7, 4, 1));
        assert_eq!((usage.input_tokens, usage.output_tokens), (40, 12));
        // Seconds 2, 3 and 4 allow 2 each, seconds 5 and 6 allow 1 each.
        let requests = &usage.limits["requests"];
        assert_eq!((requests.per_minute, requests.allowed, requests.used, requests.share), (60, 8.0, 4, 0.5));
        let admitted: Vec<u64> = usage.seconds.iter().map(|second| second.admitted).collect();
        assert_eq!(admitted, [2, 1, 0, 1, 0]);
        let part = log.report(&quota, Some(3), Some(6), at(7000));
        assert_eq!((part.admitted, part.limits["requests"].allowed), (2, 5.0));
        assert_eq!(part.windows.len(), 1);
        let short = Quota { window: Duration::from_secs(2), ..quota };
        let windows = log.report(&short, Some(2), None, at(7000)).windows;
        let admitted: Vec<u64> = windows.iter().map(|window| window.admitted).collect();
        assert_eq!(admitted, [3, 1, 0]);
        assert_eq!(windows[0].share["requests"], 0.75);
    }
}
