//! Statistics: the state of an aggregate in, a result struct out.
//!
//! | file | what belongs there |
//! |---|---|
//! | `mean_ci`, `wilson`, `student_t`, `hall`, `bootstrap` | the aggregate `mean_ci` and its methods |
//! | `proportion`, `bootstrap_ci`, `cluster_mean`, `weighted_mean`, `ratio`, `pass_at_k`, `descriptive` | one sample |
//! | `compare_paired` | chooses among `mcnemar`, `wilcoxon`, `permutation` and `t_tests` |
//! | `margin` | non-inferiority and equivalence |
//! | `sign_test`, `binomial_test`, `mann_whitney`, `two_proportions` | other tests |
//! | `cohens_d`, `cohens_h`, `cliffs_delta`, `odds_ratio` | effect sizes |
//! | `agreement` | kappa, alpha, correlations |
//! | `p_adjust`, `power`, `row_functions` | many tests; tests to come; both as functions of a row |
//! | `common` | alternatives, checks, spreads, parts of an outcome |
//! | `hodges_lehmann`, `half_sums`, `ranks`, `roots` | what several tests are made of |
//! | `additive` | intervals of statistics of sums over rows; two systems compared by one |
//! | `two_level`, `missing` | repeats of examples; what missing rows could change |
//! | `aggregate` | the SQL aggregates: options, and from a state to its outcome |
//! | `state` | the bytes that partial aggregates are merged into |
//! | `exact_moments` | what is left of a sample that is too large to be kept |
//! | `moments`, `sums` | mean and deviations; sums that are exact, whatever the order |
//! | `rng`, `binomial` | random numbers from a counter, binomial numbers from those |
//! | `special` | distributions |
//!
//! A test gives an estimate, first minus second, with an interval and a p-value of the same procedure, so that they do not
//! disagree. What data do not allow is empty and has a `reason`; infinite bounds are one-sided, or data too few for `level`.
//! A p-value is never 0: one that is too small for a double is the smallest double.
//!
//! Results are a function of the values, the options and the seed: the same bits on any partitioning, number of
//! threads and platform. So values are sorted first, sums are exact, random numbers come from a counter for each
//! resample, and transcendental functions from `libm`, never from the platform.

pub mod additive;
pub mod aggregate;
pub mod agreement;
pub mod binomial;
pub mod binomial_test;
pub mod bootstrap;
pub mod bootstrap_ci;
pub mod cliffs_delta;
pub mod cluster_mean;
pub mod cohens_d;
pub mod cohens_h;
pub mod common;
pub mod compare_paired;
pub mod descriptive;
pub mod exact_moments;
mod half_sums;
pub mod hall;
mod hodges_lehmann;
pub mod mann_whitney;
pub mod margin;
pub mod mcnemar;
pub mod mean_ci;
pub mod missing;
pub mod moments;
pub mod odds_ratio;
pub mod p_adjust;
pub mod pass_at_k;
pub mod permutation;
pub mod power;
pub mod proportion;
mod ranks;
pub mod ratio;
pub mod rng;
mod roots;
pub mod row_functions;
pub mod sign_test;
pub mod special;
pub mod state;
pub mod student_t;
pub mod sums;
pub mod t_tests;
pub mod two_level;
pub mod two_proportions;
pub mod weighted_mean;
pub mod wilcoxon;
pub mod wilson;

pub use aggregate::{AGGREGATES, check_function, finish, finish_all, finish_with_threads, fold_moments, is_aggregate};
pub use common::Alternative;

use crate::error::{Error, Result};

/// What an aggregate gives. A field is `None` where SQL shows NULL; a bound may be infinite.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The estimate.
    pub estimate: Option<f64>,
    /// The lower bound of the confidence interval around `estimate`.
    pub lower: Option<f64>,
    /// The upper bound.
    pub upper: Option<f64>,
    /// The standard error of `estimate`.
    pub std_error: Option<f64>,
    /// How many values there were.
    pub n: u64,
    /// How many NULLs there were besides.
    pub n_null: u64,
    /// The confidence level of the interval.
    pub level: f64,
    /// The method that ran, or that was asked for and could not.
    pub method: Option<&'static str>,
    /// Why fields are missing.
    pub reason: Option<String>,
    /// What tests add.
    pub test: Option<TestOutcome>,
}

/// What a test gives besides an [`Outcome`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TestOutcome {
    /// The test statistic.
    pub statistic: Option<f64>,
    /// Its degrees of freedom.
    pub df: Option<f64>,
    /// The p-value.
    pub p_value: Option<f64>,
    /// `two-sided`, `less` or `greater`.
    pub alternative: Option<&'static str>,
    /// The effect size.
    pub effect_size: Option<f64>,
    /// The lower bound of its confidence interval.
    pub effect_lower: Option<f64>,
    /// The upper bound.
    pub effect_upper: Option<f64>,
    /// What the effect size is.
    pub effect_name: Option<&'static str>,
    /// How many pairs differ.
    pub n_discordant: Option<u64>,
}

/// Runs `work` on so many threads.
pub fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()
        .map_err(|e| Error::internal(format!("no threads for statistics: {e}")))?;
    Ok(pool.install(work))
}
