//! Sessions of model calls, with answers made in the process.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BooleanArray, Int32Array, Int64Array, LargeStringArray, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use assay_core::ErrorKind;
use assay_core::exec::completion_schema::{completion_fields, result_schema};
use assay_core::exec::ipc::read_batch;
use assay_core::exec::{CompleteSession, check_call};
use assay_core::spec::PromptSpec;
use proptest::prelude::*;
use serde_json::json;
use support::*;

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn prompts_come_back_with_the_whole_struct() {
    let session = open(1, vec![call(mock(&[("price.input", "1"), ("price.output", "2")]))]);
    assert_eq!(session.push(&ipc(vec![strings(&[Some("one two"), None, Some("")])])).unwrap(), 3);
    assert_eq!(session.push(&ipc(vec![Arc::new(LargeStringArray::from(vec!["large"]))])).unwrap(), 1);
    let rows = drain(&session, 4);
    let first = &rows[&0][0];
    assert_eq!(first.data_type(), &DataType::Struct(completion_fields()));
    assert_eq!(text(first, "text").as_deref(), Some("one two"));
    assert_eq!(text(first, "status").as_deref(), Some("ok"));
    assert_eq!(text(first, "model").as_deref(), Some("m"));
    assert_eq!(text(first, "model_answered").as_deref(), Some("mock-1"));
    assert_eq!(double(first, "cost_usd"), Some(6e-6));
    assert_eq!(text(first, "request_key").unwrap().len(), 64);
    assert!(first.column_by_name("error").unwrap().is_null(0));
    assert!(first.column_by_name("answered_at").unwrap().is_valid(0));
    assert_eq!(attempts(first), 1);

    let null = &rows[&1][0];
    assert!(null.is_valid(0), "the struct itself is never NULL");
    assert_eq!(text(null, "status").as_deref(), Some("no_prompt"));
    assert_eq!(error_text(null, "condition").as_deref(), Some("ASSAY_NO_PROMPT"));
    assert_eq!((attempts(null), double(null, "cost_usd")), (0, Some(0.0)));
    assert_eq!(text(&rows[&2][0], "text").as_deref(), Some(""));
    assert_eq!(text(&rows[&3][0], "text").as_deref(), Some("large"));
    assert_eq!((counter(&session, "rows"), counter(&session, "rows_ok"), counter(&session, "rows_failed")), (4, 3, 1));
    assert_eq!(counter(&session, "requests"), 3);
}

#[test]
fn chat_messages_are_prompts() {
    let fields =
        Fields::from(vec![Field::new("role", DataType::Utf8, true), Field::new("content", DataType::Utf8, true)]);
    let mut lists = ListBuilder::new(StructBuilder::from_fields(fields, 8));
    let mut add = |messages: Option<&[(Option<&str>, Option<&str>)]>| {
        for (role, content) in messages.unwrap_or_default() {
            lists.values().field_builder::<StringBuilder>(0).unwrap().append_option(*role);
            lists.values().field_builder::<StringBuilder>(1).unwrap().append_option(*content);
            lists.values().append(true);
        }
        lists.append(messages.is_some());
    };
    add(Some(&[(Some("user"), Some("a")), (Some("assistant"), Some("b")), (Some("user"), Some("c"))]));
    add(None);
    add(Some(&[]));
    add(Some(&[(Some("user"), None)]));
    let session = open(1, vec![call(mock(&[]))]);
    session.push(&ipc(vec![Arc::new(lists.finish())])).unwrap();
    let rows = drain(&session, 4);
    assert_eq!(text(&rows[&0][0], "text").as_deref(), Some("c"));
    for row in 1..4 {
        assert_eq!(text(&rows[&row][0], "status").as_deref(), Some("no_prompt"), "{row}");
    }
}

fn question(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StructArray::try_from(vec![("q", strings(values))]).unwrap())
}

#[test]
fn a_template_that_fails_says_so_without_the_data() {
    let mut call = call(mock(&[]));
    call.prompt = PromptSpec::Template { source: "Q: {{ q }}{{ q.secret_part }}".into(), column: 0 };
    assert!(check_call(&call, &[], &["q"], false).is_ok());
    assert_eq!(check_call(&call, &[], &["question"], false).unwrap_err().kind(), ErrorKind::TemplateVariable);
    let session = open(1, vec![call.clone()]);
    session.push(&ipc(vec![question(&[Some("my private text")])])).unwrap();
    let row = &drain(&session, 1)[&0][0];
    assert_eq!(text(row, "status").as_deref(), Some("no_prompt"));
    assert_eq!(error_text(row, "condition").as_deref(), Some("ASSAY_TEMPLATE_RENDER"));
    assert!(!error_text(row, "message").unwrap().contains("private"));

    call.prompt = PromptSpec::Template { source: "Q: {{ q }}".into(), column: 0 };
    let session = open(1, vec![call.clone()]);
    session.push(&ipc(vec![question(&[Some("2 < 3 $5 \\ {{x}}")])])).unwrap();
    assert_eq!(text(&drain(&session, 1)[&0][0], "text").as_deref(), Some("Q: 2 < 3 $5 \\ {{x}}"));

    call.prompt = PromptSpec::Template { source: "{% if".into(), column: 0 };
    assert_eq!(check_call(&call, &[], &["q"], false).unwrap_err().kind(), ErrorKind::TemplateSyntax);
}

