//! The stages from end to end: goldens of the official scripts, and a run on a small task.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use benchmarks::BenchmarksStage;
use contract::{Context, Event, Inputs, Observer, Params, Stage, StageError, complete};
use encoder::{Architecture, Config, Encoder, Size};
use metrics::Rescorer;
use metrics::examples::Examples;
use metrics::scores;
use serde_json::{Value, json};
use spans::{AnswersStage, FinetuneSpansStage};
use tempfile::TempDir;
use tokenize::Tokenizer;

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
#[derive(Debug)]
struct Done {
    folder: TempDir,
    notes: Vec<String>,
}

impl Done {
    fn output(&self) -> PathBuf {
        self.folder.path().join("output")
    }

    fn scores(&self) -> BTreeMap<String, (f64, u64)> {
        let scores = scores::read(&self.output()).unwrap().into_iter();
        scores
            .map(|one| (one.name, (one.value, one.examples)))
            .collect()
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.output().join(file)).unwrap()).unwrap()
    }

    /// Checks that every score follows from the predictions, as comparisons need it.
    fn assert_rescored(&self) {
        let examples = Examples::read(&self.output()).unwrap();
        for score in scores::read(&self.output()).unwrap() {
            Rescorer::new(&score, &examples).unwrap();
        }
    }
}

