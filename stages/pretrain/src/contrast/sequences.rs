//! Masked language modelling, and telling the sequences of an update apart.
//!
//! Views are compared over the whole update. The first view of a sequence is the one whose masked tokens are predicted, so that one
//! pass serves both losses; the second takes a pass of its own. Where an update does not fit in memory, the pooled states are computed
//! once without gradients (see [`contrastive`]).

use std::ops::Range;

use candle_core::Tensor;
use contract::StageError;
use contrastive::{Contrast, carried, values};
use encoder::{Batch, Collecting, Encoder, Mode, Pooling};
use training::Extent;

use super::objective::Beyond;
use crate::feed::Examples;
use crate::loss::{pack, scalar};

/// Predicts masked tokens, and tells the sequences of an update from each other.
#[derive(Clone, Copy, Debug)]
pub struct Sequences {
    /// λ, the weight of the contrastive loss.
    pub weight: f64,
    /// How a sequence's hidden states become one vector.
    pub pooling: Pooling,
    /// The loss of the vectors.
    pub contrast: Contrast,
}

/// The first view of some sequences.
struct First {
    pooled: Tensor,
    hidden: Tensor,
    /// The rows to predict, and the ids there.
    rows: Vec<u32>,
    ids: Vec<u32>,
}

impl Beyond for Sequences {
    /// An update is one sample, since each of its sequences is compared with all others.
    fn extent(&self, encoder: &Encoder, examples: &Examples, masked_lm: Extent) -> Extent {
        let lengths = examples.beside.iter().map(|sequence| sequence.ids.len());
        Extent {
            samples: 1,
            tokens: masked_lm.tokens + lengths.clone().sum::<usize>(),
            forward: masked_lm.forward + encoder.config().forward_operations(lengths, 0),
            ..masked_lm
        }
    }

    fn add(
        &self,
        encoder: &Encoder,
        examples: &Examples,
        _: Range<usize>,
        micro_batch: usize,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let sequences = examples.sequences.len();
        let width = encoder.config().hidden_size;
        let size = match micro_batch {
            0 => sequences,
            size => size,
        };
        let parts = (0..sequences).step_by(size);
        let parts: Vec<Range<usize>> = parts
            .map(|first| first..sequences.min(first + size))
            .collect();
        let mut views = vec![Vec::new(); 2];
        let (mut first, mut second) = (None, None);
        for part in &parts {
            let own = self.first(encoder, examples, part, mode)?;
            let other = self.second(encoder, examples, part, mode)?;
            views[0].extend(values(&own.pooled)?);
            views[1].extend(values(&other)?);
            // Several parts do not fit in memory: each is computed again.
            if parts.len() == 1 {
                (first, second) = (Some(own), Some(other));
            }
        }
        let mut found = self.contrast.of(&views, width);
        // The mean over the sequences, where all sums are divided by the number of predicted tokens.
        let factor = self.weight * examples.predicted() as f64 / sequences as f64;
        for gradient in found.gradients.iter_mut().flatten() {
            *gradient = (f64::from(*gradient) * factor) as f32;
        }
        let of = |view: usize, part: &Range<usize>| {
            &found.gradients[view][part.start * width..part.end * width]
        };
        let mut masked = 0.0;
        for part in &parts {
            let view = match first.take() {
                Some(view) => view,
                None => self.first(encoder, examples, part, mode)?,
            };
            let mut sum = carried(&view.pooled, of(0, part))?;
            if !view.ids.is_empty() {
                let loss = encoder.masked_lm_loss(&view.hidden, &view.rows, &view.ids)?;
                masked += scalar(&loss)?;
                sum = (sum + loss).map_err(StageError::failed)?;
            }
            gradients.add(&sum)?;
        }
        // After all first views, so that sums have one order however many sequences are in memory.
        for part in &parts {
            let pooled = match second.take() {
                Some(pooled) => pooled,
                None => self.second(encoder, examples, part, mode)?,
            };
            gradients.add(&carried(&pooled, of(1, part))?)?;
        }
        Ok(masked + factor * found.loss)
    }
}

impl Sequences {
    /// Returns the pooled states of a batch, and its last hidden states.
    fn states(
        &self,
        encoder: &Encoder,
        batch: &Batch,
        mode: Mode,
    ) -> Result<(Tensor, Tensor), StageError> {
        let layers = self.pooling.layers(encoder.config().num_hidden_layers);
        let states = encoder.hidden_states(batch, &layers, mode)?;
        let pooled = self.pooling.pool(&states, batch, 0)?;
        match states.into_iter().next_back() {
            Some(last) => Ok((pooled, last)),
            None => Err(StageError::failed("the pooling names no layer")),
        }
    }

    fn first(
        &self,
        encoder: &Encoder,
        examples: &Examples,
        part: &Range<usize>,
        mode: Mode,
    ) -> Result<First, StageError> {
        let sequences = &examples.sequences[part.clone()];
        let targets = &examples.targets[part.clone()];
        let (rows, ids, batch) = pack(encoder, sequences, targets)?;
        let (pooled, hidden) = self.states(encoder, &batch, mode)?;
        Ok(First {
            pooled,
            hidden,
            rows,
            ids,
        })
    }

    /// Returns the pooled states of the second view.
    fn second(
        &self,
        encoder: &Encoder,
        examples: &Examples,
        part: &Range<usize>,
        mode: Mode,
    ) -> Result<Tensor, StageError> {
        let batch = Batch::pack(&examples.beside[part.clone()], encoder.config())?;
        Ok(self.states(encoder, &batch, mode)?.0)
    }
}
