//! Metrics of one prediction against its references: `&str` in, number out.
//!
//! One file per metric. A metric declares an [`INFO`](MetricInfo) with its options, its kind and its range, and
//! joins the table [`METRICS`]; nothing else needs to know of it.

mod bleu;
mod chrf;
mod contains;
pub mod corpus;
mod corpus_error_rate;
mod distance;
pub mod distinct_n;
mod edit_similarity;
mod error_rate;
mod exact_match;
pub mod extract;
mod interner;
mod jaro_winkler;
mod json_match;
mod json_text;
mod length_ratio;
mod meteor;
mod mt;
mod numeric_match;
mod osa_distance;
mod pattern;
pub mod perplexity;
mod porter;
mod regex_match;
mod rouge;
mod squad;
mod ter;
pub mod together;
mod token_f1;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Result;
use crate::options::{FunctionInfo, Options};

/// What values a metric gives. The kind, not the values at hand, chooses the statistical method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// 0 or 1.
    Binary,
    /// A number between two limits.
    Bounded,
    /// A rank on a scale, whose distances mean nothing.
    Ordinal,
    /// Any number.
    Unbounded,
}

/// One metric: its name, options, kind and range, and how to make one.
#[derive(Clone, Copy)]
pub struct MetricInfo {
    /// Name and options.
    pub function: FunctionInfo,
    /// What values it gives.
    pub kind: MetricKind,
    /// The least and the greatest value.
    pub range: (f64, f64),
    /// A metric with these options, which were checked against the table. Errors: those of options that only their use
    /// shows to be wrong, such as a pattern that does not compile.
    pub create: fn(&Options, &Stop) -> Result<Box<dyn Metric>>,
}

impl fmt::Debug for MetricInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricInfo").field("name", &self.function.name).field("kind", &self.kind).finish()
    }
}

/// Tells kernels to end early. Whoever sets it drops what they return.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether to end. A kernel whose time grows faster than its input asks at least every few milliseconds.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Scores pairs. Keeps scratch memory between calls, therefore `&mut`; the scores do not depend on earlier calls.
pub trait Metric: Send {
    /// The score of `prediction` against one reference.
    fn score(&mut self, prediction: &str, reference: &str) -> f64;

    /// The score against the best of `references`, `None` where there is none.
    ///
    /// The default is the greatest score; a metric for which less is better, or which looks at all references at
    /// once, overrides it.
    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        references.iter().map(|reference| self.score(prediction, reference)).reduce(f64::max)
    }
}

/// Every metric.
pub const METRICS: &[MetricInfo] = &[
    exact_match::INFO,
    token_f1::INFO,
    contains::INFO,
    regex_match::INFO,
    numeric_match::INFO,
    json_match::INFO,
    bleu::INFO,
    bleu::NLTK,
    chrf::INFO,
    ter::INFO,
    rouge::ROUGE_1,
    rouge::ROUGE_2,
    rouge::ROUGE_3,
    rouge::ROUGE_L,
    rouge::ROUGE_LSUM,
    rouge::ROUGE_UNICODE,
    meteor::INFO,
    error_rate::WER,
    error_rate::CER,
    edit_similarity::LEVENSHTEIN,
    edit_similarity::INDEL,
    jaro_winkler::INFO,
    osa_distance::INFO,
    length_ratio::INFO,
];

/// The functions of [`METRICS`].
pub const FUNCTIONS: &[FunctionInfo] = &{
    let mut functions = [METRICS[0].function; METRICS.len()];
    let mut i = 1;
    while i < METRICS.len() {
        functions[i] = METRICS[i].function;
        i += 1;
    }
    functions
};

/// The metric of SQL name `name`.
///
/// ```
/// use assay_core::metrics::{self, Stop};
/// use assay_core::options;
///
/// let info = metrics::find("llm_token_f1").unwrap();
/// let options = options::resolve(&info.function, &serde_json::Map::new()).unwrap();
/// let mut token_f1 = (info.create)(&options, &Stop::default()).unwrap();
/// assert_eq!(token_f1.score("The Eiffel Tower!", "eiffel tower"), 1.0);
/// assert_eq!(token_f1.score_best("Paris", &["Rome", "in Paris"]), Some(2.0 / 3.0));
/// ```
pub fn find(name: &str) -> Option<&'static MetricInfo> {
    METRICS.iter().find(|info| info.function.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sql_like() {
        for (i, info) in METRICS.iter().enumerate() {
            assert!(info.function.name.starts_with("llm_"));
            assert!(METRICS[..i].iter().all(|other| other.function.name != info.function.name));
            assert_eq!(FUNCTIONS[i].name, info.function.name);
            assert!(info.range.0 < info.range.1);
        }
    }
}
