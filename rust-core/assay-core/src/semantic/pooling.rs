//! From the hidden states of a text's tokens to its embedding, by the files of sentence-transformers.

use serde_json::Value;

use super::config::Config;
use super::folder::Folder;
use super::math;
use super::tokens::Tokens;
use crate::error::Result;

/// One way to make a vector out of those of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The first token's.
    Cls,
    Max,
    Mean,
    /// The sum over the square root of the number.
    MeanSqrtLen,
    /// The last token's.
    Last,
    /// The mean with weights 1, 2, 3...
    WeightedMean,
}

/// The modes by their names in a config: as a flag, and as a word.
const MODES: &[(&str, &str, Mode)] = &[
    ("pooling_mode_cls_token", "cls", Mode::Cls),
    ("pooling_mode_max_tokens", "max", Mode::Max),
    ("pooling_mode_mean_tokens", "mean", Mode::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", Mode::MeanSqrtLen),
    ("pooling_mode_weightedmean_tokens", "weightedmean", Mode::WeightedMean),
    ("pooling_mode_lasttoken", "lasttoken", Mode::Last),
];

/// How a model makes embeddings.
#[derive(Debug)]
pub(super) struct Pooling {
    /// Their vectors are put one after the other.
    modes: Vec<Mode>,
    normalize: bool,
    pub(super) longest: usize,
    lower: bool,
    /// What the model wants before each text.
    prompt: String,
}

impl Pooling {
    /// By modules.json and the files that it names; the mean, not normalised, where there is none.
    pub(super) fn read(folder: &Folder, config: &Config, tokens: &Tokens) -> Result<Pooling> {
        let mut pooling = Pooling {
            modes: vec![Mode::Mean],
            normalize: false,
            longest: tokens.longest,
            lower: false,
            prompt: String::new(),
        };
        if let Some(settings) = folder.optional_json("sentence_bert_config.json")? {
            if let Some(longest) = settings["max_seq_length"].as_u64() {
                pooling.longest = (longest as usize).min(config.positions);
            }
            pooling.lower = settings["do_lower_case"].as_bool().unwrap_or(false);
        }
        if let Some(settings) = folder.optional_json("config_sentence_transformers.json")?
            && let Some(name) = settings["default_prompt_name"].as_str()
        {
            pooling.prompt = settings["prompts"][name].as_str().unwrap_or("").to_string();
        }
        let (first, last) = tokens.special();
        if pooling.longest <= first + last {
            return Err(folder.error(format!("sentence_bert_config.json has a max_seq_length of {}", pooling.longest)));
        }
        let Some(modules) = folder.optional_json("modules.json")? else {
            return Ok(pooling);
        };
        for module in modules.as_array().into_iter().flatten() {
            let kind = module["type"].as_str().unwrap_or("");
            let path = module["path"].as_str().unwrap_or("");
            match kind.rsplit('.').next().unwrap_or("") {
                "Transformer" if path.is_empty() => {}
                "Transformer" => {
                    return Err(folder.error(format!(
                        "modules.json has the encoder in {path}; give that folder's files in the model's own folder"
                    )));
                }
                "Pooling" => {
                    let name = format!("{path}/config.json");
                    let settings = folder.json(&name)?;
                    pooling.modes = modes(&settings);
                    if pooling.modes.is_empty() {
                        return Err(folder.error(format!("{name} has no way of pooling that Assay knows")));
                    }
                    let includes = settings["include_prompt"].as_bool().unwrap_or(true);
                    if !includes && !pooling.prompt.is_empty() {
                        return Err(folder.error(format!("{name} leaves out a prompt, which Assay cannot")));
                    }
                }
                "Normalize" => pooling.normalize = true,
                other => {
                    return Err(folder.error(format!(
                        "modules.json has a module {other}, which Assay cannot run; it runs Transformer, Pooling and Normalize"
                    )));
                }
            }
        }
        Ok(pooling)
    }

    /// The length of an embedding.
    pub(super) fn dimension(&self, hidden: usize) -> usize {
        hidden * self.modes.len()
    }

    /// What is tokenized for `text`.
    pub(super) fn prepared(&self, text: &str) -> String {
        let text = format!("{}{text}", self.prompt);
        if self.lower { text.to_lowercase() } else { text }
    }

    /// The embedding of a text from its tokens' `states`.
    pub(super) fn embedding(&self, states: &[f32], hidden: usize) -> Vec<f32> {
        let count = states.len() / hidden;
        let mut embedding = Vec::with_capacity(self.dimension(hidden));
        for mode in &self.modes {
            let mut vector = vec![0.0; hidden];
            match mode {
                Mode::Cls => vector.copy_from_slice(&states[..hidden]),
                Mode::Last => vector.copy_from_slice(&states[states.len() - hidden..]),
                Mode::Max => {
                    vector.copy_from_slice(&states[..hidden]);
                    states.chunks_exact(hidden).for_each(|state| math::keep_greater(&mut vector, state));
                }
                Mode::Mean | Mode::MeanSqrtLen => {
                    states.chunks_exact(hidden).for_each(|state| math::add(&mut vector, state));
                    let over = if *mode == Mode::Mean { count as f32 } else { (count as f32).sqrt() };
                    vector.iter_mut().for_each(|v| *v /= over);
                }
                Mode::WeightedMean => {
                    for (i, state) in states.chunks_exact(hidden).enumerate() {
                        vector.iter_mut().zip(state).for_each(|(v, s)| *v = s.mul_add((i + 1) as f32, *v));
                    }
                    let weights = (count * (count + 1) / 2) as f32;
                    vector.iter_mut().for_each(|v| *v /= weights);
                }
            }
            embedding.extend(vector);
        }
        if self.normalize {
            math::normalize(&mut embedding);
        }
        embedding
    }
}

fn modes(settings: &Value) -> Vec<Mode> {
    let words: Vec<&str> = match &settings["pooling_mode"] {
        Value::String(word) => vec![word],
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => {
            let is_set = |flag: &str| settings[flag].as_bool().unwrap_or(false);
            return MODES.iter().filter(|(flag, ..)| is_set(flag)).map(|(_, _, mode)| *mode).collect();
        }
    };
    let mode = |word: &str| MODES.iter().find(|(_, known, _)| *known == word).map(|(_, _, mode)| *mode);
    let known: Option<Vec<Mode>> = words.into_iter().map(mode).collect();
    known.unwrap_or_default()
}
