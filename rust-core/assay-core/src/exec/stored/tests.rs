use proptest::prelude::*;

use super::*;
use crate::cache::journal::Outcome;

fn text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some(String::new())),
        any::<String>().prop_map(Some),
        Just(Some("a\0b\u{1F600}\u{FFFD}".to_string())),
        Just(Some("x".repeat(1 << 20))),
    ]
}

prop_compose! {
    fn completion()(
        texts in proptest::array::uniform4(text()),
        logprobs in proptest::option::of(proptest::collection::vec(any::<f64>(), 0..4)),
        embedding in proptest::option::of(proptest::collection::vec(any::<f32>(), 0..4)),
        status in proptest::sample::select(Status::ALL),
        error in proptest::option::of((any::<String>(), any::<bool>(), proptest::option::of(any::<i32>()))),
        counts in proptest::array::uniform5(proptest::option::of(any::<i64>())),
        times in proptest::array::uniform2(proptest::option::of(any::<f64>())),
        names in proptest::array::uniform2(text()),
        answered_at in proptest::option::of(any::<i64>()),
    ) -> Completion {
        let [text, partial_text, reasoning, tool_calls] = texts;
        let [finish_reason, model_answered] = names;
        let [input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens] = counts;
        let error = error.map(|(message, retryable, http_status)| CallError {
            condition: status.condition().to_string(), message, retryable, http_status,
        });
        Completion {
            text, partial_text, reasoning, tool_calls, logprobs, embedding, error, finish_reason, model_answered,
            usage: Usage { input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens },
            latency_ms: times[0], ttft_ms: times[1], answered_at,
            ..Completion::uncalled("", status)
        }
    }
}

fn entry(n: u8, completion: Completion) -> Entry {
    Entry {
        key: format!("{n:064x}"),
        request: r#"{"key_version":1,"messages":[],"model":"gpt","provider":"openai"}"#.to_string(),
        outcome: Outcome { run: "3".into(), owner: "1:0".into(), finished_at: 17, completion },
    }
}

/// The bits of numbers count, and a NaN equals itself.
fn exact(c: &Completion) -> String {
    format!(
        "{c:?} {:?} {:?}",
        c.logprobs.as_ref().map(|l| l.iter().map(|x| x.to_bits()).collect::<Vec<_>>()),
        c.embedding
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_completion_survives_the_table_bit_for_bit(completions in proptest::collection::vec(completion(), 1..4)) {
        let entries: Vec<Entry> = completions.iter().enumerate().map(|(i, c)| entry(i as u8, c.clone())).collect();
        let batch = stored_batch("app", entries).unwrap();
        let columns = ANSWER_COLUMNS.map(|name| batch.schema().index_of(name).unwrap());
        let read = answers(&batch.project(&columns).unwrap()).unwrap();
        prop_assert_eq!(read.len(), completions.len());
        for (i, (stored, given)) in read.iter().zip(&completions).enumerate() {
            let key = format!("{i:064x}");
            prop_assert_eq!(&stored.key, &key);
            let created = given.answered_at.or(Some(17));
            let expected = Completion { request_key: Some(key), answered_at: created, ..given.clone() };
            prop_assert_eq!(exact(&stored.completion), exact(&expected));
        }
    }
}

#[test]
fn a_row_says_who_was_asked_and_when() {
    let batch = stored_batch("app-1", vec![entry(1, Completion::uncalled("alias", Status::Refused))]).unwrap();
    let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().value(0).to_string();
    assert_eq!((text("provider"), text("model"), text("run_id")), ("openai".into(), "gpt".into(), "app-1/3".into()));
    assert_eq!(text("status"), "refused");
    let created = batch.column_by_name("created_at").unwrap();
    assert_eq!(created.as_primitive::<TimestampMicrosecondType>().value(0), 17);
    assert_eq!(batch.column_by_name("key_version").unwrap().as_primitive::<Int32Type>().value(0), 1);
}

#[test]
fn what_is_no_stored_answer_is_refused() {
    let batch = stored_batch("app", vec![entry(1, Completion::uncalled("m", Status::Ok))]).unwrap();
    let columns = ANSWER_COLUMNS.map(|name| batch.schema().index_of(name).unwrap());
    let good = batch.project(&columns).unwrap();
    assert_eq!(answers(&batch).err().unwrap().kind(), ErrorKind::MalformedBatch);
    for column in 0..good.num_columns() {
        let mut arrays = good.columns().to_vec();
        arrays[column] = Arc::new(arrow::array::BooleanArray::from(vec![true]));
        let fields = arrays.iter().enumerate().map(|(i, a)| (format!("c{i}"), Arc::clone(a)));
        let error = answers(&RecordBatch::try_from_iter(fields).unwrap()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::CacheTable, "column {column}");
    }
}
