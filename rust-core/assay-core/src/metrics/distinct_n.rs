//! Distinct n-grams.

use std::collections::HashSet;

use super::squad::{is_space, lower_into};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_distinct_n(text [, options])`: the number of distinct n-grams of words over the number of n-grams, from 0
/// to 1; NULL where the text has fewer than n words.
///
/// Words are separated by whitespace, as of Python's `str.split()`. Source: J. Li et al., A diversity-promoting
/// objective function for neural conversation models (2016), with n-grams in the denominator.
pub const DISTINCT_N: FunctionInfo = FunctionInfo {
    name: "llm_distinct_n",
    options: &[
        OptionInfo {
            name: "n",
            kind: OptionKind::Int { min: 1, max: 100 },
            default: "1",
            doc: "How many words an n-gram has.",
            per_row: false,
        },
        OptionInfo {
            name: "lowercase",
            kind: OptionKind::Bool,
            default: "false",
            doc: "Whether case does not count.",
            per_row: false,
        },
    ],
};

/// Counts by the options of [`DISTINCT_N`].
///
/// ```
/// use assay_core::metrics::distinct_n::{DISTINCT_N, DistinctN};
/// use assay_core::options::resolve;
///
/// let given = serde_json::from_str(r#"{"n": 2}"#).unwrap();
/// let mut distinct_2 = DistinctN::new(&resolve(&DISTINCT_N, &given).unwrap());
/// assert_eq!(distinct_2.value("to be or not to be"), Some(4.0 / 5.0));
/// assert_eq!(distinct_2.value("one"), None);
/// ```
#[derive(Debug)]
pub struct DistinctN {
    n: usize,
    lowercase: bool,
    lowered: String,
}

impl DistinctN {
    /// Of checked options.
    pub fn new(options: &Options) -> DistinctN {
        let n = options.int("n").and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1);
        DistinctN { n, lowercase: options.flag("lowercase"), lowered: String::new() }
    }

    /// The share of distinct n-grams; `None` where there are none.
    pub fn value(&mut self, text: &str) -> Option<f64> {
        if !self.lowercase {
            return distinct_n(text, self.n);
        }
        lower_into(text, &mut self.lowered);
        distinct_n(&self.lowered, self.n)
    }
}

/// The share of distinct n-grams of `n` words, at least 1; `None` where there are none.
pub fn distinct_n(text: &str, n: usize) -> Option<f64> {
    let words: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
    let grams = (words.len() + 1).checked_sub(n.max(1)).filter(|grams| *grams > 0)?;
    let distinct = match n {
        0 | 1 => words.iter().collect::<HashSet<_>>().len(),
        _ => words.windows(n).collect::<HashSet<_>>().len(),
    };
    Some(distinct as f64 / grams as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares() {
        assert_eq!(distinct_n("a b a\u{a0}b", 1), Some(0.5));
        assert_eq!(distinct_n("a b a b", 2), Some(2.0 / 3.0));
        assert_eq!(distinct_n("a b", 3), None);
        assert_eq!(distinct_n(" \n", 1), None);
        let mut lowered = DistinctN { n: 1, lowercase: true, lowered: String::new() };
        assert_eq!(lowered.value("Été ÉTÉ"), Some(0.5));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn in_range(text in "[ab \\t]{0,30}|\\PC{0,30}", n in 1usize..5) {
            prop_assert!(distinct_n(&text, n).is_none_or(|share| 0.0 < share && share <= 1.0));
        }
    }
}
