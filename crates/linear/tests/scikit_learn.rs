//! Agreement of logistic regression with scikit-learn. The goldens were made by `tests/goldens/logistic.py`.

#![allow(clippy::unwrap_used)]

use linear::{Features, Fit, Stop};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    rows: usize,
    width: usize,
    classes: usize,
    inverse_penalty: f64,
    labels: Vec<usize>,
    weights: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

/// The features of the script's problem.
fn features(rows: usize, width: usize) -> Vec<f64> {
    let value = |row: usize, column: usize| {
        let whole = (row * row * 31 + row * column * 17 + column * 53 + row) % 257;
        let scale = f64::from(1 << (column % 4));
        (whole as f64 - 128.0) * scale / 64.0 + column as f64
    };
    let all = (0..rows).flat_map(|row| (0..width).map(move |column| (row, column)));
    all.map(|(row, column)| value(row, column)).collect()
}

#[test]
fn coefficients_are_scikit_learns() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("goldens/logistic.json")).unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let features = Features::new(features(case.rows, case.width), case.width);
        let rows: Vec<usize> = (0..case.rows).collect();
        let fit = Fit {
            features: &features,
            labels: &case.labels,
            rows: &rows,
        };
        let stop = Stop {
            slope: 1e-9,
            steps: 5_000,
        };
        let model = fit.run(case.inverse_penalty, None, &stop).unwrap();
        let (weights, mut intercepts) = model.coefficients(&features);
        if case.classes > 2 {
            let mean = intercepts.iter().sum::<f64>() / intercepts.len() as f64;
            intercepts.iter_mut().for_each(|one| *one -= mean);
        }
        let found = weights.iter().flatten().chain(&intercepts);
        let expected = case.weights.iter().flatten().chain(&case.intercepts);
        let (mut compared, wanted) = (0, case.weights.len() * (case.width + 1));
        for (found, expected) in found.zip(expected) {
            assert!(
                (found - expected).abs() < 1e-6,
                "{} classes, C = {}: {found} for {expected}",
                case.classes,
                case.inverse_penalty
            );
            compared += 1;
        }
        assert_eq!(compared, wanted);
    }
}
