//! Bootstrap intervals of a mean, a median or another quantile, a standard deviation, a trimmed mean, and of the
//! difference of two independent means.
//!
//! What can be computed is not drawn: the distribution of a quantile over resamples is known in closed form, and for few
//! or few different values all resamples are enumerated with their probabilities, so that `n_resamples` and `seed` have no
//! influence. The rest is drawn from a counter for each resample: any number of threads gives the same bits.

mod distribution;
mod drawn;
mod enumerated;
mod jackknife;
mod order;

use libm::sqrt;

use distribution::Distribution;
pub use jackknife::{acceleration, acceleration_difference};

use super::common::{Spread, sorted, unusable};
use super::descriptive::{quantile, trimmed_mean};
use super::moments::Moments;
use super::special::{norm_cdf, norm_ppf};
use super::state::{Data, Sample};
use super::{Outcome, bootstrap};

/// What is computed of each resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The middle value, or the mean of the two in the middle.
    Median,
    /// The standard deviation, with n - 1.
    Std,
    /// A quantile by linear interpolation (type 7), for a probability from 0 to 1.
    Quantile(f64),
    /// The mean without this share at each end, from 0 to less than 1/2.
    TrimmedMean(f64),
}

impl Statistic {
    /// Of values in ascending order.
    fn of(self, sorted: &[f64]) -> f64 {
        match self {
            Statistic::Mean => Spread::new(sorted).mean,
            Statistic::Median => quantile(sorted, 0.5),
            Statistic::Std => Spread::new(sorted).std,
            Statistic::Quantile(probability) => quantile(sorted, probability),
            Statistic::TrimmedMean(share) => trimmed_mean(sorted, share),
        }
    }

    /// The probability, if this is a quantile.
    fn probability(self) -> Option<f64> {
        match self {
            Statistic::Median => Some(0.5),
            Statistic::Quantile(probability) => Some(probability),
            _ => None,
        }
    }
}

/// How the interval is made of the resamples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BootstrapMethod {
    /// Bias-corrected and accelerated: the default.
    #[default]
    Bca,
    /// Quantiles of the resamples.
    Percentile,
    /// Quantiles of the resamples, mirrored at the estimate.
    Basic,
    /// Quantiles of the studentized mean; for a mean only.
    BootstrapT,
    /// What bca tends to for a mean of many values, from the moments alone: nothing is drawn; for a mean only.
    BcaAnalytic,
}

impl BootstrapMethod {
    /// The name as SQL shows it.
    pub fn name(self) -> &'static str {
        match self {
            BootstrapMethod::Bca => "bca",
            BootstrapMethod::Percentile => "percentile",
            BootstrapMethod::Basic => "basic",
            BootstrapMethod::BootstrapT => "bootstrap_t",
            BootstrapMethod::BcaAnalytic => "bca_analytic",
        }
    }
}

/// The options of bootstrap intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapOptions {
    /// How the interval is made of the resamples.
    pub method: BootstrapMethod,
    /// The confidence level.
    pub level: f64,
    /// How many resamples are drawn, where any are; at least 2.
    pub n_resamples: usize,
    /// The seed of what is drawn.
    pub seed: u64,
}

impl Default for BootstrapOptions {
    fn default() -> Self {
        BootstrapOptions { method: BootstrapMethod::Bca, level: 0.95, n_resamples: 9999, seed: 0 }
    }
}

