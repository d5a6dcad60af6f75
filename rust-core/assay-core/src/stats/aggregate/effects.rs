//! Effect sizes, of pairs or of two samples.

use super::options::{ALTERNATIVE, LEVEL, alternative, choice, level};
use crate::options::{FunctionInfo, OptionInfo, Options};
use crate::stats::Outcome;
use crate::stats::cohens_d::{
    EffectInterval, HedgesCorrection, PairedVariant, cohens_d_independent, cohens_d_paired, hedges_g_independent,
    hedges_g_paired,
};
use crate::stats::cohens_h::cohens_h_ci;
use crate::stats::mcnemar::mcnemar_odds_ratio;
use crate::stats::odds_ratio::OddsRatioKind;
use crate::stats::state::State;
use crate::stats::wilcoxon::rank_biserial_ci;

const VARIANT: OptionInfo = choice(
    "variant",
    &["d_z", "d_av", "d_av_mean_of_sds", "d_rm"],
    "\"d_z\"",
    "What the mean difference of pairs is divided by; without influence on two samples, where it is the pooled deviation.",
);

const INTERVAL: OptionInfo = choice(
    "interval",
    &["auto", "noncentral_t", "t_approx"],
    "\"auto\"",
    "How the interval is made; auto is noncentral_t, and t_approx for variants other than d_z, which have no other.",
);

pub(super) const COHENS_D: FunctionInfo = FunctionInfo { name: "cohens_d", options: &[VARIANT, INTERVAL, LEVEL] };

pub(super) const HEDGES_G: FunctionInfo = FunctionInfo {
    name: "hedges_g",
    options: &[
        VARIANT,
        choice(
            "correction",
            &["approximate", "exact"],
            "\"approximate\"",
            "How the bias of d is corrected: by 1 - 3 / (4 N - 9), or by the gamma function.",
        ),
        INTERVAL,
        LEVEL,
    ],
};

pub(super) const CLIFFS_DELTA: FunctionInfo = FunctionInfo { name: "cliffs_delta", options: &[LEVEL] };
pub(super) const RANK_BISERIAL: FunctionInfo = FunctionInfo { name: "rank_biserial", options: &[LEVEL] };
pub(super) const COHENS_H: FunctionInfo = FunctionInfo { name: "cohens_h", options: &[LEVEL] };

pub(super) const ODDS_RATIO: FunctionInfo = FunctionInfo {
    name: "odds_ratio",
    options: &[
        choice(
            "kind",
            &["sample", "conditional"],
            "\"sample\"",
            "Of two samples: a d / (b c), or the likeliest one given the sums of rows and columns.",
        ),
        ALTERNATIVE,
        LEVEL,
    ],
};

type Result = std::result::Result<Outcome, &'static str>;

fn variant(options: &Options) -> PairedVariant {
    match options.text("variant") {
        Some("d_av") => PairedVariant::Dav,
        Some("d_av_mean_of_sds") => PairedVariant::DavMeanOfSds,
        Some("d_rm") => PairedVariant::Drm,
        _ => PairedVariant::Dz,
    }
}

fn interval(state: &State, options: &Options) -> EffectInterval {
    match options.text("interval") {
        Some("noncentral_t") => EffectInterval::NoncentralT,
        Some("t_approx") => EffectInterval::TApprox,
        _ if state.labelled || variant(options) == PairedVariant::Dz => EffectInterval::NoncentralT,
        _ => EffectInterval::TApprox,
    }
}

pub(super) fn cohens_d(state: &State, options: &Options) -> Result {
    let (how, level) = (interval(state, options), level(options));
    if state.labelled {
        let [a, b] = state.two_samples()?;
        return Ok(cohens_d_independent(&a, &b, how, level));
    }
    let [a, b] = state.columns()?;
    Ok(cohens_d_paired(&a, &b, variant(options), how, level))
}

pub(super) fn hedges_g(state: &State, options: &Options) -> Result {
    let (how, level) = (interval(state, options), level(options));
    let correction = match options.text("correction") {
        Some("exact") => HedgesCorrection::Exact,
        _ => HedgesCorrection::Approximate,
    };
    if state.labelled {
        let [a, b] = state.two_samples()?;
        return Ok(hedges_g_independent(&a, &b, correction, how, level));
    }
    let [a, b] = state.columns()?;
    Ok(hedges_g_paired(&a, &b, variant(options), correction, how, level))
}

pub(super) fn cliffs_delta(state: &State, options: &Options) -> Result {
    let [a, b] = state.two_samples()?;
    Ok(crate::stats::cliffs_delta::cliffs_delta(&a, &b, level(options)))
}

/// Of two samples it is Cliff's delta.
pub(super) fn rank_biserial(state: &State, options: &Options) -> Result {
    if state.labelled {
        return cliffs_delta(state, options);
    }
    let [a, b] = state.columns()?;
    Ok(rank_biserial_ci(&a, &b, level(options)))
}

pub(super) fn cohens_h(state: &State, options: &Options) -> Result {
    let t = state.table()?;
    Ok(cohens_h_ci(t.a, t.a + t.b, t.c, t.c + t.d, level(options)))
}

/// Of two samples, or of the pairs that differ.
pub(super) fn odds_ratio(state: &State, options: &Options) -> Result {
    let (alternative, level) = (alternative(options), level(options));
    if !state.labelled {
        return Ok(mcnemar_odds_ratio(&state.paired_counts()?, alternative, level));
    }
    let kind = match options.text("kind") {
        Some("conditional") => OddsRatioKind::Conditional,
        _ => OddsRatioKind::Sample,
    };
    Ok(crate::stats::odds_ratio::odds_ratio(&state.table()?, kind, alternative, level))
}
