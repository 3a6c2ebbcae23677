//! Fine-tuning on a task as an objective of the training loop.

use std::ops::Range;
use std::path::Path;

use benchmarks::Task;
use contract::{Column, ColumnType, StageError};
use encoder::{Collecting, Mode};
use metrics::Direction;
use training::{Epochs, Extent, Measure, Objective, log};

use crate::examples::Encoded;
use crate::model::Model;

/// The file of measurements on the way.
pub(crate) const VALIDATION: &str = "validation.parquet";

/// The columns of the training log.
pub(crate) const TRAINING_COLUMNS: &[Column] = &[
    log::STEP,
    log::loss(
        "mean over the batch: cross-entropy in nats, with its share of a contrastive loss, or squared error",
    ),
    log::LEARNING_RATE,
    log::GRADIENT_NORM,
];

/// The columns of the measurements.
pub(crate) const VALIDATION_COLUMNS: &[Column] = &[
    Column::new("step", ColumnType::Integer, "updates made before"),
    Column::new("score", ColumnType::Number, "the task's main metric"),
];

/// An encoder and a head that are trained on a task.
pub(crate) struct Finetuning<'a> {
    pub(crate) model: &'a Model,
    pub(crate) examples: &'a [Encoded],
    pub(crate) batch: usize,
    pub(crate) epochs: Epochs,
    /// The task that is measured during the run, and its examples.
    pub(crate) measured: (&'a Task, &'a [Encoded]),
}

impl Finetuning<'_> {
    /// Returns the examples at some indices.
    pub(crate) fn chosen(&self, indices: &[u32]) -> Vec<&Encoded> {
        let chosen = indices.iter().map(|at| &self.examples[*at as usize]);
        chosen.collect()
    }
}

impl Objective for Finetuning<'_> {
    /// Indices of the examples.
    type Batch = Vec<u32>;

    const LOG: &'static [Column] = TRAINING_COLUMNS;

    const MEASURE: Option<Measure> = Some(Measure {
        file: VALIDATION,
        columns: VALIDATION_COLUMNS,
        better: Direction::Higher,
        always: false,
    });

    fn parameters(&self) -> &encoder::Parameters {
        self.model.parameters()
    }

    fn batch(&mut self, step: u32) -> Result<Vec<u32>, StageError> {
        Ok(self.epochs.update(step, self.batch).to_vec())
    }

    fn extent(&self, batch: &Vec<u32>) -> Extent {
        let lengths = batch.iter().map(|at| self.examples[*at as usize].ids.len());
        Extent {
            samples: batch.len(),
            terms: batch.len(),
            tokens: lengths.clone().sum(),
            forward: self.model.config().forward_operations(lengths, 0),
        }
    }

    fn add(
        &self,
        batch: &Vec<u32>,
        samples: Range<usize>,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let first = samples.start;
        let chosen = self.chosen(&batch[samples]);
        self.model.add_gradients(&chosen, first, mode, gradients)
    }

    fn measure(&mut self) -> Result<Vec<f64>, StageError> {
        let (task, examples) = self.measured;
        let scores = task.scores(&self.model.predict(examples)?, None)?;
        let main = scores.iter().find(|score| score.main);
        // NaN stands for an undefined score, which is never the best.
        Ok(vec![main.map_or(f64::NAN, |score| match score.undefined {
            None => score.value,
            Some(_) => f64::NAN,
        })])
    }

    fn save(&self, folder: &Path) -> Result<(), StageError> {
        Ok(self
            .model
            .parameters()
            .save(&folder.join("model.safetensors"))?)
    }
}
