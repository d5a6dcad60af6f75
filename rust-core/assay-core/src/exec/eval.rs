//! Row functions over Arrow batches.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Float64Builder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result, hint};
use crate::exec::columns::{References, Texts};
use crate::exec::ipc::{read_batch, write_batch};
use crate::exec::requests::RequestPlan;
use crate::exec::values::StructRows;
use crate::metrics::{self, Metric, MetricInfo};
use crate::options::{FunctionInfo, Options, check_per_row, resolve};
use crate::provider::{FUNCTION as COMPLETE, check_model};
use crate::spec::{CallKind, EvalSpec, FunctionSpec, ModelConf, PromptSpec};
use crate::template::Template;

/// `llm_prompt(template, struct)`.
pub const PROMPT: FunctionInfo = FunctionInfo { name: "llm_prompt", options: &[] };

/// `llm_request(model, prompt [, options])`: the request as canonical JSON; nothing is sent.
pub const REQUEST: FunctionInfo = FunctionInfo { name: "llm_request", options: COMPLETE.options };

/// `llm_request_key(model, prompt [, options])`: the key of the request.
pub const REQUEST_KEY: FunctionInfo = FunctionInfo { name: "llm_request_key", options: COMPLETE.options };

/// Every row function that [`EvalSession`] evaluates.
pub fn functions() -> impl Iterator<Item = &'static FunctionInfo> {
    [&PROMPT, &REQUEST, &REQUEST_KEY].into_iter().chain(metrics::FUNCTIONS)
}

/// Checks one call of a row function as far as that is possible before there are rows.
///
/// `options` are the constant options as the user gave them, `per_row` the names of those that are columns,
/// `constant` the template of `llm_prompt` and `fields` the field names of its struct.
///
/// Errors: [`ErrorKind::UnknownFunction`], [`ErrorKind::UnknownOption`], [`ErrorKind::InvalidOption`],
/// [`ErrorKind::InvalidArgument`], [`ErrorKind::TemplateSyntax`], [`ErrorKind::TemplateVariable`]; each names the
/// nearest thing that there is.
///
/// ```
/// use assay_core::exec::check_function;
/// let none = serde_json::Map::new();
/// assert!(check_function("llm_token_f1", &none, &[], None, &[]).is_ok());
/// let error = check_function("llm_token_f2", &none, &[], None, &[]).unwrap_err();
/// assert_eq!(error.message(), "there is no function llm_token_f2; did you mean 'llm_token_f1'?");
/// ```
pub fn check_function(
    name: &str,
    options: &Map<String, Value>,
    per_row: &[&str],
    constant: Option<&str>,
    fields: &[&str],
) -> Result<()> {
    match Kernel::new(name, options, per_row.iter().copied(), constant)? {
        Kernel::Prompt(template) => template.check_variables(fields),
        Kernel::Metric { .. } | Kernel::Request { .. } => Ok(()),
    }
}

/// Checks one call of `llm_request` or `llm_request_key`: model, key and options. For planning.
pub fn check_request(
    model: &ModelConf,
    options: &Map<String, Value>,
    per_row: &BTreeMap<String, usize>,
    executor_env: &[String],
) -> Result<()> {
    check_model(model, CallKind::Complete, executor_env)?;
    RequestPlan::new(model, CallKind::Complete, &PromptSpec::Column(0), options, per_row).map(|_| ())
}

/// Row functions, ready to be applied to batches. Shared freely between threads.
#[derive(Debug)]
pub struct EvalSession {
    columns: usize,
    steps: Vec<Step>,
}

impl EvalSession {
    /// Checks the spec and compiles its templates.
    ///
    /// Errors: those of [`check_function`], and [`ErrorKind::InvalidSpec`] for argument positions that do not exist.
    pub fn open(spec: &EvalSpec) -> Result<EvalSession> {
        let steps = spec.functions.iter().enumerate().map(|(i, f)| Step::new(f, spec.columns + i));
        Ok(EvalSession { columns: spec.columns, steps: steps.collect::<Result<_>>()? })
    }

