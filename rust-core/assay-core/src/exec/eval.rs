//! Row functions over Arrow batches.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Int64Array, NullArray, StringArray, StringBuilder, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result, hint};
use crate::exec::columns::{Pairs, References, Texts};
use crate::exec::completion_schema::fields;
use crate::exec::corpus::{COUNTS, Counting};
use crate::exec::ipc::{check_columns, read_batch, write_batch};
use crate::exec::metric::Together;
use crate::exec::numbers::{adjusted, numbers};
use crate::exec::requests::RequestPlan;
use crate::exec::scores::{SCORES, Scores};
#[cfg(feature = "semantic")]
use crate::exec::semantic::{self, SemanticFunction};
use crate::exec::text::{self, TextFunction};
use crate::exec::values::StructRows;
use crate::inference::{Estimator, Tokens};
use crate::metrics::{self, Stop};
use crate::options::{FunctionInfo, Options, check_per_row, resolve};
use crate::provider::{FUNCTION as COMPLETE, Prepared, check_model};
use crate::spec::{CallKind, EvalSpec, FunctionSpec, ModelConf, PromptSpec};
use crate::stats::p_adjust::Adjustment;
use crate::stats::row_functions::{NUMBER_FUNCTIONS, NumberFunction, P_ADJUST, adjustment};
use crate::template::Template;

/// `llm_prompt(template, struct)`.
pub const PROMPT: FunctionInfo = FunctionInfo { name: "llm_prompt", options: &[] };

/// `llm_request(model, prompt [, options])`: the request as canonical JSON; nothing is sent.
pub const REQUEST: FunctionInfo = FunctionInfo { name: "llm_request", options: COMPLETE.options };

/// `llm_request_key(model, prompt [, options])`: the key of the request.
pub const REQUEST_KEY: FunctionInfo = FunctionInfo { name: "llm_request_key", options: COMPLETE.options };

/// `llm_estimate(model, prompt [, options])`: the key of the request and what it will use, without sending it.
pub const ESTIMATE: FunctionInfo = FunctionInfo { name: "llm_estimate", options: COMPLETE.options };

/// Every row function that [`EvalSession`] evaluates.
pub fn functions() -> impl Iterator<Item = &'static FunctionInfo> {
    let others = [&PROMPT, &REQUEST, &REQUEST_KEY, &ESTIMATE, &SCORES, &P_ADJUST];
    #[cfg(feature = "semantic")]
    let others = others.into_iter().chain(semantic::FUNCTIONS.iter().copied());
    let of_numbers = NUMBER_FUNCTIONS.iter().map(|function| &function.info);
    others.into_iter().chain(text::FUNCTIONS.iter().copied()).chain(metrics::FUNCTIONS).chain(of_numbers)
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
    match Kernel::new(name, options, per_row.iter().copied(), constant, &Stop::default())? {
        Kernel::Prompt(template) => template.check_variables(fields),
        _ => Ok(()),
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
    names: Vec<&'static str>,
    steps: Vec<Step>,
    stop: Stop,
}

impl EvalSession {
    /// Checks the spec and compiles its templates.
    ///
    /// Errors: those of [`check_function`], and [`ErrorKind::InvalidSpec`] for argument positions that do not exist.
    pub fn open(spec: &EvalSpec) -> Result<EvalSession> {
        let (mut names, mut steps, stop) = (Vec::new(), Vec::new(), Stop::default());
        for function in &spec.functions {
            let step = Step::new(function, spec.columns + names.len(), &stop)?;
            names.push(step.name());
            add(&mut steps, step, &stop)?;
        }
        Ok(EvalSession { columns: spec.columns, names, steps, stop })
    }

