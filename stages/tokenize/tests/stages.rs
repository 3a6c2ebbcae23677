//! Both stages on small corpora: their outputs, with any number of threads.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use contract::{Context, Inputs, Params, Stage, StageError, complete};
use kernels::Stream;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenize::{Blocks, Split, TokenizeStage, Tokenizer, TokenizerStage};

fn corpus(folder: &Path, texts: &[String]) -> PathBuf {
    let path = folder.join("corpus");
    fs::create_dir_all(&path).unwrap();
    // There are two shards, which are read in the order of their names.
    let (first, second) = texts.split_at(texts.len() / 2);
    for (index, texts) in [first, second].into_iter().enumerate() {
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
        let file = File::create(path.join(format!("documents-{index:05}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
    path
}

/// Returns documents of invented words; some are long and consist of one line.
fn documents(count: u32) -> Vec<String> {
    const SYLLABLES: [&str; 12] = [
        "ba", "ke", "Li", "mo", "nu", "ra", "sé", "ti", "vo", "wu", "xa", "東",
    ];
    const GAPS: [&str; 6] = [" ", ", ", ". ", "\n", "\u{a0}", "-"];
    let stream = Stream::new(3, "documents");
    (0..count)
        .map(|index| {
            let mut draws = stream.draws(0, index, 0);
            let words = if index % 50 == 7 {
                20_000
            } else {
                5 + draws.index(60)
            };
            let mut text = String::new();
            for _ in 0..words {
                for _ in 0..=draws.index(3) {
                    text.push_str(SYLLABLES[draws.index(SYLLABLES.len())]);
                }
                text.push_str(GAPS[draws.index(GAPS.len())]);
            }
            text
        })
        .collect()
}

fn run(stage: &dyn Stage, given: &Value, inputs: &Inputs) -> Result<TempDir, StageError> {
    let fields = stage.signature().fields;
    let params = Params(complete(fields, given.as_object().unwrap()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    stage.run(&params, inputs, &Context::in_folder(folder.path())?)?;
    Ok(folder)
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let name = path.strip_prefix(folder).unwrap().to_path_buf();
            all.insert(name, fs::read(&path).unwrap());
        }
    }
    all
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

fn train(corpus: &Path, given: &Value) -> TempDir {
    run(&TokenizerStage, given, &Inputs::from([("corpus", corpus)])).unwrap()
}

#[test]
fn a_vocabulary_is_the_same_on_any_number_of_threads_and_whatever_the_hash_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path(), &documents(120));
    let recipe = json!({"vocab_size": 300});
    let once = files(&train(&corpus, &recipe).path().join("output"));
    for threads in [1, 2, 2, 4] {
        let again = on_threads(threads, || train(&corpus, &recipe));
        assert_eq!(once, files(&again.path().join("output")));
    }
    let names: Vec<_> = once.keys().map(|name| name.to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt"
        ]
    );
    let tokens = String::from_utf8(once[Path::new("vocab.txt")].clone()).unwrap();
    assert_eq!(tokens.lines().count(), 300);
}

/// Pins a vocabulary, so that a new process, machine or version of the trainer cannot change it unnoticed.
#[test]
fn a_small_vocabulary_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [
        "low low low lower",
        "newest newest Newest",
        "wide, wider: widest\u{301}",
    ];
    let corpus = corpus(folder.path(), &texts.map(str::to_owned));
    let tokenizer = train(&corpus, &json!({"vocab_size": 100}));
    let tokens = fs::read_to_string(tokenizer.path().join("output/vocab.txt")).unwrap();
    assert_eq!(
        tokens.split_whitespace().collect::<Vec<_>>(),
        [
            "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", ":", "d", "e", "i", "l", "n", "o",
            "r", "s", "t", "w", "##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w", "lo",
            "##es", "low", "##est", "ne", "wi", "##west", "newest", "wid", "##er"
        ]
    );
}

#[test]
fn blocks_are_the_same_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path(), &documents(120));
    let tokenizer = train(&corpus, &json!({"vocab_size": 300}));
    let tokenizer = tokenizer.path().join("output");
    let inputs = Inputs::from([("corpus", corpus.as_path()), ("tokenizer", &tokenizer)]);
    let given = json!({"sequence_length": 32, "validation_share": 0.1});
    let once = on_threads(1, || run(&TokenizeStage, &given, &inputs).unwrap());
    let twice = on_threads(2, || run(&TokenizeStage, &given, &inputs).unwrap());
    let once = files(&once.path().join("output"));
    assert_eq!(once, files(&twice.path().join("output")));
    assert!(once.contains_key(Path::new("tokens.json")));
}

