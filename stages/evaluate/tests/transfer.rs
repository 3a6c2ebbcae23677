//! The stage `transfer` from SentEval's files to scores, against scikit-learn. The goldens were made by `tests/goldens/transfer.py`.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use benchmarks::BenchmarksStage;
use columnar::Schema;
use contract::{Column, ColumnType, Context, Inputs, Params, Stage, StageError, complete};
use evaluate::TransferStage;
use metrics::predictions;
use metrics::scores::{self, Score};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Deserialize)]
struct Golden {
    /// With the tolerance that SentEval leaves to scikit-learn.
    default: f64,
    /// With fits that go on to the minimum.
    minimum: f64,
}

const WIDTH: usize = 6;

/// A sentence whose first word is a number, and its class.
struct Made {
    text: String,
    other: String,
    label: usize,
}

/// The examples of the script.
fn made_up(place: usize, split: usize, count: usize, classes: usize) -> Vec<Made> {
    let of = |at: usize| {
        let number = 100_000 * place + 10_000 * split + at;
        let label = if classes > 2 { at } else { at * at / 3 } % classes;
        let text = |number: usize| {
            let words = " word".repeat(number * 7 % 5);
            format!("{}{words}", 10 * number + label)
        };
        Made {
            text: text(number),
            other: text(number + 5_000),
            label,
        }
    };
    (0..count).map(of).collect()
}

/// The vectors of the script.
fn vector(sentence: &str) -> Vec<f32> {
    let number: i64 = sentence.split(' ').next().unwrap().parse().unwrap();
    let (own, label) = (number / 10, number % 10);
    (0..WIDTH as i64)
        .map(|column| {
            let noise = (own * own * 31 + own * column * 17 + column * 53) % 257 - 128;
            (noise + 60 * label * (column % 3 - 1)) as f32 / 64.0
        })
        .collect()
}

