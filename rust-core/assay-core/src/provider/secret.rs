//! Keys: where they come from and how they stay out of sight.

use std::fmt;
use std::path::{Path, PathBuf};

use super::aws_credentials;
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
    /// A file, read again when the server does not take the key.
    File(PathBuf),
    /// The configuration itself.
    Value(Secret),
    /// The environment variables of AWS credentials.
    Aws(AwsEnv),
}

/// The names of the environment variables of AWS credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsEnv {
    /// Of a Bedrock API key, which goes before the others; `None` where the endpoint may not get one.
    pub api_key: Option<String>,
    /// Of the access key id.
    pub access_key_id: String,
    /// Of the secret access key.
    pub secret_access_key: String,
    /// Of the session token, which temporary credentials have.
    pub session_token: String,
}

impl AwsEnv {
    fn resolve(&self) -> Result<Secret> {
        if let Some(key) = self.api_key.as_deref().and_then(env) {
            return Ok(Secret::new(key));
        }
        match (env(&self.access_key_id), env(&self.secret_access_key)) {
            (Some(id), Some(secret)) => Ok(aws_credentials::to_json(&id, &secret, env(&self.session_token).as_deref())),
            (None, _) => Err(missing_env(&self.access_key_id)),
            (_, None) => Err(missing_env(&self.secret_access_key)),
        }
    }

    /// Whether executors that have the variables `executor_env` can resolve them.
    fn is_in(&self, executor_env: &[String]) -> bool {
        let has = |name: &String| executor_env.contains(name);
        self.api_key.as_ref().is_some_and(has) || (has(&self.access_key_id) && has(&self.secret_access_key))
    }
}

/// The text of the environment variable `name`, unless it is blank.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_string()).filter(|text| !text.is_empty())
}

impl KeySource {
    /// The key, or [`ErrorKind::MissingKey`].
    pub fn resolve(&self) -> Result<Option<Secret>> {
        match self {
            KeySource::None => Ok(None),
            KeySource::Value(secret) => Ok(Some(secret.clone())),
            KeySource::Env(name) => env(name).map(|text| Some(Secret::new(text))).ok_or_else(|| missing_env(name)),
            KeySource::Aws(names) => names.resolve().map(Some),
            KeySource::File(path) => read(path).map(Some),
        }
    }

    /// Whether the key can be had where the calls will be made: by its file, or by an environment variable of this
    /// process or one of `executor_env`.
    pub fn check(&self, executor_env: &[String]) -> Result<()> {
        match self {
            KeySource::Env(name) if executor_env.contains(name) => Ok(()),
            KeySource::Aws(names) if names.is_in(executor_env) => Ok(()),
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
