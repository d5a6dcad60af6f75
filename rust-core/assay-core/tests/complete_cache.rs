//! What a cache has for a session's rows, from the bytes of a journal to the rows that leave.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, BooleanArray, StringArray};
use assay_core::ErrorKind;
use assay_core::cache::journal::{Header, Outcome, append};
use assay_core::completion::{CallError, Completion, Status};
use assay_core::exec::ipc::{read_batch, write_batch};
use assay_core::exec::stored::{ANSWER_COLUMNS, stored_schema};
use assay_core::exec::{CompleteSession, JournalSession, KeysSession};
use assay_core::spec::{CallSpec, KeysSpec, KnownSpec, SPEC_VERSION};
use support::*;

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn keys_of(calls: Vec<CallSpec>, columns: Vec<ArrayRef>) -> Vec<Option<String>> {
    let spec = KeysSpec { version: SPEC_VERSION, columns: columns.len(), calls };
    let batch = read_batch(&KeysSession::open(&spec).unwrap().eval(&ipc(columns)).unwrap()).unwrap();
    batch.column(0).as_string::<i32>().iter().map(|key| key.map(str::to_string)).collect()
}

fn outcome(completion: Completion) -> Outcome {
    Outcome { run: "1".into(), owner: "0:0".into(), finished_at: 5, completion }
}

fn answered(text: &str, at: i64) -> Completion {
    Completion {
        text: Some(text.to_string()),
        model_answered: Some("once".into()),
        answered_at: Some(at),
        ..Completion::uncalled("another name", Status::Ok)
    }
}

fn failed() -> Completion {
    let error = CallError {
        condition: "ASSAY_TIMEOUT".into(),
        message: "no whole answer".into(),
        retryable: true,
        http_status: None,
    };
    Completion { error: Some(error), ..Completion::uncalled("m", Status::Timeout) }
}

