use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::band::Band;
use super::matrix::Matrix;
use super::shifts::Rows;
use super::*;
use crate::options::resolve;

fn create_with(options: Value, stop: &Stop) -> Box<dyn Metric> {
    (INFO.create)(&resolve(&INFO.function, options.as_object().unwrap()).unwrap(), stop).unwrap()
}

fn create(options: Value) -> Box<dyn Metric> {
    create_with(options, &Stop::default())
}

#[test]
fn like_sacrebleu() {
    for (options, prediction, references, expected) in [
        (json!({}), "the cat sat on the mat", ["on the mat the cat sat"].as_slice(), 1.0 / 6.0),
        (json!({}), "a b c", &["A B D"], 1.0 / 3.0),
        (json!({"case_sensitive": true}), "a b c", &["A B D"], 1.0),
        (json!({}), "a b", &["a b c", "a b"], 0.0),
        (json!({}), "x", &["a b c", "a b"], 2.0 / 2.5),
        (json!({}), "", &["a"], 1.0),
        (json!({}), "a", &[""], 1.0),
        (json!({}), "", &[""], 0.0),
        // References are tokenized twice, and only the second time the apostrophe has a plain space behind its s.
        (json!({"normalized": true}), "it's\u{2003}run", &["it's\u{2003}run"], 2.0 / 3.0),
        (json!({"normalized": true}), "it's 3.5, isn't it", &["it 's 3.5 , isn't it"], 0.0),
        (
            json!({"normalized": true, "no_punct": true, "asian_support": true}),
            "東京・大阪(3.5)。",
            &["東 京 大 阪 35"],
            0.0,
        ),
    ] {
        let found = create(options).score_best(prediction, references).unwrap();
        assert!((found - expected).abs() < 1e-12, "{prediction:?}: {found}, expected {expected}");
    }
    assert_eq!(create(json!({})).score_best("a", &[]), None);
}

#[test]
fn a_mean_length_is_counted_exactly() {
    let options = resolve(&CORPUS.function, &serde_json::Map::new()).unwrap();
    let mut ter = (CORPUS.create)(&options, &Stop::default()).unwrap();
    for n in [2, 3, 7, 16, 17, 1000] {
        let references = [vec!["a b"; n - 1], vec!["a b c"]].concat();
        let mut counts = Vec::new();
        assert!(ter.counts("x y", &references, &mut counts));
        let expected = 2.0 / (2.0 + 1.0 / n as f64);
        assert!((ter.score(&counts) - expected).abs() < 1e-12);
        assert_eq!(counts[2] == 0.0, n <= 16);
    }
}

#[test]
fn a_stop_is_heard() {
    // Each shift takes a walk along all words again.
    let text = |word: &str| (0_u64..200_000).map(|i| format!("{word}{} ", (i * i) % 97)).collect::<String>();
    let (prediction, reference) = (text("a"), format!("b {}", text("a")));
    let stop = Stop::default();
    stop.set();
    let begun = Instant::now();
    create_with(json!({}), &stop).score(&prediction, &reference);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// Words with the numbers of `n`, of which the reference may have more.
fn words(n: u32, length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..n, length)
}

/// A prediction, and a reference that shares runs of words with it.
fn pair() -> impl Strategy<Value = (Vec<u32>, Vec<u32>)> {
    prop_oneof![
        (words(4, 1..40), words(5, 1..40)),
        (words(50, 1..120), words(51, 1..120)),
        (words(9, 1..6), words(9, 1..300)),
        (words(9, 1..300), words(9, 1..6)),
        (words(30, 30..120), 0_usize..60, words(30, 0..60)).prop_map(|(prediction, from, more)| {
            let reference = [&more, &prediction[from.min(prediction.len() - 1)..]].concat();
            (prediction, reference)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_band_is_a_part_of_the_matrix((mut prediction, reference_words) in pair(), start in any::<usize>(), seed in any::<u32>()) {
        prop_assume!(Band::fits(prediction.len(), reference_words.len()));
        let mut reference = Reference::default();
        reference.set(&reference_words, 60);
        let (mut band, mut matrix) = (Band::default(), Matrix::default());
        band.set_lengths(prediction.len(), reference.len());
        matrix.set_lengths(prediction.len(), reference.len());
        let mut from = 0;
        for _ in 0..3 {
            let distance = matrix.update(&prediction, &reference, from);
            prop_assert_eq!(band.update(&prediction, &reference, from), distance);
            let (mut i, mut j) = (prediction.len(), reference.len());
            while i > 0 && j > 0 {
                let operation = matrix.operation(i, j, &prediction, &reference);
                prop_assert_eq!(band.operation(i, j, &prediction, &reference), operation);
                i -= usize::from(operation != super::shifts::Operation::Insertion);
                j -= usize::from(operation != super::shifts::Operation::Deletion);
            }
            from = start % prediction.len();
            let to = (from + 1 + seed as usize % 20).min(prediction.len());
            let moved: Vec<u32> = prediction[from..to].iter().rev().copied().collect();
            let distance = matrix.distance(&prediction, &moved, from, &reference);
            prop_assert_eq!(band.distance(&prediction, &moved, from, &reference), distance);
            prediction[from..to].copy_from_slice(&moved);
        }
    }

    #[test]
    fn any_text_has_a_score(
        prediction in any::<String>(),
        references in prop::collection::vec(prop_oneof![any::<String>(), "[a-c.'s( ]{0,40}"], 1..4),
        flags in any::<[bool; 4]>(),
    ) {
        let mut ter = create(json!({
            "normalized": flags[0], "no_punct": flags[1], "asian_support": flags[2], "case_sensitive": flags[3],
        }));
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let score = ter.score_best(&prediction, &references).unwrap();
        prop_assert!(score >= 0.0 && score.is_finite());
        prop_assert_eq!(ter.score_best(&prediction, &references), Some(score));
        // Where it is normalized, a reference is so twice, and then it need not be equal to itself.
        prop_assert!(flags[0] || ter.score(&prediction, &prediction) == 0.0);
    }
}
