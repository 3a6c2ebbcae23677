//! The likelihood of vectors as an objective of the training loop.

use std::ops::Range;
use std::path::Path;

use contract::{Column, StageError};
use encoder::{Collecting, Mode, Parameters};
use training::{Epochs, Extent, Measure, Objective, log};

use crate::glow::{Flow, HIDDEN_AT_FIRST};

/// The columns of the training log.
pub(crate) const COLUMNS: &[Column] = &[
    log::STEP,
    log::loss("mean over the batch of the negative log-likelihood in bits per component"),
    log::LEARNING_RATE,
    log::GRADIENT_NORM,
];

/// A flow that is fit to vectors.
pub(crate) struct Fitting<'a> {
    pub(crate) flow: &'a Flow,
    pub(crate) vectors: &'a [&'a [f32]],
    pub(crate) batch: usize,
    pub(crate) epochs: Epochs,
}

impl Objective for Fitting<'_> {
    /// Indices of the vectors.
    type Batch = Vec<u32>;

    const LOG: &'static [Column] = COLUMNS;

    const MEASURE: Option<Measure> = None;

    const HIDDEN_AT_FIRST: &'static [&'static str] = HIDDEN_AT_FIRST;

    fn parameters(&self) -> &Parameters {
        self.flow.parameters()
    }

    fn batch(&mut self, step: u32) -> Result<Vec<u32>, StageError> {
        Ok(self.epochs.update(step, self.batch).to_vec())
    }

    /// A vector counts as one token, and each weight of a coupling is a multiplication and an addition.
    fn extent(&self, batch: &Vec<u32>) -> Extent {
        Extent {
            samples: batch.len(),
            terms: batch.len(),
            tokens: batch.len(),
            forward: 2.0 * (batch.len() * self.parameters().scalars()) as f64,
        }
    }

    fn add(
        &self,
        batch: &Vec<u32>,
        samples: Range<usize>,
        _: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let chosen = batch[samples].iter().map(|at| self.vectors[*at as usize]);
        let chosen: Vec<&[f32]> = chosen.collect();
        self.flow.add_gradients(&chosen, gradients)
    }

    fn save(&self, folder: &Path) -> Result<(), StageError> {
        Ok(self.parameters().save(&folder.join("flow.safetensors"))?)
    }
}
