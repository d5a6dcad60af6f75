//! A fast LLM server that injects faults and counts what it serves.
//!
//! It speaks OpenAI's chat completions, responses and embeddings (also under Azure's paths), Anthropic's messages and
//! Gemini's generateContent and embedContent over HTTP/1.1 on 127.0.0.1, streamed or not, knows the right answers from a file, gets a set share of
//! them wrong, and keeps exact books: which request came how often, what was answered, what it cost. Tests, the demo and
//! the benchmarks run against it; nothing of it ships.
//!
//! ```
//! use assay_testkit::{Config, ModelConfig, Server};
//!
//! let server = Server::start(Config { models: vec![ModelConfig::new("small", 0.8)], ..Config::default() })?;
//! assert!(server.url().ends_with("/v1"));
//! assert_eq!(server.stats().requests, 0);
//! # Ok::<(), assay_testkit::Error>(())
//! ```
//!
//! **Everything is decided by hashes.** Whether a model knows an answer depends on (seed, model, question); latency and
//! random faults on (seed, request key, how often that key came before). So a run is reproducible whatever the order and
//! the concurrency of its requests.
//!
//! A request passes these gates in this order: body (400), API key (401), model (404), scripted faults, quota (429),
//! random faults, latency, answer.

mod answers;
mod api;
mod body;
mod config;
mod control;
mod faults;
mod hash;
mod latency;
mod ledger;
pub mod load;
mod models;
mod quota;
mod respond;
mod server;
mod service;
mod tokens;

pub use answers::AnswerKey;
pub use config::{Config, Error, Habits, ModelConfig, Prices, parse_duration};
pub use faults::{FaultKind, Faults, RetryAfter, Scripted};
pub use hash::request_key;
pub use latency::{Distribution, Latency};
pub use ledger::{KeyCount, LedgerEntry, ModelStats, Stats};
pub use quota::{Charge, Counting, Hints, LimitUse, Quota, RetryAfterForm, SecondUse, Usage, WindowKind, WindowUse};
pub use server::Server;
