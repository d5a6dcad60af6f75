//! ROUGE: n-grams and longest common subsequences that a text shares with a reference.
//!
//! Lin, C.-Y. (2004), ROUGE: A Package for Automatic Evaluation of Summaries; the numbers are those of rouge-score
//! 0.1.2. Each variant gives precision (the shared part of the prediction), recall (the shared part of the reference) and
//! their harmonic mean F. Of several references the one with the greatest F counts, the first of these where several
//! have it. A text without tokens scores 0, also against another one.

mod bits;
mod grams;
mod lcs;
mod together;
mod tokens;
mod unicode;
mod unicode_ranges;
mod union;

use super::interner::Interner;
use super::{Metric, MetricInfo, MetricKind, Stop};
use crate::error::Result;
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

pub(super) use together::{Rouges, rule_of};
pub(crate) use tokens::TokenRule;
use tokens::{Tokenizer, Tokens};

/// `llm_rouge_1(prediction, reference [, options])`: ROUGE-1, shared tokens, from 0 to 1.
///
/// A text is lowered and cut at whatever is not `a` to `z` or a digit, so that texts in other scripts have no tokens:
/// see `llm_rouge_unicode`. A token that stands several times counts as often as in the text that has it less often.
pub(super) const ROUGE_1: MetricInfo = info("llm_rouge_1", |options, stop| create(RougeVariant::N(1), options, stop));

/// `llm_rouge_2(prediction, reference [, options])`: ROUGE-2, shared pairs of neighbouring tokens; else as
/// [`ROUGE_1`].
pub(super) const ROUGE_2: MetricInfo = info("llm_rouge_2", |options, stop| create(RougeVariant::N(2), options, stop));

/// `llm_rouge_3(prediction, reference [, options])`: ROUGE-3, shared triples of neighbouring tokens; else as
/// [`ROUGE_1`].
pub(super) const ROUGE_3: MetricInfo = info("llm_rouge_3", |options, stop| create(RougeVariant::N(3), options, stop));

/// `llm_rouge_l(prediction, reference [, options])`: ROUGE-L, the longest common subsequence of tokens; else as
/// [`ROUGE_1`].
pub(super) const ROUGE_L: MetricInfo = info("llm_rouge_l", |options, stop| create(RougeVariant::L, options, stop));

/// `llm_rouge_lsum(prediction, reference [, options])`: ROUGE-Lsum. Each line is a sentence; for each sentence of the
/// reference, the union of its longest common subsequences with the sentences of the prediction counts, no token more
/// often than it stands in the prediction. Texts of one line score as in ROUGE-L. Else as [`ROUGE_1`].
pub(super) const ROUGE_LSUM: MetricInfo =
    info("llm_rouge_lsum", |options, stop| create(RougeVariant::Lsum, options, stop));

/// `llm_rouge_unicode(prediction, reference [, options])`: ROUGE of texts in any script, from 0 to 1. Not a number of
/// rouge-score, but for ASCII texts it is the same.
///
/// A token is a run of letters, marks and digits of any script, lowered. In scripts without spaces between words (Han,
/// Hiragana, Katakana, Thai, Khmer, Lao, Myanmar) each letter with its marks is a token. There is no stemming and no
/// Unicode normalisation.
pub(super) const ROUGE_UNICODE: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_rouge_unicode",
        options: &[
            OptionInfo {
                name: "rouge_type",
                kind: OptionKind::Choice(&["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"]),
                default: "\"rougeL\"",
                doc: "What is shared: tokens, pairs or triples of them, or the longest common subsequence; rougeLsum \
                      takes lines as sentences.",
                per_row: false,
            },
            MEASURE,
        ],
    },
    kind: MetricKind::Bounded,
    range: (0.0, 1.0),
    create: |options, stop| {
        let (variant, measure) = (RougeVariant::of_type(options), Measure::of(options));
        Ok(Box::new(Rouge { variant, measure, pair: RougePair::new(TokenRule::Unicode, stop) }))
    },
};

const MEASURE: OptionInfo = OptionInfo {
    name: "measure",
    kind: OptionKind::Choice(&["fmeasure", "precision", "recall"]),
    default: "\"fmeasure\"",
    doc: "Which number of the comparison is the score. The best reference is the one with the greatest fmeasure in any \
          case.",
    per_row: false,
};

const fn info(name: &'static str, create: fn(&Options, &Stop) -> Result<Box<dyn Metric>>) -> MetricInfo {
    let options = &[
        OptionInfo {
            name: "use_stemmer",
            kind: OptionKind::Bool,
            default: "false",
            doc: "Whether tokens of more than three characters are stemmed first, by Porter's rules for English.",
            per_row: false,
        },
        MEASURE,
    ];
    MetricInfo { function: FunctionInfo { name, options }, kind: MetricKind::Bounded, range: (0.0, 1.0), create }
}

fn create(variant: RougeVariant, options: &Options, stop: &Stop) -> Result<Box<dyn Metric>> {
    let pair = RougePair::new(latin_rule(options), stop);
    Ok(Box::new(Rouge { variant, measure: Measure::of(options), pair }))
}

fn latin_rule(options: &Options) -> TokenRule {
    if options.flag("use_stemmer") { TokenRule::Stemmed } else { TokenRule::Ascii }
}

/// What two texts share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RougeVariant {
    /// N-grams of tokens; the number is at least 1.
    N(usize),
    /// The longest common subsequence of tokens.
    L,
    /// The union of those of sentences.
    Lsum,
}

