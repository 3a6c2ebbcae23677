//! Elementary functions at every 32-bit float: they have the same bits on every path, and the documented errors.
//!
//! `cargo test --release -p kernels --test every_float -- --ignored --nocapture`

mod common;

use common::{gelu, gelu_tanh, normal, ulps};
use kernels::Path;
use kernels::elementary::{self, Activation};
use rayon::prelude::*;

/// Number of floats in memory at a time.
const PART: usize = 1 << 24;
/// Number of floats that one call takes.
const CALL: usize = 1 << 14;

/// The expected accuracy of a function: its exact value, where it is checked, and the bound in units in the last place.
struct Accuracy {
    exact: fn(f64) -> f64,
    within: fn(f32, f64) -> bool,
    bound: f64,
}

/// Applies the function to every float on every path, and returns its largest error.
#[allow(clippy::print_stdout)]
fn check(name: &str, function: fn(&mut [f32]), accuracy: Option<&Accuracy>) {
    let mut worst = (0.0, 0.0);
    let [mut first, mut other] = [vec![0.0; PART], vec![0.0; PART]];
    for start in (0..1_u64 << 32).step_by(PART) {
        let start = start as u32;
        let apply = |path: Path, to: &mut [f32]| {
            let _forced = path.force();
            to.par_chunks_mut(CALL)
                .enumerate()
                .for_each(|(call, part)| {
                    let start = start + (call * CALL) as u32;
                    for (x, bits) in part.iter_mut().zip(start..=u32::MAX) {
                        *x = f32::from_bits(bits);
                    }
                    function(part);
                });
        };
        let mut paths = Path::available();
        apply(paths.next().expect("one path at least"), &mut first);
        for path in paths {
            apply(path, &mut other);
            let differs = first
                .par_iter()
                .zip(&other)
                .position_first(|(a, b)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()));
            if let Some(place) = differs {
                let x = f32::from_bits(start + place as u32);
                let (a, b) = (first[place], other[place]);
                panic!("{name}({x:e}): {a:e}, but {b:e} on {}", path.name());
            }
        }
        let Some(accuracy) = accuracy else {
            continue;
        };
        let error = |(place, &own): (usize, &f32)| {
            let x = f32::from_bits(start + place as u32);
            let exact = (accuracy.exact)(f64::from(x));
            if x.is_finite() && (accuracy.within)(x, exact) {
                let error = ulps(own, exact);
                (if error.is_nan() { f64::INFINITY } else { error }, x)
            } else {
                (0.0, x)
            }
        };
        let larger = |a: (f64, f32), b: (f64, f32)| if b.0 > a.0 { b } else { a };
        let here = first
            .par_iter()
            .enumerate()
            .map(error)
            .reduce(|| (0.0, 0.0), larger);
        worst = larger(worst, here);
    }
    if let Some(Accuracy { bound, .. }) = accuracy {
        let (error, x) = worst;
        println!("{name}: {error} ulp at {x:e}");
        assert!(error <= *bound, "{name}({x:e}): {error} ulp, not {bound}");
    }
}

/// Defines a test per function.
macro_rules! every_float {
    ($($name:ident: $function:expr, $accuracy:expr;)*) => { $(
        #[test]
        #[ignore = "minutes: `.ci/slow floats` runs it"]
        fn $name() {
            check(stringify!($name), $function, $accuracy);
        }
    )* };
}

every_float! {
    exp: elementary::exp_all, Some(&Accuracy {
        exact: f64::exp,
        within: |x, _| (-87.33..=88.02).contains(&x),
        bound: 1.1,
    });
    tanh: elementary::tanh_all, Some(&Accuracy {
        exact: f64::tanh,
        within: |_, _| true,
        bound: 1.5,
    });
    normal_distribution: elementary::normal_all, Some(&Accuracy {
        exact: normal,
        within: |_, exact| exact > 4e-40,
        bound: 8.0,
    });
    gelu_value: elementary::gelu_all, Some(&Accuracy {
        exact: gelu,
        within: |_, exact| exact.abs() > 1e-36,
        bound: 8.0,
    });
    gelu_derivative: elementary::gelu_derivative_all, None;
    gelu_tanh_value: tanh_value, Some(&Accuracy {
        exact: gelu_tanh,
        within: |x, exact| x > -2.0 && exact.abs() > 1e-36,
        bound: 12.0,
    });
    gelu_tanh_derivative: tanh_derivative, None;
}

fn tanh_value(x: &mut [f32]) {
    kernels::bias_activation_only(Activation::GeluTanh, x, &[0.0; CALL]);
}

fn tanh_derivative(x: &mut [f32]) {
    let mut derivative = [0.0; CALL];
    kernels::bias_activation(Activation::GeluTanh, x, &[0.0; CALL], &mut derivative);
    x.copy_from_slice(&derivative);
}
