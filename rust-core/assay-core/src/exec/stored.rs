//! Stored answers as columns: the rows of a cache table, made from the entries of journals and read back as completions.

use std::sync::{Arc, LazyLock};

use arrow::array::cast::AsArray;
use arrow::array::{
    Array, ArrayRef, Int32Array, ListArray, PrimitiveArray, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Fields, Float32Type, Float64Type, Int32Type, Int64Type, Schema, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use serde::Deserialize;

use super::columns::Texts;
use super::completion_schema::{
    ERROR, doubles, errors, fields, logprob_item, logprobs, longs, structs, texts, vector_item, vectors,
};
use crate::cache::journal::Entry;
use crate::completion::{CallError, Completion, Status, Usage};
use crate::error::{Error, ErrorKind, Result};

static RESPONSE: LazyLock<Fields> = LazyLock::new(|| {
    fields(&[
        ("text", DataType::Utf8),
        ("partial_text", DataType::Utf8),
        ("reasoning", DataType::Utf8),
        ("tool_calls", DataType::Utf8),
        ("logprobs", DataType::List(Arc::new(logprob_item()))),
        ("embedding", DataType::List(Arc::new(vector_item()))),
        ("finish_reason", DataType::Utf8),
    ])
});

static USAGE: LazyLock<Fields> = LazyLock::new(|| {
    fields(&[
        ("input_tokens", DataType::Int64),
        ("cached_input_tokens", DataType::Int64),
        ("cache_write_tokens", DataType::Int64),
        ("output_tokens", DataType::Int64),
        ("reasoning_tokens", DataType::Int64),
    ])
});

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

static STORED: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    Arc::new(Schema::new(fields(&[
        ("request_key", DataType::Utf8),
        ("status", DataType::Utf8),
        ("provider", DataType::Utf8),
        ("model", DataType::Utf8),
        ("model_answered", DataType::Utf8),
        ("created_at", timestamp()),
        ("response", DataType::Struct(RESPONSE.clone())),
        ("error", DataType::Struct(ERROR.clone())),
        ("usage", DataType::Struct(USAGE.clone())),
        ("cost_usd", DataType::Float64),
        ("latency_ms", DataType::Float64),
        ("ttft_ms", DataType::Float64),
        ("attempts", DataType::Int32),
        ("request", DataType::Utf8),
        ("run_id", DataType::Utf8),
        ("key_version", DataType::Int32),
    ])))
});

/// The version of [`stored_schema`]. A table of a later one is refused.
pub const STORED_VERSION: u32 = 1;

/// The columns of stored answers.
pub fn stored_schema() -> Arc<Schema> {
    Arc::clone(&STORED)
}

/// What [`answers`] reads, in this order.
pub const ANSWER_COLUMNS: [&str; 9] =
    ["request_key", "status", "model_answered", "created_at", "response", "error", "usage", "latency_ms", "ttft_ms"];

/// What a canonical request says of itself.
#[derive(Deserialize)]
struct Asked {
    provider: String,
    model: String,
    key_version: i32,
}

