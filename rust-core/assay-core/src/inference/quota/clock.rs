//! What an executor knows of the driver's clock.

use super::wire::Nanos;

/// What the clocks of two processes may differ in rate.
const DRIFT: f64 = 200e-6;

/// Between which bounds the driver's clock is ahead of this one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ClockBounds {
    low: Nanos,
    high: Nanos,
    seen: Option<Nanos>,
}

impl ClockBounds {
    /// The driver's clock stood at `at` at some time between `sent` and `received`.
    pub(super) fn learn(&mut self, at: Nanos, sent: Nanos, received: Nanos) {
        let (low, high) = (at - received, at - sent);
        if let Some(seen) = self.seen {
            let drift = ((received - seen) as f64 * DRIFT) as Nanos + 1;
            let (old_low, old_high) = (self.low - drift, self.high + drift);
            if old_low.max(low) <= old_high.min(high) {
                (self.low, self.high) = (old_low.max(low), old_high.min(high));
                self.seen = Some(received);
                return;
            }
        }
        // The first word, or one of the clocks has jumped.
        *self = ClockBounds { low, high, seen: Some(received) };
    }

    /// Within what length of time the driver's clock is known.
    pub(super) fn width(&self) -> Nanos {
        self.high - self.low
    }

    /// A time here at which it is surely `at` or later there.
    pub(super) fn surely_after(&self, at: Nanos) -> Nanos {
        at - self.low
    }

    /// A time here at which it is surely `at` or earlier there.
    pub(super) fn surely_before(&self, at: Nanos) -> Nanos {
        at - self.high
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{MILLISECOND, SECOND};
    use super::*;

    #[test]
    fn bounds_of_a_clock_close_in_and_survive_a_jump() {
        let mut clock = ClockBounds::default();
        // The driver is 1,000 s ahead.
        let ahead = 1000 * SECOND;
        clock.learn(ahead + 5 * MILLISECOND, 0, 400 * MILLISECOND);
        assert!(clock.surely_after(ahead + SECOND) >= SECOND);
        assert!(clock.surely_before(ahead + SECOND) <= SECOND);
        clock.learn(ahead + 1_002 * MILLISECOND, SECOND, SECOND + 4 * MILLISECOND);
        assert!(clock.high - clock.low <= 5 * MILLISECOND);
        // A slow exchange later does not widen them.
        clock.learn(ahead + 5 * SECOND, 2 * SECOND, 7 * SECOND);
        assert!(clock.high - clock.low <= 10 * MILLISECOND, "{clock:?}");
        assert!(clock.low <= ahead && ahead <= clock.high);
        clock.learn(50 * SECOND, 8 * SECOND, 8 * SECOND + MILLISECOND);
        assert_eq!((clock.low, clock.high), (42 * SECOND - MILLISECOND, 42 * SECOND));
    }
}
