use super::*;
use crate::message::Content;
use crate::provider::KeySource;
use crate::provider::eventstream::tests::frame;
use crate::provider::testing::{
    answer, assert_failure, body, broken_bodies, errors, failure, headers, model, never_panics, object, parsed,
    refused, row_refused, streamed, try_model,
};
use Status::*;

fn nova() -> Model {
    model("bedrock", &[("aws.region", "us-east-1")])
}

fn response(content: Value, reason: Value) -> Value {
    json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason,
        "usage": {"inputTokens": 7, "outputTokens": 5, "totalTokens": 12}, "metrics": {"latencyMs": 1}})
}

fn full() -> Value {
    json!({"output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "AAAA"}},
            {"text": "Let me "},
            {"text": "look."},
            {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Oslo"}}},
            {"toolUse": {"toolUseId": "s1", "name": "search", "input": {}, "type": "server_tool_use"}},
            {"toolUse": {"toolUseId": "t2", "name": "get_time", "input": {}}}
        ]}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 10, "outputTokens": 40, "totalTokens": 370, "cacheReadInputTokens": 300,
            "cacheWriteInputTokens": 20},
        "metrics": {"latencyMs": 1}, "trace": {"promptRouter": {"invokedModelId": "arn:model"}}})
}

fn full_answer() -> (Answer, Usage) {
    let calls = json!([
        {"id": "t1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}},
        {"id": "t2", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    ]);
    let answer = Answer {
        status: Ok,
        text: Some("Let me look.".into()),
        partial_text: None,
        reasoning: Some("Hm.".into()),
        tool_calls: Some(calls.to_string()),
        logprobs: None,
        embedding: None,
        finish_reason: Some("tool_use".into()),
        model_answered: Some("arn:model".into()),
    };
    let usage = Usage {
        input_tokens: Some(330),
        cached_input_tokens: Some(300),
        cache_write_tokens: Some(20),
        output_tokens: Some(40),
        reasoning_tokens: None,
    };
    (answer, usage)
}

fn event(name: &str, payload: Value) -> Vec<u8> {
    frame("event", name, payload.to_string().as_bytes())
}

fn delta(index: u64, delta: Value) -> Vec<u8> {
    event("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abcd"}))
}

fn tool_start(index: u64, start: Value) -> Vec<u8> {
    event("contentBlockStart", json!({"contentBlockIndex": index, "start": {"toolUse": start}}))
}

