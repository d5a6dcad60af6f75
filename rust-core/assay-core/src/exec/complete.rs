//! Model calls for batches of rows: rows go in, and leave as they finish.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::cast::AsArray;
use arrow::array::{Array, BooleanArray};
use arrow::datatypes::Schema;

use super::completion_schema::{result_batch, result_schema};
use super::ipc::{check_columns, read_batch, write_batch};
use super::known::Known;
use super::requests::{RequestPlan, RequestRows};
use crate::cache::store::{NoStore, Store};
use crate::completion::{CallError, Completion, Status};
use crate::error::{Error, ErrorKind, Result};

use crate::inference::journal::Journal;
use crate::inference::runtime::{self, Engine};
use crate::inference::{Admission, Counters, Flights, Hub, Pipeline, Policy, Tally, Tokens};
use crate::provider::{Prepared, Provider};
use crate::spec::{CallSpec, CompleteSpec};

pub use crate::inference::COUNTERS;

/// How long [`CompleteSession::cancel`] waits for its calls to be gone. They go at the next moment they are scheduled.
const CANCEL_WAIT: Duration = Duration::from_secs(1);

/// The longest that [`CompleteSession::poll`] waits: far more than any caller asks for, and safe to add to a clock.
const LONGEST_POLL: Duration = Duration::from_secs(3600);

/// Finished rows are handed out together, a part of those under way ...
const PART: usize = 4;

/// ... but never wait to be more than so many ...
const ENOUGH: usize = 64;

/// ... nor for longer than this. The window has twice the rows that calls are made for, so that no call waits meanwhile.
const GATHER: Duration = Duration::from_millis(5);

/// A native session of model calls.
///
/// Rows are numbered 0, 1, 2, ... in the order in which they are pushed, and leave in the order in which they finish. A call
/// that fails is a row with a status; only what would make every row wrong is an error of `push` or `poll`.
pub struct CompleteSession {
    columns: usize,
    calls: Vec<Arc<Call>>,
    schema: Arc<Schema>,
    next_id: Mutex<i64>,
    /// What the cache has for the rows; where it is there, whether nothing else counts.
    known: Option<(Mutex<Known>, bool)>,
    shared: Arc<Shared>,
}

struct Call {
    plan: RequestPlan,
    policy: Policy,
    /// What makes the calls; nothing where none are made, so that a replay needs no key.
    pipeline: Option<Pipeline<Provider>>,
    guard: Option<usize>,
}

struct Shared {
    state: Mutex<State>,
    /// Told when a row finishes and when a call's task is gone.
    changed: Condvar,
    counters: Counters,
    engine: Engine,
}

#[derive(Default)]
struct State {
    finished: VecDeque<Finished>,
    /// Rows that were pushed and have not finished.
    in_flight: usize,
    /// With how many finished rows whoever polls is content.
    enough: usize,
    /// Tasks that hold a call.
    tasks: usize,
    /// What ended the session, if anything did.
    error: Option<Error>,
}

struct Finished {
    id: i64,
    bytes: usize,
    completions: Vec<Option<Completion>>,
}

/// A row some of whose calls are under way.
struct Row {
    id: i64,
    left: AtomicUsize,
    completions: Mutex<Vec<Option<Completion>>>,
    shared: Arc<Shared>,
}

impl CompleteSession {
    /// Opens a session: checks the spec, resolves keys, compiles templates. Nothing is called.
    pub fn open(spec: &CompleteSpec) -> Result<Self> {
        let Some(journal) = &spec.journal else { return CompleteSession::open_with(spec, Arc::new(NoStore)) };
        let journals = Journal::of_process(&journal.folder, &journal.executor);
        CompleteSession::open_with(spec, Arc::new(journals.store(&journal.run, &journal.owner)))
    }

