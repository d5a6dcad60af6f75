//! A cluster in simulated time: executors with clocks of their own, messages that take time or are lost, a server that counts
//! in each of the ways that providers do.

use super::wire::{Ask, MILLISECOND, Nanos, Need, Reply, SECOND, Seen};
use super::*;
use crate::provider::{Accounting, Dimension, Limits};
use crate::spec::Budget;

mod cluster;

use cluster::{Charge, Cluster, Server, Window};

const MINUTE: Nanos = 60 * SECOND;

fn requests(per_minute: u64) -> Limits {
    Limits([Some(per_minute), None, None, None])
}

/// The three distributions of the work: all in one place, spread, and an executor that dies with another that comes.
fn distributions(make: &dyn Fn(u64) -> Cluster, judge: &dyn Fn(&str, &Cluster, i64)) {
    let mut one = make(1);
    one.start();
    one.add(1_000_000, 256);
    for _ in 0..3 {
        one.add(0, 256);
    }
    judge("one partition", one.run(150), 150);

    let mut even = make(2);
    even.start();
    for _ in 0..4 {
        even.add(1_000_000, 64);
    }
    judge("spread", even.run(150), 150);

    let mut killed = make(3);
    killed.start();
    for _ in 0..4 {
        killed.add(1_000_000, 64);
    }
    killed.run(75);
    killed.executors[1].alive = false;
    killed.add(1_000_000, 64);
    judge("killed and added", killed.run(75), 150);
}

#[test]
fn a_limit_on_requests_is_used_in_full_and_never_exceeded() {
    for window in [Window::Bucket, Window::Sliding] {
        for limit in [9_800, 1_200] {
            distributions(
                &|seed| Cluster::new(Server::new(window, Charge::Reserved, requests(limit)), requests(limit), seed),
                &|name, cluster, seconds| {
                    let share = cluster.share(Dimension::Requests, limit as f64, seconds);
                    assert!(cluster.server.rejected.is_empty(), "{name} {limit}: {}", cluster.server.rejected.len());
                    assert!(share >= 0.98, "{name} {limit}: {share}");
                },
            );
        }
    }
}

fn tokens(limits: [Option<u64>; 4], accounting: Accounting) -> impl Fn(Window, Charge, u64) -> Cluster {
    move |window, charge, seed| {
        let mut cluster = Cluster::new(Server::new(window, charge, Limits(limits)), Limits(limits), seed);
        cluster.accounting = Some(accounting);
        cluster.tokens = (20, 380, 400);
        cluster
    }
}

#[test]
fn a_limit_on_tokens_is_used_though_answers_have_random_lengths() {
    // A bucket with a second's worth holds some requests of 450 tokens only if the limit is large enough.
    for (window, charge, accounting, limit) in [
        (Window::Sliding, Charge::Reserved, Accounting::Reserved, 600_000),
        (Window::Bucket, Charge::Reserved, Accounting::Reserved, 600_000),
        (Window::Sliding, Charge::Settled, Accounting::Used, 600_000),
        (Window::Bucket, Charge::Settled, Accounting::Used, 600_000),
        (Window::Sliding, Charge::Reserved, Accounting::Reserved, 60_000),
        (Window::Sliding, Charge::Settled, Accounting::Used, 60_000),
    ] {
        let make = tokens([None, None, None, Some(limit)], accounting);
        distributions(&|seed| make(window, charge, seed), &|name, cluster, seconds| {
            let share = cluster.share(Dimension::Tokens, limit as f64, seconds);
            let what = format!("{name} {limit} {accounting:?} {}", window == Window::Sliding);
            assert!(cluster.server.rejected.is_empty(), "{what}: {} rejected", cluster.server.rejected.len());
            assert!(share >= 0.95, "{what}: {share}");
        });
    }
}

#[test]
fn slow_and_lossy_messages_waste_and_never_exceed() {
    for (delay, loss, seed) in [(100, 0.0, 1), (400, 0.0, 2), (1500, 0.0, 3), (20, 0.05, 4), (300, 0.2, 5)] {
        let mut cluster =
            Cluster::new(Server::new(Window::Sliding, Charge::Reserved, requests(1_200)), requests(1_200), seed);
        cluster.start();
        for _ in 0..3 {
            let executor = cluster.add(100_000, 128);
            executor.delay = (MILLISECOND, delay * MILLISECOND);
            executor.loss = loss;
        }
        cluster.run(150);
        let share = cluster.share(Dimension::Requests, 1_200.0, 150);
        assert!(cluster.server.rejected.is_empty(), "{delay} ms {loss}: {}", cluster.server.rejected.len());
        let least = if loss == 0.0 && delay <= 400 { 0.95 } else { 0.35 };
        assert!(share >= least, "{delay} ms {loss}: {share}");
    }
}

