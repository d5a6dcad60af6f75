//! What a layer does besides products. Sums run in sixteen lanes and functions are polynomials of fused multiply-adds, so that
//! the bits are the same on any machine, and fast where it has vectors.

use pulp::{Arch, NullaryFnOnce};

const LANES: usize = 16;

/// Runs `f` with the machine's vectors. A closure of more than a line is not inlined where they are known, and each of its
/// multiply-adds is then a call: such work is a [`NullaryFnOnce`] whose `call` is always inlined.
fn vectorized<F: NullaryFnOnce>(f: F) -> F::Output {
    Arch::new().dispatch(f)
}

/// Combines the lanes of `values`, each element changed by `map`.
#[inline(always)]
fn reduce(values: &[f32], start: f32, map: impl Fn(f32) -> f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = combine(*lane, map(*value));
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = combine(*lane, map(*value));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = combine(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// e to the `x`, within two units in the last place from -87 to 88, which others count as.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Added to a number below 2^22 it rounds it and leaves the whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let whole = rounded - ROUND;
    // The logarithm of 2 in two parts, the first with zeros at its end.
    let rest = whole.mul_add(-0.693_359_4, x);
    let rest = whole.mul_add(2.121_944_4e-4, rest);
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = rest.mul_add(series, coefficient);
    }
    series * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

/// The error function within 4e-7: its series near 0, else Abramowitz and Stegun, 7.1.26.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let square = x * x;
    let mut near = -0.000_854_832_7;
    for coefficient in [0.005_223_977_4, -0.026_866_17, 0.112_837_92, -0.376_126_4, std::f32::consts::FRAC_2_SQRT_PI] {
        near = square.mul_add(near, coefficient);
    }
    let t = 1.0 / x.abs().mul_add(0.327_591_1, 1.0);
    let mut far = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_75, 0.254_829_6, 0.0] {
        far = t.mul_add(far, coefficient);
    }
    let far = (1.0 - far * exp(-square)).copysign(x);
    if square < 0.25 { near * x } else { far }
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// What a feed-forward part does between its products, by the name in a model's config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Gelu,
    /// With the hyperbolic tangent in place of the error function.
    GeluTanh,
    Relu,
    Silu,
    Tanh,
}

impl Activation {
    pub(super) fn named(name: &str) -> Option<Activation> {
        Some(match name {
            "gelu" | "gelu_python" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            "silu" | "swish" => Activation::Silu,
            "tanh" => Activation::Tanh,
            _ => return None,
        })
    }

    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        match self {
            Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
            Activation::GeluTanh => 0.5 * x * (1.0 + tanh(0.797_884_6 * (0.044_715 * x * x).mul_add(x, x))),
            Activation::Relu => larger(0.0, x),
            Activation::Silu => x / (1.0 + exp(-x)),
            Activation::Tanh => tanh(x),
        }
    }

    pub(super) fn apply(self, values: &mut [f32]) {
        vectorized(Applied { activation: self, values });
    }
}

struct Applied<'a> {
    activation: Activation,
    values: &'a mut [f32],
}

impl NullaryFnOnce for Applied<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        // One loop for each: a choice inside the loop would keep it from vectors.
        macro_rules! each {
            ($($activation:ident),+) => {
                match self.activation {
                    $(Activation::$activation => {
                        for value in self.values.iter_mut() {
                            *value = Activation::$activation.of(*value);
                        }
                    })+
                }
            };
        }
        each!(Gelu, GeluTanh, Relu, Silu, Tanh);
    }
}

/// Puts `mean 0, variance 1, times weight, plus bias` in place of each row.
pub(super) fn layer_norm(rows: &mut [f32], weight: &[f32], bias: Option<&[f32]>, epsilon: f32) {
    vectorized(LayerNorm { rows, weight, bias, epsilon });
}

struct LayerNorm<'a> {
    rows: &'a mut [f32],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    epsilon: f32,
}

impl NullaryFnOnce for LayerNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.weight.len();
        for row in self.rows.chunks_exact_mut(width) {
            let mean = reduce(row, 0.0, |v| v, |a, b| a + b) / width as f32;
            let variance = reduce(row, 0.0, |v| (v - mean) * (v - mean), |a, b| a + b) / width as f32;
            let scale = 1.0 / (variance + self.epsilon).sqrt();
            match self.bias {
                Some(bias) => {
                    for ((value, weight), bias) in row.iter_mut().zip(self.weight).zip(bias) {
                        *value = ((*value - mean) * scale).mul_add(*weight, *bias);
                    }
                }
                None => {
                    for (value, weight) in row.iter_mut().zip(self.weight) {
                        *value = (*value - mean) * scale * weight;
                    }
                }
            }
        }
    }
}

