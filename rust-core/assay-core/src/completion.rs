//! What a model call comes to: the completion struct of SQL, as a Rust type.

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($(#[doc = $doc:literal])+ $status:ident => $name:literal, $condition:literal,)+) => {
        /// How a call ended. Every row has one; a row that failed never fails the job.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Status { $($(#[doc = $doc])+ $status,)+ }

        impl Status {
            /// Every status.
            pub const ALL: &'static [Status] = &[$(Status::$status,)+];

            /// The name in the `status` column, for instance `rate_limited`.
            pub fn name(self) -> &'static str {
                match self { $(Status::$status => $name,)+ }
            }

            /// The status of this name.
            pub fn from_name(name: &str) -> Option<Status> {
                match name { $($name => Some(Status::$status),)+ _ => None }
            }

            /// The name in `error.condition` when the call failed in this way.
            pub fn condition(self) -> &'static str {
                match self { $(Status::$status => $condition,)+ }
            }
        }
    };
}

statuses! {
    /// The model answered.
    Ok => "ok", "ASSAY_OK",
    /// The answer hit the token limit; what there is stands in `partial_text`.
    Truncated => "truncated", "ASSAY_TRUNCATED",
    /// The model declined to answer.
    Refused => "refused", "ASSAY_REFUSED",
    /// The provider's filter held back the prompt or the answer.
    ContentFiltered => "content_filtered", "ASSAY_CONTENT_FILTERED",
    /// An answer that should have had a structure did not have it.
    ParseFailed => "parse_failed", "ASSAY_PARSE_FAILED",
    /// The row has no prompt: it is NULL, or its template did not render.
    NoPrompt => "no_prompt", "ASSAY_NO_PROMPT",
    /// The provider, or a check before the call, refused the request as it stands.
    InvalidRequest => "invalid_request", "ASSAY_INVALID_REQUEST",
    /// The key was not accepted.
    AuthFailed => "auth_failed", "ASSAY_AUTH_FAILED",
    /// The account has no money left.
    QuotaExhausted => "quota_exhausted", "ASSAY_QUOTA_EXHAUSTED",
    /// Too many requests, to the last attempt.
    RateLimited => "rate_limited", "ASSAY_RATE_LIMITED",
    /// No answer in time.
    Timeout => "timeout", "ASSAY_TIMEOUT",
    /// The server failed, or answered something that is no answer.
    ServerError => "server_error", "ASSAY_SERVER_ERROR",
    /// No connection, or one that broke.
    NetworkError => "network_error", "ASSAY_NETWORK_ERROR",
    /// The budget of the run was spent.
    BudgetStopped => "budget_stopped", "ASSAY_BUDGET_STOPPED",
    /// Replaying, and the cache does not have the answer.
    ReplayMiss => "replay_miss", "ASSAY_REPLAY_MISS",
    /// The run was cancelled.
    Cancelled => "cancelled", "ASSAY_CANCELLED",
}

/// Why a call failed. Holds neither prompt nor answer nor key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// The machine-readable name, for instance `ASSAY_RATE_LIMITED`.
    pub condition: String,
    /// What is wrong, in words.
    pub message: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
    /// The HTTP status, where there was a response.
    pub http_status: Option<i32>,
}

/// Tokens of one or more attempts. `None` where the provider did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, those read from and written to the provider's cache included.
    pub input_tokens: Option<i64>,
    /// Tokens of the prompt that the provider read from its own prompt cache.
    pub cached_input_tokens: Option<i64>,
    /// Tokens that the provider wrote to its own prompt cache.
    pub cache_write_tokens: Option<i64>,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: Option<i64>,
    /// Tokens of the reasoning.
    pub reasoning_tokens: Option<i64>,
}

/// The completion struct.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// The answer; `None` unless `status` is ok.
    pub text: Option<String>,
    /// What came of an answer that is not ok.
    pub partial_text: Option<String>,
    /// The model's reasoning, where the provider shows it.
    pub reasoning: Option<String>,
    /// Tool calls as JSON text.
    pub tool_calls: Option<String>,
    /// The log probability of each answered token.
    pub logprobs: Option<Vec<f64>>,
    /// The vector, where the call was for an embedding. Not part of the JSON form, where it would be three times as long.
    #[serde(skip)]
    pub embedding: Option<Vec<f32>>,
    /// How the call ended.
    pub status: Status,
    /// Why it failed, if it did.
    pub error: Option<CallError>,
    /// The provider's word for why the answer ends.
    pub finish_reason: Option<String>,
    /// The model's name in the configuration.
    pub model: String,
    /// The model that the provider says answered.
    pub model_answered: Option<String>,
    /// Tokens of the answering attempt.
    pub usage: Usage,
    /// What this run paid for this row, billed failed attempts included; `None` where the price is unknown.
    pub cost_usd: Option<f64>,
    /// What a hit or a shared call saved.
    pub cost_avoided_usd: Option<f64>,
    /// The answering attempt's own time.
    pub latency_ms: Option<f64>,
    /// The time to the first token, where the answer was streamed.
    pub ttft_ms: Option<f64>,
    /// The time spent waiting: for quota, for a free connection, before a retry.
    pub wait_ms: Option<f64>,
    /// How many requests were sent.
    pub attempts: i32,
    /// Whether the answer came from the cache.
    pub cache_hit: bool,
    /// Whether the answer was bought for another row of this run.
    pub deduplicated: bool,
    /// When the answer arrived, in microseconds since the epoch.
    pub answered_at: Option<i64>,
    /// The cache key.
    pub request_key: Option<String>,
}

impl Completion {
    /// A completion of `status` in which nothing was called and nothing paid.
    ///
    /// ```
    /// use assay_core::completion::{Completion, Status};
    /// let row = Completion::uncalled("gpt", Status::NoPrompt);
    /// assert_eq!((row.attempts, row.cost_usd, row.text), (0, Some(0.0), None));
    /// ```
    pub fn uncalled(model: &str, status: Status) -> Self {
        Completion {
            text: None,
            partial_text: None,
            reasoning: None,
            tool_calls: None,
            logprobs: None,
            embedding: None,
            status,
            error: None,
            finish_reason: None,
            model: model.to_string(),
            model_answered: None,
            usage: Usage::default(),
            cost_usd: Some(0.0),
            cost_avoided_usd: None,
            latency_ms: None,
            ttft_ms: None,
            wait_ms: None,
            attempts: 0,
            cache_hit: false,
            deduplicated: false,
            answered_at: None,
            request_key: None,
        }
    }

    /// About how many bytes the completion takes in a batch.
    pub fn size(&self) -> usize {
        let text = |t: &Option<String>| t.as_ref().map_or(0, String::len);
        // 27 columns: about 200 bytes of numbers and offsets, and the two texts that every row has.
        300 + self.model.len()
            + text(&self.text)
            + text(&self.partial_text)
            + text(&self.reasoning)
            + text(&self.tool_calls)
            + text(&self.model_answered)
            + self.logprobs.as_ref().map_or(0, |l| l.len() * 8)
            + self.embedding.as_ref().map_or(0, |e| e.len() * 4)
            + self.error.as_ref().map_or(0, |e| e.message.len() + e.condition.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_follow_from_names() {
        for status in Status::ALL {
            assert_eq!(status.condition(), format!("ASSAY_{}", status.name().to_uppercase()));
            assert_eq!(Status::from_name(status.name()), Some(*status));
            assert_eq!(serde_json::to_string(status).unwrap(), format!("\"{}\"", status.name()));
        }
    }
}
