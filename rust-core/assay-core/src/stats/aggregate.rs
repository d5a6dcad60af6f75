//! The aggregates: what options each takes, and how its state is finished.
//!
//! | file | what belongs there |
//! |---|---|
//! | `columns` | the rows of a state in an order of their own |
//! | `options` | options that several share |
//! | `one_sample`, `paired`, `unpaired`, `effects`, `agreement` | the aggregates |

mod agreement;
mod columns;
mod effects;
mod one_sample;
pub(super) mod options;
mod paired;
mod unpaired;

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::exact_moments::ExactMoments;
use super::state::{Rows, State};
use super::{Outcome, TestOutcome, mean_ci};
use crate::error::{Error, ErrorKind, Result, hint};
use crate::options::{FunctionInfo, OptionKind, Options, resolve};

/// One aggregate.
pub struct Aggregate {
    /// Name and options.
    pub info: FunctionInfo,
    /// Words in a row of its state; 0 for rows of any length.
    width: usize,
    /// Whether the result has the fields of a test.
    pub is_test: bool,
    finish: Finish,
}

/// The error is the reason why rows do not allow the statistic.
type Finish = fn(&State, &Options) -> std::result::Result<Outcome, &'static str>;

const fn aggregate(info: FunctionInfo, width: usize, finish: Finish) -> Aggregate {
    Aggregate { info, width, is_test: false, finish }
}

const fn test(info: FunctionInfo, width: usize, finish: Finish) -> Aggregate {
    Aggregate { info, width, is_test: true, finish }
}

/// Every aggregate but those of a corpus.
pub const AGGREGATES: &[Aggregate] = &[
    aggregate(mean_ci::INFO, 1, one_sample::mean),
    aggregate(one_sample::BOOTSTRAP_CI, 1, one_sample::bootstrap),
    aggregate(one_sample::CLUSTER_MEAN_CI, 3, one_sample::cluster_mean),
    aggregate(one_sample::WEIGHTED_MEAN_CI, 2, one_sample::weighted_mean),
    aggregate(one_sample::RATIO_CI, 2, one_sample::ratio),
    aggregate(one_sample::PASS_AT_K, 2, one_sample::pass_at_k),
    aggregate(one_sample::PASS_HAT_K, 2, one_sample::pass_hat_k),
    test(paired::PAIRED_T_TEST, 2, paired::paired_t),
    test(paired::WILCOXON_TEST, 2, paired::wilcoxon),
    test(paired::MCNEMAR_TEST, 2, paired::mcnemar),
    test(paired::SIGN_TEST, 2, paired::sign),
    test(paired::PERMUTATION_TEST, 2, paired::permutation),
    test(paired::COMPARE_PAIRED, 2, paired::compare),
    test(paired::COMPARE_PAIRED_CLUSTERED, 4, paired::compare_clustered),
    test(paired::NON_INFERIORITY_TEST, 2, paired::non_inferiority),
    test(paired::EQUIVALENCE_TEST, 2, paired::equivalence),
    test(paired::RISK_DIFFERENCE, 2, paired::risk_difference),
    test(unpaired::WELCH_T_TEST, 2, unpaired::welch_t),
    test(unpaired::MANN_WHITNEY_TEST, 2, unpaired::mann_whitney),
    test(unpaired::PERMUTATION_TEST_UNPAIRED, 2, unpaired::permutation),
    aggregate(effects::COHENS_D, 2, effects::cohens_d),
    aggregate(effects::HEDGES_G, 2, effects::hedges_g),
    aggregate(effects::CLIFFS_DELTA, 2, effects::cliffs_delta),
    aggregate(effects::RANK_BISERIAL, 2, effects::rank_biserial),
    aggregate(effects::COHENS_H, 2, effects::cohens_h),
    test(effects::ODDS_RATIO, 2, effects::odds_ratio),
    aggregate(agreement::COHENS_KAPPA, 2, agreement::cohens_kappa),
    test(agreement::PEARSON, 2, agreement::pearson),
    test(agreement::SPEARMAN, 2, agreement::spearman),
    test(agreement::KENDALL_TAU, 2, agreement::kendall_tau),
    aggregate(agreement::FLEISS_KAPPA, 0, agreement::fleiss_kappa),
    aggregate(agreement::KRIPPENDORFF_ALPHA, 0, agreement::krippendorff_alpha),
];

/// The options that have no default and must be given.
const REQUIRED: &[&str] = &["k", "margin"];

/// Whether there is such an aggregate.
pub fn is_aggregate(name: &str) -> bool {
    AGGREGATES.iter().any(|aggregate| aggregate.info.name == name)
}

/// Checks the options of an aggregate before there are rows.
///
/// Errors: [`ErrorKind::UnknownFunction`], [`ErrorKind::UnknownOption`], [`ErrorKind::InvalidOption`].
pub fn check_function(function: &str, options: &Map<String, Value>) -> Result<()> {
    checked(&find(function)?.info, options).map(|_| ())
}