/// Softmax of each row of `width` numbers.
pub(super) fn softmax(rows: &mut [f32], width: usize) {
    vectorized(Softmax { rows, width });
}

struct Softmax<'a> {
    rows: &'a mut [f32],
    width: usize,
}

impl NullaryFnOnce for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for row in self.rows.chunks_exact_mut(self.width) {
            let greatest = reduce(row, f32::NEG_INFINITY, |v| v, larger);
            for value in row.iter_mut() {
                *value = exp(*value - greatest);
            }
            let scale = 1.0 / reduce(row, 0.0, |v| v, |a, b| a + b);
            for value in row.iter_mut() {
                *value *= scale;
            }
        }
    }
}

/// `to += from`, element by element.
pub(super) fn add(to: &mut [f32], from: &[f32]) {
    vectorized(|| to.iter_mut().zip(from).for_each(|(to, from)| *to += from));
}

/// `values *= factor`.
pub(super) fn scale(values: &mut [f32], factor: f32) {
    vectorized(|| values.iter_mut().for_each(|v| *v *= factor));
}

/// The greatest value; minus infinity for none.
pub(super) fn greatest(values: &[f32]) -> f32 {
    vectorized(|| reduce(values, f32::NEG_INFINITY, |v| v, larger))
}

/// `to` becomes the greater of `to` and `from`, element by element.
pub(super) fn keep_greater(to: &mut [f32], from: &[f32]) {
    vectorized(|| to.iter_mut().zip(from).for_each(|(to, from)| *to = larger(*to, *from)));
}

/// Divides a row by its length, but for one that is all zeros.
pub(super) fn normalize(row: &mut [f32]) {
    let length = vectorized(|| reduce(row, 0.0, |v| v * v, |a, b| a + b)).sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|v| *v /= length);
    }
}

/// The cosine of the angle between two vectors in double precision; `None` where one has no direction or they differ in length.
///
/// ```
/// use assay_core::semantic::cosine_similarity;
/// assert_eq!(cosine_similarity([1.0, 1.0], [2.0, 2.0]), Some(1.0));
/// assert_eq!(cosine_similarity([1.0, 0.0], [0.0, 0.0]), None);
/// ```
pub fn cosine_similarity<A, B>(a: A, b: B) -> Option<f64>
where
    A: IntoIterator<Item = f64>,
    B: IntoIterator<Item = f64>,
{
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    let (mut product, mut squares_a, mut squares_b) = (0.0, 0.0, 0.0);
    loop {
        match (a.next(), b.next()) {
            (Some(x), Some(y)) => {
                product += x * y;
                squares_a += x * x;
                squares_b += y * y;
            }
            (None, None) => break,
            _ => return None,
        }
    }
    let cosine = product / (squares_a * squares_b).sqrt();
    (!cosine.is_nan()).then(|| cosine.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_those_of_libm() {
        let mut x = -20.0_f32;
        while x < 20.0 {
            let wide = f64::from(x);
            assert!((f64::from(exp(x)) / libm::exp(wide) - 1.0).abs() < 2.5e-7, "exp {x}");
            assert!((f64::from(erf(x)) - libm::erf(wide)).abs() < 4e-7, "erf {x}");
            assert!((f64::from(tanh(x)) - libm::tanh(wide)).abs() < 4e-7, "tanh {x}");
            x += 0.003;
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn softmax_of_one_is_one_and_masked_is_nothing() {
        let mut rows = [3.0, f32::NEG_INFINITY, 1.0, 1.0];
        softmax(&mut rows, 2);
        assert!(rows[0] == 1.0 && rows[1] < 1e-37 && rows[2..] == [0.5, 0.5]);
    }

    #[test]
    fn vectors_of_other_lengths_have_no_cosine() {
        assert_eq!(cosine_similarity([1.0], [1.0, 2.0]), None);
        assert_eq!(cosine_similarity([3.0, 4.0], [-3.0, -4.0]), Some(-1.0));
    }
}
