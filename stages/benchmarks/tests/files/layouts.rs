//! The official layouts with their peculiarities, in small files.

use std::fmt::Write;
use std::path::Path;

use columnar::Schema;
use contract::{Column, ColumnType};

use crate::common::{Artifact, folder, run};
use benchmarks::{
    Benchmark, Example, Kind, Metric, Prediction, Task, read, read_labelled, read_pairs, read_spans,
};

const FIXTURES: &str = "tests/fixtures";

#[test]
fn every_glue_task_is_read() {
    let mut shown = String::new();
    for name in [
        "cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli",
    ] {
        // The folder that contains `glue_data` works too.
        let artifact = run(Path::new(FIXTURES), name).unwrap();
        let same = run(&Path::new(FIXTURES).join("glue_data"), name).unwrap();
        let task = read_labelled(&artifact.path()).unwrap();
        assert_eq!(task, read_labelled(&same.path()).unwrap());
        writeln!(
            shown,
            "{name}: {:?} {:?} {:?}",
            task.kind, task.labels, task.metrics
        )
        .unwrap();
        let splits = [
            ("train", Some(&task.train)),
            ("validation", Some(&task.validation)),
            ("mismatched", task.validation_mismatched.as_ref()),
        ];
        for (split, examples) in splits {
            for example in examples.into_iter().flatten() {
                let Example {
                    id,
                    sentence1,
                    sentence2,
                    label,
                } = example;
                writeln!(shown, "  {split} {id}: {label} {sentence1:?} {sentence2:?}").unwrap();
            }
        }
        for note in &artifact.notes {
            writeln!(shown, "  note: {note}").unwrap();
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn the_similarity_sets_are_read() {
    let artifact = run(Path::new(FIXTURES), "sts").unwrap();
    let mut shown = String::new();
    for pair in read_pairs(&artifact.path()).unwrap() {
        let (set, subset, id, score) = (pair.set, pair.subset, pair.id, pair.score);
        writeln!(
            shown,
            "{set} {subset} {id}: {score} {:?} {:?}",
            pair.sentence1, pair.sentence2
        )
        .unwrap();
    }
    for note in &artifact.notes {
        writeln!(shown, "note: {note}").unwrap();
    }
    shown += &std::fs::read_to_string(artifact.path().join("task.json")).unwrap();
    insta::assert_snapshot!(shown);
}

#[test]
fn every_folder_above_the_sets_does() {
    let pairs = |source: &Path| read_pairs(&run(source, "sts").unwrap().path()).unwrap();
    let file = |name| std::fs::read(Path::new(FIXTURES).join("downstream/STS").join(name)).unwrap();
    let (input, gold) = (
        file("STS12-en-test/STS.input.MSRpar.txt"),
        file("STS12-en-test/STS.gs.MSRpar.txt"),
    );
    let mut all = Vec::new();
    for above in [
        "",
        "STS/",
        "downstream/STS/",
        "data/downstream/STS/",
        "SentEval/data/downstream/STS/",
    ] {
        let input_name = format!("{above}STS12-en-test/STS.input.MSRpar.txt");
        let gold_name = format!("{above}STS12-en-test/STS.gs.MSRpar.txt");
        let folder = folder(&[(&input_name, &input), (&gold_name, &gold)]);
        all.push(pairs(folder.path()));
    }
    assert_eq!(all[0].len(), 2);
    assert!(all.iter().all(|pairs| pairs == &all[0]));
}

#[test]
fn line_ends_and_a_missing_last_one_do_not_matter() {
    let train = b"sentence\tlabel\r\ngood \t1\r\n\r\nbad\t0";
    let source = folder(&[("SST-2/train.tsv", train), ("SST-2/dev.tsv", train)]);
    let task = read_labelled(&run(source.path(), "sst2").unwrap().path()).unwrap();
    let labels: Vec<_> = task
        .train
        .iter()
        .map(|one| (one.sentence1.as_str(), one.label))
        .collect();
    assert_eq!(labels, [("good ", 1.0), ("bad", 0.0)]);
}

#[test]
fn mrpc_is_read_as_microsoft_released_it() {
    let header = "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n";
    let train = format!("{header}1\t1\t2\ta\tb\r\n0\t3\t4\tc\td\r\n");
    let test = format!("{header}1\t5\t6\te\tf\r\n");
    let train = ("MRPC/msr_paraphrase_train.txt", train.as_bytes());
    let test = ("MRPC/msr_paraphrase_test.txt", test.as_bytes());

    let own_split = folder(&[train, test]);
    let artifact = run(own_split.path(), "mrpc").unwrap();
    let task = read_labelled(&artifact.path()).unwrap();
    assert_eq!((task.train.len(), task.validation.len()), (2, 1));
    assert_eq!(task.validation[0].sentence1, "e");
    assert_eq!(artifact.notes.len(), 1);

    let glue_split = folder(&[train, test, ("MRPC/dev_ids.tsv", b"3\t4\n")]);
    let task = read_labelled(&run(glue_split.path(), "mrpc").unwrap().path()).unwrap();
    assert_eq!(task.train[0].sentence1, "a");
    assert_eq!((task.train.len(), task.validation.len()), (1, 1));
    assert_eq!(
        (
            task.validation[0].sentence1.as_str(),
            task.validation[0].label
        ),
        ("c", 0.0)
    );
}

#[test]
fn the_same_files_give_the_same_bytes() {
    for task in ["mnli", "sts"] {
        let [first, second] = [(), ()].map(|()| run(Path::new(FIXTURES), task).unwrap());
        for entry in std::fs::read_dir(first.path()).unwrap() {
            let name = entry.unwrap().file_name();
            let bytes = |artifact: &Artifact| std::fs::read(artifact.path().join(&name));
            assert_eq!(bytes(&first).unwrap(), bytes(&second).unwrap());
        }
    }
}

#[test]
fn an_artifact_of_another_shape_is_refused() {
    let artifacts = ["sts", "rte", "squad"].map(|task| run(Path::new(FIXTURES), task).unwrap());
    let [similarity, glue, squad] = artifacts.each_ref().map(Artifact::path);
    let mut shown = String::new();
    for folder in [&similarity, &glue, &squad] {
        for error in [
            read_labelled(folder).err(),
            read_pairs(folder).err(),
            read_spans(folder).err(),
        ] {
            let Some(error) = error else { continue };
            let message = error.to_string();
            let (_, message) = message.split_once(": ").unwrap();
            writeln!(shown, "{message}; {}", error.remedy().unwrap()).unwrap();
        }
    }
    insta::assert_snapshot!(shown, @r#"
    this is the task `sts`: the similarity sets, not a GLUE task; give a benchmark of a GLUE task: `task = "sst2"`
    this is the task `sts`: the similarity sets, not questions about texts; give a benchmark with `task = "squad"`
    this is the task `rte`: a GLUE task, not the similarity sets; give a benchmark with `task = "sts"`
    this is the task `rte`: a GLUE task, not questions about texts; give a benchmark with `task = "squad"`
    this is the task `squad`: questions about texts, not a GLUE task; give a benchmark of a GLUE task: `task = "sst2"`
    this is the task `squad`: questions about texts, not the similarity sets; give a benchmark with `task = "sts"`
    "#);
    assert!(matches!(read(&similarity).unwrap(), Benchmark::Pairs(_)));
    assert!(matches!(read(&glue).unwrap(), Benchmark::Labelled(_)));
    assert!(matches!(read(&squad).unwrap(), Benchmark::Spans(_)));
    assert!(
        read(Path::new(FIXTURES))
            .unwrap_err()
            .to_string()
            .contains("no `task.json`")
    );
}

/// Artifacts without `shape` and `id` come from users' programs and from earlier versions of this one.
#[test]
fn artifacts_without_shape_and_names_are_read() {
    let artifact = run(Path::new(FIXTURES), "rte").unwrap();
    let folder = artifact.path();
    let path = folder.join("task.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"shape\": \"labelled\",", "")).unwrap();
    let columns = [
        Column::new("sentence1", ColumnType::Text, ""),
        Column::new("sentence2", ColumnType::Text, "").nullable(),
        Column::new("label", ColumnType::Number, ""),
    ];
    let save = |labels: [f64; 2]| {
        let values = vec![
            ["a", "b"].into_iter().collect(),
            [Some("c"), None].into_iter().collect(),
            labels.into_iter().collect(),
        ];
        let path = folder.join("validation.parquet");
        columnar::write(&path, &Schema::of(&columns), values).unwrap();
    };
    save([0.0, 1.0]);
    let task = read_labelled(&folder).unwrap();
    let names: Vec<&str> = task.validation.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(names, ["0", "1"]);
    for label in [2.0, -1.0, 0.5, f64::NAN] {
        save([0.0, label]);
        let error = read_labelled(&folder).unwrap_err().to_string();
        assert!(
            error.contains(&format!("the label {label} of row 1")),
            "{error}"
        );
    }
}

#[test]
fn scores_have_the_main_metric_first() {
    let task = read_labelled(&run(Path::new(FIXTURES), "mnli").unwrap().path()).unwrap();
    assert_eq!((task.kind, task.outputs()), (Kind::Classification, 3));
    let of = |value: f64| {
        vec![Prediction {
            value,
            probabilities: Vec::new(),
        }]
    };
    let scores = task.scores(&of(0.0), Some(&of(0.0))).unwrap();
    let rows = task.rows(&of(0.0), Some(&of(1.0))).unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.name.set.as_str(),
                row.name.split.as_str(),
                row.prediction,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("mnli", "validation", 0.0),
            ("mnli", "validation_mismatched", 1.0)
        ]
    );
    for score in &scores {
        let said = Task::score_names();
        let mut said = said.iter();
        let is_said = said.any(|said| said.name == score.name && said.split == score.split);
        assert!(is_said, "{score:?}");
    }
    let shown: Vec<_> = scores
        .iter()
        .map(|one| (one.name.as_str(), one.value, one.examples, one.main))
        .collect();
    assert_eq!(
        shown,
        [("accuracy", 100.0, 1, true), ("accuracy_mm", 0.0, 1, false)]
    );
    assert!(task.scores(&of(0.0), None).is_err());
    assert!(task.scores(&[], Some(&of(0.0))).is_err());

    let task = read_labelled(&run(Path::new(FIXTURES), "stsb").unwrap().path()).unwrap();
    assert_eq!(
        (task.outputs(), task.metrics.as_slice()),
        (1, &[Metric::Spearman, Metric::Pearson][..])
    );
    let scores = task.scores(&of(3.0), None).unwrap();
    assert_eq!((scores[0].main, scores[1].main), (true, false));
    for score in scores {
        assert!(score.value.is_nan());
        assert_eq!(score.undefined.as_deref(), Some("a single example"));
    }
    assert!(task.scores(&of(f64::NAN), None).is_err());
}
