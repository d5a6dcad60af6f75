//! Numbers for tokens: kernels compare integers, not texts.

use std::hash::{BuildHasher, RandomState};

/// Gives each distinct token a number, from 0 upward, in memory that it keeps.
pub(super) struct Interner {
    /// The bytes of tokens longer than [`SHORT`], one after the other.
    bytes: Vec<u8>,
    tokens: Vec<Token>,
    /// A token's number plus one, or zero for a free slot. A power of two, more than there are tokens.
    slots: Vec<u32>,
    /// Unknown outside, so that no text can be made whose tokens all fall into one slot.
    seed: u64,
}

#[derive(Clone, Copy)]
struct Token {
    /// The bytes themselves where there are at most [`SHORT`], else a hash of them.
    key: [u8; SHORT],
    length: usize,
    start: usize,
    slot: usize,
}

const SHORT: usize = 8;

impl Default for Interner {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(0u8);
        Interner { bytes: Vec::new(), tokens: Vec::new(), slots: vec![0; 64], seed }
    }
}

impl Interner {
    /// Forgets all tokens. Takes as long as there are tokens, however large the table has become.
    pub(super) fn clear(&mut self) {
        for token in &self.tokens {
            self.slots[token.slot] = 0;
        }
        self.tokens.clear();
        self.bytes.clear();
    }

    /// How many numbers were given.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The token whose number is `id`.
    pub(super) fn token(&self, id: u32) -> &[u8] {
        let token = &self.tokens[id as usize];
        match token.key.get(..token.length) {
            Some(short) => short,
            None => &self.bytes[token.start..token.start + token.length],
        }
    }

    /// The number of `token`.
    #[inline]
    pub(super) fn intern(&mut self, token: &[u8]) -> u32 {
        self.intern_part(token, 0, token.len())
    }

    /// The number of the token that is `text[start..end]`. Faster than [`Interner::intern`] where more bytes follow.
    #[inline]
    pub(super) fn intern_part(&mut self, text: &[u8], start: usize, end: usize) -> u32 {
        let length = end - start;
        let key = match text[start..].first_chunk() {
            Some(chunk) if (1..=SHORT).contains(&length) => {
                u64::from_le_bytes(*chunk) & (u64::MAX >> (64 - 8 * length as u32))
            }
            _ => self.key(&text[start..end]),
        };
        let mask = self.slots.len() - 1;
        let mut slot = self.first_slot(key);
        while let Some(known) = self.tokens.get((self.slots[slot] as usize).wrapping_sub(1)) {
            if known.key == key.to_le_bytes()
                && known.length == length
                && (length <= SHORT || self.bytes[known.start..known.start + length] == text[start..end])
            {
                return self.slots[slot] - 1;
            }
            slot = (slot + 1) & mask;
        }
        self.add(&text[start..end], key, slot)
    }

    fn add(&mut self, token: &[u8], key: u64, slot: usize) -> u32 {
        let start = self.bytes.len();
        if token.len() > SHORT {
            self.bytes.extend_from_slice(token);
        }
        let number = self.tokens.len() as u32;
        self.tokens.push(Token { key: key.to_le_bytes(), length: token.len(), start, slot });
        self.slots[slot] = number + 1;
        if self.tokens.len() * 2 > self.slots.len() {
            self.grow();
        }
        number
    }

    #[inline]
    fn first_slot(&self, key: u64) -> usize {
        fold(key ^ self.seed) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        let capacity = self.slots.len() * 2;
        self.slots.clear();
        self.slots.resize(capacity, 0);
        for number in 0..self.tokens.len() {
            let mut slot = self.first_slot(u64::from_le_bytes(self.tokens[number].key));
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (capacity - 1);
            }
            self.slots[slot] = number as u32 + 1;
            self.tokens[number].slot = slot;
        }
    }

    fn key(&self, token: &[u8]) -> u64 {
        let (words, rest) = token.as_chunks::<SHORT>();
        match words {
            [] => short_key(rest),
            [word] if rest.is_empty() => u64::from_le_bytes(*word),
            words => {
                let hash = words.iter().fold(self.seed, |hash, word| fold(hash ^ u64::from_le_bytes(*word)));
                fold(hash ^ short_key(rest))
            }
        }
    }
}

/// The bytes of a token of fewer than [`SHORT`], in two reads that may overlap.
fn short_key(token: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (token.first_chunk(), token.last_chunk()) {
        let shift = 8 * (token.len() as u32 - 4);
        u64::from(u32::from_le_bytes(*first)) | (u64::from(u32::from_le_bytes(*last)) << shift)
    } else if let (Some(first), Some(last)) = (token.first_chunk(), token.last_chunk()) {
        let shift = 8 * (token.len() as u32 - 2);
        u64::from(u16::from_le_bytes(*first)) | (u64::from(u16::from_le_bytes(*last)) << shift)
    } else {
        token.first().map_or(0, |&byte| u64::from(byte))
    }
}

#[inline]
fn fold(key: u64) -> u64 {
    let product = u128::from(key) * 0x9E37_79B9_7F4A_7C15_u128;
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn equal_tokens_and_no_others_get_equal_numbers() {
        let mut interner = Interner::default();
        for round in 0..3 {
            interner.clear();
            let mut known = HashMap::new();
            for i in 0..4000 * (3 - round) {
                let token =
                    "ab\0c".repeat(i % 7)[..(i * 7 + i % 5) % (4 * (i % 7) + 1)].to_string() + &(i / 3).to_string();
                let number = interner.intern(token.as_bytes());
                let next = known.len() as u32;
                assert_eq!(*known.entry(token).or_insert(next), number);
            }
            assert_eq!(interner.len(), known.len());
        }
    }
}
