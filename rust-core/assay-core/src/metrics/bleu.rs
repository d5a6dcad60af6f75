//! BLEU, of a sentence and of a corpus.

mod classes;
mod nltk;
mod tokenize;

pub(super) use self::nltk::INFO as NLTK;
use self::tokenize::{Kind, Tokenizer};
use super::corpus::{CorpusInfo, CorpusMetric};
use super::mt::{FIRST, Interner, Ngrams, Sequences, SharedNgrams};
use super::{Metric, MetricInfo, MetricKind, Stop};
use crate::error::{Error, ErrorKind, Result};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_bleu(prediction, reference [, options])`: sentence BLEU from 0 to 1, a hundredth of sacrebleu's.
///
/// The geometric mean of the precisions of n-grams of one to `max_ngram_order` tokens, times the brevity penalty
/// `exp(1 - r / c)` where the prediction's `c` tokens are fewer than the reference's `r`. Several references are looked
/// at together: an n-gram counts as often as the reference has it that has it most often, and `r` is the length nearest
/// to `c`, the shorter of two. 0 where no token matches, and so where a text has none.
///
/// Matches sacrebleu 2.6.0, `BLEU(effective_order=True).sentence_score`.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo { name: "llm_bleu", options: &options("true") },
    kind: MetricKind::Bounded,
    range: (0.0, 1.0),
    create: |options: &Options, stop| Ok(Box::new(Bleu::new(options, stop)?)),
};

/// `corpus_bleu`: BLEU of a corpus from 0 to 1. Matches, n-grams and lengths are those of [`INFO`], summed over the rows
/// before the precisions are taken.
///
/// Counts: tokens of the predictions, tokens of the nearest references, then the matches of each length of n-gram and
/// then their numbers in the predictions. Matches sacrebleu 2.6.0, `BLEU().corpus_score`.
pub(super) const CORPUS: CorpusInfo = CorpusInfo {
    function: FunctionInfo { name: "corpus_bleu", options: &options("false") },
    range: (0.0, 1.0),
    create: |options: &Options, stop| Ok(Box::new(Bleu::new(options, stop)?)),
};

const fn options(effective_order: &'static str) -> [OptionInfo; 6] {
    [
        OptionInfo {
            name: "lowercase",
            kind: OptionKind::Bool,
            default: "false",
            doc: "Whether the texts are lowered first.",
            per_row: false,
        },
        OptionInfo {
            name: "tokenize",
            kind: OptionKind::Choice(&["13a", "intl", "char", "zh", "none"]),
            default: "\"13a\"",
            doc: "The tokenizer: 13a for Western languages, intl by Unicode's punctuation and symbols, zh for Chinese, \
                  char by characters, none by whitespace.",
            per_row: false,
        },
        OptionInfo {
            name: "smooth_method",
            kind: OptionKind::Choice(&["exp", "floor", "add-k", "none"]),
            default: "\"exp\"",
            doc: "What stands in for a precision of zero: exp halves it for each one, floor counts smooth_value matches, \
                  add-k adds smooth_value to matches and n-grams of more than one token, none gives a score of zero.",
            per_row: false,
        },
        OptionInfo {
            name: "smooth_value",
            kind: OptionKind::Float { min: 0.0, max: f64::INFINITY },
            default: "",
            doc: "The value of floor, at most 1 and 0.1 if left out, or of add-k, 1 if left out.",
            per_row: false,
        },
        OptionInfo {
            name: "max_ngram_order",
            kind: OptionKind::Int { min: 1, max: 100 },
            default: "4",
            doc: "The length of the longest n-grams.",
            per_row: false,
        },
        OptionInfo {
            name: "effective_order",
            kind: OptionKind::Bool,
            default: effective_order,
            doc: "Whether lengths of which the prediction has no n-gram are left out of the mean.",
            per_row: false,
        },
    ]
}

#[derive(Debug, Clone, Copy)]
enum Smoothing {
    None,
    Exp,
    Floor(f64),
    AddK(f64),
}

struct Bleu {
    smoothing: Smoothing,
    effective_order: bool,
    tokenizer: Tokenizer,
    interner: Interner,
    sequences: Sequences,
    ngrams: Ngrams,
    shared: SharedNgrams,
    matches: Vec<u64>,
    row: Vec<f64>,
}

/// The number of the tokens that the prediction has not, and the first of the others.
const UNKNOWN: u32 = FIRST;
const FIRST_KNOWN: u32 = FIRST + 1;

impl Bleu {
    fn new(options: &Options, stop: &Stop) -> Result<Bleu> {
        let value = options.float("smooth_value");
        let smoothing = match options.text("smooth_method") {
            Some("none") => Smoothing::None,
            Some("floor") => Smoothing::Floor(value.unwrap_or(0.1)),
            Some("add-k") => Smoothing::AddK(value.unwrap_or(1.0)),
            _ => Smoothing::Exp,
        };
        if let Smoothing::Floor(value) = smoothing
            && value > 1.0
        {
            let message = format!("option 'smooth_value' takes a number from 0 to 1 for floor, not {value}");
            return Err(Error::new(ErrorKind::InvalidOption, message));
        }
        let order = options.int("max_ngram_order").and_then(|order| usize::try_from(order).ok()).unwrap_or(4);
        let kind = Kind::of(options.text("tokenize").unwrap_or_default());
        let tokenizer = Tokenizer::new(kind, options.flag("lowercase"));
        Ok(Bleu {
            smoothing,
            effective_order: options.flag("effective_order"),
            ..Bleu::counting(tokenizer, order, stop)
        })
    }

    /// One that counts n-grams of up to `order` tokens.
    fn counting(tokenizer: Tokenizer, order: usize, stop: &Stop) -> Bleu {
        Bleu {
            smoothing: Smoothing::None,
            effective_order: false,
            tokenizer,
            interner: Interner::default(),
            sequences: Sequences::default(),
            ngrams: Ngrams::new(stop.clone()),
            shared: SharedNgrams::new(stop.clone()),
            matches: vec![0; order],
            row: Vec::new(),
        }
    }

    /// Appends the counts of a row to `into`.
    fn append_counts(&mut self, prediction: &str, references: &[&str], into: &mut Vec<f64>) {
        let Bleu { tokenizer, interner, sequences, .. } = self;
        interner.clear(prediction.len());
        sequences.clear();
        tokenizer.tokenize(prediction, |text, start, end| {
            sequences.prediction.push(FIRST_KNOWN + interner.intern(text, start, end));
        });
        for reference in references {
            tokenizer.tokenize(reference, |text, start, end| {
                let known = interner.find(text, start, end);
                sequences.references.push(known.map_or(UNKNOWN, |number| FIRST_KNOWN + number));
            });
            sequences.end_reference();
        }
        let length = sequences.prediction.len();
        let nearest = sequences.lengths().min_by_key(|&reference| (length.abs_diff(reference), reference)).unwrap_or(0);
        let limit = FIRST_KNOWN as usize + self.interner.len();
        if let [_] = references {
            self.shared.set_prediction(&sequences.prediction, limit, self.matches.len());
            self.shared.count(&sequences.references, &mut self.matches);
        } else {
            self.ngrams.count(sequences, limit, &mut self.matches);
        }
        into.extend([length as f64, nearest as f64]);
        into.extend(self.matches.iter().map(|&count| count as f64));
        into.extend((0..self.matches.len()).map(|order| length.saturating_sub(order) as f64));
    }

    /// The score of counts.
    fn score_of(&self, counts: &[f64]) -> f64 {
        let (&[length, nearest], counts) = counts.split_first_chunk().unwrap_or((&[0.0; 2], &[]));
        let (matches, totals) = counts.split_at(counts.len() / 2);
        if matches.iter().all(|&count| count == 0.0) {
            return 0.0;
        }
        let orders = matches.len();
        let mut effective_order = orders;
        let mut halving = 1.0;
        let mut sum = 0.0;
        for (order, (&(mut matches), &(mut total))) in (1..).zip(matches.iter().zip(totals)) {
            if let Smoothing::AddK(k) = self.smoothing
                && order > 1
            {
                matches += k;
                total += k;
            }
            if total == 0.0 {
                if !self.effective_order {
                    return 0.0;
                }
                break;
            }
            effective_order = if self.effective_order { order } else { orders };
            let precision = match self.smoothing {
                _ if matches > 0.0 => 100.0 * matches / total,
                Smoothing::Exp => {
                    halving *= 2.0;
                    100.0 / (halving * total)
                }
                Smoothing::Floor(value) => 100.0 * value / total,
                _ => 0.0,
            };
            if precision == 0.0 {
                return 0.0;
            }
            sum += precision.ln();
        }
        let brevity = if length < nearest { (1.0 - nearest / length).exp() } else { 1.0 };
        // A mean of logarithms may be a rounding above that of 100.
        (brevity * (sum / effective_order as f64).exp() / 100.0).min(1.0)
    }
}

impl Metric for Bleu {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(0.0)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        if references.is_empty() {
            return None;
        }
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        self.append_counts(prediction, references, &mut row);
        let score = self.score_of(&row);
        self.row = row;
        Some(score)
    }
}

impl CorpusMetric for Bleu {
    fn width(&self) -> usize {
        2 + 2 * self.matches.len()
    }

    fn counts(&mut self, prediction: &str, references: &[&str], into: &mut Vec<f64>) -> bool {
        if !references.is_empty() {
            self.append_counts(prediction, references, into);
        }
        !references.is_empty()
    }

    fn score(&self, totals: &[f64]) -> f64 {
        self.score_of(totals)
    }
}

#[cfg(test)]
mod tests;
