//! Row functions of one column: of a text, or of log-probabilities.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::Float64Type;
use arrow::array::{Array, ArrayRef, Float64Array, OffsetSizeTrait, StringBuilder};
use arrow::datatypes::DataType;

use crate::error::{Error, Result};
use crate::exec::columns::Texts;
use crate::metrics::Stop;
use crate::metrics::distinct_n::{DISTINCT_N, DistinctN};
use crate::metrics::extract::{EXTRACT, Extractor};
use crate::metrics::perplexity::{PERPLEXITY, perplexity};
use crate::options::{FunctionInfo, Options};

/// One of them, with its options.
#[derive(Debug)]
pub(super) enum TextFunction {
    Extract(Box<Extractor>),
    DistinctN(Options),
    Perplexity,
}

/// All of them.
pub(super) const FUNCTIONS: &[&FunctionInfo] = &[&EXTRACT, &DISTINCT_N, &PERPLEXITY];

/// Makes the error for a column of a type that the function does not take, and what it takes.
pub(super) type NotTaken<'a> = &'a dyn Fn(&DataType, &str) -> Error;

impl TextFunction {
    /// The function of that name. Errors: those of options that only their use shows to be wrong.
    pub(super) fn new(info: &FunctionInfo, options: Options, stop: &Stop) -> Result<TextFunction> {
        Ok(if info.name == EXTRACT.name {
            TextFunction::Extract(Box::new(Extractor::new(&options, stop)?))
        } else if info.name == DISTINCT_N.name {
            TextFunction::DistinctN(options)
        } else {
            TextFunction::Perplexity
        })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            TextFunction::Extract(_) => EXTRACT.name,
            TextFunction::DistinctN(_) => DISTINCT_N.name,
            TextFunction::Perplexity => PERPLEXITY.name,
        }
    }

    pub(super) fn eval(
        &self,
        column: &ArrayRef,
        rows: usize,
        stop: &Stop,
        not_taken: NotTaken<'_>,
    ) -> Result<ArrayRef> {
        let texts = || Texts::new(column).map_err(|found| not_taken(&found, "a STRING"));
        Ok(match self {
            TextFunction::Extract(extractor) => {
                let texts = texts()?;
                let mut results = StringBuilder::with_capacity(rows, rows * 8);
                for row in 0..rows {
                    let text = texts.get(row).filter(|_| !stop.is_set());
                    results.append_option(text.and_then(|text| extractor.extract(text)));
                }
                Arc::new(results.finish())
            }
            TextFunction::DistinctN(options) => {
                let (mut distinct, texts) = (DistinctN::new(options), texts()?);
                let values = (0..rows).map(|row| texts.get(row).and_then(|text| distinct.value(text)));
                Arc::new(values.collect::<Float64Array>())
            }
            TextFunction::Perplexity => {
                let values = match column.data_type() {
                    DataType::Null => return Ok(Arc::new(Float64Array::new_null(rows))),
                    DataType::List(_) => perplexities::<i32>(column),
                    DataType::LargeList(_) => perplexities::<i64>(column),
                    _ => None,
                };
                Arc::new(values.ok_or_else(|| not_taken(column.data_type(), "an ARRAY<DOUBLE>"))?)
            }
        })
    }
}

/// Of each list; NULL where it is NULL or has a NULL. `None` where the lists are not of doubles.
fn perplexities<O: OffsetSizeTrait>(column: &ArrayRef) -> Option<Float64Array> {
    let lists = column.as_list::<O>();
    let values = lists.values().as_primitive_opt::<Float64Type>()?;
    let offsets = lists.value_offsets();
    let results = (0..lists.len()).map(|row| {
        let range = offsets[row].as_usize()..offsets[row + 1].as_usize();
        let is_whole = lists.is_valid(row) && (values.null_count() == 0 || range.clone().all(|i| values.is_valid(i)));
        if is_whole { perplexity(&values.values()[range]) } else { None }
    });
    Some(results.collect())
}
