//! Dropout over rows, and the end of a sub-layer: dropout of its output, added to its input.

use std::ops::Range;

use crate::bias::scale;
use crate::dropout::Dropout;
use crate::rows::{load_at, store_at, vectors};
use crate::sequences::Sequences;
use crate::simd::dispatched;
use crate::workspace::{Place, with_scratch};

/// Number of floats whose dropout is drawn at a time: few enough to stay in the first-level cache.
const AT_ONCE: usize = 4096;

/// Replaces `x`, the rows `rows` of a matrix, by `dropout(x + bias) + residual`.
///
/// # Panics
/// When lengths disagree.
pub fn add_residual(
    x: &mut [f32],
    rows: Range<usize>,
    bias: &[f32],
    dropout: Option<&Dropout>,
    sequences: &Sequences,
    residual: &[f32],
) {
    let width = bias.len();
    assert_eq!(x.len(), rows.len() * width, "rows of a sub-layer's output");
    assert_eq!(residual.len(), x.len(), "rows of the residual");
    match dropout {
        Some(dropout) => each_part(x, rows, width, dropout, sequences, |at, x, scales| {
            close_scaled(x, bias, scales, &residual[at * width..][..x.len()]);
        }),
        None => close(x, bias, residual),
    }
}

/// Applies dropout to `x`, the rows `rows` of a matrix with `width` columns.
///
/// # Panics
/// When lengths disagree.
pub fn dropout_rows(
    x: &mut [f32],
    rows: Range<usize>,
    width: usize,
    dropout: &Dropout,
    sequences: &Sequences,
) {
    assert_eq!(x.len(), rows.len() * width, "rows to drop from");
    each_part(x, rows, width, dropout, sequences, |_, x, scales| {
        scale(x, scales);
    });
}

/// Calls `work` with each part of `x`: the index in `x` of the part's first row, the part, and its dropout factors.
fn each_part(
    x: &mut [f32],
    rows: Range<usize>,
    width: usize,
    dropout: &Dropout,
    sequences: &Sequences,
    mut work: impl FnMut(usize, &mut [f32], &[f32]),
) {
    let together = (AT_ONCE / width.max(1)).max(1);
    let mut row = 0;
    with_scratch(Place::Scores, together * width, |scales| {
        for (sample, first, count) in sequences.parts(rows) {
            for start in (0..count).step_by(together) {
                let count = together.min(count - start);
                let scales = &mut scales[..count * width];
                dropout.scales(sample, (first + start) * width, scales);
                work(row, &mut x[row * width..][..count * width], scales);
                row += count;
            }
        }
    });
}

dispatched! {
    fn close<S>(simd: _, x: &mut [f32], bias: &[f32], residual: &[f32]) {
        let width = bias.len().max(1);
        for (x, residual) in x.chunks_exact_mut(width).zip(residual.chunks_exact(width)) {
            for place in 0..vectors(width) {
                let sum = load_at(simd, x, place, 0.0) + load_at(simd, bias, place, 0.0);
                store_at(x, place, sum + load_at(simd, residual, place, 0.0));
            }
        }
    }

    fn close_scaled<S>(simd: _, x: &mut [f32], bias: &[f32], scales: &[f32], residual: &[f32]) {
        let width = bias.len().max(1);
        let rows = x.chunks_exact_mut(width).zip(scales.chunks_exact(width)).zip(residual.chunks_exact(width));
        for ((x, scales), residual) in rows {
            for place in 0..vectors(width) {
                let sum = load_at(simd, x, place, 0.0) + load_at(simd, bias, place, 0.0);
                let kept = sum * load_at(simd, scales, place, 0.0);
                store_at(x, place, kept + load_at(simd, residual, place, 0.0));
            }
        }
    }
}
