//! OpenAI's embeddings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{error_in_success, json_headers, put_extra, url};
use crate::completion::{Status, Usage};
use crate::error::{Error, Result};
use crate::message::Message;
use crate::options::Options;
use crate::provider::Answer;
use crate::provider::format::{Format, Frame, Parsed, StreamParser, StreamStep};
use crate::provider::model::Model;
use crate::provider::wire;

/// `POST {endpoint}/embeddings`, one text in each request, so that each row has a status and a usage of its own.
pub(in crate::provider) struct OpenAiEmbeddings;

impl Format for OpenAiEmbeddings {
    fn check(&self, _model: &Model, _options: &Options) -> Result<()> {
        Ok(())
    }

    fn url(&self, model: &Model, _stream: bool) -> Result<Url> {
        url(model, "/embeddings")
    }

    fn headers(&self, _model: &Model) -> Result<HeaderMap> {
        Ok(json_headers())
    }

    fn frame(&self, model: &Model, options: &Options, _stream: bool) -> Result<Box<dyn Frame>> {
        let mut fields = Map::new();
        fields.insert("model".into(), model.model.as_str().into());
        // The API's own default is base64 with some clients and floats with others.
        fields.insert("encoding_format".into(), "float".into());
        if let Some(dimensions) = options.get("dimensions") {
            fields.insert("dimensions".into(), dimensions.clone());
        }
        put_extra(options, &mut fields);
        Ok(Box::new(EmbeddingFrame { fields }))
    }

    fn key_header(&self, model: &Model) -> Result<HeaderName> {
        super::OpenAiChat.key_header(model)
    }

    fn parse(&self, http_status: u16, _headers: &HeaderMap, body: &[u8]) -> Parsed {
        parse(http_status, body)
    }

    fn stream(&self) -> Box<dyn StreamParser> {
        Box::new(WholeBody::default())
    }
}

struct EmbeddingFrame {
    fields: Map<String, Value>,
}

impl Frame for EmbeddingFrame {
    fn body(&self, messages: &[Message<'_>]) -> Result<Vec<u8>> {
        let mut body = self.fields.clone();
        let text: String = messages.iter().map(Message::joined_text).collect();
        body.insert("input".into(), text.into());
        serde_json::to_vec(&body).map_err(|e| Error::internal(format!("a request cannot be written: {e}")))
    }
}

#[derive(Deserialize)]
struct Response {
    model: Option<String>,
    #[serde(default)]
    data: Vec<Datum>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Datum {
    embedding: Vector,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f32>),
    /// 32-bit floats, least byte first, in base64.
    Base64(String),
}

impl Vector {
    fn floats(self) -> Option<Vec<f32>> {
        let floats = match self {
            Vector::Floats(floats) => floats,
            Vector::Base64(text) => {
                let bytes = BASE64.decode(text).ok()?;
                let (floats, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return None;
                }
                floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
        };
        (!floats.is_empty() && floats.iter().all(|x| x.is_finite())).then_some(floats)
    }
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<i64>,
    total_tokens: Option<i64>,
}

fn parse(http_status: u16, body: &[u8]) -> Parsed {
    let broken = |cut: bool| wire::broken("embedding", http_status, body.len(), cut);
    let response: Response = match serde_json::from_slice(body) {
        Ok(response) => response,
        Err(e) => return (Err(broken(e.is_eof())), Usage::default()),
    };
    let usage = response.usage.map_or(Usage::default(), |usage| Usage {
        input_tokens: usage.prompt_tokens.or(usage.total_tokens),
        // A vector is not billed by tokens.
        output_tokens: Some(0),
        ..Usage::default()
    });
    if let Some(error) = response.error.filter(|error| !error.is_null()) {
        return (Err(error_in_success(http_status, &error, body.len())), usage);
    }
    match response.data.into_iter().next().and_then(|datum| datum.embedding.floats()) {
        Some(embedding) => {
            let answer =
                Answer { embedding: Some(embedding), model_answered: response.model, ..Answer::new(Status::Ok) };
            (Ok(answer), usage)
        }
        None => (Err(broken(false)), usage),
    }
}

/// An embedding is never streamed; a server that sends one as events has sent one event.
#[derive(Default)]
struct WholeBody(Vec<u8>);

impl StreamParser for WholeBody {
    fn event(&mut self, _event: &str, data: &[u8]) -> StreamStep {
        self.0.extend_from_slice(data);
        StreamStep::Continue
    }

    fn finish(self: Box<Self>, http_status: u16, _complete: bool) -> Parsed {
        parse(http_status, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Role;
    use crate::options::resolve;
    use crate::provider::EMBED;
    use crate::spec::ModelConf;
    use serde_json::json;

    fn model(pairs: &[(&str, &str)]) -> Model {
        let base = [("provider", "openai"), ("model", "embed-1"), ("endpoint", "http://h/v1"), ("apiKeySecret", "k")];
        let conf = base.iter().chain(pairs).map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Model::from_conf(&ModelConf { name: "m".into(), conf }).unwrap()
    }

    #[test]
    fn the_request() {
        let body = |options: Value| {
            let options = resolve(&EMBED, options.as_object().unwrap()).unwrap();
            let frame = OpenAiEmbeddings.frame(&model(&[]), &options, false).unwrap();
            serde_json::from_slice::<Value>(&frame.body(&[Message::text(Role::User, " a\n")]).unwrap()).unwrap()
        };
        assert_eq!(body(json!({})), json!({"model": "embed-1", "input": " a\n", "encoding_format": "float"}));
        assert_eq!(
            body(json!({"dimensions": 8, "extra_body": {"user": "u"}})),
            json!({"model": "embed-1", "input": " a\n", "encoding_format": "float", "dimensions": 8, "user": "u"})
        );
        let url = |pairs: &[(&str, &str)]| OpenAiEmbeddings.url(&model(pairs), false).unwrap().to_string();
        assert_eq!(url(&[]), "http://h/v1/embeddings");
        assert_eq!(url(&[("apiVersion", "2024-10-21")]), "http://h/v1/embeddings?api-version=2024-10-21");
    }

    #[test]
    fn floats_in_both_encodings() {
        // base64 of 0.5, -1.25 as little-endian floats, by Python's struct and base64.
        for vector in [json!([0.5, -1.25]), json!("AAAAPwAAoL8=")] {
            let body = json!({"object": "list", "model": "e", "data": [{"object": "embedding", "index": 0,
                "embedding": vector}], "usage": {"prompt_tokens": 3, "total_tokens": 3}});
            let (answer, usage) = parse(200, body.to_string().as_bytes());
            let answer = answer.unwrap();
            assert_eq!((answer.embedding, answer.text), (Some(vec![0.5, -1.25]), None));
            assert_eq!((usage.input_tokens, usage.output_tokens), (Some(3), Some(0)));
        }
    }

    #[test]
    fn a_success_that_is_none() {
        for (body, status) in [
            ("", Status::NetworkError),
            (r#"{"data": [{"embedding": [0.5,"#, Status::NetworkError),
            ("<html>", Status::ServerError),
            ("{}", Status::ServerError),
            (r#"{"data": []}"#, Status::ServerError),
            (r#"{"data": [{"embedding": []}]}"#, Status::ServerError),
            (r#"{"data": [{"embedding": [1e300]}]}"#, Status::ServerError),
            (r#"{"data": [{"embedding": "AAA="}]}"#, Status::ServerError),
            (r#"{"error": {"code": "rate_limit_exceeded"}}"#, Status::RateLimited),
        ] {
            assert_eq!(parse(200, body.as_bytes()).0.unwrap_err().status, status, "{body}");
        }
    }
}
