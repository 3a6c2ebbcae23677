//! Sums down the columns of a matrix. Every column adds the rows in ascending order to its previous sum, so the rows of a batch
//! may come in any number of parts. Threads share the columns.

use rayon::prelude::*;

use crate::parallel::Share;

use crate::rows::{count, load_at, store_at, vectors};
use crate::simd::{Floats, dispatched};

/// The most columns that one task sums: their sums and a few rows of them stay in the first-level cache.
const MOST: usize = 1024;
/// The fewest columns that one task sums: whole cache lines.
const LEAST: usize = 32;

/// Adds the rows of `x`, `[rows, width]`, to `sums`, `[width]`.
///
/// # Panics
/// When lengths disagree.
pub fn add_columns(x: &[f32], sums: &mut [f32]) {
    let width = sums.len();
    if count(x.len(), width) == 0 {
        return;
    }
    let strip = strip(width);
    sums.par_chunks_mut(strip)
        .enumerate()
        .share(|(index, sums)| add_strip(x, width, index * strip, sums));
}

/// Adds the gradients of [`crate::layer_norm()`]'s weight and bias to `weight_sums` and `bias_sums`, `[width]`: the sums down
/// the columns of `gradient · normal` and of `gradient`, `[rows, width]`.
///
/// # Panics
/// When lengths disagree.
pub fn layer_norm_sums(
    gradient: &[f32],
    normal: &[f32],
    weight_sums: &mut [f32],
    bias_sums: &mut [f32],
) {
    let width = weight_sums.len();
    assert!(
        bias_sums.len() == width && gradient.len() == normal.len(),
        "layer norm: the lengths of {} gradients of {} elements, and of {width} and {} sums disagree",
        gradient.len(),
        normal.len(),
        bias_sums.len()
    );
    if count(gradient.len(), width) == 0 {
        return;
    }
    let strip = strip(width);
    weight_sums
        .par_chunks_mut(strip)
        .zip(bias_sums.par_chunks_mut(strip))
        .enumerate()
        .share(|(index, (weights, biases))| {
            norm_strip(gradient, normal, width, index * strip, weights, biases);
        });
}

fn strip(width: usize) -> usize {
    let share = width.div_ceil(rayon::current_num_threads());
    share.next_multiple_of(LEAST).min(MOST)
}

dispatched! {
    /// Adds a strip of columns, which begins at `column`.
    fn add_strip<S>(simd: _, x: &[f32], width: usize, column: usize, sums: &mut [f32]) {
        for row in x.chunks_exact(width) {
            let row = &row[column..][..sums.len()];
            for place in 0..vectors(row.len()) {
                let sum = load_at(simd, sums, place, 0.0) + load_at(simd, row, place, 0.0);
                store_at(sums, place, sum);
            }
        }
    }

    fn norm_strip<S>(
        simd: _, gradient: &[f32], normal: &[f32], width: usize, column: usize, weights: &mut [f32], biases: &mut [f32],
    ) {
        for (gradient, normal) in gradient.chunks_exact(width).zip(normal.chunks_exact(width)) {
            let gradient = &gradient[column..][..biases.len()];
            let normal = &normal[column..][..biases.len()];
            for place in 0..vectors(biases.len()) {
                let given = load_at(simd, gradient, place, 0.0);
                let x = load_at(simd, normal, place, 0.0);
                store_at(weights, place, given.mul_add(x, load_at(simd, weights, place, 0.0)));
                store_at(biases, place, given + load_at(simd, biases, place, 0.0));
            }
        }
    }
}
