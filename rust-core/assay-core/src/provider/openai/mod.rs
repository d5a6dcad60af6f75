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

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

pub(super) use azure::AzureOpenAi;
pub(super) use chat::OpenAiChat;
pub(super) use embeddings::OpenAiEmbeddings;
pub(super) use responses::OpenAiResponses;

fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}
