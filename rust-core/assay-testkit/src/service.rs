//! One request through all gates.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};
use serde_json::Value;

use crate::answers::Speaker;
use crate::body::{Reply, Step};
use crate::chat::{self, Answer, ChatRequest, Frame};
use crate::faults::{Script, Scripted};
use crate::hash::{StableHash, hex, raw_key, request_key};
use crate::ledger::{Arrival, Ending, Ledger, Outcome, lock};
use crate::models::{Model, Models};
use crate::quota::Demand;
use crate::respond::{
    BAD_GATEWAY, error, put, put_rate_headers, put_retry_after, rate_limit_error, refused, response, scripted_response,
    with_headers,
};
use crate::{Config, FaultKind, Faults, control};

/// The path of the one endpoint that is counted.
const CHAT_PATH: &str = "/v1/chat/completions";

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
    if head.uri.path() == CHAT_PATH && head.method == Method::POST {
        return chat(&state, &head.headers, &body).await;
    }
    Ok(control::serve(&state, &head.method, &head.uri, &body))
}

/// A request that is being served: books its end however that comes about, also when the client goes away.
pub(crate) struct Booking {
    state: Arc<State>,
    arrival: Arrival,
    ending: Ending,
    /// The model whose quota admitted it.
    admitted: Option<Arc<Model>>,
}

impl Booking {
    fn end(&mut self, outcome: Outcome, status: u16) {
        self.ending.outcome = outcome;
        self.ending.status = status;
    }
}

impl Drop for Booking {
    fn drop(&mut self) {
        if let (Some(model), Some((_, output_tokens, _))) = (&self.admitted, self.ending.billed) {
            lock(&model.account).settle(Instant::now(), output_tokens);
        }
        self.state.ledger.end(self.arrival, self.ending);
    }
}

async fn chat(state: &Arc<State>, headers: &HeaderMap, body: &[u8]) -> Served {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let key = parsed.as_ref().map_or_else(|| raw_key(CHAT_PATH, body), |value| request_key(CHAT_PATH, value));
    let arrival = state.ledger.arrive(key);
    let ending = Ending { model: 0, outcome: Outcome::Abandoned, status: 0, billed: None };
    let mut booking = Booking { state: Arc::clone(state), arrival, ending, admitted: None };

    let request = match parsed.as_ref().map(ChatRequest::read) {
        Some(Ok(request)) => request,
        refused => {
            let message = match refused {
                Some(Err(message)) => message,
                _ => "We could not parse the JSON body of your request.".to_string(),
            };
            booking.end(Outcome::Invalid, 400);
            return Ok(error(400, &message, "invalid_request_error", None));
        }
    };
    if !is_authorized(state, headers) {
        booking.end(Outcome::Unauthorized, 401);
        let message = "Incorrect API key provided.";
        return Ok(error(401, message, "invalid_request_error", Some("invalid_api_key")));
    }
    let Some(model) = state.models.get(&request.model) else {
        booking.end(Outcome::UnknownModel, 404);
        let message = format!("The model `{}` does not exist or you do not have access to it.", request.model);
        return Ok(error(404, &message, "invalid_request_error", Some("model_not_found")));
    };
    booking.ending.model = model.id;

    let chance = StableHash::new(state.config.seed).number(key_word(&key)).number(u64::from(arrival.attempt));
    let scripted = state.next_scripted();
    if let Some(scripted) = &scripted {
        tokio::time::sleep(Duration::from_millis(scripted.delay_ms)).await;
        if let Some(status) = scripted.status {
            booking.end(Outcome::Scripted, status);
            return Ok(scripted_response(scripted, status));
        }
    }

    let speaker = Speaker {
        seed: state.config.seed,
        model: &model.name,
        accuracy: model.accuracy,
        verbose_rate: state.config.verbose_rate,
    };
    let answer = Answer::new(state.config.answers.answer(&request.question, speaker), &request);

    let demand = Demand {
        input_tokens: request.input_tokens,
        output_tokens: answer.output_tokens,
        max_tokens: request.max_tokens,
    };
    let (verdict, hints) = {
        let mut account = lock(&model.account);
        (account.admit(Instant::now(), demand), account.quota().hints)
    };
    let mut rate_headers = HeaderMap::new();
    put_rate_headers(&mut rate_headers, &verdict, hints);
    if let Some(refusal) = verdict.refused {
        booking.end(Outcome::Quota, 429);
        return Ok(refused(&refusal, rate_headers, hints));
    }
    booking.admitted = Some(Arc::clone(&model));

    let faults = state.faults();
    let fault = match scripted.and_then(|scripted| scripted.fault) {
        Some(name) => name.parse().ok(),
        None => faults.draw(chance.number(1)),
    };
    if fault == Some(FaultKind::TooManyRequests) {
        booking.end(Outcome::Fault(FaultKind::TooManyRequests), 429);
        let mut response = with_headers(rate_limit_error("requests"), rate_headers);
        put_retry_after(response.headers_mut(), faults.retry_after, hints);
        return Ok(response);
    }

    let mut latency = state.config.latency.sample(chance.number(2));
    if fault == Some(FaultKind::Slow) {
        latency += faults.slow_by;
    }
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }

    let Some(fault) = fault else {
        bill(state, &mut booking, &request, &answer);
        booking.end(Outcome::Ok, 200);
        return Ok(with_headers(answered(state, &booking, &request, &answer, &model), rate_headers));
    };
    if fault.is_billed() {
        bill(state, &mut booking, &request, &answer);
    }
    let outcome = Outcome::Fault(fault);
    let response = match fault {
        FaultKind::Reset => {
            booking.end(outcome, 0);
            return Err(ResetConnection);
        }
        FaultKind::Stall => {
            booking.end(outcome, 0);
            tokio::time::sleep(FOR_EVER).await;
            return Err(ResetConnection);
        }
        FaultKind::ServerError | FaultKind::TooManyRequests => {
            let message = "The server had an error while processing your request. Sorry about that!";
            error(500, message, "server_error", None)
        }
        FaultKind::Unavailable => {
            let message = "The engine is currently overloaded, please try again later.";
            error(503, message, "service_unavailable_error", None)
        }
        FaultKind::BadGatewayHtml => response(502, "text/html", Bytes::from_static(BAD_GATEWAY.as_bytes())),
        FaultKind::Error200 => {
            let body = chat::error("The server had an error while processing your request.", "server_error", None);
            if request.stream {
                response(200, "text/event-stream", chat::event(&body))
            } else {
                response(200, "application/json", chat::json_bytes(&body))
            }
        }
        FaultKind::Slow => answered(state, &booking, &request, &answer, &model),
        FaultKind::Malformed | FaultKind::Truncated | FaultKind::StallBody => {
            broken(fault, answered(state, &booking, &request, &answer, &model))
        }
    };
    booking.end(outcome, response.status().as_u16());
    Ok(with_headers(response, rate_headers))
}

