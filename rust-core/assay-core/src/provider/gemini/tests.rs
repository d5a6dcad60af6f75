use std::time::SystemTime;

use super::*;
use crate::completion::Status;
use crate::provider::Answer;
use crate::provider::secret::Secret;
use crate::provider::testing::{
    answer, assert_failure, body, broken_bodies, errors, failure, model, never_panics, object, parsed, refused,
    row_refused, sse, streamed, try_model,
};
use Status::*;

fn gemini() -> Model {
    model("gemini", &[])
}

fn response(parts: Value, reason: Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12},
        "modelVersion": "gemini-1-001"})
}

fn parts() -> Vec<Value> {
    vec![
        json!({"text": "Hm.", "thought": true}),
        json!({"text": "Let me "}),
        json!({"text": "look."}),
        json!({"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}}, "thoughtSignature": "c2ln"}),
        json!({"functionCall": {"id": "own", "name": "get_time"}}),
        json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
    ]
}

const USAGE: &str = r#"{"promptTokenCount": 300, "toolUsePromptTokenCount": 30, "cachedContentTokenCount": 200,
    "candidatesTokenCount": 10, "thoughtsTokenCount": 40, "totalTokenCount": 380}"#;

fn usage() -> Value {
    serde_json::from_str(USAGE).unwrap()
}

fn full() -> Value {
    let chosen = json!([{"token": "Let", "logProbability": -0.5}, {"token": "me", "logProbability": -0.25}]);
    json!({"candidates": [{"content": {"role": "model", "parts": parts()}, "finishReason": "STOP",
            "logprobsResult": {"chosenCandidates": chosen, "topCandidates": []}, "safetyRatings": []}],
        "usageMetadata": usage(), "modelVersion": "gemini-1-001", "responseId": "r"})
}

fn full_answer() -> (Answer, Usage) {
    let calls = json!([
        {"id": "call_0", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"},
            "extra_content": {"google": {"thought_signature": "c2ln"}}},
        {"id": "own", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    ]);
    let answer = Answer {
        status: Ok,
        text: Some("Let me look.".into()),
        partial_text: None,
        reasoning: Some("Hm.".into()),
        tool_calls: Some(calls.to_string()),
        logprobs: Some(vec![-0.5, -0.25]),
        embedding: None,
        finish_reason: Some("STOP".into()),
        model_answered: Some("gemini-1-001".into()),
    };
    let usage = Usage {
        input_tokens: Some(330),
        cached_input_tokens: Some(200),
        cache_write_tokens: None,
        output_tokens: Some(50),
        reasoning_tokens: Some(40),
    };
    (answer, usage)
}

fn events() -> Vec<u8> {
    let chosen = |token: &str, logprob: f64| json!({"chosenCandidates": [{"token": token, "logProbability": logprob}]});
    let mut chunks: Vec<Value> = parts()
        .into_iter()
        .map(|part| {
            json!({"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}],
                "usageMetadata": {"promptTokenCount": 300}, "modelVersion": "gemini-1-001"})
        })
        .collect();
    chunks[1]["candidates"][0]["logprobsResult"] = chosen("Let", -0.5);
    chunks[2]["candidates"][0]["logprobsResult"] = chosen("me", -0.25);
    chunks.push(json!({"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}],
        "usageMetadata": usage()}));
    sse(&chunks)
}

#[test]
fn a_full_answer_whole_and_streamed() {
    let (expected, usage) = full_answer();
    let found = parsed(&Gemini, full());
    assert_eq!((found.0.unwrap(), found.1), (expected.clone(), usage));
    for piece in [1, 7, 9999] {
        let (found, has_token) = streamed(&Gemini, &events(), piece, true);
        assert_eq!((found.0.unwrap(), found.1, has_token), (expected.clone(), usage, true), "{piece}");
    }
}

#[test]
fn every_way_to_end() {
    let text = json!([{"text": "a"}]);
    for (reason, status, said, partial) in [
        ("STOP", Ok, Some("a"), None),
        ("MAX_TOKENS", Truncated, None, Some("a")),
        ("CONTINUATION", Truncated, None, Some("a")),
        ("SAFETY", ContentFiltered, None, Some("a")),
        ("RECITATION", ContentFiltered, None, Some("a")),
        ("LANGUAGE", ContentFiltered, None, Some("a")),
        ("BLOCKLIST", ContentFiltered, None, Some("a")),
        ("PROHIBITED_CONTENT", ContentFiltered, None, Some("a")),
        ("SPII", ContentFiltered, None, Some("a")),
        ("IMAGE_SAFETY", ContentFiltered, None, Some("a")),
        ("MODEL_ARMOR", ContentFiltered, None, Some("a")),
        ("ESCALATION", ContentFiltered, None, Some("a")),
        ("MALFORMED_FUNCTION_CALL", ParseFailed, None, Some("a")),
        ("UNEXPECTED_TOOL_CALL", ParseFailed, None, Some("a")),
        ("TOO_MANY_TOOL_CALLS", ParseFailed, None, Some("a")),
        ("MALFORMED_RESPONSE", ParseFailed, None, Some("a")),
    ] {
        for found in [
            parsed(&Gemini, response(text.clone(), reason.into())),
            streamed(&Gemini, &sse(&[response(text.clone(), reason.into())]), 99, true).0,
        ] {
            let answer = answer(found);
            assert_eq!(answer.status, status, "{reason}");
            assert_eq!((answer.text.as_deref(), answer.partial_text.as_deref()), (said, partial), "{reason}");
            assert_eq!(answer.finish_reason.as_deref(), Some(reason));
        }
    }
    for (reason, status, retryable) in [
        (json!("OTHER"), ServerError, true),
        (json!("FINISH_REASON_UNSPECIFIED"), ServerError, true),
        (json!("MISSING_THOUGHT_SIGNATURE"), InvalidRequest, false),
        (json!("PUP_LIMITED_DISABLED"), AuthFailed, false),
        (json!("SOMETHING_NEW"), ServerError, false),
        (json!(null), ServerError, true),
    ] {
        let (found, usage) = failure(parsed(&Gemini, response(text.clone(), reason.clone())));
        assert_failure(&found, 200, status, retryable, &reason.to_string());
        assert_eq!(usage.output_tokens, Some(5), "what is billed is known all the same");
    }
    // Thinking used up the limit: no part at all.
    let nothing = json!({"candidates": [{"finishReason": "MAX_TOKENS"}],
        "usageMetadata": {"promptTokenCount": 3, "thoughtsTokenCount": 9}});
    let found = parsed(&Gemini, nothing);
    assert_eq!(found.1.output_tokens, Some(9));
    let found = answer(found);
    assert_eq!((found.status, found.text, found.partial_text), (Truncated, None, None));
    let empty = answer(parsed(&Gemini, response(json!([]), "STOP".into())));
    assert_eq!((empty.status, empty.text.as_deref()), (Ok, Some("")));
}

#[test]
fn a_prompt_that_is_blocked() {
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 4}, "modelVersion": "g"});
    for found in [parsed(&Gemini, blocked.clone()), streamed(&Gemini, &sse(std::slice::from_ref(&blocked)), 99, true).0]
    {
        assert_eq!(found.1.input_tokens, Some(4));
        let answer = answer(found);
        assert_eq!((answer.status, answer.finish_reason.as_deref()), (ContentFiltered, Some("PROHIBITED_CONTENT")));
    }
}

