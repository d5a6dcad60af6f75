//! Optimal string alignment distance.

use super::distance::{Distances, Measure};
use super::{Metric, MetricInfo, MetricKind};
use crate::options::FunctionInfo;

/// `llm_osa_distance(prediction, reference)`: the least number of insertions, deletions, substitutions and swaps of
/// neighbours that turn one text into the other, in code points, where what was swapped is not edited again; the
/// least over references.
///
/// From 0, which is equality, without a limit. Less is better. Source: rapidfuzz 3.14.6, `OSA.distance`.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo { name: "llm_osa_distance", options: &[] },
    kind: MetricKind::Unbounded,
    range: (0.0, f64::INFINITY),
    create: |_, stop| Ok(Box::new(Osa(Distances::new(stop)))),
};

struct Osa(Distances);

impl Metric for Osa {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.0.texts(Measure::Osa, prediction, reference).value as f64
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        references.iter().map(|reference| self.score(prediction, reference)).reduce(f64::min)
    }
}
