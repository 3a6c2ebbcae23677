//! Additions and multiplications, element by element.

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

    /// Multiplies `x` by `factors`, element by element.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn scale<S>(simd: _, x: &mut [f32], factors: &[f32]) {
        assert!(x.len() == factors.len(), "{} factors of {} elements", factors.len(), x.len());
        for place in 0..vectors(x.len()) {
            let product = load_at(simd, x, place, 0.0) * load_at(simd, factors, place, 0.0);
            store_at(x, place, product);
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
