//! METEOR.

use super::interner::Interner;
use super::porter::Stemmer;
use super::squad::{is_space, lower_into};
use super::{Metric, MetricInfo, MetricKind, Stop};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_meteor(prediction, reference [, options])`: matched tokens, weighed by how few pieces they make, from 0 to 1; the
/// best over references.
///
/// Tokens are what lies between white space, lowered; punctuation stays on them. Tokens match if they are equal, and of
/// those that are left, if their stems are (Porter, for English). With the parts P and R of the prediction and of the
/// reference that are matched, and the number of pieces, which are matches that follow each other in both texts:
/// `(1 - gamma * (pieces / matches)^beta) * P * R / (alpha * P + (1 - alpha) * R)`. Without a match it is 0. As nltk 3.10.4
/// has it, without the matches of synonyms that WordNet would give. Takes time in proportion to the texts.
///
/// Lavie, A. and Agarwal, A. (2007), METEOR: An Automatic Metric for MT Evaluation with High Levels of Correlation with Human
/// Judgments. nltk matches each token with the last free one rather than looking for the fewest pieces.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_meteor",
        options: &[
            OptionInfo {
                name: "alpha",
                kind: OptionKind::Float { min: 0.0, max: 1.0 },
                default: "0.9",
                doc: "How much recall outweighs precision: 0.5 is the harmonic mean, 1 recall alone.",
                per_row: false,
            },
            OptionInfo {
                name: "beta",
                kind: OptionKind::Float { min: 0.0, max: 1000.0 },
                default: "3.0",
                doc: "The power of the penalty for matches in many pieces.",
                per_row: false,
            },
            OptionInfo {
                name: "gamma",
                kind: OptionKind::Float { min: 0.0, max: 1.0 },
                default: "0.5",
                doc: "The greatest penalty, where no two matches follow each other.",
                per_row: false,
            },
        ],
    },
    kind: MetricKind::Bounded,
    range: (0.0, 1.0),
    create: |options: &Options, stop| {
        Ok(Box::new(Meteor {
            alpha: options.float("alpha").unwrap_or(0.9),
            beta: options.float("beta").unwrap_or(3.0),
            gamma: options.float("gamma").unwrap_or(0.5),
            stop: stop.clone(),
            words: Words::default(),
            prediction: Vec::new(),
            reference: Vec::new(),
            matching: Matching::default(),
        }))
    },
};

struct Meteor {
    alpha: f64,
    beta: f64,
    gamma: f64,
    stop: Stop,
    words: Words,
    prediction: Vec<u32>,
    reference: Vec<u32>,
    matching: Matching,
}

impl Meteor {
    fn score_next(&mut self, reference: &str) -> f64 {
        if self.stop.is_set() {
            return 0.0;
        }
        self.words.tokenize(reference, &mut self.reference);
        self.matching.make(&self.prediction, &self.reference, &mut self.words);
        let (matches, chunks) = self.matching.matches_and_chunks();
        if matches == 0 {
            return 0.0;
        }
        let precision = matches as f64 / self.prediction.len() as f64;
        let recall = matches as f64 / self.reference.len() as f64;
        let mean = precision * recall / (self.alpha * precision + (1.0 - self.alpha) * recall);
        let penalty = self.gamma * (chunks as f64 / matches as f64).powf(self.beta);
        (1.0 - penalty) * mean
    }
}

impl Metric for Meteor {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(0.0)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        self.words.clear();
        self.words.tokenize(prediction, &mut self.prediction);
        references.iter().map(|reference| self.score_next(reference)).reduce(f64::max)
    }
}

/// Numbers for words and for their stems.
#[derive(Default)]
struct Words {
    interner: Interner,
    stemmer: Stemmer,
    lowered: String,
    /// For each word the number of its stem, or [`NONE`] where nobody asked yet.
    stems: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Words {
    fn clear(&mut self) {
        self.interner.clear();
        self.stems.clear();
    }

    /// Puts the numbers of the words of `text` into `ids`.
    fn tokenize(&mut self, text: &str, ids: &mut Vec<u32>) {
        ids.clear();
        if text.is_ascii() {
            self.lowered.clear();
            self.lowered.push_str(text);
            self.lowered.make_ascii_lowercase();
            let words = self.lowered.as_bytes().split(|&byte| matches!(byte, b'\t'..=b'\r' | 0x1C..=b' '));
            ids.extend(words.filter(|word| !word.is_empty()).map(|word| self.interner.intern(word)));
        } else {
            lower_into(text, &mut self.lowered);
            let words = self.lowered.split(is_space).filter(|word| !word.is_empty());
            ids.extend(words.map(|word| self.interner.intern(word.as_bytes())));
        }
    }

    /// The number of a word's stem.
    fn stem(&mut self, id: u32) -> u32 {
        if self.stems.len() <= id as usize {
            self.stems.resize(self.interner.len(), NONE);
        }
        if self.stems[id as usize] == NONE {
            self.stems[id as usize] = match self.stemmer.stem(self.interner.token(id)) {
                Some(stem) => self.interner.intern(stem),
                None => id,
            };
        }
        self.stems[id as usize]
    }
}

/// Which word of the prediction goes with which of the reference.
#[derive(Default)]
struct Matching {
    /// What is compared at each place, or [`NONE`] where the word has its partner.
    prediction: Vec<u32>,
    reference: Vec<u32>,
    /// For each word of the prediction the place in the reference, or [`NONE`].
    partners: Vec<u32>,
    /// For each number the last free place in the reference that has it, and from each place the one before.
    last: Vec<u32>,
    before: Vec<u32>,
}

impl Matching {
    fn make(&mut self, prediction: &[u32], reference: &[u32], words: &mut Words) {
        self.prediction.clear();
        self.prediction.extend_from_slice(prediction);
        self.reference.clear();
        self.reference.extend_from_slice(reference);
        self.partners.clear();
        self.partners.resize(prediction.len(), NONE);
        let matched = self.add_matches(words.interner.len());
        if matched == prediction.len() || matched == reference.len() {
            return;
        }
        for id in self.prediction.iter_mut().chain(&mut self.reference).filter(|id| **id != NONE) {
            *id = words.stem(*id);
        }
        self.add_matches(words.interner.len());
    }

    /// From the last word of the prediction on, takes for each the last free place of the reference with the same
    /// number. Returns how many it took.
    fn add_matches(&mut self, n_ids: usize) -> usize {
        self.last.clear();
        self.last.resize(n_ids, NONE);
        self.before.resize(self.reference.len().max(self.before.len()), NONE);
        for (place, &id) in self.reference.iter().enumerate().filter(|(_, id)| **id != NONE) {
            self.before[place] = std::mem::replace(&mut self.last[id as usize], place as u32);
        }
        let mut taken = 0;
        for (id, partner) in self.prediction.iter_mut().zip(&mut self.partners).rev().filter(|(id, _)| **id != NONE) {
            let last = &mut self.last[*id as usize];
            if *last != NONE {
                let place = *last as usize;
                *partner = *last;
                *last = self.before[place];
                self.reference[place] = NONE;
                *id = NONE;
                taken += 1;
            }
        }
        taken
    }

    /// How many words have a partner, and how many pieces they make that go on in both texts.
    fn matches_and_chunks(&self) -> (usize, usize) {
        let (mut matches, mut chunks) = (0, 0);
        // Where the piece would go on.
        let mut next = NONE;
        for &partner in &self.partners {
            if partner == NONE {
                next = NONE;
                continue;
            }
            matches += 1;
            chunks += usize::from(partner != next);
            next = partner + 1;
        }
        (matches, chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    fn meteor(given: serde_json::Value) -> Box<dyn Metric> {
        let given = given.as_object().cloned().unwrap_or_else(Map::new);
        (INFO.create)(&crate::options::resolve(&INFO.function, &given).unwrap(), &Stop::default()).unwrap()
    }

    #[test]
    fn scores_are_those_of_nltk() {
        // The example of nltk's documentation, which gives 0.6944 with WordNet and without.
        let prediction =
            "It is a guide to action which ensures that the military always obeys the commands of the party";
        let reference = "It is a guide to action that ensures that the military will forever heed Party commands";
        assert!((meteor(json!({})).score(prediction, reference) - 0.6944).abs() < 5e-5);
        assert_eq!(meteor(json!({})).score("this is a cat", "non matching hypothesis"), 0.0);
        // Two pieces of three matches, all by stems or by case.
        let expected = 1.0 - 0.25 * (2.0f64 / 3.0).powf(2.0);
        assert_eq!(meteor(json!({"gamma": 0.25, "beta": 2.0})).score("running DOGS bark", "bark runs dog"), expected);
    }

    #[test]
    fn the_empty_text_scores_zero() {
        let mut meteor = meteor(json!({}));
        assert_eq!(meteor.score("", ""), 0.0);
        assert_eq!(meteor.score("a", " \u{1f}\u{3000}"), 0.0);
        assert_eq!(meteor.score_best("a", &[]), None);
        assert_eq!(meteor.score_best("a b", &["", "a b"]), Some(1.0 - 0.5 / 8.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn scores_are_in_range(
            prediction in "([a-c]{1,3}(ing|ed|s|é)?[ \u{2003}]|\\PC){0,40}",
            reference in "([a-c]{1,3}(ing|ed|s|é)?[ \u{2003}]|\\PC){0,40}",
            alpha in 0.0..=1.0f64, beta in 0.0..=1000.0f64, gamma in 0.0..=1.0f64,
        ) {
            let mut meteor = meteor(json!({"alpha": alpha, "beta": beta, "gamma": gamma}));
            let score = meteor.score(&prediction, &reference);
            prop_assert!((0.0..=1.0).contains(&score), "{score}");
            prop_assert_eq!(meteor.score(&prediction, &reference), score);
        }

        #[test]
        fn a_text_against_itself_is_one_piece(text in "\\PC{0,80}") {
            let n = text.to_lowercase().split(is_space).filter(|word| !word.is_empty()).count() as f64;
            let expected = if n > 0.0 { 1.0 - 0.5 / n.powi(3) } else { 0.0 };
            let score = meteor(json!({})).score(&text, &text);
            prop_assert!((score - expected).abs() < 1e-12, "{score} {expected}");
        }
    }
}
