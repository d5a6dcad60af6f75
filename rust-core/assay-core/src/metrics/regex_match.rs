//! Match of a regular expression.

use regex::Regex;

use super::pattern::{Kept, best, compile};
use super::{Metric, MetricInfo, MetricKind};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_regex_match(prediction, reference [, options])`: 1 where the prediction has a match of the regular expression
/// `reference`, or of any of several, else 0.
///
/// NULL (NaN) where a reference is no regular expression, unless another one matches. The syntax is that of the
/// Rust crate regex 1.13: Perl's without look-around and back-references, by Unicode. A search takes time that
/// grows with the text alone, for one expression; expressions of more than a megabyte when compiled count as none.
/// The last 64 expressions are kept.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_regex_match",
        options: &[
            OptionInfo {
                name: "full_match",
                kind: OptionKind::Bool,
                default: "false",
                doc: "Whether the whole prediction has to match.",
                per_row: false,
            },
            OptionInfo {
                name: "ignore_case",
                kind: OptionKind::Bool,
                default: "false",
                doc: "Whether letters match those of the other case.",
                per_row: false,
            },
        ],
    },
    kind: MetricKind::Binary,
    range: (0.0, 1.0),
    create: |options: &Options, _| {
        Ok(Box::new(RegexMatch {
            full_match: options.flag("full_match"),
            ignore_case: options.flag("ignore_case"),
            kept: Kept::default(),
        }))
    },
};

struct RegexMatch {
    full_match: bool,
    ignore_case: bool,
    kept: Kept<Option<Regex>>,
}

impl Metric for RegexMatch {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        let (full_match, ignore_case) = (self.full_match, self.ignore_case);
        match self.kept.get(reference, |pattern| compile(pattern, full_match, ignore_case).ok()) {
            Some(regex) => f64::from(u8::from(regex.is_match(prediction))),
            None => f64::NAN,
        }
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        best(references.iter().map(|reference| self.score(prediction, reference)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Metric, Stop, find};
    use crate::options::resolve;

    fn metric(options: &str) -> Box<dyn Metric> {
        let info = find("llm_regex_match").unwrap();
        (info.create)(&resolve(&info.function, &serde_json::from_str(options).unwrap()).unwrap(), &Stop::default())
            .unwrap()
    }

    #[test]
    fn a_match_anywhere_or_of_the_whole() {
        assert_eq!(metric("{}").score("The answer is 42.", r"\b4\d\b"), 1.0);
        assert_eq!(metric("{}").score("The answer is 42.", "^42"), 0.0);
        assert_eq!(metric(r#"{"full_match": true}"#).score("42.", r"4\d"), 0.0);
        assert_eq!(metric(r#"{"full_match": true, "ignore_case": true}"#).score("ÉTÉ", "été|hiver"), 1.0);
    }

    #[test]
    fn what_does_not_compile_gives_no_number_unless_another_matches() {
        let mut metric = metric("{}");
        assert!(metric.score("x", "(").is_nan());
        assert!(metric.score("x", r"(a)\1").is_nan());
        assert_eq!(metric.score_best("x", &["(", "x"]), Some(1.0));
        assert!(metric.score_best("x", &["(", "y"]).unwrap().is_nan());
        assert!(metric.score_best("x", &["y", "("]).unwrap().is_nan());
        assert_eq!(metric.score_best("x", &[]), None);
    }
}
