//! The entries of a journal's file as rows of a cache table.

use std::sync::{Mutex, PoisonError};

use super::ipc::write_batch;
use super::stored::stored_batch;
use crate::cache::journal::{Dropped, Scanner};
use crate::error::Result;

/// Reads one file of a journal, piece by piece.
#[derive(Default)]
pub struct JournalSession {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    scanner: Scanner,
    dropped: Dropped,
}

impl JournalSession {
    /// At the beginning of a file.
    pub fn new() -> Self {
        JournalSession::default()
    }

    /// Takes the next bytes of the file, and none at its end. Gives the entries that are whole now as an Arrow IPC stream with
    /// [`stored_schema`](super::stored::stored_schema). Errors: [`ErrorKind::VersionMismatch`](crate::ErrorKind::VersionMismatch) for a
    /// file of a later version. What is torn or damaged is dropped and counted.
    pub fn eval(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Vec::new();
        let application;
        if bytes.is_empty() {
            let scanner = std::mem::take(&mut state.scanner);
            application = scanner.header().map_or_else(String::new, |header| header.application.clone());
            state.dropped = scanner.finish(|_, entry| entries.push(entry))?;
        } else {
            state.scanner.push(bytes, |_, entry| entries.push(entry))?;
            application = state.scanner.header().map_or_else(String::new, |header| header.application.clone());
        }
        write_batch(&stored_batch(&application, entries)?)
    }

    /// What could not be used, once the file has ended: bytes, and stretches of them.
    pub fn dropped(&self) -> [i64; 2] {
        let dropped = self.state.lock().unwrap_or_else(PoisonError::into_inner).dropped;
        [dropped.bytes as i64, dropped.places as i64]
    }
}
