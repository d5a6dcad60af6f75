//! Bytes that are no Arrow stream, or a damaged one, are an error and never a panic.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::types::Int32Type;
use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use arrow::record_batch::RecordBatch;
use assay_core::ErrorKind;
use assay_core::exec::EvalSession;
use assay_core::exec::ipc::{read_batch, write_batch};
use assay_core::spec::{EvalSpec, FunctionSpec, SPEC_VERSION};
use proptest::prelude::*;

/// A batch with a column for each layout that matters: text, list, view, struct with map, numbers and nulls.
fn batch() -> RecordBatch {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("Paris"), None, Some("ünïcödé"), Some("")]));
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("Rome"), None]);
    lists.append_null();
    lists.append_value([None::<&str>; 0]);
    lists.append_value([Some("a longer text than twelve bytes")]);
    let keys = StringArray::from(vec!["a", "b", "c"]);
    let entries = StructArray::new(
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int32, true)]),
        vec![Arc::new(keys), Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]))],
        None,
    );
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let maps = MapArray::new(field, OffsetBuffer::new(vec![0, 1, 1, 3, 3].into()), entries, None, false);
    let numbers = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), None, None, None]);
    let decimals = Decimal128Array::from(vec![1, 2, 3, 4]).with_precision_and_scale(20, 2).unwrap();
    let rows = StructArray::from(vec![
        (Arc::new(Field::new("m", maps.data_type().clone(), true)), Arc::new(maps) as ArrayRef),
        (Arc::new(Field::new("n", numbers.data_type().clone(), true)), Arc::new(numbers)),
        (Arc::new(Field::new("d", decimals.data_type().clone(), true)), Arc::new(decimals)),
        (Arc::new(Field::new("b", DataType::Boolean, true)), Arc::new(BooleanArray::from(vec![true; 4]))),
        (Arc::new(Field::new("v", DataType::Utf8View, true)), Arc::new(StringViewArray::from(vec!["x"; 4]))),
        (Arc::new(Field::new("t", DataType::Date32, true)), Arc::new(Date32Array::from(vec![0; 4]))),
        (Arc::new(Field::new("y", DataType::Binary, true)), Arc::new(BinaryArray::from(vec![b"z".as_slice(); 4]))),
        (Arc::new(Field::new("u", DataType::Null, true)), Arc::new(NullArray::new(4))),
    ]);
    RecordBatch::try_from_iter_with_nullable([
        ("prediction", texts, true),
        ("references", Arc::new(lists.finish()) as ArrayRef, true),
        ("row", Arc::new(rows) as ArrayRef, true),
    ])
    .unwrap()
}

fn session() -> EvalSession {
    let function = |name: &str, args: &[usize], constant: Option<&str>| FunctionSpec {
        name: name.into(),
        args: args.to_vec(),
        options: Default::default(),
        constant: constant.map(str::to_string),
        model: None,
        per_row: Default::default(),
    };
    let template =
        "{% for k in m %}{{ k }}{{ m[k] }}{% endfor %}{{ n | tojson }}{{ d }}{{ b }}{{ v }}{{ t }}{{ y }}{{ u }}";
    EvalSession::open(&EvalSpec {
        version: SPEC_VERSION,
        columns: 3,
        functions: vec![
            function("llm_token_f1", &[0, 1], None),
            function("llm_contains", &[0, 0], None),
            function("llm_prompt", &[2], Some(template)),
        ],
    })
    .unwrap()
}

/// The only kinds that a damaged stream may give.
fn check(session: &EvalSession, bytes: &[u8]) {
    if let Err(e) = session.eval(bytes) {
        assert!(matches!(e.kind(), ErrorKind::MalformedBatch | ErrorKind::UnsupportedType), "{e}");
    }
}

#[test]
fn the_stream_is_right_to_begin_with() {
    let batch = batch();
    let bytes = write_batch(&batch).unwrap();
    assert_eq!(read_batch(&bytes).unwrap(), batch);
    assert_eq!(read_batch(&session().eval(&bytes).unwrap()).unwrap().num_rows(), 4);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = write_batch(&batch()).unwrap();
    let end_marker = 8;
    for length in 0..bytes.len() - end_marker {
        assert_eq!(read_batch(&bytes[..length]).unwrap_err().kind(), ErrorKind::MalformedBatch, "{length}");
    }
}

#[test]
fn what_follows_the_end_is_refused() {
    let bytes = write_batch(&batch()).unwrap();
    let twice = [bytes.as_slice(), &bytes].concat();
    assert_eq!(read_batch(&twice).unwrap_err().kind(), ErrorKind::MalformedBatch);
    let two_batches = [&bytes[..bytes.len() - 8], &bytes].concat();
    assert_eq!(read_batch(&two_batches).unwrap_err().kind(), ErrorKind::MalformedBatch);
}

#[test]
fn every_damaged_byte_is_survived() {
    let session = session();
    let mut bytes = write_batch(&batch()).unwrap();
    for position in 0..bytes.len() {
        let whole = bytes[position];
        for damage in [0x00, 0x01, 0x7F, 0x80, 0xFF, whole ^ 1, whole ^ 2, whole ^ 4, whole ^ 8, whole ^ 64] {
            bytes[position] = damage;
            check(&session, &bytes);
        }
        bytes[position] = whole;
    }
}

#[test]
fn every_damaged_word_is_survived() {
    let session = session();
    let mut bytes = write_batch(&batch()).unwrap();
    for position in (0..bytes.len() - 8).step_by(4) {
        let whole = bytes[position..position + 8].to_vec();
        for damage in [i64::MIN, -1, i64::MAX, 1 << 40, 1 << 31, 1 << 28] {
            bytes[position..position + 8].copy_from_slice(&damage.to_le_bytes());
            check(&session, &bytes);
        }
        bytes[position..position + 8].copy_from_slice(&whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(read_batch(&bytes).unwrap_err().kind(), ErrorKind::MalformedBatch);
    }

    #[test]
    fn random_messages_are_refused(bytes in prop::collection::vec(any::<u8>(), 8..300)) {
        let mut framed = vec![0xFF; 4];
        framed.extend((bytes.len() as u32).to_le_bytes());
        framed.extend(bytes);
        prop_assert_eq!(read_batch(&framed).unwrap_err().kind(), ErrorKind::MalformedBatch);
    }

    #[test]
    fn several_damaged_bytes_are_survived(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = write_batch(&batch()).unwrap();
        for (position, byte) in damage {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        check(&session(), &bytes);
    }
}
