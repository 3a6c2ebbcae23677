//! Byte-level BPE against Hugging Face's, by goldens that `goldens/byte_level.py` has made: what is learned, ids, places, words, pairs, and
//! folders, which are read alike or refused by name.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use contract::{Context, Inputs, Params, Stage, StageError, complete};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenize::{Tokenizer, TokenizerStage, WordEncoder};

#[derive(Deserialize)]
struct Goldens {
    corpus: Vec<String>,
    vocabulary: Vec<String>,
    merges: Vec<String>,
    texts: Vec<String>,
    tokens: Vec<Tokens>,
    pairs_of_texts: Vec<(String, String)>,
    pairs: Vec<Pair>,
    whole_size: usize,
    whole: Vec<Vec<u32>>,
    folders: BTreeMap<String, Folder>,
}

#[derive(Deserialize)]
struct Tokens {
    ids: Vec<u32>,
    /// The places in the text, in bytes.
    places: Vec<(usize, usize)>,
    words: Vec<u32>,
}

#[derive(Deserialize)]
struct Pair {
    first: String,
    second: String,
    max_length: Option<usize>,
    ids: Vec<u32>,
    single: Vec<u32>,
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

/// Folders that are refused, and what the error names.
const REFUSED: &[(&str, &str)] = &[
    (
        "files, another class",
        "`tokenizer_class` is GPT2Tokenizer, whose texts become other ids than RobertaTokenizer's",
    ),
    (
        "tokenizer.json by itself, prefix space",
        "its add_prefix_space is true, that of tokenizer_config.json false",
    ),
    (
        "tokenizer.json without a configuration, prefix space",
        "its add_prefix_space is true, that of tokenizer_config.json false",
    ),
    (
        "tokenizer.json, NFC",
        "its normalizer is NFC: versions of transformers differ",
    ),
    ("tokenizer.json, lower case", "its normalizer is not NFC"),
    ("tokenizer.json, no expression", "use_regex is false"),
    ("tokenizer.json, merges ignored", "ignore_merges is true"),
    (
        "tokenizer.json, nothing around texts",
        "`post_processor` (none) does not put a text between <s> and </s>, and two </s> between texts",
    ),
    (
        "tokenizer.json, GPT-2's processor",
        "`post_processor` (ByteLevel) does not put a text between",
    ),
    (
        "tokenizer.json, another pre-tokenizer",
        "its pre_tokenizer is not ByteLevel",
    ),
];

/// Folders that the two versions of transformers read differently.
const AS_BY_FOUR: [&str; 1] = ["files alone"];
const AS_BY_FIVE: [&str; 1] = ["files, mask that takes no space"];

fn goldens() -> Goldens {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/byte_level.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

impl Goldens {
    fn ids_by_token(&self) -> Value {
        let ids = self.vocabulary.iter().zip(0..);
        Value::Object(
            ids.map(|(token, id)| (token.clone(), Value::from(id)))
                .collect(),
        )
    }

    /// The text of a file of a folder, with the vocabulary and the merges in their places.
    fn spelt(&self, text: &str) -> String {
        let pairs: Vec<Vec<&str>> = self
            .merges
            .iter()
            .map(|it| it.split(' ').collect())
            .collect();
        let lines: String = self.merges.iter().flat_map(|it| [it, "\n"]).collect();
        text.replace("SPELT", &self.ids_by_token().to_string())
            .replace("MERGED_AS_TEXT", &json!(self.merges).to_string())
            .replace("MERGED", &json!(pairs).to_string())
            .replace("LINES", &format!("#version: 0.2\n{lines}"))
    }

    fn write(&self, files: &BTreeMap<String, String>) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), self.spelt(text)).unwrap();
        }
        folder
    }

    /// The folder of a vocabulary and its merges.
    fn small(&self) -> TempDir {
        self.write(&self.folders["files, decoder"].files)
    }

    fn ids(&self, tokenizer: &Tokenizer) -> Found {
        let texts = self.texts.iter().map(|text| tokenizer.single(text, None));
        let pairs = self.pairs_of_texts.iter();
        let pairs = pairs.map(|(first, second)| tokenizer.pair(first, second, None).0);
        Found::Ids(texts.chain(pairs).collect())
    }
}

