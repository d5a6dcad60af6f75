//! N-grams of any length, by the order of the texts' suffixes.

use super::super::Stop;

/// Counts the n-grams that two sequences share, in memory that it keeps.
#[derive(Default)]
pub(super) struct Suffixes {
    stop: Stop,
    /// Both sequences, each with a number of its own behind it, so that what reaches beyond an end matches nothing.
    numbers: Vec<u32>,
    /// For each place, the place of its suffix among all, by as many numbers as were looked at so far.
    ranks: Vec<u32>,
    /// Two ranks and the place that they belong to.
    sorted: Vec<(u64, u32)>,
    /// For each suffix in order, how many numbers it has in common with the one before.
    common: Vec<u32>,
}

impl Suffixes {
    pub(super) fn new(stop: Stop) -> Suffixes {
        Suffixes { stop, ..Suffixes::default() }
    }

    /// The matches of each length of n-gram up to that of `matches`; `ends` are two numbers that neither sequence has.
    pub(super) fn count(&mut self, prediction: &[u32], reference: &[u32], ends: (u32, u32), matches: &mut [u64]) {
        matches.fill(0);
        self.numbers.clear();
        self.numbers.extend_from_slice(prediction);
        self.numbers.push(ends.0);
        self.numbers.extend_from_slice(reference);
        self.numbers.push(ends.1);
        self.sort(matches.len());
        if self.stop.is_set() {
            return;
        }
        self.compare(matches.len());
        for (order, matches) in (1..).zip(matches) {
            *matches = self.shared(prediction.len(), order);
            if *matches == 0 || self.stop.is_set() {
                return;
            }
        }
    }

    /// Sorts the suffixes by their first `order` numbers at least: by twice as many with each turn.
    fn sort(&mut self, order: usize) {
        self.ranks.clear();
        self.ranks.extend_from_slice(&self.numbers);
        let mut length = 1;
        loop {
            let ranks = &self.ranks;
            let second = |at: usize| ranks.get(at + length).map_or(0, |rank| rank + 1);
            self.sorted.clear();
            self.sorted.extend(
                (0_u32..).zip(ranks).map(|(at, &rank)| (u64::from(rank) << 32 | u64::from(second(at as usize)), at)),
            );
            self.sorted.sort_unstable();
            length *= 2;
            if length >= order || self.stop.is_set() {
                return;
            }
            let (mut rank, mut last) = (0, 0);
            for &(key, at) in &self.sorted {
                rank += u32::from(key != last);
                last = key;
                self.ranks[at as usize] = rank;
            }
            if rank as usize >= self.sorted.len() {
                return;
            }
        }
    }

    fn compare(&mut self, order: usize) {
        self.common.clear();
        let mut before: &[u32] = &[];
        for &(_, at) in &self.sorted {
            let suffix = &self.numbers[at as usize..];
            let pairs = before.iter().zip(suffix).take(order);
            self.common.push(pairs.take_while(|(a, b)| a == b).count() as u32);
            before = suffix;
        }
    }

    /// The n-grams of `order` numbers that stand in both, each as often as where it stands less often.
    fn shared(&self, prediction: usize, order: u32) -> u64 {
        let (mut shared, mut counts) = (0, [0_u32; 2]);
        for (&common, &(_, at)) in self.common.iter().zip(&self.sorted) {
            if common < order {
                shared += u64::from(counts[0].min(counts[1]));
                counts = [0; 2];
            }
            counts[usize::from(at as usize > prediction)] += 1;
        }
        shared + u64::from(counts[0].min(counts[1]))
    }
}
