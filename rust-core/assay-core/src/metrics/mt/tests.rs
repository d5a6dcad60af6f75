use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn pieces(text: &str, rules: &Rules) -> Vec<String> {
    let mut pieces = Vec::new();
    split(text, rules, |start, end| pieces.push(text[start..end].to_string()));
    pieces
}

/// What of each n-gram two texts share, counted as it is defined.
fn shared(prediction: &[u32], references: &[Vec<u32>], order: usize) -> Vec<u64> {
    let counts = |numbers: &[u32], n: usize| {
        let mut counts: HashMap<Vec<u32>, u64> = HashMap::new();
        for ngram in numbers.windows(n) {
            *counts.entry(ngram.to_vec()).or_default() += 1;
        }
        counts
    };
    let matches = |n| {
        let references: Vec<_> = references.iter().map(|reference| counts(reference, n)).collect();
        let best = |ngram| references.iter().filter_map(|counts| counts.get(ngram)).max().copied().unwrap_or(0);
        counts(prediction, n).iter().map(|(ngram, &count)| count.min(best(ngram))).sum()
    };
    (1..=order).map(matches).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn ngrams_of_one_reference(
        prediction in prop::collection::vec(FIRST..6, 0..20),
        reference in prop::collection::vec(FIRST..6, 0..20),
        // From two bits for a token to more than the integers hold.
        limit in prop::sample::select(vec![6_usize, 200, 70_000]),
        order in 1_usize..20,
    ) {
        let mut matches = vec![7; order];
        let mut ngrams = SharedNgrams::default();
        ngrams.set_prediction(&prediction, limit, order);
        for _ in 0..2 {
            ngrams.count(&reference, &mut matches);
            prop_assert_eq!(&matches, &shared(&prediction, std::slice::from_ref(&reference), order));
        }
    }

    #[test]
    fn ngrams_of_several_references(
        prediction in prop::collection::vec(0_u32..5, 0..20),
        references in prop::collection::vec(prop::collection::vec(0_u32..7, 0..20), 0..4),
        order in 1_usize..6,
    ) {
        let mut sequences = Sequences { prediction: prediction.clone(), ..Sequences::default() };
        for reference in &references {
            let known = |&number: &u32| if number < 5 { number } else { UNKNOWN };
            sequences.references.extend(reference.iter().map(known));
            sequences.end_reference();
        }
        let mut matches = vec![7; order];
        Ngrams::default().count(&mut sequences, 5, &mut matches);
        prop_assert_eq!(matches, shared(&prediction, &references, order));
    }

    #[test]
    fn equal_tokens_have_equal_numbers(texts in prop::collection::vec("[abä]{0,20}", 0..60)) {
        let mut interner = Interner::default();
        interner.clear(0);
        let mut known: HashMap<&str, u32> = HashMap::new();
        for text in &texts {
            let padded = format!("<{text}>");
            let end = padded.len() - 1;
            prop_assert_eq!(interner.find(padded.as_bytes(), 1, end), known.get(text.as_str()).copied());
            let next = known.len() as u32;
            let number = *known.entry(text).or_insert(next);
            prop_assert_eq!(interner.intern(padded.as_bytes(), 1, end), number);
            prop_assert_eq!(interner.intern(text.as_bytes(), 0, text.len()), number);
        }
        prop_assert_eq!(interner.len(), known.len());
    }

    #[test]
    fn words_are_those_between_whitespace(text in "[ab \t\u{1c}\u{85}\u{a0}\u{1680}\u{2003}\u{3000}é\u{200b}語🙂]{0,30}") {
        let mut found = Vec::new();
        words(&text, |start, end| found.push(&text[start..end]));
        let expected: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn points_stay_between_digits() {
    static WRAPPED: Rules = Rules { bytes: classes!(mteval_class), beyond: |_| Class::Letter, wrapped: true };
    static BARE: Rules = Rules { bytes: classes!(mteval_class), beyond: |_| Class::Letter, wrapped: false };
    for (text, wrapped, bare) in [
        ("3.5", "3.5", "3.5"),
        (".5", ". 5", ".5"),
        ("5.", "5 .", "5."),
        ("a.b", "a . b", "a . b"),
        ("a..5", "a . .5", "a . .5"),
        ("a...5", "a . . . 5", "a . . . 5"),
        ("1..2", "1 . . 2", "1 . . 2"),
        ("1...2", "1 . . .2", "1 . . .2"),
        ("..5", ". .5", ". . 5"),
        ("5-6", "5 - 6", "5 - 6"),
        ("5--6", "5 - -6", "5 - -6"),
        ("a-b", "a-b", "a-b"),
        ("1,234.5é", "1,234.5é", "1,234.5é"),
        ("(é.)", "( é . )", "( é . )"),
    ] {
        assert_eq!(pieces(text, &WRAPPED).join(" "), wrapped, "{text:?}");
        assert_eq!(pieces(text, &BARE).join(" "), bare, "{text:?}");
    }
}
