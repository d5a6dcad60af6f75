//! The n-grams of characters that two texts share.

use super::super::Stop;
use super::super::mt::{FIRST, SharedNgrams, is_space};

/// Counts the matches of a prediction's n-grams of characters with those of one reference after the other.
pub(super) struct Characters {
    order: usize,
    whitespace: bool,
    alphabet: Alphabet,
    /// The numbers of the characters of the prediction, and of all references.
    prediction: Vec<u32>,
    references: Vec<u32>,
    ends: Vec<usize>,
    shared: SharedNgrams,
}

impl Characters {
    pub(super) fn new(order: usize, whitespace: bool, stop: &Stop) -> Characters {
        Characters {
            order,
            whitespace,
            alphabet: Alphabet::default(),
            prediction: Vec::new(),
            references: Vec::new(),
            ends: Vec::new(),
            shared: SharedNgrams::new(stop.clone()),
        }
    }

    /// The length of the longest n-grams.
    pub(super) fn order(&self) -> usize {
        self.order
    }

    /// Begins with a new prediction.
    pub(super) fn set_prediction(&mut self, text: &str) {
        self.alphabet.clear();
        self.prediction.clear();
        self.alphabet.append(text, self.whitespace, &mut self.prediction);
        self.references.clear();
        self.ends.clear();
    }

    /// Adds a reference.
    pub(super) fn add_reference(&mut self, text: &str) {
        self.alphabet.append(text, self.whitespace, &mut self.references);
        self.ends.push(self.references.len());
    }

    /// Calls `with` for each reference with its index, the number of characters of the prediction and of the reference,
    /// and the matches of each length of n-gram.
    pub(super) fn matches(&mut self, matches: &mut [u64], mut with: impl FnMut(usize, usize, usize, &[u64])) {
        self.shared.set_prediction(&self.prediction, self.alphabet.next as usize, self.order);
        let mut start = 0;
        for (index, &end) in self.ends.iter().enumerate() {
            let reference = &self.references[start..end];
            start = end;
            self.shared.count(reference, matches);
            with(index, self.prediction.len(), reference.len(), matches);
        }
    }
}

/// The characters of some texts as numbers.
#[derive(Default)]
struct Alphabet {
    /// For each 256 code points the page of their numbers; zero where none of them occurred yet.
    pages: Vec<u16>,
    numbers: Vec<[u32; 256]>,
    seen: Vec<u32>,
    /// The next number. The first ones are those of ASCII, whether it occurs or not.
    next: u32,
}

const ASCII: u32 = 128;

impl Alphabet {
    fn clear(&mut self) {
        for code in self.seen.drain(..) {
            let page = self.pages[code as usize / 256];
            self.numbers[page as usize - 1][code as usize % 256] = 0;
        }
        self.next = FIRST + ASCII;
    }

    fn append(&mut self, text: &str, whitespace: bool, numbers: &mut Vec<u32>) {
        if text.is_ascii() {
            let kept = |byte: &u8| whitespace || !matches!(byte, b'\t'..=b'\r' | 0x1C..=b' ');
            numbers.extend(text.bytes().filter(kept).map(|byte| FIRST + u32::from(byte)));
            return;
        }
        for c in text.chars().filter(|&c| whitespace || !is_space(c)) {
            numbers.push(if c.is_ascii() { FIRST + u32::from(c) } else { self.number(u32::from(c)) });
        }
    }

    fn number(&mut self, code: u32) -> u32 {
        if self.pages.is_empty() {
            self.pages.resize(0x11_0000 / 256, 0);
        }
        let page = &mut self.pages[code as usize / 256];
        if *page == 0 {
            self.numbers.push([0; 256]);
            *page = self.numbers.len() as u16;
        }
        let number = &mut self.numbers[*page as usize - 1][code as usize % 256];
        if *number == 0 {
            *number = self.next;
            self.next += 1;
            self.seen.push(code);
        }
        *number
    }
}
