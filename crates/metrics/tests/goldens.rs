//! Agreement with scikit-learn and SciPy, and with SQuAD's scripts. The goldens were made by `tests/goldens/make.py` and
//! `tests/goldens/spans.py`.

#![allow(clippy::unwrap_used)]

use metrics::{
    MetricError, SpanRules, accuracy, f1, matthews, mean, pearson, span_match, spearman,
    standard_deviation,
};
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

#[derive(Deserialize)]
struct Span {
    predicted: String,
    gold: Vec<String>,
    first: (f64, f64),
    second: (f64, f64),
}

#[test]
fn answers_are_scored_as_by_the_scripts_of_squad() {
    let spans: Vec<Span> = serde_json::from_str(include_str!("goldens/spans.json")).unwrap();
    assert_eq!(spans.len(), 400);
    for span in spans {
        let gold: Vec<&str> = span.gold.iter().map(String::as_str).collect();
        for (rules, expected) in [
            (SpanRules::Answered, span.first),
            (SpanRules::MayBeUnanswerable, span.second),
        ] {
            let found = span_match(&span.predicted, &gold, rules);
            let (predicted, found) = (&span.predicted, (found.exact, found.f1));
            assert!(
                found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-12,
                "{predicted:?} {gold:?} {rules:?}: {found:?}, not {expected:?}"
            );
        }
    }
}
