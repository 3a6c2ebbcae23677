//! Measures the row kernels: nanoseconds per element on every path, in cache.
//!
//! `cargo run --release -p kernels --example row_speed`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use kernels::elementary::{self, Activation};
use kernels::{AdamWStep, Dropout, Path, Stream};

const WIDTH: usize = 768;
const ROWS: usize = 96;
const COUNT: usize = WIDTH * ROWS;

fn main() {
    let mut draws = Stream::new(1, "speed").draws(0, 0, 0);
    let mut random = |count: usize| -> Vec<f32> {
        (0..count)
            .map(|_| (draws.uniform() * 8.0 - 4.0) as f32)
            .collect()
    };
    let input = random(COUNT);
    let mut x = input.clone();
    let [mut y, mut first, mut second] = [random(COUNT), vec![0.0; COUNT], vec![0.0; COUNT]];
    let [weight, bias] = [random(WIDTH), random(WIDTH)];
    let [mut sums, mut more] = [vec![0.0; WIDTH], vec![0.0; WIDTH]];
    let mut inverse = vec![0.0; ROWS];
    let mut losses = vec![0.0; ROWS];
    let targets: Vec<u32> = (0..ROWS as u32).collect();
    let dropout = Dropout::new(&Stream::new(1, "dropout"), 3, 4, 0.1);
    let step = AdamWStep {
        factor: 0.5,
        keep: 0.999,
        beta1: 0.9,
        beta2: 0.98,
        fresh1: 0.1,
        fresh2: 0.02,
        rate: 1e-4,
        root: 1.0,
        epsilon: 1e-6,
    };
    let tables = [random(3000 * WIDTH), random(128 * WIDTH), random(2 * WIDTH)];
    let ids: Vec<u32> = (0..ROWS as u32).map(|t| (t * 7919) % 3000).collect();
    let types = vec![0; ROWS];
    println!("ns per element");
    for path in Path::available() {
        let _forced = path.force();
        println!("\n{}", path.name());
        macro_rules! measure {
            ($name:expr, $call:expr) => {{
                x.copy_from_slice(&input);
                let mut best = f64::INFINITY;
                let began = Instant::now();
                while began.elapsed().as_millis() < 60 {
                    let began = Instant::now();
                    for _ in 0..4 {
                        $call;
                        black_box(&mut x);
                    }
                    best = best.min(began.elapsed().as_nanos() as f64 / (4 * COUNT) as f64);
                }
                println!("{:24} {best:.3}", $name);
            }};
        }
        // Copies keep the arguments in range where a kernel works in place.
        measure!("copy", x.copy_from_slice(&input));
        measure!("exp (and copy)", {
            x.copy_from_slice(&input);
            elementary::exp_all(&mut x);
        });
        measure!("tanh (and copy)", {
            x.copy_from_slice(&input);
            elementary::tanh_all(&mut x);
        });
        for activation in [Activation::Gelu, Activation::GeluTanh] {
            measure!(format!("{activation:?} both (and copy)"), {
                x.copy_from_slice(&input);
                kernels::bias_activation(activation, &mut x, &bias, &mut y);
            });
            measure!(format!("{activation:?} only (and copy)"), {
                x.copy_from_slice(&input);
                kernels::bias_activation_only(activation, &mut x, &bias);
            });
        }
        measure!("layer norm", {
            kernels::layer_norm(&mut x, &weight, &bias, 1e-12, &mut y, &mut inverse);
        });
        measure!("layer norm backward", {
            kernels::layer_norm_backward(&mut y, &x, &inverse, &weight);
        });
        measure!("softmax 768", kernels::softmax(&mut x, WIDTH, 0.125));
        measure!("softmax 128", kernels::softmax(&mut x, 128, 0.125));
        measure!("softmax backward 128", {
            kernels::softmax_backward(&y, &mut x, 128, 0.125);
        });
        measure!("cross-entropy", {
            kernels::cross_entropy(&mut x, Some(&bias), &targets, &mut losses);
        });
        measure!("add bias", kernels::add_bias(&mut x, &bias));
        measure!("add columns", kernels::add_columns(&x, &mut sums));
        measure!("layer norm sums", {
            kernels::layer_norm_sums(&y, &x, &mut sums, &mut more);
        });
        measure!("scale", kernels::scale(&mut x, &y));
        measure!("add", kernels::add(&mut x, &input));
        measure!("dropout scales", dropout.scales(5, 0, &mut x));
        measure!("adamw", {
            kernels::adamw(&mut x, &y, &mut first, &mut second, &step);
        });
        measure!("sum of squares", {
            black_box(kernels::sum_of_squares(&x));
        });
        measure!("all finite", {
            black_box(kernels::all_finite(&x));
        });
        measure!("embed", {
            let tables = [&tables[0][..], &tables[1], &tables[2]];
            kernels::embed(tables, [&ids, &targets, &types], WIDTH, &mut x);
        });
    }
}
