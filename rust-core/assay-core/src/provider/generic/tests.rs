use super::*;
use crate::message::Content;
use crate::provider::format::format_of;
use crate::provider::testing::{
    answer, assert_failure, body, errors, failure, model, never_panics, options, parsed, row_refused, try_model,
};
use crate::spec::CallKind;
use Status::*;

const PLAIN: &str = "{\"question\": {{ prompt | tojson }}, \"k\": {{ options.top_p | default(1) }}}";

fn with(settings: &[(&str, &str)]) -> Model {
    let base = [("endpoint", "http://h/ask"), ("http.body", PLAIN), ("http.answerPath", "$.answer.text")];
    model("http", &[&base, settings].concat())
}

fn all_paths() -> Generic {
    Generic::new(&with(&[
        ("http.inputTokensPath", "$.usage.in"),
        ("http.outputTokensPath", "$.usage['out']"),
        ("http.finishReasonPath", "$.answer.why"),
        ("http.errorPath", "$.error"),
    ]))
    .unwrap()
}

fn said(text: Value, why: Value) -> Value {
    json!({"answer": {"text": text, "why": why}, "usage": {"in": 7, "out": 5}, "error": null})
}

#[test]
fn answers_are_found_by_paths() {
    for (text, why, status, whole, partial) in [
        (json!("a"), json!("stop"), Ok, Some("a"), None),
        (json!(""), json!(null), Ok, Some(""), None),
        (json!("a"), json!("whatever"), Ok, Some("a"), None),
        (json!(42), json!("STOP"), Ok, Some("42"), None),
        (json!({"x": [1]}), json!(""), Ok, Some("{\"x\":[1]}"), None),
        (json!("a"), json!("length"), Truncated, None, Some("a")),
        (json!("a"), json!("MAX_TOKENS"), Truncated, None, Some("a")),
        (json!("a"), json!("content_filter"), ContentFiltered, None, Some("a")),
        (json!("a"), json!("SAFETY"), ContentFiltered, None, Some("a")),
        (json!("a"), json!("refusal"), Refused, None, Some("a")),
    ] {
        let found = parsed(&all_paths(), said(text, why.clone()));
        assert_eq!((found.1.input_tokens, found.1.output_tokens), (Some(7), Some(5)));
        let answer = answer(found);
        assert_eq!(
            (answer.status, answer.text.as_deref(), answer.partial_text.as_deref()),
            (status, whole, partial),
            "{why}"
        );
        assert_eq!(answer.finish_reason.as_deref(), why.as_str());
    }
}

#[test]
fn an_answer_that_is_none() {
    for missing in [json!({}), json!([]), json!({"answer": {"text": null}}), json!({"answer": "a"}), json!(1)] {
        let (found, usage) = failure(parsed(&all_paths(), missing.clone()));
        assert_failure(&found, 200, ServerError, true, &missing.to_string());
        assert_eq!(usage, Usage::default());
    }
    let whole = |text: &str| all_paths().parse(200, &HeaderMap::new(), text.as_bytes()).0.unwrap_err();
    assert_failure(&whole("<html>secret"), 200, ServerError, true, "no JSON");
    for cut in ["", "{\"answer\": {\"te"] {
        assert_failure(&whole(cut), 200, NetworkError, true, cut);
    }
}

#[test]
fn an_error_is_what_is_there_and_not_null() {
    for (error, status, retryable) in [
        (json!("rate_limit_exceeded"), RateLimited, true),
        (json!({"code": "insufficient_quota"}), QuotaExhausted, false),
        (json!({"code": 429, "message": "secret"}), RateLimited, true),
        (json!({"type": "invalid_request_error"}), InvalidRequest, false),
        (json!(401), AuthFailed, false),
        (json!("secret words of some length"), ServerError, true),
        (json!(true), ServerError, true),
    ] {
        let mut body = said(json!("a"), json!("stop"));
        body["error"] = error.clone();
        let (found, usage) = failure(parsed(&all_paths(), body.clone()));
        assert_failure(&found, 200, status, retryable, &error.to_string());
        assert_eq!(usage.output_tokens, Some(5), "what is billed is known all the same");
    }
    // Without a path nobody knows what an error is.
    let plain = Generic::new(&with(&[])).unwrap();
    assert_eq!(answer(parsed(&plain, json!({"answer": {"text": "a"}, "error": "e"}))).status, Ok);
}

