//! The stages from end to end on a tiny encoder, against transformers and SciPy. `tests/goldens/make.py` made the
//! encoder's folder and the goldens.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use benchmarks::{BenchmarksStage, StsPair};
use contract::{Context, Event, Inputs, Observer, Params, Stage, StageError, complete};
use encoder::Pooling;
use evaluate::{Aggregate, EmbedStage, Embeddings, StsStage, cosine, score};
use metrics::scores;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Deserialize)]
struct Vectors {
    sentences: Vec<String>,
    vectors: BTreeMap<String, Vec<Vec<f64>>>,
    first_sentence_cut_to_5_tokens: Vec<f64>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("goldens/vectors.json")).unwrap()
}

fn encoder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/encoder")
}

/// An observer that collects a stage's notes.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Observer for Notes {
    fn observe(&self, event: &Event) {
        if let Event::Note { message } = event {
            self.0.lock().unwrap().push(message.clone());
        }
    }
}

/// The output and the notes of a stage.
struct Done {
    folder: TempDir,
    notes: Notes,
}

impl Done {
    fn output(&self) -> PathBuf {
        self.folder.path().join("output")
    }
}

fn run(stage: &dyn Stage, given: &Value, inputs: &[(&str, &Path)]) -> Result<Done, StageError> {
    let params = complete(stage.signature().fields, given.as_object().unwrap()).unwrap();
    let inputs = Inputs(
        inputs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.to_path_buf()))
            .collect(),
    );
    let folder = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let context = Context::in_folder(folder.path())?.with_observer(Box::new(notes.clone()));
    stage.run(&Params(params), &inputs, &context)?;
    Ok(Done { folder, notes })
}

/// A benchmark of two sets. Its pairs are each given sentence with the next one.
fn benchmark(sentences: &[String]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let (year, stsb) = (
        folder.path().join("STS/STS13-en-test"),
        folder.path().join("STS/STSBenchmark"),
    );
    let (mut rows, mut input, mut gold) = (String::new(), String::new(), String::new());
    for (index, sentence) in sentences.iter().enumerate() {
        let next = &sentences[(index + 1) % sentences.len()];
        let score = index % 6;
        rows += &format!("main\tfile\t2017\t{index}\t{score}\t{sentence}\t{next}\n");
        input += &format!("{next}\t{sentence}\n");
        gold += &format!("{score}\n");
    }
    fs::create_dir_all(&year).unwrap();
    fs::create_dir_all(&stsb).unwrap();
    fs::write(stsb.join("sts-test.csv"), rows).unwrap();
    fs::write(year.join("STS.input.FNWN.txt"), input).unwrap();
    fs::write(year.join("STS.gs.FNWN.txt"), gold).unwrap();
    run(
        &BenchmarksStage,
        &json!({"task": "sts"}),
        &[("source", folder.path())],
    )
    .unwrap()
}

fn embed(given: &Value, data: &Done) -> Done {
    run(
        &EmbedStage,
        given,
        &[("encoder", &encoder()), ("data", &data.output())],
    )
    .unwrap()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (f64::from(*found) - expected).abs() < tolerance,
            "{found} {expected}"
        );
    }
}

#[test]
fn vectors_agree_with_transformers() {
    let goldens = vectors();
    let data = benchmark(&goldens.sentences);
    for (pooling, expected) in &goldens.vectors {
        let done = embed(&json!({"pooling": pooling, "normalise": "never"}), &data);
        let embeddings = Embeddings::read(&done.output()).unwrap();
        assert_eq!(embeddings.vectors.len(), goldens.sentences.len());
        for (sentence, expected) in goldens.sentences.iter().zip(expected) {
            assert_close(embeddings.vector(sentence).unwrap(), expected, 1e-5);
        }
    }
    assert_eq!(goldens.vectors.len(), 4);
}

#[test]
fn a_sentence_transformers_folder_decides_unless_told_otherwise() {
    let goldens = vectors();
    let data = benchmark(&goldens.sentences);
    let done = embed(&json!({}), &data);
    let embeddings = Embeddings::read(&done.output()).unwrap();
    assert_eq!(embeddings.description.pooling, Pooling::Mean);
    assert!(embeddings.description.normalised);
    assert_eq!(embeddings.description.max_length, 24);
    for (sentence, mean) in goldens.sentences.iter().zip(&goldens.vectors["mean"]) {
        let norm = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
        let expected: Vec<f64> = mean.iter().map(|value| value / norm).collect();
        assert_close(embeddings.vector(sentence).unwrap(), &expected, 1e-6);
    }
}

