//! Where the words of a reference stand.

/// A reference, with the places of each word that the prediction has too.
#[derive(Default)]
pub(super) struct Reference {
    words: Vec<u32>,
    /// The places of word `w`, ascending, are `places[starts[w]..starts[w + 1]]`.
    starts: Vec<u32>,
    places: Vec<u32>,
    /// The places once more as bits, 64 of them in a block: those of word `w` are `blocks[firsts[w]..firsts[w + 1]]`.
    firsts: Vec<u32>,
    blocks: Vec<Block>,
}

#[derive(Clone, Copy)]
struct Block {
    number: usize,
    bits: u64,
}

impl Reference {
    /// Takes the words of a reference. Those of the prediction have the numbers below `n_words`, others a greater one.
    pub(super) fn set(&mut self, words: &[u32], n_words: usize) {
        self.words.clear();
        self.words.extend_from_slice(words);
        self.starts.clear();
        self.starts.resize(n_words + 2, 0);
        // Two places on are counted, so that one place on is filled, and what comes out is where each begins.
        let known = |word: u32| ((word as usize) < n_words).then_some(word as usize);
        for word in words.iter().filter_map(|&word| known(word)) {
            self.starts[word + 2] += 1;
        }
        for word in 2..self.starts.len() {
            self.starts[word] += self.starts[word - 1];
        }
        self.places.clear();
        self.places.resize(self.starts[n_words + 1] as usize, 0);
        for (place, word) in (0..).zip(words).filter_map(|(place, &word)| Some((place, known(word)?))) {
            let next = &mut self.starts[word + 1];
            self.places[*next as usize] = place;
            *next += 1;
        }
        self.firsts.clear();
        self.blocks.clear();
        for word in 0..n_words {
            let first = self.blocks.len();
            self.firsts.push(first as u32);
            for &place in &self.places[self.starts[word] as usize..self.starts[word + 1] as usize] {
                let (number, bit) = (place as usize / 64, 1 << (place % 64));
                match self.blocks[first..].last_mut() {
                    Some(block) if block.number == number => block.bits |= bit,
                    _ => self.blocks.push(Block { number, bits: bit }),
                }
            }
        }
        self.firsts.push(self.blocks.len() as u32);
    }

    /// The words.
    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// The places of a word of the prediction that are at least `first` and at most `last`.
    pub(super) fn places(&self, word: u32, first: usize, last: usize) -> &[u32] {
        let word = word as usize;
        let places = &self.places[self.starts[word] as usize..self.starts[word + 1] as usize];
        let from = places.partition_point(|&place| (place as usize) < first);
        let to = places.partition_point(|&place| place as usize <= last);
        &places[from..to]
    }

    /// Which of the 64 places from `first` on have this word of the prediction.
    #[inline]
    pub(super) fn window(&self, word: u32, first: usize) -> u64 {
        let word = word as usize;
        let blocks = &self.blocks[self.firsts[word] as usize..self.firsts[word + 1] as usize];
        let (number, shift) = (first / 64, first as u32 % 64);
        let at = if blocks.len() <= 4 {
            blocks.iter().take_while(|block| block.number < number).count()
        } else {
            blocks.partition_point(|block| block.number < number)
        };
        let mut bits = 0;
        for block in blocks[at..].iter().take(2) {
            if block.number == number {
                bits |= block.bits >> shift;
            } else if block.number == number + 1 && shift > 0 {
                bits |= block.bits << (64 - shift);
            }
        }
        bits
    }
}
