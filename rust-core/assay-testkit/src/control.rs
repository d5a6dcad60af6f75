//! Everything but chat: the list of models, and `/testkit/*`, by which tests look at the server and direct it.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::{Method, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body::Reply;
use crate::faults::Scripted;
use crate::respond::{error, response};
use crate::service::State;
use crate::{Error, FaultKind, Faults, chat};

pub(crate) fn serve(state: &State, method: &Method, path: &str, body: &[u8]) -> Response<Reply> {
    match (method, path) {
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
        (&Method::POST, "/testkit/faults") => match set_faults(state, body) {
            Ok(()) => ok(&faults_in_effect(state)),
            Err(what) => error(400, &what.to_string(), "invalid_request_error", None),
        },
        _ => error(404, &format!("Unknown request: {method} {path}"), "invalid_request_error", None),
    }
}

fn ok<T: serde::Serialize>(value: &T) -> Response<Reply> {
    response(200, "application/json", chat::json_bytes(value))
}

/// The body of `POST /testkit/faults`: what is absent stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultsBody {
    /// Replaces all probabilities.
    probabilities: Option<BTreeMap<FaultKind, f64>>,
    retry_after_ms: Option<u64>,
    slow_by_ms: Option<u64>,
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
