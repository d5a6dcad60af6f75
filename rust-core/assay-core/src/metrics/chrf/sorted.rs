//! N-grams packed into integers and sorted.

/// An integer that holds an n-gram, its first character in the highest bits that are used.
pub(super) trait Key: Copy + Ord + Default {
    const BITS: usize;

    /// All of the lowest `bits` bits.
    fn mask(bits: usize) -> Self;

    /// Without its first character and with one more, of `bits` bits.
    fn push(self, number: u32, bits: u32, mask: Self) -> Self;

    /// How many of the highest bits are equal.
    fn equal_bits(self, other: Self) -> usize;
}

macro_rules! key {
    ($integer:ty) => {
        impl Key for $integer {
            const BITS: usize = <$integer>::BITS as usize;

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

/// The number that stands behind the last character of the prediction and of a reference, so that each character begins
/// an n-gram of the greatest length. They differ, so what reaches beyond the end matches nothing.
const END: (u32, u32) = (0, 1);

/// The least number of a character.
pub(super) const FIRST: u32 = 2;

/// How many characters an n-gram can have: numbers have at least eight bits, as there is one for each ASCII character.
const MOST: usize = 16;

/// The n-grams of the greatest length of a prediction and of one reference.
#[derive(Default)]
pub(super) struct Sorted<K> {
    order: usize,
    bits: u32,
    prediction: Vec<K>,
    reference: Vec<K>,
    /// How many characters are equal in keys with so many equal bits.
    equal: Vec<u8>,
}

impl<K: Key> Sorted<K> {
    /// Whether n-grams of `order` characters of `bits` bits each fit.
    pub(super) fn fits(order: usize, bits: u32) -> bool {
        (1..=K::BITS).contains(&(order * bits as usize)) && order <= MOST
    }

    /// Begins with a new prediction, of characters whose numbers have `bits` bits.
    pub(super) fn set_prediction(&mut self, numbers: &[u32], order: usize, bits: u32) {
        if (self.order, self.bits) != (order, bits) {
            (self.order, self.bits) = (order, bits);
            let unused = K::BITS - order * bits as usize;
            self.equal.clear();
            self.equal.extend((0..=K::BITS).map(|equal| (equal.saturating_sub(unused) / bits as usize) as u8));
        }
        pack(numbers, END.0, order, bits, &mut self.prediction);
    }

    /// The matches of each length of n-gram with a reference.
    pub(super) fn count(&mut self, numbers: &[u32], matches: &mut [u64]) {
        pack(numbers, END.1, self.order, self.bits, &mut self.reference);
        matches.fill(0);
        let (prediction, reference) = (self.prediction.as_slice(), self.reference.as_slice());
        // For each length where the n-gram that the walk is in begins, in both lists.
        let mut starts = [(0_usize, 0_usize); MOST];
        let starts = &mut starts[..matches.len()];
        let (mut i, mut j) = (0, 0);
        let mut previous = K::default();
        loop {
            let (key, equal) = match (prediction.get(i), reference.get(j)) {
                (Some(&a), Some(&b)) => {
                    let key = a.min(b);
                    (key, self.equal[key.equal_bits(previous)] as usize)
                }
                (Some(&key), None) | (None, Some(&key)) => (key, self.equal[key.equal_bits(previous)] as usize),
                (None, None) => (previous, 0),
            };
            for (matches, start) in matches.iter_mut().zip(starts.iter_mut()).skip(equal) {
                *matches += (i - start.0).min(j - start.1) as u64;
                *start = (i, j);
            }
            if equal == 0 && (i == prediction.len() || j == reference.len()) {
                return;
            }
            while prediction.get(i) == Some(&key) {
                i += 1;
            }
            while reference.get(j) == Some(&key) {
                j += 1;
            }
            previous = key;
        }
    }
}

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_shorter_than_the_order_has_its_shorter_ngrams() {
        let mut sorted = Sorted::<u64>::default();
        let mut matches = [0; 4];
        sorted.set_prediction(&[5, 6], 4, 8);
        sorted.count(&[5, 6, 5, 6, 5], &mut matches);
        assert_eq!(matches, [2, 1, 0, 0]);
        sorted.count(&[5, 6], &mut matches);
        assert_eq!(matches, [2, 1, 0, 0]);
        sorted.count(&[], &mut matches);
        assert_eq!(matches, [0; 4]);
    }
}
