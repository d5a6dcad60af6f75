//! Attention within texts, and what families add to it: MPNet a bias by distance, ModernBERT rotations and a reach.

use super::math;
use super::product::{Packed, Rows, RowsMut, product};
use crate::metrics::Stop;

/// How many rows of scores are kept at a time.
const ROWS: usize = 96;

pub(super) struct Attention {
    pub(super) heads: usize,
    pub(super) head: usize,
}

impl Attention {
    /// `wide` has queries, keys and values of a token in a row. `None` after a stop.
    pub(super) fn apply(
        &self,
        wide: &[f32],
        texts: &[&[u32]],
        biases: Option<&[Vec<f32>]>,
        reach: Option<usize>,
        attended: &mut [f32],
        stop: &Stop,
    ) -> Option<()> {
        let hidden = self.heads * self.head;
        let stride = 3 * hidden;
        let scale = 1.0 / (self.head as f32).sqrt();
        let (mut keys, mut values, mut scores) = (Packed::default(), Packed::default(), Vec::new());
        let mut start = 0;
        for text in texts {
            let length = text.len();
            for head in 0..self.heads {
                if stop.is_set() {
                    return None;
                }
                let from = start * stride + head * self.head;
                keys.fill(self.head, length, |i, j| wide[from + hidden + j * stride + i]);
                values.fill(length, self.head, |i, j| wide[from + 2 * hidden + i * stride + j]);
                for row in (0..length).step_by(ROWS) {
                    let rows = (length - row).min(ROWS);
                    scores.resize(rows * length, 0.0);
                    let queries = Rows { values: wide, stride, from: from + row * stride };
                    product(queries, rows, &keys, None, RowsMut::whole(&mut scores, length));
                    math::scale(&mut scores, scale);
                    for (i, scores) in scores.chunks_exact_mut(length).enumerate() {
                        let token = row + i;
                        if let Some(biases) = biases {
                            // The middle of the biases is distance 0.
                            let bias = &biases[head];
                            math::add(scores, &bias[bias.len() / 2 - token..][..length]);
                        }
                        if let Some(reach) = reach {
                            scores[..token.saturating_sub(reach)].fill(f32::NEG_INFINITY);
                            scores[length.min(token + reach + 1)..].fill(f32::NEG_INFINITY);
                        }
                    }
                    math::softmax(&mut scores, length);
                    let from = (start + row) * hidden + head * self.head;
                    let out = RowsMut { values: attended, stride: hidden, from };
                    product(Rows::whole(&scores, length), rows, &values, None, out);
                }
            }
            start += length;
        }
        Some(())
    }
}

/// What MPNet adds to the score of a pair of tokens, by their distance.
pub(super) struct Bias {
    /// [distances, heads].
    pub(super) table: Vec<f32>,
    pub(super) distances: usize,
    pub(super) heads: usize,
}

impl Bias {
    /// For each head the bias of each distance from a token to another, in texts of up to `length` tokens: from `-(length - 1)`
    /// on.
    pub(super) fn by_distance(&self, length: usize) -> Vec<Vec<f32>> {
        let length = length as i64;
        let of_head = |head: usize| {
            (1 - length..length).map(|distance| self.table[self.bucket(distance) * self.heads + head]).collect()
        };
        (0..self.heads).map(of_head).collect()
    }

    /// The row of the table: half of them are for tokens ahead, and of each half the first are for one distance, the others for
    /// ranges that grow with the distance, up to 128.
    fn bucket(&self, distance: i64) -> usize {
        let half = self.distances / 2;
        let exact = half / 2;
        let away = distance.unsigned_abs() as usize;
        let row = if away < exact {
            away
        } else {
            let share = libm::logf(away as f32 / exact as f32) / libm::logf(128.0 / exact as f32);
            (exact + (share * (half - exact) as f32) as usize).min(half - 1)
        };
        if distance > 0 { half + row } else { row }
    }
}

/// The rotation of queries and keys by their position, and how far tokens look.
pub(super) struct Rotation {
    /// Of each pair of elements of a head.
    frequencies: Vec<f32>,
    pub(super) reach: Option<usize>,
}

impl Rotation {
    pub(super) fn new(base: f64, head: usize, reach: Option<usize>) -> Rotation {
        let frequency = |i: usize| 1.0 / libm::pow(base, (2 * i) as f64 / head as f64) as f32;
        Rotation { frequencies: (0..head / 2).map(frequency).collect(), reach }
    }

    pub(super) fn apply(&self, wide: &mut [f32], texts: &[&[u32]], heads: usize) {
        let half = self.frequencies.len();
        let head = 2 * half;
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let angles = (0..longest).flat_map(|p| self.frequencies.iter().map(move |f| f64::from(p as f32 * f)));
        let turns: Vec<(f32, f32)> = angles.map(|angle| (libm::cos(angle) as f32, libm::sin(angle) as f32)).collect();
        let positions = texts.iter().flat_map(|text| 0..text.len());
        for (position, row) in positions.zip(wide.chunks_exact_mut(3 * heads * head)) {
            let turns = &turns[position * half..][..half];
            for part in row[..2 * heads * head].chunks_exact_mut(head) {
                let (first, second) = part.split_at_mut(half);
                for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(turns) {
                    (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
                }
            }
        }
    }
}
