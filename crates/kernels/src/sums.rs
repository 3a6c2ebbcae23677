//! Sums and checks over whole tensors.

use rayon::prelude::*;

use crate::simd::{WIDTH, dispatched};

/// Number of elements in a block of [`sum_of_squares`].
const BLOCK: usize = 1 << 16;

/// Returns the sum of the squares, in 64 bits and in parallel. In each block of 65536 elements, element i is added to lane
/// i mod 16, and the lanes are folded in halves (lane i takes lane i + 8, then + 4, + 2, + 1). The sums of the blocks are
/// added in ascending order.
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let blocks: Vec<f64> = values.par_chunks(BLOCK).map(block).collect();
    sum(&blocks)
}

/// Returns the sum, added in ascending order of index.
pub fn sum(values: &[f64]) -> f64 {
    let mut sum = 0.0;
    for value in values {
        sum += value;
    }
    sum
}

/// Whether no value is infinite or NaN. Computed in parallel.
pub fn all_finite(values: &[f32]) -> bool {
    values.par_chunks(BLOCK).all(block_is_finite)
}

dispatched! {
    fn block<S>(_simd: _, values: &[f32]) -> f64 {
        // The compiler vectorises the loops below. The square of a 32-bit float is exact in 64 bits, fused or not.
        let mut lanes = [0.0_f64; WIDTH];
        let (vectors, rest) = values.as_chunks::<WIDTH>();
        for vector in vectors {
            for i in 0..WIDTH {
                lanes[i] += f64::from(vector[i]) * f64::from(vector[i]);
            }
        }
        for (lane, &value) in lanes.iter_mut().zip(rest) {
            *lane += f64::from(value) * f64::from(value);
        }
        let mut half = WIDTH / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] += lanes[i + half];
            }
            half /= 2;
        }
        lanes[0]
    }

    fn block_is_finite<S>(_simd: _, values: &[f32]) -> bool {
        let mut all = true;
        for value in values {
            all &= value.is_finite();
        }
        all
    }
}
