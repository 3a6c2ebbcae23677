use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::{Saved, Saving, copy, floats, output, tensor};
use crate::Sink;
use crate::engine::{DecoderEmbeddingPass, SavedDecoderEmbeddings};
use crate::values::with_values;

/// The input of a decoder of masked tokens as an operation on (states of the visible tokens, block of the encoder's embeddings,
/// block of the decoder's embeddings).
pub(crate) struct DecoderEmbeddingOp {
    pass: DecoderEmbeddingPass,
    /// The sinks of the two blocks.
    sinks: [Arc<Sink>; 2],
    saving: Saving,
    saved: Saved<SavedDecoderEmbeddings>,
}

impl DecoderEmbeddingOp {
    pub(crate) fn new(pass: DecoderEmbeddingPass, sinks: [&Arc<Sink>; 2], saving: Saving) -> Self {
        Self {
            pass,
            sinks: sinks.map(Arc::clone),
            saving,
            saved: Saved::nothing(),
        }
    }

    fn shape(&self) -> (usize, usize) {
        (self.pass.sequences.rows(), self.pass.width())
    }

    fn visible(&self) -> usize {
        self.pass.sources.iter().flatten().count()
    }
}

impl CustomOp3 for DecoderEmbeddingOp {
    fn name(&self) -> &'static str {
        "decoder embeddings"
    }

    fn cpu_fwd(
        &self,
        states: &CpuStorage,
        states_layout: &Layout,
        words: &CpuStorage,
        words_layout: &Layout,
        block: &CpuStorage,
        block_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = self.shape();
        let expected = [self.visible(), width];
        if states_layout.dims() != expected
            || words_layout.dims() != [self.pass.words_length]
            || block_layout.dims() != [self.pass.layout.length]
        {
            bail!(
                "decoder embeddings: states {:?} and blocks {:?} and {:?}, expected {expected:?}, [{}] and [{}]",
                states_layout.dims(),
                words_layout.dims(),
                block_layout.dims(),
                self.pass.words_length,
                self.pass.layout.length
            );
        }
        let mut y = vec![0.0; rows * width];
        let saved = self.pass.forward(
            floats(states, states_layout)?,
            floats(words, words_layout)?,
            floats(block, block_layout)?,
            &mut y,
        );
        if self.saving == Saving::Keep {
            self.saved.put(saved);
        }
        output(y, (rows, width))
    }

    fn bwd(
        &self,
        states: &Tensor,
        words: &Tensor,
        block: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut gradient = copy(gradient)?;
        let [words_sink, block_sink] = &self.sinks;
        let found = with_values(block, |block| {
            let saved = match self.saved.take() {
                Some(saved) => saved,
                None => with_values(states, |states| {
                    with_values(words, |words| {
                        let (rows, width) = self.shape();
                        let mut again = vec![0.0; rows * width];
                        self.pass.forward(states, words, block, &mut again)
                    })
                })??,
            };
            words_sink.with_lookups(|_, lookups| {
                block_sink.with(|gradients| {
                    self.pass
                        .backward(block, &saved, &mut gradient, gradients, lookups)
                })
            })?
        })??;
        let shape = (self.visible(), self.pass.width());
        Ok((Some(tensor(found, shape)?), None, None))
    }
}
