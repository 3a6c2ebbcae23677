//! Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), one parameter at a time.

use rayon::prelude::*;

use crate::parallel::Share;

use crate::rows::{load_at, store_at, vectors};
use crate::simd::{Floats, dispatched};

/// Number of elements that a thread updates at a time.
const BLOCK: usize = 1 << 14;

/// The constants of one update, the same for all elements of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// Factor of each gradient, applied before anything else.
    pub factor: f32,
    /// 1 - learning rate · weight decay.
    pub keep: f32,
    /// β₁, the decay of the first moment.
    pub beta1: f32,
    /// β₂, the decay of the second moment.
    pub beta2: f32,
    /// 1 - beta1.
    pub fresh1: f32,
    /// 1 - beta2.
    pub fresh2: f32,
    /// Learning rate over the first moment's bias correction.
    pub rate: f32,
    /// Inverse root of the second moment's bias correction.
    pub root: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
}

/// Updates `values` and their moments in place, in parallel. Per element, with g = factor · gradient and every
/// operation rounded: first = beta1 · first + fresh1 · g, second = beta2 · second + fresh2 · g · g, and value = value ·
/// keep - rate · first / (√second · root + epsilon).
///
/// # Panics
/// When lengths disagree.
pub fn adamw(
    values: &mut [f32],
    gradients: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    step: &AdamWStep,
) {
    let count = values.len();
    assert!(
        gradients.len() == count && first.len() == count && second.len() == count,
        "{} gradients and {} and {} moments of {count} values",
        gradients.len(),
        first.len(),
        second.len()
    );
    values
        .par_chunks_mut(BLOCK)
        .zip(gradients.par_chunks(BLOCK))
        .zip(first.par_chunks_mut(BLOCK))
        .zip(second.par_chunks_mut(BLOCK))
        .share(|(((values, gradients), first), second)| {
            block(values, gradients, first, second, step);
        });
}

dispatched! {
    fn block<S>(
        simd: _, values: &mut [f32], gradients: &[f32], first: &mut [f32], second: &mut [f32], step: &AdamWStep,
    ) {
        let [factor, keep] = [simd.splat(step.factor), simd.splat(step.keep)];
        let [beta1, beta2] = [simd.splat(step.beta1), simd.splat(step.beta2)];
        let [fresh1, fresh2] = [simd.splat(step.fresh1), simd.splat(step.fresh2)];
        let [rate, root, epsilon] = [simd.splat(step.rate), simd.splat(step.root), simd.splat(step.epsilon)];
        for place in 0..vectors(values.len()) {
            let gradient = factor * load_at(simd, gradients, place, 0.0);
            let moment1 = beta1 * load_at(simd, first, place, 0.0) + fresh1 * gradient;
            let moment2 = beta2 * load_at(simd, second, place, 0.0) + fresh2 * gradient * gradient;
            let spread = moment2.sqrt() * root + epsilon;
            let value = load_at(simd, values, place, 0.0) * keep - rate * moment1 / spread;
            store_at(first, place, moment1);
            store_at(second, place, moment2);
            store_at(values, place, value);
        }
    }
}
