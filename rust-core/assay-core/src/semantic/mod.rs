//! Embeddings of texts and BERTScore from models in local folders, on the CPU.
//!
//! A folder is one that transformers or sentence-transformers saved, with `config.json`, `model.safetensors` and
//! `tokenizer.json`. Encoders of the families BERT, RoBERTa (also XLM-RoBERTa and CamemBERT), MPNet, DistilBERT and ModernBERT are
//! computed in single precision. The numbers of a text are the same bits whichever others it is computed with, on any number of
//! threads.
//!
//! | file | what belongs there |
//! |---|---|
//! | `folder`, `config`, `weights`, `tokens` | the files of a model |
//! | `encoder`, `attention` | from token ids to hidden states |
//! | `product`, `math` | the arithmetic |
//! | `pooling` | from hidden states to an embedding |
//! | `bert_score`, `layers` | BERTScore |
//!
//! ```no_run
//! use assay_core::metrics::Stop;
//! use assay_core::semantic::{Model, cosine_similarity};
//!
//! let model = Model::open("/models/all-MiniLM-L6-v2")?;
//! let found = model.embed(&["a cat", "a dog"], &Stop::default())?;
//! let wide = |i: usize| found[i].iter().map(|v| f64::from(*v));
//! assert!(cosine_similarity(wide(0), wide(1)) > Some(0.5));
//! # Ok::<(), assay_core::Error>(())
//! ```

mod attention;
mod bert_score;
mod config;
mod encoder;
mod folder;
mod layers;
mod math;
mod pooling;
mod product;
mod tokens;
mod weights;

pub use bert_score::{BertScore, BertScorer, Idf, read_baseline};
pub use math::cosine_similarity;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use rayon::prelude::*;

use self::config::Config;
use self::encoder::Encoder;
use self::folder::Folder;
use self::layers::default_layers;
use self::pooling::Pooling;
use self::tokens::Tokens;
use crate::error::{Error, ErrorKind, Result};
use crate::metrics::Stop;

/// How many tokens go through the layers at a time on a thread, but for a longer text.
const BATCH: usize = 512;

/// What planning has to know of a model.
#[derive(Debug, Clone)]
pub struct Facts {
    folder: PathBuf,
    model_type: &'static str,
    layers: usize,
    dimension: usize,
    published: Option<String>,
}

impl Facts {
    /// The folder it is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name under which it was published, where its files have it; else that of its folder.
    pub fn name(&self) -> String {
        let folder = || self.folder.file_name().map(|name| name.to_string_lossy().into_owned());
        self.published.clone().or_else(folder).unwrap_or_default()
    }

    /// Its family, as config.json names it.
    pub fn model_type(&self) -> &'static str {
        self.model_type
    }

    /// How many layers it has.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// The length of an embedding.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The layer whose vectors BERTScore compares: `num_layers` or, without, the one that bert-score takes for a model of this name.
    ///
    /// Errors: [`ErrorKind::InvalidOption`] where the model has fewer layers, or no default is known for it.
    pub fn layers_for_bert_score(&self, num_layers: Option<usize>) -> Result<usize> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidOption, message);
        let (folder, most) = (self.folder.display(), self.layers);
        match num_layers {
            Some(layers) if layers <= most => Ok(layers),
            Some(layers) => {
                Err(invalid(format!("option 'num_layers' is {layers}, but the model in {folder} has {most} layers")))
            }
            None => default_layers(&self.folder, self.published.as_deref())
                .filter(|layers| *layers <= most)
                .ok_or_else(|| {
                    invalid(format!(
                        "bert-score has no layer for the model in {folder}: give option 'num_layers', from 0 to {most}"
                    ))
                }),
        }
    }
}

/// When the files of a folder were changed.
type Changed = Vec<Option<SystemTime>>;

/// What was checked, by folder.
static CHECKED: LazyLock<Mutex<BTreeMap<PathBuf, (Changed, Facts)>>> = LazyLock::new(Mutex::default);

/// Checks that the model in a folder can be used, without reading its numbers. For planning.
///
/// `folder` is an absolute path or a `file:` URI. Errors: [`ErrorKind::LocalModel`], which names the file that is missing, damaged
/// or of a model that Assay cannot run.
pub fn check(folder: &str) -> Result<Facts> {
    let folder = Folder::open(folder)?;
    let changed = folder.changed();
    let mut checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, facts)) = checked.get(folder.path()).filter(|(then, _)| *then == changed) {
        return Ok(facts.clone());
    }
    let facts = Model::read(&folder, true)?.facts();
    checked.insert(folder.path().to_path_buf(), (changed, facts.clone()));
    Ok(facts)
}

/// What `work` gives on one thread. A task of Spark has one core, whatever the machine has.
pub fn on_one_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.map(|pool| pool.install(work)).map_err(|e| Error::internal(format!("no thread can be had: {e}")))
}

