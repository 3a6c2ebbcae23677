//! One step of the innermost sum of a matrix product.

#[cfg(target_arch = "x86_64")]
use crate::simd::Avx512;
use crate::simd::{Floats, Simd, Words};

/// How packed panels hold operands, and how a step multiplies and adds them.
pub(super) trait Dot<S: Simd>: Copy {
    /// Number of steps of k in one 32-bit word of a panel.
    const PER_WORD: usize;

    /// Packs the operand of one step, or of two neighbouring steps.
    fn word(simd: S, even: S::F, odd: S::F) -> S::F;
    /// Adds the products of two words to `sum`.
    fn step(simd: S, a: S::F, b: S::F, sum: S::F) -> S::F;
}

/// 32-bit operands: one fused multiply-add.
#[derive(Clone, Copy)]
pub(super) struct Single;

impl<S: Simd> Dot<S> for Single {
    const PER_WORD: usize = 1;

    #[inline(always)]
    fn word(_simd: S, even: S::F, _odd: S::F) -> S::F {
        even
    }

    #[inline(always)]
    fn step(_simd: S, a: S::F, b: S::F, sum: S::F) -> S::F {
        a.mul_add(b, sum)
    }
}

/// Pairs of 16-bit operands by the instruction VDPBF16PS.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Native;

#[cfg(target_arch = "x86_64")]
impl Dot<Avx512> for Native {
    const PER_WORD: usize = 2;

    #[inline(always)]
    fn word(
        simd: Avx512,
        even: <Avx512 as Simd>::F,
        odd: <Avx512 as Simd>::F,
    ) -> <Avx512 as Simd>::F {
        pair(simd, even, odd)
    }

    #[inline(always)]
    fn step(
        _simd: Avx512,
        a: <Avx512 as Simd>::F,
        b: <Avx512 as Simd>::F,
        sum: <Avx512 as Simd>::F,
    ) -> <Avx512 as Simd>::F {
        // SAFETY: `product::run` chooses this step only where the CPU has AVX512-BF16.
        unsafe { a.dot_bf16(b, sum) }
    }
}

/// Pairs of 16-bit operands as VDPBF16PS takes them, without the instruction: two fused multiply-adds, that of the odd
/// step first, each of which takes subnormal numbers for zero.
#[derive(Clone, Copy)]
pub(super) struct Emulated;

impl<S: Simd> Dot<S> for Emulated {
    const PER_WORD: usize = 2;

    #[inline(always)]
    fn word(simd: S, even: S::F, odd: S::F) -> S::F {
        pair(simd, even, odd)
    }

    #[inline(always)]
    fn step(simd: S, a: S::F, b: S::F, sum: S::F) -> S::F {
        let (a_even, a_odd) = halves(simd, a);
        let (b_even, b_odd) = halves(simd, b);
        let sum = normal_or_zero(simd, sum);
        let sum = normal_or_zero(simd, a_odd.mul_add(b_odd, sum));
        normal_or_zero(simd, a_even.mul_add(b_even, sum))
    }
}

/// Rounds to 16 bits, to nearest, ties to even; the even step's number goes to the low half.
#[inline(always)]
fn pair<S: Simd>(simd: S, even: S::F, odd: S::F) -> S::F {
    let [even, odd] = [rounded(simd, even), rounded(simd, odd)];
    let high = odd.and(simd.splat_word(0xFFFF_0000));
    high.xor(even.shift_right::<16>()).to_floats()
}

/// Adds half of the last bit that 16 bits keep, so that cutting off the low half rounds to nearest.
#[inline(always)]
fn rounded<S: Simd>(simd: S, x: S::F) -> S::U {
    let bits = x.to_bits();
    let last = bits.shift_right::<16>().and(simd.splat_word(1));
    bits.add(simd.splat_word(0x7FFF)).add(last)
}

/// Returns the two numbers in a word; subnormal numbers become zero.
#[inline(always)]
fn halves<S: Simd>(simd: S, word: S::F) -> (S::F, S::F) {
    let bits = word.to_bits();
    let even = bits.shift_left::<16>().to_floats();
    let odd = bits.and(simd.splat_word(0xFFFF_0000)).to_floats();
    (normal_or_zero(simd, even), normal_or_zero(simd, odd))
}

/// Returns x, or a zero of its sign where x is subnormal.
#[inline(always)]
fn normal_or_zero<S: Simd>(simd: S, x: S::F) -> S::F {
    let sign = x.to_bits().and(simd.splat_word(1 << 31)).to_floats();
    x.abs().less(simd.splat(f32::MIN_POSITIVE), sign, x)
}
