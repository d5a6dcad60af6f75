//! Agreement and correlation.

use super::options::{ALTERNATIVE, LEVEL, RANK_METHOD, alternative, choice, level, rank_method};
use crate::options::{FunctionInfo, Options};
use crate::stats::Outcome;
use crate::stats::agreement::cohens_kappa::{self as kappa, KappaWeights};
use crate::stats::agreement::fleiss_kappa::{self as fleiss, Chance};
use crate::stats::agreement::kendall::{self, TauVariant};
use crate::stats::agreement::krippendorff::{self, Measurement};
use crate::stats::agreement::{pearson as pearson_kernel, spearman as spearman_kernel};
use crate::stats::state::State;

pub(super) const COHENS_KAPPA: FunctionInfo = FunctionInfo {
    name: "cohens_kappa",
    options: &[
        choice(
            "weights",
            &["none", "linear", "quadratic"],
            "\"none\"",
            "How a disagreement weighs by the distance of its categories, which must be numbers then.",
        ),
        LEVEL,
    ],
};

pub(super) const PEARSON: FunctionInfo = FunctionInfo { name: "pearson", options: &[ALTERNATIVE, LEVEL] };
pub(super) const SPEARMAN: FunctionInfo = FunctionInfo { name: "spearman", options: &[ALTERNATIVE, LEVEL] };

pub(super) const KENDALL_TAU: FunctionInfo = FunctionInfo {
    name: "kendall_tau",
    options: &[
        choice("variant", &["b", "c"], "\"b\"", "Which tau: b allows for ties, c for tables that are not square."),
        RANK_METHOD,
        ALTERNATIVE,
        LEVEL,
    ],
};

pub(super) const FLEISS_KAPPA: FunctionInfo = FunctionInfo {
    name: "fleiss_kappa",
    options: &[
        choice(
            "method",
            &["fleiss", "randolph"],
            "\"fleiss\"",
            "What agreement by chance is: by how often categories are used, or the same for each.",
        ),
        LEVEL,
    ],
};

pub(super) const KRIPPENDORFF_ALPHA: FunctionInfo = FunctionInfo {
    name: "krippendorff_alpha",
    options: &[
        choice(
            "level_of_measurement",
            &["nominal", "ordinal", "interval", "ratio"],
            "\"interval\"",
            "What ratings are, and so how far apart two of them lie; it may be the second argument.",
        ),
        LEVEL,
    ],
};

type Result = std::result::Result<Outcome, &'static str>;

pub(super) fn cohens_kappa(state: &State, options: &Options) -> Result {
    let [a, b] = state.categories()?;
    let weights = match options.text("weights") {
        Some("linear") => KappaWeights::Linear,
        Some("quadratic") => KappaWeights::Quadratic,
        _ => KappaWeights::None,
    };
    Ok(kappa::cohens_kappa(&a, &b, weights, level(options)))
}

pub(super) fn pearson(state: &State, options: &Options) -> Result {
    let [a, b] = state.columns()?;
    Ok(pearson_kernel::pearson(&a, &b, alternative(options), level(options)))
}

pub(super) fn spearman(state: &State, options: &Options) -> Result {
    let [a, b] = state.columns()?;
    Ok(spearman_kernel::spearman(&a, &b, alternative(options), level(options)))
}

pub(super) fn kendall_tau(state: &State, options: &Options) -> Result {
    let [a, b] = state.columns()?;
    let variant = if options.text("variant") == Some("c") { TauVariant::C } else { TauVariant::B };
    Ok(kendall::kendall_tau(&a, &b, variant, rank_method(options), alternative(options), level(options)))
}

pub(super) fn fleiss_kappa(state: &State, options: &Options) -> Result {
    let chance = if options.text("method") == Some("randolph") { Chance::Randolph } else { Chance::Fleiss };
    Ok(fleiss::fleiss_kappa(&state.ratings()?, chance, level(options)))
}

pub(super) fn krippendorff_alpha(state: &State, options: &Options) -> Result {
    let measurement = options.text("level_of_measurement").and_then(Measurement::from_name);
    Ok(krippendorff::krippendorff_alpha(
        &state.ratings()?,
        measurement.unwrap_or(Measurement::Interval),
        level(options),
    ))
}