fn error(code: u16, status: &str, details: Value) -> Value {
    json!({"error": {"code": code, "message": "my secret prompt", "status": status, "details": details}})
}

#[test]
fn errors_status_by_status() {
    let reason = |reason: &str| json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]);
    let quota = |id: &str| {
        json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}])
    };
    let none = json!([]);
    errors(
        &Gemini,
        &[
            (400, error(400, "INVALID_ARGUMENT", none.clone()), InvalidRequest, false),
            (400, error(400, "INVALID_ARGUMENT", reason("API_KEY_INVALID")), AuthFailed, false),
            (400, error(400, "FAILED_PRECONDITION", none.clone()), InvalidRequest, false),
            (401, error(401, "UNAUTHENTICATED", none.clone()), AuthFailed, false),
            (403, error(403, "PERMISSION_DENIED", none.clone()), AuthFailed, false),
            (403, error(403, "PERMISSION_DENIED", reason("API_KEY_SERVICE_BLOCKED")), AuthFailed, false),
            (403, error(403, "PERMISSION_DENIED", reason("BILLING_DISABLED")), QuotaExhausted, false),
            (404, error(404, "NOT_FOUND", none.clone()), InvalidRequest, false),
            (409, error(409, "ABORTED", none.clone()), ServerError, true),
            (413, json!("too large"), InvalidRequest, false),
            (429, error(429, "RESOURCE_EXHAUSTED", quota("GenerateRequestsPerMinutePerProject")), RateLimited, true),
            (429, error(429, "RESOURCE_EXHAUSTED", quota("GenerateRequestsPerDayPerProject")), QuotaExhausted, false),
            (499, error(499, "CANCELLED", none.clone()), ServerError, true),
            (500, error(500, "INTERNAL", none.clone()), ServerError, true),
            (503, error(503, "UNAVAILABLE", none.clone()), ServerError, true),
            (504, error(504, "DEADLINE_EXCEEDED", none.clone()), Timeout, true),
            (400, json!([error(400, "INVALID_ARGUMENT", reason("API_KEY_INVALID"))]), AuthFailed, false),
        ],
    );
    let wait = |details: Value| {
        Gemini
            .error(429, &HeaderMap::new(), error(429, "RESOURCE_EXHAUSTED", details).to_string().as_bytes())
            .retry_after
    };
    assert_eq!(wait(quota("x")), Some(Duration::from_millis(34_500)));
    for delay in ["-1s", "soon", "1e99s", "3"] {
        assert_eq!(wait(json!([{"retryDelay": delay}])), None, "{delay}");
    }
}