/// The entries of a journal of `application` as stored answers.
pub(super) fn stored_batch(application: &str, entries: Vec<Entry>) -> Result<RecordBatch> {
    let asked: Vec<Option<Asked>> = entries.iter().map(|e| serde_json::from_str(&e.request).ok()).collect();
    let asked_text = |get: fn(&Asked) -> &str| -> ArrayRef {
        Arc::new(asked.iter().map(|a| a.as_ref().map(get)).collect::<StringArray>())
    };
    let entry_text = |get: &dyn Fn(&Entry) -> String| -> ArrayRef {
        Arc::new(entries.iter().map(|e| Some(get(e))).collect::<StringArray>())
    };
    let keys = entry_text(&|e| e.key.clone());
    let requests = entry_text(&|e| e.request.clone());
    let runs = entry_text(&|e| format!("{application}/{}", e.outcome.run));
    let created = entries.iter().map(|e| Some(e.outcome.completion.answered_at.unwrap_or(e.outcome.finished_at)));
    let created = Arc::new(created.collect::<TimestampMicrosecondArray>().with_timezone("UTC"));
    let (providers, models) = (asked_text(|a| &a.provider), asked_text(|a| &a.model));
    let versions = Arc::new(asked.iter().map(|a| a.as_ref().map(|a| a.key_version)).collect::<Int32Array>());

    let rows: Vec<Option<Completion>> = entries.into_iter().map(|entry| Some(entry.outcome.completion)).collect();
    let response = vec![
        texts(&rows, |c| c.text.as_deref()),
        texts(&rows, |c| c.partial_text.as_deref()),
        texts(&rows, |c| c.reasoning.as_deref()),
        texts(&rows, |c| c.tool_calls.as_deref()),
        logprobs(&rows),
        vectors(&rows),
        texts(&rows, |c| c.finish_reason.as_deref()),
    ];
    let usage = vec![
        longs(&rows, |c| c.usage.input_tokens),
        longs(&rows, |c| c.usage.cached_input_tokens),
        longs(&rows, |c| c.usage.cache_write_tokens),
        longs(&rows, |c| c.usage.output_tokens),
        longs(&rows, |c| c.usage.reasoning_tokens),
    ];
    let all = || rows.iter().map(|_| true);
    let columns: Vec<ArrayRef> = vec![
        keys,
        texts(&rows, |c| Some(c.status.name())),
        providers,
        models,
        texts(&rows, |c| c.model_answered.as_deref()),
        created,
        Arc::new(structs(RESPONSE.clone(), response, all())?),
        errors(&rows)?,
        Arc::new(structs(USAGE.clone(), usage, all())?),
        doubles(&rows, |c| c.cost_usd),
        doubles(&rows, |c| c.latency_ms),
        doubles(&rows, |c| c.ttft_ms),
        Arc::new(rows.iter().flatten().map(|c| Some(c.attempts)).collect::<Int32Array>()),
        requests,
        runs,
        versions,
    ];
    RecordBatch::try_new(stored_schema(), columns)
        .map_err(|e| Error::internal(format!("stored answers do not fit their schema: {e}")))
}

/// A stored answer.
pub(super) struct Stored {
    /// Its key, as 64 hexadecimal digits.
    pub(super) key: String,
    /// When it was made, in microseconds since the epoch.
    pub(super) created_at: i64,
    /// It, without model and cost.
    pub(super) completion: Completion,
}