    /// Opens a session that looks answers up in `store` and keeps them there.
    pub fn open_with(spec: &CompleteSpec, store: Arc<dyn Store>) -> Result<Self> {
        let engine = runtime::engine()?;
        let hub = Hub::of_process();
        if let Some(quota) = &spec.quota {
            hub.configure(quota);
        }
        hub.run(&engine);
        let calls = spec.calls.iter().enumerate().map(|(i, call)| {
            let call = Call::open(call, spec, &engine, &store, &hub).map_err(|e| e.context(format!("call {i}")))?;
            Ok(Arc::new(call))
        });
        let calls = calls.collect::<Result<Vec<_>>>()?;
        let shared = Shared { state: Mutex::default(), changed: Condvar::new(), counters: Counters::default(), engine };
        Ok(CompleteSession {
            columns: spec.columns,
            schema: Arc::new(result_schema(spec.calls.iter().map(|call| call.kind))),
            calls,
            next_id: Mutex::new(0),
            known: spec.known.as_ref().map(|known| (Mutex::new(Known::new(&known.folder)), known.replay)),
            shared: Arc::new(shared),
        })
    }

    /// Takes answers that the cache has, before the rows that ask for them: a batch of
    /// [`ANSWER_COLUMNS`](super::stored::ANSWER_COLUMNS) as an Arrow IPC stream. Gives the number of its rows. Errors:
    /// [`ErrorKind::CacheTable`] for what is no stored answer.
    pub fn known(&self, ipc: &[u8]) -> Result<usize> {
        let Some((known, _)) = &self.known else {
            return Err(Error::new(ErrorKind::InvalidSpec, "the session takes no stored answers"));
        };
        known.lock().unwrap_or_else(PoisonError::into_inner).add(ipc)
    }

    /// Takes a batch, as an Arrow IPC stream, and begins its calls. Gives the number of its rows.
    ///
    /// Does not wait for anything: the caller bounds what is in flight by [`in_flight`](Self::in_flight).
    pub fn push(&self, ipc: &[u8]) -> Result<usize> {
        self.shared.check()?;
        let batch = read_batch(ipc)?;
        check_columns(&batch, self.columns)?;
        let mut calls = Vec::with_capacity(self.calls.len());
        for call in &self.calls {
            calls.push((call, call.plan.rows(batch.columns())?, guard_of(call.guard, batch.columns())?));
        }
        let known = self.known.as_ref().map(|(known, replay)| {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            (known, *replay)
        });
        // Held to the end, so that the rows of one batch have consecutive ids.
        let mut next_id = self.next_id.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.lock().in_flight += batch.num_rows();
        for index in 0..batch.num_rows() {
            self.shared.counters.row();
            let row = Arc::new(Row {
                id: *next_id,
                // One more than the calls, so that the row cannot leave before all of them are begun.
                left: AtomicUsize::new(calls.len() + 1),
                completions: Mutex::new(vec![None; calls.len()]),
                shared: Arc::clone(&self.shared),
            });
            *next_id += 1;
            for (slot, (call, rows, guard)) in calls.iter().enumerate() {
                if guard.is_some_and(|guard| !guard.is_called(index)) {
                    row.end(slot, None);
                    continue;
                }
                if let Some((known, replay)) = &known
                    && let Some(completion) = call.known(known, *replay, rows, index)?
                {
                    row.end(slot, Some(completion));
                    continue;
                }
                match rows.prepare(index) {
                    Ok(request) => self.begin(Arc::clone(call), request, Arc::clone(&row), slot),
                    Err(none) => row.end(slot, Some(none.into_completion(&call.plan.model().name))),
                }
            }
            row.release();
        }
        Ok(batch.num_rows())
    }

    fn begin(&self, call: Arc<Call>, request: Prepared, row: Arc<Row>, slot: usize) {
        let task = Task::new(&self.shared);
        self.shared.engine.spawn(async move {
            let result = match &call.pipeline {
                Some(pipeline) => pipeline.complete(&request, &row.shared.counters).await,
                None => Ok(replay_miss(&call.policy.model, request.key)),
            };
            match result {
                Ok(completion) => row.end(slot, Some(completion)),
                Err(error) => row.shared.fail(error),
            }
            task.done();
        });
    }

