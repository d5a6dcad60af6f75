use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::options::resolve;

fn create(options: Value) -> Result<Box<dyn Metric>> {
    (INFO.create)(&resolve(&INFO.function, options.as_object().unwrap())?, &Stop::default())
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
}

#[test]
fn like_sacrebleu() {
    let (prediction, reference) = ("The cat (sat) on the mat.", "the cat sat on a mat");
    for (options, expected) in CASES {
        let mut chrf = create(serde_json::from_str(options).unwrap()).unwrap();
        close(chrf.score(prediction, reference), *expected);
        close(chrf.score_best(prediction, &["", reference, "dog"]).unwrap(), *expected);
        assert_eq!(chrf.score_best(prediction, &[]), None);
    }
    let mut chrf = create(json!({})).unwrap();
    for (prediction, reference, expected) in [("", "", 0.0), ("a", "", 0.0), (" ", " ", 0.0), ("a b", "ab", 1.0)] {
        close(chrf.score(prediction, reference), expected);
    }
}

#[test]
fn an_order_is_needed() {
    assert!(create(json!({"char_order": 0, "word_order": 2})).is_ok());
    assert_eq!(create(json!({"char_order": 0})).err().unwrap().kind(), ErrorKind::InvalidOption);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_has_a_score(
        prediction in any::<String>(),
        references in prop::collection::vec(prop_oneof![any::<String>(), "[a-c.( ]{0,40}"], 1..4),
        char_order in prop::sample::select(vec![0, 1, 6, 10, 30]),
        word_order in 0..3,
        flags in any::<[bool; 3]>(),
    ) {
        prop_assume!(char_order + word_order > 0);
        let mut chrf = create(json!({
            "char_order": char_order, "word_order": word_order,
            "lowercase": flags[0], "whitespace": flags[1], "eps_smoothing": flags[2],
        })).unwrap();
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let score = chrf.score_best(&prediction, &references).unwrap();
        prop_assert!((0.0..=1.0).contains(&score));
        let each = references.iter().map(|reference| chrf.score(&prediction, reference)).reduce(f64::max);
        prop_assert_eq!(each, Some(score));
        let text = format!("{prediction} a");
        if !flags[2] {
            prop_assert!((chrf.score(&text, &text) - 1.0).abs() < 1e-12);
        }
    }
}

const CASES: &[(&str, f64)] = &[
    ("{}", 0.3679381753962826),
    (r#"{"word_order": 2}"#, 0.3540832617015505),
    (r#"{"beta": 1}"#, 0.33423466637512594),
    (r#"{"lowercase": true}"#, 0.40983846544356334),
    (r#"{"whitespace": true}"#, 0.4873719431662626),
    (r#"{"eps_smoothing": true, "char_order": 10}"#, 0.22074175824175823),
    (r#"{"char_order": 0, "word_order": 1}"#, 0.625),
    (r#"{"char_order": 40}"#, 0.14717527015851306),
];
