//! A cluster in steps: executors whose messages are late or lost, which are killed, with a journal each.

use std::collections::{BTreeMap, HashMap};

use super::*;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn key(n: u64) -> Key {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    Key(bytes)
}

fn finished(n: u64, run: &str, is_ok: bool, file: &str) -> Finished {
    let place = Place { file: file.into(), offset: n * 100, length: 100 };
    Finished { key: key(n), run: run.into(), is_ok, place }
}

fn ask(claims: &mut Claims, client: &mut ClaimClient) -> Vec<(u64, Verdict)> {
    let reply = claims.serve(&client.message().unwrap());
    client.reply(&reply);
    client.verdicts().collect()
}

#[test]
fn the_first_calls_and_the_others_read() {
    let mut claims = Claims::default();
    let (mut a, mut b) = (ClaimClient::new("a"), ClaimClient::new("b"));
    let (first, second) = (a.want(key(1), "r"), a.want(key(1), "r"));
    assert_eq!(ask(&mut claims, &mut a), [(first, Verdict::Yours)]);
    let third = b.want(key(1), "r");
    assert!(ask(&mut claims, &mut b).is_empty() && b.is_waiting());
    let done = finished(1, "r", true, "f");
    a.finish(done.clone());
    assert_eq!(a.verdicts().collect::<Vec<_>>(), [(second, Verdict::Finished(done.place.clone()))]);
    assert!(ask(&mut claims, &mut a).is_empty());
    assert_eq!(ask(&mut claims, &mut b), [(third, Verdict::Finished(done.place))]);
    assert_eq!(claims.counts(), (1, 0));
    assert!(!a.is_waiting() && !b.is_waiting() && !a.has_news() && !b.has_news());
}

#[test]
fn who_leaves_hands_on_here_first_and_then_elsewhere() {
    let mut claims = Claims::default();
    let (mut a, mut b) = (ClaimClient::new("a"), ClaimClient::new("b"));
    let (first, second) = (a.want(key(1), "r"), a.want(key(1), "r"));
    ask(&mut claims, &mut a);
    let third = b.want(key(1), "r");
    ask(&mut claims, &mut b);
    a.leave(key(1), first);
    assert_eq!(a.verdicts().collect::<Vec<_>>(), [(second, Verdict::Yours)]);
    a.leave(key(1), second);
    assert!(a.has_news());
    ask(&mut claims, &mut a);
    assert_eq!(ask(&mut claims, &mut b), [(third, Verdict::Yours)]);
}

#[test]
fn a_failure_counts_in_its_run_only() {
    let mut claims = Claims::default();
    let (mut a, mut b) = (ClaimClient::new("a"), ClaimClient::new("b"));
    a.want(key(1), "first");
    ask(&mut claims, &mut a);
    let failed = finished(1, "first", false, "f");
    a.finish(failed.clone());
    let same = a.want(key(1), "first");
    assert_eq!(ask(&mut claims, &mut a), [(same, Verdict::Finished(failed.place))]);
    let other = b.want(key(1), "second");
    assert_eq!(ask(&mut claims, &mut b), [(other, Verdict::Yours)]);
    let ok = finished(1, "second", true, "g");
    b.finish(ok.clone());
    ask(&mut claims, &mut b);
    let again = a.want(key(1), "first");
    assert_eq!(ask(&mut claims, &mut a), [(again, Verdict::Finished(ok.place))]);
}

#[test]
fn a_doubled_or_late_message_changes_nothing() {
    let mut claims = Claims::default();
    let mut a = ClaimClient::new("a");
    let number = a.want(key(1), "r");
    let first = a.message().unwrap();
    let late = claims.serve(&first);
    a.lost();
    let second = a.message().unwrap();
    let reply = claims.serve(&second);
    assert!(claims.serve(&first).verdicts.is_empty());
    a.reply(&late);
    assert_eq!(a.verdicts().count(), 0, "nobody waits for it any more");
    a.reply(&reply);
    a.reply(&reply);
    assert_eq!(a.verdicts().collect::<Vec<_>>(), [(number, Verdict::Yours)]);
    assert_eq!(claims.counts(), (0, 1));
}

#[test]
fn messages_are_json_with_keys_as_text() {
    let ask =
        ClaimAsk { executor: "e".into(), wants: vec![Want { key: key(255), run: "r".into() }], ..ClaimAsk::default() };
    let text = serde_json::to_string(&ask).unwrap();
    assert!(text.contains(&format!("\"00000000000000ff{}\"", "0".repeat(48))), "{text}");
    assert_eq!(serde_json::from_str::<ClaimAsk>(&text).unwrap(), ask);
    assert!(serde_json::from_str::<ClaimAsk>(&text.replace("00ff", "00xx")).is_err());
}

/// What waits, calls and is durable in one process.
struct Executor {
    client: ClaimClient,
    name: String,
    alive: bool,
    /// Numbers that have no verdict yet, with their keys.
    waiting: BTreeMap<u64, u64>,
    /// Calls under way: number, key, when they end.
    calls: Vec<(u64, u64, u64)>,
    /// What is durable, told or not.
    journal: Vec<Finished>,
}

enum Message {
    Ask(Box<ClaimAsk>),
    Reply(Box<ClaimReply>),
    Lost,
    /// The driver learns that the executor is gone.
    Gone,
}

struct Cluster {
    now: u64,
    random: Random,
    /// One message in so many is lost; 0 for none.
    loss: u64,
    claims: Claims,
    executors: Vec<Executor>,
    messages: Vec<(u64, usize, Message)>,
    /// Calls by key, and those of them that were cut off.
    calls: HashMap<u64, u64>,
    cut: HashMap<u64, u64>,
    wanted: u64,
    served: u64,
    dropped: u64,
}