fn events() -> Vec<u8> {
    let stop = |index: u64| event("contentBlockStop", json!({"contentBlockIndex": index}));
    [
        event("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"reasoningContent": {"text": "H"}})),
        delta(0, json!({"reasoningContent": {"text": "m."}})),
        delta(0, json!({"reasoningContent": {"signature": "c2ln"}})),
        stop(0),
        delta(1, json!({"text": "Let me "})),
        delta(1, json!({"text": "look."})),
        stop(1),
        tool_start(2, json!({"toolUseId": "t1", "name": "get_weather"})),
        delta(2, json!({"toolUse": {"input": "{\"city\":"}})),
        delta(2, json!({"toolUse": {"input": " \"Oslo\"}"}})),
        stop(2),
        tool_start(3, json!({"toolUseId": "s1", "name": "search", "type": "server_tool_use"})),
        stop(3),
        tool_start(4, json!({"toolUseId": "t2", "name": "get_time"})),
        delta(4, json!({"toolUse": {"input": ""}})),
        stop(4),
        event("somethingNew", json!({"x": 1})),
        event("messageStop", json!({"stopReason": "tool_use"})),
        event("metadata", json!({"usage": full()["usage"], "metrics": {"latencyMs": 1}, "trace": full()["trace"]})),
    ]
    .concat()
}

#[test]
fn a_full_answer_whole_and_streamed() {
    let (expected, usage) = full_answer();
    let found = parsed(&Bedrock, full());
    assert_eq!((found.0.unwrap(), found.1), (expected.clone(), usage));
    for piece in [1, 7, 9999] {
        let (found, has_token) = streamed(&Bedrock, &events(), piece, true);
        assert_eq!((found.0.unwrap(), found.1, has_token), (expected.clone(), usage, true), "{piece}");
    }
}

#[test]
fn every_way_to_end() {
    let text = json!([{"text": "a"}]);
    for (reason, status, said, partial) in [
        ("end_turn", Ok, Some("a"), None),
        ("stop_sequence", Ok, Some("a"), None),
        ("tool_use", Ok, Some("a"), None),
        ("max_tokens", Truncated, None, Some("a")),
        ("model_context_window_exceeded", Truncated, None, Some("a")),
        ("guardrail_intervened", ContentFiltered, None, Some("a")),
        ("content_filtered", ContentFiltered, None, Some("a")),
        ("refusal", Refused, None, Some("a")),
        ("malformed_model_output", ParseFailed, None, Some("a")),
        ("malformed_tool_use", ParseFailed, None, Some("a")),
    ] {
        let stream = [
            event("messageStart", json!({"role": "assistant"})),
            delta(0, json!({"text": "a"})),
            event("messageStop", json!({"stopReason": reason})),
            event("metadata", json!({"usage": {"inputTokens": 7, "outputTokens": 5}})),
        ];
        for found in
            [parsed(&Bedrock, response(text.clone(), reason.into())), streamed(&Bedrock, &stream.concat(), 99, true).0]
        {
            assert_eq!(found.1.input_tokens, Some(7));
            let answer = answer(found);
            assert_eq!(answer.status, status, "{reason}");
            assert_eq!((answer.text.as_deref(), answer.partial_text.as_deref()), (said, partial), "{reason}");
            assert_eq!(answer.finish_reason.as_deref(), Some(reason));
        }
    }
    for (reason, retryable) in [(json!(null), true), (json!("something_new"), false)] {
        let (found, usage) = failure(parsed(&Bedrock, response(text.clone(), reason.clone())));
        assert_failure(&found, 200, ServerError, retryable, &reason.to_string());
        assert_eq!(usage.output_tokens, Some(5), "what is billed is known all the same");
    }
}

/// HTTP status, name, status, whether to try again.
const ERRORS: &[(u16, &str, Status, bool)] = &[
    (400, "ValidationException", InvalidRequest, false),
    (400, "ServiceQuotaExceededException", QuotaExhausted, false),
    (400, "ThrottlingException", RateLimited, true),
    (400, "ExpiredTokenException", AuthFailed, false),
    (403, "AccessDeniedException", AuthFailed, false),
    (403, "UnrecognizedClientException", AuthFailed, false),
    (403, "ExpiredTokenException", AuthFailed, false),
    (403, "InvalidSignatureException", AuthFailed, false),
    (404, "ResourceNotFoundException", InvalidRequest, false),
    (408, "ModelTimeoutException", Timeout, true),
    (424, "ModelErrorException", ServerError, true),
    (429, "ThrottlingException", RateLimited, true),
    (429, "ModelNotReadyException", ServerError, true),
    (500, "InternalServerException", ServerError, true),
    (503, "ServiceUnavailableException", ServerError, true),
];

#[test]
fn errors_status_by_status() {
    let body = br#"{"message": "my secret prompt"}"#;
    for (http_status, name, status, retryable) in ERRORS {
        for header in [(*name).to_string(), format!("com.amazon.bedrock#{name}:http://internal.amazon.com/coral/")] {
            let found = Bedrock.error(*http_status, &headers(&[("x-amzn-errortype", &header)]), body);
            assert_failure(&found, *http_status, *status, *retryable, name);
            assert!(found.message.contains(name), "{}", found.message);
        }
        for field in ["__type", "code"] {
            let body = json!({field: format!("a.b#{name}"), "message": "secret"});
            errors(&Bedrock, &[(*http_status, body, *status, *retryable)]);
        }
    }
    errors(
        &Bedrock,
        &[
            (400, json!({"message": "secret"}), InvalidRequest, false),
            (403, json!({"Message": "secret"}), AuthFailed, false),
            (424, json!({}), InvalidRequest, false),
            (429, json!("secret"), RateLimited, true),
            (502, json!(null), ServerError, true),
        ],
    );
}

#[test]
fn exceptions_in_a_stream_and_under_a_success() {
    for (name, status, retryable) in [
        ("throttlingException", RateLimited, true),
        ("internalServerException", ServerError, true),
        ("modelStreamErrorException", ServerError, true),
        ("serviceUnavailableException", ServerError, true),
        ("modelTimeoutException", Timeout, true),
        ("validationException", InvalidRequest, false),
        ("accessDeniedException", AuthFailed, false),
    ] {
        let stream = [
            event("messageStart", json!({"role": "assistant"})),
            delta(0, json!({"text": "a"})),
            frame("exception", name, br#"{"message": "secret"}"#),
            events(),
        ];
        let (found, _) = failure(streamed(&Bedrock, &stream.concat(), 99, true).0);
        assert_failure(&found, 200, status, retryable, name);
        let (found, _) = failure(parsed(&Bedrock, json!({"__type": name, "message": "secret"})));
        assert_failure(&found, 200, status, retryable, name);
    }
}

#[test]
fn streams_that_are_none() {
    let cut = |bytes: &[u8], complete| failure(streamed(&Bedrock, bytes, 64, complete).0);
    let start = event("messageStart", json!({"role": "assistant"}));
    let until_stop =
        [start.clone(), delta(0, json!({"text": "a"})), event("messageStop", json!({"stopReason": "end_turn"}))];
    for complete in [true, false] {
        assert_failure(&cut(&until_stop.concat(), complete).0, 200, NetworkError, true, "without metadata");
        assert_failure(&cut(&start, complete).0, 200, NetworkError, true, "begun");
    }
    assert_failure(&cut(b"", true).0, 200, NetworkError, true, "empty");
    let wrong = [start, event("messageStop", json!({"stopReason": 1}))].concat();
    assert_failure(&cut(&wrong, true).0, 200, ServerError, true, "no event of ours");
    assert_failure(&cut(b"<html>secret</html>, which is no frame", true).0, 200, NetworkError, true, "no frames");
}

#[test]
fn options_that_it_does_not_have() {
    refused(
        &nova(),
        &[
            (json!({"seed": 1}), "seed", "has no option"),
            (json!({"presence_penalty": 1}), "presence_penalty", "has no option"),
            (json!({"frequency_penalty": 1}), "frequency_penalty", "has no option"),
            (json!({"logprobs": true}), "logprobs", "has no option"),
            (json!({"top_logprobs": 1}), "top_logprobs", "extra_body"),
            (json!({"temperature": 1.5}), "temperature", "from 0 to 1"),
            (json!({"max_tokens": 1, "max_completion_tokens": 1}), "max_tokens", "give one of them"),
            (json!({"parallel_tool_calls": true}), "parallel_tool_calls", "has no option"),
            (json!({"response_format": {"type": "json_object"}}), "response_format", "json_schema"),
            (json!({"reasoning_effort": "none"}), "reasoning_effort", "low, medium, high, xhigh, max"),
            (json!({"reasoning_effort": "2048"}), "reasoning_effort", "extra_body"),
            (json!({"tool_choice": "auto"}), "tool_choice", "no tools"),
            (json!({"tools": [{"toolSpec": {}}], "tool_choice": "none"}), "tool_choice", "leave out the tools"),
            (json!({"extra_body": {"system": []}}), "extra_body", "'system'"),
        ],
    );
}

#[test]
fn extra_fields_are_those_of_the_api_or_of_the_model() {
    let hi = [Message::text(Role::User, "Hi")];
    let given = json!({"temperature": 0.5, "tools": [{"type": "function", "name": "f", "parameters": object()}],
        "extra_body": {"inferenceConfig": {"maxTokens": 9}, "top_k": 3, "serviceTier": {"type": "flex"},
            "additionalModelRequestFields": {"x": 1}}});
    assert_eq!(
        body(&nova(), given, &hi).unwrap(),
        json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "inferenceConfig": {"temperature": 0.5, "maxTokens": 9}, "serviceTier": {"type": "flex"},
            "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": object()}}}]},
            "additionalModelRequestFields": {"x": 1, "top_k": 3}})
    );
}

