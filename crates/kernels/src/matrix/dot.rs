//! One step of the innermost sum of a matrix product.

#[cfg(target_arch = "x86_64")]
use crate::simd::Avx512;
use crate::simd::{Floats, Simd, WIDTH, Words};

/// How packed panels hold operands, and how a step multiplies and adds them.
pub(super) trait Dot<S: Simd>: Copy {
    /// Number of steps of k in one 32-bit word of a panel.
    const PER_WORD: usize;

    /// Packs one step, or two neighbouring steps, of sixteen rows or columns.
    fn word(simd: S, even: S::F, odd: S::F) -> S::F;
    /// Packs sixteen steps of one row or column, in order, or thirty-two of them: `first` and then `later`.
    fn line(simd: S, first: S::F, later: S::F) -> S::F;
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
    fn line(_simd: S, first: S::F, _later: S::F) -> S::F {
        first
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
        Self::line(simd, even, odd).interleave_halves()
    }

    #[inline(always)]
    fn line(
        _simd: Avx512,
        first: <Avx512 as Simd>::F,
        later: <Avx512 as Simd>::F,
    ) -> <Avx512 as Simd>::F {
        // SAFETY: `Variant` chooses this packing only where the CPU has AVX512-BF16.
        unsafe { first.round_bf16(later) }
    }

    #[inline(always)]
    fn step(
        _simd: Avx512,
        a: <Avx512 as Simd>::F,
        b: <Avx512 as Simd>::F,
        sum: <Avx512 as Simd>::F,
    ) -> <Avx512 as Simd>::F {
        // SAFETY: `Variant` chooses this step only where the CPU has AVX512-BF16.
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
    fn line(simd: S, first: S::F, later: S::F) -> S::F {
        let mut steps = [[0.0; WIDTH]; 2];
        first.store(&mut steps[0]);
        later.store(&mut steps[1]);
        let (pairs, _) = steps.as_flattened().as_chunks::<2>();
        let mut parts = [[0.0; WIDTH]; 2];
        for (place, pair) in pairs.iter().enumerate() {
            [parts[0][place], parts[1][place]] = *pair;
        }
        pair(simd, simd.load(&parts[0]), simd.load(&parts[1]))
    }

    #[inline(always)]
    fn step(simd: S, a: S::F, b: S::F, sum: S::F) -> S::F {
        let [a_even, a_odd] = word_floats(simd, a);
        let [b_even, b_odd] = word_floats(simd, b);
        let sum = normal_or_zero(simd, sum);
        let sum = normal_or_zero(simd, a_odd.mul_add(b_odd, sum));
        normal_or_zero(simd, a_even.mul_add(b_even, sum))
    }
}

/// Rounds to 16 bits, to nearest, ties to even, after subnormal numbers became zero, as the instruction VCVTNE2PS2BF16 does; the
/// even step's number goes to the low half.
#[inline(always)]
fn pair<S: Simd>(simd: S, even: S::F, odd: S::F) -> S::F {
    let [even, odd] = [rounded(simd, even), rounded(simd, odd)];
    let high = odd.and(simd.splat_word(0xFFFF_0000));
    high.xor(even.shift_right::<16>()).to_floats()
}

/// Adds half of the last bit that 16 bits keep, so that cutting off the low half rounds to nearest.
#[inline(always)]
fn rounded<S: Simd>(simd: S, x: S::F) -> S::U {
    let bits = normal_or_zero(simd, x).to_bits();
    let last = bits.shift_right::<16>().and(simd.splat_word(1));
    bits.add(simd.splat_word(0x7FFF)).add(last)
}

/// Returns the even and the odd step's number in a word. Rounding has left no subnormal number.
#[inline(always)]
pub(super) fn word_floats<S: Simd>(simd: S, word: S::F) -> [S::F; 2] {
    let bits = word.to_bits();
    let odd = bits.and(simd.splat_word(0xFFFF_0000));
    [bits.shift_left::<16>().to_floats(), odd.to_floats()]
}

/// Returns x, or a zero of its sign where x is subnormal.
#[inline(always)]
fn normal_or_zero<S: Simd>(simd: S, x: S::F) -> S::F {
    let sign = x.to_bits().and(simd.splat_word(1 << 31)).to_floats();
    x.abs().less(simd.splat(f32::MIN_POSITIVE), sign, x)
}
