//! Reference functions in 64 bits, and comparisons between paths.
#![allow(dead_code, missing_docs, unreachable_pub)]

use kernels::{Path, Stream};

/// Returns the density of the normal distribution without its constant factor.
fn bell(x: f64) -> f64 {
    (-0.5 * x * x).exp()
}

const INVERSE_ROOT_TWO_PI: f64 = 0.398_942_280_401_432_7;

/// Returns Φ(x): near 0 by Σ z^(2k+1) / (2k+1)!!, far from 0 by the continued fraction of Mills' ratio.
pub fn normal(x: f64) -> f64 {
    let z = x.abs();
    let tail = if z < 3.0 {
        let (mut term, mut series, mut odd) = (z, z, 1.0);
        while term > 1e-18 * series {
            odd += 2.0;
            term *= z * z / odd;
            series += term;
        }
        0.5 - series * bell(z) * INVERSE_ROOT_TWO_PI
    } else if z > 40.0 {
        0.0
    } else {
        let mut fraction = z;
        for k in (1..150).rev() {
            fraction = z + f64::from(k) / fraction;
        }
        bell(z) * INVERSE_ROOT_TWO_PI / fraction
    };
    if x < 0.0 { tail } else { 1.0 - tail }
}

pub fn gelu(x: f64) -> f64 {
    x * normal(x)
}

pub fn gelu_derivative(x: f64) -> f64 {
    normal(x) + x * bell(x) * INVERSE_ROOT_TWO_PI
}

/// Returns √(2/π) (x + 0.044715 x³) and its derivative.
fn inner(x: f64) -> (f64, f64) {
    let root = (2.0 / std::f64::consts::PI).sqrt();
    let value = root * (x + 0.044_715 * x * x * x);
    (value, root * (1.0 + 3.0 * 0.044_715 * x * x))
}

pub fn gelu_tanh(x: f64) -> f64 {
    // x (1 + tanh u) / 2, computed without cancellation.
    x / (1.0 + (-2.0 * inner(x).0).exp())
}

pub fn gelu_tanh_derivative(x: f64) -> f64 {
    let (u, slope) = inner(x);
    let share = 1.0 / (1.0 + (-2.0 * u).exp());
    share + x * 2.0 * share * (1.0 - share) * slope
}

/// Returns the error of `own` in units in the last place of the 32-bit floats around `exact`.
pub fn ulps(own: f32, exact: f64) -> f64 {
    let exponent = ((exact.to_bits() >> 52) & 0x7FF) as i32 - 1023;
    (f64::from(own) - exact).abs() / 2.0_f64.powi(exponent.clamp(-126, 127) - 23)
}

/// Widths that fill less than one vector, one, two, or several and a part.
pub const WIDTHS: [usize; 17] = [
    1, 2, 7, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 65, 100, 129, 200,
];

/// Returns random floats: about 1, or, if `wild`, of all magnitudes with special values among them.
pub fn random(seed: u32, count: usize, wild: bool) -> Vec<f32> {
    const SPECIAL: [f32; 12] = [
        0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 1e-40, -3e-39, 3e38, -3e38, 1e19, -88.02,
    ];
    let mut draws = Stream::new(5, "test values").draws(seed, 0, 0);
    let number = |_| {
        if !wild || draws.chance(0.6) {
            (draws.uniform() * 8.0 - 4.0) as f32
        } else if draws.chance(0.5) {
            *draws.pick(&SPECIAL)
        } else {
            // Without the highest bit of the exponent the number is finite.
            f32::from_bits(draws.word() & 0xBFFF_FFFF)
        }
    };
    (0..count).map(number).collect()
}

/// Returns the bits of the values, with all NaNs replaced by one NaN.
pub fn bits(values: &[f32]) -> Vec<u32> {
    let plain = |value: &f32| {
        if value.is_nan() {
            f32::NAN.to_bits()
        } else {
            value.to_bits()
        }
    };
    values.iter().map(plain).collect()
}

/// Runs a kernel on every path, asserts that all results have the same bits, and returns them.
pub fn on_every_path(what: &str, kernel: impl Fn() -> Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let mut results: Vec<(Path, Vec<Vec<f32>>)> = Vec::new();
    for path in Path::available() {
        let _forced = path.force();
        results.push((path, kernel()));
    }
    let (_, last) = results.pop().expect("one path at least");
    for (path, result) in results {
        for (part, (left, right)) in result.iter().zip(&last).enumerate() {
            let (left, right) = (bits(left), bits(right));
            if let Some(place) = (0..right.len()).find(|&i| left[i] != right[i]) {
                panic!(
                    "{what}: {} gives {:08x} for element {place} of result {part}, not {:08x}",
                    path.name(),
                    left[place],
                    right[place]
                );
            }
        }
    }
    last
}

/// Splits 64-bit results into 32-bit floats of 16 bits each, so that [`on_every_path`] can compare them.
pub fn halves(values: &[f64]) -> Vec<f32> {
    values
        .iter()
        .flat_map(|value| {
            let bits = if value.is_nan() { f64::NAN } else { *value }.to_bits();
            // Parts of 16 bits are subnormal as floats, so never NaN.
            (0..4).map(move |part| f32::from_bits((bits >> (16 * part)) as u32 & 0xFFFF))
        })
        .collect()
}

/// Asserts that every element is as near to `exact` as stated: `relative` to its size, or `absolute`.
pub fn near(what: &str, own: &[f32], exact: &[f64], relative: f64, absolute: f64) {
    assert_eq!(own.len(), exact.len(), "{what}");
    for (place, (&own, &exact)) in own.iter().zip(exact).enumerate() {
        let error = (f64::from(own) - exact).abs();
        assert!(
            error <= absolute + relative * exact.abs(),
            "{what}, element {place}: {own} is not {exact}"
        );
    }
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
