//! Tests of pairs: candidate, baseline.

use super::options::{
    ALTERNATIVE, LEVEL, MARGIN, N_RESAMPLES, RANK_METHOD, SEED, alternative, choice, flag, level, permutations,
    rank_method,
};
use crate::options::{FunctionInfo, OptionInfo, Options};
use crate::stats::Outcome;
use crate::stats::compare_paired::{Kind, compare_paired, compare_paired_clustered};
use crate::stats::margin::{equivalence_counts, equivalence_test, non_inferiority_counts, non_inferiority_test};
use crate::stats::mcnemar::{McnemarMethod, mcnemar_counts};
use crate::stats::permutation::permutation_test;
use crate::stats::sign_test::sign_test;
use crate::stats::state::State;
use crate::stats::t_tests::paired_t_test;
use crate::stats::wilcoxon::{WilcoxonOptions, ZeroMethod, wilcoxon_test};

pub(super) const PAIRED_T_TEST: FunctionInfo = FunctionInfo { name: "paired_t_test", options: &[ALTERNATIVE, LEVEL] };

pub(super) const WILCOXON_TEST: FunctionInfo = FunctionInfo {
    name: "wilcoxon_test",
    options: &[
        choice(
            "zero_method",
            &["wilcox", "pratt", "zsplit"],
            "\"wilcox\"",
            "What is done with differences of zero: dropped, ranked and then dropped, or shared between both signs.",
        ),
        RANK_METHOD,
        flag("correction", "false", "Whether the normal approximation is corrected for continuity."),
        ALTERNATIVE,
        LEVEL,
    ],
};

pub(super) const MCNEMAR_TEST: FunctionInfo = FunctionInfo {
    name: "mcnemar_test",
    options: &[
        choice("method", &["midp", "exact", "asymptotic", "corrected"], "\"midp\"", "How the p-value is computed."),
        ALTERNATIVE,
        LEVEL,
    ],
};

pub(super) const SIGN_TEST: FunctionInfo = FunctionInfo { name: "sign_test", options: &[ALTERNATIVE, LEVEL] };

pub(super) const PERMUTATION_TEST: FunctionInfo =
    FunctionInfo { name: "permutation_test", options: &[ALTERNATIVE, LEVEL, N_RESAMPLES, SEED] };

const KIND: OptionInfo = choice(
    "kind",
    &["auto", "binary", "bounded", "ordinal", "unbounded"],
    "\"auto\"",
    "What the values are, which chooses the test; auto is binary where all of them are 0 or 1, else unbounded.",
);

pub(super) const COMPARE_PAIRED: FunctionInfo =
    FunctionInfo { name: "compare_paired", options: &[KIND, ALTERNATIVE, LEVEL, N_RESAMPLES, SEED] };

pub(super) const COMPARE_PAIRED_CLUSTERED: FunctionInfo =
    FunctionInfo { name: "compare_paired_clustered", options: &[ALTERNATIVE, LEVEL, N_RESAMPLES, SEED] };

pub(super) const NON_INFERIORITY_TEST: FunctionInfo =
    FunctionInfo { name: "non_inferiority_test", options: &[MARGIN, KIND, LEVEL] };

pub(super) const EQUIVALENCE_TEST: FunctionInfo =
    FunctionInfo { name: "equivalence_test", options: &[MARGIN, KIND, LEVEL] };

pub(super) const RISK_DIFFERENCE: FunctionInfo =
    FunctionInfo { name: "risk_difference", options: &[ALTERNATIVE, LEVEL] };

type Result = std::result::Result<Outcome, &'static str>;

pub(super) fn paired_t(state: &State, options: &Options) -> Result {
    let [a, b] = state.columns()?;
    Ok(paired_t_test(&a, &b, alternative(options), level(options)))
}

pub(super) fn wilcoxon(state: &State, options: &Options) -> Result {
    let [a, b] = state.columns()?;
    let how = WilcoxonOptions {
        zero_method: match options.text("zero_method") {
            Some("pratt") => ZeroMethod::Pratt,
            Some("zsplit") => ZeroMethod::Zsplit,
            _ => ZeroMethod::Wilcox,
        },
        method: rank_method(options),
        correction: options.flag("correction"),
        alternative: alternative(options),
    };
    Ok(wilcoxon_test(&a, &b, &how, level(options)))
}

pub(super) fn mcnemar(state: &State, options: &Options) -> Result {
    let method = match options.text("method") {
        Some("exact") => McnemarMethod::Exact,
        Some("asymptotic") => McnemarMethod::Asymptotic,
        Some("corrected") => McnemarMethod::Corrected,
        _ => McnemarMethod::MidP,
    };
    Ok(mcnemar_counts(&state.paired_counts()?, method, alternative(options), level(options)))
}

pub(super) fn sign(state: &State, options: &Options) -> Result {
    let [a, b] = state.columns()?;
    Ok(sign_test(&a, &b, alternative(options), level(options)))
}

pub(super) fn permutation(state: &State, options: &Options) -> Result {
    let [a, b] = state.columns()?;
    Ok(permutation_test(&a, &b, &permutations(options), level(options)))
}

fn kind(state: &State, options: &Options) -> Kind {
    match options.text("kind") {
        Some("binary") => Kind::Binary,
        Some("bounded") => Kind::Bounded,
        Some("ordinal") => Kind::Ordinal,
        Some("unbounded") => Kind::Unbounded,
        _ if state.n > 0 && state.paired_counts().is_ok() => Kind::Binary,
        _ => Kind::Unbounded,
    }
}

pub(super) fn compare(state: &State, options: &Options) -> Result {
    let kind = kind(state, options);
    if kind == Kind::Binary {
        let counts = state.paired_counts()?;
        let outcome = mcnemar_counts(&counts, McnemarMethod::MidP, alternative(options), level(options));
        return Ok(Outcome { method: Some("mcnemar_midp"), ..outcome });
    }
    let [a, b] = state.columns()?;
    Ok(compare_paired(&a, &b, kind, &permutations(options), level(options)))
}

pub(super) fn compare_clustered(state: &State, options: &Options) -> Result {
    let ([a, b], clusters) = state.clustered::<2, 4>()?;
    Ok(compare_paired_clustered(&a, &b, &clusters, &permutations(options), level(options)))
}

pub(super) fn non_inferiority(state: &State, options: &Options) -> Result {
    let (margin, kind) = (options.float("margin").unwrap_or(f64::NAN), kind(state, options));
    if kind == Kind::Binary {
        return Ok(non_inferiority_counts(&state.paired_counts()?, margin, level(options)));
    }
    let [a, b] = state.columns()?;
    Ok(non_inferiority_test(&a, &b, kind, margin, level(options)))
}

pub(super) fn equivalence(state: &State, options: &Options) -> Result {
    let (margin, kind) = (options.float("margin").unwrap_or(f64::NAN), kind(state, options));
    if kind == Kind::Binary {
        return Ok(equivalence_counts(&state.paired_counts()?, margin, level(options)));
    }
    let [a, b] = state.columns()?;
    Ok(equivalence_test(&a, &b, kind, margin, level(options)))
}

pub(super) fn risk_difference(state: &State, options: &Options) -> Result {
    let counts = state.paired_counts()?;
    let outcome = mcnemar_counts(&counts, McnemarMethod::Asymptotic, alternative(options), level(options));
    Ok(Outcome { method: Some("tango"), ..outcome })
}