impl Cluster {
    fn new(seed: u64) -> Self {
        Cluster {
            now: 0,
            random: Random(seed),
            loss: [0, 20, 5, 0][seed as usize % 4],
            claims: Claims::default(),
            executors: Vec::new(),
            messages: Vec::new(),
            calls: HashMap::new(),
            cut: HashMap::new(),
            wanted: 0,
            served: 0,
            dropped: 0,
        }
    }

    fn add(&mut self) {
        let name = format!("e{}", self.executors.len());
        self.executors.push(Executor {
            client: ClaimClient::new(name.clone()),
            name,
            alive: true,
            waiting: BTreeMap::new(),
            calls: Vec::new(),
            journal: Vec::new(),
        });
    }

    fn chance(&mut self, one_in: u64) -> bool {
        one_in > 0 && self.random.below(one_in) == 0
    }

    fn send(&mut self, e: usize, message: Message) {
        let at = self.now + 1 + self.random.below(15);
        self.messages.push((at, e, message));
    }

    fn work(&mut self, e: usize, keys: u64) {
        if self.chance(10) {
            let n = self.random.below(keys);
            let number = self.executors[e].client.want(key(n), "r");
            self.executors[e].waiting.insert(number, n);
            self.wanted += 1;
        }
        if self.chance(200)
            && let Some((number, n)) = self.executors[e].waiting.pop_first()
        {
            self.executors[e].client.leave(key(n), number);
            self.dropped += 1;
        }
        if self.chance(200)
            && let Some((number, n, _)) = self.executors[e].calls.pop()
        {
            self.executors[e].client.leave(key(n), number);
            self.dropped += 1;
            *self.cut.entry(n).or_default() += 1;
        }
        if self.chance(1500) {
            self.kill(e);
        }
    }

    fn kill(&mut self, e: usize) {
        let own = &mut self.executors[e];
        own.alive = false;
        self.dropped += (own.waiting.len() + own.calls.len()) as u64;
        for (_, n, _) in own.calls.drain(..) {
            *self.cut.entry(n).or_default() += 1;
        }
        let at = self.now + 20 + self.random.below(100);
        self.messages.push((at, e, Message::Gone));
        self.add();
    }

    fn turn(&mut self, e: usize) {
        let now = self.now;
        let own = &mut self.executors[e];
        let (due, left): (Vec<_>, Vec<_>) = own.calls.drain(..).partition(|(_, _, end)| *end <= now);
        own.calls = left;
        for (_, n, _) in due {
            let done = finished(n, "r", true, &own.name);
            own.journal.push(done.clone());
            own.client.finish(done);
            self.served += 1;
        }
        let verdicts: Vec<_> = own.client.verdicts().collect();
        for (number, verdict) in verdicts {
            // Who left in this moment hands its verdict back.
            let Some(n) = self.executors[e].waiting.remove(&number) else { continue };
            match verdict {
                Verdict::Finished(place) => {
                    assert_eq!(place.offset, n * 100);
                    self.served += 1;
                }
                Verdict::Yours => {
                    *self.calls.entry(n).or_default() += 1;
                    let end = now + 5 + self.random.below(60);
                    self.executors[e].calls.push((number, n, end));
                }
            }
        }
        let is_due = self.executors[e].client.has_news() || (self.executors[e].client.is_waiting() && self.chance(10));
        if is_due && let Some(ask) = self.executors[e].client.message() {
            if self.chance(self.loss) {
                self.messages.push((now + 40, e, Message::Lost));
            } else {
                self.send(e, Message::Ask(Box::new(ask)));
            }
        }
    }

    fn arrive(&mut self, e: usize, message: Message) {
        match message {
            Message::Ask(ask) => {
                let reply = self.claims.serve(&ask);
                if self.chance(self.loss) {
                    self.messages.push((self.now + 40, e, Message::Lost));
                } else {
                    self.send(e, Message::Reply(Box::new(reply)));
                }
            }
            Message::Reply(reply) => self.executors[e].client.reply(&reply),
            Message::Lost => self.executors[e].client.lost(),
            Message::Gone => {
                for done in &self.executors[e].journal {
                    self.claims.finish(done);
                }
                self.claims.lost(&self.executors[e].name);
            }
        }
    }

    fn run(&mut self, steps: u64, keys: Option<u64>) {
        for _ in 0..steps {
            self.now += 1;
            let now = self.now;
            let (due, left) = std::mem::take(&mut self.messages).into_iter().partition(|(at, _, _)| *at <= now);
            self.messages = left;
            let due: Vec<(u64, usize, Message)> = due;
            due.into_iter().for_each(|(_, e, message)| self.arrive(e, message));
            for e in 0..self.executors.len() {
                if let Some(keys) = keys.filter(|_| self.executors[e].alive) {
                    self.work(e, keys);
                }
                if self.executors[e].alive {
                    self.turn(e);
                }
            }
        }
    }
}

#[test]
fn every_key_is_called_for_once_whatever_is_lost_or_killed() {
    let mut killed = 0;
    for seed in 0..200 {
        let mut cluster = Cluster::new(seed);
        (0..4).for_each(|_| cluster.add());
        cluster.run(3000, Some(60));
        cluster.run(2000, None);
        assert_eq!(cluster.served + cluster.dropped, cluster.wanted, "seed {seed}: everybody is served");
        for (n, calls) in &cluster.calls {
            let cut = cluster.cut.get(n).copied().unwrap_or(0);
            assert!(*calls <= 1 + cut, "seed {seed}: key {n} called {calls} times, {cut} of them cut off");
        }
        assert_eq!(cluster.claims.counts().1, 0, "seed {seed}: nothing is held for ever");
        killed += cluster.executors.len() - 4;
    }
    assert!(killed > 300, "{killed}");
}
