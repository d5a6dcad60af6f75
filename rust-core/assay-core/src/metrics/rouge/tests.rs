use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn metric(name: &str, given: Value) -> Box<dyn Metric> {
    let given = given.as_object().cloned().unwrap_or_else(Map::new);
    let info = crate::metrics::find(name).unwrap();
    (info.create)(&crate::options::resolve(&info.function, &given).unwrap(), &Stop::default()).unwrap()
}

const NAMES: [&str; 5] = ["llm_rouge_1", "llm_rouge_2", "llm_rouge_3", "llm_rouge_l", "llm_rouge_lsum"];
const VARIANTS: [RougeVariant; 5] =
    [RougeVariant::N(1), RougeVariant::N(2), RougeVariant::N(3), RougeVariant::L, RougeVariant::Lsum];

/// The table of rouge-score and its walk back, as plainly as can be.
fn walk(reference: &[u32], prediction: &[u32]) -> Vec<usize> {
    let (rows, columns) = (reference.len(), prediction.len());
    let mut table = vec![vec![0; columns + 1]; rows + 1];
    for i in 1..=rows {
        for j in 1..=columns {
            table[i][j] = if reference[i - 1] == prediction[j - 1] {
                table[i - 1][j - 1] + 1
            } else {
                table[i - 1][j].max(table[i][j - 1])
            };
        }
    }
    let (mut i, mut j) = (rows, columns);
    let mut taken = Vec::new();
    while i > 0 && j > 0 {
        if reference[i - 1] == prediction[j - 1] {
            taken.push(i - 1);
            (i, j) = (i - 1, j - 1);
        } else if table[i][j - 1] > table[i - 1][j] {
            j -= 1;
        } else {
            i -= 1;
        }
    }
    taken
}

fn plain_lsum_hits(prediction: &Tokens, reference: &Tokens) -> usize {
    let mut left = prediction.ids.clone();
    let mut hits = 0;
    for (_, sentence) in reference.sentences() {
        let mut union = std::collections::BTreeSet::new();
        prediction.sentences().for_each(|(_, other)| union.extend(walk(sentence, other)));
        for at in union {
            if let Some(found) = left.iter().position(|&id| id == sentence[at]) {
                left.swap_remove(found);
                hits += 1;
            }
        }
    }
    hits
}

/// Words over a small alphabet, so that they repeat, in lines.
fn text(words: std::ops::Range<usize>, alphabet: u32, line_ends: u32) -> impl Strategy<Value = String> {
    proptest::collection::vec((0..alphabet, 0..100u32), words).prop_map(move |words| {
        words.iter().map(|(word, end)| format!("w{word}{}", if *end < line_ends { '\n' } else { ' ' })).collect()
    })
}

fn pair(rule: TokenRule, prediction: &str, reference: &str) -> RougePair {
    let mut pair = RougePair::new(rule, &Stop::default());
    pair.set_prediction(prediction);
    pair.set_reference(reference);
    pair
}

#[test]
fn scores_are_those_of_rouge_score() {
    let (prediction, reference) =
        ("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog");
    // Printed by rouge-score 0.1.2.
    for (name, expected) in NAMES.iter().zip([12.0 / 17.0, 4.0 / 15.0, 2.0 / 13.0, 10.0 / 17.0, 10.0 / 17.0]) {
        let score = metric(name, json!({})).score(prediction, reference);
        assert!((score - expected).abs() < 1e-12, "{name}: {score} {expected}");
    }
    assert_eq!(metric("llm_rouge_1", json!({"measure": "precision"})).score("a a b", "a c"), 1.0 / 3.0);
    assert_eq!(metric("llm_rouge_1", json!({"measure": "recall"})).score("a a b", "a c"), 0.5);
    assert_eq!(metric("llm_rouge_1", json!({"use_stemmer": true})).score("running dogs ads", "run dog ad"), 2.0 / 3.0);
}

#[test]
fn tokens_are_those_of_rouge_score() {
    let mut rouge = metric("llm_rouge_1", json!({}));
    // Two characters beyond ASCII have ASCII in their lower case.
    assert_eq!(rouge.score("\u{212A}ELVIN \u{130}stanbul", "kelvin i stanbul"), 1.0);
    assert_eq!(rouge.score("na\u{EF}ve_user's", "na ve user s"), 1.0);
    assert_eq!(
        rouge.score("\u{41F}\u{440}\u{438}\u{432}\u{435}\u{442}", "\u{41F}\u{440}\u{438}\u{432}\u{435}\u{442}"),
        0.0
    );
    assert_eq!(rouge.score("", ""), 0.0);
    assert_eq!(rouge.score_best("a", &[]), None);
}

#[test]
fn the_best_reference_is_that_of_the_greatest_f() {
    let mut recall = metric("llm_rouge_1", json!({"measure": "recall"}));
    assert_eq!(recall.score_best("a b c d", &["a", "a b c x"]), Some(0.75));
    // 2 / 3 and 1 / 2 the other way round: equal F, so the first.
    assert_eq!(recall.score_best("a b", &["a b x y", "a"]), Some(0.5));
    assert_eq!(recall.score_best("a b", &["a", "a b x y"]), Some(1.0));
}

