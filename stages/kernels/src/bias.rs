//! Additions along and down the columns of a matrix.

use crate::rows::{count, load_at, store_at, vectors};
use crate::simd::dispatched;

dispatched! {
    /// Adds `bias` to every row of `x`, `[rows, width]`.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn add_bias<S>(simd: _, x: &mut [f32], bias: &[f32]) {
        let width = bias.len();
        if count(x.len(), width) == 0 {
            return;
        }
        for row in x.chunks_exact_mut(width) {
            for place in 0..vectors(width) {
                let sum = load_at(simd, row, place, 0.0) + load_at(simd, bias, place, 0.0);
                store_at(row, place, sum);
            }
        }
    }

    /// Adds the rows of `x`, `[rows, width]`, to `sums` in ascending order. A sum down a whole matrix runs per block of
    /// [`crate::numerics::ROW_BLOCK`] rows.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn add_columns<S>(simd: _, x: &[f32], sums: &mut [f32]) {
        let width = sums.len();
        if count(x.len(), width) == 0 {
            return;
        }
        for row in x.chunks_exact(width) {
            for place in 0..vectors(width) {
                let sum = load_at(simd, sums, place, 0.0) + load_at(simd, row, place, 0.0);
                store_at(sums, place, sum);
            }
        }
    }

    /// Multiplies `x`, `[rows, width]`, element by element by `factors`, and adds its rows to `sums` as [`add_columns`]
    /// does: the backward pass of [`crate::bias_activation`].
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn scale_add_columns<S>(simd: _, x: &mut [f32], factors: &[f32], sums: &mut [f32]) {
        let width = sums.len();
        assert!(x.len() == factors.len(), "{} factors of {} elements", factors.len(), x.len());
        if count(x.len(), width) == 0 {
            return;
        }
        for (row, factors) in x.chunks_exact_mut(width).zip(factors.chunks_exact(width)) {
            for place in 0..vectors(width) {
                let scaled = load_at(simd, row, place, 0.0) * load_at(simd, factors, place, 0.0);
                store_at(row, place, scaled);
                // Beyond the row nothing is stored.
                store_at(sums, place, load_at(simd, sums, place, 0.0) + scaled);
            }
        }
    }

    /// Adds `source` to `target`, element by element.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn add<S>(simd: _, target: &mut [f32], source: &[f32]) {
        assert!(target.len() == source.len(), "{} elements added to {}", source.len(), target.len());
        for place in 0..vectors(target.len()) {
            let sum = load_at(simd, target, place, 0.0) + load_at(simd, source, place, 0.0);
            store_at(target, place, sum);
        }
    }
}
