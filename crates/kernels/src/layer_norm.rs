//! Layer normalisation (Ba et al. 2016) over the rows of a matrix.

use crate::rows::{load_at, store_at, vectors};
use crate::simd::{Floats, Lanes, dispatched};

dispatched! {
    /// Normalises rows of `width` elements: `x` becomes `(x - mean) / √(variance + ε)`, and `y` gets that times `weight` plus
    /// `bias`. `inverse` gets one inverse deviation per row: the backward pass needs these and the new `x`.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn layer_norm<S>(
        simd: _, x: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32, y: &mut [f32], inverse: &mut [f32],
    ) {
        let width = weight.len();
        assert!(
            bias.len() == width && x.len() == y.len() && x.len() == width * inverse.len(),
            "layer norm: the lengths of {} elements in {} rows of {width}, of {} results and of {} biases disagree",
            x.len(), inverse.len(), y.len(), bias.len()
        );
        if width == 0 {
            return;
        }
        let count = width as f32;
        for ((x, y), inverse) in x.chunks_exact_mut(width).zip(y.chunks_exact_mut(width)).zip(inverse) {
            let mut sum = Lanes::new(simd.splat(0.0));
            for place in 0..vectors(width) {
                sum.add(load_at(simd, x, place, 0.0));
            }
            let mean = sum.total() / count;
            let means = simd.splat(mean);
            let mut squares = Lanes::new(simd.splat(0.0));
            for place in 0..vectors(width) {
                // Lanes beyond the row hold the mean, so that their distance from it is 0.
                let distance = load_at(simd, x, place, mean) - means;
                squares.add_product(distance, distance);
            }
            *inverse = 1.0 / (squares.total() / count + epsilon).sqrt();
            let scale = simd.splat(*inverse);
            for place in 0..vectors(width) {
                let normal = (load_at(simd, x, place, 0.0) - means) * scale;
                store_at(x, place, normal);
                let result = normal.mul_add(load_at(simd, weight, place, 0.0), load_at(simd, bias, place, 0.0));
                store_at(y, place, result);
            }
        }
    }

    /// Replaces the gradient of [`layer_norm`]'s result by the gradient of its argument. `normal` and `inverse` are the outputs
    /// `x` and `inverse` of [`layer_norm`]. [`crate::layer_norm_sums`] gives the gradients of weight and bias.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn layer_norm_backward<S>(
        simd: _, gradient: &mut [f32], normal: &[f32], inverse: &[f32], weight: &[f32],
    ) {
        let width = weight.len();
        assert!(
            gradient.len() == normal.len() && gradient.len() == width * inverse.len(),
            "layer norm: the lengths of {} gradients of {} elements in {} rows of {width} disagree",
            gradient.len(), normal.len(), inverse.len()
        );
        if width == 0 {
            return;
        }
        let count = width as f32;
        let rows = gradient.chunks_exact_mut(width).zip(normal.chunks_exact(width)).zip(inverse);
        for ((gradient, normal), inverse) in rows {
            let mut sum = Lanes::new(simd.splat(0.0));
            let mut along = Lanes::new(simd.splat(0.0));
            for place in 0..vectors(width) {
                let x = load_at(simd, normal, place, 0.0);
                let scaled = load_at(simd, gradient, place, 0.0) * load_at(simd, weight, place, 0.0);
                sum.add(scaled);
                along.add_product(scaled, x);
            }
            let mean = simd.splat(sum.total() / count);
            let slope = simd.splat(along.total() / count);
            let scale = simd.splat(*inverse);
            for place in 0..vectors(width) {
                let scaled = load_at(simd, gradient, place, 0.0) * load_at(simd, weight, place, 0.0);
                let x = load_at(simd, normal, place, 0.0);
                store_at(gradient, place, scale * x.neg_mul_add(slope, scaled - mean));
            }
        }
    }
}
