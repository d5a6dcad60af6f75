//! What Assay's templates do in their own way.

use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value};

use super::json::to_json;

/// The error text for a NULL that a template prints.
pub(super) const NULL_PRINTED: &str =
    "it prints a NULL; give a default ({{ x | default('') }}) or leave it out ({% if x is not none %})";

pub(super) fn install(environment: &mut Environment<'static>) {
    // It prints all variables: the row would stand in the prompt.
    environment.remove_global("debug");
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("tojson", tojson);
    environment.set_formatter(print);
}

/// Jinja's `default`, which replaces NULL too: `none` is what a field without a value is.
fn default(value: &Value, args: Rest<Value>) -> Result<Value, Error> {
    if args.len() > 2 {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let also_false = args.get(1).is_some_and(Value::is_true);
    if value.is_undefined() || value.is_none() || (also_false && !value.is_true()) {
        return Ok(args.first().cloned().unwrap_or_else(|| Value::from("")));
    }
    Ok(value.clone())
}

/// JSON as Python's `json.dumps(ensure_ascii=False)` writes it. Jinja's own filter escapes for HTML.
fn tojson(value: &Value, args: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = args.get("indent")?;
    args.assert_all_used()?;
    Ok(Value::from(to_json(value, indent)?))
}

fn print(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, NULL_PRINTED));
    }
    minijinja::escape_formatter(out, state, value)
}
