//! Embeddings in OpenAI's and in Gemini's shape: unit vectors that depend on the text alone.

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::{Value, json};

use super::{Answer, Api, Call, Frame, Problem, Route, bearer_or, chat, gemini, json_bytes, positive};
use crate::hash::StableHash;
use crate::quota::Verdict;
use crate::tokens;

/// How long a vector is when the request does not say.
const DIMENSIONS: usize = 256;

pub(super) struct Embeddings;

impl Api for Embeddings {
    fn name(&self) -> &'static str {
        "openai.embeddings"
    }

    fn read(&self, route: &Route, _headers: &HeaderMap, body: &Value) -> Result<Call, String> {
        let model = route.model.as_deref().or(body["model"].as_str());
        let model = model.ok_or("you must provide a model parameter")?.to_string();
        let text = |value: &Value| value.as_str().map(str::to_string).filter(|text| !text.is_empty());
        let texts: Option<Vec<String>> = match &body["input"] {
            Value::Array(items) if !items.is_empty() => items.iter().map(text).collect(),
            single => text(single).map(|text| vec![text]),
        };
        let texts = texts.ok_or("'input' must be text that is not empty, or a list of such")?;
        let base64 = match body["encoding_format"].as_str() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(_) => return Err("'encoding_format' must be float or base64".to_string()),
        };
        Ok(Call { base64, ..embed(model, texts, positive(&body["dimensions"], "dimensions")?) })
    }

    fn key<'a>(&self, headers: &'a HeaderMap, _query: &'a str) -> Option<&'a str> {
        bearer_or(headers, "api-key")
    }

    fn whole(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Bytes {
        let data: Vec<Value> = vectors(call)
            .enumerate()
            .map(|(index, vector)| {
                let embedding = if call.base64 { json!(base64(&vector)) } else { json!(vector) };
                json!({"object": "embedding", "index": index, "embedding": embedding})
            })
            .collect();
        let usage = json!({"prompt_tokens": answer.tokens.input, "total_tokens": answer.tokens.input});
        json_bytes(&json!({"object": "list", "data": data, "model": frame.model, "usage": usage}))
    }

    fn events(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Vec<Bytes> {
        vec![self.whole(frame, call, answer)]
    }

    fn error(&self, problem: &Problem) -> Value {
        chat::error(problem)
    }

    fn broken_events(&self) -> Vec<Bytes> {
        Vec::new()
    }

    fn put_rate_headers(&self, headers: &mut HeaderMap, verdict: &Verdict) {
        chat::put_rate_headers(headers, verdict);
    }
}

pub(super) struct GeminiEmbed {
    pub(super) is_batch: bool,
}

impl Api for GeminiEmbed {
    fn name(&self) -> &'static str {
        "gemini.embed"
    }

    fn read(&self, route: &Route, _headers: &HeaderMap, body: &Value) -> Result<Call, String> {
        let requests = match &body["requests"] {
            Value::Array(requests) if self.is_batch => requests.iter().collect(),
            _ => vec![body],
        };
        let text = |request: &Value| {
            let parts = request["content"]["parts"].as_array()?;
            Some(parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"))
        };
        let texts: Option<Vec<String>> = requests.iter().map(|request| text(request)).collect();
        let texts = texts.filter(|texts| !texts.is_empty()).ok_or("content is required")?;
        let dimensions = requests.first().map_or(&Value::Null, |request| &request["outputDimensionality"]);
        let model = route.model.clone().unwrap_or_default();
        Ok(embed(model, texts, positive(dimensions, "outputDimensionality")?))
    }

    fn key<'a>(&self, headers: &'a HeaderMap, query: &'a str) -> Option<&'a str> {
        gemini::key(headers, query)
    }

    fn whole(&self, _frame: &Frame<'_>, call: &Call, answer: &Answer) -> Bytes {
        let usage = json!({"promptTokenCount": answer.tokens.input});
        let mut values = vectors(call).map(|vector| json!({ "values": vector }));
        json_bytes(&if self.is_batch {
            json!({"embeddings": values.collect::<Vec<Value>>(), "usageMetadata": usage})
        } else {
            json!({"embedding": values.next(), "usageMetadata": usage})
        })
    }

    fn events(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Vec<Bytes> {
        vec![self.whole(frame, call, answer)]
    }

    fn error(&self, problem: &Problem) -> Value {
        gemini::error(problem)
    }

    fn broken_events(&self) -> Vec<Bytes> {
        Vec::new()
    }

    fn has_retry_after(&self) -> bool {
        false
    }
}

fn embed(model: String, texts: Vec<String>, dimensions: Option<u64>) -> Call {
    let input_tokens = texts.iter().map(|text| tokens::count(text)).sum();
    let dimensions = dimensions.map(|dimensions| dimensions as usize);
    Call { model, input_tokens, texts: Some(texts), dimensions, ..Call::default() }
}

fn vectors(call: &Call) -> impl Iterator<Item = Vec<f32>> + '_ {
    let dimensions = call.dimensions.unwrap_or(DIMENSIONS);
    call.texts.iter().flatten().map(move |text| vector(&call.model, text, dimensions))
}

/// A point on the unit sphere.
fn vector(model: &str, text: &str, dimensions: usize) -> Vec<f32> {
    let chance = StableHash::new(0).text(model).text(text);
    let raw: Vec<f64> = (0..dimensions).map(|i| 2.0 * chance.number(i as u64).unit() - 1.0).collect();
    let norm = raw.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    raw.iter().map(|x| (x / norm) as f32).collect()
}

/// The numbers' bytes, least significant first, in base64.
fn base64(vector: &[f32]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().enumerate().fold(0u32, |word, (i, byte)| word | u32::from(*byte) << (16 - 8 * i));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_has_length_one_and_depends_on_the_text() {
        let one = vector("m", "hello", 64);
        assert_eq!(one, vector("m", "hello", 64));
        assert_ne!(one, vector("m", "hullo", 64));
        let norm: f32 = one.iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1e-5);
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        // Python: base64.b64encode(struct.pack('<2f', 1.0, -2.5))
        assert_eq!(base64(&[1.0, -2.5]), "AACAPwAAIMA=");
        assert_eq!(base64(&[0.5]), "AAAAPw==");
    }
}
