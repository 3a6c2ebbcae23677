//! Objectives: a loss, and the parameters that training changes to lower it.

use std::ops::Range;
use std::path::Path;

use contract::{Column, StageError};
use encoder::{Collecting, Mode, Parameters};
use metrics::Direction;

/// A loss over batches of samples, and the parameters that training changes to lower it.
///
/// All random numbers of an objective must be a function of (seed, purpose, step, sample), so that an update can be made without
/// the updates before it.
pub trait Objective {
    /// The samples of an update.
    type Batch;

    /// Columns of the training log: first the [`crate::log::COMMON`] common ones, then the objective's, which [`Objective::row`] fills.
    const LOG: &'static [Column];

    /// The measurements that the objective makes during a run, if any.
    const MEASURE: Option<Measure>;

    /// The ends of the names of parameters whose gradient is zero at first, since what follows them begins at zero.
    const HIDDEN_AT_FIRST: &'static [&'static str] = &[];

    /// Returns the parameters that are trained.
    fn parameters(&self) -> &Parameters;

    /// Returns the batch of update `step`, counted from 0.
    ///
    /// # Errors
    /// When data cannot be read, or a batch has nothing to learn from.
    fn batch(&mut self, step: u32) -> Result<Self::Batch, StageError>;

    /// Returns the size of a batch.
    fn extent(&self, batch: &Self::Batch) -> Extent;

    /// Adds to `gradients` the gradient of the loss summed over the terms of some samples of a batch, and returns the summed loss. An
    /// update needs the gradient of the mean over all terms: the caller divides once, at the end.
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

    /// Returns the values of the objective's own log columns for an update made on `batch`.
    fn row(&self, _batch: &Self::Batch) -> Vec<f64> {
        Vec::new()
    }

    /// Returns the further log that this run keeps, if it keeps one: a row an update, which [`Objective::further_row`] fills.
    fn further(&self) -> Option<Further> {
        None
    }

    /// Returns the values of the further log's columns, but for the first, for an update made on `batch`.
    fn further_row(&self, _batch: &Self::Batch) -> Vec<f64> {
        Vec::new()
    }

    /// Measures the current parameters and returns a number for each further column of [`Objective::MEASURE`]. The data may be other
    /// than the training data, such as a development set for choosing the best weights.
    ///
    /// # Errors
    /// When a tensor operation fails, or a number is not finite.
    fn measure(&mut self) -> Result<Vec<f64>, StageError> {
        Ok(Vec::new())
    }

    /// Writes the trained model into `folder`, without subfolders, in the form from which other runs can start.
    ///
    /// # Errors
    /// When a file cannot be written.
    fn save(&self, folder: &Path) -> Result<(), StageError>;
}

/// The size of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Number of samples, the units that a batch can be split into.
    pub samples: usize,
    /// Number of terms in the mean that is the loss: predicted tokens, or examples.
    pub terms: usize,
    /// Number of tokens that the encoder reads.
    pub tokens: usize,
    /// Floating-point operations of one forward pass.
    pub forward: f64,
}

/// A log beside the training log, for what some runs of an objective have to tell and others have not.
#[derive(Clone, Copy, Debug)]
pub struct Further {
    /// File of the log.
    pub file: &'static str,
    /// Columns of the log: the update, then numbers.
    pub columns: &'static [Column],
}

/// The measurements that an objective makes during a run.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// File of the measurements, one row each.
    pub file: &'static str,
    /// Columns of the file: `step`, then numbers. The best weights are chosen by the first number.
    pub columns: &'static [Column],
    /// Whether higher or lower is better for that number.
    pub better: Direction,
    /// Whether there is a measurement at the end of the run even if `validate_every` asks for none.
    pub always: bool,
}