    /// Waits until a row has finished, at most for `timeout`, and gives the rows that have finished so far as an Arrow IPC
    /// stream: at most `max_rows` and about `max_bytes`, but at least one. `None` where none has finished.
    ///
    /// Not to be called within the runtime: it blocks its thread.
    pub fn poll(&self, timeout: Duration, max_rows: usize, max_bytes: usize) -> Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + timeout.min(LONGEST_POLL);
        let mut state = self.shared.lock();
        let mut gathered_by = None;
        loop {
            self.shared.check_state(&state)?;
            let now = Instant::now();
            // Each batch has a cost of its own: where many rows are under way, those of a moment come together.
            state.enough = (state.in_flight / PART).min(ENOUGH);
            let until = match state.finished.len() {
                0 => deadline,
                rows if rows < state.enough => deadline.min(*gathered_by.get_or_insert_with(|| now + GATHER)),
                _ => break,
            };
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                break;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.finished.is_empty() {
            return Ok(None);
        }
        let mut bytes = 0;
        let mut taken = 0;
        for row in state.finished.iter().take(max_rows.max(1)) {
            bytes += row.bytes;
            if taken > 0 && bytes > max_bytes {
                break;
            }
            taken += 1;
        }
        let rows: Vec<Finished> = state.finished.drain(..taken).collect();
        drop(state);

        let mut ids = Vec::with_capacity(taken);
        let mut columns: Vec<Vec<Option<Completion>>> = self.calls.iter().map(|_| Vec::with_capacity(taken)).collect();
        for row in rows {
            ids.push(row.id);
            for (column, completion) in columns.iter_mut().zip(row.completions) {
                column.push(completion);
            }
        }
        write_batch(&result_batch(Arc::clone(&self.schema), ids, &columns)?).map(Some)
    }

    /// How many rows were pushed and have not finished. Rows that wait to be polled do not count.
    pub fn in_flight(&self) -> usize {
        self.shared.lock().in_flight
    }

    /// The totals so far, in the order of [`COUNTERS`].
    pub fn counters(&self) -> Vec<i64> {
        self.shared.counters.values()
    }

    /// Drops all calls, so that their connections close and no request follows; later `push` and `poll` give
    /// [`ErrorKind::Cancelled`].
    pub fn cancel(&self) {
        self.shared.engine.cancel();
        self.shared.changed.notify_all();
        if runtime::is_inside() {
            return;
        }
        let deadline = Instant::now() + CANCEL_WAIT;
        let mut state = self.shared.lock();
        while state.tasks > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for CompleteSession {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Call {
    fn open(
        call: &CallSpec,
        spec: &CompleteSpec,
        engine: &Engine,
        store: &Arc<dyn Store>,
        hub: &Arc<Hub>,
    ) -> Result<Self> {
        let replay = spec.known.as_ref().is_some_and(|known| known.replay);
        let plan = RequestPlan::new(&call.model, call.kind, &call.prompt, &call.options, &call.per_row)?;
        // Where every row is to call for itself, none may find what another has bought.
        let store = if plan.model().deduplicate { Arc::clone(store) } else { Arc::new(NoStore) };
        let plan = plan.keeping_canonical(store.keeps_requests());
        if let Some(column) = plan.columns().chain(call.guard).find(|column| *column >= spec.columns) {
            return Err(Error::new(
                ErrorKind::InvalidSpec,
                format!("it reads column {column} of batches that have {}", spec.columns),
            ));
        }
        let model = plan.model();
        let policy = Policy::from(model);
        let pipeline = if replay {
            None
        } else {
            Some(Pipeline {
                backend: Provider::open(model, call.kind, engine.clients())?,
                policy: policy.clone(),
                admission: Admission::shared(model, hub),
                store,
                flights: model.deduplicate.then(|| Flights::shared(&call.model)),
                estimator: Tokens::shared(model),
            })
        };
        Ok(Call { plan, policy, pipeline, guard: call.guard })
    }

    /// What the cache says of a row; `None` where the row is to call.
    fn known(&self, known: &Known, replay: bool, rows: &RequestRows<'_>, index: usize) -> Result<Option<Completion>> {
        if !replay && (known.is_empty() || !self.plan.model().deduplicate) {
            return Ok(None);
        }
        // What is no request ends as it always does.
        let Ok(key) = rows.key(index) else { return Ok(None) };
        Ok(match known.get(&key, replay)? {
            Some(completion) => Some(self.policy.hit(completion)),
            None => replay.then(|| replay_miss(&self.policy.model, key)),
        })
    }
}

fn replay_miss(model: &str, key: String) -> Completion {
    let error = CallError {
        condition: Status::ReplayMiss.condition().to_string(),
        message: "the cache has no answer to this request, and a replay calls nothing".to_string(),
        retryable: false,
        http_status: None,
    };
    Completion { error: Some(error), request_key: Some(key), ..Completion::uncalled(model, Status::ReplayMiss) }
}

/// The column that says for which rows a call is made.
#[derive(Clone, Copy)]
pub(super) struct Guard<'a>(&'a BooleanArray);

impl Guard<'_> {
    pub(super) fn is_called(self, row: usize) -> bool {
        self.0.is_valid(row) && self.0.value(row)
    }
}

pub(super) fn guard_of(guard: Option<usize>, columns: &[arrow::array::ArrayRef]) -> Result<Option<Guard<'_>>> {
    let Some(column) = guard.and_then(|index| columns.get(index)) else { return Ok(None) };
    column.as_boolean_opt().map(|flags| Some(Guard(flags))).ok_or_else(|| {
        Error::new(ErrorKind::UnsupportedType, format!("a guard is BOOLEAN, not {}", column.data_type()))
    })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<()> {
        self.check_state(&self.lock())
    }