/// The blocks hold the documents' ids in order, each document whole and ended by `[SEP]`, in one split or the other.
#[test]
fn blocks_are_the_stream_cut_at_the_length() {
    let folder = tempfile::tempdir().unwrap();
    let mut texts = documents(120);
    texts.push(" \u{0}\n".into());
    let corpus = corpus(folder.path(), &texts);
    let tokenizer = train(&corpus, &json!({"vocab_size": 300, "lower_case": false}));
    let tokenizer = tokenizer.path().join("output");
    let inputs = Inputs::from([("corpus", corpus.as_path()), ("tokenizer", &tokenizer)]);
    let given = json!({"sequence_length": 32, "validation_share": 0.1});
    let written = run(&TokenizeStage, &given, &inputs).unwrap();
    let written = written.path().join("output");
    let tokenizer = Tokenizer::load(&written.join("tokenizer")).unwrap();
    let specials = tokenizer.specials();
    let mut streams = Vec::new();
    for split in [Split::Train, Split::Validation] {
        let blocks = Blocks::open(&written, split).unwrap();
        let all = blocks.read_all().unwrap();
        let mut stream = Vec::new();
        for block in 0..all.len() {
            let ids = all.get(block);
            assert_eq!(ids[0], specials.cls);
            assert!(ids.len() == 32 || block + 1 == all.len() && ids.len() > 2);
            stream.extend_from_slice(&ids[1..]);
        }
        assert_eq!(blocks.tokens(), (stream.len() + all.len()) as u64);
        streams.push(stream);
    }
    let mut expected = [Vec::new(), Vec::new()];
    for text in &texts {
        let mut ids = tokenizer.encode(text);
        if ids.is_empty() {
            continue;
        }
        ids.push(specials.sep);
        let split = usize::from(!continues(&streams[0], &expected[0], &ids));
        assert!(continues(&streams[split], &expected[split], &ids));
        expected[split].extend(ids);
    }
    // A single remaining id makes no block.
    assert!(
        expected
            .iter()
            .zip(&streams)
            .all(|(all, found)| all.len() - found.len() <= 1)
    );
    let share = streams[1].len() as f64 / (streams[0].len() + streams[1].len()) as f64;
    assert!(share > 0.0 && share < 0.5, "{share}");
}

/// Whether `stream` continues with `ids` after `before`.
fn continues(stream: &[u32], before: &[u32], ids: &[u32]) -> bool {
    let rest = &stream[before.len().min(stream.len())..];
    rest.len() + 1 >= ids.len() && rest.iter().zip(ids).all(|(one, other)| one == other)
}

#[test]
fn few_documents_give_validation_the_last_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path(), &documents(2));
    let tokenizer = train(&corpus, &json!({"vocab_size": 100, "alphabet": 25}));
    let tokenizer = tokenizer.path().join("output");
    let inputs = Inputs::from([("corpus", corpus.as_path()), ("tokenizer", &tokenizer)]);
    let read = |share: f64| {
        let given = json!({"sequence_length": 8, "validation_share": share});
        let written = run(&TokenizeStage, &given, &inputs).unwrap();
        [Split::Train, Split::Validation].map(|split| {
            let blocks = Blocks::open(&written.path().join("output"), split).unwrap();
            let all = blocks.read_all().unwrap();
            (0..all.len())
                .map(|block| all.get(block))
                .collect::<Vec<_>>()
        })
    };
    let [whole, none] = read(0.0);
    assert!(none.is_empty() && whole.len() > 4);
    let [train, validation] = read(0.001);
    assert_eq!(validation.len(), 1);
    assert_eq!([train, validation].concat(), whole);
}

/// Pins blocks. A change here changes the meaning of cached results, and needs a new version of the stage.
#[test]
fn small_blocks_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let texts = ["low lower", "newest, wide", " ", "lowest: [MASK] x", "low"];
    let corpus = corpus(folder.path(), &texts.map(str::to_owned));
    let vocabulary = folder.path().join("vocab.txt");
    let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] , low wide new ##er ##est :".replace(' ', "\n");
    fs::write(&vocabulary, tokens).unwrap();
    let inputs = Inputs::from([("corpus", corpus.as_path()), ("tokenizer", &vocabulary)]);
    let given = json!({"sequence_length": 6, "validation_share": 0.3});
    let written = run(&TokenizeStage, &given, &inputs).unwrap();
    let written = written.path().join("output");
    let read = |split| {
        let all = Blocks::open(&written, split).unwrap().read_all().unwrap();
        (0..all.len())
            .map(|block| all.get(block))
            .collect::<Vec<_>>()
    };
    let train = [
        [2, 6, 6, 9, 3, 8],
        [2, 10, 5, 7, 3, 6],
        [2, 10, 11, 4, 1, 3],
    ];
    assert_eq!(read(Split::Train), train);
    assert_eq!(read(Split::Validation), [[2, 6, 3]]);
    let summary = fs::read_to_string(written.join("tokens.json")).unwrap();
    let summary: String = summary.split_whitespace().collect();
    let expected = r#"{"length":6,"vocab_size":12,"train_blocks":3,"validation_blocks":1,
        "train_tokens":18,"validation_tokens":3,"train_documents":4,"validation_documents":0}"#;
    assert_eq!(summary, expected.split_whitespace().collect::<String>());
}

