//! What a model said, and what is done with it whatever the wire format.

use serde::de::IgnoredAny;

use crate::completion::Status;

/// What a model said.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Ok, truncated, refused, content_filtered or parse_failed.
    pub status: Status,
    /// The answer, where the status is ok.
    pub text: Option<String>,
    /// What came of an answer that is not ok.
    pub partial_text: Option<String>,
    /// The reasoning, where the provider shows it.
    pub reasoning: Option<String>,
    /// Tool calls as JSON text, in the form of [`Message::tool_calls`](crate::message::Message::tool_calls).
    pub tool_calls: Option<String>,
    /// The log probability of each token.
    pub logprobs: Option<Vec<f64>>,
    /// The vector, where the call was for an embedding.
    pub embedding: Option<Vec<f32>>,
    /// The provider's word for why the answer ends.
    pub finish_reason: Option<String>,
    /// The model that the provider says answered.
    pub model_answered: Option<String>,
}

impl Answer {
    /// An answer of `status` that says nothing yet.
    pub fn new(status: Status) -> Self {
        Answer {
            status,
            text: None,
            partial_text: None,
            reasoning: None,
            tool_calls: None,
            logprobs: None,
            embedding: None,
            finish_reason: None,
            model_answered: None,
        }
    }

    /// Takes reasoning between `<tag>` and `</tag>` at the head of the text out of it. An answer that was cut before the end
    /// of its reasoning has no text. Nothing changes where the text does not begin with the tag.
    ///
    /// ```
    /// use assay_core::{completion::Status, provider::Answer};
    /// let mut answer = Answer { text: Some("<think>\nhm\n</think>\n\n42".into()), ..Answer::new(Status::Ok) };
    /// answer.separate_reasoning("think");
    /// assert_eq!((answer.reasoning.as_deref(), answer.text.as_deref()), (Some("hm"), Some("42")));
    /// ```
    pub fn separate_reasoning(&mut self, tag: &str) {
        let Some(text) = self.text.as_mut().or(self.partial_text.as_mut()) else { return };
        let Some(rest) = text.trim_start().strip_prefix(&format!("<{tag}>")) else { return };
        let (reasoning, answer) = rest.split_once(&format!("</{tag}>")).unwrap_or((rest, ""));
        let reasoning = reasoning.trim().to_string();
        *text = answer.trim_start().to_string();
        if !reasoning.is_empty() && self.reasoning.is_none() {
            self.reasoning = Some(reasoning);
        }
    }

    /// Makes an ok answer that is no JSON a `parse_failed` one. An answer of tool calls alone has no text to read.
    pub fn require_json(&mut self) {
        let is_broken = match (&self.text, self.status) {
            (Some(text), Status::Ok) if !(text.is_empty() && self.tool_calls.is_some()) => {
                serde_json::from_str::<IgnoredAny>(text).is_err()
            }
            _ => false,
        };
        if is_broken {
            self.status = Status::ParseFailed;
            self.partial_text = self.text.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: Status, text: &str) -> Answer {
        let (ok, other) = if status == Status::Ok { (Some(text), None) } else { (None, Some(text)) };
        Answer { text: ok.map(str::to_string), partial_text: other.map(str::to_string), ..Answer::new(status) }
    }

    #[test]
    fn reasoning_at_the_head_only() {
        for (status, text, reasoning, rest) in [
            (Status::Ok, " \n<think>a</think>b", Some("a"), "b"),
            (Status::Ok, "<think></think>\nb", None, "b"),
            (Status::Ok, "b <think>a</think>", None, "b <think>a</think>"),
            (Status::Ok, "<thinking>a</thinking>b", None, "<thinking>a</thinking>b"),
            (Status::Ok, "<think>a</think>b<think>c</think>", Some("a"), "b<think>c</think>"),
            (Status::Truncated, "<think>a and", Some("a and"), ""),
            (Status::Truncated, "<think>a</think>b", Some("a"), "b"),
        ] {
            let mut answer = answer(status, text);
            answer.separate_reasoning("think");
            let found = answer.text.as_deref().or(answer.partial_text.as_deref());
            assert_eq!((answer.reasoning.as_deref(), found), (reasoning, Some(rest)), "{text}");
            assert_eq!(answer.text.is_some(), status == Status::Ok);
        }
    }

    #[test]
    fn what_should_be_json_and_is_not() {
        for (status, text, expected) in [
            (Status::Ok, "{\"a\": 1}", Status::Ok),
            (Status::Ok, " [1] \n", Status::Ok),
            (Status::Ok, "{\"a\": 1", Status::ParseFailed),
            (Status::Ok, "", Status::ParseFailed),
            (Status::Ok, "```json\n{}\n```", Status::ParseFailed),
            (Status::Truncated, "{\"a\"", Status::Truncated),
            (Status::Refused, "no", Status::Refused),
        ] {
            let mut answer = answer(status, text);
            answer.require_json();
            assert_eq!(answer.status, expected, "{text}");
            let is_ok = expected == Status::Ok;
            assert_eq!(answer.text.as_deref(), is_ok.then_some(text));
            assert_eq!(answer.partial_text.as_deref(), (!is_ok).then_some(text));
        }
        let mut calls = Answer { tool_calls: Some("[]".into()), ..answer(Status::Ok, "") };
        calls.require_json();
        assert_eq!(calls.status, Status::Ok);
    }
}
