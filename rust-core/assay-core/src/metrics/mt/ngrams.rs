//! How many n-grams of a prediction its references share.

use super::super::Stop;
use super::Sequences;

/// The number of a token, or of an n-gram, that counts for nothing.
pub(in crate::metrics) const UNKNOWN: u32 = u32::MAX;

/// Counts clipped matches: for each length of n-gram the sum, over the different n-grams of the prediction, of how often
/// it occurs there, but at most as often as in that reference which has it most often.
///
/// An n-gram is a number. Those of n+1 tokens are told apart by the numbers of the two n-grams in them, so nothing is
/// ever compared by a hash alone; and only those have a number whose two parts are matches.
#[derive(Default)]
pub(in crate::metrics) struct Ngrams {
    stop: Stop,
    /// The number of a pair plus one, or zero for a free slot. A power of two, more than there are pairs.
    slots: Vec<u32>,
    pairs: Vec<u64>,
    /// How often each n-gram occurs in the prediction, in the current reference, and in the best of the references.
    in_prediction: Vec<u32>,
    in_reference: Vec<u32>,
    in_best: Vec<u32>,
}

impl Ngrams {
    pub(in crate::metrics) fn new(stop: Stop) -> Ngrams {
        Ngrams { stop, ..Ngrams::default() }
    }

    /// The matches of 1-grams to n-grams, `n` being the length of `matches`. The numbers of tokens are those below
    /// `tokens`; in references they can be [`UNKNOWN`] too. Uses `sequences` up, but for `ends` less one for each n.
    pub(in crate::metrics) fn count(&mut self, sequences: &mut Sequences, tokens: usize, matches: &mut [u64]) {
        matches.fill(0);
        let Sequences { prediction, references, ends } = sequences;
        let mut numbers = tokens;
        self.in_prediction.clear();
        self.in_prediction.resize(numbers, 0);
        for &number in prediction.iter() {
            self.in_prediction[number as usize] += 1;
        }
        let orders = matches.len();
        for (order, matches) in (1..).zip(matches) {
            self.count_references(references, ends, order, numbers);
            *matches = self.in_prediction.iter().zip(&self.in_best).map(|(&a, &b)| u64::from(a.min(b))).sum();
            if *matches == 0 || order == orders || self.stop.is_set() {
                return;
            }
            numbers = self.lengthen(prediction, references, ends, order);
        }
    }

    /// Fills in how often each n-gram of `order` tokens occurs in the best reference.
    fn count_references(&mut self, references: &[u32], ends: &[usize], order: usize, numbers: usize) {
        self.in_best.clear();
        self.in_best.resize(numbers, 0);
        if let [_] = ends {
            tally(references, order, &mut self.in_best);
            return;
        }
        self.in_reference.clear();
        self.in_reference.resize(numbers, 0);
        let mut start = 0;
        for &end in ends {
            let reference = &references[start..end];
            tally(reference, order, &mut self.in_reference);
            for &number in ngrams(reference, order) {
                if let Some(count) = self.in_reference.get_mut(number as usize) {
                    let best = &mut self.in_best[number as usize];
                    *best = (*best).max(*count);
                    *count = 0;
                }
            }
            start = end;
        }
    }

    /// Turns the numbers of n-grams of `order` tokens into those with a token more; returns how many there are.
    fn lengthen(&mut self, prediction: &mut [u32], references: &mut [u32], ends: &[usize], order: usize) -> usize {
        let places = ngrams(prediction, order).len();
        self.slots.clear();
        self.slots.resize((2 * places).next_power_of_two().max(2), 0);
        self.pairs.clear();
        self.in_prediction.clear();
        let matched = |best: &[u32], number: u32| best.get(number as usize).is_some_and(|&count| count > 0);
        let mut first = matched(&self.in_best, prediction[0]);
        for i in 0..places - 1 {
            let second = matched(&self.in_best, prediction[i + 1]);
            prediction[i] = if first && second {
                let pair = pair(prediction[i], prediction[i + 1]);
                let slot = find(&self.slots, &self.pairs, pair);
                if self.slots[slot] == 0 {
                    self.pairs.push(pair);
                    self.in_prediction.push(0);
                    self.slots[slot] = self.pairs.len() as u32;
                }
                let number = self.slots[slot] - 1;
                self.in_prediction[number as usize] += 1;
                number
            } else {
                UNKNOWN
            };
            first = second;
        }
        let mut start = 0;
        for &end in ends {
            let reference = &mut references[start..end];
            for i in 0..ngrams(reference, order + 1).len() {
                reference[i] = if reference[i] == UNKNOWN || reference[i + 1] == UNKNOWN {
                    UNKNOWN
                } else {
                    let slot = find(&self.slots, &self.pairs, pair(reference[i], reference[i + 1]));
                    self.slots[slot].wrapping_sub(1)
                };
            }
            start = end;
        }
        self.pairs.len()
    }
}

/// The places at which an n-gram of `order` tokens begins.
fn ngrams(tokens: &[u32], order: usize) -> &[u32] {
    &tokens[..(tokens.len() + 1).saturating_sub(order)]
}

fn tally(reference: &[u32], order: usize, counts: &mut [u32]) {
    for &number in ngrams(reference, order) {
        if let Some(count) = counts.get_mut(number as usize) {
            *count += 1;
        }
    }
}

fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

/// The slot of `pair`, or the free slot where it would go.
#[inline]
fn find(slots: &[u32], pairs: &[u64], pair: u64) -> usize {
    let mask = slots.len() - 1;
    let mixed = (pair ^ (pair >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut slot = (mixed >> 32) as usize & mask;
    while let Some(&known) = pairs.get((slots[slot] as usize).wrapping_sub(1)) {
        if known == pair {
            break;
        }
        slot = (slot + 1) & mask;
    }
    slot
}
