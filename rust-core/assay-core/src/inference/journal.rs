//! The journals as one process sees them: what is to be written, what others have written, who calls.
//!
//! Files are the JVM's: one thread takes what has gathered ([`Journal::take`]), appends it, makes it durable and says where it
//! stands ([`Journal::durable`]); another reads entries of other files ([`Journal::fetch`], [`Journal::fetched`]); a third moves the
//! messages of the claims. A row that called leaves when its entry is durable.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use crate::cache::claims::{ClaimAsk, ClaimClient, ClaimReply, Claims, Finished, Key, Place, Verdict};
use crate::cache::journal::{Entry, Outcome, append, decode};
use crate::cache::store::{BoxFuture, Claim, Found, Held, Store};
use crate::completion::{Completion, Status};
use crate::error::{Error, ErrorKind, Result};

/// So many bytes of results stay in memory for rows that want them again.
const RECENT_BYTES: usize = 64 << 20;

/// Entries are committed together: for so long those of a moment gather ...
const GATHER: Duration = Duration::from_millis(5);

/// ... unless there are so many, since each commit has a cost of its own.
const ENOUGH: usize = 256;

/// One journal in this process.
pub struct Journal {
    state: Mutex<State>,
    /// Told when there is something to write.
    written: Condvar,
    /// Told when there is something to read.
    read: Condvar,
    /// Told when a message of the claims is due.
    claimed: Condvar,
}

#[derive(Default)]
struct Recent {
    /// With their sizes.
    outcomes: HashMap<Key, (Arc<Outcome>, usize)>,
    order: VecDeque<Key>,
    bytes: usize,
}

struct State {
    client: ClaimClient,
    /// The driver's side, in the driver's process.
    claims: Option<Claims>,
    /// Who waits for which verdict.
    verdicts: HashMap<u64, oneshot::Sender<Verdict>>,
    buffer: Vec<u8>,
    pending: Vec<Pending>,
    next_batch: u64,
    /// What was taken and is not durable.
    writing: BTreeMap<u64, Vec<Pending>>,
    next_fetch: u64,
    fetches: VecDeque<(u64, Place)>,
    fetching: HashMap<u64, oneshot::Sender<Result<Vec<u8>>>>,
    recent: Recent,
    /// Why nothing can be kept any more.
    failure: Option<Error>,
}

/// An entry that is not durable.
struct Pending {
    key: Key,
    range: Range<usize>,
    outcome: Arc<Outcome>,
    durable: oneshot::Sender<Result<()>>,
}

/// What the JVM is to append, all of it or nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Recent {
    fn insert(&mut self, key: Key, outcome: Arc<Outcome>) {
        let bytes = outcome.completion.size();
        self.bytes += bytes;
        match self.outcomes.insert(key, (outcome, bytes)) {
            Some((_, before)) => self.bytes -= before,
            None => self.order.push_back(key),
        }
        while self.bytes > RECENT_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.outcomes.remove(&oldest).map_or(0, |(_, bytes)| bytes);
        }
    }
}

/// By folder.
static JOURNALS: Mutex<BTreeMap<String, Arc<Journal>>> = Mutex::new(BTreeMap::new());

impl Journal {
    /// This process's part of the journal in `folder`, in which it is called `executor`.
    pub fn of_process(folder: &str, executor: &str) -> Arc<Journal> {
        let mut journals = JOURNALS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(journals.entry(folder.to_string()).or_insert_with(|| Journal::new(executor)))
    }

