//! The one message that the shim sends to open a native session, as versioned JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};

/// The version of the message. The shim and the engine come from one build, so they always agree.
pub const SPEC_VERSION: u32 = 1;

/// What a native session does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SessionSpec {
    /// Row functions over Arrow batches: one batch in, one batch out.
    Eval(EvalSpec),
    /// Model calls: batches in, finished rows out as they finish.
    Complete(Box<CompleteSpec>),
    /// The keys of such calls: one batch in, one batch out.
    Keys(KeysSpec),
    /// A file of a journal: bytes in, rows of a cache table out.
    Journal(JournalRowsSpec),
}

/// Row functions to evaluate together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalSpec {
    /// Must be [`SPEC_VERSION`].
    pub version: u32,
    /// How many columns each batch has.
    pub columns: usize,
    /// The functions. The batch that comes back has one column for each, in this order.
    pub functions: Vec<FunctionSpec>,
}

/// One function call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSpec {
    /// The SQL name, for instance `llm_token_f1`.
    pub name: String,
    /// Where each argument stands: `0..columns` is a column of the batch, `columns + i` the result of function `i`.
    pub args: Vec<usize>,
    /// The options as the user gave them.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Constant text that the function needs once: the template of `llm_prompt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<String>,
    /// The model, for functions that render requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelConf>,
    /// Options that are columns: option name to column.
    #[serde(default)]
    pub per_row: BTreeMap<String, usize>,
}

/// Model calls to make for each row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompleteSpec {
    /// Must be [`SPEC_VERSION`].
    pub version: u32,
    /// How many columns each batch has.
    pub columns: usize,
    /// The calls of one row. The batch that comes back has `row_id` and one struct column for each, in this order.
    pub calls: Vec<CallSpec>,
    /// The quotas and the budget; without them nothing is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaSpec>,
    /// The journal; without it nothing is kept and equal requests share a call only while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalSpec>,
    /// What is done with answers from a cache; without it none are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownSpec>,
}

/// Calls whose keys are asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSpec {
    /// Must be [`SPEC_VERSION`].
    pub version: u32,
    /// How many columns each batch has.
    pub columns: usize,
    /// The calls, as those of [`CompleteSpec`].
    pub calls: Vec<CallSpec>,
}

/// A file of a journal that is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalRowsSpec {
    /// Must be [`SPEC_VERSION`].
    pub version: u32,
}

/// What a session does with answers that it is told before its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownSpec {
    /// A folder of this machine for those that do not fit in memory.
    pub folder: String,
    /// Whether nothing is called: what is not known is a `replay_miss`, and failures are known too.
    #[serde(default)]
    pub replay: bool,
}

/// The journal of a session, and whose part of it the session's results are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalSpec {
    /// Names the journal: the folder of its files.
    pub folder: String,
    /// Names the process among those that write it; no other has or had this name.
    pub executor: String,
    /// The run: a result that is not ok is served in its own run only.
    pub run: String,
    /// The part of the run that the session's rows are: the same when it is done again.
    pub owner: String,
}

/// The most that a run may use; `None` where there is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Requests sent, failed ones included.
    #[serde(default)]
    pub requests: Option<i64>,
    /// Tokens of input and output.
    #[serde(default)]
    pub tokens: Option<i64>,
    /// US dollars.
    #[serde(default)]
    pub usd: Option<f64>,
}

impl Budget {
    /// Whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none() && self.usd.is_none()
    }

    /// The share of one of `parts` processes that know nothing of each other.
    #[must_use]
    pub fn share(&self, parts: u64) -> Self {
        let parts = parts.max(1);
        Budget {
            requests: self.requests.map(|n| n / parts as i64),
            tokens: self.tokens.map(|n| n / parts as i64),
            usd: self.usd.map(|usd| usd / parts as f64),
        }
    }
}

/// The quotas and the budget of the application that a session belongs to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaSpec {
    /// Names the application: another one has another budget and other totals.
    pub application: String,
    /// How many executors there can be. Each takes this part of the limits where the driver cannot be reached.
    pub executors: u64,
    /// The limits of each group, per minute: requests, input tokens, output tokens, tokens.
    #[serde(default)]
    pub groups: BTreeMap<String, [Option<u64>; 4]>,
    /// The run's budget.
    #[serde(default)]
    pub budget: Budget,
}

/// What a call asks a model for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// An answer: `llm_complete`.
    #[default]
    Complete,
    /// The embedding of a text: `llm_embed`.
    Embed,
}

/// One model call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallSpec {
    /// What is asked for.
    #[serde(default)]
    pub kind: CallKind,
    /// The model.
    pub model: ModelConf,
    /// Where the prompt comes from.
    pub prompt: PromptSpec,
    /// Constant options as the user gave them.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Options that are columns: option name to column.
    #[serde(default)]
    pub per_row: BTreeMap<String, usize>,
    /// A BOOLEAN column; where it is not true the call is not made and the result is NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<usize>,
}

/// Where a prompt comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PromptSpec {
    /// A column: STRING, or ARRAY<STRUCT<role, content>> as chat messages.
    Column(usize),
    /// A template over a STRUCT column; its error, if any, goes to the row's `error`.
    Template {
        /// The Jinja text.
        source: String,
        /// The STRUCT column.
        column: usize,
    },
}

/// A model as configured: the settings under `spark.assay.model.<name>.`, without that prefix.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConf {
    /// The name under which queries know the model.
    pub name: String,
    /// Key to value, for instance `provider` to `openai`. Holds secrets, so `Debug` shows keys only.
    pub conf: BTreeMap<String, String>,
}

impl fmt::Debug for ModelConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelConf").field("name", &self.name).field("keys", &self.conf.keys()).finish()
    }
}

impl SessionSpec {
    /// Reads a spec and checks its version.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let spec: SessionSpec = serde_json::from_slice(json)
            .map_err(|e| Error::new(ErrorKind::InvalidSpec, format!("the session spec cannot be read: {e}")))?;
        let version = match &spec {
            SessionSpec::Eval(eval) => eval.version,
            SessionSpec::Complete(complete) => complete.version,
            SessionSpec::Keys(keys) => keys.version,
            SessionSpec::Journal(journal) => journal.version,
        };
        if version != SPEC_VERSION {
            return Err(Error::new(
                ErrorKind::VersionMismatch,
                format!("the session spec has version {version}, this library reads {SPEC_VERSION}; use one build"),
            ));
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_refused() {
        let e = SessionSpec::from_json(br#"{"kind":"eval","version":7,"columns":0,"functions":[]}"#).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::VersionMismatch);
    }

    #[test]
    fn debug_shows_no_secret() {
        let conf =
            ModelConf { name: "m".into(), conf: BTreeMap::from([("apiKeySecret".to_string(), "sk-123".to_string())]) };
        assert_eq!(format!("{conf:?}"), r#"ModelConf { name: "m", keys: ["apiKeySecret"] }"#);
    }
}
