//! Masked language modelling with a loss beside it, as an objective of the training loop.

use std::ops::Range;
use std::path::Path;

use contract::{Column, StageError};
use encoder::{Collecting, Encoder, Mode};
use training::{Extent, Further, Measure, Objective};

use crate::feed::Examples;
use crate::objective::MaskedLm;

/// A loss that is masked language modelling and something beside it. A further one is a file beside `sequences`, and its name in
/// [`super::Level`].
pub trait Beyond {
    /// Returns the size of an update, of which `masked_lm` is that of masked language modelling.
    fn extent(&self, encoder: &Encoder, examples: &Examples, masked_lm: Extent) -> Extent;

    /// Adds the gradients of both losses, summed over the predicted tokens of some samples, and returns the sum. At most `micro_batch`
    /// sequences are in memory at once (0: all).
    ///
    /// # Errors
    /// When a sequence does not fit the encoder, or a tensor operation fails.
    fn add(
        &self,
        encoder: &Encoder,
        examples: &Examples,
        samples: Range<usize>,
        micro_batch: usize,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError>;
}

/// Masked language modelling with a loss beside it.
pub(crate) struct WithBeyond<'a, L> {
    pub(crate) masked_lm: MaskedLm<'a>,
    pub(crate) loss: L,
}

impl<L: Beyond> Objective for WithBeyond<'_, L> {
    type Batch = Examples;

    const LOG: &'static [Column] = MaskedLm::LOG;

    const MEASURE: Option<Measure> = MaskedLm::MEASURE;

    fn parameters(&self) -> &encoder::Parameters {
        self.masked_lm.parameters()
    }

    fn batch(&mut self, step: u32) -> Result<Examples, StageError> {
        self.masked_lm.batch(step)
    }

    fn extent(&self, examples: &Examples) -> Extent {
        let own = self.masked_lm.extent(examples);
        let encoder = &self.masked_lm.network.encoder;
        self.loss.extent(encoder, examples, own)
    }

    fn add(
        &self,
        examples: &Examples,
        samples: Range<usize>,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let micro_batch = self.masked_lm.micro_batch;
        let encoder = &self.masked_lm.network.encoder;
        self.loss
            .add(encoder, examples, samples, micro_batch, mode, gradients)
    }

    fn row(&self, examples: &Examples) -> Vec<f64> {
        self.masked_lm.row(examples)
    }

    fn further(&self) -> Option<Further> {
        self.masked_lm.further()
    }

    fn further_row(&self, examples: &Examples) -> Vec<f64> {
        self.masked_lm.further_row(examples)
    }

    fn measure(&mut self) -> Result<Vec<f64>, StageError> {
        self.masked_lm.measure()
    }

    fn save(&self, folder: &Path) -> Result<(), StageError> {
        self.masked_lm.save(folder)
    }
}
