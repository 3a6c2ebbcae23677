//! Updates of a block whose tensors have gaps between them.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};

use super::*;

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap()
}

#[test]
fn runs_end_at_padding_and_where_decay_changes() {
    let [matrix, vector, odd] = [ones(&[4, 8]), ones(&[16]), ones(&[3])];
    let tensors = [
        ("a", &matrix),
        ("b", &matrix),
        ("c", &vector),
        ("d", &odd),
        ("e", &odd),
    ];
    let block = Block::new("block", tensors).unwrap();
    let found = |decay| -> Vec<(Range<usize>, bool)> {
        let runs = runs(block.entries(), decay).into_iter();
        runs.map(|run| (run.range, run.decays)).collect()
    };
    assert_eq!(found(DecayGroup::All), [(0..83, true), (96..99, true)]);
    assert_eq!(
        found(DecayGroup::NoBiasOrNorm),
        [(0..64, true), (64..83, false), (96..99, false)]
    );
}

/// The epsilon is 0, so a zero moment in a gap would give 0 / 0 if the gap were updated.
#[test]
fn what_lies_between_tensors_stays_zero() {
    let odd = ones(&[3]);
    let block = Block::new("block", [("a", &odd), ("b", &odd)]).unwrap();
    let parameters = Parameters::of([block.clone()]).unwrap();
    let options = AdamWOptions {
        epsilon: 0.0,
        weight_decay: 0.0,
        ..AdamWOptions::default()
    };
    let mut optimizer = AdamW::new(&parameters, options).unwrap();
    let mut gradients = Gradients::zeros(&parameters);
    let sum = |name| parameters.value(name, true).unwrap().sum_all().unwrap();
    gradients.replace(&(sum("a") + sum("b")).unwrap()).unwrap();
    optimizer.step(&parameters, &gradients, 0.25).unwrap();
    let values = block.variable().to_vec1::<f32>().unwrap();
    let zeros = [0.0; 13];
    assert_eq!(values[3..16], zeros);
    assert_eq!(values[19..], zeros);
    // The first update moves every element by the learning rate.
    for value in values[..3].iter().chain(&values[16..19]) {
        assert!((value - 0.75).abs() < 1e-6, "{value}");
    }
}

#[test]
fn a_block_without_a_gradient_is_not_updated() {
    let [first, second] = ["a", "b"].map(|name| {
        let block = Block::new(name, [(name, &ones(&[2]))]);
        block.unwrap()
    });
    let parameters = Parameters::of([first.clone(), second]).unwrap();
    let mut optimizer = AdamW::new(&parameters, AdamWOptions::default()).unwrap();
    let mut gradients = Gradients::zeros(&parameters);
    gradients
        .replace(&first.flat(true).sum_all().unwrap())
        .unwrap();
    let error = optimizer.step(&parameters, &gradients, 0.1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `b` has no gradient or no moments"
    );
    assert_eq!(optimizer.steps(), 0);
    assert_eq!(
        parameters
            .value("a", false)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap(),
        [1.0; 2]
    );
}
