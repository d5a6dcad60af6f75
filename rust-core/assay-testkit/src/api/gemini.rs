//! Gemini's generateContent and streamGenerateContent.

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::{Value, json};

use super::{
    Answer, Api, Call, Cause, Finish, Frame, Problem, Route, Tokens, event, in_range, json_bytes, logprob, positive,
};
use crate::quota::Limit;
use crate::tokens;

pub(super) struct Generate;

impl Api for Generate {
    fn name(&self) -> &'static str {
        "gemini.generate"
    }

    fn read(&self, route: &Route, _headers: &HeaderMap, body: &Value) -> Result<Call, String> {
        let contents = body["contents"].as_array().filter(|contents| !contents.is_empty());
        let contents = contents.ok_or("* GenerateContentRequest.contents: contents is not specified")?;
        let config = &body["generationConfig"];
        if config.get("candidateCount").is_some_and(|n| !n.is_null() && *n != 1) {
            return Err("generationConfig.candidateCount must be 1".to_string());
        }
        in_range(&config["temperature"], "generationConfig.temperature", 2.0)?;
        let mut input_tokens = tokens::count(&parts_text(&body["systemInstruction"]));
        let mut question = None;
        for content in contents {
            let text = parts_text(content);
            input_tokens += 1 + tokens::count(&text);
            match content["role"].as_str() {
                None | Some("user" | "function") => question = Some(text),
                Some("model") => {}
                Some(_) => return Err("Please use a valid role: user, model.".to_string()),
            }
        }
        let calling = &body["toolConfig"]["functionCallingConfig"];
        let tool = (calling["mode"] == "ANY")
            .then(|| {
                let allowed = calling["allowedFunctionNames"][0].as_str();
                allowed.or(body["tools"][0]["functionDeclarations"][0]["name"].as_str())
            })
            .flatten();
        Ok(Call {
            model: route.model.clone().unwrap_or_default(),
            question: question.unwrap_or_default(),
            input_tokens,
            max_tokens: positive(&config["maxOutputTokens"], "generationConfig.maxOutputTokens")?,
            logprobs: config["responseLogprobs"] == true,
            json: config["responseMimeType"] == "application/json",
            stream: route.is_stream,
            sse: route.is_sse,
            include_usage: true,
            tool: tool.map(str::to_string),
            ..Call::default()
        })
    }

    fn key<'a>(&self, headers: &'a HeaderMap, query: &'a str) -> Option<&'a str> {
        key(headers, query)
    }

    fn whole(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Bytes {
        if matches!(answer.finish, Finish::ContentFilter | Finish::Empty) {
            return json_bytes(&blocked(frame, answer));
        }
        let mut parts = Vec::new();
        if !answer.reasoning.is_empty() {
            parts.push(json!({"text": answer.reasoning, "thought": true}));
        }
        if answer.finish == Finish::Tool {
            parts.push(function_call(call, answer));
        } else if !answer.text.is_empty() && answer.finish != Finish::Refusal {
            parts.push(json!({"text": answer.text}));
        }
        let mut response = response(frame, &answer.tokens);
        let mut candidate = candidate(parts, Some(finish_reason(answer)));
        if call.logprobs {
            candidate["logprobsResult"] = logprobs(answer);
            candidate["avgLogprobs"] = json!(-0.5);
        }
        response["candidates"] = json!([candidate]);
        json_bytes(&response)
    }

    fn events(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Vec<Bytes> {
        let mut chunks = Vec::new();
        if matches!(answer.finish, Finish::ContentFilter | Finish::Empty) {
            chunks.push(blocked(frame, answer));
        } else {
            let begun = Tokens { output: 0, reasoning: 0, ..answer.tokens };
            let mut push = |part: Value| {
                let mut chunk = response(frame, &begun);
                chunk["candidates"] = json!([candidate(vec![part], None)]);
                chunks.push(chunk);
            };
            for token in tokens::pieces(&answer.reasoning) {
                push(json!({"text": token, "thought": true}));
            }
            match answer.finish {
                Finish::Tool => push(function_call(call, answer)),
                Finish::Refusal => {}
                _ => tokens::pieces(&answer.text).for_each(|token| push(json!({ "text": token }))),
            }
            // The last chunk has the usage and the reason of the end, and the last word with it.
            if chunks.is_empty() {
                let mut chunk = response(frame, &begun);
                chunk["candidates"] = json!([candidate(Vec::new(), None)]);
                chunks.push(chunk);
            }
            if let Some(last) = chunks.last_mut() {
                last["candidates"][0]["finishReason"] = finish_reason(answer).into();
                last["usageMetadata"] = usage(&answer.tokens);
            }
        }
        if call.sse {
            return chunks.iter().map(event).collect();
        }
        let last = chunks.len().saturating_sub(1);
        let join = |(i, chunk): (usize, &Value)| {
            let (before, after) = (if i == 0 { "[" } else { "" }, if i == last { "]\n" } else { ",\r\n" });
            Bytes::from(format!("{before}{chunk}{after}"))
        };
        chunks.iter().enumerate().map(join).collect()
    }

    fn error(&self, problem: &Problem) -> Value {
        error(problem)
    }

    fn broken_events(&self) -> Vec<Bytes> {
        vec![Bytes::from_static(b"data: {\"candidates\": [{\"content\": [\n\n")]
    }

    fn filters_prompts(&self) -> bool {
        true
    }

    fn has_retry_after(&self) -> bool {
        false
    }
}

pub(super) fn key<'a>(headers: &'a HeaderMap, query: &'a str) -> Option<&'a str> {
    let in_query = || query.split('&').find_map(|pair| pair.strip_prefix("key="));
    headers.get("x-goog-api-key").and_then(|value| value.to_str().ok()).or_else(in_query)
}

/// How long to wait stands in the body, and in no header.
pub(super) fn error(problem: &Problem) -> Value {
    let status = match problem.cause {
        Cause::Invalid => "INVALID_ARGUMENT",
        Cause::BadKey => "UNAUTHENTICATED",
        Cause::NoModel => "NOT_FOUND",
        Cause::RateLimit(_) | Cause::TooLarge(_) => "RESOURCE_EXHAUSTED",
        Cause::Server => "INTERNAL",
        Cause::Unavailable | Cause::Overloaded => "UNAVAILABLE",
        Cause::Scripted => match problem.status {
            400 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            429 => "RESOURCE_EXHAUSTED",
            499 => "CANCELLED",
            503 => "UNAVAILABLE",
            504 => "DEADLINE_EXCEEDED",
            _ => "INTERNAL",
        },
    };
    let mut error = json!({"code": problem.status, "message": problem.message, "status": status});
    let mut details = Vec::new();
    if let Cause::RateLimit(limit) | Cause::TooLarge(limit) = problem.cause {
        let metric = if limit == Limit::Requests { "requests" } else { "input_token_count" };
        let metric = format!("generativelanguage.googleapis.com/generate_content_{metric}");
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaMetric": metric}],
        }));
    }
    if let Some(wait) = problem.wait {
        let seconds = wait.as_micros().div_ceil(1000) as f64 / 1000.0;
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s"),
        }));
    }
    if !details.is_empty() {
        error["details"] = details.into();
    }
    json!({ "error": error })
}