fn corpus(folder: &Path, texts: &[String]) -> PathBuf {
    let path = folder.join("corpus");
    fs::create_dir_all(&path).unwrap();
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
    let file = File::create(path.join("documents-00000.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

/// Runs the stage and returns the folder in which `output` lies.
fn run(given: &Value, inputs: &Inputs) -> Result<TempDir, StageError> {
    let stage = TokenizerStage;
    let params = complete(stage.signature().fields, given.as_object().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let context = Context::in_folder(folder.path()).unwrap();
    stage.run(&Params(params), inputs, &context)?;
    Ok(folder)
}

fn trained(texts: &[String], size: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path(), texts);
    let given = json!({"algorithm": "byte-level-bpe", "vocab_size": size});
    run(&given, &Inputs::from([("corpus", corpus.as_path())])).unwrap()
}

#[test]
fn what_is_learned_is_what_hugging_faces_trainer_learns() {
    let goldens = goldens();
    let made = trained(&goldens.corpus, goldens.vocabulary.len());
    let read = |name: &str| fs::read_to_string(made.path().join("output").join(name)).unwrap();
    let ids: Value = serde_json::from_str(&read("vocab.json")).unwrap();
    assert_eq!(ids, goldens.ids_by_token());
    assert_eq!(read("merges.txt"), goldens.spelt("LINES"));
    let tokenizer = Tokenizer::load(&made.path().join("output")).unwrap();
    assert_eq!(
        goldens.ids(&tokenizer),
        goldens.folders["files, decoder"].five
    );
    assert!(!made.path().join("output/vocab.txt").exists());
}

#[test]
fn tokens_have_the_ids_places_and_words_of_hugging_face() {
    let goldens = goldens();
    let tokenizer = Tokenizer::load(goldens.small().path()).unwrap();
    for (text, expected) in goldens.texts.iter().zip(&goldens.tokens) {
        let found = tokenizer.tokens(text);
        let ids: Vec<u32> = found.iter().map(|token| token.id).collect();
        assert_eq!(ids, expected.ids, "{text:?}");
        let places = found
            .iter()
            .map(|token| (token.bytes.start, token.bytes.end));
        assert_eq!(places.collect::<Vec<_>>(), expected.places, "{text:?}");
        let words: Vec<u32> = found.iter().map(|token| token.word).collect();
        assert_eq!(words, expected.words, "{text:?}");
        let places = expected.places.iter();
        assert!(
            places
                .clone()
                .all(|&(start, end)| text.get(start..end).is_some()),
            "{text:?}"
        );
    }
}

#[test]
fn pairs_have_two_separators_no_types_and_hugging_faces_truncation() {
    let goldens = goldens();
    let tokenizer = Tokenizer::load(goldens.small().path()).unwrap();
    for pair in &goldens.pairs {
        let (ids, types) = tokenizer.pair(&pair.first, &pair.second, pair.max_length);
        let told = (&pair.first, &pair.second, pair.max_length);
        assert_eq!(ids, pair.ids, "{told:?}");
        assert_eq!(types, vec![0; ids.len()], "{told:?}");
        assert_eq!(
            tokenizer.single(&pair.first, pair.max_length),
            pair.single,
            "{told:?}"
        );
    }
}

#[test]
fn folders_are_read_as_by_hugging_face_or_refused_by_name() {
    let goldens = goldens();
    let mut wrong = Vec::new();
    for (name, golden) in &goldens.folders {
        let folder = goldens.write(&golden.files);
        let refused = REFUSED.iter().find(|(refused, _)| refused == name);
        let tokenizer = match (Tokenizer::load(folder.path()), refused) {
            (Err(error), Some((_, reason))) => {
                let told = error.to_string();
                if !told.contains(reason) || error.remedy().is_none() {
                    wrong.push(format!("{name}: {told}"));
                }
                continue;
            }
            (Err(error), None) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
            (Ok(_), Some((_, reason))) => {
                wrong.push(format!("{name}: not refused: {reason}"));
                continue;
            }
            (Ok(tokenizer), None) => tokenizer,
        };
        let found = goldens.ids(&tokenizer);
        let by_four = AS_BY_FOUR.contains(&name.as_str());
        let by_five = AS_BY_FIVE.contains(&name.as_str());
        if (found != golden.four && !by_five) || (found != golden.five && !by_four) {
            wrong.push(format!("{name}: other ids"));
        }
        for text in &goldens.texts {
            let words = WordEncoder::new(&tokenizer).encode(text);
            assert_eq!(words, tokenizer.encode(text), "{name}: {text:?}");
        }
        // Each file that is written describes the same tokenizer.
        for length in [None, Some(99)] {
            let written = tempfile::tempdir().unwrap();
            match length {
                None => tokenizer.copy_files(written.path()).unwrap(),
                Some(length) => tokenizer.copy_files_for(length, written.path()).unwrap(),
            }
            let again = Tokenizer::load(written.path()).unwrap();
            assert_eq!(goldens.ids(&again), found, "{name}");
            assert!(length.is_none() || again.max_length() == length, "{name}");
            let config = fs::read_to_string(written.path().join("tokenizer_config.json")).unwrap();
            if !config.contains("PreTrainedTokenizerFast") {
                fs::remove_file(written.path().join("tokenizer.json")).unwrap();
                let again = Tokenizer::load(written.path()).unwrap();
                assert_eq!(goldens.ids(&again), found, "{name}, by vocab.json");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Uses GPT-2's own vocabulary, and fairseq's ids for RoBERTa.
#[test]
#[ignore = "reads real data: CONTRIBUTING.md says how to run it"]
fn real_data_of_robertas_vocabulary_gives_the_same_ids() {
    let data = std::env::var_os("PIPE_TEST_DATA").expect("PIPE_TEST_DATA names the data");
    let folder = Path::new(&data).join("vocab/gpt2");
    let goldens = goldens();
    let tokenizer = Tokenizer::load(&folder).unwrap();
    assert_eq!(tokenizer.vocabulary(), 50_265);
    assert_eq!(tokenizer.vocabulary(), goldens.whole_size);
    assert_eq!(tokenizer.specials().mask, 50_264);
    for (text, expected) in goldens.texts.iter().zip(&goldens.whole) {
        assert_eq!(&tokenizer.single(text, None), expected, "{text:?}");
    }
    let bare = tempfile::tempdir().unwrap();
    for name in ["encoder.json", "vocab.bpe"] {
        fs::copy(folder.join(name), bare.path().join(name)).unwrap();
    }
    let error = Tokenizer::load(bare.path()).err().unwrap();
    assert!(
        error.to_string().contains("the vocabulary has no <s>"),
        "{error}"
    );
    assert!(
        error
            .remedy()
            .unwrap()
            .contains("put fairseq's dict.txt beside the file")
    );
}

/// The files of OpenAI's form, with the numbers of a dictionary.
#[test]
fn a_dictionary_numbers_the_tokens() {
    let goldens = goldens();
    let small = goldens.small();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // GPT-2's ids are in another order, and it has no special tokens.
    let plain: Vec<&String> = goldens.vocabulary.iter().skip(5).collect();
    let count = plain.len();
    let ids: BTreeMap<&String, usize> = plain
        .iter()
        .enumerate()
        .map(|(place, token)| (*token, count - 1 - place))
        .collect();
    fs::write(at("encoder.json"), json!(ids).to_string()).unwrap();
    fs::copy(small.path().join("merges.txt"), at("vocab.bpe")).unwrap();
    let lines = (0..count).rev().map(|id| format!("{id} {}\n", 3 * id));
    fs::write(
        at("dict.txt"),
        lines.collect::<String>() + "madeupword0000 0\n",
    )
    .unwrap();
    let tokenizer = Tokenizer::load(folder.path()).unwrap();
    assert_eq!(tokenizer.vocabulary(), 4 + count + 1 + 1);
    assert_eq!(tokenizer.specials().mask as usize, 4 + count + 1);
    let given = Tokenizer::load(&at("encoder.json")).unwrap();
    // The small vocabulary has the mask as its fifth token, before all others.
    let moved = |id: u32| match id {
        4 => tokenizer.specials().mask,
        id if id > 4 => id - 1,
        id => id,
    };
    for (text, expected) in goldens.texts.iter().zip(&goldens.tokens) {
        let expected: Vec<u32> = expected.ids.iter().map(|id| moved(*id)).collect();
        assert_eq!(tokenizer.encode(text), expected, "{text:?}");
        assert_eq!(given.encode(text), expected, "{text:?}");
    }
}

#[test]
fn bad_files_are_refused_with_their_place() {
    let goldens = goldens();
    let folder = goldens.write(&goldens.folders["files alone"].files);
    let at = |name: &str| folder.path().join(name);
    let told = || {
        let error = Tokenizer::load(folder.path()).err().unwrap();
        assert!(error.remedy().is_some(), "{error}");
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "")
    };
    let (vocabulary, merges) = (goldens.spelt("SPELT"), goldens.spelt("LINES"));
    let lines = merges.lines().count();
    let mut seen = Vec::new();
    for extra in ["one", "a b c", "", "Ġ \u{4e2d}", "zz qq"] {
        fs::write(at("merges.txt"), format!("{merges}{extra}\n")).unwrap();
        match Tokenizer::load(folder.path()) {
            Ok(_) => seen.push(format!("`{extra}` is passed over")),
            Err(_) => seen.push(told().replace(&format!(":{}", lines + 1), ":LAST")),
        }
    }
    let half: String = merges.split_inclusive('\n').take(lines / 2).collect();
    for cut in [half.as_str(), ""] {
        fs::write(at("merges.txt"), cut).unwrap();
        seen.push(told());
    }
    fs::remove_file(at("merges.txt")).unwrap();
    seen.push(told());
    fs::write(at("merges.txt"), &merges).unwrap();
    let mut without = |tokens: &[&str]| {
        let mut ids: Value = serde_json::from_str(&vocabulary).unwrap();
        for token in tokens {
            ids.as_object_mut().unwrap().remove(*token).unwrap();
        }
        fs::write(at("vocab.json"), ids.to_string()).unwrap();
        seen.push(told());
    };
    without(&["<mask>"]);
    without(&["<s>"]);
    without(&["Ā"]);
    without(&["Ā", "ÿ", "þ"]);
    fs::write(at("vocab.json"), vocabulary.replace("\"Ā\":", "\"Ā\": -")).unwrap();
    seen.push(told());
    fs::write(at("vocab.json"), "{\"a\": 0").unwrap();
    seen.push(told());
    fs::write(at("encoder.json"), "{\"a\": 0}").unwrap();
    fs::write(at("dict.txt"), "0 5\n7 5\n").unwrap();
    fs::remove_file(at("vocab.json")).unwrap();
    seen.push(told());
    fs::write(at("dict.txt"), "0 5\n0 5\n").unwrap();
    seen.push(told());
    fs::write(at("dict.txt"), "0\n").unwrap();
    seen.push(told());
    let expected = [
        "/merges.txt:LAST: `one` is no merge",
        "/merges.txt:LAST: `a b c` is no merge",
        "`` is passed over",
        "/merges.txt:LAST: the merge of `Ġ` and `中` needs the token `中`, which the vocabulary lacks",
        "/merges.txt:LAST: the merge of `zz` and `qq` needs the token `zz`, which the vocabulary lacks",
        "other tokens of the vocabulary neither: the list seems to be cut",
        "/merges.txt: the 0 merges make no ",
        "/merges.txt: no such file: a byte-level BPE is a vocabulary and its merges",
        "/vocab.json: the vocabulary has no <mask>",
        "/vocab.json: the vocabulary has no <s>",
        "/vocab.json: the vocabulary has no token `Ā` for the byte 0x00",
        "/vocab.json: the vocabulary has no token `Ā` for the byte 0x00, and none for 2 other bytes",
        "/vocab.json:1: invalid value: integer",
        "/vocab.json:1: EOF while parsing",
        "/dict.txt:2: no token of /encoder.json has the id 7",
        "/dict.txt:2: `a` has an id already",
        "/dict.txt:1: `0` is no entry",
    ];
    assert_eq!(seen.len(), expected.len(), "{seen:#?}");
    for (seen, expected) in seen.iter().zip(expected) {
        assert!(seen.contains(expected), "{seen}\n{expected}");
    }
}

#[test]
fn settings_that_a_byte_level_bpe_cannot_have_are_refused() {
    let goldens = goldens();
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path(), &goldens.corpus);
    let small = goldens.small();
    for name in ["lower_case", "strip_accents"] {
        let given = json!({"algorithm": "byte-level-bpe", name: true});
        for inputs in [("corpus", corpus.as_path()), ("vocab", small.path())] {
            let error = run(&given, &Inputs::from([inputs])).unwrap_err();
            let told = error.to_string();
            assert!(
                told.contains("a byte-level BPE keeps letters as they are"),
                "{told}"
            );
            assert!(told.contains(name) && error.remedy().is_some(), "{told}");
        }
        let given = json!({"algorithm": "byte-level-bpe", name: false, "vocab_size": 300});
        run(&given, &Inputs::from([("corpus", corpus.as_path())])).unwrap();
    }
    let words = folder.path().join("vocab.txt");
    fs::write(&words, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n").unwrap();
    let given = json!({"algorithm": "byte-level-bpe"});
    let error = run(&given, &Inputs::from([("vocab", words.as_path())])).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a WordPiece vocabulary, and `algorithm` is byte-level-bpe"),
        "{error}"
    );
    // A given vocabulary is of its own kind where nothing else is asked for.
    run(&json!({}), &Inputs::from([("vocab", small.path())])).unwrap();
    let blank = self::corpus(folder.path(), &[" \n".to_owned(), String::new()]);
    let error = run(&given, &Inputs::from([("corpus", blank.as_path())])).unwrap_err();
    assert!(
        error.to_string().contains("the corpus holds no text"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_text_has_tokens_that_give_it_back(
        texts in prop::collection::vec(prop_oneof!["\\PC{0,12}", ".{0,12}", "[a-d ,.\n\t]{0,30}", "[ \u{85}\u{a0}\u{301}é中😀]{0,9}"], 1..9),
    ) {
        let goldens = goldens();
        let tokenizer = Tokenizer::load(goldens.small().path()).unwrap();
        let mut words = WordEncoder::new(&tokenizer);
        let mut all = texts.clone();
        all.push(texts.concat());
        for text in all {
            let ids = tokenizer.encode(&text);
            prop_assert_eq!(&words.encode(&text), &ids, "{:?}", text);
            prop_assert_eq!(&tokenizer.decode(&ids), &text);
            let mut last = 0;
            for token in tokenizer.tokens(&text) {
                prop_assert!(text.get(token.bytes.clone()).is_some());
                prop_assert!(last <= token.bytes.start, "{:?}", text);
                last = token.bytes.start;
            }
        }
    }

    /// The tokens from one that begins a word to the next are what stands between blanks.
    #[test]
    fn whole_words_are_what_stands_between_blanks(
        text in "[a-zA-Zéß中😀0-9'.,-]{1,9}([ \n\t][a-zA-Zéß中😀0-9'.,-]{1,9}){0,9}",
    ) {
        let goldens = goldens();
        let tokenizer = Tokenizer::load(goldens.small().path()).unwrap();
        let starts = tokenizer.word_starts();
        let mut words: Vec<Vec<u32>> = Vec::new();
        for id in tokenizer.encode(&text) {
            match words.last_mut() {
                Some(word) if !starts[id as usize] => word.push(id),
                _ => words.push(vec![id]),
            }
        }
        let words: Vec<String> = words.iter().map(|word| tokenizer.decode(word)).collect();
        let trimmed: Vec<&str> = words.iter().map(|word| word.trim_start_matches([' ', '\n', '\t'])).collect();
        prop_assert_eq!(trimmed, text.split([' ', '\n', '\t']).collect::<Vec<_>>());
    }
}
