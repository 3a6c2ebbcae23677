//! Prints the peak rate of fused multiply-adds as one JSON line: `peak [THREADS]`.
#![allow(clippy::print_stdout)]

fn main() {
    let threads = std::env::args()
        .nth(1)
        .and_then(|threads| threads.parse().ok())
        .unwrap_or(1);
    println!(
        r#"{{"f32":{:.1},"bf16":null,"threads":{threads}}}"#,
        kernels::peak(threads)
    );
}