#[test]
fn errors_status_by_status() {
    let error = |code: &str| json!({"error": {"code": code, "message": "secret"}});
    errors(
        &all_paths(),
        &[
            (400, error("bad"), InvalidRequest, false),
            (400, error("content_filter"), ContentFiltered, false),
            (401, json!({}), AuthFailed, false),
            (402, json!(null), QuotaExhausted, false),
            (403, json!("secret"), AuthFailed, false),
            (404, json!({}), InvalidRequest, false),
            (408, json!({}), Timeout, true),
            (413, json!({}), InvalidRequest, false),
            (422, json!({}), InvalidRequest, false),
            (429, json!({}), RateLimited, true),
            (429, error("insufficient_quota"), QuotaExhausted, false),
            (500, json!({}), ServerError, true),
            (502, json!("<html>"), ServerError, true),
            (503, error("overloaded"), ServerError, true),
            (504, json!({}), ServerError, true),
        ],
    );
}

#[test]
fn the_body_is_what_the_template_says() {
    let hi = [
        Message::text(Role::System, "S1"),
        Message::text(Role::User, "a \"q\" <b>\n"),
        Message::text(Role::System, "S2"),
    ];
    assert_eq!(body(&with(&[]), json!({"top_p": 0.5}), &hi).unwrap(), json!({"question": "a \"q\" <b>\n", "k": 0.5}));
    assert_eq!(body(&with(&[]), json!({}), &hi).unwrap()["k"], json!(1));
    let whole = "{{ {'m': messages, 's': system, 'name': model, 'o': options} | tojson }}";
    let calls = r#"[{"id": "1", "function": {"name": "f"}}]"#;
    let chat = [
        Message {
            content: Content::Parts(vec![
                Part::Text("look"),
                Part::Image { bytes: b"abc", media_type: "image/png" },
                Part::ImageUrl("http://i"),
            ]),
            ..Message::text(Role::User, "")
        },
        Message { content: Content::Empty, tool_calls: Some(calls), ..Message::text(Role::Assistant, "") },
        Message { tool_call_id: Some("1"), ..Message::text(Role::Tool, "r") },
    ];
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    assert_eq!(
        body(&with(&[("http.body", whole)]), json!({"max_tokens": 3, "stop": ["a"], "repeat": 2}), &chat).unwrap(),
        json!({"s": "", "name": "model-1", "o": {"max_tokens": 3, "stop": ["a"]}, "m": [
            {"role": "user", "content": [{"type": "text", "text": "look"}, image("data:image/png;base64,YWJj"), image("http://i")]},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
            {"role": "tool", "content": "r", "tool_call_id": "1"}]})
    );
    let extra = json!({"extra_body": {"k": 7, "deep": {"x": 1}}});
    assert_eq!(
        body(&with(&[]), extra, &hi[1..2]).unwrap(),
        json!({"question": "a \"q\" <b>\n", "k": 7, "deep": {"x": 1}})
    );
}

#[test]
fn a_row_that_the_template_does_not_fit() {
    let hi = [Message::text(Role::User, "secret")];
    let body_of = |template: &str| body(&with(&[("http.body", template)]), json!({}), &hi);
    row_refused(body_of("{\"x\": {{ messages[1].content | tojson }}}"), "does not render, line 1");
    row_refused(
        body_of("{\"x\": {% if messages | length == 1 and prompt == 'secret' %}oops{% else %}1{% endif %}}"),
        "to JSON",
    );
    let listed = with(&[("http.body", "[{{ prompt | tojson }}]")]);
    row_refused(body(&listed, json!({"extra_body": {"x": 1}}), &hi), "no object");
}

