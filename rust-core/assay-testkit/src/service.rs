//! One request through all gates.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use serde_json::Value;

use crate::answers::Speaker;
use crate::api::{Answer, Call, Cause, Finish, Frame, Problem, Route, json_bytes};
use crate::body::{Reply, Step};
use crate::faults::{Script, Scripted};
use crate::hash::{StableHash, hex, raw_key, request_key};
use crate::ledger::{Arrival, Ending, Ledger, Outcome, lock};
use crate::models::{Model, Models};
use crate::quota::{Demand, Limit};
use crate::respond::{BAD_GATEWAY, problem, put, rate_limit, refused, response, scripted_response, with_headers};
use crate::{Config, FaultKind, Faults, Hints, control};

/// Long enough to count as for ever.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// What all connections share.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) ledger: Ledger,
    pub(crate) models: Models,
    faults: RwLock<Arc<Faults>>,
    script: Mutex<Script>,
    /// Spares requests the lock while there is no script.
    is_scripted: AtomicBool,
}

impl State {
    pub(crate) fn new(config: Config) -> State {
        let started = Instant::now();
        State {
            ledger: Ledger::new(started, config.ledger_limit),
            models: Models::new(&config, started),
            faults: RwLock::new(Arc::new(config.faults.clone())),
            script: Mutex::default(),
            is_scripted: AtomicBool::new(false),
            config,
        }
    }

    /// Back to the state after the start; requests in flight are not booked any more.
    pub(crate) fn reset(&self) {
        self.set_faults(self.config.faults.clone());
        self.clear_script();
        self.models.clear_accounts(self.config.quota);
        self.ledger.reset();
    }

    pub(crate) fn faults(&self) -> Arc<Faults> {
        Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }

    pub(crate) fn extend_script(&self, next: Vec<Scripted>) -> Result<(), crate::Error> {
        let mut script = lock(&self.script);
        script.extend(next)?;
        self.is_scripted.store(!script.is_empty(), Ordering::Release);
        Ok(())
    }

    pub(crate) fn clear_script(&self) {
        lock(&self.script).clear();
        self.is_scripted.store(false, Ordering::Release);
    }

    pub(crate) fn script_len(&self) -> usize {
        lock(&self.script).len()
    }

    fn next_scripted(&self) -> Option<Scripted> {
        if !self.is_scripted.load(Ordering::Acquire) {
            return None;
        }
        let mut script = lock(&self.script);
        let next = script.next();
        self.is_scripted.store(!script.is_empty(), Ordering::Release);
        next
    }
}

/// The connection is to be reset.
#[derive(Debug)]
pub(crate) struct ResetConnection;

impl fmt::Display for ResetConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset on purpose")
    }
}

impl std::error::Error for ResetConnection {}

type Served = Result<Response<Reply>, ResetConnection>;

/// Serves one request.
pub(crate) async fn serve(state: Arc<State>, request: Request<Incoming>) -> Served {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Err(ResetConnection) };
    let body = body.to_bytes();
    let query = head.uri.query().unwrap_or_default();
    let route = if head.method == Method::POST { Route::find(head.uri.path(), query) } else { None };
    let Some(route) = route else {
        return Ok(control::serve(&state, &head.method, &head.uri, &body));
    };
    call(&state, &route, &head, &body).await
}

/// A request that is being served: books its end however that comes about, also when the client goes away.
pub(crate) struct Booking {
    state: Arc<State>,
    arrival: Arrival,
    ending: Ending,
    /// The model whose quota admitted it.
    admitted: Option<Arc<Model>>,
    /// Whether all was sent that should be; only a body in steps can fail to be.
    is_sent: bool,
}

impl Booking {
    fn end(&mut self, outcome: Outcome, status: u16) {
        self.ending.outcome = outcome;
        self.ending.status = status;
    }

    /// The body that holds this booking was sent.
    pub(crate) fn sent(&mut self) {
        self.is_sent = true;
    }

    /// The body that holds this booking is about to be sent.
    pub(crate) fn sending(&mut self) {
        self.is_sent = false;
    }
}

impl Drop for Booking {
    fn drop(&mut self) {
        // What was cut on purpose keeps its name.
        if !self.is_sent && self.ending.outcome.is_answered() {
            self.ending.outcome = Outcome::Abandoned;
        }
        if let (Some(model), Some((tokens, _))) = (&self.admitted, self.ending.billed) {
            lock(&model.account).settle(Instant::now(), tokens.output);
        }
        self.state.ledger.end(self.arrival, self.ending);
    }
}

