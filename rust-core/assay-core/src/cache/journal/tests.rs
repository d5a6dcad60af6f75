use proptest::prelude::*;

use super::*;
use crate::completion::{CallError, Status, Usage};

fn completion() -> impl Strategy<Value = Completion> {
    let text = || prop::option::of(prop_oneof![".*", "\\PC{0,40}", Just("a\0b\u{7f}\u{1F9EA}\r\n".to_string())]);
    let number = || prop::option::of(any::<i64>());
    let double = || prop::option::of(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO);
    let logprobs = prop::option::of(prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 0..6));
    let embedding = prop::option::of(prop::collection::vec(prop::num::f32::ANY, 0..9));
    let status = prop::sample::select(Status::ALL.to_vec());
    let error = prop::option::of(("\\PC{0,9}", any::<bool>(), prop::option::of(any::<i32>())));
    let texts = (text(), text(), text(), text(), text());
    let numbers = (number(), number(), number(), any::<i32>(), double(), double(), double());
    (texts, numbers, logprobs, embedding, status, error).prop_map(
        |(texts, numbers, logprobs, embedding, status, error)| Completion {
            text: texts.0,
            partial_text: texts.1,
            reasoning: texts.2,
            tool_calls: texts.3,
            finish_reason: texts.4,
            logprobs,
            embedding,
            error: error.map(|(message, retryable, http_status)| CallError {
                condition: status.condition().to_string(),
                message,
                retryable,
                http_status,
            }),
            usage: Usage { input_tokens: numbers.0, output_tokens: numbers.1, ..Usage::default() },
            answered_at: numbers.2,
            attempts: numbers.3,
            cost_usd: numbers.4,
            latency_ms: numbers.5,
            ttft_ms: numbers.6,
            ..Completion::uncalled("m", status)
        },
    )
}

fn outcome(completion: Completion) -> Outcome {
    Outcome { run: "run 1".into(), owner: "7:0".into(), finished_at: 7, completion }
}

fn an_entry() -> impl Strategy<Value = Entry> {
    ("[0-9a-f]{64}", "\\PC{0,60}", completion()).prop_map(|(key, request, completion)| Entry {
        key,
        request,
        outcome: outcome(completion),
    })
}

/// The file, and where each frame behind the header ends.
fn file(entries: &[Entry]) -> (Vec<u8>, Vec<usize>) {
    let mut file = Header::new("app", "1", 5).frame().unwrap();
    let mut ends = vec![file.len()];
    for entry in entries {
        append(&entry.key, &entry.request, &entry.outcome, &mut file).unwrap();
        ends.push(file.len());
    }
    (file, ends)
}

fn scan(file: &[u8], piece: usize) -> (Vec<(Range<u64>, Entry)>, Dropped) {
    let mut scanner = Scanner::default();
    let mut found = Vec::new();
    for bytes in file.chunks(piece.max(1)) {
        scanner.push(bytes, |place, entry| found.push((place, entry))).unwrap();
    }
    let dropped = scanner.finish(|place, entry| found.push((place, entry))).unwrap();
    (found, dropped)
}

/// Bit for bit, NaN included.
fn same(a: &Entry, b: &Entry) -> bool {
    let bits = |entry: &Entry| {
        let embedding = entry.outcome.completion.embedding.as_ref();
        embedding.map(|vector| vector.iter().map(|n| n.to_bits()).collect::<Vec<_>>())
    };
    let rest = |entry: &Entry| {
        let mut rest = entry.clone();
        rest.outcome.completion.embedding = None;
        rest
    };
    bits(a) == bits(b) && rest(a) == rest(b)
}

proptest! {
    #[test]
    fn what_is_written_is_read_bit_for_bit_whatever_the_pieces(
        entries in prop::collection::vec(an_entry(), 0..6), piece in 1usize..300,
    ) {
        let (file, ends) = file(&entries);
        let (found, dropped) = scan(&file, piece);
        prop_assert_eq!(dropped, Dropped::default());
        prop_assert_eq!(found.len(), entries.len());
        for (i, ((place, read), written)) in found.iter().zip(&entries).enumerate() {
            prop_assert!(same(read, written));
            let place = place.start as usize..place.end as usize;
            prop_assert_eq!(place.clone(), ends[i]..ends[i + 1]);
            prop_assert!(same(&decode(&file[place]).unwrap(), written));
        }
    }

    #[test]
    fn a_torn_end_costs_the_torn_entry_only(
        entries in prop::collection::vec(an_entry(), 1..6), cut in 0.0f64..1.0, piece in 1usize..300,
    ) {
        let (file, ends) = file(&entries);
        let length = ends[0] + ((file.len() - ends[0]) as f64 * cut) as usize;
        let (found, dropped) = scan(&file[..length], piece);
        let kept = ends.iter().filter(|end| **end <= length).count() - 1;
        prop_assert_eq!(found.len(), kept);
        let left = (length - ends[kept]) as u64;
        prop_assert_eq!(dropped, Dropped { bytes: left, places: u64::from(left > 0) });
    }

    #[test]
    fn damage_costs_what_it_hits_and_never_gives_something_else(
        entries in prop::collection::vec(an_entry(), 1..6), at in 0.0f64..1.0, mask in 1u8.., piece in 1usize..300,
    ) {
        let (mut file, ends) = file(&entries);
        let at = (file.len() as f64 * at) as usize;
        file[at] ^= mask;
        let (found, dropped) = scan(&file, piece);
        let hit = ends.iter().filter(|end| **end <= at).count();
        let expected: Vec<&Entry> =
            entries.iter().enumerate().filter(|(i, _)| i + 1 != hit).map(|(_, entry)| entry).collect();
        prop_assert_eq!(found.len(), expected.len());
        prop_assert!(found.iter().zip(expected).all(|((_, read), written)| same(read, written)));
        prop_assert!(dropped.places >= 1 && dropped.bytes > 0);
    }
}

#[test]
fn a_large_answer_comes_back() {
    let text = "\u{1F9EA}\0 answer".repeat(100_000);
    let completion = Completion { text: Some(text), ..Completion::uncalled("m", Status::Ok) };
    let mut frame = Vec::new();
    append(&"0f".repeat(32), "{}", &outcome(completion.clone()), &mut frame).unwrap();
    assert_eq!(decode(&frame).unwrap().outcome.completion, completion);
}

#[test]
fn a_later_version_is_refused() {
    let header = Header { journal_version: JOURNAL_VERSION + 1, ..Header::new("app-7", "1", 0) };
    let e = Scanner::default().push(&header.frame().unwrap(), |_, _| ()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::VersionMismatch);
    assert!(e.message().contains("app-7"), "{e}");
}

#[test]
fn what_is_no_entry_is_refused() {
    let mut frame = Vec::new();
    append(&"0f".repeat(32), "{}", &outcome(Completion::uncalled("m", Status::Ok)), &mut frame).unwrap();
    for bytes in [&frame[..frame.len() - 1], &frame[1..], &[][..]] {
        assert_eq!(decode(bytes).unwrap_err().kind(), ErrorKind::DamagedJournal);
    }
    for key in ["", "0f", &"0F".repeat(33), &"xy".repeat(32)] {
        let refused = append(key, "{}", &outcome(Completion::uncalled("m", Status::Ok)), &mut frame);
        assert!(refused.is_err(), "{key}");
    }
}
