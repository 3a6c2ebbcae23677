//! The places of an encoder's tensors in its flat blocks.
//!
//! A block is one run of 32-bit floats with several tensors in it, one after another in the order of the fields below.
//! Each tensor begins at a multiple of [`ALIGNMENT`] floats, a cache line; the floats between tensors are zero and never
//! trained. Only queries, keys and values are adjacent whatever their size, so that their weights are one
//! `[3 · hidden, hidden]` matrix and their biases one vector.

use std::ops::Range;

use candle_core::{Result, Tensor};

use crate::Config;

/// The alignment of tensors in a block, in floats.
const ALIGNMENT: usize = 16;

/// Assigns places in a block, one after another.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    end: usize,
}

impl Cursor {
    /// Returns the offset of the next `count` floats.
    pub(crate) fn place(&mut self, count: usize) -> usize {
        let offset = self.length();
        self.end = offset + count;
        offset
    }

    /// Returns the length of a block that ends at the cursor.
    pub(crate) fn length(self) -> usize {
        self.end.next_multiple_of(ALIGNMENT)
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Matrix {
        Matrix {
            offset: self.place(rows * columns),
            rows,
            columns,
        }
    }

    fn vector(&mut self, length: usize) -> Vector {
        Vector {
            offset: self.place(length),
            length,
        }
    }

    fn linear(&mut self, outputs: usize, inputs: usize) -> Linear {
        Linear {
            weight: self.matrix(outputs, inputs),
            bias: self.vector(outputs),
        }
    }

    fn norm(&mut self, width: usize) -> Norm {
        Norm {
            weight: self.vector(width),
            bias: self.vector(width),
        }
    }
}

/// The place of a matrix in a block, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub(crate) offset: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Matrix {
    /// Returns the range of the matrix's floats in the block.
    pub(crate) fn range(self) -> Range<usize> {
        self.offset..self.offset + self.rows * self.columns
    }

    /// Returns the matrix as a view of the whole block, `[rows, columns]`.
    pub(crate) fn of(self, block: &Tensor) -> Result<Tensor> {
        block
            .narrow(0, self.offset, self.range().len())?
            .reshape((self.rows, self.columns))
    }

    /// Returns one third of the rows, counted from 0.
    fn third(self, which: usize) -> Self {
        let rows = self.rows / 3;
        Self {
            offset: self.offset + which * rows * self.columns,
            rows,
            ..self
        }
    }
}

/// The place of a vector in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vector {
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Vector {
    /// Returns the range of the vector's floats in the block.
    pub(crate) fn range(self) -> Range<usize> {
        self.offset..self.offset + self.length
    }

    /// Returns the vector as a view of the whole block, `[length]`.
    pub(crate) fn of(self, block: &Tensor) -> Result<Tensor> {
        block.narrow(0, self.offset, self.length)
    }

    /// Returns one third of the elements, counted from 0.
    fn third(self, which: usize) -> Self {
        let length = self.length / 3;
        Self {
            offset: self.offset + which * length,
            length,
        }
    }
}

/// The places of a linear map's weight, `[outputs, inputs]`, and bias, `[outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Linear {
    pub(crate) weight: Matrix,
    pub(crate) bias: Vector,
}

impl Linear {
    /// Returns weight and bias as views of the whole block.
    pub(crate) fn of(self, block: &Tensor) -> Result<[Tensor; 2]> {
        Ok([self.weight.of(block)?, self.bias.of(block)?])
    }

    /// Returns one of the three maps whose outputs this map joins: query, key or value.
    pub(crate) fn third(self, which: usize) -> Self {
        Self {
            weight: self.weight.third(which),
            bias: self.bias.third(which),
        }
    }
}

/// The places of a layer normalisation's weight and bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Norm {
    pub(crate) weight: Vector,
    pub(crate) bias: Vector,
}

impl Norm {
    /// Returns weight and bias as views of the whole block.
    pub(crate) fn of(self, block: &Tensor) -> Result<[Tensor; 2]> {
        Ok([self.weight.of(block)?, self.bias.of(block)?])
    }
}

/// The block of the embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EmbeddingLayout {
    pub(crate) words: Matrix,
    pub(crate) positions: Matrix,
    pub(crate) token_types: Matrix,
    pub(crate) norm: Norm,
    pub(crate) length: usize,
}