fn journal(entries: &[(&str, Completion)]) -> Vec<u8> {
    let mut file = Header::new("app-1", "0", 0).frame().unwrap();
    for (key, completion) in entries {
        append(key, r#"{"provider":"mock","model":"mock-1","key_version":1}"#, &outcome(completion.clone()), &mut file)
            .unwrap();
    }
    file
}

/// The stored answers of a file that is read in pieces of `piece` bytes, and what was dropped.
fn stored(file: &[u8], piece: usize) -> (Vec<Vec<u8>>, [i64; 2]) {
    let session = JournalSession::new();
    let mut batches = Vec::new();
    for bytes in file.chunks(piece).chain([&[][..]]) {
        let batch = read_batch(&session.eval(bytes).unwrap()).unwrap();
        assert_eq!(batch.schema(), stored_schema());
        let columns = ANSWER_COLUMNS.map(|name| batch.schema().index_of(name).unwrap());
        batches.push(write_batch(&batch.project(&columns).unwrap()).unwrap());
    }
    (batches, session.dropped())
}

fn session(replay: bool, settings: &[(&str, &str)]) -> CompleteSession {
    let mut spec = spec(1, vec![call(mock(settings))]);
    let folder = std::env::temp_dir().to_str().unwrap().to_string();
    spec.known = Some(KnownSpec { folder, replay });
    CompleteSession::open(&spec).unwrap()
}

#[test]
fn what_the_cache_has_is_not_called_for() {
    let prompts = strings(&[Some("known"), Some("new"), Some("failed"), None, Some("known")]);
    let keys = keys_of(vec![call(mock(&[]))], vec![Arc::clone(&prompts)]);
    assert!(keys[3].is_none() && keys[0] == keys[4]);
    let key = |n: usize| keys[n].as_deref().unwrap();
    let file = journal(&[(key(0), answered("stored", 9)), (key(2), failed())]);
    for piece in [7, 1000] {
        let session = session(false, &[("price.input", "1"), ("price.output", "1")]);
        let (batches, dropped) = stored(&file, piece);
        assert_eq!(dropped, [0, 0]);
        assert_eq!(batches.iter().map(|batch| session.known(batch).unwrap()).sum::<usize>(), 2);
        session.push(&ipc(vec![Arc::clone(&prompts)])).unwrap();
        let rows = drain(&session, 5);
        for hit in [&rows[&0][0], &rows[&4][0]] {
            assert_eq!(text(hit, "text").as_deref(), Some("stored"));
            assert_eq!((text(hit, "model").as_deref(), text(hit, "request_key").as_deref()), (Some("m"), Some(key(0))));
            assert!(hit.column_by_name("cache_hit").unwrap().as_boolean().value(0));
            assert_eq!((double(hit, "cost_usd"), attempts(hit)), (Some(0.0), 0));
        }
        assert_eq!(text(&rows[&1][0], "text").as_deref(), Some("new"));
        assert_eq!(text(&rows[&2][0], "text").as_deref(), Some("failed"), "a failure is called for again");
        assert_eq!(text(&rows[&3][0], "status").as_deref(), Some("no_prompt"));
        assert_eq!((counter(&session, "cache_hits"), counter(&session, "requests")), (2, 2));
    }
}

#[test]
fn a_replay_calls_nothing_and_shows_failures() {
    let prompts = strings(&[Some("a"), Some("b"), Some("c"), None]);
    let keys = keys_of(vec![call(mock(&[]))], vec![Arc::clone(&prompts)]);
    let file = journal(&[(keys[0].as_deref().unwrap(), answered("x", 1)), (keys[1].as_deref().unwrap(), failed())]);
    let session = session(true, &[]);
    for batch in stored(&file, 64).0 {
        session.known(&batch).unwrap();
    }
    session.push(&ipc(vec![prompts])).unwrap();
    let rows = drain(&session, 4);
    let statuses: Vec<_> = (0..4).map(|i| text(&rows[&i][0], "status").unwrap()).collect();
    assert_eq!(statuses, ["ok", "timeout", "replay_miss", "no_prompt"]);
    assert_eq!(error_text(&rows[&1][0], "message").as_deref(), Some("no whole answer"));
    assert_eq!(error_text(&rows[&2][0], "condition").as_deref(), Some("ASSAY_REPLAY_MISS"));
    assert_eq!(text(&rows[&2][0], "request_key"), keys[2].clone());
    assert_eq!(counter(&session, "requests"), 0);
}

#[test]
fn keys_follow_guards() {
    let mut guarded = call(mock(&[]));
    guarded.guard = Some(1);
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
    let prompts = strings(&[Some("a"), Some("a"), Some("a")]);
    let keys = keys_of(vec![guarded], vec![prompts, flags]);
    assert!(keys[0].is_some() && keys[1].is_none() && keys[2].is_none());
}

#[test]
fn torn_and_damaged_entries_are_dropped_and_counted() {
    let keys: Vec<String> = (0..3).map(|n| format!("{n:064x}")).collect();
    let file = journal(&keys.iter().map(|key| (key.as_str(), answered("x", 1))).collect::<Vec<_>>());
    let count = |file: &[u8]| {
        let (batches, dropped) = stored(file, 100);
        (batches.iter().map(|batch| read_batch(batch).unwrap().num_rows()).sum::<usize>(), dropped[1])
    };
    assert_eq!(count(&file), (3, 0));
    assert_eq!(count(&file[..file.len() - 1]), (2, 1));
    let mut damaged = file.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    assert_eq!(count(&damaged), (2, 1));
    assert_eq!(count(&[]), (0, 0));
}

#[test]
fn a_session_without_a_cache_takes_no_answers() {
    let session = open(1, vec![call(mock(&[]))]);
    let (batches, _) = stored(&journal(&[]), 100);
    assert_eq!(session.known(&batches[0]).unwrap_err().kind(), ErrorKind::InvalidSpec);
}
