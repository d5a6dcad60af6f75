//! The token rule of `llm_rouge_unicode`: which part of a token a character is.
//!
//! A token is a run of letters, marks and digits of any script. In scripts that write no spaces between words (Han,
//! Hiragana, Katakana, Thai, Khmer, Lao, Myanmar) each letter, with the marks on it, is a token of its own; digits of
//! those scripts make runs like others. A mark that follows no letter or digit is dropped. Characters that only choose
//! how others look (zero-width joiner and non-joiner, soft hyphen, variation selectors) neither count nor cut. All else
//! cuts: white space, punctuation, symbols, emoji.

use std::cmp::Ordering;

use super::unicode_ranges::{ALONE, MARKS};

/// What a character does to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Cuts.
    Other,
    /// A letter or digit that makes a token with its neighbours.
    Letter,
    /// A letter that is a token of its own.
    Alone,
    /// A mark on the letter or digit before it.
    Mark,
    /// Neither counts nor cuts.
    Form,
}

/// The class of a character. Letters and digits are those of the Alphabetic property and the categories of numbers.
pub(super) fn class(c: char) -> Class {
    if matches!(c, '\u{AD}' | '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}') {
        Class::Form
    } else if c >= '\u{E00}' && within(ALONE, c) {
        Class::Alone
    } else if c >= '\u{300}' && within(MARKS, c) {
        Class::Mark
    } else if c.is_alphanumeric() {
        Class::Letter
    } else {
        Class::Other
    }
}

fn within(ranges: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    ranges
        .binary_search_by(|&(first, last)| match () {
            () if last < c => Ordering::Less,
            () if first > c => Ordering::Greater,
            () => Ordering::Equal,
        })
        .is_ok()
}
