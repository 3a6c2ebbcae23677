//! Reads folders as Hugging Face does, and compares with goldens made by `goldens/folders.py`: the same ids, or an error that names
//! the cause.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tokenize::{Tokenizer, WordEncoder};

#[derive(Deserialize)]
struct Goldens {
    texts: Vec<String>,
    vocabulary: Vec<String>,
    folders: BTreeMap<String, Folder>,
}

#[derive(Deserialize)]
struct Folder {
    files: BTreeMap<String, String>,
    #[serde(rename = "4")]
    four: Found,
    #[serde(rename = "5")]
    five: Found,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Found {
    Ids(Vec<Vec<u32>>),
    Error(String),
}

/// Folders that are refused, and what the error names. Most are read differently by different versions of Hugging Face.
const REFUSED: &[(&str, &str)] = &[
    (
        "another normalizer",
        "does not normalise and separate words as BERT does",
    ),
    (
        "another pre-tokenizer",
        "does not normalise and separate words as BERT does",
    ),
    ("another prefix", "continuing_subword_prefix is \"@@\""),
    (
        "another unknown token in tokenizer.json",
        "the model's unk_token is [UNK]",
    ),
    (
        "added_tokens.json, another id",
        "the added token `[E1]` has the id",
    ),
    (
        "by file without a file",
        "`tokenizer_class` is PreTrainedTokenizer, which needs a tokenizer.json",
    ),
    (
        "class of the model",
        "`tokenizer_class` is BertJapaneseTokenizer",
    ),
    ("cut on the left", "`truncation_side` is \"left\""),
    (
        "decoder, another id of a special",
        "the added token `[MASK]` has the id 7 there, and 4",
    ),
    ("long words", "max_input_chars_per_word is 120"),
    ("mask missing", "the vocabulary has no [MASQUE]"),
    ("model-specific token", "`image_token` is \"foo\""),
    ("MPNet", "`tokenizer_class` is MPNetTokenizer"),
    ("never split", "`never_split` has \"foo\""),
    ("no basic tokenizer", "`do_basic_tokenize` is false"),
    (
        "other names in tokenizer.json",
        "`post_processor` (TemplateProcessing)",
    ),
    ("pad is null", "`pad_token` is null"),
    ("RoBERTa", "`tokenizer_class` is RobertaTokenizer"),
    (
        "RoBERTa's post-processor",
        "`post_processor` (RobertaProcessing)",
    ),
    ("text not cleaned", "clean_text is false"),
    (
        "tokenizer.json adds, decoder lacks it",
        "adds the token `Foo`, which added_tokens_decoder",
    ),
    (
        "tokenizer.json without a configuration, cased",
        "in a folder without a tokenizer_config.json",
    ),
];

/// Folders that 5.24 reads differently from 4.57 and that are read as by 4.57, and one that only 5.24 can read.
const AS_BY_FOUR: [&str; 2] = ["added_tokens.json, special", "added_tokens.json, several"];
const AS_BY_FIVE: [&str; 1] = ["listed extra tokens"];

fn goldens() -> Goldens {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/folders.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

impl Folder {
    /// Writes the folder's files.
    fn write(&self, vocabulary: &[String]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let spelt: serde_json::Map<String, Value> = vocabulary
            .iter()
            .zip(0..)
            .map(|(token, id)| (token.clone(), Value::from(id)))
            .collect();
        let spelt = serde_json::to_string(&spelt).unwrap();
        for (name, text) in &self.files {
            fs::write(folder.path().join(name), text.replace("SPELT", &spelt)).unwrap();
        }
        if !self.files.contains_key("tokenizer.json") {
            let lines: String = vocabulary.iter().flat_map(|token| [token, "\n"]).collect();
            fs::write(folder.path().join("vocab.txt"), lines).unwrap();
        }
        folder
    }
}

fn ids(tokenizer: &Tokenizer, texts: &[String]) -> Found {
    let single = |text: &String| tokenizer.single(text, None);
    Found::Ids(texts.iter().map(single).collect())
}

#[test]
fn ids_are_those_of_hugging_face_or_the_folder_is_refused_by_name() {
    let goldens = goldens();
    let mut wrong = Vec::new();
    for (name, golden) in &goldens.folders {
        let folder = golden.write(&goldens.vocabulary);
        let read = Tokenizer::load(folder.path());
        let refused = REFUSED.iter().find(|(refused, _)| refused == name);
        match (read, refused) {
            (Err(error), Some((_, reason))) => {
                let told = error.to_string();
                if !told.contains(reason) || error.remedy().is_none() {
                    wrong.push(format!("{name}: {told}"));
                }
            }
            (Err(error), None) => wrong.push(format!("{name}: {error}")),
            (Ok(_), Some((_, reason))) => wrong.push(format!("{name}: not refused: {reason}")),
            (Ok(tokenizer), None) => {
                let found = ids(&tokenizer, &goldens.texts);
                let by_four = AS_BY_FOUR.contains(&name.as_str());
                let by_five = AS_BY_FIVE.contains(&name.as_str());
                if (found != golden.four && !by_five) || (found != golden.five && !by_four) {
                    let text = |text: &String| tokenizer.encode(text);
                    let all: Vec<_> = goldens.texts.iter().map(text).collect();
                    wrong.push(format!("{name}: {all:?}"));
                }
                for text in &goldens.texts {
                    let words = WordEncoder::new(&tokenizer).encode(text);
                    assert_eq!(words, tokenizer.encode(text), "{name}: {text:?}");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each file that is written of a folder's tokenizer describes the same tokenizer.
#[test]
fn what_is_written_is_the_same_tokenizer() {
    let goldens = goldens();
    for (name, golden) in &goldens.folders {
        let folder = golden.write(&goldens.vocabulary);
        let Ok(tokenizer) = Tokenizer::load(folder.path()) else {
            continue;
        };
        let expected = ids(&tokenizer, &goldens.texts);
        for beside_encoder in [false, true] {
            let written = tempfile::tempdir().unwrap();
            if beside_encoder {
                tokenizer.copy_files_for(99, written.path()).unwrap();
            } else {
                tokenizer.copy_files(written.path()).unwrap();
            }
            let again = Tokenizer::load(written.path()).unwrap();
            assert_eq!(ids(&again, &goldens.texts), expected, "{name}");
            let length = if beside_encoder {
                Some(99)
            } else {
                again.max_length()
            };
            assert_eq!(again.max_length(), length, "{name}");
            let by_itself = name.contains("by itself");
            let config = fs::read_to_string(written.path().join("tokenizer_config.json")).unwrap();
            if !by_itself && !config.contains("PreTrainedTokenizerFast") {
                fs::remove_file(written.path().join("tokenizer.json")).unwrap();
                let again = Tokenizer::load(written.path()).unwrap();
                assert_eq!(
                    ids(&again, &goldens.texts),
                    expected,
                    "{name}, by vocab.txt"
                );
            }
        }
    }
}
