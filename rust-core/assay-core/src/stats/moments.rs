//! Moments of a sample.

use libm::{frexp, ldexp, sqrt};

use super::state::Sample;
use super::sums::ExactSum;

/// Mean and central moments, without overflow or underflow on the way.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    /// The mean.
    pub mean: f64,
    /// A power of two by which deviations are multiplied so that the largest is between 1/2 and 1.
    pub scale: f64,
    n: f64,
    squares: f64,
    cubes: f64,
    fourths: f64,
}

impl Moments {
    /// The moments of a sample of finite values, `None` where there are none or the sum of them is beyond a double.
    pub fn new(sample: &Sample) -> Option<Moments> {
        let (least, greatest) = sample.ends()?;
        let n = sample.n as f64;
        let mut sum = ExactSum::default();
        sample.for_each(|value, count| sum.add_times(value, count));
        let mean = sum.value() / n;
        let largest = (greatest - mean).max(mean - least);
        if !mean.is_finite() || !largest.is_finite() {
            return None;
        }
        let scale = ldexp(1.0, (-frexp(largest).1).clamp(-1000, 1000));
        let [mut deviations, mut squares, mut cubes, mut fourths] = std::array::from_fn(|_| ExactSum::default());
        sample.for_each(|value, count| {
            let d = (value - mean) * scale;
            deviations.add_times(d, count);
            squares.add_times(d * d, count);
            cubes.add_times(d * d * d, count);
            fourths.add_times(d * d * d * d, count);
        });
        // The deviations are from the rounded mean; this takes them to the exact one.
        let shift = deviations.value() / n;
        let fourths = fourths.value() - 4.0 * shift * cubes.value() + 6.0 * shift * shift * squares.value()
            - 3.0 * n * shift * shift * shift * shift;
        let cubes = cubes.value() - 3.0 * shift * squares.value() + 2.0 * n * shift * shift * shift;
        let squares = (squares.value() - n * shift * shift).max(0.0);
        Some(Moments { mean, scale, n, squares, cubes, fourths })
    }

    /// Moments that are known, from sums of the squares, cubes and fourth powers of `n` deviations from `mean`.
    pub(super) fn known(mean: f64, n: u64, [squares, cubes, fourths]: [f64; 3]) -> Moments {
        Moments { mean, scale: 1.0, n: n as f64, squares, cubes, fourths }
    }

    /// s / sqrt(n), with n - 1 in s; needs two values.
    pub fn std_error(&self) -> f64 {
        sqrt(self.squares / (self.n - 1.0) / self.n) / self.scale
    }

    /// The standard deviation over n, not n - 1.
    pub fn population_std(&self) -> f64 {
        sqrt(self.squares / self.n) / self.scale
    }

    /// The mean cube of the deviations over the cube of [`population_std`](Moments::population_std).
    pub fn skewness(&self) -> f64 {
        self.cubes / (self.squares * sqrt(self.squares)) * sqrt(self.n)
    }

    /// The mean fourth power of the deviations over that of [`population_std`](Moments::population_std), less 3.
    pub fn excess_kurtosis(&self) -> f64 {
        self.fourths / (self.squares * self.squares) * self.n - 3.0
    }

    /// The acceleration of the mean for BCa: sum(d^3) / (6 sum(d^2)^1.5) over the deviations, which is what the
    /// jackknife gives, without doing it.
    pub fn acceleration(&self) -> f64 {
        self.cubes / (6.0 * self.squares * sqrt(self.squares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f64]) -> Moments {
        Moments::new(&Sample::from_values(values.to_vec(), 0)).unwrap()
    }

    #[test]
    fn any_scale_gives_the_same() {
        let values = [1.0, 2.0, 4.0, 8.0];
        let (std_error, acceleration) = (moments(&values).std_error(), moments(&values).acceleration());
        assert!((std_error - 1.547_847_968_417_226).abs() < 1e-15);
        for exponent in [-1000, -300, 300, 1000] {
            let scaled = moments(&values.map(|v| ldexp(v, exponent)));
            assert_eq!(scaled.std_error(), ldexp(std_error, exponent));
            assert_eq!(scaled.acceleration(), acceleration);
        }
    }

    #[test]
    fn a_large_offset_does_not_cancel() {
        assert!((moments(&[1e9, 1e9 + 1.0, 1e9 + 2.0]).std_error() - (1.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(moments(&[-1.0, 0.0, 1.0]).acceleration(), 0.0);
    }
}