/// The stored answers of a batch with [`ANSWER_COLUMNS`]. Errors: [`ErrorKind::CacheTable`] where a column is not of the type that it
/// has in [`stored_schema`], or holds what no answer has.
pub(super) fn answers(batch: &RecordBatch) -> Result<Vec<Stored>> {
    if batch.num_columns() != ANSWER_COLUMNS.len() {
        return Err(Error::new(
            ErrorKind::MalformedBatch,
            format!("stored answers have {} columns, not {}", ANSWER_COLUMNS.len(), batch.num_columns()),
        ));
    }
    let columns = batch.columns();
    let (keys, statuses, models) = (text_column(&columns[0])?, text_column(&columns[1])?, text_column(&columns[2])?);
    let created = numbers::<TimestampMicrosecondType>(&columns[3])?;
    let (response, error, usage) = (Parts::new(&columns[4])?, Parts::new(&columns[5])?, Parts::new(&columns[6])?);
    let (latency, ttft) = (numbers::<Float64Type>(&columns[7])?, numbers::<Float64Type>(&columns[8])?);

    let text_parts = ["text", "partial_text", "reasoning", "tool_calls", "finish_reason"];
    let text_parts = text_parts.map(|name| response.get(name).and_then(text_column));
    let [text, partial_text, reasoning, tool_calls, finish_reason] = text_parts;
    let (text, partial_text, reasoning) = (text?, partial_text?, reasoning?);
    let (tool_calls, finish_reason) = (tool_calls?, finish_reason?);
    let (logprobs, embedding) = (lists(response.get("logprobs")?)?, lists(response.get("embedding")?)?);
    let (condition, message) = (text_column(error.get("condition")?)?, text_column(error.get("message")?)?);
    let retryable = error.get("retryable")?.as_boolean_opt().ok_or_else(|| wrong("error.retryable"))?;
    let http_status = numbers::<Int32Type>(error.get("http_status")?)?;
    let count = |name: &str| usage.get(name).and_then(numbers::<Int64Type>);
    let (input, cached, written) =
        (count("input_tokens")?, count("cached_input_tokens")?, count("cache_write_tokens")?);
    let (output, reasoned) = (count("output_tokens")?, count("reasoning_tokens")?);

    let own = |texts: &Texts<'_>, row: usize| texts.get(row).map(str::to_string);
    (0..batch.num_rows())
        .map(|row| {
            let key = keys.get(row).ok_or_else(|| wrong("request_key"))?;
            let status = statuses.get(row).and_then(Status::from_name).ok_or_else(|| wrong("status"))?;
            let called = error.is_valid(row).then(|| CallError {
                condition: own(&condition, row).unwrap_or_default(),
                message: own(&message, row).unwrap_or_default(),
                retryable: retryable.is_valid(row) && retryable.value(row),
                http_status: at(http_status, row),
            });
            Ok(Stored {
                key: key.to_string(),
                created_at: at(created, row).unwrap_or(0),
                completion: Completion {
                    text: own(&text, row),
                    partial_text: own(&partial_text, row),
                    reasoning: own(&reasoning, row),
                    tool_calls: own(&tool_calls, row),
                    logprobs: list::<Float64Type>(logprobs, row)?,
                    embedding: list::<Float32Type>(embedding, row)?,
                    error: called,
                    finish_reason: own(&finish_reason, row),
                    model_answered: own(&models, row),
                    usage: Usage {
                        input_tokens: at(input, row),
                        cached_input_tokens: at(cached, row),
                        cache_write_tokens: at(written, row),
                        output_tokens: at(output, row),
                        reasoning_tokens: at(reasoned, row),
                    },
                    latency_ms: at(latency, row),
                    ttft_ms: at(ttft, row),
                    answered_at: at(created, row),
                    request_key: Some(key.to_string()),
                    ..Completion::uncalled("", status)
                },
            })
        })
        .collect()
}

fn wrong(column: &str) -> Error {
    Error::new(
        ErrorKind::CacheTable,
        format!("a stored answer's {column} cannot be read; was the table changed by something other than Assay?"),
    )
}

fn text_column(array: &ArrayRef) -> Result<Texts<'_>> {
    Texts::new(array).map_err(|other| wrong(&format!("text, which is {other},")))
}

fn numbers<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<&PrimitiveArray<T>> {
    array
        .as_primitive_opt::<T>()
        .ok_or_else(|| wrong(&format!("number, which is {} and not {},", array.data_type(), T::DATA_TYPE)))
}

fn lists(array: &ArrayRef) -> Result<&ListArray> {
    array.as_list_opt::<i32>().ok_or_else(|| wrong(&format!("list, which is {},", array.data_type())))
}

fn at<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    array.is_valid(row).then(|| array.value(row))
}

fn list<T: ArrowPrimitiveType>(array: &ListArray, row: usize) -> Result<Option<Vec<T::Native>>> {
    if array.is_null(row) {
        return Ok(None);
    }
    let values = array.value(row);
    Ok(Some(numbers::<T>(&values)?.values().to_vec()))
}

/// The columns of a struct column.
struct Parts<'a>(&'a StructArray);

impl<'a> Parts<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self> {
        array.as_struct_opt().map(Parts).ok_or_else(|| wrong(&format!("struct, which is {},", array.data_type())))
    }

    fn get(&self, name: &str) -> Result<&'a ArrayRef> {
        self.0.column_by_name(name).ok_or_else(|| wrong(name))
    }

    fn is_valid(&self, row: usize) -> bool {
        self.0.is_valid(row)
    }
}

#[cfg(test)]
mod tests;
