//! An executor's side: what it asks for, what it was granted, and which request goes when.
//!
//! Nothing here reads a clock or sends a byte: time and messages come from outside.

use std::collections::{BTreeMap, VecDeque};

use super::clock::ClockBounds;
use super::pace::VALID;
use super::totals::Totals;
use super::wire::{Ask, GroupAsk, MILLISECOND, Money, Nanos, Need, Reply, SECOND, Seen};
use crate::provider::{Accounting, Dimension, Limits};

/// The shortest time between two messages.
const SHORTEST: Nanos = 20 * MILLISECOND;

/// How often a process asks that uses its grants.
const PERIOD: Nanos = 60 * MILLISECOND;

/// How often totals are told.
const TOTALS_PERIOD: Nanos = 500 * MILLISECOND;

/// How often a process says that it is there.
const HEARTBEAT: Nanos = 10 * SECOND;

/// How long to wait after a message that was not answered.
const AFTER_LOSS: Nanos = 200 * MILLISECOND;

/// How far ahead requests are counted that will come when others end.
const EXPECTED: Nanos = 300 * MILLISECOND;

/// How many different needs a message tells apart.
const MOST_NEEDS: usize = 256;

/// What becomes of a request that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It may be sent, and this much was set aside for it.
    Granted(Need),
    /// Its turn has not come.
    Wait,
    /// The budget of the run is spent.
    OverBudget,
}

/// How a request that was sent ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settlement {
    /// What was set aside for it.
    pub granted: Need,
    /// The tokens that it took, as far as the provider said.
    pub input: Option<i64>,
    /// The tokens of the answer.
    pub output: Option<i64>,
    /// The most tokens that the answer was allowed.
    pub reserved: Option<i64>,
    /// What it cost, in billionths of a US dollar; `None` where that is unknown.
    pub nanousd: Option<i64>,
    /// Whether the server took it: `None` where there was no response.
    pub was_taken: Option<bool>,
    /// How long the server wants no request.
    pub pause: Option<Nanos>,
    /// The rate headers.
    pub seen: Option<Seen>,
}

/// The executor's side of every quota group.
#[derive(Debug, Clone)]
pub struct LeaseClient {
    executor: String,
    groups: Vec<Group>,
    next_ticket: u64,
    seq: u64,
    acknowledged: u64,
    awaited: Option<(u64, Nanos)>,
    last_sent: Nanos,
    /// When to ask again where the last reply left something to wish for.
    next_ask: Nanos,
    is_urgent: bool,
    is_dirty: bool,
    round_trip: Nanos,
    clock: ClockBounds,
    ledger: u64,
    has_budget: bool,
    is_stopped: bool,
    released: Money,
    spent: Money,
    /// What a ledger of this process's own has granted of the budget.
    alone: Money,
}

#[derive(Debug, Clone, Default)]
struct Group {
    name: String,
    /// By configuration.
    own: Limits,
    /// In force, as the driver says.
    limits: Limits,
    accounting: Option<Accounting>,
    configured_accounting: Option<Accounting>,
    default_accounting: Accounting,
    is_leased: bool,
    paused_until: Nanos,
    /// Rows that cannot be sent yet for other reasons, and rows that only wait for a grant.
    queued: BTreeMap<u64, Need>,
    ready: BTreeMap<u64, Need>,
    pool: VecDeque<Slot>,
    returned: Vec<(Nanos, Need)>,
    /// How many grants the last message asked for, and whether its reply gave less.
    asked: usize,
    is_short: bool,
    settled: (i64, i64),
    taken: (i64, i64, i64),
    accepted: u64,
    limited: u64,
    pause_until: Nanos,
    seen: Option<Seen>,
    late: Nanos,
    /// Requests that ended since the last message, and how many end in a second.
    ended: u64,
    ended_per_second: f64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// At the driver.
    at: Nanos,
    from: Nanos,
    until: Nanos,
    need: Need,
}

