//! Odds ratio and risk ratio of a 2 x 2 table, and Fisher's exact test.

use libm::{exp, log, sqrt};

use super::common::{Alternative, p_value};
use super::roots::root;
use super::special::hypergeometric::Hypergeometric;
use super::special::norm_isf;
use super::{Outcome, TestOutcome};

/// A table of counts: two groups, two results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// First group, first result.
    pub a: u64,
    /// First group, second result.
    pub b: u64,
    /// Second group, first result.
    pub c: u64,
    /// Second group, second result.
    pub d: u64,
}

/// Which odds ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OddsRatioKind {
    /// (a d) / (b c) with the normal interval of its logarithm.
    #[default]
    Sample,
    /// The likeliest one given the sums of rows and columns, with exact bounds, which agree with one-sided Fisher tests.
    Conditional,
}

impl Table {
    /// The number of all counts.
    pub fn n(&self) -> u64 {
        self.a.saturating_add(self.b).saturating_add(self.c).saturating_add(self.d)
    }

    fn degenerate(&self) -> bool {
        [(self.a, self.b), (self.c, self.d), (self.a, self.c), (self.b, self.d)].contains(&(0, 0))
    }

    fn drawing(&self) -> Hypergeometric {
        Hypergeometric { total: self.n(), marked: self.a + self.b, draws: self.a + self.c }
    }
}

/// The odds ratio of two independent groups, with Fisher's exact test that it is 1.
///
/// `std_error` is that of its logarithm, for the sample odds ratio. A count of 0 makes it 0 or infinite; the sample odds
/// ratio then has no bounds and a reason. A row or column of zeros: nothing but p = 1, and a reason. More than 2^32 counts
/// are refused with a reason.
///
/// Source: statsmodels 0.15 `Table2x2`; scipy 1.17 `contingency.odds_ratio`, `fisher_exact`.
pub fn odds_ratio(table: &Table, kind: OddsRatioKind, alternative: Alternative, level: f64) -> Outcome {
    let method = match kind {
        OddsRatioKind::Sample => "log_normal",
        OddsRatioKind::Conditional => "conditional",
    };
    let outcome =
        Outcome { n: table.n(), level, method: Some(method), ..Outcome::default() }.test(TestOutcome::new(alternative));
    if table.n() == 0 {
        return outcome.because("there are no values");
    }
    if table.n() > 1 << 32 {
        return outcome.because("there are too many values");
    }
    let p = fisher_exact(table, alternative);
    let outcome = outcome.test(TestOutcome { p_value: p_value(p), ..TestOutcome::new(alternative) });
    if table.degenerate() {
        return outcome.because("a row or a column has no counts");
    }
    let [a, b, c, d] = [table.a, table.b, table.c, table.d].map(|count| count as f64);
    let tail = alternative.tail(level);
    match kind {
        OddsRatioKind::Sample => {
            let outcome = outcome.estimate(a * d / (b * c));
            if table.a.min(table.b).min(table.c).min(table.d) == 0 {
                return outcome.because("a count of 0 leaves the logarithm without a spread");
            }
            let std_error = sqrt(1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d);
            let half = norm_isf(tail) * std_error;
            let center = log(a * d / (b * c));
            outcome.std_error(std_error).bounds(alternative.open(
                exp(center - half),
                exp(center + half),
                0.0,
                f64::INFINITY,
            ))
        }
        OddsRatioKind::Conditional => {
            let drawing = table.drawing();
            let (least, greatest) = drawing.support();
            let x = table.a;
            let solve = |f: &dyn Fn(f64) -> f64| exp(root(-60.0, 60.0, 1e-13, |log_odds| f(exp(log_odds))));
            let estimate = if x == least {
                0.0
            } else if x == greatest {
                f64::INFINITY
            } else {
                solve(&|odds| drawing.tails(x, odds).mean - x as f64)
            };
            let lower = if x == least { 0.0 } else { solve(&|odds| drawing.tails(x, odds).greater - tail) };
            let upper = if x == greatest { f64::INFINITY } else { solve(&|odds| tail - drawing.tails(x, odds).less) };
            outcome.estimate(estimate).bounds(alternative.open(lower, upper, 0.0, f64::INFINITY))
        }
    }
}

/// The p-value of Fisher's exact test; two-sided, of all tables that are no likelier. 1 for a row or column of zeros.
pub fn fisher_exact(table: &Table, alternative: Alternative) -> f64 {
    if table.degenerate() {
        return 1.0;
    }
    let tails = table.drawing().tails(table.a, 1.0);
    match alternative {
        Alternative::TwoSided => tails.as_rare,
        Alternative::Less => tails.less,
        Alternative::Greater => tails.greater,
    }
}

/// The ratio of the shares of the first result in both groups, with the normal interval of its logarithm.
///
/// A share of 0 leaves no bounds, with a reason. Source: statsmodels 0.15 `Table2x2.riskratio`.
pub fn risk_ratio(table: &Table, level: f64) -> Outcome {
    let outcome = Outcome { n: table.n(), level, method: Some("log_normal"), ..Outcome::default() };
    let [a, b, c, d] = [table.a, table.b, table.c, table.d].map(|count| count as f64);
    if a + b == 0.0 || c + d == 0.0 {
        return outcome.because("one side has no values");
    }
    let ratio = (a / (a + b)) / (c / (c + d));
    let outcome = outcome.estimate(ratio);
    if table.a == 0 || table.c == 0 {
        return outcome.because("a share of 0 leaves the logarithm without a spread");
    }
    let std_error = sqrt((1.0 / a - 1.0 / (a + b) + 1.0 / c - 1.0 / (c + d)).max(0.0));
    let half = norm_isf((1.0 - level) / 2.0) * std_error;
    outcome.std_error(std_error).bounds((exp(log(ratio) - half), exp(log(ratio) + half)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn laws(a in 0u64..30, b in 0u64..30, c in 0u64..30, d in 0u64..30) {
            let table = Table { a, b, c, d };
            let turned = Table { a: c, b: d, c: a, d: b };
            for kind in [OddsRatioKind::Sample, OddsRatioKind::Conditional] {
                let there = odds_ratio(&table, kind, Alternative::TwoSided, 0.95);
                let back = odds_ratio(&turned, kind, Alternative::TwoSided, 0.95);
                if let (Some(lower), Some(upper)) = (there.lower, back.upper) {
                    prop_assert!(lower == 0.0 || (lower * upper - 1.0).abs() < 1e-9, "{} {}", lower, upper);
                    prop_assert!(lower <= there.estimate.unwrap() && there.estimate <= there.upper);
                }
            }
            let p = fisher_exact(&table, Alternative::TwoSided);
            prop_assert!((p - fisher_exact(&turned, Alternative::TwoSided)).abs() < 1e-12 && p > 0.0 && p <= 1.0);
            // One-sided bounds and tests agree.
            let greater = odds_ratio(&table, OddsRatioKind::Conditional, Alternative::Greater, 0.95);
            if let Some(lower) = greater.lower {
                let p = greater.test.unwrap().p_value.unwrap();
                prop_assert!((p - 0.05).abs() < 1e-9 || (p < 0.05) == (lower > 1.0), "{} {}", p, lower);
            }
        }
    }
}
