//! Rows as requests: prompts, per-row options, and what stands in the way of a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use minijinja::value::ValueKind;
use serde_json::{Map, Value};

use super::chats::{Chats, unsupported};
use super::columns::Texts;
use super::values::StructRows;
use crate::completion::{CallError, Completion, Status};
use crate::error::{Error, ErrorKind, Result};
use crate::inference::Requests;
use crate::message::{Message, Role};
use crate::options::check_per_row;
use crate::provider::format::{Format, format_of};
use crate::provider::{EMBED, FUNCTION, Model, Prepared, call_options, check_model, function_of};
use crate::spec::{CallKind, CallSpec, ModelConf, PromptSpec};
use crate::template::Template;

/// How the rows of a call become requests.
///
/// It resolves no key and calls nothing, so that `llm_request_key` and previews can use it: for a batch whose columns are
/// `columns`, `plan.rows(columns)?.key(row)` is the row's cache key and `.canonical(row)` its request as text.
pub struct RequestPlan {
    model: Model,
    kind: CallKind,
    format: Arc<dyn Format>,
    prompt: PromptPlan,
    constant: Map<String, Value>,
    per_row: BTreeMap<String, usize>,
    requests: Requests,
}

enum PromptPlan {
    Column(usize),
    Template { template: Box<Template>, column: usize },
}

/// Why a row has no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRequest {
    /// No prompt, or a request that is not valid.
    pub status: Status,
    /// What is wrong, without the row's data.
    pub error: Error,
}

impl NoRequest {
    /// A row without a prompt.
    pub(super) fn no_prompt(what: &str) -> Self {
        NoRequest { status: Status::NoPrompt, error: Error::new(ErrorKind::InvalidArgument, what) }
    }

    /// The row's completion.
    pub fn into_completion(self, model: &str) -> Completion {
        // A NULL prompt is a state of the row and not one of the engine's error kinds.
        let condition = match self.error.kind() {
            ErrorKind::InvalidArgument => self.status.condition(),
            kind => kind.condition(),
        };
        let error = CallError {
            condition: condition.to_string(),
            message: self.error.message().to_string(),
            retryable: false,
            http_status: None,
        };
        Completion { error: Some(error), ..Completion::uncalled(model, self.status) }
    }
}

/// Checks a call's model, key, options and template. For planning.
///
/// `executor_env` names the environment variables that executors get; `fields` are those of the template's struct, and not
/// looked at where the prompt is a column. A `replay` calls nothing and needs no key.
pub fn check_call(call: &CallSpec, executor_env: &[String], fields: &[&str], replay: bool) -> Result<()> {
    match check_model(&call.model, call.kind, executor_env) {
        Err(e) if replay && e.kind() == ErrorKind::MissingKey => {}
        checked => checked?,
    }
    let plan = RequestPlan::new(&call.model, call.kind, &call.prompt, &call.options, &call.per_row)?;
    match &plan.prompt {
        PromptPlan::Column(_) => Ok(()),
        PromptPlan::Template { template, .. } => template.check_variables(fields),
    }
}

impl RequestPlan {
    /// Checks the settings, the constant options and the template.
    pub fn new(
        model: &ModelConf,
        kind: CallKind,
        prompt: &PromptSpec,
        options: &Map<String, Value>,
        per_row: &BTreeMap<String, usize>,
    ) -> Result<Self> {
        let model = Model::from_conf(model)?;
        let format = format_of(&model, kind)?;
        let requests = Requests::in_format(&model, kind, format.as_ref(), options)?;
        check_per_row(function_of(kind), per_row.keys().map(String::as_str))?;
        let prompt = match prompt {
            PromptSpec::Column(column) => PromptPlan::Column(*column),
            PromptSpec::Template { source, column } => {
                PromptPlan::Template { template: Box::new(Template::compile(source)?), column: *column }
            }
        };
        let constant = call_options(kind, options)?.as_map().clone();
        Ok(RequestPlan { model, kind, format, prompt, constant, per_row: per_row.clone(), requests })
    }

    /// The same, with the canonical text in each request.
    #[must_use]
    pub fn keeping_canonical(self, keeps: bool) -> Self {
        RequestPlan { requests: self.requests.clone().keeping_canonical(keeps), ..self }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The columns that the plan reads.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        let prompt = match self.prompt {
            PromptPlan::Column(column) | PromptPlan::Template { column, .. } => column,
        };
        std::iter::once(prompt).chain(self.per_row.values().copied())
    }

    /// The rows of a batch with these `columns`. Errors: [`ErrorKind::UnsupportedType`] for a column that is no prompt or no
    /// option, [`ErrorKind::MalformedBatch`] for one that is not there.
    pub fn rows<'a>(&'a self, columns: &'a [ArrayRef]) -> Result<RequestRows<'a>> {
        let column = |index: usize| {
            columns.get(index).ok_or_else(|| {
                Error::new(
                    ErrorKind::MalformedBatch,
                    format!("the call reads column {index} of a batch that has {}", columns.len()),
                )
            })
        };
        let prompts = match &self.prompt {
            PromptPlan::Column(index) => Prompts::new(self.kind, column(*index)?)?,
            PromptPlan::Template { template, column: index } => Prompts::template(template, column(*index)?)?,
        };
        let mut options = None;
        if !self.per_row.is_empty() {
            let mut fields = Vec::new();
            let mut arrays = Vec::new();
            for (name, index) in &self.per_row {
                let array = column(*index)?;
                fields.push(Field::new(name, array.data_type().clone(), true));
                arrays.push(Arc::clone(array));
            }
            let rows = StructArray::try_new(Fields::from(fields), arrays, None)
                .map_err(|e| Error::internal(format!("option columns do not fit together: {e}")))?;
            options = Some(StructRows::new(&rows).map_err(|e| e.context(FUNCTION.name))?);
        }
        Ok(RequestRows { plan: self, prompts, options })
    }
}

