//! How often an interval misses, and on which side.

use assay_core::stats::Outcome;

/// Misses and width of one interval over all repetitions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// The share of repetitions, or their probability.
    pub(crate) total: f64,
    /// The truth lies below the interval.
    pub(crate) below: f64,
    /// The truth lies above it.
    pub(crate) above: f64,
    /// There is no interval.
    pub(crate) none: f64,
    width: f64,
}

impl Tally {
    /// Counts an interval; one that does not exist misses.
    pub(crate) fn add(&mut self, (lower, upper): (Option<f64>, Option<f64>), truth: f64, weight: f64) {
        self.total += weight;
        match lower.zip(upper) {
            None => self.none += weight,
            Some((lower, upper)) => {
                // Rounding must not decide where the truth is a bound.
                let near = 1e-12 * truth.abs().max(1.0);
                self.width += weight * (upper - lower);
                self.below += if truth < lower - near { weight } else { 0.0 };
                self.above += if truth > upper + near { weight } else { 0.0 };
            }
        }
    }

    pub(crate) fn plus(self, other: Tally) -> Tally {
        Tally {
            total: self.total + other.total,
            below: self.below + other.below,
            above: self.above + other.above,
            none: self.none + other.none,
            width: self.width + other.width,
        }
    }

    /// In percent.
    pub(crate) fn coverage(&self) -> f64 {
        100.0 * (1.0 - (self.below + self.above + self.none) / self.total)
    }

    /// The mean width of the intervals that there are.
    pub(crate) fn width(&self) -> f64 {
        self.width / (self.total - self.none)
    }

    /// The standard error of the coverage, in percent, where repetitions were drawn.
    pub(crate) fn std_error(&self) -> f64 {
        let share = self.coverage() / 100.0;
        100.0 * libm::sqrt(share * (1.0 - share) / self.total)
    }

    /// Coverage, and in brackets how often the truth lay below, above, or there was no interval.
    pub(crate) fn cell(&self) -> String {
        let percent = |part: f64| 100.0 * part / self.total;
        let none = if self.none > 0.0 { format!(", {:.1} none", percent(self.none)) } else { String::new() };
        format!(
            "{:.1} ({:.1}, {:.1}{none}) {:.3}",
            self.coverage(),
            percent(self.below),
            percent(self.above),
            self.width()
        )
    }
}

/// The bounds of an outcome.
pub(crate) fn bounds(outcome: &Outcome) -> (Option<f64>, Option<f64>) {
    (outcome.lower, outcome.upper)
}
