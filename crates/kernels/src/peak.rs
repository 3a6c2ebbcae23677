//! The peak speed of this machine, of which speeds are given as shares.

use std::hint::black_box;
use std::time::Instant;

use crate::Precision;
use crate::simd::{Floats, WIDTH, dispatched};

/// Number of independent chains of fused multiply-adds: enough to hide their latency, few enough for the registers.
const CHAINS: usize = 14;
/// Number of steps of each chain in one measurement.
const STEPS: usize = 200_000;

/// Returns the rate of fused multiply-adds in GFLOP/s (two operations each) on `threads` threads together, with the
/// vectors that the kernels use: the best of several short measurements, about half a second in all. `None` where this
/// CPU has no instruction for the precision.
pub fn peak(precision: Precision, threads: usize) -> Option<f64> {
    if !precision.is_native() {
        return None;
    }
    let (chains, per_lane): (fn(f32) -> f32, usize) = match precision {
        Precision::F32 => (chains, 2),
        Precision::Bf16 => (chains_bf16, 4),
    };
    let flops = (per_lane * STEPS * CHAINS * WIDTH * threads) as f64;
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
    Some(best)
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

/// Runs the chains with pairs of 16-bit operands.
fn chains_bf16(x: f32) -> f32 {
    #[cfg(target_arch = "x86_64")]
    {
        use crate::simd::{Avx512, Simd};

        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
        fn native(x: f32) -> f32 {
            // SAFETY: this function runs only where the CPU has the instructions.
            let simd = unsafe { Avx512::assume() };
            let factor = simd.splat(x);
            let mut sums = [factor; CHAINS];
            for _ in 0..STEPS {
                for sum in &mut sums {
                    // SAFETY: as above.
                    *sum = unsafe { factor.dot_bf16(factor, *sum) };
                }
            }
            let mut all = sums[0];
            for &sum in &sums[1..] {
                all = all + sum;
            }
            all.sum()
        }
        // SAFETY: `peak` has checked that the CPU has the instruction, and no CPU has it without the others.
        unsafe { native(x) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        x
    }
}
