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
pub trait CorpusMetric: Send {
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
pub const CORPUS: &[CorpusInfo] = &[super::bleu::CORPUS, super::chrf::CORPUS, super::ter::CORPUS];

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
    use super::*;

    #[test]
    fn names_are_unique() {
        for (i, info) in CORPUS.iter().enumerate() {
            assert!(info.function.name.starts_with("corpus_"));
            assert!(CORPUS[..i].iter().all(|other| other.function.name != info.function.name));
            assert!(info.range.0 < info.range.1);
        }
    }
}