#[test]
fn an_error_under_a_success() {
    for (code, word, status, retryable) in [
        (429, "RESOURCE_EXHAUSTED", RateLimited, true),
        (503, "UNAVAILABLE", ServerError, true),
        (504, "DEADLINE_EXCEEDED", Timeout, true),
        (400, "INVALID_ARGUMENT", InvalidRequest, false),
        (403, "PERMISSION_DENIED", AuthFailed, false),
    ] {
        let error = error(code, word, json!([]));
        assert_failure(&failure(parsed(&Gemini, error.clone())).0, 200, status, retryable, word);
        let begun = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}],
            "usageMetadata": {"promptTokenCount": 3}});
        let (found, usage) = failure(streamed(&Gemini, &sse(&[begun, error]), 99, true).0);
        assert_failure(&found, 200, status, retryable, word);
        assert_eq!(usage.input_tokens, Some(3));
    }
}

#[test]
fn streams_that_are_none() {
    let cut = |bytes: &[u8], complete| failure(streamed(&Gemini, bytes, 64, complete).0);
    let unfinished = sse(&[json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}],
        "usageMetadata": {"promptTokenCount": 3}})]);
    for complete in [true, false] {
        let (found, usage) = cut(&unfinished, complete);
        assert_failure(&found, 200, NetworkError, true, "without a reason");
        assert_eq!(usage.input_tokens, Some(3), "usage seen so far is kept");
    }
    // A reason alone does not say that nothing more was to come.
    assert_failure(&cut(&events(), false).0, 200, NetworkError, true, "broken after the reason");
    assert_failure(&cut(b"", true).0, 200, NetworkError, true, "empty");
    assert_failure(&cut(b"data: <html>secret\n\n", true).0, 200, ServerError, true, "no JSON");
}

#[test]
fn options_that_it_does_not_have() {
    refused(
        &gemini(),
        &[
            (json!({"seed": 3_000_000_000_i64}), "seed", "32 bits"),
            (json!({"max_tokens": 1, "max_completion_tokens": 1}), "max_tokens", "give one of them"),
            (json!({"parallel_tool_calls": true}), "parallel_tool_calls", "has no option"),
            (json!({"reasoning_effort": "max"}), "reasoning_effort", "none, minimal, low"),
            (json!({"reasoning_effort": "-5"}), "reasoning_effort", "at least 0"),
            (json!({"extra_body": {"contents": []}}), "extra_body", "'contents'"),
            (json!({"extra_body": {"systemInstruction": {}}}), "extra_body", "'systemInstruction'"),
        ],
    );
}

