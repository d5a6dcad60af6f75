//! JSON values: where they stand in a text, when they are equal, and paths into them.

use serde_json::Value;

use super::numeric_match::Tolerance;
use crate::json_path::JsonPath;

/// The first JSON value in a text: the whole of it, else what stands in the first code fence that holds one, else the
/// first object or list that stands in it.
pub(super) fn find_json(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let fenced = text.split("```").skip(1).step_by(2).find_map(|fence| {
        // The line of the fence may name a language.
        let after_line = fence.split_once('\n').map_or(fence, |(_, rest)| rest);
        serde_json::from_str(after_line).ok()
    });
    fenced.or_else(|| {
        let starts = text.match_indices(['{', '[']);
        starts.filter_map(|(at, _)| text.get(at..)).find_map(first_value)
    })
}

/// The object or list at the beginning of a text.
fn first_value(text: &str) -> Option<Value> {
    serde_json::from_str(text.get(..end_of_value(text.as_bytes())?)?).ok()
}

/// How deep values may be nested, which is what serde_json takes. So a text of brackets alone takes linear time.
const DEEPEST: u32 = 127;

/// Where the object or list ends with which `bytes` begins, if it does end. Numbers and words are not looked at
/// closely.
fn end_of_value(bytes: &[u8]) -> Option<usize> {
    enum Next {
        Value,
        Name,
        After,
    }
    // A bit for each value that is open: 1 for an object.
    let mut open = 0u128;
    let mut depth = 0;
    let mut next = Next::Value;
    let mut at = 0;
    loop {
        at = after_space(bytes, at);
        let byte = *bytes.get(at)?;
        let is_object = open & 1 == 1;
        match (&next, byte) {
            (Next::Value, b'{' | b'[') if depth < DEEPEST => {
                depth += 1;
                open = open << 1 | u128::from(byte == b'{');
                at = after_space(bytes, at + 1);
                next = match (byte, bytes.get(at)?) {
                    (b'{', b'}') | (b'[', b']') => Next::After,
                    (b'{', _) => Next::Name,
                    _ => Next::Value,
                };
            }
            (Next::Value, b'"') => {
                at = end_of_string(bytes, at)?;
                next = Next::After;
            }
            (Next::Value, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
                at += bytes[at..].iter().take_while(is_part).count();
                next = Next::After;
            }
            (Next::Name, b'"') => {
                at = after_space(bytes, end_of_string(bytes, at)?);
                if *bytes.get(at)? != b':' {
                    return None;
                }
                at += 1;
                next = Next::Value;
            }
            (Next::After, b',') => {
                at += 1;
                next = if is_object { Next::Name } else { Next::Value };
            }
            (Next::After, b'}') if is_object => (at, depth, open) = (at + 1, depth - 1, open >> 1),
            (Next::After, b']') if !is_object => (at, depth, open) = (at + 1, depth - 1, open >> 1),
            _ => return None,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn after_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// The place after the quote that ends the string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// Whether two values are equal: numbers by what they are, objects whatever the order of their names.
pub(super) fn equal(a: &Value, b: &Value, tolerance: Tolerance) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || numbers_are_close(x, y, tolerance),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y, tolerance))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len()
                && x.iter().all(|(name, value)| y.get(name).is_some_and(|other| equal(value, other, tolerance)))
        }
        _ => a == b,
    }
}

/// Whether all that `part` says stands in `whole` too: objects may have more names there, also within objects and
/// lists; all else is [`equal`].
pub(super) fn contains(whole: &Value, part: &Value, tolerance: Tolerance) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|other| contains(other, value, tolerance)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(x, y)| contains(x, y, tolerance))
        }
        _ => equal(whole, part, tolerance),
    }
}

fn numbers_are_close(a: &serde_json::Number, b: &serde_json::Number, tolerance: Tolerance) -> bool {
    // Whole numbers are told apart beyond what a double can hold.
    let whole = |n: &serde_json::Number| n.as_i128();
    match (whole(a), whole(b)) {
        (Some(_), Some(_)) if tolerance.relative == 0.0 => false,
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => tolerance.is_close(a, b),
            _ => false,
        },
    }
}

/// A way into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Path {
    /// A JSON pointer (RFC 6901).
    Pointer(String),
    /// A path from `$` on.
    Steps(JsonPath),
}

