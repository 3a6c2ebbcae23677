//! The stage from end to end, on sentences about a few things.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use benchmarks::{BenchmarksStage, TaskStage};
use contract::{Context, Inputs, Params, Stage, StageError, complete};
use contrast::ContrastStage;
use encoder::{Architecture, Config, Encoder, Size};
use evaluate::{Folder, Manner, cosine, encode};
use metrics::scores;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenize::Tokenizer;

const SPECIALS: &str = "[PAD] [UNK] [CLS] [SEP] [MASK]";
/// Words of one thing each.
const THINGS: [[&str; 4]; 6] = [
    ["cat", "purr", "whisker", "mouse"],
    ["king", "crown", "throne", "queen"],
    ["tree", "leaf", "root", "branch"],
    ["ship", "sail", "harbour", "wave"],
    ["bread", "oven", "flour", "crust"],
    ["star", "night", "comet", "moon"],
];

fn run(stage: &dyn Stage, given: &Value, inputs: &[(&str, &Path)]) -> Result<TempDir, StageError> {
    let folder = tempfile::tempdir().unwrap();
    let params = complete(stage.signature().fields, given.as_object().unwrap()).unwrap();
    let inputs = inputs
        .iter()
        .map(|(name, path)| ((*name).to_owned(), path.to_path_buf()));
    let inputs = Inputs(inputs.collect::<BTreeMap<String, PathBuf>>());
    let context = Context::in_folder(folder.path()).unwrap();
    stage.run(&Params(params), &inputs, &context)?;
    Ok(folder)
}

fn sentence(thing: usize, at: usize) -> String {
    let words = THINGS[thing % THINGS.len()];
    [words[at % 4], words[(at / 4 + at + 1) % 4]].join(" ")
}

/// Returns two sentences, of one thing or of two, and their score.
fn pair(row: usize) -> ([String; 2], f64) {
    let (other, score) = match row % 2 {
        0 => (row, 5.0),
        _ => (row + 1 + row % 4, 0.0),
    };
    (
        [sentence(row, row / 6), sentence(other, row / 5 + 2)],
        score,
    )
}

struct Data {
    triplets: TempDir,
    development: TempDir,
    encoder: TempDir,
}

fn data() -> Data {
    let source = tempfile::tempdir().unwrap();
    let mut text = String::from("sent0,sent1,hard_neg\n");
    for row in 0..240 {
        let (thing, at) = (row % 6, row / 6);
        let [a, b, c] = [
            sentence(thing, at),
            sentence(thing, at + 5),
            sentence(thing + 1, at),
        ];
        text += &format!("{a},{b},{c}\n");
    }
    fs::write(source.path().join("nli.csv"), text).unwrap();
    let triplets = run(
        &BenchmarksStage,
        &json!({"task": "triplets"}),
        &[("source", source.path())],
    );
    let mut text = String::from("first,second,score\n");
    for row in 0..60 {
        let ([first, second], score) = pair(row);
        text += &format!("{first},{second},{score}\n");
    }
    let pairs = source.path().join("pairs.csv");
    fs::write(&pairs, text).unwrap();
    let given = json!({"texts": ["first", "second"], "score": "score", "lowest": 0, "highest": 5});
    let development = run(&TaskStage, &given, &[("train", &*pairs), ("dev", &*pairs)]);
    let encoder = tempfile::tempdir().unwrap();
    let words = SPECIALS.split(' ').chain(THINGS.into_iter().flatten());
    let words: Vec<String> = words.map(str::to_owned).collect();
    let tokenizer = Tokenizer::from_tokens(&words, true, Path::new("test")).unwrap();
    tokenizer.copy_files(encoder.path()).unwrap();
    let config = Config::of_size(Size::Nano, Architecture::Bert, words.len(), 24, 0);
    Encoder::new(config, 1)
        .unwrap()
        .save(encoder.path())
        .unwrap();
    Data {
        triplets: triplets.unwrap(),
        development: development.unwrap(),
        encoder,
    }
}

fn train(data: &Data, given: &Value) -> Result<TempDir, StageError> {
    let mut all = json!({"lr": 3e-3, "batch": 24, "pooling": "mean", "max_length": 12});
    all.as_object_mut()
        .unwrap()
        .extend(given.as_object().unwrap().clone());
    let output = |folder: &TempDir| folder.path().join("output");
    let (triplets, development) = (output(&data.triplets), output(&data.development));
    let mut inputs = vec![("encoder", data.encoder.path()), ("data", &*triplets)];
    if given.get("alone").is_none() {
        inputs.push(("development", &*development));
    }
    all.as_object_mut().unwrap().remove("alone");
    run(&ContrastStage, &all, &inputs)
}