/// The bootstrap interval of `statistic` over one sample; for pairs, give it the differences.
///
/// `std_error` is the standard deviation over resamples, and s / sqrt(n) for `bootstrap_t` and `bca_analytic`. Fewer than two
/// values, NaN, infinite or equal values give no bounds but a reason, as does what bca needs and the values do not have: an
/// estimate inside of the resamples, and a jackknife with a spread.
///
/// Source: scipy 1.17 `bootstrap`, in the limit of many resamples where they are not drawn.
pub fn bootstrap_ci(x: &[f64], statistic: Statistic, options: &BootstrapOptions) -> Outcome {
    let outcome = Outcome::new(options.method.name(), options.level, x.len());
    if let Some(reason) = unusable(x) {
        return outcome.because(reason);
    }
    match statistic {
        Statistic::Quantile(p) if !(0.0..=1.0).contains(&p) => {
            return outcome.because("the probability is not in 0 to 1");
        }
        Statistic::TrimmedMean(share) if !(0.0..0.5).contains(&share) => {
            return outcome.because("the share to be trimmed is not in 0 to 1/2");
        }
        _ => {}
    }
    let ordered = sorted(x);
    let estimate = statistic.of(&ordered);
    let outcome = outcome.estimate(estimate);
    if x.len() < 2 {
        return outcome.because("one value has no spread");
    }
    if ordered.first() == ordered.last() {
        return outcome.std_error(0.0).because("all values are equal");
    }
    let studentized = matches!(options.method, BootstrapMethod::BootstrapT | BootstrapMethod::BcaAnalytic);
    if studentized && statistic != Statistic::Mean {
        return outcome.because("this method is for a mean only");
    }
    let size = ordered[0].abs().max(ordered[ordered.len() - 1].abs());
    if let Some(probability) = statistic.probability() {
        let distribution = Distribution::Order(order::OrderStatistic::new(&ordered, probability));
        return finish(outcome, &distribution, estimate, 1e-12 * size, options, || acceleration(x, statistic));
    }
    let sample = Sample::from_values(ordered, 0);
    let Some(moments) = Moments::new(&sample) else {
        return outcome.because("the values are too large to be summed");
    };
    if statistic == Statistic::Mean {
        return of_mean(outcome, &sample, &moments, options);
    }
    let distribution = distribution_of(&sample, &moments, What::Statistic(statistic), options);
    finish(outcome, &distribution, estimate, 1e-12 * size, options, || acceleration(x, statistic))
}

/// `outcome` with the interval of the mean of a sample of finite values, of which at least two differ.
pub(super) fn of_mean(outcome: Outcome, sample: &Sample, moments: &Moments, options: &BootstrapOptions) -> Outcome {
    match options.method {
        BootstrapMethod::BcaAnalytic => {
            outcome.std_error(moments.std_error()).bounds(analytic(moments, sample.n, options.level))
        }
        BootstrapMethod::BootstrapT => {
            let t = distribution_of(sample, moments, What::Studentized, options);
            let tail = (1.0 - options.level) / 2.0;
            let std_error = moments.std_error();
            let (low, high) = (t.quantile(1.0 - tail), t.quantile(tail));
            let outcome = outcome.std_error(std_error);
            if !(low.is_finite() && high.is_finite()) {
                return outcome.because("too many resamples have no spread");
            }
            outcome.bounds((moments.mean - low * std_error, moments.mean - high * std_error))
        }
        _ => {
            let distribution = distribution_of(sample, moments, What::Statistic(Statistic::Mean), options);
            let (least, greatest) = sample.ends().unwrap_or_default();
            let rounding = 1e-12 * least.abs().max(greatest.abs());
            finish(outcome, &distribution, moments.mean, rounding, options, || moments.acceleration())
        }
    }
}

/// The bootstrap interval of the difference of the means of two independent samples, first minus second, each resampled by
/// itself. `BootstrapT` and `BcaAnalytic` are not for it.
///
/// Source: scipy 1.17 `bootstrap`; the acceleration of two samples is that of B. Efron and R. Tibshirani (1993), 15.36.
pub fn bootstrap_difference_ci(a: &[f64], b: &[f64], options: &BootstrapOptions) -> Outcome {
    let outcome = Outcome::new(options.method.name(), options.level, a.len() + b.len());
    if let Some(reason) = unusable(a).or_else(|| unusable(b)) {
        return outcome.because(reason);
    }
    let (first, second) = (Spread::new(a), Spread::new(b));
    let estimate = first.mean - second.mean;
    let outcome = outcome.estimate(estimate);
    if a.len() < 2 || b.len() < 2 {
        return outcome.because("one value has no spread");
    }
    if first.constant && second.constant {
        return outcome.std_error(0.0).because("neither sample has a spread");
    }
    if matches!(options.method, BootstrapMethod::BootstrapT | BootstrapMethod::BcaAnalytic) {
        return outcome.because("this method is for a mean only");
    }
    let distribution = match enumerated::differences(&sorted(a), &sorted(b)) {
        Some(distribution) => distribution,
        None => match drawn::differences(a, b, options) {
            Some(distribution) => distribution,
            None => return outcome.because("the values are too large to be summed"),
        },
    };
    let size = a.iter().chain(b).fold(0.0f64, |size, x| size.max(x.abs()));
    finish(outcome, &distribution, estimate, 1e-12 * size, options, || acceleration_difference(a, b))
}

