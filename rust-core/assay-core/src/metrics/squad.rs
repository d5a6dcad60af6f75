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
    /// The tokens, each followed by one space, and then [`PADDING`] bytes of no meaning.
    bytes: Vec<u8>,
    tokens: Vec<Token>,
    lowered: String,
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

const SPACE: u8 = b' ';
const DELETED: u8 = 0;
const OTHER: u8 = 1;

/// For each ASCII byte: itself in lower case if it is a letter or digit, [`SPACE`], [`DELETED`] or [`OTHER`].
const ASCII: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] = if b.is_ascii_alphanumeric() {
            b.to_ascii_lowercase()
        } else if is_space_ascii(b) {
            SPACE
        } else if b.is_ascii_punctuation() {
            DELETED
        } else {
            OTHER
        };
        byte += 1;
    }
    table
};

impl Normalizer {
    /// The normalized text, as UTF-8.
    pub(super) fn normalize(&mut self, text: &str) -> &str {
        self.tokenize(text);
        let length = self.tokens.last().map_or(0, |last| last.start + last.length);
        // Whole characters went in, so this is valid; checking it again is cheaper than unsafe code is dear.
        std::str::from_utf8(&self.bytes[..length]).unwrap_or_default()
    }

    /// The tokens of the normalized text.
    pub(super) fn tokenize(&mut self, text: &str) -> &[Token] {
        self.tokens.clear();
        if !self.tokenize_ascii(text) {
            self.tokens.clear();
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

    /// The way for letters, digits, punctuation and whitespace of ASCII; false where there is anything else.
    ///
    /// Here a run of word characters is a whole token, so an article is a token.
    fn tokenize_ascii(&mut self, text: &str) -> bool {
        self.bytes.resize(text.len() + 1 + PADDING, 0);
        let (mut start, mut end) = (0, 0);
        for &byte in text.as_bytes() {
            match ASCII[usize::from(byte)] {
                DELETED => {}
                OTHER => return false,
                SPACE => {
                    if end > start {
                        start = self.push_unless_article(start, end);
                        end = start;
                    }
                }
                lowered => {
                    self.bytes[end] = lowered;
                    end += 1;
                }
            }
        }
        if end > start {
            self.push_unless_article(start, end);
        }
        true
    }

    #[inline]
    fn push_unless_article(&mut self, start: usize, end: usize) -> usize {
        match &self.bytes[start..end] {
            b"a" | b"an" | b"the" => start,
            _ => self.push(start, end),
        }
    }

    /// Ends a token and returns where the next one begins.
    #[inline]
    fn push(&mut self, start: usize, end: usize) -> usize {
        let key = self.key(start, end - start);
        self.tokens.push(Token { start, length: end - start, key });
        self.bytes[end] = SPACE;
        end + 1
    }

    #[inline]
    fn key(&self, start: usize, length: usize) -> u64 {
        let mut hash = 0u64;
        let mut at = start;
        let mut left = length;
        while left > 8 {
            hash = (hash ^ self.word(at)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
            at += 8;
            left -= 8;
        }
        hash ^ (self.word(at) & (u64::MAX >> (64 - 8 * left)))
    }

    #[inline]
    fn word(&self, at: usize) -> u64 {
        self.bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
    }

    /// The way for any text.
    fn tokenize_unicode(&mut self, text: &str) {
        let mut lowered = std::mem::take(&mut self.lowered);
        lower_into(text, &mut lowered);
        self.bytes.resize(lowered.len() + 1 + PADDING, 0);
        // A token begins at `start`; inside it, a run of word characters begins at `run`.
        let (mut start, mut run, mut end) = (0, 0, 0);
        for c in lowered.chars().filter(|c| !c.is_ascii_punctuation()) {
            if is_word(c) {
                c.encode_utf8(&mut self.bytes[end..]);
                end += c.len_utf8();
                continue;
            }
            (start, end) = self.end_run(start, run, end);
            if is_space(c) {
                if end > start {
                    start = self.push(start, end);
                    end = start;
                }
            } else {
                c.encode_utf8(&mut self.bytes[end..]);
                end += c.len_utf8();
            }
            run = end;
        }
        (start, end) = self.end_run(start, run, end);
        if end > start {
            self.push(start, end);
        }
        self.lowered = lowered;
    }

    /// Takes an article out, which ends the token before it. Returns where the token begins and where it ends.
    fn end_run(&mut self, start: usize, run: usize, end: usize) -> (usize, usize) {
        if !matches!(&self.bytes[run..end], b"a" | b"an" | b"the") {
            return (start, end);
        }
        let start = if run > start { self.push(start, run) } else { start };
        (start, start)
    }
}

impl Token {
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
    } else {
        lowered.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// Python's `str.isspace()` for ASCII. It includes the separators 1C to 1F, which Rust does not count.
const fn is_space_ascii(byte: u8) -> bool {
    matches!(byte, 0x09..=0x0D | 0x1C..=0x20)
}

/// Python's `str.isspace()`, by which `str.split()` splits.
fn is_space(c: char) -> bool {
    match u8::try_from(c) {
        Ok(byte) if byte.is_ascii() => is_space_ascii(byte),
        _ => c.is_whitespace(),
    }
}

#[cfg(test)]
mod tests;
