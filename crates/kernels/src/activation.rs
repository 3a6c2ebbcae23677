//! A bias and an activation function over the rows of a matrix.

use crate::elementary::Activation;
use crate::rows::{count, load_at, store_at, vectors};
use crate::simd::{Simd, dispatched};

dispatched! {
    /// Replaces every row x of `[rows, width]` by f(x + bias), and writes f'(x + bias) to `derivative` (of the same shape), which
    /// is all that the backward pass needs.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn bias_activation<S>(
        simd: _, activation: Activation, x: &mut [f32], bias: &[f32], derivative: &mut [f32],
    ) {
        count(x.len(), bias.len());
        assert!(x.len() == derivative.len(), "{} derivatives of {} elements", derivative.len(), x.len());
        // The function is chosen outside the loops, so that the loops contain no branch.
        match activation {
            Activation::Gelu => both(simd, Activation::Gelu, x, bias, derivative),
            Activation::GeluTanh => both(simd, Activation::GeluTanh, x, bias, derivative),
        }
    }

    /// Replaces every row x of `[rows, width]` by f(x + bias), with the same bits as [`bias_activation`].
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn bias_activation_only<S>(simd: _, activation: Activation, x: &mut [f32], bias: &[f32]) {
        count(x.len(), bias.len());
        match activation {
            Activation::Gelu => value(simd, Activation::Gelu, x, bias),
            Activation::GeluTanh => value(simd, Activation::GeluTanh, x, bias),
        }
    }
}

#[inline(always)]
fn both<S: Simd>(
    simd: S,
    activation: Activation,
    x: &mut [f32],
    bias: &[f32],
    derivative: &mut [f32],
) {
    let width = bias.len();
    if width == 0 {
        return;
    }
    for (x, derivative) in x
        .chunks_exact_mut(width)
        .zip(derivative.chunks_exact_mut(width))
    {
        for place in 0..vectors(width) {
            let sum = load_at(simd, x, place, 0.0) + load_at(simd, bias, place, 0.0);
            let (value, slope) = activation.with_derivative(simd, sum);
            store_at(x, place, value);
            store_at(derivative, place, slope);
        }
    }
}

#[inline(always)]
fn value<S: Simd>(simd: S, activation: Activation, x: &mut [f32], bias: &[f32]) {
    let width = bias.len();
    if width == 0 {
        return;
    }
    for x in x.chunks_exact_mut(width) {
        for place in 0..vectors(width) {
            let sum = load_at(simd, x, place, 0.0) + load_at(simd, bias, place, 0.0);
            // The compiler removes the derivative, which is not used.
            store_at(x, place, activation.with_derivative(simd, sum).0);
        }
    }
}
