//! Prints the peak rates of fused multiply-adds as one JSON line: `peak [THREADS]`.
#![allow(clippy::print_stdout)]

use kernels::{Precision, peak};

fn main() {
    let threads = std::env::args()
        .nth(1)
        .and_then(|threads| threads.parse().ok())
        .unwrap_or(1);
    let [single, half] = [Precision::F32, Precision::Bf16].map(|precision| {
        let peak = peak(precision, threads);
        peak.map_or("null".to_owned(), |peak| format!("{peak:.1}"))
    });
    println!(r#"{{"f32":{single},"bf16":{half},"threads":{threads}}}"#);
}
