//! Sixteen lanes as one 512-bit vector.

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::{Floats, Simd, WIDTH, Words};

/// The instruction sets AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU must have AVX-512 F, BW, DQ and VL.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self(())
    }
}

// A value of `Avx512` proves that the CPU has the instructions, and only its methods make values of `F` and `U`. This justifies
// each `unsafe` in this file: `call!` runs an intrinsic whose instruction set the CPU is known to have.
macro_rules! call {
    ($intrinsic:expr) => {
        // SAFETY: the CPU has the instructions, since a value of `Avx512`, `F` or `U` exists.
        unsafe { $intrinsic }
    };
}

#[derive(Clone, Copy)]
pub(crate) struct F(pub(crate) __m512);

#[derive(Clone, Copy)]
pub(crate) struct U(__m512i);

/// Returns the mask of the first `count` lanes.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    debug_assert!(count <= WIDTH);
    ((1_u32 << count) - 1) as __mmask16
}

/// The mask of the odd lanes.
const ODD: __mmask16 = 0xAAAA;

impl Simd for Avx512 {
    type F = F;
    type U = U;

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        F(call!(_mm512_set1_ps(x)))
    }

    #[inline(always)]
    fn load(self, x: &[f32; WIDTH]) -> F {
        // The pointer is to sixteen floats, and the instruction needs no alignment.
        F(call!(_mm512_loadu_ps(x.as_ptr())))
    }

    #[inline(always)]
    fn load_part(self, x: &[f32], fill: f32) -> F {
        let lanes = first(x.len().min(WIDTH));
        // The instruction does not read lanes outside the mask from memory.
        F(call!(_mm512_mask_loadu_ps(
            _mm512_set1_ps(fill),
            lanes,
            x.as_ptr()
        )))
    }

    #[inline(always)]
    fn transpose(self, rows: [F; WIDTH]) -> [F; WIDTH] {
        call!({
            let floats = rows;
            let mut rows = [_mm512_setzero_si512(); WIDTH];
            for (row, float) in rows.iter_mut().zip(floats) {
                *row = _mm512_castps_si512(float.0);
            }
            let mut next = rows;
            // The transposition exchanges pairs of floats, then pairs of pairs, then quarters of vectors, twice.
            for i in 0..8 {
                next[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
                next[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
            }
            for i in 0..4 {
                let [a, b, c, d] = [
                    next[4 * i],
                    next[4 * i + 1],
                    next[4 * i + 2],
                    next[4 * i + 3],
                ];
                rows[4 * i] = _mm512_unpacklo_epi64(a, c);
                rows[4 * i + 1] = _mm512_unpackhi_epi64(a, c);
                rows[4 * i + 2] = _mm512_unpacklo_epi64(b, d);
                rows[4 * i + 3] = _mm512_unpackhi_epi64(b, d);
            }
            for i in 0..4 {
                next[i] = _mm512_shuffle_i32x4::<0x88>(rows[i], rows[i + 4]);
                next[i + 4] = _mm512_shuffle_i32x4::<0xdd>(rows[i], rows[i + 4]);
                next[i + 8] = _mm512_shuffle_i32x4::<0x88>(rows[i + 8], rows[i + 12]);
                next[i + 12] = _mm512_shuffle_i32x4::<0xdd>(rows[i + 8], rows[i + 12]);
            }
            for i in 0..8 {
                rows[i] = _mm512_shuffle_i32x4::<0x88>(next[i], next[i + 8]);
                rows[i + 8] = _mm512_shuffle_i32x4::<0xdd>(next[i], next[i + 8]);
            }
            let mut result = [F(_mm512_setzero_ps()); WIDTH];
            for (result, row) in result.iter_mut().zip(rows) {
                *result = F(_mm512_castsi512_ps(row));
            }
            result
        })
    }

    #[inline(always)]
    fn splat_word(self, x: u32) -> U {
        U(call!(_mm512_set1_epi32(x as i32)))
    }

    #[inline(always)]
    fn load_words(self, x: &[u32; WIDTH]) -> U {
        U(call!(_mm512_loadu_si512(x.as_ptr().cast())))
    }
}

macro_rules! operator {
    ($($name:ident, $method:ident, $intrinsic:ident;)*) => { $(
        impl $name for F {
            type Output = Self;

            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                F(call!($intrinsic(self.0, b.0)))
            }
        }
    )* };
}
operator! {
    Add, add, _mm512_add_ps;
    Sub, sub, _mm512_sub_ps;
    Mul, mul, _mm512_mul_ps;
    Div, div, _mm512_div_ps;
}

/// The places of the numbers that [`F::interleave_halves`] takes.
const INTERLEAVED: [u16; 2 * WIDTH] = {
    let mut places = [0; 2 * WIDTH];
    let mut place = 0;
    while place < 2 * WIDTH {
        places[place] = (place / 2 + place % 2 * WIDTH) as u16;
        place += 1;
    }
    places
};