#[test]
fn extra_fields_are_merged_and_stand_over_ours() {
    let hi = [Message::text(Role::User, "Hi")];
    let given = json!({"temperature": 0.5, "tools": [{"type": "function", "name": "f", "parameters": object()}, {"x": {}}],
        "extra_body": {"generationConfig": {"topK": 3, "temperature": 1}, "labels": {"a": "b"}}});
    assert_eq!(
        body(&gemini(), given, &hi).unwrap(),
        json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "labels": {"a": "b"},
            "generationConfig": {"topK": 3, "temperature": 1},
            "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": object()}]}, {"x": {}}]})
    );
}

#[test]
fn messages_that_it_cannot_carry() {
    let hi = Message::text(Role::User, "Hi");
    let tool = |id| Message { tool_call_id: id, ..Message::text(Role::Tool, "x") };
    for message in [tool(None), tool(Some("secret"))] {
        row_refused(body(&gemini(), json!({}), &[hi.clone(), message]), "a call in an earlier message");
    }
    let image = Content::Parts(vec![Part::ImageUrl("data:image/png,secret")]);
    row_refused(body(&gemini(), json!({}), &[Message { content: image, ..hi }]), "data: URL");
}

#[test]
fn where_requests_go_and_with_which_key() {
    for (settings, stream, url) in [
        (&[("endpoint", "http://h")][..], false, "http://h/v1beta/models/model-1:generateContent"),
        (&[("endpoint", "http://h/v1")], false, "http://h/v1/models/model-1:generateContent"),
        (
            &[("endpoint", "http://h/gemini/v1beta/")],
            true,
            "http://h/gemini/v1beta/models/model-1:streamGenerateContent?alt=sse",
        ),
        (&[("endpoint", "http://h"), ("apiVersion", "v1")], false, "http://h/v1/models/model-1:generateContent"),
        (&[("endpoint", "http://h/v1"), ("apiVersion", "v1")], false, "http://h/v1/models/model-1:generateContent"),
        (
            &[("endpoint", "http://h"), ("model", "tunedModels/t")],
            false,
            "http://h/v1beta/tunedModels/t:generateContent",
        ),
        (&[("endpoint", "http://h"), ("model", "a b?c")], false, "http://h/v1beta/models/a%20b%3Fc:generateContent"),
    ] {
        let model = model("gemini", settings);
        assert_eq!(Gemini.url(&model, stream).unwrap().as_str(), url);
    }
    for (settings, says) in [
        (&[("endpoint", "http://h/v1"), ("apiVersion", "v1beta")][..], "two API versions"),
        (&[("endpoint", "http://h"), ("apiVersion", "2024-01-01")], "such as v1"),
        (&[("endpoint", "http://h"), ("apiVersion", "v1/../v2")], "such as v1"),
    ] {
        let e = Gemini.url(&model("gemini", settings), false).unwrap_err();
        assert!(e.message().contains(says), "{e}");
    }
    assert!(try_model("gemini", &[("endpoint", "http://h/v1/models")]).is_err());
    let bearer = model("gemini", &[("auth", "bearer")]);
    let mut headers = Gemini.headers(&bearer).unwrap();
    let url = Gemini.url(&bearer, false).unwrap();
    Gemini.sign(&bearer, Some(&Secret::new("k")), &url, &mut headers, b"", SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(headers[AUTHORIZATION], "Bearer k");
    let e = Gemini.headers(&model("gemini", &[("auth", "x-api-key")])).unwrap_err();
    assert!(e.message().contains("x-goog-api-key or bearer"), "{e}");
}

#[test]
fn a_success_that_is_none() {
    broken_bodies(&Gemini, &["{\"candidates\": []}", "{\"candidates\": 1}", "{\"candidates\": [{\"content\": 1}]}"]);
}

#[test]
fn no_bytes_make_it_panic() {
    never_panics(&Gemini, &[full(), response(json!([]), json!(null)), error(429, "X", json!([{}]))], &events());
}
