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
            } else if byte.wrapping_sub(b'0') < 10 || byte == b'\n' {
                byte
            } else {
                b' '
            }
        }));
        let stemmed = self.rule == TokenRule::Stemmed;
        let mut rest = self.bytes.as_slice();
        loop {
            let end = rest.iter().position(|&byte| byte <= b' ').unwrap_or(rest.len());
            let token = &rest[..end];
            if !token.is_empty() {
                let stem = if stemmed && end > 3 { self.stemmer.stem(token) } else { None };
                tokens.ids.push(interner.intern(stem.unwrap_or(token)));
            }
            match rest.get(end) {
                None => return,
                Some(b'\n') => tokens.end_sentence(),
                Some(_) => {}
            }
            rest = &rest[end + 1..];
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
