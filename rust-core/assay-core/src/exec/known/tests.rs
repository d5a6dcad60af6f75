use super::*;
use crate::cache::journal::Entry;
use crate::exec::ipc::write_batch;
use crate::exec::stored::{ANSWER_COLUMNS, stored_batch};

fn key(n: usize) -> String {
    format!("{n:064x}")
}

fn batch(rows: &[(usize, Status, i64, &str)]) -> Vec<u8> {
    let entries = rows.iter().map(|(n, status, at, text)| {
        let completion = Completion {
            text: Some(text.to_string()),
            answered_at: Some(*at),
            embedding: Some(vec![*n as f32]),
            ..Completion::uncalled("m", *status)
        };
        let outcome = Outcome { run: String::new(), owner: String::new(), finished_at: 0, completion };
        Entry { key: key(*n), request: "{}".into(), outcome }
    });
    let batch = stored_batch("app", entries.collect()).unwrap();
    let columns = ANSWER_COLUMNS.map(|name| batch.schema().index_of(name).unwrap());
    write_batch(&batch.project(&columns).unwrap()).unwrap()
}

fn text(known: &Known, n: usize, any: bool) -> Option<String> {
    known.get(&key(n), any).unwrap().and_then(|completion| completion.text)
}

#[test]
fn an_answer_that_is_ok_stands_over_one_that_is_not_and_a_later_one_over_an_earlier_one() {
    let mut known = Known::new(std::env::temp_dir());
    assert!(known.is_empty());
    known.add(&batch(&[(1, Status::Ok, 5, "a"), (1, Status::Refused, 9, "b"), (2, Status::Timeout, 1, "c")])).unwrap();
    known.add(&batch(&[(1, Status::Ok, 7, "later"), (1, Status::Ok, 6, "between")])).unwrap();
    assert_eq!((text(&known, 1, false), text(&known, 1, true)), (Some("later".into()), Some("later".into())));
    assert_eq!((text(&known, 2, false), text(&known, 2, true)), (None, Some("c".into())));
    assert_eq!((text(&known, 3, true), known.get("no key", true).unwrap()), (None, None));
}

#[test]
fn what_does_not_fit_in_memory_comes_back_from_a_file_without_a_name() {
    let folder = std::env::temp_dir().join(format!("assay-known-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut known = Known::new(&folder);
    let texts: Vec<String> = (0..70).map(|n| format!("{n} ").repeat(200_000)).collect();
    for (n, text) in texts.iter().enumerate() {
        known.add(&batch(&[(n, Status::Ok, 0, text)])).unwrap();
    }
    assert!(known.written > 0 && known.tail.len() <= IN_MEMORY);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    for (n, text) in texts.iter().enumerate() {
        let completion = known.get(&key(n), false).unwrap().unwrap();
        assert!(completion.text.as_ref() == Some(text));
        assert_eq!(completion.embedding, Some(vec![n as f32]));
    }
    std::fs::remove_dir(&folder).unwrap();
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_it() {
    let mut known = Known::new("/nowhere/at/all");
    let text = "x".repeat(IN_MEMORY + 1);
    let error = known.add(&batch(&[(1, Status::Ok, 0, &text)])).unwrap_err();
    assert!(error.message().contains("/nowhere/at/all"), "{error}");
}