#[test]
fn a_plain_hugging_face_folder_leaves_it_at_the_mean() {
    let goldens = vectors();
    let data = benchmark(&goldens.sentences);
    let plain = tempfile::tempdir().unwrap();
    for file in [
        "config.json",
        "model.safetensors",
        "tokenizer_config.json",
        "vocab.txt",
    ] {
        fs::copy(encoder().join(file), plain.path().join(file)).unwrap();
    }
    let inputs = [("encoder", plain.path()), ("data", &*data.output())];
    let done = run(&EmbedStage, &json!({"pooling": "auto"}), &inputs).unwrap();
    let embeddings = Embeddings::read(&done.output()).unwrap();
    assert_eq!(embeddings.description.pooling, Pooling::Mean);
    assert!(!embeddings.description.normalised);
    for (sentence, expected) in goldens.sentences.iter().zip(&goldens.vectors["mean"]) {
        assert_close(embeddings.vector(sentence).unwrap(), expected, 1e-5);
    }
}

#[test]
fn long_sentences_are_cut_and_counted() {
    let goldens = vectors();
    let data = benchmark(&goldens.sentences);
    let done = embed(&json!({"max_length": 5, "normalise": "never"}), &data);
    let embeddings = Embeddings::read(&done.output()).unwrap();
    let vector = embeddings.vector(&goldens.sentences[0]).unwrap();
    assert_close(vector, &goldens.first_sentence_cut_to_5_tokens, 1e-5);
    assert_eq!(
        (
            embeddings.description.max_length,
            embeddings.description.truncated
        ),
        (5, 5)
    );
    assert_eq!(
        *done.notes.0.lock().unwrap(),
        ["5 of 6 sentences were cut to 5 tokens"]
    );
    let short = Params(
        json!({"pooling": "auto", "normalise": "auto", "max_length": 2, "precision": "f32"})
            .as_object()
            .unwrap()
            .clone(),
    );
    assert_eq!(EmbedStage.check(&short).len(), 1);
}

/// The golden encoder with additional files beside it.
fn encoder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    for file in [
        "config.json",
        "model.safetensors",
        "modules.json",
        "tokenizer_config.json",
        "vocab.txt",
        "1_Pooling/config.json",
    ] {
        fs::copy(encoder().join(file), folder.path().join(file)).unwrap();
    }
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const SETTINGS: &str = "sentence_bert_config.json";
const MODEL: &str = "config_sentence_transformers.json";
const CASED: (&str, &str) = (
    "tokenizer_config.json",
    r#"{"do_lower_case": false, "strip_accents": true}"#,
);

