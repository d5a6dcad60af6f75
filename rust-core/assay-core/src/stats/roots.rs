//! Where a function passes through zero.

/// The x between `low` and `high` where an increasing `f` passes from negative to positive, within `tolerance` or as near
/// as doubles allow; an end where it does not pass.
///
/// Source: R. P. Brent, "Algorithms for minimization without derivatives" (1973), chapter 4; the steps are those of scipy
/// 1.17 `brentq`, so that a coarse `tolerance` stops where scipy does.
pub(crate) fn root(low: f64, high: f64, tolerance: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut before, mut now) = (low, high);
    let (mut at_before, mut at_now) = (f(before), f(now));
    if at_before >= 0.0 {
        return low;
    }
    if at_now <= 0.0 {
        return high;
    }
    // The root lies between `now` and `other`.
    let (mut other, mut at_other) = (before, at_before);
    let (mut step_before, mut step) = (0.0f64, 0.0f64);
    for _ in 0..400 {
        if at_before != 0.0 && (at_before < 0.0) != (at_now < 0.0) {
            (other, at_other) = (before, at_before);
            step = now - before;
            step_before = step;
        }
        if at_other.abs() < at_now.abs() {
            (before, now, other) = (now, other, now);
            (at_before, at_now, at_other) = (at_now, at_other, at_now);
        }
        let least = (tolerance + 4.0 * f64::EPSILON * now.abs()) / 2.0;
        let half = (other - now) / 2.0;
        if at_now == 0.0 || half.abs() <= least {
            break;
        }
        let mut tried = f64::NAN;
        if step_before.abs() > least && at_now.abs() < at_before.abs() {
            tried = if before == other {
                -at_now * (now - before) / (at_now - at_before)
            } else {
                let slope_before = (at_before - at_now) / (before - now);
                let slope_other = (at_other - at_now) / (other - now);
                -at_now * (at_other * slope_other - at_before * slope_before)
                    / (slope_other * slope_before * (at_other - at_before))
            };
        }
        if 2.0 * tried.abs() < step_before.abs().min(3.0 * half.abs() - least) {
            (step_before, step) = (step, tried);
        } else {
            (step_before, step) = (half, half);
        }
        (before, at_before) = (now, at_now);
        now += if step.abs() > least { step } else { least.copysign(half) };
        at_now = f(now);
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn roots_are_found_to_the_last_bits() {
        let steps = Cell::new(0);
        let found = root(0.0, 2.0, 0.0, |x| {
            steps.set(steps.get() + 1);
            x * x - 2.0
        });
        assert!((found - 2.0f64.sqrt()).abs() < 1e-15 && steps.get() < 15, "{}", steps.get());
        assert!((root(-1e6, 1e6, 0.0, |x| (x - 0.1).powi(3)) - 0.1).abs() < 1e-5);
        assert_eq!(root(1.0, 2.0, 0.0, |x| x), 1.0);
        assert_eq!(root(-2.0, -1.0, 0.0, |x| x), -1.0);
        let step = root(0.0, 10.0, 0.0, |x| if x < 3.0 { f64::NEG_INFINITY } else { 1.0 });
        assert!((step - 3.0).abs() < 1e-14);
    }
}
