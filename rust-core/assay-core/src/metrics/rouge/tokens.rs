//! Texts as numbers of tokens, cut into sentences at line breaks.

use super::unicode::{Class, class};
use crate::metrics::interner::Interner;
use crate::metrics::porter::Stemmer;
use crate::metrics::squad::lower_into;

/// A text as numbers of its tokens.
#[derive(Default)]
pub(super) struct Tokens {
    /// The numbers, in the order of the text.
    pub(super) ids: Vec<u32>,
    /// Where each sentence that has tokens ends.
    ends: Vec<usize>,
}

impl Tokens {
    /// The sentences that have tokens: where they begin, and their tokens.
    pub(super) fn sentences(&self) -> impl Iterator<Item = (usize, &[u32])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| (start, &self.ids[start..end]))
    }

    fn end_sentence(&mut self) {
        if self.ids.len() > self.ends.last().copied().unwrap_or(0) {
            self.ends.push(self.ids.len());
        }
    }
}

/// How a text becomes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenRule {
    /// The rule of rouge-score: the lowered text, at `[^a-z0-9]+`.
    Ascii,
    /// The same, and tokens of more than three characters are stemmed.
    Stemmed,
    /// Words of any script; see [`super::unicode`].
    Unicode,
}

/// What stands between tokens, which are of ASCII.
const SPACE: u8 = 0x80;
const LINE_END: u8 = 0x81;

/// The first place from `at` on that is not of a token. After the text come eight of these.
#[inline]
fn end_of_token(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes[at..].first_chunk() {
        match u64::from_le_bytes(*chunk) & 0x8080_8080_8080_8080 {
            0 => at += 8,
            marks => return at + marks.trailing_zeros() as usize / 8,
        }
    }
    at
}

/// Cuts texts by a rule, in memory that it keeps.
pub(super) struct Tokenizer {
    rule: TokenRule,
    stemmer: Stemmer,
    bytes: Vec<u8>,
    lowered: String,
    word: String,
}

impl Tokenizer {
    pub(super) fn new(rule: TokenRule) -> Self {
        let (stemmer, bytes, lowered, word) = Default::default();
        Tokenizer { rule, stemmer, bytes, lowered, word }
    }

    /// Puts the tokens of `text` into `tokens`, whose memory is reused.
    pub(super) fn tokenize(&mut self, text: &str, interner: &mut Interner, tokens: &mut Tokens) {
        tokens.ids.clear();
        tokens.ends.clear();
        if self.rule == TokenRule::Unicode && !text.is_ascii() {
            self.any_script(text, interner, tokens);
        } else {
            self.ascii(text, interner, tokens);
        }
        tokens.end_sentence();
    }

    fn ascii(&mut self, text: &str, interner: &mut Interner, tokens: &mut Tokens) {
        // The only characters beyond ASCII whose lower case has ASCII in it: the dotted I and the sign of Kelvin.
        let text = if !text.is_ascii() && text.contains(['\u{130}', '\u{212A}']) {
            lower_into(text, &mut self.lowered);
            &self.lowered
        } else {
            text
        };
        self.bytes.clear();
        self.bytes.extend(text.bytes().map(|byte| {
            let letter = byte | 0x20;
            if letter.wrapping_sub(b'a') < 26 {
                letter
            } else if byte.wrapping_sub(b'0') < 10 {
                byte
            } else if byte == b'\n' {
                LINE_END
            } else {
                SPACE
            }
        }));
        self.bytes.resize(self.bytes.len() + 8, SPACE);
        let (bytes, last) = (self.bytes.as_slice(), self.bytes.len() - 8);
        let stemmed = self.rule == TokenRule::Stemmed;
        let mut start = 0;
        while start < last {
            let end = end_of_token(bytes, start);
            if end > start {
                let stem = if stemmed && end > start + 3 { self.stemmer.stem(&bytes[start..end]) } else { None };
                tokens.ids.push(match stem {
                    Some(stem) => interner.intern(stem),
                    None => interner.intern_part(bytes, start, end),
                });
            }
            if bytes[end] == LINE_END {
                tokens.end_sentence();
            }
            start = end + 1;
        }
    }

    fn any_script(&mut self, text: &str, interner: &mut Interner, tokens: &mut Tokens) {
        lower_into(text, &mut self.lowered);
        self.word.clear();
        let mut alone = false;
        for c in self.lowered.chars() {
            let class = class(c);
            match class {
                Class::Form => continue,
                Class::Mark if !self.word.is_empty() => {}
                Class::Letter if !alone => {}
                _ => {
                    if !self.word.is_empty() {
                        tokens.ids.push(interner.intern(self.word.as_bytes()));
                        self.word.clear();
                    }
                    alone = class == Class::Alone;
                }
            }
            match class {
                Class::Letter | Class::Alone => self.word.push(c),
                Class::Mark if !self.word.is_empty() => self.word.push(c),
                _ if c == '\n' => tokens.end_sentence(),
                _ => {}
            }
        }
        if !self.word.is_empty() {
            tokens.ids.push(interner.intern(self.word.as_bytes()));
        }
    }
}
