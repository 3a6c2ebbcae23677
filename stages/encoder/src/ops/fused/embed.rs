//! The sum of word, position and token-type embeddings.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{block_rows, floats, math, tensor, with_values};

struct Embed {
    indices: [Arc<[u32]>; 3],
}

pub(crate) fn embed(tables: [&Tensor; 3], indices: [&Arc<[u32]>; 3]) -> Result<Tensor> {
    let [words, positions, types] = tables;
    words.contiguous()?.apply_op3(
        &positions.contiguous()?,
        &types.contiguous()?,
        Embed {
            indices: indices.map(Arc::clone),
        },
    )
}

/// Returns row `index` of a table of that width.
fn row(table: &[f32], width: usize, index: u32) -> &[f32] {
    &table[index as usize * width..][..width]
}

impl CustomOp3 for Embed {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn cpu_fwd(
        &self,
        words: &CpuStorage,
        word_layout: &Layout,
        positions: &CpuStorage,
        position_layout: &Layout,
        types: &CpuStorage,
        type_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = word_layout.shape().dims2()?;
        for (layout, indices) in [word_layout, position_layout, type_layout]
            .into_iter()
            .zip(&self.indices)
        {
            let (rows, table_width) = layout.shape().dims2()?;
            if table_width != width || indices.iter().any(|&index| index as usize >= rows) {
                bail!(
                    "embed: an index beyond a table of {rows} rows, or a width other than {width}"
                );
            }
        }
        let words = floats(words, word_layout)?;
        let positions = floats(positions, position_layout)?;
        let types = floats(types, type_layout)?;
        let [word_ids, position_ids, type_ids] = &self.indices;
        let mut result = vec![0.0; word_ids.len() * width];
        let rows = block_rows(width);
        result
            .par_chunks_mut(rows * width)
            .enumerate()
            .for_each(|(block, result)| {
                for (token, result) in (block * rows..).zip(result.chunks_exact_mut(width)) {
                    result.copy_from_slice(row(words, width, word_ids[token]));
                    math::add(result, row(positions, width, position_ids[token]));
                    math::add(result, row(types, width, type_ids[token]));
                }
            });
        Ok((CpuStorage::F32(result), (word_ids.len(), width).into()))
    }

    fn bwd(
        &self,
        words: &Tensor,
        positions: &Tensor,
        types: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        // Tokens are added in their order: one order of every sum.
        let scatter = |table: &Tensor, indices: &[u32]| {
            let width = table.dim(1)?;
            let mut sums = vec![0.0; table.elem_count()];
            with_values(&gradient, |gradient| {
                for (&index, gradient) in indices.iter().zip(gradient.chunks_exact(width)) {
                    math::add(&mut sums[index as usize * width..][..width], gradient);
                }
            })?;
            tensor(sums, table.shape()).map(Some)
        };
        let [word_ids, position_ids, type_ids] = &self.indices;
        Ok((
            scatter(words, word_ids)?,
            scatter(positions, position_ids)?,
            scatter(types, type_ids)?,
        ))
    }
}