    /// Has [`EvalSession::eval`], which may run in other threads, end within a second with [`ErrorKind::Cancelled`].
    pub fn cancel(&self) {
        self.stop.set();
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
        check_columns(batch, self.columns)?;
        let mut columns = batch.columns().to_vec();
        columns.resize(self.columns + self.names.len(), Arc::new(NullArray::new(batch.num_rows())));
        for step in &self.steps {
            for (place, column) in step.results.iter().zip(step.eval(&columns, batch.num_rows(), &self.stop)?) {
                columns[*place] = column;
            }
            if self.stop.is_set() {
                return Err(Error::new(ErrorKind::Cancelled, format!("{} was cancelled", step.name())));
            }
        }
        let results = columns.split_off(self.columns);
        let fields: Vec<Field> = (self.names.iter().zip(&results))
            .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
            .collect();
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), results, &rows)
            .map_err(|e| Error::internal(format!("the results do not form a batch: {e}")))
    }
}

/// One function of a session, or several metrics of the same columns.
#[derive(Debug)]
struct Step {
    args: Vec<usize>,
    kernel: Kernel,
    /// Where its results go: behind the columns of the batch, each function's at its place in the spec.
    results: Vec<usize>,
}

/// Adds a step, or has an earlier one do what it would: the columns that both read are there by then.
fn add(steps: &mut Vec<Step>, step: Step, stop: &Stop) -> Result<()> {
    for earlier in steps.iter_mut().filter(|earlier| earlier.args == step.args) {
        if let (Kernel::Metrics(here), Kernel::Metrics(there)) = (&mut earlier.kernel, &step.kernel)
            && here.join(there, stop)?
        {
            earlier.results.extend(step.results);
            return Ok(());
        }
    }
    steps.push(step);
    Ok(())
}

impl Step {
    fn new(spec: &FunctionSpec, columns_before: usize, stop: &Stop) -> Result<Step> {
        let kernel = Kernel::of_spec(spec, stop)?;
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
        Ok(Step { args: spec.args.clone(), kernel, results: vec![columns_before] })
    }

    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    /// A column for each of `results`.
    fn eval(&self, columns: &[ArrayRef], rows: usize, stop: &Stop) -> Result<Vec<ArrayRef>> {
        let column = match (&self.kernel, self.args.as_slice()) {
            (Kernel::Numbers(function, options), args) => {
                let arguments: Vec<&ArrayRef> = args.iter().map(|&arg| &columns[arg]).collect();
                numbers(function, options, &arguments, rows)
                    .map_err(|i| self.unsupported(args[i], columns[args[i]].data_type(), "a DOUBLE"))
            }
            (Kernel::Adjust(adjustment), &[column]) => adjusted(&columns[column], *adjustment)
                .ok_or_else(|| self.unsupported(column, columns[column].data_type(), "an ARRAY<DOUBLE>")),
            (Kernel::Prompt(template), &[rows_arg]) => match columns[rows_arg].data_type() {
                DataType::Null => Ok(Arc::new(StringArray::new_null(rows)) as ArrayRef),
                DataType::Struct(_) => prompts(template, &columns[rows_arg])
                    .map_err(|e| e.context(format!("{} (column {rows_arg})", self.name()))),
                other => Err(self.unsupported(rows_arg, other, "a STRUCT")),
            },
            #[cfg(feature = "semantic")]
            (Kernel::Semantic(function), args) => {
                let arrays: Vec<&ArrayRef> = args.iter().map(|&arg| &columns[arg]).collect();
                function.eval(&arrays, rows, stop, &|i, found, wanted| self.unsupported(args[i], found, wanted))
            }
            (kernel, &[prediction, reference]) => {
                let predictions =
                    Texts::new(&columns[prediction]).map_err(|t| self.unsupported(prediction, &t, "a STRING"))?;
                let references = References::new(&columns[reference])
                    .map_err(|t| self.unsupported(reference, &t, "a STRING or an ARRAY<STRING>"))?;
                let pairs = Pairs::new(predictions, references);
                match kernel {
                    Kernel::Metrics(together) => return together.eval(pairs, rows, stop),
                    Kernel::Scores(scores) => scores.eval(&pairs, rows, stop),
                    Kernel::Counts(counting) => counting.eval(pairs, rows, stop),
                    _ => Err(Error::internal(format!("{} was opened with two arguments", self.name()))),
                }
            }
            (Kernel::Text(function), &[column]) => {
                function.eval(&columns[column], rows, stop, &|found, wanted| self.unsupported(column, found, wanted))
            }
            (Kernel::Request { plan, about }, &[_]) => requests(plan, *about, columns, rows),
            _ => Err(Error::internal(format!("{} was opened with {} arguments", self.name(), self.args.len()))),
        };
        Ok(vec![column?])
    }

