//! Similarity by edit distance.

use super::distance::{Distances, Measure, Measured};
use super::{Metric, MetricInfo, MetricKind, Stop};
use crate::options::FunctionInfo;

/// `llm_levenshtein_similarity(prediction, reference)`: 1 - d / max(m, n), where d is the least number of insertions,
/// deletions and substitutions of code points that turn one text into the other, and m and n are their lengths; the
/// best over references.
///
/// From 0 to 1; two empty texts are equal, 1. Source: rapidfuzz 3.14.6, `Levenshtein.normalized_similarity`.
pub(super) const LEVENSHTEIN: MetricInfo = MetricInfo {
    function: FunctionInfo { name: "llm_levenshtein_similarity", options: &[] },
    kind: MetricKind::Bounded,
    range: (0.0, 1.0),
    create: |_, stop| Ok(Box::new(Similarity::new(Measure::Levenshtein, stop))),
};

/// `llm_indel_similarity(prediction, reference)`: 1 - d / (m + n), where d is the least number of insertions and
/// deletions of code points that turn one text into the other, and m and n are their lengths; the best over
/// references.
///
/// From 0 to 1; two empty texts are equal, 1. Source: rapidfuzz 3.14.6, `fuzz.ratio` / 100, which is
/// python-Levenshtein's `ratio`.
pub(super) const INDEL: MetricInfo = MetricInfo {
    function: FunctionInfo { name: "llm_indel_similarity", options: &[] },
    kind: MetricKind::Bounded,
    range: (0.0, 1.0),
    create: |_, stop| Ok(Box::new(Similarity::new(Measure::Lcs, stop))),
};

struct Similarity {
    measure: Measure,
    distances: Distances,
}

impl Similarity {
    fn new(measure: Measure, stop: &Stop) -> Similarity {
        Similarity { measure, distances: Distances::new(stop) }
    }
}

impl Metric for Similarity {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        let Measured { value, lengths: (m, n) } = self.distances.texts(self.measure, prediction, reference);
        let (distance, most) = match self.measure {
            Measure::Lcs => ((m + n).saturating_sub(2 * value), m + n),
            Measure::Levenshtein | Measure::Osa => (value, m.max(n)),
        };
        if most == 0 { 1.0 } else { 1.0 - distance as f64 / most as f64 }
    }
}
