//! Translation edit rate, of a sentence and of a corpus.

mod band;
mod matrix;
mod reference;
mod shifts;
mod tokenize;

use self::reference::Reference;
use self::shifts::Shifts;
use self::tokenize::Tokenizer;
use super::corpus::{CorpusInfo, CorpusMetric};
use super::mt::{Interner, UNKNOWN};
use super::{Metric, MetricInfo, MetricKind, Stop};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_ter(prediction, reference [, options])`: the translation edit rate, a hundredth of sacrebleu's; less is better, and
/// it can be above 1.
///
/// The number of insertions, deletions, substitutions and shifts of words that turn the prediction into the reference,
/// over the number of words of the reference. Of several references, the fewest edits over their mean length. Where the
/// references have no word, 0 if the prediction has none either, else 1.
///
/// Edits are sacrebleu's, not the fewest possible: shifts are chosen greedily, of at most 10 words over at most 50
/// places, until 1000 were looked at; the edit distance looks at 25 words on either side of the diagonal. Texts of any
/// length take time in proportion to it, but for the shifts, of which each takes that time again.
///
/// Matches sacrebleu 2.6.0, `TER().sentence_score`.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo { name: "llm_ter", options: OPTIONS },
    kind: MetricKind::Unbounded,
    range: (0.0, f64::INFINITY),
    create: |options: &Options, stop| Ok(Box::new(Ter::new(options, stop))),
};

/// `corpus_ter`: the translation edit rate of a corpus: all edits over all lengths of [`INFO`].
///
/// Counts: edits, the mean length of the references in units of 1/720,720, and what that leaves over in units of 2^-24 of
/// them: none where there are at most 16 references. Matches sacrebleu 2.6.0, `TER().corpus_score`.
pub(super) const CORPUS: CorpusInfo = CorpusInfo {
    function: FunctionInfo { name: "corpus_ter", options: OPTIONS },
    range: (0.0, f64::INFINITY),
    create: |options: &Options, stop| Ok(Box::new(Ter::new(options, stop))),
};

const OPTIONS: &[OptionInfo] = &[
    OptionInfo {
        name: "normalized",
        kind: OptionKind::Bool,
        default: "false",
        doc: "Whether punctuation is separated from words and entities of XML are replaced, as Tercom does.",
        per_row: false,
    },
    OptionInfo {
        name: "no_punct",
        kind: OptionKind::Bool,
        default: "false",
        doc: "Whether punctuation is removed.",
        per_row: false,
    },
    OptionInfo {
        name: "asian_support",
        kind: OptionKind::Bool,
        default: "false",
        doc: "Whether normalized separates Chinese characters and no_punct removes the punctuation of East Asia too.",
        per_row: false,
    },
    OptionInfo {
        name: "case_sensitive",
        kind: OptionKind::Bool,
        default: "false",
        doc: "Whether case counts; if not, both texts are lowered first.",
        per_row: false,
    },
];

/// The least common multiple of 1 to 16.
const UNIT: u64 = 720_720;
const REST_BITS: u32 = 24;

struct Ter {
    tokenizer: Tokenizer,
    interner: Interner,
    prediction: Vec<u32>,
    words: Vec<u32>,
    reference: Reference,
    shifts: Shifts,
}

/// The fewest edits, the words of all references, and how many those are.
struct Edits {
    edits: u64,
    words: u64,
    references: u64,
}

impl Ter {
    fn new(options: &Options, stop: &Stop) -> Ter {
        Ter {
            tokenizer: Tokenizer::new(
                options.flag("normalized"),
                options.flag("no_punct"),
                options.flag("asian_support"),
                options.flag("case_sensitive"),
            ),
            interner: Interner::default(),
            prediction: Vec::new(),
            words: Vec::new(),
            reference: Reference::default(),
            shifts: Shifts::new(stop.clone()),
        }
    }

    fn edits(&mut self, prediction: &str, references: &[&str]) -> Option<Edits> {
        let Ter { tokenizer, interner, words, .. } = self;
        interner.clear(prediction.len());
        self.prediction.clear();
        tokenizer.tokenize(prediction, |text, start, end| {
            self.prediction.push(interner.intern(text, start, end));
        });
        let mut best: Option<Edits> = None;
        for reference in references {
            words.clear();
            tokenizer.tokenize_reference(reference, |text, start, end| {
                words.push(interner.find(text, start, end).unwrap_or(UNKNOWN));
            });
            self.reference.set(words, interner.len());
            let edits = self.shifts.edits(&self.prediction, &self.reference);
            let before = best.unwrap_or(Edits { edits: u64::MAX, words: 0, references: 0 });
            best = Some(Edits {
                edits: before.edits.min(edits),
                words: before.words + words.len() as u64,
                references: before.references + 1,
            });
        }
        best
    }
}

fn rate(edits: f64, length: f64) -> f64 {
    if length > 0.0 { edits / length } else { f64::from(u8::from(edits > 0.0)) }
}

impl Metric for Ter {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(0.0)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        let Edits { edits, words, references } = self.edits(prediction, references)?;
        Some(rate(edits as f64, words as f64 / references as f64))
    }
}

impl CorpusMetric for Ter {
    fn width(&self) -> usize {
        3
    }

    fn counts(&mut self, prediction: &str, references: &[&str], into: &mut Vec<f64>) -> bool {
        let Some(Edits { edits, words, references }) = self.edits(prediction, references) else { return false };
        let (whole, rest) = (UNIT * words / references, UNIT * words % references);
        into.extend([edits as f64, whole as f64, ((rest << REST_BITS) / references) as f64]);
        true
    }

    fn score(&self, totals: &[f64]) -> f64 {
        let &[edits, whole, rest] = totals else { return 0.0 };
        rate(edits, (whole + rest / f64::from(1 << REST_BITS)) / UNIT as f64)
    }
}

#[cfg(test)]
mod tests;
