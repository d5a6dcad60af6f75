//! Match of numbers.

use super::{Metric, MetricInfo, MetricKind};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_numeric_match(prediction, reference [, options])`: 1 where a number in the prediction is close to the last
/// number of a reference, else 0; 0 where one of them has no number.
///
/// A number is `[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?`, so commas may part
/// thousands; numbers are looked for from left to right and do not overlap. Two numbers a and b are close where
/// |a - b| <= max(`rel_tol` * max(|a|, |b|), `abs_tol`), as of Python's `math.isclose`; infinities, which numbers
/// beyond the range of a double are, are close to themselves alone.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_numeric_match",
        options: &[
            OptionInfo {
                name: "extract",
                kind: OptionKind::Choice(&["last", "first"]),
                default: "\"last\"",
                doc: "Which number of the prediction counts.",
                per_row: false,
            },
            OptionInfo {
                name: "rel_tol",
                kind: OptionKind::Float { min: 0.0, max: f64::MAX },
                default: "1e-9",
                doc: "How far the numbers may be apart, relative to the greater magnitude of both.",
                per_row: false,
            },
            OptionInfo {
                name: "abs_tol",
                kind: OptionKind::Float { min: 0.0, max: f64::MAX },
                default: "0.0",
                doc: "How far the numbers may be apart in any case.",
                per_row: false,
            },
        ],
    },
    kind: MetricKind::Binary,
    range: (0.0, 1.0),
    create: |options: &Options, _| {
        Ok(Box::new(NumericMatch {
            first: options.text("extract") == Some("first"),
            tolerance: Tolerance {
                relative: options.float("rel_tol").unwrap_or_default(),
                absolute: options.float("abs_tol").unwrap_or_default(),
            },
            digits: String::new(),
        }))
    },
};

struct NumericMatch {
    first: bool,
    tolerance: Tolerance,
    digits: String,
}

impl NumericMatch {
    fn value(&mut self, number: Option<&str>) -> Option<f64> {
        self.digits.clear();
        self.digits.extend(number?.chars().filter(|c| *c != ','));
        self.digits.parse().ok()
    }
}

impl Metric for NumericMatch {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        self.score_best(prediction, &[reference]).unwrap_or(0.0)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        let number = if self.first { Numbers(prediction).next() } else { Numbers(prediction).last() };
        let predicted = self.value(number);
        let found = predicted.is_some_and(|predicted| {
            references.iter().any(|reference| {
                let value = self.value(Numbers(reference).last());
                value.is_some_and(|value| self.tolerance.is_close(predicted, value))
            })
        });
        (!references.is_empty()).then_some(f64::from(u8::from(found)))
    }
}

/// How far numbers may be apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    pub(super) relative: f64,
    pub(super) absolute: f64,
}

impl Tolerance {
    /// Python's `math.isclose`.
    pub(super) fn is_close(self, a: f64, b: f64) -> bool {
        let limit = (self.relative * a.abs().max(b.abs())).max(self.absolute);
        a == b || (a.is_finite() && b.is_finite() && (a - b).abs() <= limit)
    }
}

/// The numbers in what is left of a text.
#[derive(Debug, Clone)]
pub(super) struct Numbers<'a>(pub(super) &'a str);

impl<'a> Iterator for Numbers<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0;
        let bytes = text.as_bytes();
        let first = bytes.iter().position(u8::is_ascii_digit)?;
        let start = first - usize::from(first > 0 && is_sign(bytes[first - 1]));
        let mut end = first + digits(bytes, first);
        if end - first <= 3 {
            while bytes.get(end) == Some(&b',') && digits(bytes, end + 1) >= 3 {
                end += 4;
                // Only a group of just three digits may be followed by another comma.
                if digits(bytes, end) > 0 {
                    break;
                }
            }
        }
        if bytes.get(end) == Some(&b'.') && digits(bytes, end + 1) > 0 {
            end += 1 + digits(bytes, end + 1);
        }
        if bytes.get(end).is_some_and(|byte| matches!(byte, b'e' | b'E')) {
            let sign = usize::from(bytes.get(end + 1).is_some_and(|byte| is_sign(*byte)));
            let exponent = digits(bytes, end + 1 + sign);
            if exponent > 0 {
                end += 1 + sign + exponent;
            }
        }
        // All bytes taken are ASCII, so both ends stand between characters.
        self.0 = text.get(end..).unwrap_or_default();
        text.get(start..end)
    }
}

fn is_sign(byte: u8) -> bool {
    matches!(byte, b'+' | b'-')
}

/// How many digits follow from `at` on.
fn digits(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<&str> {
        Numbers(text).collect()
    }

    #[test]
    fn numbers_are_taken_from_left_to_right() {
        assert_eq!(all("1,234.50 and -7 or +3e-5, 12."), ["1,234.50", "-7", "+3e-5", "12"]);
        assert_eq!(
            all("1,2,3 1234,567 123,4567 1,234,56"),
            ["1", "2", "3", "1234", "567", "123,456", "7", "1,234", "56"]
        );
        assert_eq!(all("5-3 1e5e6 1e+ ٣ 2/3 .5"), ["5", "-3", "1e5", "6", "1", "2", "3", "5"]);
        assert!(all("no -+., number").is_empty());
    }

    #[test]
    fn closeness_is_that_of_python() {
        let tolerance = Tolerance { relative: 0.01, absolute: 0.0 };
        assert!(tolerance.is_close(2.71, 2.714) && !tolerance.is_close(0.0, 1e-300));
        assert!(tolerance.is_close(f64::INFINITY, f64::INFINITY) && !tolerance.is_close(f64::INFINITY, 1e308));
        assert!(Tolerance { relative: 0.0, absolute: 0.5 }.is_close(0.0, -0.5));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn any_text_has_numbers_that_parse(text in "[-+0-9,.eE é]{0,40}|\\PC{0,40}") {
            for number in Numbers(&text) {
                prop_assert!(number.replace(',', "").parse::<f64>().is_ok());
            }
        }
    }
}
