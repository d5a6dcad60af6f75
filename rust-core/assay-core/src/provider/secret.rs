//! Keys: where they come from and how they stay out of sight.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// Text that is never shown.
///
/// ```
/// let key = assay_core::provider::Secret::new("sk-123");
/// assert_eq!(format!("{key:?}"), "Secret(redacted)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text. Only for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Where a model's key comes from. It is resolved on the machine that calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// No key is sent.
    None,
    /// An environment variable.
    Env(String),
    /// A file, read again when the server answers 401.
    File(PathBuf),
    /// The configuration itself.
    Value(Secret),
}

impl KeySource {
    /// The key, or [`ErrorKind::MissingKey`].
    pub fn resolve(&self) -> Result<Option<Secret>> {
        match self {
            KeySource::None => Ok(None),
            KeySource::Value(secret) => Ok(Some(secret.clone())),
            KeySource::Env(name) => match std::env::var(name) {
                Ok(text) if !text.trim().is_empty() => Ok(Some(Secret::new(text.trim()))),
                _ => Err(missing_env(name)),
            },
            KeySource::File(path) => read(path).map(Some),
        }
    }

    /// Whether the key can be had where the calls will be made: by its file, or by an environment variable of this
    /// process or one of `executor_env`.
    pub fn check(&self, executor_env: &[String]) -> Result<()> {
        match self {
            KeySource::Env(name) if executor_env.contains(name) => Ok(()),
            _ => self.resolve().map(|_| ()),
        }
    }
}

fn missing_env(name: &str) -> Error {
    Error::new(
        ErrorKind::MissingKey,
        format!(
            "the environment variable {name} holds no API key; set it on the executors \
             (spark.executorEnv.{name}), or name a file with apiKeyFile"
        ),
    )
}

fn read(path: &Path) -> Result<Secret> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Error::new(ErrorKind::MissingKey, format!("the key file {} cannot be read: {}", path.display(), e.kind()))
    })?;
    match text.trim() {
        "" => Err(Error::new(ErrorKind::MissingKey, format!("the key file {} is empty", path.display()))),
        key => Ok(Secret::new(key)),
    }
}