impl RougeVariant {
    /// The one that the option `rouge_type` names.
    fn of_type(options: &Options) -> Self {
        match options.text("rouge_type") {
            Some("rouge1") => RougeVariant::N(1),
            Some("rouge2") => RougeVariant::N(2),
            Some("rouge3") => RougeVariant::N(3),
            Some("rougeLsum") => RougeVariant::Lsum,
            _ => RougeVariant::L,
        }
    }
}

/// The numbers of one comparison, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RougeScore {
    /// The shared part of the prediction.
    pub(crate) precision: f64,
    /// The shared part of the reference.
    pub(crate) recall: f64,
    /// Their harmonic mean.
    pub(crate) fmeasure: f64,
}

impl RougeScore {
    fn new(shared: usize, prediction: usize, reference: usize) -> Self {
        let precision = shared as f64 / prediction.max(1) as f64;
        let recall = shared as f64 / reference.max(1) as f64;
        let fmeasure = if shared > 0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
        RougeScore { precision, recall, fmeasure }
    }
}

/// A prediction and a reference, cut into tokens once for all variants. Keeps its memory between texts.
pub(crate) struct RougePair {
    stop: Stop,
    tokenizer: Tokenizer,
    interner: Interner,
    prediction: Tokens,
    reference: Tokens,
    grams: grams::Grams,
    lcs: lcs::Lcs,
    /// The length of the longest common subsequence, once it was asked for.
    common: Option<usize>,
    union: union::Union,
}

impl RougePair {
    /// An empty pair. Once `stop` is set, scores are any numbers.
    pub(crate) fn new(rule: TokenRule, stop: &Stop) -> Self {
        RougePair {
            stop: stop.clone(),
            tokenizer: Tokenizer::new(rule),
            interner: Interner::default(),
            prediction: Tokens::default(),
            reference: Tokens::default(),
            grams: grams::Grams::default(),
            lcs: lcs::Lcs::default(),
            common: None,
            union: union::Union::default(),
        }
    }

    /// Takes another prediction. The reference has to be set again after it.
    pub(crate) fn set_prediction(&mut self, text: &str) {
        self.interner.clear();
        self.common = None;
        self.tokenizer.tokenize(text, &mut self.interner, &mut self.prediction);
        self.tokenizer.tokenize("", &mut self.interner, &mut self.reference);
    }

    /// Takes another reference for the same prediction.
    pub(crate) fn set_reference(&mut self, text: &str) {
        if self.stop.is_set() {
            return;
        }
        self.common = None;
        self.tokenizer.tokenize(text, &mut self.interner, &mut self.reference);
    }

    /// The score of the prediction against the reference.
    pub(crate) fn score(&mut self, variant: RougeVariant) -> RougeScore {
        let (prediction, reference, n_ids) = (&self.prediction, &self.reference, self.interner.len());
        let (n_prediction, n_reference) = (prediction.ids.len(), reference.ids.len());
        if self.stop.is_set() {
            return RougeScore::new(0, 0, 0);
        }
        match variant {
            RougeVariant::N(n) => {
                let n = n.max(1);
                let shared = self.grams.overlap(prediction, reference, n, n_ids);
                let grams = |tokens: usize| (tokens + 1).saturating_sub(n);
                RougeScore::new(shared, grams(n_prediction), grams(n_reference))
            }
            RougeVariant::L => RougeScore::new(self.common_length(), n_prediction, n_reference),
            RougeVariant::Lsum => {
                let one_line = prediction.sentences().nth(1).is_none() && reference.sentences().nth(1).is_none();
                let shared = if one_line {
                    // Every token of the one common subsequence is in both texts, so all are hits.
                    self.common_length()
                } else {
                    self.union.hits(prediction, reference, n_ids, &self.stop)
                };
                RougeScore::new(shared, n_prediction, n_reference)
            }
        }
    }

    fn common_length(&mut self) -> usize {
        match self.common {
            Some(length) => length,
            None => {
                let (prediction, reference) = (&self.prediction.ids, &self.reference.ids);
                *self.common.insert(self.lcs.length(prediction, reference, self.interner.len(), &self.stop))
            }
        }
    }

    /// The score against the reference with the greatest F, the first of them; `None` where there is no reference.
    pub(crate) fn best(&mut self, prediction: &str, references: &[&str], variant: RougeVariant) -> Option<RougeScore> {
        self.set_prediction(prediction);
        let scores = references.iter().map(|reference| {
            self.set_reference(reference);
            self.score(variant)
        });
        scores.reduce(|best, next| if next.fmeasure > best.fmeasure { next } else { best })
    }
}

#[derive(Debug, Clone, Copy)]
enum Measure {
    F,
    Precision,
    Recall,
}

impl Measure {
    fn of(options: &Options) -> Self {
        match options.text("measure") {
            Some("precision") => Measure::Precision,
            Some("recall") => Measure::Recall,
            _ => Measure::F,
        }
    }

    fn take(self, score: RougeScore) -> f64 {
        match self {
            Measure::F => score.fmeasure,
            Measure::Precision => score.precision,
            Measure::Recall => score.recall,
        }
    }
}

struct Rouge {
    variant: RougeVariant,
    measure: Measure,
    pair: RougePair,
}

impl Metric for Rouge {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(0.0)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        self.pair.best(prediction, references, self.variant).map(|score| self.measure.take(score))
    }
}

#[cfg(test)]
mod tests;