    fn check_state(&self, state: &State) -> Result<()> {
        match &state.error {
            Some(error) => Err(error.clone()),
            None if self.engine.is_cancelled() => Err(Error::new(ErrorKind::Cancelled, "the session was cancelled")),
            None => Ok(()),
        }
    }

    /// Ends the session: what is under way is dropped, because it could only be paid for.
    fn fail(&self, error: Error) {
        self.lock().error.get_or_insert(error);
        self.engine.cancel();
        self.changed.notify_all();
    }
}

impl Row {
    fn end(&self, slot: usize, completion: Option<Completion>) {
        if let Some(completion) = &completion {
            Tally { session: &self.shared.counters, process: &Hub::of_process().totals }.completed(completion);
        }
        self.completions.lock().unwrap_or_else(PoisonError::into_inner)[slot] = completion;
        self.release();
    }

    /// Counts down, and lets the row go when all its calls are there.
    fn release(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let completions = std::mem::take(&mut *self.completions.lock().unwrap_or_else(PoisonError::into_inner));
        let bytes = completions.iter().map(|c| c.as_ref().map_or(100, Completion::size)).sum();
        let mut state = self.shared.lock();
        state.finished.push_back(Finished { id: self.id, bytes, completions });
        state.in_flight -= 1;
        let (rows, enough) = (state.finished.len(), state.enough);
        drop(state);
        // Whoever polls waits for the first row and then, at most, for enough of them.
        if rows == 1 || rows == enough {
            self.shared.changed.notify_all();
        }
    }
}

/// Counts a task for as long as it holds its call, however it ends.
struct Task {
    shared: Arc<Shared>,
    is_done: bool,
}

impl Task {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.lock().tasks += 1;
        Task { shared: Arc::clone(shared), is_done: false }
    }

    /// Takes the whole task, lest the caller's closure hold less than that.
    fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.is_done && !self.shared.engine.is_cancelled() {
            self.shared.fail(Error::internal("a call ended without a result"));
        }
        let mut state = self.shared.lock();
        state.tasks -= 1;
        let is_last = state.tasks == 0;
        drop(state);
        if is_last {
            self.shared.changed.notify_all();
        }
    }
}
