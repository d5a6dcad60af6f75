//! OpenAI's responses.

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::{Value, json};

use super::{
    Answer, Api, Call, Finish, Frame, Problem, Route, bearer_or, chat, in_range, json_bytes, logprob, positive,
    text_of, typed_event,
};
use crate::quota::Verdict;
use crate::tokens;

pub(super) struct Responses;

impl Api for Responses {
    fn name(&self) -> &'static str {
        "openai.responses"
    }

    fn read(&self, _route: &Route, _headers: &HeaderMap, body: &Value) -> Result<Call, String> {
        let model = body["model"].as_str().ok_or("Missing required parameter: 'model'.")?.to_string();
        in_range(&body["temperature"], "temperature", 2.0)?;
        let mut input_tokens = 3 + tokens::count(body["instructions"].as_str().unwrap_or_default());
        let question = match &body["input"] {
            Value::String(text) => {
                input_tokens += 3 + tokens::count(text);
                text.clone()
            }
            Value::Array(items) if !items.is_empty() => {
                let mut question = None;
                for item in items {
                    let text = text_of(&item["content"])?;
                    input_tokens += 3 + tokens::count(&text);
                    if item["role"] == "user" {
                        question = Some(text);
                    }
                }
                question.unwrap_or_default()
            }
            _ => return Err("Missing required parameter: 'input'.".to_string()),
        };
        let choice = &body["tool_choice"];
        let tool = match choice.as_str() {
            Some("required") => body["tools"][0]["name"].as_str(),
            _ => choice["name"].as_str(),
        };
        let includes = body["include"].as_array().map_or(&[][..], Vec::as_slice);
        Ok(Call {
            model,
            question,
            input_tokens,
            max_tokens: positive(&body["max_output_tokens"], "max_output_tokens")?,
            logprobs: includes.iter().any(|name| name == "message.output_text.logprobs"),
            json: matches!(body["text"]["format"]["type"].as_str(), Some("json_object" | "json_schema")),
            stream: body["stream"] == true,
            include_usage: true,
            tool: tool.map(str::to_string),
            ..Call::default()
        })
    }

    fn key<'a>(&self, headers: &'a HeaderMap, _query: &'a str) -> Option<&'a str> {
        bearer_or(headers, "api-key")
    }

    fn whole(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Bytes {
        json_bytes(&response(frame, call, answer))
    }

    fn events(&self, frame: &Frame<'_>, call: &Call, answer: &Answer) -> Vec<Bytes> {
        let whole = response(frame, call, answer);
        let mut begun = whole.clone();
        begun["status"] = json!("in_progress");
        begun["output"] = json!([]);
        begun["usage"] = Value::Null;
        begun["incomplete_details"] = Value::Null;
        let mut events = vec![
            json!({"type": "response.created", "response": begun}),
            json!({"type": "response.in_progress", "response": begun}),
        ];
        for (index, item) in output(frame, call, answer).into_iter().enumerate() {
            push_item(&mut events, index, &item, answer);
        }
        let end = if whole["status"] == "incomplete" { "response.incomplete" } else { "response.completed" };
        events.push(json!({"type": end, "response": whole}));
        for (i, event) in events.iter_mut().enumerate() {
            event["sequence_number"] = i.into();
        }
        events.iter().map(typed_event).collect()
    }

    fn error(&self, problem: &Problem) -> Value {
        chat::error(problem)
    }

    fn error_event(&self, problem: &Problem) -> Bytes {
        typed_event(&json!({"type": "error", "code": "server_error", "message": problem.message, "param": null}))
    }

    fn broken_events(&self) -> Vec<Bytes> {
        let broken = b"event: response.output_text.delta\ndata: {\"type\": \"response.output_text.delta\", [{\n\n";
        vec![Bytes::from_static(broken)]
    }

    fn put_rate_headers(&self, headers: &mut HeaderMap, verdict: &Verdict) {
        chat::put_rate_headers(headers, verdict);
    }
}