fn run(stage: &dyn Stage, given: &Value, inputs: &[(&str, &Path)]) -> Result<Done, StageError> {
    let params = complete(stage.signature().fields, given.as_object().unwrap()).unwrap();
    let inputs = inputs.iter();
    let inputs = Inputs(
        inputs
            .map(|(name, path)| ((*name).to_owned(), path.to_path_buf()))
            .collect(),
    );
    let folder = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let context = Context::in_folder(folder.path())?.with_observer(Box::new(notes.clone()));
    stage.run(&Params(params), &inputs, &context)?;
    let notes = notes.0.lock().unwrap().clone();
    Ok(Done { folder, notes })
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

fn benchmark(source: &Path, task: &str) -> Done {
    run(
        &BenchmarksStage,
        &json!({"task": task}),
        &[("source", source)],
    )
    .unwrap()
}

/// `tests/goldens/answers.py` made the goldens.
#[test]
fn any_file_of_answers_is_scored_as_by_the_official_scripts() {
    let golden = fs::read(goldens().join("scores.json")).unwrap();
    let golden: Value = serde_json::from_slice(&golden).unwrap();
    for task in ["squad", "squad2"] {
        let data = benchmark(&goldens(), task);
        let predictions = goldens().join("predictions.json");
        let inputs = [("data", &*data.output()), ("predictions", &predictions)];
        let done = run(&AnswersStage, &json!({}), &inputs).unwrap();
        done.assert_rescored();
        let scores = done.scores();
        assert_eq!(scores.len(), if task == "squad" { 2 } else { 6 });
        for (name, (value, examples)) in scores {
            let expected = golden[task][&name].as_f64().unwrap();
            assert!(
                (value - expected).abs() < 1e-9,
                "{task} {name}: {value}, not {expected}"
            );
            let part = name.find('.').map_or("", |dot| &name[dot..]);
            let total = format!("total{part}");
            assert_eq!(golden[task][&total], examples, "{task} {name}");
        }
        assert!(
            done.notes[0].contains("questions have no prediction"),
            "{:?}",
            done.notes
        );
        // A folder of answers is read as well.
        let inputs = [("data", &*data.output()), ("predictions", &*goldens())];
        assert_eq!(
            run(&AnswersStage, &json!({}), &inputs).unwrap().scores(),
            done.scores()
        );
    }
}

/// `tests/goldens/answers.py` made the goldens.
#[test]
fn the_best_threshold_is_that_of_the_official_script() {
    let golden = fs::read(goldens().join("scores.json")).unwrap();
    let golden: Value = serde_json::from_slice(&golden).unwrap();
    let data = benchmark(&goldens(), "squad2");
    let predictions = goldens().join("predictions.json");
    let score = |odds: &Path| {
        let inputs = [
            ("data", &*data.output()),
            ("predictions", &*predictions),
            ("null_odds", odds),
        ];
        run(&AnswersStage, &json!({}), &inputs)
    };
    let done = score(&goldens().join("null_odds.json")).unwrap();
    let scores = done.scores();
    assert_eq!(scores.len(), 10);
    for name in [
        "best_exact",
        "best_exact_thresh",
        "best_f1",
        "best_f1_thresh",
    ] {
        let (value, examples) = scores[name];
        let expected = golden["squad2"][name].as_f64().unwrap();
        assert!(
            (value - expected).abs() < 1e-9,
            "{name}: {value}, not {expected}"
        );
        assert_eq!(golden["squad2"]["total"], examples, "{name}");
    }
    assert_eq!(score(&goldens()).unwrap().scores(), scores);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odds.json");
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        let error = score(&path).unwrap_err().to_string();
        error.replace(&*path.to_string_lossy(), "FILE")
    };
    assert_eq!(
        refused(r#"{"squad2-0-0-0": 1.5, "another": 2}"#),
        "FILE: question `squad2-0-0-1` has an answer and no odds"
    );
    let told = refused(r#"{"squad2-0-0-0": "high"}"#);
    assert!(told.starts_with("FILE:1: "), "{told}");
    assert!(refused("[]").contains("expected an object of question ids and numbers"));
    let first = benchmark(&goldens(), "squad");
    let inputs = [
        ("data", &*first.output()),
        ("predictions", &*predictions),
        ("null_odds", &*goldens()),
    ];
    assert_eq!(
        run(&AnswersStage, &json!({}), &inputs)
            .unwrap_err()
            .to_string(),
        "null_odds: every question of `squad` has an answer"
    );
}

#[test]
fn answers_of_another_form_are_refused() {
    let data = benchmark(&goldens(), "squad");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.json");
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        let inputs = [("data", &*data.output()), ("predictions", &*path)];
        let error = run(&AnswersStage, &json!({}), &inputs)
            .unwrap_err()
            .to_string();
        error.replace(&*path.to_string_lossy(), "FILE")
    };
    assert_eq!(
        refused(r#"{"squad-0-0-0": ["Denver"]}"#),
        "FILE: question `squad-0-0-0`: its answer is a list, and no text"
    );
    assert_eq!(refused("{}"), "FILE: it answers none of the 108 questions");
    assert!(refused("[").starts_with("FILE:1: "));
}

const LETTERS: [&str; 8] = [
    "red", "green", "blue", "cat", "dog", "king", "tree", "house",
];

/// Questions for the word after `is`, in texts that take several windows; where a question may have no answer, those for what the text
/// does not say have none.
fn questions(folder: &Path, second: bool) {
    let paragraph = |place: usize| {
        let [colour, thing] = [LETTERS[place % 3], LETTERS[3 + place % 5]];
        let filler = |count: usize| {
            let words = (0..count).map(|at| LETTERS[3 + (place * 7 + at * 3) % 5]);
            words.collect::<Vec<_>>().join(" ")
        };
        let context = format!(
            "{} it is {colour} . {}",
            filler(place % 9),
            filler(9 - place % 9)
        );
        let start = context.find(&format!("is {colour}")).unwrap() + 3;
        let answer = json!([{"text": colour, "answer_start": start}]);
        let mut asked = vec![
            json!({"id": format!("q{place}"), "question": "what colour ?", "answers": answer}),
        ];
        if second {
            asked[0]["is_impossible"] = json!(false);
            asked.push(json!({
                "id": format!("n{place}"), "question": format!("who {thing} ?"), "answers": [], "is_impossible": true,
            }));
        }
        json!({"context": context, "qas": asked})
    };
    let file = |places: std::ops::Range<usize>| {
        let paragraphs: Vec<Value> = places.map(paragraph).collect();
        json!({"data": [{"title": "t", "paragraphs": paragraphs}]}).to_string()
    };
    let version = if second { "2.0" } else { "1.1" };
    fs::write(folder.join(format!("train-v{version}.json")), file(0..90)).unwrap();
    fs::write(folder.join(format!("dev-v{version}.json")), file(90..120)).unwrap();
}

/// An encoder with random weights whose words are those of the questions.
fn encoder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let words = "[PAD] [UNK] [CLS] [SEP] [MASK] what colour who it is ? .";
    let words: Vec<String> = words.split(' ').chain(LETTERS).map(str::to_owned).collect();
    let tokenizer = Tokenizer::from_tokens(&words, true, Path::new("test")).unwrap();
    tokenizer.copy_files(folder.path()).unwrap();
    let config = Config::of_size(Size::Nano, Architecture::Bert, words.len(), 24, 0);
    let encoder = Encoder::new(config, 1).unwrap();
    encoder.save(folder.path()).unwrap();
    folder
}

fn train(second: bool, given: &Value) -> Result<Done, StageError> {
    let source = tempfile::tempdir().unwrap();
    questions(source.path(), second);
    let data = benchmark(source.path(), if second { "squad2" } else { "squad" });
    let encoder = encoder();
    let mut all = json!({"epochs": 12, "batch": 8, "lr": 2e-3, "max_length": 14, "stride": 4});
    all.as_object_mut()
        .unwrap()
        .extend(given.as_object().unwrap().clone());
    let inputs = [("encoder", encoder.path()), ("data", &*data.output())];
    run(&FinetuneSpansStage, &all, &inputs)
}

#[test]
fn spans_are_learnt_and_written_as_the_server_takes_them() {
    for second in [false, true] {
        let given = json!({"epochs": if second { 30 } else { 12 }, "dropout": 0.0, "attention_dropout": 0.0});
        let done = train(second, &given).unwrap();
        done.assert_rescored();
        let scores = done.scores();
        assert!(scores["f1"].0 > 80.0, "{scores:?}");
        let answers = done.json("predictions.json");
        assert_eq!(
            answers.as_object().unwrap().len(),
            if second { 60 } else { 30 }
        );
        let best = &done.json("nbest_predictions.json")["q90"];
        assert!(best[0]["probability"].as_f64().unwrap() > 0.2, "{best}");
        assert_eq!(done.output().join("null_odds.json").exists(), second);
        // The files score the same as what others have written.
        let source = tempfile::tempdir().unwrap();
        questions(source.path(), second);
        let data = benchmark(source.path(), if second { "squad2" } else { "squad" });
        let inputs = [("data", &*data.output()), ("predictions", &*done.output())];
        assert_eq!(
            run(&AnswersStage, &json!({}), &inputs).unwrap().scores(),
            scores
        );
    }
}

#[test]
fn the_threshold_decides_what_has_no_answer() {
    let share = |threshold: f64| {
        let done = train(true, &json!({"epochs": 1, "null_threshold": threshold})).unwrap();
        let answers = done.json("predictions.json");
        let answers = answers.as_object().unwrap().values();
        answers.filter(|answer| answer.as_str() == Some("")).count()
    };
    assert_eq!([-1e9, 1e9].map(share), [60, 0]);
}

#[test]
fn the_best_threshold_of_a_run_is_that_of_its_files() {
    let given = json!({"epochs": 4, "null_threshold": 1e9});
    let plain = train(true, &given).unwrap();
    let mut swept = given;
    swept["best_threshold"] = json!(true);
    let swept = train(true, &swept).unwrap();
    let (before, scores) = (plain.scores(), swept.scores());
    assert_eq!((before.len(), scores.len()), (6, 10));
    assert!(before.iter().all(|(name, score)| scores[name] == *score));
    assert!(scores["best_f1"].0 >= scores["f1"].0, "{scores:?}");
    let source = tempfile::tempdir().unwrap();
    questions(source.path(), true);
    let data = benchmark(source.path(), "squad2");
    let folder = swept.output();
    let inputs = [
        ("data", &*data.output()),
        ("predictions", &folder),
        ("null_odds", &folder),
    ];
    assert_eq!(
        run(&AnswersStage, &json!({}), &inputs).unwrap().scores(),
        scores
    );
    // In the first release every question has an answer.
    let first = train(false, &json!({"epochs": 0, "best_threshold": true})).unwrap();
    assert_eq!(first.scores().len(), 2);
}

#[test]
fn a_run_is_the_same_with_other_threads_and_says_what_it_leaves_out() {
    let given = json!({"epochs": 1, "question_length": 1, "train_examples": 40, "eval_examples": 10, "max_length": 6});
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let [first, second] = [
        one.install(|| train(false, &given)).unwrap(),
        train(false, &given).unwrap(),
    ];
    for file in [
        "predictions.json",
        "predictions.parquet",
        "log.parquet",
        "scores.parquet",
    ] {
        let read = |done: &Done| fs::read(done.output().join(file)).unwrap();
        assert!(read(&first) == read(&second), "{file}");
    }
    assert_eq!(first.scores()["f1"].1, 10);
    assert_eq!(first.notes[0], "40 of 40 training questions were cut");
}

#[test]
fn sequences_that_the_encoder_cannot_read_are_refused() {
    let error = train(false, &json!({"max_length": 30})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "max_length: 30 tokens, but the encoder has 24 positions"
    );
}