    /// Evaluates the functions over one batch.
    ///
    /// `ipc` is an Arrow IPC stream of one record batch; so is the result, with one nullable column for each function
    /// and as many rows. A metric gives Float64, NULL where prediction or reference is NULL or no reference is left;
    /// `llm_prompt` gives Utf8, NULL where the struct is NULL or the template does not render for the row.
    ///
    /// Errors: [`ErrorKind::MalformedBatch`], and [`ErrorKind::UnsupportedType`] naming column, type and function.
    pub fn eval(&self, ipc: &[u8]) -> Result<Vec<u8>> {
        write_batch(&self.eval_batch(&read_batch(ipc)?)?)
    }

    /// [`EvalSession::eval`] for a batch that is in memory already.
    pub fn eval_batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if batch.num_columns() != self.columns {
            return Err(Error::new(
                ErrorKind::MalformedBatch,
                format!("the batch has {} columns, the session was opened for {}", batch.num_columns(), self.columns),
            ));
        }
        let mut columns = batch.columns().to_vec();
        for step in &self.steps {
            columns.push(step.eval(&columns, batch.num_rows())?);
        }
        let results = columns.split_off(self.columns);
        let fields: Vec<Field> = (self.steps.iter().zip(&results))
            .map(|(step, array)| Field::new(step.name, array.data_type().clone(), true))
            .collect();
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), results, &rows)
            .map_err(|e| Error::internal(format!("the results do not form a batch: {e}")))
    }
}

/// One function of a session.
#[derive(Debug)]
struct Step {
    name: &'static str,
    args: Vec<usize>,
    kernel: Kernel,
}

impl Step {
    fn new(spec: &FunctionSpec, columns_before: usize) -> Result<Step> {
        let kernel = Kernel::of_spec(spec)?;
        let name = kernel.name();
        if spec.args.len() != kernel.arity() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{name} takes {} columns, not {}", kernel.arity(), spec.args.len()),
            ));
        }
        if let Some(arg) = spec.args.iter().find(|&&arg| arg >= columns_before) {
            return Err(Error::new(
                ErrorKind::InvalidSpec,
                format!("{name} reads column {arg}, but only {columns_before} come before it"),
            ));
        }
        Ok(Step { name, args: spec.args.clone(), kernel })
    }

    fn eval(&self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        match (&self.kernel, self.args.as_slice()) {
            (Kernel::Prompt(template), &[rows_arg]) => match columns[rows_arg].data_type() {
                DataType::Null => Ok(Arc::new(arrow::array::StringArray::new_null(rows))),
                DataType::Struct(_) => prompts(template, &columns[rows_arg])
                    .map_err(|e| e.context(format!("{} (column {rows_arg})", self.name))),
                other => Err(self.unsupported(rows_arg, other, "a STRUCT")),
            },
            (Kernel::Metric { info, options }, &[prediction_arg, reference_arg]) => {
                let predictions = Texts::new(&columns[prediction_arg])
                    .map_err(|t| self.unsupported(prediction_arg, &t, "a STRING"))?;
                let references = References::new(&columns[reference_arg])
                    .map_err(|t| self.unsupported(reference_arg, &t, "a STRING or an ARRAY<STRING>"))?;
                let mut metric = (info.create)(options);
                Ok(scores(metric.as_mut(), &predictions, &references, rows))
            }
            (Kernel::Request { plan, key }, &[_]) => requests(plan, *key, columns, rows),
            _ => Err(Error::internal(format!("{} was opened with {} arguments", self.name, self.args.len()))),
        }
    }

    fn unsupported(&self, column: usize, found: &DataType, wanted: &str) -> Error {
        Error::new(
            ErrorKind::UnsupportedType,
            format!("{}: column {column} has type {found}; it takes {wanted}", self.name),
        )
    }
}

