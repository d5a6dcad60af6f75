//! The engine of Assay: prompt templates, model calls, metrics and statistics.
//!
//! Knows nothing of Spark, of the JVM or of `unsafe`. Direction of dependence inside the crate:
//! `error <- spec, options, completion, message, json_path <- {template, metrics, stats, provider, cache} <- inference, semantic <- exec`.
#![forbid(unsafe_code)]

pub mod completion;
pub mod error;
mod json_path;
pub mod message;
pub mod options;
pub mod spec;

pub mod cache;
pub mod exec;
pub mod inference;
pub mod metrics;
pub mod provider;
#[cfg(feature = "semantic")]
pub mod semantic;
pub mod stats;
pub mod template;

pub use error::{Error, ErrorKind, Result};
