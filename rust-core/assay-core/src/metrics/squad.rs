//! Text normalisation of the official SQuAD script, as Python does it.
//!
//! The steps: `str.lower()`; delete the characters of `string.punctuation` (ASCII only); replace
//! `\b(a|an|the)\b` by a space, with Python's Unicode meaning of `\b`; `" ".join(text.split())`.
//! Source: SQuAD evaluate-v1.1.py, `normalize_answer`; checked against CPython 3.11 (Unicode 14).

mod unicode_word;

use unicode_word::is_word;

/// Normalizes texts into memory that it keeps.
#[derive(Default)]
pub(super) struct Normalizer {
    /// The lowered text in which the tokens lie, and then [`PADDING`] bytes of no meaning.
    bytes: Vec<u8>,
    /// For each byte of an ASCII text what it is: zero, [`PUNCTUATION`] or [`SPACE`].
    marks: Vec<u8>,
    tokens: Vec<Token>,
    lowered: String,
    joined: String,
}

/// A token of a normalized text.
#[derive(Clone, Copy)]
pub(super) struct Token {
    start: usize,
    length: usize,
    /// The bytes themselves where there are at most eight, else a hash of them.
    pub(super) key: u64,
}

/// So that eight bytes can be read from wherever a token begins.
const PADDING: usize = 8;

/// How many bytes are lowered together.
const BLOCK: usize = 16;

/// Letters and digits are marked by zero.
const PUNCTUATION: u8 = 1;
const SPACE: u8 = 2;

impl Normalizer {
    /// The normalized text: its tokens, joined by spaces.
    pub(super) fn normalize(&mut self, text: &str) -> &str {
        self.tokenize(text);
        self.joined.clear();
        for token in &self.tokens {
            if !self.joined.is_empty() {
                self.joined.push(' ');
            }
            // Tokens are whole characters, so this is valid; checking it again is cheaper than unsafe code is dear.
            let bytes = &self.bytes[token.start..token.start + token.length];
            self.joined.push_str(std::str::from_utf8(bytes).unwrap_or_default());
        }
        &self.joined
    }

    /// The tokens of the normalized text.
    pub(super) fn tokenize(&mut self, text: &str) -> &[Token] {
        self.tokens.clear();
        if self.lower_ascii(text) {
            self.tokenize_ascii(text.len());
        } else {
            self.tokenize_unicode(text);
        }
        &self.tokens
    }

    /// The tokens of the last text.
    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The bytes of a token of the last text.
    pub(super) fn bytes(&self, token: &Token) -> &[u8] {
        &self.bytes[token.start..token.start + token.length]
    }

    /// Whether the last texts of both have the same tokens, which is when their normalized texts are equal.
    pub(super) fn same_tokens(&self, other: &Normalizer) -> bool {
        self.tokens.len() == other.tokens.len()
            && self.tokens.iter().zip(&other.tokens).all(|(here, there)| here.equals(self, there, other))
    }

    /// Lowers and marks a text of letters, digits, punctuation and whitespace of ASCII; false where there is anything
    /// else. Whole blocks and no branches, so that the compiler uses vector instructions.
    fn lower_ascii(&mut self, text: &str) -> bool {
        let padded = (text.len() + PADDING).next_multiple_of(BLOCK);
        self.bytes.clear();
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.resize(padded, b' ');
        self.marks.resize(padded, SPACE);
        let mut others = 0;
        let (blocks, marks) = (self.bytes.as_chunks_mut::<BLOCK>().0, self.marks.as_chunks_mut::<BLOCK>().0);
        for (block, marks) in blocks.iter_mut().zip(marks) {
            for (byte, mark) in block.iter_mut().zip(marks) {
                let within = |first: u8, count: u8| u8::from(byte.wrapping_sub(first) < count);
                let upper = within(b'A', 26);
                let word = upper | within(b'a', 26) | within(b'0', 10);
                let space = within(0x09, 5) | within(0x1C, 5);
                let punctuation = within(b'!', 94) & (word ^ 1);
                *byte |= upper << 5;
                *mark = (punctuation * PUNCTUATION) | (space * SPACE);
                others |= (word | space | punctuation) ^ 1;
            }
        }
        others == 0
    }

    /// The way for texts that [`Normalizer::lower_ascii`] took. A run of word characters is a whole token here, so an
    /// article is a token.
    fn tokenize_ascii(&mut self, length: usize) {
        let (bytes, marks) = (self.bytes.as_mut_slice(), self.marks.as_slice());
        let mut at = 0;
        let (mut start, mut end) = (0, 0);
        while at <= length {
            let word_end = end_of_word(marks, at);
            if end == start {
                (start, end) = (at, word_end);
            } else if word_end > at {
                // Punctuation inside the token goes.
                bytes.copy_within(at..word_end, end);
                end += word_end - at;
            }
            if marks[word_end] == SPACE && end > start {
                let token = token(bytes, start, end);
                if !token.is_article() {
                    self.tokens.push(token);
                }
                start = end;
            }
            at = word_end + 1;
        }
    }