/// What a step does with its columns.
enum Kernel {
    Metric { info: &'static MetricInfo, options: Options },
    Prompt(Box<Template>),
    Request { plan: Box<RequestPlan>, key: bool },
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Kernel {
    fn of_spec(spec: &FunctionSpec) -> Result<Kernel> {
        let key = spec.name == REQUEST_KEY.name;
        if !key && spec.name != REQUEST.name {
            let per_row = spec.per_row.keys().map(String::as_str);
            return Kernel::new(&spec.name, &spec.options, per_row, spec.constant.as_deref());
        }
        let (Some(model), &[prompt]) = (&spec.model, spec.args.as_slice()) else {
            let message = format!("{} needs a model and a prompt", spec.name);
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        };
        let plan =
            RequestPlan::new(model, CallKind::Complete, &PromptSpec::Column(prompt), &spec.options, &spec.per_row)?;
        Ok(Kernel::Request { plan: Box::new(plan), key })
    }

    fn new<'a>(
        name: &str,
        options: &Map<String, Value>,
        per_row: impl Iterator<Item = &'a str>,
        constant: Option<&str>,
    ) -> Result<Kernel> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
        if name == PROMPT.name {
            resolve(&PROMPT, options)?;
            check_per_row(&PROMPT, per_row)?;
            return match constant {
                Some(source) => Ok(Kernel::Prompt(Box::new(Template::compile(source)?))),
                None => invalid(format!("{name} needs a constant template")),
            };
        }
        let Some(info) = metrics::find(name) else {
            return Err(Error::new(
                ErrorKind::UnknownFunction,
                format!("there is no function {name}{}", hint(name, functions().map(|f| f.name))),
            ));
        };
        let options = resolve(&info.function, options)?;
        check_per_row(&info.function, per_row)?;
        match constant {
            None => Ok(Kernel::Metric { info, options }),
            Some(_) => invalid(format!("{name} takes no constant")),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Kernel::Metric { info, .. } => info.function.name,
            Kernel::Prompt(_) => PROMPT.name,
            Kernel::Request { key: false, .. } => REQUEST.name,
            Kernel::Request { key: true, .. } => REQUEST_KEY.name,
        }
    }

    fn arity(&self) -> usize {
        match self {
            Kernel::Metric { .. } => 2,
            Kernel::Prompt(_) | Kernel::Request { .. } => 1,
        }
    }
}

fn scores(metric: &mut dyn Metric, predictions: &Texts<'_>, references: &References<'_>, rows: usize) -> ArrayRef {
    let mut results = Float64Builder::with_capacity(rows);
    match references {
        References::One(references) => {
            for row in 0..rows {
                let pair = predictions.get(row).zip(references.get(row));
                results.append_option(pair.map(|(prediction, reference)| metric.score(prediction, reference)));
            }
        }
        References::Many(lists) => {
            let mut found = Vec::new();
            for row in 0..rows {
                let prediction = predictions.get(row).filter(|_| lists.get(row, &mut found));
                results.append_option(prediction.and_then(|prediction| metric.score_best(prediction, &found)));
            }
        }
    }
    Arc::new(results.finish())
}

fn prompts(template: &Template, column: &ArrayRef) -> Result<ArrayRef> {
    let rows = StructRows::new(column.as_struct())?;
    let mut results = StringBuilder::with_capacity(rows.len(), (rows.len() * 64).min(1 << 20));
    for row in 0..rows.len() {
        let rendered = if column.is_valid(row) { template.render(rows.row(row)).ok() } else { None };
        results.append_option(rendered);
    }
    Ok(Arc::new(results.finish()))
}

/// The canonical text or the key of each row's request; NULL where the row makes none.
fn requests(plan: &RequestPlan, key: bool, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let requests = plan.rows(columns)?;
    let results = (0..rows).map(|row| if key { requests.key(row) } else { requests.canonical(row) }.ok());
    Ok(Arc::new(results.collect::<StringArray>()))
}

#[cfg(test)]
mod tests;
