//! The softmax over the rows of a matrix.

use crate::elementary::exp;
use crate::rows::{count, load_at, store_at, vectors};
use crate::simd::{Floats, Lanes, dispatched};

dispatched! {
    /// Replaces every row x of `[rows, width]` by softmax(scale · x), that is e^(scale · (x - max x)) divided by the sum of these.
    /// An element of minus infinity gets the weight 0; a row of only such elements becomes NaN.
    ///
    /// # Panics
    /// When the number of elements is not a whole number of rows, or `scale` is not positive.
    pub fn softmax<S>(simd: _, rows: &mut [f32], width: usize, scale: f32) {
        // Minus infinity, which fills the last vector, must stay minus infinity when scaled.
        assert!(scale > 0.0, "softmax: a scale of {scale}");
        if count(rows.len(), width) == 0 {
            return;
        }
        let factor = simd.splat(scale);
        for row in rows.chunks_exact_mut(width) {
            let mut largest = simd.splat(f32::NEG_INFINITY);
            for place in 0..vectors(width) {
                largest = largest.max(load_at(simd, row, place, f32::NEG_INFINITY));
            }
            let largest = simd.splat(largest.largest());
            let mut sum = Lanes::new(simd.splat(0.0));
            for place in 0..vectors(width) {
                let distance = load_at(simd, row, place, f32::NEG_INFINITY) - largest;
                let value = exp(simd, distance * factor);
                store_at(row, place, value);
                sum.add(value);
            }
            let share = simd.splat(1.0 / sum.total());
            for place in 0..vectors(width) {
                store_at(row, place, load_at(simd, row, place, 0.0) * share);
            }
        }
    }

    /// Replaces the gradient g of [`softmax`]'s result by the gradient of its argument, scale · w ∘ (g - Σ w g) in every row;
    /// `weights` are the result w of [`softmax`].
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn softmax_backward<S>(simd: _, weights: &[f32], gradient: &mut [f32], width: usize, scale: f32) {
        assert!(
            weights.len() == gradient.len(),
            "{} gradients of {} weights", gradient.len(), weights.len()
        );
        if count(weights.len(), width) == 0 {
            return;
        }
        let factor = simd.splat(scale);
        for (weights, gradient) in weights.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            let mut mean = Lanes::new(simd.splat(0.0));
            for place in 0..vectors(width) {
                mean.add_product(load_at(simd, weights, place, 0.0), load_at(simd, gradient, place, 0.0));
            }
            let mean = simd.splat(mean.total());
            for place in 0..vectors(width) {
                let distance = load_at(simd, gradient, place, 0.0) - mean;
                store_at(gradient, place, load_at(simd, weights, place, 0.0) * factor * distance);
            }
        }
    }
}
