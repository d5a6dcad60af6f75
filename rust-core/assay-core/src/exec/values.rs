//! A row of a STRUCT column as a template value.
//!
//! Values are made when a template asks for them: a row that holds ten fields, of which the template prints one,
//! costs one.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::*;
use arrow::array::{Array, ArrayRef, StructArray};
use arrow::datatypes::{DataType, TimeUnit};
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use crate::error::{Error, ErrorKind, Result};

mod text;

/// The rows of a STRUCT column as template values.
///
/// Make one for a batch, then ask it for rows; [`struct_row`] is the short form for a single row.
#[derive(Debug, Clone)]
pub struct StructRows(ArrayRef);

impl StructRows {
    /// Checks that every field, at any depth, has a type that templates can show.
    ///
    /// Errors: [`ErrorKind::UnsupportedType`] naming the field and its type.
    pub fn new(array: &StructArray) -> Result<Self> {
        for field in array.fields() {
            check_type(field.data_type()).map_err(|data_type| {
                Error::new(
                    ErrorKind::UnsupportedType,
                    format!("field '{}' has type {data_type}, which a template cannot show; cast it", field.name()),
                )
            })?;
        }
        Ok(StructRows(Arc::new(array.clone())))
    }

    /// The row as a map from field name to value; `none` where the struct is NULL or there is no such row.
    pub fn row(&self, row: usize) -> Value {
        if row < self.0.len() { value_at(&self.0, row) } else { Value::from(()) }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Row `row` of `array` as a map from field name to value; `none` where the struct is NULL.
///
/// NULL is `none`; a number is a number; a decimal is a number too, or the text that SQL shows where it has a fraction
/// and more than 15 digits; binary is base64; a date is `2024-01-31`; a timestamp `2024-01-31T12:00:00Z`, without `Z`
/// for one without time zone; an array is a list; a map or struct is a map that keeps its order.
///
/// Errors as [`StructRows::new`], and [`ErrorKind::InvalidArgument`] for a row that is not there.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, Int64Array, StructArray};
/// use assay_core::exec::values::struct_row;
///
/// let n: ArrayRef = Arc::new(Int64Array::from(vec![7]));
/// let rows = StructArray::try_from(vec![("n", n)]).unwrap();
/// assert_eq!(struct_row(&rows, 0).unwrap().get_attr("n").unwrap(), minijinja::Value::from(7));
/// ```
pub fn struct_row(array: &StructArray, row: usize) -> Result<Value> {
    if row >= array.len() {
        return Err(Error::new(ErrorKind::InvalidArgument, format!("there is no row {row} of {}", array.len())));
    }
    Ok(StructRows::new(array)?.row(row))
}

fn check_type(data_type: &DataType) -> std::result::Result<(), DataType> {
    use DataType::*;
    match data_type {
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => Ok(()),
        Float32 | Float64 | Decimal128(_, _) | Date32 | Timestamp(_, _) => Ok(()),
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary => Ok(()),
        List(item) | LargeList(item) => check_type(item.data_type()),
        Struct(fields) => fields.iter().try_for_each(|f| check_type(f.data_type())),
        Map(entries, _) => check_type(entries.data_type()),
        other => Err(other.clone()),
    }
}

/// The value at `row`; types were checked before, so one that is not known is `none`.
fn value_at(array: &ArrayRef, row: usize) -> Value {
    use DataType::*;
    if array.is_null(row) {
        return Value::from(());
    }
    match array.data_type() {
        Boolean => array.as_boolean().value(row).into(),
        Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        Float32 => text::shortest_f64(array.as_primitive::<Float32Type>().value(row)).into(),
        Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        Decimal128(precision, scale) => decimal(array.as_primitive::<Decimal128Type>().value(row), *precision, *scale),
        Utf8 => array.as_string::<i32>().value(row).into(),
        LargeUtf8 => array.as_string::<i64>().value(row).into(),
        Utf8View => array.as_string_view().value(row).into(),
        Binary => text::base64(array.as_binary::<i32>().value(row)).into(),
        LargeBinary => text::base64(array.as_binary::<i64>().value(row)).into(),
        Date32 => text::date(i64::from(array.as_primitive::<Date32Type>().value(row))).into(),
        Timestamp(unit, zone) => {
            let (ticks, per_second) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1),
                TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000),
                TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000),
                TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000),
            };
            text::timestamp(ticks, per_second, zone.is_some()).into()
        }
        List(_) => Value::from_object(Items(array.as_list::<i32>().value(row))),
        LargeList(_) => Value::from_object(Items(array.as_list::<i64>().value(row))),
        Struct(_) => Value::from_object(Record { array: array.clone(), row }),
        Map(_, _) => Value::from_object(Entries(array.as_map().value(row))),
        _ => Value::from(()),
    }
}

/// The type decides, not the value: what a double holds without loss is a number, so that templates can compare it.
fn decimal(unscaled: i128, precision: u8, scale: i8) -> Value {
    match (precision, scale) {
        (_, 0) => Value::from(unscaled),
        (..=15, 1..=15) => Value::from(unscaled as f64 / 10f64.powi(i32::from(scale))),
        _ => Value::from(text::decimal(unscaled, scale)),
    }
}

/// One row of a struct column.
#[derive(Debug)]
struct Record {
    array: ArrayRef,
    row: usize,
}

impl Object for Record {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.array.as_struct().column_by_name(key).map(|column| value_at(column, self.row))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.array.as_struct().column_names().into_iter().map(Value::from).collect())
    }
}

/// The elements of one array.
#[derive(Debug)]
struct Items(ArrayRef);

impl Object for Items {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = key.as_usize().filter(|&i| i < self.0.len())?;
        Some(value_at(&self.0, index))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
}

/// The entries of one map: a struct array of key and value.
#[derive(Debug)]
struct Entries(StructArray);

impl Object for Entries {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let [keys, values] = self.0.columns() else { return None };
        (0..keys.len()).find(|&i| value_at(keys, i) == *key).map(|i| value_at(values, i))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let keys = self.0.columns().first();
        Enumerator::Values(keys.map(|k| (0..k.len()).map(|i| value_at(k, i)).collect()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
