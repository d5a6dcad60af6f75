//! Adjusting p-values for how many there are.

use libm::{expm1, log1p};

/// How p-values are adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// Times their number; controls the family-wise error.
    Bonferroni,
    /// Sidak's, for independent tests.
    Sidak,
    /// Holm's step-down: as safe as Bonferroni and never weaker.
    Holm,
    /// Holm's with Sidak's factors.
    HolmSidak,
    /// Hochberg's step-up.
    Hochberg,
    /// Hommel's, from Simes' tests of all intersections.
    Hommel,
    /// Benjamini and Hochberg's: controls the false discovery rate.
    BenjaminiHochberg,
    /// Benjamini and Yekutieli's, under any dependence.
    BenjaminiYekutieli,
}

impl Adjustment {
    /// Every adjustment.
    pub const ALL: [Adjustment; 8] = [
        Adjustment::Bonferroni,
        Adjustment::Sidak,
        Adjustment::Holm,
        Adjustment::HolmSidak,
        Adjustment::Hochberg,
        Adjustment::Hommel,
        Adjustment::BenjaminiHochberg,
        Adjustment::BenjaminiYekutieli,
    ];

    /// The name as SQL takes it.
    pub fn name(self) -> &'static str {
        match self {
            Adjustment::Bonferroni => "bonferroni",
            Adjustment::Sidak => "sidak",
            Adjustment::Holm => "holm",
            Adjustment::HolmSidak => "holm_sidak",
            Adjustment::Hochberg => "hochberg",
            Adjustment::Hommel => "hommel",
            Adjustment::BenjaminiHochberg => "bh",
            Adjustment::BenjaminiYekutieli => "by",
        }
    }

    /// The adjustment of that name.
    pub fn from_name(name: &str) -> Option<Adjustment> {
        Self::ALL.into_iter().find(|adjustment| adjustment.name() == name)
    }
}

/// The adjusted p-values, in the same places. A NaN, or a number outside 0 to 1, is no p-value: it stays NaN and does not
/// count.
///
/// n log n, but for Hommel's, which is quadratic. Source: statsmodels 0.15 `multipletests`.
///
/// ```
/// use assay_core::stats::p_adjust::{Adjustment, p_adjust};
/// assert_eq!(p_adjust(&[0.01, 0.04, 0.03], Adjustment::Holm), [0.03, 0.06, 0.06]);
/// ```
pub fn p_adjust(p: &[f64], adjustment: Adjustment) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| (0.0..=1.0).contains(&p[i])).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let sorted: Vec<f64> = order.iter().map(|&i| p[i]).collect();
    let n = sorted.len() as f64;
    // How many there are from this one on, itself included.
    let left = |i: usize| n - i as f64;
    let sidak = |p: f64, count: f64| -expm1(count * log1p(-p));
    let each =
        |f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> { sorted.iter().enumerate().map(|(i, &p)| f(i, p)).collect() };
    let adjusted = match adjustment {
        Adjustment::Bonferroni => each(&|_, p| p * n),
        Adjustment::Sidak => each(&|_, p| sidak(p, n)),
        Adjustment::Holm => rising(each(&|i, p| p * left(i))),
        Adjustment::HolmSidak => rising(each(&|i, p| sidak(p, left(i)))),
        Adjustment::Hochberg => falling(each(&|i, p| p * left(i))),
        Adjustment::Hommel => hommel(&sorted),
        // The order of operations is statsmodels', so that ties at alpha fall the same way.
        Adjustment::BenjaminiHochberg => falling(each(&|i, p| p / ((i + 1) as f64 / n))),
        Adjustment::BenjaminiYekutieli => {
            let harmonic: f64 = (1..=sorted.len()).map(|i| 1.0 / i as f64).sum();
            falling(each(&|i, p| p / ((i + 1) as f64 / n / harmonic)))
        }
    };
    let mut result = vec![f64::NAN; p.len()];
    for (place, adjusted) in order.into_iter().zip(adjusted) {
        result[place] = adjusted.min(1.0);
    }
    result
}

/// Each value with the greatest before it.
fn rising(mut values: Vec<f64>) -> Vec<f64> {
    let mut greatest = 0.0f64;
    for value in &mut values {
        greatest = greatest.max(*value);
        *value = greatest;
    }
    values
}

/// Each value with the least after it.
fn falling(mut values: Vec<f64>) -> Vec<f64> {
    let mut least = f64::INFINITY;
    for value in values.iter_mut().rev() {
        least = least.min(*value);
        *value = least;
    }
    values
}

fn hommel(p: &[f64]) -> Vec<f64> {
    let n = p.len();
    let mut adjusted = p.to_vec();
    for m in (2..=n).rev() {
        let first = n - m;
        let share = |k: usize| m as f64 * p[first + k] / (k + 1) as f64;
        let least = (0..m).map(share).fold(f64::INFINITY, f64::min);
        for (i, adjusted) in adjusted.iter_mut().enumerate() {
            let bound = if i < first { (m as f64 * p[i]).min(least) } else { least };
            *adjusted = adjusted.max(bound);
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_p_value_does_not_count() {
        for adjustment in Adjustment::ALL {
            let with = p_adjust(&[0.01, f64::NAN, 0.2, 1.5], adjustment);
            let without = p_adjust(&[0.01, 0.2], adjustment);
            assert!(with[1].is_nan() && with[3].is_nan());
            assert_eq!([with[0], with[2]], [without[0], without[1]]);
            assert!(p_adjust(&[], adjustment).is_empty());
            assert_eq!(Adjustment::from_name(adjustment.name()), Some(adjustment));
        }
    }

    proptest! {
        #[test]
        fn laws(p in prop::collection::vec(0.0f64..=1.0, 1..30)) {
            let all: Vec<Vec<f64>> = Adjustment::ALL.iter().map(|&a| p_adjust(&p, a)).collect();
            for adjusted in &all {
                prop_assert!(adjusted.iter().zip(&p).all(|(q, p)| *q >= *p * (1.0 - 1e-14) && *q <= 1.0));
            }
            let [bonferroni, _, holm, _, hochberg, hommel, bh, by] = &all[..] else { return Ok(()) };
            for i in 0..p.len() {
                let chain = [bonferroni[i], holm[i], hochberg[i], hommel[i], bh[i]];
                prop_assert!(chain.windows(2).all(|pair| pair[0] >= pair[1] - 1e-12), "{:?}", chain);
                prop_assert!(by[i] >= bh[i]);
            }
        }
    }
}
