//! Elementary functions as polynomials that use the same operations in the same order on every CPU.
//!
//! Errors are in units in the last place (ulp) of the exact result, over every 32-bit float; `tests/every_float.rs`
//! measures them against the C library in 64 bits.

use std::f32::consts::LOG2_E;

use crate::simd::{Floats, Simd, Words, dispatched};

/// Below this x, e^x is not a normal number, and the result is 0.
const LOWEST: f32 = -87.33;
/// Above this x, 2^n with n = round(x / ln 2) is not finite, and the result is infinite.
const HIGHEST: f32 = 88.02;

/// Returns e^x within 1.1 ulp; 0 below -87.33 and infinity above 88.02.
///
/// With x = n ln 2 + r and |r| ≤ ln 2 / 2: e^r by the polynomial of Cephes' `expf`, times 2^n.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::F) -> S::F {
    // Adding 1.5 · 2^23 rounds x to a whole number, which is then in the low bits of the sum.
    let round = simd.splat(12_582_912.0);
    let shifted = x.mul_add(simd.splat(LOG2_E), round);
    let n = shifted - round;
    let r = n.neg_mul_add(simd.splat(0.693_359_4), x);
    let r = n.neg_mul_add(simd.splat(-2.121_944_4e-4), r);
    let mut series = simd.splat(1.987_569_1e-4);
    series = series.mul_add(r, simd.splat(1.398_2e-3));
    series = series.mul_add(r, simd.splat(8.333_452e-3));
    series = series.mul_add(r, simd.splat(4.166_579_6e-2));
    series = series.mul_add(r, simd.splat(1.666_666_5e-1));
    series = series.mul_add(r, simd.splat(0.5));
    let fraction = series.mul_add(r * r, r) + simd.splat(1.0);
    let power = shifted
        .to_bits()
        .shift_left::<23>()
        .add(simd.splat_word(127 << 23))
        .to_floats();
    let result = fraction * power;
    let result = x.less(simd.splat(LOWEST), simd.splat(0.0), result);
    let highest = simd.splat(HIGHEST);
    highest.less(x, simd.splat(f32::INFINITY), result)
}

/// Returns the normal distribution function Φ(x) within 8 ulp (0 where Φ is below 4e-40), and e^(-x²/2).
///
/// Φ(-z) e^(z²/2) is smooth: a polynomial in t = 1 / (1 + 0.28125 z), fitted to a relative error of 5.4e-8.
#[inline(always)]
pub(crate) fn normal<S: Simd>(simd: S, x: S::F) -> (S::F, S::F) {
    let [zero, one] = [simd.splat(0.0), simd.splat(1.0)];
    let (size, limit) = (x.abs(), simd.splat(14.0));
    let z = size.less(limit, size, limit);
    // e^(-z²/2), in which the rounding error of z² is corrected to first order.
    let square = z * z;
    let lost = z.mul_add(z, zero - square) * simd.splat(-0.5);
    let bell = exp(simd, square * simd.splat(-0.5));
    let bell = bell.mul_add(lost, bell);
    let t = one / z.mul_add(simd.splat(0.281_25), one);
    let mut series = simd.splat(2.150_141_6e-2);
    series = series.mul_add(t, simd.splat(-7.583_573_5e-2));
    series = series.mul_add(t, simd.splat(5.381_904_5e-2));
    series = series.mul_add(t, simd.splat(3.544_296_7e-2));
    series = series.mul_add(t, simd.splat(4.425_497_4e-2));
    series = series.mul_add(t, simd.splat(9.546_836_5e-2));
    series = series.mul_add(t, simd.splat(1.005_831_4e-1));
    series = series.mul_add(t, simd.splat(1.125_848e-1));
    series = series.mul_add(t, simd.splat(1.121_810_6e-1));
    let tail = series * t * bell;
    (x.less(zero, tail, one - tail), bell)
}

