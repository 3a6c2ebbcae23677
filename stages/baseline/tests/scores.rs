//! The baseline stages and their scores.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use baseline::{
    BagOfWords, BagOfWordsStage, Example, Kind, MajorityStage, Metric, Task, bag_of_words_scores,
    majority, majority_scores,
};
use benchmarks::BenchmarksStage;
use contract::{Context, Inputs, Params, Stage};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

fn example(sentence1: &str, sentence2: Option<&str>, label: f64) -> Example {
    Example {
        id: String::new(),
        sentence1: sentence1.into(),
        sentence2: sentence2.map(Into::into),
        label,
    }
}

fn task(kind: Kind, labels: &[&str], metrics: &[Metric], train: Vec<Example>) -> Task {
    Task {
        name: "made".into(),
        kind,
        labels: labels.iter().map(|label| (*label).into()).collect(),
        metrics: metrics.to_vec(),
        validation: train.clone(),
        train,
        validation_mismatched: None,
    }
}

#[test]
fn the_majority_is_the_most_frequent_class_or_the_mean() {
    let labelled = |labels: &[f64]| -> Vec<Example> {
        labels
            .iter()
            .map(|label| example("a", None, *label))
            .collect()
    };
    assert_eq!(
        majority(&labelled(&[2.0, 0.0, 2.0, 1.0]), Kind::Classification),
        2.0
    );
    assert_eq!(
        majority(&labelled(&[2.0, 1.0, 1.0, 2.0]), Kind::Classification),
        1.0
    );
    assert_eq!(majority(&labelled(&[5.0, 0.0, 1.0]), Kind::Regression), 2.0);
}

#[test]
fn constants_have_no_correlation() {
    let train = vec![
        example("a", None, 1.0),
        example("b", None, 1.0),
        example("c", None, 0.0),
    ];
    let cola = task(
        Kind::Classification,
        &["no", "yes"],
        &[Metric::Matthews],
        train.clone(),
    );
    assert_eq!(majority_scores(&cola).unwrap()[0].value, 0.0);
    let paraphrase = task(
        Kind::Classification,
        &["no", "yes"],
        &[Metric::F1, Metric::Accuracy],
        train.clone(),
    );
    let scores = majority_scores(&paraphrase).unwrap();
    assert!((scores[0].value - 80.0).abs() < 1e-12 && scores[0].main);
    assert!((scores[1].value - 200.0 / 3.0).abs() < 1e-12);
    let similarity = task(
        Kind::Regression,
        &[],
        &[Metric::Spearman, Metric::Pearson],
        train,
    );
    let undefined = &majority_scores(&similarity).unwrap()[0].undefined;
    assert_eq!(undefined.as_deref(), Some("constant predictions"));
}

#[test]
fn words_and_shared_words_are_learned() {
    let mut train = Vec::new();
    for filler in [
        "film", "plot", "cast", "score", "scene", "end", "start", "hero",
    ] {
        train.push(example(&format!("a good {filler}"), None, 1.0));
        train.push(example(&format!("a bad {filler}"), None, 0.0));
    }
    let sentiment = task(
        Kind::Classification,
        &["no", "yes"],
        &[Metric::Accuracy],
        train,
    );
    assert_eq!(bag_of_words_scores(&sentiment).unwrap()[0].value, 100.0);
    assert_eq!(majority_scores(&sentiment).unwrap()[0].value, 50.0);
    let model = BagOfWords::fit(&sentiment.train, Kind::Classification, 2).unwrap();
    let unseen = [
        example("GOOD, good villain", None, 1.0),
        example("bad villain", None, 0.0),
    ];
    let predicted = model.predict(&unseen);
    assert_eq!([predicted[0].value, predicted[1].value], [1.0, 0.0]);
    assert!(predicted[0].probabilities[1] > 0.5 && predicted[1].probabilities[0] > 0.5);

    // Single words of either sentence carry no information; whether both sentences have the same word does.
    let words = ["red", "blue", "green", "grey"];
    let mut train = Vec::new();
    for _ in 0..3 {
        for first in words {
            for second in words {
                train.push(example(first, Some(second), f64::from(first == second)));
            }
        }
    }
    let pairs = task(
        Kind::Classification,
        &["no", "yes"],
        &[Metric::Accuracy],
        train.clone(),
    );
    assert_eq!(bag_of_words_scores(&pairs).unwrap()[0].value, 100.0);
    let graded = task(
        Kind::Regression,
        &[],
        &[Metric::Spearman, Metric::Pearson],
        train,
    );
    assert!(bag_of_words_scores(&graded).unwrap()[1].value > 95.0);
}