#[test]
fn messages_that_it_cannot_carry() {
    let with = |message: Message<'_>| body(&nova(), json!({}), &[message]);
    let part = |part| Message { content: Content::Parts(vec![part]), ..Message::text(Role::User, "") };
    row_refused(with(Message::text(Role::Tool, "x")), "tool_call_id");
    row_refused(with(Message::text(Role::User, "")), "no content");
    row_refused(with(part(Part::ImageUrl("https://secret/a.png"))), "from s3://");
    row_refused(with(part(Part::Image { bytes: b"x", media_type: "image/tiff" })), "png, jpeg");
}

#[test]
fn where_requests_go() {
    let url = |settings: &[(&str, &str)], stream| {
        let all = [&[("aws.region", "eu-west-1")], settings].concat();
        Bedrock.url(&model("bedrock", &all), stream).map(|url| url.to_string())
    };
    assert_eq!(url(&[], false).unwrap(), "https://bedrock-runtime.eu-west-1.amazonaws.com/model/model-1/converse");
    assert_eq!(
        url(&[("aws.region", "cn-north-1")], true).unwrap(),
        "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/model/model-1/converse-stream"
    );
    assert_eq!(
        url(&[("endpoint", "http://h/p/"), ("model", "a:1/b c")], false).unwrap(),
        "http://h/p/model/a%3A1%2Fb%20c/converse"
    );
    for (settings, says) in [
        (&[("aws.region", "us east")][..], "must be a region"),
        (&[("apiVersion", "1")], "not for the provider bedrock"),
    ] {
        let with = [&[("endpoint", "http://h"), ("aws.region", "r")], settings].concat();
        let e = Bedrock.url(&model("bedrock", &with), false).unwrap_err();
        assert!(e.message().contains(says), "{e}");
    }
    let e = try_model("bedrock", &[]).unwrap_err();
    assert!(e.message().contains("'aws.region' is missing"), "{e}");
}

