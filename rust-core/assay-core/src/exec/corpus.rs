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
use crate::stats::additive::paired::{self, PairedAdditive};
use crate::stats::additive::{self, Additive};

/// `assay_corpus_counts`: what a row adds to a metric of a corpus, for the aggregates only.
pub const COUNTS: FunctionInfo = FunctionInfo { name: "assay_corpus_counts", options: &[] };

/// The comparisons of two systems, and by which metric.
const COMPARISONS: &[(&str, &str)] = &[
    ("compare_corpus_bleu", "corpus_bleu"),
    ("compare_corpus_chrf", "corpus_chrf"),
    ("compare_corpus_ter", "corpus_ter"),
];

/// The aggregates, with the options of their metrics and those of the interval or the test.
pub static FUNCTIONS: LazyLock<Vec<FunctionInfo>> = LazyLock::new(|| {
    let scores = CORPUS.iter().map(|info| (info.function.name, info, additive::OPTIONS));
    let comparisons = COMPARISONS.iter().filter_map(|(name, metric)| {
        let info = CORPUS.iter().find(|info| info.function.name == *metric)?;
        Some((*name, info, paired::OPTIONS))
    });
    let all = scores.chain(comparisons).map(|(name, info, others)| {
        let options: Vec<OptionInfo> = info.function.options.iter().chain(others).copied().collect();
        FunctionInfo { name, options: Box::leak(options.into_boxed_slice()) }
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
/// The estimate is the library's score of all rows. The interval comes from resamples of rows, whose counts are added up. A
/// comparison has the counts of the candidate and then those of the baseline in each row.
///
/// Errors: those of the options, [`ErrorKind::MalformedBatch`] for a state that cannot be read.
pub fn finish(name: &str, options: &Map<String, Value>, state: &[u8]) -> Result<Outcome> {
    let (info, function) = find(name)?;
    let options = resolve(function, options)?;
    let metric = (info.create)(&options, &Stop::default())?;
    let (width, is_comparison) = (metric.width(), name != info.function.name);
    let (n_null, rows) = decode(state, if is_comparison { 2 * width } else { width }).ok_or_else(|| {
        Error::new(ErrorKind::MalformedBatch, format!("{name}: the state is cut short or of another version"))
    })?;
    let score = |totals: &[f64]| metric.score(totals);
    if !is_comparison {
        return Ok(additive::interval(&Additive { width, rows, score: &score }, n_null, &options));
    }
    let halves = rows.chunks_exact(2 * width).map(|row| row.split_at(width));
    let (candidate, baseline): (Vec<&[f64]>, Vec<&[f64]>) = halves.unzip();
    let data = PairedAdditive { width, candidate: candidate.concat(), baseline: baseline.concat(), score: &score };
    Ok(paired::compare(&data, n_null, &options))
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
    let metric = COMPARISONS.iter().find(|(comparison, _)| *comparison == name).map_or(name, |(_, metric)| *metric);
    let info = CORPUS.iter().find(|info| info.function.name == metric);
    info.zip(FUNCTIONS.iter().find(|function| function.name == name))
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
