//! Everything but calls: the list of models, and `/testkit/*` (also as `/_control/*`), by which tests look at the server
//! and direct it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hyper::{Method, Response, Uri};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::json_bytes;
use crate::body::Reply;
use crate::faults::Scripted;
use crate::quota::{Counting, RetryAfterForm};
use crate::respond::response;
use crate::service::State;
use crate::{Error, FaultKind, Faults, Quota, Usage};

pub(crate) fn serve(state: &State, method: &Method, uri: &Uri, body: &[u8]) -> Response<Reply> {
    let path = uri
        .path()
        .strip_prefix("/_control")
        .map_or(Cow::Borrowed(uri.path()), |rest| Cow::Owned(format!("/testkit{rest}")));
    match (method, path.as_ref()) {
        (&Method::GET, "/v1/models") => ok(&model_list(state)),
        (&Method::GET, "/testkit/stats") => ok(&state.ledger.stats(|id| state.models.name_of(id))),
        (&Method::GET, "/testkit/keys") => ok(&json!({ "keys": state.ledger.keys() })),
        (&Method::GET, "/testkit/ledger") => {
            let name_of = |id| state.models.name_of(id);
            let entries = state.ledger.entries(name_of);
            ok(&json!({"entries": entries, "totals": state.ledger.stats(name_of)}))
        }
        (&Method::POST, "/testkit/reset") => {
            state.reset();
            ok(&json!({"reset": true}))
        }
        (&Method::GET, "/testkit/faults") => ok(&faults_in_effect(state)),
        (&Method::POST, "/testkit/faults") => answer(set_faults(state, body).map(|()| faults_in_effect(state))),
        (&Method::GET, "/testkit/usage") => answer(usage(state, uri.query().unwrap_or_default())),
        (&Method::GET, "/testkit/quota") => answer(quota_in_effect(state, None)),
        (&Method::POST, "/testkit/quota") => answer(set_quota(state, body)),
        _ => refuse(404, &format!("Unknown request: {method} {path}")),
    }
}

fn ok<T: serde::Serialize>(value: &T) -> Response<Reply> {
    response(200, "application/json", json_bytes(value))
}

fn answer<T: serde::Serialize>(result: Result<T, Error>) -> Response<Reply> {
    match result {
        Ok(value) => ok(&value),
        Err(what) => refuse(400, &what.to_string()),
    }
}

fn refuse(status: u16, message: &str) -> Response<Reply> {
    let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    response(status, "application/json", json_bytes(&error))
}

/// `from` and `to` in seconds since the server's start, and `model`.
fn usage(state: &State, query: &str) -> Result<Usage, Error> {
    let (mut from, mut to, mut model) = (None, None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let seconds = || {
            let seconds = value.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0);
            seconds.map(|seconds| seconds as u64).ok_or_else(|| Error::new(format!("{name} is a number of seconds")))
        };
        match name {
            "from" => from = Some(seconds()?),
            "to" => to = Some(seconds()?),
            "model" => model = Some(value),
            _ => return Err(Error::new(format!("the usage takes from, to and model, not {name:?}"))),
        }
    }
    state.models.usage(model, from, to)
}

/// The body of `POST /testkit/quota`: what is absent stays as it is; null lifts a limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    /// One model; otherwise all, and those to come.
    model: Option<String>,
    #[serde(default, deserialize_with = "given")]
    requests_per_minute: Option<Option<u64>>,
    #[serde(default, deserialize_with = "given")]
    input_tokens_per_minute: Option<Option<u64>>,
    #[serde(default, deserialize_with = "given")]
    output_tokens_per_minute: Option<Option<u64>>,
    #[serde(default, deserialize_with = "given")]
    tokens_per_minute: Option<Option<u64>>,
    count: Option<String>,
    window_ms: Option<u64>,
    burst_ms: Option<u64>,
    default_max_tokens: Option<u64>,
    retry_after: Option<RetryAfterForm>,
    retry_after_ms: Option<bool>,
    rate_headers: Option<bool>,
}

