#![allow(clippy::unwrap_used)]

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Goldens {
    width: usize,
    cases: Vec<Golden>,
}

#[derive(Deserialize)]
struct Golden {
    places: Vec<u32>,
    temperature: f64,
    student: Vec<f32>,
    teacher: Vec<f32>,
    loss: f64,
    gradient: Vec<f64>,
}

/// PyTorch's values, by `tests/goldens/losses.py`.
#[test]
fn loss_and_gradient_are_those_of_pytorch() {
    let goldens: Goldens =
        serde_json::from_str(include_str!("../../tests/goldens/tokens.json")).unwrap();
    for golden in goldens.cases {
        let contrast = TokenContrast {
            temperature: golden.temperature,
        };
        let (loss, gradient) = contrast.of(
            &golden.student,
            &golden.teacher,
            &golden.places,
            goldens.width,
        );
        assert!((loss - golden.loss).abs() < 1e-5 * golden.loss.abs().max(1.0));
        let most = golden.gradient.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
        assert_eq!(gradient.len(), golden.gradient.len());
        for (found, expected) in gradient.iter().zip(&golden.gradient) {
            assert!((f64::from(*found) - expected).abs() < 1e-5 * most);
        }
    }
}

/// A student that makes what the teacher makes has a loss near 0 where the tokens differ.
#[test]
fn the_teacher_itself_has_the_least_loss() {
    let states = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0];
    let contrast = TokenContrast { temperature: 0.01 };
    let (loss, _) = contrast.of(&states, &states, &[0, 1, 2], 2);
    assert!(loss < 1e-6, "{loss}");
    let (other, _) = contrast.of(&states[..2], &states, &[1], 2);
    assert!(other > 50.0, "{other}");
}
