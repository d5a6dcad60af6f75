//! Match of JSON.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::json_text::{Path, contains, equal, find_json};
use super::numeric_match::Tolerance;
use super::pattern::{Kept, best};
use super::{Metric, MetricInfo, MetricKind};
use crate::error::{Error, ErrorKind, Result};
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};

/// `llm_json_match(prediction, reference [, options])`: how well the JSON of the prediction agrees with that of the
/// reference; the best over references.
///
/// - `equal`: 1 where both values are equal, else 0. Numbers are equal by what they are (1 and 1.0), objects whatever
///   the order of their names; of a name that stands twice the last counts.
/// - `subset`: 1 where all that the reference says stands in the prediction too, else 0. Objects may have more
///   names there, also within objects and lists; lists are of one length.
/// - `fields`: the share of the `fields` that are equal in both; one that is missing in both is equal. Without
///   `fields` the names of the reference, or the whole of a reference that is no object.
/// - `schema`: 1 where the prediction is valid against the reference, a JSON schema, else 0. Drafts 4 to 2020-12,
///   by its `$schema`, else 2020-12; patterns are of the crate regex, and nothing is fetched: a schema that refers
///   to another one by its address counts as none.
///
/// 0 where the prediction is no JSON. NULL (NaN) where a reference is none, or no schema, or has no fields, unless
/// another reference gives 1. JSON is that of RFC 8259, nested at most 127 deep, with numbers within the range of a
/// double. Schemas by the crate jsonschema 0.61; the last 64 are kept.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo {
        name: "llm_json_match",
        options: &[
            OptionInfo {
                name: "mode",
                kind: OptionKind::Choice(&["equal", "subset", "fields", "schema"]),
                default: "\"equal\"",
                doc: "What is compared: the whole, what the reference says, single fields, or the prediction with a schema.",
                per_row: false,
            },
            OptionInfo {
                name: "fields",
                kind: OptionKind::TextList,
                default: "",
                doc: "The fields to compare, as paths ($.a[0].b) or JSON pointers (/a/0/b); for mode fields.",
                per_row: false,
            },
            OptionInfo {
                name: "extract",
                kind: OptionKind::Bool,
                default: "false",
                doc: "Whether the prediction is the first JSON value found in the text, such as in a code fence.",
                per_row: false,
            },
            OptionInfo {
                name: "rel_tol",
                kind: OptionKind::Float { min: 0.0, max: f64::MAX },
                default: "0.0",
                doc: "How far equal numbers may be apart, relative to the greater magnitude of both.",
                per_row: false,
            },
        ],
    },
    kind: MetricKind::Bounded,
    range: (0.0, 1.0),
    create: |options: &Options, _| Ok(Box::new(JsonMatch::new(options)?)),
};

enum Mode {
    Equal,
    Subset,
    Fields(Option<Vec<Path>>),
    Schema(Kept<Option<Validator>>),
}

struct JsonMatch {
    mode: Mode,
    extract: bool,
    tolerance: Tolerance,
}

impl JsonMatch {
    fn new(options: &Options) -> Result<JsonMatch> {
        let invalid = |what: String| Error::new(ErrorKind::InvalidOption, format!("llm_json_match: {what}"));
        let fields = match options.get("fields").and_then(Value::as_array) {
            Some(paths) if paths.is_empty() => return Err(invalid("option 'fields' names no field".into())),
            Some(paths) => {
                let paths =
                    paths.iter().filter_map(Value::as_str).map(Path::parse).collect::<std::result::Result<_, _>>();
                Some(paths.map_err(|e| invalid(format!("option 'fields': {e}")))?)
            }
            None => None,
        };
        let mode = match (options.text("mode"), fields) {
            (Some("fields"), fields) => Mode::Fields(fields),
            (_, Some(_)) => return Err(invalid("option 'fields' belongs to mode 'fields'".into())),
            (Some("subset"), _) => Mode::Subset,
            (Some("schema"), _) => Mode::Schema(Kept::default()),
            _ => Mode::Equal,
        };
        let tolerance = Tolerance { relative: options.float("rel_tol").unwrap_or_default(), absolute: 0.0 };
        Ok(JsonMatch { mode, extract: options.flag("extract"), tolerance })
    }

    fn parse(&self, prediction: &str) -> Option<Value> {
        if self.extract { find_json(prediction) } else { serde_json::from_str(prediction).ok() }
    }

    fn compare(&mut self, prediction: Option<&Value>, reference: &str) -> f64 {
        if let Mode::Schema(kept) = &mut self.mode {
            let Some(schema) = kept.get(reference, schema) else { return f64::NAN };
            return f64::from(u8::from(prediction.is_some_and(|value| schema.is_valid(value))));
        }
        let Ok(reference) = serde_json::from_str::<Value>(reference) else { return f64::NAN };
        let (equal, contains): (Compare, Compare) = (equal, contains);
        let by = |compare: Compare| {
            f64::from(u8::from(prediction.is_some_and(|value| compare(value, &reference, self.tolerance))))
        };
        match (&self.mode, &reference) {
            (Mode::Subset, _) => by(contains),
            (Mode::Fields(Some(paths)), _) => {
                let Some(prediction) = prediction else { return 0.0 };
                share(paths.iter().map(|path| (path.find(prediction), path.find(&reference))), self.tolerance)
            }
            (Mode::Fields(None), Value::Object(fields)) if fields.is_empty() => f64::NAN,
            (Mode::Fields(None), Value::Object(fields)) => {
                let Some(prediction) = prediction else { return 0.0 };
                share(fields.iter().map(|(name, value)| (prediction.get(name), Some(value))), self.tolerance)
            }
            _ => by(equal),
        }
    }
}

type Compare = fn(&Value, &Value, Tolerance) -> bool;

impl Metric for JsonMatch {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        let prediction = self.parse(prediction);
        self.compare(prediction.as_ref(), reference)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        let prediction = self.parse(prediction);
        best(references.iter().map(|reference| self.compare(prediction.as_ref(), reference)))
    }
}

/// The share of pairs that are equal.
fn share<'a>(
    pairs: impl ExactSizeIterator<Item = (Option<&'a Value>, Option<&'a Value>)>,
    tolerance: Tolerance,
) -> f64 {
    let all = pairs.len();
    let same = pairs.filter(|pair| match pair {
        (Some(a), Some(b)) => equal(a, b, tolerance),
        (a, b) => a.is_none() && b.is_none(),
    });
    same.count() as f64 / all as f64
}

/// A schema that fetches nothing and whose patterns take no more than linear time.
fn schema(text: &str) -> Option<Validator> {
    let patterns = PatternOptions::regex().size_limit(1 << 20).dfa_size_limit(1 << 20);
    let schema = serde_json::from_str(text).ok()?;
    jsonschema::options().offline().with_pattern_options(patterns).build(&schema).ok()
}

#[cfg(test)]
mod tests;