#[test]
fn options_of_a_row_are_checked_and_used_for_the_row() {
    let mut call = call(mock(&[("mock.reply", "{{ prompt }} {{ seed }}")]));
    call.options = options(json!({"seed": 7, "system": "s"}));
    call.per_row = BTreeMap::from([("seed".into(), 1), ("max_tokens".into(), 2), ("tools".into(), 3)]);
    let session = open(4, vec![call.clone()]);
    let batch = vec![
        strings(&[Some("a b c"); 5]),
        Arc::new(Int64Array::from(vec![Some(1), None, None, None, Some(1)])) as ArrayRef,
        Arc::new(Int32Array::from(vec![None, None, Some(2), Some(0), None])),
        strings(&[None, None, None, None, Some("no json")]),
    ];
    session.push(&ipc(batch)).unwrap();
    let rows = drain(&session, 5);
    assert_eq!(text(&rows[&0][0], "text").as_deref(), Some("a b c 1"));
    assert_eq!(text(&rows[&1][0], "text").as_deref(), Some("a b c 7"));
    assert_eq!(text(&rows[&2][0], "status").as_deref(), Some("truncated"));
    assert_eq!(text(&rows[&2][0], "text"), None);
    assert_eq!(text(&rows[&2][0], "partial_text").as_deref(), Some("a b"));
    for row in [3, 4] {
        assert_eq!(text(&rows[&row][0], "status").as_deref(), Some("invalid_request"));
        assert_eq!(error_text(&rows[&row][0], "condition").as_deref(), Some("ASSAY_INVALID_OPTION"));
        assert_eq!(attempts(&rows[&row][0]), 0);
    }
    assert_ne!(text(&rows[&0][0], "request_key"), text(&rows[&1][0], "request_key"));

    call.per_row = BTreeMap::from([("temperature".into(), 1)]);
    assert_eq!(check_call(&call, &[], &[], false).unwrap_err().kind(), ErrorKind::InvalidOption);
    call.per_row.clear();
    call.options = options(json!({"temprature": 1}));
    assert_eq!(check_call(&call, &[], &[], false).unwrap_err().kind(), ErrorKind::UnknownOption);
}

#[test]
fn a_call_behind_a_guard_is_made_where_the_guard_is_true() {
    let mut guarded = call(mock(&[("mock.latencyMs", "20")]));
    guarded.guard = Some(1);
    let session = open(2, vec![call(mock(&[("mock.reply", "x")])), guarded]);
    let guard = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
    session.push(&ipc(vec![strings(&[Some("a"), Some("b"), Some("c")]), guard])).unwrap();
    let rows = drain(&session, 3);
    for (id, calls) in &rows {
        assert_eq!(text(&calls[0], "text").as_deref(), Some("x"));
        assert_eq!(calls[1].is_valid(0), *id == 0, "row {id}");
    }
    assert_eq!(text(&rows[&0][1], "text").as_deref(), Some("a"));
    assert_eq!(counter(&session, "requests"), 4);
}

#[test]
fn rows_leave_as_they_finish_and_batches_are_bounded() {
    let slow = call(mock(&[("mock.latencyMs", "60000")]));
    let mut fast_only = slow.clone();
    fast_only.guard = Some(1);
    let session = open(2, vec![fast_only]);
    let guard = Arc::new(BooleanArray::from(vec![true, false, false, false, false]));
    session.push(&ipc(vec![strings(&[Some("p"); 5]), guard])).unwrap();
    let size = |max_rows, max_bytes| {
        let bytes = session.poll(Duration::from_secs(5), max_rows, max_bytes).unwrap().unwrap();
        let batch = read_batch(&bytes).unwrap();
        assert_eq!(*batch.schema(), result_schema([assay_core::spec::CallKind::Complete]));
        batch.num_rows()
    };
    assert_eq!(size(3, usize::MAX), 3, "nobody waits for the slow row");
    assert_eq!(size(100, 0), 1, "at least one row comes");
    assert!(session.poll(Duration::from_millis(1), 100, 1000).unwrap().is_none());
    assert_eq!(session.in_flight(), 1);
}

