//! The driver's side: who may send what, and when.
//!
//! Every executor asks a few times a second and is answered at once. Grants are requests, each with a time: the ledger
//! spreads them evenly over time and hands each executor those of the next quarter of a second, so that they are there when
//! they are due. Between executors that wait it is fair by the time that their grants take of the limit.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::budget::Account;
use super::learn::Learned;
use super::pace::{Log, Pace, VALID};
use super::totals::Totals;
use super::wire::{Ask, GroupAsk, GroupReply, MILLISECOND, Money, Nanos, Need, Reply, Run, SECOND};
use crate::provider::{Accounting, Dimension, Limits};
use crate::spec::Budget;

/// How far ahead grants are made, beside the time that an exchange takes.
const AHEAD: Nanos = 200 * MILLISECOND;

/// How exactly an executor must know this clock. For one that knows it less exactly grants stay valid for longer, and fewer
/// are made: a stretch of time may see those of so much more.
const EXACT: Nanos = 100 * MILLISECOND;

/// The most that grants stay valid for longer: for an executor whose fastest exchange took two seconds, nothing is left.
const MOST_STRETCH: Nanos = 2 * SECOND;

/// The farthest ahead, however slow the exchanges are.
const FARTHEST: Nanos = 3 * SECOND;

/// How long at least a grant must still be valid when it arrives. After idleness the first ones lie in the past.
const FRESH: Nanos = 100 * MILLISECOND;

/// How often an executor that waits asks.
const PERIOD: Nanos = 60 * MILLISECOND;

/// How often one asks that has what it needs.
const IDLE_PERIOD: Nanos = 500 * MILLISECOND;

/// A grant that is due so long is given to whoever asks.
const OVERDUE: Nanos = 70 * MILLISECOND;

/// An executor that was not heard of for so long does not wait any more.
const SILENT: Nanos = 500 * MILLISECOND;

/// An executor that was not heard of for so long is gone, and what it was promised is spent.
const GONE: Nanos = 60 * SECOND;

/// How long a grant stays valid where there is a budget, but no limit.
const UNPACED_VALID: Nanos = 5 * SECOND;

/// A limit per minute that nobody reaches.
const UNLIMITED: f64 = 1e12;

/// Above this cost of one request a grant used late moves the next: a bucket that holds one request refills only then.
const SINGLE: f64 = (SECOND / 2) as f64;

/// One limit for the whole cluster, its budget and its totals.
#[derive(Debug, Clone)]
pub struct Ledger {
    id: u64,
    groups: BTreeMap<String, Group>,
    executors: BTreeMap<String, Executor>,
    budget: Account,
}

#[derive(Debug, Clone)]
struct Group {
    configured: Limits,
    accounting: Option<Accounting>,
    learned: Learned,
    paces: [Option<Pace>; 4],
    members: BTreeMap<String, Member>,
    /// Tokens of the last minute by what answers have, and by what they were allowed.
    by_use: Log,
    by_reservation: Log,
}

/// An executor in the eyes of one group.
#[derive(Debug, Clone, Default)]
struct Member {
    heard: Nanos,
    silent_after: Nanos,
    /// Requests that wait for a grant.
    waiting: u64,
    /// The time of the limit that its grants have taken: grants go to the one with the least.
    served: f64,
    settled: (i64, i64),
    taken: (i64, i64, i64),
    accepted: u64,
    limited: u64,
}

#[derive(Debug, Clone, Default)]
struct Executor {
    seq: u64,
    heard: Nanos,
    is_gone: bool,
    totals: Totals,
    /// What it had done before this ledger.
    totals_before: Totals,
    released: Money,
    spent: Money,
    alone: Money,
    /// What it was granted of the budget, in total.
    promised: Money,
    /// Grants whose arrival is not known: the message and what it was granted.
    unconfirmed: VecDeque<(u64, Money)>,
}

impl Executor {
    fn open(&self) -> Money {
        self.promised.minus(&self.released)
    }
}

impl Ledger {
    /// An empty ledger. `id` differs from that of any other that the same executors may know.
    pub fn new(id: u64) -> Self {
        Ledger { id, groups: BTreeMap::new(), executors: BTreeMap::new(), budget: Account::default() }
    }

