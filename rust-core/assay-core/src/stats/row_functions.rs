//! Functions of the numbers of one row: power, sample size and smallest effect of a test to come; adjusted p-values.

use super::aggregate::options::{ALTERNATIVE, alternative, choice};
use super::p_adjust::Adjustment;
use super::{Alternative, power};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// One function of numbers.
#[derive(Debug)]
pub struct NumberFunction {
    /// Name and options.
    pub info: FunctionInfo,
    /// The names of its arguments.
    pub arguments: &'static [&'static str],
    of: fn(&[f64], f64, f64, Alternative) -> f64,
}

impl NumberFunction {
    /// The result for these arguments; `None` where they make no sense, and where no sample is large enough.
    pub fn value(&self, arguments: &[f64], options: &Options) -> Option<f64> {
        if arguments.len() != self.arguments.len() {
            return None;
        }
        let alpha = options.float("alpha").unwrap_or(0.05);
        let ratio = options.float("ratio").unwrap_or(1.0);
        let value = (self.of)(arguments, ratio, alpha, alternative(options));
        value.is_finite().then_some(value)
    }
}

const ALPHA: OptionInfo = OptionInfo {
    name: "alpha",
    kind: OptionKind::Float { min: 1e-300, max: 0.999_999 },
    default: "0.05",
    doc: "The level of significance of the test.",
    per_row: false,
};

const RATIO: OptionInfo = OptionInfo {
    name: "ratio",
    kind: OptionKind::Float { min: 1e-9, max: 1e9 },
    default: "1.0",
    doc: "How many values the second sample has for each of the first.",
    per_row: false,
};

const PAIRED: &[OptionInfo] = &[ALPHA, ALTERNATIVE];
const UNPAIRED: &[OptionInfo] = &[ALPHA, ALTERNATIVE, RATIO];

const fn number(
    name: &'static str,
    arguments: &'static [&'static str],
    options: &'static [OptionInfo],
    of: fn(&[f64], f64, f64, Alternative) -> f64,
) -> NumberFunction {
    NumberFunction { info: FunctionInfo { name, options }, arguments, of }
}

/// Every function of numbers.
pub const NUMBER_FUNCTIONS: &[NumberFunction] = &[
    number("power_paired_t", &["effect_size", "n"], PAIRED, |x, _, alpha, alternative| {
        power::power_paired_t(x[0], x[1], alpha, alternative)
    }),
    number("power_mcnemar", &["first_only", "second_only", "n"], PAIRED, |x, _, alpha, alternative| {
        power::power_mcnemar(x[0], x[1], x[2], alpha, alternative)
    }),
    number("power_independent_t", &["effect_size", "n1"], UNPAIRED, |x, ratio, alpha, alternative| {
        power::power_independent_t(x[0], x[1], ratio, alpha, alternative)
    }),
    number("power_two_proportions", &["p1", "p2", "n1"], UNPAIRED, |x, ratio, alpha, alternative| {
        power::power_two_proportions(x[0], x[1], x[2], ratio, alpha, alternative)
    }),
    number("power_two_proportions_h", &["effect_size", "n1"], UNPAIRED, |x, ratio, alpha, alternative| {
        power::power_two_proportions_h(x[0], x[1], ratio, alpha, alternative)
    }),
    number("sample_size_paired_t", &["effect_size", "power"], PAIRED, |x, _, alpha, alternative| {
        power::sample_size_paired_t(x[0], x[1], alpha, alternative)
    }),
    number("sample_size_mcnemar", &["first_only", "second_only", "power"], PAIRED, |x, _, alpha, alternative| {
        power::sample_size_mcnemar(x[0], x[1], x[2], alpha, alternative)
    }),
    number("sample_size_independent_t", &["effect_size", "power"], UNPAIRED, |x, ratio, alpha, alternative| {
        power::sample_size_independent_t(x[0], x[1], ratio, alpha, alternative)
    }),
    number("sample_size_two_proportions", &["p1", "p2", "power"], UNPAIRED, |x, ratio, alpha, alternative| {
        power::sample_size_two_proportions(x[0], x[1], x[2], ratio, alpha, alternative)
    }),
    number("sample_size_two_proportions_h", &["effect_size", "power"], UNPAIRED, |x, ratio, alpha, alternative| {
        power::sample_size_two_proportions_h(x[0], x[1], ratio, alpha, alternative)
    }),
    number("mde_paired_t", &["n", "power"], PAIRED, |x, _, alpha, alternative| {
        power::mde_paired_t(x[0], x[1], alpha, alternative)
    }),
    number("mde_independent_t", &["n1", "power"], UNPAIRED, |x, ratio, alpha, alternative| {
        power::mde_independent_t(x[0], x[1], ratio, alpha, alternative)
    }),
    number("mde_two_proportions_h", &["n1", "power"], UNPAIRED, |x, ratio, alpha, alternative| {
        power::mde_two_proportions_h(x[0], x[1], ratio, alpha, alternative)
    }),
];

/// `p_adjust(p, method)`.
pub const P_ADJUST: FunctionInfo = FunctionInfo {
    name: "p_adjust",
    options: &[choice(
        "method",
        &["bonferroni", "sidak", "holm", "holm_sidak", "hochberg", "hommel", "bh", "by"],
        "\"holm\"",
        "The adjustment, which may be the second argument; bh and by are for the false discovery rate.",
    )],
};

/// The adjustment that options name.
pub fn adjustment(options: &Options) -> Adjustment {
    options.text("method").and_then(Adjustment::from_name).unwrap_or(Adjustment::Holm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::resolve;
    use serde_json::{Map, json};

    #[test]
    fn arguments_go_where_they_belong() {
        let find = |name| NUMBER_FUNCTIONS.iter().find(|f| f.info.name == name).unwrap();
        let none = Map::new();
        for function in NUMBER_FUNCTIONS {
            let options = resolve(&function.info, &none).unwrap();
            assert_eq!(function.value(&vec![f64::NAN; function.arguments.len()], &options), None, "{function:?}");
        }
        // What a sample size is for is the power that it has.
        for (size, power, effect) in [
            ("sample_size_paired_t", "power_paired_t", vec![0.4]),
            ("sample_size_mcnemar", "power_mcnemar", vec![0.2, 0.1]),
            ("sample_size_independent_t", "power_independent_t", vec![0.4]),
            ("sample_size_two_proportions", "power_two_proportions", vec![0.6, 0.5]),
            ("sample_size_two_proportions_h", "power_two_proportions_h", vec![0.2]),
        ] {
            let (size, power) = (find(size), find(power));
            let mut given = json!({"alpha": 0.01, "alternative": "greater"}).as_object().cloned().unwrap();
            if size.info.options.len() == 3 {
                given.insert("ratio".into(), 2.0.into());
            }
            let options = resolve(&size.info, &given).unwrap();
            let n = size.value(&[effect.clone(), vec![0.8]].concat(), &options).unwrap();
            let reached = power.value(&[effect, vec![n]].concat(), &options).unwrap();
            assert!((reached - 0.8).abs() < 1e-6, "{}: {reached}", size.info.name);
        }
    }

    #[test]
    fn every_adjustment_can_be_named() {
        for adjustment in Adjustment::ALL {
            let given = json!({"method": adjustment.name()}).as_object().cloned().unwrap();
            assert_eq!(super::adjustment(&resolve(&P_ADJUST, &given).unwrap()), adjustment);
        }
    }
}
