//! Words as jiwer takes them from a text, as numbers.

use std::ops::Range;

use super::super::squad::is_space;

/// The words of texts, so that equal words have equal numbers.
///
/// As jiwer 4.0.0's `wer_default`: two or more whitespace characters become one space, the text is stripped, and spaces
/// separate words. So a single tab or newline is a part of its word.
#[derive(Default)]
pub(in super::super) struct Vocabulary {
    /// A word's number plus one, or zero for a free slot. A power of two.
    slots: Vec<u32>,
    /// Of each word its hash and where it stands in `bytes`.
    words: Vec<(u64, Range<usize>)>,
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
        self.bytes.reserve(text.len());
        split(text, |word| {
            if 2 * self.words.len() >= self.slots.len() {
                self.grow();
            }
            let hash = hash(word);
            let slot = self.slot(hash, word);
            if self.slots[slot] == 0 {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(word);
                self.words.push((hash, start..self.bytes.len()));
                self.slots[slot] = self.words.len() as u32;
            }
            numbers.push(self.slots[slot] - 1);
        });
    }

    /// The slot of a word, or the free one where it would go.
    fn slot(&self, hash: u64, word: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (hash >> 32) as usize & mask;
        while let Some((known_hash, known)) = self.words.get((self.slots[slot] as usize).wrapping_sub(1)) {
            if *known_hash == hash && self.bytes[known.clone()] == *word {
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
        for (number, (hash, _)) in self.words.iter().enumerate() {
            let mut slot = (hash >> 32) as usize & (slots - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (slots - 1);
            }
            self.slots[slot] = number as u32 + 1;
        }
    }
}

fn hash(word: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let (chunks, rest) = word.as_chunks::<8>();
    let mut hash = (word.len() as u64).wrapping_mul(ODD);
    for chunk in chunks {
        hash = (hash ^ u64::from_le_bytes(*chunk)).wrapping_mul(ODD).rotate_left(29);
    }
    let rest = rest.iter().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
    (hash ^ rest).wrapping_mul(ODD)
}

/// `text` without the whitespace at its ends: Python's `str.strip()`.
pub(in super::super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Calls `each` for every word.
fn split(text: &str, mut each: impl FnMut(&[u8])) {
    let text = strip(text);
    let bytes = text.as_bytes();
    // A word begins at `start`.
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        if !may_be_space(bytes[at]) {
            at += 1;
            continue;
        }
        let end = at + spaces(&text[at..]);
        if end == at {
            at += 1;
            while !text.is_char_boundary(at) {
                at += 1;
            }
            continue;
        }
        let is_single = text[at..end].chars().nth(1).is_none();
        if !is_single || bytes[at] == b' ' {
            each(&bytes[start..at]);
            start = end;
        }
        at = end;
    }
    if start < bytes.len() {
        each(&bytes[start..]);
    }
}

/// Whether a whitespace character may begin with this byte.
fn may_be_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1C..=b' ' | 0xC2 | 0xE1..=0xE3)
}

/// How many bytes of whitespace `text` begins with.
fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_space).len()
}