#[test]
fn single_blocks_are_read_in_the_order_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path(), &documents(200));
    let tokenizer = train(&corpus, &json!({"vocab_size": 200}));
    let tokenizer = tokenizer.path().join("output");
    let inputs = Inputs::from([("corpus", corpus.as_path()), ("tokenizer", &tokenizer)]);
    // The blocks are short, so that there is more than one row group.
    let given = json!({"sequence_length": 8, "validation_share": 0.0});
    let written = run(&TokenizeStage, &given, &inputs).unwrap();
    let blocks = Blocks::open(&written.path().join("output"), Split::Train).unwrap();
    assert!(blocks.len() > 2 * 8192, "{}", blocks.len());
    let all = blocks.read_all().unwrap();
    let last = blocks.len() as u32 - 1;
    let rows = [last, 0, 8191, 8192, 8192, 5, last - 1, 0];
    let some = blocks.read(&rows).unwrap();
    assert_eq!(some.len(), rows.len());
    for (place, &row) in rows.iter().enumerate() {
        assert_eq!(some.get(place), all.get(row as usize));
    }
    assert!(blocks.read(&[last + 1]).is_err());
}

fn input_error(result: Result<TempDir, StageError>) -> (String, String, String) {
    match result {
        Err(StageError::Input {
            place,
            reason,
            remedy,
        }) => (place, reason, remedy),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("no error"),
    }
}

#[test]
fn a_vocabulary_without_a_special_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vocab.txt");
    for missing in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] {
        let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b"];
        let text: String = tokens
            .iter()
            .filter(|token| **token != missing)
            .flat_map(|token| [token, "\n"])
            .collect();
        fs::write(&path, text).unwrap();
        let inputs = Inputs::from([("vocab", path.as_path())]);
        let (place, reason, remedy) = input_error(run(&TokenizerStage, &json!({}), &inputs));
        assert_eq!(place, path.display().to_string());
        assert_eq!(reason, format!("the vocabulary has no {missing}"));
        assert!(remedy.contains(missing));
    }
}

#[test]
fn bad_vocabularies_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let vocabulary = folder.path().join("vocab.txt");
    let given = |path: &Path| {
        input_error(run(
            &TokenizerStage,
            &json!({}),
            &Inputs::from([("vocab", path)]),
        ))
    };
    assert!(given(folder.path()).1.contains("neither"));
    fs::write(&vocabulary, b"[PAD]\n[UNK]\n\xff\xfe\n").unwrap();
    let (place, reason, _) = given(&vocabulary);
    assert!(
        place.ends_with("vocab.txt:3") && reason.contains("UTF-8"),
        "{place} {reason}"
    );
    fs::write(&vocabulary, b"\n").unwrap();
    assert!(given(&vocabulary).1.contains("empty"));
    let json = folder.path().join("tokenizer.json");
    fs::write(&json, b"{}").unwrap();
    assert!(given(&json).1.contains("not a tokenizer"));
    let other = r#"{"version": "1.0", "added_tokens": [], "model": {"type": "WordLevel", "vocab":
        {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}, "unk_token": "[UNK]"}}"#;
    fs::write(&json, other).unwrap();
    assert!(given(&json).1.contains("its model is not WordPiece"));
    let nothing = run(&TokenizerStage, &json!({}), &Inputs::default());
    assert!(input_error(nothing).1.contains("neither"));
}

#[test]
fn an_empty_corpus_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"].join("\n");
    let vocabulary = folder.path().join("vocab.txt");
    fs::write(&vocabulary, tokens).unwrap();
    for texts in [vec![], vec![String::new(), " \n\u{200b} ".into()]] {
        let corpus = corpus(folder.path(), &texts);
        let inputs = Inputs::from([("corpus", corpus.as_path())]);
        let trained = input_error(run(&TokenizerStage, &json!({}), &inputs));
        let inputs = Inputs::from([("corpus", corpus.as_path()), ("tokenizer", &vocabulary)]);
        let cut = input_error(run(&TokenizeStage, &json!({}), &inputs));
        for (place, reason, _) in [trained, cut] {
            assert_eq!(place, corpus.display().to_string());
            assert_eq!(reason, "the corpus holds no text");
        }
    }
}
