use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::{copy, floats, output, tensor};
use crate::engine::{MaximumPass, PoolingPass};

/// Averages of hidden states, as an operation on the hidden states of one layer or of two.
struct PoolingOp(PoolingPass);

/// Returns the averages, `[results, width]`, of hidden states, `[tokens, width]` each.
pub(crate) fn pool(pass: PoolingPass, states: &[Tensor]) -> Result<Tensor> {
    let operation = PoolingOp(pass);
    match states {
        [one] => one.contiguous()?.apply_op1(operation),
        [first, last] => first
            .contiguous()?
            .apply_op2(&last.contiguous()?, operation),
        _ => bail!("pooling: hidden states of {} layers", states.len()),
    }
}

/// Maxima of the hidden states of one layer.
struct MaximumOp(MaximumPass);

/// Returns the maxima, `[results, width]`, of hidden states, `[tokens, width]`.
pub(crate) fn maximum(pass: MaximumPass, state: &Tensor) -> Result<Tensor> {
    state.contiguous()?.apply_op1(MaximumOp(pass))
}

impl CustomOp1 for MaximumOp {
    fn name(&self) -> &'static str {
        "pooling of maxima"
    }

    fn cpu_fwd(&self, hidden: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let dims = layout.dims();
        let &[rows, width] = dims else {
            bail!("pooling: hidden states {dims:?}, not one row a token");
        };
        if rows != self.0.rows {
            bail!("pooling: hidden states {dims:?} are not those of the batch");
        }
        let maxima = self.0.forward(floats(hidden, layout)?, width);
        output(maxima, (self.0.tokens.len(), width))
    }

    fn bwd(&self, hidden: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let width = hidden.dim(1)?;
        let result = self.0.backward(&copy(hidden)?, &copy(gradient)?, width);
        Ok(Some(tensor(result, hidden.shape())?))
    }
}

impl PoolingOp {
    fn forward<const N: usize>(
        &self,
        states: [(&CpuStorage, &Layout); N],
    ) -> Result<(CpuStorage, Shape)> {
        let dims = states[0].1.dims();
        let &[rows, width] = dims else {
            bail!("pooling: hidden states {dims:?}, not one row a token");
        };
        if rows != self.0.rows || states.iter().any(|(_, layout)| layout.dims() != dims) {
            bail!("pooling: hidden states {dims:?} are not those of the batch");
        }
        let mut values: [&[f32]; N] = [&[]; N];
        for (values, (storage, layout)) in values.iter_mut().zip(states) {
            *values = floats(storage, layout)?;
        }
        output(self.0.forward(&values, width), (self.0.tokens.len(), width))
    }

    fn backward(&self, hidden: &Tensor, gradient: &Tensor, layers: usize) -> Result<Tensor> {
        let width = hidden.dim(1)?;
        let gradient = copy(gradient)?;
        let result = self.0.backward(&gradient, width, layers);
        tensor(result, hidden.shape())
    }
}

impl CustomOp1 for PoolingOp {
    fn name(&self) -> &'static str {
        "pooling"
    }

    fn cpu_fwd(&self, hidden: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.forward([(hidden, layout)])
    }

    fn bwd(&self, hidden: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.backward(hidden, gradient, 1)?))
    }
}

impl CustomOp2 for PoolingOp {
    fn name(&self) -> &'static str {
        "pooling of two layers"
    }

    fn cpu_fwd(
        &self,
        first: &CpuStorage,
        first_layout: &Layout,
        last: &CpuStorage,
        last_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward([(first, first_layout), (last, last_layout)])
    }

    fn bwd(
        &self,
        first: &Tensor,
        _last: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let share = self.backward(first, gradient, 2)?;
        Ok((Some(share.clone()), Some(share)))
    }
}
