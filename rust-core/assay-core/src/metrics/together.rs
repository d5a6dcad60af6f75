//! Several metrics of the same pairs. Those that cut texts into the same tokens do so once for all.

use super::rouge::{self, Rouges, TokenRule};
use super::token_f1::{self, SquadPair};
use super::{Metric, MetricInfo, Stop, exact_match};
use crate::error::{Error, Result};
use crate::options::Options;

/// A metric and its options, which were checked against its table.
pub type Chosen = (&'static MetricInfo, Options);

/// Scores pairs by several metrics, as each of them would alone, to the bit.
pub trait Metrics: Send {
    /// Puts the score against the best of `references` into `scores`, which has a place for each metric in their order;
    /// `None` where there is no reference.
    fn score_best(&mut self, prediction: &str, references: &[&str], scores: &mut [Option<f64>]);
}

/// Whether two metrics of the same pairs have something to share.
pub fn share(a: &Chosen, b: &Chosen) -> bool {
    let family = Family::of(a);
    family.is_some() && family == Family::of(b)
}

/// A metric alone, or several of which any two [`share`].
///
/// Errors: those of the metrics' own.
pub fn create(metrics: &[Chosen], stop: &Stop) -> Result<Box<dyn Metrics>> {
    if let [(info, options)] = metrics {
        return Ok(Box::new(Alone((info.create)(options, stop)?)));
    }
    Ok(match metrics.first().and_then(Family::of) {
        Some(Family::Rouge(rule)) => Box::new(Rouges::new(rule, metrics, stop)),
        Some(Family::Squad) => Box::new(Squads::new(metrics)),
        None => return Err(Error::internal("metrics that share nothing were put together")),
    })
}

/// Metrics of the same tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rouge(TokenRule),
    Squad,
}

impl Family {
    fn of((info, options): &Chosen) -> Option<Family> {
        let name = info.function.name;
        let is_squad = name == token_f1::INFO.function.name
            || (name == exact_match::INFO.function.name && options.text("normalize") == Some("squad"));
        if is_squad { Some(Family::Squad) } else { rouge::rule_of(info, options).map(Family::Rouge) }
    }
}

struct Alone(Box<dyn Metric>);

impl Metrics for Alone {
    fn score_best(&mut self, prediction: &str, references: &[&str], scores: &mut [Option<f64>]) {
        if let [score] = scores {
            *score = match references {
                &[reference] => Some(self.0.score(prediction, reference)),
                references => self.0.score_best(prediction, references),
            };
        }
    }
}

/// Token F1 and exact match of SQuAD's normalized texts.
struct Squads {
    pair: SquadPair,
    parts: Vec<SquadPart>,
}

enum SquadPart {
    Equal,
    F1 { both_empty: f64 },
}

impl Squads {
    fn new(metrics: &[Chosen]) -> Squads {
        let part = |(info, options): &Chosen| {
            if info.function.name == exact_match::INFO.function.name {
                SquadPart::Equal
            } else {
                SquadPart::F1 { both_empty: token_f1::both_empty(options) }
            }
        };
        Squads { pair: SquadPair::default(), parts: metrics.iter().map(part).collect() }
    }
}

impl Metrics for Squads {
    fn score_best(&mut self, prediction: &str, references: &[&str], scores: &mut [Option<f64>]) {
        scores.fill(None);
        self.pair.set_prediction(prediction);
        for reference in references {
            self.pair.set_reference(reference);
            for (part, score) in self.parts.iter().zip(scores.iter_mut()) {
                let next = match part {
                    SquadPart::Equal => f64::from(u8::from(self.pair.are_equal())),
                    SquadPart::F1 { both_empty } => self.pair.f1(*both_empty),
                };
                *score = Some(score.map_or(next, |best| best.max(next)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
