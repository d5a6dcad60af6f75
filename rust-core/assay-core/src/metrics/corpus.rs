//! Metrics of a whole corpus, from counts of its rows that add up.
//!
//! Each row gives a fixed number of counts. The counts of a corpus, of a part of it or of a resample of it are the sums of
//! those of its rows, so a bootstrap never reads a text twice. A metric declares a [`CorpusInfo`] and joins the table
//! [`CORPUS`].

use std::fmt;

use super::Stop;
use crate::error::Result;
use crate::options::{FunctionInfo, Options};

/// One metric of a corpus: its name, options and range, and how to make one.
#[derive(Clone, Copy)]
pub struct CorpusInfo {
    /// Name and options.
    pub function: FunctionInfo,
    /// The least and the greatest value.
    pub range: (f64, f64),
    /// A metric with these options, which were checked against the table. Errors: those of options that only their use
    /// shows to be wrong.
    pub create: fn(&Options, &Stop) -> Result<Box<dyn CorpusMetric>>,
}

impl fmt::Debug for CorpusInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorpusInfo").field("name", &self.function.name).finish()
    }
}

/// Counts rows and scores sums of counts. Keeps scratch memory between calls, therefore `&mut`; the counts do not depend
/// on earlier calls.
pub trait CorpusMetric: Send + Sync {
    /// How many counts each row has.
    fn width(&self) -> usize;

    /// Appends the [`width`](CorpusMetric::width) counts of a row to `into`; appends nothing and returns false where
    /// there is no reference.
    ///
    /// Counts are whole numbers, so sums of them are exact, in whatever order, up to 2^53.
    fn counts(&mut self, prediction: &str, references: &[&str], into: &mut Vec<f64>) -> bool;

    /// The score of the sums of the counts of rows. That of no rows, whose sums are zero, is 0.
    fn score(&self, totals: &[f64]) -> f64;
}

/// Every metric of a corpus.
pub const CORPUS: &[CorpusInfo] = &[
    super::bleu::CORPUS,
    super::chrf::CORPUS,
    super::ter::CORPUS,
    super::corpus_error_rate::WER,
    super::corpus_error_rate::CER,
];

/// The metric of a corpus of name `name`.
///
/// ```
/// use assay_core::metrics::{Stop, corpus};
/// use assay_core::options;
///
/// let info = corpus::find("corpus_bleu").unwrap();
/// let options = options::resolve(&info.function, &serde_json::Map::new()).unwrap();
/// let mut bleu = (info.create)(&options, &Stop::default()).unwrap();
/// let mut rows = Vec::new();
/// assert!(bleu.counts("the cat sat on the mat", &["the cat sat on a mat", "a cat sat on the mat"], &mut rows));
/// assert!(bleu.counts("it is raining", &["it is raining cats and dogs"], &mut rows));
/// let mut totals = vec![0.0; bleu.width()];
/// for row in rows.chunks(bleu.width()) {
///     totals.iter_mut().zip(row).for_each(|(total, count)| *total += count);
/// }
/// assert_eq!((bleu.score(&totals) * 1e6).round(), 695_740.0);
/// ```
pub fn find(name: &str) -> Option<&'static CorpusInfo> {
    CORPUS.iter().find(|info| info.function.name == name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::options::resolve;

    type Row = (String, Vec<String>);

    fn create(info: &CorpusInfo) -> Box<dyn CorpusMetric> {
        (info.create)(&resolve(&info.function, &serde_json::Map::new()).unwrap(), &Stop::default()).unwrap()
    }

    fn totals(metric: &mut dyn CorpusMetric, rows: &[Row]) -> Vec<f64> {
        let mut totals = vec![0.0; metric.width()];
        for (prediction, references) in rows {
            let references: Vec<&str> = references.iter().map(String::as_str).collect();
            let mut counts = Vec::new();
            assert_eq!(metric.counts(prediction, &references, &mut counts), !references.is_empty());
            assert_eq!(counts.len(), if references.is_empty() { 0 } else { metric.width() });
            assert!(counts.iter().all(|&count| count >= 0.0 && count.fract() == 0.0));
            totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
        }
        totals
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[a-d ]{0,30}"]
    }

    #[test]
    fn names_are_unique() {
        for (i, info) in CORPUS.iter().enumerate() {
            assert!(info.function.name.starts_with("corpus_"));
            assert!(CORPUS[..i].iter().all(|other| other.function.name != info.function.name));
            assert!(info.range.0 < info.range.1);
        }
    }

    #[test]
    fn no_rows_give_zero() {
        for info in CORPUS {
            let metric = create(info);
            assert_eq!(metric.score(&vec![0.0; metric.width()]), 0.0, "{info:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn counts_of_parts_add_up_to_those_of_the_whole(
            rows in prop::collection::vec((text(), prop::collection::vec(text(), 0..4)), 0..8),
            part in any::<prop::sample::Index>(),
        ) {
            for info in CORPUS {
                let (first, second) = rows.split_at(part.index(rows.len() + 1));
                let (first, second) = (totals(&mut *create(info), first), totals(&mut *create(info), second));
                let sum: Vec<f64> = first.iter().zip(second).map(|(a, b)| a + b).collect();
                let mut metric = create(info);
                prop_assert_eq!(&totals(&mut *metric, &rows), &sum);
                let score = metric.score(&sum);
                prop_assert!(info.range.0 <= score && score <= info.range.1);
            }
        }
    }
}
