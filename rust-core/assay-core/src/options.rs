//! Function options: one table per function says name, type, default and meaning.
//!
//! The shim passes options as JSON, whatever form the user wrote (STRUCT, MAP or JSON text). A MAP holds strings
//! only, so a string that reads as the option's type counts as that type.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result, hint};

/// The type of an option's value, with its range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptionKind {
    /// `true` or `false`.
    Bool,
    /// A whole number in `min..=max`.
    Int {
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// A finite number in `min..=max`.
    Float {
        /// The smallest value.
        min: f64,
        /// The largest value.
        max: f64,
    },
    /// Any text.
    Text,
    /// One of a set of words.
    Choice(&'static [&'static str]),
    /// One text or a list of texts; resolves to a list.
    TextList,
    /// Any JSON value; text is parsed as JSON where it is JSON.
    Json,
}

impl OptionKind {
    /// The type in words, for documentation and errors.
    pub fn describe(&self) -> String {
        match self {
            OptionKind::Bool => "true or false".into(),
            OptionKind::Int { min, max: i64::MAX } => format!("a whole number of at least {min}"),
            OptionKind::Int { min: i64::MIN, max: _ } => "a whole number".into(),
            OptionKind::Int { min, max } => format!("a whole number from {min} to {max}"),
            OptionKind::Float { min, max } if min.is_finite() && max.is_finite() => {
                format!("a number from {min} to {max}")
            }
            OptionKind::Float { min, .. } if min.is_finite() => format!("a number of at least {min}"),
            OptionKind::Float { .. } => "a number".into(),
            OptionKind::Text => "text".into(),
            OptionKind::Choice(words) => format!("one of {}", words.join(", ")),
            OptionKind::TextList => "a text or a list of texts".into(),
            OptionKind::Json => "a JSON value".into(),
        }
    }
}

/// One option of a function.
#[derive(Debug, Clone, Copy)]
pub struct OptionInfo {
    /// The name, as the reference library spells it.
    pub name: &'static str,
    /// The type and range.
    pub kind: OptionKind,
    /// The default as JSON text; empty where leaving it out means something of its own.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// Whether it may be a column, with another value in every row.
    pub per_row: bool,
}

/// One function of the engine and its options.
#[derive(Debug, Clone, Copy)]
pub struct FunctionInfo {
    /// The SQL name.
    pub name: &'static str,
    /// The options.
    pub options: &'static [OptionInfo],
}

/// Options that were checked against a table: every value has the type that the table says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options(Map<String, Value>);

impl Options {
    /// The value given for `name` or, where none was given, its default; `None` where there is neither.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The text of option `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The flag `name`; `false` where it is absent.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The whole number `name`.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64)
    }

    /// The number `name`.
    pub fn float(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Value::as_f64)
    }

    /// The options as a JSON object.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// Checks `given` against `function`'s table and fills in the defaults.
///
/// A `null` value counts as not given. Errors: [`ErrorKind::UnknownOption`] with the nearest name,
/// [`ErrorKind::InvalidOption`] with the type that the option takes.
///
/// ```
/// use assay_core::options::{FunctionInfo, OptionInfo, OptionKind, resolve};
/// let level = OptionInfo { name: "level", kind: OptionKind::Float { min: 0.0, max: 1.0 }, default: "0.95",
///     doc: "Confidence level.", per_row: false };
/// let function = FunctionInfo { name: "f", options: Box::leak(Box::new([level])) };
/// let given = serde_json::from_str(r#"{"level": "0.9"}"#).unwrap();
/// assert_eq!(resolve(&function, &given).unwrap().float("level"), Some(0.9));
/// ```
pub fn resolve(function: &FunctionInfo, given: &Map<String, Value>) -> Result<Options> {
    let mut resolved = Map::new();
    for option in function.options.iter().filter(|o| !o.default.is_empty()) {
        let default = serde_json::from_str(option.default)
            .map_err(|e| Error::internal(format!("default of {}.{}: {e}", function.name, option.name)))?;
        resolved.insert(option.name.to_string(), default);
    }
    for (name, value) in given {
        let option = find(function, name)?;
        if value.is_null() {
            continue;
        }
        let value = coerce(&option.kind, value).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOption,
                format!(
                    "{}: option '{}' takes {}, not {}",
                    function.name,
                    option.name,
                    option.kind.describe(),
                    kind_of(value)
                ),
            )
        })?;
        resolved.insert(option.name.to_string(), value);
    }
    Ok(Options(resolved))
}