async fn call(state: &Arc<State>, route: &Route, head: &Parts, body: &[u8]) -> Served {
    let (api, path) = (route.api, head.uri.path());
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let key = parsed.as_ref().map_or_else(|| raw_key(path, body), |value| request_key(path, value));
    let arrival = state.ledger.arrive(key);
    let ending = Ending { api: api.name(), model: 0, outcome: Outcome::Abandoned, status: 0, billed: None };
    let mut booking = Booking { state: Arc::clone(state), arrival, ending, admitted: None, is_sent: true };
    let mut refuse = |outcome: Outcome, status: u16, cause: Cause, message: String| {
        booking.end(outcome, status);
        Ok(problem(api, &Problem::new(status, cause, message), Hints::default()))
    };

    let read = match &parsed {
        Some(body) => api.read(route, &head.headers, body),
        None => Err("We could not parse the JSON body of your request.".to_string()),
    };
    let call = match read {
        Ok(call) => call,
        Err(message) => return refuse(Outcome::Invalid, 400, Cause::Invalid, message),
    };
    let key_given = api.key(&head.headers, head.uri.query().unwrap_or_default());
    if state.config.require_key.is_some() && key_given != state.config.require_key.as_deref() {
        return refuse(Outcome::Unauthorized, 401, Cause::BadKey, "Incorrect API key provided.".to_string());
    }
    let Some(model) = state.models.get(&call.model) else {
        let message = format!("The model `{}` does not exist or you do not have access to it.", call.model);
        return refuse(Outcome::UnknownModel, 404, Cause::NoModel, message);
    };
    booking.ending.model = model.id;

    let chance = StableHash::new(state.config.seed).number(key_word(&key)).number(u64::from(arrival.attempt));
    let scripted = state.next_scripted();
    if let Some(scripted) = &scripted {
        tokio::time::sleep(Duration::from_millis(scripted.delay_ms)).await;
        if let Some(status) = scripted.status {
            booking.end(Outcome::Scripted, status);
            return Ok(scripted_response(api, scripted, status));
        }
    }
    let faults = state.faults();
    let fault = match scripted.and_then(|scripted| scripted.fault) {
        Some(name) => name.parse().ok(),
        None => faults.draw(chance.number(1)),
    };

    let speaker = Speaker {
        seed: state.config.seed,
        model: &model.name,
        accuracy: model.accuracy,
        verbose_rate: state.config.verbose_rate,
        words: state.config.habits.words,
    };
    let text = if call.texts.is_some() { String::new() } else { state.config.answers.answer(&call.question, speaker) };
    let finish = fault.and_then(FaultKind::finish).unwrap_or(Finish::Stop);
    let mut answer = Answer::new(text, &call, state.config.habits, finish);
    if answer.finish == Finish::ContentFilter && api.filters_prompts() {
        answer = answer.held_back();
    }

    let demand = Demand {
        input_tokens: call.input_tokens,
        output_tokens: answer.tokens.output,
        max_tokens: call.max_tokens.or(call.texts.as_ref().map(|_| 0)),
    };
    let (verdict, hints) = {
        let mut account = lock(&model.account);
        (account.admit(Instant::now(), demand), account.quota().hints)
    };
    let mut rate_headers = HeaderMap::new();
    if hints.rate_headers {
        api.put_rate_headers(&mut rate_headers, &verdict);
    }
    if let Some(refusal) = verdict.refused {
        booking.end(Outcome::Quota, 429);
        return Ok(with_headers(problem(api, &refused(&refusal), hints), rate_headers));
    }
    booking.admitted = Some(Arc::clone(&model));

    if fault == Some(FaultKind::TooManyRequests) {
        booking.end(Outcome::Fault(FaultKind::TooManyRequests), 429);
        let limited = rate_limit(Limit::Requests, faults.retry_after);
        return Ok(with_headers(problem(api, &limited, hints), rate_headers));
    }
    let mut latency = state.config.latency.sample(chance.number(2));
    if fault == Some(FaultKind::Slow) {
        latency += faults.slow_by;
    }
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }

    if fault.is_none_or(|fault| faults.is_billed(fault)) {
        booking.ending.billed = Some((answer.tokens, state.config.prices.cost_nano_usd(&answer.tokens)));
    }
    let exchange = Exchange { state, route, call: &call, answer: &answer, model: &model, arrival: &booking.arrival };
    let response = match fault {
        None => exchange.answered(),
        Some(FaultKind::Reset) => {
            booking.end(Outcome::Fault(FaultKind::Reset), 0);
            return Err(ResetConnection);
        }
        Some(FaultKind::Stall) => {
            booking.end(Outcome::Fault(FaultKind::Stall), 0);
            tokio::time::sleep(FOR_EVER).await;
            return Err(ResetConnection);
        }
        Some(fault) => exchange.faulty(fault, faults.slow_by, hints),
    };
    booking.end(fault.map_or(Outcome::Ok, Outcome::Fault), response.status().as_u16());
    let mut response = with_headers(response, rate_headers);
    response.body_mut().hold(booking);
    Ok(response)
}

fn key_word(key: &[u8; 32]) -> u64 {
    u64::from_le_bytes([key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7]])
}

/// All that an answer is made of.
struct Exchange<'a> {
    state: &'a State,
    route: &'a Route,
    call: &'a Call,
    answer: &'a Answer,
    model: &'a Model,
    arrival: &'a Arrival,
}

