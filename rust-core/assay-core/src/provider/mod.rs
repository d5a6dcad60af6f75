//! Providers: a model's settings, the options of a call, and one file per wire format.
//!
//! A provider makes one attempt and says how it ended. When to try again, and how many at once, is decided in
//! [`inference`](crate::inference).

mod answer;
mod anthropic;
mod aws_credentials;
mod bedrock;
mod classify;
mod connect;
mod describe;
mod eventstream;
pub mod format;
mod gemini;
mod generic;
mod http;
mod limits;
pub mod mock;
mod model;
mod openai;
mod options;
mod price;
mod rate;
mod remote;
mod secret;
mod settings;
mod sigv4;
mod sse;
#[cfg(test)]
mod testing;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;

pub use answer::Answer;
pub use classify::{Failure, Retry, classify};
pub use connect::{Channels, Clients, Connection, ProxyChoice};
pub use limits::{Accounting, Dimension, Limits, ModelQuota, group_limits};
pub use model::{LOCAL, MockConf, Model, check_model};
pub use options::{EMBED, FUNCTION, call_options, completion_options, extra_headers, function_of, wants_json};
pub use price::{Listed, LongPrice, Price, nanousd, price_of, price_source};
pub use rate::RateHeaders;
pub use secret::{AwsEnv, KeySource, Secret};
pub use settings::{DefaultEndpoint, PROVIDERS, ProviderInfo, ProviderKind, SETTINGS, Setting};

use crate::completion::Usage;
use crate::error::Result;
use crate::spec::CallKind;

/// A request, ready to be sent as often as it takes. Not `Debug`: it holds a prompt.
#[derive(Clone)]
pub struct Prepared {
    /// The cache key.
    pub key: String,
    /// The canonical text that the key is the hash of, where a store keeps it.
    pub canonical: Option<String>,
    /// The body.
    pub body: Bytes,
    /// Headers of this request's own.
    pub headers: Arc<HeaderMap>,
    /// Whether an answer that is no JSON is `parse_failed`.
    pub wants_json: bool,
    /// The most tokens that the answer may have, where the request says so.
    pub max_tokens: Option<u64>,
}

/// How one attempt ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// An answer, or why there is none.
    pub result: std::result::Result<Answer, Failure>,
    /// What the provider says it will bill, answer or not.
    pub usage: Usage,
    /// What the response's headers say about limits; nothing where there was no response.
    pub rate: RateHeaders,
    /// From the request to the first token, where the answer was streamed.
    pub ttft: Option<Duration>,
}

impl Attempt {
    /// An attempt that failed and is not billed.
    pub fn failed(failure: Failure) -> Self {
        Attempt { result: Err(failure), usage: Usage::default(), rate: RateHeaders::default(), ttft: None }
    }
}

/// One model, ready to be called from this process.
pub struct Provider {
    wire: Wire,
    reasoning_tag: Option<String>,
}

enum Wire {
    Remote(Box<remote::Remote>),
    Mock(Box<mock::Mock>),
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.wire {
            Wire::Remote(_) => "Provider(remote)",
            Wire::Mock(_) => "Provider(mock)",
        })
    }
}

impl Provider {
    /// Resolves the key of `model` on this machine. Errors: [`ErrorKind::MissingKey`](crate::ErrorKind::MissingKey).
    pub fn open(model: &Model, kind: CallKind, clients: &Clients) -> Result<Self> {
        let wire = match model.provider {
            ProviderKind::Mock => Wire::Mock(Box::new(mock::Mock::new(model)?)),
            _ => Wire::Remote(Box::new(remote::Remote::open(model, format::format_of(model, kind)?, clients)?)),
        };
        Ok(Provider { wire, reasoning_tag: model.own("reasoningTags").map(str::to_string) })
    }

    /// Sends the request once.
    pub async fn attempt(&self, request: &Prepared) -> Attempt {
        let mut attempt = match &self.wire {
            Wire::Mock(mock) => mock.attempt(&request.key, &request.body).await,
            Wire::Remote(remote) => remote.attempt(request).await,
        };
        if let Ok(answer) = &mut attempt.result {
            if let Some(tag) = &self.reasoning_tag {
                answer.separate_reasoning(tag);
            }
            if request.wants_json {
                answer.require_json();
            }
        }
        attempt
    }
}
