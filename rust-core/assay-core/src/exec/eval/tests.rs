use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use serde_json::json;

use super::*;
use crate::spec::SPEC_VERSION;

fn function(name: &str, args: &[usize]) -> FunctionSpec {
    FunctionSpec {
        name: name.into(),
        args: args.to_vec(),
        options: Map::new(),
        constant: None,
        model: None,
        per_row: Default::default(),
    }
}

fn open(columns: usize, functions: Vec<FunctionSpec>) -> Result<EvalSession> {
    EvalSession::open(&EvalSpec { version: SPEC_VERSION, columns, functions })
}

fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().enumerate().map(|(i, c)| (format!("c{i}"), c, true)))
        .unwrap()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn scores_of(batch: &RecordBatch, column: usize) -> Vec<Option<f64>> {
    batch.column(column).as_primitive::<arrow::datatypes::Float64Type>().iter().collect()
}

#[test]
fn several_functions_over_one_batch() {
    let session = open(2, vec![function("llm_exact_match", &[0, 1]), function("llm_token_f1", &[0, 1])]).unwrap();
    let input = batch(vec![
        texts(&[Some("Paris"), Some("in Paris"), None, Some("x"), Some("")]),
        texts(&[Some("Paris"), Some("paris"), Some("x"), None, Some("")]),
    ]);
    let output = read_batch(&session.eval(&write_batch(&input).unwrap()).unwrap()).unwrap();
    assert_eq!(scores_of(&output, 0), [Some(1.0), Some(0.0), None, None, Some(1.0)]);
    assert_eq!(scores_of(&output, 1), [Some(1.0), Some(2.0 / 3.0), None, None, Some(0.0)]);
    assert_eq!(output.schema().field(1).name(), "llm_token_f1");
}

#[test]
fn metrics_that_share_tokens_are_one_step_and_keep_their_places() {
    let with = |name: &str, args: &[usize], options: Value| FunctionSpec {
        options: options.as_object().cloned().unwrap(),
        ..function(name, args)
    };
    let names = [
        with("llm_rouge_1", &[0, 1], json!({"measure": "recall"})),
        with("llm_extract", &[0], json!({"method": "last_number"})),
        with("llm_rouge_l", &[0, 1], json!({})),
        with("llm_rouge_1", &[3, 1], json!({})),
        with("llm_token_f1", &[0, 1], json!({})),
        with("llm_rouge_2", &[0, 1], json!({"use_stemmer": true})),
        with("llm_exact_match", &[0, 1], json!({"normalize": "squad"})),
        with("llm_rouge_lsum", &[0, 1], json!({})),
    ];
    let session = open(2, names.to_vec()).unwrap();
    assert_eq!(session.steps.len(), 5);
    let input = batch(vec![
        texts(&[Some("the 7 cats"), Some("a\nb 12"), None, Some("")]),
        texts(&[Some("7 cat"), Some("b\na 12 12"), Some("x"), Some("")]),
    ]);
    let output = session.eval_batch(&input).unwrap();
    for (i, name) in names.iter().enumerate().filter(|(_, f)| f.args == [0, 1]) {
        let alone = open(2, vec![name.clone()]).unwrap().eval_batch(&input).unwrap();
        assert_eq!(output.column(i), alone.column(0), "{i}");
        assert_eq!(output.schema().field(i).name(), &name.name);
    }
    assert_eq!(scores_of(&output, 3), [Some(2.0 / 3.0), Some(0.4), None, None]);
}

#[test]
fn a_session_keeps_its_metrics_and_takes_batches_from_several_threads() {
    let session = open(2, vec![function("llm_rouge_l", &[0, 1]), function("llm_bleu", &[0, 1])]).unwrap();
    let input = batch(vec![texts(&[Some("a b c d e"); 50]), texts(&[Some("a b d c e"); 50])]);
    let first = session.eval_batch(&input).unwrap();
    std::thread::scope(|scope| {
        let more: Vec<_> = (0..4).map(|_| scope.spawn(|| session.eval_batch(&input).unwrap())).collect();
        more.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), first));
    });
}

#[test]
fn a_cancelled_session_says_so() {
    let session = open(2, vec![function("llm_ter", &[0, 1])]).unwrap();
    session.cancel();
    let input = batch(vec![texts(&[Some("a")]), texts(&[Some("b")])]);
    assert_eq!(session.eval_batch(&input).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn the_best_reference_counts_and_null_elements_do_not() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("Rome"), None, Some("Paris")]);
    lists.append_value([None::<&str>]);
    lists.append_value([None::<&str>; 0]);
    lists.append_null();
    lists.append_value([Some("")]);
    let predictions = texts(&[Some("Paris"), Some("x"), Some("x"), Some("x"), Some("")]);
    let session = open(2, vec![function("llm_exact_match", &[0, 1])]).unwrap();
    let output = session.eval_batch(&batch(vec![predictions, Arc::new(lists.finish())])).unwrap();
    assert_eq!(scores_of(&output, 0), [Some(1.0), None, None, None, Some(1.0)]);
}

#[test]
fn every_layout_of_text_gives_the_same() {
    let session = open(2, vec![function("llm_contains", &[0, 1])]).unwrap();
    let large: ArrayRef = Arc::new(LargeStringArray::from(vec![Some("the answer is 42")]));
    let view: ArrayRef = Arc::new(StringViewArray::from(vec![Some("42")]));
    let item = Arc::new(Field::new("item", DataType::Utf8View, true));
    let lists = LargeListArray::new(item, OffsetBuffer::new(vec![0, 1].into()), view.clone(), None);
    for references in [view, Arc::new(lists) as ArrayRef] {
        let input = write_batch(&batch(vec![large.clone(), references])).unwrap();
        assert_eq!(scores_of(&read_batch(&session.eval(&input).unwrap()).unwrap(), 0), [Some(1.0)]);
    }
}

