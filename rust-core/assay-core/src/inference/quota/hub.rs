//! Both sides of the quotas in this process: the clock, the locks, and who waits.
//!
//! One lease thread of the JVM moves the messages: it takes [`Hub::message`] to the driver and brings [`Hub::reply`] or
//! [`Hub::lost`] back. Where the driver has no quotas to offer a ledger of this process's own answers, with a fixed share of
//! the limits and of the budget, until the driver offers them. A driver that only does not answer may serve others meanwhile,
//! all of the limit: there nothing is sent until it answers.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::lease::{LeaseClient, Settlement, Turn};
use super::ledger::{Ledger, Report};
use super::totals::LiveTotals;
use super::wire::{Ask, Money, Nanos, Need, Reply, SECOND};
use crate::error::{Error, ErrorKind, Result};
use crate::inference::runtime::Engine;
use crate::provider::{Accounting, Dimension, Limits, ModelQuota, group_limits};
use crate::spec::{Budget, ModelConf, QuotaSpec};

/// After so many messages without an answer the process goes on by itself.
const LOSSES: u32 = 3;

/// Why a message has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It or its answer is late or lost.
    Silent,
    /// The driver keeps no quotas, for this process or any other.
    Absent,
}

/// How often a process that goes on by itself tries the driver again.
const PROBE: Nanos = 5 * SECOND;

/// The quotas as this process sees them.
pub struct Hub {
    state: Mutex<State>,
    /// Told when a message may be due.
    due: Condvar,
    /// Told when a turn may have come.
    turn: Notify,
    origin: Instant,
    /// What this process has done.
    pub totals: LiveTotals,
}

struct State {
    client: LeaseClient,
    /// Who waits for which ticket.
    senders: HashMap<u64, oneshot::Sender<Turn>>,
    application: String,
    /// The driver's ledger, in the driver's process.
    ledger: Option<Ledger>,
    /// What is configured, for the share.
    spec: QuotaSpec,
    /// Messages in a row without an answer, and those of them to a driver without quotas.
    losses: u32,
    absences: u32,
    /// The ledger that stands in for the driver's.
    own: Option<Ledger>,
    /// What ledgers of this process's own had granted of the budget before this one.
    alone_before: Money,
    last_probe: Nanos,
    probing: bool,
    pump: Option<tokio::task::JoinHandle<()>>,
}

static HUB: LazyLock<Arc<Hub>> = LazyLock::new(Hub::new);

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn limits(spec: &QuotaSpec) -> BTreeMap<String, Limits> {
    spec.groups.iter().map(|(name, limits)| (name.clone(), Limits(*limits))).collect()
}

impl State {
    fn new() -> Self {
        State {
            client: LeaseClient::new(format!("{:016x}", random())),
            senders: HashMap::new(),
            application: String::new(),
            ledger: None,
            spec: QuotaSpec::default(),
            losses: 0,
            absences: 0,
            own: None,
            alone_before: Money::default(),
            last_probe: 0,
            probing: false,
            pump: None,
        }
    }
}

impl Hub {
    /// The hub of this process.
    pub fn of_process() -> Arc<Hub> {
        Arc::clone(&HUB)
    }

