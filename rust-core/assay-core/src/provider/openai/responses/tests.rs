use super::*;
use crate::provider::completion_options;
use crate::spec::ModelConf;

fn model(pairs: &[(&str, &str)]) -> Model {
    let base = [("provider", "openai_responses"), ("model", "gpt"), ("endpoint", "http://h/v1"), ("apiKeySecret", "k")];
    let conf = base.iter().chain(pairs).map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Model::from_conf(&ModelConf { name: "m".into(), conf }).unwrap()
}

fn body(pairs: &[(&str, &str)], options: Value, messages: &[Message<'_>], stream: bool) -> Value {
    let model = model(pairs);
    let options = completion_options(options.as_object().unwrap()).unwrap();
    let format = OpenAiResponses::new(&model).unwrap();
    format.check(&model, &options).unwrap();
    let body = format.frame(&model, &options, stream).unwrap().body(messages).unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn options_go_where_this_api_has_them() {
    let hi = [Message::text(Role::User, "Hi")];
    let input = json!([{"role": "user", "content": "Hi"}]);
    assert_eq!(body(&[], json!({}), &hi, false), json!({"model": "gpt", "input": input}));
    let schema =
        json!({"type": "json_schema", "json_schema": {"name": "a", "strict": true, "schema": {"type": "object"}}});
    let options = json!({"max_tokens": 5, "temperature": 0, "reasoning_effort": "low", "response_format": schema,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": false, "logprobs": true,
        "top_logprobs": 2, "extra_body": {"store": false}, "repeat": 1});
    assert_eq!(
        body(&[("reasoningSummary", "auto")], options, &hi, true),
        json!({"model": "gpt", "input": input, "max_output_tokens": 5, "temperature": 0.0,
            "reasoning": {"effort": "low", "summary": "auto"},
            "text": {"format": {"type": "json_schema", "name": "a", "strict": true, "schema": {"type": "object"}}},
            "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "web_search"}],
            "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false,
            "include": ["message.output_text.logprobs"], "top_logprobs": 2, "store": false, "stream": true})
    );
}

#[test]
fn messages_become_items() {
    let calls = r#"[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]"#;
    let messages = [
        Message::text(Role::System, "Be brief."),
        Message::text(Role::System, "And kind."),
        Message {
            content: Content::Parts(vec![
                Part::Text("What?"),
                Part::ImageUrl("http://h/a.png"),
                Part::Image { bytes: b"abc", media_type: "image/png" },
            ]),
            ..Message::text(Role::User, "")
        },
        Message { tool_calls: Some(calls), ..Message::text(Role::Assistant, "I look.") },
        Message { tool_call_id: Some("c1"), ..Message::text(Role::Tool, "4") },
    ];
    assert_eq!(
        body(&[], json!({}), &messages, false),
        json!({"model": "gpt", "instructions": "Be brief.", "input": [
            {"role": "system", "content": "And kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "What?"},
                {"type": "input_image", "image_url": "http://h/a.png"},
                {"type": "input_image", "image_url": "data:image/png;base64,YWJj"}]},
            {"role": "assistant", "content": "I look."},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"x\": 1}"},
            {"type": "function_call_output", "call_id": "c1", "output": "4"}]})
    );
}

#[test]
fn what_this_api_does_not_know_is_refused() {
    let check = |options: Value| {
        let model = model(&[]);
        let options = completion_options(options.as_object().unwrap()).unwrap();
        OpenAiResponses::new(&model).unwrap().check(&model, &options).unwrap_err().message().to_string()
    };
    let says = check(json!({"seed": 1}));
    assert!(says.contains("provider openai_responses has no option 'seed'") && says.contains("extra_body"), "{says}");
    assert!(check(json!({"max_tokens": 1, "max_completion_tokens": 1})).contains("are one here"));
    assert!(check(json!({"extra_body": {"input": []}})).contains("cannot set 'input'"));
    let e = OpenAiResponses::new(&model(&[("reasoningSummary", "long")])).err().unwrap();
    assert!(e.message().contains("must be one of auto, concise, detailed"), "{e}");
}

fn parsed(body: &Value) -> Parsed {
    let model = model(&[]);
    OpenAiResponses::new(&model).unwrap().parse(200, &HeaderMap::new(), body.to_string().as_bytes())
}

fn message(parts: Value) -> Value {
    json!({"type": "message", "role": "assistant", "status": "completed", "content": parts})
}

