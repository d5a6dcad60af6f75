//! A cluster and a server in simulated time.

use std::collections::{BTreeMap, VecDeque};

use super::*;

/// Numbers that look random and are the same each time.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn between(&mut self, low: Nanos, high: Nanos) -> Nanos {
        low + ((high - low) as f64 * self.next()) as Nanos
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Window {
    /// A bucket with a second's worth.
    Bucket,
    /// A log of the last minute.
    Sliding,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Charge {
    /// `max_tokens` at admission, for good.
    Reserved,
    /// What the answer has, when it is there.
    Settled,
}

pub(super) struct Server {
    pub(super) window: Window,
    pub(super) charge: Charge,
    pub(super) limits: Limits,
    pub(super) log: VecDeque<(Nanos, [f64; 4])>,
    pub(super) sums: [f64; 4],
    pub(super) level: [f64; 4],
    pub(super) filled: Nanos,
    pub(super) used: [f64; 4],
    pub(super) admitted: Vec<Nanos>,
    pub(super) rejected: Vec<Nanos>,
}

impl Server {
    pub(super) fn new(window: Window, charge: Charge, limits: Limits) -> Self {
        Server {
            window,
            charge,
            limits,
            log: VecDeque::new(),
            sums: [0.0; 4],
            level: limits.0.map(|limit| limit.map_or(f64::INFINITY, |limit| (limit as f64 / 60.0).max(1.0))),
            filled: 0,
            used: [0.0; 4],
            admitted: Vec::new(),
            rejected: Vec::new(),
        }
    }

    pub(super) fn amounts(input: i64, output: i64, requests: i64) -> [f64; 4] {
        [requests as f64, input as f64, output as f64, (input + output) as f64]
    }

    pub(super) fn pass(&mut self, now: Nanos) {
        let seconds = (now - self.filled) as f64 / SECOND as f64;
        self.filled = now;
        for (level, limit) in self.level.iter_mut().zip(self.limits.0) {
            if let Some(limit) = limit {
                *level = (*level + seconds * limit as f64 / 60.0).min((limit as f64 / 60.0).max(1.0));
            }
        }
        while let Some((_, amounts)) = self.log.pop_front_if(|(at, _)| *at + MINUTE <= now) {
            (0..4).for_each(|d| self.sums[d] -= amounts[d]);
        }
    }

    pub(super) fn in_window(&self, dimension: usize) -> f64 {
        self.sums[dimension]
    }

    pub(super) fn charge(&mut self, now: Nanos, amounts: [f64; 4]) {
        if self.window == Window::Sliding && !self.limits.is_empty() {
            self.log.push_back((now, amounts));
            (0..4).for_each(|d| self.sums[d] += amounts[d]);
        }
        for (d, amount) in amounts.into_iter().enumerate() {
            self.level[d] -= amount;
            self.used[d] += amount;
        }
    }

    pub(super) fn arrive(&mut self, now: Nanos, input: i64, reserved: i64) -> bool {
        self.pass(now);
        let output = if self.charge == Charge::Reserved { reserved } else { 0 };
        let amounts = Server::amounts(input, output, 1);
        let fits = (0..4).all(|d| match self.limits.0[d] {
            None => true,
            Some(limit) => match self.window {
                Window::Bucket => self.level[d] >= amounts[d].min((limit as f64 / 60.0).max(1.0)) - 1e-6,
                Window::Sliding => self.in_window(d) + amounts[d] <= limit as f64 + 1e-6,
            },
        });
        if fits {
            self.charge(now, amounts);
            self.admitted.push(now);
        } else {
            self.rejected.push(now);
        }
        fits
    }

    pub(super) fn answered(&mut self, now: Nanos, output: i64) {
        if self.charge == Charge::Settled {
            self.pass(now);
            self.charge(now, Server::amounts(0, output, 0));
        }
    }

    pub(super) fn seen(&mut self, now: Nanos) -> Seen {
        self.pass(now);
        let mut seen = Seen { limits: self.limits, ..Seen::default() };
        for d in Dimension::ALL {
            let remaining = self.limits.of(d).map(|limit| match self.window {
                Window::Bucket => limit,
                Window::Sliding => (limit as f64 - self.in_window(d as usize)).max(0.0) as u64,
            });
            seen.remaining.set(d, remaining);
        }
        seen
    }
}

pub(super) struct Executor {
    pub(super) client: LeaseClient,
    /// What its clock shows more than the simulation's, and how fast it runs.
    pub(super) offset: Nanos,
    pub(super) drift: f64,
    pub(super) group: usize,
    pub(super) concurrency: usize,
    pub(super) rows: usize,
    pub(super) busy: usize,
    pub(super) waiting: BTreeMap<u64, Request>,
    pub(super) queued: VecDeque<(u64, Request)>,
    pub(super) alive: bool,
    /// The round trip, and the share of messages that are lost.
    pub(super) delay: (Nanos, Nanos),
    pub(super) loss: f64,
    pub(super) stopped: usize,
    pub(super) done: usize,
    pub(super) limited: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) input: i64,
    pub(super) output: i64,
    pub(super) most: i64,
    pub(super) need: Need,
}