    /// A hub of its own, for tests.
    pub fn new() -> Arc<Hub> {
        Arc::new(Hub {
            state: Mutex::new(State::new()),
            due: Condvar::new(),
            turn: Notify::new(),
            origin: Instant::now(),
            totals: LiveTotals::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Nanos {
        self.origin.elapsed().as_nanos() as Nanos
    }

    // --- the driver's side

    /// Makes this process the driver of `spec`'s application. An application that was not seen before begins with a
    /// new budget and new totals.
    pub fn register(&self, spec: &QuotaSpec) {
        let now = self.now();
        let mut state = self.lock();
        if state.ledger.is_none() || state.application != spec.application {
            state.application.clone_from(&spec.application);
            let mut ledger = Ledger::new(random());
            // In local mode this process may have worked for an application before.
            ledger.adopt(&Ask { totals: self.totals.get(), ..state.client.snapshot() });
            state.ledger = Some(ledger);
        }
        if let Some(ledger) = &mut state.ledger {
            ledger.configure(&limits(spec), spec.budget, now);
        }
    }

    /// Answers an executor's message. Errors: [`ErrorKind::InvalidSpec`] for bytes that are none, or where this process
    /// is no driver.
    pub fn serve(&self, message: &[u8]) -> Result<Vec<u8>> {
        let ask: Ask = read(message)?;
        let now = self.now();
        match &mut self.lock().ledger {
            Some(ledger) => write(&ledger.serve(&ask, now)),
            None => Err(Error::new(ErrorKind::InvalidSpec, "this process keeps no quotas")),
        }
    }

    /// What the run has come to; `None` where this process is no driver.
    pub fn report(&self) -> Option<Report> {
        let now = self.now();
        self.lock().ledger.as_mut().map(|ledger| ledger.report(now))
    }

    // --- the lease thread

    /// Waits for a message to the driver, at most for `wait`, and gives it; empty where none is due.
    pub fn message(&self, wait: Duration) -> Result<Vec<u8>> {
        // Not tokio's clock: this thread is no task, and a test under a paused clock must not hang here.
        let deadline = std::time::Instant::now() + wait;
        let mut state = self.lock();
        loop {
            let now = self.now();
            // Expired grants must not stand for demand that is met, however busy the runtime's threads are.
            state.release(now);
            if let Some(ask) = state.client.message(self.totals.get(), now) {
                if let Some(message) = state.outgoing(ask, now)? {
                    return Ok(message);
                }
                drop(state);
                self.turn.notify_one();
                state = self.lock();
                continue;
            }
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Ok(Vec::new());
            }
            let until = state.client.message_at().saturating_sub(now).max(1);
            let pause = left.min(Duration::from_nanos(until as u64));
            state = self.due.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the driver's answer. Gives what there is to be said of it once.
    pub fn reply(&self, message: &[u8]) -> Result<Option<&'static str>> {
        let reply: Reply = read(message)?;
        let now = self.now();
        let mut state = self.lock();
        let was_lost = state.losses >= LOSSES;
        (state.losses, state.absences) = (0, 0);
        let news = was_lost.then_some("the driver answers again; quotas are shared over the cluster");
        if state.own.is_some() && state.probing {
            (state.own, state.probing) = (None, false);
            // The probe was answered by the own ledger; the driver is asked anew.
            state.client.forget_ledger();
        } else {
            state.client.reply(&reply, now);
        }
        drop(state);
        self.turn.notify_one();
        self.due.notify_one();
        Ok(news)
    }

    /// The driver did not answer. Gives what there is to be said of it once.
    pub fn lost(&self, loss: Loss) -> Option<&'static str> {
        let now = self.now();
        let mut state = self.lock();
        if state.own.is_some() {
            state.probing = false;
            return None;
        }
        state.client.lost(now);
        // Nothing is lost to an application that has ended.
        if state.spec.application.is_empty() {
            return None;
        }
        state.losses += 1;
        state.absences = if loss == Loss::Absent { state.absences + 1 } else { 0 };
        if state.absences < LOSSES {
            return (state.losses == LOSSES)
                .then_some("the driver's quotas do not answer; calls under a limit or a budget wait until they do");
        }
        // What was done so far stands at the driver; the share begins now.
        let mut own = Ledger::new(random());
        let before = state.client.snapshot();
        state.alone_before = before.alone;
        state.configure_alone(&mut own, now);
        own.adopt(&before);
        state.own = Some(own);
        state.last_probe = now;
        drop(state);
        self.due.notify_one();
        Some("the driver keeps no quotas; this executor goes on with its fixed share of each limit")
    }

    // --- requests

    /// Takes the configuration of a session.
    pub fn configure(&self, spec: &QuotaSpec) {
        let now = self.now();
        let mut state = self.lock();
        if state.spec == *spec {
            return;
        }
        if state.spec.application != spec.application {
            state.rejoin();
        }
        state.spec = spec.clone();
        state.client.configure(&limits(spec), !spec.budget.is_empty());
        if let Some(mut own) = state.own.take() {
            state.configure_alone(&mut own, now);
            state.own = Some(own);
        }
    }

    /// The group `name`.
    pub fn group(
        self: &Arc<Self>,
        name: &str,
        accounting: Option<Accounting>,
        default_accounting: Accounting,
    ) -> GroupHandle {
        let index = self.lock().client.group(name, accounting, default_accounting);
        GroupHandle { hub: Arc::clone(self), index }
    }

    /// Lets waiting requests go in their time, as long as the engine runs.
    pub fn run(self: &Arc<Self>, engine: &Engine) {
        self.run_on(engine.handle());
    }

    fn run_on(self: &Arc<Self>, runtime: &tokio::runtime::Handle) {
        let mut state = self.lock();
        if state.pump.as_ref().is_none_or(|task| task.is_finished()) {
            state.pump = Some(runtime.spawn(pump(Arc::downgrade(self))));
        }
    }

    /// The application has ended: its driver's state is gone, and what it had waiting.
    pub fn end(&self) {
        let mut state = self.lock();
        (state.ledger, state.pump, state.spec) = (None, None, QuotaSpec::default());
        state.rejoin();
        state.senders.clear();
        state.client.end();
        drop(state);
        self.due.notify_all();
    }

    fn release(&self) -> Option<Nanos> {
        let now = self.now();
        let mut state = self.lock();
        state.release(now);
        let next = state.client.next_release().map(|next| (next - now).max(0));
        let is_due = state.client.message_at() <= now;
        drop(state);
        if is_due {
            self.due.notify_one();
        }
        next
    }
}

async fn pump(hub: Weak<Hub>) {
    loop {
        let Some(hub) = hub.upgrade() else { return };
        let next = hub.release();
        let pause = Duration::from_nanos(next.unwrap_or(SECOND) as u64);
        let _ = tokio::time::timeout(pause, hub.turn.notified()).await;
    }
}

impl State {
    fn release(&mut self, now: Nanos) {
        for (ticket, turn) in self.client.release(now) {
            if let Some(sender) = self.senders.remove(&ticket) {
                // Who is dropped in this moment finds its turn and gives it back.
                let _ = sender.send(turn);
            }
        }
    }

    /// Asks the driver, whatever was before.
    fn rejoin(&mut self) {
        (self.own, self.losses, self.absences, self.probing) = (None, 0, 0, false);
    }

    /// Gives a ledger of this process's own its share of what is configured.
    fn configure_alone(&self, own: &mut Ledger, now: Nanos) {
        let parts = self.spec.executors.max(1);
        let shares = limits(&self.spec).into_iter().map(|(name, limits)| (name, limits.share(parts))).collect();
        own.configure(&shares, self.spec.budget.share(parts), now);
    }

    /// What of a message goes to the driver: nothing while this process goes on by itself, but for a probe now and then.
    fn outgoing(&mut self, ask: Ask, now: Nanos) -> Result<Option<Vec<u8>>> {
        let Some(own) = &mut self.own else { return write(&ask).map(Some) };
        // Here no reply is lost.
        let alone = self.alone_before;
        let reply = own.serve(&Ask { acknowledged: ask.seq.saturating_sub(1), alone, ..ask.clone() }, now);
        self.client.reply_alone(&reply, now);
        if self.probing || now < self.last_probe + PROBE {
            return Ok(None);
        }
        (self.probing, self.last_probe) = (true, now);
        // Without demand: what it were granted would not be used.
        let mut probe = ask;
        probe.groups.values_mut().for_each(|group| {
            group.demand.clear();
            group.returned.clear();
        });
        write(&probe).map(Some)
    }
}

fn read<T: serde::de::DeserializeOwned>(message: &[u8]) -> Result<T> {
    serde_json::from_slice(message)
        .map_err(|e| Error::new(ErrorKind::InvalidSpec, format!("a message on quotas cannot be read: {e}")))
}

fn write<T: serde::Serialize>(message: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(message).map_err(|e| Error::internal(format!("a message on quotas: {e}")))
}

/// One quota group, as the calls to its models use it.
#[derive(Clone)]
pub struct GroupHandle {
    hub: Arc<Hub>,
    index: usize,
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It is larger than this limit and would wait for ever.
    NeverFits(Dimension, u64),
    /// The budget of the run is spent.
    OverBudget,
}

impl GroupHandle {
    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// How the provider counts output, and whether it limits tokens at all.
    pub fn counting(&self) -> (Accounting, bool) {
        let client = &self.hub.lock().client;
        (client.accounting(self.index), client.counts_tokens(self.index))
    }

    /// A request of `need` will want to be sent. Errors: [`Denied::NeverFits`], judged by `at_least`.
    pub fn enter(&self, need: Need, at_least: &Need) -> std::result::Result<Ticket, Denied> {
        let mut state = self.hub.lock();
        if let Some((dimension, limit)) = state.client.never_fits(self.index, at_least) {
            return Err(Denied::NeverFits(dimension, limit));
        }
        let id = state.client.enter(self.index, need);
        self.hub.totals.queued(1);
        Ok(Ticket { group: self.clone(), id, need, turn: None, is_settled: false })
    }
}

/// A request that wants to be sent. Dropping it gives up its place.
pub struct Ticket {
    group: GroupHandle,
    id: u64,
    need: Need,
    turn: Option<oneshot::Receiver<Turn>>,
    is_settled: bool,
}

impl Ticket {
    /// Waits for the turn of a request that waits for nothing else. Errors: [`Denied::OverBudget`].
    pub async fn granted(mut self) -> std::result::Result<Grant, Denied> {
        let hub = Arc::clone(&self.group.hub);
        {
            let now = hub.now();
            let mut state = hub.lock();
            match state.client.ready(self.group.index, self.id, self.need, now) {
                Turn::Granted(need) => return Ok(self.grant(need)),
                Turn::OverBudget => return Err(Denied::OverBudget),
                Turn::Wait => {
                    let (sender, receiver) = oneshot::channel();
                    state.senders.insert(self.id, sender);
                    self.turn = Some(receiver);
                }
            }
        }
        hub.turn.notify_one();
        hub.due.notify_one();
        let turn = match &mut self.turn {
            Some(receiver) => receiver.await,
            None => return Err(Denied::OverBudget),
        };
        self.turn = None;
        match turn {
            Ok(Turn::Granted(need)) => Ok(self.grant(need)),
            _ => Err(Denied::OverBudget),
        }
    }

    fn grant(&mut self, need: Need) -> Grant {
        self.is_settled = true;
        self.group.hub.totals.queued(-1);
        Grant { group: self.group.clone(), need, is_settled: false }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_settled {
            self.group.hub.totals.queued(-1);
            let mut state = self.group.hub.lock();
            state.client.leave(self.group.index, self.id);
            state.senders.remove(&self.id);
            // Its turn may have come in this moment.
            if let Some(Ok(Turn::Granted(need))) = self.turn.as_mut().map(oneshot::Receiver::try_recv) {
                state.client.give_back(self.group.index, need);
            }
        }
    }
}

/// The right to send one request. Dropping it without settlement counts the request as sent and not answered.
pub struct Grant {
    group: GroupHandle,
    need: Need,
    is_settled: bool,
}

impl Grant {
    /// Nothing was sent.
    pub fn give_back(mut self) {
        self.is_settled = true;
        self.group.hub.lock().client.give_back(self.group.index, self.need);
    }

    /// The request has ended.
    pub fn settle(mut self, settlement: &Settlement) {
        self.is_settled = true;
        self.send(&Settlement { granted: self.need, ..*settlement });
    }

    fn send(&self, settlement: &Settlement) {
        let hub = &self.group.hub;
        let now = hub.now();
        let mut state = hub.lock();
        state.client.settle(self.group.index, settlement, now);
        let is_due = state.client.message_at() <= now;
        drop(state);
        if is_due {
            hub.due.notify_one();
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if !self.is_settled {
            // What a dropped request came to is not known: what was set aside for it is taken for used.
            let most = Some(self.need.most_nanousd);
            self.send(&Settlement { granted: self.need, nanousd: most, ..Settlement::default() });
        }
    }
}

/// The quotas and the budget of an application: the settings of all its models, of which only those of quotas are read, and
/// those under `spark.assay.budget.`. Errors: [`ErrorKind::InvalidModel`] for limits that are no whole numbers above 0 or that
/// contradict each other; those of [`budget_from`].
pub fn plan(
    models: &[ModelConf],
    budget: &BTreeMap<String, String>,
    application: String,
    executors: u64,
) -> Result<QuotaSpec> {
    let quotas =
        models.iter().map(|model| ModelQuota::from_settings(&model.name, &model.conf)).collect::<Result<Vec<_>>>()?;
    let groups = group_limits(models.iter().map(|model| model.name.as_str()).zip(&quotas))?;
    Ok(QuotaSpec {
        application,
        executors: executors.max(1),
        groups: groups.into_iter().map(|(name, limits)| (name, limits.0)).collect(),
        budget: budget_from(budget)?,
    })
}

/// A budget from its settings `requests`, `tokens` and `usd`. Errors: [`ErrorKind::InvalidOption`] for a value that is no
/// number above 0.
pub fn budget_from(settings: &BTreeMap<String, String>) -> Result<Budget> {
    let invalid = |name: &str, what: &str| {
        Error::new(ErrorKind::InvalidOption, format!("spark.assay.budget.{name} must be {what}"))
    };
    let whole = |name: &str| match settings.get(name).map(|text| text.trim()).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match text.parse::<i64>() {
            Ok(value) if value > 0 => Ok(Some(value)),
            _ => Err(invalid(name, "a whole number above 0")),
        },
    };
    let usd = match settings.get("usd").map(|text| text.trim()).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => match text.parse::<f64>() {
            Ok(value) if value > 0.0 && value < 1e9 => Some(value),
            _ => return Err(invalid("usd", "a number of US dollars above 0")),
        },
    };
    if let Some(name) = settings.keys().find(|name| !["requests", "tokens", "usd"].contains(&name.as_str())) {
        let hint = crate::error::hint(name, ["requests", "tokens", "usd"]);
        return Err(Error::new(
            ErrorKind::InvalidOption,
            format!("there is no setting spark.assay.budget.{name}{hint}"),
        ));
    }
    Ok(Budget { requests: whole("requests")?, tokens: whole("tokens")?, usd })
}

#[cfg(test)]
mod tests;