/// The events of one item of the output.
fn push_item(events: &mut Vec<Value>, index: usize, item: &Value, answer: &Answer) {
    let id = &item["id"];
    let mut added = item.clone();
    let of_item = |mut event: Value| {
        event["item_id"] = id.clone();
        event["output_index"] = index.into();
        event
    };
    match item["type"].as_str() {
        Some("message") => {
            added["content"] = json!([]);
            added["status"] = json!("in_progress");
            events.push(json!({"type": "response.output_item.added", "output_index": index, "item": added}));
            let part = &item["content"][0];
            let (field, kind) =
                if part["type"] == "refusal" { ("refusal", "refusal") } else { ("text", "output_text") };
            let mut begun = part.clone();
            begun[field] = json!("");
            events.push(of_item(json!({"type": "response.content_part.added", "content_index": 0, "part": begun})));
            for token in tokens::pieces(&answer.text) {
                let kind = format!("response.{kind}.delta");
                events.push(of_item(json!({"type": kind, "content_index": 0, "delta": token, "logprobs": []})));
            }
            let kind = format!("response.{kind}.done");
            let mut done = json!({"type": kind, "content_index": 0});
            done[field] = part[field].clone();
            events.push(of_item(done));
            events.push(of_item(json!({"type": "response.content_part.done", "content_index": 0, "part": part})));
        }
        Some("function_call") => {
            added["arguments"] = json!("");
            events.push(json!({"type": "response.output_item.added", "output_index": index, "item": added}));
            for token in tokens::pieces(&answer.text) {
                events.push(of_item(json!({"type": "response.function_call_arguments.delta", "delta": token})));
            }
            let arguments = &item["arguments"];
            events.push(of_item(json!({"type": "response.function_call_arguments.done", "arguments": arguments})));
        }
        _ => events.push(json!({"type": "response.output_item.added", "output_index": index, "item": added})),
    }
    events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
}

fn output(frame: &Frame<'_>, call: &Call, answer: &Answer) -> Vec<Value> {
    let mut output = Vec::new();
    if !answer.reasoning.is_empty() {
        let summary = json!([{"type": "summary_text", "text": answer.reasoning}]);
        output.push(json!({"type": "reasoning", "id": format!("rs_{}", frame.id), "summary": summary}));
    }
    let status = if is_incomplete(answer) { "incomplete" } else { "completed" };
    let content = match (answer.finish, &call.tool) {
        (Finish::Empty, _) => return output,
        (Finish::Tool, Some(name)) => {
            output.push(json!({
                "type": "function_call", "id": format!("fc_{}", frame.id), "call_id": format!("call_{}", frame.id),
                "name": name, "arguments": answer.text, "status": status,
            }));
            return output;
        }
        (Finish::Refusal, _) => json!({"type": "refusal", "refusal": answer.text}),
        _ if answer.text.is_empty() => return output,
        _ => json!({"type": "output_text", "text": answer.text, "annotations": [], "logprobs": logprobs(call, answer)}),
    };
    output.push(json!({
        "type": "message", "id": format!("msg_{}", frame.id), "role": "assistant", "status": status,
        "content": [content],
    }));
    output
}

fn is_incomplete(answer: &Answer) -> bool {
    matches!(answer.finish, Finish::Length | Finish::ContentFilter)
}

fn logprobs(call: &Call, answer: &Answer) -> Value {
    let pieces = tokens::pieces(&answer.text).enumerate().filter(|_| call.logprobs);
    pieces
        .map(|(i, token)| {
            json!({"token": token, "logprob": logprob(token, i), "bytes": token.as_bytes(), "top_logprobs": []})
        })
        .collect()
}

fn response(frame: &Frame<'_>, call: &Call, answer: &Answer) -> Value {
    let reason = match answer.finish {
        Finish::Length => json!({"reason": "max_output_tokens"}),
        Finish::ContentFilter => json!({"reason": "content_filter"}),
        _ => Value::Null,
    };
    let tokens = &answer.tokens;
    json!({
        "id": format!("resp_{}", frame.id), "object": "response", "created_at": frame.created, "model": frame.model,
        "status": if is_incomplete(answer) { "incomplete" } else { "completed" },
        "error": null, "incomplete_details": reason, "output": output(frame, call, answer),
        "usage": {
            "input_tokens": tokens.input, "input_tokens_details": {"cached_tokens": tokens.cached_input},
            "output_tokens": tokens.output, "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
            "total_tokens": tokens.input + tokens.output,
        },
    })
}
