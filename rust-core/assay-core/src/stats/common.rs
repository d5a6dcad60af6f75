//! What the methods share: alternatives, checks of the values, spreads, parts of an outcome.

use libm::{frexp, ldexp, sqrt};

use super::sums::ExactSum;
use super::{Outcome, TestOutcome};

/// What a test sets against its null hypothesis. The difference is candidate minus baseline, first minus second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Alternative {
    /// The two differ.
    #[default]
    TwoSided,
    /// The first is less.
    Less,
    /// The first is greater.
    Greater,
}

impl Alternative {
    /// Every alternative.
    pub const ALL: [Alternative; 3] = [Alternative::TwoSided, Alternative::Less, Alternative::Greater];

    /// `two-sided`, `less` or `greater`.
    pub fn name(self) -> &'static str {
        match self {
            Alternative::TwoSided => "two-sided",
            Alternative::Less => "less",
            Alternative::Greater => "greater",
        }
    }

    /// The alternative of that name.
    pub fn from_name(name: &str) -> Option<Alternative> {
        Self::ALL.into_iter().find(|alternative| alternative.name() == name)
    }

    /// The p-value, from the probabilities of a statistic as small, and as great, as the one seen.
    pub(crate) fn of_tails(self, less: f64, greater: f64) -> f64 {
        match self {
            Alternative::TwoSided => (2.0 * less.min(greater)).min(1.0),
            Alternative::Less => less,
            Alternative::Greater => greater,
        }
    }

    /// The probability in one tail outside an interval at confidence `level`.
    pub(crate) fn tail(self, level: f64) -> f64 {
        if self == Alternative::TwoSided { (1.0 - level) / 2.0 } else { 1.0 - level }
    }

    /// The bounds that go with the test: a one-sided test leaves the other side open.
    pub(crate) fn open(self, lower: f64, upper: f64, least: f64, greatest: f64) -> (f64, f64) {
        match self {
            Alternative::TwoSided => (lower, upper),
            Alternative::Less => (least, upper),
            Alternative::Greater => (lower, greatest),
        }
    }
}

/// A p-value as it is reported: never 0, for the smallest double is as near as a computed one may come, and `None` where
/// it is not defined.
pub(crate) fn p_value(p: f64) -> Option<f64> {
    if p.is_nan() { None } else { Some(p.clamp(f64::from_bits(1), 1.0)) }
}

impl Outcome {
    pub(crate) fn new(method: &'static str, level: f64, n: usize) -> Outcome {
        Outcome { method: Some(method), level, n: n as u64, ..Outcome::default() }
    }

    pub(crate) fn estimate(self, estimate: f64) -> Outcome {
        Outcome { estimate: defined(estimate), ..self }
    }

    pub(crate) fn std_error(self, std_error: f64) -> Outcome {
        Outcome { std_error: defined(std_error), ..self }
    }

    pub(crate) fn bounds(self, (lower, upper): (f64, f64)) -> Outcome {
        Outcome { lower: defined(lower), upper: defined(upper), ..self }
    }

    pub(crate) fn test(self, test: TestOutcome) -> Outcome {
        Outcome { test: Some(test), ..self }
    }

    /// This outcome with the reason why it is not whole.
    pub(crate) fn because(self, reason: &str) -> Outcome {
        Outcome { reason: Some(reason.to_string()), ..self }
    }
}

impl TestOutcome {
    pub(crate) fn new(alternative: Alternative) -> TestOutcome {
        TestOutcome { alternative: Some(alternative.name()), ..TestOutcome::default() }
    }

    pub(crate) fn effect(self, name: &'static str, size: f64, (lower, upper): (f64, f64)) -> TestOutcome {
        TestOutcome {
            effect_name: Some(name),
            effect_size: defined(size),
            effect_lower: defined(lower),
            effect_upper: defined(upper),
            ..self
        }
    }
}