/// Returns tanh x within 1.5 ulp.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::F) -> S::F {
    let one = simd.splat(1.0);
    let size = x.abs();
    let square = x * x;
    // Cephes' `tanhf` near 0.
    let mut series = simd.splat(-5.704_988_7e-3);
    series = series.mul_add(square, simd.splat(2.063_908_8e-2));
    series = series.mul_add(square, simd.splat(-5.373_971_6e-2));
    series = series.mul_add(square, simd.splat(1.333_144_2e-1));
    series = series.mul_add(square, simd.splat(-3.333_328e-1));
    let near = (series * square).mul_add(x, x);
    let far = one - simd.splat(2.0) / (exp(simd, size + size) + one);
    let far = x.less(simd.splat(0.0), simd.splat(0.0) - far, far);
    size.less(simd.splat(0.625), near, far)
}

/// The activation function after the feed-forward layer's first map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x · Φ(x) (Hendrycks and Gimpel 2016).
    Gelu,
    /// Its approximation by tanh (`gelu_new` and `gelu_pytorch_tanh` of Hugging Face).
    GeluTanh,
}

impl Activation {
    /// Returns the function's value and its derivative.
    #[inline(always)]
    pub(crate) fn with_derivative<S: Simd>(self, simd: S, x: S::F) -> (S::F, S::F) {
        match self {
            Self::Gelu => {
                let (below, bell) = normal(simd, x);
                let inverse_root_two_pi = simd.splat(0.398_942_3);
                (x * below, (x * bell).mul_add(inverse_root_two_pi, below))
            }
            Self::GeluTanh => {
                // With u = √(2/π) (x + 0.044715 x³): x (1 + tanh u) / 2 = x / (1 + e^(-2u)). Of the two shares 1 / (1 + e^(∓2u)), the smaller
                // one is computed directly: 1 minus the larger one would lose most of its digits. Beyond |u| = 100 the shares are 0 and 1.
                let [zero, one] = [simd.splat(0.0), simd.splat(1.0)];
                let [double, cubic] = [simd.splat(1.595_769), simd.splat(0.044_715)];
                let (square, limit) = (x * x, simd.splat(1e4));
                let square = square.less(limit, square, limit);
                let exponent = x * double * square.mul_add(cubic, one);
                let power = exp(simd, zero - exponent.abs());
                let larger = one / (power + one);
                let smaller = power * larger;
                let share = x.less(zero, smaller, larger);
                let rest = x.less(zero, larger, smaller);
                let slope = double * square.mul_add(simd.splat(0.134_145), one);
                let value = x * share;
                (value, (value * rest).mul_add(slope, share))
            }
        }
    }
}

/// Defines functions that apply an elementary function to all elements in place.
macro_rules! in_place {
    ($($(#[$attribute:meta])* $name:ident: |$simd:ident, $x:ident| $value:expr;)*) => { dispatched! { $(
        $(#[$attribute])*
        pub fn $name<S>($simd: _, values: &mut [f32]) {
            let (vectors, rest) = values.as_chunks_mut();
            for vector in vectors {
                let $x = $simd.load(vector);
                $value.store(vector);
            }
            let $x = $simd.load_part(rest, 0.0);
            $value.store_part(rest);
        }
    )* } };
}

in_place! {
    /// Replaces each value by e^value, within 1.1 ulp; 0 below -87.33 and infinity above 88.02.
    exp_all: |simd, x| exp(simd, x);
    /// Replaces each value by its hyperbolic tangent, within 1.5 ulp.
    tanh_all: |simd, x| tanh(simd, x);
    /// Replaces each value by the normal distribution function there, within 8 ulp (0 below 4e-40).
    normal_all: |simd, x| normal(simd, x).0;
    /// Replaces each value x by x · Φ(x), within 8 ulp where Φ is above 1e-37.
    gelu_all: |simd, x| Activation::Gelu.with_derivative(simd, x).0;
    /// Replaces each value x by the derivative of x · Φ(x), within 2.5e-7.
    gelu_derivative_all: |simd, x| Activation::Gelu.with_derivative(simd, x).1;
}
