//! What a server is started with.

use std::fmt;
use std::time::Duration;

use crate::api::Tokens;
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
    /// What the answers are like.
    pub habits: Habits,
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
            habits: Habits::default(),
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
        let Prices { input, output, cached_input, cache_write, reasoning } = self.prices;
        let prices = [Some(input), Some(output), cached_input, cache_write, reasoning];
        if !prices.iter().flatten().all(|price| price.is_finite() && *price >= 0.0) {
            return Err(Error::new("a price must be 0 or more"));
        }
        check_share("cached_share", self.habits.cached_share)?;
        check_share("cache_write_share", self.habits.cache_write_share)?;
        let (fewest, most) = self.habits.words;
        if fewest == 0 || most < fewest {
            return Err(Error::new(format!("an answer has from 1 to any number of words, not {fewest} to {most}")));
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
    /// For tokens of the prompt read from the provider's cache, if that differs.
    pub cached_input: Option<f64>,
    /// For tokens of the prompt written to the provider's cache, if that differs.
    pub cache_write: Option<f64>,
    /// For tokens of reasoning, if that differs from other tokens of the answer.
    pub reasoning: Option<f64>,
}

impl Prices {
    /// The cost of one answer in nano-USD, rounded half up. Exact for prices of up to six decimals.
    pub(crate) fn cost_nano_usd(&self, tokens: &Tokens) -> u64 {
        let pico_usd = |tokens: u64, usd_per_million: f64| tokens * (usd_per_million * 1e6).round() as u64;
        let plain_input = tokens.input - tokens.cached_input - tokens.cache_write;
        let sum = pico_usd(plain_input, self.input)
            + pico_usd(tokens.cached_input, self.cached_input.unwrap_or(self.input))
            + pico_usd(tokens.cache_write, self.cache_write.unwrap_or(self.input))
            + pico_usd(tokens.output - tokens.reasoning, self.output)
            + pico_usd(tokens.reasoning, self.reasoning.unwrap_or(self.output));
        (sum + 500) / 1000
    }
}

/// What the answers of all models are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habits {
    /// The share of each prompt that the provider's cache is said to have had.
    pub cached_share: f64,
    /// The share of each prompt that is said to have gone to the provider's cache, of what was not there.
    pub cache_write_share: f64,
    /// Tokens of reasoning before each answer.
    pub reasoning_tokens: u64,
    /// The fewest and the most words of a made-up answer.
    pub words: (u64, u64),
}

impl Default for Habits {
    fn default() -> Habits {
        Habits { cached_share: 0.0, cache_write_share: 0.0, reasoning_tokens: 0, words: (4, 35) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_token_has_its_price() {
        let tokens = Tokens { input: 100, cached_input: 40, cache_write: 20, output: 50, reasoning: 30 };
        let plain = Prices { input: 3.0, output: 15.0, ..Prices::default() };
        assert_eq!(plain.cost_nano_usd(&tokens), 100 * 3000 + 50 * 15_000);
        let prices = Prices { cached_input: Some(0.3), cache_write: Some(3.75), reasoning: Some(20.0), ..plain };
        assert_eq!(prices.cost_nano_usd(&tokens), 40 * 3000 + 40 * 300 + 20 * 3750 + 20 * 15_000 + 30 * 20_000);
        assert_eq!(
            Prices { input: 0.0005, ..Prices::default() }.cost_nano_usd(&Tokens { input: 3, ..Tokens::default() }),
            2
        );
    }
}
