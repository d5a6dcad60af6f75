//! What a server is started with.

use std::fmt;
use std::time::Duration;

use crate::{AnswerKey, Faults, Latency, Quota};

/// Everything that a [`crate::Server`] can be told at the start. The default serves any model, always right, at once,
/// without limits.
#[derive(Debug, Clone)]
pub struct Config {
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The right answers. Without them every answer is made-up text.
    pub answers: AnswerKey,
    /// The models that exist. If none is given, every name is served with accuracy 1.
    pub models: Vec<ModelConfig>,
    /// Seeds every decision of the server.
    pub seed: u64,
    /// How long an answer takes.
    pub latency: Latency,
    /// The time between the chunks of a streamed answer.
    pub token_interval: Duration,
    /// What each model admits per minute.
    pub quota: Quota,
    /// Which share of the requests goes wrong, and how.
    pub faults: Faults,
    /// What tokens cost.
    pub prices: Prices,
    /// If set, requests without `Authorization: Bearer <key>` get a 401.
    pub require_key: Option<String>,
    /// The share of right answers that come wrapped in words ("The answer is X.").
    pub verbose_rate: f64,
    /// Worker threads.
    pub threads: usize,
    /// How many requests the ledger keeps one by one; totals are kept for all.
    pub ledger_limit: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            port: 0,
            answers: AnswerKey::default(),
            models: Vec::new(),
            seed: 0,
            latency: Latency::default(),
            token_interval: Duration::ZERO,
            quota: Quota::default(),
            faults: Faults::default(),
            prices: Prices::default(),
            require_key: None,
            verbose_rate: 0.0,
            threads: 1,
            ledger_limit: 1_000_000,
        }
    }
}

impl Config {
    /// Checks what the types do not.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for model in &self.models {
            check_share("accuracy", model.accuracy)?;
        }
        check_share("verbose_rate", self.verbose_rate)?;
        self.faults.check()?;
        self.latency.check()?;
        self.quota.check()?;
        if self.threads == 0 {
            return Err(Error::new("threads must be at least 1"));
        }
        if ![self.prices.input, self.prices.output].iter().all(|price| price.is_finite() && *price >= 0.0) {
            return Err(Error::new("a price must be 0 or more"));
        }
        Ok(())
    }
}

pub(crate) fn check_share(what: &str, share: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&share) {
        Ok(())
    } else {
        Err(Error::new(format!("{what} must lie between 0 and 1, not {share}")))
    }
}

/// A model and how often it is right.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The name that requests give.
    pub name: String,
    /// The share of known questions that it answers right, from 0 to 1.
    pub accuracy: f64,
}

impl ModelConfig {
    /// A model called `name` that is right with probability `accuracy`.
    pub fn new(name: impl Into<String>, accuracy: f64) -> ModelConfig {
        ModelConfig { name: name.into(), accuracy }
    }
}

impl std::str::FromStr for ModelConfig {
    type Err = Error;

    /// Reads `NAME=ACCURACY`.
    fn from_str(text: &str) -> Result<ModelConfig, Error> {
        let (name, accuracy) =
            text.rsplit_once('=').ok_or_else(|| Error::new(format!("a model is NAME=ACCURACY, not {text:?}")))?;
        let accuracy = accuracy.parse().map_err(|_| Error::new(format!("{accuracy:?} is not a number")))?;
        check_share("accuracy", accuracy)?;
        Ok(ModelConfig::new(name, accuracy))
    }
}

/// Prices in USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prices {
    /// For the tokens of the prompt.
    pub input: f64,
    /// For the tokens of the answer.
    pub output: f64,
}

impl Prices {
    /// The cost of one answer in nano-USD, rounded half up. Exact for prices of up to six decimals.
    pub fn cost_nano_usd(&self, input_tokens: u64, output_tokens: u64) -> u64 {
        let pico_per_token = |usd_per_million: f64| (usd_per_million * 1e6).round() as u64;
        (input_tokens * pico_per_token(self.input) + output_tokens * pico_per_token(self.output) + 500) / 1000
    }
}

/// Reads `250us`, `50ms`, `1.5s`, `2m` or a bare `0`.
///
/// ```
/// assert_eq!(assay_testkit::parse_duration("50ms")?.as_millis(), 50);
/// # Ok::<(), assay_testkit::Error>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, Error> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds_per_unit = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "" if number == "0" => 1.0,
        _ => return Err(Error::new(format!("a duration is a number with us, ms, s or m, not {text:?}"))),
    };
    let number: f64 = number.trim().parse().map_err(|_| Error::new(format!("{text:?} is not a duration")))?;
    Duration::try_from_secs_f64(number * seconds_per_unit)
        .map_err(|_| Error::new(format!("{text:?} is out of range for a duration")))
}

/// What keeps a server from starting, or a setting from being taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Error {
        Error(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
