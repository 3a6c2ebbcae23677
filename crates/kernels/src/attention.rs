//! Multi-head self-attention within each packed sequence (Vaswani et al. 2017, section 3.2).
//!
//! Per head `O = (M ∘ P) V`, `P = softmax(Q Kᵀ / √d)`, M the dropout. The backward pass computes P and M again from queries,
//! keys and counters, instead of keeping `length²` numbers per head: dV = (M ∘ P)ᵀ dO, dP = M ∘ (dO Vᵀ),
//! dS = P ∘ (dP - rowsum(P ∘ dP)) / √d, dQ = dS K, dK = dSᵀ Q.

use rayon::prelude::*;

use crate::parallel::Share;

use crate::bias::scale;
use crate::dropout::{Dropout, GROUP};
use crate::matrix::{Matrix, Precision, multiply_here};
use crate::sequences::Sequences;
use crate::softmax::{softmax, softmax_backward};
use crate::workspace::{Place, with_scratch};

/// Computes attention's output, `[rows, width]`, into `output` from `qkv`, `[rows, 3 · width]`: queries, keys and values, each
/// with the heads side by side.
///
/// # Panics
/// When shapes disagree.
pub fn attention(
    precision: Precision,
    qkv: &[f32],
    sequences: &Sequences,
    heads: usize,
    dropout: Option<&Dropout>,
    output: &mut [f32],
) {
    let width = width(qkv, sequences, heads);
    assert_eq!(output.len(), sequences.rows() * width, "attention's output");
    let parts = sequences.split(output, width);
    parts
        .into_par_iter()
        .with_max_len(1)
        .enumerate()
        .share(|(index, output)| {
            let sequence = Sequence::new(qkv, sequences, index, width, heads);
            let length = sequence.length;
            with_scratch(Place::Scores, 2 * length * length, |scratch| {
                let (weights, scales) = scratch.split_at_mut(length * length);
                for head in 0..heads {
                    sequence.weights(precision, head, weights);
                    if let Some(dropout) = dropout {
                        sequence.scales(head, dropout, scales);
                        scale(weights, scales);
                    }
                    let weights = Matrix::new(weights, length, length);
                    let output = &mut output[head * sequence.size..];
                    multiply_here(
                        precision,
                        weights,
                        sequence.values(head),
                        output,
                        width,
                        false,
                    );
                }
            });
        });
}

/// Computes the gradient of `qkv` into `qkv_gradient`, `[rows, 3 · width]`, from the gradient of [`attention`]'s output.
///
/// # Panics
/// When shapes disagree.
pub fn attention_backward(
    precision: Precision,
    qkv: &[f32],
    sequences: &Sequences,
    heads: usize,
    dropout: Option<&Dropout>,
    gradient: &[f32],
    qkv_gradient: &mut [f32],
) {
    let width = width(qkv, sequences, heads);
    assert_eq!(
        gradient.len(),
        sequences.rows() * width,
        "the gradient of attention's output"
    );
    assert_eq!(
        qkv_gradient.len(),
        qkv.len(),
        "the gradient of queries, keys and values"
    );
    let parts = sequences.split(qkv_gradient, 3 * width);
    parts
        .into_par_iter()
        .with_max_len(1)
        .enumerate()
        .share(|(index, result)| {
            let sequence = Sequence::new(qkv, sequences, index, width, heads);
            let (length, size) = (sequence.length, sequence.size);
            let gradient = &gradient[sequences.range(index).start * width..];
            with_scratch(Place::Scores, 3 * length * length, |scratch| {
                let (weights, rest) = scratch.split_at_mut(length * length);
                let (scales, scores) = rest.split_at_mut(length * length);
                for head in 0..heads {
                    let outputs =
                        Matrix::with_stride(&gradient[head * size..], length, size, width);
                    sequence.weights(precision, head, weights);
                    scores.copy_from_slice(weights);
                    if let Some(dropout) = dropout {
                        sequence.scales(head, dropout, scales);
                        scale(scores, scales);
                    }
                    let mut put = |place: usize, a: Matrix<'_>, b: Matrix<'_>| {
                        let columns = &mut result[place * width + head * size..];
                        multiply_here(precision, a, b, columns, 3 * width, false);
                    };
                    put(2, Matrix::new(scores, length, length).transposed(), outputs);
                    multiply_here(
                        precision,
                        outputs,
                        sequence.values(head).transposed(),
                        scores,
                        length,
                        false,
                    );
                    if dropout.is_some() {
                        scale(scores, scales);
                    }
                    softmax_backward(weights, scores, length, sequence.scale());
                    let scores = Matrix::new(scores, length, length);
                    put(0, scores, sequence.keys(head));
                    put(1, scores.transposed(), sequence.queries(head));
                }
            });
        });
}

/// Returns the index of the first element of a head's dropout mask in a sequence. Each head begins a new group of elements.
pub fn attention_draws(length: usize, head: usize) -> usize {
    head * (length * length).next_multiple_of(GROUP)
}

fn width(qkv: &[f32], sequences: &Sequences, heads: usize) -> usize {
    let rows = sequences.rows();
    assert!(heads > 0, "attention without heads");
    assert_eq!(
        qkv.len() % (rows * 3 * heads).max(1),
        0,
        "{heads} heads over {rows} rows"
    );
    qkv.len() / (rows * 3).max(1)
}

/// One sequence's queries, keys and values.
struct Sequence<'a> {
    qkv: &'a [f32],
    sample: u32,
    length: usize,
    width: usize,
    /// Width of a head.
    size: usize,
}

impl<'a> Sequence<'a> {
    fn new(
        qkv: &'a [f32],
        sequences: &Sequences,
        index: usize,
        width: usize,
        heads: usize,
    ) -> Self {
        let rows = sequences.range(index);
        Self {
            qkv: &qkv[rows.start * 3 * width..rows.end * 3 * width],
            sample: sequences.sample(index),
            length: rows.len(),
            width,
            size: width / heads,
        }
    }

    fn part(&self, place: usize, head: usize) -> Matrix<'a> {
        let columns = &self.qkv[place * self.width + head * self.size..];
        Matrix::with_stride(columns, self.length, self.size, 3 * self.width)
    }

    fn queries(&self, head: usize) -> Matrix<'a> {
        self.part(0, head)
    }

    fn keys(&self, head: usize) -> Matrix<'a> {
        self.part(1, head)
    }

    fn values(&self, head: usize) -> Matrix<'a> {
        self.part(2, head)
    }

    fn scale(&self) -> f32 {
        1.0 / (self.size as f32).sqrt()
    }

    /// Computes the attention weights before dropout.
    fn weights(&self, precision: Precision, head: usize, weights: &mut [f32]) {
        let keys = self.keys(head).transposed();
        multiply_here(
            precision,
            self.queries(head),
            keys,
            weights,
            self.length,
            false,
        );
        softmax(weights, self.length, self.scale());
    }

    /// Computes the factors by which dropout multiplies the weights.
    fn scales(&self, head: usize, dropout: &Dropout, scales: &mut [f32]) {
        dropout.scales(self.sample, attention_draws(self.length, head), scales);
    }
}
