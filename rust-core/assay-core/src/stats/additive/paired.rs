//! Two systems over the same rows, compared by a statistic of sums such as the BLEU of a corpus.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::{add, deviation};
use crate::options::{OptionInfo, OptionKind, Options};
use crate::stats::common::{Alternative, p_value, sum};
use crate::stats::rng::Stream;
use crate::stats::{Outcome, TestOutcome};

/// What every such comparison takes.
pub const OPTIONS: &[OptionInfo] = &[
    OptionInfo {
        name: "level",
        kind: OptionKind::Float { min: 0.001, max: 0.999_999 },
        default: "0.95",
        doc: "The confidence level.",
        per_row: false,
    },
    OptionInfo {
        name: "method",
        kind: OptionKind::Choice(&["auto", "paired_bootstrap", "approximate_randomization", "sacrebleu_bootstrap"]),
        default: "\"auto\"",
        doc: "How chance is imitated; auto is paired_bootstrap.",
        per_row: false,
    },
    OptionInfo {
        name: "alternative",
        kind: OptionKind::Choice(&["two-sided", "less", "greater"]),
        default: "\"two-sided\"",
        doc: "Whether the candidate differs from the baseline, is less or is greater.",
        per_row: false,
    },
    OptionInfo {
        name: "n_resamples",
        kind: OptionKind::Int { min: 1, max: 1_000_000 },
        default: "1000",
        doc: "How many resamples.",
        per_row: false,
    },
    OptionInfo {
        name: "seed",
        kind: OptionKind::Int { min: 0, max: i64::MAX },
        default: "0",
        doc: "The seed of the random numbers.",
        per_row: false,
    },
];

/// Rows of two systems, of `width` whole numbers each, and a function of their sums.
pub struct PairedAdditive<'a> {
    /// Numbers in a row of one system, at least one.
    pub width: usize,
    /// All rows of the candidate, one after the other.
    pub candidate: Vec<f64>,
    /// The rows of the baseline, in the same order.
    pub baseline: Vec<f64>,
    /// The statistic of the sums.
    pub score: &'a (dyn Fn(&[f64]) -> f64 + Sync),
}

/// How chance is imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// Rows are drawn with replacement; the deviations of the difference from its mean are those under the null hypothesis.
    Bootstrap,
    /// The two systems' rows are exchanged at random.
    Randomization,
    /// As sacrebleu's paired bootstrap: the deviations of the absolute difference from its mean.
    Sacrebleu,
}

/// Tests that two systems have the same score over all rows, candidate minus baseline.
///
/// p is (count + 1) / (B + 1) over B resamples, where a deviation as great as the difference counts. The interval holds the
/// differences that the same deviations do not reject; it is infinite where there are too few resamples for `level`.
/// `std_error` is the standard deviation of the difference over resamples. No rows, one, or no row that differs: no test but a
/// reason. The same bits for any order of the rows and any number of threads.
///
/// `sacrebleu_bootstrap` gives sacrebleu's p, which is near half of what a two-sided test gives, for it asks how far an
/// absolute difference lies above its mean and not how far below; use it to compare with numbers of that program. It knows no
/// alternative.
///
/// Source: P. Koehn (2004), S. Riezler and J. T. Maxwell (2005); sacrebleu 2.6 `PairedTest`, which does not count ties.
pub fn compare(data: &PairedAdditive<'_>, n_null: u64, options: &Options) -> Outcome {
    let (method, name) = match options.text("method") {
        Some("approximate_randomization") => (Method::Randomization, "approximate_randomization"),
        Some("sacrebleu_bootstrap") => (Method::Sacrebleu, "sacrebleu_bootstrap"),
        _ => (Method::Bootstrap, "paired_bootstrap"),
    };
    let alternative = match options.text("alternative").and_then(Alternative::from_name) {
        Some(asked) if method != Method::Sacrebleu => asked,
        _ => Alternative::TwoSided,
    };
    let rows = sorted_rows(data);
    let level = options.float("level").unwrap_or(0.95);
    let outcome = Outcome { n_null, ..Outcome::new(name, level, rows.len()) };
    let differ = rows.iter().filter(|(a, b)| a != b).count();
    let test = TestOutcome { n_discordant: Some(differ as u64), ..TestOutcome::new(alternative) };
    if rows.is_empty() || data.candidate.len() != data.baseline.len() {
        let reason = if rows.is_empty() { "there are no rows" } else { "the two samples differ in length" };
        return outcome.test(test).because(reason);
    }
    let mut totals = (vec![0.0; data.width], vec![0.0; data.width]);
    for (a, b) in &rows {
        add(&mut totals.0, a);
        add(&mut totals.1, b);
    }
    let estimate = (data.score)(&totals.0) - (data.score)(&totals.1);
    let outcome = outcome.estimate(estimate);
    if rows.len() == 1 || differ == 0 {
        let reason = if differ == 0 { "no row differs" } else { "one row has no spread" };
        return outcome.test(test).because(reason);
    }
    let n_resamples = options.int("n_resamples").and_then(|b| usize::try_from(b).ok()).unwrap_or(1000);
    let seed = options.int("seed").unwrap_or(0) as u64;
    let drawn: Vec<f64> = (0..n_resamples)
        .into_par_iter()
        .map_init(
            || totals.clone(),
            |sums, number| {
                let mut stream = Stream::new(seed, number as u64);
                if method == Method::Randomization {
                    exchange(&rows, &totals, sums, &mut stream);
                } else {
                    draw(&rows, sums, &mut stream);
                }
                (data.score)(&sums.0) - (data.score)(&sums.1)
            },
        )
        .collect();
    let std_error = deviation(&drawn);
    let deviations = Deviations::new(drawn, method, alternative);
    let half = deviations.quantile(1.0 - level);
    outcome
        .std_error(std_error)
        .bounds(alternative.open(estimate - half, estimate + half, f64::NEG_INFINITY, f64::INFINITY))
        .test(TestOutcome { statistic: Some(estimate), p_value: p_value(deviations.p(estimate)), ..test })
}

