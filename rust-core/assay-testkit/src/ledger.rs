//! The books: every request by key, by model and by outcome. Exact under any concurrency, and cheap.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::FaultKind;
use crate::api::Tokens;
use crate::hash::hex;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Ok,
    Quota,
    Fault(FaultKind),
    Scripted,
    Unauthorized,
    Invalid,
    UnknownModel,
    /// The client went away before the answer.
    Abandoned,
}

impl Outcome {
    fn name(self) -> String {
        match self {
            Outcome::Ok => "ok".to_string(),
            Outcome::Quota => "quota".to_string(),
            Outcome::Fault(kind) => format!("fault_{kind}"),
            Outcome::Scripted => "scripted".to_string(),
            Outcome::Unauthorized => "unauthorized".to_string(),
            Outcome::Invalid => "invalid".to_string(),
            Outcome::UnknownModel => "unknown_model".to_string(),
            Outcome::Abandoned => "abandoned".to_string(),
        }
    }

    /// Whether the client got a whole and right response.
    pub(crate) fn is_answered(self) -> bool {
        match self {
            Outcome::Ok => true,
            Outcome::Fault(kind) => kind.is_answered(),
            _ => false,
        }
    }
}

/// All counters of a server. A request counts in `requests` when it arrives and in the other fields when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Calls of models that arrived.
    pub requests: u64,
    /// Those that got a whole and right answer.
    pub answered: u64,
    /// Ended requests by the HTTP status sent; 0 where none was (reset, stall, abandoned).
    pub by_status: BTreeMap<u16, u64>,
    /// Ended requests by what happened: `ok`, `quota`, `fault_<kind>`, `scripted`, `unauthorized`, `invalid`,
    /// `unknown_model`, `abandoned` (the client went away first).
    pub by_outcome: BTreeMap<String, u64>,
    /// Ended requests by model.
    pub by_model: BTreeMap<String, ModelStats>,
    /// Ended requests by wire format: `openai.chat`, `openai.responses`, `openai.embeddings`, `anthropic.messages`,
    /// `gemini.generate`, `gemini.embed`.
    pub by_api: BTreeMap<String, ModelStats>,
    /// Different request keys.
    pub distinct_keys: u64,
    /// How often the most frequent key came.
    pub max_requests_per_key: u64,
    /// How often the most frequently answered key was answered.
    pub max_answered_per_key: u64,
    /// Billed tokens of prompts.
    pub input_tokens: u64,
    /// Of those: read from the provider's cache.
    pub cached_input_tokens: u64,
    /// Of those: written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Billed tokens of answers.
    pub output_tokens: u64,
    /// Of those: reasoning.
    pub reasoning_tokens: u64,
    /// The bill, in billionths of a USD.
    pub cost_nano_usd: u64,
    /// Requests that are being served now.
    pub in_flight: u64,
    /// The most that were being served at once.
    pub peak_in_flight: u64,
    /// Requests that a quota refused.
    pub refused_by_quota: u64,
}

/// The counters of one model, or of one wire format.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModelStats {
    /// Requests that ended.
    pub requests: u64,
    /// Those that got a whole and right answer.
    pub answered: u64,
    /// Billed tokens of prompts.
    pub input_tokens: u64,
    /// Of those: read from the provider's cache.
    pub cached_input_tokens: u64,
    /// Of those: written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Billed tokens of answers.
    pub output_tokens: u64,
    /// Of those: reasoning.
    pub reasoning_tokens: u64,
    /// The bill, in billionths of a USD.
    pub cost_nano_usd: u64,
}

impl ModelStats {
    fn add(&mut self, bill: &Bill, answered: u64) {
        self.requests += bill.requests;
        self.answered += answered;
        self.input_tokens += bill.tokens.input;
        self.cached_input_tokens += bill.tokens.cached_input;
        self.cache_write_tokens += bill.tokens.cache_write;
        self.output_tokens += bill.tokens.output;
        self.reasoning_tokens += bill.tokens.reasoning;
        self.cost_nano_usd += bill.cost_nano_usd;
    }
}

