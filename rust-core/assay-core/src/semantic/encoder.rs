//! The layers of an encoder. Texts stand one after the other without padding, so that each token is computed once and a text's
//! numbers do not depend on which others it goes with.

use super::attention::{Attention, Bias, Rotation};
use super::config::{Config, Family};
use super::folder::Folder;
use super::math::{self, Activation};
use super::product::{Packed, Rows, RowsMut, product};
use super::weights::Weights;
use crate::error::Result;
use crate::metrics::Stop;

pub(super) struct Encoder {
    hidden: usize,
    first_position: usize,
    words: Vec<f32>,
    /// The first row of token types, which all tokens of single texts have.
    token_type: Option<Vec<f32>>,
    positions: Option<Vec<f32>>,
    norm: Norm,
    attention: Attention,
    bias: Option<Bias>,
    layers: Vec<Layer>,
    activation: Activation,
    epsilon: f32,
    /// Follows whatever layer is the last.
    last_norm: Option<Norm>,
}

struct Norm {
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
}

struct Linear {
    weight: Packed,
    bias: Option<Vec<f32>>,
}

struct Layer {
    /// Only where norms stand before the parts: ModernBERT, but for its first layer.
    before_attention: Option<Norm>,
    queries_keys_values: Linear,
    output: Linear,
    /// Between attention and the feed-forward part.
    between: Norm,
    up: Linear,
    down: Linear,
    /// Only where norms stand behind the parts.
    behind: Option<Norm>,
    rotation: Option<Rotation>,
}

impl Encoder {
    /// The encoder in `folder`; `dry` only checks that its tensors are there.
    pub(super) fn read(folder: &Folder, config: &Config, dry: bool) -> Result<Encoder> {
        let (prefixes, words): (&[&str], &str) = match config.family {
            Family::Bert => (&["", "bert."], "embeddings.word_embeddings.weight"),
            Family::Roberta => (&["", "roberta."], "embeddings.word_embeddings.weight"),
            Family::Mpnet => (&["", "mpnet."], "embeddings.word_embeddings.weight"),
            Family::DistilBert => (&["", "distilbert."], "embeddings.word_embeddings.weight"),
            Family::ModernBert => (&["", "model."], "embeddings.tok_embeddings.weight"),
        };
        let mut reader = Reader { weights: Weights::open(folder, prefixes, words, dry)?, config };
        let hidden = config.hidden;
        let is_modern = config.family == Family::ModernBert;
        let positions = config.positions + config.first_position;
        Ok(Encoder {
            hidden,
            first_position: config.first_position,
            words: reader.weights.take(words, &[config.vocabulary, hidden])?,
            token_type: match config.token_types {
                0 => None,
                types => {
                    let mut rows = reader.weights.take("embeddings.token_type_embeddings.weight", &[types, hidden])?;
                    rows.truncate(hidden);
                    Some(rows)
                }
            },
            positions: match is_modern {
                true => None,
                false => Some(reader.weights.take("embeddings.position_embeddings.weight", &[positions, hidden])?),
            },
            norm: reader.norm(if is_modern { "embeddings.norm" } else { "embeddings.LayerNorm" })?,
            attention: Attention { heads: config.heads, head: config.head() },
            bias: match config.family {
                Family::Mpnet => {
                    let shape = [config.distances, config.heads];
                    let table = reader.weights.take("encoder.relative_attention_bias.weight", &shape)?;
                    Some(Bias { table, distances: config.distances, heads: config.heads })
                }
                _ => None,
            },
            layers: (0..config.layers).map(|i| reader.layer(i)).collect::<Result<_>>()?,
            activation: config.activation,
            epsilon: config.epsilon,
            last_norm: if is_modern { Some(reader.norm("final_norm")?) } else { None },
        })
    }

