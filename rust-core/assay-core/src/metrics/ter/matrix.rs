//! The edit distance for references of more than fifty times as many words as the prediction, whose beam is wider.

use super::reference::Reference;
use super::shifts::{BEAM, Operation, Rows};

/// The rows of the current words, and those of words that are tried.
#[derive(Default)]
pub(super) struct Matrix {
    /// For each row its first column and the one after its last.
    columns: Vec<(usize, usize)>,
    /// Where the cells of each row begin.
    starts: Vec<usize>,
    cells: Vec<u32>,
    tried: Vec<u32>,
}

/// No path leads there.
const NEVER: u32 = u32::MAX / 2;

impl Matrix {
    fn value(&self, cells: &[u32], i: usize, j: usize) -> u32 {
        let (first, end) = self.columns[i];
        if (first..end).contains(&j) { cells[self.starts[i] + j - first] } else { NEVER }
    }

    /// What the cell costs by a match or substitution, by a deletion and by an insertion.
    fn costs(&self, cells: &[u32], i: usize, j: usize, equal: bool) -> [u32; 3] {
        let diagonal = if j == 0 { NEVER } else { self.value(cells, i - 1, j - 1) };
        let left = if j == 0 { NEVER } else { self.value(cells, i, j - 1) };
        [diagonal + u32::from(!equal), self.value(cells, i - 1, j) + 1, left + 1]
    }

    fn fill(&self, cells: &mut [u32], i: usize, word: u32, reference: &Reference) {
        let (first, end) = self.columns[i];
        for j in first..end {
            let equal = j > 0 && reference.words()[j - 1] == word;
            let costs = self.costs(cells, i, j, equal);
            cells[self.starts[i] + j - first] = costs.into_iter().fold(NEVER, u32::min);
        }
    }
}

impl Rows for Matrix {
    fn set_lengths(&mut self, n_prediction: usize, n_reference: usize) {
        let ratio = n_reference as f64 / n_prediction as f64;
        let beam = if ratio / 2.0 > BEAM as f64 { (ratio / 2.0 + BEAM as f64).ceil() as usize } else { BEAM };
        self.columns.clear();
        self.starts.clear();
        let mut start = 0;
        for i in 0..=n_prediction {
            let middle = (i as f64 * ratio).floor() as usize;
            let end = if i == n_prediction { n_reference + 1 } else { (middle + beam).min(n_reference + 1) };
            let columns = if i == 0 { (0, n_reference + 1) } else { (middle.saturating_sub(beam), end) };
            self.columns.push(columns);
            self.starts.push(start);
            start += columns.1 - columns.0;
        }
        self.cells.clear();
        self.cells.extend(0..=n_reference as u32);
        self.cells.resize(start, NEVER);
    }

    fn update(&mut self, words: &[u32], reference: &Reference, from: usize) -> u32 {
        let mut cells = std::mem::take(&mut self.cells);
        for (i, &word) in (1..).zip(words).skip(from) {
            self.fill(&mut cells, i, word, reference);
        }
        self.cells = cells;
        self.value(&self.cells, words.len(), reference.len())
    }

    fn distance(&mut self, words: &[u32], moved: &[u32], from: usize, reference: &Reference) -> u32 {
        let mut cells = std::mem::take(&mut self.tried);
        cells.clone_from(&self.cells);
        for (i, &word) in (from + 1..).zip(moved.iter().chain(&words[from + moved.len()..])) {
            self.fill(&mut cells, i, word, reference);
        }
        let distance = self.value(&cells, words.len(), reference.len());
        self.tried = cells;
        distance
    }

    fn operation(&self, i: usize, j: usize, words: &[u32], reference: &Reference) -> Operation {
        let equal = reference.words()[j - 1] == words[i - 1];
        let [diagonal, deletion, insertion] = self.costs(&self.cells, i, j, equal);
        if diagonal <= deletion.min(insertion) {
            if equal { Operation::Match } else { Operation::Substitution }
        } else if deletion <= insertion {
            Operation::Deletion
        } else {
            Operation::Insertion
        }
    }
}