/// Tells null from absent.
fn given<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn set_quota(state: &State, body: &[u8]) -> Result<Value, Error> {
    let body: QuotaBody = serde_json::from_slice(body).map_err(|error| Error::new(error.to_string()))?;
    let model = body.model.as_deref();
    let unknown = || Error::new(format!("no model {:?} is served", model.unwrap_or_default()));
    let mut quota = state.models.quota(model).ok_or_else(unknown)?;
    quota.requests_per_minute = body.requests_per_minute.unwrap_or(quota.requests_per_minute);
    quota.input_tokens_per_minute = body.input_tokens_per_minute.unwrap_or(quota.input_tokens_per_minute);
    quota.output_tokens_per_minute = body.output_tokens_per_minute.unwrap_or(quota.output_tokens_per_minute);
    quota.tokens_per_minute = body.tokens_per_minute.unwrap_or(quota.tokens_per_minute);
    if let Some(count) = body.count {
        let Counting { kind, charge } = count.parse()?;
        quota = Quota { kind, charge, ..quota };
    }
    quota.window = body.window_ms.map_or(quota.window, Duration::from_millis);
    quota.burst = body.burst_ms.map_or(quota.burst, Duration::from_millis);
    quota.default_max_tokens = body.default_max_tokens.unwrap_or(quota.default_max_tokens);
    quota.hints.retry_after = body.retry_after.unwrap_or(quota.hints.retry_after);
    quota.hints.retry_after_ms = body.retry_after_ms.unwrap_or(quota.hints.retry_after_ms);
    quota.hints.rate_headers = body.rate_headers.unwrap_or(quota.hints.rate_headers);
    quota.check()?;
    state.models.set_quota(model, quota);
    quota_in_effect(state, model)
}

fn quota_in_effect(state: &State, model: Option<&str>) -> Result<Value, Error> {
    let quota = state.models.quota(model).unwrap_or_default();
    Ok(json!({
        "requests_per_minute": quota.requests_per_minute,
        "input_tokens_per_minute": quota.input_tokens_per_minute,
        "output_tokens_per_minute": quota.output_tokens_per_minute,
        "tokens_per_minute": quota.tokens_per_minute,
        "count": quota.counting().to_string(),
        "window_ms": quota.window.as_millis() as u64,
        "burst_ms": quota.burst.as_millis() as u64,
        "default_max_tokens": quota.default_max_tokens,
        "retry_after": quota.hints.retry_after,
        "retry_after_ms": quota.hints.retry_after_ms,
        "rate_headers": quota.hints.rate_headers,
        "now_s": state.models.now_s(),
    }))
}

/// The body of `POST /testkit/faults`: what is absent stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultsBody {
    /// Replaces all probabilities.
    probabilities: Option<BTreeMap<FaultKind, f64>>,
    retry_after_ms: Option<u64>,
    slow_by_ms: Option<u64>,
    /// Which faults are billed as whole answers; null stands for the default.
    #[serde(default, deserialize_with = "given")]
    billed: Option<Option<BTreeSet<FaultKind>>>,
    /// Appended to the script.
    #[serde(default)]
    next: Vec<Scripted>,
    /// Drops what is left of the script first.
    #[serde(default)]
    clear: bool,
}

fn set_faults(state: &State, body: &[u8]) -> Result<(), Error> {
    let body: FaultsBody = serde_json::from_slice(body).map_err(|error| Error::new(error.to_string()))?;
    let mut faults = Faults::clone(&state.faults());
    if let Some(probabilities) = body.probabilities {
        faults.probabilities = probabilities;
    }
    if let Some(ms) = body.retry_after_ms {
        faults.retry_after = Duration::from_millis(ms);
    }
    if let Some(ms) = body.slow_by_ms {
        faults.slow_by = Duration::from_millis(ms);
    }
    faults.billed = body.billed.unwrap_or(faults.billed);
    faults.check()?;
    if body.clear {
        state.clear_script();
    }
    state.extend_script(body.next)?;
    state.set_faults(faults);
    Ok(())
}

fn faults_in_effect(state: &State) -> Value {
    let faults = state.faults();
    let probabilities: BTreeMap<&str, f64> = faults.probabilities.iter().map(|(kind, p)| (kind.name(), *p)).collect();
    json!({
        "probabilities": probabilities,
        "retry_after_ms": faults.retry_after.as_millis() as u64,
        "slow_by_ms": faults.slow_by.as_millis() as u64,
        "billed": faults.billed,
        "scripted": state.script_len(),
    })
}

/// The list of models, as OpenAI gives it.
fn model_list(state: &State) -> Value {
    let models: Vec<Value> = state
        .models
        .names()
        .iter()
        .map(|name| json!({"id": name, "object": "model", "created": 0, "owned_by": "assay-testkit"}))
        .collect();
    json!({"object": "list", "data": models})
}