/// Checks that each of `names` is an option of `function` that may be a column.
pub fn check_per_row<'a>(function: &FunctionInfo, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
    for name in names {
        let option = find(function, name)?;
        if !option.per_row {
            let allowed: Vec<_> = function.options.iter().filter(|o| o.per_row).map(|o| o.name).collect();
            return Err(Error::new(
                ErrorKind::InvalidOption,
                format!(
                    "{}: option '{name}' must be a constant; a column may be given for: {}",
                    function.name,
                    if allowed.is_empty() { "none of its options".to_string() } else { allowed.join(", ") }
                ),
            ));
        }
    }
    Ok(())
}

fn find(function: &FunctionInfo, name: &str) -> Result<OptionInfo> {
    function.options.iter().find(|o| o.name == name).copied().ok_or_else(|| {
        Error::new(
            ErrorKind::UnknownOption,
            format!("{} has no option '{name}'{}", function.name, hint(name, function.options.iter().map(|o| o.name))),
        )
    })
}

fn coerce(kind: &OptionKind, value: &Value) -> Option<Value> {
    let parsed = match (kind, value) {
        (OptionKind::Text | OptionKind::Choice(_) | OptionKind::TextList, _) => value.clone(),
        (_, Value::String(text)) => match serde_json::from_str(text.trim()) {
            Ok(parsed) => parsed,
            Err(_) if matches!(kind, OptionKind::Json) => value.clone(),
            Err(_) => match text.trim().to_ascii_lowercase().as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return None,
            },
        },
        _ => value.clone(),
    };
    match kind {
        OptionKind::Bool => parsed.is_boolean().then_some(parsed),
        OptionKind::Int { min, max } => {
            let whole = parsed
                .as_i64()
                .or_else(|| parsed.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9.0e15).map(|f| f as i64))?;
            (*min..=*max).contains(&whole).then(|| whole.into())
        }
        OptionKind::Float { min, max } => {
            let number = parsed.as_f64()?;
            (number >= *min && number <= *max).then(|| number.into())
        }
        OptionKind::Text => parsed.is_string().then_some(parsed),
        OptionKind::Choice(words) => words.contains(&parsed.as_str()?).then_some(parsed),
        OptionKind::TextList => match parsed {
            Value::String(text) => Some(match serde_json::from_str::<Vec<String>>(&text) {
                Ok(list) => list.into(),
                Err(_) => Value::Array(vec![Value::String(text)]),
            }),
            Value::Array(items) if items.iter().all(Value::is_string) => Some(Value::Array(items)),
            _ => None,
        },
        OptionKind::Json => Some(parsed),
    }
}

/// What a value is, without the value: it may be a secret.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "this boolean",
        Value::Number(_) => "this number",
        Value::String(_) => "this text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a struct",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const F: FunctionInfo = FunctionInfo {
        name: "f",
        options: &[
            OptionInfo { name: "flag", kind: OptionKind::Bool, default: "true", doc: "", per_row: false },
            OptionInfo { name: "n", kind: OptionKind::Int { min: 1, max: 9 }, default: "", doc: "", per_row: true },
            OptionInfo {
                name: "mode",
                kind: OptionKind::Choice(&["a", "b"]),
                default: "\"a\"",
                doc: "",
                per_row: false,
            },
            OptionInfo { name: "stop", kind: OptionKind::TextList, default: "", doc: "", per_row: false },
        ],
    };

    fn given(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn strings_of_a_map_count_as_the_type_of_the_option() {
        let options = resolve(&F, &given(json!({"flag": "False", "n": "3", "stop": "END"}))).unwrap();
        assert!(!options.flag("flag"));
        assert_eq!(options.int("n"), Some(3));
        assert_eq!(options.get("stop"), Some(&json!(["END"])));
        assert_eq!(options.text("mode"), Some("a"));
    }

    #[test]
    fn an_unknown_option_names_the_nearest() {
        let e = resolve(&F, &given(json!({"mod": "a"}))).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::UnknownOption);
        assert_eq!(e.message(), "f has no option 'mod'; did you mean 'mode'?");
    }

    #[test]
    fn a_wrong_value_says_what_is_taken_and_not_what_was_given() {
        for bad in [json!({"n": 10}), json!({"n": "secret"}), json!({"n": 1.5}), json!({"n": [1]})] {
            let e = resolve(&F, &given(bad)).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::InvalidOption);
            assert!(e.message().starts_with("f: option 'n' takes a whole number from 1 to 9, not "), "{e}");
            assert!(!e.message().contains("secret"));
        }
    }

    #[test]
    fn only_marked_options_may_be_columns() {
        assert!(check_per_row(&F, ["n"]).is_ok());
        assert_eq!(check_per_row(&F, ["flag"]).unwrap_err().kind(), ErrorKind::InvalidOption);
        assert_eq!(check_per_row(&F, ["flug"]).unwrap_err().kind(), ErrorKind::UnknownOption);
    }
}
