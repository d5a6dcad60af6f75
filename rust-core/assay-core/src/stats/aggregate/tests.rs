use serde_json::{Map, Value, json};

use super::*;
use crate::stats::state::{encode_columns, encode_counts, encode_ratings, encode_values};

fn options(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// What an aggregate must be given.
fn given(aggregate: &Aggregate) -> Map<String, Value> {
    let has = |name| aggregate.info.options.iter().any(|option| option.name == name);
    options(if has("margin") {
        json!({"margin": 0.5})
    } else if has("k") {
        json!({"k": 1})
    } else if has("n_resamples") {
        json!({"n_resamples": 99})
    } else {
        json!({})
    })
}

/// Rows that every aggregate of this width has a result for.
fn rows(width: usize, n: usize) -> Vec<Vec<f64>> {
    let number = |i: usize, j: usize| ((i * 7919 + j * 104_729) % 5) as f64;
    match width {
        0 => (0..n).map(|i| vec![number(i, 0), number(i, 1), number(i / 2, 0)]).collect(),
        2 => (0..n)
            .map(|i| vec![f64::from(u8::from(number(i, 1) > 2.0)), f64::from(u8::from(number(i * 3, 2) > 1.0))])
            .collect(),
        3 | 4 => (0..n)
            .map(|i| {
                let mut row: Vec<f64> = (0..width - 2).map(|j| number(i * i, j)).collect();
                row.extend([(i % 7) as f64, 1.0]);
                row
            })
            .collect(),
        _ => (0..n).map(|i| vec![number(i, 0)]).collect(),
    }
}

fn encode(width: usize, rows: &[Vec<f64>], labelled: bool) -> Vec<u8> {
    if width == 0 {
        return encode_ratings(rows, 3);
    }
    let columns: Vec<Vec<f64>> = (0..width).map(|j| rows.iter().map(|row| row[j]).collect()).collect();
    encode_columns(&columns.iter().map(Vec::as_slice).collect::<Vec<_>>(), labelled, 3)
}

#[test]
fn unknown_functions_and_options_name_the_nearest() {
    let e = finish("mean_cj", &Map::new(), &[]).unwrap_err();
    assert_eq!(
        (e.kind(), e.message()),
        (ErrorKind::UnknownFunction, "there is no aggregate mean_cj; did you mean 'mean_ci'?")
    );
    let refused = |function, value| check_function(function, &options(value)).unwrap_err().kind();
    assert_eq!(refused("mean_ci", json!({"levl": 0.9})), ErrorKind::UnknownOption);
    assert_eq!(refused("mean_ci", json!({"level": 1.0})), ErrorKind::InvalidOption);
    assert_eq!(refused("equivalence_test", json!({})), ErrorKind::InvalidOption);
    assert_eq!(refused("equivalence_test", json!({"margin": 0})), ErrorKind::InvalidOption);
    let known: Vec<&str> = AGGREGATES.iter().map(|aggregate| aggregate.info.name).collect();
    assert!(known.iter().all(|name| is_aggregate(name) && known.iter().filter(|other| *other == name).count() == 1));
}

#[test]
fn every_aggregate_gives_the_same_for_any_order_and_form() {
    for aggregate in AGGREGATES {
        for labelled in [false, true] {
            let (name, width) = (aggregate.info.name, aggregate.width);
            let mut rows = rows(width, 60);
            let once = finish(name, &given(aggregate), &encode(width, &rows, labelled)).unwrap();
            // pass@k leaves out what is no count of attempts.
            assert!(once.estimate.is_some() && once.n_null >= 3, "{name}: {once:?}");
            assert!(once.lower.is_some() && once.reason.is_none(), "{name}: {once:?}");
            assert!(once.test.is_some() || !aggregate.is_test, "{name}");
            rows.reverse();
            rows.rotate_left(23);
            assert_eq!(finish(name, &given(aggregate), &encode(width, &rows, labelled)).unwrap(), once, "{name}");
        }
    }
}

#[test]
fn every_aggregate_survives_what_has_no_result() {
    for aggregate in AGGREGATES {
        for labelled in [false, true] {
            let (name, width) = (aggregate.info.name, aggregate.width);
            for special in [0.0, 1.0, f64::NAN, f64::INFINITY, 1e300] {
                for n in 0..4 {
                    let rows = vec![vec![special; width.max(3)]; n];
                    let outcome = finish(name, &given(aggregate), &encode(width, &rows, labelled)).unwrap();
                    assert!(n > 0 || outcome.reason.is_some(), "{name}: {outcome:?}");
                    if let Some(p) = outcome.test.and_then(|test| test.p_value) {
                        assert!(p > 0.0 && p <= 1.0, "{name} {special} {n}");
                    }
                }
            }
        }
    }
}

#[test]
fn counts_are_the_rows() {
    let counts = [(0.0, 3), (1.0, 7), (2.5, 40)];
    let values: Vec<f64> =
        counts.iter().flat_map(|(value, count)| std::iter::repeat_n(*value, *count as usize)).collect();
    for name in ["mean_ci", "bootstrap_ci"] {
        let by = |state: &[u8]| finish(name, &options(json!({"n_resamples": 99})), state).unwrap();
        assert_eq!(by(&encode_counts(&counts, 0)), by(&encode_values(&values, 0)));
    }
}

#[test]
fn a_state_of_another_shape_is_refused() {
    let e = finish("paired_t_test", &Map::new(), &encode_values(&[1.0], 0)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::MalformedBatch);
}

#[test]
fn many_states_at_once_are_each_alone() {
    let states: Vec<Vec<u8>> =
        (0..40).map(|i| encode_values(&[f64::from(i), 1.5, 7.0, 2.25, 0.1, 3.0, 4.0], 0)).collect();
    let states: Vec<&[u8]> = states.iter().map(Vec::as_slice).collect();
    let with = options(json!({"method": "bca", "n_resamples": 99}));
    let all = finish_all("mean_ci", &with, &states).unwrap();
    assert!(all.iter().zip(states).all(|(outcome, state)| *outcome == finish("mean_ci", &with, state).unwrap()));
}

/// A state of this kind over the rows of `state`, which are values.
fn moments_state(state: &[u8]) -> Vec<u8> {
    let mut moments = state[..24].to_vec();
    moments[1] = 2;
    moments.extend(fold_moments(&[state]).unwrap());
    moments
}

#[test]
fn a_mean_finishes_from_moments() {
    let values: Vec<f64> = (0..500).map(|i| f64::from(i * i % 97) / 7.0 + 1e6).collect();
    let state = encode_values(&values, 2);
    for method in ["hall", "t", "normal", "bca_analytic"] {
        let with = options(json!({"method": method}));
        let (all, few) =
            (finish("mean_ci", &with, &state).unwrap(), finish("mean_ci", &with, &moments_state(&state)).unwrap());
        assert_eq!((few.estimate, few.n, few.n_null, few.method), (all.estimate, 500, 2, Some(method)));
        let close = |a: Option<f64>, b: Option<f64>| (a.unwrap() / b.unwrap() - 1.0).abs() < 1e-13;
        assert!(close(few.std_error, all.std_error) && close(few.lower, all.lower) && close(few.upper, all.upper));
    }
    let drawn = finish("mean_ci", &options(json!({"method": "bca"})), &moments_state(&state)).unwrap();
    assert!(drawn.estimate.is_some() && drawn.lower.is_none() && drawn.reason.is_some());
    // In parts, of which one has moments already.
    let (left, right) = values.split_at(123);
    let parts = [moments_state(&encode_values(left, 0)), encode_values(right, 0)];
    let folded = fold_moments(&[&parts[0], &parts[1]]).unwrap();
    assert_eq!(folded, fold_moments(&[&state]).unwrap());
    assert!(fold_moments(&[&encode_columns(&[&[1.0], &[1.0]], false, 0)]).is_err());
    for values in [[f64::NAN, 1.0], [f64::INFINITY, 1.0], [1e300, 2.0]] {
        let outcome = finish("mean_ci", &Map::new(), &moments_state(&encode_values(&values, 0))).unwrap();
        assert!(outcome.lower.is_none() && outcome.reason.is_some(), "{outcome:?}");
    }
}

#[test]
fn more_rows_than_are_kept_are_a_reason() {
    for aggregate in AGGREGATES {
        let mut state = vec![2, 3, aggregate.width as u8, 0, 0, 0, 0, 0];
        for number in [5u64, 1 << 24, 1 << 30] {
            state.extend(number.to_le_bytes());
        }
        let outcome = finish(aggregate.info.name, &given(aggregate), &state).unwrap();
        assert_eq!((outcome.n, outcome.n_null, outcome.estimate), (1 << 30, 5, None));
        assert!(outcome.reason.is_some_and(|reason| reason.contains("more rows")));
    }
    let mut pairs = encode_columns(&[&[0.0, 1.0, 2.0], &[1.0, 1.0, 0.0]], false, 0);
    pairs[16..24].copy_from_slice(&2u64.to_le_bytes());
    assert!(finish("paired_t_test", &Map::new(), &pairs).unwrap().reason.is_some());
}

#[test]
fn boolean_values_are_binary() {
    let mut state = encode_columns(&[&[1.0, 1.0, 1.0], &[0.0, 1.0, 0.0]], false, 0);
    state[3] |= 4;
    assert_eq!(finish("compare_paired", &Map::new(), &state).unwrap().method, Some("mcnemar_midp"));
    let mut state = encode_values(&[1.0], 0);
    state[3] |= 4;
    let outcome = finish("mean_ci", &options(json!({"kind": "auto"})), &state).unwrap();
    assert_eq!(outcome.method, Some("wilson"));
}

#[test]
fn categories_that_are_hashes_are_told_apart() {
    let hashes = [u64::MAX, 5, 0x7ff8_0000_0000_0001].map(f64::from_bits);
    let columns = [[0, 1, 2, 0, 1, 1], [0, 1, 2, 1, 1, 0]];
    let state = |value: &dyn Fn(usize) -> f64| {
        let columns = columns.map(|column| column.map(value));
        encode_columns(&[&columns[0], &columns[1]], false, 0)
    };
    let mut hashed = state(&|i| hashes[i]);
    hashed[3] |= 2;
    let numbered = state(&|i| i as f64);
    let [first, second] = [hashed, numbered].map(|state| finish("cohens_kappa", &Map::new(), &state).unwrap());
    assert!((first.estimate.unwrap() - second.estimate.unwrap()).abs() < 1e-15);
}