    /// The hidden states of all tokens of `texts` after `layers` layers, one row a token; `None` after a stop.
    ///
    /// Ids must be below the size of the vocabulary and texts no longer than there are positions.
    pub(super) fn forward(&self, texts: &[&[u32]], layers: usize, stop: &Stop) -> Option<Vec<f32>> {
        let (hidden, tokens) = (self.hidden, texts.iter().map(|text| text.len()).sum::<usize>());
        let mut states = self.embed(texts, tokens);
        self.norm.apply(&mut states, self.epsilon);
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let biases = self.bias.as_ref().map(|bias| bias.by_distance(longest));
        let mut normed = vec![0.0; tokens * hidden];
        let mut attended = vec![0.0; tokens * hidden];
        let (mut wide, mut widest) = (vec![0.0; tokens * hidden * 3], Vec::new());
        for layer in self.layers.iter().take(layers) {
            let input = match &layer.before_attention {
                Some(norm) => {
                    normed.copy_from_slice(&states);
                    norm.apply(&mut normed, self.epsilon);
                    &normed
                }
                None => &states,
            };
            layer.queries_keys_values.apply(Rows::whole(input, hidden), tokens, &mut wide);
            if let Some(rotation) = &layer.rotation {
                rotation.apply(&mut wide, texts, self.attention.heads);
            }
            let reach = layer.rotation.as_ref().and_then(|rotation| rotation.reach);
            self.attention.apply(&wide, texts, biases.as_deref(), reach, &mut attended, stop)?;
            layer.output.apply(Rows::whole(&attended, hidden), tokens, &mut normed);
            math::add(&mut states, &normed);
            let input = match &layer.behind {
                Some(_) => {
                    layer.between.apply(&mut states, self.epsilon);
                    &states
                }
                None => {
                    normed.copy_from_slice(&states);
                    layer.between.apply(&mut normed, self.epsilon);
                    &normed
                }
            };
            let width = layer.up.weight.columns();
            widest.resize(tokens * width, 0.0);
            layer.up.apply(Rows::whole(input, hidden), tokens, &mut widest);
            match &layer.behind {
                Some(_) => self.activation.apply(&mut widest),
                // The second half of each row are factors of the first.
                None => {
                    for row in widest.chunks_exact_mut(width) {
                        let (values, factors) = row.split_at_mut(width / 2);
                        self.activation.apply(values);
                        values.iter_mut().zip(factors).for_each(|(value, factor)| *value *= *factor);
                    }
                }
            }
            layer.down.apply(Rows { values: &widest, stride: width, from: 0 }, tokens, &mut normed);
            math::add(&mut states, &normed);
            if let Some(norm) = &layer.behind {
                norm.apply(&mut states, self.epsilon);
            }
        }
        if let Some(norm) = &self.last_norm {
            norm.apply(&mut states, self.epsilon);
        }
        (!stop.is_set()).then_some(states)
    }

    fn embed(&self, texts: &[&[u32]], tokens: usize) -> Vec<f32> {
        let row = |table: &[f32], i: usize, to: &mut [f32]| {
            let values = &table[i * self.hidden..][..self.hidden];
            to.iter_mut().zip(values).for_each(|(to, value)| *to += value);
        };
        let mut states = vec![0.0; tokens * self.hidden];
        let places = texts.iter().flat_map(|text| text.iter().enumerate());
        for ((position, id), state) in places.zip(states.chunks_exact_mut(self.hidden)) {
            row(&self.words, *id as usize, state);
            if let Some(values) = &self.token_type {
                row(values, 0, state);
            }
            if let Some(values) = &self.positions {
                row(values, position + self.first_position, state);
            }
        }
        states
    }
}

impl Norm {
    fn apply(&self, rows: &mut [f32], epsilon: f32) {
        math::layer_norm(rows, &self.weight, self.bias.as_deref(), epsilon);
    }
}

impl Linear {
    fn apply(&self, left: Rows<'_>, rows: usize, out: &mut [f32]) {
        product(left, rows, &self.weight, self.bias.as_deref(), RowsMut::whole(out, self.weight.columns()));
    }
}

struct Reader<'a> {
    weights: Weights<'a>,
    config: &'a Config,
}

