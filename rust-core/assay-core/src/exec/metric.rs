//! Metrics of pairs, over columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder};

use crate::error::Result;
use crate::exec::columns::Pairs;
use crate::exec::ready::Ready;
use crate::metrics::Stop;
use crate::metrics::together::{Chosen, Metrics, create, share};

/// A metric, or several that are scored together.
#[derive(Debug)]
pub(super) struct Together {
    metrics: Vec<Chosen>,
    ready: Ready<Box<dyn Metrics>>,
}

impl Together {
    /// Errors: those of the metrics' own.
    pub(super) fn new(metrics: Vec<Chosen>, stop: &Stop) -> Result<Together> {
        let (made_of, stop) = (metrics.clone(), stop.clone());
        Ok(Together { metrics, ready: Ready::new(move || create(&made_of, &stop))? })
    }

    /// Takes the metrics of `other` in where they share what they cut texts into; false where they do not.
    pub(super) fn join(&mut self, other: &Together, stop: &Stop) -> Result<bool> {
        let shared = self.metrics.first().zip(other.metrics.first()).is_some_and(|(here, there)| share(here, there));
        if shared {
            *self = Together::new([self.metrics.as_slice(), &other.metrics].concat(), stop)?;
        }
        Ok(shared)
    }

    /// The name of the first metric.
    pub(super) fn name(&self) -> &'static str {
        self.metrics.first().map_or("metrics", |(info, _)| info.function.name)
    }

    /// The scores of each row, a column for each metric; NULL where prediction or reference is NULL, no reference is left, or
    /// the metric has no number for the pair. After a stop what is left is NULL.
    pub(super) fn eval(&self, mut pairs: Pairs<'_>, rows: usize, stop: &Stop) -> Result<Vec<ArrayRef>> {
        self.ready.with(|metrics| {
            let mut columns: Vec<_> = self.metrics.iter().map(|_| Float64Builder::with_capacity(rows)).collect();
            let mut scores = vec![None; columns.len()];
            for row in 0..rows {
                match pairs.get(row).filter(|_| !stop.is_set()) {
                    Some((prediction, references)) => metrics.score_best(prediction, references, &mut scores),
                    None => scores.fill(None),
                }
                for (column, score) in columns.iter_mut().zip(&scores) {
                    column.append_option(score.filter(|score| !score.is_nan()));
                }
            }
            columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect()
        })
    }
}
