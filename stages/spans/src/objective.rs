//! Fine-tuning on spans as an objective of the training loop.

use std::ops::Range;
use std::path::Path;

use benchmarks::SpanTask;
use contract::{Column, ColumnType, StageError};
use encoder::{Collecting, Mode};
use metrics::Direction;
use training::{Epochs, Extent, Measure, Objective, log};

use crate::decode::{Found, Rules, decode};
use crate::model::Model;
use crate::windows::{Asked, Window};

/// The file of measurements on the way.
pub(crate) const VALIDATION: &str = "validation.parquet";

/// The columns of the training log.
pub(crate) const TRAINING_COLUMNS: &[Column] = &[
    log::STEP,
    log::loss("mean over the batch of the cross-entropy in nats of first and last token"),
    log::LEARNING_RATE,
    log::GRADIENT_NORM,
];

/// The columns of the measurements.
pub(crate) const VALIDATION_COLUMNS: &[Column] = &[
    Column::new("step", ColumnType::Integer, "updates made before"),
    Column::new("score", ColumnType::Number, "F1 on the development split"),
];

/// Questions that are answered for a measurement or at the end.
pub(crate) struct Questions<'a> {
    pub(crate) task: &'a SpanTask,
    /// Those of its validation split.
    pub(crate) asked: &'a [Asked],
    pub(crate) rules: Rules,
}

impl Questions<'_> {
    /// Answers all questions.
    pub(crate) fn answer(
        &self,
        model: &Model,
        tell: impl FnMut(usize) -> Result<(), StageError>,
    ) -> Result<Vec<Found>, StageError> {
        let scores = model.score(self.asked, tell)?;
        let questions = self.task.validation.iter().zip(self.asked).zip(&scores);
        Ok(questions
            .map(|((question, asked), scores)| decode(&question.context, asked, scores, self.rules))
            .collect())
    }
}

/// An encoder and a head that are trained on windows.
pub(crate) struct FindingSpans<'a> {
    pub(crate) model: &'a Model,
    pub(crate) windows: &'a [Window],
    pub(crate) batch: usize,
    pub(crate) epochs: Epochs,
    /// What is measured during the run.
    pub(crate) measured: Questions<'a>,
}

impl Objective for FindingSpans<'_> {
    /// Indices of the windows.
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
        let lengths = batch.iter().map(|at| self.windows[*at as usize].length());
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
        let chosen = batch[samples].iter().map(|at| &self.windows[*at as usize]);
        let chosen: Vec<&Window> = chosen.collect();
        self.model.add_gradients(&chosen, first, mode, gradients)
    }

    fn measure(&mut self) -> Result<Vec<f64>, StageError> {
        let found = self.measured.answer(self.model, |_| Ok(()))?;
        let answers: Vec<_> = found.into_iter().map(|one| Some(one.answer)).collect();
        let scores = self.measured.task.scores(&answers)?;
        Ok(vec![scores[0].value])
    }

    fn save(&self, folder: &Path) -> Result<(), StageError> {
        Ok(self
            .model
            .parameters()
            .save(&folder.join("model.safetensors"))?)
    }
}