/// What is looked at over resamples.
#[derive(Clone, Copy)]
enum What {
    Statistic(Statistic),
    /// The deviation of the mean over its standard error.
    Studentized,
}

/// Above this number of values of which few are equal there are too many resamples to look at all.
const MAX_ENUMERATED: usize = 1000;

fn distribution_of(sample: &Sample, moments: &Moments, what: What, options: &BootstrapOptions) -> Distribution {
    let values = match &sample.data {
        Data::Counts(counts) => Some(counts.clone()),
        Data::Values(values) if values.len() <= MAX_ENUMERATED => Some(enumerated::distinct(values)),
        Data::Values(_) => None,
    };
    let known = values.and_then(|mut values| {
        if matches!(what, What::Studentized) {
            // So that squares do not overflow.
            values.iter_mut().for_each(|value| value.0 = (value.0 - moments.mean) * moments.scale);
        }
        enumerated::one_sample(&values, sample.n, what)
    });
    match (known, what) {
        (Some(distribution), _) => distribution,
        (None, What::Statistic(Statistic::Mean)) => {
            Distribution::Mean(bootstrap::resample(sample, moments, options.n_resamples.max(2), options.seed))
        }
        (None, _) => drawn::one_sample(sample, moments, what, options),
    }
}

fn finish(
    outcome: Outcome,
    distribution: &Distribution,
    estimate: f64,
    rounding: f64,
    options: &BootstrapOptions,
    acceleration: impl FnOnce() -> f64,
) -> Outcome {
    let tail = (1.0 - options.level) / 2.0;
    let outcome = outcome.std_error(distribution.std_error());
    match options.method {
        BootstrapMethod::Percentile => outcome.bounds((distribution.quantile(tail), distribution.quantile(1.0 - tail))),
        BootstrapMethod::Basic => {
            let (low, high) = (distribution.quantile(tail), distribution.quantile(1.0 - tail));
            outcome.bounds((2.0 * estimate - high, 2.0 * estimate - low))
        }
        _ => {
            let z0 = norm_ppf(distribution.share_below(estimate, rounding));
            let acceleration = acceleration();
            if !z0.is_finite() {
                return outcome.because("all resamples lie on one side of the estimate");
            }
            if acceleration.is_nan() {
                return outcome.because("the jackknife has no spread");
            }
            let (low, high) = bca_probabilities(z0, acceleration, tail);
            outcome.bounds((distribution.quantile(low), distribution.quantile(high)))
        }
    }
}

/// The probabilities at which bca takes the quantiles.
pub(super) fn bca_probabilities(z0: f64, acceleration: f64, tail: f64) -> (f64, f64) {
    let z = norm_ppf(tail);
    let adjusted = |z: f64| norm_cdf(z0 + (z0 + z) / (1.0 - acceleration * (z0 + z)));
    (adjusted(z), adjusted(-z))
}

/// The bca interval of a mean from its first four moments: z0 and the acceleration are both a sixth of the skewness of the
/// mean, and the quantiles are those of Cornish and Fisher.
pub(super) fn analytic(moments: &Moments, n: u64, level: f64) -> (f64, f64) {
    let (root, n) = (sqrt(n as f64), n as f64);
    let (skewness, kurtosis) = (moments.skewness() / root, moments.excess_kurtosis() / n);
    let std_error = moments.population_std() / root;
    let (low, high) = bca_probabilities(skewness / 6.0, skewness / 6.0, (1.0 - level) / 2.0);
    let at = |probability: f64| {
        let w = norm_ppf(probability);
        let bent = w + skewness * (w * w - 1.0) / 6.0 + kurtosis * (w * w * w - 3.0 * w) / 24.0
            - skewness * skewness * (2.0 * w * w * w - 5.0 * w) / 36.0;
        moments.mean + std_error * bent
    };
    (at(low), at(high))
}

#[cfg(test)]
mod tests;
