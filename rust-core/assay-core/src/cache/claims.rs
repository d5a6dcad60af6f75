//! Who calls for a key, where several executors want its answer: the driver's [`Claims`] and each executor's [`ClaimClient`].
//!
//! The first that wants a key gets it: it calls, journals the answer and says where that stands. The others wait and read it there. What
//! an executor that died had claimed goes to the next that waits; what it had journalled and not told is read from its journal
//! first. A result that is not ok counts within its run only: the next run calls again.
//!
//! Messages may be lost, late or doubled: what has no answer is said again, and saying it twice does no harm. Nothing here reads a
//! clock or moves a byte.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::key::{key_bytes, key_text};

mod client;

pub use client::ClaimClient;

/// A request key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// The key that is written as 64 hexadecimal digits, if `text` is that.
    pub fn from_text(text: &str) -> Option<Key> {
        key_bytes(text).map(Key)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&key_text(&self.0))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Key::from_text(&text).ok_or_else(|| serde::de::Error::custom("a key has 64 hexadecimal digits"))
    }
}

/// Where a finished entry stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file, as the journal names it.
    pub file: String,
    /// Where its frame begins.
    pub offset: u64,
    /// How long its frame is.
    pub length: u32,
}

/// A key whose result is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The key.
    pub key: Key,
    /// The run in which it was asked for.
    pub run: String,
    /// Whether the result is an answer that other runs may have too.
    pub is_ok: bool,
    /// Where it stands.
    pub place: Place,
}

/// What an executor is told of a key that it wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It is to call.
    Yours,
    /// There is a result.
    Finished(Place),
}

/// A key that an executor wants for a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The key.
    pub key: Key,
    /// The run.
    pub run: String,
}

/// An executor's message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClaimAsk {
    /// A name that no other executor has or had.
    pub executor: String,
    /// Grows from message to message.
    pub seq: u64,
    /// The newest message whose reply arrived.
    pub acknowledged: u64,
    /// Keys that it wants and has no verdict on.
    pub wants: Vec<Want>,
    /// What it has made durable.
    pub finished: Vec<Finished>,
    /// Keys that it will not call for after all, each with the message that said so first: it may have claimed the key again since.
    pub released: Vec<(u64, Key)>,
}

/// The driver's answer: verdicts that have not been acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClaimReply {
    /// The message that it answers.
    pub seq: u64,
    /// What is decided.
    pub verdicts: Vec<(Key, Verdict)>,
}

/// The driver's side.
#[derive(Debug, Default)]
pub struct Claims {
    entries: HashMap<Key, Entry>,
    /// Who waits for keys that are held: executor and run.
    waiting: HashMap<Key, VecDeque<(u32, u32)>>,
    executors: Vec<Executor>,
    names: Names,
    files: Names,
    runs: Names,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Held { by: u32 },
    Finished { file: u32, length: u32, offset: u64, run: u32, is_ok: bool },
}

#[derive(Debug, Default)]
struct Executor {
    seq: u64,
    /// Spark has given it up and does not take it back: it gets no more verdicts.
    is_lost: bool,
    /// Verdicts with the message in whose reply they went first.
    outbox: VecDeque<(u64, Key, Verdict)>,
}

/// Of a verdict that was not sent yet.
const UNSENT: u64 = u64::MAX;

/// Texts by number: millions of entries have few files and runs.
#[derive(Debug, Default)]
struct Names {
    list: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.list.push(name.to_string());
        self.numbers.insert(name.to_string(), number);
        number
    }
}

impl Claims {
    /// Answers one message.
    pub fn serve(&mut self, ask: &ClaimAsk) -> ClaimReply {
        let executor = self.executor(&ask.executor);
        let own = &mut self.executors[executor as usize];
        if ask.seq <= own.seq {
            return ClaimReply { seq: ask.seq, verdicts: Vec::new() };
        }
        let before = std::mem::replace(&mut own.seq, ask.seq);
        own.outbox.retain(|(seq, _, _)| *seq > ask.acknowledged);
        let is_lost = own.is_lost;
        for finished in &ask.finished {
            self.finish(finished);
        }
        if is_lost {
            return ClaimReply { seq: ask.seq, verdicts: Vec::new() };
        }
        for (_, key) in ask.released.iter().filter(|(seq, _)| *seq > before) {
            if matches!(self.entries.get(key), Some(Entry::Held { by }) if *by == executor) {
                // It may not have heard that the key was its own.
                let outbox = &mut self.executors[executor as usize].outbox;
                outbox.retain(|(_, of, verdict)| of != key || *verdict != Verdict::Yours);
                self.hand_on(*key);
            }
        }
        for want in &ask.wants {
            let run = self.runs.number(&want.run);
            self.decide(executor, want.key, run);
        }
        let outbox = self.executors[executor as usize].outbox.iter_mut();
        let verdicts = outbox.map(|(seq, key, verdict)| {
            *seq = (*seq).min(ask.seq);
            (*key, verdict.clone())
        });
        ClaimReply { seq: ask.seq, verdicts: verdicts.collect() }
    }

