#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor, Var};
use kernels::Stream;
use proptest::prelude::*;

use super::Pooling;
use crate::{Architecture, Batch, Config, EncoderError, Sequence, Size};

const WIDTH: usize = 5;
const ALL: [Pooling; 6] = [
    Pooling::Cls,
    Pooling::Mean,
    Pooling::FirstLast,
    Pooling::EmbeddingLast,
    Pooling::LastTwo,
    Pooling::Max,
];

fn batch(lengths: &[usize]) -> Batch {
    let config = Config::of_size(Size::Nano, Architecture::Bert, 50, 40, 0);
    // Samples in descending order, so that the batch packs them in another order than the caller's.
    let sequences: Vec<Sequence> = (0..lengths.len() as u32)
        .rev()
        .zip(lengths)
        .map(|(sample, &length)| Sequence::new(vec![7; length], sample))
        .collect();
    Batch::pack(&sequences, &config).unwrap()
}

fn random(rows: usize, which: u32) -> Vec<f32> {
    let mut draws = Stream::new(3, "test").draws(which, 0, 0);
    let values = (0..rows * WIDTH).map(|_| draws.uniform() as f32 - 0.5);
    values.collect()
}

fn tensor(values: Vec<f32>) -> Tensor {
    let rows = values.len() / WIDTH;
    Tensor::from_vec(values, (rows, WIDTH), &Device::Cpu).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 2e-6, "{found} {expected}");
    }
}

