//! BERTScore: how well the tokens of a candidate and a reference match by the vectors that a model gives them in context.
//!
//! T. Zhang, V. Kishore, F. Wu, K. Weinberger, Y. Artzi, "BERTScore: Evaluating Text Generation with BERT", ICLR 2020, as the
//! library bert-score 0.3.13 computes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::sync::Arc;

use rayon::prelude::*;

use super::Model;
use super::folder::{Folder, local};
use super::math;
use super::product::{Packed, Rows, RowsMut, product};
use crate::error::Result;
use crate::metrics::Stop;

/// How many tokens have their vectors in memory at a time, but for longer pairs.
const CHUNK: usize = 16_384;

/// Precision, recall and F1, from 0 to 1 but for a rescaled score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BertScore {
    /// How well the candidate's tokens are matched.
    pub precision: f64,
    /// How well the reference's tokens are matched.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

/// The inverse document frequency of tokens, which weighs them.
#[derive(Debug, Clone, PartialEq)]
pub struct Idf {
    documents: u64,
    counts: BTreeMap<u32, u64>,
}

impl Idf {
    /// From the number of texts, and of each token id how many texts have it.
    pub fn new(documents: u64, counts: BTreeMap<u32, u64>) -> Idf {
        Idf { documents, counts }
    }

    /// Counted in `texts`: bert-score's `idf_sents`, or its references.
    pub fn of_texts(model: &Model, texts: &[&str]) -> Idf {
        let mut counts = BTreeMap::new();
        for text in texts {
            let ids: BTreeSet<u32> = model.tokens.ids_for_bert_score(text).into_iter().collect();
            ids.into_iter().for_each(|id| *counts.entry(id).or_default() += 1);
        }
        Idf { documents: texts.len() as u64, counts }
    }

    fn weight(&self, id: u32) -> f64 {
        let count = self.counts.get(&id).copied().unwrap_or(0);
        libm::log((self.documents + 1) as f64 / (count + 1) as f64)
    }
}

/// Scores candidates against references.
///
/// The greatest similarity of a token is never below 0, as it is in bert-score for all but the longest text of a batch, and a text
/// without tokens scores 0. Of several references each of the three numbers is the greatest that any gives.
#[derive(Debug, Clone)]
pub struct BertScorer {
    model: Arc<Model>,
    layers: usize,
    idf: Option<Idf>,
    baseline: Option<[f64; 3]>,
}

impl BertScorer {
    /// With the vectors of the layer `num_layers` or, without, of the one that bert-score takes for a model of this name.
    ///
    /// Errors: [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption) where the model has fewer layers, or no default is known for it.
    pub fn new(model: Arc<Model>, num_layers: Option<usize>) -> Result<BertScorer> {
        let layers = model.facts().layers_for_bert_score(num_layers)?;
        Ok(BertScorer { model, layers, idf: None, baseline: None })
    }

    /// With tokens weighed by `idf`.
    #[must_use]
    pub fn with_idf(mut self, idf: Idf) -> BertScorer {
        self.idf = Some(idf);
        self
    }

    /// With scores rescaled so that `baseline`, precision, recall and F1 of unrelated texts, becomes 0 and 1 stays 1.
    #[must_use]
    pub fn rescaled(mut self, baseline: [f64; 3]) -> BertScorer {
        self.baseline = Some(baseline);
        self
    }

    /// Whose vectors are compared.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// The scores of candidates, each against its references, on the threads of rayon's current pool; `None` where there is no
    /// reference.
    ///
    /// Errors: [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) after a stop.
    pub fn score(&self, pairs: &[(&str, &[&str])], stop: &Stop) -> Result<Vec<Option<BertScore>>> {
        let mut ids: HashMap<&str, Vec<u32>> = HashMap::new();
        for text in pairs.iter().flat_map(|(candidate, references)| references.iter().chain([candidate])) {
            ids.entry(*text).or_default();
        }
        ids.par_iter_mut().for_each(|(text, ids)| *ids = self.model.tokens.ids_for_bert_score(text));
        let mut scores = Vec::with_capacity(pairs.len());
        let mut rest = pairs;
        while !rest.is_empty() {
            let (mut places, mut tokens, mut count) = (HashMap::new(), 0, 0);
            for (candidate, references) in rest {
                for text in references.iter().chain([candidate]) {
                    let next = places.len();
                    places.entry(*text).or_insert_with(|| {
                        tokens += ids[text].len();
                        next
                    });
                }
                count += 1;
                if tokens >= CHUNK {
                    break;
                }
            }
            let (now, later) = rest.split_at(count);
            rest = later;
            let mut texts = vec![Vec::new(); places.len()];
            places.iter().for_each(|(text, &place)| texts[place].clone_from(&ids[text]));
            let hidden = self.model.config.hidden;
            let vectors = self.model.map_states(&texts, self.layers, stop, |mut states| {
                states.chunks_exact_mut(hidden).for_each(math::normalize);
                states
            })?;
            let side = |text: &str| Side { ids: &texts[places[text]], vectors: &vectors[places[text]] };
            scores.par_extend(now.par_iter().map(|(candidate, references)| {
                let candidate = side(candidate);
                let all = references.iter().map(|reference| self.score_pair(&candidate, &side(reference)));
                all.reduce(BertScore::max).map(|score| self.rescale(score))
            }));
        }
        Ok(scores)
    }

