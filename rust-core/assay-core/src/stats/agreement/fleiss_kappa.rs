//! Fleiss' kappa of many raters.

use libm::sqrt;

use crate::stats::Outcome;
use crate::stats::common::sum;
use crate::stats::special::t_isf;

/// What agreement by chance is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Chance {
    /// By how often the categories are used (Fleiss).
    #[default]
    Fleiss,
    /// The same for every category (Randolph).
    Randolph,
}

/// Agreement beyond chance of raters who are the same number for each item; `ratings` holds the categories of an item's
/// raters.
///
/// The interval is by t over items from the linearized variance, which treats items as drawn. Items with different numbers
/// of ratings, a NaN, fewer than two ratings or one category only: no estimate but a reason (for missing ratings, take
/// Krippendorff's alpha).
///
/// Source: statsmodels 0.15 `fleiss_kappa`; K. L. Gwet, "Handbook of inter-rater reliability" (2014) for the variance.
pub fn fleiss_kappa<R: AsRef<[f64]>>(ratings: &[R], chance: Chance, level: f64) -> Outcome {
    let method = match chance {
        Chance::Fleiss => "fleiss",
        Chance::Randolph => "randolph",
    };
    let outcome = Outcome::new(method, level, ratings.len());
    let Some(raters) = ratings.first().map(|row| row.as_ref().len()) else {
        return outcome.because("there are no values");
    };
    if ratings.iter().any(|row| row.as_ref().len() != raters) {
        return outcome.because("items differ in the number of their ratings");
    }
    if raters < 2 {
        return outcome.because("one rating has nothing to agree with");
    }
    let all: Vec<f64> = ratings.iter().flat_map(|row| row.as_ref().iter().copied()).collect();
    if all.iter().any(|value| value.is_nan()) {
        return outcome.because("a rating is missing");
    }
    let (places, k) = super::places(&all);
    if k < 2 {
        return outcome.because("there is only one category");
    }
    let (n, r) = (ratings.len() as f64, raters as f64);
    let mut shares = vec![0.0; k];
    places.iter().for_each(|&place| shares[place] += 1.0);
    shares.iter_mut().for_each(|share| *share /= n * r);
    let by_chance = match chance {
        Chance::Fleiss => sum(shares.iter().map(|share| share * share)),
        Chance::Randolph => 1.0 / k as f64,
    };
    // Of each item: the share of its pairs that agree, and the chance that one of its ratings is met by another.
    let mut counts = vec![0.0; k];
    let items: Vec<(f64, f64)> = places
        .chunks(raters)
        .map(|item| {
            item.iter().for_each(|&place| counts[place] += 1.0);
            let (mut agreeing, mut expected) = (0.0, 0.0);
            for &place in item {
                agreeing += counts[place] - 1.0;
                expected += shares[place];
            }
            item.iter().for_each(|&place| counts[place] = 0.0);
            (agreeing / (r * (r - 1.0)), expected / r)
        })
        .collect();
    let observed = sum(items.iter().map(|item| item.0)) / n;
    let kappa = (observed - by_chance) / (1.0 - by_chance);
    let outcome = outcome.estimate(kappa);
    if ratings.len() < 2 {
        return outcome.because("one item has no spread");
    }
    let squares = sum(items.iter().map(|&(agreeing, expected)| {
        let drift = if chance == Chance::Fleiss { 2.0 * (1.0 - kappa) * (expected - by_chance) } else { 0.0 };
        let deviation = (agreeing - by_chance - drift) / (1.0 - by_chance) - kappa;
        deviation * deviation
    }));
    let std_error = sqrt(squares / (n * (n - 1.0)));
    if std_error <= 1e-12 {
        return outcome.std_error(0.0).because("the agreement has no spread");
    }
    let half = t_isf((1.0 - level) / 2.0, n - 1.0) * std_error;
    outcome.std_error(std_error).bounds((kappa - half, (kappa + half).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degenerate_ratings_have_a_reason() {
        for ratings in [&[vec![1.0, 1.0], vec![1.0]][..], &[vec![1.0, 1.0]], &[vec![1.0], vec![2.0]], &[]] {
            assert!(fleiss_kappa(ratings, Chance::Fleiss, 0.95).reason.is_some());
        }
        let perfect = fleiss_kappa(&[[1.0, 1.0], [2.0, 2.0]], Chance::Fleiss, 0.95);
        assert_eq!(perfect.estimate, Some(1.0));
        let mixed = fleiss_kappa(&[[1.0, 1.0], [2.0, 2.0], [1.0, 2.0]], Chance::Randolph, 0.95);
        assert!(mixed.lower < mixed.estimate && mixed.estimate < mixed.upper);
    }
}
