//! The official files: the environment variable `PIPE_TEST_DATA` names the folder that contains `glue_data` and
//! `SentEval`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::common::{folder, run};
use benchmarks::{SpanTask, read_labelled, read_pairs, read_spans};

fn data() -> PathBuf {
    let data = std::env::var_os("PIPE_TEST_DATA");
    PathBuf::from(data.expect("PIPE_TEST_DATA names the data"))
}

#[test]
#[ignore = "reads real data: CONTRIBUTING.md says how to run it"]
fn glue_has_the_official_sizes() {
    let data = data();
    // The local files of MNLI, QNLI and QQP are excerpts, so their sizes are not the official ones.
    for (name, train, validation) in [
        ("cola", 8551, 1043),
        ("sst2", 67_349, 872),
        ("mrpc", 3668, 408),
        ("stsb", 5749, 1500),
        ("rte", 2490, 277),
        ("wnli", 635, 71),
        ("qnli", 9999, 5463),
        ("qqp", 23_496, 9372),
        ("mnli", 9999, 9815),
    ] {
        let artifact = run(&data, name).unwrap();
        let task = read_labelled(&artifact.path()).unwrap();
        assert_eq!(
            (task.train.len(), task.validation.len()),
            (train, validation),
            "{name}"
        );
        assert_eq!(
            task.validation_mismatched.map(|split| split.len()),
            (name == "mnli").then_some(1000)
        );
        assert_eq!(
            artifact.notes.len(),
            usize::from(name == "qqp"),
            "{:?}",
            artifact.notes
        );
        if name == "sst2" {
            let positive = task.train.iter().filter(|one| one.label == 1.0).count();
            assert_eq!(positive, 37_569);
        }
    }
}

#[test]
#[ignore = "reads real data: CONTRIBUTING.md says how to run it"]
fn the_similarity_sets_have_the_official_sizes() {
    let data = data();
    let official = [
        ("sts12", 3108),
        ("sts13", 1500),
        ("sts14", 3750),
        ("sts15", 3000),
        ("sts16", 1186),
        ("stsb", 1379),
        ("sickr", 4927),
    ];
    for (source, sets) in [("", &official[..]), ("SemEval-STS-raw", &official[..5])] {
        let artifact = run(&data.join(source), "sts").unwrap();
        let mut sizes = BTreeMap::new();
        for pair in read_pairs(&artifact.path()).unwrap() {
            *sizes.entry(pair.set).or_insert(0) += 1;
        }
        let expected: BTreeMap<_, _> = sets
            .iter()
            .map(|(set, size)| ((*set).to_owned(), *size))
            .collect();
        assert_eq!(sizes, expected);
        assert!(artifact.notes.is_empty(), "{:?}", artifact.notes);
    }
}

/// Checks the published sizes. Answers are at the places that the file gives, and gold answers, empty ones included, get full
/// scores.
#[test]
#[ignore = "reads real data: CONTRIBUTING.md says how to run it"]
fn squad_has_the_official_sizes() {
    let data = data();
    let artifact = run(&data, "squad").unwrap();
    let task = read_spans(&artifact.path()).unwrap();
    assert_eq!((task.train.len(), task.validation.len()), (87_599, 10_570));
    assert!(artifact.notes.is_empty(), "{:?}", artifact.notes);
    let first = |task: &SpanTask| -> Vec<Option<String>> {
        let gold = task
            .validation
            .iter()
            .map(|one| one.gold().first().copied().unwrap_or(""));
        gold.map(|answer| Some(answer.to_owned())).collect()
    };
    let scores = task.scores(&first(&task)).unwrap();
    assert_eq!((scores[0].value, scores[1].value), (100.0, 100.0));

    // The data has no training file of release 2.0, so the development file stands in for it.
    let dev = std::fs::read(data.join("squad/dev-v2.0.json")).unwrap();
    let source = folder(&[("train-v2.0.json", &dev), ("dev-v2.0.json", &dev)]);
    let task = read_spans(&run(source.path(), "squad2").unwrap().path()).unwrap();
    assert_eq!(task.validation.len(), 11_873);
    let unanswerable = task.validation.iter().filter(|one| one.answers.is_empty());
    assert_eq!(unanswerable.count(), 5945);
    let scores = task.scores(&first(&task)).unwrap();
    assert!(scores.iter().all(|score| score.value == 100.0));
    // A system that never answers scores the share of questions without an answer.
    let never = vec![Some(""); task.validation.len()];
    assert!((task.scores(&never).unwrap()[0].value - 50.07).abs() < 0.005);
}
