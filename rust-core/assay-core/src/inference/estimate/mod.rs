//! How many tokens a request will have, before it is sent.
//!
//! With the model's own tokenizer where one is known, else from the words and bytes of the request; either way corrected by
//! what the provider has counted so far, which also covers what no tokenizer sees: a gateway's own prompt, images, tools.

mod text;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tiktoken_rs::tokenizer::{Tokenizer, get_tokenizer};
use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

use super::shared::Registry;
use crate::completion::Usage;
use crate::provider::{Model, Prepared};
use text::Texts;

/// What a request is expected to have of input tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The expected number; at least 1.
    pub tokens: u64,
    /// A number that the request is hardly under: what to go by before refusing it.
    pub at_least: u64,
    /// Before the correction by usage seen.
    raw: f64,
}

/// Estimates the input tokens of the requests to one model, and learns from their usage.
///
/// [`shared`](Tokens::shared) gives the one of a model and process. Who holds back tokens for a request calls
/// [`input`](Self::input) once, keeps the estimate with the request, and hands it to [`observe`](Self::observe) with the usage
/// of its answer. Both are cheap: neither waits, and a long prompt is sampled, so that they may be called on a runtime thread.
pub trait Estimator: Send + Sync {
    /// The input tokens that `request` is expected to be billed for.
    fn input(&self, request: &Prepared) -> Estimate;

    /// The request that `estimate` was for has been answered with `usage`. Without input tokens in it nothing is learnt.
    fn observe(&self, estimate: &Estimate, usage: &Usage);
}

/// The estimates for one model.
pub struct Tokens {
    tokenizer: Option<Lazy>,
    seen: Mutex<Seen>,
}

/// What usage has taught so far.
#[derive(Debug)]
struct Seen {
    /// Tokens as estimated and as billed; what is old counts less and less.
    raw: f64,
    billed: f64,
    /// The mean distance of one request's ratio from that of all, as a share.
    spread: f64,
    count: u32,
}

/// The estimate counts as if this many tokens had been seen to be right, lest the first answer decide alone.
const PRIOR_TOKENS: f64 = 50.0;
/// How much one request can change: an outlier (an image, a prompt that the provider cut) moves the ratio no further.
const MOST: f64 = 4.0;
/// After so many requests their own spread says how far off an estimate may be.
const LEARNT: u32 = 20;
/// About how many requests the ratio remembers.
const MEMORY: u32 = 500;

impl Default for Seen {
    fn default() -> Self {
        Seen { raw: PRIOR_TOKENS, billed: PRIOR_TOKENS, spread: 0.0, count: 0 }
    }
}

impl Seen {
    fn ratio(&self) -> f64 {
        self.billed / self.raw
    }

    fn observe(&mut self, raw: f64, billed: f64) {
        let ratio = self.ratio();
        let billed = billed.clamp(raw * ratio / MOST, raw * ratio * MOST);
        self.count = self.count.saturating_add(1);
        let distance = (billed / (raw * ratio) - 1.0).abs();
        self.spread += (distance - self.spread) / f64::from(self.count.min(MEMORY));
        self.raw += raw;
        self.billed += billed;
        if self.count.is_multiple_of(MEMORY) {
            self.raw /= 2.0;
            self.billed /= 2.0;
        }
    }
}

/// A tokenizer that is built in the background when it is first asked for: that takes some tenths of a second.
struct Lazy {
    vocabulary: Vocabulary,
    asked: OnceLock<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vocabulary {
    O200k,
    Cl100k,
}

static O200K: OnceLock<&'static CoreBPE> = OnceLock::new();
static CL100K: OnceLock<&'static CoreBPE> = OnceLock::new();

impl Vocabulary {
    /// The vocabulary of a model by the name that its vendor gives it, whoever serves it.
    fn of(model: &str) -> Option<Self> {
        let name = model.rsplit('/').next().unwrap_or(model);
        match get_tokenizer(name)? {
            // They differ in special tokens only, which texts do not have.
            Tokenizer::O200kBase | Tokenizer::O200kHarmony => Some(Vocabulary::O200k),
            Tokenizer::Cl100kBase => Some(Vocabulary::Cl100k),
            // Models that no chat endpoint serves any more; their vocabularies would only make the library larger.
            Tokenizer::P50kBase | Tokenizer::R50kBase | Tokenizer::P50kEdit | Tokenizer::Gpt2 => None,
        }
    }

    fn cell(self) -> &'static OnceLock<&'static CoreBPE> {
        match self {
            Vocabulary::O200k => &O200K,
            Vocabulary::Cl100k => &CL100K,
        }
    }

    fn build(self) -> &'static CoreBPE {
        self.cell().get_or_init(|| match self {
            Vocabulary::O200k => o200k_base_singleton(),
            Vocabulary::Cl100k => cl100k_base_singleton(),
        })
    }
}

impl Lazy {
    /// The tokenizer if it is there; the first to ask has it built, and nobody waits.
    fn get(&self) -> Option<&'static CoreBPE> {
        let built = self.vocabulary.cell().get().copied();
        if built.is_none() {
            self.asked.get_or_init(|| {
                let vocabulary = self.vocabulary;
                // Where no thread can be had the estimate stays the one without a tokenizer.
                let _ = std::thread::Builder::new().name("assay-tokenizer".into()).spawn(move || {
                    vocabulary.build();
                });
            });
        }
        built
    }
}

static SHARED: Registry<Tokens> = Registry::new();

impl Tokens {
    /// Estimates for the model that its provider names `model`, with nothing learnt yet.
    pub fn new(model: &str) -> Self {
        let tokenizer = Vocabulary::of(model).map(|vocabulary| Lazy { vocabulary, asked: OnceLock::new() });
        Tokens { tokenizer, seen: Mutex::default() }
    }

    /// The estimates that all sessions of this process share for `model`.
    pub fn shared(model: &Model) -> Arc<Self> {
        SHARED.get(&model.model, &model.endpoint, || Arc::new(Tokens::new(&model.model)))
    }

    /// Waits until the tokenizer is there, where the model has one: for exact estimates from the first request on. Gives
    /// whether it has one.
    pub fn load(&self) -> bool {
        self.tokenizer.as_ref().map(|lazy| lazy.vocabulary.build()).is_some()
    }
}

impl Estimator for Tokens {
    fn input(&self, request: &Prepared) -> Estimate {
        let texts = Texts::read(&request.body);
        let tokenizer = self.tokenizer.as_ref().and_then(Lazy::get);
        let raw = texts.tokens(tokenizer).max(1.0);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // How far off an estimate may be before anything was seen: a tokenizer errs in the frame of a chat and in what is
        // sampled, words and bytes err by the language.
        let off = match tokenizer {
            _ if seen.count >= LEARNT => (3.0 * seen.spread).clamp(0.05, 0.9),
            Some(_) => 0.05,
            None => 0.35,
        };
        // An image counts differently at each provider, so none is certain.
        let certain = (raw - texts.image_tokens()).max(0.0) * (1.0 - off);
        Estimate {
            tokens: (raw * seen.ratio()).round().max(1.0) as u64,
            at_least: (certain * seen.ratio()) as u64,
            raw,
        }
    }

    fn observe(&self, estimate: &Estimate, usage: &Usage) {
        if let Some(billed) = usage.input_tokens.filter(|tokens| *tokens > 0) {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).observe(estimate.raw, billed as f64);
        }
    }
}

#[cfg(test)]
mod tests;
