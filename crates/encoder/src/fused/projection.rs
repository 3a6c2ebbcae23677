use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::{copy, floats, output, tensor};
use crate::Sink;
use crate::engine::ProjectionPass;
use crate::values::with_values;

/// A dense map and tanh as an operation on (pooled states, the map's block).
pub(crate) struct ProjectionOp {
    pass: ProjectionPass,
    sink: Arc<Sink>,
}

impl ProjectionOp {
    pub(crate) fn new(pass: ProjectionPass, sink: &Arc<Sink>) -> Self {
        Self {
            pass,
            sink: Arc::clone(sink),
        }
    }
}

impl CustomOp2 for ProjectionOp {
    fn name(&self) -> &'static str {
        "projection"
    }

    fn cpu_fwd(
        &self,
        pooled: &CpuStorage,
        pooled_layout: &Layout,
        block: &CpuStorage,
        block_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = pooled_layout.shape().dims2()?;
        let layout = &self.pass.layout;
        let expected = layout.dense.weight.columns;
        if width != expected || block_layout.dims() != [layout.length] {
            bail!("projection: vectors of {width} numbers, expected {expected}");
        }
        let (pooled, block) = (floats(pooled, pooled_layout)?, floats(block, block_layout)?);
        output(self.pass.forward(block, pooled), (rows, width))
    }

    fn bwd(
        &self,
        pooled: &Tensor,
        block: &Tensor,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut gradient = copy(gradient)?;
        let mut input = vec![0.0; pooled.elem_count()];
        with_values(pooled, |x| {
            with_values(block, |block| {
                with_values(result, |y| {
                    self.sink.with(|gradients| {
                        let pass = self.pass;
                        pass.backward(block, x, y, &mut gradient, &mut input, gradients);
                    })
                })
            })
        })????;
        Ok((Some(tensor(input, pooled.shape())?), None))
    }
}
