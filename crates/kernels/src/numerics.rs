//! The numerics class `cpu-f32/2`: why the same declaration gives the same bits on any CPU and any number of threads.
//!
//! Floating-point addition is not associative, so a result is a function of its inputs only if the *order* of operations
//! is. Every kernel of this crate therefore fixes, per element of its output, one sequence of correctly rounded IEEE 754
//! operations that follows from shapes alone. How the work is cut into vectors, tiles, cache blocks and threads is then
//! free: it is chosen for speed, per instruction set, without a bit changing. The rules:
//!
//! 1. **Matrix products.** An element of C is one chain: from 0, or from what C held when accumulating, one fused
//!    multiply-add per step of k, in ascending order. k is never divided among lanes or threads and never padded. Cutting
//!    k into blocks changes nothing, since a chain goes on from what is stored.
//! 2. **Sums along a row** run in [`LANES`] virtual lanes: element i goes to lane i mod 32, in ascending order; a lane
//!    without an element takes +0, which changes nothing since accumulators start at +0. The lanes are then folded in
//!    halves: lane i takes lane i + 16, then + 8, + 4, + 2, + 1. The sum of squares of a gradient runs in 64 bits, in 16
//!    lanes, per block of 65536 elements, blocks in ascending order.
//! 3. **Sums down columns** (gradients of biases and of layer normalisation) take the rows in ascending order, from what
//!    the target held.
//! 4. **Fused where written.** `mul_add` is one rounding, `a * b + c` two. Rust never contracts one into the other.
//! 5. **Correctly rounded instructions only**: + - × ÷ √, fused multiply-add, min, max, comparison, rounding, integer
//!    operations. No approximate reciprocals, and nothing from the C library, whose `exp` or `tanh` are chosen per CPU:
//!    [`crate::elementary`] has them as polynomials, their operations in one order.
//! 6. **Scatter-adds** (the gradient of an embedding) take the tokens in ascending order for every element.
//!
//!    By rules 1, 3 and 6 the gradient of a parameter takes the rows of a batch one after the other, from what it held: a
//!    batch may be cut between any two sequences, and its parts added in turn, without a bit changing.
//! 7. **The default environment**: round to nearest, denormal numbers kept. Worker threads inherit it; this crate never
//!    changes it.
//! 8. **NaN is outside the promise**: which payload survives differs between instructions. A run stops at the first loss
//!    or gradient that is not finite, so a NaN never reaches an artifact.
//! 9. **Randomness** is a function of (seed, purpose, step, sample, site, position): [`crate::Stream`].
//!
//! A change of any constant, polynomial or order above makes another class: raise the number in [`CLASS`]. The class is part
//! of the key of every job for which the signature's `numerics` gives it.

/// The name of the class, which is part of the key of every job that computes by these rules.
pub const CLASS: &str = "cpu-f32/2";

/// The name of the class of products with bfloat16 operands ([`crate::Precision::Bf16`]). All rules above hold except the
/// first: a step takes two neighbours in k. Operands are rounded to nearest, ties to even, after subnormal ones became zeros of
/// their sign. Each step adds the product of the odd element first and then that of the even element, each by a fused multiply-add
/// that takes subnormal results for zeros of their sign; where k is odd, the partner of the last element is 0. The instructions
/// VCVTNE2PS2BF16 and VDPBF16PS do this, and it can be computed without them. The gradient of a bias sums the rounded rows that
/// the gradient of its weight takes, except in classification heads. A batch may be split without changing a bit where parts have
/// an even number of rows.
pub const BF16_CLASS: &str = "cpu-bf16/3";

/// Number of virtual lanes of a sum along a row. With 64, CPUs with few registers are slower.
pub const LANES: usize = 32;
