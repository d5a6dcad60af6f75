//! Exact match.

use super::squad::{Normalizer, lower_into};
use super::{Metric, MetricInfo, MetricKind};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_exact_match(prediction, reference [, options])`: 1 where prediction and reference are equal, else 0.
///
/// `normalize = none` compares code points: no trimming, no case folding, no Unicode normalisation. `normalize =
/// squad` first lowers case, deletes ASCII punctuation, removes the words a, an and the, and joins what is left by
/// single spaces, as the official SQuAD script does. `normalize = gsm8k` first deletes commas and dollar signs, all
/// up to the last `#### ` and a full stop at the end, and then lowers case, as lm_eval 0.4.13's task gsm8k does;
/// with `llm_extract` and its method `gsm8k` for the prediction, this is that task's `flexible-extract`.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_exact_match",
        options: &[OptionInfo {
            name: "normalize",
            kind: OptionKind::Choice(&["none", "squad", "gsm8k"]),
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
            Some("gsm8k") => Box::new(Gsm8k::default()),
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

#[derive(Default)]
struct Gsm8k {
    kept: String,
    prediction: String,
    reference: String,
}

impl Metric for Gsm8k {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(0.0)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        gsm8k_into(prediction, &mut self.kept, &mut self.prediction);
        let found = references.iter().any(|reference| {
            gsm8k_into(reference, &mut self.kept, &mut self.reference);
            self.prediction == self.reference
        });
        (!references.is_empty()).then_some(f64::from(u8::from(found)))
    }
}

/// The `regexes_to_ignore` of the task, in their order: `,`, `\$`, `(?s).*#### ` and `\.$`; then `ignore_case`.
fn gsm8k_into(text: &str, kept: &mut String, normalized: &mut String) {
    kept.clear();
    kept.extend(text.chars().filter(|c| !matches!(c, ',' | '$')));
    if let Some(marker) = kept.rfind("#### ") {
        kept.drain(..marker + "#### ".len());
    }
    // In Python's re, the end is also where a line break ends the text.
    if kept.ends_with('.') {
        kept.pop();
    } else if kept.ends_with(".\n") {
        kept.truncate(kept.len() - 2);
        kept.push('\n');
    }
    lower_into(kept, normalized);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gsm8k_ignores_what_the_task_ignores() {
        let mut metric = Gsm8k::default();
        for (prediction, reference, score) in [
            ("$1,000", "so 40 * 25 = 1000\n#### 1,000", 1.0),
            ("12.", "12", 1.0),
            ("12..", "12.", 0.0),
            ("12.\n", "12\n", 1.0),
            ("12.\n\n", "12\n\n", 0.0),
            ("##,## 5", "5", 1.0),
            ("#### 1#### 2", "2", 1.0),
            ("A", "a", 1.0),
            ("1.0", "1", 0.0),
            ("", "....", 0.0),
        ] {
            assert_eq!(metric.score(prediction, reference), score, "{prediction:?} {reference:?}");
        }
        assert_eq!(metric.score_best("5", &["4", "5."]), Some(1.0));
        assert_eq!(metric.score_best("5", &[]), None);
    }
}