#[test]
fn keys_come_from_the_environment_or_a_file() {
    let region = ("aws.region", "us-east-1");
    let names = |model: &Model| match &model.key {
        KeySource::Aws(names) => (names.api_key.clone(), names.access_key_id.clone(), names.session_token.clone()),
        other => panic!("{other:?}"),
    };
    let own = |name: &str| Some(name.to_string());
    assert_eq!(
        names(&nova()),
        (own("AWS_BEARER_TOKEN_BEDROCK"), "AWS_ACCESS_KEY_ID".into(), "AWS_SESSION_TOKEN".into())
    );
    // An API key would be seen by whoever is behind another endpoint.
    assert_eq!(names(&model("bedrock", &[region, ("endpoint", "http://h")])).0, None);
    let named = model("bedrock", &[region, ("aws.accessKeyIdEnv", "MY_ID")]);
    assert_eq!(names(&named), (None, "MY_ID".into(), "AWS_SESSION_TOKEN".into()));
    let executor = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
        model("bedrock", &[region, ("aws.accessKeyIdEnv", "NO_ID"), ("aws.secretAccessKeyEnv", "NO_SECRET")])
            .key
            .check(&names)
    };
    assert!(executor(&["NO_ID", "NO_SECRET"]).is_ok());
    let e = executor(&["NO_SECRET"]).unwrap_err();
    assert!(e.kind() == ErrorKind::MissingKey && e.message().contains("NO_ID"), "{e}");
    for (settings, says) in [
        (&[("aws.accessKeyIdEnv", "A"), ("apiKeyFile", "/f")][..], "stands beside 'apiKeyFile'"),
        (&[("aws.accessKeyIdEnv", "sk-zz")], "the name of an environment variable"),
        (&[("aws.profile", "p")], "apiKeyFile"),
    ] {
        let e = try_model("bedrock", &[&[region], settings].concat()).unwrap_err();
        assert!(e.message().contains(says) && !e.message().contains("sk-zz"), "{e}");
    }
    assert!(try_model("anthropic", &[region]).unwrap_err().message().contains("provider bedrock only"));
}

#[test]
fn requests_are_signed_or_bear_a_key() {
    let model = model("bedrock", &[("aws.region", "us-east-1"), ("apiKeySecret", "x"), ("aws.profile", "dev")]);
    let url = Bedrock.url(&model, false).unwrap();
    let sign = |key: &str| {
        let mut headers = Bedrock.headers(&model).unwrap();
        Bedrock
            .sign(&model, Some(&Secret::new(key)), &url, &mut headers, b"{}", SystemTime::UNIX_EPOCH)
            .map(|()| headers)
    };
    assert_eq!(sign("ABSK-key").unwrap()[AUTHORIZATION], "Bearer ABSK-key");
    let json = r#"{"AccessKeyId": "AKID", "SecretAccessKey": "s", "SessionToken": "t"}"#;
    let ini = "[default]\naws_access_key_id=OTHER\n[dev]\naws_access_key_id = AKID\naws_secret_access_key = s\naws_session_token=t";
    let signed = sign(json).unwrap();
    assert!(
        signed[AUTHORIZATION]
            .to_str()
            .unwrap()
            .starts_with("AWS4-HMAC-SHA256 Credential=AKID/19700101/us-east-1/bedrock/")
    );
    assert_eq!(signed["x-amz-security-token"], "t");
    assert_eq!(signed, sign(ini).unwrap());
    for (wrong, says) in [("{}", "access key id"), ("[prod]\n", "[dev]"), ("ABSK\nsecret", "characters")] {
        let e = sign(wrong).unwrap_err();
        assert!(e.message().contains(says) && !e.message().contains("secret"), "{e}");
    }
}

#[test]
fn a_success_that_is_none() {
    broken_bodies(&Bedrock, &["{\"output\": {}}", "{\"output\": {\"message\": {}}}", "{\"output\": 1}"]);
}

#[test]
fn no_bytes_make_it_panic() {
    never_panics(&Bedrock, &[full(), response(json!([]), json!(null)), json!({"__type": "a#b"})], &events());
}
