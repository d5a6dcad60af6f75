//! The search for shifts: sacrebleu's, which is Tercom's.

use super::super::Stop;
use super::band::Band;
use super::matrix::Matrix;
use super::reference::Reference;

/// How far from the diagonal the edit distance looks.
pub(super) const BEAM: usize = 25;

/// The most words that are shifted together.
const MAX_LENGTH: usize = 10;

/// The furthest that words are from where the reference has them.
const MAX_DISTANCE: usize = 50;

/// After how many shifts that were looked at the search ends.
const MAX_CANDIDATES: usize = 1000;

/// How one cell of the edit distance is reached from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Match,
    Substitution,
    /// Of a word of the prediction.
    Deletion,
    /// Of a word of the reference.
    Insertion,
}

/// The matrix of an edit distance: a row for each number of words of the prediction, a column for each of the reference.
pub(super) trait Rows {
    fn set_lengths(&mut self, n_prediction: usize, n_reference: usize);

    /// Computes the rows after row `from` for `words`; returns the distance.
    fn update(&mut self, words: &[u32], reference: &Reference, from: usize) -> u32;

    /// The distance where `moved` stands in the place of as many of `words`, the current ones, after the first `from`.
    fn distance(&mut self, words: &[u32], moved: &[u32], from: usize, reference: &Reference) -> u32;

    /// What leads to row i and column j, neither of them 0, for `words`, the current ones. Of equals, the first in the
    /// order of [`Operation`].
    fn operation(&self, i: usize, j: usize, words: &[u32], reference: &Reference) -> Operation;
}

/// Counts edits. Keeps its memory between texts.
pub(super) struct Shifts {
    stop: Stop,
    band: Band,
    matrix: Matrix,
    search: Search,
}

impl Shifts {
    pub(super) fn new(stop: Stop) -> Shifts {
        Shifts { stop, band: Band::default(), matrix: Matrix::default(), search: Search::default() }
    }

    /// The number of edits and shifts from `prediction` to `reference`.
    pub(super) fn edits(&mut self, prediction: &[u32], reference: &Reference) -> u64 {
        if prediction.is_empty() || reference.len() == 0 {
            return prediction.len().max(reference.len()) as u64;
        }
        if Band::fits(prediction.len(), reference.len()) {
            self.search.edits(&mut self.band, prediction, reference, &self.stop)
        } else {
            self.search.edits(&mut self.matrix, prediction, reference, &self.stop)
        }
    }
}

#[derive(Default)]
struct Search {
    /// The words of the prediction, shifted so far.
    words: Vec<u32>,
    /// For each word of the reference, after how many words of the prediction it stands.
    targets: Vec<usize>,
    /// How many of the first words of the prediction, and of the reference, are not matched.
    errors: Vec<u32>,
    reference_errors: Vec<u32>,
    /// The words from the first that a shift moves to the last.
    moved: Vec<u32>,
    candidates: usize,
}

/// A shift of `length` words from `start` on to before the word that was at `target`. The greatest is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shift {
    gain: i64,
    length: usize,
    start: std::cmp::Reverse<usize>,
    target: std::cmp::Reverse<usize>,
}

impl Search {
    fn edits(&mut self, rows: &mut impl Rows, prediction: &[u32], reference: &Reference, stop: &Stop) -> u64 {
        self.words.clear();
        self.words.extend_from_slice(prediction);
        self.candidates = 0;
        rows.set_lengths(prediction.len(), reference.len());
        let mut shifts = 0;
        let mut from = 0;
        loop {
            let distance = rows.update(&self.words, reference, from);
            self.align(rows, reference);
            let best = self.best(rows, distance, reference, stop);
            let done = self.candidates >= MAX_CANDIDATES || stop.is_set();
            match best.filter(|best| !done && best.gain > 0) {
                Some(best) => from = self.shift(best),
                None => return shifts + u64::from(distance),
            }
            shifts += 1;
        }
    }

