//! The journal: finished completions in the order in which they came, in files that are only ever appended to.
//!
//! # Journal version 1, byte by byte
//!
//! A file is a row of frames. A frame is the four bytes `A5 4A 52 31`, the length of its content and the CRC-32 (IEEE) of its
//! content, both as 32-bit little-endian numbers, and the content. The content of the first frame is the [`Header`] as JSON; that of
//! each other is one [`Entry`]:
//!
//! | bytes | what |
//! |---|---|
//! | 32 | the key |
//! | 4 + n | the length of the canonical request, little-endian, and its UTF-8 |
//! | 4 + 4 n | how many numbers the embedding has (`FF FF FF FF` where there is none), and each as a little-endian IEEE single |
//! | rest | [`Outcome`] as JSON, without the embedding |
//!
//! A process that dies leaves at most a torn frame at the end of its file. A [`Scanner`] drops it and counts it; where a frame is damaged
//! in the middle it goes on at the next whole one.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::key::{KEY_VERSION, key_bytes, key_text};
use crate::completion::Completion;
use crate::error::{Error, ErrorKind, Result};

/// The version of the files. A file of a later one is refused.
pub const JOURNAL_VERSION: u32 = 1;

/// The first bytes of each frame: none of them begins a text in UTF-8.
const MARK: [u8; 4] = [0xA5, 0x4A, 0x52, 0x31];

const FRAME: usize = MARK.len() + 8;
const KEY: usize = 32;
const NO_EMBEDDING: u32 = u32::MAX;

/// The longest content of a frame: what is longer is damage.
const LONGEST: usize = 512 << 20;

/// What a file begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`JOURNAL_VERSION`].
    pub journal_version: u32,
    /// The version of the keys in it.
    pub key_version: u32,
    /// The application that writes it.
    pub application: String,
    /// Which process of it does.
    pub writer: String,
    /// When it was begun, in microseconds since the epoch.
    pub created_at: i64,
}

impl Header {
    /// The header of a file that `writer` of `application` begins at `created_at`.
    pub fn new(application: &str, writer: &str, created_at: i64) -> Self {
        Header {
            journal_version: JOURNAL_VERSION,
            key_version: KEY_VERSION,
            application: application.to_string(),
            writer: writer.to_string(),
            created_at,
        }
    }

    /// The frame of the header.
    pub fn frame(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(self).map_err(|e| Error::internal(format!("a journal's header: {e}")))?;
        let mut out = Vec::with_capacity(FRAME + json.len());
        frame(&mut out, |content| content.extend_from_slice(&json))?;
        Ok(out)
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The run that asked for it.
    pub run: String,
    /// The part of the run whose row was to pay for it: when that part is done again, the same row pays again.
    pub owner: String,
    /// When it ended, in microseconds since the epoch.
    pub finished_at: i64,
    /// The result.
    pub completion: Completion,
}

/// One finished request.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its key: 64 hexadecimal digits.
    pub key: String,
    /// Its canonical text.
    pub request: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// Appends the frame of an entry to `out`. Gives its length. Errors: [`ErrorKind::Internal`] for a key that is none, and for an
/// entry of half a gigabyte and more.
pub fn append(key: &str, request: &str, outcome: &Outcome, out: &mut Vec<u8>) -> Result<usize> {
    let begin = out.len();
    let key = key_bytes(key).ok_or_else(|| Error::internal("a journal takes keys of 64 hexadecimal digits"))?;
    let embedding = outcome.completion.embedding.as_deref();
    let json = serde_json::to_vec(outcome).map_err(|e| Error::internal(format!("an entry of a journal: {e}")))?;
    frame(out, |content| {
        content.extend_from_slice(&key);
        content.extend_from_slice(&(request.len() as u32).to_le_bytes());
        content.extend_from_slice(request.as_bytes());
        content.extend_from_slice(&embedding.map_or(NO_EMBEDDING, |vector| vector.len() as u32).to_le_bytes());
        embedding.into_iter().flatten().for_each(|number| content.extend_from_slice(&number.to_le_bytes()));
        content.extend_from_slice(&json);
    })?;
    Ok(out.len() - begin)
}

fn frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
    let begin = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&[0; 8]);
    write(out);
    let content = &out[begin + FRAME..];
    if content.len() > LONGEST {
        out.truncate(begin);
        return Err(Error::internal("an entry of a journal has more than 512 MiB"));
    }
    let (length, sum) = (content.len() as u32, crc32fast::hash(content));
    out[begin + 4..begin + 8].copy_from_slice(&length.to_le_bytes());
    out[begin + 8..begin + 12].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

/// The entry in the `frame` that [`append`] wrote. Errors: [`ErrorKind::DamagedJournal`] where it is not that.
pub fn decode(frame: &[u8]) -> Result<Entry> {
    match whole(frame) {
        Some(content) if content.len() + FRAME == frame.len() => entry(content),
        _ => Err(damaged("its checksum does not fit")),
    }
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::DamagedJournal, format!("an entry of a journal is damaged: {what}"))
}

/// The content of the frame at the beginning of `bytes`, if it is whole.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let length = length(bytes)?;
    let content = bytes.get(FRAME..FRAME + length)?;
    (crc32fast::hash(content) == number(bytes, 8)?).then_some(content)
}

