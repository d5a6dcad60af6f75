//! Prompt templates in Jinja.
//!
//! A template is compiled once and rendered for each row. Values are data: braces, backslashes or `$5` inside them
//! are printed as they are. HTML escaping is off.

mod filters;
mod json;

use std::fmt;

use minijinja::{Environment, ErrorKind as JinjaKind, UndefinedBehavior, Value};

use crate::error::{Error, ErrorKind, Result, hint};

const NAME: &str = "prompt";

/// A compiled template.
///
/// ```
/// use assay_core::template::Template;
/// use minijinja::context;
///
/// let template = Template::compile("Q: {{ question }}{% for c in choices %}\n- {{ c }}{% endfor %}").unwrap();
/// template.check_variables(&["question", "choices"]).unwrap();
/// let row = context! { question => "2 < 3?", choices => ["yes", "{{no}}"] };
/// assert_eq!(template.render(row).unwrap(), "Q: 2 < 3?\n- yes\n- {{no}}");
/// ```
pub struct Template {
    environment: Environment<'static>,
    variables: Vec<String>,
}

impl Template {
    /// Parses `source`.
    ///
    /// Errors: [`ErrorKind::TemplateSyntax`] with the line and what is wrong there.
    pub fn compile(source: &str) -> Result<Template> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        filters::install(&mut environment);
        environment.add_template_owned(NAME, source.to_string()).map_err(|e| syntax_error(&e))?;

        let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
        let template = environment.get_template(NAME).map_err(|e| syntax_error(&e))?;
        let mut variables: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        variables.retain(|name| !globals.contains(&name.as_str()));
        variables.sort_unstable();
        Ok(Template { environment, variables })
    }

    /// The variables that the template takes from outside, sorted.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// Checks that each variable is one of `fields`.
    ///
    /// Errors: [`ErrorKind::TemplateVariable`] naming the variable and the nearest field.
    pub fn check_variables(&self, fields: &[&str]) -> Result<()> {
        match self.variables.iter().find(|name| !fields.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::new(
                ErrorKind::TemplateVariable,
                format!(
                    "the template uses '{name}', which no field of its struct gives{}",
                    hint(name, fields.iter().copied())
                ),
            )),
        }
    }

    /// Renders the template with the variables in `row`.
    ///
    /// Undefined attributes and a printed NULL are errors: `{{ x | default('') }}` or `{% if x %}` says what is meant.
    ///
    /// Errors: [`ErrorKind::TemplateRender`] with line and cause, without any value of the row.
    pub fn render(&self, row: Value) -> Result<String> {
        let template = self.environment.get_template(NAME).map_err(|e| render_error(&e))?;
        template.render(row).map_err(|e| render_error(&e))
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("variables", &self.variables).finish()
    }
}

fn syntax_error(error: &minijinja::Error) -> Error {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
    Error::new(ErrorKind::TemplateSyntax, format!("the template does not parse, line {}: {what}", line(error)))
}

/// The detail of an error may quote a value, so only our own details and the kind are passed on.
fn render_error(error: &minijinja::Error) -> Error {
    let what = match (error.detail(), error.kind()) {
        (Some(filters::NULL_PRINTED), _) => filters::NULL_PRINTED,
        (_, JinjaKind::UndefinedError) => "it uses a field that the value does not have",
        (_, JinjaKind::InvalidOperation) => "an operation does not fit its value",
        (_, JinjaKind::MissingArgument) => "a filter or function lacks an argument",
        (_, JinjaKind::TooManyArguments) => "a filter or function has too many arguments",
        (_, JinjaKind::UnknownFilter) => "it uses a filter that does not exist",
        (_, JinjaKind::UnknownTest) => "it uses a test that does not exist",
        (_, JinjaKind::UnknownFunction) => "it calls a function that does not exist",
        (_, JinjaKind::UnknownMethod) => "it calls a method that does not exist",
        (_, JinjaKind::CannotUnpack) => "a loop or assignment unpacks a value that has other parts",
        (_, JinjaKind::NonPrimitive | JinjaKind::NonKey) => "a value has the wrong type",
        (_, JinjaKind::BadSerialization) => "a value cannot be written as JSON",
        _ => "it fails for this row",
    };
    Error::new(ErrorKind::TemplateRender, format!("the template does not render, line {}: {what}", line(error)))
}

fn line(error: &minijinja::Error) -> String {
    error.line().map_or_else(|| "?".to_string(), |line| line.to_string())
}

#[cfg(test)]
mod tests;
