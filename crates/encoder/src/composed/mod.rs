//! The reference: the encoder in plain candle operations, each of which has a backward pass.
//!
//! It is what devices other than the CPU run, and what [`crate::fused`] is tested against. candle's own fused layer
//! normalisation and softmax are not used: they carry no backward operation, so every parameter below them would silently
//! stay untrained.

mod head;
mod masks;
mod operations;
mod pass;
mod pooling;

pub(crate) use head::{classification, masked_lm_logits};
pub(crate) use operations::cross_entropy;
pub(crate) use pass::ComposedPass;
pub(crate) use pooling::pooled;