impl Path {
    /// From a JSON pointer such as `/a/0/b`, or a path such as `$.a[0].b` or `$['a'][-1]["b"]`. The error says what
    /// is wrong.
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        if text.starts_with('$') {
            let steps = JsonPath::parse(text).map_err(|what| format!("the path '{text}': {what}"))?;
            Ok(Path::Steps(steps))
        } else if text.is_empty() || text.starts_with('/') {
            Ok(Path::Pointer(text.to_string()))
        } else {
            Err(format!("the path '{text}' begins neither with $ nor with /"))
        }
    }

    /// The value there.
    pub(super) fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Path::Pointer(pointer) => value.pointer(pointer),
            Path::Steps(steps) => steps.find(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const EXACT: Tolerance = Tolerance { relative: 0.0, absolute: 0.0 };

    #[test]
    fn the_first_value_of_a_text() {
        for (text, value) in [
            (" 3 ", Some(json!(3))),
            ("\"text\"", Some(json!("text"))),
            ("Here it is:\n```json\n{\"a\": [1]}\n```\nDone.", Some(json!({"a": [1]}))),
            ("See [1].\n```\n[2]\n```", Some(json!([2]))),
            ("```python\nx = {}\n```\nand ```{\"a\": 1}```", Some(json!({"a": 1}))),
            ("The set {x} is {\"a\": {\"b\": \"}\"}} or [2].", Some(json!({"a": {"b": "}"}}))),
            ("cut off: {\"a\": 1", None),
            ("nothing, not even 3", None),
        ] {
            assert_eq!(find_json(text), value, "{text}");
        }
    }

    #[test]
    fn a_long_text_of_open_brackets_takes_little_time() {
        let start = std::time::Instant::now();
        for text in ["[".repeat(100_000), "{\"a\":".repeat(20_000), "[1,".repeat(30_000), "[\"".repeat(50_000)] {
            assert_eq!(find_json(&text), None);
        }
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_value_ends_where_serde_json_says(text in "([{\\[\\]}:, ]|\"[a{\\\\\"]?\"|1|null){1,12}", open in "[{\\[]") {
            let text = open + &text;
            let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
            let value = values.next().and_then(Result::ok);
            prop_assert_eq!(first_value(&text), value);
        }
    }

    #[test]
    fn values_are_equal_by_what_they_are() {
        let parse = |text| serde_json::from_str::<Value>(text).unwrap();
        for (a, b, are_equal) in [
            ("{\"a\": 1, \"b\": [2]}", "{\"b\": [2.0], \"a\": 1e0}", true),
            ("[1, 2]", "[2, 1]", false),
            ("9007199254740993", "9007199254740992", false),
            ("18446744073709551615", "18446744073709551616", true),
            ("-0.0", "0", true),
            ("1", "\"1\"", false),
            ("null", "false", false),
            ("{\"a\": null}", "{}", false),
        ] {
            assert_eq!(equal(&parse(a), &parse(b), EXACT), are_equal, "{a} {b}");
        }
        assert!(equal(&json!([99]), &json!([100.5]), Tolerance { relative: 0.02, absolute: 0.0 }));
        assert!(contains(&json!({"a": [{"b": 1, "c": 2}], "d": 3}), &json!({"a": [{"b": 1}]}), EXACT));
        assert!(!contains(&json!({"a": [1, 2]}), &json!({"a": [1]}), EXACT));
    }

    #[test]
    fn paths_and_pointers() {
        let value = json!({"a": [{"b c": 1}, {"x/y~z": 2}], "": 3});
        for (path, found) in [
            ("$", Some(value.clone())),
            ("$.a[0]['b c']", Some(json!(1))),
            ("/a/1/x~1y~0z", Some(json!(2))),
            ("$['a'][1][\"x/y~z\"]", Some(json!(2))),
            ("/", Some(json!(3))),
            ("$.a[-1]['x/y~z']", Some(json!(2))),
            ("$.a[7]", None),
            ("$.b.c", None),
        ] {
            assert_eq!(Path::parse(path).unwrap().find(&value), found.as_ref(), "{path}");
        }
        for bad in ["a.b", "$a", "$.", "$[*]", "$['a", "$..a"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
