//! The fused operations agree with the composed ones: values and the gradients of every operand.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use candle_core::{D, Device, Tensor, Var};
use kernels::Stream;
use proptest::prelude::*;

use super::{Ops, cross_entropy};
use crate::Result;
use crate::batch::{Group, Layout};

const BOTH: [Ops; 2] = [Ops::Fused, Ops::Composed];

/// Normal numbers times `scale`.
fn random(seed: u64, shape: &[usize], scale: f64) -> Var {
    let mut draws = Stream::new(seed, "test").draws(0, 0, 0);
    let count = shape.iter().product();
    let numbers: Vec<f32> = std::iter::repeat_with(|| (draws.normal_pair()[0] * scale) as f32)
        .take(count)
        .collect();
    Var::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

/// A mask of zeros and 1 / 0.7.
fn mask(seed: u64, shape: &[usize]) -> Tensor {
    let numbers = random(seed, shape, 1.0);
    let kept = numbers
        .ge(-0.5_f32)
        .unwrap()
        .to_dtype(candle_core::DType::F32)
        .unwrap();
    (kept / 0.7).unwrap()
}

/// Checks that both implementations give the same value and, under a random weighting of the result's elements, the same
/// gradients, up to `tolerance` relative to the largest element.
fn agree(operands: &[&Var], tolerance: f64, operation: impl Fn(Ops) -> Result<Tensor>) {
    let [fused, composed] = BOTH.map(|ops| {
        let result = operation(ops).unwrap();
        let weighting = random(99, result.dims(), 1.0);
        let gradients = (&result * weighting.as_detached_tensor())
            .unwrap()
            .sum_all()
            .unwrap();
        let mut gradients = gradients.backward().unwrap();
        let mut all = vec![result];
        all.extend(
            operands
                .iter()
                .map(|operand| gradients.remove(operand).unwrap()),
        );
        all
    });
    for (index, (fused, composed)) in fused.iter().zip(&composed).enumerate() {
        let distance = largest(&(fused - composed).unwrap());
        let size = largest(composed);
        assert!(
            distance <= tolerance * size,
            "operand {index}: {distance:e} of {size:e}"
        );
        assert!(size > 0.0);
    }
}

fn largest(tensor: &Tensor) -> f64 {
    f64::from(
        tensor
            .abs()
            .unwrap()
            .flatten_all()
            .unwrap()
            .max(D::Minus1)
            .unwrap()
            .to_scalar::<f32>()
            .unwrap(),
    )
}

fn layout(groups: &[(usize, usize)]) -> Layout {
    let mut first_row = 0;
    let groups: Vec<Group> = groups
        .iter()
        .map(|&(sequences, length)| {
            let group = Group {
                first_row,
                sequences,
                length,
            };
            first_row += group.rows();
            group
        })
        .collect();
    let samples = groups.iter().map(|group| group.sequences as u32).sum();
    Layout {
        groups,
        samples: (0..samples).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn linear(seed: u64, rows in 1_usize..40, inputs in 1_usize..40, outputs in 1_usize..40) {
        let x = random(seed, &[rows, inputs], 1.0);
        let weight = random(seed ^ 1, &[outputs, inputs], 1.0);
        let bias = random(seed ^ 2, &[outputs], 1.0);
        agree(&[&x, &weight, &bias], 1e-5, |ops| ops.linear(&x, &weight, &bias));
    }

    #[test]
    fn layer_norm(seed: u64, rows in 1_usize..400, width in 8_usize..70) {
        let x = random(seed, &[rows, width], 3.0);
        let weight = random(seed ^ 1, &[width], 1.0);
        let bias = random(seed ^ 2, &[width], 1.0);
        agree(&[&x, &weight, &bias], 2e-5, |ops| ops.layer_norm(&x, &weight, &bias, 1e-5));
    }

    #[test]
    fn gelu(seed: u64, rows in 1_usize..40, width in 1_usize..40) {
        let x = random(seed, &[rows, width], 2.0);
        // candle's own derivative has six digits.
        agree(&[&x], 3e-6, |ops| ops.gelu(&x));
    }

    #[test]
    fn dropout(seed: u64, rows in 2_usize..40, width in 2_usize..40) {
        let x = random(seed, &[rows, width], 1.0);
        let residual = random(seed ^ 1, &[rows, width], 1.0);
        let mask = mask(seed ^ 2, &[rows, width]);
        agree(&[&x], 1e-6, |ops| ops.dropout(&x, Some(&mask)));
        agree(&[&x, &residual], 1e-6, |ops| ops.dropout_add(&x, Some(&mask), &residual));
        agree(&[&x, &residual], 1e-6, |ops| ops.dropout_add(&x, None, &residual));
    }

    #[test]
    fn embed(seed: u64, width in 1_usize..40, ids in prop::collection::vec(0_u32..9, 1..300)) {
        let tables = [9, 5, 2].map(|rows| random(seed ^ rows as u64, &[rows, width], 1.0));
        let indices: [Arc<[u32]>; 3] =
            [1, 5, 2].map(|of| ids.iter().map(|id| if of == 1 { *id } else { id % of }).collect());
        let tensors = [&tables[0], &tables[1], &tables[2]];
        agree(&tensors, 1e-5, |ops| {
            ops.embed(tensors.map(|table| table.as_tensor()), [&indices[0], &indices[1], &indices[2]])
        });
    }

    #[test]
    fn attention(seed: u64, heads in 1_usize..4, size in 1_usize..20, dropped: bool,
                 groups in prop::collection::vec((1_usize..4, 2_usize..20), 1..4)) {
        let layout = layout(&groups);
        let qkv = random(seed, &[layout.rows(), 3 * heads * size], 1.0);
        let masks: Vec<Tensor> = layout.groups.iter().zip(seed ^ 1..)
            .map(|(group, seed)| mask(seed, &[group.sequences * heads, group.length, group.length]))
            .collect();
        let masks = dropped.then_some(masks.as_slice());
        agree(&[&qkv], 2e-5, |ops| ops.attention(&qkv, &layout, heads, masks));
    }

    #[test]
    fn cross_entropies(seed: u64, classes in 2_usize..200, targets in prop::collection::vec(0_usize..200, 1..30)) {
        let targets: Vec<u32> = targets.into_iter().map(|target| (target % classes) as u32).collect();
        let logits = random(seed, &[targets.len(), classes], 5.0);
        agree(&[&logits], 2e-5, |ops| ops.cross_entropy(&logits, &targets));
    }
}

#[test]
fn large_scores_do_not_overflow() {
    let logits = Var::new(&[[1e30_f32, -1e30, 0.0]], &Device::Cpu).unwrap();
    for ops in BOTH {
        let loss = ops.cross_entropy(&logits, &[0]).unwrap();
        assert_eq!(loss.to_scalar::<f32>().unwrap(), 0.0);
        let gradients = loss.backward().unwrap();
        let gradient = gradients.get(&logits).unwrap().to_vec2::<f32>().unwrap();
        assert!(gradient[0].iter().all(|x| x.abs() < 1e-37), "{gradient:?}");
    }
}

#[test]
fn a_target_that_is_no_class_is_an_error() {
    let logits = Tensor::zeros((2, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
    let error = cross_entropy(&logits, &[0, 3]).unwrap_err().to_string();
    assert_eq!(error, "targets: 3 is none of 3 classes");
    assert!(cross_entropy(&logits, &[0]).is_err());
}

#[test]
fn shapes_that_disagree_are_errors() {
    let tensor = |shape: &[usize]| random(1, shape, 1.0).as_tensor().clone();
    for ops in BOTH {
        assert!(
            ops.linear(&tensor(&[2, 3]), &tensor(&[4, 5]), &tensor(&[4]))
                .is_err()
        );
        assert!(
            ops.layer_norm(&tensor(&[2, 3]), &tensor(&[4]), &tensor(&[4]), 0.0)
                .is_err()
        );
        assert!(
            ops.dropout(&tensor(&[2, 3]), Some(&tensor(&[3, 3])))
                .is_err()
        );
        assert!(
            ops.dropout_add(&tensor(&[2, 3]), None, &tensor(&[3, 3]))
                .is_err()
        );
    }
}
