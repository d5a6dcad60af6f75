//! The files of a model folder.

use std::fs;
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// A folder with a model as transformers or sentence-transformers save it.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at `path`, which may be a `file:` URI.
    pub(super) fn open(path: &str) -> Result<Folder> {
        let root = PathBuf::from(Folder::plain(path));
        if !root.is_absolute() {
            return Err(local(format!(
                "a model's folder must be an absolute path such as 'file:/models/name', not '{path}'"
            )));
        }
        match fs::metadata(&root) {
            Ok(found) if found.is_dir() => Ok(Folder { root }),
            Ok(_) => Err(local(format!("{} is a file; give the folder of the model", root.display()))),
            Err(e) => Err(local(format!(
                "the model's folder {} cannot be read ({e}); it must be there, under the same path, on the driver and on every executor",
                root.display()
            ))),
        }
    }

    /// A path without the scheme of a `file:` URI.
    pub(super) fn plain(path: &str) -> &str {
        path.strip_prefix("file:").map_or(path, |rest| rest.strip_prefix("//").unwrap_or(rest))
    }

    pub(super) fn path(&self) -> &Path {
        &self.root
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The JSON in a file; `None` where the file is not there.
    pub(super) fn optional_json(&self, name: &str) -> Result<Option<Value>> {
        match fs::read(self.file(name)) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| self.error(format!("{name} is no JSON ({e}); copy the folder again"))),
            Err(e) if e.kind() == IoKind::NotFound => Ok(None),
            Err(e) => Err(self.error(format!("{name} cannot be read ({e})"))),
        }
    }

    /// The JSON in a file that must be there.
    pub(super) fn json(&self, name: &str) -> Result<Value> {
        self.optional_json(name)?.ok_or_else(|| self.missing(name))
    }

    /// The error for a file that is not there: names it and what is there in its place.
    pub(super) fn missing(&self, name: &str) -> Error {
        let mut found: Vec<String> = (fs::read_dir(&self.root).into_iter().flatten().flatten())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        found.sort_unstable();
        found.truncate(20);
        let advice = match name {
            "tokenizer.json" => "; save the tokenizer with AutoTokenizer.from_pretrained(...).save_pretrained(folder)",
            "model.safetensors" => "; save the model with model.save_pretrained(folder, safe_serialization=True)",
            _ => "",
        };
        let there = if found.is_empty() { "is empty".to_string() } else { format!("has {}", found.join(", ")) };
        self.error(format!("{name} is missing: the folder {there}{advice}"))
    }

    /// An error about the model in this folder.
    pub(super) fn error(&self, message: String) -> Error {
        local(format!("the model in {}: {message}", self.root.display()))
    }

    /// When what is in the folder was last changed, for [`super::Model::open`].
    pub(super) fn changed(&self) -> Vec<Option<SystemTime>> {
        ["", "config.json", "model.safetensors", "tokenizer.json", "modules.json"]
            .map(|name| fs::metadata(self.file(name)).and_then(|found| found.modified()).ok())
            .to_vec()
    }
}

pub(super) fn local(message: String) -> Error {
    Error::new(ErrorKind::LocalModel, message)
}
