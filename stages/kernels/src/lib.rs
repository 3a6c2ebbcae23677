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
pub mod numerics;
pub mod philox;
mod random;
mod rows;
#[allow(unsafe_code)]
mod simd;

pub use layer_norm::{layer_norm, layer_norm_backward};
pub use logarithm::ln;
pub use random::{Draws, Stream};
pub use simd::{ForcedPath, Path};