pub(super) enum Event {
    Ask(usize, Box<Ask>),
    Reply(usize, Box<Reply>),
    Lost(usize),
    Arrive(usize, Request, Need),
    Answer(usize, Request, Need, Nanos),
}

pub(super) struct Cluster {
    pub(super) now: Nanos,
    pub(super) random: Random,
    pub(super) ledger: Ledger,
    pub(super) executors: Vec<Executor>,
    pub(super) server: Server,
    pub(super) events: BTreeMap<(Nanos, u64), Event>,
    pub(super) sequence: u64,
    pub(super) latency: (Nanos, Nanos),
    pub(super) network: (Nanos, Nanos),
    pub(super) accounting: Option<Accounting>,
    pub(super) configured: Limits,
    pub(super) budget: Budget,
    /// Whether responses carry rate headers, and refusals the time to wait.
    pub(super) headers: bool,
    pub(super) retry_after: bool,
    pub(super) tokens: (i64, i64, i64),
    pub(super) sent: usize,
}

impl Cluster {
    pub(super) fn new(server: Server, configured: Limits, seed: u64) -> Self {
        Cluster {
            // Late enough for every executor's clock to be past its beginning.
            now: 1000 * SECOND,
            random: Random(seed),
            ledger: Ledger::new(7),
            executors: Vec::new(),
            server,
            events: BTreeMap::new(),
            sequence: 0,
            latency: (100 * MILLISECOND, 900 * MILLISECOND),
            network: (MILLISECOND, 30 * MILLISECOND),
            accounting: None,
            configured,
            budget: Budget::default(),
            headers: false,
            retry_after: false,
            tokens: (100, 100, 100),
            sent: 0,
        }
    }

    pub(super) fn start(&mut self) -> &mut Self {
        self.ledger.configure(&[("g".to_string(), self.configured)].into(), self.budget, self.now);
        self
    }

    pub(super) fn add(&mut self, rows: usize, concurrency: usize) -> &mut Executor {
        let mut client = LeaseClient::new(format!("executor-{}", self.executors.len()));
        client.configure(&[("g".to_string(), self.configured)].into(), !self.budget.is_empty());
        let group = client.group("g", self.accounting, Accounting::Reserved);
        let offset = self.random.between(-1000 * SECOND, 1000 * SECOND);
        let drift = 1.0 + (self.random.next() - 0.5) * 100e-6;
        self.executors.push(Executor {
            client,
            offset,
            drift,
            group,
            concurrency,
            rows,
            busy: 0,
            waiting: BTreeMap::new(),
            queued: VecDeque::new(),
            alive: true,
            delay: (MILLISECOND, 20 * MILLISECOND),
            loss: 0.0,
            stopped: 0,
            done: 0,
            limited: 0,
        });
        self.executors.last_mut().unwrap()
    }