    /// Follows the operations back from the end.
    fn align(&mut self, rows: &impl Rows, reference: &Reference) {
        let (mut i, mut j) = (self.words.len(), reference.len());
        self.targets.clear();
        self.targets.resize(j, 0);
        self.errors.clear();
        self.errors.resize(i + 1, 0);
        self.reference_errors.clear();
        self.reference_errors.resize(j + 1, 0);
        while j > 0 {
            let operation = if i == 0 { Operation::Insertion } else { rows.operation(i, j, &self.words, reference) };
            if operation != Operation::Insertion {
                self.errors[i] = u32::from(operation != Operation::Match);
            }
            if operation != Operation::Deletion {
                self.reference_errors[j] = u32::from(operation != Operation::Match);
                self.targets[j - 1] = i;
                j -= 1;
            }
            if operation != Operation::Insertion {
                i -= 1;
            }
        }
        self.errors[1..=i].fill(1);
        for errors in [&mut self.errors, &mut self.reference_errors] {
            let mut sum = 0;
            for error in errors {
                sum += *error;
                *error = sum;
            }
        }
    }

    /// The shift that gains most, of those of words that the reference has elsewhere, where both have an error.
    fn best(&mut self, rows: &mut impl Rows, distance: u32, reference: &Reference, stop: &Stop) -> Option<Shift> {
        let mut best = None;
        let n_words = self.words.len();
        let errors = |sums: &[u32], start: usize, length: usize| sums[start + length] > sums[start];
        for start in 0..n_words {
            if stop.is_set() {
                return None;
            }
            if !errors(&self.errors, start, MAX_LENGTH.min(n_words - start)) {
                continue;
            }
            let places = reference.places(
                self.words[start],
                start.saturating_sub(MAX_DISTANCE),
                start.saturating_add(MAX_DISTANCE),
            );
            for place in places.iter().map(|&place| place as usize) {
                let pairs = self.words[start..].iter().zip(&reference.words()[place..]).take(MAX_LENGTH);
                let longest = pairs.take_while(|(a, b)| a == b).count();
                if !errors(&self.reference_errors, place, longest) {
                    continue;
                }
                let target = self.targets[place];
                for length in 1..=longest {
                    let inside = start < target && target <= start + length;
                    if inside || !errors(&self.errors, start, length) || !errors(&self.reference_errors, place, length)
                    {
                        continue;
                    }
                    best = best.max(self.best_target(rows, distance, reference, start, place, length));
                    if self.candidates >= MAX_CANDIDATES {
                        return best;
                    }
                }
            }
        }
        best
    }

    /// The best place for some words: before what the reference's word before them is aligned to, or after one of theirs.
    fn best_target(
        &mut self,
        rows: &mut impl Rows,
        distance: u32,
        reference: &Reference,
        start: usize,
        place: usize,
        length: usize,
    ) -> Option<Shift> {
        let mut best = None;
        let mut previous = None;
        for next in place..=place + length {
            // The words of the reference before the first one stand nowhere.
            let target = next.checked_sub(1).map_or(0, |before| self.targets[before]);
            if previous == Some(target) {
                continue;
            }
            previous = Some(target);
            let from = self.rotate(start, length, target);
            let gain = i64::from(distance) - i64::from(rows.distance(&self.words, &self.moved, from, reference));
            self.candidates += 1;
            let (start, target) = (std::cmp::Reverse(start), std::cmp::Reverse(target));
            best = best.max(Some(Shift { gain, length, start, target }));
        }
        best
    }

    /// Fills `moved` with what stands in the place of the words after the first few, whose number it returns.
    fn rotate(&mut self, start: usize, length: usize, target: usize) -> usize {
        let end = start + length;
        self.moved.clear();
        if target < start {
            self.moved.extend_from_slice(&self.words[start..end]);
            self.moved.extend_from_slice(&self.words[target..start]);
            return target;
        }
        // A target among the words themselves moves them as far as it is from their start.
        let to = if target > end { target } else { (target + length).min(self.words.len()) };
        self.moved.extend_from_slice(&self.words[end..to]);
        self.moved.extend_from_slice(&self.words[start..end]);
        start
    }

    /// Makes the shift; returns how many of the first words stay.
    fn shift(&mut self, shift: Shift) -> usize {
        let from = self.rotate(shift.start.0, shift.length, shift.target.0);
        self.words[from..from + self.moved.len()].copy_from_slice(&self.moved);
        from
    }
}
