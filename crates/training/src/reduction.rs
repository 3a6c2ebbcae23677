//! The gradient of an update, summed over a fixed number of parts.
//!
//! Additions round, so a sum depends on its order. With one part, the samples are added in a single chain, in their order. With
//! more parts, each part is such a chain, and the sums of the parts are added in a tree whose shape depends on their number
//! alone: neighbours first. A part can therefore be computed elsewhere, in another process, without changing a bit of the result;
//! with a single chain that would not be possible.

use std::ops::Range;

use contract::StageError;
use encoder::{Gradients, Mode, Parameters};

use crate::objective::Objective;

/// Buffers for the sums: the first holds the result, the others hold a right branch at each depth of the tree.
pub(crate) struct Reduction {
    parts: usize,
    buffers: Vec<Gradients>,
}

impl Reduction {
    /// Makes buffers for sums of `parts` parts.
    pub(crate) fn new(parameters: &Parameters, parts: usize) -> Self {
        let parts = parts.max(1);
        // One buffer for the result, and one for each right branch that is summed while others wait.
        let buffers = (0..=parts.ilog2()).map(|_| Gradients::zeros(parameters));
        Self {
            parts,
            buffers: buffers.collect(),
        }
    }

    /// Computes the gradients of the loss summed over a batch, and returns the summed loss.
    pub(crate) fn sum<O: Objective>(
        &mut self,
        objective: &O,
        batch: &O::Batch,
        samples: usize,
        mode: Mode,
    ) -> Result<f64, StageError> {
        let part =
            |part: usize| bound(samples, part, self.parts)..bound(samples, part + 1, self.parts);
        let leaf = |at: usize, into: &mut Gradients| {
            let mut collecting = into.collect();
            match part(at) {
                samples if samples.is_empty() => Ok(0.0),
                samples => objective.add(batch, samples, mode, &mut collecting),
            }
        };
        branch(0..self.parts, &mut self.buffers, &leaf)
    }

    /// Returns the gradients that [`Reduction::sum`] computed last.
    pub(crate) fn gradients(&mut self) -> &mut Gradients {
        &mut self.buffers[0]
    }
}

/// Returns the first sample of a part. Parts differ in size by at most one sample.
fn bound(samples: usize, part: usize, parts: usize) -> usize {
    (samples as u128 * part as u128 / parts as u128) as usize
}

/// Sums a branch of the tree into the first of the buffers.
fn branch(
    parts: Range<usize>,
    buffers: &mut [Gradients],
    leaf: &dyn Fn(usize, &mut Gradients) -> Result<f64, StageError>,
) -> Result<f64, StageError> {
    if parts.len() <= 1 {
        return leaf(parts.start, &mut buffers[0]);
    }
    // The left branch holds the largest power of two of parts below the whole, so its tree is full.
    let half = parts.len().next_power_of_two() / 2;
    let middle = parts.start + half;
    let left = branch(parts.start..middle, buffers, leaf)?;
    let (result, rest) = buffers.split_at_mut(1);
    let right = branch(middle..parts.end, rest, leaf)?;
    result[0].add(&rest[0]);
    Ok(left + right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_every_sample_once() {
        for parts in 1..9 {
            for samples in 0..30 {
                let mut at = 0;
                for part in 0..parts {
                    assert_eq!(bound(samples, part, parts), at);
                    at = bound(samples, part + 1, parts);
                }
                assert_eq!(at, samples);
            }
        }
    }
}
