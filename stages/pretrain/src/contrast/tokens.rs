//! Masked language modelling, and telling the tokens of a sequence apart by those of a frozen teacher (TaCL).
//!
//! The student reads the masked sequence, the teacher the sequence as it was. At each predicted place the student's last state is to be
//! that of the teacher's same token, and not of another token of the sequence; both losses are means over the predicted tokens. Where
//! the published code has padding among the other tokens, there is none here.

use std::ops::Range;

use contract::StageError;
use contrastive::{TokenContrast, carried, values};
use encoder::{Batch, Collecting, Encoder, Mode, Sequence};
use training::Extent;

use super::objective::Beyond;
use crate::feed::{Examples, Targets};
use crate::loss::{pack, scalar};

/// Predicts masked tokens, and tells them apart by the states of a teacher.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The weight of the contrastive loss.
    pub weight: f64,
    /// The loss of a sequence's states.
    pub contrast: TokenContrast,
    /// The encoder that makes the states to compare with.
    pub teacher: Encoder,
}

impl Beyond for Tokens {
    fn extent(&self, _: &Encoder, examples: &Examples, masked_lm: Extent) -> Extent {
        let lengths = examples.beside.iter().map(|sequence| sequence.ids.len());
        let teacher = self.teacher.config().forward_operations(lengths, 0);
        Extent {
            // A training step counts three times the forward pass, and the teacher makes one alone.
            forward: masked_lm.forward + teacher / 3.0,
            ..masked_lm
        }
    }

    fn add(
        &self,
        encoder: &Encoder,
        examples: &Examples,
        samples: Range<usize>,
        micro_batch: usize,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let size = match micro_batch {
            0 => samples.len().max(1),
            size => size,
        };
        let clean = examples.beside[samples.clone()].chunks(size);
        // Weighted at the end alone: sums of losses are exact in any order, and of weighted ones are not.
        let (mut predicted, mut compared) = (0.0, 0.0);
        for ((sequences, targets), clean) in examples.pieces(samples, size).zip(clean) {
            if targets.iter().all(|targets| targets.ids.is_empty()) {
                continue;
            }
            let (rows, ids, batch) = pack(encoder, sequences, targets)?;
            let hidden = encoder.forward(&batch, mode)?;
            let states = values(&hidden)?;
            let (contrastive, of_hidden) = self.contrasted(&states, &batch, targets, clean)?;
            let masked = encoder.masked_lm_loss(&hidden, &rows, &ids)?;
            predicted += scalar(&masked)?;
            compared += contrastive;
            let both = masked + carried(&hidden, &of_hidden)?;
            gradients.add(&both.map_err(StageError::failed)?)?;
        }
        Ok(predicted + self.weight * compared)
    }
}

impl Tokens {
    /// Returns the loss of some sequences, summed over their predicted places, and the weighted gradient of the student's
    /// states `hidden`, `[tokens, width]`.
    fn contrasted(
        &self,
        hidden: &[f32],
        batch: &Batch,
        targets: &[Targets],
        clean: &[Sequence],
    ) -> Result<(f64, Vec<f32>), StageError> {
        let width = self.teacher.config().hidden_size;
        let taught = Batch::pack(clean, self.teacher.config())?;
        let teacher = values(&self.teacher.forward(&taught, Mode::Evaluate)?)?;
        let mut gradient = vec![0.0; hidden.len()];
        let mut sum = 0.0;
        for (sequence, targets) in targets.iter().enumerate() {
            let components = |place: &u32| {
                let row = batch.row(sequence, *place as usize) as usize;
                row * width..(row + 1) * width
            };
            let places = &targets.positions;
            let student = places.iter().flat_map(|place| &hidden[components(place)]);
            let student: Vec<f32> = student.copied().collect();
            let first = taught.row(sequence, 0) as usize * width;
            let own = &teacher[first..first + taught.length(sequence) * width];
            let (loss, found) = self.contrast.of(&student, own, places, width);
            sum += loss;
            for (place, found) in places.iter().zip(found.chunks_exact(width)) {
                for (to, value) in gradient[components(place)].iter_mut().zip(found) {
                    *to = (f64::from(*value) * self.weight) as f32;
                }
            }
        }
        Ok((sum, gradient))
    }
}
