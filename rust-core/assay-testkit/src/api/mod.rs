//! The wire formats: one file each. Each reads its requests into a [`Call`], and writes answers, errors and rate headers.

mod anthropic;
mod chat;
mod embeddings;
mod gemini;
mod responses;

use bytes::Bytes;
use hyper::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::Habits;
use crate::hash::StableHash;
use crate::quota::{Limit, Verdict};
use crate::tokens;

/// A wire format.
pub(crate) trait Api: Sync {
    /// Its name in the books.
    fn name(&self) -> &'static str;

    /// Reads a request body; the error is a message for the client.
    fn read(&self, route: &Route, headers: &HeaderMap, body: &Value) -> Result<Call, String>;

    /// The key that a request brings.
    fn key<'a>(&self, headers: &'a HeaderMap, query: &'a str) -> Option<&'a str>;

    /// The body of a whole answer.
    fn whole(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Bytes;

    /// A streamed answer, event by event.
    fn events(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Vec<Bytes>;

    /// An error body.
    fn error(&self, problem: &Problem) -> Value;

    /// An error within a stream.
    fn error_event(&self, problem: &Problem) -> Bytes {
        event(&self.error(problem))
    }

    /// An event whose JSON does not parse, and what ends the stream after it.
    fn broken_events(&self) -> Vec<Bytes>;

    /// The state of the limits, as this provider tells it.
    fn put_rate_headers(&self, _headers: &mut HeaderMap, _verdict: &Verdict) {}

    /// Whether the filter holds back the prompt, so that nothing is said, rather than cut an answer.
    fn filters_prompts(&self) -> bool {
        false
    }

    /// Whether a refusal has Retry-After.
    fn has_retry_after(&self) -> bool {
        true
    }
}

/// Where a request goes.
pub(crate) struct Route {
    pub(crate) api: &'static dyn Api,
    /// The model, where the path names it.
    pub(crate) model: Option<String>,
    /// Whether an answer is streamed, where the path says so.
    pub(crate) is_stream: bool,
    /// Whether a stream is of server-sent events, where that is not the only form.
    pub(crate) is_sse: bool,
}

impl Route {
    /// The route of a path (without the query), if a model is called there.
    pub(crate) fn find(path: &str, query: &str) -> Option<Route> {
        let to = |api: &'static dyn Api, model: Option<&str>| {
            Some(Route { api, model: model.map(str::to_string), is_stream: false, is_sse: true })
        };
        match path.strip_prefix("/openai").unwrap_or(path) {
            "/v1/chat/completions" => return to(&chat::Chat, None),
            "/v1/responses" => return to(&responses::Responses, None),
            "/v1/embeddings" => return to(&embeddings::Embeddings, None),
            _ => {}
        }
        if let Some(rest) = path.strip_prefix("/openai/deployments/") {
            // Azure's paths; without a version of the API there is nothing there.
            let has_version = query.split('&').any(|pair| pair.starts_with("api-version="));
            return match rest.split_once('/').filter(|_| has_version)? {
                (model, "chat/completions") => to(&chat::Chat, Some(model)),
                (model, "embeddings") => to(&embeddings::Embeddings, Some(model)),
                _ => None,
            };
        }
        if matches!(path, "/v1/messages" | "/anthropic/v1/messages") {
            return to(&anthropic::Messages, None);
        }
        let rest = path.strip_prefix("/gemini").unwrap_or(path);
        let rest = rest.strip_prefix("/v1beta").or_else(|| rest.strip_prefix("/v1"))?;
        let (model, verb) = rest.strip_prefix("/models/")?.rsplit_once(':')?;
        match verb {
            "generateContent" => to(&gemini::Generate, Some(model)),
            "streamGenerateContent" => {
                let is_sse = query.split('&').any(|pair| pair == "alt=sse");
                to(&gemini::Generate, Some(model)).map(|route| Route { is_stream: true, is_sse, ..route })
            }
            "embedContent" => to(&embeddings::GeminiEmbed { is_batch: false }, Some(model)),
            "batchEmbedContents" => to(&embeddings::GeminiEmbed { is_batch: true }, Some(model)),
            _ => None,
        }
    }
}

/// What the server needs of a request.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) model: String,
    /// The text of the last user message.
    pub(crate) question: String,
    pub(crate) input_tokens: u64,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) logprobs: bool,
    pub(crate) json: bool,
    pub(crate) stream: bool,
    /// Whether a stream is of server-sent events rather than of JSON.
    pub(crate) sse: bool,
    /// Whether a stream tells its usage.
    pub(crate) include_usage: bool,
    /// A tool that must be called.
    pub(crate) tool: Option<String>,
    /// The texts to embed; such a request has no answer of words.
    pub(crate) texts: Option<Vec<String>>,
    pub(crate) dimensions: Option<usize>,
    /// Whether embeddings are wanted as base64.
    pub(crate) base64: bool,
}

