//! Measures matrix products at the shapes of encoders: `matrix [f32|bf16] [PATH] [--json]`; threads by `RAYON_NUM_THREADS`. With
//! bfloat16 operands, dyᵀ x takes rows that were rounded before, as in training.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;

use kernels::{
    Matrix, Panels, Path, Precision, ROW_BLOCK, multiply, multiply_panels, round_rows, split_panels,
};

fn best(flops: f64, mut work: impl FnMut()) -> f64 {
    let repetitions = ((4e8 / flops) as usize).clamp(1, 1000);
    work();
    (0..7)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..repetitions {
                work();
            }
            flops * repetitions as f64 / start.elapsed().as_secs_f64() / 1e9
        })
        .fold(0.0, f64::max)
}

/// Rounds rows as the gradients of weights take them.
fn rounded(rows: &[f32], count: usize, columns: usize) -> Vec<f32> {
    let mut words = vec![0.0; Panels::room(count, columns)];
    let blocks = split_panels(&mut words, count, columns, ROW_BLOCK);
    for (rows, words) in rows.chunks(ROW_BLOCK * columns).zip(blocks) {
        round_rows(rows, columns, words);
    }
    words
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.last().is_some_and(|last| last == "--json");
    if json {
        arguments.pop();
    }
    let precision = match arguments.first().map(String::as_str) {
        Some("bf16") => Precision::Bf16,
        _ => Precision::F32,
    };
    let _forced = arguments
        .get(1)
        .map(|name| Path::from_name(name).unwrap().force());
    if !json {
        println!(
            "{} on {} threads, GFLOP/s: x W^T | dy W | dy^T x",
            Path::current().name(),
            rayon::current_num_threads()
        );
    }
    for (rows, outputs, inputs) in [
        (1024, 64, 64),
        (1024, 192, 64),
        (1024, 256, 64),
        (1024, 64, 256),
        (4096, 128, 128),
        (4096, 384, 128),
        (4096, 512, 128),
        (4096, 128, 512),
        (4096, 256, 256),
        (4096, 1024, 256),
        (4096, 256, 1024),
        (4096, 512, 512),
        (4096, 2048, 512),
        (4096, 768, 768),
        (4096, 3072, 768),
        (4096, 768, 3072),
        (614, 8192, 256),
        (160, 128, 128),
        (160, 512, 128),
    ] {
        let fill =
            |count: usize| -> Vec<f32> { (0..count).map(|i| (i % 17) as f32 - 8.0).collect() };
        let (x, w, dy) = (
            fill(rows * inputs),
            fill(outputs * inputs),
            fill(rows * outputs),
        );
        let mut y = vec![0.0; rows * outputs];
        let mut dx = vec![0.0; rows * inputs];
        let mut dw = vec![0.0; outputs * inputs];
        let flops = 2.0 * (rows * outputs * inputs) as f64;
        let (kept_x, kept_dy) = (rounded(&x, rows, inputs), rounded(&dy, rows, outputs));
        let kept_x = Panels::new(&kept_x, rows, inputs, ROW_BLOCK);
        let kept_dy = Panels::new(&kept_dy, rows, outputs, ROW_BLOCK);
        let mut sums = vec![0.0; outputs];
        let pool = rayon::ThreadPoolBuilder::new().build().unwrap();
        let (x, w, dy) = (
            Matrix::new(&x, rows, inputs),
            Matrix::new(&w, outputs, inputs),
            Matrix::new(&dy, rows, outputs),
        );
        let found = pool.install(|| {
            [
                best(flops, || {
                    multiply(precision, x, w.transposed(), &mut y, false);
                }),
                best(flops, || multiply(precision, dy, w, &mut dx, false)),
                best(flops, || match precision {
                    Precision::F32 => multiply(precision, dy.transposed(), x, &mut dw, true),
                    Precision::Bf16 => multiply_panels(kept_dy, kept_x, &mut dw, &mut sums),
                }),
            ]
        });
        let [forward, input, weight] = found;
        if json {
            println!(
                r#"{{"shape":[{rows},{outputs},{inputs}],"gflops":[{forward:.1},{input:.1},{weight:.1}]}}"#
            );
        } else {
            println!("{rows} {outputs} {inputs}: {forward:.0} | {input:.0} | {weight:.0}");
        }
    }
}
