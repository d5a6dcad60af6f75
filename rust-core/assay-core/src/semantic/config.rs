//! What config.json says of an encoder.

use serde_json::Value;

use super::folder::Folder;
use super::math::Activation;
use crate::error::Result;

/// Families of encoders: those whose layers have the same parts and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Bert,
    /// RoBERTa, XLM-RoBERTa and CamemBERT.
    Roberta,
    Mpnet,
    DistilBert,
    ModernBert,
}

/// The names of families as `model_type` has them.
const MODEL_TYPES: &[(&str, Family)] = &[
    ("bert", Family::Bert),
    ("camembert", Family::Roberta),
    ("distilbert", Family::DistilBert),
    ("modernbert", Family::ModernBert),
    ("mpnet", Family::Mpnet),
    ("roberta", Family::Roberta),
    ("xlm-roberta", Family::Roberta),
];

#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) family: Family,
    /// The family as config.json names it.
    pub(super) model_type: &'static str,
    pub(super) hidden: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    pub(super) vocabulary: usize,
    /// How many positions there are for tokens.
    pub(super) positions: usize,
    /// Which row of the positions' table the first token has.
    pub(super) first_position: usize,
    pub(super) token_types: usize,
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
    /// The name under which the model was published, where the config has it.
    pub(super) published: Option<String>,
    /// Only for MPNet: how many distances have a bias.
    pub(super) distances: usize,
    /// Only for ModernBERT: of each layer, the base of its rotation and to how many tokens on either side it looks.
    pub(super) rotations: Vec<(f64, Option<usize>)>,
}

impl Config {
    pub(super) fn read(folder: &Folder) -> Result<Config> {
        let json = folder.json("config.json")?;
        let model_type = json["model_type"].as_str().unwrap_or("");
        let known = MODEL_TYPES.iter().find(|(name, _)| *name == model_type);
        let Some(&(model_type, family)) = known else {
            let known: Vec<&str> = MODEL_TYPES.iter().map(|(name, _)| *name).collect();
            return Err(folder.error(format!(
                "config.json has model_type '{model_type}', which Assay cannot run; it runs {}",
                known.join(", ")
            )));
        };
        let reader = Reader { folder, json: &json };
        let distil = family == Family::DistilBert;
        let name = |usual: &'static str, distilled: &'static str| if distil { distilled } else { usual };
        let padding = json["pad_token_id"].as_u64().unwrap_or(1) as usize;
        let first_position = if matches!(family, Family::Roberta | Family::Mpnet) { padding + 1 } else { 0 };
        let layers = reader.count(name("num_hidden_layers", "n_layers"))?;
        let positions = reader.count("max_position_embeddings")?;
        let config = Config {
            family,
            model_type,
            hidden: reader.count(name("hidden_size", "dim"))?,
            layers,
            heads: reader.count(name("num_attention_heads", "n_heads"))?,
            intermediate: reader.count(name("intermediate_size", "hidden_dim"))?,
            vocabulary: reader.count("vocab_size")?,
            positions: positions.saturating_sub(first_position),
            first_position,
            token_types: if matches!(family, Family::Bert | Family::Roberta) {
                reader.count("type_vocab_size")?
            } else {
                0
            },
            epsilon: match family {
                Family::DistilBert => 1e-12,
                Family::ModernBert => json["norm_eps"].as_f64().unwrap_or(1e-5) as f32,
                _ => json["layer_norm_eps"].as_f64().unwrap_or(1e-12) as f32,
            },
            activation: reader.activation(match family {
                Family::DistilBert => "activation",
                Family::ModernBert => "hidden_activation",
                _ => "hidden_act",
            })?,
            published: json["_name_or_path"].as_str().map(str::to_string),
            distances: json["relative_attention_num_buckets"].as_u64().unwrap_or(32) as usize,
            rotations: if family == Family::ModernBert { rotations(&json, layers) } else { Vec::new() },
        };
        if !config.hidden.is_multiple_of(config.heads) {
            return Err(folder.error(format!(
                "config.json has a hidden size of {} for {} heads, which does not divide",
                config.hidden, config.heads
            )));
        }
        if let Some(kind) = json["position_embedding_type"].as_str().filter(|kind| *kind != "absolute") {
            return Err(
                folder.error(format!("config.json has position_embedding_type '{kind}'; Assay runs 'absolute'"))
            );
        }
        Ok(config)
    }

    /// The width of a head.
    pub(super) fn head(&self) -> usize {
        self.hidden / self.heads
    }
}

struct Reader<'a> {
    folder: &'a Folder,
    json: &'a Value,
}

impl Reader<'_> {
    fn count(&self, name: &str) -> Result<usize> {
        let count = self.json[name].as_u64().filter(|n| (1..1 << 24).contains(n));
        count.map(|n| n as usize).ok_or_else(|| self.folder.error(format!("config.json has no usable {name}")))
    }

    fn activation(&self, name: &str) -> Result<Activation> {
        let given = self.json[name].as_str().unwrap_or("gelu");
        Activation::named(given)
            .ok_or_else(|| self.folder.error(format!("config.json has {name} '{given}', which Assay cannot compute")))
    }
}

/// Base and reach of ModernBERT's layers: every few look at all tokens, the others at those nearby.
fn rotations(json: &Value, layers: usize) -> Vec<(f64, Option<usize>)> {
    let reach = json["local_attention"].as_u64().unwrap_or(128) as usize / 2;
    let every = json["global_attn_every_n_layers"].as_u64().unwrap_or(3).max(1) as usize;
    let base = |kind: &str, older: &str, default: f64| {
        json["rope_parameters"][kind]["rope_theta"].as_f64().or(json[older].as_f64()).unwrap_or(default)
    };
    let global = base("full_attention", "global_rope_theta", 160_000.0);
    let local = base("sliding_attention", "local_rope_theta", 10_000.0);
    (0..layers)
        .map(|layer| {
            let is_global = match json["layer_types"][layer].as_str() {
                Some(kind) => kind == "full_attention",
                None => layer % every == 0,
            };
            if is_global { (global, None) } else { (local, Some(reach)) }
        })
        .collect()
}
