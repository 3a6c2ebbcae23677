//! Encoder and classification head, with the losses of both kinds of task.

use benchmarks::{Kind, Prediction};
use candle_core::Tensor;
use contract::StageError;
use contrastive::{Supervised, carried, values};
use encoder::{
    Batch, ClassificationHead, Collecting, Config, Encoder, Mode, Parameters, cross_entropy,
    squared_error,
};

use crate::examples::Encoded;
use crate::kept::Kept;

/// Number of examples that are predicted at a time.
const PREDICTED_AT_ONCE: usize = 64;

/// An encoder with a classification head. The encoder's masked language modelling head is not used and not trained.
pub(crate) struct Model {
    encoder: Encoder,
    head: ClassificationHead,
    parameters: Parameters,
    kind: Kind,
}

impl Model {
    /// Puts a fresh head on the encoder; `seed` decides its weights.
    pub(crate) fn new(encoder: Encoder, of: &Kept, seed: u64) -> Result<Self, StageError> {
        let head = ClassificationHead::new(encoder.config(), of.outputs(), seed)?
            .with_pooling(of.pooling)
            .with_precision(encoder.precision());
        let mut parameters = encoder.body();
        parameters.extend(head.parameters())?;
        Ok(Self {
            encoder,
            head,
            parameters,
            kind: of.kind,
        })
    }

    /// Returns the trainable parameters.
    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the head for the task.
    pub(crate) fn head(&self) -> &ClassificationHead {
        &self.head
    }

    /// Returns the encoder, without the head for the task.
    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Returns the encoder's configuration.
    pub(crate) fn config(&self) -> &Config {
        self.encoder.config()
    }

    /// Adds to the gradients those of the loss summed over the examples (cross-entropy in nats, or squared error), and returns
    /// that loss.
    pub(crate) fn add_gradients(
        &self,
        examples: &[&Encoded],
        first: usize,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let outputs = self.outputs(examples, first, mode)?;
        let sum = match self.kind {
            Kind::Classification => cross_entropy(&outputs, &classes(examples))?,
            Kind::Regression => {
                let labels: Vec<f32> = examples.iter().map(|e| e.label as f32).collect();
                squared_error(&outputs, &labels)?
            }
        };
        gradients.add(&sum)?;
        sum.to_scalar::<f64>().map_err(StageError::failed)
    }

    /// Adds to the gradients those of (1 − `weight`) times the cross-entropy and `weight` times the contrastive loss, in nats and summed
    /// over the examples of a whole batch, and returns that loss. What is compared are the pooled states that the head sees, without
    /// its dropout.
    pub(crate) fn add_contrasted(
        &self,
        examples: &[&Encoded],
        (weight, contrast): (f64, Supervised),
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let (states, batch) = self.states(examples, 0, mode)?;
        let pooled = self.head.pooling().pool(&states, &batch, 0)?;
        let outputs = self.head.forward(&states, &batch, mode)?;
        let classes = classes(examples);
        let told = cross_entropy(&outputs, &classes)?;
        let width = self.encoder.config().hidden_size;
        let (compared, mut of_pooled) = contrast.of(&values(&pooled)?, &classes, width);
        for gradient in &mut of_pooled {
            *gradient = (f64::from(*gradient) * weight) as f32;
        }
        let told = (told * (1.0 - weight)).map_err(StageError::failed)?;
        let both = &told + carried(&pooled, &of_pooled)?;
        gradients.add(&both.map_err(StageError::failed)?)?;
        let told = told.to_scalar::<f64>().map_err(StageError::failed)?;
        Ok(told + weight * compared)
    }

    /// Returns the prediction for each example: the class with the highest score (of equal scores, the first) with the
    /// probabilities of all classes, or the number.
    pub(crate) fn predict(&self, examples: &[Encoded]) -> Result<Vec<Prediction>, StageError> {
        // Sorted by length, since the composed operations compute the attention of neighbours of equal length in one product.
        let mut order: Vec<usize> = (0..examples.len()).collect();
        order.sort_by_key(|&at| examples[at].ids.len());
        let none = Prediction {
            value: 0.0,
            probabilities: Vec::new(),
        };
        let mut predictions = vec![none; examples.len()];
        for part in order.chunks(PREDICTED_AT_ONCE) {
            let chosen: Vec<&Encoded> = part.iter().map(|&at| &examples[at]).collect();
            let outputs = self.outputs(&chosen, 0, Mode::Evaluate)?;
            let rows = outputs.to_vec2::<f32>().map_err(StageError::failed)?;
            for (mut row, &at) in rows.into_iter().zip(part) {
                if row.iter().any(|score| !score.is_finite()) {
                    return Err(StageError::failed(
                        "a prediction is not finite: the run has diverged; lower lr or set max_grad_norm",
                    ));
                }
                predictions[at] = match self.kind {
                    Kind::Classification => {
                        let value = highest(&row) as f64;
                        let classes = row.len();
                        kernels::softmax(&mut row, classes, 1.0);
                        Prediction {
                            value,
                            probabilities: row,
                        }
                    }
                    Kind::Regression => Prediction {
                        value: f64::from(row[0]),
                        probabilities: Vec::new(),
                    },
                };
            }
        }
        Ok(predictions)
    }

    /// Returns the outputs, `[examples, outputs]`, of examples whose sample indices begin at `first`.
    fn outputs(
        &self,
        examples: &[&Encoded],
        first: usize,
        mode: Mode,
    ) -> Result<Tensor, StageError> {
        let (states, batch) = self.states(examples, first, mode)?;
        Ok(self.head.forward(&states, &batch, mode)?)
    }

    /// Returns the hidden states that the head pools, and their batch.
    fn states(
        &self,
        examples: &[&Encoded],
        first: usize,
        mode: Mode,
    ) -> Result<(Vec<Tensor>, Batch), StageError> {
        let samples = first as u32..;
        let sequences: Vec<_> = samples.zip(examples).map(|(n, e)| e.sequence(n)).collect();
        let batch = Batch::pack(&sequences, self.encoder.config())?;
        let layers = self.encoder.config().num_hidden_layers;
        let layers = self.head.pooling().layers(layers);
        Ok((self.encoder.hidden_states(&batch, &layers, mode)?, batch))
    }
}

/// Returns the classes of examples of a classification task.
fn classes(examples: &[&Encoded]) -> Vec<u32> {
    examples.iter().map(|e| e.label as u32).collect()
}

fn highest(row: &[f32]) -> usize {
    let mut best = 0;
    for (class, &score) in row.iter().enumerate() {
        if score > row[best] {
            best = class;
        }
    }
    best
}

#[cfg(test)]
mod tests;