    /// The application has ended: the next one has journals of its own.
    pub fn end_all() {
        JOURNALS.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The journal of the process `executor`, a name that no other has or had.
    pub fn new(executor: &str) -> Arc<Journal> {
        Arc::new(Journal {
            state: Mutex::new(State {
                client: ClaimClient::new(executor),
                claims: None,
                verdicts: HashMap::new(),
                buffer: Vec::new(),
                pending: Vec::new(),
                next_batch: 0,
                writing: BTreeMap::new(),
                next_fetch: 0,
                fetches: VecDeque::new(),
                fetching: HashMap::new(),
                recent: Recent::default(),
                failure: None,
            }),
            written: Condvar::new(),
            read: Condvar::new(),
            claimed: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session's view of the journal: `owner` names the part of the `run` that its rows are.
    pub fn store(self: &Arc<Self>, run: &str, owner: &str) -> JournalStore {
        JournalStore {
            journal: Arc::clone(self),
            run: run.to_string(),
            owner: owner.to_string(),
            paid: Mutex::new(HashSet::new()),
        }
    }

    // --- the driver's side

    /// Keeps the claims of all executors from now on.
    pub fn register(&self) {
        let mut state = self.lock();
        state.claims.get_or_insert_default();
        self.advance(state);
    }

    /// Answers an executor's message; `None` where this process keeps no claims.
    pub fn serve(&self, ask: &ClaimAsk) -> Option<ClaimReply> {
        let mut state = self.lock();
        let reply = state.claims.as_mut()?.serve(ask);
        self.advance(state);
        Some(reply)
    }

    /// An executor is gone, in whose files `left` was found behind what it has told.
    pub fn lost_executor(&self, executor: &str, left: &[Finished]) {
        let mut state = self.lock();
        if let Some(claims) = &mut state.claims {
            left.iter().for_each(|finished| claims.finish(finished));
            claims.lost(executor);
        }
        self.advance(state);
    }

    /// Results of the past are not served any more.
    pub fn forget(&self) {
        let mut state = self.lock();
        if let Some(claims) = &mut state.claims {
            claims.forget();
        }
    }

    // --- the claims thread

    /// The next message to the driver, for which this waits at most `wait`. Where an answer is owed and there is nothing to say, an empty one
    /// goes out each time.
    pub fn message(&self, wait: Duration) -> Option<ClaimAsk> {
        let deadline = Instant::now() + wait;
        let mut state = self.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if state.client.has_news() || (left.is_zero() && state.client.is_waiting()) {
                return state.client.message();
            }
            if left.is_zero() {
                return None;
            }
            state = self.claimed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the driver's answer.
    pub fn reply(&self, reply: &ClaimReply) {
        let mut state = self.lock();
        state.client.reply(reply);
        self.advance(state);
    }

    /// The driver's answer will not come.
    pub fn lost(&self) {
        self.lock().client.lost();
        self.claimed.notify_all();
    }

    /// Hands verdicts to who waits for them; where the driver's side is in this process, asks it first.
    fn advance(&self, mut state: MutexGuard<'_, State>) {
        let own = &mut *state;
        if let Some(claims) = &mut own.claims {
            while own.client.has_news()
                && let Some(ask) = own.client.message()
            {
                own.client.reply(&claims.serve(&ask));
            }
        }
        for (number, verdict) in own.client.verdicts() {
            if let Some(sender) = own.verdicts.remove(&number) {
                // Who is dropped in this moment gives its verdict back by itself.
                let _ = sender.send(verdict);
            }
        }
        let is_due = own.client.has_news();
        drop(state);
        if is_due {
            self.claimed.notify_all();
        }
    }

    // --- the writing thread

    /// What has gathered, for which this waits at most `wait`; `None` where nothing has.
    pub fn take(&self, wait: Duration) -> Option<Batch> {
        let deadline = Instant::now() + wait;
        let mut gathered_by = None;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let until = match state.pending.len() {
                0 => deadline,
                few if few < ENOUGH => deadline.min(*gathered_by.get_or_insert_with(|| now + GATHER)),
                _ => break,
            };
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                break;
            }
            state = self.written.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.pending.is_empty() {
            return None;
        }
        state.next_batch += 1;
        let (id, bytes, pending) =
            (state.next_batch, std::mem::take(&mut state.buffer), std::mem::take(&mut state.pending));
        state.writing.insert(id, pending);
        Some(Batch { id, bytes })
    }

    /// A batch stands in `file` from `offset` on, and no crash of this process loses it.
    pub fn durable(&self, id: u64, file: &str, offset: u64) {
        let mut state = self.lock();
        for entry in state.writing.remove(&id).unwrap_or_default() {
            let place = Place {
                file: file.to_string(),
                offset: offset + entry.range.start as u64,
                length: entry.range.len() as u32,
            };
            let is_ok = entry.outcome.completion.status == Status::Ok;
            state.client.finish(Finished { key: entry.key, run: entry.outcome.run.clone(), is_ok, place });
            state.recent.insert(entry.key, entry.outcome);
            // Its row may be gone; the answer is kept all the same.
            let _ = entry.durable.send(Ok(()));
        }
        self.advance(state);
    }

    /// Nothing can be written any more, because of `why`: rows that would have to pay for what cannot be kept end here.
    pub fn fail(&self, why: &str) {
        let mut state = self.lock();
        let error = Error::new(ErrorKind::Journal, why);
        state.failure = Some(error.clone());
        state.buffer.clear();
        let writing = std::mem::take(&mut state.writing);
        for entry in std::mem::take(&mut state.pending).into_iter().chain(writing.into_values().flatten()) {
            let _ = entry.durable.send(Err(error.clone()));
        }
        state.verdicts.clear();
        drop(state);
        self.claimed.notify_all();
    }

    // --- the reading thread

    /// Entries to read, for which this waits at most `wait`: number and place.
    pub fn fetch(&self, wait: Duration, most: usize) -> Vec<(u64, Place)> {
        let deadline = Instant::now() + wait;
        let mut state = self.lock();
        while state.fetches.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Vec::new();
            }
            state = self.read.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let count = state.fetches.len().min(most);
        state.fetches.drain(..count).collect()
    }

    /// The frame that was to be read under `number`, or why it cannot be.
    pub fn fetched(&self, number: u64, frame: std::result::Result<Vec<u8>, String>) {
        let sender = self.lock().fetching.remove(&number);
        if let Some(sender) = sender {
            let _ = sender.send(frame.map_err(|why| Error::new(ErrorKind::Journal, why)));
        }
    }

    async fn entry(&self, key: Key, place: Place) -> Result<Arc<Outcome>> {
        let receiver = {
            let mut state = self.lock();
            if let Some((outcome, _)) = state.recent.outcomes.get(&key) {
                return Ok(Arc::clone(outcome));
            }
            state.next_fetch += 1;
            let number = state.next_fetch;
            let (sender, receiver) = oneshot::channel();
            state.fetching.insert(number, sender);
            state.fetches.push_back((number, place.clone()));
            receiver
        };
        self.read.notify_all();
        let frame = receiver.await.unwrap_or_else(|_| Err(Error::internal("a journal's entry was not read")))?;
        let Entry { key: found, outcome, .. } = decode(&frame).map_err(|e| e.context(&place.file))?;
        if Key::from_text(&found) != Some(key) {
            return Err(Error::new(ErrorKind::DamagedJournal, "another key's entry stands there").context(&place.file));
        }
        let outcome = Arc::new(outcome);
        self.lock().recent.insert(key, Arc::clone(&outcome));
        Ok(outcome)
    }
}

/// One session's rows and the journal.
pub struct JournalStore {
    journal: Arc<Journal>,
    run: String,
    owner: String,
    /// Keys whose cost a row of this session carries.
    paid: Mutex<HashSet<Key>>,
}

/// A key that a row waits for or calls for, until it is dropped.
struct Wanted {
    journal: Arc<Journal>,
    key: Key,
    number: u64,
    is_kept: bool,
}

impl Held for Wanted {
    fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let mut state = self.journal.lock();
        state.verdicts.remove(&self.number);
        state.client.leave(self.key, self.number);
        self.journal.advance(state);
    }
}

fn key_of(key: &str) -> Result<Key> {
    Key::from_text(key).ok_or_else(|| Error::internal("a request key has 64 hexadecimal digits"))
}

impl JournalStore {
    async fn find(&self, key: Key) -> Result<Found> {
        let (sender, receiver) = oneshot::channel();
        let wanted = {
            let mut state = self.journal.lock();
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            let number = state.client.want(key, &self.run);
            state.verdicts.insert(number, sender);
            self.journal.advance(state);
            Wanted { journal: Arc::clone(&self.journal), key, number, is_kept: false }
        };
        match receiver.await {
            Ok(Verdict::Yours) => Ok(Found::Miss(Claim::new(wanted))),
            Ok(Verdict::Finished(place)) => {
                drop(wanted);
                Ok(self.hit(key, &*self.journal.entry(key, place).await?))
            }
            Err(_) => {
                let failure = self.journal.lock().failure.clone();
                Err(failure.unwrap_or_else(|| Error::internal("a claim ended without a verdict")))
            }
        }
    }

    fn hit(&self, key: Key, outcome: &Outcome) -> Found {
        let is_own_run = outcome.run == self.run;
        // A part of the run that is done again pays again for what it had paid for, once.
        let pays = is_own_run && outcome.owner == self.owner && self.pays(key);
        Found::Hit { completion: Box::new(outcome.completion.clone()), is_own_run, pays }
    }

    /// Whether the row of this moment is the first of the session to carry the cost of `key`.
    fn pays(&self, key: Key) -> bool {
        self.paid.lock().unwrap_or_else(PoisonError::into_inner).insert(key)
    }
}

impl Store for JournalStore {
    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move { self.find(key_of(key)?).await })
    }

