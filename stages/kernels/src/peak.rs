//! What this machine can do at most: the yardstick for every share of the peak.

use std::hint::black_box;
use std::time::Instant;

use crate::simd::{Floats, dispatched};

/// Independent chains of fused multiply-adds: enough to hide their latency, few enough for registers.
const CHAINS: usize = 14;
/// Steps of each chain in one measurement.
const STEPS: usize = 200_000;

/// Returns the rate of fused multiply-adds in GFLOP/s (two operations each) on `threads` threads together, with the
/// vectors that the kernels use: the best of several short measurements, about half a second in all.
pub fn peak(threads: usize) -> f64 {
    let flops = (2 * STEPS * CHAINS * crate::simd::WIDTH * threads) as f64;
    let mut best: f64 = 0.0;
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < 0.5 {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| black_box(chains(black_box(0.5))));
            }
        });
        best = best.max(flops / start.elapsed().as_secs_f64() / 1e9);
    }
    best
}

dispatched! {
    fn chains<S>(simd: _, x: f32) -> f32 {
        let (factor, term) = (simd.splat(x), simd.splat(x));
        let mut sums = [simd.splat(x); CHAINS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, term);
            }
        }
        let mut all = sums[0];
        for &sum in &sums[1..] {
            all = all + sum;
        }
        all.sum()
    }
}
