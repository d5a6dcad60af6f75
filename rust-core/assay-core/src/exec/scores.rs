//! `llm_scores`: several metrics of a pair in one pass.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result, hint};
use crate::exec::columns::Pairs;
use crate::exec::metric::Together;
use crate::metrics::together::Chosen;
use crate::metrics::{METRICS, MetricInfo, Stop};
use crate::options::{FunctionInfo, resolve};

/// `llm_scores(prediction, reference, metrics [, options])`.
pub(super) const SCORES: FunctionInfo = FunctionInfo { name: "llm_scores", options: &[] };

const PREFIX: &str = "llm_";

/// The metrics asked for, with their options.
#[derive(Debug)]
pub(super) struct Scores {
    /// Metrics with the places of their fields.
    parts: Vec<(Together, Vec<usize>)>,
    fields: Fields,
}

impl Scores {
    /// `names` is a JSON list of the metrics without `llm_`; `options` has for each that needs any an object of them.
    ///
    /// Errors: [`ErrorKind::InvalidArgument`] for no, unknown or repeated metrics, [`ErrorKind::UnknownOption`] for options of a
    /// metric that is not asked for, and those of the metrics' own options.
    pub(super) fn new(names: &str, options: &Map<String, Value>, stop: &Stop) -> Result<Scores> {
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
        let mut metrics: Vec<Chosen> = Vec::new();
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
            metrics.push((info, resolve(&info.function, &given)?));
        }
        let mut parts: Vec<(Together, Vec<usize>)> = Vec::new();
        'metrics: for (place, metric) in metrics.into_iter().enumerate() {
            let alone = Together::new(vec![metric], stop)?;
            for (together, places) in &mut parts {
                if together.join(&alone, stop)? {
                    places.push(place);
                    continue 'metrics;
                }
            }
            parts.push((alone, vec![place]));
        }
        let fields = names.iter().map(|name| Field::new(name, DataType::Float64, true)).collect();
        Ok(Scores { parts, fields })
    }

    pub(super) fn eval(&self, pairs: &Pairs<'_>, rows: usize, stop: &Stop) -> Result<ArrayRef> {
        let mut columns = Vec::with_capacity(self.fields.len());
        for (together, places) in &self.parts {
            columns.extend(places.iter().copied().zip(together.eval(pairs.clone(), rows, stop)?));
        }
        columns.sort_unstable_by_key(|(place, _)| *place);
        let columns = columns.into_iter().map(|(_, column)| column).collect();
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