/// The rows of one batch as requests.
pub struct RequestRows<'a> {
    plan: &'a RequestPlan,
    prompts: Prompts<'a>,
    options: Option<StructRows>,
}

impl RequestRows<'_> {
    /// The request of `row`, ready to be sent.
    pub fn prepare(&self, row: usize) -> std::result::Result<Prepared, NoRequest> {
        self.with(row, Requests::prepare)
    }

    /// The cache key of `row`'s request.
    pub fn key(&self, row: usize) -> std::result::Result<String, NoRequest> {
        self.with(row, Requests::key)
    }

    /// The request of `row` as canonical text, which its key is the hash of.
    pub fn canonical(&self, row: usize) -> std::result::Result<String, NoRequest> {
        self.with(row, Requests::canonical)
    }

    fn with<T>(
        &self,
        row: usize,
        make: impl Fn(&Requests, &[Message<'_>]) -> Result<T>,
    ) -> std::result::Result<T, NoRequest> {
        let invalid = |error| NoRequest { status: Status::InvalidRequest, error };
        let own = self.own_requests(row).map_err(invalid)?;
        let requests = own.as_ref().unwrap_or(&self.plan.requests);
        self.prompts.with(row, |messages| make(requests, messages).map_err(invalid))
    }

    /// `None` where the row has no option of its own.
    fn own_requests(&self, row: usize) -> Result<Option<Requests>> {
        let Some(options) = &self.options else { return Ok(None) };
        let Some(Value::Object(mut given)) = json(&options.row(row)) else {
            return Err(Error::new(ErrorKind::InvalidOption, format!("{}: an option is no JSON value", FUNCTION.name)));
        };
        given.retain(|_, value| !value.is_null());
        if given.is_empty() {
            return Ok(None);
        }
        let mut all = self.plan.constant.clone();
        all.extend(given);
        let own = Requests::in_format(&self.plan.model, self.plan.kind, self.plan.format.as_ref(), &all)?;
        Ok(Some(own.keeping_canonical(self.plan.requests.keeps_canonical())))
    }
}

/// A value of a column as JSON; `None` where JSON has no such value.
fn json(value: &minijinja::Value) -> Option<Value> {
    Some(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::String => Value::from(value.as_str()?),
        ValueKind::Number => match value.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(f64::try_from(value.clone()).ok().filter(|number| number.is_finite())?),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter().ok()?.map(|item| json(&item)).collect::<Option<_>>()?
        }
        ValueKind::Map => {
            let entry = |key: minijinja::Value| Some((key.as_str()?.to_string(), json(&value.get_item(&key).ok()?)?));
            Value::Object(value.try_iter().ok()?.map(entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// A column of prompts.
enum Prompts<'a> {
    Text(Texts<'a>),
    Template { template: &'a Template, rows: StructRows },
    Chats(Chats<'a>),
}

impl<'a> Prompts<'a> {
    fn new(kind: CallKind, array: &'a ArrayRef) -> Result<Self> {
        match (kind, array.data_type()) {
            (CallKind::Complete, DataType::List(_) | DataType::LargeList(_)) => Chats::new(array).map(Prompts::Chats),
            (CallKind::Complete, other) => Texts::new(array).map(Prompts::Text).map_err(|_| unsupported(other)),
            (CallKind::Embed, other) => Texts::new(array).map(Prompts::Text).map_err(|_| {
                let message = format!("{}: the text must be STRING, not {other}", EMBED.name);
                Error::new(ErrorKind::UnsupportedType, message)
            }),
        }
    }

    fn template(template: &'a Template, array: &'a ArrayRef) -> Result<Self> {
        let structs = array.as_struct_opt().ok_or_else(|| {
            Error::new(
                ErrorKind::UnsupportedType,
                format!("{}: a template takes a STRUCT, not {}", FUNCTION.name, array.data_type()),
            )
        })?;
        Ok(Prompts::Template { template, rows: StructRows::new(structs)? })
    }

    fn with<T>(
        &self,
        row: usize,
        make: impl Fn(&[Message<'_>]) -> std::result::Result<T, NoRequest>,
    ) -> std::result::Result<T, NoRequest> {
        let user = |content: &str| make(&[Message::text(Role::User, content)]);
        match self {
            Prompts::Text(texts) => {
                texts.get(row).map_or_else(|| Err(NoRequest::no_prompt("the prompt is NULL")), user)
            }
            Prompts::Template { template, rows } => match template.render(rows.row(row)) {
                Ok(prompt) => user(&prompt),
                Err(error) => Err(NoRequest { status: Status::NoPrompt, error }),
            },
            Prompts::Chats(chats) => make(&chats.get(row)?),
        }
    }
}
