//! The cross-entropy of the softmax, and its gradient.

use crate::elementary::exp;
use crate::ln;
use crate::rows::{count, load_at, store_at, vectors};
use crate::simd::{Floats, Lanes, Simd, dispatched};

dispatched! {
    /// Computes the cross-entropy in nats of every row's target under softmax(logits + bias). With x = logits + bias, `losses`
    /// gets max + ln Σ e^(x - max) - x\[target\], and `logits`, `[rows, classes]` with as many rows as targets, becomes
    /// softmax(x) - onehot(target), the gradient of the sum of the losses.
    ///
    /// A loss is rounded to a multiple of 2^-30, so that sums of losses are exact in any order. A row with an element that is not
    /// finite gives a loss that is not finite.
    ///
    /// # Panics
    /// When lengths disagree or a target is not below the number of classes.
    pub fn cross_entropy<S>(
        simd: _, logits: &mut [f32], bias: Option<&[f32]>, targets: &[u32], losses: &mut [f64],
    ) {
        let classes = classes(logits.len(), bias, targets, losses);
        if classes == 0 {
            return;
        }
        for ((row, &target), loss) in logits.chunks_exact_mut(classes).zip(targets).zip(losses) {
            let target = target as usize;
            let largest = largest(simd, row, bias);
            let logit = at_target(row, bias, target);
            let mut sum = Lanes::new(simd.splat(0.0));
            let largests = simd.splat(largest);
            for place in 0..vectors(classes) {
                let value = exp(simd, biased(simd, row, bias, place) - largests);
                store_at(row, place, value);
                sum.add(value);
            }
            let sum = sum.total();
            *loss = nats(largest, sum, logit);
            let share = simd.splat(1.0 / sum);
            for place in 0..vectors(classes) {
                store_at(row, place, load_at(simd, row, place, 0.0) * share);
            }
            row[target] -= 1.0;
        }
    }
    /// Computes the losses of [`cross_entropy`], with the same bits, and leaves the logits as they are.
    ///
    /// # Panics
    /// When lengths disagree or a target is not below the number of classes.
    pub fn cross_entropy_only<S>(
        simd: _, logits: &[f32], bias: Option<&[f32]>, targets: &[u32], losses: &mut [f64],
    ) {
        let classes = classes(logits.len(), bias, targets, losses);
        if classes == 0 {
            return;
        }
        for ((row, &target), loss) in logits.chunks_exact(classes).zip(targets).zip(losses) {
            let largest = largest(simd, row, bias);
            let mut sum = Lanes::new(simd.splat(0.0));
            let largests = simd.splat(largest);
            for place in 0..vectors(classes) {
                sum.add(exp(simd, biased(simd, row, bias, place) - largests));
            }
            *loss = nats(largest, sum.total(), at_target(row, bias, target as usize));
        }
    }
}

/// Returns the number of classes; 0 if there are no rows.
#[inline(always)]
fn classes(logits: usize, bias: Option<&[f32]>, targets: &[u32], losses: &[f64]) -> usize {
    let rows = targets.len();
    assert!(
        losses.len() == rows,
        "{} losses of {rows} targets",
        losses.len()
    );
    let classes = count(logits, rows);
    if rows == 0 {
        return 0;
    }
    if let Some(bias) = bias {
        let size = bias.len();
        assert!(size == classes, "a bias of {size} for {classes} classes");
    }
    for &target in targets {
        assert!(
            (target as usize) < classes,
            "target {target} is none of {classes} classes"
        );
    }
    classes
}

/// Returns the vector at element `16 · place` with its bias added; lanes beyond the row are minus infinity.
#[inline(always)]
fn biased<S: Simd>(simd: S, row: &[f32], bias: Option<&[f32]>, place: usize) -> S::F {
    let x = load_at(simd, row, place, f32::NEG_INFINITY);
    match bias {
        Some(bias) => x + load_at(simd, bias, place, 0.0),
        None => x + simd.splat(0.0),
    }
}

/// Returns the largest element of a row.
#[inline(always)]
fn largest<S: Simd>(simd: S, row: &[f32], bias: Option<&[f32]>) -> f32 {
    let mut largest = simd.splat(f32::NEG_INFINITY);
    for place in 0..vectors(row.len()) {
        largest = largest.max(biased(simd, row, bias, place));
    }
    largest.largest()
}

/// Returns the target's element, with its bias added.
#[inline(always)]
fn at_target(row: &[f32], bias: Option<&[f32]>, target: usize) -> f32 {
    match bias {
        Some(bias) => row[target] + bias[target],
        None => row[target],
    }
}

/// The inverse of the unit in which losses are rounded. Sums of such losses are exact (below 2^23 nats), so a batch's loss
/// does not depend on how the batch was split.
const PARTS: f64 = (1_u64 << 30) as f64;

/// Returns max + ln(sum) - logit, rounded to a multiple of 2^-30.
#[inline(always)]
fn nats(largest: f32, sum: f32, logit: f32) -> f64 {
    // The sum is at least 1, unless a logit is not finite.
    let logarithm = if sum.is_finite() {
        ln(f64::from(sum))
    } else {
        f64::NAN
    };
    let loss = f64::from(largest) + logarithm - f64::from(logit);
    (loss * PARTS).round_ties_even() / PARTS
}
