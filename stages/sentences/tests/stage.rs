//! The whole stage, on a small corpus.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use benchmarks::Triplet;
use contract::{Context, Inputs, Params, Stage, StageError, complete};
use corpus::CorpusStage;
use sentences::SentencesStage;
use serde_json::{Value, json};
use tempfile::TempDir;

const TEXTS: [&str; 2] = [
    "A Title\nThe king saw the queen. She did not see him. He left the town!\n",
    "The baker sold two loaves. The potter, Mr. Arden, bought them. No one else came.\nOne more line of text\n",
];

fn run(
    stage: &dyn Stage,
    input: (&str, &Path),
    given: &Value,
    place: &Path,
) -> Result<(), StageError> {
    let params = complete(stage.signature().fields, given.as_object().unwrap()).unwrap();
    let params = Params(params);
    assert_eq!(stage.check(&params), []);
    stage.run(&params, &Inputs::from([input]), &Context::in_folder(place)?)
}

/// Makes a corpus of the texts, a document each.
fn corpus(folder: &Path) -> std::path::PathBuf {
    let source = folder.join("texts");
    fs::create_dir_all(&source).unwrap();
    for (at, text) in TEXTS.iter().enumerate() {
        fs::write(source.join(format!("{at}.txt")), text).unwrap();
    }
    let place = folder.join("corpus");
    run(&CorpusStage, ("source", &source), &json!({}), &place).unwrap();
    place.join("output")
}

fn cut(folder: &TempDir, name: &str, given: &Value) -> Result<Vec<Triplet>, StageError> {
    let corpus = corpus(folder.path());
    let place = folder.path().join(name);
    run(&SentencesStage, ("corpus", &corpus), given, &place)?;
    benchmarks::read_triplets(&place.join("output"))
}

#[test]
fn sentences_stand_in_the_order_of_the_corpus() {
    let folder = TempDir::new().unwrap();
    let all = cut(&folder, "all", &json!({})).unwrap();
    let anchors: Vec<&str> = all.iter().map(|one| one.anchor.as_str()).collect();
    let expected = [
        "The king saw the queen.",
        "She did not see him.",
        "He left the town!",
        "The baker sold two loaves.",
        "The potter, Mr. Arden, bought them.",
        "No one else came.",
        "One more line of text",
    ];
    assert_eq!(anchors, expected);
    assert!(
        all.iter()
            .all(|one| one.positive.is_none() && one.negative.is_none())
    );
    let short = cut(&folder, "short", &json!({"max_words": 4, "min_words": 4})).unwrap();
    let anchors: Vec<&str> = short.iter().map(|one| one.anchor.as_str()).collect();
    assert_eq!(anchors, ["He left the town!", "No one else came."]);
}

#[test]
fn pairs_do_not_reach_into_another_document() {
    let folder = TempDir::new().unwrap();
    let pairs = cut(&folder, "next", &json!({"following": 1})).unwrap();
    let found: Vec<(&str, &str)> = pairs
        .iter()
        .map(|one| (one.anchor.as_str(), one.positive.as_deref().unwrap()))
        .collect();
    assert_eq!(found.len(), 5);
    assert_eq!(found[1], ("She did not see him.", "He left the town!"));
    assert_eq!(
        found[2],
        (
            "The baker sold two loaves.",
            "The potter, Mr. Arden, bought them."
        )
    );
    let [one, same, other] = [("a", 1), ("b", 1), ("c", 2)].map(|(name, seed)| {
        let given = json!({"limit": 3, "seed": seed, "following": 3});
        cut(&folder, name, &given).unwrap()
    });
    assert_eq!(one.len(), 3);
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn a_corpus_without_sentences_is_refused() {
    let folder = TempDir::new().unwrap();
    let error = cut(&folder, "none", &json!({"min_words": 50})).unwrap_err();
    assert!(matches!(error, StageError::Input { .. }), "{error}");
    assert!(error.to_string().contains("no sentence in it"), "{error}");
}
