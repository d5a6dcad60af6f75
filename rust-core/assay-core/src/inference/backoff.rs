//! How long to wait before another attempt.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Exponential backoff with full jitter: before retry `n` (from 0) a time drawn evenly from 0 to `base x 2^n`, at most
/// `cap`. A wait that the server asks for is kept to, with up to `base` of jitter, lest all come back at once.
///
/// ```
/// use std::time::Duration;
/// use assay_core::inference::Backoff;
/// let backoff = Backoff::default();
/// assert!(backoff.wait(1, None) <= Duration::from_secs(1));
/// let asked = Duration::from_secs(7);
/// assert!((asked..=asked + backoff.base).contains(&backoff.wait(0, Some(asked))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first wait.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait before retry `retry` (from 0), where the server asks for `retry_after`.
    pub fn wait(&self, retry: u32, retry_after: Option<Duration>) -> Duration {
        match retry_after {
            Some(asked) => asked.saturating_add(self.base.mul_f64(random())),
            None => {
                self.base.saturating_mul(1u32.checked_shl(retry).unwrap_or(u32::MAX)).min(self.cap).mul_f64(random())
            }
        }
    }
}

/// A number in [0, 1). Seeded by the operating system; jitter needs no more.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_are_spread() {
        let backoff = Backoff::default();
        for (retry, most) in [(0, 500), (1, 1000), (3, 4000), (6, 30_000), (31, 30_000), (4_000_000_000, 30_000)] {
            let waits: Vec<u128> = (0..200).map(|_| backoff.wait(retry, None).as_millis()).collect();
            assert!(waits.iter().all(|w| *w <= most), "{retry}");
            assert!(waits.iter().any(|w| *w > most * 8 / 10) && waits.iter().any(|w| *w < most * 2 / 10), "{retry}");
        }
    }
}
