//! The layers that a pass goes through.

use crate::Block;

/// Layers of one shape, and the normalisation after the last in architectures that have one: an encoder's, or a decoder's.
#[derive(Clone, Copy)]
pub(crate) struct Stack<'a> {
    pub(crate) layers: &'a [Block],
    pub(crate) final_norm: Option<&'a Block>,
    /// The number that the first layer has among all that a token goes through, for dropout's random numbers.
    pub(crate) first: usize,
}
