//! Texts as token ids.

use tokenizers::Tokenizer;

use super::config::{Config, Family};
use super::folder::Folder;
use crate::error::Result;

/// A folder's tokenizer. Truncation is its user's, for embeddings and BERTScore cut at different lengths.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    /// The special tokens around a text.
    first: Vec<u32>,
    last: Vec<u32>,
    /// Whether the first word is a token of its own unless white space stands before it.
    bytes: bool,
    /// The greatest number of tokens, special ones included, that the tokenizer's config and the model's positions allow.
    pub(super) longest: usize,
}

impl Tokens {
    pub(super) fn read(folder: &Folder, config: &Config) -> Result<Tokens> {
        let path = folder.file("tokenizer.json");
        let bytes = std::fs::read(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => folder.missing("tokenizer.json"),
            _ => folder.error(format!("tokenizer.json cannot be read ({e})")),
        })?;
        let unusable = |e: &dyn std::fmt::Display| folder.error(format!("tokenizer.json cannot be used: {e}"));
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|e| unusable(&e))?;
        tokenizer.with_padding(None).with_truncation(None).map_err(|e| unusable(&e))?;
        if tokenizer.get_vocab_size(true) > config.vocabulary {
            return Err(folder.error(format!(
                "tokenizer.json has {} tokens, config.json a vocab_size of {}; the files are of different models",
                tokenizer.get_vocab_size(true),
                config.vocabulary
            )));
        }
        let ids = |text: &str, special: bool| {
            tokenizer.encode_fast(text, special).map(|found| found.get_ids().to_vec()).map_err(|e| unusable(&e))
        };
        // Any word will do to see what is put around it.
        let (whole, plain) = (ids("a", true)?, ids("a", false)?);
        let before = whole.windows(plain.len().max(1)).position(|window| window == plain).unwrap_or(0);
        let (first, last) = (whole[..before].to_vec(), whole[before + plain.len()..].to_vec());
        let settings = folder.optional_json("tokenizer_config.json")?.unwrap_or_default();
        let stated = settings["model_max_length"].as_f64().filter(|n| *n < 1e9).map(|n| n as usize);
        let longest = stated.unwrap_or(config.positions).min(config.positions);
        if longest <= first.len() + last.len() {
            return Err(folder.error(format!("{longest} tokens leave no room for a text")));
        }
        Ok(Tokens {
            tokenizer,
            first,
            last,
            bytes: config.family == Family::Roberta && is_byte_level(folder)?,
            longest,
        })
    }

    /// The ids of `text` between the special tokens, cut to at most `longest` with them.
    pub(super) fn ids(&self, text: &str, longest: usize) -> Vec<u32> {
        let mut ids = self.first.clone();
        // An error would need a model without a token for what it does not know; such a text has no tokens.
        if let Ok(found) = self.tokenizer.encode_fast(text, false) {
            let room = longest.saturating_sub(self.first.len() + self.last.len());
            ids.extend(found.get_ids().iter().take(room));
        }
        ids.extend_from_slice(&self.last);
        ids
    }

    /// As bert-score does it: without white space at the ends; for RoBERTa the first word is one within a text.
    pub(super) fn ids_for_bert_score(&self, text: &str) -> Vec<u32> {
        let text = text.trim();
        if self.bytes && !text.is_empty() {
            return self.ids(&format!(" {text}"), self.longest);
        }
        self.ids(text, self.longest)
    }

    /// Whether it is one of those around a text.
    pub(super) fn is_special(&self, id: u32) -> bool {
        self.first.contains(&id) || self.last.contains(&id)
    }

    /// How many special tokens are around a text.
    pub(super) fn special(&self) -> (usize, usize) {
        (self.first.len(), self.last.len())
    }
}

fn is_byte_level(folder: &Folder) -> Result<bool> {
    let json = folder.json("tokenizer.json")?;
    Ok(json["pre_tokenizer"]["type"].as_str() == Some("ByteLevel"))
}