    /// Sets the limits of groups and the run's budget, the newest of which holds. What was used stays used.
    pub fn configure(&mut self, groups: &BTreeMap<String, Limits>, budget: Budget, now: Nanos) {
        for (name, limits) in groups {
            let group = self.groups.entry(name.clone()).or_insert_with(|| Group::new(*limits, None));
            group.configured = *limits;
            group.update(now);
        }
        self.budget.budget = budget;
    }

    /// Makes what `ask` has counted so far the state from which its executor begins.
    pub fn adopt(&mut self, ask: &Ask) {
        let executor = self.executors.entry(ask.executor.clone()).or_default();
        (executor.released, executor.spent, executor.promised) = (ask.released, ask.spent, ask.released);
        (executor.alone, executor.totals, executor.totals_before) = (ask.alone, ask.totals, ask.totals);
        for (name, said) in &ask.groups {
            let group = self.groups.entry(name.clone()).or_insert_with(|| Group::new(said.limits, said.accounting));
            let member = group.members.entry(ask.executor.clone()).or_default();
            (member.settled, member.taken) = (said.settled, said.taken);
            (member.accepted, member.limited) = (said.accepted, said.limited);
        }
    }

    /// Answers one message.
    pub fn serve(&mut self, ask: &Ask, now: Nanos) -> Reply {
        let mut reply = Reply { seq: ask.seq, ledger: self.id, at: now, next: IDLE_PERIOD, ..Reply::default() };
        self.write_off(now);
        if !self.hear(ask, now) {
            return reply;
        }
        let mut promised = Money::default();
        for (name, said) in &ask.groups {
            let group = self.groups.entry(name.clone()).or_insert_with(|| {
                let mut group = Group::new(said.limits, said.accounting);
                group.update(now);
                group
            });
            group.hear(&ask.executor, said, ask.round_trip, now);
            let (grants, next) = group.grant(ask, said, &mut self.budget, now, &mut promised);
            reply.next = reply.next.min(next.wait);
            reply.is_stopped |= next.is_out_of_budget && !self.budget.has_promises();
            reply.groups.insert(
                name.clone(),
                GroupReply {
                    is_leased: group.is_paced() || !self.budget.budget.is_empty(),
                    grants,
                    limits: group.limits(),
                    accounting: group.accounting,
                    paused_until: group.learned.paused_until,
                },
            );
        }
        if let Some(executor) = self.executors.get_mut(&ask.executor)
            && promised != Money::default()
        {
            executor.promised.add(&promised);
            executor.unconfirmed.push_back((ask.seq, promised));
        }
        reply
    }

    /// Takes the executor's totals. Gives whether the message is news.
    fn hear(&mut self, ask: &Ask, now: Nanos) -> bool {
        let executor = self.executors.entry(ask.executor.clone()).or_default();
        if ask.seq <= executor.seq {
            return false;
        }
        (executor.seq, executor.heard) = (ask.seq, now);
        if executor.is_gone {
            executor.is_gone = false;
            let open = executor.open();
            let none = Money::default();
            self.budget.settle(&none.minus(&open), &none.minus(&open));
        }
        while let Some((seq, money)) = executor.unconfirmed.pop_front() {
            if seq > ask.acknowledged {
                executor.promised = executor.promised.minus(&money);
                self.budget.settle(&money, &Money::default());
            }
        }
        let alone = ask.alone.minus(&executor.alone);
        self.budget.promise(&alone);
        executor.promised.add(&alone);
        executor.alone = ask.alone;
        self.budget.settle(&ask.released.minus(&executor.released), &ask.spent.minus(&executor.spent));
        (executor.released, executor.spent, executor.totals) = (ask.released, ask.spent, ask.totals);
        true
    }

    fn write_off(&mut self, now: Nanos) {
        for executor in self.executors.values_mut().filter(|executor| !executor.is_gone) {
            if executor.heard + GONE < now {
                executor.is_gone = true;
                (executor.totals.waiting, executor.totals.in_flight) = (0, 0);
                self.budget.write_off(&executor.open());
            }
        }
    }

