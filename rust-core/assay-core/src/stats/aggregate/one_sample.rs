//! Aggregates over one sample.

use super::columns::TOO_MANY;
use super::options::{LEVEL, N_RESAMPLES, SEED, choice, flag, level};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};
use crate::stats::bootstrap_ci::{self, Statistic};
use crate::stats::cluster_mean::ClusterCorrection;
use crate::stats::exact_moments::ExactMoments;
use crate::stats::state::{Rows, State};
use crate::stats::{Outcome, hall, mean_ci, pass_at_k as pass, ratio, student_t, weighted_mean};

pub(super) const BOOTSTRAP_CI: FunctionInfo = FunctionInfo {
    name: "bootstrap_ci",
    options: &[
        choice(
            "statistic",
            &["mean", "median", "std", "quantile", "trimmed_mean"],
            "\"mean\"",
            "What is computed of each resample; std has n - 1.",
        ),
        OptionInfo {
            name: "q",
            kind: OptionKind::Float { min: 0.0, max: 1.0 },
            default: "0.5",
            doc: "The probability of the quantile, between values by linear interpolation.",
            per_row: false,
        },
        OptionInfo {
            name: "proportiontocut",
            kind: OptionKind::Float { min: 0.0, max: 0.499_999 },
            default: "0.1",
            doc: "The share that a trimmed mean leaves out at each end.",
            per_row: false,
        },
        choice(
            "method",
            &["auto", "bca", "percentile", "basic", "bootstrap_t", "bca_analytic"],
            "\"auto\"",
            "How the interval is made; auto is bca. bootstrap_t and bca_analytic are for the mean.",
        ),
        LEVEL,
        N_RESAMPLES,
        SEED,
    ],
};

pub(super) const CLUSTER_MEAN_CI: FunctionInfo = FunctionInfo {
    name: "cluster_mean_ci",
    options: &[
        choice(
            "correction",
            &["cr0", "cr1", "cr2"],
            "\"cr2\"",
            "How the variance is corrected for few clusters; cr2 comes with Satterthwaite's degrees of freedom.",
        ),
        flag("use_t", "true", "Whether quantiles are those of t, or normal."),
        LEVEL,
    ],
};

pub(super) const WEIGHTED_MEAN_CI: FunctionInfo = FunctionInfo { name: "weighted_mean_ci", options: &[LEVEL] };
pub(super) const RATIO_CI: FunctionInfo = FunctionInfo { name: "ratio_ci", options: &[LEVEL] };

const K: OptionInfo = OptionInfo {
    name: "k",
    kind: OptionKind::Int { min: 1, max: i64::MAX },
    default: "",
    doc: "How many attempts are made: the third argument.",
    per_row: false,
};

pub(super) const PASS_AT_K: FunctionInfo = FunctionInfo { name: "pass_at_k", options: &[K, LEVEL] };
pub(super) const PASS_HAT_K: FunctionInfo = FunctionInfo { name: "pass_hat_k", options: &[K, LEVEL] };

type Result = std::result::Result<Outcome, &'static str>;

pub(super) fn mean(state: &State, options: &Options) -> Result {
    match &state.rows {
        Rows::Moments(moments) => Ok(mean_of_moments(moments, options)),
        _ => Ok(mean_ci::mean_ci(&state.sample()?, options)),
    }
}

