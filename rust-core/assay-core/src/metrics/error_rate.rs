//! Word and character error rate.

use super::distance::words::{Vocabulary, strip};
use super::distance::{Distances, Measure, Measured};
use super::{Metric, MetricInfo, MetricKind, Stop};
use crate::options::FunctionInfo;

/// `llm_wer(prediction, reference)`: the word error rate, that is the least number of words to insert, delete and
/// substitute, over the number of words of the reference; the least over references.
///
/// From 0 without a limit; less is better. Two or more whitespace characters become one space, the text is
/// stripped, and spaces separate words; case and punctuation count, and a single tab or newline is a part of its
/// word. Against a reference without words it is the number of words of the prediction.
///
/// Source: jiwer 4.0.0, `wer` with its default transforms.
pub(super) const WER: MetricInfo = MetricInfo {
    function: FunctionInfo { name: "llm_wer", options: &[] },
    kind: MetricKind::Unbounded,
    range: (0.0, f64::INFINITY),
    create: |_, stop| Ok(Box::new(ErrorRate(Errors::new(Unit::Word, stop)))),
};

/// `llm_cer(prediction, reference)`: the character error rate, that is the least number of code points to insert,
/// delete and substitute, over the number of code points of the reference; the least over references.
///
/// From 0 without a limit; less is better. Both texts are stripped of whitespace at their ends and else taken as they
/// are. Against a reference of no characters it is the length of the prediction.
///
/// Source: jiwer 4.0.0, `cer` with its default transforms.
pub(super) const CER: MetricInfo = MetricInfo {
    function: FunctionInfo { name: "llm_cer", options: &[] },
    kind: MetricKind::Unbounded,
    range: (0.0, f64::INFINITY),
    create: |_, stop| Ok(Box::new(ErrorRate(Errors::new(Unit::Character, stop)))),
};

struct ErrorRate(Errors);

impl Metric for ErrorRate {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.0.count(prediction, &[reference]).map_or(0.0, Count::rate)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        self.0.count(prediction, references).map(Count::rate)
    }
}

/// What errors are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Words, as of jiwer's `wer_default`.
    Word,
    /// Code points, as of jiwer's `cer_default`.
    Character,
}

/// Errors against a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// The least number of edits.
    pub(super) errors: usize,
    /// How many words or characters the reference has.
    pub(super) length: usize,
}

impl Count {
    /// Errors per length, or the errors alone where the reference has no length.
    pub(super) fn rate(self) -> f64 {
        self.errors as f64 / self.length.max(1) as f64
    }
}

/// Counts errors, in memory that it keeps.
pub(super) struct Errors {
    unit: Unit,
    distances: Distances,
    vocabulary: Vocabulary,
    prediction: Vec<u32>,
    reference: Vec<u32>,
}

impl Errors {
    pub(super) fn new(unit: Unit, stop: &Stop) -> Errors {
        Errors {
            unit,
            distances: Distances::new(stop),
            vocabulary: Vocabulary::default(),
            prediction: Vec::new(),
            reference: Vec::new(),
        }
    }

    /// Against the reference with the least rate, and of these the first; `None` where there is no reference.
    pub(super) fn count(&mut self, prediction: &str, references: &[&str]) -> Option<Count> {
        if self.unit == Unit::Word && !references.is_empty() {
            self.vocabulary.clear();
            self.vocabulary.learn(prediction, &mut self.prediction);
        }
        let mut best: Option<Count> = None;
        for reference in references {
            let count = self.count_one(prediction, reference);
            if best.is_none_or(|best| count.rate() < best.rate()) {
                best = Some(count);
            }
        }
        best
    }

    /// With the words of `prediction` learned already.
    fn count_one(&mut self, prediction: &str, reference: &str) -> Count {
        match self.unit {
            Unit::Word => {
                self.vocabulary.learn(reference, &mut self.reference);
                let errors = self.distances.sequences(Measure::Levenshtein, &self.prediction, &self.reference);
                Count { errors, length: self.reference.len() }
            }
            Unit::Character => {
                let (prediction, reference) = (strip(prediction), strip(reference));
                let Measured { value, lengths } = self.distances.texts(Measure::Levenshtein, prediction, reference);
                Count { errors: value, length: lengths.1 }
            }
        }
    }
}
