//! Elementary functions and sums from additions, multiplications and divisions in one order.
//!
//! The C library's exponential differs between processors; these do not, and they vectorise.

/// Independent partial sums, so that the compiler can keep them in vector registers.
const LANES: usize = 16;

/// Returns e^x within 2 units in the last place for x in [-87, 88]; x outside is moved to the nearer end.
///
/// With x = n ln 2 + r and |r| ≤ ln 2 / 2: e^r by the polynomial of Cephes' `expf`, times 2^n.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2^23 rounds to a whole number, found in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut series = 1.987_569_1e-4;
    series = series * r + 1.398_2e-3;
    series = series * r + 8.333_452e-3;
    series = series * r + 4.166_579_6e-2;
    series = series * r + 1.666_666_5e-1;
    series = series * r + 0.5;
    let power = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127)
        << 23;
    (series * (r * r) + r + 1.0) * f32::from_bits(power)
}

/// Returns the normal distribution function within 2e-7, and e^(-x²/2).
///
/// Abramowitz and Stegun, *Handbook of Mathematical Functions*, 7.1.26.
#[inline(always)]
pub(super) fn normal(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut series = 1.061_405_4;
    series = series * t - 1.453_152;
    series = series * t + 1.421_413_8;
    series = series * t - 0.284_496_74;
    series = series * t + 0.254_829_6;
    let exponential = exp(-z * z);
    let tail = 0.5 * series * t * exponential;
    (if x < 0.0 { tail } else { 1.0 - tail }, exponential)
}

/// Folds `combine` over the elements of one or two slices, lane by lane.
#[inline(always)]
fn fold(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (mut a_chunks, mut b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (a, b) in (&mut a_chunks).zip(&mut b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .enumerate()
    {
        lanes[lane] += term(a, b);
    }
    lanes.iter().sum()
}

/// Returns the sum.
#[inline(always)]
pub(super) fn sum(a: &[f32]) -> f32 {
    fold(a, a, |a, _| a)
}

/// Returns the sum of products.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    fold(a, b, |a, b| a * b)
}

/// Returns the sum of squared distances from `centre`.
#[inline(always)]
pub(super) fn squares_around(a: &[f32], centre: f32) -> f32 {
    fold(a, a, |a, _| (a - centre) * (a - centre))
}

/// Returns the largest element.
#[inline(always)]
pub(super) fn max(a: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut chunks = a.chunks_exact(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            lanes[lane] = if chunk[lane] > lanes[lane] {
                chunk[lane]
            } else {
                lanes[lane]
            };
        }
    }
    let largest = |so_far: f32, &next: &f32| if next > so_far { next } else { so_far };
    let rest = chunks.remainder().iter().fold(f32::NEG_INFINITY, largest);
    lanes.iter().fold(rest, largest)
}

/// Adds `source` to `target`, element by element.
#[inline(always)]
pub(super) fn add(target: &mut [f32], source: &[f32]) {
    for (target, &source) in target.iter_mut().zip(source) {
        *target += source;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_within_two_units_in_the_last_place() {
        let mut x = -86.9_f32;
        while x < 87.9 {
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2.5e-7, "exp({x}) is off by {error:e}");
            x += 0.001_7;
        }
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(-1e30) < 2e-38 && exp(f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn normal_distribution_is_within_3e_7() {
        // Φ by integrating the density in f64 (trapezoids of 1e-4).
        let (mut area, mut x) = (0.0_f64, -9.0_f64);
        let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        for step in 0..180_000 {
            if step % 97 == 0 {
                let error = f64::from(normal(x as f32).0) - area;
                assert!(error.abs() < 3e-7, "Φ({x}) is off by {error:e}");
            }
            area += 0.5e-4 * (density(x) + density(x + 1e-4));
            x += 1e-4;
        }
    }

    #[test]
    fn sums_take_every_element() {
        for length in 0..70 {
            let numbers: Vec<f32> = (0..length).map(|i| i as f32 - 20.0).collect();
            assert_eq!(sum(&numbers), numbers.iter().sum::<f32>());
            assert_eq!(
                dot(&numbers, &numbers),
                numbers.iter().map(|x| x * x).sum::<f32>()
            );
            assert_eq!(
                squares_around(&numbers, 1.0),
                numbers.iter().map(|x| (x - 1.0).powi(2)).sum::<f32>()
            );
            let largest = if length == 0 {
                f32::NEG_INFINITY
            } else {
                length as f32 - 21.0
            };
            assert_eq!(max(&numbers), largest);
        }
    }
}