#[test]
fn messages_that_are_never_quick_do_not_starve_an_executor() {
    // At the start an executor waits for two exchanges, which is a part of the 150 s.
    for (window, least_delay, most_delay, least) in [
        (Window::Bucket, 150, 250, 0.95),
        (Window::Sliding, 150, 250, 0.95),
        (Window::Bucket, 700, 900, 0.85),
        (Window::Sliding, 700, 900, 0.85),
    ] {
        let limit = requests(6_000);
        let mut cluster = Cluster::new(Server::new(window, Charge::Reserved, limit), limit, 11);
        cluster.start();
        for _ in 0..3 {
            cluster.add(100_000, 256).delay = (least_delay * MILLISECOND, most_delay * MILLISECOND);
        }
        cluster.run(150);
        let share = cluster.share(Dimension::Requests, 6_000.0, 150);
        assert!(cluster.server.rejected.is_empty(), "{least_delay} ms: {}", cluster.server.rejected.len());
        assert!(share >= least, "{least_delay} ms: {share}");
    }
}

#[test]
fn a_freed_place_finds_a_grant_below_the_limit_and_the_limit_is_used_above_it() {
    for (count, delay) in [(1, 2), (1, 20), (2, 20), (4, 20), (8, 20), (8, 2)] {
        let limit = requests(9_800);
        let mut cluster = Cluster::new(Server::new(Window::Bucket, Charge::Reserved, limit), limit, 12);
        cluster.latency = (500 * MILLISECOND, 505 * MILLISECOND);
        cluster.network = (MILLISECOND, 4 * MILLISECOND);
        cluster.start();
        for _ in 0..count {
            cluster.add(100_000, 32).delay = (MILLISECOND, delay * MILLISECOND);
        }
        cluster.run(5);
        let used = cluster.server.used[0];
        cluster.run(60);
        let rate = (cluster.server.used[0] - used) / 60.0;
        // An answer is back after the latency and twice the network.
        let (own, least) = (32.0 / 0.507 * count as f64, if count < 4 { 0.95 } else { 0.98 });
        let most = own.min(9_800.0 / 60.0);
        assert!(cluster.server.rejected.is_empty(), "{count}: {}", cluster.server.rejected.len());
        assert!(rate >= least * most, "{count} executors, messages of up to {delay} ms: {:.3}", rate / most);
    }
}

#[test]
fn very_low_limits_are_single_requests_and_fair() {
    for (limit, window) in [(60, Window::Sliding), (60, Window::Bucket), (6, Window::Sliding), (1, Window::Sliding)] {
        let mut cluster = Cluster::new(Server::new(window, Charge::Reserved, requests(limit)), requests(limit), 5);
        cluster.network = (MILLISECOND, 5 * MILLISECOND);
        cluster.start();
        for _ in 0..4 {
            cluster.add(1000, 8);
        }
        let seconds = if limit < 10 { 900 } else { 300 };
        cluster.run(seconds);
        assert!(cluster.server.rejected.is_empty(), "{limit}: {}", cluster.server.rejected.len());
        let sent: Vec<usize> = cluster.executors.iter().map(|executor| executor.done).collect();
        let expected = limit as f64 * seconds as f64 / 60.0;
        let all = cluster.server.admitted.len() as f64;
        assert!(all >= 0.975 * expected - 1.0, "{limit}: {all} of {expected}");
        let (least, most) = (*sent.iter().min().unwrap(), *sent.iter().max().unwrap());
        assert!(most - least <= 2 + most / 20, "{limit}: {sent:?}");
    }
}

#[test]
fn demand_decides_who_gets_how_much() {
    let mut cluster = Cluster::new(Server::new(Window::Sliding, Charge::Reserved, requests(6_000)), requests(6_000), 9);
    cluster.latency = (100 * MILLISECOND, 100 * MILLISECOND);
    cluster.start();
    // Two that could use all, and one that stands still at 20 a second.
    cluster.add(1_000_000, 200);
    cluster.add(1_000_000, 200);
    cluster.add(1_000_000, 2);
    cluster.run(60);
    let done: Vec<f64> = cluster.executors.iter().map(|executor| executor.done as f64 / 60.0).collect();
    assert!((done[0] / done[1] - 1.0).abs() < 0.1, "{done:?}");
    assert!((5.0..=21.0).contains(&done[2]), "{done:?}");
    assert!(done.iter().sum::<f64>() >= 97.0, "{done:?}");
    assert!(cluster.server.rejected.is_empty());
}

#[test]
fn a_fresh_start_has_no_burst() {
    let mut cluster = Cluster::new(Server::new(Window::Bucket, Charge::Reserved, requests(6_000)), requests(6_000), 4);
    cluster.start();
    for _ in 0..8 {
        cluster.add(10_000, 256);
    }
    cluster.run(10);
    for pair in cluster.server.admitted.windows(101) {
        assert!(pair[100] - pair[0] >= 700 * MILLISECOND, "100 requests in {} ms", (pair[100] - pair[0]) / MILLISECOND);
    }
}