    /// The totals of the run and the state of each group.
    pub fn report(&mut self, now: Nanos) -> Report {
        let mut totals = Totals::default();
        for executor in self.executors.values() {
            let mut own = executor.totals.since(&executor.totals_before);
            if executor.heard + 5 * SECOND < now {
                (own.waiting, own.in_flight) = (0, 0);
            }
            totals.add(&own);
        }
        let groups = self.groups.iter_mut().map(|(name, group)| group.report(name, now)).collect();
        let spent = self.budget.spent();
        Report {
            totals,
            cost_usd: totals.cost_nanousd as f64 / 1e9,
            executors: self.executors.values().filter(|executor| executor.heard + 5 * SECOND >= now).count(),
            groups,
            budget: self.budget.budget,
            budget_used: Budget {
                requests: Some(spent.requests),
                tokens: Some(spent.tokens),
                usd: Some(spent.nanousd as f64 / 1e9),
            },
        }
    }
}

/// What a run has come to: the value of the operation `quota_totals`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Over all executors.
    #[serde(flatten)]
    pub totals: Totals,
    /// The cost in US dollars, where the price is known.
    pub cost_usd: f64,
    /// Executors that were heard of lately.
    pub executors: usize,
    /// By group: `name`, `limits` and `used` in the last minute by dimension, `paused_ms`, `slowed_to`.
    pub groups: Vec<Value>,
    /// The budget.
    pub budget: Budget,
    /// What of it is spent.
    pub budget_used: Budget,
}

/// When an executor should ask again.
struct Next {
    wait: Nanos,
    is_out_of_budget: bool,
}

impl Group {
    fn new(configured: Limits, accounting: Option<Accounting>) -> Self {
        Group {
            configured,
            accounting,
            learned: Learned::default(),
            paces: [None, None, None, None],
            members: BTreeMap::new(),
            by_use: Log::default(),
            by_reservation: Log::default(),
        }
    }

    fn is_paced(&self) -> bool {
        self.paces.iter().any(Option::is_some)
    }