    fn record<'a>(
        &'a self,
        claim: Claim,
        key: &'a str,
        request: &'a str,
        completion: &'a Completion,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let id = key_of(key)?;
            let outcome = Outcome {
                run: self.run.clone(),
                owner: self.owner.clone(),
                finished_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64),
                completion: completion.clone(),
            };
            let mut frame = Vec::new();
            let length = append(key, request, &outcome, &mut frame)?;
            let (sender, receiver) = oneshot::channel();
            let gathered = {
                let mut state = self.journal.lock();
                if let Some(failure) = &state.failure {
                    return Err(failure.clone());
                }
                let begin = state.buffer.len();
                state.buffer.extend_from_slice(&frame);
                let range = begin..begin + length;
                state.pending.push(Pending { key: id, range, outcome: Arc::new(outcome), durable: sender });
                state.pending.len()
            };
            // From here on the entry becomes durable whatever happens to the row, and who waits gets it then.
            claim.keep();
            self.pays(id);
            // Whoever writes waits for the first entry and then, at most, for enough of them.
            if gathered == 1 || gathered == ENOUGH {
                self.journal.written.notify_all();
            }
            receiver.await.unwrap_or_else(|_| Err(Error::internal("an entry was dropped by its journal")))
        })
    }
}

#[cfg(test)]
mod tests;
