//! `mean_ci(x [, options])`: the mean with a confidence interval.

use libm::sqrt;

use super::bootstrap_ci::{BootstrapMethod, BootstrapOptions};
use super::moments::Moments;
use super::proportion::ProportionMethod;
use super::state::Sample;
use super::{Outcome, bootstrap_ci, hall, proportion, student_t};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// The options of `mean_ci`.
pub const INFO: FunctionInfo = FunctionInfo {
    name: "mean_ci",
    options: &[
        OptionInfo {
            name: "level",
            kind: OptionKind::Float { min: 0.001, max: 0.999_999 },
            default: "0.95",
            doc: "Confidence level of the interval.",
            per_row: false,
        },
        OptionInfo {
            name: "method",
            kind: OptionKind::Choice(&[
                "auto",
                "hall",
                "t",
                "normal",
                "wilson",
                "clopper_pearson",
                "agresti_coull",
                "jeffreys",
                "percentile",
                "basic",
                "bca",
                "bootstrap_t",
                "bca_analytic",
            ]),
            default: "\"auto\"",
            doc: "How the interval is made; auto is wilson for kind binary and hall for every other.",
            per_row: false,
        },
        OptionInfo {
            name: "n_resamples",
            kind: OptionKind::Int { min: 2, max: 10_000_000 },
            default: "9999",
            doc: "Number of bootstrap resamples.",
            per_row: false,
        },
        OptionInfo {
            name: "seed",
            kind: OptionKind::Int { min: 0, max: i64::MAX },
            default: "0",
            doc: "Seed of the bootstrap.",
            per_row: false,
        },
        OptionInfo {
            name: "kind",
            kind: OptionKind::Choice(&["auto", "binary", "bounded", "ordinal", "unbounded"]),
            default: "\"auto\"",
            doc: "What the values are; auto is binary where all of them are 0 or 1.",
            per_row: false,
        },
    ],
};

/// The mean of `sample` with its interval.
///
/// `auto` takes Wilson for binary values and [`hall`] for all others: in our study (`scripts/coverage`) its coverage is nearest
/// to `level` over beta, exponential, lognormal, ordinal, counted and zero-inflated values, and it draws nothing.
///
/// `std_error` is that of the method: sqrt(p(1-p)/n) for proportions, the standard deviation of the resampled means for
/// percentile, basic and bca, s/sqrt(n) with n - 1 in s for all others. Where all resamples can be looked at, as for values of
/// few kinds or a small n, nothing is drawn (see [`bootstrap_ci`]).
///
/// A method that cannot run leaves bounds empty and says why; no other takes its place. No values: everything is empty.
/// NaN or infinite values: no estimate. Equal values, or one: no bounds, but for proportions, which have them.
pub fn mean_ci(sample: &Sample, options: &Options) -> Outcome {
    let level = options.float("level").unwrap_or(0.95);
    let successes = successes(sample);
    let method = match (options.text("method").unwrap_or("auto"), options.text("kind").unwrap_or("auto")) {
        ("auto", "binary") => Some("wilson"),
        ("auto", "auto") if sample.n == 0 => None,
        ("auto", "auto") if successes.is_some() => Some("wilson"),
        ("auto", _) => Some("hall"),
        (asked, _) => INFO.options.iter().find_map(|option| match option.kind {
            OptionKind::Choice(words) => words.iter().copied().find(|word| *word == asked),
            _ => None,
        }),
    };
    let outcome = Outcome { n: sample.n, n_null: sample.n_null, level, method, ..Outcome::default() };
    let without = |outcome: Outcome, reason: &str| Outcome { reason: Some(reason.to_string()), ..outcome };

    let Some((least, greatest)) = sample.ends() else { return without(outcome, "there are no values") };
    if least.is_nan() || greatest.is_nan() {
        return without(outcome, "a value is NaN");
    }
    if least.is_infinite() || greatest.is_infinite() {
        return without(outcome, "a value is infinite");
    }
    let Some(moments) = Moments::new(sample) else { return without(outcome, "the values are too large to be summed") };
    let outcome = Outcome { estimate: Some(moments.mean), ..outcome };

    if let Some((name, asked)) = method.zip(method.and_then(of_proportion)) {
        let Some(successes) = successes else {
            return without(outcome, &format!("{name} needs values of 0 and 1 only"));
        };
        let p = moments.mean;
        let (lower, upper) = proportion::interval(successes, sample.n, asked, level);
        let std_error = Some(sqrt(p * (1.0 - p) / sample.n as f64));
        return Outcome { lower: Some(lower), upper: Some(upper), std_error, ..outcome };
    }
    if sample.n < 2 {
        return without(outcome, "one value has no spread");
    }
    if least == greatest {
        return without(Outcome { std_error: Some(0.0), ..outcome }, "all values are equal");
    }
    let (mean, std_error) = (moments.mean, moments.std_error());
    let plain = |bounds| outcome.clone().std_error(std_error).bounds(bounds);
    let outcome = match (method, method.and_then(of_resamples)) {
        (Some("hall"), _) => plain(hall::interval(&moments, sample.n, level)),
        (Some("normal"), _) => plain(student_t::normal_interval(mean, std_error, level)),
        (_, Some(method)) => {
            let n_resamples = options.int("n_resamples").and_then(|n| usize::try_from(n).ok()).unwrap_or(9999);
            let seed = options.int("seed").and_then(|seed| u64::try_from(seed).ok()).unwrap_or(0);
            let options = BootstrapOptions { method, level, n_resamples, seed };
            bootstrap_ci::of_mean(outcome, sample, &moments, &options)
        }
        _ => plain(student_t::interval(mean, std_error, sample.n, level)),
    };
    match (outcome.lower, outcome.upper) {
        (Some(lower), Some(upper)) if lower.is_finite() && upper.is_finite() => outcome,
        _ if outcome.reason.is_some() => outcome,
        _ => without(Outcome { lower: None, upper: None, ..outcome }, "the bounds are too large for a double"),
    }
}

fn of_proportion(method: &str) -> Option<ProportionMethod> {
    use ProportionMethod::{AgrestiCoull, ClopperPearson, Jeffreys, Wilson};
    [Wilson, ClopperPearson, AgrestiCoull, Jeffreys].into_iter().find(|known| known.name() == method)
}

fn of_resamples(method: &str) -> Option<BootstrapMethod> {
    use BootstrapMethod::{Basic, Bca, BcaAnalytic, BootstrapT, Percentile};
    [Percentile, Basic, Bca, BootstrapT, BcaAnalytic].into_iter().find(|known| known.name() == method)
}

/// How many values are 1, if all are 0 or 1.
fn successes(sample: &Sample) -> Option<u64> {
    let counts = sample.counts()?;
    let binary = counts.iter().all(|&(value, _)| value == 0.0 || value == 1.0);
    binary.then(|| counts.iter().filter(|&&(value, _)| value == 1.0).map(|&(_, count)| count).sum())
}

#[cfg(test)]
mod tests;
