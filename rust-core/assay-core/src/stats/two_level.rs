//! The mean of repeats of examples, and how much of its variance is whose.

use libm::sqrt;

use super::Outcome;
use super::common::{Spread, sum, unusable};
use super::student_t;

/// A mean over examples that were each scored several times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TwoLevel {
    /// The mean of the examples' means, with its interval; `n` counts examples.
    pub mean: Outcome,
    /// How many values there are.
    pub n_values: u64,
    /// The variance between examples, at least 0.
    pub between: Option<f64>,
    /// The variance between repeats of one example.
    pub within: Option<f64>,
    /// The share of `between` in the variance of a value.
    pub intraclass_correlation: Option<f64>,
    /// What the standard error would be with endless repeats of the same examples: what is above it, more repeats can take
    /// away, the rest takes more examples.
    pub std_error_of_examples: Option<f64>,
}

/// The mean of the means of examples, each of which has one or more values, with the variance between and within them.
///
/// Every example counts the same, however many repeats it has. `std_error` is that of the examples' means and so holds both
/// levels; the interval is t with G - 1 degrees of freedom for G examples. The components are those of the one-way analysis
/// of variance, a negative one is 0. Fewer than two examples, or equal means: no bounds but a reason. No example with two
/// values: no components.
///
/// Source: S. R. Searle et al., "Variance components" (1992), 3.6; the correlation is pingouin's `ICC1` where all have as many
/// repeats.
pub fn two_level_mean(x: &[f64], examples: &[u64], level: f64) -> TwoLevel {
    let outcome = Outcome::new("two_level", level, 0);
    let without = |outcome: Outcome, reason| TwoLevel {
        mean: outcome.because(reason),
        n_values: x.len() as u64,
        ..TwoLevel::default()
    };
    if x.len() != examples.len() {
        return without(outcome, "there are not as many examples as values");
    }
    if let Some(reason) = unusable(x) {
        return without(outcome, reason);
    }
    let mut rows: Vec<(u64, f64)> = examples.iter().copied().zip(x.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let groups: Vec<Spread> = rows
        .chunk_by(|a, b| a.0 == b.0)
        .map(|rows| Spread::new(&rows.iter().map(|row| row.1).collect::<Vec<_>>()))
        .collect();
    let means: Vec<f64> = groups.iter().map(|group| group.mean).collect();
    let (n, g) = (x.len() as f64, groups.len() as f64);
    let spread = Spread::new(&means);
    let outcome = Outcome { n: groups.len() as u64, ..outcome }.estimate(spread.mean);

    let grand = Spread::new(x).mean;
    let repeated = || groups.iter().filter(|group| group.n > 1.0);
    let within = sum(repeated().map(|group| (group.n - 1.0) * group.variance())) / (n - g);
    let size = (n - sum(groups.iter().map(|group| group.n * group.n)) / n) / (g - 1.0);
    let squares = sum(groups.iter().map(|group| group.n * (group.mean - grand) * (group.mean - grand)));
    let between = ((squares / (g - 1.0) - within) / size).max(0.0);
    let has_both = groups.len() > 1 && repeated().next().is_some();
    let parts = TwoLevel {
        mean: outcome.clone(),
        n_values: x.len() as u64,
        within: repeated().next().is_some().then_some(within),
        between: has_both.then_some(between),
        intraclass_correlation: (has_both && between + within > 0.0).then(|| between / (between + within)),
        std_error_of_examples: has_both.then(|| sqrt(between / g)),
    };
    let mean = if groups.len() < 2 {
        outcome.because("there is only one example")
    } else if spread.constant || spread.std == 0.0 {
        outcome.std_error(0.0).because("the examples have equal means")
    } else {
        let std_error = spread.std_error();
        let bounds = student_t::interval(spread.mean, std_error, groups.len() as u64, level);
        outcome.std_error(std_error).bounds(bounds)
    };
    TwoLevel { mean, ..parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_components_add_up() {
        // Means 1, 3, 5; within-variance 2.
        let x = [0.0, 2.0, 2.0, 4.0, 4.0, 6.0];
        let found = two_level_mean(&x, &[1, 1, 2, 2, 3, 3], 0.95);
        assert!((found.within.unwrap() - 2.0).abs() < 1e-12 && (found.between.unwrap() - 3.0).abs() < 1e-12);
        let std_error = found.mean.std_error.unwrap();
        assert!((std_error * std_error - (3.0 + 2.0 / 2.0) / 3.0).abs() < 1e-12);
        assert!((found.std_error_of_examples.unwrap() - 1.0).abs() < 1e-12);
        let mut turned: Vec<(f64, u64)> = x.into_iter().zip([1, 1, 2, 2, 3, 3]).collect();
        turned.reverse();
        let (x, examples): (Vec<f64>, Vec<u64>) = turned.into_iter().unzip();
        assert_eq!(two_level_mean(&x, &examples, 0.95), found);
    }

    #[test]
    fn degenerate_data_have_a_reason() {
        for (x, examples) in [
            (&[][..], &[][..]),
            (&[1.0], &[1]),
            (&[1.0, 2.0], &[1, 1]),
            (&[1.0, 1.0], &[1, 2]),
            (&[1.0, f64::NAN], &[1, 2]),
            (&[1.0, 2.0], &[1]),
        ] {
            let found = two_level_mean(x, examples, 0.95);
            assert!(found.mean.reason.is_some() && found.mean.lower.is_none(), "{found:?}");
        }
        let single = two_level_mean(&[1.0, 2.0, 4.0], &[1, 2, 3], 0.95);
        assert!(single.mean.lower.is_some() && single.within.is_none() && single.between.is_none());
    }
}
