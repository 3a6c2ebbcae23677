//! The head that finds spans: a linear map from each token's state to its scores as the first and as the last token of a span, and
//! the loss of a distribution over the tokens of a sequence each.

use std::sync::Arc;

use kernels::{Matrix, Precision, Sequences, add_bias, cross_entropy, multiply};

use super::kept::Rows;
use super::map::MapOf;
use crate::layout::SpanLayout;

/// A pass of the tokens of a batch through the head.
#[derive(Clone, Debug)]
pub(crate) struct SpanPass {
    pub(crate) precision: Precision,
    pub(crate) layout: SpanLayout,
    pub(crate) sequences: Arc<Sequences>,
    /// The first and the last token of each packed sequence's span, counted in the sequence; none where there is no loss.
    pub(crate) targets: Vec<[u32; 2]>,
}

impl SpanPass {
    /// Returns the scores of each token as first and as last, `[tokens, 2]`.
    pub(crate) fn scores(&self, block: &[f32], hidden: &[f32]) -> Vec<f32> {
        let map = MapOf::new(self.precision, self.layout.output, block);
        let rows = self.sequences.rows();
        let mut scores = vec![0.0; 2 * rows];
        let width = self.layout.output.weight.columns;
        let hidden = Matrix::new(hidden, rows, width);
        multiply(self.precision, hidden, map.matrix(), &mut scores, false);
        add_bias(&mut scores, map.bias);
        scores
    }

    /// Returns the loss, summed over sequences: the mean of the cross-entropies in nats of first and last token. With it comes its
    /// gradient with respect to the scores.
    pub(crate) fn forward(&self, block: &[f32], hidden: &[f32]) -> (f64, Vec<f32>) {
        let mut scores = self.scores(block, hidden);
        let mut losses = Vec::with_capacity(2 * self.targets.len());
        let mut column = Vec::new();
        for (sequence, targets) in self.targets.iter().enumerate() {
            let rows = self.sequences.range(sequence);
            let own = &mut scores[2 * rows.start..2 * rows.end];
            for (end, target) in targets.iter().enumerate() {
                column.clear();
                column.extend(own[end..].iter().step_by(2));
                let mut loss = [0.0];
                cross_entropy(&mut column, None, &[*target], &mut loss);
                losses.push(0.5 * loss[0]);
                let places = own[end..].iter_mut().step_by(2);
                for (score, gradient) in places.zip(&column) {
                    *score = 0.5 * gradient;
                }
            }
        }
        (kernels::sum(&losses), scores)
    }

    /// From the gradient of the scores, writes the gradient of the hidden states to `hidden_gradient` and adds the gradients of the
    /// parameters to `gradients`.
    pub(crate) fn backward(
        &self,
        block: &[f32],
        hidden: &[f32],
        scores: &[f32],
        hidden_gradient: &mut [f32],
        gradients: &mut [f32],
    ) {
        let map = MapOf::new(self.precision, self.layout.output, block);
        map.backward_parameters(Rows::Floats(scores), Rows::Floats(hidden), gradients);
        map.backward_input(scores, hidden_gradient, false);
    }
}
