//! Linear maps over all rows of a batch, for layers and heads.

use kernels::{Matrix, Precision, add_columns, multiply, multiply_panels};

use super::kept::Rows;
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

    /// Adds the gradients of weight and bias to `gradients`, from the gradient of the output and from the input. Where rows were
    /// rounded, the bias takes the rounded ones.
    pub(super) fn backward_parameters(
        self,
        output: Rows<'_>,
        input: Rows<'_>,
        gradients: &mut [f32],
    ) {
        let [weight, bias] = gradients
            .get_disjoint_mut([self.layout.weight.range(), self.layout.bias.range()])
            .expect("a layout's tensors do not overlap");
        add_parameters(self.precision, output, input, weight, bias);
    }

    fn rows(self, values: &[f32], width: usize) -> Matrix<'_> {
        Matrix::new(values, values.len() / width, width)
    }
}

/// Adds the gradients of a map's weight, `[outputs, inputs]`, and bias, `[outputs]`, from the gradient of its output and from its
/// input.
pub(super) fn add_parameters(
    precision: Precision,
    output: Rows<'_>,
    input: Rows<'_>,
    weight: &mut [f32],
    bias: &mut [f32],
) {
    match (output, input) {
        (Rows::Floats(output), Rows::Floats(input)) => {
            add_columns(output, bias);
            let rows = output.len() / bias.len();
            let output = Matrix::new(output, rows, bias.len()).transposed();
            let input = Matrix::new(input, rows, input.len() / rows.max(1));
            multiply(precision, output, input, weight, true);
        }
        (Rows::Rounded(output), Rows::Rounded(input)) => {
            multiply_panels(output, input, weight, bias);
        }
        _ => unreachable!("one precision for all rows of a map"),
    }
}
