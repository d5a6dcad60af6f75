use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::options::resolve;

fn run(values: &[f64], options: serde_json::Value) -> Outcome {
    let options = resolve(&INFO, options.as_object().unwrap()).unwrap();
    mean_ci(&Sample::from_values(values.to_vec(), 2), &options)
}

const PROPORTIONS: &[&str] = &["wilson", "clopper_pearson", "agresti_coull", "jeffreys"];
const MEANS: &[&str] = &["hall", "t", "normal", "percentile", "basic", "bca", "bootstrap_t", "bca_analytic"];

fn reason(outcome: &Outcome) -> &str {
    outcome.reason.as_deref().unwrap_or("")
}

#[test]
fn auto_takes_wilson_for_binary_and_hall_for_the_rest() {
    assert_eq!(run(&[0.0, 1.0, 1.0], json!({})).method, Some("wilson"));
    assert_eq!(run(&[1.0], json!({})).method, Some("wilson"));
    assert_eq!(run(&[0.0, 1.0, 0.5], json!({})).method, Some("hall"));
    assert_eq!(run(&[0.0, 1.0, 1.0], json!({"kind": "bounded"})).method, Some("hall"));
    let outcome = run(&[0.0, 1.0, 0.5], json!({"kind": "binary"}));
    assert_eq!((outcome.method, outcome.lower), (Some("wilson"), None));
    assert_eq!(reason(&outcome), "wilson needs values of 0 and 1 only");
}

#[test]
fn degenerate_values_give_reasons() {
    let empty = run(&[], json!({}));
    assert_eq!((empty.estimate, empty.n, empty.n_null, empty.method), (None, 0, 2, None));
    assert_eq!(reason(&empty), "there are no values");
    for method in MEANS {
        let options = json!({"method": method});
        let one = run(&[3.0], options.clone());
        assert_eq!((one.estimate, one.lower, reason(&one)), (Some(3.0), None, "one value has no spread"));
        let constant = run(&[3.0; 5], options.clone());
        assert_eq!((constant.estimate, constant.upper, constant.std_error), (Some(3.0), None, Some(0.0)));
        assert_eq!(reason(&constant), "all values are equal");
        assert_eq!(reason(&run(&[1.0, f64::NAN], options.clone())), "a value is NaN");
        assert_eq!(reason(&run(&[1.0, -f64::NAN], options.clone())), "a value is NaN");
        assert_eq!(reason(&run(&[1.0, f64::INFINITY], options.clone())), "a value is infinite");
        assert_eq!(reason(&run(&[1.0, f64::NEG_INFINITY], options.clone())), "a value is infinite");
        assert_eq!(reason(&run(&[f64::MAX, f64::MAX], options.clone())), "the values are too large to be summed");
        let wide = run(&[1e308, -0.7e308], json!({"method": "t"}));
        assert_eq!(reason(&wide), "the bounds are too large for a double");
        let far = run(&[1.5e176, 0.0, 1.0, -4e-218], options);
        assert!(far.reason.is_some() || far.upper.unwrap() > 3.7e175, "{far:?}");
    }
}

#[test]
fn many_rows_of_one_bit_cost_nothing() {
    let sample = Sample::from_counts(vec![(0.0, 600_000_000), (1.0, 400_000_000)], 0).unwrap();
    for method in [PROPORTIONS, &["hall", "t", "percentile", "basic", "bca", "bca_analytic"]].concat() {
        let options = resolve(&INFO, json!({"method": method}).as_object().unwrap()).unwrap();
        let outcome = mean_ci(&sample, &options);
        let half = 1.959964 * (0.24f64 / 1e9).sqrt();
        assert!((outcome.lower.unwrap() - (0.4 - half)).abs() < 2e-9, "{method} {outcome:?}");
        assert!((outcome.upper.unwrap() - (0.4 + half)).abs() < 2e-9, "{method} {outcome:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_values_are_survived(values in prop::collection::vec(any::<f64>(), 0..40), method in 0usize..13) {
        let method = [&["auto"], PROPORTIONS, MEANS].concat()[method];
        let outcome = run(&values, json!({"method": method, "n_resamples": 50}));
        prop_assert_eq!(outcome.lower.is_none(), outcome.reason.is_some());
        for field in [outcome.estimate, outcome.lower, outcome.upper, outcome.std_error].into_iter().flatten() {
            prop_assert!(field.is_finite(), "{:?}", outcome);
        }
    }

    #[test]
    fn order_makes_no_difference(mut values in prop::collection::vec(-5f64..5.0, 2..300), method in 0usize..8) {
        let method = MEANS[method];
        let options = json!({"method": method, "n_resamples": 99});
        let first = run(&values, options.clone());
        values.reverse();
        prop_assert_eq!(first, run(&values, options));
    }
}
