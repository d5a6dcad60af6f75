//! Products of matrices.
//!
//! Each element of a result is one chain of fused multiply-adds in the order of the inner dimension, on any machine. So its bits
//! depend neither on the vectors' width nor on the other rows.

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

/// Columns of a strip.
const WIDTH: usize = 16;
/// Rows of a tile: with strips of 16, the sums of a tile fill twelve of the sixteen registers of AVX2.
const HEIGHT: usize = 6;
/// How much of the inner dimension is done at a time: a strip of it stays in the first cache.
const DEPTH: usize = 256;
/// How many rows are done at a time: with `DEPTH` of the inner dimension they stay in the second cache.
const ROWS: usize = 96;

/// The right side of products, [k, n], laid out for them: by `DEPTH` rows, then by strips of columns.
#[derive(Debug, Default)]
pub(super) struct Packed {
    k: usize,
    n: usize,
    values: Vec<f32>,
}

impl Packed {
    /// Takes element (i, j) of the matrix from `at(i, j)`.
    pub(super) fn new(k: usize, n: usize, at: impl Fn(usize, usize) -> f32) -> Packed {
        let mut packed = Packed::default();
        packed.fill(k, n, at);
        packed
    }

    /// Another matrix in the same memory.
    pub(super) fn fill(&mut self, k: usize, n: usize, at: impl Fn(usize, usize) -> f32) {
        (self.k, self.n) = (k, n);
        self.values.clear();
        self.values.reserve_exact(k * n.next_multiple_of(WIDTH));
        for depth in (0..k).step_by(DEPTH) {
            for strip in (0..n).step_by(WIDTH) {
                for i in depth..k.min(depth + DEPTH) {
                    self.values.extend((strip..strip + WIDTH).map(|j| if j < n { at(i, j) } else { 0.0 }));
                }
            }
        }
    }

    pub(super) fn columns(&self) -> usize {
        self.n
    }

    /// The strips of the rows from `depth`, one after the other.
    fn strips(&self, depth: usize) -> impl Iterator<Item = &[f32]> {
        let height = (self.k - depth).min(DEPTH);
        let from = depth * self.n.next_multiple_of(WIDTH);
        self.values[from..].chunks_exact(height * WIDTH).take(self.n.div_ceil(WIDTH))
    }
}

/// Rows of a matrix within wider rows.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    /// From the beginning of one row to that of the next.
    pub(super) stride: usize,
    /// Where the matrix begins in a row.
    pub(super) from: usize,
}

impl<'a> Rows<'a> {
    /// A whole matrix of `columns` columns.
    pub(super) fn whole(values: &'a [f32], columns: usize) -> Rows<'a> {
        Rows { values, stride: columns, from: 0 }
    }
}

/// Rows of a matrix within wider rows, to be written.
pub(super) struct RowsMut<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) from: usize,
}

impl<'a> RowsMut<'a> {
    /// A whole matrix of `columns` columns.
    pub(super) fn whole(values: &'a mut [f32], columns: usize) -> RowsMut<'a> {
        RowsMut { values, stride: columns, from: 0 }
    }
}

/// `out = left × right + bias` for `rows` rows.
pub(super) fn product(left: Rows<'_>, rows: usize, right: &Packed, bias: Option<&[f32]>, out: RowsMut<'_>) {
    thread_local!(static TILES: RefCell<Vec<[f32; HEIGHT]>> = const { RefCell::new(Vec::new()) });
    TILES.with_borrow_mut(|tiles| Arch::new().dispatch(Product { left, rows, right, bias, out, tiles }));
}

struct Product<'a> {
    left: Rows<'a>,
    rows: usize,
    right: &'a Packed,
    bias: Option<&'a [f32]>,
    out: RowsMut<'a>,
    /// Room for the left side, by tiles.
    tiles: &'a mut Vec<[f32; HEIGHT]>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 1>(simd),
            8 => self.run::<S, 2>(simd),
            4 => self.run::<S, 4>(simd),
            _ => self.run::<S, WIDTH>(simd),
        }
    }
}

