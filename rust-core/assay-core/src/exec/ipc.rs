//! One record batch to and from an Arrow IPC stream.
//!
//! `arrow-ipc` panics where a message names bytes that are not there, so everything that a message says about
//! sizes is checked here before the batch is decoded. The decoder's own validation (offsets, UTF-8) stays on.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::MetadataVersion;
use arrow::ipc::convert::{MessageBuffer, try_fb_to_schema};
use arrow::ipc::reader::RecordBatchDecoder;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind, Result};

/// The largest number of rows that a batch may have.
pub const MAX_ROWS: usize = 1 << 24;

/// The largest number of elements that all lists of a column may have together.
const MAX_ELEMENTS: usize = 1 << 30;

/// How deep lists, maps and structs may be nested.
const MAX_DEPTH: usize = 32;

/// How many buffers the texts of a column of views may lie in.
const MAX_VIEW_BUFFERS: usize = 1 << 16;

const CONTINUATION: [u8; 4] = [0xFF; 4];

/// Reads a stream of one schema and exactly one record batch.
///
/// The bytes are copied once, into aligned memory; the columns of the batch are views of that copy. Types: null,
/// boolean, integers, floats, decimal128, strings, binaries, date32, timestamps, lists, maps and structs.
///
/// Errors: [`ErrorKind::MalformedBatch`] for bytes that are not such a stream (never a panic),
/// [`ErrorKind::UnsupportedType`] for a column of another type.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, StringArray};
/// use arrow::record_batch::RecordBatch;
/// use assay_core::exec::ipc::{read_batch, write_batch};
///
/// let column: ArrayRef = Arc::new(StringArray::from(vec![Some("Paris"), None]));
/// let batch = RecordBatch::try_from_iter([("answer", column)]).unwrap();
/// assert_eq!(read_batch(&write_batch(&batch).unwrap()).unwrap(), batch);
/// ```
pub fn read_batch(bytes: &[u8]) -> Result<RecordBatch> {
    let mut stream = Frames { bytes: Buffer::from(bytes), position: 0 };

    let Some((message, _)) = stream.next()? else { return Err(malformed("it is empty")) };
    let schema = message.as_ref().header_as_schema().ok_or_else(|| malformed("it does not begin with a schema"))?;
    if schema.endianness() != arrow::ipc::Endianness::Little {
        return Err(malformed("it is not little-endian"));
    }
    let schema = Arc::new(try_fb_to_schema(schema).map_err(malformed)?);
    check_types(&schema)?;

    let Some((message, body)) = stream.next()? else { return Err(malformed("it has a schema but no record batch")) };
    let message = message.as_ref();
    let batch = message.header_as_record_batch().ok_or_else(|| malformed("no record batch follows its schema"))?;
    check_sizes(&batch, &schema, body.len())?;
    let version = message.version();
    let dictionaries = HashMap::new();
    let batch = RecordBatchDecoder::try_new(&body, batch, schema, &dictionaries, &version)
        .and_then(RecordBatchDecoder::read_record_batch)
        .map_err(malformed)?;

    match stream.next()? {
        None => Ok(batch),
        Some(_) => Err(malformed("it has more than one record batch")),
    }
}

/// Whether a batch is one of those that a session was opened for. Errors: [`ErrorKind::MalformedBatch`].
pub(super) fn check_columns(batch: &RecordBatch, columns: usize) -> Result<()> {
    if batch.num_columns() == columns {
        return Ok(());
    }
    let what = format!("the batch has {} columns, the session was opened for {columns}", batch.num_columns());
    Err(Error::new(ErrorKind::MalformedBatch, what))
}

/// Writes `batch` as a stream of one schema and one record batch.
///
/// Errors: [`ErrorKind::Internal`] if a column's type has no IPC form.
pub fn write_batch(batch: &RecordBatch) -> Result<Vec<u8>> {
    let failed = |e: arrow::error::ArrowError| Error::internal(format!("a batch cannot be written as Arrow IPC: {e}"));
    let size = batch.get_array_memory_size() + 1024;
    let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5).map_err(failed)?;
    let mut writer =
        StreamWriter::try_new_with_options(Vec::with_capacity(size), &batch.schema(), options).map_err(failed)?;
    writer.write(batch).map_err(failed)?;
    writer.into_inner().map_err(failed)
}

/// The messages of a stream, each with its body.
struct Frames {
    bytes: Buffer,
    position: usize,
}

impl Frames {
    fn next(&mut self) -> Result<Option<(MessageBuffer, Buffer)>> {
        if self.position == self.bytes.len() {
            return Ok(None);
        }
        let prefix = self.take(8)?;
        if prefix[..4] != CONTINUATION {
            return Err(malformed("a message does not begin with the continuation marker"));
        }
        let size = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]);
        if size == 0 {
            return match self.bytes.len() - self.position {
                0 => Ok(None),
                rest => Err(malformed(format!("{rest} bytes follow its end"))),
            };
        }
        if size % 8 != 0 {
            return Err(malformed(format!("a message of {size} bytes is not padded to 8")));
        }
        let message = MessageBuffer::try_new(self.take(size as usize)?).map_err(malformed)?;
        let body =
            usize::try_from(message.as_ref().bodyLength()).map_err(|_| malformed("a body has a negative size"))?;
        let body = self.take(body)?;
        Ok(Some((message, body)))
    }

    fn take(&mut self, length: usize) -> Result<Buffer> {
        let left = self.bytes.len() - self.position;
        if length > left {
            return Err(malformed(format!("it ends {} bytes early", length - left)));
        }
        let taken = self.bytes.slice_with_length(self.position, length);
        self.position += length;
        Ok(taken)
    }
}

