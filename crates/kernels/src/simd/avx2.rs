//! Sixteen lanes as two 256-bit vectors.

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::{Floats, Simd, WIDTH, Words};

/// The instruction sets AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU must have AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Self {
        Self(())
    }
}

// As in `avx512.rs`, only methods of `Avx2` make values of `F` and `U`, and the existence of an `Avx2` justifies each
// `unsafe` here.
macro_rules! call {
    ($intrinsic:expr) => {
        // SAFETY: the CPU has the instructions, since a value of `Avx2`, `F` or `U` exists.
        unsafe { $intrinsic }
    };
}

#[derive(Clone, Copy)]
pub(crate) struct F(__m256, __m256);

#[derive(Clone, Copy)]
pub(crate) struct U(__m256i, __m256i);

impl Simd for Avx2 {
    type F = F;
    type U = U;

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        let x = call!(_mm256_set1_ps(x));
        F(x, x)
    }

    #[inline(always)]
    fn load(self, x: &[f32; WIDTH]) -> F {
        // Both pointers lie within the sixteen floats, eight apart, and the instruction needs no alignment.
        call!(F(
            _mm256_loadu_ps(x.as_ptr()),
            _mm256_loadu_ps(x.as_ptr().add(8))
        ))
    }

    #[inline(always)]
    fn load_part(self, x: &[f32], fill: f32) -> F {
        let mut lanes = [fill; WIDTH];
        lanes[..x.len()].copy_from_slice(x);
        self.load(&lanes)
    }

    #[inline(always)]
    fn transpose(self, rows: [F; WIDTH]) -> [F; WIDTH] {
        let mut quarters = [[self.splat(0.0).0; 8]; 4];
        for i in 0..8 {
            quarters[0][i] = rows[i].0;
            quarters[1][i] = rows[i].1;
            quarters[2][i] = rows[i + 8].0;
            quarters[3][i] = rows[i + 8].1;
        }
        for quarter in &mut quarters {
            *quarter = transpose_eight(*quarter);
        }
        let mut columns = rows;
        for i in 0..8 {
            columns[i] = F(quarters[0][i], quarters[2][i]);
            columns[i + 8] = F(quarters[1][i], quarters[3][i]);
        }
        columns
    }

    #[inline(always)]
    fn splat_word(self, x: u32) -> U {
        let x = call!(_mm256_set1_epi32(x as i32));
        U(x, x)
    }

    #[inline(always)]
    fn load_words(self, x: &[u32; WIDTH]) -> U {
        call!(U(
            _mm256_loadu_si256(x.as_ptr().cast()),
            _mm256_loadu_si256(x.as_ptr().add(8).cast())
        ))
    }
}