impl F {
    /// Adds the products of the pairs of 16-bit floats in the lanes of `self` and `b` to `sum`.
    ///
    /// # Safety
    /// The CPU must have AVX512-BF16.
    #[inline(always)]
    pub(crate) unsafe fn dot_bf16(self, b: Self, sum: Self) -> Self {
        // SAFETY: the caller's promise; the transmutations are between vectors of 512 bits.
        unsafe {
            let a = std::mem::transmute::<__m512, __m512bh>(self.0);
            let b = std::mem::transmute::<__m512, __m512bh>(b.0);
            F(_mm512_dpbf16_ps(sum.0, a, b))
        }
    }

    /// Rounds `self` and then `later` to 16-bit floats, in order.
    ///
    /// # Safety
    /// The CPU must have AVX512-BF16.
    #[inline(always)]
    pub(crate) unsafe fn round_bf16(self, later: Self) -> Self {
        // SAFETY: the caller's promise; the transmutation is between vectors of 512 bits.
        unsafe {
            let halves = _mm512_cvtne2ps_pbh(later.0, self.0);
            F(std::mem::transmute::<__m512bh, __m512>(halves))
        }
    }

    /// Returns the sixteen-bit numbers of the first and second half of the vector in turn.
    #[inline(always)]
    pub(crate) fn interleave_halves(self) -> Self {
        F(call!({
            let places = _mm512_loadu_si512(INTERLEAVED.as_ptr().cast());
            let numbers = _mm512_castps_si512(self.0);
            _mm512_castsi512_ps(_mm512_permutexvar_epi16(places, numbers))
        }))
    }
}

impl Floats for F {
    type U = U;

    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        call!(_mm512_storeu_ps(to.as_mut_ptr(), self.0));
    }

    #[inline(always)]
    fn store_part(self, to: &mut [f32]) {
        let lanes = first(to.len().min(WIDTH));
        // The instruction does not write lanes outside the mask.
        call!(_mm512_mask_storeu_ps(to.as_mut_ptr(), lanes, self.0));
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        F(call!(_mm512_fmadd_ps(self.0, b.0, c.0)))
    }

    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        F(call!(_mm512_fnmadd_ps(self.0, b.0, c.0)))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        F(call!(_mm512_sqrt_ps(self.0)))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        F(call!(_mm512_abs_ps(self.0)))
    }

    #[inline(always)]
    fn max(self, b: Self) -> Self {
        F(call!(_mm512_max_ps(self.0, b.0)))
    }

    #[inline(always)]
    fn less(self, b: Self, yes: Self, no: Self) -> Self {
        F(call!({
            let less = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, b.0);
            _mm512_mask_blend_ps(less, no.0, yes.0)
        }))
    }

    #[inline(always)]
    fn to_bits(self) -> U {
        U(call!(_mm512_castps_si512(self.0)))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        call!({
            let eight = _mm256_add_ps(
                _mm512_castps512_ps256(self.0),
                _mm512_extractf32x8_ps::<1>(self.0),
            );
            let four = _mm_add_ps(
                _mm256_castps256_ps128(eight),
                _mm256_extractf128_ps::<1>(eight),
            );
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        })
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        call!({
            let eight = _mm256_max_ps(
                _mm512_castps512_ps256(self.0),
                _mm512_extractf32x8_ps::<1>(self.0),
            );
            let four = _mm_max_ps(
                _mm256_castps256_ps128(eight),
                _mm256_extractf128_ps::<1>(eight),
            );
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        })
    }
}

impl Words for U {
    type F = F;

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        U(call!(_mm512_add_epi32(self.0, b.0)))
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        U(call!(_mm512_xor_si512(self.0, b.0)))
    }

    #[inline(always)]
    fn and(self, b: Self) -> Self {
        U(call!(_mm512_and_si512(self.0, b.0)))
    }

    #[inline(always)]
    fn shift_left<const N: u32>(self) -> Self {
        U(call!(_mm512_slli_epi32::<N>(self.0)))
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Self {
        U(call!(_mm512_srli_epi32::<N>(self.0)))
    }

    #[inline(always)]
    fn pair_product(self, b: Self) -> Self {
        U(call!(_mm512_mul_epu32(self.0, b.0)))
    }

    #[inline(always)]
    fn pair_high(self) -> Self {
        U(call!(_mm512_srli_epi64::<32>(self.0)))
    }

    #[inline(always)]
    fn pair_join(self, odd: Self) -> Self {
        U(call!({
            let odd = _mm512_slli_epi64::<32>(odd.0);
            _mm512_mask_blend_epi32(ODD, self.0, odd)
        }))
    }

    #[inline(always)]
    fn less(self, b: Self, yes: F, no: F) -> F {
        F(call!({
            let less = _mm512_cmplt_epu32_mask(self.0, b.0);
            _mm512_mask_blend_ps(less, no.0, yes.0)
        }))
    }

    #[inline(always)]
    fn to_floats(self) -> F {
        F(call!(_mm512_castsi512_ps(self.0)))
    }
}
