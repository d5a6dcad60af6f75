//! Operations that need no session: what the engine is, checks at planning, the end of an aggregate.

use std::collections::BTreeMap;
use std::time::Duration;

use assay_core::exec::completion_schema::{completion_fields, embedding_fields};
use assay_core::exec::{check_call, check_function, corpus, describe_model, eval, stored};
use assay_core::inference::{COUNTERS, Hub, quota};
use assay_core::options::FunctionInfo;
use assay_core::provider::Model;
use assay_core::spec::{CallSpec, FunctionSpec, ModelConf, QuotaSpec};
use assay_core::stats::Outcome;
use assay_core::{Error, ErrorKind, Result, error, inference, provider, stats};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{journals, registry};

/// How long the lease thread waits for a message before it looks whether its application still runs.
const MESSAGE_WAIT: Duration = Duration::from_millis(250);

/// Runs one operation. Input and output are JSON, but for `finish`, `finish_all` and `fold_moments`, whose input ends with
/// states, and the messages of quotas: `quota_message` gives one or nothing, `quota_reply` and `quota_lost` give what is to be logged;
/// the latter takes "absent" where the driver keeps no quotas.
pub(crate) fn call(operation: &str, input: &[u8]) -> Result<Vec<u8>> {
    let hub = Hub::of_process();
    let output = match operation {
        "quota_serve" => return hub.serve(input),
        "quota_message" => return hub.message(MESSAGE_WAIT),
        "quota_reply" => return Ok(hub.reply(input)?.unwrap_or_default().into()),
        "quota_lost" => {
            let loss = if input == b"absent" { quota::Loss::Absent } else { quota::Loss::Silent };
            return Ok(hub.lost(loss).unwrap_or_default().into());
        }
        "quota_plan" => {
            let request: QuotaRequest = read(input)?;
            json!(request.plan()?)
        }
        "quota_register" => {
            hub.register(&read(input)?);
            json!({})
        }
        "quota_totals" => json!(hub.report()),
        "describe" => describe(),
        "describe_model" => describe_model(&read(input)?)?,
        "check_function" => {
            let request: FunctionCheck = read(input)?;
            request.run()?;
            json!({})
        }
        "check_call" => {
            let request: CallCheck = read(input)?;
            let fields: Vec<&str> = request.fields.iter().map(String::as_str).collect();
            check_call(&request.call, &request.executor_env, &fields, request.replay)?;
            if let Some(quota) = request.quota {
                quota.plan()?;
            }
            json!({ "max_concurrency": Model::from_conf(&request.call.model)?.max_concurrency })
        }
        "hint" => {
            let request: Hint = read(input)?;
            json!({ "hint": error::hint(&request.name, request.known.iter().map(String::as_str)) })
        }
        "finish" => finish(input)?,
        "finish_all" => finish_all(input)?,
        "fold_moments" => return fold_moments(input),
        "cancel_all" => {
            registry::cancel_all();
            inference::runtime::shutdown();
            hub.end();
            journals::end();
            json!({})
        }
        // What the tasks of this process that still run have done so far.
        "open_counters" => json!({ "counters": registry::open_counters() }),
        "mock_calls" => json!({ "calls": provider::mock::calls() }),
        "panic" => panic_for_a_test(),
        other => {
            if let Some(output) = journals::call(other, input) {
                return output;
            }
            return Err(Error::new(
                ErrorKind::UnknownFunction,
                format!("the native library has no operation '{other}'"),
            ));
        }
    };
    serde_json::to_vec(&output).map_err(|e| Error::internal(format!("the result of '{operation}': {e}")))
}

fn describe() -> Value {
    let functions: Vec<Value> = all_functions().map(describe_function).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "counters": COUNTERS,
        "price_source": provider::price_source(),
        "conditions": assay_core::ErrorKind::ALL.iter().map(|k| k.condition()).collect::<Vec<_>>(),
        "answer_columns": stored::ANSWER_COLUMNS,
        "stored_version": stored::STORED_VERSION,
        "completion_fields": completion_fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(),
        "embedding_fields": embedding_fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(),
        "functions": functions,
        "model_settings": provider::SETTINGS
            .iter()
            .map(|s| json!({ "key": s.key, "default": s.default, "doc": s.doc }))
            .collect::<Vec<_>>(),
    })
}

fn all_functions() -> impl Iterator<Item = &'static FunctionInfo> {
    eval::functions()
        .chain(corpus::FUNCTIONS.iter())
        .chain(stats::AGGREGATES.iter().map(|aggregate| &aggregate.info))
        .chain([&provider::FUNCTION, &provider::EMBED])
}

fn describe_function(function: &FunctionInfo) -> Value {
    let options: Vec<Value> = function
        .options
        .iter()
        .map(|o| {
            json!({ "name": o.name, "type": o.kind.describe(), "default": o.default, "doc": o.doc, "per_row": o.per_row })
        })
        .collect();
    json!({ "name": function.name, "options": options })
}

/// A row function or an aggregate with its options, as checked at planning.
#[derive(Deserialize)]
struct FunctionCheck {
    #[serde(flatten)]
    function: FunctionSpecLike,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    executor_env: Vec<String>,
}

#[derive(Deserialize)]
struct FunctionSpecLike {
    name: String,
    #[serde(default)]
    options: Map<String, Value>,
    #[serde(default)]
    constant: Option<String>,
    #[serde(default)]
    model: Option<ModelConf>,
    #[serde(default)]
    per_row: BTreeMap<String, usize>,
}

