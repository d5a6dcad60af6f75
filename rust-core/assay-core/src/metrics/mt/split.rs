//! Splitting text into tokens as Python's `str.split()` and as the mteval scripts do.

use super::is_space;

/// What the rules of mteval see in a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::metrics) enum Class {
    /// Stands in tokens.
    Letter,
    /// Ends tokens.
    Space,
    /// Stands in tokens, and keeps a point between two of its kind.
    Digit,
    /// Is a token of its own, but next to digits.
    Point,
    /// Is a token of its own.
    Alone,
    /// Is a token of its own after a digit.
    Dash,
    /// Stands in tokens, but begins one of its own as the English `'s` at the end of a word.
    Possessive,
    /// For a byte of a character beyond ASCII.
    Beyond,
}

/// What differs between the tokenizers of mteval.
pub(in crate::metrics) struct Rules {
    /// The classes of the ASCII characters, and [`Class::Beyond`] for all other bytes.
    pub(in crate::metrics) bytes: [Class; 256],
    /// The classes of the characters beyond ASCII.
    pub(in crate::metrics) beyond: fn(char) -> Class,
    /// Whether the text stands between two spaces. Where it does not, its first and last character have no neighbour.
    pub(in crate::metrics) wrapped: bool,
}

/// A table of classes from a function of the ASCII characters.
macro_rules! classes {
    ($class:expr) => {{
        let mut classes = [Class::Beyond; 256];
        let mut byte = 0;
        while byte < 128 {
            classes[byte as usize] = $class(byte);
            byte += 1;
        }
        classes
    }};
}

pub(in crate::metrics) use classes;

/// The class of an ASCII character in mteval-v13a, and in Tercom.
pub(in crate::metrics) const fn mteval_class(byte: u8) -> Class {
    match byte {
        b'0'..=b'9' => Class::Digit,
        b'.' | b',' => Class::Point,
        b'-' => Class::Dash,
        b'!'..=b'&' | b'('..=b'+' | b'/' | b':'..=b'@' | b'['..=b'`' | b'{'..=b'~' => Class::Alone,
        b'\t'..=b'\r' | 0x1C..=b' ' => Class::Space,
        _ => Class::Letter,
    }
}

/// Calls `token` with the start and end of each token of `text`.
///
/// The scripts insert spaces by a sequence of regular expressions: around characters that stand alone; around a point
/// after what is no digit; around a point before what is no digit; around a dash after a digit. A match takes up its
/// neighbour, so in a run of points every second one is left to the next expression. This is their sum.
pub(in crate::metrics) fn split(text: &str, rules: &Rules, mut token: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    // A token begins at `start`, unless there are no characters yet, and `before` stands before `at`.
    let (mut start, mut at) = (0, 0);
    let mut before = rules.wrapped.then_some(Class::Space);
    let mut end_token = |start: usize, end: usize| {
        if end > start {
            token(start, end);
        }
    };
    while let Some(&byte) = bytes.get(at) {
        let (class, after) = match rules.bytes[byte as usize] {
            Class::Letter => {
                at += 1;
                while bytes.get(at).is_some_and(|&byte| rules.bytes[byte as usize] == Class::Letter) {
                    at += 1;
                }
                before = Some(Class::Letter);
                continue;
            }
            Class::Beyond => class_at(text, at, rules),
            class => (class, at + 1),
        };
        match class {
            Class::Possessive if is_possessive(bytes, at, rules) => {
                end_token(start, at);
                start = at;
            }
            Class::Letter | Class::Digit | Class::Possessive | Class::Beyond => {}
            Class::Dash if before != Some(Class::Digit) => {}
            Class::Space => {
                end_token(start, at);
                start = after;
            }
            Class::Alone | Class::Dash => {
                end_token(start, at);
                end_token(at, after);
                start = after;
            }
            Class::Point => {
                let run = Run::at(text, at, after, rules);
                let (no_digit_before, no_digit_after) = (is_no_digit(before), is_no_digit(run.next));
                if run.length > 1 || no_digit_before || no_digit_after {
                    end_token(start, at);
                    start = at;
                    // All but the last, which may stand before a digit.
                    while start < run.last {
                        let next = class_at(text, start, rules).1;
                        end_token(start, next);
                        start = next;
                    }
                    if no_digit_after || no_digit_before == (run.length % 2 == 1) {
                        end_token(start, run.end);
                        start = run.end;
                    }
                }
                before = Some(Class::Point);
                at = run.end;
                continue;
            }
        }
        before = Some(class);
        at = after;
    }
    end_token(start, at);
}

/// A run of points.
struct Run {
    length: usize,
    last: usize,
    end: usize,
    next: Option<Class>,
}

impl Run {
    fn at(text: &str, at: usize, after: usize, rules: &Rules) -> Run {
        let mut run = Run { length: 1, last: at, end: after, next: rules.wrapped.then_some(Class::Space) };
        while run.end < text.len() {
            let (class, after) = class_at(text, run.end, rules);
            if class != Class::Point {
                run.next = Some(class);
                break;
            }
            (run.length, run.last, run.end) = (run.length + 1, run.end, after);
        }
        run
    }
}

/// Whether there is a neighbour that is no digit.
fn is_no_digit(class: Option<Class>) -> bool {
    class.is_some_and(|class| class != Class::Digit)
}

/// The class of the character at `at`, and where it ends.
#[inline]
fn class_at(text: &str, at: usize, rules: &Rules) -> (Class, usize) {
    match rules.bytes[text.as_bytes()[at] as usize] {
        Class::Beyond => {
            let c = text[at..].chars().next().unwrap_or(' ');
            ((rules.beyond)(c), at + c.len_utf8())
        }
        class => (class, at + 1),
    }
}

/// Whether the apostrophe at `at` begins an `'s` and a space will follow it. Other whitespace is not meant.
fn is_possessive(bytes: &[u8], at: usize, rules: &Rules) -> bool {
    bytes.get(at + 1) == Some(&b's')
        && bytes
            .get(at + 2)
            .is_none_or(|&next| matches!(next, b' ' | b'\n') || rules.bytes[next as usize] == Class::Alone)
}

/// Calls `word` with the start and end of each word, as `str.split()` splits.
pub(in crate::metrics) fn words(text: &str, mut word: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        let after = match bytes[at] {
            b'\t'..=b'\r' | 0x1C..=b' ' => at + 1,
            ..128 => {
                at += 1;
                continue;
            }
            // No whitespace beyond ASCII begins with another byte.
            0xC2 | 0xE1..=0xE3 => match text[at..].chars().next() {
                Some(c) if is_space(c) => at + c.len_utf8(),
                Some(c) => {
                    at += c.len_utf8();
                    continue;
                }
                None => break,
            },
            _ => {
                at += 1;
                continue;
            }
        };
        if at > start {
            word(start, at);
        }
        (start, at) = (after, after);
    }
    if at > start {
        word(start, at);
    }
}