#[test]
fn a_limit_that_the_server_lowers_is_kept_and_used() {
    for (window, headers, retry_after) in [
        (Window::Bucket, true, true),
        (Window::Sliding, true, true),
        (Window::Bucket, false, true),
        (Window::Bucket, false, false),
        (Window::Sliding, false, true),
    ] {
        let what = format!("sliding {} headers {headers} retry after {retry_after}", window == Window::Sliding);
        let before = requests(6_000);
        // With headers nothing need be configured; without them the configured limit is suddenly wrong.
        let configured = if headers { Limits::default() } else { before };
        let mut cluster = Cluster::new(Server::new(window, Charge::Reserved, before), configured, 8);
        (cluster.headers, cluster.retry_after) = (headers, retry_after);
        cluster.start();
        for _ in 0..4 {
            cluster.add(1_000_000, 64);
        }
        cluster.run(90);
        cluster.server.limits = requests(3_000);
        let lowered = cluster.now;
        let used = cluster.server.used[0];
        cluster.run(150);
        let late = cluster.server.rejected.iter().filter(|at| **at > lowered + 10 * SECOND).count() as f64;
        let admitted = (cluster.server.used[0] - used) / (150.0 * 50.0);
        // Without a word of the server's a slower rate must be probed, at the price of a few refusals.
        let tolerated = if headers { 0.0 } else { 0.01 * 140.0 * 50.0 };
        assert!(late <= tolerated, "{what}: {late} refused late");
        // A sliding window is still full of what was sent before.
        let least = match (window, headers) {
            (Window::Bucket, _) => 0.9,
            (Window::Sliding, true) => 0.72,
            (Window::Sliding, false) => 0.6,
        };
        assert!(admitted >= least, "{what}: {admitted}");
    }
}

#[test]
fn a_budget_of_requests_is_exact() {
    for (rows, loss) in [(10_000, 0.0), (10_000, 0.1), (300, 0.0)] {
        let server = Server::new(Window::Sliding, Charge::Reserved, Limits::default());
        let mut cluster = Cluster::new(server, Limits::default(), 3);
        cluster.budget = Budget { requests: Some(1_000), ..Budget::default() };
        cluster.start();
        for _ in 0..4 {
            cluster.add(rows / 4, 64).loss = loss;
        }
        cluster.run(240);
        let stopped: usize = cluster.executors.iter().map(|executor| executor.stopped).sum();
        assert_eq!(cluster.server.admitted.len(), rows.min(1_000), "loss {loss}");
        assert_eq!(stopped, rows.saturating_sub(1_000), "every other row is told");
    }
}

#[test]
fn a_budget_of_money_is_never_exceeded_and_nearly_used() {
    let mut cluster =
        Cluster::new(Server::new(Window::Sliding, Charge::Settled, Limits::default()), Limits::default(), 6);
    cluster.accounting = Some(Accounting::Used);
    cluster.tokens = (10, 400, 400);
    cluster.budget = Budget { usd: Some(0.5), ..Budget::default() };
    cluster.start();
    for _ in 0..4 {
        cluster.add(10_000, 64);
    }
    cluster.run(240);
    let input = cluster.server.admitted.len() as f64 * 50.0;
    let usd = (input + cluster.server.used[Dimension::OutputTokens as usize]) * 1000.0 / 1e9;
    assert!(usd <= 0.5, "{usd}");
    assert!(usd >= 0.4985, "{usd}");
    let ended: usize = cluster.executors.iter().map(|executor| executor.stopped + executor.done).sum();
    assert_eq!(ended, 40_000);
    let report = cluster.ledger.report(cluster.now);
    assert!((report.budget_used.usd.unwrap() - usd).abs() < 1e-9);
}

#[test]
fn a_dead_executor_does_not_hold_up_the_end_of_a_budget() {
    let mut cluster =
        Cluster::new(Server::new(Window::Sliding, Charge::Reserved, Limits::default()), Limits::default(), 3);
    cluster.budget = Budget { requests: Some(1_000), ..Budget::default() };
    cluster.latency = (5 * SECOND, 5 * SECOND);
    cluster.start();
    for _ in 0..2 {
        cluster.add(10_000, 64);
    }
    cluster.run(3);
    cluster.executors[0].alive = false;
    cluster.run(200);
    assert!(cluster.server.admitted.len() <= 1_000);
    let alive = &cluster.executors[1];
    assert_eq!(alive.stopped + alive.done, 10_000);
}

#[test]
fn the_first_grant_after_idleness_is_still_valid_when_it_arrives() {
    for (delay, seconds) in [(1, 1), (40, 1), (90, 1)] {
        let mut cluster = Cluster::new(Server::new(Window::Sliding, Charge::Reserved, requests(1)), requests(1), 2);
        cluster.start();
        cluster.add(0, 8).delay = (delay * MILLISECOND, delay * MILLISECOND + 1);
        cluster.run(70);
        cluster.executors[0].rows = 1;
        cluster.run(seconds);
        assert_eq!(cluster.server.admitted.len(), 1, "{delay} ms");
    }
}
