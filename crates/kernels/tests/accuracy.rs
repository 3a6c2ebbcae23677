//! Errors of the elementary functions in units in the last place, over floats of all magnitudes.

mod common;

use common::{gelu, gelu_derivative, gelu_tanh, gelu_tanh_derivative, normal, ulps};
use kernels::elementary::{self, Activation};

/// Distance between the bit patterns that are tried: a prime number, so that the low bits vary.
const STEP: usize = 4099;

/// Every 4099th float but NaN and infinity, and those between -120 and 120 more densely.
fn arguments() -> Vec<f32> {
    let all = (0..=u32::MAX).step_by(STEP).map(f32::from_bits);
    let dense = (-120_000..=120_000).map(|n| n as f32 * 1.000_1e-3);
    all.filter(|x| x.is_finite()).chain(dense).collect()
}

struct Worst {
    error: f64,
    at: f32,
}

/// Returns the largest error among the arguments for which `within` holds.
fn worst(
    function: fn(&mut [f32]),
    exact: fn(f64) -> f64,
    error: fn(f32, f64) -> f64,
    within: impl Fn(f32, f64) -> bool,
) -> Worst {
    let arguments = arguments();
    let mut results = arguments.clone();
    function(&mut results);
    let mut worst = Worst {
        error: 0.0,
        at: 0.0,
    };
    for (&x, &own) in arguments.iter().zip(&results) {
        let exact = exact(f64::from(x));
        if within(x, exact) {
            let error = error(own, exact);
            assert!(!error.is_nan(), "{own} at {x:e}");
            if error > worst.error {
                worst = Worst { error, at: x };
            }
        }
    }
    worst
}

fn assert_within(what: &str, worst: &Worst, bound: f64) {
    assert!(
        worst.error <= bound,
        "{what}: an error of {} at {:e}, not {bound}",
        worst.error,
        worst.at
    );
}

fn absolute(own: f32, exact: f64) -> f64 {
    (f64::from(own) - exact).abs()
}

#[test]
fn exp() {
    let within = |x: f32, _| (-87.33..=88.02).contains(&x);
    let error = worst(elementary::exp_all, f64::exp, ulps, within);
    assert_within("exp", &error, 1.1);
    let mut ends = [
        -87.330_01,
        f32::MIN,
        f32::NEG_INFINITY,
        88.020_01,
        f32::MAX,
        f32::INFINITY,
        0.0,
        -0.0,
    ];
    elementary::exp_all(&mut ends);
    let infinite = f32::INFINITY;
    assert_eq!(
        ends,
        [0.0, 0.0, 0.0, infinite, infinite, infinite, 1.0, 1.0]
    );
}

#[test]
fn tanh() {
    let error = worst(elementary::tanh_all, f64::tanh, ulps, |_, _| true);
    assert_within("tanh", &error, 1.5);
    let mut ends = [f32::NEG_INFINITY, f32::INFINITY, 0.0, 1e-45, 20.0];
    elementary::tanh_all(&mut ends);
    assert_eq!(ends, [-1.0, 1.0, 0.0, 1e-45, 1.0]);
}

#[test]
fn the_normal_distribution() {
    let within = |_, exact: f64| exact > 4e-40;
    let error = worst(elementary::normal_all, normal, ulps, within);
    assert_within("normal", &error, 8.0);
    let error = worst(elementary::normal_all, normal, absolute, |_, _| true);
    assert_within("normal, absolute", &error, 2.4e-7);
}

#[test]
fn gelu_by_the_normal_distribution() {
    let within = |_, exact: f64| exact.abs() > 1e-36;
    let error = worst(elementary::gelu_all, gelu, ulps, within);
    assert_within("gelu", &error, 8.0);
    let error = worst(
        elementary::gelu_derivative_all,
        gelu_derivative,
        absolute,
        |_, _| true,
    );
    assert_within("gelu derivative, absolute", &error, 2.5e-7);
}

#[test]
fn gelu_by_tanh() {
    fn value(x: &mut [f32]) {
        kernels::bias_activation_only(Activation::GeluTanh, x, &vec![0.0; x.len()]);
    }
    fn derivative(x: &mut [f32]) {
        let mut derivative = vec![0.0; x.len()];
        kernels::bias_activation(
            Activation::GeluTanh,
            x,
            &vec![0.0; x.len()],
            &mut derivative,
        );
        x.copy_from_slice(&derivative);
    }
    let error = worst(value, gelu_tanh, absolute, |x, _| x.abs() < 10.0);
    assert_within("gelu by tanh, absolute below 10", &error, 1e-6);
    let error = worst(derivative, gelu_tanh_derivative, absolute, |_, _| true);
    assert_within("gelu by tanh, derivative, absolute", &error, 2.5e-7);
}