impl Call {
    /// Whether a schema or a mode asks for JSON, or a tool for arguments.
    fn wants_json(&self) -> bool {
        self.json || self.tool.is_some()
    }
}

/// How many tokens of each kind a call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tokens {
    /// All of the prompt.
    pub(crate) input: u64,
    /// Of the prompt: read from the provider's cache.
    pub(crate) cached_input: u64,
    /// Of the prompt: written to the provider's cache.
    pub(crate) cache_write: u64,
    /// All of the answer, reasoning included.
    pub(crate) output: u64,
    /// Of the answer: reasoning.
    pub(crate) reasoning: u64,
}

impl Tokens {
    pub(crate) fn add(&mut self, other: &Tokens) {
        self.input += other.input;
        self.cached_input += other.cached_input;
        self.cache_write += other.cache_write;
        self.output += other.output;
        self.reasoning += other.reasoning;
    }
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    Length,
    Tool,
    Refusal,
    ContentFilter,
    /// Nothing was said, and nothing says why.
    Empty,
}

/// An answer, cut to the tokens that the request allows.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) tokens: Tokens,
    pub(crate) finish: Finish,
}

const REFUSAL: &str = "I'm sorry, but I can't help with that.";

impl Answer {
    pub(crate) fn new(mut text: String, call: &Call, habits: Habits, finish: Finish) -> Answer {
        if call.wants_json() {
            text = json!({ "answer": text }).to_string();
        }
        let mut reasoning = reasoning_text(habits.reasoning_tokens);
        let mut finish = match (finish, &call.tool) {
            (Finish::Stop, Some(_)) => Finish::Tool,
            (finish, _) => finish,
        };
        let mut most = call.max_tokens.unwrap_or(u64::MAX);
        match finish {
            Finish::Refusal => text = REFUSAL.to_string(),
            Finish::Empty => (text, reasoning) = (String::new(), String::new()),
            // Half of the answer was said when the filter, or an end of the model's own, came.
            Finish::ContentFilter | Finish::Length => most = most.min((tokens::count(&text) / 2).max(1)),
            Finish::Stop | Finish::Tool => {}
        }
        if call.texts.is_some() {
            (text, reasoning, finish) = (String::new(), String::new(), Finish::Stop);
        }
        let thought = cut(&mut reasoning, most);
        let said = cut(&mut text, most - thought.min(most));
        if thought.is_cut || said.is_cut {
            finish = if finish == Finish::ContentFilter { finish } else { Finish::Length };
        }
        let share = |share: f64| (call.input_tokens as f64 * share) as u64;
        let cached_input = share(habits.cached_share);
        let tokens = Tokens {
            input: call.input_tokens,
            cached_input,
            cache_write: share(habits.cache_write_share).min(call.input_tokens - cached_input),
            output: thought.tokens + said.tokens,
            reasoning: thought.tokens,
        };
        Answer { text, reasoning, tokens, finish }
    }
}

impl Answer {
    /// This answer, of which nothing was said.
    pub(crate) fn held_back(mut self) -> Answer {
        self.text.clear();
        self.reasoning.clear();
        self.tokens.output = 0;
        self.tokens.reasoning = 0;
        self
    }
}

struct Cut {
    tokens: u64,
    is_cut: bool,
}

impl Cut {
    fn min(&self, most: u64) -> u64 {
        self.tokens.min(most)
    }
}

/// Cuts a text to at most so many tokens.
fn cut(text: &mut String, most: u64) -> Cut {
    let tokens = tokens::count(text);
    if tokens <= most {
        return Cut { tokens, is_cut: false };
    }
    let length = tokens::pieces(text).take(most as usize).map(str::len).sum();
    text.truncate(length);
    Cut { tokens: most, is_cut: true }
}

/// Text of so many tokens.
fn reasoning_text(tokens: u64) -> String {
    const WORDS: [&str; 8] = ["We", " look", " at", " it", " once", " more", " and", " then"];
    (0..tokens as usize).map(|i| WORDS[i % WORDS.len()]).collect()
}

/// What stands around an answer in the response.
pub(crate) struct Frame<'a> {
    /// Unique to the request.
    pub(crate) id: &'a str,
    /// Seconds since 1970.
    pub(crate) created: u64,
    pub(crate) model: &'a str,
    pub(crate) fingerprint: &'a str,
}

/// Why a request gets an error.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) cause: Cause,
    pub(crate) message: String,
    /// How long to wait, for formats that say it in the body.
    pub(crate) wait: Option<std::time::Duration>,
}

/// The cause of an error, for which each format has words of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Invalid,
    BadKey,
    NoModel,
    RateLimit(Limit),
    TooLarge(Limit),
    Server,
    Unavailable,
    Overloaded,
    /// Told by a script.
    Scripted,
}

impl Problem {
    pub(crate) fn new(status: u16, cause: Cause, message: impl Into<String>) -> Problem {
        Problem { status, cause, message: message.into(), wait: None }
    }
}