    fn score_pair(&self, candidate: &Side<'_>, reference: &Side<'_>) -> BertScore {
        let (first, last) = self.model.tokens.special();
        if candidate.ids.len() <= first + last || reference.ids.len() <= first + last {
            return BertScore { precision: 0.0, recall: 0.0, f1: 0.0 };
        }
        let hidden = self.model.config.hidden;
        let (rows, columns) = (candidate.ids.len(), reference.ids.len());
        let right = Packed::new(hidden, columns, |i, j| reference.vectors[j * hidden + i]);
        let mut similarities = vec![0.0; rows * columns];
        let out = RowsMut::whole(&mut similarities, columns);
        product(Rows::whole(candidate.vectors, hidden), rows, &right, None, out);
        let mut of_reference = vec![0.0; columns];
        let mut of_candidate = Vec::with_capacity(rows);
        for row in similarities.chunks_exact(columns) {
            of_candidate.push(math::greatest(row).max(0.0));
            math::keep_greater(&mut of_reference, row);
        }
        let precision = self.weighted_mean(candidate.ids, &of_candidate);
        let recall = self.weighted_mean(reference.ids, &of_reference);
        let f1 = 2.0 * precision * recall / (precision + recall);
        BertScore { precision, recall, f1: if f1.is_nan() { 0.0 } else { f1 } }
    }

    fn weighted_mean(&self, ids: &[u32], values: &[f32]) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (id, value) in ids.iter().zip(values) {
            let weight = match &self.idf {
                Some(idf) => idf.weight(*id),
                None => f64::from(u8::from(!self.model.tokens.is_special(*id))),
            };
            sum += weight * f64::from(*value);
            weights += weight;
        }
        sum / weights
    }

    fn rescale(&self, score: BertScore) -> BertScore {
        let Some([precision, recall, f1]) = self.baseline else { return score };
        let rescaled = |value: f64, baseline: f64| (value - baseline) / (1.0 - baseline);
        BertScore {
            precision: rescaled(score.precision, precision),
            recall: rescaled(score.recall, recall),
            f1: rescaled(score.f1, f1),
        }
    }
}

impl BertScore {
    fn max(self, other: BertScore) -> BertScore {
        BertScore {
            precision: self.precision.max(other.precision),
            recall: self.recall.max(other.recall),
            f1: self.f1.max(other.f1),
        }
    }
}

/// A text of a pair: its tokens and their vectors.
struct Side<'a> {
    ids: &'a [u32],
    vectors: &'a [f32],
}

/// The baseline of `layers` in a file of bert-score: lines of layer, precision, recall and F1, by commas, with a title.
///
/// Errors: [`ErrorKind::LocalModel`](crate::ErrorKind::LocalModel).
pub fn read_baseline(path: &str, layers: usize) -> Result<[f64; 3]> {
    let path = Folder::plain(path);
    let text = fs::read_to_string(path).map_err(|e| local(format!("the baseline {path} cannot be read ({e})")))?;
    let row = text.lines().skip(1).find_map(|line| {
        let (layer, values) = line.split_once(',')?;
        let values: Vec<f64> = values
            .split(',')
            .map(|v| v.trim().parse())
            .collect::<std::result::Result<_, std::num::ParseFloatError>>()
            .ok()?;
        (layer.trim().parse() == Ok(layers)).then_some(<[f64; 3]>::try_from(values).ok()?)
    });
    row.ok_or_else(|| local(format!("the baseline {path} has no line 'layer,precision,recall,f1' for layer {layers}")))
}
