//! Tests of two independent samples: a value, and whether it is of the candidate.

use super::options::{
    ALTERNATIVE, LEVEL, N_RESAMPLES, RANK_METHOD, SEED, alternative, flag, level, permutations, rank_method,
};
use crate::options::{FunctionInfo, Options};
use crate::stats::Outcome;
use crate::stats::mann_whitney::{MannWhitneyOptions, mann_whitney_test};
use crate::stats::permutation::permutation_test_unpaired;
use crate::stats::state::State;
use crate::stats::t_tests::{student_t_test, welch_t_test};

pub(super) const WELCH_T_TEST: FunctionInfo = FunctionInfo {
    name: "welch_t_test",
    options: &[
        flag(
            "equal_var",
            "false",
            "Whether both samples are taken to have the same variance, which is Student's test.",
        ),
        ALTERNATIVE,
        LEVEL,
    ],
};

pub(super) const MANN_WHITNEY_TEST: FunctionInfo = FunctionInfo {
    name: "mann_whitney_test",
    options: &[
        RANK_METHOD,
        flag("use_continuity", "true", "Whether the normal approximation is corrected for continuity."),
        ALTERNATIVE,
        LEVEL,
    ],
};

pub(super) const PERMUTATION_TEST_UNPAIRED: FunctionInfo =
    FunctionInfo { name: "permutation_test_unpaired", options: &[ALTERNATIVE, LEVEL, N_RESAMPLES, SEED] };

type Result = std::result::Result<Outcome, &'static str>;

pub(super) fn welch_t(state: &State, options: &Options) -> Result {
    let [a, b] = state.two_samples()?;
    let test = if options.flag("equal_var") { student_t_test } else { welch_t_test };
    Ok(test(&a, &b, alternative(options), level(options)))
}

pub(super) fn mann_whitney(state: &State, options: &Options) -> Result {
    let [a, b] = state.two_samples()?;
    let how = MannWhitneyOptions {
        method: rank_method(options),
        use_continuity: options.flag("use_continuity"),
        alternative: alternative(options),
    };
    Ok(mann_whitney_test(&a, &b, &how, level(options)))
}

pub(super) fn permutation(state: &State, options: &Options) -> Result {
    let [a, b] = state.two_samples()?;
    Ok(permutation_test_unpaired(&a, &b, &permutations(options), level(options)))
}
