//! `llm_scores`: several metrics of a pair in one pass.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result, hint};
use crate::exec::columns::{References, Texts};
use crate::exec::metric::scores;
use crate::metrics::{METRICS, MetricInfo, Stop};
use crate::options::{FunctionInfo, Options, resolve};

/// `llm_scores(prediction, reference, metrics [, options])`.
pub(super) const SCORES: FunctionInfo = FunctionInfo { name: "llm_scores", options: &[] };

const PREFIX: &str = "llm_";

/// The metrics asked for, with their options.
#[derive(Debug)]
pub(super) struct Scores {
    metrics: Vec<(&'static MetricInfo, Options)>,
    fields: Fields,
}

impl Scores {
    /// `names` is a JSON list of the metrics without `llm_`; `options` has for each that needs any an object of them.
    ///
    /// Errors: [`ErrorKind::InvalidArgument`] for no, unknown or repeated metrics, [`ErrorKind::UnknownOption`] for options of a
    /// metric that is not asked for, and those of the metrics' own options.
    pub(super) fn new(names: &str, options: &Map<String, Value>) -> Result<Scores> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidArgument, message);
        let names: Vec<String> = serde_json::from_str(names)
            .map_err(|_| invalid(format!("{}: the metrics must be an array of names", SCORES.name)))?;
        if names.is_empty() {
            return Err(invalid(format!(
                "{} needs at least one metric; there are {}",
                SCORES.name,
                known().join(", ")
            )));
        }
        if let Some(other) = options.keys().find(|key| !names.contains(key)) {
            return Err(Error::new(
                ErrorKind::UnknownOption,
                format!(
                    "{} has no option '{other}': options are given by metric, as in named_struct('bleu', \
                     named_struct('tokenize', 'zh')), for those that are asked for{}",
                    SCORES.name,
                    hint(other, names.iter().map(String::as_str))
                ),
            ));
        }
        let mut metrics: Vec<(&'static MetricInfo, Options)> = Vec::new();
        for name in &names {
            let Some(info) = METRICS.iter().find(|info| short(info) == name) else {
                let known = known();
                return Err(invalid(format!(
                    "{}: there is no metric '{name}'{}",
                    SCORES.name,
                    hint(name, known.iter().copied())
                )));
            };
            if metrics.iter().any(|(other, _)| other.function.name == info.function.name) {
                return Err(invalid(format!("{}: '{name}' is asked for twice", SCORES.name)));
            }
            let not_given = || {
                let message =
                    format!("{}: the options of '{name}' must be a STRUCT, a MAP or a JSON object", SCORES.name);
                Error::new(ErrorKind::InvalidOption, message)
            };
            let given = match options.get(name) {
                None | Some(Value::Null) => Map::new(),
                Some(Value::Object(given)) => given.clone(),
                Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| not_given())?,
                Some(_) => return Err(not_given()),
            };
            let resolved = resolve(&info.function, &given)?;
            (info.create)(&resolved, &Stop::default())?;
            metrics.push((info, resolved));
        }
        let fields = names.iter().map(|name| Field::new(name, DataType::Float64, true)).collect();
        Ok(Scores { metrics, fields })
    }

    pub(super) fn eval(
        &self,
        predictions: &Texts<'_>,
        references: &References<'_>,
        rows: usize,
        stop: &Stop,
    ) -> Result<ArrayRef> {
        let columns = self.metrics.iter().map(|(info, options)| {
            let mut metric = (info.create)(options, stop)?;
            Ok(scores(metric.as_mut(), predictions, references, rows, stop))
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
        StructArray::try_new(self.fields.clone(), columns, None)
            .map(|array| Arc::new(array) as ArrayRef)
            .map_err(|e| Error::internal(format!("scores do not form a struct: {e}")))
    }
}

fn short(info: &MetricInfo) -> &'static str {
    info.function.name.strip_prefix(PREFIX).unwrap_or(info.function.name)
}

fn known() -> Vec<&'static str> {
    METRICS.iter().map(short).collect()
}