/// What is kept of more values than are looked at one by one.
fn mean_of_moments(sums: &ExactMoments, options: &Options) -> Outcome {
    let (n, level) = (sums.n(), level(options));
    let method = match options.text("method").unwrap_or("auto") {
        "auto" if options.text("kind") == Some("binary") => "wilson",
        "auto" => "hall",
        other => word(other),
    };
    let outcome = Outcome { n, level, method: Some(method), ..Outcome::default() };
    let (least, greatest) = sums.ends();
    let Some(moments) = sums.moments() else {
        let reason = if least.is_infinite() || greatest.is_infinite() {
            "a value is infinite"
        } else if sums.has_nan() {
            "a value is NaN"
        } else {
            "the values are too large for sums of their powers"
        };
        return outcome.because(reason);
    };
    let (mean, std_error) = (moments.mean, moments.std_error());
    let outcome = outcome.estimate(mean);
    let bounds = match method {
        "hall" | "t" | "normal" | "bca_analytic" if std_error == 0.0 => {
            return outcome.because("the values are too small for sums of their powers");
        }
        "hall" => hall::interval(&moments, n, level),
        "t" => student_t::interval(mean, std_error, n, level),
        "normal" => student_t::normal_interval(mean, std_error, level),
        "bca_analytic" => bootstrap_ci::analytic(&moments, n, level),
        "percentile" | "basic" | "bca" | "bootstrap_t" => return outcome.because(TOO_MANY),
        _ => return outcome.because(&format!("{method} needs values of 0 and 1 only")),
    };
    outcome.std_error(std_error).bounds(bounds)
}

/// The word of the table of options that is equal to this one.
fn word(method: &str) -> &'static str {
    let words = mean_ci::INFO.options.iter().find_map(|option| match option.kind {
        OptionKind::Choice(words) if option.name == "method" => Some(words),
        _ => None,
    });
    words.and_then(|words| words.iter().copied().find(|word| *word == method)).unwrap_or("t")
}

pub(super) fn bootstrap(state: &State, options: &Options) -> Result {
    let [x] = state.columns()?;
    let statistic = match options.text("statistic") {
        Some("median") => Statistic::Median,
        Some("std") => Statistic::Std,
        Some("quantile") => Statistic::Quantile(options.float("q").unwrap_or(0.5)),
        Some("trimmed_mean") => Statistic::TrimmedMean(options.float("proportiontocut").unwrap_or(0.1)),
        _ => Statistic::Mean,
    };
    Ok(bootstrap_ci::bootstrap_ci(&x, statistic, &super::options::bootstrap(options)))
}

pub(super) fn cluster_mean(state: &State, options: &Options) -> Result {
    let ([x], clusters) = state.clustered::<1, 3>()?;
    let correction = match options.text("correction") {
        Some("cr0") => ClusterCorrection::Cr0,
        Some("cr1") => ClusterCorrection::Cr1,
        _ => ClusterCorrection::Cr2,
    };
    Ok(crate::stats::cluster_mean::cluster_mean(&x, &clusters, correction, options.flag("use_t"), level(options)))
}

pub(super) fn weighted_mean(state: &State, options: &Options) -> Result {
    let [x, weights] = state.columns()?;
    Ok(weighted_mean::weighted_mean_ci(&x, &weights, level(options)))
}

pub(super) fn ratio(state: &State, options: &Options) -> Result {
    let [a, b] = state.columns()?;
    Ok(ratio::ratio_ci(&a, &b, level(options)))
}

pub(super) fn pass_at_k(state: &State, options: &Options) -> Result {
    over_problems(state, options, pass::pass_at_k_ci)
}

pub(super) fn pass_hat_k(state: &State, options: &Options) -> Result {
    over_problems(state, options, pass::pass_hat_k_ci)
}

fn over_problems(state: &State, options: &Options, of: fn(&[u64], &[u64], u64, f64) -> Outcome) -> Result {
    let columns: [Vec<f64>; 2] = state.columns()?;
    // What is no count leaves its row out, as fewer than k attempts do.
    let whole = |x: &f64| *x >= 0.0 && *x < 9e15 && x.fract() == 0.0;
    let rows = columns[0].iter().zip(&columns[1]);
    let counts = rows.map(|(n, c)| if whole(n) && whole(c) { (*n as u64, *c as u64) } else { (0, 0) });
    let (attempts, successes): (Vec<u64>, Vec<u64>) = counts.unzip();
    let k = options.int("k").and_then(|k| u64::try_from(k).ok()).unwrap_or(0);
    Ok(of(&attempts, &successes, k, level(options)))
}
