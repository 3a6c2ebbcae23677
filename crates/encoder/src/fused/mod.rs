//! The encoder as a few large candle operations on the CPU: embeddings, one per layer, heads, losses.
//!
//! candle owns the parameters and joins the operations; the arithmetic is that of [`crate::engine`]. An operation's
//! backward pass returns the gradient of the hidden states, and adds those of its block of parameters to the block's
//! [`crate::Sink`]: candle would allocate a gradient per parameter and step, and add it once more.
//!
//! What the backward pass needs lies in the operation itself, one per forward pass, so that a second forward pass before
//! the backward pass cannot overwrite it. It is used up by the backward pass; a second one through the same operation
//! computes it again.

mod classification;
mod embeddings;
mod hidden;
mod loss;
mod masked_lm;
mod pass;
mod pooling;

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Tensor, bail};

pub(crate) use classification::ClassificationOp;
pub(crate) use embeddings::EmbeddingOp;
pub(crate) use loss::{cross_entropy, squared_error};
pub(crate) use masked_lm::MaskedLmOp;
pub(crate) use pass::FusedPass;
pub(crate) use pooling::pool;

/// What happens to what a forward pass leaves for the backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saving {
    /// It is kept.
    Keep,
    /// It is dropped, and computed again when needed.
    Recompute,
    /// There will be no backward pass.
    Nothing,
}

/// What a forward pass left.
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

/// A loss, in 64 bits.
fn loss(value: f64) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F64(vec![value]), ().into()))
}

/// Returns what a loss's gradient multiplies everything with.
fn factor(gradient: &Tensor) -> Result<f32> {
    Ok(gradient.to_scalar::<f64>()? as f32)
}

/// Returns a CPU tensor of that shape.
fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// Returns a copy of a tensor's elements.
fn copy(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}
