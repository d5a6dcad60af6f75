use arrow::array::cast::AsArray;
use arrow::array::{Array, StringArray};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::exec::columns::{References, Texts};

fn options(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn state(name: &str, rows: &[(Option<&str>, Option<&str>)]) -> Vec<u8> {
    let predictions: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<StringArray>());
    let references: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>());
    let stop = Stop::default();
    let counting = Counting::new(name, &Map::new(), &stop).unwrap();
    let pairs = Pairs::new(Texts::new(&predictions).unwrap(), References::new(&references).unwrap());
    let counts = counting.eval(pairs, rows.len(), &stop).unwrap();
    let counts = counts.as_binary::<i32>();
    let mut state = vec![VERSION];
    state.extend((counts.null_count() as u64).to_le_bytes());
    state.extend(((counts.len() - counts.null_count()) as u64).to_le_bytes());
    counts.iter().flatten().for_each(|row| state.extend(row));
    state
}

#[test]
fn a_corpus_is_more_than_the_mean_of_its_rows() {
    let rows = [(Some("a b c d"), Some("a b c x")), (Some("e"), Some("e f g")), (None, Some("h")), (Some("i"), None)];
    let outcome = finish("corpus_wer", &Map::new(), &state("corpus_wer", &rows)).unwrap();
    assert_eq!((outcome.estimate, outcome.n, outcome.n_null), (Some(3.0 / 7.0), 2, 2));
    for info in CORPUS {
        let name = info.function.name;
        let outcome = finish(name, &options(json!({"n_resamples": 99})), &state(name, &rows)).unwrap();
        assert_eq!((outcome.n, outcome.n_null), (2, 2), "{name}");
        assert!(outcome.lower <= outcome.estimate && outcome.estimate <= outcome.upper, "{name}: {outcome:?}");
    }
}

#[test]
fn comparisons_are_of_the_scores_of_both() {
    let candidate =
        [(Some("a b c d e"), Some("a b c d e")), (Some("f g h i"), Some("f g h x")), (Some("k"), Some("k l"))];
    let baseline = [(Some("a b c"), Some("a b c d e")), (Some("f h i"), Some("f g h x")), (Some("l"), Some("k l"))];
    for (comparison, metric) in COMPARISONS {
        let [first, second] = [candidate, baseline].map(|rows| state(metric, &rows));
        let [one, other] = [&first, &second].map(|s| finish(metric, &Map::new(), s).unwrap().estimate.unwrap());
        // Row by row: the counts of a metric are one for each place of its width.
        let (_, a) = decode(&first, width_of(metric)).unwrap();
        let (_, b) = decode(&second, width_of(metric)).unwrap();
        let mut both = first[..17].to_vec();
        for (a, b) in a.chunks(width_of(metric)).zip(b.chunks(width_of(metric))) {
            a.iter().chain(b).for_each(|&count| write(count as u64, &mut both));
        }
        let outcome = finish(comparison, &options(json!({"n_resamples": 99})), &both).unwrap();
        assert!((outcome.estimate.unwrap() - (one - other)).abs() < 1e-12, "{comparison}: {outcome:?}");
        assert!(outcome.test.and_then(|test| test.p_value).is_some_and(|p| p > 0.0 && p <= 1.0));
        assert!(check(comparison, &options(json!({"method": "approximate_randomization"}))).is_ok());
        assert!(check(comparison, &options(json!({"method": "bca"}))).is_err());
    }
}

fn width_of(metric: &str) -> usize {
    let (info, function) = find(metric).unwrap();
    (info.create)(&resolve(function, &Map::new()).unwrap(), &Stop::default()).unwrap().width()
}

#[test]
fn no_rows_have_a_reason() {
    for info in CORPUS {
        let name = info.function.name;
        let outcome = finish(name, &Map::new(), &state(name, &[(None, Some("x"))])).unwrap();
        assert_eq!((outcome.estimate, outcome.lower, outcome.n, outcome.n_null), (None, None, 0, 1), "{name}");
        assert!(outcome.reason.is_some());
    }
}

#[test]
fn options_of_metric_and_interval_are_checked() {
    assert!(check("corpus_bleu", &options(json!({"tokenize": "zh", "n_resamples": 10, "level": 0.9}))).is_ok());
    assert!(check("corpus_bleu", &options(json!({"tokenise": "zh"}))).is_err());
    assert!(check("corpus_bleu", &options(json!({"method": "wilson"}))).is_err());
    assert!(check("corpus_x", &Map::new()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = finish("corpus_bleu", &options(json!({"n_resamples": 10})), &bytes);
    }

    #[test]
    fn counts_come_back(counts in prop::collection::vec(0u64..(1 << 53), 0..40)) {
        let mut state = vec![VERSION];
        state.extend(3u64.to_le_bytes());
        state.extend((counts.len() as u64).to_le_bytes());
        counts.iter().for_each(|&count| write(count, &mut state));
        let (n_null, rows) = decode(&state, 1).unwrap();
        prop_assert_eq!(n_null, 3);
        prop_assert_eq!(rows, counts.iter().map(|&count| count as f64).collect::<Vec<_>>());
    }
}