    /// The executor is gone, and [`Claims::finish`] was told what its journals hold: who waits takes over.
    pub fn lost(&mut self, executor: &str) {
        let executor = self.executor(executor);
        let own = &mut self.executors[executor as usize];
        own.is_lost = true;
        own.outbox.clear();
        self.waiting.retain(|_, waiting| {
            waiting.retain(|(waits, _)| *waits != executor);
            !waiting.is_empty()
        });
        let held = |entry: &Entry| matches!(entry, Entry::Held { by } if *by == executor);
        let keys: Vec<Key> = self.entries.iter().filter(|(_, entry)| held(entry)).map(|(key, _)| *key).collect();
        for key in keys {
            self.hand_on(key);
        }
    }

    /// Takes a durable result: from a message, or from the journal of an executor that is gone.
    pub fn finish(&mut self, finished: &Finished) {
        let (file, run) = (self.files.number(&finished.place.file), self.runs.number(&finished.run));
        let (length, offset, is_ok) = (finished.place.length, finished.place.offset, finished.is_ok);
        // The first answer stays: rows may have left with it.
        let is_kept = match self.entries.get(&finished.key) {
            Some(Entry::Finished { is_ok: was_ok, run: before, .. }) => *was_ok || *before == run,
            _ => false,
        };
        if !is_kept {
            self.entries.insert(finished.key, Entry::Finished { file, length, offset, run, is_ok });
        }
        let Some(waiting) = self.waiting.remove(&finished.key) else { return };
        for (executor, run) in waiting {
            self.decide(executor, finished.key, run);
        }
    }

    /// Forgets every result: who wants a key from now on calls anew.
    pub fn forget(&mut self) {
        self.entries.retain(|_, entry| matches!(entry, Entry::Held { .. }));
    }

    /// How many keys are finished, and how many are held.
    pub fn counts(&self) -> (usize, usize) {
        let held = self.entries.values().filter(|entry| matches!(entry, Entry::Held { .. })).count();
        (self.entries.len() - held, held)
    }

    fn executor(&mut self, name: &str) -> u32 {
        let number = self.names.number(name);
        if number as usize == self.executors.len() {
            self.executors.push(Executor::default());
        }
        number
    }

    /// Tells `executor` what becomes of `key`, or lets it wait.
    fn decide(&mut self, executor: u32, key: Key, run: u32) {
        match self.entries.get(&key).copied() {
            Some(Entry::Finished { file, length, offset, run: of, is_ok }) if is_ok || of == run => {
                let place = Place { file: self.files.list[file as usize].clone(), offset, length };
                self.tell(executor, key, Verdict::Finished(place));
            }
            Some(Entry::Held { by }) if by != executor => {
                let waiting = self.waiting.entry(key).or_default();
                if !waiting.contains(&(executor, run)) {
                    waiting.push_back((executor, run));
                }
            }
            _ => {
                self.entries.insert(key, Entry::Held { by: executor });
                self.tell(executor, key, Verdict::Yours);
            }
        }
    }

    /// Nobody holds `key` any more: it goes to the next that waits.
    fn hand_on(&mut self, key: Key) {
        self.entries.remove(&key);
        let Some(mut waiting) = self.waiting.remove(&key) else { return };
        if let Some((executor, run)) = waiting.pop_front() {
            if !waiting.is_empty() {
                self.waiting.insert(key, waiting);
            }
            self.decide(executor, key, run);
        }
    }

    fn tell(&mut self, executor: u32, key: Key, verdict: Verdict) {
        self.executors[executor as usize].outbox.push_back((UNSENT, key, verdict));
    }
}

#[cfg(test)]
mod tests;
