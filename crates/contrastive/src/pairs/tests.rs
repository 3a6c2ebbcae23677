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
    similarity: Similarity,
    temperature: f64,
    negative_weight: f64,
    views: Vec<Vec<f32>>,
    loss: f64,
    gradients: Vec<Vec<f64>>,
}

/// PyTorch's values, by `tests/goldens/pairs.py`.
#[test]
fn loss_and_gradients_are_those_of_pytorch() {
    let goldens: Goldens =
        serde_json::from_str(include_str!("../../tests/goldens/pairs.json")).unwrap();
    for golden in goldens.cases {
        let contrast = Contrast {
            similarity: golden.similarity,
            temperature: golden.temperature,
            negative_weight: golden.negative_weight,
        };
        let found = contrast.of(&golden.views, goldens.width);
        let scale = golden.loss.abs().max(1.0);
        assert!(
            (found.loss - golden.loss).abs() < 1e-5 * scale,
            "{}",
            found.loss
        );
        assert_eq!(found.gradients.len(), golden.gradients.len());
        for (found, expected) in found.gradients.iter().zip(&golden.gradients) {
            let largest = expected
                .iter()
                .fold(1.0_f64, |most, value| most.max(value.abs()));
            for (found, expected) in found.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5 * largest);
            }
        }
    }
}

proptest! {
    /// Where all vectors are equal nothing tells them apart: the loss is the logarithm of the number of candidates, and by symmetry the
    /// anchors have no gradient.
    #[test]
    fn equal_vectors_cannot_be_told_apart(count in 1_usize..40, width in 1_usize..9) {
        let contrast = Contrast { similarity: Similarity::Cosine, temperature: 0.05, negative_weight: 1.0 };
        for views in [2, 3] {
            let found = contrast.of(&vec![vec![0.5; count * width]; views], width);
            let candidates = (count * (views - 1)) as f64;
            prop_assert!((found.loss / count as f64 - candidates.ln()).abs() < 1e-4);
            prop_assert!(found.gradients[0].iter().all(|value| value.abs() < 1e-4));
        }
    }

    /// The cosine does not depend on the lengths of vectors, so that moving along a vector changes nothing.
    #[test]
    fn gradients_are_across_the_vectors(values in prop::collection::vec(-2.0_f32..2.0, 3 * 6 * 4)) {
        let contrast = Contrast { similarity: Similarity::Cosine, temperature: 0.1, negative_weight: 2.0 };
        let views: Vec<Vec<f32>> = values.chunks(24).map(<[f32]>::to_vec).collect();
        prop_assume!(views.iter().all(|view| view.chunks(4).all(|one| kernels::sum_of_squares(one) > 0.01)));
        let found = contrast.of(&views, 4);
        for (view, gradient) in views.iter().zip(&found.gradients) {
            for (vector, gradient) in view.chunks(4).zip(gradient.chunks(4)) {
                let along: f32 = vector.iter().zip(gradient).map(|(a, b)| a * b).sum();
                prop_assert!(along.abs() < 1e-4 * (1.0 + kernels::sum_of_squares(gradient) as f32));
            }
        }
    }
}
