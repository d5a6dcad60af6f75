//! The tokenizer of Tercom, as sacrebleu has it.

use super::super::mt::{Class, Rules, classes, is_space, lower_into, mteval_class, split, words};

/// Tokenizes texts. Keeps its memory between them.
pub(super) struct Tokenizer {
    normalized: bool,
    no_punct: bool,
    asian_support: bool,
    case_sensitive: bool,
    lowered: String,
    replaced: String,
    token: String,
    joined: Vec<u8>,
}

impl Tokenizer {
    pub(super) fn new(normalized: bool, no_punct: bool, asian_support: bool, case_sensitive: bool) -> Tokenizer {
        Tokenizer {
            normalized,
            no_punct,
            asian_support,
            case_sensitive,
            lowered: String::new(),
            replaced: String::new(),
            token: String::new(),
            joined: Vec::new(),
        }
    }

    /// Calls `token` with the text in which the tokens stand, and the start and end of each.
    pub(super) fn tokenize(&mut self, text: &str, token: impl FnMut(&[u8], usize, usize)) {
        if self.case_sensitive {
            self.split(text, token);
        } else {
            let mut lowered = std::mem::take(&mut self.lowered);
            lower_into(text, &mut lowered);
            self.split(&lowered, token);
            self.lowered = lowered;
        }
    }

    /// The same for a reference. sacrebleu tokenizes references twice, which can make a difference where it normalizes:
    /// the second time, all whitespace is spaces.
    pub(super) fn tokenize_reference(&mut self, text: &str, token: impl FnMut(&[u8], usize, usize)) {
        if !self.normalized {
            return self.tokenize(text, token);
        }
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        self.tokenize(text, |text, start, end| {
            if !joined.is_empty() {
                joined.push(b' ');
            }
            joined.extend_from_slice(&text[start..end]);
        });
        // Tokens are whole characters, so this is valid.
        self.split(std::str::from_utf8(&joined).unwrap_or_default(), token);
        self.joined = joined;
    }

    fn split(&mut self, text: &str, mut token: impl FnMut(&[u8], usize, usize)) {
        let text = if self.normalized { replace(text, &mut self.replaced) } else { text };
        let (no_punct, asian_support, kept) = (self.no_punct, self.asian_support, &mut self.token);
        let each = |start, end| {
            if no_punct {
                kept.clear();
                kept.extend(text[start..end].chars().filter(|&c| !is_punctuation(c, asian_support)));
                if !kept.is_empty() {
                    token(kept.as_bytes(), 0, kept.len());
                }
            } else {
                token(text.as_bytes(), start, end);
            }
        };
        match (self.normalized, asian_support) {
            (false, _) => words(text, each),
            (true, false) => split(text, &WESTERN, each),
            (true, true) => split(text, &ASIAN, each),
        }
    }
}

/// What comes before the split, one replacement after the other. A line break that stays is whitespace like a space.
fn replace<'a>(text: &str, replaced: &'a mut String) -> &'a str {
    replaced.clear();
    replaced.push_str(text.trim_end_matches(is_space));
    for (from, to) in [("\n-", ""), ("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
        if replaced.contains(from) {
            *replaced = replaced.replace(from, to);
        }
    }
    replaced
}

/// What `no_punct` removes, from within tokens too.
fn is_punctuation(c: char, asian_support: bool) -> bool {
    matches!(c, '.' | ',' | '?' | ':' | ';' | '!' | '"' | '(' | ')') || asian_support && is_asian_punctuation(c)
}

fn is_asian_punctuation(c: char) -> bool {
    matches!(
        c,
        '\u{3001}' | '\u{3002}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301F}' | '\u{FF61}'..='\u{FF65}' | '\u{30FB}'
            | '\u{FF0E}' | '\u{FF0C}' | '\u{FF1F}' | '\u{FF1A}' | '\u{FF1B}' | '\u{FF01}' | '\u{FF02}' | '\u{FF08}'
            | '\u{FF09}'
    )
}

/// Characters that are tokens of their own. sacrebleu writes the enclosed letters as 3200 to 3F22 where 32FF was meant.
/// Its rules for runs of kana match nothing, as they ask for the start of a text that begins with a space.
fn asian_class(c: char) -> Class {
    match c {
        '\u{2E80}'..='\u{2EFF}'
        | '\u{31C0}'..='\u{31EF}'
        | '\u{3200}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE4F}' => Class::Alone,
        c if is_asian_punctuation(c) => Class::Alone,
        c => western_class(c),
    }
}

fn western_class(c: char) -> Class {
    if is_space(c) { Class::Space } else { Class::Letter }
}

const fn ascii_class(byte: u8) -> Class {
    if byte == b'\'' { Class::Possessive } else { mteval_class(byte) }
}

static WESTERN: Rules = Rules { bytes: classes!(ascii_class), beyond: western_class, wrapped: true };
static ASIAN: Rules = Rules { bytes: classes!(ascii_class), beyond: asian_class, wrapped: true };