#[test]
fn a_slice_of_a_batch_is_scored_by_its_own_rows() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for text in ["a", "b", "c", "d"] {
        lists.append_value([Some(text)]);
    }
    let predictions = texts(&[Some("a"), Some("x"), Some("c"), Some("y")]);
    let whole = batch(vec![predictions, Arc::new(lists.finish())]);
    let session = open(2, vec![function("llm_exact_match", &[0, 1])]).unwrap();
    let part = write_batch(&whole.slice(2, 2)).unwrap();
    assert_eq!(scores_of(&read_batch(&session.eval(&part).unwrap()).unwrap(), 0), [Some(1.0), Some(0.0)]);
}

#[test]
fn results_feed_later_functions() {
    let q = texts(&[Some("2+2"), None]);
    let row = StructArray::try_from(vec![("q", q)]).unwrap();
    let prompt = FunctionSpec { constant: Some("Q: {{ q }}".into()), ..function("llm_prompt", &[0]) };
    let session = open(2, vec![prompt, function("llm_contains", &[2, 1])]).unwrap();
    let output = session.eval_batch(&batch(vec![Arc::new(row), texts(&[Some("2+2"), Some("x")])])).unwrap();
    let prompts: Vec<_> = output.column(0).as_string::<i32>().iter().collect();
    assert_eq!(prompts, [Some("Q: 2+2"), None]);
    assert_eq!(scores_of(&output, 1), [Some(1.0), None]);
}

#[test]
fn a_null_literal_gives_null() {
    let session = open(2, vec![function("llm_exact_match", &[0, 1])]).unwrap();
    let nulls: ArrayRef = Arc::new(NullArray::new(1));
    assert_eq!(scores_of(&session.eval_batch(&batch(vec![texts(&[Some("")]), nulls])).unwrap(), 0), [None]);
}

#[test]
fn no_rows_and_no_functions_are_fine() {
    let session = open(2, vec![function("llm_token_f1", &[0, 1])]).unwrap();
    assert_eq!(session.eval_batch(&batch(vec![texts(&[]), texts(&[])])).unwrap().num_rows(), 0);
    let idle = open(1, vec![]).unwrap();
    assert_eq!(idle.eval_batch(&batch(vec![texts(&[None, None])])).unwrap().num_rows(), 2);
}

#[test]
fn wrong_types_name_column_type_and_function() {
    let session = open(2, vec![function("llm_exact_match", &[0, 1])]).unwrap();
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let e = session.eval_batch(&batch(vec![texts(&[Some("")]), numbers])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::UnsupportedType);
    assert_eq!(e.message(), "llm_exact_match: column 1 has type Int32; it takes a STRING or an ARRAY<STRING>");
}

#[test]
fn a_batch_of_other_width_is_refused() {
    let session = open(2, vec![]).unwrap();
    assert_eq!(session.eval_batch(&batch(vec![texts(&[])])).unwrap_err().kind(), ErrorKind::MalformedBatch);
}

#[test]
fn specs_are_checked_when_opened() {
    let with = |f: FunctionSpec| open(2, vec![f]).unwrap_err().kind();
    assert_eq!(with(function("llm_exact_match", &[0])), ErrorKind::InvalidArgument);
    assert_eq!(with(function("llm_exact_match", &[0, 2])), ErrorKind::InvalidSpec);
    assert_eq!(with(function("llm_exactmatch", &[0, 1])), ErrorKind::UnknownFunction);
    assert_eq!(with(function("llm_prompt", &[0])), ErrorKind::InvalidArgument);
    let constant = FunctionSpec { constant: Some("x".into()), ..function("llm_contains", &[0, 1]) };
    assert_eq!(with(constant), ErrorKind::InvalidArgument);
}

#[test]
fn calls_are_checked_at_planning() {
    let check = |name: &str, options: Value, per_row: &[&str], constant: Option<&str>, fields: &[&str]| {
        let options = options.as_object().cloned().unwrap();
        check_function(name, &options, per_row, constant, fields).map_err(|e| e.kind())
    };
    assert_eq!(check("llm_exact_match", json!({"normalize": "squad"}), &[], None, &[]), Ok(()));
    assert_eq!(check("llm_exact_match", json!({"normalize": "SQuAD"}), &[], None, &[]), Err(ErrorKind::InvalidOption));
    assert_eq!(check("llm_exact_match", json!({"normalise": 1}), &[], None, &[]), Err(ErrorKind::UnknownOption));
    assert_eq!(check("llm_exact_match", json!({}), &["normalize"], None, &[]), Err(ErrorKind::InvalidOption));
    assert_eq!(check("llm_prompt", json!({}), &[], Some("{{ q }}"), &["q"]), Ok(()));
    assert_eq!(check("llm_prompt", json!({}), &[], Some("{{ p }}"), &["q"]), Err(ErrorKind::TemplateVariable));
    assert_eq!(check("llm_prompt", json!({}), &[], Some("{{ q "), &["q"]), Err(ErrorKind::TemplateSyntax));
    assert_eq!(check("llm_prompt", json!({"x": 1}), &[], Some("q"), &["q"]), Err(ErrorKind::UnknownOption));
}
