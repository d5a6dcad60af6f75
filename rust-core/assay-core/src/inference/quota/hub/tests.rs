//! Driver and executor in one process, under a clock that the test moves.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::provider::ProviderKind;

fn spec(requests: Option<u64>, budget: Budget, executors: u64) -> QuotaSpec {
    QuotaSpec {
        application: "app".into(),
        executors,
        groups: [("g".to_string(), [requests, Some(1_000_000), None, None])].into(),
        budget,
    }
}

/// What the JVM's lease thread does, as a task; `loss` says what happens to a message of a time.
fn lease_thread(hub: &Arc<Hub>, loss: impl Fn(Duration) -> Option<Loss> + Send + 'static) {
    let hub = Arc::clone(hub);
    let begun = Instant::now();
    tokio::spawn(async move {
        loop {
            let message = hub.message(Duration::ZERO).unwrap();
            if !message.is_empty() {
                match loss(begun.elapsed()) {
                    None => drop(hub.reply(&hub.serve(&message).unwrap()).unwrap()),
                    Some(loss) => drop(hub.lost(loss)),
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

fn start(hub: &Arc<Hub>, spec: &QuotaSpec) -> GroupHandle {
    hub.register(spec);
    hub.configure(spec);
    hub.run_on(&tokio::runtime::Handle::current());
    hub.group("g", None, Accounting::Used)
}

const NEED: Need = Need { input: 10, output: 5, most_tokens: 20, most_nanousd: 0 };

async fn send(group: GroupHandle) -> std::result::Result<(), Denied> {
    let grant = group.enter(NEED, &NEED)?.granted().await?;
    grant.settle(&Settlement { input: Some(10), output: Some(5), was_taken: Some(true), ..Settlement::default() });
    Ok(())
}

/// Sends `count` requests at once, and gives how long all of them took and how many the budget stopped.
async fn send_all(group: &GroupHandle, count: usize) -> (Duration, usize) {
    let begun = Instant::now();
    let calls: Vec<_> = (0..count).map(|_| tokio::spawn(send(group.clone()))).collect();
    let mut stopped = 0;
    for call in calls {
        stopped += usize::from(call.await.unwrap().is_err());
    }
    (begun.elapsed(), stopped)
}

#[tokio::test(start_paused = true)]
async fn requests_go_at_the_limits_pace() {
    let hub = Hub::new();
    let group = start(&hub, &spec(Some(600), Budget::default(), 1));
    lease_thread(&hub, |_| None);
    let (took, stopped) = send_all(&group, 101).await;
    assert_eq!(stopped, 0);
    assert!((9.9..10.6).contains(&took.as_secs_f64()), "{took:?}");
    let report = hub.report().unwrap();
    assert_eq!(report.groups[0]["limits"]["requests"], 600);
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_waits_for_the_driver() {
    let hub = Hub::new();
    let group = hub.group("g", None, Accounting::Used);
    let (took, _) = send_all(&group, 1000).await;
    assert_eq!(took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn where_the_driver_keeps_no_quotas_a_process_takes_its_share_and_comes_back() {
    let hub = Hub::new();
    let group = start(&hub, &spec(Some(1200), Budget::default(), 4));
    // None in the first 60 s.
    lease_thread(&hub, |at| (at <= Duration::from_secs(60)).then_some(Loss::Absent));
    let begun = Instant::now();
    let (took, _) = send_all(&group, 201).await;
    let seconds = took.as_secs_f64();
    assert!((39.0..44.0).contains(&seconds), "200 at 300 a minute, after the losses: {seconds}");
    tokio::time::sleep_until(begun + Duration::from_secs(70)).await;
    let (took, _) = send_all(&group, 201).await;
    assert!((9.5..11.0).contains(&took.as_secs_f64()), "200 at 1,200 a minute: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn while_the_driver_is_silent_nothing_is_sent_that_others_may_have_been_granted() {
    let hub = Hub::new();
    let group = start(&hub, &spec(Some(1200), Budget::default(), 4));
    let silent = Duration::from_secs(5)..Duration::from_secs(60);
    lease_thread(&hub, move |at| silent.contains(&at).then_some(Loss::Silent));
    let sent = Arc::new(AtomicUsize::new(0));
    for _ in 0..400 {
        let (group, sent) = (group.clone(), Arc::clone(&sent));
        tokio::spawn(async move {
            send(group).await.unwrap();
            sent.fetch_add(1, Ordering::Relaxed);
        });
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    let before = sent.load(Ordering::Relaxed);
    assert!((90..=110).contains(&before), "{before} in five seconds at 1,200 a minute");
    tokio::time::sleep(Duration::from_secs(53)).await;
    assert_eq!(sent.load(Ordering::Relaxed), before, "while it was silent");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(sent.load(Ordering::Relaxed), 400);
}

#[tokio::test(start_paused = true)]
async fn losses_and_the_return_are_said_once() {
    let hub = Hub::new();
    let group = start(&hub, &spec(Some(600), Budget::default(), 2));
    let waiting = tokio::spawn(send(group));
    let mut said = Vec::new();
    for _ in 0..400 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if !hub.message(Duration::ZERO).unwrap().is_empty() {
            said.extend(hub.lost(Loss::Absent));
        }
    }
    assert_eq!(said.len(), 1, "{said:?}");
    waiting.await.unwrap().unwrap();
    let mut back = Vec::new();
    for _ in 0..400 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let message = hub.message(Duration::ZERO).unwrap();
        if !message.is_empty() {
            back.extend(hub.reply(&hub.serve(&message).unwrap()).unwrap());
        }
    }
    assert_eq!(back.len(), 1, "{back:?}");
}

#[tokio::test(start_paused = true)]
async fn the_budget_stops_rows_and_counts_exactly() {
    let hub = Hub::new();
    let budget = Budget { requests: Some(30), ..Budget::default() };
    let group = start(&hub, &spec(None, budget, 1));
    lease_thread(&hub, |_| None);
    let (_, stopped) = send_all(&group, 100).await;
    assert_eq!(stopped, 70);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(hub.report().unwrap().budget_used.requests, Some(30));
    assert_eq!(send(group).await, Err(Denied::OverBudget));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_dropped_leaves_and_gives_back() {
    let hub = Hub::new();
    let budget = Budget { requests: Some(5), ..Budget::default() };
    let group = start(&hub, &spec(Some(60), budget, 1));
    lease_thread(&hub, |_| None);
    let calls: Vec<_> = (0..50).map(|_| tokio::spawn(send(group.clone()))).collect();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    calls.iter().for_each(|call| call.abort());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(hub.lock().client.waiting(), 0);
    assert!(hub.lock().senders.is_empty());
    assert_eq!(hub.totals.get().waiting, 0);
    let used = hub.report().unwrap().budget_used.requests.unwrap();
    let (_, stopped) = send_all(&group, 10).await;
    assert_eq!(stopped as i64, 10 - (5 - used), "what was not sent is still there: {used} sent before");
}

#[tokio::test(start_paused = true)]
async fn another_application_begins_anew() {
    let hub = Hub::new();
    let budget = Budget { requests: Some(3), ..Budget::default() };
    let group = start(&hub, &spec(None, budget, 1));
    lease_thread(&hub, |_| None);
    assert_eq!(send_all(&group, 4).await.1, 1);
    hub.end();
    let next = QuotaSpec { application: "next".into(), ..spec(None, budget, 1) };
    hub.register(&next);
    hub.configure(&next);
    hub.run_on(&tokio::runtime::Handle::current());
    assert_eq!(send_all(&group, 4).await.1, 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(hub.report().unwrap().budget_used.requests, Some(3));
}

#[tokio::test(start_paused = true)]
async fn what_an_ended_application_could_not_send_does_not_free_the_next() {
    let hub = Hub::new();
    start(&hub, &spec(None, Budget::default(), 1));
    hub.end();
    // Its lease thread is still at it.
    for _ in 0..5 {
        assert!(hub.lost(Loss::Absent).is_none());
    }
    let next = QuotaSpec { application: "next".into(), ..spec(Some(600), Budget::default(), 1) };
    let group = start(&hub, &next);
    lease_thread(&hub, |_| None);
    let (took, _) = send_all(&group, 51).await;
    assert!((4.5..6.0).contains(&took.as_secs_f64()), "50 at 600 a minute: {took:?}");
    let used = hub.report().unwrap().groups[0]["used"]["requests"].as_f64();
    assert_eq!(used, Some(51.0), "the driver's ledger");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_comes_while_the_driver_is_out_of_reach_holds() {
    let hub = Hub::new();
    let group = start(&hub, &spec(None, Budget::default(), 2));
    lease_thread(&hub, |_| Some(Loss::Absent));
    tokio::time::sleep(Duration::from_secs(30)).await;
    hub.configure(&spec(Some(1200), Budget::default(), 2));
    let (took, _) = send_all(&group, 101).await;
    assert!((9.0..12.0).contains(&took.as_secs_f64()), "100 at 600 a minute: {took:?}");
}

#[test]
fn a_budget_is_read_and_checked() {
    let read = |name: &str, value: &str| budget_from(&[(name.to_string(), value.to_string())].into());
    assert_eq!(read("usd", "2.5").unwrap().usd, Some(2.5));
    assert_eq!(read("requests", "10").unwrap().requests, Some(10));
    for (name, value) in [("usd", "0"), ("usd", "-1"), ("requests", "1.5"), ("tokens", "0"), ("dollars", "1")] {
        let e = read(name, value).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidOption, "{e}");
        assert!(e.message().contains(name), "{e}");
    }
}

#[test]
fn a_plan_reads_only_what_concerns_quotas() {
    let model = |name: &str, pairs: &[(&str, &str)]| ModelConf {
        name: name.into(),
        conf: pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
    };
    let models = [
        model("a", &[("quotaGroup", "g"), ("requestsPerMinute", "60"), ("no such setting", "1")]),
        model("b", &[("quotaGroup", "g"), ("tokensPerMinute", "1000")]),
    ];
    let spec = plan(&models, &BTreeMap::new(), "app".into(), 0).unwrap();
    assert_eq!(spec.groups["g"], [Some(60), None, None, Some(1000)]);
    assert_eq!((spec.executors, spec.budget.is_empty()), (1, true));
    assert_eq!(ProviderKind::Mock.accounting(), Accounting::Used);
}
