//! The whole stage: a tiny encoder learns toy tasks in the official layouts.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use benchmarks::BenchmarksStage;
use contract::{Context, Event, Inputs, Observer, Params, Stage, StageError, complete};
use encoder::{Architecture, Config, Encoder, Size};
use finetune::{FinetuneStage, IntermediateStage};
use kernels::Stream;
use metrics::predictions::Row;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenize::Tokenizer;

const WORDS: [&str; 8] = [
    "good", "fine", "great", "bad", "poor", "awful", "plot", "film",
];

/// A random encoder with a tokenizer of its own.
fn encoder(folder: &Path, types: usize) -> PathBuf {
    let mut tokens: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        .map(String::from)
        .into();
    tokens.extend(WORDS.map(String::from));
    let tokenizer = Tokenizer::from_tokens(&tokens, true, folder).unwrap();
    let config = Config {
        type_vocab_size: types,
        ..Config::of_size(Size::Nano, Architecture::Bert, tokens.len(), 24, 0)
    };
    let path = folder.join("encoder");
    fs::create_dir_all(&path).unwrap();
    Encoder::new(config, 1).unwrap().save(&path).unwrap();
    tokenizer.copy_files(&path).unwrap();
    path
}

/// A toy SST-2 in which the first word decides the label.
fn sentiment(folder: &Path) -> PathBuf {
    let mut draws = Stream::new(5, "toy").draws(0, 0, 0);
    for (file, count) in [("train.tsv", 160), ("dev.tsv", 60)] {
        let mut text = String::from("sentence\tlabel\n");
        for _ in 0..count {
            let word = draws.index(6);
            let rest: Vec<&str> = (0..1 + draws.index(4))
                .map(|_| *draws.pick(&WORDS))
                .collect();
            writeln!(
                text,
                "{} {}\t{}",
                WORDS[word],
                rest.join(" "),
                u8::from(word < 3)
            )
            .unwrap();
        }
        write_file(&folder.join("glue_data/SST-2").join(file), &text);
    }
    read(folder, "sst2")
}

/// A toy STS-B with score 5 for equal words and 0 for different ones.
fn similarity(folder: &Path) -> PathBuf {
    let mut draws = Stream::new(6, "toy").draws(0, 0, 0);
    for (file, count) in [("train.tsv", 120), ("dev.tsv", 40)] {
        let mut text = String::from(
            "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n",
        );
        for index in 0..count {
            let (first, second) = (draws.index(6), draws.index(6));
            let score = if first / 3 == second / 3 { 5.0 } else { 0.0 };
            let (first, second) = (WORDS[first], WORDS[second]);
            writeln!(
                text,
                "{index}\ta\tb\t2017\t{index}\tnone\tnone\t{first}\t{second}\t{score:.3}"
            )
            .unwrap();
        }
        write_file(&folder.join("glue_data/STS-B").join(file), &text);
    }
    read(folder, "stsb")
}

