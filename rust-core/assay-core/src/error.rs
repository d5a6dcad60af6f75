//! One error type. Callers match on [`ErrorKind`], never on text.
//!
//! A message says what is wrong, where, and what to do. It never holds a prompt, an answer or a key:
//! give a row index and a length instead.

use std::fmt;

/// The result of every fallible function in this crate.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident => $condition:literal,)+) => {
        /// What went wrong, as a kind that callers can match on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[doc = $doc])+ $kind,)+ }

        impl ErrorKind {
            /// Every kind, in alphabetical order of the condition.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind,)+];

            /// The name under which Spark shows the error, for instance `ASSAY_UNKNOWN_OPTION`.
            pub fn condition(self) -> &'static str {
                match self { $(ErrorKind::$kind => $condition,)+ }
            }
        }
    };
}

kinds! {
    /// The cache table cannot be used: it is not there, not readable, or not what Assay has written.
    CacheTable => "ASSAY_CACHE_TABLE",
    /// The session was cancelled: the task was killed or the application stopped.
    Cancelled => "ASSAY_CANCELLED",
    /// An entry of a journal that is not what was written.
    DamagedJournal => "ASSAY_DAMAGED_JOURNAL",
    /// A bug: a panic caught at the border, or an invariant that did not hold.
    Internal => "ASSAY_INTERNAL",
    /// A function argument has the wrong number, type or value.
    InvalidArgument => "ASSAY_INVALID_ARGUMENT",
    /// A model's configuration holds a value that cannot be used.
    InvalidModel => "ASSAY_INVALID_MODEL",
    /// An option has a value of the wrong type or outside its range.
    InvalidOption => "ASSAY_INVALID_OPTION",
    /// A message from the shim cannot be read, or a session got a message that it does not take.
    InvalidSpec => "ASSAY_INVALID_SPEC",
    /// A journal cannot be written or read.
    Journal => "ASSAY_JOURNAL",
    /// The folder of a local model, or a file in it, is missing, damaged or of a model that cannot be run.
    LocalModel => "ASSAY_LOCAL_MODEL",
    /// An Arrow batch cannot be read or does not fit the spec.
    MalformedBatch => "ASSAY_MALFORMED_BATCH",
    /// A model has no API key where its provider needs one.
    MissingKey => "ASSAY_MISSING_KEY",
    /// A handle that is closed or was never given out.
    StaleHandle => "ASSAY_STALE_HANDLE",
    /// A template that does not render for one row.
    TemplateRender => "ASSAY_TEMPLATE_RENDER",
    /// A template that does not parse.
    TemplateSyntax => "ASSAY_TEMPLATE_SYNTAX",
    /// A template that uses a variable which no field gives.
    TemplateVariable => "ASSAY_TEMPLATE_VARIABLE",
    /// A function that the engine does not have.
    UnknownFunction => "ASSAY_UNKNOWN_FUNCTION",
    /// A model name that is not configured.
    UnknownModel => "ASSAY_UNKNOWN_MODEL",
    /// An option that the function does not have.
    UnknownOption => "ASSAY_UNKNOWN_OPTION",
    /// A provider that the engine does not have.
    UnknownProvider => "ASSAY_UNKNOWN_PROVIDER",
    /// A column type that the function cannot take.
    UnsupportedType => "ASSAY_UNSUPPORTED_TYPE",
    /// The jar and the native library are of different versions.
    VersionMismatch => "ASSAY_VERSION_MISMATCH",
}

/// An error: kind and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into() }
    }

    /// A bug in Assay itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Internal, message)
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What is wrong, where and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same error with `context` in front of its message.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.kind.condition(), self.message)
    }
}

impl std::error::Error for Error {}

/// `, did you mean 'x'?` with the nearest of `known`, or the list of them when none is near.
///
/// ```
/// assert_eq!(assay_core::error::hint("temprature", ["temperature", "top_p"]), "; did you mean 'temperature'?");
/// ```
pub fn hint<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    let lower = given.to_lowercase();
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), *name))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, name)) => format!("; did you mean '{name}'?"),
        None if known.is_empty() => "; there are none".to_string(),
        None => format!("; known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_sorted_and_unique() {
        let names: Vec<_> = ErrorKind::ALL.iter().map(|k| k.condition()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }

    #[test]
    fn a_far_name_lists_what_there_is() {
        assert_eq!(hint("zzz", ["b", "a"]), "; known: a, b");
    }
}
