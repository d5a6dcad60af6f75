//! Intervals of statistics that are a function of sums over rows, such as the BLEU of a corpus.

pub mod paired;

use libm::sqrt;
use rayon::prelude::*;

use super::Outcome;
use super::bootstrap_ci::{BootstrapMethod, BootstrapOptions, bca_probabilities};
use super::common::sum;
use super::descriptive::quantile;
use super::rng::Stream;
use super::special::norm_ppf;
use crate::options::{OptionInfo, OptionKind, Options};

/// What every such aggregate takes.
pub const OPTIONS: &[OptionInfo] = &[
    OptionInfo {
        name: "level",
        kind: OptionKind::Float { min: 0.0, max: 1.0 },
        default: "0.95",
        doc: "The confidence level.",
        per_row: false,
    },
    OptionInfo {
        name: "method",
        kind: OptionKind::Choice(&["auto", "percentile", "basic", "bca"]),
        default: "\"auto\"",
        doc: "The method of the interval, over resamples of rows; auto is bca.",
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

/// Rows of `width` whole numbers each, and a function of their sums.
pub struct Additive<'a> {
    /// Numbers in a row, at least one.
    pub width: usize,
    /// All rows, one after the other.
    pub rows: Vec<f64>,
    /// The statistic of the sums.
    pub score: &'a (dyn Fn(&[f64]) -> f64 + Sync),
}

/// The statistic of all rows with its bootstrap interval.
///
/// The same bits for any order of the rows, which are sorted first, and any number of threads. For BCa the statistic without
/// each row costs one subtraction. Fewer than two rows, and rows whose resamples all give the same, have no interval but a
/// reason.
pub fn interval(data: &Additive<'_>, n_null: u64, options: &Options) -> Outcome {
    let method = match options.text("method") {
        Some("percentile") => BootstrapMethod::Percentile,
        Some("basic") => BootstrapMethod::Basic,
        _ => BootstrapMethod::Bca,
    };
    let options = BootstrapOptions {
        method,
        level: options.float("level").unwrap_or(0.95),
        n_resamples: options.int("n_resamples").and_then(|b| usize::try_from(b).ok()).unwrap_or(1000),
        seed: options.int("seed").unwrap_or(0) as u64,
    };
    Outcome { n_null, ..resampled(data, &options) }
}

/// [`interval`] by percentile, basic or, for all other methods, bca.
pub(crate) fn resampled(data: &Additive<'_>, options: &BootstrapOptions) -> Outcome {
    let mut rows: Vec<&[f64]> = data.rows.chunks_exact(data.width).collect();
    let n = rows.len();
    let mut outcome = Outcome { n: n as u64, level: options.level, ..Outcome::default() };
    if n == 0 {
        return outcome.because("there are no rows");
    }
    rows.sort_unstable_by(|a, b| {
        a.iter().zip(*b).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut totals = vec![0.0; data.width];
    rows.iter().for_each(|row| add(&mut totals, row));
    let estimate = (data.score)(&totals);
    outcome.estimate = Some(estimate);
    let method = match options.method {
        BootstrapMethod::Percentile | BootstrapMethod::Basic => options.method,
        _ => BootstrapMethod::Bca,
    };
    outcome.method = Some(method.name());
    if n == 1 {
        return outcome.because("one row has no spread");
    }
    let mut drawn: Vec<f64> = (0..options.n_resamples)
        .into_par_iter()
        .map_init(
            || vec![0.0; data.width],
            |sums, number| {
                sums.fill(0.0);
                let mut stream = Stream::new(options.seed, number as u64);
                for _ in 0..n {
                    add(sums, rows[stream.next_below(n as u32) as usize]);
                }
                (data.score)(sums)
            },
        )
        .collect();
    drawn.sort_unstable_by(f64::total_cmp);
    outcome.std_error = Some(deviation(&drawn));
    if drawn.first() == drawn.last() {
        return outcome.because("all resamples give the same");
    }
    let alpha = (1.0 - options.level) / 2.0;
    let bounds = match method {
        BootstrapMethod::Percentile => Some((quantile(&drawn, alpha), quantile(&drawn, 1.0 - alpha))),
        BootstrapMethod::Basic => {
            Some((2.0 * estimate - quantile(&drawn, 1.0 - alpha), 2.0 * estimate - quantile(&drawn, alpha)))
        }
        _ => bca(&drawn, estimate, acceleration(data, &rows, &totals), alpha),
    };
    match bounds {
        Some(bounds) => outcome.bounds(bounds),
        None => outcome.because("all resamples lie on one side of the estimate"),
    }
}

fn add(sums: &mut [f64], row: &[f64]) {
    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
}

/// Efron and Tibshirani (1993), 14.3: from the statistics without each row.
fn acceleration(data: &Additive<'_>, rows: &[&[f64]], totals: &[f64]) -> f64 {
    let without: Vec<f64> = rows
        .par_iter()
        .map_init(
            || vec![0.0; data.width],
            |rest, row| {
                rest.iter_mut().zip(totals).zip(*row).for_each(|((rest, total), value)| *rest = total - value);
                (data.score)(rest)
            },
        )
        .collect();
    let mean = sum(without.iter().copied()) / without.len() as f64;
    let squares = sum(without.iter().map(|value| (mean - value) * (mean - value)));
    let cubes = sum(without.iter().map(|value| (mean - value) * (mean - value) * (mean - value)));
    if squares > 0.0 { cubes / (6.0 * squares * sqrt(squares)) } else { 0.0 }
}

/// With ties counting half, as scipy does.
fn bca(drawn: &[f64], estimate: f64, acceleration: f64, alpha: f64) -> Option<(f64, f64)> {
    let less = drawn.partition_point(|&value| value < estimate);
    let equal = drawn.partition_point(|&value| value <= estimate) - less;
    let z0 = norm_ppf((less as f64 + equal as f64 / 2.0) / drawn.len() as f64);
    if !z0.is_finite() {
        return None;
    }
    let (lower, upper) = bca_probabilities(z0, acceleration, alpha);
    Some((quantile(drawn, lower), quantile(drawn, upper)))
}

fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = sum(values.iter().copied()) / n;
    let squares = sum(values.iter().map(|value| (value - mean) * (value - mean)));
    sqrt(squares / (n - 1.0).max(1.0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::options::{FunctionInfo, resolve};

    const FUNCTION: FunctionInfo = FunctionInfo { name: "f", options: OPTIONS };

    fn options(value: Value) -> Options {
        let given: Map<String, Value> = serde_json::from_value(value).unwrap();
        resolve(&FUNCTION, &given).unwrap()
    }

    fn ratio(rows: Vec<f64>, given: Value) -> Outcome {
        interval(&Additive { width: 2, rows, score: &|sums| sums[0] / sums[1].max(1.0) }, 0, &options(given))
    }

    #[test]
    fn order_and_threads_make_no_difference() {
        let rows: Vec<[f64; 2]> = (0..200).map(|i| [f64::from(i * 7 % 11), f64::from(10 + i % 5)]).collect();
        let one = ratio(rows.concat(), json!({}));
        let mut turned = rows.clone();
        turned.reverse();
        turned.rotate_left(77);
        assert_eq!(ratio(turned.concat(), json!({})), one);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| ratio(rows.concat(), json!({}))), one);
        assert_ne!(ratio(rows.concat(), json!({"seed": 1})).lower, one.lower);
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_theory() {
        // Sums of whole numbers with one beside them: the mean of 0..99, whose standard error is known.
        let rows: Vec<f64> = (0..100).flat_map(|i| [f64::from(i), 1.0]).collect();
        for method in ["percentile", "basic", "bca"] {
            let outcome = ratio(rows.clone(), json!({"method": method, "n_resamples": 20_000}));
            let std_error = 28.866 / 10.0;
            assert!((outcome.std_error.unwrap() / std_error - 1.0).abs() < 0.03, "{method}: {outcome:?}");
            assert!((outcome.lower.unwrap() - (49.5 - 1.96 * std_error)).abs() < 0.3, "{method}: {outcome:?}");
            assert!((outcome.upper.unwrap() - (49.5 + 1.96 * std_error)).abs() < 0.3, "{method}: {outcome:?}");
        }
    }

    #[test]
    fn degenerate_rows_have_reasons() {
        for rows in [vec![], vec![1.0, 2.0], vec![1.0, 2.0, 1.0, 2.0]] {
            let outcome = ratio(rows, json!({}));
            assert!(outcome.lower.is_none() && outcome.reason.is_some());
        }
    }
}
