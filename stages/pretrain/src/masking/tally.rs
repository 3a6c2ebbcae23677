//! What masking did, counted: the rate that came of it, units, their lengths, collisions.

use super::Units;

/// Lengths of units that are counted one by one; longer ones are counted together.
pub const LENGTHS: usize = 10;

/// Counts over masked sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tokens that might be masked.
    pub candidates: u64,
    /// Tokens selected for corruption.
    pub corrupted: u64,
    /// Units: words, spans, n-grams or single tokens.
    pub units: u64,
    /// Units by length: `lengths[i]` have i + 1 tokens, those at the end more than [`LENGTHS`].
    pub lengths: [u64; LENGTHS + 1],
    /// How often a draw met what was chosen before, as each strategy defines it.
    pub collisions: u64,
}

impl Tally {
    /// Counts the units of one copy, chosen from so many candidates.
    pub(super) fn of(units: &Units, candidates: usize) -> Self {
        let mut tally = Self {
            candidates: candidates as u64,
            corrupted: units.positions().len() as u64,
            units: units.len() as u64,
            collisions: units.collisions as u64,
            ..Self::default()
        };
        for unit in units.iter() {
            tally.lengths[unit.len().min(LENGTHS + 1) - 1] += 1;
        }
        tally
    }

    /// Adds the counts of other sequences.
    pub fn add(&mut self, other: &Self) {
        self.candidates += other.candidates;
        self.corrupted += other.corrupted;
        self.units += other.units;
        self.collisions += other.collisions;
        for (sum, count) in self.lengths.iter_mut().zip(other.lengths) {
            *sum += count;
        }
    }
}