impl Product<'_> {
    /// `VECTORS` make up a strip's row.
    #[inline(always)]
    fn run<S: Simd, const VECTORS: usize>(mut self, simd: S) {
        let (k, n) = (self.right.k, self.right.n);
        for row in (0..self.rows).step_by(ROWS) {
            let rows = (self.rows - row).min(ROWS);
            for depth in (0..k).step_by(DEPTH) {
                let height = (k - depth).min(DEPTH);
                self.load_tiles(row, rows, depth, height);
                for (strip, right) in self.right.strips(depth).enumerate() {
                    let columns = (n - strip * WIDTH).min(WIDTH);
                    let right = S::as_simd_f32s(right).0.as_chunks::<VECTORS>().0;
                    for (tile, left) in self.tiles.chunks_exact(height).enumerate() {
                        let first = row + tile * HEIGHT;
                        let height = (row + rows - first).min(HEIGHT);
                        let mut sums = [[0.0; WIDTH]; HEIGHT];
                        for (i, sums) in sums.iter_mut().enumerate().take(height) {
                            if depth > 0 {
                                let at = (first + i) * self.out.stride + self.out.from + strip * WIDTH;
                                sums[..columns].copy_from_slice(&self.out.values[at..at + columns]);
                            } else if let Some(bias) = self.bias {
                                sums[..columns].copy_from_slice(&bias[strip * WIDTH..strip * WIDTH + columns]);
                            }
                        }
                        tile_product::<S, VECTORS>(simd, left, right, &mut sums);
                        for (i, sums) in sums.iter().enumerate().take(height) {
                            let at = (first + i) * self.out.stride + self.out.from + strip * WIDTH;
                            self.out.values[at..at + columns].copy_from_slice(&sums[..columns]);
                        }
                    }
                }
            }
        }
    }

    /// Puts `rows` rows from `row`, `height` columns from `depth`, into tiles; rows that are missing are zeros.
    #[inline(always)]
    fn load_tiles(&mut self, row: usize, rows: usize, depth: usize, height: usize) {
        self.tiles.clear();
        self.tiles.resize(rows.div_ceil(HEIGHT) * height, [0.0; HEIGHT]);
        for i in 0..rows {
            let at = (row + i) * self.left.stride + self.left.from + depth;
            let tile = &mut self.tiles[i / HEIGHT * height..][..height];
            for (to, from) in tile.iter_mut().zip(&self.left.values[at..at + height]) {
                to[i % HEIGHT] = *from;
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn tile_product<S: Simd, const VECTORS: usize>(
    simd: S,
    left: &[[f32; HEIGHT]],
    right: &[[S::f32s; VECTORS]],
    result: &mut [[f32; WIDTH]; HEIGHT],
) {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; HEIGHT];
    for (sums, result) in sums.iter_mut().zip(result.iter()) {
        sums.copy_from_slice(S::as_simd_f32s(result).0);
    }
    for (left, right) in left.iter().zip(right) {
        for i in 0..HEIGHT {
            let value = simd.splat_f32s(left[i]);
            for j in 0..VECTORS {
                sums[i][j] = simd.mul_add_f32s(value, right[j], sums[i][j]);
            }
        }
    }
    for (sums, result) in sums.iter().zip(result) {
        S::as_mut_simd_f32s(result).0.copy_from_slice(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2017) as f32 / 1009.0 - 1.0).collect()
    }

    fn times(left: &[f32], m: usize, k: usize, right: &[f32], n: usize, bias: Option<&[f32]>) -> Vec<f32> {
        let packed = Packed::new(k, n, |i, j| right[i * n + j]);
        let mut out = vec![f32::NAN; m * n];
        product(Rows::whole(left, k), m, &packed, bias, RowsMut::whole(&mut out, n));
        out
    }

    #[test]
    fn each_element_is_one_chain_of_fused_multiply_adds() {
        for (m, k, n) in [(1, 1, 1), (6, 16, 16), (7, 300, 17), (100, 513, 33)] {
            let (left, right, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
            let out = times(&left, m, k, &right, n, Some(&bias));
            for row in 0..m {
                for column in 0..n {
                    let chain =
                        (0..k).fold(bias[column], |sum, i| left[row * k + i].mul_add(right[i * n + column], sum));
                    assert_eq!(out[row * n + column].to_bits(), chain.to_bits(), "{m} {k} {n} {row} {column}");
                }
            }
        }
    }

    #[test]
    fn a_matrix_may_lie_within_wider_rows() {
        let (left, right) = (numbers(5 * 8, 1), numbers(3 * 2, 2));
        let inner: Vec<f32> = left.chunks(8).flat_map(|row| row[4..7].to_vec()).collect();
        let packed = Packed::new(3, 2, |i, j| right[i * 2 + j]);
        let mut out = vec![9.0; 5 * 4];
        let left = Rows { values: &left, stride: 8, from: 4 };
        product(left, 5, &packed, None, RowsMut { values: &mut out, stride: 4, from: 1 });
        for (row, expected) in out.chunks(4).zip(times(&inner, 5, 3, &right, 2, None).chunks(2)) {
            assert_eq!(row, [9.0, expected[0], expected[1], 9.0]);
        }
    }
}