#[test]
fn a_cancelled_session_calls_nothing_and_says_so() {
    let session = open(1, vec![call(mock(&[("mock.latencyMs", "60000"), ("maxConcurrency", "2")]))]);
    session.push(&ipc(vec![strings(&[Some("p"); 100])])).unwrap();
    session.cancel();
    assert_eq!(session.poll(Duration::from_secs(60), 1, 1).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(session.push(&ipc(vec![strings(&[Some("p")])])).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn mocks_fail_by_their_keys() {
    let session = open(1, vec![call(mock(&[("mock.errorRate", "0.3")]))]);
    let prompts: Vec<String> = (0..1000).map(|i| format!("prompt {i}")).collect();
    let failed = |session: &CompleteSession| {
        session.push(&ipc(vec![Arc::new(StringArray::from(prompts.clone()))])).unwrap();
        let rows = drain(session, 1000);
        rows.values().map(|calls| text(&calls[0], "status").unwrap() == "server_error").collect::<Vec<_>>()
    };
    let first = failed(&session);
    let count = first.iter().filter(|failed| **failed).count();
    assert!((250..350).contains(&count), "{count}");
    assert_eq!(counter(&session, "requests"), 1000);
    let again = failed(&open(1, vec![call(mock(&[("mock.errorRate", "0.3")]))]));
    assert_eq!(first, again);
}

#[test]
fn what_does_not_fit_the_spec_is_an_error() {
    let kind = |spec| CompleteSession::open(&spec).err().map(|e| e.kind());
    let mut wrong = call(mock(&[]));
    wrong.prompt = PromptSpec::Column(3);
    assert_eq!(kind(spec(1, vec![wrong])), Some(ErrorKind::InvalidSpec));
    assert_eq!(kind(spec(1, vec![call(mock(&[("mock.reply", "{% if")]))])), Some(ErrorKind::InvalidModel));
    let session = open(2, vec![call(mock(&[]))]);
    assert_eq!(session.push(&ipc(vec![strings(&[None])])).unwrap_err().kind(), ErrorKind::MalformedBatch);
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let e = session.push(&ipc(vec![numbers, strings(&[None])])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::UnsupportedType);
    assert_eq!(session.in_flight(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever is pushed, guarded, failed or slow: every row comes out once, with its own answer.
    #[test]
    fn every_row_comes_out_exactly_once(
        batches in prop::collection::vec(prop::collection::vec((prop::option::of("[a-z]{0,6}"), any::<Option<bool>>()), 0..40), 1..6),
        latency in 0u32..3, window in 1usize..50,
    ) {
        let latency = latency.to_string();
        let conf = [("mock.latencyMs", latency.as_str()), ("mock.errorRate", "0.2"), ("maxConcurrency", "5")];
        let mut guarded = call(mock(&conf));
        guarded.guard = Some(1);
        let session = open(2, vec![guarded, call(mock(&[("mock.reply", "[{{ prompt }}]")]))]);
        let mut expected = Vec::new();
        let mut got = BTreeMap::new();
        let take = |got: &mut BTreeMap<i64, (Option<String>, Option<String>)>| {
            let Some(bytes) = session.poll(Duration::from_millis(100), window, 10_000).unwrap() else { return };
            let batch = read_batch(&bytes).unwrap();
            assert!(batch.num_rows() <= window);
            for row in 0..batch.num_rows() {
                let id = batch.column(0).as_primitive::<arrow::array::types::Int64Type>().value(row);
                let (c0, c1) = (batch.column(1).as_struct().slice(row, 1), batch.column(2).as_struct().slice(row, 1));
                let c0 = c0.is_valid(0).then(|| text(&c0, "status").unwrap());
                assert!(got.insert(id, (c0, text(&c1, "text"))).is_none());
            }
        };
        for batch in batches {
            let prompts = batch.iter().map(|(prompt, _)| prompt.as_deref()).collect::<Vec<_>>();
            let guards: BooleanArray = batch.iter().map(|(_, guard)| *guard).collect();
            session.push(&ipc(vec![strings(&prompts), Arc::new(guards)])).unwrap();
            expected.extend(batch);
            take(&mut got);
        }
        while got.len() < expected.len() {
            take(&mut got);
        }
        for (id, (prompt, guard)) in expected.iter().enumerate() {
            let (c0, c1) = &got[&(id as i64)];
            prop_assert_eq!(c0.is_some(), *guard == Some(true));
            prop_assert_eq!(c1.clone(), prompt.as_ref().map(|prompt| format!("[{prompt}]")));
        }
        prop_assert_eq!(session.in_flight(), 0);
        prop_assert_eq!(counter(&session, "rows"), expected.len() as i64);
    }
}
