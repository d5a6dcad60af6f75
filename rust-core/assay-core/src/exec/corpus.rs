//! Metrics of a corpus: counts of rows on the executors, a score with its interval at the end.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BinaryBuilder};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::exec::columns::Pairs;
use crate::exec::ready::Ready;
use crate::metrics::Stop;
use crate::metrics::corpus::{CORPUS, CorpusInfo, CorpusMetric};
use crate::options::{FunctionInfo, OptionInfo, resolve};
use crate::stats::Outcome;
use crate::stats::additive::{self, Additive};

/// `assay_corpus_counts`: what a row adds to a metric of a corpus, for the aggregates only.
pub const COUNTS: FunctionInfo = FunctionInfo { name: "assay_corpus_counts", options: &[] };

/// The aggregates, with the options of their metrics and those of the interval.
pub static FUNCTIONS: LazyLock<Vec<FunctionInfo>> = LazyLock::new(|| {
    let all = CORPUS.iter().map(|info| {
        let options: Vec<OptionInfo> = info.function.options.iter().chain(additive::OPTIONS).copied().collect();
        FunctionInfo { name: info.function.name, options: Box::leak(options.into_boxed_slice()) }
    });
    all.collect()
});

/// The version of the state.
const VERSION: u8 = 1;

/// A metric of a corpus with all options of its aggregate.
#[derive(Debug)]
pub(super) struct Counting(Ready<Box<dyn CorpusMetric>>);

impl Counting {
    /// Errors: [`ErrorKind::UnknownFunction`] and those of the options.
    pub(super) fn new(name: &str, options: &Map<String, Value>, stop: &Stop) -> Result<Counting> {
        let (info, function) = find(name)?;
        let (options, stop) = (resolve(function, options)?, stop.clone());
        Ready::new(move || (info.create)(&options, &stop)).map(Counting)
    }

    /// The counts of each row as whole numbers of seven bits a byte, the least first; NULL where the prediction or the reference
    /// is NULL or no reference is left.
    pub(super) fn eval(&self, mut pairs: Pairs<'_>, rows: usize, stop: &Stop) -> Result<ArrayRef> {
        self.0.with(|metric| {
            let mut results = BinaryBuilder::with_capacity(rows, rows * 2 * metric.width());
            let (mut counts, mut bytes) = (Vec::new(), Vec::new());
            for row in 0..rows {
                counts.clear();
                let pair = pairs.get(row).filter(|_| !stop.is_set());
                if pair.is_some_and(|(prediction, references)| metric.counts(prediction, references, &mut counts)) {
                    bytes.clear();
                    counts.iter().for_each(|&count| write(count as u64, &mut bytes));
                    results.append_value(&bytes);
                } else {
                    results.append_null();
                }
            }
            Arc::new(results.finish()) as ArrayRef
        })
    }
}

/// The result of aggregate `name` over a merged state: a version (one byte), the number of NULLs and of rows (eight bytes each,
/// little-endian), then the rows.
///
/// The estimate is the library's score of all rows. The interval comes from resamples of rows, whose counts are added up.
///
/// Errors: those of the options, [`ErrorKind::MalformedBatch`] for a state that cannot be read.
pub fn finish(name: &str, options: &Map<String, Value>, state: &[u8]) -> Result<Outcome> {
    let (info, function) = find(name)?;
    let options = resolve(function, options)?;
    let metric = (info.create)(&options, &Stop::default())?;
    let (n_null, rows) = decode(state, metric.width()).ok_or_else(|| {
        Error::new(ErrorKind::MalformedBatch, format!("{name}: the state is cut short or of another version"))
    })?;
    let score = |totals: &[f64]| metric.score(totals);
    Ok(additive::interval(&Additive { width: metric.width(), rows, score: &score }, n_null, &options))
}

/// Whether there is such an aggregate.
pub fn is_corpus(name: &str) -> bool {
    find(name).is_ok()
}

/// Checks the options of an aggregate, for planning.
pub fn check(name: &str, options: &Map<String, Value>) -> Result<()> {
    Counting::new(name, options, &Stop::default()).map(|_| ())
}

fn find(name: &str) -> Result<(&'static CorpusInfo, &'static FunctionInfo)> {
    let at = CORPUS.iter().position(|info| info.function.name == name);
    at.and_then(|i| CORPUS.get(i).zip(FUNCTIONS.get(i)))
        .ok_or_else(|| Error::new(ErrorKind::UnknownFunction, format!("there is no metric of a corpus called {name}")))
}

fn write(mut count: u64, bytes: &mut Vec<u8>) {
    while count >= 0x80 {
        bytes.push(count as u8 | 0x80);
        count >>= 7;
    }
    bytes.push(count as u8);
}

fn decode(state: &[u8], width: usize) -> Option<(u64, Vec<f64>)> {
    let (&version, state) = state.split_first()?;
    let (n_null, state) = state.split_first_chunk()?;
    let (n, bytes) = state.split_first_chunk()?;
    let (n_null, n) = (u64::from_le_bytes(*n_null), u64::from_le_bytes(*n));
    // Each count has a byte at least.
    let counts = usize::try_from(n).ok()?.checked_mul(width).filter(|&counts| counts <= bytes.len())?;
    let mut rows = Vec::with_capacity(counts);
    let (mut count, mut shift) = (0u64, 0u32);
    for &byte in bytes {
        count |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte < 0x80 {
            rows.push(count as f64);
            (count, shift) = (0, 0);
        }
    }
    (version == VERSION && shift == 0 && rows.len() == counts).then_some((n_null, rows))
}

#[cfg(test)]
mod tests;
