//! Tokens as numbers.

/// Gives equal tokens the same number, and different ones different numbers. Keeps its memory between texts.
#[derive(Default)]
pub(in crate::metrics) struct Interner {
    /// A token's number plus one, or zero for a free slot. A power of two, at least twice as many as there are tokens.
    slots: Vec<u32>,
    tokens: Vec<Token>,
    /// The bytes of the tokens that are longer than their keys.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Token {
    /// The bytes themselves where there are at most eight, else a hash of them.
    key: u64,
    length: usize,
    /// Where a long token's bytes begin.
    start: usize,
}

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

impl Interner {
    /// Forgets all tokens. Texts of `length` bytes will follow, as a guess.
    pub(in crate::metrics) fn clear(&mut self, length: usize) {
        self.tokens.clear();
        self.bytes.clear();
        self.slots.clear();
        self.slots.resize((length / 4).next_power_of_two().max(16), 0);
    }

    /// How many different tokens there are; their numbers are those below.
    pub(in crate::metrics) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The number of the token `text[start..end]`, a new one where there is none.
    #[inline]
    pub(in crate::metrics) fn intern(&mut self, text: &[u8], start: usize, end: usize) -> u32 {
        let key = key(text, start, end);
        let slot = self.slot(key, &text[start..end]);
        if self.slots[slot] == 0 {
            self.insert(slot, key, &text[start..end]);
            return self.tokens.len() as u32 - 1;
        }
        self.slots[slot] - 1
    }

    /// The number of the token `text[start..end]`, if it has one.
    #[inline]
    pub(in crate::metrics) fn find(&self, text: &[u8], start: usize, end: usize) -> Option<u32> {
        self.slots[self.slot(key(text, start, end), &text[start..end])].checked_sub(1)
    }

    #[inline(always)]
    fn slot(&self, key: u64, token: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (key.wrapping_mul(MULTIPLIER) >> 32) as usize & mask;
        while let Some(known) = self.tokens.get((self.slots[slot] as usize).wrapping_sub(1)) {
            if known.key == key
                && known.length == token.len()
                && (token.len() <= 8 || self.bytes[known.start..known.start + known.length] == *token)
            {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    #[inline(never)]
    fn insert(&mut self, slot: usize, key: u64, token: &[u8]) {
        self.tokens.push(Token { key, length: token.len(), start: self.bytes.len() });
        self.slots[slot] = self.tokens.len() as u32;
        if token.len() > 8 {
            self.bytes.extend_from_slice(token);
        }
        if 2 * self.tokens.len() > self.slots.len() {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mask = 2 * self.slots.len() - 1;
        self.slots.clear();
        self.slots.resize(mask + 1, 0);
        for (number, token) in (1..).zip(&self.tokens) {
            let mut slot = (token.key.wrapping_mul(MULTIPLIER) >> 32) as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = number;
        }
    }
}

#[inline(always)]
fn key(text: &[u8], start: usize, end: usize) -> u64 {
    let mut left = end - start;
    let mut at = start;
    let mut hash = 0_u64;
    while left > 8 {
        hash = (hash ^ word(text, at, 8)).wrapping_mul(MULTIPLIER).rotate_left(29);
        at += 8;
        left -= 8;
    }
    hash ^ word(text, at, left)
}

/// The `length` bytes from `at` on, at most eight.
#[inline]
fn word(text: &[u8], at: usize, length: usize) -> u64 {
    if length == 0 {
        return 0;
    }
    match text[at..].first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk) & (u64::MAX >> (64 - 8 * length)),
        None => text[at..at + length].iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)),
    }
}
