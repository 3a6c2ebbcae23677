//! How many sequences an update holds, how many updates there are, and which originals they show.
//!
//! Predicting more tokens than are corrupted takes k copies of each sequence ([`Rates::copies`]). The publication leaves two
//! questions open there; both are parameters, and a run records its answers:
//!
//! * what `batch` counts: copies, or originals, each of which has k copies;
//! * what `steps` counts: updates, or batches' worth of originals, so that each run sees the same text.
//!
//! The copies of the originals, in training order, form one sequence of sequences, and update s takes its next piece. So an update
//! holds exactly the number of sequences asked for even if k does not divide it: the copies of an original at the border of two
//! updates are then divided between them.
//!
//! [`Rates::copies`]: crate::copies::Rates::copies

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// What the parameter `batch` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchCounts {
    /// Copies: an update costs the same whatever the rates, and shows batch / k originals.
    Copies,
    /// Originals: an update shows the same text whatever the rates, and costs k times as much.
    Originals,
}

/// What the parameter `steps` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Updates {
    /// Updates.
    Fixed,
    /// As many updates as it takes to show steps · batch originals, all copies of each.
    PerOriginal,
    /// As many updates as cost the multiply-adds of `steps` ordinary ones ([`crate::compute`]).
    EqualCompute,
}

/// The updates of a run, and their sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Number of copies of each original: k.
    pub copies: usize,
    /// Number of sequences, copies included, in each update.
    pub sequences: usize,
    /// Number of updates.
    pub updates: u32,
}

impl Plan {
    /// Makes the plan for the user's `steps` and `batch`.
    pub fn new(
        copies: usize,
        steps: u32,
        batch: usize,
        batch_counts: BatchCounts,
        updates: Updates,
    ) -> Self {
        let factor = copies as u32;
        let (sequences, scaled) = match batch_counts {
            BatchCounts::Copies => (batch, steps.saturating_mul(factor)),
            BatchCounts::Originals => (batch.saturating_mul(copies), steps),
        };
        let updates = match updates {
            // The caller has turned `steps` into updates.
            Updates::Fixed | Updates::EqualCompute => steps,
            Updates::PerOriginal => scaled,
        };
        Self {
            copies,
            sequences,
            updates,
        }
    }

    /// Returns the sequences of update `step` (from 0), counted over the whole run. Sequence i is copy i mod k of
    /// original i div k.
    pub fn sequences_of(&self, step: u32) -> Range<u64> {
        let size = self.sequences as u64;
        u64::from(step) * size..(u64::from(step) + 1) * size
    }

    /// Returns the number of originals that the run shows, including one that is shown in part.
    pub fn originals(&self) -> u64 {
        (u64::from(self.updates) * self.sequences as u64).div_ceil(self.copies as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_readings() {
        use BatchCounts::{Copies, Originals};
        use Updates::{Fixed, PerOriginal};
        // Each case: what the parameters count → sequences per update, updates, originals shown; 8 copies, 100 steps, batch 64.
        for (batch_counts, updates, expected) in [
            (Copies, Fixed, (64, 100, 800)),
            (Copies, PerOriginal, (64, 800, 6400)),
            (Originals, Fixed, (512, 100, 6400)),
            (Originals, PerOriginal, (512, 100, 6400)),
        ] {
            let plan = Plan::new(8, 100, 64, batch_counts, updates);
            assert_eq!((plan.sequences, plan.updates, plan.originals()), expected);
        }
    }

    #[test]
    fn one_copy_leaves_nothing_to_choose() {
        let plain = Plan {
            copies: 1,
            sequences: 64,
            updates: 100,
        };
        for batch_counts in [BatchCounts::Copies, BatchCounts::Originals] {
            for updates in [Updates::Fixed, Updates::PerOriginal] {
                assert_eq!(Plan::new(1, 100, 64, batch_counts, updates), plain);
            }
        }
    }

    #[test]
    fn updates_cut_the_line_of_copies_without_gaps() {
        let plan = Plan::new(3, 5, 10, BatchCounts::Copies, Updates::Fixed);
        let all: Vec<u64> = (0..plan.updates)
            .flat_map(|step| plan.sequences_of(step))
            .collect();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
        assert_eq!(plan.originals(), 17);
    }
}
