//! chrF and chrF++, of a sentence and of a corpus.

mod characters;

use self::characters::Characters;
use super::corpus::{CorpusInfo, CorpusMetric};
use super::mt::{FIRST, Interner, SharedNgrams, lower_into, words};
use super::{Metric, MetricInfo, MetricKind, Stop};
use crate::error::{Error, ErrorKind, Result};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_chrf(prediction, reference [, options])`: chrF from 0 to 1, a hundredth of sacrebleu's; chrF++ with
/// `word_order` 2. The best over references.
///
/// With P and R the means of precision and recall over the lengths of n-grams that both texts have,
/// `(1 + beta^2) P R / (beta^2 P + R)`. 0 where nothing matches, and so where a text is empty. With `eps_smoothing` it is
/// the mean of the F-scores of all lengths instead.
///
/// Matches sacrebleu 2.6.0, `CHRF().sentence_score`.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo { name: "llm_chrf", options: OPTIONS },
    kind: MetricKind::Bounded,
    range: (0.0, 1.0),
    create: |options: &Options, stop| Ok(Box::new(Chrf::new(options, stop)?)),
};

/// `corpus_chrf`: chrF of a corpus from 0 to 1. The n-grams are those of [`INFO`], summed over the rows, each with its
/// best reference, before precision and recall are taken.
///
/// Counts: for each length of n-gram, first of characters and then of words, the number in the prediction, the number in
/// the reference, and the matches. Matches sacrebleu 2.6.0, `CHRF().corpus_score`.
pub(super) const CORPUS: CorpusInfo = CorpusInfo {
    function: FunctionInfo { name: "corpus_chrf", options: OPTIONS },
    range: (0.0, 1.0),
    create: |options: &Options, stop| Ok(Box::new(Chrf::new(options, stop)?)),
};

const OPTIONS: &[OptionInfo] = &[
    OptionInfo {
        name: "char_order",
        kind: OptionKind::Int { min: 0, max: 100 },
        default: "6",
        doc: "The length of the longest n-grams of characters.",
        per_row: false,
    },
    OptionInfo {
        name: "word_order",
        kind: OptionKind::Int { min: 0, max: 100 },
        default: "0",
        doc: "The length of the longest n-grams of words; 2 makes chrF++.",
        per_row: false,
    },
    OptionInfo {
        name: "beta",
        kind: OptionKind::Float { min: 0.0, max: 1000.0 },
        default: "2",
        doc: "How many times as much recall weighs as precision.",
        per_row: false,
    },
    OptionInfo {
        name: "lowercase",
        kind: OptionKind::Bool,
        default: "false",
        doc: "Whether the texts are lowered first.",
        per_row: false,
    },
    OptionInfo {
        name: "whitespace",
        kind: OptionKind::Bool,
        default: "false",
        doc: "Whether whitespace counts as characters.",
        per_row: false,
    },
    OptionInfo {
        name: "eps_smoothing",
        kind: OptionKind::Bool,
        default: "false",
        doc: "Whether lengths of which a text has no n-gram count as a tiny value, as in chrF++.py and NLTK, rather than \
              being left out.",
        per_row: false,
    },
];

/// What stands for a ratio without a denominator.
const EPSILON: f64 = 1e-16;

struct Chrf {
    formula: Formula,
    lowercase: bool,
    prediction: String,
    reference: String,
    characters: Characters,
    words: Words,
    matches: Vec<u64>,
    /// The counts of the best reference, and of the current one.
    best: Vec<f64>,
    row: Vec<f64>,
}

impl Chrf {
    fn new(options: &Options, stop: &Stop) -> Result<Chrf> {
        let order = |name| options.int(name).and_then(|order| usize::try_from(order).ok()).unwrap_or(0);
        let (char_order, word_order) = (order("char_order"), order("word_order"));
        if char_order + word_order == 0 {
            let message = "one of the options 'char_order' and 'word_order' must be above 0";
            return Err(Error::new(ErrorKind::InvalidOption, message));
        }
        Ok(Chrf {
            formula: Formula {
                factor: options.float("beta").unwrap_or(2.0).powi(2),
                eps_smoothing: options.flag("eps_smoothing"),
            },
            lowercase: options.flag("lowercase"),
            prediction: String::new(),
            reference: String::new(),
            characters: Characters::new(char_order, options.flag("whitespace"), stop),
            words: Words { order: word_order, shared: SharedNgrams::new(stop.clone()), ..Words::default() },
            matches: vec![0; char_order.max(word_order)],
            best: Vec::new(),
            row: Vec::new(),
        })
    }

    /// The score of the best of `references`, whose counts are then in `best`; `None` where there is none.
    fn score_references(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        let Chrf { characters, words, matches, best, row, formula, .. } = self;
        let lowercase = self.lowercase;
        let prediction = if lowercase { lower(prediction, &mut self.prediction) } else { prediction };
        characters.set_prediction(prediction);
        words.set_prediction(prediction);
        for reference in references {
            let reference = if lowercase { lower(reference, &mut self.reference) } else { reference };
            characters.add_reference(reference);
            words.add_reference(reference);
        }
        let mut best_percent = None;
        let char_order = characters.order();
        characters.matches(&mut matches[..char_order], |index, n_prediction, n_reference, matches| {
            row.clear();
            append_counts(n_prediction, n_reference, matches, row);
            words.append_counts(index, row);
            let percent = formula.percent(row);
            // The first of equals, as in sacrebleu: their counts may differ.
            if best_percent.is_none_or(|best| percent > best) {
                best_percent = Some(percent);
                std::mem::swap(best, row);
            }
        });
        best_percent.map(score_of)
    }
}

fn lower<'a>(text: &str, lowered: &'a mut String) -> &'a str {
    lower_into(text, lowered);
    lowered
}

/// Appends for each length of n-gram the number in the prediction, that in the reference, and the matches. A prediction's
/// n-grams do not count where the reference has none of that length.
fn append_counts(n_prediction: usize, n_reference: usize, matches: &[u64], into: &mut Vec<f64>) {
    for (order, &matches) in matches.iter().enumerate() {
        let n_reference = n_reference.saturating_sub(order);
        let n_prediction = if n_reference == 0 { 0 } else { n_prediction.saturating_sub(order) };
        into.extend([n_prediction as f64, n_reference as f64, matches as f64]);
    }
}

impl Metric for Chrf {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_references(prediction, &[reference]).unwrap_or(0.0)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        self.score_references(prediction, references)
    }
}

impl CorpusMetric for Chrf {
    fn width(&self) -> usize {
        3 * (self.characters.order() + self.words.order)
    }

    fn counts(&mut self, prediction: &str, references: &[&str], into: &mut Vec<f64>) -> bool {
        let found = self.score_references(prediction, references).is_some();
        if found {
            into.extend_from_slice(&self.best);
        }
        found
    }

    fn score(&self, totals: &[f64]) -> f64 {
        self.formula.score(totals)
    }
}

struct Formula {
    factor: f64,
    eps_smoothing: bool,
}

impl Formula {
    /// The score of counts, from 0 to 100 but for rounding. The operations are sacrebleu's in its order, so that references
    /// tie where they tie there.
    fn percent(&self, counts: &[f64]) -> f64 {
        let factor = self.factor;
        let (mut smoothed, mut precisions, mut recalls, mut orders) = (0.0, 0.0, 0.0, 0.0);
        for &[n_prediction, n_reference, matches] in counts.as_chunks().0 {
            let precision = if n_prediction > 0.0 { matches / n_prediction } else { EPSILON };
            let recall = if n_reference > 0.0 { matches / n_reference } else { EPSILON };
            let denominator = factor * precision + recall;
            smoothed += if denominator > 0.0 { (1.0 + factor) * precision * recall / denominator } else { EPSILON };
            if n_prediction > 0.0 && n_reference > 0.0 {
                precisions += precision;
                recalls += recall;
                orders += 1.0;
            }
        }
        if self.eps_smoothing {
            return 100.0 * smoothed / (counts.len() / 3) as f64;
        }
        if precisions + recalls == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (precisions / orders, recalls / orders);
        100.0 * ((1.0 + factor) * precision * recall / (factor * precision + recall))
    }

    fn score(&self, counts: &[f64]) -> f64 {
        score_of(self.percent(counts))
    }
}

fn score_of(percent: f64) -> f64 {
    (percent / 100.0).min(1.0)
}

/// The n-grams of words that a prediction shares with each of its references.
#[derive(Default)]
struct Words {
    order: usize,
    interner: Interner,
    prediction: Vec<u32>,
    references: Vec<u32>,
    ends: Vec<usize>,
    shared: SharedNgrams,
    matches: Vec<u64>,
}

/// The number of the words that the prediction has not, and the first of the others.
const UNKNOWN: u32 = FIRST;
const FIRST_KNOWN: u32 = FIRST + 1;

impl Words {
    fn set_prediction(&mut self, text: &str) {
        if self.order > 0 {
            self.interner.clear(text.len());
            self.prediction.clear();
            self.references.clear();
            self.ends.clear();
            split_punctuation(text, |start, end| {
                self.prediction.push(FIRST_KNOWN + self.interner.intern(text.as_bytes(), start, end));
            });
            self.shared.set_prediction(&self.prediction, FIRST_KNOWN as usize + self.interner.len(), self.order);
        }
    }

    fn add_reference(&mut self, text: &str) {
        if self.order > 0 {
            split_punctuation(text, |start, end| {
                let known = self.interner.find(text.as_bytes(), start, end);
                self.references.push(known.map_or(UNKNOWN, |number| FIRST_KNOWN + number));
            });
            self.ends.push(self.references.len());
        }
    }

    /// Appends the counts of the reference of this index.
    fn append_counts(&mut self, index: usize, into: &mut Vec<f64>) {
        let Some(&end) = self.ends.get(index) else { return };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.matches.resize(self.order, 0);
        self.shared.count(&self.references[start..end], &mut self.matches);
        append_counts(self.prediction.len(), end - start, &self.matches, into);
    }
}

/// Calls `word` with each word; one character of punctuation at its end, or else at its start, is a word of its own.
fn split_punctuation(text: &str, mut word: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    words(text, |start, end| {
        // A word of one character that is punctuation has one byte.
        if end - start > 1 && bytes[end - 1].is_ascii_punctuation() {
            word(start, end - 1);
            word(end - 1, end);
        } else if end - start > 1 && bytes[start].is_ascii_punctuation() {
            word(start, start + 1);
            word(start + 1, end);
        } else {
            word(start, end);
        }
    });
}

#[cfg(test)]
mod tests;
