//! Compares products bit for bit, on every path, with a scalar loop in the order of the numerics class.

use proptest::prelude::*;

use super::ROW_BLOCK;
use super::tile::KC;
use super::{
    Matrix, Panels, Precision, multiply, multiply_here, multiply_panels, multiply_with, round_rows,
    split_panels, with_factors,
};
use crate::{Path, Stream};

/// Returns normal numbers, some of them zero, tiny or large.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut draws = Stream::new(seed, "test").draws(0, 0, 0);
    (0..count)
        .map(|_| match draws.below(50) {
            0 => 0.0,
            1 => -0.0,
            2 => draws.normal_pair()[0] as f32 * 1e-42,
            3 => draws.normal_pair()[0] as f32 * 1e9,
            _ => draws.normal_pair()[0] as f32,
        })
        .collect()
}

/// Rounds to bfloat16, after subnormal numbers became zero.
fn bfloat16(x: f32) -> f32 {
    let bits = flushed(x).to_bits();
    let rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF_0000;
    f32::from_bits(rounded)
}

fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE {
        0.0_f32.copysign(x)
    } else {
        x
    }
}

/// The definition of a product: one chain of fused multiply-adds per element.
fn expected(
    precision: Precision,
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &[f32],
    stride: usize,
    accumulate: bool,
) -> Vec<f32> {
    let per_word = match precision {
        Precision::F32 => 1,
        Precision::Bf16 => 2,
    };
    let mut result = c.to_vec();
    for i in 0..a.rows {
        for j in 0..b.columns {
            let element = &mut result[i * stride + j];
            if !accumulate {
                *element = 0.0;
            }
            let pair = |k: usize| {
                let left = a.data[i * a.row_stride + k * a.column_stride];
                let right = b.data[k * b.row_stride + j * b.column_stride];
                (left, right)
            };
            for k in (0..a.columns).step_by(per_word) {
                match precision {
                    Precision::F32 => *element = pair(k).0.mul_add(pair(k).1, *element),
                    Precision::Bf16 => {
                        let odd = if k + 1 < a.columns {
                            pair(k + 1)
                        } else {
                            (0.0, 0.0)
                        };
                        *element = flushed(*element);
                        for (left, right) in [odd, pair(k)] {
                            *element = flushed(bfloat16(left).mul_add(bfloat16(right), *element));
                        }
                    }
                }
            }
        }
    }
    result
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Makes a matrix whose rows are `gap` floats further apart than necessary, or, if `turned`, the transpose of such a matrix.
fn matrix(data: &[f32], rows: usize, columns: usize, gap: usize, turned: bool) -> Matrix<'_> {
    if turned {
        Matrix::with_stride(data, columns, rows, rows + gap).transposed()
    } else {
        Matrix::with_stride(data, rows, columns, columns + gap)
    }
}

