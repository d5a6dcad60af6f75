//! Options that several aggregates share, and how they are read.

use crate::options::{OptionInfo, OptionKind, Options};
use crate::stats::Alternative;
use crate::stats::bootstrap_ci::{BootstrapMethod, BootstrapOptions};
use crate::stats::permutation::PermutationOptions;
use crate::stats::wilcoxon::RankMethod;

pub(in crate::stats) const fn choice(
    name: &'static str,
    words: &'static [&'static str],
    default: &'static str,
    doc: &'static str,
) -> OptionInfo {
    OptionInfo { name, kind: OptionKind::Choice(words), default, doc, per_row: false }
}

pub(super) const fn flag(name: &'static str, default: &'static str, doc: &'static str) -> OptionInfo {
    OptionInfo { name, kind: OptionKind::Bool, default, doc, per_row: false }
}

pub(super) const LEVEL: OptionInfo = OptionInfo {
    name: "level",
    kind: OptionKind::Float { min: 0.001, max: 0.999_999 },
    default: "0.95",
    doc: "Confidence level of the interval.",
    per_row: false,
};

pub(in crate::stats) const ALTERNATIVE: OptionInfo = choice(
    "alternative",
    &["two-sided", "less", "greater"],
    "\"two-sided\"",
    "What is set against the null hypothesis, of first minus second.",
);

pub(super) const N_RESAMPLES: OptionInfo = OptionInfo {
    name: "n_resamples",
    kind: OptionKind::Int { min: 2, max: 10_000_000 },
    default: "9999",
    doc: "How many resamples are drawn, where any are.",
    per_row: false,
};

pub(super) const SEED: OptionInfo = OptionInfo {
    name: "seed",
    kind: OptionKind::Int { min: 0, max: i64::MAX },
    default: "0",
    doc: "Seed of what is drawn.",
    per_row: false,
};

pub(super) const MARGIN: OptionInfo = OptionInfo {
    name: "margin",
    kind: OptionKind::Float { min: f64::MIN_POSITIVE, max: f64::MAX },
    default: "",
    doc: "The largest difference that does not matter, above 0; it must be given.",
    per_row: false,
};

pub(super) const RANK_METHOD: OptionInfo = choice(
    "method",
    &["auto", "exact", "asymptotic"],
    "\"auto\"",
    "How the p-value is computed; auto is exact for few values without ties.",
);

pub(super) fn level(options: &Options) -> f64 {
    options.float("level").unwrap_or(0.95)
}

pub(in crate::stats) fn alternative(options: &Options) -> Alternative {
    options.text("alternative").and_then(Alternative::from_name).unwrap_or_default()
}

pub(super) fn rank_method(options: &Options) -> RankMethod {
    match options.text("method") {
        Some("exact") => RankMethod::Exact,
        Some("asymptotic") => RankMethod::Asymptotic,
        _ => RankMethod::Auto,
    }
}

fn n_resamples(options: &Options) -> usize {
    options.int("n_resamples").and_then(|n| usize::try_from(n).ok()).unwrap_or(9999)
}

fn seed(options: &Options) -> u64 {
    options.int("seed").and_then(|seed| u64::try_from(seed).ok()).unwrap_or(0)
}

pub(super) fn permutations(options: &Options) -> PermutationOptions {
    PermutationOptions { n_resamples: n_resamples(options), seed: seed(options), alternative: alternative(options) }
}

pub(super) fn bootstrap(options: &Options) -> BootstrapOptions {
    let method = match options.text("method") {
        Some("percentile") => BootstrapMethod::Percentile,
        Some("basic") => BootstrapMethod::Basic,
        Some("bootstrap_t") => BootstrapMethod::BootstrapT,
        Some("bca_analytic") => BootstrapMethod::BcaAnalytic,
        _ => BootstrapMethod::Bca,
    };
    BootstrapOptions { method, level: level(options), n_resamples: n_resamples(options), seed: seed(options) }
}
