//! The results of calls as Arrow columns: the completion struct and the embedding struct.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BooleanArray, Float32Builder, Float64Array, Float64Builder, Int32Array, Int64Array, ListBuilder,
    NullBufferBuilder, StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;

use crate::completion::{CallError, Completion};
use crate::error::{Error, Result};
use crate::spec::CallKind;

pub(super) fn fields(types: &[(&str, DataType)]) -> Fields {
    types.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect()
}

pub(super) fn logprob_item() -> Field {
    Field::new("element", DataType::Float64, true)
}

pub(super) static ERROR: LazyLock<Fields> = LazyLock::new(|| {
    fields(&[
        ("condition", DataType::Utf8),
        ("message", DataType::Utf8),
        ("retryable", DataType::Boolean),
        ("http_status", DataType::Int32),
    ])
});

static COMPLETION: LazyLock<Fields> = LazyLock::new(|| {
    use DataType::*;
    fields(&[
        ("text", Utf8),
        ("partial_text", Utf8),
        ("reasoning", Utf8),
        ("tool_calls", Utf8),
        ("logprobs", List(Arc::new(logprob_item()))),
        ("status", Utf8),
        ("error", Struct(ERROR.clone())),
        ("finish_reason", Utf8),
        ("model", Utf8),
        ("model_answered", Utf8),
        ("input_tokens", Int64),
        ("cached_input_tokens", Int64),
        ("cache_write_tokens", Int64),
        ("output_tokens", Int64),
        ("reasoning_tokens", Int64),
        ("cost_usd", Float64),
        ("cost_avoided_usd", Float64),
        ("latency_ms", Float64),
        ("ttft_ms", Float64),
        ("wait_ms", Float64),
        ("attempts", Int32),
        ("cache_hit", Boolean),
        ("deduplicated", Boolean),
        ("answered_at", Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        ("request_key", Utf8),
    ])
});

pub(super) fn vector_item() -> Field {
    Field::new("element", DataType::Float32, true)
}

static EMBEDDING: LazyLock<Fields> = LazyLock::new(|| {
    use DataType::*;
    fields(&[
        ("embedding", List(Arc::new(vector_item()))),
        ("status", Utf8),
        ("error", Struct(ERROR.clone())),
        ("input_tokens", Int64),
        ("cost_usd", Float64),
        ("cache_hit", Boolean),
        ("request_key", Utf8),
    ])
});

/// The fields of the embedding struct, in order.
pub fn embedding_fields() -> Fields {
    EMBEDDING.clone()
}

fn result_fields(kind: CallKind) -> Fields {
    match kind {
        CallKind::Complete => COMPLETION.clone(),
        CallKind::Embed => EMBEDDING.clone(),
    }
}

/// The fields of the completion struct, in order.
///
/// ```
/// let fields = assay_core::exec::completion_schema::completion_fields();
/// assert_eq!((fields[0].name().as_str(), fields.len()), ("text", 25));
/// ```
pub fn completion_fields() -> Fields {
    COMPLETION.clone()
}

/// The schema of the batches that a session with calls of these kinds gives: `row_id`, `c0`, `c1`, ...
pub fn result_schema(calls: impl IntoIterator<Item = CallKind>) -> Schema {
    let row_id = Field::new("row_id", DataType::Int64, false);
    let result = |(i, kind)| Field::new(format!("c{i}"), DataType::Struct(result_fields(kind)), true);
    Schema::new(std::iter::once(row_id).chain(calls.into_iter().enumerate().map(result)).collect::<Vec<_>>())
}

/// A batch of finished rows; `calls[i]` holds the results of call `i`, one for each row.
pub(super) fn result_batch(
    schema: Arc<Schema>,
    ids: Vec<i64>,
    calls: &[Vec<Option<Completion>>],
) -> Result<RecordBatch> {
    let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(ids))];
    for (i, rows) in calls.iter().enumerate() {
        let is_embedding = *schema.field(i + 1).data_type() == DataType::Struct(EMBEDDING.clone());
        columns.push(Arc::new(if is_embedding { embeddings(rows)? } else { completions(rows)? }));
    }
    RecordBatch::try_new(schema, columns).map_err(|e| Error::internal(format!("finished rows do not fit: {e}")))
}

/// Embeddings as a struct column; `None` is NULL.
pub fn embeddings(rows: &[Option<Completion>]) -> Result<StructArray> {
    let columns: Vec<ArrayRef> = vec![
        vectors(rows),
        texts(rows, |c| Some(c.status.name())),
        errors(rows)?,
        longs(rows, |c| c.usage.input_tokens),
        doubles(rows, |c| c.cost_usd),
        flags(rows, |c| Some(c.cache_hit)),
        texts(rows, |c| c.request_key.as_deref()),
    ];
    structs(EMBEDDING.clone(), columns, rows.iter().map(Option::is_some))
}