fn key_word(key: &[u8; 32]) -> u64 {
    u64::from_le_bytes([key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7]])
}

fn is_authorized(state: &State, headers: &HeaderMap) -> bool {
    let Some(key) = &state.config.require_key else { return true };
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    given.and_then(|value| value.strip_prefix("Bearer ")) == Some(key.as_str())
}

fn bill(state: &State, booking: &mut Booking, request: &ChatRequest, answer: &Answer) {
    let cost = state.config.prices.cost_nano_usd(request.input_tokens, answer.output_tokens);
    booking.ending.billed = Some((request.input_tokens, answer.output_tokens, cost));
}

fn answered(
    state: &State,
    booking: &Booking,
    request: &ChatRequest,
    answer: &Answer,
    model: &Model,
) -> Response<Reply> {
    let id = format!("chatcmpl-{}{:x}", hex(&booking.arrival.key[..12]), booking.arrival.attempt);
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let frame = Frame { id: &id, created, model: &model.name, fingerprint: &model.fingerprint };
    let mut response = if request.stream {
        let events = chat::events(&frame, request, answer);
        let gap = state.config.token_interval;
        let steps = events.into_iter().flat_map(|event| {
            let pause = (!gap.is_zero()).then_some(Step::Wait(gap));
            [Some(Step::Send(event)), pause].into_iter().flatten()
        });
        let mut response = Response::new(Reply::steps(steps));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response
    } else {
        response(200, "application/json", chat::completion(&frame, request, answer))
    };
    put(response.headers_mut(), "x-request-id", format!("req_{}", &id[9..]));
    response
}

/// The answer, spoilt on its way.
fn broken(fault: FaultKind, whole: Response<Reply>) -> Response<Reply> {
    /// The client has this time to read the first half before the connection goes.
    const PAUSE: Duration = Duration::from_millis(10);
    let (mut head, body) = whole.into_parts();
    let end = if fault == FaultKind::StallBody { Step::Wait(FOR_EVER) } else { Step::Cut };
    let body = match body {
        Reply::Whole(bytes) if fault == FaultKind::Malformed => Reply::Whole(bytes.slice(..bytes.len() * 2 / 3)),
        Reply::Whole(bytes) => {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            Reply::steps([Step::Send(bytes.slice(..bytes.len() / 2)), Step::Wait(PAUSE), end])
        }
        Reply::Steps(steps) if fault == FaultKind::Malformed => {
            let mut sent = steps.first_half();
            sent.push(Step::Send(Bytes::from_static(b"data: {\"id\": \"chatcmpl-\", \"choices\": [{\n\n")));
            sent.push(Step::Send(Bytes::from_static(b"data: [DONE]\n\n")));
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
