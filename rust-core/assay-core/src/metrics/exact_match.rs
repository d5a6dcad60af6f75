//! Exact match.

use super::squad::Normalizer;
use super::{Metric, MetricInfo, MetricKind};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_exact_match(prediction, reference [, options])`: 1 where prediction and reference are equal, else 0.
///
/// `normalize = none` compares code points: no trimming, no case folding, no Unicode normalisation. `normalize =
/// squad` first lowers case, deletes ASCII punctuation, removes the words a, an and the, and joins what is left by
/// single spaces, as the official SQuAD script does.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_exact_match",
        options: &[OptionInfo {
            name: "normalize",
            kind: OptionKind::Choice(&["none", "squad"]),
            default: "\"none\"",
            doc: "How both texts are normalized before they are compared.",
            per_row: false,
        }],
    },
    kind: MetricKind::Binary,
    range: (0.0, 1.0),
    create: |options: &Options, _| {
        Ok(match options.text("normalize") {
            Some("squad") => Box::new(Normalized::default()),
            _ => Box::new(Exact),
        })
    },
};

struct Exact;

impl Metric for Exact {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        f64::from(u8::from(prediction == reference))
    }
}

#[derive(Default)]
struct Normalized {
    prediction: Normalizer,
    reference: Normalizer,
}

impl Metric for Normalized {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(0.0)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        self.prediction.tokenize(prediction);
        let found = references.iter().any(|reference| {
            self.reference.tokenize(reference);
            self.prediction.same_tokens(&self.reference)
        });
        (!references.is_empty()).then_some(f64::from(u8::from(found)))
    }
}