/// `None` for NaN.
pub(crate) fn defined(value: f64) -> Option<f64> {
    if value.is_nan() { None } else { Some(value) }
}

/// Why nothing can be computed from these values, if that is so.
pub(crate) fn unusable(values: &[f64]) -> Option<&'static str> {
    if values.is_empty() {
        return Some("there are no values");
    }
    if values.iter().any(|value| value.is_nan()) {
        return Some("a value is NaN");
    }
    values.iter().any(|value| value.is_infinite()).then_some("a value is infinite")
}

/// Why nothing can be computed from these pairs, if that is so.
pub(crate) fn unusable_pairs(a: &[f64], b: &[f64]) -> Option<&'static str> {
    if a.len() != b.len() {
        return Some("the two samples differ in length");
    }
    unusable(a).or_else(|| unusable(b))
}

/// First minus second, pair by pair.
pub(crate) fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The sum, rounded once.
pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = ExactSum::default();
    values.into_iter().for_each(|value| sum.add(value));
    sum.value()
}

/// Number, mean and standard deviation of finite values, from exact sums and without overflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) n: f64,
    pub(crate) mean: f64,
    /// With n - 1; NaN for fewer than two values.
    pub(crate) std: f64,
    /// All values are equal.
    pub(crate) constant: bool,
}

impl Spread {
    pub(crate) fn new(values: &[f64]) -> Spread {
        let n = values.len() as f64;
        let constant = values.iter().all(|value| *value == values[0]);
        let mean = if constant { values.first().copied().unwrap_or(f64::NAN) } else { mean_of(values) };
        let largest = values.iter().fold(0.0f64, |largest, value| largest.max((value - mean).abs()));
        let scale = ldexp(1.0, (-frexp(largest).1).clamp(-1000, 1000));
        let deviations = || values.iter().map(|value| (value - mean) * scale);
        let shift = sum(deviations());
        let squares = (sum(deviations().map(|d| d * d)) - shift * shift / n).max(0.0);
        let std = if values.len() < 2 { f64::NAN } else { sqrt(squares / (n - 1.0)) / scale };
        Spread { n, mean, std, constant }
    }

    pub(crate) fn variance(&self) -> f64 {
        self.std * self.std
    }

    /// s / sqrt(n).
    pub(crate) fn std_error(&self) -> f64 {
        self.std / sqrt(self.n)
    }
}

/// The mean; of values whose sum is beyond a double, that of their halves, doubled.
fn mean_of(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let whole = sum(values.iter().copied());
    if whole.is_finite() { whole / n } else { sum(values.iter().map(|value| value / n)) }
}

/// The values in ascending order.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn p_values_are_never_zero() {
        assert_eq!(p_value(0.0), Some(5e-324));
        assert_eq!(p_value(1.0 + 1e-9), Some(1.0));
        assert_eq!(p_value(f64::NAN), None);
        for alternative in Alternative::ALL {
            assert_eq!(Alternative::from_name(alternative.name()), Some(alternative));
        }
    }

    #[test]
    fn spreads_keep_their_digits() {
        let spread = Spread::new(&[10_000_000.2, 10_000_000.1, 10_000_000.3, 10_000_000.1, 10_000_000.3]);
        assert!((spread.mean - 10_000_000.2).abs() < 1e-9 && (spread.std - 0.1).abs() < 1e-8);
        let spread = Spread::new(&[1e308, 1.1e308, 1.7e308]);
        assert!(spread.mean.is_finite() && spread.std.is_finite());
        assert!(Spread::new(&[0.1; 3]).constant && Spread::new(&[0.1; 3]).std == 0.0);
    }

    proptest! {
        #[test]
        fn spreads_do_not_depend_on_order(mut x in prop::collection::vec(-1e3f64..1e3, 2..40)) {
            let before = Spread::new(&x);
            x.reverse();
            let after = Spread::new(&x);
            prop_assert_eq!((before.mean, before.std), (after.mean, after.std));
        }
    }
}
