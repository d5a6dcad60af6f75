//! Containment.

use super::squad::{Normalizer, lower_into};
use super::{Metric, MetricInfo, MetricKind};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_contains(prediction, reference [, options])`: 1 where the reference stands somewhere in the prediction,
/// else 0. The empty reference stands in every prediction.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_contains",
        options: &[
            OptionInfo {
                name: "normalize",
                kind: OptionKind::Choice(&["none", "squad"]),
                default: "\"none\"",
                doc: "How both texts are normalized before the search; squad lowers case as well.",
                per_row: false,
            },
            OptionInfo {
                name: "case_sensitive",
                kind: OptionKind::Bool,
                default: "true",
                doc: "Whether case counts; if not, both texts are lowered first.",
                per_row: false,
            },
        ],
    },
    kind: MetricKind::Binary,
    range: (0.0, 1.0),
    create: |options: &Options, _| {
        Ok(match (options.text("normalize"), options.flag("case_sensitive")) {
            (Some("squad"), _) => Box::new(Normalized::default()),
            (_, true) => Box::new(Plain),
            (_, false) => Box::new(Lowered::default()),
        })
    },
};

struct Plain;

impl Metric for Plain {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        f64::from(u8::from(prediction.contains(reference)))
    }
}

#[derive(Default)]
struct Lowered {
    prediction: String,
    reference: String,
}

impl Metric for Lowered {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(0.0)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        lower_into(prediction, &mut self.prediction);
        let found = references.iter().any(|reference| {
            lower_into(reference, &mut self.reference);
            self.prediction.contains(self.reference.as_str())
        });
        (!references.is_empty()).then_some(f64::from(u8::from(found)))
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
        let prediction = self.prediction.normalize(prediction);
        let found = references.iter().any(|reference| prediction.contains(self.reference.normalize(reference)));
        (!references.is_empty()).then_some(f64::from(u8::from(found)))
    }
}
