//! Which implementation of the arithmetic runs.

/// An implementation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ops {
    /// A few large operations on the CPU, with the arithmetic of [`kernels`].
    #[default]
    Fused,
    /// Plain candle operations: the reference.
    Composed,
}
