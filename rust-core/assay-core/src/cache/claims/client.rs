//! An executor's side of the claims.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{ClaimAsk, ClaimReply, Finished, Key, Verdict, Want};

/// What one executor wants, holds and has to tell.
///
/// Who wants a key holds a number; [`ClaimClient::verdicts`] gives it back with what is decided.
#[derive(Debug)]
pub struct ClaimClient {
    executor: String,
    seq: u64,
    acknowledged: u64,
    awaited: Option<u64>,
    next_number: u64,
    keys: HashMap<Key, Wanted>,
    /// Keys to ask the driver for with the next message; some of them may be settled by then.
    to_ask: Vec<Key>,
    /// How many keys the driver was asked for and has not decided on.
    undecided: usize,
    /// Not told, or told in a message whose reply has not come.
    news: BTreeMap<u64, News>,
    unsent: News,
    verdicts: VecDeque<(u64, Verdict)>,
}

/// Who wants a key here, in the order in which they came: number and run.
#[derive(Debug, Default)]
struct Wanted {
    waiting: VecDeque<(u64, String)>,
    /// Who of this process is to call, if that is decided.
    holder: Option<u64>,
    /// The driver was asked and has not decided.
    is_asked: bool,
}

#[derive(Debug, Default)]
struct News {
    finished: Vec<Finished>,
    released: Vec<Key>,
}

impl News {
    fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.released.is_empty()
    }
}

impl ClaimClient {
    /// The client of the process `executor`, a name that no other has or had.
    pub fn new(executor: impl Into<String>) -> Self {
        ClaimClient {
            executor: executor.into(),
            seq: 0,
            acknowledged: 0,
            awaited: None,
            next_number: 0,
            keys: HashMap::new(),
            to_ask: Vec::new(),
            undecided: 0,
            news: BTreeMap::new(),
            unsent: News::default(),
            verdicts: VecDeque::new(),
        }
    }

    /// Wants `key` for `run`. Gives the number under which the verdict comes.
    pub fn want(&mut self, key: Key, run: &str) -> u64 {
        self.next_number += 1;
        let wanted = self.keys.entry(key).or_default();
        wanted.waiting.push_back((self.next_number, run.to_string()));
        if wanted.holder.is_none() && !wanted.is_asked {
            self.to_ask.push(key);
        }
        self.next_number
    }

    /// Who wanted `key` under `number` does not any more: it was told to call and will not, or it stops waiting.
    pub fn leave(&mut self, key: Key, number: u64) {
        let Some(wanted) = self.keys.get_mut(&key) else { return };
        if wanted.holder != Some(number) {
            wanted.waiting.retain(|(waits, _)| *waits != number);
            if wanted.waiting.is_empty() && wanted.holder.is_none() && !wanted.is_asked {
                self.keys.remove(&key);
            }
            return;
        }
        match wanted.waiting.pop_front() {
            // The claim stays in this process.
            Some((next, _)) => {
                wanted.holder = Some(next);
                self.verdicts.push_back((next, Verdict::Yours));
            }
            None => {
                self.keys.remove(&key);
                self.unsent.released.push(key);
            }
        }
    }

    /// Who was told to call has, and the result is durable.
    pub fn finish(&mut self, finished: Finished) {
        let key = finished.key;
        if let Some(wanted) = self.keys.remove(&key) {
            self.undecided -= usize::from(wanted.is_asked);
            let (served, rest): (VecDeque<_>, VecDeque<_>) =
                wanted.waiting.into_iter().partition(|(_, run)| finished.is_ok || *run == finished.run);
            for (number, _) in served {
                self.verdicts.push_back((number, Verdict::Finished(finished.place.clone())));
            }
            if !rest.is_empty() {
                // Another run: the driver lets it call again.
                self.keys.insert(key, Wanted { waiting: rest, ..Wanted::default() });
                self.to_ask.push(key);
            }
        }
        self.unsent.finished.push(finished);
    }

