//! What the metrics of machine translation share: how Python and mteval split text, tokens as numbers, shared n-grams.

mod interner;
mod ngrams;
mod sorted;
mod split;
mod suffixes;

pub(super) use super::squad::is_space;
pub(super) use interner::Interner;
pub(super) use ngrams::{Ngrams, UNKNOWN};
pub(super) use sorted::{FIRST, SharedNgrams};
pub(super) use split::{Class, Rules, classes, mteval_class, split, words};

/// Python's `str.lower()`.
pub(super) fn lower_into(text: &str, lowered: &mut String) {
    if text.is_ascii() {
        lowered.clear();
        lowered.push_str(text);
        lowered.make_ascii_lowercase();
    } else {
        super::squad::lower_into(text, lowered);
    }
}

/// The numbers of the tokens of a prediction and of its references.
#[derive(Default)]
pub(super) struct Sequences {
    /// Those of the prediction.
    pub(super) prediction: Vec<u32>,
    /// Those of all references, one after the other.
    pub(super) references: Vec<u32>,
    /// Where each reference ends in `references`.
    pub(super) ends: Vec<usize>,
}

impl Sequences {
    pub(super) fn clear(&mut self) {
        self.prediction.clear();
        self.references.clear();
        self.ends.clear();
    }

    /// Ends a reference.
    pub(super) fn end_reference(&mut self) {
        self.ends.push(self.references.len());
    }

    /// How many tokens each reference has.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.ends.iter().scan(0, |start, &end| Some(end - std::mem::replace(start, end)))
    }
}

#[cfg(test)]
mod tests;
