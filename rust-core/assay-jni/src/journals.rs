//! The operations of journals: what the JVM's threads, which hold the files, tell the engine and ask it.

use std::time::Duration;

use assay_core::cache::claims::{ClaimAsk, ClaimReply, Finished, Key, Place};
use assay_core::cache::journal::{Header, Scanner};
use assay_core::completion::Status;
use assay_core::inference::journal::Journal;
use assay_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::json;

use crate::calls::{read, read_with_bytes};

/// How long a thread waits for work before it looks whether its application still runs.
const WAIT: Duration = Duration::from_millis(250);

/// How long the claims thread waits for something to say while it is owed an answer.
const OWED: Duration = Duration::from_millis(25);

/// How many entries are read at a time.
const MOST_FETCHES: usize = 1000;

#[derive(Deserialize)]
struct Which {
    folder: String,
    executor: String,
}

impl Which {
    fn journal(&self) -> std::sync::Arc<Journal> {
        Journal::of_process(&self.folder, &self.executor)
    }
}

#[derive(Deserialize)]
struct Message<T> {
    #[serde(flatten)]
    which: Which,
    body: T,
}

#[derive(Deserialize)]
struct Durable {
    id: u64,
    file: String,
    offset: u64,
}

#[derive(Deserialize)]
struct Fetched {
    number: u64,
    /// Why it could not be read; else the frame follows.
    error: Option<String>,
}

#[derive(Deserialize)]
struct LostExecutor {
    name: String,
    left: Vec<Finished>,
}

#[derive(Deserialize)]
struct NewFile {
    application: String,
    created_at: i64,
}

#[derive(Deserialize)]
struct Tail {
    file: String,
    offset: u64,
}

/// Runs the operation, if it is one of these. Input is JSON with the journal's `folder` and this process's `executor` and a `body`, or that
/// behind its length (u32, little-endian) and followed by bytes.
pub(crate) fn call(operation: &str, input: &[u8]) -> Option<Result<Vec<u8>>> {
    Some(match operation {
        // Driver.
        "journal_register" => read(input).map(|which: Which| {
            which.journal().register();
            Vec::new()
        }),
        "journal_serve" => read(input).and_then(|message: Message<ClaimAsk>| {
            let reply = message.which.journal().serve(&message.body);
            write(&reply.ok_or_else(|| Error::new(ErrorKind::InvalidSpec, "this process keeps no claims"))?)
        }),
        "journal_lost_executor" => read(input).map(|message: Message<LostExecutor>| {
            message.which.journal().lost_executor(&message.body.name, &message.body.left);
            Vec::new()
        }),
        "journal_forget" => read(input).map(|which: Which| {
            which.journal().forget();
            Vec::new()
        }),
        "journal_scan" => scan(input),
        // The claims thread.
        "journal_message" => read(input).and_then(|which: Which| match which.journal().message(OWED) {
            Some(ask) => write(&ask),
            None => Ok(Vec::new()),
        }),
        "journal_reply" => read(input).map(|message: Message<ClaimReply>| {
            message.which.journal().reply(&message.body);
            Vec::new()
        }),
        "journal_lost" => read(input).map(|which: Which| {
            which.journal().lost();
            Vec::new()
        }),
        // The writing thread.
        "journal_begin" => read(input).and_then(|message: Message<NewFile>| {
            Header::new(&message.body.application, &message.which.executor, message.body.created_at).frame()
        }),
        "journal_take" => read(input).map(|which: Which| match which.journal().take(WAIT) {
            Some(batch) => [&batch.id.to_le_bytes(), batch.bytes.as_slice()].concat(),
            None => Vec::new(),
        }),
        "journal_durable" => read(input).map(|message: Message<Durable>| {
            let Durable { id, file, offset } = message.body;
            message.which.journal().durable(id, &file, offset);
            Vec::new()
        }),
        "journal_fail" => read(input).map(|message: Message<String>| {
            message.which.journal().fail(&message.body);
            Vec::new()
        }),
        // The reading thread.
        "journal_fetch" => read(input).and_then(|which: Which| {
            let fetches = which.journal().fetch(WAIT, MOST_FETCHES);
            let fetches: Vec<_> = fetches
                .into_iter()
                .map(|(number, Place { file, offset, length })| {
                    json!({ "number": number, "file": file, "offset": offset, "length": length })
                })
                .collect();
            write(&fetches)
        }),
        "journal_fetched" => read_with_bytes(input).map(|(message, frame): (Message<Fetched>, _)| {
            let frame = message.body.error.map_or_else(|| Ok(frame.to_vec()), Err);
            message.which.journal().fetched(message.body.number, frame);
            Vec::new()
        }),
        _ => return None,
    })
}

/// The application has ended.
pub(crate) fn end() {
    Journal::end_all();
}

/// The finished keys in the bytes of a file from an offset on, as the driver's claims take them.
fn scan(input: &[u8]) -> Result<Vec<u8>> {
    let (Message { body: Tail { file, offset }, .. }, bytes): (Message<Tail>, _) = read_with_bytes(input)?;
    let mut found: Vec<Finished> = Vec::new();
    let mut take = |place: std::ops::Range<u64>, entry: assay_core::cache::journal::Entry| {
        if let Some(key) = Key::from_text(&entry.key) {
            found.push(Finished {
                key,
                run: entry.outcome.run,
                is_ok: entry.outcome.completion.status == Status::Ok,
                place: Place {
                    file: file.clone(),
                    offset: offset + place.start,
                    length: (place.end - place.start) as u32,
                },
            });
        }
    };
    let mut scanner = Scanner::default();
    scanner.push(bytes, &mut take)?;
    let dropped = scanner.finish(&mut take)?;
    write(&json!({ "finished": found, "dropped_bytes": dropped.bytes, "dropped_places": dropped.places }))
}

fn write<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::internal(format!("the result of a journal's operation: {e}")))
}