impl Exchange<'_> {
    fn answered(&self) -> Response<Reply> {
        let id = format!("{}{:x}", hex(&self.arrival.key[..12]), self.arrival.attempt);
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let frame = Frame { id: &id, created, model: &self.model.name, fingerprint: &self.model.fingerprint };
        let api = self.route.api;
        let mut response = if self.call.stream {
            let gap = self.state.config.token_interval;
            self.stream(api.events(&frame, self.call, self.answer), gap)
        } else {
            response(200, "application/json", api.whole(&frame, self.call, self.answer))
        };
        put(response.headers_mut(), "x-request-id", format!("req_{id}"));
        response
    }

    fn stream(&self, events: Vec<Bytes>, gap: Duration) -> Response<Reply> {
        let steps = events.into_iter().enumerate().flat_map(|(i, event)| {
            let pause = (i > 0 && !gap.is_zero()).then_some(Step::Wait(gap));
            [pause, Some(Step::Send(event))].into_iter().flatten()
        });
        let mut response = Response::new(Reply::steps(steps));
        let is_json = self.route.is_stream && !self.route.is_sse;
        let content_type = if is_json { "application/json" } else { "text/event-stream" };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    /// What is sent in place of an answer; a fault within the answer is one by now.
    fn faulty(&self, fault: FaultKind, slow_by: Duration, hints: Hints) -> Response<Reply> {
        const SORRY: &str = "The server had an error while processing your request. Sorry about that!";
        const BUSY: &str = "The engine is currently overloaded, please try again later.";
        let api = self.route.api;
        let fails = |status, cause, message| problem(api, &Problem::new(status, cause, message), hints);
        match fault {
            FaultKind::ServerError => fails(500, Cause::Server, SORRY),
            FaultKind::Unavailable => fails(503, Cause::Unavailable, BUSY),
            FaultKind::Overloaded => fails(529, Cause::Overloaded, BUSY),
            FaultKind::BadGatewayHtml => response(502, "text/html", Bytes::from_static(BAD_GATEWAY.as_bytes())),
            FaultKind::Error200 | FaultKind::StreamError => {
                let sorry = Problem::new(500, Cause::Server, SORRY);
                if !self.call.stream {
                    return response(200, "application/json", json_bytes(&api.error(&sorry)));
                }
                match self.answered().into_body() {
                    Reply::Steps(steps) if fault == FaultKind::StreamError => {
                        let mut sent = steps.first_half();
                        sent.push(Step::Send(api.error_event(&sorry)));
                        let mut response = self.stream(Vec::new(), Duration::ZERO);
                        *response.body_mut() = Reply::steps(sent);
                        response
                    }
                    _ => self.stream(vec![api.error_event(&sorry)], Duration::ZERO),
                }
            }
            FaultKind::Malformed | FaultKind::Truncated | FaultKind::StallBody => self.broken(fault),
            FaultKind::Dribble => dribbled(self.answered(), slow_by),
            // The others have been dealt with, or are in the answer.
            _ => self.answered(),
        }
    }

    /// The answer, spoilt on its way.
    fn broken(&self, fault: FaultKind) -> Response<Reply> {
        /// The client has this time to read the first half before the connection goes.
        const PAUSE: Duration = Duration::from_millis(10);
        let (mut head, body) = self.answered().into_parts();
        let end = if fault == FaultKind::StallBody { Step::Wait(FOR_EVER) } else { Step::Cut };
        let body = match body {
            Reply::Whole(bytes) if fault == FaultKind::Malformed => Reply::Whole(bytes.slice(..bytes.len() * 2 / 3)),
            Reply::Whole(bytes) => {
                head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
                Reply::steps([Step::Send(bytes.slice(..bytes.len() / 2)), Step::Wait(PAUSE), end])
            }
            Reply::Steps(steps) if fault == FaultKind::Malformed => {
                let mut sent = steps.first_half();
                sent.extend(self.route.api.broken_events().into_iter().map(Step::Send));
                Reply::steps(sent)
            }
            Reply::Steps(steps) => {
                let mut sent = steps.first_half();
                sent.extend([Step::Wait(PAUSE), end]);
                Reply::steps(sent)
            }
        };
        Response::from_parts(head, body)
    }
}

/// An answer that comes little by little.
fn dribbled(whole: Response<Reply>, time: Duration) -> Response<Reply> {
    const PIECES: usize = 20;
    let (mut head, body) = whole.into_parts();
    let pieces = match body {
        Reply::Whole(bytes) => {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            let size = bytes.len().div_ceil(PIECES).max(1);
            (0..bytes.len()).step_by(size).map(|at| bytes.slice(at..(at + size).min(bytes.len()))).collect()
        }
        Reply::Steps(steps) => steps.sent(),
    };
    let pause = time / pieces.len().max(1) as u32;
    let steps = pieces.into_iter().flat_map(|piece| [Step::Wait(pause), Step::Send(piece)]);
    Response::from_parts(head, Reply::steps(steps))
}
