//! Sentence BLEU as nltk has it.

use super::tokenize::{Kind, Tokenizer};
use super::{Bleu, Metric, MetricInfo, MetricKind, Stop};
use crate::error::{Error, ErrorKind, Result};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_bleu_nltk(prediction, reference [, options])`: sentence BLEU of nltk: from 0 to 1, but for some of its
/// smoothing.
///
/// `exp(sum of w_n * ln(p_n))` over the precisions `p_n` of n-grams and their `weights`, times the brevity penalty of
/// [`llm_bleu`](super::INFO). Tokens are what lies between white space. A precision of zero is what `smoothing` makes of it; one
/// that stays zero is left out of the sum, and `method0` takes the smallest number of full precision for it, which gives a score
/// next to 0. 0 where no token matches. Several references are looked at together, as in `llm_bleu`.
///
/// `method5` and `method7` average each precision with its neighbours and begin with the first plus one, so that equal texts
/// score above 1, up to 4/3; `method4` and `method6` may do so with other constants than nltk's. `method6` needs a match of
/// three tokens, where nltk raises an error: without one there is no score, which is NULL.
///
/// Matches nltk 3.10.4, `translate.bleu_score.sentence_bleu` over `str.split()`. Smoothing: Chen, B. and Cherry, C. (2014), A
/// Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU, as nltk has it.
pub(in crate::metrics) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_bleu_nltk",
        options: &[
            OptionInfo {
                name: "smoothing",
                kind: OptionKind::Choice(METHODS),
                default: "\"method0\"",
                doc: "What stands in for a precision of zero: method0 the smallest number, method1 epsilon matches, method2 one \
                      match and one n-gram more of each length but one, method3 a half for the first, a quarter for the next, \
                      method4 the same over k / ln(tokens), method5 means of neighbours, method6 what the lengths before let \
                      expect, with weight alpha, method7 methods 4 and 5.",
                per_row: false,
            },
            OptionInfo {
                name: "weights",
                kind: OptionKind::Json,
                default: "[0.25, 0.25, 0.25, 0.25]",
                doc: "A list with the weight of each length of n-gram, from 0 to 1 and together at most 1.",
                per_row: false,
            },
            OptionInfo {
                name: "auto_reweigh",
                kind: OptionKind::Bool,
                default: "false",
                doc: "Whether the default weights become equal ones of fewer lengths for a prediction of fewer than four tokens.",
                per_row: false,
            },
            OptionInfo {
                name: "epsilon",
                kind: OptionKind::Float { min: 0.0, max: 1.0 },
                default: "0.1",
                doc: "The matches that method1 puts for none.",
                per_row: false,
            },
            OptionInfo {
                name: "alpha",
                kind: OptionKind::Float { min: 0.0, max: 1e6 },
                default: "5",
                doc: "The weight of what method6 expects.",
                per_row: false,
            },
            OptionInfo {
                name: "k",
                kind: OptionKind::Float { min: 1e-6, max: 1e6 },
                default: "5",
                doc: "The constant of method4 and method7.",
                per_row: false,
            },
        ],
    },
    kind: MetricKind::Unbounded,
    range: (0.0, f64::INFINITY),
    create: |options: &Options, stop| Ok(Box::new(Nltk::new(options, stop)?)),
};

const METHODS: &[&str] = &["method0", "method1", "method2", "method3", "method4", "method5", "method6", "method7"];

/// method5 looks at this length whatever the weights are.
const EXTRA: usize = 5;

struct Nltk {
    method: usize,
    weights: Vec<f64>,
    auto_reweigh: bool,
    epsilon: f64,
    alpha: f64,
    k: f64,
    counter: Bleu,
    row: Vec<f64>,
    precisions: Vec<f64>,
}

impl Nltk {
    fn new(options: &Options, stop: &Stop) -> Result<Nltk> {
        let invalid = |message: &str| Err(Error::new(ErrorKind::InvalidOption, format!("llm_bleu_nltk: {message}")));
        let method = METHODS.iter().position(|&name| options.text("smoothing") == Some(name)).unwrap_or(0);
        let weights: Option<Vec<f64>> = options
            .get("weights")
            .and_then(|weights| weights.as_array()?.iter().map(serde_json::Value::as_f64).collect::<Option<_>>());
        // Such as 0.333, 0.333 and 0.334.
        let is_right = |weights: &[f64]| {
            (1..=100).contains(&weights.len())
                && weights.iter().all(|weight| (0.0..=1.0).contains(weight))
                && weights.iter().sum::<f64>() <= 1.0 + 1e-9
        };
        let Some(weights) = weights.filter(|weights| is_right(weights)) else {
            return invalid("option 'weights' takes a list of numbers from 0 to 1 that are together at most 1");
        };
        if method == 6 && weights.len() < 3 {
            return invalid("method6 needs three weights at least");
        }
        let order = if matches!(method, 5 | 7) { weights.len().max(EXTRA) } else { weights.len() };
        Ok(Nltk {
            method,
            weights,
            auto_reweigh: options.flag("auto_reweigh"),
            epsilon: options.float("epsilon").unwrap_or(0.1),
            alpha: options.float("alpha").unwrap_or(5.0),
            k: options.float("k").unwrap_or(5.0),
            counter: Bleu::counting(Tokenizer::new(Kind::Whitespace, false), order, stop),
            row: Vec::new(),
            precisions: Vec::new(),
        })
    }

    /// The score of counts; `None` where nltk raises an error.
    fn score_of(&mut self, counts: &[f64]) -> Option<f64> {
        let (&[length, nearest], counts) = counts.split_first_chunk()?;
        let (matches, totals) = counts.split_at(counts.len() / 2);
        if matches.first().is_none_or(|&count| count == 0.0) {
            return Some(0.0);
        }
        let precisions = &mut self.precisions;
        precisions.clear();
        precisions.extend(matches.iter().zip(totals).map(|(count, total)| count / total.max(1.0)));
        let extra = precisions.get(EXTRA - 1).copied().unwrap_or(0.0);
        precisions.truncate(self.weights.len());
        let missed = |&(_, count): &(usize, &f64)| *count == 0.0;
        // The lengths without a match, counted from one, in the places of their precisions.
        let missing =
            matches.iter().take(self.weights.len()).enumerate().filter(missed).map(|(place, _)| place).zip(1..);
        match self.method {
            0 => missing.for_each(|(place, _)| precisions[place] = f64::MIN_POSITIVE),
            1 => missing.for_each(|(place, _)| precisions[place] = self.epsilon / totals[place].max(1.0)),
            2 => {
                for place in 1..precisions.len() {
                    precisions[place] = (matches[place] + 1.0) / (totals[place].max(1.0) + 1.0);
                }
            }
            3 => missing.for_each(|(place, nth)| precisions[place] = halved(1.0, nth) / totals[place].max(1.0)),
            6 => {
                if precisions[2] == 0.0 {
                    return None;
                }
                for place in 2..precisions.len() {
                    let before = precisions[place - 2];
                    let expected = if before == 0.0 { 0.0 } else { precisions[place - 1].powi(2) / before };
                    precisions[place] = (matches[place] + self.alpha * expected) / (totals[place] + self.alpha);
                }
            }
            _ => {
                if self.method != 5 && length > 1.0 {
                    let first = 1.0 / (self.k / length.ln());
                    missing.for_each(|(place, nth)| precisions[place] = halved(first, nth) / totals[place].max(1.0));
                }
                if self.method != 4 {
                    average(precisions, extra);
                }
            }
        }
        let default_weights = self.weights.as_slice() == [0.25; 4];
        let sum: f64 = if self.auto_reweigh && length < 4.0 && default_weights {
            precisions.iter().take(length as usize).filter(|&&p| p > 0.0).map(|p| p.ln() / length).sum()
        } else {
            let weighed = self.weights.iter().zip(precisions.iter()).filter(|&(_, &p)| p > 0.0);
            weighed.map(|(weight, p)| weight * p.ln()).sum()
        };
        let brevity = if length > nearest { 1.0 } else { (1.0 - nearest / length).exp() };
        Some(brevity * sum.exp())
    }
}

fn halved(value: f64, times: i32) -> f64 {
    value / 2f64.powi(times)
}

/// Each precision becomes the mean of the one before, as it has become, itself, and the one after.
fn average(precisions: &mut [f64], extra: f64) {
    let mut before = precisions.first().map_or(0.0, |first| first + 1.0);
    for place in 0..precisions.len() {
        let after = precisions.get(place + 1).copied().unwrap_or(extra);
        before = (before + precisions[place] + after) / 3.0;
        precisions[place] = before;
    }
}

impl Metric for Nltk {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(f64::NAN)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        if references.is_empty() {
            return None;
        }
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        self.counter.append_counts(prediction, references, &mut row);
        let score = self.score_of(&row).unwrap_or(f64::NAN);
        self.row = row;
        Some(score)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::options::resolve;

    fn nltk(options: Value) -> Result<Box<dyn Metric>> {
        (INFO.create)(&resolve(&INFO.function, options.as_object().unwrap()).unwrap(), &Stop::default())
    }

    #[test]
    fn the_example_of_the_documentation_of_nltk() {
        let prediction =
            "It is a guide to action which ensures that the military always obeys the commands of the party";
        let reference = "It is a guide to action that ensures that the military will forever heed Party commands";
        for (method, expected) in
            [(0, 0.4118), (1, 0.4118), (2, 0.4452), (3, 0.4118), (4, 0.4118), (5, 0.4905), (6, 0.4135), (7, 0.4905)]
        {
            let score = nltk(json!({"smoothing": METHODS[method]})).unwrap().score(prediction, reference);
            assert!((0.0..1e-4).contains(&(score - expected)), "method{method}: {score}");
        }
    }

    #[test]
    fn what_nltk_cannot_score_is_no_number() {
        let mut method6 = nltk(json!({"smoothing": "method6"})).unwrap();
        assert!(method6.score("a b x", "a b c").is_nan());
        assert_eq!(method6.score("x", "a"), 0.0);
        assert_eq!(method6.score_best("a", &[]), None);
    }

    #[test]
    fn wrong_options_are_named() {
        for wrong in [json!([]), json!([0.5, "x"]), json!([0.6, 0.6]), json!([-0.1]), json!("a"), json!(1)] {
            let error = nltk(json!({"weights": wrong})).err().unwrap();
            assert!(error.message().contains("option 'weights' takes"), "{error}");
        }
        let error = nltk(json!({"smoothing": "method6", "weights": [0.5, 0.5]})).err().unwrap();
        assert!(error.message().contains("three weights"), "{error}");
    }
}
