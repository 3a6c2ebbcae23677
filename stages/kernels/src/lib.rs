//! Arithmetic whose bits are a function of its inputs alone.
//!
//! * [`philox`]: the Philox4x32-10 counter-based generator (Salmon et al., *Parallel Random Numbers: As Easy as 1, 2,
//!   3*, SC 2011).
//! * [`Stream`] and [`Draws`]: random numbers as a function of (seed, purpose, step, sample, site, position). There is
//!   no state to save: masks, dropout, order and initial weights come out the same whatever ran before, on any number
//!   of threads.
//! * [`ln`]: a natural logarithm from IEEE operations only, since the C library's may differ between processors.

pub mod elementary;
mod layer_norm;
mod logarithm;
#[allow(unsafe_code)]
mod matrix;
pub mod numerics;
mod peak;
pub mod philox;
mod random;
mod rows;
#[allow(unsafe_code)]
mod simd;
mod workspace;

pub use layer_norm::{layer_norm, layer_norm_backward};
pub use logarithm::ln;
pub use matrix::{Matrix, Precision, multiply, multiply_here, multiply_with};
pub use peak::peak;
pub use random::{Draws, Stream};
pub use simd::{ForcedPath, Path};