/// The folder's settings for text apply to every pooling, and explicit parameters override them.
#[test]
fn what_the_folder_says_of_sentences_holds_for_every_pooling() {
    let goldens = vectors();
    let sentences: Vec<String> = goldens
        .sentences
        .iter()
        .map(|it| it.to_uppercase())
        .collect();
    let data = benchmark(&sentences);
    let embed = |folder: &TempDir, given: &Value| {
        let inputs = [("encoder", folder.path()), ("data", &*data.output())];
        let done = run(&EmbedStage, given, &inputs).unwrap();
        Embeddings::read(&done.output()).unwrap()
    };
    let never = json!({"pooling": "mean", "normalise": "never"});
    let lower = encoder_with(&[CASED, (SETTINGS, r#"{"do_lower_case": true}"#)]);
    let found = embed(&lower, &never);
    for (sentence, expected) in sentences.iter().zip(&goldens.vectors["mean"]) {
        assert_close(found.vector(sentence).unwrap(), expected, 1e-5);
    }
    let cut = encoder_with(&[
        CASED,
        (SETTINGS, r#"{"do_lower_case": true, "max_seq_length": 5}"#),
    ]);
    for pooling in ["mean", "auto"] {
        let found = embed(&cut, &json!({"pooling": pooling, "normalise": "never"}));
        let vector = found.vector(&sentences[0]).unwrap();
        assert_close(vector, &goldens.first_sentence_cut_to_5_tokens, 1e-5);
        assert_eq!(found.description.max_length, 5);
    }
    for (files, given, length) in [
        (
            vec![("tokenizer_config.json", r#"{"model_max_length": 7}"#)],
            json!({}),
            7,
        ),
        (
            vec![
                ("tokenizer_config.json", r#"{"model_max_length": 7}"#),
                (SETTINGS, r#"{"max_seq_length": 9}"#),
            ],
            json!({}),
            9,
        ),
        (
            vec![(SETTINGS, r#"{"max_seq_length": 9}"#)],
            json!({"max_length": 11}),
            11,
        ),
        (
            vec![(SETTINGS, r#"{"max_seq_length": 512}"#)],
            json!({}),
            24,
        ),
    ] {
        let found = embed(&encoder_with(&files), &given);
        assert_eq!(found.description.max_length, length, "{files:?}");
    }
    let short = encoder_with(&[(SETTINGS, r#"{"max_seq_length": 2}"#)]);
    let inputs = [("encoder", short.path()), ("data", &*data.output())];
    let error = run(&EmbedStage, &json!({}), &inputs)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("no token of a sentence would be seen"),
        "{error}"
    );
}

/// A prompt before a sentence gives the tokens of the joined text; the prompt's own tokens are pooled or not.
#[test]
fn a_prompt_goes_before_every_sentence() {
    let goldens = vectors();
    let (first, rest) = goldens.sentences[0].split_once(' ').unwrap();
    let data = benchmark(&[rest.to_owned(), goldens.sentences[0].clone()]);
    let model = json!({"prompts": {"p": format!("{first} ")}, "default_prompt_name": "p"});
    let embed = |files: &[(&str, &str)], pooling: &str| {
        let folder = encoder_with(files);
        let inputs = [("encoder", folder.path()), ("data", &*data.output())];
        let given = json!({"pooling": pooling, "normalise": "never"});
        let done = run(&EmbedStage, &given, &inputs).unwrap();
        let notes = done.notes.0.lock().unwrap().clone();
        (Embeddings::read(&done.output()).unwrap(), notes)
    };
    let model = model.to_string();
    let (plain, _) = embed(&[], "mean");
    let whole = plain.vector(&goldens.sentences[0]).unwrap();
    for pooling in ["mean", "auto"] {
        let (found, notes) = embed(&[(MODEL, &model)], pooling);
        assert_eq!(found.vector(rest).unwrap(), whole);
        let note = format!("as the folder says, sentences begin with `{first} `");
        assert!(notes.contains(&note), "{notes:?}");
    }
    let without = r#"{"pooling_mode_mean_tokens": true, "include_prompt": false}"#;
    let files = [(MODEL, model.as_str()), ("1_Pooling/config.json", without)];
    assert_ne!(embed(&files, "auto").0.vector(rest).unwrap(), whole);
    assert_eq!(embed(&files, "mean").0.vector(rest).unwrap(), whole);
}

#[test]
fn vectors_are_compared_as_the_folder_says() {
    let goldens = vectors();
    let data = benchmark(&goldens.sentences);
    let folder = encoder_with(&[(MODEL, r#"{"similarity_fn_name": "dot"}"#)]);
    let scored = |pooling: &str, normalise: &str| {
        let inputs = [("encoder", folder.path()), ("data", &*data.output())];
        let given = json!({"pooling": pooling, "normalise": normalise});
        let embedded = run(&EmbedStage, &given, &inputs).unwrap().folder;
        let output = embedded.path().join("output");
        let description = fs::read_to_string(output.join("embeddings.json")).unwrap();
        let inputs = [("embeddings", &*output), ("data", &*data.output())];
        let done = run(&StsStage, &json!({}), &inputs).unwrap();
        // By ranks: Pearson's correlation sees how the scaling of vectors rounds.
        let mut scores = scores::read(&done.output()).unwrap();
        scores.retain(|score| !score.name.contains("pearson"));
        let scores = format!("{scores:?}");
        (description.contains("\"dot\""), scores)
    };
    let (dot, by_dot) = scored("auto", "never");
    let (is_cosine, by_cosine) = scored("mean", "never");
    assert!(dot && !is_cosine);
    assert_ne!(by_dot, by_cosine);
    // For vectors of length 1, the scalar product is the cosine.
    assert_eq!(scored("auto", "always").1, scored("mean", "always").1);
}

/// Sentences of many lengths, enough for several batches; some have the same tokens.
fn many() -> Vec<String> {
    let words = [
        "a", "man", "dogs", "playing", "guitars", "run", "from", "two", "Two", "!",
    ];
    let word = |index: usize, place: usize| words[(index * 7 + place * (1 + index % 9)) % 10];
    let sentence = |index: usize| {
        let length = 1 + index % 17;
        (0..length)
            .map(|place| word(index + index / 10, place))
            .collect::<Vec<_>>()
            .join(" ")
    };
    (0..400).map(sentence).collect()
}

#[test]
fn neither_threads_nor_order_reach_a_bit() {
    let mut sentences = many();
    let data = benchmark(&sentences);
    let given = json!({"pooling": "first-last"});
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let done = pool.install(|| embed(&given, &data));
        (
            fs::read(done.output().join("embeddings.parquet")).unwrap(),
            done,
        )
    };
    let (one, done) = with_threads(1);
    assert!(one == with_threads(3).0);
    let embeddings = Embeddings::read(&done.output()).unwrap();
    sentences.reverse();
    let reversed = Embeddings::read(&embed(&given, &benchmark(&sentences)).output()).unwrap();
    assert!(embeddings.vectors.len() > 300);
    assert_eq!(embeddings.vectors, reversed.vectors);
    assert_eq!(
        embeddings.vector("Two").unwrap(),
        embeddings.vector("two").unwrap()
    );
}

#[derive(Deserialize)]
struct Goldens {
    pairs: Vec<Pair>,
    scores: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Pair {
    set: String,
    subset: String,
    left: Vec<f32>,
    right: Vec<f32>,
    score: f64,
}

#[test]
fn scores_agree_with_senteval_on_ties() {
    let goldens: Goldens = serde_json::from_str(include_str!("goldens/scores.json")).unwrap();
    let similarities: Vec<f64> = goldens
        .pairs
        .iter()
        .map(|pair| cosine(&pair.left, &pair.right))
        .collect();
    let pairs: Vec<StsPair> = goldens
        .pairs
        .into_iter()
        .map(
            |Pair {
                 set, subset, score, ..
             }| StsPair {
                set,
                subset,
                id: String::new(),
                sentence1: String::new(),
                sentence2: String::new(),
                score,
            },
        )
        .collect();
    let scores = score(&pairs, &similarities, Aggregate::All).unwrap();
    assert_eq!(scores.len(), goldens.scores.len());
    for score in &scores {
        let expected = goldens.scores[&score.name];
        assert!(
            (score.value - expected).abs() < 1e-10,
            "{} {expected}",
            score.value
        );
        assert_eq!(score.main, score.name == "avg");
    }
}

#[test]
fn sts_scores_what_was_embedded() {
    let data = benchmark(&many());
    let embeddings = embed(&json!({}), &data);
    let inputs = [
        ("embeddings", &*embeddings.output()),
        ("data", &*data.output()),
    ];
    let done = run(&StsStage, &json!({"aggregate": "wmean"}), &inputs).unwrap();
    let scores = scores::read(&done.output()).unwrap();
    let names: Vec<&str> = scores.iter().map(|score| score.name.as_str()).collect();
    let expected = ["sts13", "stsb", "avg"].into_iter().flat_map(|set| {
        let correlations = ["", ".pearson"].into_iter();
        let ways =
            correlations.flat_map(|of| ["", ".mean", ".wmean"].map(|way| format!("{of}{way}")));
        ways.map(move |way| format!("{set}{way}"))
    });
    assert_eq!(names, expected.collect::<Vec<_>>());
    assert!(
        scores
            .iter()
            .all(|score| score.main == (score.name == "avg.wmean"))
    );
    assert!(scores.iter().all(|score| score.examples
        == if score.name.starts_with("avg") {
            800
        } else {
            400
        }));
    // The score of a set follows from the rows.
    let rows = metrics::predictions::read(&done.output()).unwrap();
    assert_eq!(rows.len(), 800);
    let of_set = rows.iter().filter(|row| row.name.set == "sts13");
    let (found, labels): (Vec<f64>, Vec<f64>) =
        of_set.map(|row| (row.prediction, row.label)).unzip();
    let again = 100.0 * metrics::spearman(&found, &labels).unwrap();
    assert_eq!(scores[0].value, again);
    // Both sets have the same pairs with the sentences swapped, which does not change a cosine.
    assert_eq!((scores[6].name.as_str(), scores[6].value), ("stsb", again));
    assert_eq!(
        *done.notes.0.lock().unwrap(),
        ["the average is over 2 of the 7 STS sets: sts13, stsb"]
    );
}

#[test]
fn what_does_not_fit_together_is_named() {
    let goldens = vectors();
    let data = benchmark(&goldens.sentences);
    let embeddings = embed(&json!({}), &data);
    let other = benchmark(&["other words".to_owned(), "here".to_owned()]);
    let inputs = [
        ("embeddings", &*embeddings.output()),
        ("data", &*other.output()),
    ];
    let error = run(&StsStage, &json!({}), &inputs).err().unwrap();
    assert_eq!(
        error.to_string(),
        "embeddings: there is no vector for `here`"
    );

    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer_config.json"] {
        fs::copy(encoder().join(file), folder.path().join(file)).unwrap();
    }
    let vocabulary = fs::read_to_string(encoder().join("vocab.txt")).unwrap();
    fs::write(folder.path().join("vocab.txt"), vocabulary + "another\n").unwrap();
    let inputs = [("encoder", folder.path()), ("data", &*data.output())];
    let error = run(&EmbedStage, &json!({}), &inputs)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.ends_with("the tokenizer has 30 tokens, the encoder embeds 29"),
        "{error}"
    );
}