    /// Ends a token of any text and returns where the next one begins.
    fn push(&mut self, start: usize, end: usize) -> usize {
        self.tokens.push(token(&self.bytes, start, end));
        end
    }

    /// The way for any text.
    fn tokenize_unicode(&mut self, text: &str) {
        let mut lowered = std::mem::take(&mut self.lowered);
        lower_into(text, &mut lowered);
        self.bytes.resize(lowered.len() + PADDING, 0);
        // A token begins at `start`, and in it a run of ASCII letters and digits at `run`, after the character `before`.
        let (mut start, mut run, mut end) = (0, 0, 0);
        let mut before = ' ';
        for c in lowered.chars().filter(|c| !c.is_ascii_punctuation()) {
            if c.is_ascii_alphanumeric() {
                self.bytes[end] = c as u8;
                end += 1;
                continue;
            }
            (start, end) = self.end_run(start, run, end, before, c);
            if !is_space(c) {
                end += c.encode_utf8(&mut self.bytes[end..]).len();
            } else if end > start {
                start = self.push(start, end);
            }
            run = end;
            before = c;
        }
        (start, end) = self.end_run(start, run, end, before, ' ');
        if end > start {
            self.push(start, end);
        }
        self.lowered = lowered;
    }

    /// Takes a run out if it is an article that stands between characters that are none of words, which ends the token
    /// before it. Returns where the token begins and where it ends.
    #[inline]
    fn end_run(&mut self, start: usize, run: usize, end: usize, before: char, after: char) -> (usize, usize) {
        let article = matches!(&self.bytes[run..end], b"a" | b"an" | b"the");
        if !article || is_word(before) || is_word(after) {
            return (start, end);
        }
        let start = if run > start { self.push(start, run) } else { start };
        (start, start)
    }
}

/// The first place from `at` on whose mark is not zero.
#[inline]
fn end_of_word(marks: &[u8], mut at: usize) -> usize {
    loop {
        match word(marks, at) {
            0 if at + PADDING < marks.len() => at += 8,
            marks => return at + marks.trailing_zeros() as usize / 8,
        }
    }
}

#[inline]
fn token(bytes: &[u8], start: usize, end: usize) -> Token {
    let mut hash = 0u64;
    let (mut at, mut left) = (start, end - start);
    while left > 8 {
        hash = (hash ^ word(bytes, at)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        at += 8;
        left -= 8;
    }
    let key = hash ^ (word(bytes, at) & (u64::MAX >> (64 - 8 * left)));
    Token { start, length: end - start, key }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

impl Token {
    /// Whether it is a, an or the, for a token without zero bytes: then the key alone tells it from others.
    #[inline]
    fn is_article(&self) -> bool {
        const A: u64 = u64::from_le_bytes(*b"a\0\0\0\0\0\0\0");
        const AN: u64 = u64::from_le_bytes(*b"an\0\0\0\0\0\0");
        const THE: u64 = u64::from_le_bytes(*b"the\0\0\0\0\0");
        self.length <= 3 && matches!(self.key, A | AN | THE)
    }

    /// Whether two tokens are equal, given where their bytes are.
    #[inline]
    pub(super) fn equals(&self, here: &Normalizer, other: &Token, there: &Normalizer) -> bool {
        self.key == other.key
            && self.length == other.length
            && (self.length <= 8 || here.bytes(self) == there.bytes(other))
    }
}

/// Python's `str.lower()`: full case mapping, with the final sigma.
pub(super) fn lower_into(text: &str, lowered: &mut String) {
    lowered.clear();
    if text.contains('Σ') {
        // Only the whole text tells which sigma is final.
        lowered.push_str(&text.to_lowercase());
        return;
    }
    lowered.reserve(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            lowered.push(c.to_ascii_lowercase());
        } else if has_no_case(c) {
            lowered.push(c);
        } else {
            c.to_lowercase().for_each(|c| lowered.push(c));
        }
    }
}

/// Blocks without case, where a look into the table of cases can be saved: Hebrew to Myanmar, and the scripts of East
/// Asia.
fn has_no_case(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{109F}' | '\u{2E80}'..='\u{A63F}' | '\u{AC00}'..='\u{FAFF}')
}

/// Python's `str.isspace()`, by which `str.split()` splits. It has the separators 1C to 1F, which Rust does not count.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1C'..='\x1F')
}

#[cfg(test)]
mod tests;
