//! A small part of JSONPath (RFC 9535): one value by names and places.
//!
//! A path is `$` and then steps: `.name` for a name of letters, digits, `_` and `-`; `['any name']` or `["any name"]`, in
//! which a backslash stands before a quote or a backslash; `[3]` for a place in a list, `[-1]` for the last. There are no
//! wildcards, slices or filters: a path finds one value or none.

use std::fmt;

use serde_json::Value;

/// A parsed path.
///
/// Its text form is again a path and means the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    /// From the end where it is negative.
    Place(i64),
}

impl JsonPath {
    /// Parses `text`. Errors say where (in characters from 1) and what is wrong.
    pub(crate) fn parse(text: &str) -> Result<JsonPath, String> {
        let mut rest = text.strip_prefix('$').ok_or("a path begins with $")?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let at = text.chars().count() - rest.chars().count() + 1;
            let (step, after) = step(rest).map_err(|what| format!("at character {at}: {what}"))?;
            steps.push(step);
            rest = after;
        }
        Ok(JsonPath(steps))
    }

    /// The value there; `None` where there is none.
    pub(crate) fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Name(name) => value.as_object()?.get(name),
            Step::Place(place) => {
                let items = value.as_array()?;
                let place = if *place < 0 { place.checked_add(i64::try_from(items.len()).ok()?)? } else { *place };
                items.get(usize::try_from(place).ok()?)
            }
        })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Place(place) => write!(f, "[{place}]")?,
                Step::Name(name) if !name.is_empty() && name.chars().all(is_plain) => write!(f, ".{name}")?,
                Step::Name(name) => write!(f, "['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))?,
            }
        }
        Ok(())
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// The first step of `text` and what follows it.
fn step(text: &str) -> Result<(Step, &str), &'static str> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
        return match rest.split_at(end) {
            ("", _) => Err("a name follows the dot; other names than of letters, digits, _ and - stand in ['...']"),
            (name, rest) => Ok((Step::Name(name.to_string()), rest)),
        };
    }
    let Some(rest) = text.strip_prefix('[') else { return Err("a step begins with a dot or a bracket") };
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let mut name = String::new();
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == quote {
                let rest = rest.get(at + 1..).unwrap_or_default();
                let rest = rest.strip_prefix(']').ok_or("a bracket closes after the quote")?;
                return Ok((Step::Name(name), rest));
            }
            name.push(match c {
                '\\' => match chars.next() {
                    Some((_, c @ ('\\' | '\'' | '"'))) => c,
                    _ => return Err("a backslash stands before a quote or a backslash only"),
                },
                c => c,
            });
        }
        return Err("the quote does not close");
    }
    let (place, rest) = rest.split_once(']').ok_or("the bracket does not close")?;
    let is_number = place.strip_prefix('-').unwrap_or(place).bytes().all(|b| b.is_ascii_digit());
    match place.parse() {
        Ok(place) if is_number => Ok((Step::Place(place), rest)),
        _ => Err("in brackets stands a whole number or a name in quotes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn finds_one_value() {
        let value = json!({"a": {"b": [{"c": 1}, {"c": 2}], "x y": {"it's": "q", "\\": true}, "": 0}, "é-1": null});
        for (path, expected) in [
            ("$", Some(value.clone())),
            ("$.a.b[0].c", Some(json!(1))),
            ("$.a.b[-1].c", Some(json!(2))),
            ("$['a'][\"b\"][1]", Some(json!({"c": 2}))),
            ("$.a['x y']['it\\'s']", Some(json!("q"))),
            ("$.a['x y'][\"it's\"]", Some(json!("q"))),
            ("$.a['x y']['\\\\']", Some(json!(true))),
            ("$.a['']", Some(json!(0))),
            ("$.é-1", Some(json!(null))),
            ("$.a.b[2]", None),
            ("$.a.b[-3]", None),
            ("$.a.b.c", None),
            ("$.a[0]", None),
            ("$.z", None),
        ] {
            assert_eq!(JsonPath::parse(path).unwrap().find(&value), expected.as_ref(), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_says_where() {
        for (path, says) in [
            ("", "begins with $"),
            ("a.b", "begins with $"),
            ("$a", "at character 2: a step begins"),
            ("$.", "at character 2: a name follows"),
            ("$.a..b", "at character 4: a name follows"),
            ("$.a b", "at character 4: a step begins"),
            ("$.a[*]", "at character 4: in brackets"),
            ("$.a[1:2]", "at character 4: in brackets"),
            ("$.a[+1]", "at character 4: in brackets"),
            ("$.a[]", "at character 4: in brackets"),
            ("$.a[0", "the bracket does not close"),
            ("$.a['b]", "the quote does not close"),
            ("$.a['b'", "a bracket closes"),
            ("$.a['\\n']", "a backslash stands"),
            ("$['é'].", "at character 7: a name follows"),
            ("$[99999999999999999999]", "in brackets"),
        ] {
            let e = JsonPath::parse(path).unwrap_err();
            assert!(e.contains(says), "{path}: {e}");
        }
    }

    fn any_path() -> impl Strategy<Value = JsonPath> {
        let name = prop_oneof!["[a-z_-]{1,4}", "[ -~é'\"\\\\]{0,5}"].prop_map(Step::Name);
        prop::collection::vec(prop_oneof![name, any::<i64>().prop_map(Step::Place)], 0..6).prop_map(JsonPath)
    }

    proptest! {
        #[test]
        fn the_text_of_a_path_is_that_path(path in any_path()) {
            prop_assert_eq!(JsonPath::parse(&path.to_string()), Ok(path));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[$.\\[\\]'\"\\\\a0é-]{0,20}", other in ".{0,20}") {
            for text in [text.as_str(), other.as_str(), &format!("${text}")] {
                if let Ok(path) = JsonPath::parse(text) {
                    let _ = path.find(&json!({"a": [[0], {"0": {}}]}));
                }
            }
        }

        #[test]
        fn a_path_finds_what_was_put_there(
            steps in prop::collection::vec(prop_oneof!["[ -~]{0,4}".prop_map(Step::Name), (-3i64..3).prop_map(Step::Place)], 0..5),
        ) {
            let value = steps.iter().rev().fold(json!("found"), |inner, step| match step {
                Step::Name(name) => json!({"other": 0, name.as_str(): inner}),
                Step::Place(place) if *place >= 0 => {
                    let mut items = vec![json!(0); usize::try_from(*place).unwrap()];
                    items.push(inner);
                    items.into()
                }
                Step::Place(place) => {
                    let mut items = vec![inner];
                    items.resize(usize::try_from(-place).unwrap(), json!(0));
                    items.into()
                }
            });
            prop_assert_eq!(JsonPath(steps).find(&value), Some(&json!("found")));
        }
    }
}