/// The length that the frame at the beginning of `bytes` says its content has, if that is one.
fn length(bytes: &[u8]) -> Option<usize> {
    let length = number(bytes, 4)? as usize;
    (bytes.starts_with(&MARK) && length <= LONGEST).then_some(length)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn entry(content: &[u8]) -> Result<Entry> {
    let short = || damaged("it is too short");
    let key = content.get(..KEY).ok_or_else(short)?;
    let request_length = number(content, KEY).ok_or_else(short)? as usize;
    let rest = content.get(KEY + 4..).ok_or_else(short)?;
    let request = rest.get(..request_length).ok_or_else(short)?;
    let rest = &rest[request_length..];
    let (embedding, json) = match number(rest, 0).ok_or_else(short)? {
        NO_EMBEDDING => (None, &rest[4..]),
        count => {
            let numbers = rest.get(4..4 + count as usize * 4).ok_or_else(short)?;
            let (chunks, _) = numbers.as_chunks::<4>();
            let vector = chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
            (Some(vector), &rest[4 + numbers.len()..])
        }
    };
    let mut outcome: Outcome =
        serde_json::from_slice(json).map_err(|_| damaged("its outcome cannot be read; is it of a later version?"))?;
    outcome.completion.embedding = embedding;
    Ok(Entry {
        key: key_text(key),
        request: String::from_utf8(request.to_vec()).map_err(|_| damaged("its request is no UTF-8"))?,
        outcome,
    })
}

/// What a [`Scanner`] could not use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The bytes that belong to no whole frame.
    pub bytes: u64,
    /// How many stretches of them there are, a torn end included.
    pub places: u64,
}

/// Reads a file piece by piece.
///
/// ```
/// use assay_core::cache::journal::{Header, Outcome, Scanner, append};
/// use assay_core::completion::{Completion, Status};
/// let completion = Completion::uncalled("gpt", Status::Refused);
/// let outcome = Outcome { run: "1".into(), owner: "7:0".into(), finished_at: 0, completion };
/// let mut file = Header::new("app-1", "0", 0).frame().unwrap();
/// append(&"ab".repeat(32), "{}", &outcome, &mut file).unwrap();
/// append(&"cd".repeat(32), "{}", &outcome, &mut file).unwrap();
/// file.truncate(file.len() - 1);
/// let mut scanner = Scanner::default();
/// let mut keys = Vec::new();
/// scanner.push(&file, |_, entry| keys.push(entry.key)).unwrap();
/// assert_eq!(keys, ["ab".repeat(32)]);
/// assert_eq!(scanner.finish(|_, entry| keys.push(entry.key)).unwrap().places, 1);
/// ```
#[derive(Debug, Default)]
pub struct Scanner {
    /// What is read and not yet part of a frame, and where in the file it begins.
    rest: Vec<u8>,
    offset: u64,
    header: Option<Header>,
    dropped: Dropped,
    is_lost: bool,
}

impl Scanner {
    /// Takes the next bytes of the file, and gives the entries that are whole now with the places of their frames.
    /// Errors: [`ErrorKind::VersionMismatch`] for a file of a later version.
    pub fn push(&mut self, bytes: &[u8], mut take: impl FnMut(Range<u64>, Entry)) -> Result<()> {
        self.rest.extend_from_slice(bytes);
        self.scan(false, &mut take)
    }

    fn scan(&mut self, is_end: bool, take: &mut impl FnMut(Range<u64>, Entry)) -> Result<()> {
        let mut at = 0;
        while let Some(frame) = self.next(&mut at, is_end) {
            let begin = self.offset + frame.start as u64;
            let content = &self.rest[frame.start + FRAME..frame.end];
            if self.header.is_none() {
                // A file whose header is damaged can still have entries of this version.
                self.header = serde_json::from_slice(content).ok();
                if let Some(header) = &self.header {
                    header.check()?;
                    continue;
                }
            }
            match entry(content) {
                Ok(entry) => take(begin..begin + frame.len() as u64, entry),
                Err(_) => {
                    self.dropped.bytes += frame.len() as u64;
                    self.dropped.places += 1;
                }
            }
        }
        self.rest.drain(..at);
        self.offset += at as u64;
        Ok(())
    }

    /// The next whole frame from `at` on, which is moved behind it; `None` where more bytes are needed.
    fn next(&mut self, at: &mut usize, is_end: bool) -> Option<Range<usize>> {
        loop {
            let rest = &self.rest[*at..];
            let length = length(rest);
            // What is not whole yet may only be that; a wrong length shows at the end of the file.
            if rest.is_empty() || (!is_end && length.map_or(rest.len() < FRAME, |length| rest.len() < FRAME + length)) {
                return None;
            }
            if let (Some(length), Some(_)) = (length, whole(rest)) {
                self.is_lost = false;
                let begin = *at;
                *at += FRAME + length;
                return Some(begin..*at);
            }
            // Damage: on to the next mark, or to where one could begin.
            let next = rest[1..].windows(MARK.len()).position(|four| four == MARK);
            let none = if is_end { rest.len() } else { rest.len() - (MARK.len() - 1) };
            let step = next.map_or(none, |next| next + 1);
            self.drop_bytes(step as u64);
            *at += step;
        }
    }

    fn drop_bytes(&mut self, bytes: u64) {
        self.dropped.bytes += bytes;
        self.dropped.places += u64::from(!self.is_lost);
        self.is_lost = true;
    }

    /// What the file begins with, once that was read.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The file has ended: gives the entries behind a frame that never became whole, and what could not be used. Errors: as
    /// [`Scanner::push`].
    pub fn finish(mut self, mut take: impl FnMut(Range<u64>, Entry)) -> Result<Dropped> {
        self.scan(true, &mut take)?;
        Ok(self.dropped)
    }
}

impl Header {
    fn check(&self) -> Result<()> {
        if self.journal_version <= JOURNAL_VERSION {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::VersionMismatch,
            format!(
                "a journal of {} has version {}, this library reads up to {JOURNAL_VERSION}; use a later spark-assay",
                self.application, self.journal_version
            ),
        ))
    }
}

#[cfg(test)]
mod tests;
