//! RoBERTa's classification head over pooled sequences.

use std::sync::Arc;

use kernels::elementary::tanh_all;
use kernels::{Dropout, Matrix, Precision, Sequences, add_bias, multiply};

use super::kept::Rows;
use super::map::MapOf;
use super::pool::{Buffer, Pool};
use crate::layout::ClassificationLayout;

/// A pass of pooled sequences through the head.
#[derive(Clone, Debug)]
pub(crate) struct ClassificationPass {
    pub(crate) precision: Precision,
    pub(crate) layout: ClassificationLayout,
    pub(crate) sequences: Arc<Sequences>,
    /// Each sequence's index among the packed ones, in the caller's order.
    pub(crate) places: Vec<u32>,
    /// Dropout of the pooled states, and of the dense map's output.
    pub(crate) dropout: [Option<Dropout>; 2],
    pub(crate) pool: Pool,
}

/// Values that the backward pass needs, `[sequences, width]` each.
#[derive(Debug)]
pub(crate) struct SavedClassification {
    /// The pooled states after dropout.
    pooled: Buffer,
    /// tanh of the dense map's output, before dropout.
    squashed: Buffer,
    dropped: Buffer,
}

impl ClassificationPass {
    fn width(&self) -> usize {
        self.layout.dense.weight.columns
    }

    /// Returns the scores, `[sequences, labels]`, from the pooled states `input`, `[sequences, width]`.
    pub(crate) fn forward(&self, block: &[f32], input: &[f32]) -> (Vec<f32>, SavedClassification) {
        let (width, count) = (self.width(), self.places.len());
        let mut pooled = self.pool.take(count * width);
        pooled.copy_from_slice(input);
        self.drop_out(0, &mut pooled);
        let mut squashed = self.pool.take(count * width);
        let dense = MapOf::new(self.precision, self.layout.dense, block);
        multiply(
            self.precision,
            Matrix::new(&pooled, count, width),
            dense.matrix(),
            &mut squashed,
            false,
        );
        add_bias(&mut squashed, dense.bias);
        tanh_all(&mut squashed);
        let mut dropped = self.pool.take(count * width);
        dropped.copy_from_slice(&squashed);
        self.drop_out(1, &mut dropped);
        let output = MapOf::new(self.precision, self.layout.output, block);
        let mut scores = vec![0.0; count * output.outputs()];
        multiply(
            self.precision,
            Matrix::new(&dropped, count, width),
            output.matrix(),
            &mut scores,
            false,
        );
        add_bias(&mut scores, output.bias);
        let saved = SavedClassification {
            pooled,
            squashed,
            dropped,
        };
        (scores, saved)
    }

    /// From the gradient of the scores, writes the gradient of the pooled states to `input_gradient` and adds the gradients of
    /// the parameters to `gradients`.
    pub(crate) fn backward(
        &self,
        block: &[f32],
        saved: &SavedClassification,
        scores: &[f32],
        input_gradient: &mut [f32],
        gradients: &mut [f32],
    ) {
        let (width, count) = (self.width(), self.places.len());
        let output = MapOf::new(self.precision, self.layout.output, block);
        let rows = Rows::Floats;
        output.backward_parameters(rows(scores), rows(&saved.dropped), gradients);
        let mut inner = self.pool.take(count * width);
        output.backward_input(scores, &mut inner, false);
        self.drop_out(1, &mut inner);
        for (gradient, &value) in inner.iter_mut().zip(saved.squashed.iter()) {
            *gradient *= 1.0 - value * value;
        }
        let dense = MapOf::new(self.precision, self.layout.dense, block);
        dense.backward_parameters(rows(&inner), rows(&saved.pooled), gradients);
        dense.backward_input(&inner, input_gradient, false);
        self.drop_out(0, input_gradient);
    }

    /// Applies one of the two dropouts to `[sequences, width]`.
    fn drop_out(&self, which: usize, values: &mut [f32]) {
        let Some(dropout) = &self.dropout[which] else {
            return;
        };
        let width = self.width();
        let mut scales = self.pool.take(width);
        for (values, &place) in values.chunks_exact_mut(width).zip(&self.places) {
            dropout.scales(self.sequences.sample(place as usize), 0, &mut scales);
            for (value, scale) in values.iter_mut().zip(scales.iter()) {
                *value *= scale;
            }
        }
    }
}