fn value(folder: &TempDir, name: &str) -> f64 {
    let scores = scores::read(&folder.path().join("output")).unwrap();
    scores
        .iter()
        .find(|score| score.name == name)
        .unwrap()
        .value
}

#[test]
fn what_belongs_together_is_learnt() {
    let data = data();
    let before = train(&data, &json!({"epochs": 0})).unwrap();
    let after = train(&data, &json!({"epochs": 4})).unwrap();
    // With two gold scores no order reaches more than 87.
    let spearman = [&before, &after].map(|folder| value(folder, "spearman"));
    assert!(spearman[0] < 70.0 && spearman[1] > 80.0, "{spearman:?}");
    assert!(value(&after, "uniformity") < value(&before, "uniformity") - 0.5);
    // It is an encoder like any other, and sentence-transformers finds its pooling.
    let output = after.path().join("output");
    assert!(Encoder::load(&output).unwrap().has_head());
    let pooling = fs::read(output.join("1_Pooling/config.json")).unwrap();
    let pooling: Value = serde_json::from_slice(&pooling).unwrap();
    assert_eq!(pooling["pooling_mode_mean_tokens"], json!(true));
}

#[test]
fn a_run_is_the_same_with_other_threads_and_in_parts() {
    let data = data();
    let given = json!({"validate_every": 4, "keep_best": true, "keep_at": [5]});
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let one = pool.install(|| train(&data, &given)).unwrap();
    let mut parts = given;
    parts["micro_batch"] = json!(5);
    let parts = train(&data, &parts).unwrap();
    for file in [
        "model.safetensors",
        "scores.parquet",
        "validation.parquet",
        "step-5/model.safetensors",
    ] {
        let read = |folder: &TempDir| fs::read(folder.path().join("output").join(file)).unwrap();
        assert!(read(&one) == read(&parts), "{file}");
    }
}

/// The score that the stage measures of its model is the one that an evaluation of its folder gives.
#[test]
fn a_kept_projection_belongs_to_the_folder() {
    let data = data();
    let score = |projection: &str| {
        let trained = train(&data, &json!({"epochs": 1, "projection": projection})).unwrap();
        let output = trained.path().join("output");
        let folder = Folder::read(&output).unwrap();
        let head = folder.head.as_ref().unwrap();
        let encoder = Encoder::load(&output).unwrap();
        let tokenizer = Tokenizer::load(&output).unwrap();
        let (sentences, gold): (Vec<_>, Vec<_>) = (0..60).map(pair).unzip();
        let manner = Manner {
            texts: &folder.texts,
            max_length: 24,
            pooling: head.pooling().unwrap(),
            skip: 0,
        };
        let context = tempfile::tempdir().unwrap();
        let context = Context::in_folder(context.path()).unwrap();
        let sentences = sentences.concat();
        let encoded = encode(&encoder, &tokenizer, &sentences, manner, &context);
        let mut vectors = encoded.unwrap().vectors;
        head.map(&mut vectors, encoder.precision()).unwrap();
        let pairs = vectors.chunks(2).map(|pair| cosine(&pair[0], &pair[1]));
        let cosines: Vec<f64> = pairs.collect();
        let found = 100.0 * metrics::spearman(&cosines, &gold).unwrap();
        let (maps, measured) = (head.dense.len(), value(&trained, "spearman"));
        assert!(
            (found - measured).abs() < 0.01,
            "{projection}: {found} {measured}"
        );
        (maps, value(&trained, "uniformity"))
    };
    let (kept, training) = (score("kept"), score("training"));
    assert_eq!((kept.0, training.0), (1, 0));
    assert_ne!(kept.1, training.1);
}

#[test]
fn what_cannot_be_is_refused() {
    let data = data();
    for (given, part) in [
        (
            json!({"max_length": 25}),
            "25 tokens, but the encoder has 24 positions",
        ),
        (json!({"sentences": 1}), "a single sentence has no other"),
        (
            json!({"validate_every": 5, "alone": true}),
            "there is no `development`",
        ),
    ] {
        let error = train(&data, &given).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let output = data.development.path().join("output");
    let inputs = [("encoder", data.encoder.path()), ("data", &*output)];
    let error = run(&ContrastStage, &json!({"lr": 1e-3}), &inputs)
        .unwrap_err()
        .to_string();
    assert!(error.contains("not sentences to train on"), "{error}");
}
