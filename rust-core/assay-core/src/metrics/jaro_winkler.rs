//! Jaro-Winkler similarity.

use super::distance::masks::{LOW, Masks, spread};
use super::distance::{Symbol, WORD, decode, page_of};
use super::{Metric, MetricInfo, MetricKind};
use crate::options::FunctionInfo;

/// `llm_jaro_winkler(prediction, reference)`: the Jaro-Winkler similarity of the code points; the best over
/// references.
///
/// Jaro's similarity is (c/m + c/n + (c - t)/c) / 3, where m and n are the lengths, c is the number of characters
/// that agree within max(m, n)/2 - 1 places of each other, and t is half the number of these that stand in another
/// order, rounded down. Where it is above 0.7, a tenth of what is missing to 1 is added for each of the first four
/// characters that agree from the beginning on. From 0 to 1; two empty texts are equal, 1.
///
/// Source: rapidfuzz 3.14.6, `JaroWinkler.similarity` with its default `prefix_weight` of 0.1.
pub(super) const INFO: MetricInfo = MetricInfo {
    function: FunctionInfo { name: "llm_jaro_winkler", options: &[] },
    kind: MetricKind::Bounded,
    range: (0.0, 1.0),
    create: |_, _| Ok(Box::new(JaroWinkler::default())),
};

const PREFIX_WEIGHT: f64 = 0.1;
const LONGEST_PREFIX: usize = 4;
const BOOST_ABOVE: f64 = 0.7;

#[derive(Default)]
struct JaroWinkler {
    prediction: Vec<u32>,
    reference: Vec<u32>,
    matcher: Matcher,
}

impl Metric for JaroWinkler {
    fn score(&mut self, prediction: &str, reference: &str) -> f64 {
        if prediction.is_ascii() && reference.is_ascii() {
            return self.matcher.jaro_winkler(prediction.as_bytes(), reference.as_bytes());
        }
        let page = page_of(prediction);
        decode(prediction, page, &mut self.prediction);
        decode(reference, page, &mut self.reference);
        self.matcher.jaro_winkler(&self.prediction, &self.reference)
    }
}

/// No place.
const NONE: u32 = u32::MAX;

/// Finds the characters that agree, in time and memory that grow with the lengths alone.
#[derive(Default)]
struct Matcher {
    /// For a short text: where each symbol stands.
    masks: Masks,
    /// For a longer one: of each symbol the first place that may still agree, in an array for the low ones, in a hash
    /// table for others. It only moves on.
    low: Vec<u32>,
    high: Vec<(u32, u32)>,
    /// The next place of the same symbol.
    next: Vec<u32>,
    /// Which places agreed.
    is_matched: Vec<bool>,
    /// The symbols of the other text that agreed, in order.
    matched: Vec<u32>,
}

impl Matcher {
    fn jaro_winkler<S: Symbol>(&mut self, left: &[S], right: &[S]) -> f64 {
        let jaro = self.jaro(left, right);
        if jaro <= BOOST_ABOVE {
            return jaro;
        }
        let prefix = left.iter().zip(right).take(LONGEST_PREFIX).take_while(|(a, b)| a == b).count();
        jaro + prefix as f64 * PREFIX_WEIGHT * (1.0 - jaro)
    }

    fn jaro<S: Symbol>(&mut self, left: &[S], right: &[S]) -> f64 {
        let (m, n) = (left.len(), right.len());
        if m == 0 || n == 0 {
            return f64::from(u8::from(m == n));
        }
        let window = (m.max(n) / 2).saturating_sub(1);
        self.matched.clear();
        let moved =
            if m <= WORD { self.match_word(left, right, window) } else { self.match_chains(left, right, window) };
        match self.matched.len() {
            0 => 0.0,
            common => {
                let in_order = (common - moved / 2) as f64 / common as f64;
                (common as f64 / m as f64 + common as f64 / n as f64 + in_order) / 3.0
            }
        }
    }

    /// Fills `matched` and returns how many symbols agree with one in another order.
    fn match_word<S: Symbol>(&mut self, left: &[S], right: &[S], window: usize) -> usize {
        self.masks.fill(left);
        let mut free = u64::MAX;
        for (at, &symbol) in right.iter().enumerate() {
            let Some(from) = u64::MAX.checked_shl(at.saturating_sub(window) as u32) else { break };
            let to = u64::MAX >> (WORD - 1).saturating_sub(at + window);
            let places = self.masks.get(symbol) & free & from & to;
            if places != 0 {
                free ^= places & places.wrapping_neg();
                self.matched.push(symbol.code());
            }
        }
        self.masks.clear(left);
        let mut moved = 0;
        let mut taken = !free;
        for symbol in &self.matched {
            moved += usize::from(left[taken.trailing_zeros() as usize].code() != *symbol);
            taken &= taken - 1;
        }
        moved
    }

    /// The same for longer texts.
    fn match_chains<S: Symbol>(&mut self, left: &[S], right: &[S], window: usize) -> usize {
        self.chain(left);
        for (at, &symbol) in right.iter().enumerate() {
            let mut place = *self.head(symbol.code());
            while place != NONE && (place as usize) + window < at {
                place = self.next[place as usize];
            }
            if place != NONE && place as usize <= at + window {
                self.is_matched[place as usize] = true;
                self.matched.push(symbol.code());
                place = self.next[place as usize];
            }
            *self.head(symbol.code()) = place;
        }
        let of_left = left.iter().zip(&self.is_matched).filter(|(_, is_matched)| **is_matched);
        of_left.zip(&self.matched).filter(|((symbol, _), other)| symbol.code() != **other).count()
    }

    fn chain<S: Symbol>(&mut self, text: &[S]) {
        self.low.clear();
        self.low.resize(LOW, NONE);
        let high = text.iter().filter(|symbol| symbol.code() as usize >= LOW).count();
        self.high.clear();
        self.high.resize((2 * high + 1).next_power_of_two(), (NONE, NONE));
        self.next.clear();
        self.next.resize(text.len(), NONE);
        self.is_matched.clear();
        self.is_matched.resize(text.len(), false);
        for (place, symbol) in text.iter().enumerate().rev() {
            let code = symbol.code();
            let next = std::mem::replace(self.head(code), place as u32);
            if code as usize >= LOW {
                let slot = self.slot(code);
                self.high[slot].0 = code;
            }
            self.next[place] = next;
        }
    }

    fn head(&mut self, code: u32) -> &mut u32 {
        if code as usize >= LOW {
            let slot = self.slot(code);
            return &mut self.high[slot].1;
        }
        &mut self.low[code as usize]
    }

    /// The slot of a symbol, or the free one where it would go.
    fn slot(&self, code: u32) -> usize {
        let mask = self.high.len() - 1;
        let mut slot = spread(code) & mask;
        while self.high[slot].0 != NONE && self.high[slot].0 != code {
            slot = (slot + 1) & mask;
        }
        slot
    }
}