/// How often one request came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCount {
    /// [`crate::request_key`] in hexadecimal.
    pub key: String,
    /// How often it arrived.
    pub requests: u64,
    /// How often it was answered whole and right.
    pub answered: u64,
    /// How often it was billed.
    pub billed: u64,
}

/// One ended request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The order of arrival, from 0.
    pub sequence: u64,
    /// [`crate::request_key`] in hexadecimal.
    pub key: String,
    /// Which arrival of this key it was, from 1.
    pub attempt: u32,
    /// The wire format; see [`Stats::by_api`].
    pub api: String,
    /// The model asked for; empty if the request could not be read.
    pub model: String,
    /// See [`Stats::by_outcome`].
    pub outcome: String,
    /// The HTTP status sent, 0 for none.
    pub status: u16,
    /// Billed tokens of the prompt.
    pub input_tokens: u64,
    /// Of those: read from the provider's cache.
    pub cached_input_tokens: u64,
    /// Of those: written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Billed tokens of the answer.
    pub output_tokens: u64,
    /// Of those: reasoning.
    pub reasoning_tokens: u64,
    /// The bill, in billionths of a USD.
    pub cost_nano_usd: u64,
    /// Arrival, in microseconds since the server's start.
    pub arrived_us: u64,
    /// End, in microseconds since the server's start.
    pub ended_us: u64,
}

type Key = [u8; 32];

const SHARDS: usize = 64;

pub(crate) struct Ledger {
    started: Instant,
    shards: Vec<Mutex<Shard>>,
    entries_per_shard: usize,
    sequence: AtomicU64,
    in_flight: AtomicU64,
    peak_in_flight: AtomicU64,
}

#[derive(Default)]
struct Shard {
    /// Goes up with every reset: what arrived before a reset is not booked after it.
    epoch: u64,
    arrived: u64,
    keys: HashMap<Key, Counts>,
    totals: BTreeMap<(u32, &'static str, Outcome, u16), Bill>,
    entries: Vec<Entry>,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    requests: u32,
    answered: u32,
    billed: u32,
}

#[derive(Default, Clone, Copy)]
struct Bill {
    requests: u64,
    tokens: Tokens,
    cost_nano_usd: u64,
}

/// A request that arrived and has not ended.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) key: Key,
    pub(crate) sequence: u64,
    /// Which arrival of this key it is, from 1.
    pub(crate) attempt: u32,
    epoch: u64,
    arrived_us: u64,
}

/// How it ended.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) api: &'static str,
    pub(crate) model: u32,
    pub(crate) outcome: Outcome,
    pub(crate) status: u16,
    /// The tokens and their price in nano-USD, if the model ran.
    pub(crate) billed: Option<(Tokens, u64)>,
}

struct Entry {
    arrival: Arrival,
    ending: Ending,
    ended_us: u64,
}

