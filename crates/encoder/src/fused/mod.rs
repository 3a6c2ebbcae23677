//! The encoder as a few large candle operations on the CPU: embeddings, one per layer, heads, losses.
//!
//! candle owns the parameters and connects the operations; the arithmetic is that of [`crate::engine`]. An operation's
//! backward pass returns the gradient of the hidden states, and adds the gradients of its block of parameters to the block's
//! [`crate::Sink`]. If it returned those too, candle would allocate a gradient per parameter and step, and add it once more.
//!
//! Each operation holds the values that its own backward pass needs, so a second forward pass before the backward pass cannot
//! overwrite them. The backward pass uses them up; a second backward pass through the same operation computes them again.

mod classification;
mod decoder_embeddings;
mod embeddings;
mod hidden;
mod loss;
mod masked_lm;
mod pass;
mod pooling;
mod projection;
mod spans;

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Tensor, bail};

pub(crate) use classification::ClassificationOp;
pub(crate) use decoder_embeddings::DecoderEmbeddingOp;
pub(crate) use embeddings::EmbeddingOp;
pub(crate) use loss::{cross_entropy, squared_error};
pub(crate) use masked_lm::MaskedLmOp;
pub(crate) use pass::FusedPass;
pub(crate) use pooling::{maximum, pool};
pub(crate) use projection::ProjectionOp;
pub(crate) use spans::SpanLossOp;

/// What becomes of the values of a forward pass that the backward pass needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saving {
    /// The values are kept.
    Keep,
    /// The values are dropped, and computed again when needed.
    Recompute,
    /// The values are dropped, and there will be no backward pass.
    Nothing,
}

/// The values that a forward pass keeps for the backward pass, if it keeps any.
#[derive(Debug)]
struct Saved<T>(Mutex<Option<T>>);

impl<T> Saved<T> {
    fn nothing() -> Self {
        Self(Mutex::new(None))
    }

    fn put(&self, saved: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
    }

    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Returns the elements of a contiguous f32 tensor.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a contiguous tensor is needed"),
    }
}

fn output(values: Vec<f32>, shape: impl Into<Shape>) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F32(values), shape.into()))
}

/// Returns a loss as a 64-bit scalar.
fn loss(value: f64) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F64(vec![value]), ().into()))
}

/// Returns the gradient of a loss, which is the factor of all other gradients.
fn factor(gradient: &Tensor) -> Result<f32> {
    Ok(gradient.to_scalar::<f64>()? as f32)
}

/// Returns a CPU tensor of the given shape.
fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// Returns a copy of a tensor's elements.
fn copy(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}
