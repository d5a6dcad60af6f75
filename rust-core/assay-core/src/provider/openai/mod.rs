//! The wire formats of OpenAI, which most servers speak.
//!
//! | file | what belongs there |
//! |---|---|
//! | `chat` | chat completions: `openai` |
//! | `stream` | a streamed chat completion |
//! | `azure` | the same on Azure: `azure_openai` |
//! | `responses` | the responses API: `openai_responses` |
//! | `embeddings` | embeddings |

mod azure;
mod chat;
mod embeddings;
mod responses;
mod stream;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use super::classify::{ErrorBody, Failure};
use super::format::join;
use super::model::Model;
use super::wire;
use crate::error::Result;
use crate::options::Options;

pub(super) use azure::AzureOpenAi;
pub(super) use chat::OpenAiChat;
pub(super) use embeddings::OpenAiEmbeddings;
pub(super) use responses::OpenAiResponses;

fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// `path` at the model's endpoint, with its version of the API where one is configured.
fn url(model: &Model, path: &str) -> Result<Url> {
    let mut url = join(model, path)?;
    if let Some(version) = &model.api_version {
        url.query_pairs_mut().append_pair("api-version", version);
    }
    Ok(url)
}

/// Puts the fields of `extra_body` over `fields`.
fn put_extra(options: &Options, fields: &mut Map<String, Value>) {
    if let Some(Value::Object(extra)) = options.get("extra_body") {
        fields.extend(extra.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

fn broken(http_status: u16, length: usize, cut: bool) -> Failure {
    wire::broken("chat completion", http_status, length, cut)
}

fn error_in_success(http_status: u16, error: &Value, length: usize) -> Failure {
    wire::error_in_success(http_status, &ErrorBody::from_error(error), length)
}
