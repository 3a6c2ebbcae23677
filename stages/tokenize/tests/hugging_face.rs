//! Compares ids with those of Hugging Face's `BertTokenizer`, from goldens made by `goldens/make.py`.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use serde::Deserialize;
use tokenize::{Letters, Tokenizer};

#[derive(Deserialize)]
struct Golden {
    vocabulary: Vec<String>,
    texts: Vec<String>,
    lower: Vec<Vec<u32>>,
    cased: Vec<Vec<u32>>,
    whole_lower: Vec<Vec<u32>>,
    whole_cased: Vec<Vec<u32>>,
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    first: String,
    second: String,
    max_length: Option<usize>,
    ids: Vec<u32>,
    types: Vec<u32>,
    single: Vec<u32>,
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/bert.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn small(golden: &Golden, lower_case: bool) -> Tokenizer {
    Tokenizer::from_tokens(&golden.vocabulary, lower_case, Path::new("golden")).unwrap()
}

fn compare(tokenizer: &Tokenizer, texts: &[String], expected: &[Vec<u32>]) {
    assert_eq!(texts.len(), expected.len());
    for (text, expected) in texts.iter().zip(expected) {
        assert_eq!(&tokenizer.single(text, None), expected, "{text:?}");
    }
}

#[test]
fn texts_have_the_same_ids() {
    let golden = golden();
    compare(&small(&golden, true), &golden.texts, &golden.lower);
    compare(&small(&golden, false), &golden.texts, &golden.cased);
}

#[test]
fn pairs_have_the_same_ids_types_and_truncation() {
    let golden = golden();
    let tokenizer = small(&golden, true);
    for pair in &golden.pairs {
        let found = tokenizer.pair(&pair.first, &pair.second, pair.max_length);
        assert_eq!(
            found,
            (pair.ids.clone(), pair.types.clone()),
            "{pair:?}",
            pair = pair.max_length
        );
        assert_eq!(tokenizer.single(&pair.first, pair.max_length), pair.single);
    }
}

/// The written files load as a tokenizer with the same ids.
#[test]
fn files_load_again() {
    let golden = golden();
    for (lower_case, expected) in [(true, &golden.lower), (false, &golden.cased)] {
        let tokenizer = small(&golden, lower_case);
        let folder = tempfile::tempdir().unwrap();
        tokenizer.copy_files(folder.path()).unwrap();
        compare(
            &Tokenizer::load(folder.path()).unwrap(),
            &golden.texts,
            expected,
        );
        fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
        compare(
            &Tokenizer::load(folder.path()).unwrap(),
            &golden.texts,
            expected,
        );
    }
}

/// Beside an encoder, the longest sequence is the encoder's; other settings of a given file are kept.
#[test]
fn beside_an_encoder_the_files_say_how_long_a_sequence_may_be() {
    let golden = golden();
    let given = tempfile::tempdir().unwrap();
    small(&golden, true).copy_files(given.path()).unwrap();
    let read = |folder: &Path| -> serde_json::Value {
        serde_json::from_slice(&fs::read(folder.join("tokenizer_config.json")).unwrap()).unwrap()
    };
    let mut expected = read(given.path());
    expected["never_split"] = serde_json::json!(["[MASK]"]);
    let config = given.path().join("tokenizer_config.json");
    fs::write(&config, expected.to_string()).unwrap();
    let beside = tempfile::tempdir().unwrap();
    let tokenizer = Tokenizer::load(given.path()).unwrap();
    tokenizer.copy_files_for(128, beside.path()).unwrap();
    expected["model_max_length"] = 128.into();
    assert_eq!(read(beside.path()), expected);
    compare(
        &Tokenizer::load(beside.path()).unwrap(),
        &golden.texts,
        &golden.lower,
    );
    fs::write(&config, "[]").unwrap();
    let error = Tokenizer::load(given.path()).err().unwrap().to_string();
    assert!(error.contains("tokenizer_config.json:1: "), "{error}");
}

/// Uses the vocabulary of bert-base-uncased itself.
#[test]
#[ignore = "reads real data: CONTRIBUTING.md says how to run it"]
fn real_data_of_a_whole_vocabulary_gives_the_same_ids() {
    let data = std::env::var_os("PIPE_TEST_DATA").expect("PIPE_TEST_DATA names the data");
    let path = Path::new(&data).join("vocab/bert-base-uncased/vocab.txt");
    let golden = golden();
    let lower = Tokenizer::load(&path).unwrap();
    assert_eq!(lower.vocabulary(), 30_522);
    compare(&lower, &golden.texts, &golden.whole_lower);
    let cased = Letters {
        lower_case: Some(false),
        ..Letters::default()
    };
    let cased = Tokenizer::load_as(&path, cased).unwrap();
    compare(&cased, &golden.texts, &golden.whole_cased);
}

/// Where no class is named, Hugging Face decides by the kind of model, and a kind unrelated to BERT would give other ids.
#[test]
fn without_a_class_the_kind_of_model_decides() {
    let folder = tempfile::tempdir().unwrap();
    let vocabulary = golden().vocabulary.join("\n");
    fs::write(folder.path().join("vocab.txt"), vocabulary).unwrap();
    let load = |kind: &str| {
        let config = format!("{{\"model_type\": \"{kind}\"}}");
        fs::write(folder.path().join("config.json"), config).unwrap();
        Tokenizer::load(folder.path())
            .err()
            .map(|error| error.to_string())
    };
    for kind in ["bert", "distilbert"] {
        assert_eq!(load(kind), None, "{kind}");
    }
    for kind in ["mpnet", "roberta"] {
        let error = load(kind).unwrap();
        assert!(error.contains(&format!("model_type is {kind}")), "{error}");
    }
}

/// A vocabulary that is given by its path is read together with the files beside it, as in its folder.
#[test]
fn a_file_is_read_as_its_folder_is() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vocab.txt");
    fs::write(&file, golden.vocabulary.join("\n")).unwrap();
    compare(
        &Tokenizer::load(&file).unwrap(),
        &golden.texts,
        &golden.lower,
    );
    let config = folder.path().join("tokenizer_config.json");
    fs::write(config, "{\"do_lower_case\": false}").unwrap();
    for place in [file.as_path(), folder.path()] {
        compare(
            &Tokenizer::load(place).unwrap(),
            &golden.texts,
            &golden.cased,
        );
    }
}
