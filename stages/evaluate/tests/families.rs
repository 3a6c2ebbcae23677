//! Encoders of other families from end to end, through candle, against sentence-transformers. `tests/goldens/families.py` made the folders.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use candle_core::{Device, Tensor, safetensors};
use contract::{Context, Event, Observer, Params, Problem, Stage, StageError, complete};
use encoder::Pooling;
use evaluate::vectors::{self, Form};
use evaluate::{Asked, Description, EmbedStage, SentenceEncoder};
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/families");
    goldens.join(name)
}

fn sentences() -> Vec<String> {
    serde_json::from_slice(&fs::read(folder("sentences.json")).unwrap()).unwrap()
}

fn expected(name: &str) -> Vec<Vec<f32>> {
    let path = folder(name).join("expected.safetensors");
    let all: HashMap<String, Tensor> = safetensors::load(path, &Device::Cpu).unwrap();
    all["vectors"].to_vec2().unwrap()
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Observer for Notes {
    fn observe(&self, event: &Event) {
        if let Event::Note { message } = event {
            self.0.lock().unwrap().push(message.clone());
        }
    }
}

fn asked(given: &Value) -> Result<Asked, Vec<Problem>> {
    Asked::read(given.as_object().unwrap())
}

/// The vectors of the sentences, their description and what was noted.
type Made = (Vec<Vec<f32>>, Description, Vec<String>);

fn encode(folder: &Path, given: &Value) -> Result<Made, StageError> {
    let scratch = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let context = Context::in_folder(scratch.path())?.with_observer(Box::new(notes.clone()));
    let model = SentenceEncoder::load(folder, asked(given).unwrap(), &context)?;
    model.note(&context);
    let encoded = model.encode(&sentences(), &context)?;
    let description = model.description(&encoded);
    let notes = notes.0.lock().unwrap().clone();
    Ok((encoded.vectors, description, notes))
}

#[track_caller]
fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        let both = found.iter().zip(expected);
        let furthest = both.fold(0_f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(furthest < 1e-5, "{furthest}");
    }
}

/// Pooling, normalisation, prompts that are pooled or not, lower case and the longest sequence are those of the folders.
#[test]
fn vectors_agree_with_sentence_transformers() {
    for (name, pooling, normalised, max_length, truncated) in [
        ("modernbert", Pooling::Mean, true, 16, 2),
        ("xlm-roberta", Pooling::Cls, false, 48, 0),
        ("nomic", Pooling::Mean, false, 32, 1),
        ("jina", Pooling::Mean, false, 8192, 0),
    ] {
        let (found, description, notes) =
            encode(&folder(name), &json!({"engine": "candle"})).unwrap();
        assert_close(&found, &expected(name));
        assert_eq!(description.pooling, pooling, "{name}");
        assert_eq!(description.normalised, normalised, "{name}");
        assert_eq!(description.max_length, max_length, "{name}");
        assert_eq!(description.truncated, truncated, "{name}");
        assert_eq!(description.dimension, 24);
        assert!(
            notes.iter().any(|note| note.contains("candle-cpu/1")),
            "{notes:?}"
        );
    }
}

#[test]
fn what_candle_does_not_give_is_refused() {
    let problems = |given: Value| asked(&given).unwrap_err();
    for pooling in ["first-last", "embedding-last", "last-two"] {
        let found = problems(json!({"engine": "candle", "pooling": pooling}));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, ["pooling"]);
        assert!(found[0].message.starts_with(pooling), "{found:?}");
    }
    let found = problems(json!({"engine": "candle", "precision": "bf16"}));
    assert_eq!(found[0].path, ["precision"]);
    assert!(asked(&json!({"engine": "candle", "pooling": "max"})).is_ok());
    assert!(asked(&json!({"engine": "torch"})).is_err());

    let error = encode(&folder("modernbert"), &json!({})).err().unwrap();
    assert!(error.to_string().ends_with("and no ModernBERT"), "{error}");
    assert!(error.remedy().unwrap().contains("engine = \"candle\""));
}

/// `pipe encode` takes the engine that computes the folder.
#[test]
fn a_folder_says_which_engine_encodes_it() {
    let scratch = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let context = Context::in_folder(scratch.path()).unwrap();
    let context = context.with_observer(Box::new(notes.clone()));
    let write = |from: &Path, given: &Value| {
        let to = scratch.path().join("v.npy");
        let asked = (asked(given).unwrap(), None);
        vectors::write(from, asked, &sentences(), (&to, Form::Npy), &context)
    };
    write(&folder("xlm-roberta"), &json!({})).unwrap();
    let found = notes.0.lock().unwrap().join("\n");
    assert!(
        found.contains("the encoder is XLM-RoBERTa, which candle computes"),
        "{found}"
    );
    let error = write(&folder("nomic"), &json!({"pooling": "last-two"}))
        .err()
        .unwrap();
    assert!(
        error.to_string().starts_with("pooling: last-two needs"),
        "{error}"
    );
    notes.0.lock().unwrap().clear();
    write(&folder("../encoder"), &json!({})).unwrap();
    let found = notes.0.lock().unwrap().join("\n");
    assert!(!found.contains("candle"), "{found}");
}

/// A new option leaves the keys of before as they were.
#[test]
fn the_own_engine_is_not_keyed_and_candle_is_another_class() {
    let signature = EmbedStage.signature();
    let params =
        |given: Value| Params(complete(signature.fields, given.as_object().unwrap()).unwrap());
    let keyed = |given: Value| contract::keyed(signature.fields, &params(given)).0;
    let plain = keyed(json!({}));
    assert!(!plain.contains_key("engine"));
    assert_eq!(keyed(json!({"engine": "own"})), plain);
    assert_eq!(keyed(json!({"engine": "candle"}))["engine"], "candle");
    let class = |given: Value| signature.numerics.unwrap()(&params(given), contract::Device::Cpu);
    assert_eq!(class(json!({})), "cpu-f32/2");
    assert_eq!(class(json!({"engine": "candle"})), evaluate::CANDLE_CLASS);
}
