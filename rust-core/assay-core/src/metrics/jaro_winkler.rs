//! Jaro-Winkler similarity.

use super::{Metric, MetricInfo, MetricKind};
use crate::options::FunctionInfo;

/// `llm_jaro_winkler(prediction, reference)`: the Jaro-Winkler similarity of the code points; the best over references.
///
/// Jaro's similarity is (c/m + c/n + (c - t)/c) / 3, where m and n are the lengths, c is the number of characters that
/// agree within max(m, n)/2 - 1 places of each other, and t is half the number of these that stand in another order,
/// rounded down. Where it is above 0.7, a tenth of what is missing to 1 is added for each of the first
/// four characters that agree from the beginning on. From 0 to 1; two empty texts are equal, 1.
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
        decode(prediction, &mut self.prediction);
        self.score_next(reference)
    }

    fn score_best(&mut self, prediction: &str, references: &[&str]) -> Option<f64> {
        decode(prediction, &mut self.prediction);
        references.iter().map(|reference| self.score_next(reference)).reduce(f64::max)
    }
}

impl JaroWinkler {
    fn score_next(&mut self, reference: &str) -> f64 {
        decode(reference, &mut self.reference);
        let jaro = self.matcher.jaro(&self.prediction, &self.reference);
        if jaro <= BOOST_ABOVE {
            return jaro;
        }
        let pairs = self.prediction.iter().zip(&self.reference).take(LONGEST_PREFIX);
        let prefix = pairs.take_while(|(a, b)| a == b).count();
        jaro + prefix as f64 * PREFIX_WEIGHT * (1.0 - jaro)
    }
}

fn decode(text: &str, symbols: &mut Vec<u32>) {
    symbols.clear();
    if text.is_ascii() {
        symbols.extend(text.bytes().map(u32::from));
    } else {
        symbols.extend(text.chars().map(u32::from));
    }
}

/// No place.
const NONE: u32 = u32::MAX;

/// Finds the characters that agree, in time and memory that grow with the lengths alone: for each symbol a chain of its
/// places, whose head only moves on.
#[derive(Default)]
struct Matcher {
    /// The head of the chain of each symbol: in an array for the low ones, in a hash table for others.
    low: Vec<u32>,
    high: Vec<(u32, u32)>,
    /// The next place of the same symbol.
    next: Vec<u32>,
    /// Which places agreed.
    is_matched: Vec<bool>,
    /// The symbols of the other text that agreed, in order.
    matched: Vec<u32>,
}

const LOW: usize = 256;

impl Matcher {
    fn jaro(&mut self, left: &[u32], right: &[u32]) -> f64 {
        let (m, n) = (left.len(), right.len());
        if m == 0 || n == 0 {
            return f64::from(u8::from(m == n));
        }
        let window = (m.max(n) / 2).saturating_sub(1);
        self.chain(left);
        self.matched.clear();
        for (at, &symbol) in right.iter().enumerate() {
            let mut place = *self.head(symbol);
            while place != NONE && (place as usize) + window < at {
                place = self.next[place as usize];
            }
            if place != NONE && place as usize <= at + window {
                self.is_matched[place as usize] = true;
                self.matched.push(symbol);
                place = self.next[place as usize];
            }
            *self.head(symbol) = place;
        }
        let common = self.matched.len();
        if common == 0 {
            return 0.0;
        }
        let of_left = left.iter().zip(&self.is_matched).filter(|(_, is_matched)| **is_matched);
        let moved = of_left.zip(&self.matched).filter(|((symbol, _), other)| symbol != other).count();
        let common_share = (common - moved / 2) as f64 / common as f64;
        (common as f64 / m as f64 + common as f64 / n as f64 + common_share) / 3.0
    }

    fn chain(&mut self, text: &[u32]) {
        self.low.clear();
        self.low.resize(LOW, NONE);
        let high = text.iter().filter(|symbol| **symbol as usize >= LOW).count();
        self.high.clear();
        self.high.resize((2 * high + 1).next_power_of_two(), (NONE, NONE));
        self.next.clear();
        self.next.resize(text.len(), NONE);
        self.is_matched.clear();
        self.is_matched.resize(text.len(), false);
        for (place, &symbol) in text.iter().enumerate().rev() {
            let head = self.head(symbol);
            let next = std::mem::replace(head, place as u32);
            if symbol as usize >= LOW {
                let slot = self.slot(symbol);
                self.high[slot].0 = symbol;
            }
            self.next[place] = next;
        }
    }

    fn head(&mut self, symbol: u32) -> &mut u32 {
        if symbol as usize >= LOW {
            let slot = self.slot(symbol);
            return &mut self.high[slot].1;
        }
        &mut self.low[symbol as usize]
    }

    /// The slot of a symbol, or the free one where it would go.
    fn slot(&self, symbol: u32) -> usize {
        let mask = self.high.len() - 1;
        let mut slot = (symbol.wrapping_mul(0x9E37_79B1) >> 15) as usize & mask;
        while self.high[slot].0 != NONE && self.high[slot].0 != symbol {
            slot = (slot + 1) & mask;
        }
        slot
    }
}