fn full() -> Value {
    json!({"id": "r", "object": "response", "status": "completed", "model": "gpt-1", "error": null,
        "incomplete_details": null,
        "output": [
            {"type": "reasoning", "id": "x", "summary": [{"type": "summary_text", "text": "First."},
                {"type": "summary_text", "text": "Second."}]},
            {"type": "web_search_call", "id": "w", "status": "completed"},
            message(json!([{"type": "output_text", "text": "Paris", "annotations": [],
                "logprobs": [{"token": "Paris", "logprob": -0.5}]}])),
            {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"}],
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 16}})
}

fn check_full((answer, usage): Parsed) {
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.text.as_deref()), (Status::Ok, Some("Paris")));
    assert_eq!(answer.reasoning.as_deref(), Some("First.\n\nSecond."));
    assert_eq!((answer.logprobs, answer.finish_reason.as_deref()), (Some(vec![-0.5]), Some("completed")));
    assert_eq!(answer.model_answered.as_deref(), Some("gpt-1"));
    assert_eq!(
        serde_json::from_str::<Value>(&answer.tool_calls.unwrap()).unwrap(),
        json!([{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}])
    );
    assert_eq!((usage.input_tokens, usage.cached_input_tokens), (Some(9), Some(4)));
    assert_eq!((usage.output_tokens, usage.reasoning_tokens), (Some(7), Some(5)));
}

#[test]
fn a_full_answer() {
    check_full(parsed(&full()));
}

#[test]
fn every_way_to_end() {
    let text = || message(json!([{"type": "output_text", "text": "a"}]));
    let refusal = || message(json!([{"type": "refusal", "refusal": "no"}]));
    let whole = |status: &str, reason: Value, output: Value| {
        json!({"status": status, "incomplete_details": reason, "output": output,
            "usage": {"input_tokens": 3, "output_tokens": 1}})
    };
    let cut = |reason: &str| json!({"reason": reason});
    for (body, status, text, partial, reason) in [
        (whole("completed", json!(null), json!([text()])), Status::Ok, Some("a"), None, "completed"),
        (whole("completed", json!(null), json!([refusal()])), Status::Refused, None, Some("no"), "completed"),
        (
            whole("incomplete", cut("max_output_tokens"), json!([text()])),
            Status::Truncated,
            None,
            Some("a"),
            "max_output_tokens",
        ),
        (whole("incomplete", cut("max_output_tokens"), json!([])), Status::Truncated, None, None, "max_output_tokens"),
        (
            whole("incomplete", cut("content_filter"), json!([text()])),
            Status::ContentFiltered,
            None,
            Some("a"),
            "content_filter",
        ),
    ] {
        let (answer, usage) = parsed(&body);
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.text.as_deref(), answer.partial_text.as_deref()), (status, text, partial));
        assert_eq!((answer.finish_reason.as_deref(), usage.output_tokens), (Some(reason), Some(1)));
    }
    for (body, status) in [
        (json!({"status": "failed", "error": {"code": "server_error"}, "output": []}), Status::ServerError),
        (json!({"status": "failed", "error": {"code": "rate_limit_exceeded"}, "output": []}), Status::RateLimited),
        (json!({"status": "failed", "error": {"code": "invalid_prompt"}, "output": []}), Status::InvalidRequest),
        (json!({"status": "failed", "output": []}), Status::ServerError),
        (json!({"status": "in_progress", "output": []}), Status::ServerError),
        (json!({"status": "completed", "output": []}), Status::ServerError),
        (json!({"status": "completed"}), Status::ServerError),
        (json!([]), Status::ServerError),
    ] {
        assert_eq!(parsed(&body).0.unwrap_err().status, status, "{body}");
    }
}

fn streamed(events: &[Value]) -> (Parsed, Vec<StreamStep>) {
    let mut parser = ResponsesStream::default();
    let steps = events.iter().map(|event| parser.event("any", event.to_string().as_bytes())).collect();
    (Box::new(parser).finish(200, true), steps)
}

#[test]
fn the_last_event_is_the_answer() {
    let (parsed, steps) = streamed(&[
        json!({"type": "response.created", "response": {"status": "in_progress"}}),
        json!({"type": "response.output_text.delta", "delta": "Par"}),
        json!({"type": "response.output_text.done", "text": "Paris"}),
        json!({"type": "response.completed", "response": full()}),
    ]);
    check_full(parsed);
    assert_eq!(steps, [StreamStep::Continue, StreamStep::Token, StreamStep::Continue, StreamStep::Done]);
}

#[test]
fn streams_that_are_no_answer() {
    let delta = json!({"type": "response.output_text.delta", "delta": "Par"});
    for (last, status) in [
        (None, Status::NetworkError),
        (Some(json!({"type": "error", "code": "rate_limit_exceeded", "message": "m"})), Status::RateLimited),
        (Some(json!({"type": "error", "error": {"type": "insufficient_quota"}})), Status::QuotaExhausted),
        (Some(json!({"type": "error", "message": "m"})), Status::ServerError),
        (
            Some(
                json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"}}}),
            ),
            Status::ServerError,
        ),
        (Some(json!({"type": "response.completed"})), Status::ServerError),
        (Some(json!("text")), Status::ServerError),
    ] {
        let events: Vec<Value> = [delta.clone()].into_iter().chain(last).collect();
        assert_eq!(streamed(&events).0.0.unwrap_err().status, status, "{events:?}");
    }
}
