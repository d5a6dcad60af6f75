//! Token F1.

use super::squad::{Normalizer, Token};
use super::{Metric, MetricInfo, MetricKind};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_token_f1(prediction, reference [, options])`: the harmonic mean of precision and recall over the tokens of
/// the SQuAD-normalized texts, as multisets; the best over references.
///
/// Where both texts have no token left, `v1.1` gives 0, as the official SQuAD 1.1 script does, and `v2.0` gives 1,
/// as that of SQuAD 2.0 does.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_token_f1",
        options: &[OptionInfo {
            name: "variant",
            kind: OptionKind::Choice(&["v1.1", "v2.0"]),
            default: "\"v1.1\"",
            doc: "Which SQuAD script decides when both texts are empty: v1.1 gives 0, v2.0 gives 1.",
            per_row: false,
        }],
    },
    kind: MetricKind::Bounded,
    range: (0.0, 1.0),
    create: |options: &Options, _| {
        Ok(Box::new(TokenF1 { both_empty: both_empty(options), pair: SquadPair::default() }))
    },
};

/// The score of two texts without tokens.
pub(super) fn both_empty(options: &Options) -> f64 {
    if options.text("variant") == Some("v2.0") { 1.0 } else { 0.0 }
}

struct TokenF1 {
    both_empty: f64,
    pair: SquadPair,
}

impl Metric for TokenF1 {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.pair.set_prediction(prediction);
        self.pair.set_reference(reference);
        self.pair.f1(self.both_empty)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        self.pair.set_prediction(prediction);
        let scores = references.iter().map(|reference| {
            self.pair.set_reference(reference);
            self.pair.f1(self.both_empty)
        });
        scores.reduce(f64::max)
    }
}

/// A prediction and a reference, normalized as SQuAD does. Keeps its memory between texts.
#[derive(Default)]
pub(super) struct SquadPair {
    prediction: Normalizer,
    reference: Normalizer,
    bag: Bag,
}

impl SquadPair {
    pub(super) fn set_prediction(&mut self, text: &str) {
        self.prediction.tokenize(text);
        self.bag.fill(&self.prediction);
    }

    pub(super) fn set_reference(&mut self, text: &str) {
        self.reference.tokenize(text);
    }

    /// Whether both have the same tokens in the same order.
    pub(super) fn are_equal(&self) -> bool {
        self.prediction.same_tokens(&self.reference)
    }

    /// Token F1.
    pub(super) fn f1(&mut self, both_empty: f64) -> f64 {
        let (n_prediction, n_reference) = (self.prediction.tokens().len(), self.reference.tokens().len());
        if n_prediction == 0 && n_reference == 0 {
            return both_empty;
        }
        match self.bag.overlap(&self.prediction, &self.reference) {
            0 => 0.0,
            common => {
                let precision = common as f64 / n_prediction as f64;
                let recall = common as f64 / n_reference as f64;
                2.0 * precision * recall / (precision + recall)
            }
        }
    }
}

/// The tokens of a text with their counts, in an open hash table whose memory is kept.
#[derive(Default)]
struct Bag {
    /// A token's number plus one, or zero for a free slot. A power of two, at least twice as many as there are tokens.
    slots: Vec<u32>,
    /// How often each token occurs, at the number of its first occurrence.
    counts: Vec<u32>,
    /// What [`Bag::overlap`] has left of the counts.
    left: Vec<u32>,
}

impl Bag {
    fn fill(&mut self, text: &Normalizer) {
        let tokens = text.tokens();
        let capacity = (2 * tokens.len()).next_power_of_two().max(2);
        self.slots.clear();
        self.slots.resize(capacity, 0);
        self.counts.clear();
        self.counts.resize(tokens.len(), 0);
        for (number, token) in tokens.iter().enumerate() {
            let slot = find(&mut self.slots, token, text, tokens, text);
            if *slot == 0 {
                *slot = number as u32 + 1;
            }
            self.counts[*slot as usize - 1] += 1;
        }
    }

    /// How many tokens `other` shares with the `text` that the bag was filled with.
    fn overlap(&mut self, text: &Normalizer, other: &Normalizer) -> usize {
        self.left.clear();
        self.left.extend_from_slice(&self.counts);
        let tokens = text.tokens();
        let mut common = 0;
        for token in other.tokens() {
            let number = *find(&mut self.slots, token, other, tokens, text);
            if let Some(left) = self.left.get_mut((number as usize).wrapping_sub(1)) {
                let found = u32::from(*left > 0);
                *left -= found;
                common += found as usize;
            }
        }
        common
    }
}

/// The slot of `token`, whose bytes are `here`, or the free slot where it would go.
#[inline(always)]
fn find<'a>(
    slots: &'a mut [u32],
    token: &Token,
    here: &Normalizer,
    tokens: &[Token],
    text: &Normalizer,
) -> &'a mut u32 {
    let mask = slots.len() - 1;
    let mut slot = (token.key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
    while let Some(known) = tokens.get((slots[slot] as usize).wrapping_sub(1)) {
        if token.equals(here, known, text) {
            break;
        }
        slot = (slot + 1) & mask;
    }
    &mut slots[slot]
}