/// A model of a local folder.
pub struct Model {
    folder: PathBuf,
    config: Config,
    tokens: Tokens,
    encoder: Encoder,
    pooling: Pooling,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("folder", &self.folder).field("config", &self.config).finish_non_exhaustive()
    }
}

/// A place for the model of one folder: who holds the lock reads it, others wait.
type Place = Arc<Mutex<Option<(Changed, Arc<Model>)>>>;

static MODELS: LazyLock<Mutex<BTreeMap<PathBuf, Place>>> = LazyLock::new(Mutex::default);

impl Model {
    /// The model in `folder`. It is read once for a process, and again when its files have changed.
    ///
    /// Errors: as those of [`check`].
    pub fn open(folder: &str) -> Result<Arc<Model>> {
        let folder = Folder::open(folder)?;
        let place = {
            let mut models = MODELS.lock().unwrap_or_else(PoisonError::into_inner);
            models.entry(folder.path().to_path_buf()).or_default().clone()
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = folder.changed();
        match &*place {
            Some((read, model)) if *read == changed => Ok(model.clone()),
            _ => {
                *place = None;
                let model = Arc::new(Model::read(&folder, false)?);
                *place = Some((changed, model.clone()));
                Ok(model)
            }
        }
    }

    fn read(folder: &Folder, dry: bool) -> Result<Model> {
        let config = Config::read(folder)?;
        let encoder = Encoder::read(folder, &config, dry)?;
        let tokens = Tokens::read(folder, &config)?;
        let pooling = Pooling::read(folder, &config, &tokens)?;
        Ok(Model { folder: folder.path().to_path_buf(), config, tokens, encoder, pooling })
    }

    fn facts(&self) -> Facts {
        Facts {
            folder: self.folder.clone(),
            model_type: self.config.model_type,
            layers: self.config.layers,
            dimension: self.dimension(),
            published: self.config.published.clone(),
        }
    }

    /// The length of an embedding.
    pub fn dimension(&self) -> usize {
        self.pooling.dimension(self.config.hidden)
    }

    /// How many layers there are.
    pub fn layers(&self) -> usize {
        self.config.layers
    }

    /// The embeddings of texts by the model's own pooling, on the threads of rayon's current pool.
    ///
    /// Errors: [`ErrorKind::Cancelled`] after a stop.
    pub fn embed(&self, texts: &[&str], stop: &Stop) -> Result<Vec<Vec<f32>>> {
        let ids: Vec<Vec<u32>> = (texts.par_iter())
            .map(|text| self.tokens.ids(&self.pooling.prepared(text), self.pooling.longest))
            .collect();
        self.map_states(&ids, self.config.layers, stop, |states| self.pooling.embedding(&states, self.config.hidden))
    }

    /// How many tokens the texts of [`Model::embed`] have, special ones included.
    pub fn count_tokens(&self, text: &str) -> usize {
        self.tokens.ids(&self.pooling.prepared(text), self.pooling.longest).len()
    }

    /// What `map` makes of the hidden states of each text, after `layers` layers.
    fn map_states<T: Send>(
        &self,
        texts: &[Vec<u32>],
        layers: usize,
        stop: &Stop,
        map: impl Fn(Vec<f32>) -> T + Sync,
    ) -> Result<Vec<T>> {
        // The longest first, so that the threads end at about the same time.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(texts[i].len()), i));
        let mut batches: Vec<&[usize]> = Vec::new();
        let (mut from, mut tokens) = (0, 0);
        for (to, &i) in order.iter().enumerate() {
            if to > from && tokens + texts[i].len() > BATCH {
                batches.push(&order[from..to]);
                (from, tokens) = (to, 0);
            }
            tokens += texts[i].len();
        }
        if from < order.len() {
            batches.push(&order[from..]);
        }
        let mapped: Option<Vec<Vec<(usize, T)>>> = (batches.par_iter())
            .map(|batch| {
                let ids: Vec<&[u32]> = batch.iter().map(|&i| texts[i].as_slice()).collect();
                let states = self.encoder.forward(&ids, layers, stop)?;
                let mut rest = states.as_slice();
                let one = |&i: &usize| {
                    let (states, others) = rest.split_at(texts[i].len() * self.config.hidden);
                    rest = others;
                    (i, map(states.to_vec()))
                };
                Some(batch.iter().map(one).collect())
            })
            .collect();
        let cancelled = || Error::new(ErrorKind::Cancelled, "the embedding of texts was cancelled");
        let mut mapped: Vec<(usize, T)> = mapped.ok_or_else(cancelled)?.into_iter().flatten().collect();
        mapped.sort_by_key(|(i, _)| *i);
        Ok(mapped.into_iter().map(|(_, value)| value).collect())
    }
}