    /// The limits by configuration and by what the server says; where both speak, the lower holds.
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for dimension in Dimension::ALL {
            let (own, said) = (self.configured.of(dimension), self.learned.limits.of(dimension));
            limits.set(dimension, own.into_iter().chain(said).min());
        }
        limits
    }

    fn update(&mut self, now: Nanos) {
        let limits = self.limits();
        for dimension in Dimension::ALL {
            let slowed = self.learned.slowed.filter(|_| dimension == Dimension::Requests);
            // Where only refusals speak, there is no limit to keep a log of.
            let limit = limits.of(dimension).map(|limit| limit as f64).or(slowed.map(|_| UNLIMITED));
            let pace = &mut self.paces[dimension as usize];
            match (pace.as_mut(), limit) {
                (Some(pace), Some(limit)) if pace.per_minute() != limit => pace.set_limit(limit, now),
                (Some(_), Some(_)) | (None, None) => {}
                (Some(_), None) => *pace = None,
                (None, Some(limit)) => *pace = Some(Pace::new(dimension, limit, now)),
            }
            if let Some(pace) = pace {
                pace.slow_to(slowed.unwrap_or(f64::INFINITY), now);
            }
        }
    }

    fn hear(&mut self, executor: &str, said: &GroupAsk, round_trip: Nanos, now: Nanos) {
        let member = self.members.entry(executor.to_string()).or_default();
        let before = member.clone();
        member.heard = now;
        member.silent_after = SILENT + 2 * round_trip;
        (member.settled, member.taken) = (said.settled, said.taken);
        (member.accepted, member.limited) = (said.accepted, said.limited);
        self.accounting = self.accounting.or(said.accounting);

        let (input, output) = (said.settled.0 - before.settled.0, said.settled.1 - before.settled.1);
        self.settle(input, output, now);
        for (at, need) in &said.returned {
            if at + VALID > now {
                self.settle(-need.input, -need.output, now);
                if let Some(pace) = &mut self.paces[Dimension::Requests as usize] {
                    pace.settle(-1.0, now);
                }
            }
        }
        if let Some(pace) = &mut self.paces[Dimension::Requests as usize]
            && pace.cost(1.0) >= SINGLE
        {
            pace.delay(said.late);
        }
        self.by_use.book((said.taken.0 - before.taken.0 + said.taken.1 - before.taken.1) as f64, now);
        self.by_reservation.book((said.taken.0 - before.taken.0 + said.taken.2 - before.taken.2) as f64, now);
        self.learn(
            said,
            said.accepted.saturating_sub(before.accepted),
            said.limited.saturating_sub(before.limited),
            now,
        );
        self.members.retain(|_, member| member.heard + GONE > now);
    }

    fn settle(&mut self, input: i64, output: i64, now: Nanos) {
        for (dimension, difference) in [
            (Dimension::InputTokens, input),
            (Dimension::OutputTokens, output),
            (Dimension::Tokens, input.saturating_add(output)),
        ] {
            if let Some(pace) = &mut self.paces[dimension as usize]
                && difference != 0
            {
                pace.settle(difference as f64, now);
            }
        }
    }

    fn learn(&mut self, said: &GroupAsk, accepted: u64, limited: u64, now: Nanos) {
        self.learned.responses(accepted, limited, said.pause, now);
        if limited > 0 {
            self.paces.iter_mut().flatten().for_each(|pace| pace.refused(now));
        }
        let current = self.limits().of(Dimension::Requests).map(|limit| limit as f64);
        self.learned.judge(current, now);
        if let Some(seen) = &said.seen {
            self.learned.headers(seen);
            let left = (seen.limits.of(Dimension::Tokens), seen.remaining.of(Dimension::Tokens));
            if let (Some(limit), Some(remaining)) = left {
                let (by_use, by_reservation) = (self.by_use.sum(now), self.by_reservation.sum(now));
                let server = limit.saturating_sub(remaining) as f64;
                let learned = self.learned.accounting(server, by_reservation, by_use, limit as f64);
                self.accounting = learned.or(self.accounting);
            }
        }
        self.update(now);
    }

    /// Grants what is due until the horizon, in the order of the demand.
    fn grant(
        &mut self,
        ask: &Ask,
        said: &GroupAsk,
        budget: &mut Account,
        now: Nanos,
        promised: &mut Money,
    ) -> (Vec<Run>, Next) {
        let (executor, round_trip) = (ask.executor.as_str(), ask.round_trip);
        let stretch = (ask.uncertainty - EXACT).clamp(0, MOST_STRETCH);
        let mut next = Next { wait: IDLE_PERIOD, is_out_of_budget: false };
        let mut waiting: u64 = said.demand.iter().map(|(count, _)| u64::from(*count)).sum();
        let least = self.least_served(executor, now);
        let mut served = self.members.get(executor).map_or(0.0, |member| member.served);
        if self.members.get(executor).is_none_or(|member| member.waiting == 0) {
            // Who did not wait has saved nothing up.
            served = served.max(least.unwrap_or(served));
        }
        let ahead = (AHEAD + round_trip + round_trip / 2).min(FARTHEST);
        let horizon = now + ahead;
        // Each of those that wait may be before the others by its part of what is granted ahead.
        let lead = ahead as f64 / (1 + self.waiting_beside(executor, now).count()) as f64;
        let mut runs: Vec<Run> = Vec::new();
        'demand: for (count, sum) in &said.demand {
            let each = |sum: i64| sum.div_euclid(i64::from((*count).max(1)));
            let need = Need {
                input: each(sum.input),
                output: each(sum.output),
                most_tokens: each(sum.most_tokens),
                most_nanousd: each(sum.most_nanousd),
            };
            let mut left = i64::from(*count);
            while left > 0 {
                let paid = if budget.budget.is_empty() { left } else { budget.affords(&need, left) };
                if paid <= 0 {
                    next = Next { wait: PERIOD, is_out_of_budget: true };
                    break 'demand;
                }
                let many = if self.is_paced() { 1 } else { paid };
                let at = self.earliest(&need, now - VALID + FRESH + round_trip, now);
                if at > horizon {
                    next.wait = next.wait.min((at - horizon).clamp(PERIOD, SECOND));
                    break 'demand;
                }
                if least.is_some_and(|least| served > least + lead) && at > now - OVERDUE {
                    next.wait = next.wait.min(PERIOD);
                    break 'demand;
                }
                served += self.take(&need, at, stretch);
                if !budget.budget.is_empty() {
                    let money = Money::most(&need, many);
                    budget.promise(&money);
                    promised.add(&money);
                }
                let valid = if self.is_paced() { VALID + stretch } else { UNPACED_VALID };
                push(&mut runs, Run { at, step: 0, count: many as u32, valid, need });
                left -= many;
                waiting -= many as u64;
            }
        }
        if waiting > 0 {
            // Many executors that wait for little need not all ask at once.
            let members = self.members.values().filter(|member| member.waiting > 0).count() as Nanos;
            next.wait = next.wait.max(members * MILLISECOND);
        }
        if let Some(member) = self.members.get_mut(executor) {
            (member.waiting, member.served) = (waiting, served);
        }
        (runs, next)
    }

    /// What the least served of the other executors that wait has got.
    fn least_served(&self, executor: &str, now: Nanos) -> Option<f64> {
        self.waiting_beside(executor, now).map(|member| member.served).reduce(f64::min)
    }

    fn waiting_beside<'a>(&'a self, executor: &'a str, now: Nanos) -> impl Iterator<Item = &'a Member> {
        self.members.iter().map(|(name, member)| (name.as_str(), member)).filter_map(move |(name, member)| {
            let waits = member.waiting > 0 && member.heard + member.silent_after > now;
            (name != executor && waits).then_some(member)
        })
    }

    fn earliest(&mut self, need: &Need, from: Nanos, now: Nanos) -> Nanos {
        let mut at = if self.is_paced() { from } else { now };
        for dimension in Dimension::ALL {
            if let Some(pace) = &mut self.paces[dimension as usize] {
                at = at.max(pace.earliest(amount(dimension, need), from, now));
            }
        }
        at.max(self.learned.paused_until)
    }

    /// Takes one request whose grant is valid for `stretch` longer than others, and gives the time that it needs of the limit
    /// that it fills most.
    fn take(&mut self, need: &Need, at: Nanos, stretch: Nanos) -> f64 {
        let mut cost = 0f64;
        for dimension in Dimension::ALL {
            if let Some(pace) = &mut self.paces[dimension as usize] {
                let amount = amount(dimension, need);
                pace.take(amount, at, stretch);
                cost = cost.max(pace.cost(amount));
            }
        }
        cost
    }

    fn report(&mut self, name: &str, now: Nanos) -> Value {
        let limits = self.limits();
        let mut limited = Map::new();
        let mut used = Map::new();
        for dimension in Dimension::ALL {
            let Some(limit) = limits.of(dimension) else { continue };
            limited.insert(dimension.name().to_string(), json!(limit));
            if let Some(pace) = &mut self.paces[dimension as usize] {
                used.insert(dimension.name().to_string(), json!(pace.used(now).round()));
            }
        }
        json!({
            "name": name,
            "limits": limited,
            "used": used,
            "paused_ms": (self.learned.paused_until - now).max(0) / MILLISECOND,
            "slowed_to": self.learned.slowed.map(f64::round),
            "waiting": self.members.values().map(|member| member.waiting).sum::<u64>(),
        })
    }
}

fn amount(dimension: Dimension, need: &Need) -> f64 {
    (match dimension {
        Dimension::Requests => 1,
        Dimension::InputTokens => need.input,
        Dimension::OutputTokens => need.output,
        Dimension::Tokens => need.input.saturating_add(need.output),
    }) as f64
}

/// Appends a grant, to the last run where it goes on evenly.
fn push(runs: &mut Vec<Run>, run: Run) {
    if let Some(last) = runs.last_mut()
        && last.need == run.need
        && run.count == 1
    {
        let after = run.at - last.at;
        if last.count == 1 && after >= 0 {
            (last.step, last.count) = (after, 2);
            return;
        }
        if (after - last.step * Nanos::from(last.count)).abs() <= 2_000 {
            last.count += 1;
            return;
        }
    }
    runs.push(run);
}