/// The result of aggregate `function` over a merged `state`, whose format is that of [`state`](super::state).
///
/// Bootstrap methods use the threads of rayon's current pool; see [`finish_with_threads`].
///
/// Errors: those of [`check_function`], and [`ErrorKind::MalformedBatch`] for a state that cannot be read. Values for
/// which there is no result (none, one, constant, NaN, infinite) are not an error but a `reason`.
///
/// ```
/// use assay_core::stats::{finish, state};
/// let state = state::encode_values(&[1.0, 2.0, 4.0], 0);
/// let outcome = finish("mean_ci", &serde_json::Map::new(), &state).unwrap();
/// assert_eq!(outcome.estimate, Some(7.0 / 3.0));
/// assert_eq!(outcome.method, Some("hall"));
/// ```
pub fn finish(function: &str, options: &Map<String, Value>, state: &[u8]) -> Result<Outcome> {
    let aggregate = find(function)?;
    let info = &aggregate.info;
    let state = State::decode(state).map_err(|e| e.context(info.name))?;
    if state.width != aggregate.width {
        let message = format!("{}: the state has rows of {} words, not {}", info.name, state.width, aggregate.width);
        return Err(Error::new(ErrorKind::MalformedBatch, message));
    }
    let options = if state.boolean { checked(info, &as_binary(info, options))? } else { checked(info, options)? };
    let mut outcome = (aggregate.finish)(&state, &options).unwrap_or_else(|reason| Outcome {
        n: state.n,
        level: options::level(&options),
        reason: Some(reason.into()),
        ..Outcome::default()
    });
    outcome.n_null = if info.name == mean_ci::INFO.name { state.n_null } else { outcome.n_null + state.n_null };
    if aggregate.is_test && outcome.test.is_none() {
        outcome.test = Some(TestOutcome::new(options::alternative(&options)));
    }
    Ok(outcome)
}

/// [`finish`] on `threads` threads, for callers that share the machine. The result does not depend on it.
pub fn finish_with_threads(
    function: &str,
    options: &Map<String, Value>,
    state: &[u8],
    threads: usize,
) -> Result<Outcome> {
    super::with_threads(threads, || finish(function, options, state))?
}

/// [`finish`] of many states, on the threads of rayon's current pool: the driver's, which has all cores.
///
/// The same bits as one after the other. Errors: the first of [`finish`].
pub fn finish_all(function: &str, options: &Map<String, Value>, states: &[&[u8]]) -> Result<Vec<Outcome>> {
    states.par_iter().map(|state| finish(function, options, state)).collect()
}

/// Moments of all that `parts` hold, each the state of one number for every row, whatever its kind.
///
/// Errors: [`ErrorKind::MalformedBatch`] for a state that cannot be read, or that has kept nothing.
pub fn fold_moments(parts: &[&[u8]]) -> Result<Vec<u8>> {
    let mut moments = ExactMoments::default();
    for part in parts {
        let state = State::decode(part)?;
        match &state.rows {
            _ if state.width != 1 => return Err(Error::new(ErrorKind::MalformedBatch, "moments are of one number")),
            Rows::Counts(words, counts) => {
                words.iter().zip(counts).for_each(|(word, count)| moments.add(f64::from_bits(*word), *count));
            }
            Rows::Words(words) => words.iter().for_each(|word| moments.add(f64::from_bits(*word), 1)),
            Rows::Moments(other) => moments.merge(other),
            Rows::TooMany => return Err(Error::new(ErrorKind::MalformedBatch, "a state has kept no values")),
        }
    }
    Ok(moments.encode())
}

/// BOOLEAN values are binary whatever they are; of numbers the values must tell.
fn as_binary(info: &FunctionInfo, options: &Map<String, Value>) -> Map<String, Value> {
    let mut options = options.clone();
    let has_kind = info.options.iter().any(|option| {
        option.name == "kind" && matches!(option.kind, OptionKind::Choice(words) if words.contains(&"binary"))
    });
    if has_kind && options.get("kind").is_none_or(|kind| kind.is_null() || kind == "auto") {
        options.insert("kind".into(), "binary".into());
    }
    options
}

fn checked(info: &FunctionInfo, options: &Map<String, Value>) -> Result<Options> {
    let options = resolve(info, options)?;
    let missing =
        info.options.iter().find(|option| REQUIRED.contains(&option.name) && options.get(option.name).is_none());
    match missing {
        Some(option) => Err(Error::new(
            ErrorKind::InvalidOption,
            format!("{}: option '{}' must be given: {}", info.name, option.name, option.kind.describe()),
        )),
        None => Ok(options),
    }
}

fn find(function: &str) -> Result<&'static Aggregate> {
    AGGREGATES.iter().find(|aggregate| aggregate.info.name == function).ok_or_else(|| {
        let known = AGGREGATES.iter().map(|aggregate| aggregate.info.name);
        Error::new(ErrorKind::UnknownFunction, format!("there is no aggregate {function}{}", hint(function, known)))
    })
}

#[cfg(test)]
mod tests;