impl LeaseClient {
    /// The client of the process `executor`, a name that no other has.
    pub fn new(executor: impl Into<String>) -> Self {
        LeaseClient {
            executor: executor.into(),
            groups: Vec::new(),
            next_ticket: 0,
            seq: 0,
            acknowledged: 0,
            awaited: None,
            last_sent: -SECOND,
            next_ask: 0,
            is_urgent: false,
            is_dirty: false,
            round_trip: 0,
            clock: ClockBounds::default(),
            ledger: 0,
            has_budget: false,
            is_stopped: false,
            released: Money::default(),
            spent: Money::default(),
            alone: Money::default(),
        }
    }

    /// The number of the group `name`, which is made where there is none.
    /// `accounting` is how its provider counts output by configuration, `default_accounting` as long as nothing else is known.
    pub fn group(&mut self, name: &str, accounting: Option<Accounting>, default_accounting: Accounting) -> usize {
        let index = self.find(name);
        let group = &mut self.groups[index];
        (group.configured_accounting, group.default_accounting) = (accounting, default_accounting);
        index
    }

    fn find(&mut self, name: &str) -> usize {
        self.groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
            let group = Group { name: name.to_string(), is_leased: self.has_budget, ..Group::default() };
            self.groups.push(group);
            self.groups.len() - 1
        })
    }

    /// Takes what is configured: until the driver says otherwise, what is limited needs grants.
    pub fn configure(&mut self, groups: &BTreeMap<String, Limits>, has_budget: bool) {
        self.has_budget = has_budget;
        self.is_stopped = false;
        for (name, limits) in groups {
            let index = self.find(name);
            let group = &mut self.groups[index];
            if group.own != *limits {
                (group.own, group.limits) = (*limits, *limits);
            }
            group.is_leased |= !limits.is_empty();
        }
        for group in &mut self.groups {
            group.is_leased |= has_budget;
        }
    }

    /// How the provider of `group` counts output, as far as is known.
    pub fn accounting(&self, group: usize) -> Accounting {
        self.groups[group].counts_by()
    }

    /// Whether tokens of `group` are limited, as far as is known: only then does it matter how many a request has.
    pub fn counts_tokens(&self, group: usize) -> bool {
        let limits = &self.groups[group].limits;
        Dimension::ALL.into_iter().any(|dimension| dimension != Dimension::Requests && limits.of(dimension).is_some())
    }

    /// The limit that a request of `need` is larger than, and that limit: it would wait for ever.
    pub fn never_fits(&self, group: usize, need: &Need) -> Option<(Dimension, u64)> {
        let limits = &self.groups[group].limits;
        let amounts = [
            (Dimension::InputTokens, need.input),
            (Dimension::OutputTokens, need.output),
            (Dimension::Tokens, need.input.saturating_add(need.output)),
        ];
        amounts.into_iter().find_map(|(dimension, amount)| {
            let limit = limits.of(dimension)?;
            (amount > i64::try_from(limit).unwrap_or(i64::MAX)).then_some((dimension, limit))
        })
    }

    /// A row will want to be sent. Gives its ticket.
    pub fn enter(&mut self, group: usize, need: Need) -> u64 {
        self.next_ticket += 1;
        if self.groups[group].is_leased {
            self.groups[group].queued.insert(self.next_ticket, need);
        }
        self.next_ticket
    }

    /// The row of `ticket` waits for nothing but a grant.
    pub fn ready(&mut self, group: usize, ticket: u64, need: Need, now: Nanos) -> Turn {
        let is_stopped = self.is_stopped;
        let own = &mut self.groups[group];
        own.queued.remove(&ticket);
        if !own.is_leased && own.paused_until <= now {
            return Turn::Granted(need);
        }
        if is_stopped && own.pool.is_empty() {
            return Turn::OverBudget;
        }
        if own.is_leased && own.ready.is_empty() {
            // Whoever waited longer would be in `ready`.
            own.ready.insert(ticket, need);
            let mut turns = Vec::new();
            self.release_group(group, now, &mut turns);
            if let Some((_, turn)) = turns.pop() {
                return turn;
            }
            return Turn::Wait;
        }
        own.ready.insert(ticket, need);
        Turn::Wait
    }

    /// The row of `ticket` is gone.
    pub fn leave(&mut self, group: usize, ticket: u64) {
        self.groups[group].queued.remove(&ticket);
        self.groups[group].ready.remove(&ticket);
    }

    /// The tickets whose turn has come.
    pub fn release(&mut self, now: Nanos) -> Vec<(u64, Turn)> {
        let mut turns = Vec::new();
        for group in 0..self.groups.len() {
            self.release_group(group, now, &mut turns);
        }
        turns
    }

    fn release_group(&mut self, group: usize, now: Nanos, turns: &mut Vec<(u64, Turn)>) {
        let has_budget = self.has_budget;
        let own = &mut self.groups[group];
        if !own.is_leased {
            if own.paused_until <= now {
                turns.extend(std::mem::take(&mut own.ready).into_iter().map(|(id, need)| (id, Turn::Granted(need))));
            }
            return;
        }
        while let Some(slot) = own.pool.front().copied() {
            if slot.until < now {
                own.pool.pop_front();
                self.released.add(&Money::most(&slot.need, i64::from(has_budget)));
                self.is_dirty = true;
                continue;
            }
            if slot.from > now || own.ready.is_empty() {
                break;
            }
            let fits = |need: &Need| {
                !has_budget
                    || (need.most_tokens <= slot.need.most_tokens && need.most_nanousd <= slot.need.most_nanousd)
            };
            own.pool.pop_front();
            match own.ready.iter().find(|(_, need)| fits(need)).map(|(id, _)| *id) {
                Some(id) => {
                    own.ready.remove(&id);
                    own.late = own.late.max(now - slot.from);
                    turns.push((id, Turn::Granted(slot.need)));
                }
                None => {
                    own.returned.push((slot.at, slot.need));
                    self.released.add(&Money::most(&slot.need, 1));
                }
            }
        }
        if self.is_stopped && own.pool.is_empty() {
            turns.extend(std::mem::take(&mut own.ready).into_keys().map(|id| (id, Turn::OverBudget)));
        }
    }

    /// When [`LeaseClient::release`] has something to do next.
    pub fn next_release(&self) -> Option<Nanos> {
        let next = |group: &Group| match group.is_leased {
            _ if group.ready.is_empty() => None,
            true => group.pool.front().map(|slot| slot.from),
            false => Some(group.paused_until),
        };
        self.groups.iter().filter_map(next).min()
    }

    /// A request that was granted has ended.
    pub fn settle(&mut self, group: usize, settlement: &Settlement, now: Nanos) {
        let granted = settlement.granted;
        let own = &mut self.groups[group];
        self.is_dirty = true;
        own.ended += 1;
        // Where the provider said nothing, what was set aside is taken for used.
        let counted = match (own.counts_by(), settlement.reserved) {
            (Accounting::Reserved, Some(reserved)) => Some(reserved),
            _ => settlement.output,
        };
        if own.is_leased {
            own.settled.0 += settlement.input.map_or(0, |input| input - granted.input);
            own.settled.1 += counted.map_or(0, |output| output - granted.output);
        }
        own.taken.0 += settlement.input.unwrap_or(0);
        own.taken.1 += settlement.output.unwrap_or(0);
        own.taken.2 += settlement.reserved.or(settlement.output).unwrap_or(0);
        match settlement.was_taken {
            Some(true) => own.accepted += 1,
            Some(false) => {
                own.limited += 1;
                self.is_urgent = true;
                if let Some(pause) = settlement.pause {
                    own.pause_until = own.pause_until.max(now + pause);
                }
            }
            None => {}
        }
        own.seen = settlement.seen.or(own.seen);
        if self.has_budget {
            self.released.add(&Money::most(&granted, 1));
            let tokens = settlement.input.zip(settlement.output).map(|(input, output)| input + output);
            // An attempt that failed and whose usage is not known counts as not billed, like in the cost of its row.
            self.spent.add(&Money {
                requests: 1,
                tokens: tokens.unwrap_or(0),
                nanousd: settlement.nanousd.unwrap_or(0),
            });
        }
    }

    /// When the next message is due; far away where none is.
    pub fn message_at(&self) -> Nanos {
        if self.awaited.is_some() {
            return Nanos::MAX;
        }
        let mut at = self.last_sent + HEARTBEAT;
        if self.is_dirty {
            at = at.min(self.last_sent + TOTALS_PERIOD);
        }
        for group in self.groups.iter().filter(|group| group.is_leased && group.wanted() > 0) {
            let period = self.last_sent + PERIOD;
            at = at.min(if group.is_short { period.max(self.next_ask) } else { period });
        }
        if self.is_urgent {
            at = at.min(self.last_sent + SHORTEST);
        }
        at
    }

    /// The message that is due at `now`, if one is.
    pub fn message(&mut self, totals: Totals, now: Nanos) -> Option<Ask> {
        if self.groups.is_empty() || self.message_at() > now {
            return None;
        }
        let since = (now - self.last_sent).max(MILLISECOND);
        self.seq += 1;
        self.awaited = Some((self.seq, now));
        self.last_sent = now;
        (self.is_urgent, self.is_dirty) = (false, false);
        let has_budget = self.has_budget;
        let mut groups = BTreeMap::new();
        for group in &mut self.groups {
            let mut drop_off = Vec::new();
            while group.pool.len() > group.ready.len() + group.queued.len()
                && let Some(slot) = group.pool.pop_back()
            {
                drop_off.push((slot.at, slot.need));
                self.released.add(&Money::most(&slot.need, i64::from(has_budget)));
            }
            group.returned.extend(drop_off);
            groups.insert(group.name.clone(), group.ask(since, has_budget, now));
        }
        Some(Ask {
            executor: self.executor.clone(),
            seq: self.seq,
            acknowledged: self.acknowledged,
            round_trip: self.round_trip,
            uncertainty: self.clock.width(),
            groups,
            totals,
            released: self.released,
            spent: self.spent,
            alone: self.alone,
        })
    }

    /// Takes the driver's answer. One that is not waited for any more is not used.
    pub fn reply(&mut self, reply: &Reply, now: Nanos) {
        let Some((seq, sent)) = self.awaited.filter(|(seq, _)| *seq == reply.seq) else { return };
        self.awaited = None;
        self.acknowledged = seq;
        if reply.ledger != self.ledger {
            (self.ledger, self.clock) = (reply.ledger, ClockBounds::default());
        }
        self.clock.learn(reply.at, sent, now);
        self.round_trip = (now - sent).max(self.round_trip - self.round_trip / 8);
        self.next_ask = now + reply.next;
        self.is_stopped = reply.is_stopped;
        for group in &mut self.groups {
            let Some(said) = reply.groups.get(&group.name) else { continue };
            group.limits = said.limits;
            group.accounting = said.accounting;
            group.paused_until = self.clock.surely_after(said.paused_until);
            if group.is_leased && !said.is_leased {
                group.pool.clear();
                group.queued.clear();
            }
            group.is_leased = said.is_leased;
            let granted: usize = said.grants.iter().map(|run| run.count as usize).sum();
            // What came to be wanted since is asked for in its time: nobody knows yet that it is not there.
            group.is_short = granted < group.asked;
            // Where nothing is limited none is needed, and none may be left when that changes.
            for run in said.grants.iter().filter(|_| said.is_leased) {
                for i in 0..run.count {
                    let at = run.at + run.step * Nanos::from(i);
                    group.pool.push_back(Slot {
                        at,
                        from: self.clock.surely_after(at),
                        until: self.clock.surely_before(at + run.valid),
                        need: run.need,
                    });
                }
            }
        }
    }

    /// Takes the answer of a ledger of this process's own: what it grants the driver learns of later.
    pub fn reply_alone(&mut self, reply: &Reply, now: Nanos) {
        let acknowledged = self.acknowledged;
        self.reply(reply, now);
        self.acknowledged = acknowledged;
        for run in reply.groups.values().flat_map(|group| &group.grants) {
            self.alone.add(&Money::most(&run.need, i64::from(run.count) * i64::from(self.has_budget)));
        }
    }

    /// Nobody waits any more, and what was granted is void.
    pub fn end(&mut self) {
        for group in &mut self.groups {
            group.queued.clear();
            group.ready.clear();
            for slot in group.pool.drain(..) {
                self.released.add(&Money::most(&slot.need, i64::from(self.has_budget)));
            }
        }
        self.forget_ledger();
        self.is_stopped = false;
    }

    /// The next answer comes from another ledger.
    pub fn forget_ledger(&mut self) {
        (self.ledger, self.clock) = (0, ClockBounds::default());
        self.awaited = None;
        self.is_urgent = true;
    }

    /// What was counted so far, as a message that is not sent.
    pub fn snapshot(&self) -> Ask {
        let groups = self.groups.iter().map(|group| {
            let said = GroupAsk {
                limits: group.own,
                settled: group.settled,
                taken: group.taken,
                accepted: group.accepted,
                limited: group.limited,
                ..GroupAsk::default()
            };
            (group.name.clone(), said)
        });
        Ask {
            executor: self.executor.clone(),
            groups: groups.collect(),
            released: self.released,
            spent: self.spent,
            alone: self.alone,
            ..Ask::default()
        }
    }

    /// A grant is not used after all.
    pub fn give_back(&mut self, group: usize, need: Need) {
        self.released.add(&Money::most(&need, i64::from(self.has_budget)));
        self.is_dirty = true;
        // Its time has come, so that it is of no use to others.
        let own = &mut self.groups[group];
        own.settled.0 -= need.input;
        own.settled.1 -= need.output;
    }

    /// The message that is waited for will not be answered; what it would have granted is lost.
    pub fn lost(&mut self, now: Nanos) {
        if self.awaited.take().is_some() {
            self.last_sent = now + AFTER_LOSS - PERIOD;
            self.is_dirty = true;
        }
    }

    /// When the message that is waited for was sent.
    pub fn awaited_since(&self) -> Option<Nanos> {
        self.awaited.map(|(_, sent)| sent)
    }

    /// How many rows wait.
    pub fn waiting(&self) -> usize {
        self.groups.iter().map(|group| group.ready.len() + group.queued.len()).sum()
    }
}

