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
#[cfg(test)]
use std::sync::atomic::AtomicU64;
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
pub struct Stop(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    is_set: AtomicBool,
    /// How often somebody asked, and at which time it begins to be set, if not 0.
    #[cfg(test)]
    asked: AtomicU64,
    #[cfg(test)]
    set_at: AtomicU64,
}

impl Stop {
    /// From now on.
    pub fn set(&self) {
        self.0.is_set.store(true, Ordering::Relaxed);
    }

    /// Whether to end. A kernel whose time grows faster than its input asks at least every few milliseconds.
    pub fn is_set(&self) -> bool {
        #[cfg(test)]
        if self.0.asked.fetch_add(1, Ordering::Relaxed) + 1 == self.0.set_at.load(Ordering::Relaxed) {
            self.set();
        }
        self.0.is_set.load(Ordering::Relaxed)
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
mod stop_tests;

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

    /// What docs/metrics.md says of a metric's options and range.
    fn described(function: &FunctionInfo, range: &str) -> [String; 2] {
        let option = |option: &crate::options::OptionInfo| match option.default {
            "" => format!("`{}`", option.name),
            default => format!("`{}` = `{default}`", option.name),
        };
        let options: Vec<String> = function.options.iter().map(option).collect();
        let options =
            if options.is_empty() { "No options.".to_string() } else { format!("Options: {}.", options.join(", ")) };
        [format!("Range: {range}."), options]
    }

    #[test]
    fn the_page_says_what_the_tables_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        let page = std::fs::read_to_string(path).unwrap();
        let sections: Vec<String> =
            page.split("\n### ").map(|section| section.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let of_pairs = METRICS.iter().map(|info| {
            let range = match (info.kind, info.range) {
                (MetricKind::Binary, _) => "0 or 1",
                (_, (0.0, 1.0)) => "0 to 1",
                _ => "0 and more",
            };
            (info.function, range)
        });
        let of_corpora = corpus::CORPUS
            .iter()
            .map(|info| (info.function, if info.range.1 == 1.0 { "0 to 1" } else { "0 and more" }));
        let others = [(distinct_n::DISTINCT_N, "above 0, to 1"), (perplexity::PERPLEXITY, "1 and more")];
        for (function, range) in of_pairs.chain(of_corpora).chain(others) {
            let title = format!("`{}`", function.name);
            let section =
                sections.iter().find(|section| section.starts_with(&title)).unwrap_or_else(|| panic!("{title}"));
            for line in described(&function, range) {
                assert!(section.contains(&line), "{title}: docs/metrics.md does not say: {line}");
            }
            assert!(section.contains("```sql SELECT "), "{title} has no example");
        }
        let extract = sections.iter().find(|section| section.starts_with("`llm_extract`")).unwrap();
        assert!(extract.contains(&described(&extract::EXTRACT, "")[1]));
    }
}
