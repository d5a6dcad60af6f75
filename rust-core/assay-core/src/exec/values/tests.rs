use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Fields};

use super::*;
use crate::template::Template;

fn one_row(columns: Vec<(&str, ArrayRef)>) -> StructArray {
    StructArray::try_from(columns).unwrap()
}

fn shown(array: ArrayRef) -> String {
    struct_row(&one_row(vec![("x", array)]), 0).unwrap().get_attr("x").unwrap().to_string()
}

#[test]
fn every_type_that_spark_sends_has_a_value() {
    assert_eq!(shown(Arc::new(BooleanArray::from(vec![true]))), "True");
    assert_eq!(shown(Arc::new(Int8Array::from(vec![-128]))), "-128");
    assert_eq!(shown(Arc::new(Int16Array::from(vec![3]))), "3");
    assert_eq!(shown(Arc::new(Int32Array::from(vec![3]))), "3");
    assert_eq!(shown(Arc::new(Int64Array::from(vec![i64::MIN]))), i64::MIN.to_string());
    assert_eq!(shown(Arc::new(UInt64Array::from(vec![u64::MAX]))), u64::MAX.to_string());
    assert_eq!(shown(Arc::new(Float32Array::from(vec![0.1]))), "0.1");
    assert_eq!(shown(Arc::new(Float64Array::from(vec![2.5]))), "2.5");
    assert_eq!(shown(Arc::new(StringArray::from(vec!["{{x}}"]))), "{{x}}");
    assert_eq!(shown(Arc::new(LargeStringArray::from(vec!["日本"]))), "日本");
    assert_eq!(shown(Arc::new(StringViewArray::from(vec!["a longer text than twelve"]))), "a longer text than twelve");
    assert_eq!(shown(Arc::new(BinaryArray::from(vec![b"foob".as_slice()]))), "Zm9vYg==");
    assert_eq!(shown(Arc::new(LargeBinaryArray::from(vec![b"f".as_slice()]))), "Zg==");
    assert_eq!(shown(Arc::new(Date32Array::from(vec![19_753]))), "2024-01-31");
    let micros = TimestampMicrosecondArray::from(vec![1_706_702_400_000_000]);
    assert_eq!(shown(Arc::new(micros.clone().with_timezone("America/New_York"))), "2024-01-31T12:00:00Z");
    assert_eq!(shown(Arc::new(micros)), "2024-01-31T12:00:00");
    assert_eq!(shown(Arc::new(NullArray::new(1))), "None");
}

#[test]
fn a_decimal_is_a_number_where_a_double_holds_it() {
    let decimal = |unscaled, precision, scale| {
        let array = Decimal128Array::from(vec![unscaled]).with_precision_and_scale(precision, scale).unwrap();
        let row = struct_row(&one_row(vec![("x", Arc::new(array) as ArrayRef)]), 0).unwrap();
        row.get_attr("x").unwrap()
    };
    assert_eq!(decimal(25, 2, 2), Value::from(0.25));
    assert_eq!(decimal(10i128.pow(30), 38, 0).to_string(), "1".to_string() + &"0".repeat(30));
    assert_eq!(decimal(-150, 38, 2), Value::from("-1.50"));
}

#[test]
fn nested_values_are_reached_by_name_and_index() {
    let names: ArrayRef = Arc::new(StringArray::from(vec!["Ada", "Bob", "Cyd"]));
    let ages: ArrayRef = Arc::new(Int32Array::from(vec![Some(36), None, Some(7)]));
    let people = one_row(vec![("name", names.clone()), ("age", ages.clone())]);
    let item = Arc::new(Field::new("item", people.data_type().clone(), true));
    let lists = ListArray::new(item, OffsetBuffer::new(vec![0, 2, 3].into()), Arc::new(people), None);
    let entries = StructArray::new(
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int32, true)]),
        vec![names, ages],
        None,
    );
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let maps = MapArray::new(field, OffsetBuffer::new(vec![0, 2, 3].into()), entries, None, false);
    let rows = one_row(vec![("people", Arc::new(lists) as ArrayRef), ("by_name", Arc::new(maps))]);
    let template = Template::compile(
        "{% for p in people %}{{ p.name }}={{ p.age | d('?') }};{% endfor %}{{ people | length }} \
         {{ people[-1].name }} {{ by_name.Ada | d('none') }} {{ by_name | tojson }} {{ people | tojson }}",
    )
    .unwrap();
    assert_eq!(
        template.render(struct_row(&rows, 0).unwrap()).unwrap(),
        "Ada=36;Bob=?;2 Bob 36 {\"Ada\": 36, \"Bob\": null} \
         [{\"name\": \"Ada\", \"age\": 36}, {\"name\": \"Bob\", \"age\": null}]"
    );
    let second = Template::compile("{{ people[0].name }} {{ by_name.Cyd }} {{ by_name | length }}").unwrap();
    assert_eq!(second.render(struct_row(&rows, 1).unwrap()).unwrap(), "Cyd 7 1");
}

#[test]
fn a_null_struct_is_none_and_a_missing_row_an_error() {
    let n: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let fields = Fields::from(vec![Field::new("n", DataType::Int32, true)]);
    let rows = StructArray::new(fields, vec![n], Some(NullBuffer::from(vec![true, false])));
    assert!(struct_row(&rows, 1).unwrap().is_none());
    assert_eq!(struct_row(&rows, 2).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn an_unsupported_type_names_the_field() {
    let x: ArrayRef = Arc::new(Time64MicrosecondArray::from(vec![1]));
    let e = struct_row(&one_row(vec![("at", x)]), 0).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::UnsupportedType);
    assert!(e.message().contains("field 'at' has type Time64"), "{e}");
}
