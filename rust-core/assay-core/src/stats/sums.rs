//! Sums that are exact until they are read.

/// A sum of doubles without rounding: any order of addition gives the same bits.
///
/// A fixed-point number of 72 digits to the base 2^32, wide enough for every finite double and any count of them
/// (R. M. Neal, "Fast exact summation using small and large superaccumulators", 2015).
///
/// ```
/// use assay_core::stats::sums::ExactSum;
/// let mut sum = ExactSum::default();
/// for x in [1e100, 1.0, -1e100] {
///     sum.add(x);
/// }
/// assert_eq!(sum.value(), 1.0);
/// ```
#[derive(Debug, Clone)]
pub struct ExactSum {
    /// Digits, lowest first; the lowest bit of the first has the value 2^-1074. Carries are left standing.
    digits: [i64; DIGITS],
    /// How many additions there were since carries were last passed on.
    additions: u32,
    /// The sum of infinities and NaNs, if there were any.
    special: f64,
}

const DIGITS: usize = 72;
const LOWEST_EXPONENT: i32 = -1074;

/// Each addition changes a digit by less than 2^32, so this many cannot overflow it.
const MAX_ADDITIONS: u32 = 1 << 29;

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum { digits: [0; DIGITS], additions: 0, special: 0.0 }
    }
}

impl ExactSum {
    /// Adds `x`.
    pub fn add(&mut self, x: f64) {
        self.add_times(x, 1);
    }

