//! Agreement with scikit-learn and SciPy. The goldens were made by `tests/goldens/make.py`.

#![allow(clippy::unwrap_used)]

use metrics::{MetricError, accuracy, f1, matthews, mean, pearson, spearman, standard_deviation};
use serde::Deserialize;

#[derive(Deserialize)]
struct Goldens {
    classification: Vec<Classification>,
    correlation: Vec<Correlation>,
    spread: Vec<Spread>,
}

#[derive(Deserialize)]
struct Classification {
    predictions: Vec<usize>,
    labels: Vec<usize>,
    accuracy: f64,
    f1: f64,
    matthews: f64,
}

#[derive(Deserialize)]
struct Correlation {
    left: Vec<f64>,
    right: Vec<f64>,
    pearson: Option<f64>,
    spearman: Option<f64>,
}

#[derive(Deserialize)]
struct Spread {
    values: Vec<f64>,
    mean: f64,
    standard_deviation: f64,
}

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("goldens/metrics.json")).unwrap()
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-12,
        "found {found}, expected {expected}"
    );
}

#[test]
fn classes_score_as_in_scikit_learn() {
    let cases = goldens().classification;
    assert!(cases.len() > 10);
    for case in cases {
        assert_close(
            accuracy(&case.predictions, &case.labels).unwrap(),
            case.accuracy,
        );
        assert_close(f1(&case.predictions, &case.labels).unwrap(), case.f1);
        assert_close(
            matthews(&case.predictions, &case.labels).unwrap(),
            case.matthews,
        );
    }
}

#[test]
fn numbers_correlate_as_in_scipy() {
    let cases = goldens().correlation;
    assert!(cases.len() > 6);
    for case in cases {
        for (found, expected) in [
            (pearson(&case.left, &case.right), case.pearson),
            (spearman(&case.left, &case.right), case.spearman),
        ] {
            match expected {
                Some(expected) => assert_close(found.unwrap(), expected),
                None => assert!(matches!(found, Err(MetricError::Undefined(_)))),
            }
        }
    }
}

#[test]
fn spread_is_as_in_numpy() {
    let cases = goldens().spread;
    assert_eq!(cases.len(), 4);
    for case in cases {
        assert_close(mean(&case.values), case.mean);
        assert_close(
            standard_deviation(&case.values).unwrap(),
            case.standard_deviation,
        );
    }
}
