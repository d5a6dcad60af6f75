//! The layers under a clock that the test moves, with scripted attempts.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::cache::store::{BoxFuture, Claim, NoStore};

use crate::inference::{Breaker, Estimate, Hub, Limiter, Tokens};
use crate::provider::Accounting;
use crate::spec::{Budget, QuotaSpec};

const PRICE: Price =
    Price { input: Some(1.0), output: Some(10.0), cached_input: None, cache_write: None, reasoning: None, long: None };

/// Plays outcomes in turn, the last one for ever.
struct Script {
    steps: Vec<Step>,
    begun: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

#[derive(Clone)]
struct Step {
    takes: Duration,
    attempt: Attempt,
}

fn answer(text: &str) -> Answer {
    Answer { text: Some(text.into()), finish_reason: Some("stop".into()), ..Answer::new(Status::Ok) }
}

fn tokens(input: i64, output: i64) -> Usage {
    Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
}

fn ok(takes_ms: u64) -> Step {
    Step {
        takes: Duration::from_millis(takes_ms),
        attempt: Attempt {
            result: Ok(answer("a")),
            usage: tokens(1000, 100),
            ..Attempt::failed(transient(Status::Ok))
        },
    }
}

fn fail(takes_ms: u64, failure: Failure) -> Step {
    Step { takes: Duration::from_millis(takes_ms), attempt: Attempt::failed(failure) }
}

fn transient(status: Status) -> Failure {
    Failure::transient(status, "test")
}

impl Backend for Script {
    async fn attempt(&self, _request: &Prepared) -> Attempt {
        let n = self.begun.fetch_add(1, Ordering::SeqCst);
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_open.fetch_max(open, Ordering::SeqCst);
        let step = &self.steps[n.min(self.steps.len() - 1)];
        sleep(step.takes).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
        step.attempt.clone()
    }
}

fn pipeline(steps: &[Step]) -> Pipeline<Script> {
    Pipeline {
        backend: Script {
            steps: steps.to_vec(),
            begun: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
        },
        policy: Policy {
            model: "m".into(),
            timeout: Duration::from_secs(60),
            row_timeout: Duration::from_secs(600),
            max_retries: 4,
            backoff: Backoff::default(),
            price: PRICE,
            context_window: None,
        },
        admission: Admission {
            limiter: Limiter::new(64),
            breaker: Breaker::new(0, Duration::ZERO),
            quota: Hub::new().group("g", None, Accounting::Used),
            estimator: Arc::new(Tokens::new("m")),
            outputs: Arc::default(),
            price: PRICE,
        },
        store: Arc::new(NoStore),
        flights: None,
        estimator: Arc::new(Tokens::new("gpt-4o")),
    }
}

fn request() -> Prepared {
    Prepared {
        key: "k".into(),
        canonical: None,
        body: bytes::Bytes::new(),
        headers: Arc::default(),
        wants_json: false,
        max_tokens: None,
    }
}

async fn run(pipeline: &Pipeline<Script>) -> (Completion, HashMap<&'static str, i64>) {
    let counters = Counters::default();
    let completion = pipeline.complete(&request(), &counters).await.unwrap();
    counters.completed(&completion);
    (completion, crate::inference::COUNTERS.iter().copied().zip(counters.values()).collect())
}

#[tokio::test(start_paused = true)]
async fn an_answer_carries_its_own_latency_and_cost() {
    let (completion, counters) = run(&pipeline(&[ok(120)])).await;
    assert_eq!((completion.status, completion.attempts), (Status::Ok, 1));
    assert_eq!((completion.latency_ms, completion.wait_ms), (Some(120.0), Some(0.0)));
    assert_eq!(completion.cost_usd, Some(0.002));
    assert_eq!(completion.request_key.as_deref(), Some("k"));
    assert!(completion.answered_at.is_some() && completion.error.is_none());
    assert_eq!((counters["requests"], counters["retries"], counters["cost_nanousd"]), (1, 0, 2_000_000));
}

#[tokio::test(start_paused = true)]
async fn retries_end_at_the_limit_and_do_not_multiply() {
    for (status, max_retries, attempts) in [
        (Status::RateLimited, 4, 5),
        (Status::ServerError, 2, 3),
        (Status::NetworkError, 0, 1),
        (Status::Timeout, 1, 2),
    ] {
        let mut pipeline = pipeline(&[fail(10, transient(status))]);
        pipeline.policy.max_retries = max_retries;
        let (completion, counters) = run(&pipeline).await;
        assert_eq!((completion.status, completion.attempts), (status, attempts));
        assert_eq!(pipeline.backend.begun.load(Ordering::SeqCst), attempts as usize);
        assert_eq!((counters["requests"], counters["retries"]), (i64::from(attempts), i64::from(attempts) - 1));
        let error = completion.error.unwrap();
        assert_eq!((error.condition.as_str(), error.retryable), (status.condition(), true));
        assert_eq!((completion.latency_ms, completion.answered_at, completion.cost_usd), (None, None, Some(0.0)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_retryable_is_tried_once() {
    let failure = Failure { retry: Retry::Never, ..transient(Status::InvalidRequest) };
    let (completion, counters) = run(&pipeline(&[fail(10, failure), ok(1)])).await;
    assert_eq!((completion.status, completion.attempts, counters["requests"]), (Status::InvalidRequest, 1, 1));
    assert!(!completion.error.unwrap().retryable);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_tried_at_once_and_only_once() {
    let failure = Failure { retry: Retry::NewKey, ..transient(Status::AuthFailed) };
    let mut pipeline_ok = pipeline(&[fail(0, failure.clone()), ok(0)]);
    pipeline_ok.policy.max_retries = 0;
    let begun = Instant::now();
    assert_eq!(run(&pipeline_ok).await.0.status, Status::Ok);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let (completion, _) = run(&pipeline(&[fail(0, failure)])).await;
    assert_eq!((completion.status, completion.attempts), (Status::AuthFailed, 2));
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_the_server_asks_for_is_kept() {
    let asked = Duration::from_secs(7);
    let limited = Failure { retry_after: Some(asked), ..transient(Status::RateLimited) };
    let begun = Instant::now();
    let (completion, counters) = run(&pipeline(&[fail(10, limited), ok(20)])).await;
    let wait = completion.wait_ms.unwrap();
    assert!((7000.0..=7500.0).contains(&wait), "{wait}");
    assert_eq!((completion.attempts, completion.latency_ms), (2, Some(20.0)));
    assert!(begun.elapsed() >= asked);
    assert_eq!((counters["rate_limited"], counters["wait_ms"]), (1, wait as i64));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_outlasts_the_row_is_not_begun() {
    let limited = Failure { retry_after: Some(Duration::from_secs(3600)), ..transient(Status::RateLimited) };
    let begun = Instant::now();
    let (completion, _) = run(&pipeline(&[fail(10, limited)])).await;
    assert_eq!((completion.status, completion.attempts), (Status::RateLimited, 1));
    assert_eq!(begun.elapsed(), Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_attempt_is_cut_and_tried_again() {
    let mut pipeline = pipeline(&[ok(3_600_000), ok(5)]);
    pipeline.policy.timeout = Duration::from_secs(2);
    let (completion, counters) = run(&pipeline).await;
    assert_eq!((completion.status, completion.attempts, completion.latency_ms), (Status::Ok, 2, Some(5.0)));
    assert_eq!(counters["timeouts"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_ends_at_its_deadline() {
    let mut pipeline = pipeline(&[ok(3_600_000)]);
    pipeline.policy.timeout = Duration::from_secs(4);
    pipeline.policy.row_timeout = Duration::from_secs(10);
    let begun = Instant::now();
    let (completion, _) = run(&pipeline).await;
    assert_eq!(completion.status, Status::Timeout);
    assert!(begun.elapsed() <= Duration::from_millis(10_100), "{:?}", begun.elapsed());
    assert!((2..=4).contains(&completion.attempts));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_turn_is_neither_latency_nor_counted_against_the_row() {
    let mut pipeline = pipeline(&[ok(1000)]);
    pipeline.admission.limiter = Limiter::new(2);
    pipeline.policy.row_timeout = Duration::from_secs(2);
    let pipeline = Arc::new(pipeline);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let pipeline = Arc::clone(&pipeline);
            tokio::spawn(async move { run(&pipeline).await.0 })
        })
        .collect();
    let mut longest: f64 = 0.0;
    for call in calls {
        let completion = call.await.unwrap();
        assert_eq!((completion.status, completion.latency_ms), (Status::Ok, Some(1000.0)));
        longest = longest.max(completion.wait_ms.unwrap());
    }
    assert_eq!(longest, 9000.0);
    assert_eq!(pipeline.backend.most_open.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_holds_a_turn_while_waiting_to_retry() {
    let limited = Failure { retry_after: Some(Duration::from_secs(100)), ..transient(Status::RateLimited) };
    let mut pipeline = pipeline(&[fail(0, limited), ok(1000)]);
    pipeline.admission.limiter = Limiter::new(1);
    let pipeline = Arc::new(pipeline);
    let first = tokio::spawn({
        let pipeline = Arc::clone(&pipeline);
        async move { run(&pipeline).await.0 }
    });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    assert_eq!(run(&pipeline).await.0.status, Status::Ok);
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert_eq!(first.await.unwrap().attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn failed_attempts_that_are_billed_are_in_the_cost() {
    let mut broken = fail(0, transient(Status::ServerError));
    broken.attempt.usage = tokens(1000, 0);
    let (completion, counters) = run(&pipeline(&[broken.clone(), ok(0)])).await;
    assert_eq!(completion.cost_usd, Some(0.003));
    assert_eq!((counters["input_tokens"], counters["output_tokens"]), (2000, 100));
    assert_eq!(completion.usage, tokens(1000, 100), "the usage is the answer's own");

    let mut unpriced = pipeline(&[broken, ok(0)]);
    unpriced.policy.price = Price::default();
    assert_eq!(run(&unpriced).await.0.cost_usd, None);
    let mut no_usage = ok(0);
    no_usage.attempt.usage = Usage::default();
    assert_eq!(run(&pipeline(&[no_usage])).await.0.cost_usd, None, "an answer without usage has no known cost");
}

#[derive(Default)]
struct MemoryStore(Mutex<HashMap<String, Completion>>);

impl Store for MemoryStore {
    fn lookup<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Found>> {
        let stored = self.0.lock().unwrap().get(key).cloned();
        Box::pin(std::future::ready(Ok(match stored {
            Some(stored) => Found::Hit { completion: Box::new(stored), is_own_run: false, pays: false },
            None => Found::Miss(Claim::none()),
        })))
    }

    fn record<'a>(
        &'a self,
        _: Claim,
        key: &'a str,
        _: &'a str,
        completion: &'a Completion,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            sleep(Duration::from_secs(1)).await;
            self.0.lock().unwrap().insert(key.to_string(), completion.clone());
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_before_it_leaves_and_served_again() {
    let store = Arc::new(MemoryStore::default());
    let mut pipeline = pipeline(&[ok(100)]);
    pipeline.store = Arc::clone(&store) as Arc<dyn Store>;
    let begun = Instant::now();
    let (bought, _) = run(&pipeline).await;
    assert_eq!(begun.elapsed(), Duration::from_millis(1100));
    assert_eq!(store.0.lock().unwrap().get("k"), Some(&bought));

    let (hit, counters) = run(&pipeline).await;
    assert_eq!(pipeline.backend.begun.load(Ordering::SeqCst), 1);
    assert_eq!((hit.text.as_deref(), hit.cache_hit, hit.attempts), (Some("a"), true, 0));
    assert_eq!((hit.cost_usd, hit.cost_avoided_usd), (Some(0.0), Some(0.002)));
    assert_eq!((hit.latency_ms, hit.answered_at), (bought.latency_ms, bought.answered_at));
    assert_eq!((counters["cache_hits"], counters["requests"], counters["input_tokens"]), (1, 0, 0));
}

fn sharing(steps: &[Step]) -> Arc<Pipeline<Script>> {
    Arc::new(Pipeline { flights: Some(Arc::default()), ..pipeline(steps) })
}

fn spawn(pipeline: &Arc<Pipeline<Script>>) -> tokio::task::JoinHandle<(Completion, HashMap<&'static str, i64>)> {
    let pipeline = Arc::clone(pipeline);
    tokio::spawn(async move { run(&pipeline).await })
}

#[tokio::test(start_paused = true)]
async fn equal_requests_under_way_make_one_call() {
    let pipeline = sharing(&[ok(100)]);
    let calls: Vec<_> = (0..5).map(|_| spawn(&pipeline)).collect();
    let mut paid = 0.0;
    let mut shared = 0;
    for call in calls {
        let (completion, counters) = call.await.unwrap();
        assert_eq!((completion.text.as_deref(), completion.latency_ms), (Some("a"), Some(100.0)));
        assert_eq!(completion.request_key.as_deref(), Some("k"));
        paid += completion.cost_usd.unwrap();
        if completion.deduplicated {
            shared += 1;
            assert_eq!((completion.attempts, completion.cost_avoided_usd), (0, Some(0.002)));
            assert_eq!(completion.wait_ms, Some(100.0));
            assert_eq!((counters["deduplicated"], counters["requests"], counters["latency_ms"]), (1, 0, 0));
            assert_eq!(counters["cost_avoided_nanousd"], 2_000_000);
        }
    }
    assert_eq!((shared, pipeline.backend.begun.load(Ordering::SeqCst), paid), (4, 1, 0.002));
    let (later, _) = run(&pipeline).await;
    assert!(!later.deduplicated, "what has ended is not shared: that is the store's");
    assert_eq!(pipeline.backend.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_that_differ_are_not_shared() {
    let pipeline = sharing(&[ok(100)]);
    let other = Prepared { key: "another repeat".into(), ..request() };
    let first = spawn(&pipeline);
    let completion = pipeline.complete(&other, &Counters::default()).await.unwrap();
    assert!(!completion.deduplicated && !first.await.unwrap().0.deduplicated);
    assert_eq!(pipeline.backend.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared() {
    let failure = Failure { retry: Retry::Never, ..transient(Status::InvalidRequest) };
    let pipeline = sharing(&[fail(100, failure)]);
    let calls = [spawn(&pipeline), spawn(&pipeline)];
    for call in calls {
        let (completion, _) = call.await.unwrap();
        assert_eq!((completion.status, completion.cost_usd), (Status::InvalidRequest, Some(0.0)));
        assert!(completion.error.is_some());
    }
    assert_eq!(pipeline.backend.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_takes_over_from_a_call_that_is_cancelled() {
    let pipeline = sharing(&[ok(100)]);
    let first = spawn(&pipeline);
    tokio::task::yield_now().await;
    let others = [spawn(&pipeline), spawn(&pipeline)];
    sleep(Duration::from_millis(50)).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let mut deduplicated = 0;
    for other in others {
        let (completion, _) = other.await.unwrap();
        assert_eq!(completion.status, Status::Ok);
        deduplicated += usize::from(completion.deduplicated);
    }
    assert_eq!((deduplicated, pipeline.backend.begun.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_waits_is_not_stopped_by_the_budget_of_another() {
    let stopped = Failure { retry: Retry::Never, ..transient(Status::BudgetStopped) };
    let pipeline = sharing(&[fail(100, stopped), ok(10)]);
    let calls = [spawn(&pipeline), spawn(&pipeline)];
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap().0.status);
    }
    assert_eq!(statuses, [Status::BudgetStopped, Status::Ok]);
}

#[tokio::test(start_paused = true)]
async fn an_equal_row_gets_the_hit_as_a_hit() {
    let store = Arc::new(MemoryStore::default());
    let pipeline = Arc::new(Pipeline {
        flights: Some(Arc::default()),
        store: Arc::clone(&store) as Arc<dyn Store>,
        ..pipeline(&[ok(100)])
    });
    let calls = [spawn(&pipeline), spawn(&pipeline)];
    for call in calls {
        call.await.unwrap();
    }
    let (hit, counters) = run(&pipeline).await;
    assert!(hit.cache_hit && !hit.deduplicated);
    assert_eq!((counters["cache_hits"], counters["deduplicated"]), (1, 0));
    assert_eq!(pipeline.backend.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_over_the_context_window_is_not_sent() {
    let mut pipeline = pipeline(&[ok(1)]);
    let chat = |words: usize| Prepared {
        body: serde_json::json!({"messages": [{"role": "user", "content": "word ".repeat(words)}]}).to_string().into(),
        ..request()
    };
    pipeline.policy.context_window = Some(1000);
    let complete = async |words| pipeline.complete(&chat(words), &Counters::default()).await.unwrap();
    let refused = complete(2000).await;
    assert_eq!((refused.status, refused.attempts, refused.cost_usd), (Status::InvalidRequest, 0, Some(0.0)));
    let message = refused.error.unwrap().message;
    assert!(message.contains("context window of the model is 1000") && !message.contains("word"), "{message}");
    assert_eq!(pipeline.backend.begun.load(Ordering::SeqCst), 0);
    assert_eq!(complete(900).await.status, Status::Ok);
    assert_eq!(complete(10).await.status, Status::Ok);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_by_cause_and_the_most_at_once() {
    let steps = [
        fail(10, transient(Status::ServerError)),
        fail(10, transient(Status::NetworkError)),
        fail(10, transient(Status::Timeout)),
        ok(10),
    ];
    let (_, counters) = run(&pipeline(&steps)).await;
    assert_eq!((counters["server_errors"], counters["network_errors"], counters["timeouts"]), (1, 1, 1));
    assert_eq!((counters["max_in_flight"], counters["retries"]), (1, 3));

    let pipeline = pipeline(&[ok(100)]);
    let counters = Counters::default();
    let request = request();
    let all = tokio::join!(
        pipeline.complete(&request, &counters),
        pipeline.complete(&request, &counters),
        pipeline.complete(&request, &counters)
    );
    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
    let most = crate::inference::COUNTERS.iter().position(|name| *name == "max_in_flight").unwrap();
    assert_eq!(counters.values()[most], 3);
}

/// Counts how often it is asked.
#[derive(Default)]
struct Asked(AtomicUsize);

impl Estimator for Asked {
    fn input(&self, _request: &Prepared) -> Estimate {
        self.0.fetch_add(1, Ordering::SeqCst);
        Tokens::new("m").input(&request())
    }

    fn observe(&self, _estimate: &Estimate, _usage: &Usage) {}
}

#[tokio::test(start_paused = true)]
async fn tokens_are_estimated_only_where_they_are_limited() {
    for (limits, asked) in [([Some(600), None, None, None], 0), ([Some(600), None, None, Some(100_000)], 1)] {
        let hub = Hub::new();
        let spec = QuotaSpec {
            application: "app".into(),
            executors: 1,
            groups: [("g".to_string(), limits)].into(),
            budget: Budget::default(),
        };
        hub.configure(&spec);
        let estimator = Arc::new(Asked::default());
        let mut pipeline = pipeline(&[ok(1)]);
        pipeline.admission.quota = hub.group("g", None, Accounting::Used);
        pipeline.admission.estimator = Arc::clone(&estimator) as Arc<dyn Estimator>;
        // No grant comes: nobody serves the hub.
        let waits = timeout(Duration::from_secs(1), pipeline.complete(&request(), &Counters::default())).await;
        assert!(waits.is_err());
        assert_eq!(estimator.0.load(Ordering::SeqCst), asked);
    }
}
