//! Fine-tuning with a supervised contrastive loss beside the cross-entropy, as an objective of the training loop (Gunel et al.,
//! *Supervised Contrastive Learning for Pre-trained Language Model Fine-tuning*, ICLR 2021).
//!
//! The loss of an update is (1 − λ) times the mean cross-entropy plus λ times the mean contrastive loss of its examples' pooled states.
//! The paper's equation sums the second over the batch; the mean, as in the code of Khosla et al. 2020, leaves what λ means
//! independent of the batch.

use std::ops::Range;
use std::path::Path;

use contract::{Column, Problem, StageError};
use contrastive::Supervised;
use encoder::{Collecting, Mode};
use training::{Extent, Measure, Objective};

use crate::objective::Finetuning;
use crate::parameters::Parameters;

/// An encoder and a head that are trained on a task, and to bring examples of a class together.
pub(crate) struct ContrastiveFinetuning<'a> {
    pub(crate) finetuning: Finetuning<'a>,
    /// λ, the weight of the contrastive loss.
    pub(crate) weight: f64,
    pub(crate) contrast: Supervised,
}

/// Returns what speaks against the parameters.
pub(crate) fn check(parameters: &Parameters) -> Vec<Problem> {
    let mut problems = Vec::new();
    if parameters.contrastive <= 0.0 {
        return problems;
    }
    if parameters.contrastive >= 1.0 {
        let message =
            "the head would not be trained, since the cross-entropy has the weight that is left";
        let help = "give a share below 1, such as 0.9";
        problems.push(Problem::value("contrastive", message).with_help(help));
    }
    if parameters.batch < 2 {
        let message = "an example is compared with the others of its batch, and there is none";
        problems.push(Problem::value("batch", message).with_help("give at least 2"));
    }
    if parameters.training.gradient_parts > 1 {
        let message =
            "all examples of a batch are compared with each other, so that it has no parts";
        let help = "leave it out, or set contrastive = 0";
        problems.push(Problem::value("gradient_parts", message).with_help(help));
    }
    problems
}

impl Objective for ContrastiveFinetuning<'_> {
    type Batch = Vec<u32>;

    const LOG: &'static [Column] = Finetuning::LOG;

    const MEASURE: Option<Measure> = Finetuning::MEASURE;

    fn parameters(&self) -> &encoder::Parameters {
        self.finetuning.parameters()
    }

    fn batch(&mut self, step: u32) -> Result<Vec<u32>, StageError> {
        self.finetuning.batch(step)
    }

    /// A batch is one sample, since each of its examples is compared with all others.
    fn extent(&self, batch: &Vec<u32>) -> Extent {
        Extent {
            samples: 1,
            ..self.finetuning.extent(batch)
        }
    }

    fn add(
        &self,
        batch: &Vec<u32>,
        _: Range<usize>,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let chosen = self.finetuning.chosen(batch);
        let loss = (self.weight, self.contrast);
        let model = self.finetuning.model;
        model.add_contrasted(&chosen, loss, mode, gradients)
    }

    fn measure(&mut self) -> Result<Vec<f64>, StageError> {
        self.finetuning.measure()
    }

    fn save(&self, folder: &Path) -> Result<(), StageError> {
        self.finetuning.save(folder)
    }
}
