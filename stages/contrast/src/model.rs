//! Encoder, pooling and projection: from token sequences to the vectors that are compared.

use candle_core::Tensor;
use contract::StageError;
use encoder::{Batch, Encoder, Mode, Parameters, Pooling, Projection, Sequence};

/// Number of sentences that are embedded at a time outside of training.
const EMBEDDED_AT_ONCE: usize = 64;

/// An encoder that makes one vector of a sentence.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) encoder: Encoder,
    pub(crate) pooling: Pooling,
    pub(crate) projection: Option<Projection>,
    /// Whether the projection serves training alone.
    pub(crate) is_projection_dropped: bool,
    parameters: Parameters,
}

impl Model {
    /// Puts pooling and projection on the encoder. The encoder's masked language modelling head is trained where `has_head` says so.
    pub(crate) fn new(
        encoder: Encoder,
        pooling: Pooling,
        projection: Option<Projection>,
        is_projection_dropped: bool,
        has_head: bool,
    ) -> Result<Self, StageError> {
        let mut parameters = match has_head {
            true => encoder.parameters().clone(),
            false => encoder.body(),
        };
        if let Some(projection) = &projection {
            parameters.extend(projection.parameters())?;
        }
        Ok(Self {
            encoder,
            pooling,
            projection,
            is_projection_dropped,
            parameters,
        })
    }

    /// Returns the parameters that are trained.
    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the projection, if it belongs to the model.
    pub(crate) fn kept_projection(&self) -> Option<&Projection> {
        match self.is_projection_dropped {
            true => None,
            false => self.projection.as_ref(),
        }
    }

    /// Returns the pooled vectors, `[sequences, width]`.
    fn pooled(&self, sequences: &[Sequence], mode: Mode) -> Result<Tensor, StageError> {
        let encoder = &self.encoder;
        let batch = Batch::pack(sequences, encoder.config())?;
        let layers = self.pooling.layers(encoder.config().num_hidden_layers);
        let states = encoder.hidden_states(&batch, &layers, mode)?;
        Ok(self.pooling.pool(&states, &batch, 0)?)
    }

    /// Returns the vectors that the loss compares, `[sequences, width]`, in the order of the sequences.
    pub(crate) fn compared(
        &self,
        sequences: &[Sequence],
        mode: Mode,
    ) -> Result<Tensor, StageError> {
        let pooled = self.pooled(sequences, mode)?;
        Ok(match &self.projection {
            Some(projection) => projection.forward(&pooled, mode)?,
            None => pooled,
        })
    }

    /// Returns the vectors of sentences as the trained model gives them.
    pub(crate) fn embed(&self, sentences: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, StageError> {
        // Sorted by length, so that neighbours take about as long.
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.sort_by_key(|&at| sentences[at].len());
        let mut vectors = vec![Vec::new(); sentences.len()];
        for part in order.chunks(EMBEDDED_AT_ONCE) {
            let sequences = part.iter().zip(0..);
            let sequences: Vec<Sequence> = sequences
                .map(|(&at, sample)| Sequence::new(sentences[at].clone(), sample))
                .collect();
            let found = match self.is_projection_dropped {
                true => self.pooled(&sequences, Mode::Evaluate)?,
                false => self.compared(&sequences, Mode::Evaluate)?,
            };
            let found = found.to_vec2::<f32>().map_err(StageError::failed)?;
            for (&at, vector) in part.iter().zip(found) {
                vectors[at] = vector;
            }
        }
        Ok(vectors)
    }
}
