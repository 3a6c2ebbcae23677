//! The operations that an encoder is made of.

use std::sync::Arc;

use candle_core::{D, DType, Result, Tensor};

use crate::Activation;
use crate::batch::Layout;

pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)?.broadcast_add(bias)
}

pub(super) fn layer_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?;
    centred
        .broadcast_div(&deviation)?
        .broadcast_mul(weight)?
        .broadcast_add(bias)
}

pub(super) fn embed(tables: [&Tensor; 3], indices: [&Arc<[u32]>; 3]) -> Result<Tensor> {
    let rows = |place: usize| {
        let index = Tensor::new(indices[place].as_ref(), tables[place].device())?;
        tables[place].index_select(&index, 0)
    };
    (rows(0)? + rows(1)?)? + rows(2)?
}

pub(super) fn attention(
    qkv: &Tensor,
    layout: &Layout,
    heads: usize,
    masks: Option<&[Tensor]>,
) -> Result<Tensor> {
    let width = qkv.dim(1)? / 3;
    let size = width / heads;
    let scale = 1.0 / (size as f64).sqrt();
    let mut outputs = Vec::with_capacity(layout.groups.len());
    for (index, group) in layout.groups.iter().enumerate() {
        let rows = qkv.narrow(0, group.first_row, group.rows())?;
        let part = |place: usize| {
            rows.narrow(1, place * width, width)?
                .reshape((group.sequences, group.length, heads, size))?
                .transpose(1, 2)?
                .contiguous()
        };
        let scores = (part(0)?.matmul(&part(1)?.t()?)? * scale)?;
        // Subtracting the largest score prevents overflow. It is a constant here, since its gradient cancels.
        let exponentials = scores
            .broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?
            .exp()?;
        let mut weights = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?;
        if let Some(masks) = masks {
            weights = (&weights * masks[index].reshape(weights.shape())?.detach())?;
        }
        outputs.push(
            weights
                .matmul(&part(2)?)?
                .transpose(1, 2)?
                .reshape((group.rows(), width))?,
        );
    }
    match outputs.len() {
        1 => Ok(outputs.remove(0)),
        _ => Tensor::cat(&outputs, 0),
    }
}

/// Returns the sum of the cross-entropies in nats of `targets` under `softmax(logits)`, `[rows, classes]`.
pub(crate) fn cross_entropy(logits: &Tensor, targets: &[u32]) -> Result<Tensor> {
    if targets.is_empty() {
        return logits.sum_all()?.to_dtype(DType::F64);
    }
    let targets = Tensor::new(targets, logits.device())?;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    let normaliser = shifted.exp()?.sum(1)?.log()?;
    let chosen = shifted.gather(&targets.unsqueeze(1)?, 1)?.squeeze(1)?;
    (normaliser - chosen)?.sum_all()?.to_dtype(DType::F64)
}

/// Returns `x`, each element multiplied by its element of `mask`, a constant.
pub(super) fn dropout(x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    match mask {
        None => Ok(x.clone()),
        Some(mask) => x * mask.detach(),
    }
}

/// Applies the activation function.
pub(super) fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
    }
}