    /// Adds `count` times `x`.
    pub fn add_times(&mut self, x: f64, count: u64) {
        if count == 0 {
            return;
        }
        if !x.is_finite() {
            self.special += x;
            return;
        }
        let bits = x.to_bits();
        let exponent = (bits >> 52 & 0x7FF) as usize;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, position) = if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
        let negative = x.is_sign_negative();
        self.add_product(mantissa, count & 0xFFFF_FFFF, position, negative);
        if count >> 32 != 0 {
            self.add_product(mantissa, count >> 32, position + 32, negative);
        }
    }

    fn add_product(&mut self, mantissa: u64, count: u64, position: usize, negative: bool) {
        let mut rest = (u128::from(mantissa) * u128::from(count)) << (position % 32);
        for digit in self.digits.iter_mut().skip(position / 32) {
            if rest == 0 {
                break;
            }
            let part = (rest & 0xFFFF_FFFF) as i64;
            *digit += if negative { -part } else { part };
            rest >>= 32;
        }
        self.additions += 1;
        if self.additions >= MAX_ADDITIONS {
            self.pass_carries();
        }
    }

    /// Brings every digit into `0..2^32`; what is left over is the sign: 0 or -1.
    fn pass_carries(&mut self) -> i64 {
        let mut carry = 0;
        let (last, digits) = match self.digits.split_last_mut() {
            Some(parts) => parts,
            None => return 0,
        };
        for digit in digits {
            let sum = *digit + carry;
            *digit = sum & 0xFFFF_FFFF;
            carry = sum >> 32;
        }
        // The last digit keeps the sign of the whole, so that nothing is lost.
        *last += carry;
        self.additions = 0;
        last.signum().min(0)
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &ExactSum) {
        self.pass_carries();
        let mut other = other.clone();
        other.pass_carries();
        self.digits.iter_mut().zip(other.digits).for_each(|(digit, more)| *digit += more);
        self.special += other.special;
        self.additions = 2;
    }

    /// The sum as three doubles that add up to it but for less than 2^-150 of it; their order is that of their size.
    pub fn parts(&self) -> [f64; 3] {
        let mut rest = self.clone();
        std::array::from_fn(|_| {
            let part = rest.value();
            if part.is_finite() {
                rest.add(-part);
            }
            part
        })
    }

    /// How many bytes [`ExactSum::encode`] writes.
    pub const ENCODED: usize = 8 * (DIGITS + 1);

    /// Writes the sum, so that equal sums are equal bytes.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let mut sum = self.clone();
        sum.pass_carries();
        bytes.extend(sum.special.to_le_bytes());
        sum.digits.iter().for_each(|digit| bytes.extend(digit.to_le_bytes()));
    }

    /// Reads what [`ExactSum::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<ExactSum> {
        let words = bytes.as_chunks::<8>().0;
        let (special, digits) = words.split_first()?;
        let digits: [i64; DIGITS] =
            digits.iter().map(|word| i64::from_le_bytes(*word)).collect::<Vec<_>>().try_into().ok()?;
        let carried = digits[..DIGITS - 1].iter().all(|digit| (0..1 << 32).contains(digit));
        // What the last digit holds for as many of the largest doubles as can be counted.
        let small = digits[DIGITS - 1].unsigned_abs() < 1 << 62;
        (bytes.len() == Self::ENCODED && carried && small).then_some(ExactSum {
            digits,
            additions: 1,
            special: f64::from_le_bytes(*special),
        })
    }

    /// The sum, rounded once to the nearest double (ties to even).
    pub fn value(&self) -> f64 {
        if self.special != 0.0 || self.special.is_nan() {
            return self.special;
        }
        let mut sum = self.clone();
        let negative = sum.pass_carries() < 0;
        if negative {
            sum.digits.iter_mut().for_each(|digit| *digit = -*digit);
            sum.pass_carries();
        }
        let Some(top) = sum.digits.iter().rposition(|&digit| digit != 0) else { return 0.0 };
        let lowest = top.saturating_sub(2);
        let leading = sum.digits[lowest..=top].iter().rev().fold(0u128, |bits, &digit| bits << 32 | digit as u128);
        // More than 64 bits lead wherever digits are cut off, so a set last bit only breaks ties.
        let cut_off = sum.digits[..lowest].iter().any(|&digit| digit != 0);
        let rounded = (leading | u128::from(cut_off)) as f64;
        let magnitude = libm::scalbn(rounded, 32 * lowest as i32 + LOWEST_EXPONENT);
        if negative { -magnitude } else { magnitude }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(values: &[f64]) -> f64 {
        let mut sum = ExactSum::default();
        values.iter().for_each(|&x| sum.add(x));
        sum.value()
    }

    #[test]
    fn rounded_once() {
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[1e16, 1.0, 1e-16]), 1.0000000000000002e16);
        assert_eq!(sum(&[1e16, 1.0]), 1e16);
        assert_eq!(sum(&[-1e16, -1.0, -1e-300]), -1.0000000000000002e16);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[5e-324, 5e-324, -2.2250738585072014e-308]), -2.2250738585072004e-308);
        assert_eq!(sum(&[1.0, f64::INFINITY]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(sum(&[f64::NAN]).is_nan());
    }

    proptest! {
        #[test]
        fn one_double_is_itself(x in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
            prop_assert_eq!(sum(&[x]), x);
        }

        #[test]
        fn two_doubles_round_as_the_machine_does(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite());
            prop_assert_eq!(sum(&[a, b]), a + b);
        }

        #[test]
        fn order_makes_no_difference(values in prop::collection::vec(-1e9f64..1e9, 0..60), at in 0usize..60) {
            let mut turned = values.clone();
            turned.reverse();
            turned.rotate_left(at % values.len().max(1));
            prop_assert_eq!(sum(&values).to_bits(), sum(&turned).to_bits());
        }

        #[test]
        fn a_count_is_that_many_additions(x in -1e300f64..1e300, count in 0u64..50) {
            let mut times = ExactSum::default();
            times.add_times(x, count);
            prop_assert_eq!(times.value(), sum(&vec![x; count as usize]));
        }

        #[test]
        fn merged_and_written_sums_are_the_sum(values in prop::collection::vec(-1e300f64..1e300, 0..40), at in 0usize..40) {
            let (left, right) = values.split_at(at.min(values.len()));
            let [mut first, second] = [left, right].map(|values| {
                let mut sum = ExactSum::default();
                values.iter().for_each(|&x| sum.add(x));
                let mut bytes = Vec::new();
                sum.encode(&mut bytes);
                ExactSum::decode(&bytes).unwrap()
            });
            first.merge(&second);
            prop_assert_eq!(first.value(), sum(&values));
            let [high, middle, low] = first.parts();
            first.add(-high);
            first.add(-middle);
            first.add(-low);
            prop_assert!(first.value().abs() <= high.abs() * 2f64.powi(-150));
        }

        #[test]
        fn large_counts_are_exact(x in 1i64..1 << 20, count in 0u64..1 << 43) {
            let mut times = ExactSum::default();
            times.add_times(x as f64, count);
            times.add_times(-(x as f64), count);
            times.add(1.0);
            prop_assert_eq!(times.value(), 1.0);
        }
    }
}
