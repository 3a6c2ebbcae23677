//! Sixteen lanes of arithmetic, in three implementations that agree to the bit.
//!
//! A kernel is written once, generic over [`Simd`], inside [`dispatched!`], which compiles it per instruction set and
//! chooses one at run time. The rules that keep it fast:
//!
//! * everything between the dispatched function and the intrinsics is `#[inline(always)]`: code that is not inlined is
//!   compiled without the instruction set;
//! * no closures in kernels, for the same reason;
//! * a dispatched function does enough work (a row or more) to pay for the choice.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod path;
mod portable;
#[cfg(test)]
mod tests;

use std::ops::{Add, Div, Mul, Sub};

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub use path::{ForcedPath, Path};
pub(crate) use portable::Portable;

/// Number of lanes of a vector.
pub(crate) const WIDTH: usize = 16;

/// An instruction set. A value of the type proves that this CPU has the instructions.
pub(crate) trait Simd: Copy {
    /// Sixteen 32-bit floats.
    type F: Floats<U = Self::U>;
    /// Sixteen 32-bit whole numbers.
    type U: Words<F = Self::F>;

    /// Returns a vector with `x` in all lanes.
    fn splat(self, x: f32) -> Self::F;
    /// Returns the vector of sixteen floats.
    fn load(self, x: &[f32; WIDTH]) -> Self::F;
    /// Returns the vector of up to sixteen floats, with `fill` in the lanes after them.
    fn load_part(self, x: &[f32], fill: f32) -> Self::F;
    /// Transposes: vector i of the result holds lane i of every vector.
    fn transpose(self, rows: [Self::F; WIDTH]) -> [Self::F; WIDTH];
    /// Returns a vector with `x` in all lanes.
    fn splat_word(self, x: u32) -> Self::U;
    /// Returns the vector of sixteen words.
    fn load_words(self, x: &[u32; WIDTH]) -> Self::U;
}

/// Sixteen floats; every operation is correctly rounded, lane by lane.
pub(crate) trait Floats:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The type of words of the same width.
    type U: Words<F = Self>;

    fn store(self, to: &mut [f32; WIDTH]);
    /// Stores as many of the first lanes as `to` has room for.
    fn store_part(self, to: &mut [f32]);
    /// Returns `self · b + c` with one rounding.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// Returns `c - self · b` with one rounding.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    /// Returns `if self > b { self } else { b }`, so a NaN in `self` becomes `b`.
    fn max(self, b: Self) -> Self;
    /// Returns lanes of `yes` where `self < b`, else of `no`.
    fn less(self, b: Self, yes: Self, no: Self) -> Self;
    /// Returns the bits of the floats.
    fn to_bits(self) -> Self::U;
    /// Returns the sum of the lanes, folded: i + (i + 8), then + 4, + 2, + 1.
    fn sum(self) -> f32;
    /// Returns the largest lane.
    fn largest(self) -> f32;
}

/// Sixteen 32-bit whole numbers, whose arithmetic wraps.
pub(crate) trait Words: Copy {
    /// The type of floats of the same width.
    type F: Copy;

    fn add(self, b: Self) -> Self;
    fn xor(self, b: Self) -> Self;
    fn and(self, b: Self) -> Self;
    fn shift_left<const N: u32>(self) -> Self;
    fn shift_right<const N: u32>(self) -> Self;
    /// Returns the 64-bit products of the even lanes: low words in the even lanes, high words in the odd ones.
    fn pair_product(self, b: Self) -> Self;
    /// Moves the odd lanes to the even lanes before them, and sets the odd lanes to 0.
    fn pair_high(self) -> Self;
    /// Returns the even lanes of `self`, with the even lanes of `odd` in the odd lanes after them.
    fn pair_join(self, odd: Self) -> Self;
    /// Returns lanes of `yes` where `self < b` as unsigned numbers below 2^31, else of `no`.
    fn less(self, b: Self, yes: Self::F, no: Self::F) -> Self::F;
    /// Returns the floats with these bits.
    fn to_floats(self) -> Self::F;
}

/// Accumulators of a sum along a row: [`crate::numerics::LANES`] lanes as two vectors, the next one first. The two swap
/// places, because choosing one by an index would keep them in memory instead of registers.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<F>([F; 2]);

impl<F: Floats> Lanes<F> {
    #[inline(always)]
    pub(crate) fn new(zero: F) -> Self {
        Self([zero; 2])
    }

    /// Adds the next vector of the row.
    #[inline(always)]
    pub(crate) fn add(&mut self, x: F) {
        let [next, other] = self.0;
        self.0 = [other, next + x];
    }

    /// Adds the products `a · b` of the row's next vectors, each with one rounding together with the addition.
    #[inline(always)]
    pub(crate) fn add_product(&mut self, a: F, b: F) {
        let [next, other] = self.0;
        self.0 = [other, a.mul_add(b, next)];
    }

    /// Returns the sum of all lanes.
    #[inline(always)]
    pub(crate) fn total(self) -> f32 {
        (self.0[0] + self.0[1]).sum()
    }
}

/// Defines functions that are compiled once per instruction set. In the body, the named value is the instruction set.
macro_rules! dispatched {
    ($(
        $(#[$attribute:meta])*
        $visible:vis fn $name:ident<$set:ident>($simd:ident: _ $(, $argument:ident: $kind:ty)* $(,)?) $(-> $output:ty)?
        $body:block
    )*) => { $(
        $(#[$attribute])*
        #[allow(unsafe_code, clippy::too_many_arguments)]
        $visible fn $name($($argument: $kind),*) $(-> $output)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body<$set: $crate::simd::Simd>($simd: $set $(, $argument: $kind)*) $(-> $output)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512(simd: $crate::simd::Avx512 $(, $argument: $kind)*) $(-> $output)? {
                body(simd $(, $argument)*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2(simd: $crate::simd::Avx2 $(, $argument: $kind)*) $(-> $output)? {
                body(simd $(, $argument)*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "fma")]
            fn portable_fma($($argument: $kind),*) $(-> $output)? {
                body($crate::simd::Portable $(, $argument)*)
            }

            match $crate::simd::Path::current() {
                // SAFETY: a path is current only where the CPU has its instructions (`Path::is_available`).
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Path::Avx512 => unsafe {
                    avx512($crate::simd::Avx512::assume() $(, $argument)*)
                },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Path::Avx2 => unsafe {
                    avx2($crate::simd::Avx2::assume() $(, $argument)*)
                },
                // SAFETY: as above. This version uses the compiler's fused multiply-add instead of one call per element.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Path::PortableFma => unsafe { portable_fma($($argument),*) },
                _ => body($crate::simd::Portable $(, $argument)*),
            }
        }
    )* };
}
pub(crate) use dispatched;
