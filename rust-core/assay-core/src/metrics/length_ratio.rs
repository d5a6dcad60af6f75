//! Ratio of lengths.

use super::squad::is_space;
use super::{Metric, MetricInfo, MetricKind};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_length_ratio(prediction, reference [, options])`: the length of the prediction over that of the reference; of
/// several references the ratio that is closest to 1, and of equally close ones the first.
///
/// From 0 without a limit. Words are separated by whitespace, as of Python's `str.split()`; characters are code
/// points. NULL (NaN) where no reference has a length.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_length_ratio",
        options: &[OptionInfo {
            name: "unit",
            kind: OptionKind::Choice(&["word", "char"]),
            default: "\"word\"",
            doc: "What is counted.",
            per_row: false,
        }],
    },
    kind: MetricKind::Unbounded,
    range: (0.0, f64::INFINITY),
    create: |options: &Options, _| {
        Ok(Box::new(LengthRatio { length: if options.text("unit") == Some("char") { characters } else { words } }))
    },
};

struct LengthRatio {
    length: fn(&str) -> usize,
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

fn words(text: &str) -> usize {
    text.split(is_space).filter(|word| !word.is_empty()).count()
}

impl Metric for LengthRatio {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(f64::NAN)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        let length = (self.length)(prediction) as f64;
        let lengths = references.iter().map(|reference| (self.length)(reference)).filter(|length| *length > 0);
        let ratios = lengths.map(|reference| length / reference as f64);
        let closest = ratios.min_by(|a, b| (a - 1.0).abs().total_cmp(&(b - 1.0).abs()));
        closest.or((!references.is_empty()).then_some(f64::NAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios() {
        let mut by_words = LengthRatio { length: words };
        assert_eq!(by_words.score(" one\u{3000}two\tthree ", "one two"), 1.5);
        assert_eq!(by_words.score("", "one"), 0.0);
        assert!(by_words.score("one", " ").is_nan());
        assert_eq!(by_words.score_best("a b", &["", "a b c d", "a"]), Some(0.5));
        assert!(by_words.score_best("a", &["", " "]).unwrap().is_nan());
        assert_eq!(by_words.score_best("a", &[]), None);
        assert_eq!(LengthRatio { length: characters }.score("été", "e\u{301}te\u{301}!"), 3.0 / 6.0);
    }
}
