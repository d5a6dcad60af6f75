//! What a response says, whole or in the chunks of a stream.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{WHAT, words};
use crate::completion::{Status, Usage};
use crate::provider::classify::{ErrorBody, Failure};
use crate::provider::format::{Parsed, StreamParser, StreamStep};
use crate::provider::wire::{self, Said};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<UsageMetadata>,
    model_version: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    index: u32,
    content: Option<SaidContent>,
    finish_reason: Option<String>,
    logprobs_result: Option<LogprobsResult>,
}

#[derive(Deserialize)]
struct SaidContent {
    #[serde(default)]
    parts: Vec<SaidPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SaidPart {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
    function_call: Option<FunctionCall>,
    thought_signature: Option<String>,
}

#[derive(Deserialize)]
struct FunctionCall {
    id: Option<String>,
    name: String,
    #[serde(default)]
    args: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogprobsResult {
    #[serde(default)]
    chosen_candidates: Vec<ChosenToken>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChosenToken {
    log_probability: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageMetadata {
    prompt_token_count: Option<i64>,
    tool_use_prompt_token_count: Option<i64>,
    cached_content_token_count: Option<i64>,
    candidates_token_count: Option<i64>,
    thoughts_token_count: Option<i64>,
}

impl From<UsageMetadata> for Usage {
    fn from(wire: UsageMetadata) -> Self {
        let tool_use = wire.tool_use_prompt_token_count.unwrap_or(0);
        // What is zero is left out on the wire.
        let thoughts = wire.thoughts_token_count.unwrap_or(0);
        Usage {
            input_tokens: wire.prompt_token_count.map(|prompt| prompt.saturating_add(tool_use)),
            cached_input_tokens: wire.cached_content_token_count,
            cache_write_tokens: None,
            output_tokens: match (wire.candidates_token_count, wire.prompt_token_count) {
                (Some(answered), _) => Some(answered.saturating_add(thoughts)),
                (None, Some(_)) => Some(thoughts),
                (None, None) => None,
            },
            reasoning_tokens: wire.thoughts_token_count,
        }
    }
}

/// What a whole response of `length` bytes comes to.
pub(super) fn read(http_status: u16, response: Response, length: usize) -> Parsed {
    let mut collected = Collected { bytes: length, ..Collected::default() };
    collected.add(response);
    collected.end(http_status)
}

/// What one response, or the chunks of a stream, have brought.
#[derive(Default)]
struct Collected {
    said: Said,
    thoughts: String,
    calls: Vec<Value>,
    has_candidate: bool,
    block_reason: Option<String>,
    error: Option<ErrorBody>,
    usage: Usage,
    bytes: usize,
}

impl Collected {
    /// Takes a response; whether it has brought a piece of the answer.
    fn add(&mut self, response: Response) -> bool {
        if let Some(usage) = response.usage_metadata {
            self.usage = usage.into();
        }
        if let Some(error) = response.error.filter(|error| !error.is_null()) {
            self.error = Some(words(&error));
            return false;
        }
        self.said.model_answered = response.model_version.or(self.said.model_answered.take());
        self.block_reason = response.prompt_feedback.and_then(|f| f.block_reason).or(self.block_reason.take());
        let mut is_token = false;
        for candidate in response.candidates.into_iter().filter(|candidate| candidate.index == 0) {
            self.has_candidate = true;
            self.said.finish_reason = candidate.finish_reason.or(self.said.finish_reason.take());
            if let Some(logprobs) = candidate.logprobs_result {
                let tokens = logprobs.chosen_candidates.iter().map(|token| token.log_probability);
                self.said.logprobs.get_or_insert_default().extend(tokens);
            }
            for part in candidate.content.into_iter().flat_map(|content| content.parts) {
                is_token |= self.part(part);
            }
        }
        is_token
    }

    fn part(&mut self, part: SaidPart) -> bool {
        if let Some(call) = part.function_call {
            let arguments = if call.args.is_null() { "{}".to_string() } else { call.args.to_string() };
            // Without an id of the API's the place among the calls is one.
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{}", self.calls.len()));
            let mut json = json!({"id": id, "type": "function",
                "function": {"name": call.name, "arguments": arguments}});
            if let Some(signature) = part.thought_signature {
                json["extra_content"] = json!({"google": {"thought_signature": signature}});
            }
            self.calls.push(json);
            return true;
        }
        match part.text {
            None => false,
            Some(text) if part.thought => {
                self.thoughts.push_str(&text);
                !text.is_empty()
            }
            Some(text) => {
                self.said.push_text(&text);
                !text.is_empty()
            }
        }
    }

    fn end(self, http_status: u16) -> Parsed {
        let usage = self.usage;
        let mut said = self.said;
        said.reasoning = self.thoughts;
        said.tool_calls = (!self.calls.is_empty()).then(|| Value::from(self.calls).to_string());
        if let Some(words) = self.error {
            return (Err(wire::error_in_success(http_status, &words, self.bytes)), usage);
        }
        if !self.has_candidate {
            let Some(reason) = self.block_reason else {
                return (Err(wire::broken(WHAT, http_status, self.bytes, false)), usage);
            };
            said.finish_reason = Some(reason);
            return (Ok(said.ended(Status::ContentFiltered)), usage);
        }
        let status = match said.finish_reason.as_deref() {
            // The second is not the API's, but servers that imitate it say so of tool calls.
            Some("STOP" | "FUNCTION_CALL") => Status::Ok,
            Some("MAX_TOKENS" | "CONTINUATION") => Status::Truncated,
            Some(
                "SAFETY"
                | "RECITATION"
                | "LANGUAGE"
                | "BLOCKLIST"
                | "PROHIBITED_CONTENT"
                | "SPII"
                | "IMAGE_SAFETY"
                | "IMAGE_PROHIBITED_CONTENT"
                | "IMAGE_RECITATION"
                | "ESCALATION"
                | "MODEL_ARMOR",
            ) => Status::ContentFiltered,
            Some(
                "MALFORMED_FUNCTION_CALL"
                | "UNEXPECTED_TOOL_CALL"
                | "TOO_MANY_TOOL_CALLS"
                | "MALFORMED_RESPONSE"
                | "NO_IMAGE",
            ) => Status::ParseFailed,
            Some("MISSING_THOUGHT_SIGNATURE") => {
                let what = "a tool call of an earlier message lacks its thought signature";
                return (Err(wire::final_failure(Status::InvalidRequest, http_status, what)), usage);
            }
            Some("PUP_LIMITED_DISABLED") => {
                let what = "the account is limited for violations of the provider's use policy";
                return (Err(wire::final_failure(Status::AuthFailed, http_status, what)), usage);
            }
            Some("OTHER" | "IMAGE_OTHER" | "FINISH_REASON_UNSPECIFIED") => {
                let failure = Failure::transient(Status::ServerError, "the model stopped for a reason not specified");
                return (Err(Failure { http_status: Some(http_status), ..failure }), usage);
            }
            _ => return (Err(said.unknown_end(http_status, "finishReason")), usage),
        };
        (Ok(said.ended(status)), usage)
    }
}

/// The chunks of one stream so far. Each is a response; the stream has no end marker but the finish reason.
#[derive(Default)]
pub(super) struct ResponseStream {
    collected: Collected,
    is_broken: bool,
}

impl StreamParser for ResponseStream {
    fn event(&mut self, _event: &str, data: &[u8]) -> StreamStep {
        self.collected.bytes += data.len();
        let Ok(response) = serde_json::from_slice::<Response>(data) else {
            self.is_broken = true;
            return StreamStep::Done;
        };
        match self.collected.add(response) {
            _ if self.collected.error.is_some() => StreamStep::Done,
            true => StreamStep::Token,
            false => StreamStep::Continue,
        }
    }

    fn finish(self: Box<Self>, http_status: u16, complete: bool) -> Parsed {
        let ended = &self.collected;
        let is_ended = ended.said.finish_reason.is_some() || ended.block_reason.is_some() || ended.error.is_some();
        let usage = ended.usage;
        if self.is_broken {
            return (Err(wire::broken(WHAT, http_status, ended.bytes, false)), usage);
        }
        // Chunks may follow the one with the finish reason, so that only the end of the response says that it is whole.
        if ended.error.is_none() && (!is_ended || !complete) {
            return (Err(wire::stream_cut(http_status, complete, ended.bytes)), usage);
        }
        self.collected.end(http_status)
    }
}