/// The bearer token, or the value of the header named.
fn bearer_or<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("authorization").and_then(|value| value.strip_prefix("Bearer ")).or_else(|| text(name))
}

/// A field that must be a whole number of at least 1, if it is there.
fn positive(value: &Value, name: &str) -> Result<Option<u64>, String> {
    match value {
        Value::Null => Ok(None),
        value => match value.as_u64() {
            Some(number) if number > 0 => Ok(Some(number)),
            _ => Err(format!("'{name}' must be an integer of at least 1")),
        },
    }
}

/// A field that must lie in a range, if it is there.
fn in_range(value: &Value, name: &str, most: f64) -> Result<(), String> {
    match value.as_f64() {
        Some(number) if !(0.0..=most).contains(&number) => Err(format!("'{name}' must lie between 0 and {most}")),
        _ => Ok(()),
    }
}

/// The texts of a string or of a list of parts, joined by line ends.
fn text_of(content: &Value) -> Result<String, String> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            Ok(texts.join("\n"))
        }
        _ => Err("content must be text or a list of parts".to_string()),
    }
}

/// Log-probabilities between -2 and 0 that depend on the token and its place.
fn logprob(token: &str, place: usize) -> f64 {
    let unit = StableHash::new(place as u64).text(token).unit();
    -2.0 * unit * unit
}

/// One server-sent event without a name.
pub(crate) fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// One server-sent event that is named after the `type` of its data.
fn typed_event(data: &Value) -> Bytes {
    Bytes::from(format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default()))
}

pub(crate) fn json_bytes<T: Serialize + ?Sized>(value: &T) -> Bytes {
    // These are plain structs with string keys: they always serialize.
    serde_json::to_vec(value).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_formats() {
        let name = |path: &str, query: &str| Route::find(path, query).map(|route| (route.api.name(), route.model));
        let model = |name: &str| Some(name.to_string());
        for (path, query, expected) in [
            ("/v1/chat/completions", "", Some(("openai.chat", None))),
            ("/openai/v1/responses", "", Some(("openai.responses", None))),
            ("/openai/deployments/d/chat/completions", "api-version=1", Some(("openai.chat", model("d")))),
            ("/openai/deployments/d/chat/completions", "", None),
            ("/anthropic/v1/messages", "", Some(("anthropic.messages", None))),
            ("/gemini/v1beta/models/g-1:generateContent", "", Some(("gemini.generate", model("g-1")))),
            ("/v1/models/g-1:embedContent", "", Some(("gemini.embed", model("g-1")))),
            ("/v1/v1/chat/completions", "", None),
            ("/gemini/v2/models/g-1:generateContent", "", None),
            ("/v1/models", "", None),
        ] {
            assert_eq!(name(path, query), expected, "{path}");
        }
        let stream = Route::find("/v1/models/g:streamGenerateContent", "alt=sse").unwrap();
        assert!(stream.is_stream && stream.is_sse);
        assert!(!Route::find("/v1/models/g:streamGenerateContent", "").unwrap().is_sse);
    }

    fn answer(max_tokens: Option<u64>, reasoning_tokens: u64, finish: Finish) -> Answer {
        let call = Call { input_tokens: 10, max_tokens, ..Call::default() };
        let habits = Habits { cached_share: 0.5, cache_write_share: 0.9, reasoning_tokens, ..Habits::default() };
        Answer::new("one two three four".to_string(), &call, habits, finish)
    }

    #[test]
    fn an_answer_ends_at_max_tokens() {
        let cut = answer(Some(2), 0, Finish::Stop);
        assert_eq!((cut.text.as_str(), cut.tokens.output, cut.finish), ("one two", 2, Finish::Length));
        let whole = answer(Some(4), 0, Finish::Stop);
        assert_eq!((whole.text.as_str(), whole.tokens.output, whole.finish), ("one two three four", 4, Finish::Stop));
    }

    #[test]
    fn reasoning_counts_as_output_and_comes_first() {
        let both = answer(Some(8), 6, Finish::Stop);
        assert_eq!((both.text.as_str(), both.tokens.output, both.tokens.reasoning), ("one two", 8, 6));
        assert_eq!(tokens::count(&both.reasoning), 6);
        let thought = answer(Some(5), 6, Finish::Stop);
        assert_eq!((thought.text.as_str(), thought.tokens.output, thought.finish), ("", 5, Finish::Length));
    }

    #[test]
    fn parts_of_the_prompt_are_parts() {
        let tokens = answer(None, 0, Finish::Stop).tokens;
        assert_eq!((tokens.input, tokens.cached_input, tokens.cache_write), (10, 5, 5));
    }

    #[test]
    fn answers_end_in_other_ways() {
        assert_eq!(answer(None, 0, Finish::Refusal).text, REFUSAL);
        assert_eq!(answer(None, 0, Finish::ContentFilter).text, "one two");
        let empty = answer(None, 3, Finish::Empty);
        assert_eq!((empty.text.as_str(), empty.tokens.output, empty.tokens.input), ("", 0, 10));
    }
}
