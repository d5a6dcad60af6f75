//! The tokenizers of sacrebleu: 13a, intl, char, zh and none.

use super::super::mt::{Class, Rules, classes, is_space, lower_into, mteval_class, split, words};
use super::classes::intl_class;

/// Which tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// mteval-v13a: ASCII punctuation, entities of SGML.
    Mteval13a,
    /// mteval-v14 in its international form: punctuation and symbols of Unicode.
    International,
    /// Each character.
    Character,
    /// Each Chinese character, the rest as in 13a but for the entities.
    Chinese,
    /// Whitespace only.
    Whitespace,
}

impl Kind {
    /// The tokenizer that sacrebleu calls `name`; 13a where there is none of that name.
    pub(super) fn of(name: &str) -> Kind {
        match name {
            "intl" => Kind::International,
            "char" => Kind::Character,
            "zh" => Kind::Chinese,
            "none" => Kind::Whitespace,
            _ => Kind::Mteval13a,
        }
    }
}

/// Tokenizes texts. Keeps its memory between them.
pub(super) struct Tokenizer {
    kind: Kind,
    lowercase: bool,
    lowered: String,
    replaced: String,
}

impl Tokenizer {
    pub(super) fn new(kind: Kind, lowercase: bool) -> Tokenizer {
        Tokenizer { kind, lowercase, lowered: String::new(), replaced: String::new() }
    }

    /// Calls `token` with the text in which the tokens stand, and the start and end of each.
    pub(super) fn tokenize(&mut self, text: &str, mut token: impl FnMut(&[u8], usize, usize)) {
        let text = if self.lowercase {
            lower_into(text, &mut self.lowered);
            self.lowered.as_str()
        } else {
            text
        };
        let text = text.trim_end_matches(is_space);
        match self.kind {
            Kind::Mteval13a => {
                let text = if needs_replacing(text) { replace(text, &mut self.replaced) } else { text };
                split(text, &MTEVAL, |start, end| token(text.as_bytes(), start, end));
            }
            Kind::International => split(text, &INTERNATIONAL, |start, end| token(text.as_bytes(), start, end)),
            Kind::Chinese => {
                let text = text.trim_start_matches(is_space);
                split(text, &CHINESE, |start, end| token(text.as_bytes(), start, end));
            }
            Kind::Character => {
                for (start, c) in text.char_indices().filter(|&(_, c)| !is_space(c)) {
                    token(text.as_bytes(), start, start + c.len_utf8());
                }
            }
            Kind::Whitespace => words(text, |start, end| token(text.as_bytes(), start, end)),
        }
    }
}

/// Whether 13a has something to replace, or may have. Without an early end, so that it is compiled to vector instructions.
fn needs_replacing(text: &str) -> bool {
    text.bytes().fold(false, |found, byte| found | (byte == b'<') | (byte == b'&') | (byte == b'\n'))
}

/// What 13a does before it splits, one replacement after the other.
fn replace<'a>(text: &str, replaced: &'a mut String) -> &'a str {
    replaced.clear();
    replaced.push_str(text);
    for (from, to) in [("<skipped>", ""), ("-\n", ""), ("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
        if replaced.contains(from) {
            *replaced = replaced.replace(from, to);
        }
    }
    replaced
}

const fn international_class(byte: u8) -> Class {
    match byte {
        b'$' | b'+' | b'<'..=b'>' | b'^' | b'`' | b'|' | b'~' => Class::Alone,
        b'\'' => Class::Point,
        _ => match mteval_class(byte) {
            Class::Alone | Class::Dash => Class::Point,
            class => class,
        },
    }
}

/// Python's `split` separates whitespace, which no rule of 13a names.
fn other_class(c: char) -> Class {
    if is_space(c) { Class::Space } else { Class::Letter }
}

static MTEVAL: Rules = Rules { bytes: classes!(mteval_class), beyond: other_class, wrapped: true };
static INTERNATIONAL: Rules = Rules { bytes: classes!(international_class), beyond: intl_class, wrapped: false };
static CHINESE: Rules = Rules { bytes: classes!(mteval_class), beyond: chinese_class, wrapped: false };

/// The blocks that sacrebleu takes for Chinese. Two of them lie beyond the BMP by intent, but are written with four
/// digits and one more character, so that what they hold are 2001 to 2A6D and 2F81 to 2FA1.
fn chinese_class(c: char) -> Class {
    match c {
        c if is_space(c) => Class::Space,
        '\u{2001}'..='\u{2A6D}'
        | '\u{2E80}'..='\u{2FDF}'
        | '\u{2FF0}'..='\u{303F}'
        | '\u{3100}'..='\u{312F}'
        | '\u{31A0}'..='\u{31EF}'
        | '\u{3200}'..='\u{4DB5}'
        | '\u{4E00}'..='\u{9FBB}'
        | '\u{F900}'..='\u{FA2D}'
        | '\u{FA30}'..='\u{FA6A}'
        | '\u{FA70}'..='\u{FAD9}'
        | '\u{FE10}'..='\u{FE1F}'
        | '\u{FE30}'..='\u{FE4F}'
        | '\u{FF00}'..='\u{FFEF}' => Class::Alone,
        _ => Class::Letter,
    }
}
