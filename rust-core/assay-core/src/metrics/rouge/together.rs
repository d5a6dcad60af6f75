//! Several of the functions over the same tokens.

use super::{
    Measure, ROUGE_1, ROUGE_2, ROUGE_3, ROUGE_L, ROUGE_LSUM, ROUGE_UNICODE, RougePair, RougeScore, RougeVariant,
    TokenRule, latin_rule,
};
use crate::metrics::together::{Chosen, Metrics};
use crate::metrics::{MetricInfo, Stop};
use crate::options::Options;

/// How a ROUGE function cuts texts; `None` for a metric that is none.
pub(in crate::metrics) fn rule_of(info: &MetricInfo, options: &Options) -> Option<TokenRule> {
    variant_of(info, options)?;
    Some(if info.function.name == ROUGE_UNICODE.function.name { TokenRule::Unicode } else { latin_rule(options) })
}

fn variant_of(info: &MetricInfo, options: &Options) -> Option<RougeVariant> {
    let variants = [
        (ROUGE_1, RougeVariant::N(1)),
        (ROUGE_2, RougeVariant::N(2)),
        (ROUGE_3, RougeVariant::N(3)),
        (ROUGE_L, RougeVariant::L),
        (ROUGE_LSUM, RougeVariant::Lsum),
        (ROUGE_UNICODE, RougeVariant::of_type(options)),
    ];
    variants.into_iter().find(|(other, _)| other.function.name == info.function.name).map(|(_, variant)| variant)
}

/// ROUGE functions of one [`TokenRule`].
pub(in crate::metrics) struct Rouges {
    pair: RougePair,
    parts: Vec<(RougeVariant, Measure)>,
    best: Vec<Option<RougeScore>>,
}

impl Rouges {
    pub(in crate::metrics) fn new(rule: TokenRule, metrics: &[Chosen], stop: &Stop) -> Rouges {
        let part = |(info, options): &Chosen| Some((variant_of(info, options)?, Measure::of(options)));
        Rouges { pair: RougePair::new(rule, stop), parts: metrics.iter().filter_map(part).collect(), best: Vec::new() }
    }
}

impl Metrics for Rouges {
    fn score_best(&mut self, prediction: &str, references: &[&str], scores: &mut [Option<f64>]) {
        self.pair.set_prediction(prediction);
        self.best.clear();
        self.best.resize(self.parts.len(), None);
        for reference in references {
            self.pair.set_reference(reference);
            for (&(variant, _), best) in self.parts.iter().zip(&mut self.best) {
                let next = self.pair.score(variant);
                if best.is_none_or(|best| next.fmeasure > best.fmeasure) {
                    *best = Some(next);
                }
            }
        }
        for ((&(_, measure), best), score) in self.parts.iter().zip(&self.best).zip(scores) {
            *score = best.map(|best| measure.take(best));
        }
    }
}
