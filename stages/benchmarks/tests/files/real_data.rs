//! The official files: the environment variable `PIPE_TEST_DATA` names the folder that contains `glue_data` and
//! `SentEval`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::common::{folder, run, run_given};
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
fn the_transfer_sets_have_the_official_sizes() {
    let artifact = run(&data(), "transfer").unwrap();
    let sizes: Vec<(String, Vec<usize>)> = benchmarks::read_transfer(&artifact.path())
        .unwrap()
        .into_iter()
        .map(|set| {
            let splits = set.splits.named().into_iter();
            (set.name.clone(), splits.map(|(_, all)| all.len()).collect())
        })
        .collect();
    let official = [
        ("mr", vec![10_662]),
        ("cr", vec![3775]),
        ("subj", vec![10_000]),
        ("mpqa", vec![10_606]),
        ("sst2", vec![67_349, 872, 1821]),
        ("trec", vec![5452, 500]),
        ("mrpc", vec![4076, 1725]),
    ];
    assert_eq!(
        sizes,
        official.map(|(name, sizes)| (name.to_owned(), sizes))
    );
    let left_over = "lines without words count as sentences, as in SentEval";
    assert_eq!(
        artifact.notes,
        [format!("CR: 4 {left_over}"), format!("MPQA: 3 {left_over}")]
    );
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
        // As many as the releases have without a score.
        let left_out = "pairs without a gold score are left out, as in the official score: 5500 of STS15, 7997 of STS16";
        assert_eq!(artifact.notes, [left_out]);
    }
    let given = serde_json::json!({"task": "sts", "sick_all": true});
    let artifact = run_given(&data, &given).unwrap();
    let pairs = read_pairs(&artifact.path()).unwrap();
    let all = pairs
        .iter()
        .filter(|pair| pair.set == benchmarks::SICKR_ALL);
    assert_eq!(all.count(), 9927);
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
