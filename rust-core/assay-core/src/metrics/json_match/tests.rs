use proptest::prelude::*;

use super::super::{Metric, Stop, find};
use crate::error::{ErrorKind, Result};
use crate::options::resolve;

fn create(options: &str) -> Result<Box<dyn Metric>> {
    let info = find("llm_json_match").unwrap();
    (info.create)(&resolve(&info.function, &serde_json::from_str(options).unwrap()).unwrap(), &Stop::default())
}

fn score(options: &str, prediction: &str, reference: &str) -> f64 {
    create(options).unwrap().score(prediction, reference)
}

#[test]
fn equal_values() {
    assert_eq!(score("{}", r#"{"b": [1, 2.0], "a": "é"}"#, "{\"a\": \"\\u00e9\", \"b\": [1.0, 2]}"), 1.0);
    assert_eq!(score("{}", r#"{"a": 1, "b": 2}"#, r#"{"a": 1}"#), 0.0);
    assert_eq!(score("{}", "Sure: {\"a\": 1}", r#"{"a": 1}"#), 0.0);
    assert_eq!(score(r#"{"extract": true}"#, "Sure: {\"a\": 1}", r#"{"a": 1}"#), 1.0);
    assert_eq!(score(r#"{"rel_tol": 0.1}"#, "[10.5]", "[10]"), 1.0);
    assert!(score("{}", "1", "one").is_nan() && score("{}", "one", "one").is_nan());
}

#[test]
fn subset() {
    let options = r#"{"mode": "subset"}"#;
    assert_eq!(score(options, r#"{"a": {"x": 1, "y": 2}, "b": 3}"#, r#"{"a": {"y": 2}}"#), 1.0);
    assert_eq!(score(options, r#"{"a": 1}"#, r#"{"a": 1, "b": null}"#), 0.0);
    assert_eq!(score(options, "no JSON", "{}"), 0.0);
}

#[test]
fn shares_of_fields() {
    let options = r#"{"mode": "fields", "fields": ["$.a", "/b/0", "$.none"]}"#;
    assert_eq!(score(options, r#"{"a": 1, "b": [2]}"#, r#"{"a": 1.0, "b": [3]}"#), 2.0 / 3.0);
    let options = r#"{"mode": "fields"}"#;
    assert_eq!(score(options, r#"{"a": 1, "b": 2, "z": 0}"#, r#"{"a": 1, "b": 3, "c": 4, "d": 5}"#), 0.25);
    assert_eq!(score(options, "[1]", "[1]"), 1.0);
    assert_eq!(score(options, "none", r#"{"a": 1}"#), 0.0);
    assert!(score(options, "{}", "{}").is_nan());
}

#[test]
fn schemas() {
    let options = r#"{"mode": "schema"}"#;
    let schema = r#"{"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}"#;
    assert_eq!(score(options, r#"{"n": 3}"#, schema), 1.0);
    assert_eq!(score(options, r#"{"n": 0}"#, schema), 0.0);
    assert_eq!(score(options, "3", schema), 0.0);
    assert_eq!(score(options, "no JSON", schema), 0.0);
    for none in
        [r#"{"type": "none"}"#, "3", "{", r#"{"$ref": "http://127.0.0.1:9/x"}"#, r#"{"$ref": "file:///etc/hosts"}"#]
    {
        assert!(score(options, "1", none).is_nan(), "{none}");
    }
    for endless in [r##"{"$ref": "#"}"##, r##"{"anyOf": [{"$ref": "#"}, {"not": {"$ref": "#"}}]}"##] {
        score(options, "[[1]]", endless);
    }
    let slow = r#"{"pattern": "^(a+)+$"}"#;
    assert_eq!(score(options, &format!("\"{}!\"", "a".repeat(10_000)), slow), 0.0);
}

#[test]
fn the_best_of_references() {
    let mut metric = create(r#"{"mode": "fields"}"#).unwrap();
    let prediction = r#"{"a": 1, "b": 2}"#;
    let (half, whole) = (r#"{"a": 1, "b": 3}"#, r#"{"a": 1}"#);
    assert_eq!(metric.score_best(prediction, &[r#"{"z": 1}"#, half]), Some(0.5));
    assert_eq!(metric.score_best(prediction, &[half, r#"{"z": 1}"#]), Some(0.5));
    assert_eq!(metric.score_best(prediction, &["?", whole]), Some(1.0));
    assert!(metric.score_best(prediction, &["?", half]).unwrap().is_nan());
    assert!(metric.score_best(prediction, &[half, "?"]).unwrap().is_nan());
    assert_eq!(metric.score_best(prediction, &[]), None);
}

#[test]
fn options_that_do_not_fit_are_refused() {
    for bad in
        [r#"{"fields": ["$.a"]}"#, r#"{"mode": "fields", "fields": ["a"]}"#, r#"{"mode": "fields", "fields": []}"#]
    {
        assert_eq!(create(bad).err().unwrap().kind(), ErrorKind::InvalidOption, "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_text_is_taken(a in "[\\[\\]{}\",:0-9a-z ]{0,40}|\\PC{0,30}", b in "[\\[\\]{}\",:0-9a-z ]{0,40}|\\PC{0,30}") {
        for mode in ["equal", "subset", "fields", "schema"] {
            let score = score(&format!("{{\"mode\": \"{mode}\", \"extract\": true}}"), &a, &b);
            prop_assert!(score.is_nan() || (0.0..=1.0).contains(&score));
        }
    }
}
