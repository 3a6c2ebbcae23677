//! Contrastive learning as an objective of the training loop.

use std::ops::Range;
use std::path::Path;

use contract::{Column, ColumnType, StageError};
use contrastive::{Contrast, carry, values};
use encoder::{Collecting, Mode};
use metrics::Direction;
use pretrain::loss::pack;
use tokenize::Tokenizer;
use training::{Epochs, Extent, Measure, Objective, log};

use crate::batch::{Maker, Update};
use crate::development::Development;
use crate::model::Model;

/// The file of measurements on the way.
pub(crate) const VALIDATION: &str = "validation.parquet";

/// The columns of the training log.
pub(crate) const TRAINING_COLUMNS: &[Column] = &[
    log::STEP,
    log::loss(
        "mean over the sentences of the contrastive loss in nats, and the weighted loss of masked tokens where there is one",
    ),
    log::LEARNING_RATE,
    log::GRADIENT_NORM,
];

/// The columns of the measurements.
pub(crate) const VALIDATION_COLUMNS: &[Column] = &[
    Column::new("step", ColumnType::Integer, "updates made before"),
    Column::new(
        "spearman",
        ColumnType::Number,
        "Spearman's correlation of cosine and gold score, × 100",
    ),
    Column::new(
        "alignment",
        ColumnType::Number,
        "mean squared distance of unit vectors of pairs with a gold score of 4 and more",
    ),
    Column::new(
        "uniformity",
        ColumnType::Number,
        "logarithm of the mean of e^(-2 d²) over all pairs of different sentences",
    ),
];

/// A model that is trained to tell sentences apart.
pub(crate) struct Contrastive<'a> {
    pub(crate) model: &'a Model,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) maker: Maker<'a>,
    pub(crate) epochs: Epochs,
    pub(crate) batch: usize,
    /// Number of sentences in memory at once; 0 stands for all of an update.
    pub(crate) micro_batch: usize,
    pub(crate) contrast: Contrast,
    /// Weight of the loss of masked tokens.
    pub(crate) masked_lm: f64,
    pub(crate) development: Option<Development>,
}

impl Objective for Contrastive<'_> {
    type Batch = Update;

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

    fn batch(&mut self, step: u32) -> Result<Update, StageError> {
        let places = self.epochs.update(step, self.batch);
        let update = self.maker.update(step, places);
        if self.masked_lm > 0.0 && update.predicted() == 0 {
            return Err(StageError::input(
                "data",
                format!("update {} has no sentence with a token to mask", step + 1),
                "leave out what the tokenizer makes no token of, raise batch, or leave masked_lm out",
            ));
        }
        Ok(update)
    }

    /// A batch is one sample, since each of its sentences is compared with all others.
    fn extent(&self, update: &Update) -> Extent {
        let config = self.model.encoder.config();
        Extent {
            samples: 1,
            terms: update.sentences(),
            tokens: update.tokens(),
            forward: config.forward_operations(update.lengths(), update.predicted()),
        }
    }

    fn add(
        &self,
        update: &Update,
        _: Range<usize>,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let sentences = update.sentences();
        let size = match self.micro_batch {
            0 => sentences,
            size => size,
        };
        let parts = (0..sentences).step_by(size);
        let parts: Vec<Range<usize>> = parts
            .map(|first| first..sentences.min(first + size))
            .collect();
        let vectors = |part: &Range<usize>| {
            let views = update.views_of(part);
            self.model.compared(views, update.views, mode)
        };
        let width = self.model.encoder.config().hidden_size;
        let mut loss;
        if let [whole] = &parts[..] {
            let compared = vectors(whole)?;
            let found = self.loss(update.views, &values(&compared)?);
            loss = found.0;
            carry(&compared, &found.1, gradients)?;
        } else {
            // Gradient caching: vectors first, then their gradients, then those of the parameters part by part.
            let mut all = Vec::new();
            for part in &parts {
                all.extend(values(&vectors(part)?)?);
            }
            let found = self.loss(update.views, &all);
            loss = found.0;
            for part in &parts {
                let rows = part.start * update.views * width..part.end * update.views * width;
                carry(&vectors(part)?, &found.1[rows], gradients)?;
            }
        }
        // After all vectors, so that sums have one order however many sentences are in memory.
        for part in &parts {
            loss += self.add_masked(update, part, mode, gradients)?;
        }
        Ok(loss)
    }

    fn measure(&mut self) -> Result<Vec<f64>, StageError> {
        match &self.development {
            Some(development) => development.measure(self.model),
            None => Ok(vec![f64::NAN; VALIDATION_COLUMNS.len() - 1]),
        }
    }

    /// Writes encoder and tokenizer as a Hugging Face folder.
    fn save(&self, folder: &Path) -> Result<(), StageError> {
        let encoder = &self.model.encoder;
        encoder.save(folder)?;
        self.tokenizer
            .copy_files_for(encoder.config().max_length(), folder)
    }
}

impl Contrastive<'_> {
    /// Returns the contrastive loss of a batch, summed over its sentences, and its gradient with respect to the vectors, which lie
    /// sentence by sentence, view by view.
    fn loss(&self, views: usize, vectors: &[f32]) -> (f64, Vec<f32>) {
        let width = self.model.encoder.config().hidden_size;
        let apart: Vec<Vec<f32>> = (0..views)
            .map(|view| {
                let own = vectors.chunks_exact(width).skip(view).step_by(views);
                own.flatten().copied().collect()
            })
            .collect();
        let found = self.contrast.of(&apart, width);
        let mut gradients = vec![0.0; vectors.len()];
        for (view, own) in found.gradients.iter().enumerate() {
            let places = gradients.chunks_exact_mut(width).skip(view).step_by(views);
            for (place, gradient) in places.zip(own.chunks_exact(width)) {
                place.copy_from_slice(gradient);
            }
        }
        (found.loss, gradients)
    }

    /// Adds the gradients of the weighted loss of some sentences' masked copies, and returns that loss.
    fn add_masked(
        &self,
        update: &Update,
        sentences: &Range<usize>,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let (masked, targets) = update.masked_of(sentences);
        if targets.iter().all(|targets| targets.ids.is_empty()) {
            return Ok(0.0);
        }
        let encoder = &self.model.encoder;
        let (rows, ids, batch) = pack(encoder, masked, targets)?;
        let hidden = encoder.forward(&batch, mode)?;
        // The mean over the predicted tokens counts as much as one sentence, and all sums are divided by the number of sentences.
        let factor = self.masked_lm * update.sentences() as f64 / update.predicted() as f64;
        let loss = encoder.masked_lm_loss(&hidden, &rows, &ids)?;
        let loss = (loss * factor).map_err(StageError::failed)?;
        gradients.add(&loss)?;
        loss.to_scalar::<f64>().map_err(StageError::failed)
    }
}

#[cfg(test)]
mod tests;