impl FunctionCheck {
    fn run(self) -> Result<()> {
        if corpus::is_corpus(&self.function.name) {
            return corpus::check(&self.function.name, &self.function.options);
        }
        if stats::is_aggregate(&self.function.name) {
            return stats::check_function(&self.function.name, &self.function.options);
        }
        let spec = FunctionSpec {
            name: self.function.name,
            args: Vec::new(),
            options: self.function.options,
            constant: self.function.constant,
            model: self.function.model,
            per_row: self.function.per_row,
        };
        if let Some(model) = &spec.model {
            return eval::check_request(model, &spec.options, &spec.per_row, &self.executor_env);
        }
        let fields: Vec<&str> = self.fields.iter().map(String::as_str).collect();
        let per_row: Vec<&str> = spec.per_row.keys().map(String::as_str).collect();
        check_function(&spec.name, &spec.options, &per_row, spec.constant.as_deref(), &fields)
    }
}

/// The quota settings of every model of a session, and the budget.
#[derive(Deserialize)]
struct QuotaRequest {
    models: Vec<ModelConf>,
    budget: BTreeMap<String, String>,
    #[serde(default)]
    application: String,
    #[serde(default)]
    executors: u64,
}

impl QuotaRequest {
    fn plan(self) -> Result<QuotaSpec> {
        quota::plan(&self.models, &self.budget, self.application, self.executors)
    }
}

#[derive(Deserialize)]
struct CallCheck {
    #[serde(default)]
    quota: Option<QuotaRequest>,
    call: CallSpec,
    #[serde(default)]
    replay: bool,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    executor_env: Vec<String>,
}

#[derive(Deserialize)]
struct Hint {
    name: String,
    known: Vec<String>,
}

#[derive(Deserialize)]
struct Finish {
    name: String,
    #[serde(default)]
    options: Map<String, Value>,
}

/// Input: length of the JSON header (u32, little-endian), the header, the state. Doubles in the output are their bits.
fn finish(input: &[u8]) -> Result<Value> {
    let (request, state): (Finish, _) = read_with_bytes(input)?;
    // The aggregate runs in one of the executor's task slots, so it gets one thread.
    let outcome = if corpus::is_corpus(&request.name) {
        stats::with_threads(1, || corpus::finish(&request.name, &request.options, state))??
    } else {
        stats::finish_with_threads(&request.name, &request.options, state, 1)?
    };
    Ok(outcome_json(&outcome))
}

/// Input: the header of `finish`, then states, each behind its length. Output: a list of what `finish` gives, computed on all cores.
fn finish_all(input: &[u8]) -> Result<Value> {
    let (request, bytes): (Finish, _) = read_with_bytes(input)?;
    let outcomes = stats::finish_all(&request.name, &request.options, &states(bytes)?)?;
    Ok(outcomes.iter().map(outcome_json).collect())
}

/// Input: states, each behind its length. Output: the moments of all of them.
fn fold_moments(input: &[u8]) -> Result<Vec<u8>> {
    stats::fold_moments(&states(input)?)
}

/// States, each behind its length (u32, little-endian).
fn states(mut rest: &[u8]) -> Result<Vec<&[u8]>> {
    let malformed = || Error::new(ErrorKind::InvalidSpec, "a message from the jar is cut short");
    let mut states = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
        let (state, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(malformed)?;
        states.push(state);
        rest = after;
    }
    Ok(states)
}

/// JSON has no NaN and no infinity, so doubles go as their bits.
fn outcome_json(outcome: &Outcome) -> Value {
    let bits = |x: Option<f64>| x.map(|x| x.to_bits() as i64);
    let mut json = json!({
        "estimate": bits(outcome.estimate),
        "lower": bits(outcome.lower),
        "upper": bits(outcome.upper),
        "std_error": bits(outcome.std_error),
        "n": outcome.n,
        "n_null": outcome.n_null,
        "level": bits(Some(outcome.level)),
        "method": outcome.method,
        "reason": outcome.reason,
    });
    if let (Some(test), Value::Object(fields)) = (&outcome.test, &mut json) {
        let added = json!({
            "statistic": bits(test.statistic),
            "df": bits(test.df),
            "p_value": bits(test.p_value),
            "alternative": test.alternative,
            "effect_size": bits(test.effect_size),
            "effect_lower": bits(test.effect_lower),
            "effect_upper": bits(test.effect_upper),
            "effect_name": test.effect_name,
            "n_discordant": test.n_discordant,
        });
        fields.extend(added.as_object().cloned().unwrap_or_default());
    }
    json
}

pub(crate) fn read<T: DeserializeOwned>(input: &[u8]) -> Result<T> {
    serde_json::from_slice(input)
        .map_err(|e| Error::new(ErrorKind::InvalidSpec, format!("a message from the jar cannot be read: {e}")))
}

/// A header in JSON behind its length (u32, little-endian), and the bytes that follow it.
pub(crate) fn read_with_bytes<T: DeserializeOwned>(input: &[u8]) -> Result<(T, &[u8])> {
    let malformed = || Error::new(ErrorKind::InvalidSpec, "a message from the jar is cut short");
    let (length, rest) = input.split_first_chunk::<4>().ok_or_else(malformed)?;
    let (header, bytes) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(malformed)?;
    Ok((read(header)?, bytes))
}

/// Lets a test of the JVM see that a panic ends as an exception.
#[allow(clippy::panic)]
fn panic_for_a_test() -> Value {
    panic!("asked for by a test")
}
