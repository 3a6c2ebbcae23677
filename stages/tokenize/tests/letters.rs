//! Capitals and accents of a trained and of a given vocabulary: the settings are obeyed, written to files, and read back.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use contract::{Context, Inputs, Params, Stage, complete};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenize::{Tokenizer, TokenizerStage};

fn corpus(folder: &Path) -> PathBuf {
    let path = folder.join("corpus");
    fs::create_dir_all(&path).unwrap();
    let texts = ["Wie schön, sagte Zoë. "; 50];
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
    let file = File::create(path.join("documents-00000.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

/// Runs the stage and returns the folder in which `output` lies.
fn run(input: &str, path: &Path, given: &Value) -> TempDir {
    let stage = TokenizerStage;
    let fields = stage.signature().fields;
    let params = Params(complete(fields, given.as_object().unwrap()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let context = Context::in_folder(folder.path()).unwrap();
    stage
        .run(&params, &Inputs::from([(input, path)]), &context)
        .unwrap();
    folder
}

fn read(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

/// Returns the words of a text as the written tokenizer splits it, both here and in Hugging Face's own library.
fn words(folder: &Path, text: &str) -> Vec<String> {
    let theirs = tokenizers::Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    let encoding = theirs.encode(text, false).unwrap();
    let ours = Tokenizer::load(folder).unwrap().encode(text);
    assert_eq!(encoding.get_ids(), ours);
    encoding.get_tokens().to_vec()
}

#[test]
fn letters_are_as_asked_for_in_training_in_what_is_written_and_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    // Without strip_accents, accents are treated as lower_case says, in transformers too.
    for (lower, strip, expected) in [
        (json!(""), json!(""), ["wie", "schon", "zoe"]),
        (json!(true), json!(true), ["wie", "schon", "zoe"]),
        (json!(true), json!(false), ["wie", "schön", "zoë"]),
        (json!(false), json!(""), ["Wie", "schön", "Zoë"]),
        (json!(false), json!(false), ["Wie", "schön", "Zoë"]),
        (json!(false), json!(true), ["Wie", "schon", "Zoe"]),
    ] {
        let given = json!({"vocab_size": 200, "lower_case": lower, "strip_accents": strip});
        let made = run("corpus", &corpus, &given);
        let made = made.path().join("output");
        assert_eq!(words(&made, "Wie schön Zoë"), expected, "{given}");
        let said = strip.as_bool().map_or(Value::Null, Value::Bool);
        let lower = json!(lower != false);
        let normalizer = &read(&made, "tokenizer.json")["normalizer"];
        assert_eq!(normalizer["strip_accents"], said);
        assert_eq!(normalizer["lowercase"], lower);
        let config = read(&made, "tokenizer_config.json");
        assert_eq!(config["strip_accents"], said);
        assert_eq!(config["do_lower_case"], lower);
        // The written tokenizer, given as a vocabulary, is the same one.
        let again = run("vocab", &made, &json!({}));
        for name in ["tokenizer.json", "tokenizer_config.json", "vocab.txt"] {
            let bytes = |folder: &Path| fs::read(folder.join(name)).unwrap();
            assert_eq!(bytes(&again.path().join("output")), bytes(&made), "{name}");
        }
    }
}

#[test]
fn what_is_asked_for_overrules_the_files_of_a_given_vocabulary() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let cased = run(
        "corpus",
        &corpus,
        &json!({"vocab_size": 200, "lower_case": false}),
    );
    let given = folder.path().join("given");
    fs::create_dir(&given).unwrap();
    let tokens = fs::read_to_string(cased.path().join("output/vocab.txt")).unwrap();
    fs::write(given.join("vocab.txt"), tokens + "schon\nwie\n").unwrap();
    for (config, asked, expected) in [
        (json!({}), json!({}), ["wie", "schon"]),
        (json!({}), json!({"strip_accents": false}), ["wie", "schön"]),
        (json!({"strip_accents": false}), json!({}), ["wie", "schön"]),
        (
            json!({"strip_accents": false}),
            json!({"strip_accents": true}),
            ["wie", "schon"],
        ),
        (
            json!({"strip_accents": null}),
            json!({"lower_case": false}),
            ["Wie", "schön"],
        ),
        (
            json!({"strip_accents": true}),
            json!({"lower_case": false}),
            ["Wie", "schon"],
        ),
    ] {
        fs::write(given.join("tokenizer_config.json"), config.to_string()).unwrap();
        let made = run("vocab", &given, &asked);
        let made = made.path().join("output");
        assert_eq!(words(&made, "Wie schön"), expected, "{config} {asked}");
    }
}
