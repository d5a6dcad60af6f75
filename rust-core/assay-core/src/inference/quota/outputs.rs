//! How long answers are, as far as is known before they are there.

use std::sync::{Arc, Mutex, PoisonError};

use crate::inference::shared::Registry;
use crate::provider::Model;

/// What is taken for an answer's length before any was seen and where the request sets no bound.
const FIRST: f64 = 256.0;

/// The mean length of a model's answers, newer ones counting more.
#[derive(Debug, Default)]
pub struct Outputs(Mutex<Seen>);

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    mean: f64,
    count: u32,
}

static SHARED: Registry<Outputs> = Registry::new();

impl Outputs {
    /// What all sessions of this process know of `model`'s answers.
    pub fn shared(model: &Model) -> Arc<Self> {
        SHARED.get(&model.model, &model.endpoint, Arc::default)
    }

    /// The tokens that an answer is expected to have, at most `max_tokens`.
    pub fn expected(&self, max_tokens: Option<i64>) -> i64 {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let most = max_tokens.map_or(f64::INFINITY, |most| most as f64);
        match seen.count {
            // The bound is the safe side; without one any number is a guess.
            0 => max_tokens.unwrap_or(FIRST as i64),
            _ => seen.mean.min(most).ceil() as i64,
        }
    }

    /// An answer had so many tokens.
    pub fn observe(&self, tokens: i64) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.count = seen.count.saturating_add(1);
        seen.mean += (tokens as f64 - seen.mean) / f64::from(seen.count.min(500));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_takes_the_place_of_the_bound() {
        let outputs = Outputs::default();
        assert_eq!((outputs.expected(Some(1000)), outputs.expected(None)), (1000, 256));
        (0..2000).for_each(|i| outputs.observe(if i % 2 == 0 { 50 } else { 150 }));
        assert!((99..=102).contains(&outputs.expected(Some(1000))));
        assert_eq!(outputs.expected(Some(10)), 10);
    }
}
