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
    let mut bleu = create(json!({})).unwrap();
    close(bleu.score("the cat sat on the mat", "the cat sat on a mat"), 0.537284965911771);
    // One precision stands for each length that the prediction has.
    close(bleu.score("Paris", "Paris"), 1.0);
    close(bleu.score("Paris", "Paris is large"), (-2.0_f64).exp());
    for (prediction, reference) in [("", "Paris"), ("Paris", ""), ("", ""), (" \n", " "), ("Paris", "Rome")] {
        close(bleu.score(prediction, reference), 0.0);
    }
    // Counts are clipped by the best reference, lengths compared with the nearest.
    close(bleu.score_best("the the the", &["the", "the the a b"]).unwrap(), 0.39432237651162877);
    assert_eq!(bleu.score_best("the", &[]), None);
}

#[test]
fn options_are_checked() {
    assert!(create(json!({"smooth_method": "add-k", "smooth_value": 2.5})).is_ok());
    assert!(create(json!({"smooth_method": "floor", "smooth_value": 1})).is_ok());
    for bad in [
        json!({"smooth_method": "floor", "smooth_value": 1.5}),
        json!({"smooth_value": -1}),
        json!({"tokenize": "spm"}),
        json!({"max_ngram_order": 0}),
    ] {
        assert_eq!(create(bad).err().unwrap().kind(), ErrorKind::InvalidOption);
    }
}

#[test]
fn tokenizers_like_sacrebleu() {
    let tokens = |kind, text: &str| {
        let mut tokens = Vec::new();
        Tokenizer::new(kind, false).tokenize(text, |text, start, end| {
            tokens.push(std::str::from_utf8(&text[start..end]).unwrap().to_string());
        });
        tokens.join(" ")
    };
    for (kind, text, expected) in [
        (Kind::Mteval13a, "a<skipped>b -\nc &amp;lt;d&quot; it's", "ab c < d \" it's"),
        (Kind::Mteval13a, "$3.50 (U.S.) well-known 10-15", "$ 3.50 ( U . S . ) well-known 10 - 15"),
        (Kind::International, "«3,5»—€5. ½. 2000.", "«3,5 » — € 5 . ½ . 2000."),
        (Kind::International, "a.b +1 ٣٫١", "a . b + 1 ٣٫١"),
        (Kind::Character, " né 語\u{3000}🙂", "n é 語 🙂"),
        (Kind::Chinese, " .5我们 don’t 𠀀。", ".5 我 们 don ’ t 𠀀 。"),
        (Kind::Whitespace, " a.b,\u{85}c ", "a.b, c"),
    ] {
        assert_eq!(tokens(kind, text), expected, "{kind:?} {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_has_a_score(
        prediction in any::<String>(),
        references in prop::collection::vec(prop_oneof![any::<String>(), "[a-c.,0-9& -]{0,40}"], 1..4),
        tokenize in prop::sample::select(vec!["13a", "intl", "char", "zh", "none"]),
        smooth_method in prop::sample::select(vec!["exp", "floor", "add-k", "none"]),
        lowercase in any::<bool>(),
    ) {
        let mut bleu =
            create(json!({"tokenize": tokenize, "smooth_method": smooth_method, "lowercase": lowercase})).unwrap();
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let score = bleu.score_best(&prediction, &references).unwrap();
        prop_assert!((0.0..=1.0).contains(&score));
        // What stands among the references is perfect, if it has a token and each tokenizer leaves one of a letter.
        let text = format!("{prediction} a");
        prop_assert!((bleu.score_best(&text, &[references[0], &text]).unwrap() - 1.0).abs() < 1e-12);
        prop_assert_eq!(bleu.score_best(&prediction, &references), Some(score));
    }
}
