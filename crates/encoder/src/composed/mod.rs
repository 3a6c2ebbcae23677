//! The reference: the encoder in plain candle operations, each of which has a backward pass.
//!
//! [`crate::fused`] is tested against it. candle's own fused layer normalisation and softmax are not used: they have no
//! backward operation, so every parameter below them would silently stay untrained.

mod decoder_embeddings;
mod head;
mod masks;
mod operations;
mod pass;
mod pooling;

pub(crate) use decoder_embeddings::decoder_embeddings;
pub(crate) use head::{classification, masked_lm_logits, projection, span_loss, span_scores};
pub(crate) use operations::cross_entropy;
pub(crate) use pass::ComposedPass;
pub(crate) use pooling::{maximum, pooled};
