//! The differentiable operations that an encoder consists of.
//!
//! Each exists twice. [`Ops::Composed`] writes it with plain candle operations: it is the reference, and runs on any
//! device. [`Ops::Fused`] is one candle custom operation with its own backward pass over CPU slices; it does the same
//! arithmetic in a few passes over memory. candle's own fused layer normalisation and softmax are not used: they
//! carry no backward operation, so every parameter below them would silently stay untrained.
//!
//! Sums have one order, fixed by shapes: results do not depend on the number of threads.

mod composed;
mod fused;
mod math;

use candle_core::{DType, Device, Tensor};

use crate::batch::Layout;
use crate::{EncoderError, Result};

/// Which implementation of the operations runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ops {
    /// Custom operations on the CPU.
    Fused,
    /// Plain candle operations: the reference.
    Composed,
}

/// Returns the sum of the cross-entropies in nats of `targets` under `softmax(logits)`; `logits` is `[rows, classes]`,
/// the result a scalar.
///
/// # Errors
/// When shapes disagree or a target is no class.
pub fn cross_entropy(logits: &Tensor, targets: &[u32]) -> Result<Tensor> {
    Ops::on(logits.device()).cross_entropy(logits, targets)
}

impl Ops {
    /// Returns the faster implementation that `device` can run.
    pub fn on(device: &Device) -> Self {
        if device.is_cpu() {
            Self::Fused
        } else {
            Self::Composed
        }
    }

    /// Returns `x · weightᵀ + bias`: `[rows, inputs]`, `[outputs, inputs]`, `[outputs]` → `[rows, outputs]`.
    ///
    /// # Errors
    /// When shapes disagree.
    pub fn linear(self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Fused => fused::linear(x, weight, bias),
            Self::Composed => composed::linear(x, weight, bias),
        }?)
    }

    /// Normalises each row of `[rows, width]` to mean 0 and variance 1, then scales and shifts it (Ba et al. 2016).
    ///
    /// # Errors
    /// When shapes disagree.
    pub fn layer_norm(
        self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        epsilon: f64,
    ) -> Result<Tensor> {
        Ok(match self {
            Self::Fused => fused::layer_norm(x, weight, bias, epsilon),
            Self::Composed => composed::layer_norm(x, weight, bias, epsilon),
        }?)
    }

    /// Returns `x · Φ(x)`, Φ being the normal distribution function (Hendrycks and Gimpel 2016).
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn gelu(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Fused => fused::gelu(x),
            Self::Composed => x.gelu_erf(),
        }?)
    }

    /// Returns `x`, each element multiplied by its element of `mask` (0, or the inverse of the probability of keeping
    /// it). The mask is a constant.
    ///
    /// # Errors
    /// When shapes disagree.
    pub fn dropout(self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        Ok(match (mask, self) {
            (None, _) => x.clone(),
            (Some(mask), Self::Fused) => fused::dropout(x, mask)?,
            (Some(mask), Self::Composed) => (x * mask.detach())?,
        })
    }

    /// Returns `dropout(x, mask) + residual`, all of one shape.
    ///
    /// # Errors
    /// When shapes disagree.
    pub fn dropout_add(
        self,
        x: &Tensor,
        mask: Option<&Tensor>,
        residual: &Tensor,
    ) -> Result<Tensor> {
        Ok(match self {
            Self::Fused => fused::dropout_add(x, mask, residual)?,
            Self::Composed => (self.dropout(x, mask)? + residual)?,
        })
    }

    /// Returns the sums of three embeddings per token, `[tokens, width]`: row `ids[t]` of `words`, row `positions[t]` of
    /// `position_table`, row `types[t]` of `type_table`.
    ///
    /// # Errors
    /// When shapes disagree or an index is out of range.
    pub(crate) fn embed(
        self,
        tables: [&Tensor; 3],
        indices: [&std::sync::Arc<[u32]>; 3],
    ) -> Result<Tensor> {
        Ok(match self {
            Self::Fused => fused::embed(tables, indices),
            Self::Composed => composed::embed(tables, indices),
        }?)
    }

    /// Multi-head self-attention within each sequence (Vaswani et al. 2017, section 3.2): `softmax(q kᵀ / √d) v` per
    /// head, the softmax multiplied by `masks` (one `[sequences · heads, length, length]` per group of `layout`).
    /// `qkv` is `[tokens, 3 · width]`: queries, keys and values, each with the heads side by side.
    ///
    /// # Errors
    /// When shapes disagree.
    pub(crate) fn attention(
        self,
        qkv: &Tensor,
        layout: &Layout,
        heads: usize,
        masks: Option<&[Tensor]>,
    ) -> Result<Tensor> {
        Ok(match self {
            Self::Fused => fused::attention(qkv, layout, heads, masks),
            Self::Composed => composed::attention(qkv, layout, heads, masks),
        }?)
    }

    /// Returns the sum of the cross-entropies in nats of `targets` under `softmax(logits)`; `logits` is
    /// `[rows, classes]`, the result a scalar.
    ///
    /// # Errors
    /// When shapes disagree or a target is no class.
    pub fn cross_entropy(self, logits: &Tensor, targets: &[u32]) -> Result<Tensor> {
        let (rows, classes) = logits.dims2()?;
        if classes == 0 {
            return Err(EncoderError::invalid(
                "logits",
                "0 classes",
                "give at least 1",
            ));
        }
        if rows != targets.len() {
            return Err(EncoderError::invalid(
                "targets",
                format!("{} targets for {rows} rows", targets.len()),
                "give one target per row",
            ));
        }
        if let Some(target) = targets.iter().find(|&&target| target as usize >= classes) {
            return Err(EncoderError::invalid(
                "targets",
                format!("{target} is none of {classes} classes"),
                "give targets below the number of classes",
            ));
        }
        let logits = logits.to_dtype(DType::F32)?;
        Ok(match self {
            Self::Fused => fused::cross_entropy(&logits, targets),
            Self::Composed => composed::cross_entropy(&logits, targets),
        }?)
    }
}

#[cfg(test)]
mod tests;
