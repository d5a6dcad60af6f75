//! The edit distance within 25 words of the diagonal, a row of the matrix in two machine words.
//!
//! Row i is for the first i words of the prediction, its column j for the first j words of the reference. sacrebleu
//! computes the columns of row i from `floor(i * ratio) - 25` to below `floor(i * ratio) + 25`, with the ratio of the
//! lengths, and takes all others for infinite. Here a row is the value in the column before its first one, and for each
//! column whether it is one more, one less or the same as the column before (Myers 1999, Hyyrö 2003). Columns outside
//! take part as if each were one more than its neighbour. No path through them is shorter than one that stays inside,
//! once matches are ignored where the diagonal comes from outside.

use super::reference::Reference;
use super::shifts::{BEAM, Operation, Rows};

/// The rows of the current words, with what leads to each cell.
#[derive(Default)]
pub(super) struct Band {
    /// What each row looks at.
    frames: Vec<Frame>,
    rows: Vec<Row>,
    paths: Vec<Path>,
    columns: usize,
}

/// The columns of a row. Bit k is column `before + 1 + k`.
#[derive(Clone, Copy, Default)]
struct Frame {
    /// The column before the first one.
    before: usize,
    /// How much further that is than in the row above.
    shift: u32,
    /// The columns of the row.
    inside: u64,
    /// Those of them that have a column of the row above on the diagonal.
    diagonal: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Row {
    /// The value in the column before the first one.
    value: u32,
    more: u64,
    less: u64,
}

/// Which columns are reached by a match or a substitution, and which of the others by a deletion.
#[derive(Clone, Copy, Default)]
struct Path {
    equal: u64,
    diagonal: u64,
    deletion: u64,
}

impl Band {
    /// Whether the beam of these lengths is one that fits into a machine word.
    pub(super) fn fits(n_prediction: usize, n_reference: usize) -> bool {
        n_reference <= 2 * BEAM * n_prediction
    }

    #[inline]
    fn next(row: Row, frame: &Frame, matches: u64) -> (Row, Path) {
        let passed = (1 << frame.shift) - 1;
        let value = row.value + (row.more & passed).count_ones() - (row.less & passed).count_ones();
        let more = !(!row.more >> frame.shift);
        let less = row.less >> frame.shift;
        let equal = matches & frame.diagonal;
        let same_or_less = ((equal & more).wrapping_add(more) ^ more) | equal;
        // How the columns differ from the row above, and then the same for the column before each.
        let (grows, shrinks) = (less | !(same_or_less | more), more & same_or_less);
        let (grown, shrunk) = (grows << 1 | 1, shrinks << 1);
        let vertical = equal | less;
        let next_more = shrunk | !(vertical | grown);
        let next_less = grown & vertical;
        let substitution = (next_more & !(grown | shrunk)) | (grown & !(next_more | next_less));
        let path = Path { equal, diagonal: equal | (substitution & frame.diagonal), deletion: grows };
        (Row { value: value + 1, more: next_more | !frame.inside, less: next_less & frame.inside }, path)
    }

    fn last_value(&self, row: Row) -> u32 {
        let width = self.columns - self.frames.last().map_or(0, |frame| frame.before);
        let inside = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
        row.value + (row.more & inside).count_ones() - (row.less & inside).count_ones()
    }
}

impl Rows for Band {
    fn set_lengths(&mut self, n_prediction: usize, n_reference: usize) {
        self.columns = n_reference;
        self.rows.clear();
        self.rows.resize(n_prediction + 1, Row { value: 0, more: u64::MAX, less: 0 });
        self.paths.clear();
        self.paths.resize(n_prediction + 1, Path::default());
        self.frames.clear();
        self.frames.push(Frame::default());
        let ratio = n_reference as f64 / n_prediction as f64;
        // The first column of the row above, and the one after its last.
        let mut above = (0, n_reference + 1);
        let mut before_above = 0;
        for i in 1..=n_prediction {
            let middle = (i as f64 * ratio).floor() as usize;
            let end = if i == n_prediction { n_reference + 1 } else { (middle + BEAM).min(n_reference + 1) };
            let first = middle.saturating_sub(BEAM);
            let before = first.max(1) - 1;
            let columns = |end: usize| match end.saturating_sub(before + 1) {
                0 => 0,
                width => u64::MAX >> (64 - width.min(64)),
            };
            let inside = columns(end);
            let from_left = if before < above.0 { 1 } else { 0 };
            self.frames.push(Frame {
                before,
                shift: (before - before_above) as u32,
                inside,
                diagonal: inside & columns(above.1 + 1) & !from_left,
            });
            (above, before_above) = ((first, end), before);
        }
    }

    fn update(&mut self, words: &[u32], reference: &Reference, from: usize) -> u32 {
        for (i, &word) in words.iter().enumerate().skip(from) {
            let frame = &self.frames[i + 1];
            let (row, path) = Band::next(self.rows[i], frame, reference.window(word, frame.before));
            self.rows[i + 1] = row;
            self.paths[i + 1] = path;
        }
        self.last_value(self.rows[words.len()])
    }

    fn distance(&mut self, words: &[u32], moved: &[u32], from: usize, reference: &Reference) -> u32 {
        let mut row = self.rows[from];
        let to = from + moved.len();
        for (&word, frame) in moved.iter().zip(&self.frames[from + 1..]) {
            row = Band::next(row, frame, reference.window(word, frame.before)).0;
        }
        for (i, &word) in (to..).zip(&words[to..]) {
            let known = self.rows[i];
            if (row.more, row.less) == (known.more, known.less) {
                // From here on all values differ by the same.
                return self.last_value(self.rows[words.len()]) + row.value - known.value;
            }
            let frame = &self.frames[i + 1];
            row = Band::next(row, frame, reference.window(word, frame.before)).0;
        }
        self.last_value(row)
    }

    fn operation(&self, i: usize, j: usize, _: &[u32], _: &Reference) -> Operation {
        let bit = 1 << (j - 1 - self.frames[i].before);
        let path = &self.paths[i];
        if path.equal & bit != 0 {
            Operation::Match
        } else if path.diagonal & bit != 0 {
            Operation::Substitution
        } else if path.deletion & bit != 0 {
            Operation::Deletion
        } else {
            Operation::Insertion
        }
    }
}