    fn unsupported(&self, column: usize, found: &DataType, wanted: &str) -> Error {
        Error::new(
            ErrorKind::UnsupportedType,
            format!("{}: column {column} has type {found}; it takes {wanted}", self.name()),
        )
    }
}

/// What a step does with its columns.
enum Kernel {
    Metrics(Together),
    Scores(Scores),
    Counts(Counting),
    #[cfg(feature = "semantic")]
    Semantic(SemanticFunction),
    Text(TextFunction),
    Numbers(&'static NumberFunction, Options),
    Adjust(Adjustment),
    Prompt(Box<Template>),
    Request {
        plan: Box<RequestPlan>,
        about: About,
    },
}

/// What is asked about a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Text,
    Key,
    Estimate,
}

impl About {
    const ALL: [About; 3] = [About::Text, About::Key, About::Estimate];

    fn function(self) -> &'static FunctionInfo {
        match self {
            About::Text => &REQUEST,
            About::Key => &REQUEST_KEY,
            About::Estimate => &ESTIMATE,
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Kernel {
    fn of_spec(spec: &FunctionSpec, stop: &Stop) -> Result<Kernel> {
        let Some(about) = About::ALL.into_iter().find(|about| about.function().name == spec.name) else {
            let per_row = spec.per_row.keys().map(String::as_str);
            return Kernel::new(&spec.name, &spec.options, per_row, spec.constant.as_deref(), stop);
        };
        let (Some(model), &[prompt]) = (&spec.model, spec.args.as_slice()) else {
            let message = format!("{} needs a model and a prompt", spec.name);
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        };
        let plan =
            RequestPlan::new(model, CallKind::Complete, &PromptSpec::Column(prompt), &spec.options, &spec.per_row)?;
        Ok(Kernel::Request { plan: Box::new(plan), about })
    }

    fn new<'a>(
        name: &str,
        options: &Map<String, Value>,
        per_row: impl Iterator<Item = &'a str>,
        constant: Option<&str>,
        stop: &Stop,
    ) -> Result<Kernel> {
        fn invalid<T>(message: String) -> Result<T> {
            Err(Error::new(ErrorKind::InvalidArgument, message))
        }
        if name == PROMPT.name {
            resolve(&PROMPT, options)?;
            check_per_row(&PROMPT, per_row)?;
            return match constant {
                Some(source) => Ok(Kernel::Prompt(Box::new(Template::compile(source)?))),
                None => invalid(format!("{name} needs a constant template")),
            };
        }
        let per_row: Vec<&str> = per_row.collect();
        let constants_only = |info: &FunctionInfo| check_per_row(info, per_row.iter().copied());
        if name == SCORES.name {
            constants_only(&SCORES)?;
            let names = constant.map_or_else(|| invalid(format!("{name} needs a constant array of metrics")), Ok)?;
            return Scores::new(names, options, stop).map(Kernel::Scores);
        }
        if let (Some(metric), true) = (constant, name == COUNTS.name) {
            return Counting::new(metric, options, stop).map(Kernel::Counts);
        }
        #[cfg(feature = "semantic")]
        if let Some(info) = semantic::FUNCTIONS.iter().find(|info| info.name == name) {
            constants_only(info)?;
            return SemanticFunction::new(info, resolve(info, options)?, constant).map(Kernel::Semantic);
        }
        if constant.is_some() {
            return invalid(format!("{name} takes no constant"));
        }
        if let Some(info) = text::FUNCTIONS.iter().find(|info| info.name == name) {
            constants_only(info)?;
            return TextFunction::new(info, resolve(info, options)?, stop).map(Kernel::Text);
        }
        if let Some(function) = NUMBER_FUNCTIONS.iter().find(|function| function.info.name == name) {
            constants_only(&function.info)?;
            return Ok(Kernel::Numbers(function, resolve(&function.info, options)?));
        }
        if name == P_ADJUST.name {
            constants_only(&P_ADJUST)?;
            return Ok(Kernel::Adjust(adjustment(&resolve(&P_ADJUST, options)?)));
        }
        let Some(info) = metrics::find(name) else {
            return Err(Error::new(
                ErrorKind::UnknownFunction,
                format!("there is no function {name}{}", hint(name, functions().map(|f| f.name))),
            ));
        };
        let options = resolve(&info.function, options)?;
        constants_only(&info.function)?;
        Together::new(vec![(info, options)], stop).map(Kernel::Metrics)
    }

    fn name(&self) -> &'static str {
        match self {
            Kernel::Metrics(together) => together.name(),
            Kernel::Scores(_) => SCORES.name,
            Kernel::Counts(_) => COUNTS.name,
            #[cfg(feature = "semantic")]
            Kernel::Semantic(function) => function.name(),
            Kernel::Text(function) => function.name(),
            Kernel::Numbers(function, _) => function.info.name,
            Kernel::Adjust(_) => P_ADJUST.name,
            Kernel::Prompt(_) => PROMPT.name,
            Kernel::Request { about, .. } => about.function().name,
        }
    }

