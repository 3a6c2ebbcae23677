//! A dense map and tanh over pooled sequences.

use kernels::elementary::tanh_all;
use kernels::{Matrix, Precision, add_bias, multiply};

use super::kept::Rows;
use super::map::MapOf;
use crate::layout::ProjectionLayout;

/// A pass of pooled sequences through the map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProjectionPass {
    pub(crate) precision: Precision,
    pub(crate) layout: ProjectionLayout,
}

impl ProjectionPass {
    /// Returns the mapped vectors, `[sequences, width]` as the input.
    pub(crate) fn forward(self, block: &[f32], input: &[f32]) -> Vec<f32> {
        let dense = MapOf::new(self.precision, self.layout.dense, block);
        let width = self.layout.dense.weight.columns;
        let mut output = vec![0.0; input.len()];
        let input = Matrix::new(input, input.len() / width, width);
        multiply(self.precision, input, dense.matrix(), &mut output, false);
        add_bias(&mut output, dense.bias);
        tanh_all(&mut output);
        output
    }

    /// From output and gradient of the output, writes the gradient of the input to `input_gradient` and adds the gradients of the
    /// parameters to `gradients`. What the dense map gave gets its gradient in the place of the output's.
    pub(crate) fn backward(
        self,
        block: &[f32],
        input: &[f32],
        output: &[f32],
        gradient: &mut [f32],
        input_gradient: &mut [f32],
        gradients: &mut [f32],
    ) {
        for (gradient, &value) in gradient.iter_mut().zip(output) {
            *gradient *= 1.0 - value * value;
        }
        let dense = MapOf::new(self.precision, self.layout.dense, block);
        dense.backward_parameters(Rows::Floats(gradient), Rows::Floats(input), gradients);
        dense.backward_input(gradient, input_gradient, false);
    }
}
