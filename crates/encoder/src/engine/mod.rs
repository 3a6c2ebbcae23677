//! The encoder's arithmetic on the CPU: handwritten forward and backward passes over slices, in the numerics class of
//! [`kernels`].
//!
//! One encoder layer is one function over one flat buffer of parameters, and its backward pass adds the parameters'
//! gradients to a flat buffer of the same shape. [`crate::fused`] turns these functions into candle operations.

mod blocks;
mod classification;
mod decoder_embeddings;
mod embeddings;
mod final_norm;
mod kept;
mod layer;
mod map;
mod masked_lm;
mod maximum;
mod norm;
mod pool;
mod pooling;
mod projection;
mod spans;

pub(crate) use classification::{ClassificationPass, SavedClassification};
pub(crate) use decoder_embeddings::{DecoderEmbeddingPass, SavedDecoderEmbeddings};
pub(crate) use embeddings::{EmbeddingPass, SavedEmbeddings};
pub(crate) use final_norm::{FinalNormPass, SavedFinalNorm};
pub(crate) use layer::{LayerDropout, LayerPass, LayerShape, SavedLayer};
pub(crate) use masked_lm::{HeadBlocks, MaskedLmPass, SavedMaskedLm};
pub(crate) use maximum::MaximumPass;
pub(crate) use pool::Pool;
pub(crate) use pooling::{PoolingPass, Sums};
pub(crate) use projection::ProjectionPass;
pub(crate) use spans::SpanPass;