fn save(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Writes the sets of the script in SentEval's layout. Whole sets have a file for each class, so that what comes first differs from
/// the script, which sorts as the stage does: by the number of words and the class, and then by place in the files.
fn senteval() -> (TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut sentences = Vec::new();
    let mut keep = |made: &[Made]| {
        sentences.extend(
            made.iter()
                .flat_map(|one| [one.text.clone(), one.other.clone()]),
        );
    };
    let lines = |made: &[Made], line: &dyn Fn(&Made) -> String| -> String {
        made.iter().map(line).collect()
    };
    let whole = [
        ("MR/rt-polarity.pos", "MR/rt-polarity.neg", 130),
        ("CR/custrev.pos", "CR/custrev.neg", 90),
        ("SUBJ/subj.objective", "SUBJ/subj.subjective", 120),
        ("MPQA/mpqa.pos", "MPQA/mpqa.neg", 101),
    ];
    for (place, (positive, negative, count)) in whole.into_iter().enumerate() {
        let made = made_up(place, 0, count, 2);
        for (path, label) in [(positive, 1), (negative, 0)] {
            let text = lines(&made, &|one| match one.label == label {
                true => format!("{} \n", one.text),
                false => String::new(),
            });
            save(&folder.path().join(path), &text);
        }
        keep(&made);
    }
    for (split, (name, count)) in [("train", 120), ("dev", 60), ("test", 70)]
        .into_iter()
        .enumerate()
    {
        let made = made_up(4, split, count, 2);
        let text = lines(&made, &|one| format!("{}\t{}\n", one.text, one.label));
        save(
            &folder.path().join(format!("SST/binary/sentiment-{name}")),
            &text,
        );
        keep(&made);
    }
    let classes = [
        "ABBR:exp",
        "DESC:def",
        "ENTY:animal",
        "HUM:ind",
        "LOC:city",
        "NUM:date",
    ];
    for (split, (name, count)) in [("train_5500", 180), ("TREC_10", 60)]
        .into_iter()
        .enumerate()
    {
        let made = made_up(5, split, count, 6);
        let text = lines(&made, &|one| {
            format!("{} {}\n", classes[one.label], one.text)
        });
        save(&folder.path().join(format!("TREC/{name}.label")), &text);
        keep(&made);
    }
    for (split, (name, count)) in [("train", 110), ("test", 60)].into_iter().enumerate() {
        let made = made_up(6, split, count, 2);
        let text = lines(&made, &|one| {
            format!("{}\t1\t2\t{}\t{}\n", one.label, one.text, one.other)
        });
        let header = "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n";
        save(
            &folder
                .path()
                .join(format!("MRPC/msr_paraphrase_{name}.txt")),
            &format!("{header}{text}"),
        );
        keep(&made);
    }
    (folder, sentences)
}

/// Writes an embeddings artifact.
fn embeddings(sentences: &[String], vector: &dyn Fn(&str) -> Vec<f32>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sentences: BTreeSet<&str> = sentences.iter().map(String::as_str).collect();
    let vectors: Vec<Vec<f32>> = sentences.iter().map(|sentence| vector(sentence)).collect();
    let columns = [
        Column::new("sentence", ColumnType::Text, ""),
        Column::new("vector", ColumnType::Numbers, ""),
    ];
    let values = vec![
        sentences.iter().copied().collect(),
        vectors.iter().map(Vec::as_slice).collect(),
    ];
    let path = folder.path().join("embeddings.parquet");
    columnar::write(&path, &Schema::of(&columns), values).unwrap();
    let description = json!({
        "pooling": "mean", "normalised": false, "dimension": WIDTH, "sentences": sentences.len(), "max_length": 64, "truncated": 0,
    });
    fs::write(
        folder.path().join("embeddings.json"),
        description.to_string(),
    )
    .unwrap();
    folder
}

fn run(stage: &dyn Stage, given: &Value, inputs: &[(&str, &Path)]) -> Result<TempDir, StageError> {
    let params = complete(stage.signature().fields, given.as_object().unwrap()).unwrap();
    let inputs = inputs.iter();
    let inputs: BTreeMap<String, PathBuf> = inputs
        .map(|(name, path)| ((*name).to_owned(), path.to_path_buf()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let context = Context::in_folder(folder.path())?;
    stage.run(&Params(params), &Inputs(inputs), &context)?;
    Ok(folder)
}

fn benchmark(senteval: &Path) -> TempDir {
    run(
        &BenchmarksStage,
        &json!({"task": "transfer"}),
        &[("source", senteval)],
    )
    .unwrap()
}

fn transfer(vectors: &Path, data: &Path, folds: usize) -> Result<TempDir, StageError> {
    let inputs = [("embeddings", vectors), ("data", &*data.join("output"))];
    run(&TransferStage, &json!({ "folds": folds }), &inputs)
}

#[test]
fn accuracies_are_scikit_learns() {
    let goldens: BTreeMap<String, Golden> =
        serde_json::from_str(include_str!("goldens/transfer.json")).unwrap();
    let (senteval, sentences) = senteval();
    let data = benchmark(senteval.path());
    let vectors = embeddings(&sentences, &vector);
    let done = transfer(vectors.path(), data.path(), 5).unwrap();
    let scores = scores::read(&done.path().join("output")).unwrap();
    let value = |name: &str| {
        scores
            .iter()
            .find(|score| score.name == name)
            .unwrap()
            .value
    };
    assert_eq!(goldens.len(), 7);
    let mut printed = 0.0;
    for (name, golden) in &goldens {
        let found = value(name);
        assert!((found - golden.default).abs() < 0.3, "{name}: {found}");
        // The same examples are right.
        assert!((found - golden.minimum).abs() < 1e-9, "{name}: {found}");
        printed += format!("{found:.2}").parse::<f64>().unwrap() / 7.0;
    }
    assert!((value("avg") - printed).abs() < 1e-9);
    let main: Vec<&Score> = scores.iter().filter(|score| score.main).collect();
    assert_eq!(
        (main.len(), main[0].name.as_str(), main[0].split.as_str()),
        (1, "avg", "test")
    );

    // What is predicted gives the scores again, each example of a set without splits in the fold that held it out.
    let examples =
        metrics::examples::Examples::read(&done.path().join("output").join(predictions::FILE));
    let examples = examples.unwrap();
    assert_eq!(examples.names.len(), 130 + 90 + 120 + 101 + 70 + 60 + 60);
    for score in &scores {
        let rescorer = metrics::Rescorer::new(score, &examples).unwrap();
        assert_eq!(
            rescorer.strata().len(),
            if score.main { 7 } else { 1 },
            "{}",
            score.name
        );
    }
}

#[test]
fn what_cannot_be_scored_is_told() {
    let (senteval, sentences) = senteval();
    let reason = |vectors: &TempDir, folds: usize| {
        let data = benchmark(senteval.path());
        let error = transfer(vectors.path(), data.path(), folds).unwrap_err();
        error.to_string()
    };
    let vectors = embeddings(&sentences, &vector);
    assert_eq!(
        reason(&vectors, 70),
        "data: the class negative of the set `mr` has 65 examples to train on, and there are 70 folds"
    );
    let lacking = embeddings(&sentences[..10], &vector);
    assert!(reason(&lacking, 3).contains("there is no vector for `"));
    let diverged = embeddings(&sentences, &|_| vec![f32::NAN; WIDTH]);
    assert!(reason(&diverged, 3).contains("is not finite"));
}
