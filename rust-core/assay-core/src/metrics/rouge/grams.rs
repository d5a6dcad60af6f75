//! N-grams that two texts share.

use super::tokens::Tokens;

/// An n-gram that the reference does not have.
const NONE: u32 = u32::MAX;

/// Counts shared n-grams in memory that it keeps.
#[derive(Default)]
pub(super) struct Grams {
    table: Table,
    prediction: Vec<u32>,
    reference: Vec<u32>,
    counts: Vec<u32>,
}

impl Grams {
    /// How many n-grams both texts have, each as often as the text that has it less often. `n_ids` is above every number.
    pub(super) fn overlap(&mut self, prediction: &Tokens, reference: &Tokens, n: usize, n_ids: usize) -> usize {
        if n == 1 {
            return shared(&mut self.counts, &prediction.ids, &reference.ids, n_ids);
        }
        self.prediction.clone_from(&prediction.ids);
        self.reference.clone_from(&reference.ids);
        // An n-gram is the number of its first n - 1 tokens and the last one.
        for last in 1..n {
            self.table.clear(self.reference.len());
            extend(&mut self.reference, &reference.ids, last, |key| self.table.insert(key));
            extend(&mut self.prediction, &prediction.ids, last, |key| self.table.find(key));
        }
        shared(&mut self.counts, &self.prediction, &self.reference, self.table.length as usize)
    }
}

fn extend(grams: &mut Vec<u32>, ids: &[u32], last: usize, mut number: impl FnMut(u64) -> u32) {
    grams.truncate(ids.len().saturating_sub(last));
    for (gram, &id) in grams.iter_mut().zip(ids.iter().skip(last)) {
        if *gram != NONE {
            *gram = number((u64::from(*gram) << 32) | u64::from(id));
        }
    }
}

fn shared(counts: &mut Vec<u32>, prediction: &[u32], reference: &[u32], n_ids: usize) -> usize {
    counts.clear();
    counts.resize(n_ids, 0);
    for &id in reference {
        counts[id as usize] += 1;
    }
    let mut shared = 0;
    for &id in prediction {
        if let Some(count) = counts.get_mut(id as usize) {
            let found = u32::from(*count > 0);
            *count -= found;
            shared += found as usize;
        }
    }
    shared
}

/// Numbers of n-grams by key.
#[derive(Default)]
struct Table {
    /// Key and number, which is [`NONE`] in a free slot. A power of two, at least twice as many as there are keys.
    slots: Vec<(u64, u32)>,
    length: u32,
}

impl Table {
    fn clear(&mut self, keys: usize) {
        self.slots.clear();
        self.slots.resize((2 * keys).next_power_of_two().max(2), (0, NONE));
        self.length = 0;
    }

    fn insert(&mut self, key: u64) -> u32 {
        let slot = self.slot(key);
        let (known, number) = &mut self.slots[slot];
        if *number == NONE {
            (*known, *number) = (key, self.length);
            self.length += 1;
        }
        *number
    }

    fn find(&self, key: u64) -> u32 {
        self.slots[self.slot(key)].1
    }

    /// Where `key` is, or the free slot where it would go.
    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
        while self.slots[slot].1 != NONE && self.slots[slot].0 != key {
            slot = (slot + 1) & mask;
        }
        slot
    }
}