    /// What was decided since the last time, by the number under which it was wanted.
    pub fn verdicts(&mut self) -> impl Iterator<Item = (u64, Verdict)> + '_ {
        self.verdicts.drain(..)
    }

    /// Whether the driver owes a verdict, which another's message may bring about.
    pub fn is_waiting(&self) -> bool {
        self.undecided > 0
    }

    /// Whether a message has something new to say.
    pub fn has_news(&self) -> bool {
        self.awaited.is_none() && !(self.unsent.is_empty() && self.to_ask.is_empty())
    }

    /// The next message; `None` while the reply to one is awaited.
    pub fn message(&mut self) -> Option<ClaimAsk> {
        if self.awaited.is_some() {
            return None;
        }
        self.seq += 1;
        self.awaited = Some(self.seq);
        if !self.unsent.is_empty() {
            self.news.insert(self.seq, std::mem::take(&mut self.unsent));
        }
        let mut wants = Vec::with_capacity(self.to_ask.len());
        for key in self.to_ask.drain(..) {
            if let Some(wanted) = self.keys.get_mut(&key)
                && let (false, None, Some((_, run))) = (wanted.is_asked, wanted.holder, wanted.waiting.front())
            {
                wanted.is_asked = true;
                self.undecided += 1;
                wants.push(Want { key, run: run.clone() });
            }
        }
        Some(ClaimAsk {
            executor: self.executor.clone(),
            seq: self.seq,
            acknowledged: self.acknowledged,
            wants,
            finished: self.news.values().flat_map(|news| news.finished.iter().cloned()).collect(),
            released: self.news.iter().flat_map(|(seq, news)| news.released.iter().map(|key| (*seq, *key))).collect(),
        })
    }

    /// Takes the driver's answer.
    pub fn reply(&mut self, reply: &ClaimReply) {
        if self.awaited != Some(reply.seq) {
            return;
        }
        self.awaited = None;
        self.acknowledged = reply.seq;
        self.news.clear();
        for (key, verdict) in &reply.verdicts {
            self.take(*key, verdict);
        }
    }

    fn take(&mut self, key: Key, verdict: &Verdict) {
        let Some(wanted) = self.keys.get_mut(&key).filter(|wanted| wanted.holder.is_none()) else {
            // Said twice, or of a key that nobody here knows of.
            if *verdict == Verdict::Yours && !self.keys.contains_key(&key) {
                self.unsent.released.push(key);
            }
            return;
        };
        self.undecided -= usize::from(std::mem::take(&mut wanted.is_asked));
        let Some((first, run)) = wanted.waiting.front().cloned() else {
            self.keys.remove(&key);
            if *verdict == Verdict::Yours {
                self.unsent.released.push(key);
            }
            return;
        };
        match verdict {
            Verdict::Yours => {
                wanted.waiting.pop_front();
                wanted.holder = Some(first);
                self.verdicts.push_back((first, Verdict::Yours));
            }
            Verdict::Finished(place) => {
                // It is for the run that was asked for; others ask for themselves.
                let all = std::mem::take(&mut wanted.waiting);
                let (served, rest): (VecDeque<_>, VecDeque<_>) = all.into_iter().partition(|(_, of)| *of == run);
                for (number, _) in served {
                    self.verdicts.push_back((number, Verdict::Finished(place.clone())));
                }
                if rest.is_empty() {
                    self.keys.remove(&key);
                } else {
                    wanted.waiting = rest;
                    self.to_ask.push(key);
                }
            }
        }
    }

    /// The reply will not come: all that it concerned is said again.
    pub fn lost(&mut self) {
        if self.awaited.take().is_none() {
            return;
        }
        let (to_ask, released) = (&mut self.to_ask, &mut self.unsent.released);
        self.keys.retain(|key, wanted| {
            if std::mem::take(&mut wanted.is_asked) {
                // The driver may have given it to this process.
                if wanted.waiting.is_empty() {
                    released.push(*key);
                    return false;
                }
                to_ask.push(*key);
            }
            true
        });
        self.undecided = 0;
    }
}