/// Returns the vectors, and the gradients of their sum with the given weights.
fn run(
    states: &[Vec<f32>],
    weights: &Tensor,
    pool: impl Fn(&[Tensor]) -> Result<Tensor, EncoderError>,
) -> (Vec<f32>, Vec<Vec<f32>>) {
    let states: Vec<Var> = states
        .iter()
        .map(|values| Var::from_tensor(&tensor(values.clone())).unwrap())
        .collect();
    let tensors: Vec<Tensor> = states
        .iter()
        .map(|state| state.as_tensor().clone())
        .collect();
    let pooled = pool(&tensors).unwrap();
    let gradients = (&pooled * weights)
        .unwrap()
        .sum_all()
        .unwrap()
        .backward()
        .unwrap();
    // Where no token is averaged, no gradient reaches the states.
    let gradients = states.iter().map(|state| match gradients.get(state) {
        Some(gradient) => numbers(gradient),
        None => vec![0.0; state.elem_count()],
    });
    (numbers(&pooled), gradients.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Compares pooling with plain candle operations, and its gradient with central differences, which are exact except for
    /// rounding, since an average is linear.
    #[test]
    fn every_pooling_is_that_of_the_reference(
        lengths in prop::collection::vec(1_usize..9, 1..6), skip in 0_usize..3,
    ) {
        let batch = batch(&lengths);
        let weights = tensor(random(lengths.len(), 9));
        for pooling in ALL {
            let states: Vec<Vec<f32>> = (0..)
                .zip(pooling.layers(4))
                .map(|(which, _)| random(batch.tokens(), which))
                .collect();
            let expected = run(&states, &weights, |states| pooling.composed(states, &batch, skip));
            let found = run(&states, &weights, |states| pooling.pool(states, &batch, skip));
            near(&found.0, &expected.0);
            for (layer, (found, expected)) in found.1.iter().zip(&expected.1).enumerate() {
                near(found, expected);
                if pooling == Pooling::Max {
                    // A step may change which token is the greatest.
                    continue;
                }
                let loss = |place: usize, step: f32| {
                    let mut states = states.clone();
                    states[layer][place] += step;
                    let states: Vec<Tensor> = states.into_iter().map(tensor).collect();
                    let pooled = numbers(&pooling.pool(&states, &batch, skip).unwrap());
                    let terms = pooled.into_iter().zip(numbers(&weights));
                    terms.map(|(value, weight)| f64::from(value) * f64::from(weight)).sum::<f64>()
                };
                for place in (0..found.len()).step_by(7) {
                    let slope = (loss(place, 1.0) - loss(place, -1.0)) / 2.0;
                    prop_assert!((slope - f64::from(found[place])).abs() < 1e-6);
                }
            }
            if skip == 0 {
                let for_head = run(&states, &weights, |states| pooling.pool_for_head(states, &batch));
                near(&for_head.0, &expected.0);
                for (found, expected) in for_head.1.iter().zip(&expected.1) {
                    near(found, expected);
                }
            }
        }
    }
}

#[test]
fn averages_are_of_each_sequence_alone_and_in_the_callers_order() {
    let lengths = [3_usize, 1, 3, 2];
    let batch = batch(&lengths);
    let mut values = vec![0.0; batch.tokens() * WIDTH];
    for (sequence, length) in lengths.into_iter().enumerate() {
        for position in 0..length {
            let row = batch.row(sequence, position) as usize;
            values[row * WIDTH..][..WIDTH].fill((10 * sequence + position) as f32);
        }
    }
    let state = tensor(values.clone());
    let doubled = tensor(values.iter().map(|value| 2.0 * value).collect());
    let firsts = |pooling: Pooling, states: &[Tensor], skip: usize| -> Vec<f32> {
        let pooled = numbers(&pooling.pool(states, &batch, skip).unwrap());
        pooled.into_iter().step_by(WIDTH).collect()
    };
    let one = std::slice::from_ref(&state);
    assert_eq!(firsts(Pooling::Cls, one, 0), [0.0, 10.0, 20.0, 30.0]);
    assert_eq!(firsts(Pooling::Mean, one, 0), [1.0, 10.0, 21.0, 30.5]);
    // The average of no tokens is zero.
    assert_eq!(firsts(Pooling::Mean, one, 1), [1.5, 0.0, 21.5, 31.0]);
    let both = [state, doubled];
    assert_eq!(
        firsts(Pooling::FirstLast, &both, 0),
        [1.5, 15.0, 31.5, 45.75]
    );
}

#[test]
fn hidden_states_of_other_layers_or_batches_are_refused() {
    let batch = batch(&[2, 3]);
    let state = tensor(random(5, 0));
    let refusal = |pooling: Pooling, states: &[Tensor]| {
        pooling.pool(states, &batch, 0).unwrap_err().to_string()
    };
    let found = refusal(Pooling::FirstLast, std::slice::from_ref(&state));
    assert!(
        found.contains("hidden states of 1 layers, not 2"),
        "{found}"
    );
    for rows in [4, 6] {
        let found = refusal(Pooling::Mean, &[tensor(random(rows, 0))]);
        assert!(found.contains("not those of the batch"), "{found}");
    }
}

#[test]
fn names_are_those_that_are_written() {
    assert_eq!(ALL.len(), Pooling::NAMES.len());
    for (pooling, name) in ALL.into_iter().zip(Pooling::NAMES) {
        assert_eq!(serde_json::to_value(pooling).unwrap(), *name);
    }
}

#[test]
fn a_maximum_is_of_each_sequence_and_its_gradient_goes_to_the_first_that_has_it() {
    let batch = batch(&[2, 1]);
    let mut values = vec![0.0; batch.tokens() * WIDTH];
    let (first, alone) = (batch.row(0, 0) as usize, batch.row(1, 0) as usize);
    values[first * WIDTH] = 3.0;
    values[(first + 1) * WIDTH] = 3.0;
    values[(first + 1) * WIDTH + 1] = -1.0;
    values[alone * WIDTH] = -2.0;
    let weights = Tensor::ones((2, WIDTH), candle_core::DType::F32, &Device::Cpu).unwrap();
    let (found, gradients) = run(&[values], &weights, |states| {
        Pooling::Max.pool(states, &batch, 0)
    });
    assert_eq!(found, [3.0, 0.0, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(gradients[0][first * WIDTH], 1.0);
    assert_eq!(gradients[0][(first + 1) * WIDTH], 0.0);
    assert_eq!(gradients[0][alone * WIDTH], 1.0);
}