fn parts_text(content: &Value) -> String {
    let parts = content["parts"].as_array().map_or(&[][..], Vec::as_slice);
    let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    texts.join("\n")
}

fn response(frame: &Frame<'_>, tokens: &Tokens) -> Value {
    json!({"usageMetadata": usage(tokens), "modelVersion": frame.model, "responseId": frame.id})
}

/// The prompt was refused: there is no candidate. Without a reason where the end says nothing.
fn blocked(frame: &Frame<'_>, answer: &Answer) -> Value {
    let mut blocked = response(frame, &answer.tokens);
    if answer.finish == Finish::ContentFilter {
        blocked["promptFeedback"] = json!({"blockReason": "PROHIBITED_CONTENT"});
    }
    blocked
}

fn candidate(parts: Vec<Value>, finish_reason: Option<&str>) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
    if let Some(reason) = finish_reason {
        candidate["finishReason"] = reason.into();
    }
    candidate
}

fn function_call(call: &Call, answer: &Answer) -> Value {
    let args: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    json!({"functionCall": {"name": call.tool, "args": args}})
}

/// Reasoning is no part of `candidatesTokenCount` here; what is cached is part of `promptTokenCount`.
fn usage(tokens: &Tokens) -> Value {
    let mut usage = json!({
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": tokens.output - tokens.reasoning,
        "totalTokenCount": tokens.input + tokens.output,
    });
    if tokens.cached_input > 0 {
        usage["cachedContentTokenCount"] = tokens.cached_input.into();
    }
    if tokens.reasoning > 0 {
        usage["thoughtsTokenCount"] = tokens.reasoning.into();
    }
    usage
}

fn finish_reason(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Stop | Finish::Tool | Finish::Empty => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Refusal => "SAFETY",
        Finish::ContentFilter => "PROHIBITED_CONTENT",
    }
}

fn logprobs(answer: &Answer) -> Value {
    let chosen = tokens::pieces(&answer.text)
        .enumerate()
        .map(|(i, token)| json!({"token": token, "logProbability": logprob(token, i)}));
    json!({"chosenCandidates": chosen.collect::<Vec<Value>>()})
}
