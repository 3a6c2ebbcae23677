//! What is trained, and towards what.

use std::ops::Range;
use std::path::Path;

use contract::{Column, StageError};
use encoder::{Collecting, Mode, Parameters};
use metrics::Direction;

/// A loss over batches of samples, and the parameters that it is to lower.
///
/// All that it draws must be a function of (seed, purpose, step, sample), so that an update can be made without those before.
pub trait Objective {
    /// What an update is made of.
    type Batch;

    /// The columns of its training log: those of [`crate::log::COMMON`], then its own, which [`Objective::row`] fills.
    const LOG: &'static [Column];

    /// What it measures on the way, if anything.
    const MEASURE: Option<Measure>;

    /// Returns what is trained.
    fn parameters(&self) -> &Parameters;

    /// Returns the batch of update `step`, counted from 0.
    ///
    /// # Errors
    /// When data cannot be read, or there is nothing to learn from in it.
    fn batch(&mut self, step: u32) -> Result<Self::Batch, StageError>;

    /// Returns how large a batch is.
    fn extent(&self, batch: &Self::Batch) -> Extent;

    /// Adds the gradients of the loss summed over the terms of some `samples` of a batch, and returns that sum. The gradient of an
    /// update is that of the mean over all terms: the caller divides, once.
    ///
    /// # Errors
    /// When a sample does not fit the encoder, or a tensor operation fails.
    fn add(
        &self,
        batch: &Self::Batch,
        samples: Range<usize>,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError>;

    /// Returns the log's own columns for an update made on `batch`.
    fn row(&self, _batch: &Self::Batch) -> Vec<f64> {
        Vec::new()
    }

    /// Measures the parameters as they are: a number for each further column of [`Objective::MEASURE`]. It may read other data than
    /// it trains on, such as a development set to choose by.
    ///
    /// # Errors
    /// When a tensor operation fails, or a number is not finite.
    fn measure(&mut self) -> Result<Vec<f64>, StageError> {
        Ok(Vec::new())
    }

    /// Writes what was trained into `folder`, flat, as others can start from it.
    ///
    /// # Errors
    /// When it cannot be written.
    fn save(&self, folder: &Path) -> Result<(), StageError>;
}

/// How large a batch is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Samples: what a batch can be cut into.
    pub samples: usize,
    /// Terms that the loss is the mean of: predicted tokens, or examples.
    pub terms: usize,
    /// Tokens that the encoder reads.
    pub tokens: usize,
    /// Floating-point operations of one forward pass.
    pub forward: f64,
}

/// What an objective measures on the way.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// The file of measurements, a row each.
    pub file: &'static str,
    /// Its columns: `step`, then numbers, of which the first is what the best is chosen by.
    pub columns: &'static [Column],
    /// Which way that number is better.
    pub better: Direction,
    /// Whether one is made at the end where none is asked for.
    pub always: bool,
}
