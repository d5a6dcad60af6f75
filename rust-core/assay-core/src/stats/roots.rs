//! Where a function passes through zero.

/// The x between `low` and `high` where an increasing `f` passes from negative to positive, within `tolerance` times x;
/// an end where it does not pass.
///
/// Source: R. P. Brent, "Algorithms for minimization without derivatives" (1973), chapter 4.
pub(crate) fn root(low: f64, high: f64, tolerance: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut a, mut b) = (low, high);
    let (mut at_a, mut at_b) = (f(a), f(b));
    if at_a >= 0.0 {
        return low;
    }
    if at_b <= 0.0 {
        return high;
    }
    // b is the best guess, a the one before, and the root lies between b and c.
    let (mut c, mut at_c) = (a, at_a);
    let mut step = b - a;
    let mut step_before = step;
    for _ in 0..300 {
        if at_c.abs() < at_b.abs() {
            (a, b, c) = (b, c, b);
            (at_a, at_b, at_c) = (at_b, at_c, at_b);
        }
        let least = 2.0 * f64::EPSILON * b.abs() + 0.5 * tolerance * b.abs() + f64::MIN_POSITIVE;
        let half = (c - b) / 2.0;
        if half.abs() <= least || at_b == 0.0 {
            break;
        }
        let mut bisected = true;
        if step_before.abs() >= least && at_a.abs() > at_b.abs() && at_a.is_finite() && at_c.is_finite() {
            let s = at_b / at_a;
            let (mut p, mut q) = if a == c {
                (2.0 * half * s, 1.0 - s)
            } else {
                let (q, r) = (at_a / at_c, at_b / at_c);
                (s * (2.0 * half * q * (q - r) - (b - a) * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
            };
            if p > 0.0 {
                q = -q;
            } else {
                p = -p;
            }
            if 2.0 * p < (3.0 * half * q - (least * q).abs()).min((step_before * q).abs()) {
                step_before = step;
                step = p / q;
                bisected = false;
            }
        }
        if bisected {
            step = half;
            step_before = half;
        }
        (a, at_a) = (b, at_b);
        b += if step.abs() > least { step } else { least.copysign(half) };
        at_b = f(b);
        if (at_b > 0.0) == (at_c > 0.0) {
            (c, at_c) = (a, at_a);
            step = b - a;
            step_before = step;
        }
    }
    b
}

/// [`root`] as near as doubles allow.
pub(crate) fn exact_root(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    root(low, high, 0.0, f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn roots_are_found_to_the_last_bits() {
        let steps = Cell::new(0);
        let found = exact_root(0.0, 2.0, |x| {
            steps.set(steps.get() + 1);
            x * x - 2.0
        });
        assert!((found - 2.0f64.sqrt()).abs() < 1e-15 && steps.get() < 15, "{}", steps.get());
        assert!((exact_root(-1e6, 1e6, |x| (x - 0.1).powi(3)) - 0.1).abs() < 1e-5);
        assert_eq!(exact_root(1.0, 2.0, |x| x), 1.0);
        assert_eq!(exact_root(-2.0, -1.0, |x| x), -1.0);
        let step = exact_root(0.0, 10.0, |x| if x < 3.0 { f64::NEG_INFINITY } else { 1.0 });
        assert!((step - 3.0).abs() < 1e-14);
    }
}