fn check_sizes(batch: &arrow::ipc::RecordBatch<'_>, schema: &Schema, body: usize) -> Result<()> {
    if batch.compression().is_some() {
        return Err(malformed("its buffers are compressed; write it without compression"));
    }
    check_rows(batch.length(), MAX_ROWS)?;
    for node in batch.nodes().into_iter().flatten() {
        check_rows(node.length(), MAX_ELEMENTS)?;
        if node.null_count() < 0 || node.null_count() > node.length() {
            return Err(malformed(format!("a column of {} rows has {} nulls", node.length(), node.null_count())));
        }
    }
    let mut views = batch.variadicBufferCounts().into_iter().flatten();
    let mut widths = Vec::new();
    for field in schema.fields() {
        element_widths(field.data_type(), &mut views, &mut widths)?;
    }
    let buffers = batch.buffers().unwrap_or_default();
    if buffers.len() != widths.len() {
        return Err(malformed(format!("it has {} buffers where its schema needs {}", buffers.len(), widths.len())));
    }
    for (buffer, width) in buffers.iter().zip(widths) {
        let (offset, length) = (buffer.offset(), buffer.length());
        let end = offset.checked_add(length);
        if offset < 0 || length < 0 || end.is_none_or(|end| end > body as i64) {
            return Err(malformed(format!("a buffer at {offset} of {length} bytes exceeds its body of {body}")));
        }
        if length % width != 0 || (length > 0 && offset % 8 != 0) {
            return Err(malformed(format!("a buffer at {offset} of {length} bytes is not aligned")));
        }
    }
    Ok(())
}

/// The size of one element in each buffer of a column, in the order of the buffers. Where only the length of a
/// buffer in bytes matters, that is one.
fn element_widths(data_type: &DataType, views: &mut dyn Iterator<Item = i64>, widths: &mut Vec<i64>) -> Result<()> {
    use DataType::*;
    match data_type {
        Null => {}
        Utf8 | Binary => widths.extend([1, 4, 1]),
        LargeUtf8 | LargeBinary => widths.extend([1, 8, 1]),
        Utf8View => {
            let count = views.next().and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= MAX_VIEW_BUFFERS);
            let count = count.ok_or_else(|| malformed("a column of views does not say how many buffers it has"))?;
            widths.extend([1, 16]);
            widths.extend(std::iter::repeat_n(1, count));
        }
        List(item) | Map(item, _) => {
            widths.extend([1, 4]);
            element_widths(item.data_type(), views, widths)?;
        }
        LargeList(item) => {
            widths.extend([1, 8]);
            element_widths(item.data_type(), views, widths)?;
        }
        Struct(fields) => {
            widths.push(1);
            for field in fields {
                element_widths(field.data_type(), views, widths)?;
            }
        }
        other => widths.extend([1, other.primitive_width().unwrap_or(1) as i64]),
    }
    Ok(())
}

fn check_rows(rows: i64, limit: usize) -> Result<()> {
    match usize::try_from(rows) {
        Ok(rows) if rows <= limit => Ok(()),
        _ => Err(malformed(format!("it has {rows} rows or elements; at most {limit} are allowed"))),
    }
}

fn check_types(schema: &Schema) -> Result<()> {
    for (index, field) in schema.fields().iter().enumerate() {
        check_type(field, 0).map_err(|data_type| {
            Error::new(
                ErrorKind::UnsupportedType,
                format!("column {index} of the batch has type {data_type}, which Assay does not take; cast it"),
            )
        })?;
    }
    Ok(())
}

fn check_type(field: &Field, depth: usize) -> std::result::Result<(), DataType> {
    use DataType::*;
    let refused = || Err(field.data_type().clone());
    if depth > MAX_DEPTH {
        return refused();
    }
    match field.data_type() {
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => Ok(()),
        Float32 | Float64 | Decimal128(_, _) | Date32 | Timestamp(_, _) => Ok(()),
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary => Ok(()),
        List(item) | LargeList(item) => check_type(item, depth + 1),
        Struct(fields) => fields.iter().try_for_each(|f| check_type(f, depth + 1)),
        Map(entries, _) => match entries.data_type() {
            Struct(fields) if fields.len() == 2 => fields.iter().try_for_each(|f| check_type(f, depth + 1)),
            _ => refused(),
        },
        _ => refused(),
    }
}

fn malformed(what: impl Display) -> Error {
    Error::new(ErrorKind::MalformedBatch, format!("the Arrow stream cannot be read: {what}"))
}
