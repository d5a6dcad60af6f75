//! The limits of a quota group: what may be sent to a provider in a minute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Requests.
    Requests,
    /// Tokens of input.
    InputTokens,
    /// Tokens of output.
    OutputTokens,
    /// Tokens of input and output together.
    Tokens,
}

impl Dimension {
    /// Every dimension, in the order of [`Limits`].
    pub const ALL: [Dimension; 4] =
        [Dimension::Requests, Dimension::InputTokens, Dimension::OutputTokens, Dimension::Tokens];

    /// The setting that holds its limit.
    pub fn setting(self) -> &'static str {
        match self {
            Dimension::Requests => "requestsPerMinute",
            Dimension::InputTokens => "inputTokensPerMinute",
            Dimension::OutputTokens => "outputTokensPerMinute",
            Dimension::Tokens => "tokensPerMinute",
        }
    }

    /// The name in reports, for instance `input_tokens`.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Requests => "requests",
            Dimension::InputTokens => "input_tokens",
            Dimension::OutputTokens => "output_tokens",
            Dimension::Tokens => "tokens",
        }
    }
}

/// Limits per minute, in the order of [`Dimension::ALL`]; `None` where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(pub [Option<u64>; 4]);

impl Limits {
    /// The limit of a dimension.
    pub fn of(&self, dimension: Dimension) -> Option<u64> {
        self.0[dimension as usize]
    }

    /// Sets the limit of a dimension.
    pub fn set(&mut self, dimension: Dimension, per_minute: Option<u64>) {
        self.0[dimension as usize] = per_minute;
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The share of one of `parts` processes that know nothing of each other.
    ///
    /// ```
    /// use assay_core::provider::Limits;
    /// assert_eq!(Limits([Some(100), None, None, Some(3)]).share(8), Limits([Some(12), None, None, Some(1)]));
    /// ```
    #[must_use]
    pub fn share(&self, parts: u64) -> Self {
        Limits(self.0.map(|limit| limit.map(|limit| (limit / parts.max(1)).max(1))))
    }
}

/// How a provider counts the tokens of an answer against its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accounting {
    /// By what the request allows (`max_tokens`), when it is admitted; what is not used is not given back.
    Reserved,
    /// By what the answer really has.
    #[default]
    Used,
}

/// What a model's settings say of its quota.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelQuota {
    /// The group whose limits the model shares.
    pub group: String,
    /// The limits.
    pub limits: Limits,
    /// How output is counted; `None` for by provider and evidence.
    pub accounting: Option<Accounting>,
    /// How this provider counts as far as is known beforehand.
    pub default_accounting: Accounting,
}

impl ModelQuota {
    /// Reads the settings of the model `name` that concern its quota, and no others. Errors: [`ErrorKind::InvalidModel`] for a
    /// limit that is no whole number above 0, or more than another one lets through.
    pub fn from_settings(name: &str, settings: &BTreeMap<String, String>) -> Result<Self> {
        let invalid = |key: &str, what: &str| {
            Error::new(ErrorKind::InvalidModel, format!("model '{name}': setting '{key}' {what}"))
        };
        let text = |key: &str| settings.get(key).map(|text| text.trim()).filter(|text| !text.is_empty());
        let mut limits = Limits::default();
        for dimension in Dimension::ALL {
            let key = dimension.setting();
            let Some(given) = settings.get(key) else { continue };
            match given.trim().parse::<u64>() {
                Ok(limit) if (1..=1 << 53).contains(&limit) => limits.set(dimension, Some(limit)),
                _ => return Err(invalid(key, "must be a whole number of at least 1; without a limit leave it out")),
            }
        }
        check_together(&limits)
            .map_err(|what| Error::new(ErrorKind::InvalidModel, format!("model '{name}': {what}")))?;
        let accounting = match text("outputTokenAccounting") {
            Some("reserved") => Some(Accounting::Reserved),
            Some("used") => Some(Accounting::Used),
            None | Some("auto") => None,
            Some(_) => return Err(invalid("outputTokenAccounting", "must be auto, reserved or used")),
        };
        Ok(ModelQuota {
            group: text("quotaGroup").unwrap_or(name).to_string(),
            limits,
            accounting,
            default_accounting: Accounting::default(),
        })
    }
}

/// The limits of each group, put together from the models that share it. Errors: [`ErrorKind::InvalidModel`] where two
/// models of one group give different limits.
pub fn group_limits<'a>(
    models: impl IntoIterator<Item = (&'a str, &'a ModelQuota)>,
) -> Result<BTreeMap<String, Limits>> {
    let mut groups: BTreeMap<String, (Limits, [&str; 4])> = BTreeMap::new();
    for (name, quota) in models {
        let (limits, owners) = groups.entry(quota.group.clone()).or_insert_with(|| (Limits::default(), [name; 4]));
        for dimension in Dimension::ALL {
            let Some(mine) = quota.limits.of(dimension) else { continue };
            match limits.of(dimension) {
                Some(other) if other != mine => {
                    return Err(Error::new(
                        ErrorKind::InvalidModel,
                        format!(
                            "models '{}' and '{name}' share the quota group '{}' but give it different limits: {} is \
                             {other} and {mine}. Set it on one of them, or give them groups of their own by quotaGroup",
                            owners[dimension as usize],
                            quota.group,
                            dimension.setting()
                        ),
                    ));
                }
                _ => {
                    limits.set(dimension, Some(mine));
                    owners[dimension as usize] = name;
                }
            }
        }
    }
    for (group, (limits, _)) in &groups {
        check_together(limits).map_err(|what| {
            Error::new(ErrorKind::InvalidModel, format!("the limits of the quota group '{group}' contradict: {what}"))
        })?;
    }
    Ok(groups.into_iter().map(|(group, (limits, _))| (group, limits)).collect())
}

/// Says which limits cannot hold together.
fn check_together(limits: &Limits) -> std::result::Result<(), String> {
    let Some(together) = limits.of(Dimension::Tokens) else { return Ok(()) };
    for part in [Dimension::InputTokens, Dimension::OutputTokens] {
        if let Some(limit) = limits.of(part).filter(|limit| *limit > together) {
            return Err(format!(
                "{} is {limit}, more than tokensPerMinute ({together}), which counts input and output together",
                part.setting()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(group: &str, limits: [Option<u64>; 4]) -> ModelQuota {
        ModelQuota { group: group.into(), limits: Limits(limits), ..ModelQuota::default() }
    }

    #[test]
    fn a_group_has_the_limits_of_all_its_models() {
        let a = quota("g", [Some(10), None, None, None]);
        let b = quota("g", [Some(10), Some(500), None, None]);
        let c = quota("c", [None; 4]);
        let groups = group_limits([("a", &a), ("b", &b), ("c", &c)]).unwrap();
        assert_eq!(groups["g"], Limits([Some(10), Some(500), None, None]));
        assert!(groups["c"].is_empty());
    }

    #[test]
    fn contradictions_name_both_models_and_the_setting() {
        let a = quota("g", [Some(10), None, None, None]);
        let b = quota("g", [Some(20), None, None, None]);
        let e = group_limits([("a", &a), ("b", &b)]).unwrap_err();
        for part in ["'a'", "'b'", "'g'", "requestsPerMinute", "10", "20"] {
            assert!(e.message().contains(part), "{e}");
        }
        let odd = quota("g", [None, Some(200), None, Some(100)]);
        let e = group_limits([("a", &odd)]).unwrap_err();
        assert!(e.message().contains("inputTokensPerMinute is 200"), "{e}");
    }
}