fn agree(
    rows: usize,
    depth: usize,
    columns: usize,
    turned: [bool; 2],
    gaps: [usize; 3],
    accumulate: bool,
) {
    let left = numbers(1, (rows + gaps[0]) * (depth + gaps[0]));
    let right = numbers(2, (columns + gaps[1]) * (depth + gaps[1]));
    let a = matrix(&left, rows, depth, gaps[0], turned[0]);
    let b = matrix(&right, depth, columns, gaps[1], turned[1]);
    let stride = columns + gaps[2];
    let before = numbers(3, rows * stride);
    for (precision, path) in [Precision::F32, Precision::Bf16]
        .into_iter()
        .flat_map(|precision| Path::available().map(move |path| (precision, path)))
    {
        let strided = expected(precision, a, b, &before, stride, accumulate);
        let dense = expected(
            precision,
            a,
            b,
            &before[..rows * columns],
            columns,
            accumulate,
        );
        let _forced = path.force();
        let mut found = before.clone();
        multiply_here(precision, a, b, &mut found, stride, accumulate);
        assert_eq!(bits(&found), bits(&strided), "{path:?} {precision:?} here");
        let mut found = before[..rows * columns].to_vec();
        multiply(precision, a, b, &mut found, accumulate);
        assert_eq!(bits(&found), bits(&dense), "{path:?} {precision:?}");
        let mut found = before[..rows * columns].to_vec();
        // Another factor before it moves the place of the packed one.
        with_factors(precision, [a, b], |[_, factor]| {
            factor.multiply(a, &mut found, accumulate);
        });
        assert_eq!(bits(&found), bits(&dense), "{path:?} packed beforehand");
        let mut found = before[..rows * columns].to_vec();
        let mut seen = vec![0_usize; rows.div_ceil(ROW_BLOCK)];
        use rayon::prelude::*;
        multiply_with(
            precision,
            a,
            b,
            &mut found,
            accumulate,
            seen.par_iter_mut(),
            |range, block, seen| {
                assert_eq!(
                    bits(block),
                    bits(&dense[range.start * columns..range.end * columns])
                );
                *seen += range.len();
            },
        );
        assert_eq!(bits(&found), bits(&dense), "{path:?} with an epilogue");
        if columns > 0 {
            assert_eq!(seen.iter().sum::<usize>(), rows);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn ragged_products(
        rows in 0_usize..40, depth in 0_usize..50, columns in 0_usize..70, turned: [bool; 2],
        gaps in prop::array::uniform3(0_usize..20), accumulate: bool,
    ) {
        agree(rows, depth, columns, turned, gaps, accumulate);
    }
}

/// Rounds all rows, and returns their words.
fn panels(rows: &[f32], count: usize, columns: usize, height: usize) -> Vec<f32> {
    let mut words = vec![f32::NAN; Panels::room(count, columns)];
    let blocks = split_panels(&mut words, count, columns, height);
    for (rows, words) in rows.chunks(height * columns).zip(blocks) {
        round_rows(rows, columns, words);
    }
    words
}

/// Compares the product of rounded rows and their sums with the definitions, on every path.
fn panels_agree(rows: usize, outputs: usize, inputs: usize, height: usize) {
    let (left, right) = (numbers(4, rows * outputs), numbers(5, rows * inputs));
    let before = numbers(6, outputs * inputs);
    let sums_before = numbers(7, outputs);
    let a = Matrix::new(&left, rows, outputs).transposed();
    let b = Matrix::new(&right, rows, inputs);
    let product = expected(Precision::Bf16, a, b, &before, inputs, true);
    let mut sums = sums_before.clone();
    for row in left.chunks_exact(outputs) {
        for (sum, &x) in sums.iter_mut().zip(row) {
            *sum += bfloat16(x);
        }
    }
    if rows % 2 == 1 {
        sums.iter_mut().for_each(|sum| *sum += 0.0);
    }
    for path in Path::available() {
        let _forced = path.force();
        let left = panels(&left, rows, outputs, height);
        let right = panels(&right, rows, inputs, height);
        let (mut found, mut found_sums) = (before.clone(), sums_before.clone());
        multiply_panels(
            Panels::new(&left, rows, outputs, height),
            Panels::new(&right, rows, inputs, height),
            &mut found,
            &mut found_sums,
        );
        assert_eq!(bits(&found), bits(&product), "{path:?}");
        assert_eq!(bits(&found_sums), bits(&sums), "{path:?}: sums");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn ragged_panels(
        rows in 1_usize..250, outputs in 1_usize..100, inputs in 1_usize..100, pairs in 1_usize..60,
    ) {
        panels_agree(rows, outputs, inputs, 2 * pairs);
    }
}

#[test]
fn panels_of_many_blocks() {
    for (rows, outputs, inputs) in [
        (1, 1, 1),
        (96, 32, 64),
        (700, 33, 31),
        (1537, 8, 40),
        (97, 64, 200),
    ] {
        panels_agree(rows, outputs, inputs, ROW_BLOCK);
    }
    for threads in [2, 3, 16] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap()
            .install(|| panels_agree(200, 70, 200, ROW_BLOCK));
    }
}

#[test]
fn products_of_many_blocks() {
    for (rows, depth, columns) in [
        (97, KC + 3, 33),
        (200, 512, 20),
        (8, 2 * KC, 64),
        (1, KC, 1),
        (193, 64, 130),
    ] {
        for turned in [[false, true], [false, false], [true, false], [true, true]] {
            agree(rows, depth, columns, turned, [0, 0, 0], turned[0]);
        }
    }
}

#[test]
fn every_number_of_threads_gives_the_same_product() {
    for threads in [2, 3, 5, 16] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            for (rows, depth, columns) in [(1, 9, 70), (7, 40, 33), (128, 40, 128), (401, 6, 20)] {
                agree(rows, depth, columns, [true, false], [0, 0, 0], true);
            }
        });
    }
}

#[test]
#[should_panic(expected = "inner dimensions")]
fn shapes_that_disagree_panic() {
    let numbers = [0.0; 12];
    multiply(
        Precision::F32,
        Matrix::new(&numbers, 3, 4),
        Matrix::new(&numbers, 3, 4),
        &mut [0.0; 12],
        false,
    );
}

#[test]
#[should_panic(expected = "a [3, 5] matrix")]
fn a_matrix_beyond_its_data_panics() {
    let _ = Matrix::new(&[0.0; 14], 3, 5);
}