#[inline(always)]
fn transpose_eight(rows: [__m256; 8]) -> [__m256; 8] {
    call!({
        let (mut rows, mut next) = (rows, rows);
        for i in 0..4 {
            next[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
            next[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
        }
        for i in 0..2 {
            let [a, b, c, d] = [
                next[4 * i],
                next[4 * i + 1],
                next[4 * i + 2],
                next[4 * i + 3],
            ];
            rows[4 * i] = _mm256_shuffle_ps::<0x44>(a, c);
            rows[4 * i + 1] = _mm256_shuffle_ps::<0xEE>(a, c);
            rows[4 * i + 2] = _mm256_shuffle_ps::<0x44>(b, d);
            rows[4 * i + 3] = _mm256_shuffle_ps::<0xEE>(b, d);
        }
        for i in 0..4 {
            next[i] = _mm256_permute2f128_ps::<0x20>(rows[i], rows[i + 4]);
            next[i + 4] = _mm256_permute2f128_ps::<0x31>(rows[i], rows[i + 4]);
        }
        next
    })
}

/// Applies a two-operand intrinsic to both halves.
macro_rules! both {
    ($kind:ident, $intrinsic:ident, $a:expr, $b:expr) => {
        call!($kind($intrinsic($a.0, $b.0), $intrinsic($a.1, $b.1)))
    };
}

macro_rules! operator {
    ($($name:ident, $method:ident, $intrinsic:ident;)*) => { $(
        impl $name for F {
            type Output = Self;

            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                both!(F, $intrinsic, self, b)
            }
        }
    )* };
}
operator! {
    Add, add, _mm256_add_ps;
    Sub, sub, _mm256_sub_ps;
    Mul, mul, _mm256_mul_ps;
    Div, div, _mm256_div_ps;
}

/// Lanes of `yes` where `mask` is set, else of `no`.
#[inline(always)]
fn select(mask: (__m256, __m256), yes: F, no: F) -> F {
    call!(F(
        _mm256_blendv_ps(no.0, yes.0, mask.0),
        _mm256_blendv_ps(no.1, yes.1, mask.1)
    ))
}

impl Floats for F {
    type U = U;

    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        call!({
            _mm256_storeu_ps(to.as_mut_ptr(), self.0);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), self.1);
        });
    }

    #[inline(always)]
    fn store_part(self, to: &mut [f32]) {
        let mut lanes = [0.0; WIDTH];
        self.store(&mut lanes);
        to.copy_from_slice(&lanes[..to.len()]);
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        call!(F(
            _mm256_fmadd_ps(self.0, b.0, c.0),
            _mm256_fmadd_ps(self.1, b.1, c.1)
        ))
    }

    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        call!(F(
            _mm256_fnmadd_ps(self.0, b.0, c.0),
            _mm256_fnmadd_ps(self.1, b.1, c.1)
        ))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        call!(F(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        call!({
            let sign = _mm256_set1_ps(-0.0);
            F(
                _mm256_andnot_ps(sign, self.0),
                _mm256_andnot_ps(sign, self.1),
            )
        })
    }

    #[inline(always)]
    fn max(self, b: Self) -> Self {
        both!(F, _mm256_max_ps, self, b)
    }

    #[inline(always)]
    fn less(self, b: Self, yes: Self, no: Self) -> Self {
        let mask = call!((
            _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, b.0),
            _mm256_cmp_ps::<_CMP_LT_OQ>(self.1, b.1)
        ));
        select(mask, yes, no)
    }

    #[inline(always)]
    fn to_bits(self) -> U {
        call!(U(_mm256_castps_si256(self.0), _mm256_castps_si256(self.1)))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        call!({
            let eight = _mm256_add_ps(self.0, self.1);
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
            let eight = _mm256_max_ps(self.0, self.1);
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
        both!(U, _mm256_add_epi32, self, b)
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        both!(U, _mm256_xor_si256, self, b)
    }

    #[inline(always)]
    fn and(self, b: Self) -> Self {
        both!(U, _mm256_and_si256, self, b)
    }

    #[inline(always)]
    fn shift_left<const N: u32>(self) -> Self {
        call!({
            let count = _mm_cvtsi32_si128(N as i32);
            U(
                _mm256_sll_epi32(self.0, count),
                _mm256_sll_epi32(self.1, count),
            )
        })
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Self {
        call!({
            let count = _mm_cvtsi32_si128(N as i32);
            U(
                _mm256_srl_epi32(self.0, count),
                _mm256_srl_epi32(self.1, count),
            )
        })
    }

    #[inline(always)]
    fn pair_product(self, b: Self) -> Self {
        both!(U, _mm256_mul_epu32, self, b)
    }

    #[inline(always)]
    fn pair_high(self) -> Self {
        call!(U(
            _mm256_srli_epi64::<32>(self.0),
            _mm256_srli_epi64::<32>(self.1)
        ))
    }

    #[inline(always)]
    fn pair_join(self, odd: Self) -> Self {
        call!({
            let odd = U(
                _mm256_slli_epi64::<32>(odd.0),
                _mm256_slli_epi64::<32>(odd.1),
            );
            U(
                _mm256_blend_epi32::<0xAA>(self.0, odd.0),
                _mm256_blend_epi32::<0xAA>(self.1, odd.1),
            )
        })
    }

    #[inline(always)]
    fn less(self, b: Self, yes: F, no: F) -> F {
        // Signed comparison: the numbers are below 2^31.
        let mask = call!((
            _mm256_castsi256_ps(_mm256_cmpgt_epi32(b.0, self.0)),
            _mm256_castsi256_ps(_mm256_cmpgt_epi32(b.1, self.1))
        ));
        select(mask, yes, no)
    }

    #[inline(always)]
    fn to_floats(self) -> F {
        call!(F(_mm256_castsi256_ps(self.0), _mm256_castsi256_ps(self.1)))
    }
}
