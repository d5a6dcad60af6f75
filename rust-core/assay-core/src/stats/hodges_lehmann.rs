//! Order statistics of all pairwise means or differences, without forming them.

/// All n (n + 1) / 2 means of two values, a value with itself included, of values in ascending order (Walsh averages).
pub(crate) struct PairwiseMeans<'a>(pub(crate) &'a [f64]);

/// All differences first minus second of two samples in ascending order.
pub(crate) struct PairwiseDifferences<'a>(pub(crate) &'a [f64], pub(crate) &'a [f64]);

/// Numbers too many to be formed, in ascending order.
pub(crate) trait Ordered {
    /// How many there are.
    fn count(&self) -> u64;

    /// How many are at most `value`.
    fn at_most(&self, value: f64) -> u64;

    /// The one at place `k` from 1 on.
    fn place(&self, k: u64) -> f64 {
        let (mut low, mut high) = (i64::MIN + 1, i64::MAX - 1);
        (low, high) = (low.max(key(f64::NEG_INFINITY)), high.min(key(f64::INFINITY)));
        while low < high {
            let middle = low + ((high as i128 - low as i128) / 2) as i64;
            if self.at_most(from_key(middle)) >= k {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        from_key(low)
    }

    /// The median.
    fn median(&self) -> f64 {
        let n = self.count();
        let (low, high) = (self.place(n.div_ceil(2)), self.place(n / 2 + 1));
        if low == high { low } else { low / 2.0 + high / 2.0 }
    }
}

impl Ordered for PairwiseMeans<'_> {
    fn count(&self) -> u64 {
        let n = self.0.len() as u64;
        n * (n + 1) / 2
    }

    fn at_most(&self, value: f64) -> u64 {
        // The partners of each value are those before a place that only moves down.
        let mut end = self.0.len();
        let mut count = 0;
        for (i, first) in self.0.iter().enumerate() {
            while end > i && first / 2.0 + self.0[end - 1] / 2.0 > value {
                end -= 1;
            }
            if end <= i {
                break;
            }
            count += (end - i) as u64;
        }
        count
    }
}

impl Ordered for PairwiseDifferences<'_> {
    fn count(&self) -> u64 {
        self.0.len() as u64 * self.1.len() as u64
    }

    fn at_most(&self, value: f64) -> u64 {
        let mut start = 0;
        let mut count = 0;
        for first in self.0 {
            while start < self.1.len() && first - self.1[start] > value {
                start += 1;
            }
            count += (self.1.len() - start) as u64;
        }
        count
    }
}

/// A whole number for each double, in the same order.
pub(crate) fn key(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    if bits < 0 { i64::MIN - bits } else { bits }
}

/// The double of a [`key`].
pub(crate) fn from_key(key: i64) -> f64 {
    f64::from_bits(if key < 0 { (i64::MIN - key) as u64 } else { key as u64 })
}

/// The bounds of a shift that a rank test at `tail` on each side does not reject.
///
/// `greater` and `less` are the p-values of a statistic, which counts pairs above the shift, those equal to it half.
pub(crate) fn shift_bounds(
    pairs: &impl Ordered,
    tail: f64,
    greater: impl Fn(f64) -> f64,
    less: impl Fn(f64) -> f64,
) -> (f64, f64) {
    let n = pairs.count();
    // Statistics in halves. The greatest that is not too great, and the least that is not too small.
    let (mut low, mut high) = (0, 2 * n + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if greater(middle as f64 / 2.0) > tail {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let below = (2 * n + 1).saturating_sub(low).div_ceil(2);
    let lower = if below == 0 { f64::NEG_INFINITY } else { pairs.place(below.min(n)) };
    let (mut low, mut high) = (0, 2 * n + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if less(middle as f64 / 2.0) > tail {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let above = low.div_ceil(2);
    let upper = if above == 0 { f64::INFINITY } else { pairs.place((n + 1).saturating_sub(above).max(1)) };
    (lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_are_those_of_all_pairs(
            mut a in prop::collection::vec(-9i32..9, 1..12), mut b in prop::collection::vec(-9i32..9, 1..12)
        ) {
            a.sort_unstable();
            b.sort_unstable();
            let a: Vec<f64> = a.into_iter().map(|v| f64::from(v) / 4.0).collect();
            let b: Vec<f64> = b.into_iter().map(|v| f64::from(v) / 4.0).collect();
            let mut means = Vec::new();
            for i in 0..a.len() {
                means.extend(a[i..].iter().map(|other| (a[i] + other) / 2.0));
            }
            let mut differences: Vec<f64> = a.iter().flat_map(|x| b.iter().map(move |y| x - y)).collect();
            means.sort_unstable_by(f64::total_cmp);
            differences.sort_unstable_by(f64::total_cmp);
            for (k, mean) in means.iter().enumerate() {
                prop_assert_eq!(PairwiseMeans(&a).place(k as u64 + 1), *mean);
            }
            for (k, difference) in differences.iter().enumerate() {
                prop_assert_eq!(PairwiseDifferences(&a, &b).place(k as u64 + 1), *difference);
            }
        }

        #[test]
        fn keys_keep_the_order(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(from_key(key(a)), a);
            prop_assert!(a >= b || key(a) < key(b));
        }
    }
}