#[test]
fn wrong_settings_are_errors_at_planning() {
    let base = [("endpoint", "http://h/ask"), ("http.body", PLAIN), ("http.answerPath", "$.a")];
    for (name, value, says) in [
        ("http.body", "{\"x\": \"{{ prompt }}\"}", "tojson"),
        ("http.body", "plain text", "does not render to JSON"),
        ("http.body", "{{ prompt | tojson", "is no template, line 1"),
        ("http.body", "{{ promt | tojson }}", "did you mean 'prompt'?"),
        ("http.body", "{{ prompt | to_json }}", "does not render: unknown filter"),
        ("http.answerPath", "answer", "begins with $"),
        ("http.answerPath", "$.a[*]", "at character 4"),
        ("http.errorPath", "$..e", "is no JSON path"),
        ("http.authHeader", "Authorization", "{key}"),
        ("http.authHeader", "X-Key: abc", "{key}"),
        ("http.authHeader", "a b: {key}", "Name: value"),
        ("headers.X-Model", "{{ mdel }}", "did you mean 'model'?"),
        ("stream", "true", "must be false"),
        ("apiVersion", "1", "not for the provider http"),
    ] {
        let mut settings: Vec<(&str, &str)> = base.iter().copied().filter(|(other, _)| *other != name).collect();
        settings.push((name, value));
        let conf = settings.iter().chain(&[("provider", "http"), ("model", "m")]);
        let conf = conf.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let e =
            crate::provider::check_model(&crate::spec::ModelConf { name: "m".into(), conf }, CallKind::Complete, &[])
                .unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidModel, "{name} {value}");
        assert!(e.message().contains(says), "{name} {value}: {e}");
    }
    for missing in ["endpoint", "http.body", "http.answerPath"] {
        let settings: Vec<(&str, &str)> = base.iter().copied().filter(|(name, _)| *name != missing).collect();
        let e = try_model("http", &settings)
            .and_then(|model| format_of(&model, CallKind::Complete)?.headers(&model).map(|_| ()))
            .unwrap_err();
        assert!(e.message().contains(&format!("'{missing}' is missing")), "{e}");
    }
}

#[test]
fn options_that_no_template_uses() {
    let format =
        |model: &Model, given: Value| format_of(model, CallKind::Complete).unwrap().check(model, &options(given));
    let model = with(&[("headers.X-Seed", "{{ options.seed | default(0) }}")]);
    assert!(format(&model, json!({"top_p": 1, "seed": 1, "system": "s", "extra_headers": {"a": "b"}})).is_ok());
    let e = format(&model, json!({"temperature": 1})).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::InvalidOption);
    assert!(e.message().contains("options.temperature"), "{e}");
    let all = with(&[("http.body", "{{ options | tojson }}")]);
    assert!(format(&all, json!({"temperature": 1, "tools": []})).is_ok());
}

#[test]
fn headers_are_templates_and_the_key_has_its_own() {
    let model = with(&[
        ("headers.X-Name", "{{ model }}/{{ options.seed | default(0) }}/{{ prompt | length }}"),
        ("headers.X-Plain", "as it is"),
        ("http.authHeader", "X-Token: token {key}!"),
    ]);
    let format = format_of(&model, CallKind::Complete).unwrap();
    let frame = format.frame(&model, &options(json!({"seed": 7})), false).unwrap();
    let headers = frame.headers(&[Message::text(Role::User, "abc")]).unwrap();
    assert_eq!((headers.len(), headers["x-name"].to_str().unwrap()), (1, "model-1/7/3"));
    let mut headers = format.headers(&model).unwrap();
    let url = format.url(&model, false).unwrap();
    format.sign(&model, Some(&Secret::new("k")), &url, &mut headers, b"", SystemTime::UNIX_EPOCH).unwrap();
    assert!(headers["x-token"] == "token k!" && headers["x-token"].is_sensitive());
    let default = with(&[]);
    format.sign(&default, Some(&Secret::new("k")), &url, &mut headers, b"", SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(headers["authorization"], "Bearer k");
    let two_lines = with(&[("headers.X-Name", "{{ prompt }}")]);
    let frame =
        format_of(&two_lines, CallKind::Complete).unwrap().frame(&two_lines, &options(json!({})), false).unwrap();
    let e = frame.headers(&[Message::text(Role::User, "a\nb")]).unwrap_err();
    assert!(e.message().contains("'headers.x-name'"), "{e}");
}

#[test]
fn no_bytes_make_it_panic() {
    never_panics(&all_paths(), &[said(json!("a"), json!("stop")), json!({"error": {"code": "x"}})], b"");
}