    fn arity(&self) -> usize {
        match self {
            #[cfg(feature = "semantic")]
            Kernel::Semantic(function) => function.arity(),
            Kernel::Metrics(_) | Kernel::Scores(_) | Kernel::Counts(_) => 2,
            Kernel::Numbers(function, _) => function.arguments.len(),
            Kernel::Prompt(_) | Kernel::Request { .. } | Kernel::Text(_) | Kernel::Adjust(_) => 1,
        }
    }
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

/// What is asked about each row's request; NULL where the row makes none.
fn requests(plan: &RequestPlan, about: About, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let requests = plan.rows(columns)?;
    Ok(match about {
        About::Text => Arc::new((0..rows).map(|row| requests.canonical(row).ok()).collect::<StringArray>()),
        About::Key => Arc::new((0..rows).map(|row| requests.key(row).ok()).collect::<StringArray>()),
        About::Estimate => {
            let estimator = Tokens::shared(plan.model());
            let made: Vec<Option<Prepared>> = (0..rows).map(|row| requests.prepare(row).ok()).collect();
            let longs = |get: &dyn Fn(&Prepared) -> Option<u64>| -> ArrayRef {
                let values = made.iter().map(|request| request.as_ref().and_then(get).map(|n| n as i64));
                Arc::new(values.collect::<Int64Array>())
            };
            let keys: ArrayRef =
                Arc::new(made.iter().map(|request| request.as_ref().map(|r| r.key.as_str())).collect::<StringArray>());
            let columns = vec![
                keys,
                longs(&|request| Some(estimator.input(request).tokens)),
                longs(&|request| request.max_tokens),
            ];
            let valid: Vec<bool> = made.iter().map(Option::is_some).collect();
            let array = StructArray::try_new(ESTIMATE_FIELDS.clone(), columns, Some(valid.into()))
                .map_err(|e| Error::internal(format!("estimates do not fit their schema: {e}")))?;
            Arc::new(array)
        }
    })
}

/// What `llm_estimate` gives.
static ESTIMATE_FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    fields(&[
        ("request_key", DataType::Utf8),
        ("input_tokens", DataType::Int64),
        ("max_output_tokens", DataType::Int64),
    ])
});

#[cfg(test)]
mod tests;
