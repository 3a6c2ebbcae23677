//! The implementations of the arithmetic.

/// An implementation of an encoder's operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ops {
    /// A few large operations on the CPU, with the arithmetic of [`kernels`].
    #[default]
    Fused,
    /// Plain candle operations, the reference that the others are tested against.
    Composed,
}
