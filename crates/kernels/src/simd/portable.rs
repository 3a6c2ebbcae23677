//! Plain Rust: the reference for the other implementations, and the one that runs on other architectures.

use std::ops::{Add, Div, Mul, Sub};

use super::{Floats, Simd, WIDTH, Words};

/// No particular instruction set.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct F([f32; WIDTH]);

#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct U([u32; WIDTH]);

impl Simd for Portable {
    type F = F;
    type U = U;

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        F([x; WIDTH])
    }

    #[inline(always)]
    fn load(self, x: &[f32; WIDTH]) -> F {
        F(*x)
    }

    #[inline(always)]
    fn load_part(self, x: &[f32], fill: f32) -> F {
        let mut lanes = [fill; WIDTH];
        lanes[..x.len()].copy_from_slice(x);
        F(lanes)
    }

    #[inline(always)]
    fn transpose(self, rows: [F; WIDTH]) -> [F; WIDTH] {
        let mut columns = rows;
        for (i, row) in rows.iter().enumerate() {
            for (j, column) in columns.iter_mut().enumerate() {
                column.0[i] = row.0[j];
            }
        }
        columns
    }

    #[inline(always)]
    fn splat_word(self, x: u32) -> U {
        U([x; WIDTH])
    }

    #[inline(always)]
    fn load_words(self, x: &[u32; WIDTH]) -> U {
        U(*x)
    }
}

/// Applies an expression to all lanes. It is a loop rather than a closure, since a closure need not be inlined.
macro_rules! lanes {
    ($kind:ident, |$lane:ident| $value:expr) => {{
        let mut lanes = [Default::default(); WIDTH];
        for $lane in 0..WIDTH {
            lanes[$lane] = $value;
        }
        $kind(lanes)
    }};
}

macro_rules! operator {
    ($($name:ident, $method:ident;)*) => { $(
        impl $name for F {
            type Output = Self;

            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                lanes!(F, |i| self.0[i].$method(b.0[i]))
            }
        }
    )* };
}
operator! { Add, add; Sub, sub; Mul, mul; Div, div; }

impl Floats for F {
    type U = U;

    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        *to = self.0;
    }

    #[inline(always)]
    fn store_part(self, to: &mut [f32]) {
        to.copy_from_slice(&self.0[..to.len()]);
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        lanes!(F, |i| self.0[i].mul_add(b.0[i], c.0[i]))
    }

    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        lanes!(F, |i| (-self.0[i]).mul_add(b.0[i], c.0[i]))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        lanes!(F, |i| self.0[i].sqrt())
    }

    #[inline(always)]
    fn abs(self) -> Self {
        lanes!(F, |i| self.0[i].abs())
    }

    #[inline(always)]
    fn max(self, b: Self) -> Self {
        lanes!(F, |i| if self.0[i] > b.0[i] {
            self.0[i]
        } else {
            b.0[i]
        })
    }

    #[inline(always)]
    fn less(self, b: Self, yes: Self, no: Self) -> Self {
        lanes!(F, |i| if self.0[i] < b.0[i] {
            yes.0[i]
        } else {
            no.0[i]
        })
    }

    #[inline(always)]
    fn to_bits(self) -> U {
        lanes!(U, |i| self.0[i].to_bits())
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let mut lanes = self.0;
        let mut half = WIDTH / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] += lanes[i + half];
            }
            half /= 2;
        }
        lanes[0]
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        // Folded in halves as in the vector implementations, so that the choice between -0 and +0 is the same.
        let mut lanes = self.0;
        let mut half = WIDTH / 2;
        while half > 0 {
            for i in 0..half {
                let (a, b) = (lanes[i], lanes[i + half]);
                lanes[i] = if a > b { a } else { b };
            }
            half /= 2;
        }
        lanes[0]
    }
}

impl Words for U {
    type F = F;

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        lanes!(U, |i| self.0[i].wrapping_add(b.0[i]))
    }

    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        lanes!(U, |i| self.0[i] ^ b.0[i])
    }

    #[inline(always)]
    fn and(self, b: Self) -> Self {
        lanes!(U, |i| self.0[i] & b.0[i])
    }

    #[inline(always)]
    fn shift_left<const N: u32>(self) -> Self {
        lanes!(U, |i| self.0[i] << N)
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Self {
        lanes!(U, |i| self.0[i] >> N)
    }

    #[inline(always)]
    fn pair_product(self, b: Self) -> Self {
        let mut lanes = [0; WIDTH];
        for i in 0..WIDTH / 2 {
            let product = u64::from(self.0[2 * i]) * u64::from(b.0[2 * i]);
            lanes[2 * i] = product as u32;
            lanes[2 * i + 1] = (product >> 32) as u32;
        }
        U(lanes)
    }

    #[inline(always)]
    fn pair_high(self) -> Self {
        lanes!(U, |i| if i % 2 == 0 { self.0[i + 1] } else { 0 })
    }

    #[inline(always)]
    fn pair_join(self, odd: Self) -> Self {
        lanes!(U, |i| if i % 2 == 0 { self.0[i] } else { odd.0[i - 1] })
    }

    #[inline(always)]
    fn less(self, b: Self, yes: F, no: F) -> F {
        lanes!(F, |i| if self.0[i] < b.0[i] {
            yes.0[i]
        } else {
            no.0[i]
        })
    }

    #[inline(always)]
    fn to_floats(self) -> F {
        lanes!(F, |i| f32::from_bits(self.0[i]))
    }
}