fn run(stage: &dyn Stage, source: (&str, &Path), given: &serde_json::Value) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let context = Context::in_folder(folder.path()).unwrap();
    let params = contract::complete(stage.signature().fields, given.as_object().unwrap()).unwrap();
    stage
        .run(&Params(params), &Inputs::from([source]), &context)
        .unwrap();
    let output = folder.path().join("output");
    (folder, output)
}

#[test]
fn the_stages_write_the_same_scores_each_time() {
    let fixtures = Path::new("../benchmarks/tests/fixtures");
    for name in ["mnli", "stsb", "cola"] {
        let (_kept, data) = run(
            &BenchmarksStage,
            ("source", fixtures),
            &json!({ "task": name }),
        );
        for stage in [&MajorityStage as &dyn Stage, &BagOfWordsStage] {
            let [first, second] = [(), ()].map(|()| {
                let (_kept, output) = run(stage, ("data", &data), &json!({}));
                let bytes = std::fs::read(output.join(metrics::scores::FILE)).unwrap();
                let rows = metrics::predictions::read(&output).unwrap();
                (metrics::scores::read(&output).unwrap(), bytes, rows)
            });
            // Bytes are compared, since a score may be undefined, and NaN does not equal NaN.
            assert_eq!(first.1, second.1);
            assert_eq!(first.2, second.2);
            let task = benchmarks::read_labelled(&data).unwrap();
            let mismatched = task.validation_mismatched.as_ref().map_or(0, Vec::len);
            assert_eq!(first.2.len(), task.validation.len() + mismatched);
            for row in &first.2 {
                assert_eq!(row.name.set, name);
                assert_eq!(row.probabilities.len(), task.labels.len());
            }
            assert_eq!(first.0.iter().filter(|score| score.main).count(), 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_examples_can_be_fitted(
        rows in proptest::collection::vec((".{0,12}", proptest::option::of(".{0,12}"), 0..3_u8), 1..12),
    ) {
        let train: Vec<_> = rows
            .iter()
            .map(|(first, second, label)| example(first, second.as_deref(), f64::from(*label)))
            .collect();
        for (kind, metric) in
            [(Kind::Classification, Metric::Accuracy), (Kind::Regression, Metric::Spearman)]
        {
            let labels = if kind == Kind::Classification { &["a", "b", "c"][..] } else { &[] };
            let task = task(kind, labels, &[metric], train.clone());
            let scores = bag_of_words_scores(&task).unwrap();
            prop_assert!(
                scores
                    .iter()
                    .all(|score| score.value.is_finite() != score.undefined.is_some())
            );
        }
    }
}

/// Needs real data: the environment variable `PIPE_TEST_DATA` names the folder that contains `glue_data`.
#[test]
#[ignore = "reads real data: CONTRIBUTING.md says how to run it"]
fn real_data_tasks_score_as_expected() {
    let data = std::env::var_os("PIPE_TEST_DATA").expect("PIPE_TEST_DATA names the data");
    let data = PathBuf::from(data);
    // Main scores of the majority class and of the bag of words, to two decimals; a constant prediction has no correlation.
    for (name, constant, words) in [
        ("rte", 52.71, 53.79),
        ("cola", 0.0, 6.35),
        ("stsb", f64::NAN, 47.15),
        ("mrpc", 81.22, 82.39),
        ("sst2", 50.92, 81.42),
    ] {
        let (_kept, data) = run(
            &BenchmarksStage,
            ("source", &data),
            &json!({ "task": name }),
        );
        for (stage, expected) in [
            (&MajorityStage as &dyn Stage, constant),
            (&BagOfWordsStage, words),
        ] {
            let (_kept, output) = run(stage, ("data", &data), &json!({}));
            let scores = metrics::scores::read(&output).unwrap();
            let main = scores.iter().find(|score| score.main).unwrap().value;
            let is_right = match expected.is_nan() {
                true => main.is_nan(),
                false => (main - expected).abs() < 0.005,
            };
            assert!(is_right, "{name}: {main}");
        }
    }
}
