//! Arithmetic whose bits depend on its inputs alone.
//!
//! * [`philox`]: the Philox4x32-10 counter-based generator (Salmon et al., *Parallel Random Numbers: As Easy as 1, 2,
//!   3*, SC 2011).
//! * [`Stream`] and [`Draws`]: random numbers as a function of (seed, purpose, step, sample, site, position). There is
//!   no state to save: masks, dropout, order and initial weights are the same whatever ran before, on any number of
//!   threads.
//! * [`numerics`]: the rules that make the bits of a result a function of the declaration alone; read it first.
//! * [`multiply`], [`layer_norm()`], [`attention()`], [`cross_entropy()`], …: the parts of an encoder, forward and backward.
//! * [`ln`] and [`exp`]: natural logarithm and exponential function in 64 bits by IEEE operations only, since the C
//!   library's may differ between processors.

mod activation;
mod adamw;
mod attention;
mod bias;
mod columns;
mod cross_entropy;
mod dropout;
pub mod elementary;
mod embedding;
mod exponential;
mod layer_norm;
mod logarithm;
#[allow(unsafe_code)]
mod matrix;
pub mod numerics;
mod parallel;
#[allow(unsafe_code)]
mod peak;
pub mod philox;
mod random;
mod residual;
mod rows;
mod sequences;
#[allow(unsafe_code)]
mod simd;
mod softmax;
mod sums;
mod workspace;

pub use activation::{bias_activation, bias_activation_only};
pub use adamw::{AdamWStep, adamw};
pub use attention::{attention, attention_backward, attention_draws};
pub use bias::{add, add_bias, scale};
pub use columns::{add_columns, layer_norm_sums};
pub use cross_entropy::{cross_entropy, cross_entropy_only};
pub use dropout::Dropout;
pub use embedding::{embed, scatter_add};
pub use exponential::exp;
pub use layer_norm::{layer_norm, layer_norm_backward};
pub use logarithm::ln;
pub use matrix::{
    Factor, Matrix, Panels, Precision, ROW_BLOCK, multiply, multiply_here, multiply_panels,
    multiply_with, round_rows, split_panels, with_factors,
};
pub use parallel::{Regions, Share};
pub use peak::peak;
pub use random::{Draws, Stream};
pub use residual::{add_residual, dropout_rows};
pub use sequences::Sequences;
pub use simd::{ForcedPath, Path};
pub use softmax::{softmax, softmax_backward};
pub use sums::{all_finite, sum, sum_of_squares};
