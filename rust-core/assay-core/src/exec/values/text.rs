//! Values that templates see as text, and single-precision floats.

use std::fmt::Write;

/// The double that prints like `value`: 0.1 as a FLOAT is 0.1, not 0.10000000149011612.
pub(super) fn shortest_f64(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// A decimal as SQL shows it, trailing zeros included: 150 of scale 2 is `1.50`.
pub(super) fn decimal(unscaled: i128, scale: i8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let sign = if unscaled < 0 { "-" } else { "" };
    match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}

/// Standard base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let symbol = ALPHABET[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(symbol) } else { '=' });
        }
    }
    out
}

/// Days since 1970-01-01 as an ISO date of the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub(super) fn date(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs())
}

/// Ticks since 1970-01-01T00:00:00 as ISO text; `utc` adds the `Z`.
pub(super) fn timestamp(ticks: i64, per_second: i64, utc: bool) -> String {
    let seconds = ticks.div_euclid(per_second);
    let second_of_day = seconds.rem_euclid(86_400);
    let mut out = date(seconds.div_euclid(86_400));
    // Writing to a String cannot fail.
    let _ = write!(out, "T{:02}:{:02}:{:02}", second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    let nanos = ticks.rem_euclid(per_second) * (1_000_000_000 / per_second);
    if nanos != 0 {
        let fraction = format!("{nanos:09}");
        let _ = write!(out, ".{}", fraction.trim_end_matches('0'));
    }
    if utc {
        out.push('Z');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_before_and_after_the_epoch() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_753, "2024-01-31"),
            (19_782, "2024-02-29"),
            (-719_162, "0001-01-01"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
            (2_932_896, "9999-12-31"),
        ] {
            assert_eq!(date(days), text);
        }
    }

    #[test]
    fn timestamps_keep_their_fraction() {
        assert_eq!(timestamp(1_706_702_400_000_000, 1_000_000, true), "2024-01-31T12:00:00Z");
        assert_eq!(timestamp(1_706_702_400_120_000, 1_000_000, false), "2024-01-31T12:00:00.12");
        assert_eq!(timestamp(-1, 1_000_000_000, true), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(timestamp(i64::MIN, 1, true).len(), "-292277022657-01-27T08:29:52Z".len());
    }

    #[test]
    fn decimals_keep_trailing_zeros() {
        for (unscaled, scale, text) in
            [(150, 2, "1.50"), (-5, 2, "-0.05"), (0, 3, "0.000"), (7, 0, "7"), (7, -2, "700"), (i128::MIN, 0, "")]
        {
            let expected = if text.is_empty() { i128::MIN.to_string() } else { text.to_string() };
            assert_eq!(decimal(unscaled, scale), expected);
        }
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn floats_print_as_written() {
        assert_eq!(shortest_f64(0.1), 0.1);
        assert!(shortest_f64(f32::NAN).is_nan());
        assert_eq!(shortest_f64(f32::INFINITY), f64::INFINITY);
    }
}
