//! Linear maps over all rows of a batch, for layers and heads.

use kernels::{Matrix, Precision, add_columns, multiply};

use crate::layout::Linear;

/// A linear map: the layout of its parameters in a block, and the block.
#[derive(Clone, Copy)]
pub(super) struct MapOf<'a> {
    precision: Precision,
    layout: Linear,
    weight: &'a [f32],
    pub(super) bias: &'a [f32],
}

impl<'a> MapOf<'a> {
    pub(super) fn new(precision: Precision, layout: Linear, block: &'a [f32]) -> Self {
        Self {
            precision,
            layout,
            weight: &block[layout.weight.range()],
            bias: &block[layout.bias.range()],
        }
    }

    pub(super) fn outputs(self) -> usize {
        self.layout.weight.rows
    }

    /// Returns the `[inputs, outputs]` matrix that rows are multiplied with.
    pub(super) fn matrix(self) -> Matrix<'a> {
        self.weight().transposed()
    }

    /// Returns the `[outputs, inputs]` weight.
    pub(super) fn weight(self) -> Matrix<'a> {
        Matrix::new(self.weight, self.outputs(), self.layout.weight.columns)
    }

    /// Computes the gradient of the input from the gradient of the output, and writes or adds it to `result`.
    pub(super) fn backward_input(self, output: &[f32], result: &mut [f32], accumulate: bool) {
        multiply(
            self.precision,
            self.rows(output, self.outputs()),
            self.weight(),
            result,
            accumulate,
        );
    }

    /// Adds the gradient of the weight to `gradients`, from the gradient of the output and from the input.
    pub(super) fn backward_weight(self, output: &[f32], input: &[f32], gradients: &mut [f32]) {
        let output = self.rows(output, self.outputs()).transposed();
        let input = self.rows(input, self.layout.weight.columns);
        multiply(
            self.precision,
            output,
            input,
            &mut gradients[self.layout.weight.range()],
            true,
        );
    }

    /// Adds the gradient of the bias to `gradients`, from the gradient of the output.
    pub(super) fn backward_bias(self, output: &[f32], gradients: &mut [f32]) {
        add_columns(output, &mut gradients[self.layout.bias.range()]);
    }

    fn rows(self, values: &[f32], width: usize) -> Matrix<'_> {
        Matrix::new(values, values.len() / width, width)
    }
}