/// Completions as a struct column; `None` is NULL.
pub fn completions(rows: &[Option<Completion>]) -> Result<StructArray> {
    let columns: Vec<ArrayRef> = vec![
        texts(rows, |c| c.text.as_deref()),
        texts(rows, |c| c.partial_text.as_deref()),
        texts(rows, |c| c.reasoning.as_deref()),
        texts(rows, |c| c.tool_calls.as_deref()),
        logprobs(rows),
        texts(rows, |c| Some(c.status.name())),
        errors(rows)?,
        texts(rows, |c| c.finish_reason.as_deref()),
        texts(rows, |c| Some(&c.model)),
        texts(rows, |c| c.model_answered.as_deref()),
        longs(rows, |c| c.usage.input_tokens),
        longs(rows, |c| c.usage.cached_input_tokens),
        longs(rows, |c| c.usage.cache_write_tokens),
        longs(rows, |c| c.usage.output_tokens),
        longs(rows, |c| c.usage.reasoning_tokens),
        doubles(rows, |c| c.cost_usd),
        doubles(rows, |c| c.cost_avoided_usd),
        doubles(rows, |c| c.latency_ms),
        doubles(rows, |c| c.ttft_ms),
        doubles(rows, |c| c.wait_ms),
        Arc::new(rows.iter().map(|row| row.as_ref().map(|c| c.attempts)).collect::<Int32Array>()),
        flags(rows, |c| Some(c.cache_hit)),
        flags(rows, |c| Some(c.deduplicated)),
        Arc::new(
            rows.iter()
                .map(|row| row.as_ref().and_then(|c| c.answered_at))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        texts(rows, |c| c.request_key.as_deref()),
    ];
    structs(COMPLETION.clone(), columns, rows.iter().map(Option::is_some))
}

pub(super) fn structs(
    fields: Fields,
    columns: Vec<ArrayRef>,
    valid: impl ExactSizeIterator<Item = bool>,
) -> Result<StructArray> {
    let mut nulls = NullBufferBuilder::new(valid.len());
    valid.for_each(|valid| nulls.append(valid));
    StructArray::try_new(fields, columns, nulls.finish())
        .map_err(|e| Error::internal(format!("completions do not fit their schema: {e}")))
}

fn error_of(row: &Option<Completion>) -> Option<&CallError> {
    row.as_ref().and_then(|c| c.error.as_ref())
}

pub(super) fn errors(rows: &[Option<Completion>]) -> Result<ArrayRef> {
    let columns: Vec<ArrayRef> = vec![
        texts(rows, |c| c.error.as_ref().map(|e| e.condition.as_str())),
        texts(rows, |c| c.error.as_ref().map(|e| e.message.as_str())),
        flags(rows, |c| c.error.as_ref().map(|e| e.retryable)),
        Arc::new(rows.iter().map(|row| error_of(row).and_then(|e| e.http_status)).collect::<Int32Array>()),
    ];
    Ok(Arc::new(structs(ERROR.clone(), columns, rows.iter().map(|row| error_of(row).is_some()))?))
}

pub(super) fn texts<'a>(rows: &'a [Option<Completion>], get: impl Fn(&'a Completion) -> Option<&'a str>) -> ArrayRef {
    let bytes = rows.iter().flatten().filter_map(&get).map(str::len).sum();
    let mut texts = StringBuilder::with_capacity(rows.len(), bytes);
    for row in rows {
        texts.append_option(row.as_ref().and_then(&get));
    }
    Arc::new(texts.finish())
}

pub(super) fn longs(rows: &[Option<Completion>], get: impl Fn(&Completion) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.iter().map(|row| row.as_ref().and_then(&get)).collect::<Int64Array>())
}

pub(super) fn doubles(rows: &[Option<Completion>], get: impl Fn(&Completion) -> Option<f64>) -> ArrayRef {
    Arc::new(rows.iter().map(|row| row.as_ref().and_then(&get)).collect::<Float64Array>())
}

fn flags(rows: &[Option<Completion>], get: impl Fn(&Completion) -> Option<bool>) -> ArrayRef {
    Arc::new(rows.iter().map(|row| row.as_ref().and_then(&get)).collect::<BooleanArray>())
}

pub(super) fn logprobs(rows: &[Option<Completion>]) -> ArrayRef {
    let mut lists = ListBuilder::new(Float64Builder::new()).with_field(logprob_item());
    for row in rows {
        match row.as_ref().and_then(|c| c.logprobs.as_ref()) {
            Some(values) => {
                lists.values().append_slice(values);
                lists.append(true);
            }
            None => lists.append(false),
        }
    }
    Arc::new(lists.finish())
}

pub(super) fn vectors(rows: &[Option<Completion>]) -> ArrayRef {
    let mut lists = ListBuilder::new(Float32Builder::new()).with_field(vector_item());
    for row in rows {
        match row.as_ref().and_then(|c| c.embedding.as_ref()) {
            Some(values) => {
                lists.values().append_slice(values);
                lists.append(true);
            }
            None => lists.append(false),
        }
    }
    Arc::new(lists.finish())
}