#[test]
fn a_union_takes_the_alignment_of_the_library() {
    // The walk back of rouge-score takes the first token here, not the second.
    let mut pair = pair(TokenRule::Ascii, "a x\nb", "a a b\nc");
    assert_eq!(pair.score(RougeVariant::Lsum).recall, 0.5);
    assert_eq!(walk(&[0, 0], &[0, 1]), [0]);
}

#[test]
fn tokens_of_any_script() {
    let mut pair = RougePair::new(TokenRule::Unicode, &Stop::default());
    for (text, count, same) in [
        ("Привет, МИР!", 2, "привет мир"),
        ("नई दिल्ली।", 2, "नई-दिल्ली"),
        ("東京タワー３３３", 6, "東 京 タ ワ ー ３３３"),
        ("ที่นี่ ๑๒", 3, "ที่ นี่ ๑๒"),
        ("ភ្នំ", 2, "ភ្ នំ"),
        ("می\u{200c}خواهم", 1, "میخواهم"),
        ("☺\u{FE0F} 1\u{FE0F}\u{20E3}", 1, "1\u{20E3}"),
        ("- \u{301}a", 1, "a"),
        ("don't e\u{301}te\u{301}", 3, "don t e\u{301}te\u{301}"),
    ] {
        pair.set_prediction(text);
        pair.set_reference(same);
        assert_eq!(pair.prediction.ids.len(), count, "{text}");
        assert_eq!(pair.prediction.ids, pair.reference.ids, "{text}");
    }
}

#[test]
fn scores_come_soon_after_a_stop() {
    // Each of these would take minutes.
    let one_line = ("a b a b b ".repeat(400_000), "b a a c b b a ".repeat(300_000));
    let lines = (one_line.0.replace("b b", "b\nb") + &one_line.1, one_line.1.clone() + "\nb");
    for (variant, (prediction, reference)) in [(RougeVariant::L, one_line), (RougeVariant::Lsum, lines)] {
        let stop = Stop::default();
        let mut pair = RougePair::new(TokenRule::Ascii, &stop);
        pair.set_prediction(&prediction);
        pair.set_reference(&reference);
        let scored = std::thread::spawn(move || {
            pair.score(variant);
            std::time::Instant::now()
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!scored.is_finished());
        let stopped = std::time::Instant::now();
        stop.set();
        let after = scored.join().unwrap().saturating_duration_since(stopped);
        assert!(after.as_secs_f64() < 1.0, "{variant:?}: {after:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hits_are_those_of_the_plain_table(
        prediction in text(0..200, 8, 5),
        reference in text(0..200, 8, 5),
        one_line in text(0..400, 30, 0),
    ) {
        for (prediction, reference) in [(&prediction, &reference), (&one_line, &reference), (&prediction, &one_line)] {
            let mut pair = pair(TokenRule::Ascii, prediction, reference);
            let expected = plain_lsum_hits(&pair.prediction, &pair.reference);
            let n_ids = pair.interner.len();
            prop_assert_eq!(pair.union.hits(&pair.prediction, &pair.reference, n_ids, &pair.stop), expected);
            let expected = walk(&pair.reference.ids, &pair.prediction.ids).len();
            let found = pair.lcs.length(&pair.prediction.ids, &pair.reference.ids, n_ids, &pair.stop);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn scores_are_in_range_and_symmetric(prediction in "\\PC{0,60}", reference in "([a-c ]|\\PC|\n){0,60}") {
        for rule in [TokenRule::Ascii, TokenRule::Stemmed, TokenRule::Unicode] {
            let (mut one, mut other) = (pair(rule, &prediction, &reference), pair(rule, &reference, &prediction));
            for variant in VARIANTS {
                let score = one.score(variant);
                for number in [score.precision, score.recall, score.fmeasure] {
                    prop_assert!((0.0..=1.0).contains(&number));
                }
                if variant != RougeVariant::Lsum {
                    prop_assert_eq!(score.fmeasure, other.score(variant).fmeasure);
                    prop_assert_eq!(score.precision, other.score(variant).recall);
                }
            }
        }
    }

    #[test]
    fn a_text_against_itself_scores_one_where_it_has_tokens(text in "([a-c ]|\\PC|\n){0,60}") {
        for rule in [TokenRule::Ascii, TokenRule::Stemmed, TokenRule::Unicode] {
            let mut pair = pair(rule, &text, &text);
            let n_tokens = pair.prediction.ids.len();
            for variant in VARIANTS {
                let least = if let RougeVariant::N(n) = variant { n } else { 1 };
                prop_assert_eq!(pair.score(variant).fmeasure, f64::from(u8::from(n_tokens >= least)));
            }
        }
    }
}