fn write_file(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn read(folder: &Path, task: &str) -> PathBuf {
    let place = folder.join(task);
    let source = folder.join("glue_data");
    run_in(
        &BenchmarksStage,
        json!({ "task": task }),
        &[("source", &source)],
        &place,
    )
    .unwrap();
    place.join("output")
}

fn run_in(
    stage: &dyn Stage,
    params: Value,
    inputs: &[(&str, &Path)],
    place: &Path,
) -> Result<(), StageError> {
    run_with(stage, params, inputs, Context::in_folder(place)?)
}

fn run_with(
    stage: &dyn Stage,
    params: Value,
    inputs: &[(&str, &Path)],
    context: Context,
) -> Result<(), StageError> {
    let Value::Object(params) = params else {
        panic!("parameters are a table")
    };
    let params = Params(complete(stage.signature().fields, &params).expect("legal parameters"));
    assert_eq!(stage.check(&params), []);
    let inputs = inputs
        .iter()
        .map(|(name, path)| ((*name).to_owned(), path.to_path_buf()));
    stage.run(&params, &Inputs(inputs.collect()), &context)
}

fn recipe() -> Value {
    json!({ "epochs": 6, "batch": 8, "lr": 2e-3, "checkpoint_every": 7 })
}

fn scores(place: &Path) -> Vec<metrics::scores::Score> {
    metrics::scores::read(&place.join("output")).unwrap()
}

fn bytes(place: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(place.join("output"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn learns_a_class() {
    let folder = TempDir::new().unwrap();
    let (encoder, data) = (encoder(folder.path(), 2), sentiment(folder.path()));
    let place = folder.path().join("run");
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    run_in(&FinetuneStage, recipe(), &inputs, &place).unwrap();
    let scores = scores(&place);
    assert_eq!(
        (scores[0].name.as_str(), scores[0].main),
        ("accuracy", true)
    );
    assert!(scores[0].value > 95.0, "{}", scores[0].value);
    let names: Vec<String> = bytes(&place).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["log.parquet", "predictions.parquet", "scores.parquet"]
    );

    // The score follows from the rows, which name each example and give the probability of its class.
    let rows = metrics::predictions::read(&place.join("output")).unwrap();
    let task = benchmarks::read_labelled(&data).unwrap();
    assert_eq!(rows.len(), task.validation.len());
    for (row, example) in rows.iter().zip(&task.validation) {
        let name = (&*row.name.set, &*row.name.split, &row.name.example);
        assert_eq!(name, ("sst2", "validation", &example.id));
        assert_eq!(row.label, example.label);
        let [no, yes] = row.probabilities[..] else {
            panic!("{row:?}")
        };
        assert_eq!(yes > no, row.prediction == 1.0);
    }
    let right = rows
        .iter()
        .filter(|row| row.label == row.prediction)
        .count();
    assert_eq!(scores[0].value, 100.0 * right as f64 / rows.len() as f64);
}

#[test]
fn learns_a_number_with_one_token_type() {
    let folder = TempDir::new().unwrap();
    let (encoder, data) = (encoder(folder.path(), 1), similarity(folder.path()));
    let place = folder.path().join("run");
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    let recipe = json!({ "epochs": 30, "batch": 8, "lr": 2e-3, "dropout": 0.0 });
    run_in(&FinetuneStage, recipe, &inputs, &place).unwrap();
    let scores = scores(&place);
    assert_eq!(scores[0].name, "spearman");
    let rows = metrics::predictions::read(&place.join("output")).unwrap();
    assert!(rows.iter().all(|row| row.probabilities.is_empty()));
    let [labels, found] = [|row: &Row| row.label, |row: &Row| row.prediction]
        .map(|of| rows.iter().map(of).collect::<Vec<_>>());
    let again = 100.0 * metrics::spearman(&found, &labels).unwrap();
    assert_eq!(scores[0].value, again);
    assert!(scores[0].value > 80.0, "{}", scores[0].value);
}

/// A toy MNLI, which has three classes, and its test splits.
fn inference(folder: &Path) -> PathBuf {
    let labels = ["entailment", "neutral", "contradiction"];
    let mut draws = Stream::new(7, "toy").draws(0, 0, 0);
    for (file, count) in [
        ("train.tsv", 150),
        ("dev_matched.tsv", 12),
        ("dev_mismatched.tsv", 6),
        ("test_matched.tsv", 5),
        ("test_mismatched.tsv", 4),
    ] {
        let mut text = String::from("index\tsentence1\tsentence2\tgold_label\n");
        for index in 0..count {
            let (first, second) = (draws.index(6), draws.index(6));
            let label = labels[usize::from(first / 3 != second / 3) * 2];
            let (first, second) = (WORDS[first], WORDS[second]);
            writeln!(text, "{index}\t{first}\t{second}\t{label}").unwrap();
        }
        write_file(&folder.join("glue_data/MNLI").join(file), &text);
    }
    let place = folder.join("mnli");
    let source = folder.join("glue_data");
    run_in(
        &BenchmarksStage,
        json!({ "task": "mnli", "test": true }),
        &[("source", &source)],
        &place,
    )
    .unwrap();
    place.join("output")
}

#[test]
fn a_task_starts_from_an_encoder_that_was_trained_on_another() {
    let folder = TempDir::new().unwrap();
    let (first, large) = (encoder(folder.path(), 2), inference(folder.path()));
    let place = folder.path().join("intermediate");
    let inputs = [("encoder", &*first), ("data", &*large)];
    let long = json!({ "epochs": 30, "batch": 8, "lr": 2e-3, "dropout": 0.0 });
    run_in(&IntermediateStage, long, &inputs, &place).unwrap();
    assert!(scores(&place)[0].value > 80.0);
    let files: Vec<String> = bytes(&place).into_iter().map(|(name, _)| name).collect();
    for name in [
        "MNLI-m.tsv",
        "MNLI-mm.tsv",
        "config.json",
        "scores.parquet",
        "vocab.txt",
    ] {
        assert!(files.iter().any(|file| file == name), "{name}: {files:?}");
    }
    let written = fs::read_to_string(place.join("output/MNLI-m.tsv")).unwrap();
    assert_eq!(written.lines().next(), Some("index\tprediction"));
    assert_eq!(written.lines().count(), 6);
    // It has neither the task's head nor one of masked language modelling.
    let trained = Encoder::load(&place.join("output")).unwrap();
    assert!(!trained.has_head());
    // It has learnt of the words what the small task asks for: a few passes get it further than the encoder that it came from.
    let small = similarity(folder.path());
    let score = |name: &str, encoder: &Path, given: Value| {
        let place = folder.path().join(name);
        let inputs = [("encoder", encoder), ("data", &*small)];
        run_in(&FinetuneStage, given, &inputs, &place).unwrap();
        scores(&place)[0].value
    };
    let given = json!({ "epochs": 3, "batch": 8, "lr": 1e-3, "dropout": 0.0 });
    let from_start = score("start", &first, given.clone());
    let from_large = score("large", &place.join("output"), given);
    assert!(from_large > from_start + 20.0, "{from_large} {from_start}");
}

#[test]
fn examples_are_set_aside_to_choose_runs_by() {
    let folder = TempDir::new().unwrap();
    let (encoder, data) = (encoder(folder.path(), 2), sentiment(folder.path()));
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    let place = folder.path().join("run");
    let recipe = json!({ "epochs": 1, "batch": 8, "lr": 1e-3, "held_out": 40 });
    run_in(&FinetuneStage, recipe, &inputs, &place).unwrap();
    let found = scores(&place);
    let found: Vec<_> = found
        .iter()
        .map(|score| {
            (
                score.name.as_str(),
                score.split.as_str(),
                score.examples,
                score.main,
            )
        })
        .collect();
    let own = ("accuracy_held_out", "held_out", 40, false);
    assert_eq!(found, [("accuracy", "validation", 60, true), own]);
    let whole = folder.path().join("whole");
    let recipe = json!({ "epochs": 1, "batch": 8, "lr": 1e-3 });
    run_in(&FinetuneStage, recipe, &inputs, &whole).unwrap();
    // 160 examples without 40 held-out ones, in batches of 8.
    let updates = |place: &Path| {
        let log = columnar::Reader::open(&place.join("output/log.parquet"), "");
        log.unwrap().rows()
    };
    assert_eq!((updates(&whole), updates(&place)), (20, 15));

    let recipe = json!({ "epochs": 1, "batch": 8, "lr": 1e-3, "held_out": 160 });
    let error = run_in(&FinetuneStage, recipe, &inputs, &folder.path().join("none")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "held_out: 160 of 160 training examples leave none to train on"
    );
}

/// The environment variables that give a child process of this test its folder and its seed.
const CHILD: [&str; 2] = ["PIPE_TEST_FOLDER", "PIPE_TEST_SEED"];

/// Runs in a child process, since the number of threads is read from the environment once per process.
#[test]
fn child_that_trains() {
    let [Ok(folder), Ok(seed)] = CHILD.map(std::env::var) else {
        return;
    };
    let (folder, seed) = (PathBuf::from(folder), seed.parse::<u64>().unwrap());
    let (encoder, data) = (encoder(&folder, 2), sentiment(&folder));
    let recipe = json!({
        "epochs": 1, "batch": 8, "lr": 1e-3, "seed": seed, "train_examples": 60, "eval_examples": 30
    });
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    run_in(&FinetuneStage, recipe, &inputs, &folder.join("run")).unwrap();
}

#[test]
fn the_seed_decides_every_byte_on_any_number_of_threads() {
    let run = |threads: &str, seed: &str| {
        let folder = TempDir::new().unwrap();
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_trains"])
            .env(CHILD[0], folder.path())
            .env(CHILD[1], seed)
            .env("RAYON_NUM_THREADS", threads)
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        bytes(&folder.path().join("run"))
    };
    let one = run("1", "3");
    assert_eq!(one.len(), 3);
    assert_eq!(one, run("2", "3"));
    assert_ne!(one, run("1", "4"));
}

/// Asks a run to stop after a number of updates.
struct StopAfter(u64, Arc<AtomicBool>);

impl Observer for StopAfter {
    fn observe(&self, event: &Event) {
        if matches!(event, Event::Progress { done, .. } if *done == self.0) {
            self.1.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_run_that_was_stopped_ends_with_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let (encoder, data) = (encoder(folder.path(), 2), sentiment(folder.path()));
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    let recipe = json!({ "epochs": 2, "batch": 16, "lr": 1e-3, "checkpoint_every": 5 });
    let straight = folder.path().join("straight");
    run_in(&FinetuneStage, recipe.clone(), &inputs, &straight).unwrap();
    let stopped = folder.path().join("stopped");
    for done in [3, 12] {
        let stop = Arc::new(AtomicBool::new(false));
        let context = Context::in_folder(&stopped)
            .unwrap()
            .with_stop(Arc::clone(&stop))
            .with_observer(Box::new(StopAfter(done, stop)));
        let result = run_with(&FinetuneStage, recipe.clone(), &inputs, context);
        assert!(matches!(result, Err(StageError::Interrupted)));
    }
    run_in(&FinetuneStage, recipe, &inputs, &stopped).unwrap();
    assert_eq!(bytes(&straight), bytes(&stopped));
}

/// The interval between checkpoints is not keyed, so it must not change a byte.
#[test]
fn the_cadence_of_checkpoints_changes_no_byte() {
    let folder = TempDir::new().unwrap();
    let (encoder, data) = (encoder(folder.path(), 2), sentiment(folder.path()));
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    let run = |every: u32| {
        let recipe = json!({ "epochs": 2, "batch": 16, "lr": 1e-3, "checkpoint_every": every });
        let place = folder.path().join(format!("every-{every}"));
        run_in(&FinetuneStage, recipe, &inputs, &place).unwrap();
        bytes(&place)
    };
    assert_eq!(run(1), run(1000));
}

/// The scores on held-out examples choose the weights, and the other splits are scored with these weights.
#[test]
fn the_best_measurement_on_the_way_decides() {
    let folder = TempDir::new().unwrap();
    let (encoder, data) = (encoder(folder.path(), 2), similarity(folder.path()));
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    let run = |name: &str, more: Value| {
        let mut recipe =
            json!({ "epochs": 3, "batch": 8, "lr": 2e-3, "held_out": 40, "validate_every": 1 });
        recipe
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let place = folder.path().join(name);
        run_in(&FinetuneStage, recipe, &inputs, &place).unwrap();
        let log = place.join("output/validation.parquet");
        let rows = metrics::log::read(&log, &["step", "score"]).unwrap();
        let held_out = scores(&place)
            .into_iter()
            .find(|score| score.split == "held_out");
        (rows, held_out.unwrap().value)
    };
    let (rows, best) = run("best", json!({ "keep_best": true }));
    let (others, last) = run("last", json!({}));
    assert_eq!(rows, others);
    assert_eq!(rows.len(), 30);
    let highest = rows.iter().map(|row| row[1]).fold(f64::MIN, f64::max);
    assert_eq!(best, highest);
    assert_eq!(last, rows.last().unwrap()[1]);
    assert!(last < best, "{last} {best}");
}

#[test]
fn an_encoder_with_too_few_positions_is_named() {
    let folder = TempDir::new().unwrap();
    let (encoder, data) = (encoder(folder.path(), 2), sentiment(folder.path()));
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    let recipe = json!({ "epochs": 1, "batch": 8, "lr": 1e-3, "max_length": 25 });
    let error = run_in(&FinetuneStage, recipe, &inputs, &folder.path().join("run")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "max_length: 25 tokens, but the encoder has 24 positions"
    );
}

/// A run with a contrastive loss learns as well, goes on after a stop to the same bytes, and is refused where there are no classes.
#[test]
fn examples_of_a_class_are_brought_together() {
    let folder = TempDir::new().unwrap();
    let (encoder, data) = (encoder(folder.path(), 2), sentiment(folder.path()));
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    let mut given = recipe();
    given["contrastive"] = json!(0.5);
    let place = folder.path().join("straight");
    run_in(&FinetuneStage, given.clone(), &inputs, &place).unwrap();
    assert!(
        scores(&place)[0].value > 95.0,
        "{}",
        scores(&place)[0].value
    );
    let plain = folder.path().join("plain");
    run_in(&FinetuneStage, recipe(), &inputs, &plain).unwrap();
    assert_ne!(bytes(&place), bytes(&plain));

    let stopped = folder.path().join("stopped");
    let stop = Arc::new(AtomicBool::new(false));
    let context = Context::in_folder(&stopped)
        .unwrap()
        .with_observer(Box::new(StopAfter(17, Arc::clone(&stop))))
        .with_stop(stop);
    let error = run_with(&FinetuneStage, given.clone(), &inputs, context);
    assert!(matches!(error, Err(StageError::Interrupted)), "{error:?}");
    run_in(&FinetuneStage, given.clone(), &inputs, &stopped).unwrap();
    assert_eq!(bytes(&place), bytes(&stopped));

    let data = similarity(folder.path());
    let inputs = [("encoder", &*encoder), ("data", &*data)];
    let refused = folder.path().join("refused");
    let error = run_in(&FinetuneStage, given, &inputs, &refused).unwrap_err();
    assert!(error.to_string().contains("has scores"), "{error}");
}