impl Reader<'_> {
    fn norm(&mut self, name: &str) -> Result<Norm> {
        let hidden = self.config.hidden;
        // Old files have other names.
        let [weight, bias] = match self.weights.has(&format!("{name}.gamma")) {
            true => [format!("{name}.gamma"), format!("{name}.beta")],
            false => [format!("{name}.weight"), format!("{name}.bias")],
        };
        let has_bias = self.config.family != Family::ModernBert || self.weights.has(&bias);
        Ok(Norm {
            weight: self.weights.take(&weight, &[hidden])?,
            bias: if has_bias { Some(self.weights.take(&bias, &[hidden])?) } else { None },
        })
    }

    /// Several linear parts of one input as one: `names` without `.weight`.
    fn linear(&mut self, names: &[String], outputs: usize, inputs: usize) -> Result<Linear> {
        let named = |end: &str| names.iter().map(|name| format!("{name}.{end}")).collect::<Vec<_>>();
        let weight = self.weights.packed(&named("weight"), outputs, inputs)?;
        let biases = named("bias");
        if self.config.family == Family::ModernBert && !biases.iter().all(|name| self.weights.has(name)) {
            return Ok(Linear { weight, bias: None });
        }
        let mut bias = Vec::new();
        for name in &biases {
            bias.extend(self.weights.take(name, &[outputs])?);
        }
        Ok(Linear { weight, bias: Some(bias) })
    }

    fn layer(&mut self, i: usize) -> Result<Layer> {
        let (hidden, wide) = (self.config.hidden, self.config.intermediate);
        let names = match self.config.family {
            Family::Bert | Family::Roberta => Names {
                layer: format!("encoder.layer.{i}"),
                attend: &["attention.self.query", "attention.self.key", "attention.self.value"],
                output: "attention.output.dense",
                between: "attention.output.LayerNorm",
                up: "intermediate.dense",
                down: "output.dense",
                behind: "output.LayerNorm",
            },
            Family::Mpnet => Names {
                layer: format!("encoder.layer.{i}"),
                attend: &["attention.attn.q", "attention.attn.k", "attention.attn.v"],
                output: "attention.attn.o",
                between: "attention.LayerNorm",
                up: "intermediate.dense",
                down: "output.dense",
                behind: "output.LayerNorm",
            },
            Family::DistilBert => Names {
                layer: format!("transformer.layer.{i}"),
                attend: &["attention.q_lin", "attention.k_lin", "attention.v_lin"],
                output: "attention.out_lin",
                between: "sa_layer_norm",
                up: "ffn.lin1",
                down: "ffn.lin2",
                behind: "output_layer_norm",
            },
            Family::ModernBert => return self.modern_layer(i),
        };
        let of = |part: &str| format!("{}.{part}", names.layer);
        let attend: Vec<String> = names.attend.iter().map(|part| of(part)).collect();
        Ok(Layer {
            before_attention: None,
            queries_keys_values: self.linear(&attend, hidden, hidden)?,
            output: self.linear(&[of(names.output)], hidden, hidden)?,
            between: self.norm(&of(names.between))?,
            up: self.linear(&[of(names.up)], wide, hidden)?,
            down: self.linear(&[of(names.down)], hidden, wide)?,
            behind: Some(self.norm(&of(names.behind))?),
            rotation: None,
        })
    }

    fn modern_layer(&mut self, i: usize) -> Result<Layer> {
        let (hidden, wide) = (self.config.hidden, self.config.intermediate);
        let of = |part: &str| format!("layers.{i}.{part}");
        let (base, reach) = self.config.rotations[i];
        Ok(Layer {
            before_attention: if i == 0 { None } else { Some(self.norm(&of("attn_norm"))?) },
            queries_keys_values: self.linear(&[of("attn.Wqkv")], 3 * hidden, hidden)?,
            output: self.linear(&[of("attn.Wo")], hidden, hidden)?,
            between: self.norm(&of("mlp_norm"))?,
            up: self.linear(&[of("mlp.Wi")], 2 * wide, hidden)?,
            down: self.linear(&[of("mlp.Wo")], hidden, wide)?,
            behind: None,
            rotation: Some(Rotation::new(base, self.config.head(), reach)),
        })
    }
}

/// What the parts of a layer are called in a family.
struct Names {
    layer: String,
    attend: &'static [&'static str],
    output: &'static str,
    between: &'static str,
    up: &'static str,
    down: &'static str,
    behind: &'static str,
}
