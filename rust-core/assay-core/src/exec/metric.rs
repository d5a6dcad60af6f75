//! Metrics of pairs, over columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder};

use crate::exec::columns::{References, Texts};
use crate::metrics::{Metric, Stop};

/// The score of each row; NULL where prediction or reference is NULL, no reference is left, or the metric has no number for
/// the pair. After a stop what is left is NULL.
pub(super) fn scores(
    metric: &mut dyn Metric,
    predictions: &Texts<'_>,
    references: &References<'_>,
    rows: usize,
    stop: &Stop,
) -> ArrayRef {
    let mut results = Float64Builder::with_capacity(rows);
    let mut found = Vec::new();
    for row in 0..rows {
        let prediction = predictions.get(row).filter(|_| !stop.is_set());
        let score = prediction.and_then(|prediction| match references {
            References::One(texts) => texts.get(row).map(|reference| metric.score(prediction, reference)),
            References::Many(lists) => {
                if lists.get(row, &mut found) {
                    metric.score_best(prediction, &found)
                } else {
                    None
                }
            }
        });
        results.append_option(score.filter(|score| !score.is_nan()));
    }
    Arc::new(results.finish())
}
