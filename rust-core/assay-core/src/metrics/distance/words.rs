//! Words as jiwer takes them from a text, as numbers.

use std::ops::Range;

use super::super::squad::is_space;

/// The words of texts, so that equal words have equal numbers.
///
/// As jiwer 4.0.0's `wer_default`: two or more whitespace characters become one space, the text is stripped, and
/// spaces separate words. So a single tab or newline is a part of its word.
#[derive(Default)]
pub(in super::super) struct Vocabulary {
    /// A word's number plus one, or zero for a free slot. A power of two.
    slots: Vec<u32>,
    words: Vec<Word>,
    /// All texts.
    bytes: Vec<u8>,
}

/// The least number of slots.
const FEWEST: usize = 64;

impl Vocabulary {
    /// Forgets all words.
    pub(in super::super) fn clear(&mut self) {
        // So that one long text does not make each short one after it slow.
        self.slots.truncate((4 * self.words.len()).next_power_of_two().max(FEWEST));
        self.slots.fill(0);
        self.words.clear();
        self.bytes.clear();
    }

    /// Puts the numbers of the words of `text` into `numbers`, and learns the words.
    pub(in super::super) fn learn(&mut self, text: &str, numbers: &mut Vec<u32>) {
        numbers.clear();
        let text = strip(text);
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        split(text, |word| {
            if 2 * self.words.len() >= self.slots.len() {
                self.grow();
            }
            let word = Word::new(&self.bytes, offset + word.start..offset + word.end);
            let slot = self.slot(&word);
            if self.slots[slot] == 0 {
                self.words.push(word);
                self.slots[slot] = self.words.len() as u32;
            }
            numbers.push(self.slots[slot] - 1);
        });
    }

    /// The slot of a word, or the free one where it would go.
    #[inline]
    fn slot(&self, word: &Word) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = word.spread() & mask;
        while let Some(known) = self.words.get((self.slots[slot] as usize).wrapping_sub(1)) {
            if known.equals(word, &self.bytes) {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let slots = (2 * self.slots.len()).max(FEWEST);
        self.slots.clear();
        self.slots.resize(slots, 0);
        for (number, word) in self.words.iter().enumerate() {
            let mut slot = word.spread() & (slots - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (slots - 1);
            }
            self.slots[slot] = number as u32 + 1;
        }
    }
}

/// A word and where it stands.
struct Word {
    start: usize,
    length: usize,
    /// The bytes themselves where there are at most eight, else a hash of them.
    key: u64,
}

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Word {
    #[inline]
    fn new(bytes: &[u8], at: Range<usize>) -> Word {
        let (start, length) = (at.start, at.len());
        let word = &bytes[at.clone()];
        let key = match bytes[..at.end].last_chunk::<8>() {
            // Eight bytes that end with the word, less those before it.
            Some(chunk) if length <= 8 => u64::from_le_bytes(*chunk) >> (8 * (8 - length.max(1))),
            _ => {
                let (chunks, rest) = word.as_chunks::<8>();
                let rest = rest.iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
                let mix = |hash: u64, chunk: u64| (hash ^ chunk).wrapping_mul(ODD).rotate_left(29);
                chunks.iter().fold(0, |hash, chunk| mix(hash, u64::from_le_bytes(*chunk))) ^ rest
            }
        };
        Word { start, length, key }
    }

    #[inline]
    fn spread(&self) -> usize {
        (self.key.wrapping_mul(ODD) >> 32) as usize
    }

    #[inline]
    fn equals(&self, other: &Word, bytes: &[u8]) -> bool {
        let of = |word: &Word| bytes[word.start..word.start + word.length].iter();
        self.key == other.key && self.length == other.length && (self.length <= 8 || of(self).eq(of(other)))
    }
}

/// `text` without the whitespace at its ends: Python's `str.strip()`.
pub(in super::super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Calls `each` with the place of every word of a stripped text.
fn split(text: &str, each: impl FnMut(Range<usize>)) {
    if text.is_ascii() { split_ascii(text.as_bytes(), each) } else { split_unicode(text, each) }
}

fn split_ascii(bytes: &[u8], mut each: impl FnMut(Range<usize>)) {
    // A word begins at `start`.
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        at = end_of_word(bytes, at);
        let end = at + bytes[at..].iter().take_while(|byte| is_ascii_space(**byte)).count();
        if end > at + 1 || bytes.get(at).is_none_or(|byte| *byte == b' ') {
            if at > start {
                each(start..at);
            }
            start = end;
        }
        at = end.max(at + 1);
    }
    if start < bytes.len() {
        each(start..bytes.len());
    }
}

/// The first place from `at` on that is a space or less.
#[inline]
fn end_of_word(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let chunk = u64::from_le_bytes(*chunk);
        // The lowest bit is that of the first such byte; those above it may be wrong.
        let found = chunk.wrapping_sub(ONES * 0x21) & !chunk & (ONES * 0x80);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|byte| **byte > b' ').count()
}

fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1C..=b' ')
}

fn split_unicode(text: &str, mut each: impl FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        // Whitespace begins with one of these bytes.
        if !(is_ascii_space(bytes[at]) || matches!(bytes[at], 0xC2 | 0xE1..=0xE3)) {
            at += 1;
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let end = at + rest.len() - rest.trim_start_matches(is_space).len();
        if end == at {
            at += 1;
            continue;
        }
        if bytes[at] == b' ' || text[at..end].chars().nth(1).is_some() {
            each(start..at);
            start = end;
        }
        at = end;
    }
    if start < bytes.len() {
        each(start..bytes.len());
    }
}