impl Ledger {
    pub(crate) fn new(started: Instant, entries: usize) -> Ledger {
        Ledger {
            started,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            entries_per_shard: entries.div_ceil(SHARDS),
            sequence: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            peak_in_flight: AtomicU64::new(0),
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(key[31]) % SHARDS])
    }

    fn now_us(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    pub(crate) fn arrive(&self, key: Key) -> Arrival {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak_in_flight.fetch_max(in_flight, Ordering::Relaxed);
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let arrived_us = self.now_us();
        let mut shard = self.shard(&key);
        shard.arrived += 1;
        let counts = shard.keys.entry(key).or_default();
        counts.requests += 1;
        Arrival { key, sequence, attempt: counts.requests, epoch: shard.epoch, arrived_us }
    }

    pub(crate) fn end(&self, arrival: Arrival, ending: Ending) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let ended_us = self.now_us();
        let mut shard = self.shard(&arrival.key);
        if shard.epoch != arrival.epoch {
            return;
        }
        if let Some(counts) = shard.keys.get_mut(&arrival.key) {
            counts.answered += u32::from(ending.outcome.is_answered());
            counts.billed += u32::from(ending.billed.is_some());
        }
        let bill = shard.totals.entry((ending.model, ending.api, ending.outcome, ending.status)).or_default();
        bill.requests += 1;
        if let Some((tokens, cost_nano_usd)) = ending.billed {
            bill.tokens.add(&tokens);
            bill.cost_nano_usd += cost_nano_usd;
        }
        if shard.entries.len() < self.entries_per_shard {
            shard.entries.push(Entry { arrival, ending, ended_us });
        }
    }

    /// Forgets everything but what is in flight.
    pub(crate) fn reset(&self) {
        let mut shards: Vec<_> = self.shards.iter().map(lock).collect();
        for shard in &mut shards {
            **shard = Shard { epoch: shard.epoch + 1, ..Shard::default() };
        }
        self.sequence.store(0, Ordering::Relaxed);
        self.peak_in_flight.store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// One consistent picture: all shards are held while they are read.
    pub(crate) fn stats(&self, model_name: impl Fn(u32) -> String) -> Stats {
        let shards: Vec<_> = self.shards.iter().map(lock).collect();
        let mut stats = Stats {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            peak_in_flight: self.peak_in_flight.load(Ordering::Relaxed),
            ..Stats::default()
        };
        for shard in &shards {
            stats.requests += shard.arrived;
            stats.distinct_keys += shard.keys.len() as u64;
            for counts in shard.keys.values() {
                stats.max_requests_per_key = stats.max_requests_per_key.max(u64::from(counts.requests));
                stats.max_answered_per_key = stats.max_answered_per_key.max(u64::from(counts.answered));
            }
            for ((model, api, outcome, status), bill) in &shard.totals {
                let answered = if outcome.is_answered() { bill.requests } else { 0 };
                stats.answered += answered;
                *stats.by_status.entry(*status).or_default() += bill.requests;
                *stats.by_outcome.entry(outcome.name()).or_default() += bill.requests;
                stats.by_model.entry(model_name(*model)).or_default().add(bill, answered);
                stats.by_api.entry((*api).to_string()).or_default().add(bill, answered);
                stats.input_tokens += bill.tokens.input;
                stats.cached_input_tokens += bill.tokens.cached_input;
                stats.cache_write_tokens += bill.tokens.cache_write;
                stats.output_tokens += bill.tokens.output;
                stats.reasoning_tokens += bill.tokens.reasoning;
                stats.cost_nano_usd += bill.cost_nano_usd;
            }
        }
        stats.refused_by_quota = stats.by_outcome.get("quota").copied().unwrap_or_default();
        stats
    }

    /// Every key with its counts, sorted by key.
    pub(crate) fn keys(&self) -> Vec<KeyCount> {
        let mut keys: Vec<KeyCount> = Vec::new();
        for shard in &self.shards {
            keys.extend(lock(shard).keys.iter().map(|(key, counts)| KeyCount {
                key: hex(key),
                requests: u64::from(counts.requests),
                answered: u64::from(counts.answered),
                billed: u64::from(counts.billed),
            }));
        }
        keys.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        keys
    }

    /// The ended requests that the ledger kept, in order of arrival.
    pub(crate) fn entries(&self, model_name: impl Fn(u32) -> String) -> Vec<LedgerEntry> {
        let mut entries: Vec<LedgerEntry> = Vec::new();
        for shard in &self.shards {
            entries.extend(lock(shard).entries.iter().map(|Entry { arrival, ending, ended_us }| {
                let (tokens, cost_nano_usd) = ending.billed.unwrap_or_default();
                LedgerEntry {
                    sequence: arrival.sequence,
                    key: hex(&arrival.key),
                    attempt: arrival.attempt,
                    api: ending.api.to_string(),
                    model: model_name(ending.model),
                    outcome: ending.outcome.name(),
                    status: ending.status,
                    input_tokens: tokens.input,
                    cached_input_tokens: tokens.cached_input,
                    cache_write_tokens: tokens.cache_write,
                    output_tokens: tokens.output,
                    reasoning_tokens: tokens.reasoning,
                    cost_nano_usd,
                    arrived_us: arrival.arrived_us,
                    ended_us: *ended_us,
                }
            }));
        }
        entries.sort_unstable_by_key(|entry| entry.sequence);
        entries
    }
}

/// No code panics while it holds one of these locks, and counters would still be whole if one did.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
