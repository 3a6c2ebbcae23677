#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Goldens {
    width: usize,
    cases: Vec<Golden>,
}

#[derive(Deserialize)]
struct Golden {
    classes: Vec<u32>,
    temperature: f64,
    vectors: Vec<f32>,
    loss: f64,
    gradient: Vec<f64>,
}

/// PyTorch's values, by `tests/goldens/losses.py`.
#[test]
fn loss_and_gradient_are_those_of_pytorch() {
    let goldens: Goldens =
        serde_json::from_str(include_str!("../../tests/goldens/supervised.json")).unwrap();
    for golden in goldens.cases {
        let supervised = Supervised {
            temperature: golden.temperature,
        };
        let (loss, gradient) = supervised.of(&golden.vectors, &golden.classes, goldens.width);
        assert!((loss - golden.loss).abs() < 1e-5 * golden.loss.abs().max(1.0));
        let most = golden.gradient.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
        assert_eq!(gradient.len(), golden.gradient.len());
        for (found, expected) in gradient.iter().zip(&golden.gradient) {
            assert!((f64::from(*found) - expected).abs() < 1e-5 * most);
        }
    }
}

/// An example alone of its class has nothing that it should be near, and counts among the others all the same.
#[test]
fn an_example_alone_of_its_class_contributes_nothing() {
    let supervised = Supervised { temperature: 0.5 };
    let vectors = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8];
    let (loss, gradient) = supervised.of(&vectors, &[0, 1, 2], 2);
    assert_eq!((loss, gradient), (0.0, vec![0.0; 6]));
    let (pair, _) = supervised.of(&vectors[..4], &[0, 0], 2);
    let (beside, _) = supervised.of(&vectors, &[0, 0, 1], 2);
    assert_eq!(pair, 0.0);
    assert!(beside > 0.1, "{beside}");
    assert_eq!(supervised.of(&vectors[..2], &[0], 2).0, 0.0);
}

proptest! {
    /// Where all vectors are equal nothing tells them apart: each loss is the logarithm of the number of others.
    #[test]
    fn equal_vectors_cannot_be_told_apart(count in 2_usize..20, width in 1_usize..9) {
        let supervised = Supervised { temperature: 0.3 };
        let (loss, gradient) = supervised.of(&vec![0.5; count * width], &vec![3; count], width);
        let expected = count as f64 * ((count - 1) as f64).ln();
        prop_assert!((loss - expected).abs() < 1e-3, "{} {}", loss, expected);
        prop_assert!(gradient.iter().all(|value| value.abs() < 1e-4));
    }
}
