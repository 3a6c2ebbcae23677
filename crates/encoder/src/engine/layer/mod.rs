//! One encoder layer.

mod backward;
mod forward;
mod weights;

use std::sync::Arc;

use kernels::elementary::Activation;
use kernels::{Dropout, Precision, Sequences};

use super::kept::Kept;
use super::norm::SavedNorm;
use super::pool::{Buffer, Pool};
use crate::Architecture;
use crate::layout::LayerLayout;

/// The shape of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerShape {
    pub(crate) precision: Precision,
    pub(crate) architecture: Architecture,
    pub(crate) layout: LayerLayout,
    pub(crate) heads: usize,
    pub(crate) activation: Activation,
    pub(crate) epsilon: f32,
}

impl LayerShape {
    pub(crate) fn width(&self) -> usize {
        self.layout.qkv.weight.columns
    }

    pub(crate) fn inner_width(&self) -> usize {
        self.layout.feed_forward_input.weight.rows
    }
}

/// The dropout of a layer in one pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct LayerDropout {
    pub(crate) weights: Option<Dropout>,
    pub(crate) attention: Option<Dropout>,
    pub(crate) feed_forward: Option<Dropout>,
}

/// One pass of a batch through a layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerPass {
    pub(crate) shape: LayerShape,
    pub(crate) sequences: Arc<Sequences>,
    pub(crate) dropout: LayerDropout,
    /// Whether a backward pass may follow.
    pub(crate) trains: bool,
    pub(crate) pool: Pool,
}

/// Values of the forward pass that the backward pass needs besides the layer's input: `[tokens, …]` each. What only the backward
/// pass needs is not kept where none may follow.
///
/// A layer normalisation saves its normalised rows and their inverse deviations. Its result is saved as the input of the next
/// map, whose gradient needs it.
#[derive(Debug)]
pub(crate) struct SavedLayer {
    /// Queries, keys and values.
    qkv: Buffer,
    /// The outputs of the heads, side by side.
    context: Kept,
    attention_norm: SavedNorm,
    /// The input of attention; in layers that normalise last a copy of the layer's input.
    attention_input: Kept,
    feed_forward_norm: SavedNorm,
    /// The input of the feed-forward sub-layer.
    middle: Kept,
    /// The values of the activation function, and its derivatives.
    activated: Kept,
    derivative: Buffer,
}
