use super::*;
use crate::provider::testing::{
    answer, assert_failure, body, broken_bodies, errors, failure, model, never_panics, object, parsed, refused,
    row_refused, sse, streamed, try_model,
};
use Status::*;

fn claude() -> Model {
    model("anthropic", &[])
}

fn message(content: Value, stop_reason: Value) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": {"input_tokens": 7, "output_tokens": 5}})
}

fn full() -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "Let me "},
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": 1}},
            {"type": "text", "text": "look."},
            {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}},
            {"type": "tool_use", "id": "toolu_2", "name": "get_time", "input": {}}
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 10, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300,
            "output_tokens": 40, "output_tokens_details": {"thinking_tokens": 30}, "service_tier": "standard"}})
}

const CALLS: &str = r#"[{"function":{"arguments":"{\"city\":\"Oslo\"}","name":"get_weather"},"id":"toolu_1","type":"function"},{"function":{"arguments":"{}","name":"get_time"},"id":"toolu_2","type":"function"}]"#;

fn full_answer() -> (Answer, Usage) {
    let answer = Answer {
        status: Ok,
        text: Some("Let me look.".into()),
        partial_text: None,
        reasoning: Some("Hm.".into()),
        tool_calls: Some(CALLS.into()),
        logprobs: None,
        embedding: None,
        finish_reason: Some("tool_use".into()),
        model_answered: Some("claude-1".into()),
    };
    let usage = Usage {
        input_tokens: Some(330),
        cached_input_tokens: Some(300),
        cache_write_tokens: Some(20),
        output_tokens: Some(40),
        reasoning_tokens: Some(30),
    };
    (answer, usage)
}

fn events() -> Vec<u8> {
    let block =
        |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    sse(&[
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude-1", "content": [],
            "usage": {"input_tokens": 10, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300,
                "output_tokens": 1}}}),
        json!({"type": "ping"}),
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm."})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        stop(0),
        block(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "Let me "})),
        stop(1),
        block(2, json!({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"q\":1}"})),
        stop(2),
        block(3, json!({"type": "text", "text": ""})),
        delta(3, json!({"type": "text_delta", "text": "look."})),
        stop(3),
        block(4, json!({"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}})),
        delta(4, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(4, json!({"type": "input_json_delta", "partial_json": "{\"city\":"})),
        delta(4, json!({"type": "input_json_delta", "partial_json": " \"Oslo\"}"})),
        stop(4),
        block(5, json!({"type": "tool_use", "id": "toolu_2", "name": "get_time", "input": {}})),
        stop(5),
        json!({"type": "something_new", "x": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null},
            "usage": {"output_tokens": 40, "output_tokens_details": {"thinking_tokens": 30}}}),
        json!({"type": "message_stop"}),
    ])
}

#[test]
fn a_full_answer_whole_and_streamed() {
    let (expected, usage) = full_answer();
    let found = parsed(&Anthropic, full());
    assert_eq!((found.0.unwrap(), found.1), (expected.clone(), usage));
    for piece in [1, 7, 9999] {
        let (found, has_token) = streamed(&Anthropic, &events(), piece, true);
        assert_eq!((found.0.unwrap(), found.1, has_token), (expected.clone(), usage, true), "{piece}");
    }
}

#[test]
fn every_way_to_end() {
    let text = json!([{"type": "text", "text": "a"}]);
    for (content, reason, status, said, partial) in [
        (text.clone(), "end_turn", Ok, Some("a"), None),
        (text.clone(), "stop_sequence", Ok, Some("a"), None),
        (json!([]), "end_turn", Ok, Some(""), None),
        (json!([{"type": "tool_use", "id": "1", "name": "f", "input": {}}]), "tool_use", Ok, None, None),
        (text.clone(), "max_tokens", Truncated, None, Some("a")),
        (text.clone(), "model_context_window_exceeded", Truncated, None, Some("a")),
        (text.clone(), "pause_turn", Truncated, None, Some("a")),
        (text.clone(), "refusal", Refused, None, Some("a")),
        (json!([]), "refusal", Refused, None, None),
    ] {
        let answer = answer(parsed(&Anthropic, message(content, reason.into())));
        assert_eq!(answer.status, status, "{reason}");
        assert_eq!((answer.text.as_deref(), answer.partial_text.as_deref()), (said, partial), "{reason}");
        assert_eq!(answer.finish_reason.as_deref(), Some(reason));
    }
    for (reason, retryable) in [(json!(null), true), (json!("something_new"), false)] {
        let (found, usage) = failure(parsed(&Anthropic, message(text.clone(), reason.clone())));
        assert_failure(&found, 200, ServerError, retryable, &reason.to_string());
        assert_eq!(usage.output_tokens, Some(5), "what is billed is known all the same");
    }
}

