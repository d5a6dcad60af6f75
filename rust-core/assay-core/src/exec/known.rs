//! Answers that a session knows before it calls: what the cache has for its rows.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, remove_file};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::ipc::read_batch;
use super::stored::answers;
use crate::cache::claims::Key;
use crate::cache::journal::{Outcome, append, decode};
use crate::completion::{Completion, Status};
use crate::error::{Error, ErrorKind, Result};

/// So many bytes stay in memory; what is more goes to a file.
const IN_MEMORY: usize = 16 << 20;

/// Completions by key: any number of them, in little memory.
pub(super) struct Known {
    places: HashMap<Key, Place>,
    /// What is not in the file yet.
    tail: Vec<u8>,
    /// The file, and how many bytes are in it. It has no name any more, so that it ends with the process.
    file: Option<File>,
    written: u64,
    folder: PathBuf,
}

#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    length: u32,
    is_ok: bool,
    created_at: i64,
}

static FILES: AtomicU64 = AtomicU64::new(0);

impl Known {
    /// Nothing yet; what does not fit in memory will go to a file in `folder`.
    pub(super) fn new(folder: impl Into<PathBuf>) -> Self {
        Known { places: HashMap::new(), tail: Vec::new(), file: None, written: 0, folder: folder.into() }
    }

    /// Takes a batch of stored answers as an Arrow IPC stream. Of two of one key the one that is ok stays, else the later one. Gives how
    /// many it took.
    pub(super) fn add(&mut self, ipc: &[u8]) -> Result<usize> {
        let stored = answers(&read_batch(ipc)?)?;
        let count = stored.len();
        for stored in stored {
            let key = Key::from_text(&stored.key).ok_or_else(|| {
                Error::new(ErrorKind::CacheTable, "a request_key of the cache table has no 64 hexadecimal digits")
            })?;
            let is_ok = stored.completion.status == Status::Ok;
            let rank = (is_ok, stored.created_at);
            if self.places.get(&key).is_some_and(|place| (place.is_ok, place.created_at) >= rank) {
                continue;
            }
            let outcome =
                Outcome { run: String::new(), owner: String::new(), finished_at: 0, completion: stored.completion };
            let offset = self.written + self.tail.len() as u64;
            let length = append(&stored.key, "", &outcome, &mut self.tail)? as u32;
            self.places.insert(key, Place { offset, length, is_ok, created_at: stored.created_at });
            if self.tail.len() > IN_MEMORY {
                self.spill().map_err(|e| {
                    Error::new(
                        ErrorKind::Journal,
                        format!("stored answers cannot be put into {}: {e}; make room", self.folder.display()),
                    )
                })?;
            }
        }
        Ok(count)
    }

    fn spill(&mut self) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(nameless(&self.folder)?),
        };
        file.write_all(&self.tail)?;
        self.written += self.tail.len() as u64;
        self.tail.clear();
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The answer to `key`, if it is known: one that is ok, or any.
    pub(super) fn get(&self, key: &str, any: bool) -> Result<Option<Completion>> {
        let Some(place) = Key::from_text(key).and_then(|key| self.places.get(&key)) else { return Ok(None) };
        if !(place.is_ok || any) {
            return Ok(None);
        }
        let length = place.length as usize;
        let entry = match place.offset.checked_sub(self.written) {
            Some(offset) => decode(self.tail.get(offset as usize..offset as usize + length).unwrap_or_default())?,
            None => {
                let mut frame = vec![0; length];
                let file = self.file.as_ref().ok_or_else(|| Error::internal("stored answers without their file"))?;
                file.read_exact_at(&mut frame, place.offset)
                    .map_err(|e| Error::new(ErrorKind::Journal, format!("a stored answer cannot be read back: {e}")))?;
                decode(&frame)?
            }
        };
        Ok(Some(entry.outcome.completion))
    }
}

/// A file in `folder` that only this process can reach.
fn nameless(folder: &Path) -> std::io::Result<File> {
    let name = format!("assay-known-{}-{}", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
    let path = folder.join(name);
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests;