impl Group {
    fn counts_by(&self) -> Accounting {
        self.configured_accounting.or(self.accounting).unwrap_or(self.default_accounting)
    }

    /// How many grants more than there are could be used soon.
    fn wanted(&self) -> usize {
        let expected = (self.ended_per_second * EXPECTED as f64 / SECOND as f64).ceil() as usize + 1;
        (self.ready.len() + self.queued.len().min(expected)).saturating_sub(self.pool.len())
    }

    fn ask(&mut self, since: Nanos, has_budget: bool, now: Nanos) -> GroupAsk {
        let per_second = std::mem::take(&mut self.ended) as f64 * SECOND as f64 / since as f64;
        let weight = (since as f64 / SECOND as f64 * 3.0).clamp(0.1, 1.0);
        self.ended_per_second += (per_second - self.ended_per_second) * weight;
        let wanted = if self.is_leased { self.wanted() } else { 0 };
        self.asked = wanted;
        let mut demand: Vec<(u32, Need)> = Vec::new();
        let mut previous: Option<Need> = None;
        for need in self.ready.values().chain(self.queued.values()).skip(self.pool.len()).take(wanted) {
            let is_full = demand.len() >= MOST_NEEDS;
            match demand.last_mut() {
                // A sum stands for its mean many times; what that is off by is settled.
                Some((count, sum)) if previous == Some(*need) || (is_full && !has_budget) => {
                    *count += 1;
                    sum.input += need.input;
                    sum.output += need.output;
                    sum.most_tokens += need.most_tokens;
                    sum.most_nanousd += need.most_nanousd;
                }
                _ if is_full => break,
                _ => demand.push((1, *need)),
            }
            previous = Some(*need);
        }
        let pause = self.pause_until - now;
        GroupAsk {
            limits: self.own,
            accounting: self.configured_accounting,
            demand,
            returned: std::mem::take(&mut self.returned),
            settled: self.settled,
            taken: self.taken,
            accepted: self.accepted,
            limited: self.limited,
            pause: (pause > 0).then_some(pause),
            seen: self.seen.take(),
            late: std::mem::take(&mut self.late).min(VALID),
        }
    }
}

#[cfg(test)]
mod tests;