#[test]
fn errors_status_by_status() {
    let error = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "my secret prompt"}});
    let coded = |kind: &str, code: &str| json!({"type": "error", "error": {"type": kind, "message": "secret", "details": {"error_code": code}}});
    let poor = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "Your credit balance is too low to access the Anthropic API. secret"}});
    errors(
        &Anthropic,
        &[
            (400, error("invalid_request_error"), InvalidRequest, false),
            (400, poor, QuotaExhausted, false),
            (400, coded("invalid_request_error", "organization_on_hold"), AuthFailed, false),
            (401, error("authentication_error"), AuthFailed, false),
            (402, error("billing_error"), QuotaExhausted, false),
            (403, error("permission_error"), AuthFailed, false),
            (404, error("not_found_error"), InvalidRequest, false),
            (408, error("timeout_error"), Timeout, true),
            (409, error("conflict_error"), ServerError, true),
            (413, error("request_too_large"), InvalidRequest, false),
            (422, error("invalid_request_error"), InvalidRequest, false),
            (429, error("rate_limit_error"), RateLimited, true),
            (429, coded("rate_limit_error", "ramp_limit_exceeded"), RateLimited, true),
            (429, coded("rate_limit_error", "contract_spend_limit_reached"), QuotaExhausted, false),
            (429, coded("rate_limit_error", "enforced_spend_limit_reached"), QuotaExhausted, false),
            (500, error("api_error"), ServerError, true),
            (503, json!("no JSON of ours"), ServerError, true),
            (504, error("timeout_error"), Timeout, true),
            (529, error("overloaded_error"), ServerError, true),
        ],
    );
}

#[test]
fn an_error_under_a_success() {
    for (kind, status, retryable) in [
        ("overloaded_error", ServerError, true),
        ("api_error", ServerError, true),
        ("rate_limit_error", RateLimited, true),
        ("timeout_error", Timeout, true),
        ("authentication_error", AuthFailed, false),
        ("permission_error", AuthFailed, false),
        ("billing_error", QuotaExhausted, false),
        ("invalid_request_error", InvalidRequest, false),
        ("not_found_error", InvalidRequest, false),
        ("request_too_large", InvalidRequest, false),
    ] {
        let error = json!({"type": "error", "error": {"type": kind, "message": "secret"}});
        let (found, _) = failure(parsed(&Anthropic, error.clone()));
        assert_failure(&found, 200, status, retryable, kind);
        // In the middle of a stream, when some is billed already.
        let events = String::from_utf8(events()).unwrap();
        let begun = events.split("event: content_block_stop").next().unwrap();
        let stream = [begun.as_bytes(), &sse(&[error])].concat();
        let (found, usage) = failure(streamed(&Anthropic, &stream, 99, true).0);
        assert_failure(&found, 200, status, retryable, kind);
        assert_eq!(usage.input_tokens, Some(330));
    }
}

#[test]
fn streams_that_are_none() {
    let cut = |bytes: &[u8], complete| failure(streamed(&Anthropic, bytes, 64, complete).0);
    let events = events();
    let without_end = &events[..events.len() - 40];
    for complete in [true, false] {
        let (found, usage) = cut(without_end, complete);
        assert_failure(&found, 200, NetworkError, true, "without message_stop");
        assert_eq!(usage.output_tokens, Some(40), "usage seen so far is kept");
    }
    assert_failure(&cut(b"", true).0, 200, NetworkError, true, "empty");
    assert_failure(&cut(b"data: <html>secret\n\n", true).0, 200, ServerError, true, "no JSON");
    assert_failure(&cut(b"data: {\"type\":\"message_stop\"}\n\n", true).0, 200, ServerError, true, "no message");
}

