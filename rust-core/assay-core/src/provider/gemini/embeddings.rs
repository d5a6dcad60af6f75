//! Google's `embedContent`.

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Gemini, UsageMetadata, url, words};
use crate::completion::{Status, Usage};
use crate::error::Result;
use crate::message::Message;
use crate::options::Options;
use crate::provider::Answer;
use crate::provider::classify::Failure;
use crate::provider::format::{Format, Frame, Parsed, StreamParser};
use crate::provider::model::Model;
use crate::provider::wire;

/// `POST {endpoint}/{apiVersion}/models/{model}:embedContent`, one text in each request.
pub(in crate::provider) struct GeminiEmbeddings;

const WHAT: &str = "Gemini embedding";

impl Format for GeminiEmbeddings {
    /// Every option of embeddings has its place here.
    fn check(&self, model: &Model, options: &Options) -> Result<()> {
        self.frame(model, options, false).map(|_| ())
    }

    fn url(&self, model: &Model, _stream: bool) -> Result<Url> {
        url(model, "embedContent")
    }

    fn headers(&self, model: &Model) -> Result<HeaderMap> {
        Gemini.headers(model)
    }

    fn frame(&self, model: &Model, options: &Options, _stream: bool) -> Result<Box<dyn Frame>> {
        let name = if model.model.contains('/') { model.model.clone() } else { format!("models/{}", model.model) };
        let mut fields = Map::from_iter([("model".to_string(), Value::from(name))]);
        if let Some(dimensions) = options.get("dimensions") {
            fields.insert("outputDimensionality".into(), dimensions.clone());
        }
        wire::merge_extra(model, options, &mut fields, &["content", "contents"])?;
        Ok(Box::new(EmbeddingFrame { fields }))
    }

    fn key_header(&self, model: &Model) -> Result<HeaderName> {
        Gemini.key_header(model)
    }

    fn parse(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Parsed {
        let response: Response = match serde_json::from_slice(body) {
            Ok(response) => response,
            Err(e) => return (Err(wire::broken(WHAT, http_status, body.len(), e.is_eof())), Usage::default()),
        };
        let usage = match response.usage_metadata.map(Usage::from) {
            // An embedding has no output tokens, which is known and not left open.
            Some(usage) => Usage { output_tokens: usage.input_tokens.map(|_| 0), ..usage },
            None => Usage::default(),
        };
        if let Some(error) = response.error.filter(|error| !error.is_null()) {
            return (Err(wire::error_in_success(http_status, &words(&error), body.len())), usage);
        }
        // Some servers answer in the form of a batch of one.
        let vector = response.embedding.or_else(|| response.embeddings.into_iter().next()).map(|vector| vector.values);
        match vector.filter(|values| !values.is_empty() && values.iter().all(|x| x.is_finite())) {
            Some(values) => (Ok(Answer { embedding: Some(values), ..Answer::new(Status::Ok) }), usage),
            None => (Err(wire::broken(WHAT, http_status, body.len(), false)), usage),
        }
    }

    fn error(&self, http_status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        Gemini.error(http_status, headers, body)
    }

    fn stream(&self) -> Box<dyn StreamParser> {
        Box::new(wire::NoStream)
    }
}

struct EmbeddingFrame {
    fields: Map<String, Value>,
}

impl Frame for EmbeddingFrame {
    fn body(&self, messages: &[Message<'_>]) -> Result<Vec<u8>> {
        let text: String = messages.iter().map(Message::joined_text).collect();
        let mut body = self.fields.clone();
        body.insert("content".into(), json!({"role": "user", "parts": [{"text": text}]}));
        let mut bytes = Vec::new();
        wire::write_json(&body, &mut bytes)?;
        Ok(bytes)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    embedding: Option<Vector>,
    #[serde(default)]
    embeddings: Vec<Vector>,
    usage_metadata: Option<UsageMetadata>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(default)]
    values: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::testing::{assert_failure, broken_bodies, errors, failure, never_panics, parsed};
    use Status::{NetworkError, Ok as Fine, RateLimited, ServerError};

    #[test]
    fn vectors_and_what_they_cost() {
        for body in [
            json!({"embedding": {"values": [0.5, -1, 2e-3]}, "usageMetadata": {"promptTokenCount": 3}}),
            json!({"embeddings": [{"values": [0.5, -1, 0.002]}], "usageMetadata": {"promptTokenCount": 3}}),
        ] {
            let (answer, usage) = parsed(&GeminiEmbeddings, body);
            let answer = answer.unwrap();
            assert_eq!((answer.status, answer.embedding), (Fine, Some(vec![0.5, -1.0, 0.002])));
            assert_eq!((usage.input_tokens, usage.output_tokens), (Some(3), Some(0)));
        }
    }

    #[test]
    fn what_is_no_vector() {
        for body in
            [json!({"embedding": {}}), json!({"embedding": {"values": []}}), json!({"embedding": {"values": [1e60]}})]
        {
            assert_failure(
                &failure(parsed(&GeminiEmbeddings, body.clone())).0,
                200,
                ServerError,
                true,
                &body.to_string(),
            );
        }
        broken_bodies(&GeminiEmbeddings, &["{\"embedding\": 1}", "{\"embedding\": {\"values\": [null]}}"]);
        let error = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "secret"}});
        assert_failure(&failure(parsed(&GeminiEmbeddings, error.clone())).0, 200, RateLimited, true, "in a success");
        errors(&GeminiEmbeddings, &[(429, error, RateLimited, true)]);
        let (cut, _) = GeminiEmbeddings.stream().finish(200, false);
        assert_eq!(cut.unwrap_err().status, NetworkError);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        never_panics(&GeminiEmbeddings, &[json!({"embedding": {"values": [1]}}), json!({"error": {}})], b"");
    }
}
