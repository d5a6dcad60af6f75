//! N-grams packed into integers and sorted.

use super::super::Stop;
use super::suffixes::Suffixes;

/// Counts the matches of a prediction's n-grams with those of one reference after the other: for each length of n-gram
/// the sum, over the different n-grams, of how often it occurs in both.
///
/// The n-grams of the greatest length are packed into integers, a token being a number of as many bits as their variety
/// needs, and sorted. The shorter n-grams are prefixes of those, so one walk along both sorted lists counts them all.
#[derive(Default)]
pub(in crate::metrics) struct SharedNgrams {
    stop: Stop,
    narrow: Sorted<u64>,
    wide: Sorted<u128>,
    way: Way,
    /// The way where not even 128 bits hold an n-gram.
    prediction: Vec<u32>,
    suffixes: Suffixes,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Way {
    Narrow,
    Wide,
    #[default]
    Long,
}

impl SharedNgrams {
    pub(in crate::metrics) fn new(stop: Stop) -> SharedNgrams {
        SharedNgrams { stop: stop.clone(), suffixes: Suffixes::new(stop), ..SharedNgrams::default() }
    }

    /// Begins with a new prediction. All its numbers and all those of references are at least [`FIRST`] and below `limit`.
    pub(in crate::metrics) fn set_prediction(&mut self, numbers: &[u32], limit: usize, order: usize) {
        // One more than `limit` needs, so that no n-gram is all ones.
        let bits = usize::BITS - limit.leading_zeros();
        if Sorted::<u64>::fits(order, bits) {
            self.way = Way::Narrow;
            self.narrow.set_prediction(numbers, order, bits);
        } else if Sorted::<u128>::fits(order, bits) {
            self.way = Way::Wide;
            self.wide.set_prediction(numbers, order, bits);
        } else {
            self.way = Way::Long;
            self.prediction.clear();
            self.prediction.extend_from_slice(numbers);
        }
    }

    /// The matches of each length of n-gram, up to the order that was set, with a reference.
    pub(in crate::metrics) fn count(&mut self, numbers: &[u32], matches: &mut [u64]) {
        if self.stop.is_set() {
            return;
        }
        match self.way {
            Way::Narrow if matches.len() <= 8 => self.narrow.count::<8>(numbers, matches),
            Way::Narrow => self.narrow.count::<MOST>(numbers, matches),
            Way::Wide => self.wide.count::<MOST>(numbers, matches),
            Way::Long => self.suffixes.count(&self.prediction, numbers, END, matches),
        }
    }
}

/// An integer that holds an n-gram, its first token in the highest bits that are used.
trait Key: Copy + Ord + Default {
    const BITS: usize;

    /// Above every n-gram.
    const END: Self;

    /// All of the lowest `bits` bits.
    fn mask(bits: usize) -> Self;

    /// Without its first token and with one more, of `bits` bits.
    fn push(self, number: u32, bits: u32, mask: Self) -> Self;

    /// How many of the highest bits are equal.
    fn equal_bits(self, other: Self) -> usize;
}

macro_rules! key {
    ($integer:ty) => {
        impl Key for $integer {
            const BITS: usize = <$integer>::BITS as usize;
            const END: Self = Self::MAX;

            fn mask(bits: usize) -> Self {
                Self::MAX >> (<Self as Key>::BITS - bits)
            }

            #[inline]
            fn push(self, number: u32, bits: u32, mask: Self) -> Self {
                ((self << bits) | Self::from(number)) & mask
            }

            #[inline]
            fn equal_bits(self, other: Self) -> usize {
                (self ^ other).leading_zeros() as usize
            }
        }
    };
}

key!(u64);
key!(u128);

/// The number that stands behind the last token of the prediction and of a reference, so that each token begins an n-gram
/// of the greatest length. They differ, so what reaches beyond the end matches nothing.
const END: (u32, u32) = (0, 1);

/// The least number of a token.
pub(in crate::metrics) const FIRST: u32 = 2;

/// How many tokens a packed n-gram can have.
const MOST: usize = 16;

/// The n-grams of the greatest length of a prediction and of one reference.
#[derive(Default)]
struct Sorted<K> {
    order: usize,
    bits: u32,
    prediction: Vec<K>,
    reference: Vec<K>,
    /// How many tokens are equal in keys with so many equal bits.
    equal: Vec<u8>,
}

impl<K: Key> Sorted<K> {
    /// Whether n-grams of `order` numbers of `bits` bits each fit.
    fn fits(order: usize, bits: u32) -> bool {
        (1..=K::BITS).contains(&(order * bits as usize)) && order <= MOST
    }

    /// Begins with a new prediction, of numbers of `bits` bits.
    fn set_prediction(&mut self, numbers: &[u32], order: usize, bits: u32) {
        if (self.order, self.bits) != (order, bits) {
            (self.order, self.bits) = (order, bits);
            let unused = K::BITS - order * bits as usize;
            self.equal.clear();
            self.equal.extend((0..=K::BITS).map(|equal| (equal.saturating_sub(unused) / bits as usize) as u8));
        }
        pack(numbers, END.0, order, bits, &mut self.prediction);
    }

    /// The matches of each length of n-gram with a reference; there are at most `N` lengths. No branches within a step, so
    /// that the compiler uses vector instructions.
    fn count<const N: usize>(&mut self, numbers: &[u32], matches: &mut [u64]) {
        pack(numbers, END.1, self.order, self.bits, &mut self.reference);
        let (prediction, reference) = (self.prediction.as_slice(), self.reference.as_slice());
        // For each length, where the n-gram that the walk is in begins in both lists, and how many have matched.
        let (mut starts, mut reference_starts, mut matched) = ([0_i32; N], [0_i32; N], [0_i32; N]);
        let (mut i, mut j) = (0, 0);
        let mut previous = K::default();
        loop {
            let key = prediction[i].min(reference[j]);
            let equal = if key == K::END { 0 } else { i32::from(self.equal[key.equal_bits(previous)]) };
            let (place, reference_place) = (i as i32, j as i32);
            for n in 0..N {
                let ends = -i32::from(n as i32 >= equal);
                let in_both = (place.wrapping_sub(starts[n])).min(reference_place.wrapping_sub(reference_starts[n]));
                matched[n] = matched[n].wrapping_add(in_both & ends);
                starts[n] = (starts[n] & !ends) | (place & ends);
                reference_starts[n] = (reference_starts[n] & !ends) | (reference_place & ends);
            }
            // Where one list is at its end, only what it had begun with is left of the other.
            if equal == 0 && (prediction[i] == K::END || reference[j] == K::END) {
                break;
            }
            while prediction[i] == key {
                i += 1;
            }
            while reference[j] == key {
                j += 1;
            }
            previous = key;
        }
        for (matches, matched) in matches.iter_mut().zip(matched) {
            *matches = matched.unsigned_abs().into();
        }
    }
}

/// Packs and sorts, and puts [`Key::END`] behind the last.
fn pack<K: Key>(numbers: &[u32], end: u32, order: usize, bits: u32, keys: &mut Vec<K>) {
    keys.clear();
    let mask = K::mask(order * bits as usize);
    let mut key = K::default();
    // All but the last character of the first n-gram, and then all that follow; so the last ones reach beyond the end.
    let mut stream = numbers.iter().copied().chain(std::iter::repeat(end));
    for number in stream.by_ref().take(order - 1) {
        key = key.push(number, bits, mask);
    }
    keys.extend(stream.take(numbers.len()).map(|number| {
        key = key.push(number, bits, mask);
        key
    }));
    keys.sort_unstable();
    keys.push(K::END);
}