#[test]
fn a_tool_call_that_is_cut_is_never_ok() {
    for (reason, status) in [("max_tokens", Truncated), ("tool_use", ParseFailed)] {
        let stream = sse(&[
            json!({"type": "message_start", "message": {"model": "c", "usage": {"input_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0,
                "content_block": {"type": "tool_use", "id": "1", "name": "f", "input": {}}}),
            json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": "{\"x\": [1,"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ]);
        let answer = answer(streamed(&Anthropic, &stream, 99, true).0);
        assert_eq!(answer.status, status);
        let calls: Value = serde_json::from_str(&answer.tool_calls.unwrap()).unwrap();
        assert_eq!(calls[0]["function"]["arguments"], "{\"x\": [1,");
    }
}

#[test]
fn options_that_it_does_not_have() {
    let effort = |word: &str| json!({"reasoning_effort": word});
    refused(
        &claude(),
        &[
            (json!({"seed": 1}), "seed", "has no option"),
            (json!({"presence_penalty": 1}), "presence_penalty", "has no option"),
            (json!({"frequency_penalty": 1}), "frequency_penalty", "has no option"),
            (json!({"logprobs": true}), "logprobs", "has no option"),
            (json!({"top_logprobs": 2}), "top_logprobs", "extra_body"),
            (json!({"temperature": 1.5}), "temperature", "from 0 to 1"),
            (json!({"max_tokens": 1, "max_completion_tokens": 1}), "max_tokens", "give one of them"),
            (json!({"response_format": {"type": "json_object"}}), "response_format", "json_schema"),
            (json!({"response_format": {"type": "json_schema"}}), "response_format", "has no schema"),
            (json!({"response_format": {"type": "xml"}}), "response_format", "takes the type"),
            (effort("minimal"), "reasoning_effort", "none, low, medium, high, xhigh, max"),
            (effort("1023"), "reasoning_effort", "at least 1024"),
            (json!({"reasoning_effort": "2000", "max_tokens": 2000}), "reasoning_effort", "less than max_tokens"),
            (json!({"tools": [{"type": "function", "function": {}}]}), "tools", "without a name"),
            (json!({"tool_choice": "sometimes"}), "tool_choice", "auto, none, required"),
            (json!({"tool_choice": {"type": "function"}}), "tool_choice", "names no function"),
            (json!({"extra_body": {"system": "s"}}), "extra_body", "'system'"),
        ],
    );
}

#[test]
fn extra_fields_are_merged_and_stand_over_ours() {
    let hi = [Message::text(Role::User, "Hi")];
    let given = json!({"reasoning_effort": "low", "max_tokens": 5, "top_p": 0.5, "system": "set elsewhere", "repeat": 3,
        "tools": [{"type": "function", "name": "f", "parameters": object()}],
        "extra_body": {"top_k": 3, "max_tokens": 6, "output_config": {"effort": "max"}, "thinking": {"display": "omitted"}}});
    assert_eq!(
        body(&claude(), given, &hi).unwrap(),
        json!({"model": "model-1", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 6, "top_k": 3,
            "top_p": 0.5, "output_config": {"effort": "max"}, "thinking": {"type": "adaptive", "display": "omitted"},
            "tools": [{"name": "f", "input_schema": object()}]})
    );
}

#[test]
fn messages_that_it_cannot_carry() {
    let with = |message: Message<'_>| body(&claude(), json!({}), &[message]);
    let calls =
        |text| Message { content: Content::Empty, tool_calls: Some(text), ..Message::text(Role::Assistant, "") };
    row_refused(with(Message::text(Role::Tool, "x")), "tool_call_id");
    row_refused(with(calls("secret")), "tool_calls");
    row_refused(with(calls(r#"[{"function": {"name": "f", "arguments": "[1]"}}]"#)), "must be a JSON object");
    let image = Content::Parts(vec![Part::ImageUrl("data:image/png,secret")]);
    row_refused(with(Message { content: image, ..Message::text(Role::User, "") }), "data: URL");
}

#[test]
fn where_requests_go_and_with_which_key() {
    for (endpoint, url) in [
        ("http://h", "http://h/v1/messages"),
        ("http://h/v1/", "http://h/v1/messages"),
        ("http://h/anthropic", "http://h/anthropic/v1/messages"),
    ] {
        let model = model("anthropic", &[("endpoint", endpoint)]);
        assert_eq!(Anthropic.url(&model, true).unwrap().as_str(), url);
        assert_eq!(model.key, crate::provider::KeySource::None, "the vendor's key goes to the vendor only");
    }
    let own = crate::provider::KeySource::Env("ANTHROPIC_API_KEY".into());
    assert_eq!(claude().key, own);
    assert_eq!(model("anthropic", &[("endpoint", "https://api.anthropic.com/v1")]).key, own);
    let e = try_model("anthropic", &[("endpoint", "http://h/v1/messages")]).unwrap_err();
    assert!(e.message().contains("base URL"), "{e}");
    let e = Anthropic.headers(&model("anthropic", &[("auth", "sk-zz")])).unwrap_err();
    assert!(e.message().contains("x-api-key or bearer") && !e.message().contains("sk-zz"), "{e}");
}

#[test]
fn a_success_that_is_none() {
    broken_bodies(&Anthropic, &["{\"content\": 1}", "{\"content\": [{\"type\": \"text\", \"text\": 1}]}"]);
}

#[test]
fn no_bytes_make_it_panic() {
    never_panics(&Anthropic, &[full(), message(json!([]), json!(null))], &events());
}