type Pair<'a> = (&'a [f64], &'a [f64]);

/// In an order of their own, so that the order of the rows makes no difference.
fn sorted_rows<'a>(data: &'a PairedAdditive<'_>) -> Vec<Pair<'a>> {
    let of = |rows: &'a [f64]| rows.chunks_exact(data.width);
    let mut rows: Vec<Pair<'a>> = of(&data.candidate).zip(of(&data.baseline)).collect();
    let numbers = |row: &Pair<'a>| row.0.iter().chain(row.1).copied().collect::<Vec<f64>>();
    rows.sort_by_cached_key(|row| Ordered(numbers(row)));
    rows
}

#[derive(PartialEq)]
struct Ordered(Vec<f64>);

impl Eq for Ordered {}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().zip(&other.0).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The sums of rows drawn with replacement.
fn draw(rows: &[Pair<'_>], sums: &mut (Vec<f64>, Vec<f64>), stream: &mut Stream) {
    sums.0.fill(0.0);
    sums.1.fill(0.0);
    for _ in rows {
        let (a, b) = rows[stream.next_below(rows.len() as u32) as usize];
        add(&mut sums.0, a);
        add(&mut sums.1, b);
    }
}

/// The sums after rows were exchanged, each with probability 1/2.
fn exchange(rows: &[Pair<'_>], totals: &(Vec<f64>, Vec<f64>), sums: &mut (Vec<f64>, Vec<f64>), stream: &mut Stream) {
    sums.0.copy_from_slice(&totals.0);
    sums.1.copy_from_slice(&totals.1);
    for rows in rows.chunks(32) {
        let bits = stream.next_u32();
        for (a, b) in rows.iter().enumerate().filter(|(k, _)| bits >> k & 1 == 1).map(|(_, row)| row) {
            for (i, (a, b)) in a.iter().zip(*b).enumerate() {
                sums.0[i] += b - a;
                sums.1[i] += a - b;
            }
        }
    }
}

/// How far the difference goes by chance, in the direction of the alternative, in ascending order.
struct Deviations {
    sizes: Vec<f64>,
    alternative: Alternative,
}

impl Deviations {
    fn new(mut drawn: Vec<f64>, method: Method, alternative: Alternative) -> Deviations {
        if method == Method::Sacrebleu {
            drawn.iter_mut().for_each(|difference| *difference = difference.abs());
        }
        let center = match method {
            Method::Randomization => 0.0,
            _ => sum(drawn.iter().copied()) / drawn.len() as f64,
        };
        let size = |difference: f64| match alternative {
            _ if method == Method::Sacrebleu => difference - center,
            Alternative::TwoSided => (difference - center).abs(),
            Alternative::Less => center - difference,
            Alternative::Greater => difference - center,
        };
        let mut sizes: Vec<f64> = drawn.into_iter().map(size).collect();
        sizes.sort_unstable_by(f64::total_cmp);
        Deviations { sizes, alternative }
    }

    fn p(&self, estimate: f64) -> f64 {
        let size = match self.alternative {
            Alternative::TwoSided => estimate.abs(),
            Alternative::Less => -estimate,
            Alternative::Greater => estimate,
        };
        let below = self.sizes.partition_point(|&other| other < size);
        (self.sizes.len() - below + 1) as f64 / (self.sizes.len() + 1) as f64
    }

    /// The least size of which all greater ones have a p-value of at most `alpha`.
    fn quantile(&self, alpha: f64) -> f64 {
        let rejected = (alpha * (self.sizes.len() + 1) as f64 + 1e-9) as usize;
        match rejected {
            0 => f64::INFINITY,
            _ => self.sizes.get(self.sizes.len() - rejected).copied().unwrap_or(f64::INFINITY),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::options::{FunctionInfo, resolve};

    const FUNCTION: FunctionInfo = FunctionInfo { name: "f", options: OPTIONS };
    const METHODS: [&str; 3] = ["paired_bootstrap", "approximate_randomization", "sacrebleu_bootstrap"];

    fn mean(sums: &[f64]) -> f64 {
        sums[0] / sums[1].max(1.0)
    }

    fn run(candidate: Vec<f64>, baseline: Vec<f64>, given: Value) -> Outcome {
        let given: Map<String, Value> = serde_json::from_value(given).unwrap();
        let data = PairedAdditive { width: 2, candidate, baseline, score: &mean };
        compare(&data, 0, &resolve(&FUNCTION, &given).unwrap())
    }

    fn rows(n: u32, shift: u32) -> (Vec<f64>, Vec<f64>) {
        let row = |i: u32, shift: u32| [f64::from(i * 7919 % 101 + shift * (i % 3)), 1.0];
        ((0..n).flat_map(|i| row(i, shift)).collect(), (0..n).flat_map(|i| row(i + 1, 0)).collect())
    }

    #[test]
    fn degenerate_rows_have_reasons() {
        for method in METHODS {
            for (a, b) in [(vec![], vec![]), (vec![1.0, 1.0], vec![2.0, 1.0]), (vec![3.0; 6], vec![3.0; 6])] {
                let outcome = run(a, b, json!({"method": method}));
                assert!(outcome.lower.is_none() && outcome.reason.is_some());
                assert_eq!(outcome.test.unwrap().p_value, None);
            }
        }
        let (a, b) = rows(20, 3);
        let few = run(a, b, json!({"n_resamples": 5}));
        assert_eq!((few.lower, few.upper), (Some(f64::NEG_INFINITY), Some(f64::INFINITY)));
    }

    #[test]
    fn order_and_threads_make_no_difference() {
        let (a, b) = rows(150, 2);
        let turn = |rows: &[f64]| rows.chunks(2).rev().flatten().copied().collect::<Vec<f64>>();
        for method in METHODS {
            let one = run(a.clone(), b.clone(), json!({"method": method}));
            assert_eq!(run(turn(&a), turn(&b), json!({"method": method})), one);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
            assert_eq!(pool.install(|| run(a.clone(), b.clone(), json!({"method": method}))), one);
        }
    }

    #[test]
    fn the_p_of_a_mean_is_that_of_theory() {
        let (a, b) = rows(200, 6);
        let d: Vec<f64> = a.chunks(2).zip(b.chunks(2)).map(|(a, b)| a[0] - b[0]).collect();
        let options = crate::stats::permutation::PermutationOptions::default();
        let wanted = crate::stats::permutation::sign_flip_test(&d, &options, 0.95);
        let p = wanted.test.unwrap().p_value.unwrap();
        for method in METHODS {
            let found = run(a.clone(), b.clone(), json!({"method": method, "n_resamples": 20_000}));
            assert!((found.estimate.unwrap() - wanted.estimate.unwrap()).abs() < 1e-12);
            let share = if method == "sacrebleu_bootstrap" { 2.0 } else { 1.0 };
            let apart = share * found.test.unwrap().p_value.unwrap() / p;
            assert!((0.75..1.35).contains(&apart), "{method} {apart} {p}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn test_and_interval_agree(
            values in prop::collection::vec((0u8..20, 0u8..20), 2..40), seed in 0u64..9, which in 0usize..3
        ) {
            let row = |value: u8| [f64::from(value), 1.0];
            let a: Vec<f64> = values.iter().flat_map(|pair| row(pair.0)).collect();
            let b: Vec<f64> = values.iter().flat_map(|pair| row(pair.1)).collect();
            prop_assume!(a != b);
            for alternative in Alternative::ALL {
                let given = json!({
                    "method": METHODS[which], "alternative": alternative.name(), "seed": seed, "n_resamples": 199, "level": 0.9
                });
                let outcome = run(a.clone(), b.clone(), given);
                let p = outcome.test.unwrap().p_value.unwrap();
                prop_assert!(p > 0.0 && p <= 1.0);
                let (lower, upper) = (outcome.lower.unwrap(), outcome.upper.unwrap());
                // At a bound of 0 itself rounding decides.
                if lower.abs() > 1e-9 && upper.abs() > 1e-9 {
                    prop_assert_eq!(p <= 0.1, !(lower..=upper).contains(&0.0), "{} {} {}", p, lower, upper);
                }
            }
        }
    }
}