    pub(super) fn at(&mut self, at: Nanos, event: Event) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), event);
    }

    pub(super) fn clock(&self, e: usize) -> Nanos {
        (self.now as f64 * self.executors[e].drift) as Nanos + self.executors[e].offset
    }

    pub(super) fn run(&mut self, seconds: i64) -> &mut Self {
        let end = self.now + seconds * SECOND;
        while self.now < end {
            self.now += MILLISECOND;
            while let Some(entry) = self.events.first_entry()
                && entry.key().0 <= self.now
            {
                let event = entry.remove();
                self.happen(event);
            }
            for e in 0..self.executors.len() {
                if self.executors[e].alive {
                    self.turn(e);
                }
            }
        }
        self
    }

    pub(super) fn turn(&mut self, e: usize) {
        let clock = self.clock(e);
        let (low, high, most) = self.tokens;
        let exec = &mut self.executors[e];
        // Rows come in up to twice the concurrency, as the operator pushes them.
        while exec.rows > 0 && exec.queued.len() + exec.busy + exec.waiting.len() < 2 * exec.concurrency {
            exec.rows -= 1;
            let output = low + ((high - low) as f64 * self.random.next()) as i64;
            let reserved = exec.client.accounting(exec.group) == Accounting::Reserved;
            let estimate = if reserved { most } else { (low + high) / 2 };
            let need = Need { input: 50, output: estimate, most_tokens: 60 + most, most_nanousd: (60 + most) * 1000 };
            let ticket = exec.client.enter(exec.group, need);
            exec.queued.push_back((ticket, Request { input: 50, output, most, need }));
        }
        let mut go = Vec::new();
        while exec.busy + go.len() + exec.waiting.len() < exec.concurrency
            && let Some((ticket, request)) = exec.queued.pop_front()
        {
            match exec.client.ready(exec.group, ticket, request.need, clock) {
                Turn::Granted(need) => go.push((request, need)),
                Turn::Wait => drop(exec.waiting.insert(ticket, request)),
                Turn::OverBudget => exec.stopped += 1,
            }
        }
        for (ticket, turn) in exec.client.release(clock) {
            let request = exec.waiting.remove(&ticket).expect("a ticket is released once");
            match turn {
                Turn::Granted(need) => go.push((request, need)),
                _ => exec.stopped += 1,
            }
        }
        let message = exec.client.message(Totals { requests: exec.done as i64, ..Totals::default() }, clock);
        let (delay, loss) = (exec.delay, exec.loss);
        exec.busy += go.len();
        for (request, need) in go {
            self.sent += 1;
            let at = self.now + self.random.between(self.network.0, self.network.1);
            self.at(at, Event::Arrive(e, request, need));
        }
        if let Some(ask) = message {
            if self.random.next() < loss {
                self.at(self.now + 3 * SECOND, Event::Lost(e));
            } else {
                let at = self.now + self.random.between(delay.0, delay.1);
                self.at(at, Event::Ask(e, Box::new(ask)));
            }
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Ask(e, ask) => {
                let text = serde_json::to_string(&ask).unwrap();
                let reply = self.ledger.serve(&serde_json::from_str(&text).unwrap(), self.now);
                let (delay, loss) = (self.executors[e].delay, self.executors[e].loss);
                if self.random.next() < loss {
                    self.at(self.now + 3 * SECOND, Event::Lost(e));
                } else {
                    let at = self.now + self.random.between(delay.0, delay.1);
                    self.at(at, Event::Reply(e, Box::new(reply)));
                }
            }
            Event::Reply(e, reply) => {
                let clock = self.clock(e);
                self.executors[e].client.reply(&reply, clock);
            }
            Event::Lost(e) => {
                let clock = self.clock(e);
                self.executors[e].client.lost(clock);
            }
            Event::Arrive(e, request, need) => {
                let taken = self.server.arrive(self.now, request.input, request.most);
                let latency = if taken { self.random.between(self.latency.0, self.latency.1) } else { MILLISECOND };
                let pause = if taken { -1 } else { 0 };
                self.at(self.now + latency, Event::Answer(e, request, need, pause));
            }
            Event::Answer(e, request, need, refused) => {
                let taken = refused < 0;
                if taken {
                    self.server.answered(self.now, request.output);
                }
                let clock = self.clock(e);
                let seen = self.headers.then(|| self.server.seen(self.now));
                let first = self.server.log.front().map_or(SECOND, |(at, _)| at + MINUTE - self.now);
                let pause = (!taken && self.retry_after).then(|| match self.server.window {
                    Window::Bucket => 100 * MILLISECOND,
                    Window::Sliding => first.max(100 * MILLISECOND),
                });
                let exec = &mut self.executors[e];
                exec.busy -= 1;
                if taken {
                    exec.done += 1
                } else {
                    exec.limited += 1
                }
                // A refused row comes again.
                exec.rows += usize::from(!taken);
                exec.client.settle(
                    exec.group,
                    &Settlement {
                        granted: need,
                        input: taken.then_some(request.input),
                        output: taken.then_some(request.output),
                        reserved: Some(request.most),
                        nanousd: taken.then_some((request.input + request.output) * 1000),
                        was_taken: Some(taken),
                        pause,
                        seen,
                    },
                    clock,
                );
            }
        }
    }

    pub(super) fn share(&self, dimension: Dimension, limit: f64, seconds: i64) -> f64 {
        self.server.used[dimension as usize] / (limit / 60.0 * seconds as f64)
    }
}
