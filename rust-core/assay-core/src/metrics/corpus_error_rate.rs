//! Word and character error rate of a corpus.

use super::Stop;
use super::corpus::{CorpusInfo, CorpusMetric};
use super::error_rate::{Count, Errors, Unit};
use crate::options::FunctionInfo;

/// `corpus_wer(prediction, reference [, options])`, by words.
pub(super) const WER: CorpusInfo = CorpusInfo {
    function: FunctionInfo { name: "corpus_wer", options: &[] },
    range: (0.0, f64::INFINITY),
    create: |_, stop| Ok(Box::new(CorpusErrorRate::new(Unit::Word, stop))),
};

/// `corpus_cer(prediction, reference [, options])`, by code points.
pub(super) const CER: CorpusInfo = CorpusInfo {
    function: FunctionInfo { name: "corpus_cer", options: &[] },
    range: (0.0, f64::INFINITY),
    create: |_, stop| Ok(Box::new(CorpusErrorRate::new(Unit::Character, stop))),
};

/// `corpus_wer` and `corpus_cer`: all errors over the length of all references, by words or code points.
///
/// Of several references of a row the one counts against which the row has the fewest errors per length of the
/// reference, and of equal ones the first; against a reference of no length the errors alone are compared. Where
/// all references that count have no length, the rate is the number of errors. A row without references does not
/// count.
///
/// Source: jiwer 4.0.0, `wer` and `cer` over lists, which take one reference for each prediction.
pub(super) struct CorpusErrorRate(Errors);

impl CorpusErrorRate {
    /// By words or by characters; the rules of the units are those of `llm_wer` and `llm_cer`.
    pub(super) fn new(unit: Unit, stop: &Stop) -> CorpusErrorRate {
        CorpusErrorRate(Errors::new(unit, stop))
    }
}

impl CorpusMetric for CorpusErrorRate {
    /// Errors and length.
    fn width(&self) -> usize {
        2
    }

    fn counts(&mut self, prediction: &str, references: &[&str], into: &mut Vec<f64>) -> bool {
        let Some(Count { errors, length }) = self.0.count(prediction, references) else { return false };
        into.extend([errors as f64, length as f64]);
        true
    }

    fn score(&self, totals: &[f64]) -> f64 {
        match totals {
            &[errors, length] => errors / length.max(1.0),
            _ => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(unit: Unit, rows: &[(&str, &[&str])]) -> f64 {
        let mut metric = CorpusErrorRate::new(unit, &Stop::default());
        let mut totals = [0.0; 2];
        for (prediction, references) in rows {
            let mut counts = Vec::new();
            if metric.counts(prediction, references, &mut counts) {
                assert_eq!(counts.len(), metric.width());
                totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
            }
        }
        metric.score(&totals)
    }

    #[test]
    fn errors_and_lengths_are_summed() {
        let rows: &[(&str, &[&str])] = &[("a b c", &["a b d e"]), ("x", &["x"]), ("lost", &[])];
        assert_eq!(rate(Unit::Word, rows), 2.0 / 5.0);
        assert_eq!(rate(Unit::Character, &[("abc", &["abd"]), ("", &["ab"])]), 3.0 / 5.0);
    }

    #[test]
    fn the_reference_with_the_fewest_errors_per_length_counts() {
        // One error in two words against three in ten.
        assert_eq!(rate(Unit::Word, &[("a b c d e f g", &["a x", "a b c d e f g h i j"])]), 3.0 / 10.0);
    }

    #[test]
    fn without_length_errors_count_alone() {
        assert_eq!(rate(Unit::Word, &[("one two", &[""]), ("", &[" "])]), 2.0);
        assert_eq!(rate(Unit::Word, &[]), 0.0);
    }
}
