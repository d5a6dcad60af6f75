//! Random numbers from a counter.

/// A stream of random words: Philox4x32-10 of J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
/// (SC 2011). Streams of one seed with different numbers are independent, so each resample has its own and it makes
/// no difference which thread draws it.
///
/// ```
/// use assay_core::stats::rng::Stream;
/// assert_eq!(Stream::new(1, 2).next_u32(), Stream::new(1, 2).next_u32());
/// ```
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u32; 2],
    /// The stream's number, in the upper half of each counter.
    number: [u32; 2],
    /// The next counter's lower half.
    next: u64,
    words: [u32; WORDS],
    used: usize,
}

/// Counters that are worked on together, so that the compiler can use vector instructions.
const LANES: usize = 16;
const WORDS: usize = 4 * LANES;

impl Stream {
    /// Stream `number` of `seed`.
    pub fn new(seed: u64, number: u64) -> Stream {
        Stream { key: halves(seed), number: halves(number), next: 0, words: [0; WORDS], used: WORDS }
    }

    /// 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == WORDS {
            self.refill();
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// A number in the open interval from 0 to 1, with 52 random bits.
    #[inline]
    pub fn next_f64(&mut self) -> f64 {
        let bits = u64::from(self.next_u32()) << 20 ^ u64::from(self.next_u32()) >> 12;
        (bits as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
    }

    /// A whole number below `bound`, each with the same probability.
    ///
    /// Source: D. Lemire, "Fast random integer generation in an interval" (2019).
    #[inline]
    pub fn next_below(&mut self, bound: u32) -> u32 {
        let mut product = u64::from(self.next_u32()) * u64::from(bound);
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound.max(1);
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }

    fn refill(&mut self) {
        let mut counters = [[0; LANES], [0; LANES], [self.number[0]; LANES], [self.number[1]; LANES]];
        let [low, high, ..] = &mut counters;
        for (lane, (low, high)) in low.iter_mut().zip(high).enumerate() {
            [*low, *high] = halves(self.next.wrapping_add(lane as u64));
        }
        self.next = self.next.wrapping_add(LANES as u64);
        philox(&mut counters, self.key);
        for (lane, words) in self.words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *words = counters.map(|word| word[lane]);
        }
        self.used = 0;
    }
}

/// Ten rounds over each lane.
#[allow(clippy::needless_range_loop)] // Lanes run across four arrays at once.
fn philox<const N: usize>(c: &mut [[u32; N]; 4], mut key: [u32; 2]) {
    for _ in 0..10 {
        for lane in 0..N {
            let first = u64::from(c[0][lane]) * 0xD251_1F53;
            let second = u64::from(c[2][lane]) * 0xCD9E_8D57;
            let (c1, c3) = (c[1][lane], c[3][lane]);
            c[0][lane] = (second >> 32) as u32 ^ c1 ^ key[0];
            c[1][lane] = second as u32;
            c[2][lane] = (first >> 32) as u32 ^ c3 ^ key[1];
            c[3][lane] = first as u32;
        }
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
}

/// Words of random bits where many are needed at once, at a fraction of the cost of a [`Stream`]: SplitMix64 of G. L. Steele
/// et al., "Fast splittable pseudorandom number generators" (OOPSLA 2014), whose state is a counter.
#[derive(Debug, Clone)]
pub struct Words(u64);

impl Words {
    /// Words that begin where `stream` says.
    pub fn new(stream: &mut Stream) -> Words {
        Words(u64::from(stream.next_u32()) << 32 | u64::from(stream.next_u32()))
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}

fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random123 1.14, `tests/kat_vectors`, the lines of `philox4x32 10`.
    #[test]
    fn known_answers() {
        for (counter, key, answer) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            let mut lanes = counter.map(|word: u32| [word]);
            philox(&mut lanes, key);
            assert_eq!(lanes.map(|lane| lane[0]), answer);
        }
    }

    /// The first outputs for seed 1234567 as in the program of S. Vigna, `splitmix64.c`.
    #[test]
    fn words_are_splitmix64() {
        let mut words = Words(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| words.next_u64()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_stream_is_philox_of_its_counters() {
        let mut stream = Stream::new(0xa409_3822_0000_0001, 7);
        let drawn: Vec<u32> = (0..4 * 40).map(|_| stream.next_u32()).collect();
        for (counter, words) in drawn.chunks(4).enumerate() {
            let mut lanes = [[counter as u32], [0], [7], [0]];
            philox(&mut lanes, [1, 0xa409_3822]);
            assert_eq!(words, lanes.map(|lane| lane[0]));
        }
    }

    #[test]
    fn bounded_numbers_are_even() {
        let mut stream = Stream::new(3, 0);
        let mut seen = [0u32; 7];
        (0..70_000).for_each(|_| seen[stream.next_below(7) as usize] += 1);
        assert!(seen.iter().all(|&count| count.abs_diff(10_000) < 500), "{seen:?}");
        assert_eq!(stream.next_below(1), 0);
        assert!((0..1000).map(|_| stream.next_f64()).all(|u| u > 0.0 && u < 1.0));
    }
}