/// The block of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerLayout {
    /// Query, key and value as one map.
    pub(crate) qkv: Linear,
    pub(crate) attention_output: Linear,
    pub(crate) attention_norm: Norm,
    pub(crate) feed_forward_input: Linear,
    pub(crate) feed_forward_output: Linear,
    pub(crate) feed_forward_norm: Norm,
    pub(crate) length: usize,
}

/// The block of the normalisation after the last layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FinalNormLayout {
    pub(crate) norm: Norm,
    pub(crate) length: usize,
}

/// The block of the masked language modelling head. The decoder's weight is that of the word embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadLayout {
    pub(crate) dense: Linear,
    pub(crate) norm: Norm,
    pub(crate) decoder_bias: Vector,
    pub(crate) length: usize,
}

/// The block of the embeddings of a decoder of masked tokens: positions of its own, and a normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecoderLayout {
    pub(crate) positions: Matrix,
    pub(crate) norm: Norm,
    pub(crate) length: usize,
}

impl DecoderLayout {
    pub(crate) fn of(config: &Config) -> Self {
        let mut cursor = Cursor::default();
        Self {
            positions: cursor.matrix(config.max_position_embeddings, config.hidden_size),
            norm: cursor.norm(config.hidden_size),
            length: cursor.length(),
        }
    }
}

/// The block of a classification head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClassificationLayout {
    pub(crate) dense: Linear,
    pub(crate) output: Linear,
    pub(crate) length: usize,
}

impl ClassificationLayout {
    pub(crate) fn new(width: usize, labels: usize) -> Self {
        let mut cursor = Cursor::default();
        Self {
            dense: cursor.linear(width, width),
            output: cursor.linear(labels, width),
            length: cursor.length(),
        }
    }
}

/// The block of a head that finds spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanLayout {
    /// The map to the scores as first and as last token.
    pub(crate) output: Linear,
    pub(crate) length: usize,
}

impl SpanLayout {
    pub(crate) fn new(width: usize) -> Self {
        let mut cursor = Cursor::default();
        Self {
            output: cursor.linear(2, width),
            length: cursor.length(),
        }
    }
}

/// The map between a sequence's vector and the vector that a contrastive loss compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProjectionLayout {
    pub(crate) dense: Linear,
    pub(crate) length: usize,
}

impl ProjectionLayout {
    pub(crate) fn new(width: usize) -> Self {
        let mut cursor = Cursor::default();
        Self {
            dense: cursor.linear(width, width),
            length: cursor.length(),
        }
    }
}

/// The blocks of an encoder. All layers have the same layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EncoderLayout {
    pub(crate) embeddings: EmbeddingLayout,
    pub(crate) layer: LayerLayout,
    pub(crate) final_norm: Option<FinalNormLayout>,
    pub(crate) head: HeadLayout,
}

impl EncoderLayout {
    pub(crate) fn of(config: &Config) -> Self {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let mut cursor = Cursor::default();
        let embeddings = EmbeddingLayout {
            words: cursor.matrix(config.vocab_size, hidden),
            positions: cursor.matrix(config.max_position_embeddings, hidden),
            token_types: cursor.matrix(config.type_vocab_size, hidden),
            norm: cursor.norm(hidden),
            length: cursor.length(),
        };
        let mut cursor = Cursor::default();
        let layer = LayerLayout {
            qkv: cursor.linear(3 * hidden, hidden),
            attention_output: cursor.linear(hidden, hidden),
            attention_norm: cursor.norm(hidden),
            feed_forward_input: cursor.linear(wide, hidden),
            feed_forward_output: cursor.linear(hidden, wide),
            feed_forward_norm: cursor.norm(hidden),
            length: cursor.length(),
        };
        let mut cursor = Cursor::default();
        let final_norm = FinalNormLayout {
            norm: cursor.norm(hidden),
            length: cursor.length(),
        };
        let mut cursor = Cursor::default();
        let head = HeadLayout {
            dense: cursor.linear(hidden, hidden),
            norm: cursor.norm(hidden),
            decoder_bias: cursor.vector(config.vocab_size),
            length: cursor.length(),
        };
        let has_final_norm = !config.architecture.normalises_last();
        Self {
            embeddings,
            layer,
            final_norm: has_final_norm.then_some(final_norm),
            head,
        }
    }
}
