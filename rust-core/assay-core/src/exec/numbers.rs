//! Row functions of numbers.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::Float64Type;
use arrow::array::{Array, ArrayRef, Float64Array, Float64Builder, ListBuilder, OffsetSizeTrait};
use arrow::datatypes::DataType;

use crate::options::Options;
use crate::stats::p_adjust::{Adjustment, p_adjust};
use crate::stats::row_functions::NumberFunction;

/// The value of each row; NULL where an argument is NULL or makes no sense. The error is the column that holds no doubles.
pub(super) fn numbers(
    function: &NumberFunction,
    options: &Options,
    columns: &[&ArrayRef],
    rows: usize,
) -> Result<ArrayRef, usize> {
    let mut arguments: Vec<Option<&Float64Array>> = Vec::with_capacity(columns.len());
    for (i, column) in columns.iter().enumerate() {
        arguments.push(match column.data_type() {
            DataType::Null => None,
            _ => Some(column.as_primitive_opt::<Float64Type>().ok_or(i)?),
        });
    }
    let mut given = vec![0.0; arguments.len()];
    let value = |row: usize| {
        for (value, column) in given.iter_mut().zip(&arguments) {
            *value = column.filter(|column| column.is_valid(row))?.value(row);
        }
        function.value(&given, options)
    };
    Ok(Arc::new((0..rows).map(value).collect::<Float64Array>()))
}

/// The adjusted p-values of each list; a NULL stays NULL and does not count. `None` where the lists are not of doubles.
pub(super) fn adjusted(column: &ArrayRef, adjustment: Adjustment) -> Option<ArrayRef> {
    match column.data_type() {
        DataType::List(_) => adjusted_lists::<i32>(column, adjustment),
        DataType::LargeList(_) => adjusted_lists::<i64>(column, adjustment),
        DataType::Null => {
            let mut nulls = ListBuilder::new(Float64Builder::new());
            (0..column.len()).for_each(|_| nulls.append_null());
            Some(Arc::new(nulls.finish()))
        }
        _ => None,
    }
}

fn adjusted_lists<O: OffsetSizeTrait>(column: &ArrayRef, adjustment: Adjustment) -> Option<ArrayRef> {
    let lists = column.as_list::<O>();
    let mut results = ListBuilder::new(Float64Builder::new());
    for row in 0..lists.len() {
        if lists.is_null(row) {
            results.append_null();
            continue;
        }
        let list = lists.value(row);
        let values = list.as_primitive_opt::<Float64Type>()?;
        let p: Vec<f64> = values.iter().map(|p| p.unwrap_or(f64::NAN)).collect();
        for (adjusted, given) in p_adjust(&p, adjustment).into_iter().zip(values) {
            results.values().append_option(given.map(|_| adjusted));
        }
        results.append(true);
    }
    Some(Arc::new(results.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::resolve;
    use crate::stats::row_functions::NUMBER_FUNCTIONS;
    use arrow::array::NullArray;

    #[test]
    fn nulls_are_null() {
        let function = NUMBER_FUNCTIONS.iter().find(|f| f.info.name == "power_paired_t").unwrap();
        let options = resolve(&function.info, &serde_json::Map::new()).unwrap();
        let effects: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), None, Some(0.5)]));
        let sizes: ArrayRef = Arc::new(Float64Array::from(vec![34.0, 34.0, 1.0]));
        let found = numbers(function, &options, &[&effects, &sizes], 3).unwrap();
        let found = found.as_primitive::<Float64Type>();
        // statsmodels 0.15: TTestPower().power(0.5, 34, 0.05).
        assert!((found.value(0) - 0.807_777).abs() < 1e-3 && found.is_null(1) && found.is_null(2));
        let none: ArrayRef = Arc::new(NullArray::new(2));
        assert_eq!(numbers(function, &options, &[&none, &sizes], 2).unwrap().null_count(), 2);
        let texts: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["a"]));
        assert_eq!(numbers(function, &options, &[&effects, &texts], 1).unwrap_err(), 1);
    }

    #[test]
    fn missing_p_values_do_not_count() {
        let mut lists = ListBuilder::new(Float64Builder::new());
        lists.append_value([Some(0.01), None, Some(0.04)]);
        lists.append_null();
        lists.append(true);
        let lists: ArrayRef = Arc::new(lists.finish());
        let found = adjusted(&lists, Adjustment::Bonferroni).unwrap();
        let found = found.as_list::<i32>();
        let first = found.value(0);
        let first: Vec<Option<f64>> = first.as_primitive::<Float64Type>().iter().collect();
        assert_eq!(first, vec![Some(0.02), None, Some(0.08)]);
        assert!(found.is_null(1) && found.value(2).is_empty());
    }
}
