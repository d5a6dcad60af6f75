//! An interval of a mean that follows the skewness of the values.

use libm::{cbrt, expm1, log1p, sqrt};

use super::moments::Moments;
use super::special::t_isf;

/// The interval of the mean from Student's t after a transformation that takes the skewness out of it; needs two different
/// values.
///
/// With w = (mean - truth) / s, where s is over n, and the skewness g, the number w + g w^2 / 3 + g^2 w^3 / 27 + g / (6 n) is
/// near normal over sqrt(n) even where w is not. It grows with w, so its bounds give those of the mean, unlike the direct
/// expansion. The t quantile loses what values with light tails (a negative excess kurtosis, as of scores near 0 and 1) need
/// less. No skewness and no light tails: Student's interval.
///
/// Source: P. Hall, "On the removal of skewness by transformation" (1992); the term of the kurtosis is that of the coverage
/// error in P. Hall, "Theoretical comparison of bootstrap confidence intervals" (1988).
pub fn interval(moments: &Moments, n: u64, level: f64) -> (f64, f64) {
    let n = n as f64;
    let skewness = moments.skewness();
    let t = t_isf((1.0 - level) / 2.0, n - 1.0);
    // Capped for few values and high levels, so that a higher level always has a wider interval.
    let light = (moments.excess_kurtosis() / (6.0 * n)).clamp(-1.0 / 32.0, 0.0);
    let t = t * (1.0 + light * (1.0 + 2.0 * (t * t).min(4.0)));
    let std = moments.population_std() * sqrt(n / (n - 1.0));
    let deviation = |t: f64| {
        let shifted = t / sqrt(n) - skewness / (6.0 * n);
        let product = skewness * shifted;
        if skewness == 0.0 {
            shifted
        } else if product.abs() < 0.5 {
            3.0 / skewness * expm1(log1p(product) / 3.0)
        } else {
            3.0 / skewness * (cbrt(1.0 + product) - 1.0)
        }
    };
    (moments.mean - std * deviation(t), moments.mean - std * deviation(-t))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::state::Sample;
    use crate::stats::student_t;
    use proptest::prelude::*;

    fn of(values: &[f64], level: f64) -> (f64, f64) {
        interval(&Moments::new(&Sample::from_values(values.to_vec(), 0)).unwrap(), values.len() as u64, level)
    }

    #[test]
    fn without_skewness_and_light_tails_it_is_t() {
        // Excess kurtosis is above 0.
        let values = [-9.0, -1.0, -1.0, -0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 9.0];
        let moments = Moments::new(&Sample::from_values(values.to_vec(), 0)).unwrap();
        let (lower, upper) = student_t::interval(moments.mean, moments.std_error(), 12, 0.95);
        let found = of(&values, 0.95);
        assert!((found.0 - lower).abs() < 1e-12 && (found.1 - upper).abs() < 1e-12, "{found:?} {lower} {upper}");
    }

    #[test]
    fn the_long_tail_has_the_longer_arm() {
        let values = [0.1, 0.1, 0.2, 0.3, 0.4, 0.8, 1.5, 4.0];
        let (lower, upper) = of(&values, 0.95);
        assert!(upper - 0.925 > 2.0 * (0.925 - lower), "{lower} {upper}");
    }

    proptest! {
        #[test]
        fn laws(values in prop::collection::vec(-9.0f64..9.0, 2..40), level in 0.5f64..0.999) {
            prop_assume!(values.iter().any(|v| *v != values[0]));
            let (lower, upper) = of(&values, level);
            prop_assert!(lower < upper);
            let turned: Vec<f64> = values.iter().map(|v| -v).collect();
            let (back_lower, back_upper) = of(&turned, level);
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs());
            prop_assert!(near(lower, -back_upper) && near(upper, -back_lower));
            let scaled: Vec<f64> = values.iter().map(|v| 4.0 * v + 1.0).collect();
            prop_assert!(near(of(&scaled, level).0, 4.0 * lower + 1.0));
            let wider = of(&values, 0.9995);
            prop_assert!(wider.0 <= lower && upper <= wider.1);
        }
    }
}
