//! Sums down columns: per block of rows, then block after block.

use kernels::numerics::ROW_BLOCK;
use kernels::{add, add_columns};
use rayon::prelude::*;

use super::pool::{Buffer, Pool};

/// Sums of each block of rows, `[blocks, width]`, beginning at 0.
#[derive(Debug)]
pub(super) struct BlockSums {
    sums: Buffer,
    width: usize,
}

impl BlockSums {
    /// For the blocks of a matrix of `rows` rows.
    pub(super) fn new(pool: &Pool, rows: usize, width: usize) -> Self {
        let mut sums = pool.take(rows.div_ceil(ROW_BLOCK) * width);
        sums.fill(0.0);
        Self { sums, width }
    }

    /// Returns each block's sums.
    pub(super) fn blocks(&mut self) -> rayon::slice::ChunksExactMut<'_, f32> {
        self.sums.par_chunks_exact_mut(self.width)
    }

    /// Multiplies all sums.
    pub(super) fn scale(&mut self, factor: f32) {
        for sum in self.sums.iter_mut() {
            *sum *= factor;
        }
    }

    /// Adds the blocks' sums from `column` on to `target`, in the blocks' order.
    pub(super) fn add_to(&self, column: usize, target: &mut [f32]) {
        for block in self.sums.chunks_exact(self.width) {
            add(target, &block[column..][..target.len()]);
        }
    }
}

/// Adds the sums of the columns of `[rows, target.len()]` to `target`.
pub(super) fn add_column_sums(pool: &Pool, matrix: &[f32], target: &mut [f32]) {
    let width = target.len();
    let mut sums = BlockSums::new(pool, matrix.len() / width.max(1), width);
    sums.blocks()
        .zip(matrix.par_chunks(ROW_BLOCK * width))
        .for_each(|(sums, block)| add_columns(block, sums));
    sums.add_to(0, target);
}
