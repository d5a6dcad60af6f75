//! JSON of template values.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// Nesting beyond which a value is refused.
const MAX_DEPTH: usize = 64;

/// `value` as JSON. Keys keep their order, text keeps its characters; `indent` puts each item on a line of its own.
pub(super) fn to_json(value: &Value, indent: Option<usize>) -> Result<String, Error> {
    let mut writer = Writer { out: String::new(), indent, depth: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    indent: Option<usize>,
    depth: usize,
}

impl Writer {
    fn value(&mut self, value: &Value) -> Result<(), Error> {
        match value.kind() {
            ValueKind::Undefined | ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.number(value),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
            ValueKind::Map => self.container(value, '{', '}')?,
            ValueKind::Seq | ValueKind::Iterable => self.container(value, '[', ']')?,
            _ => return Err(Error::from(ErrorKind::BadSerialization)),
        }
        Ok(())
    }

    fn number(&mut self, value: &Value) {
        match f64::try_from(value.clone()) {
            Ok(number) if !number.is_finite() => self.out.push_str("null"),
            _ => self.out.push_str(&value.to_string()),
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(&serde_json::Value::from(text).to_string());
    }

    fn container(&mut self, value: &Value, open: char, close: char) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::from(ErrorKind::BadSerialization));
        }
        self.out.push(open);
        let mut empty = true;
        for item in value.try_iter()? {
            if !empty {
                self.out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            empty = false;
            self.line_break();
            if open == '{' {
                match item.as_str() {
                    Some(key) => self.text(key),
                    None => self.text(&item.to_string()),
                }
                self.out.push_str(": ");
                self.value(&value.get_item(&item)?)?;
            } else {
                self.value(&item)?;
            }
        }
        self.depth -= 1;
        if !empty {
            self.line_break();
        }
        self.out.push(close);
        Ok(())
    }

    fn line_break(&mut self) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * self.depth));
        }
    }
}
