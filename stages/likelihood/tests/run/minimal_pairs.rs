use std::fs;
use std::path::{Path, PathBuf};

use benchmarks::BenchmarksStage;
use contract::{Context, StageError};
use encoder::Encoder;
use likelihood::{MinimalPairsStage, Scoring, Sentence, log_probabilities};
use serde::Deserialize;
use serde_json::{Value, json};
use tokenize::Tokenizer;

use crate::common::{Done, run, with_weights};

#[derive(Deserialize)]
struct Golden {
    sentence: String,
    tokens: Vec<String>,
    original: Vec<f64>,
    #[serde(rename = "word-l2r")]
    word_l2r: Vec<f64>,
}

fn goldens() -> Vec<Golden> {
    serde_json::from_str(include_str!("../goldens/likelihoods.json")).unwrap()
}

fn encoder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/encoder")
}

/// A benchmark of pairs: phenomenon, paradigm, acceptable sentence, other.
fn benchmark(pairs: &[[&str; 4]]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let lines = pairs.iter().map(|[phenomenon, paradigm, good, bad]| {
        let line = json!({
            "sentence_good": good, "sentence_bad": bad, "field": "syntax", "linguistics_term": phenomenon, "UID": paradigm,
        });
        format!("{line}\n")
    });
    fs::write(folder.path().join("pairs.jsonl"), lines.collect::<String>()).unwrap();
    let task = json!({"task": "minimal-pairs"});
    run(&BenchmarksStage, &task, &[("source", folder.path())]).unwrap()
}

fn score(encoder: &Path, data: &Done, given: &Value) -> Result<Done, StageError> {
    let inputs = [("encoder", encoder), ("data", &*data.output())];
    run(&MinimalPairsStage, given, &inputs)
}

const PAIRS: &[[&str; 4]] = &[
    [
        "a",
        "x",
        "who should hug the cats ?",
        "who should the cats hug ?",
    ],
    [
        "a",
        "x",
        "the cat can't sleep .",
        "the cats can't sleeped .",
    ],
    ["a", "y", "the cat herself", "the cat himself"],
    ["b", "z", "run", "sleep"],
    ["b", "z", "the cat", "cat the"],
    ["b", "z", "after the cat", "after the cat"],
];

#[test]
fn log_probabilities_agree_with_transformers() {
    let folder = tempfile::tempdir().unwrap();
    let context = Context::in_folder(folder.path()).unwrap();
    let (encoder, tokenizer) = (
        Encoder::load(&encoder()).unwrap(),
        Tokenizer::load(&encoder()).unwrap(),
    );
    let goldens = goldens();
    let sentences: Vec<Sentence<'_>> = goldens
        .iter()
        .map(|golden| Sentence::read(&golden.sentence, &tokenizer, 24).unwrap())
        .collect();
    let mut differ = false;
    for scoring in [Scoring::Original, Scoring::WordL2r] {
        let mask = tokenizer.specials().mask;
        let found = log_probabilities(&encoder, mask, &sentences, scoring, &context).unwrap();
        for (golden, found) in goldens.iter().zip(&found) {
            let expected = match scoring {
                Scoring::Original => &golden.original,
                Scoring::WordL2r => &golden.word_l2r,
            };
            assert_eq!(found.len(), golden.tokens.len(), "{}", golden.sentence);
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{}: {found} {expected}",
                    golden.sentence
                );
            }
            differ |= golden.original != golden.word_l2r;
        }
    }
    assert!(differ, "some word has several pieces");
}

#[test]
fn scores_follow_from_predictions() {
    let data = benchmark(PAIRS);
    for scoring in ["original", "word-l2r"] {
        let done = score(&encoder(), &data, &json!({"scoring": scoring})).unwrap();
        done.assert_rescored(&["ties"]);
        assert_eq!(done.value("ties"), 1.0);
        assert_eq!(done.notes, ["1 of 6 pairs are ties, and count one half"]);
        let names: Vec<String> = done.scores().into_iter().map(|one| one.name).collect();
        assert_eq!(
            names[..4],
            [
                "accuracy",
                "accuracy_mean",
                "accuracy.syntax",
                "accuracy_mean.syntax"
            ]
        );
        let macro_mean = ["x", "y", "z"].map(|part| done.value(&format!("accuracy.{part}")));
        assert!((done.value("accuracy") - macro_mean.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    }
}

#[test]
fn the_first_pairs_of_each_paradigm_are_scored() {
    let done = score(&encoder(), &benchmark(PAIRS), &json!({"limit": 1})).unwrap();
    let scores = done.scores();
    let examples = |name: &str| scores.iter().find(|one| one.name == name).unwrap().examples;
    assert_eq!(
        ["accuracy", "accuracy.x", "accuracy.z"].map(examples),
        [3, 1, 1]
    );
    done.assert_rescored(&["ties"]);
}

/// A model that has the same to say everywhere is at chance, however many tokens its sentences have where these do not matter.
#[test]
fn a_constant_model_has_exactly_one_half() {
    let constant = with_weights(&encoder(), 0.0);
    let done = score(constant.path(), &benchmark(&PAIRS[2..]), &json!({})).unwrap();
    for score in done.scores().iter().filter(|one| one.name != "ties") {
        assert_eq!(score.value, 50.0, "{}", score.name);
    }
    assert_eq!(done.value("ties"), 4.0);
    let unequal = [["a", "x", "the cat", "the cat can't sleep ."]];
    let done = score(constant.path(), &benchmark(&unequal), &json!({})).unwrap();
    assert_eq!(
        (done.value("accuracy"), done.value("accuracy_mean")),
        (100.0, 50.0)
    );
}

#[test]
fn what_cannot_be_scored_says_why() {
    let data = benchmark(PAIRS);
    let refused = |encoder: &Path, data: &Done| {
        let error = score(encoder, data, &json!({})).map(|_| ()).unwrap_err();
        (
            error.to_string(),
            error.remedy().unwrap_or_default().to_owned(),
        )
    };
    let diverged = with_weights(&encoder(), 1e30);
    let (message, _) = refused(diverged.path(), &data);
    assert_eq!(
        message,
        "encoder: the log-probability of a token of `who should hug the cats ?` is not finite"
    );
    let headless = Path::new(env!("CARGO_MANIFEST_DIR")).join("../evaluate/tests/goldens/encoder");
    let (message, remedy) = refused(&headless, &data);
    assert!(message.starts_with("encoder: "), "{message}");
    assert!(remedy.contains("BertForMaskedLM"), "{remedy}");
    let (message, _) = refused(&encoder(), &benchmark(&[["a", "x", "the cat", "\u{200b}"]]));
    assert_eq!(message, "data: the sentence `\\u{200b}` has no token");
}

#[test]
fn long_sentences_are_cut_and_counted() {
    let long = "the cat ".repeat(20);
    let done = score(
        &encoder(),
        &benchmark(&[["a", "x", "the cat", &long]]),
        &json!({}),
    );
    assert_eq!(
        done.unwrap().notes,
        ["1 of 2 sentences were cut to 24 tokens"]
    );
}
