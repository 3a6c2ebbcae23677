//! The maps and normalisations of a layer, as views of its block.

use kernels::Matrix;

use super::LayerShape;
use crate::engine::map::MapOf;
use crate::engine::norm::NormOf;

pub(super) struct Weights<'a> {
    pub(super) qkv: MapOf<'a>,
    pub(super) attention_output: MapOf<'a>,
    pub(super) attention_norm: NormOf<'a>,
    pub(super) feed_forward_input: MapOf<'a>,
    pub(super) feed_forward_output: MapOf<'a>,
    pub(super) feed_forward_norm: NormOf<'a>,
}

impl<'a> Weights<'a> {
    pub(super) fn of(shape: &LayerShape, block: &'a [f32]) -> Self {
        let (layout, precision, epsilon) = (&shape.layout, shape.precision, shape.epsilon);
        Self {
            qkv: MapOf::new(precision, layout.qkv, block),
            attention_output: MapOf::new(precision, layout.attention_output, block),
            attention_norm: NormOf::new(layout.attention_norm, block, epsilon),
            feed_forward_input: MapOf::new(precision, layout.feed_forward_input, block),
            feed_forward_output: MapOf::new(precision, layout.feed_forward_output, block),
            feed_forward_norm: NormOf::new(layout.feed_forward_norm, block, epsilon),
        }
    }

    /// Returns the matrices that rows are multiplied with after attention, in order.
    pub(super) fn after_attention(&self) -> [Matrix<'a>; 3] {
        [
            self.attention_output.matrix(),
            self.feed_forward_input.matrix(),
            self.feed_forward_output.matrix(),
        ]
    }
}
