//! A tokens artifact with a pattern to learn, and runs on it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, ListArray, RecordBatch};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use contract::{Context, Inputs, Params, Stage, StageError, complete};
use kernels::Stream;
use parquet::arrow::ArrowWriter;
use pretrain::PretrainStage;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenize::{Summary, Tokenizer};

/// Ids below this are special: [PAD], [UNK], [CLS], [SEP], [MASK].
const SPECIAL: usize = 5;
/// Number of topics; each has two words of its own.
const TOPICS: usize = 20;
/// Size of the vocabulary.
pub(crate) const VOCABULARY: usize = SPECIAL + 2 * TOPICS;
/// Length of the longest block.
pub(crate) const LENGTH: usize = 16;

/// Returns blocks that keep to one topic each: [CLS], then the topic's two words in random order. Without context a token can be
/// guessed with probability 1/40, with context with 1/2. Every fifth block is shorter.
pub(crate) fn blocks(count: usize, seed: u64) -> Vec<Vec<u32>> {
    let stream = Stream::new(seed, "test blocks");
    (0..count)
        .map(|block| {
            let mut draws = stream.draws(0, block as u32, 0);
            let topic = draws.below(TOPICS as u32);
            let length = if block % 5 == 4 {
                3 + draws.index(LENGTH - 3)
            } else {
                LENGTH
            };
            let words = (1..length).map(|_| SPECIAL as u32 + 2 * topic + draws.below(2));
            std::iter::once(2).chain(words).collect()
        })
        .collect()
}

/// Writes a tokens artifact as the stage `tokenize` does.
pub(crate) fn write_tokens(folder: &Path, train: &[Vec<u32>], validation: &[Vec<u32>]) {
    let mut words: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        .map(String::from)
        .to_vec();
    words.extend((0..2 * TOPICS).map(|word| format!("word{word}")));
    let tokenizer = Tokenizer::from_tokens(&words, true, Path::new("test")).unwrap();
    tokenizer.copy_files(&folder.join("tokenizer")).unwrap();
    for (name, blocks) in [("train", train), ("validation", validation)] {
        let ids: Int32Array = blocks.iter().flatten().map(|&id| id as i32).collect();
        let offsets = OffsetBuffer::from_lengths(blocks.iter().map(Vec::len));
        let item = Arc::new(Field::new_list_field(DataType::Int32, true));
        let lists: ArrayRef = Arc::new(ListArray::new(item, offsets, Arc::new(ids), None));
        let batch = RecordBatch::try_from_iter([("input_ids", lists)]).unwrap();
        let file = File::create(folder.join(format!("{name}-00000.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
    let tokens = |blocks: &[Vec<u32>]| blocks.iter().map(Vec::len).sum::<usize>() as u64;
    let summary = Summary {
        length: LENGTH,
        vocab_size: VOCABULARY,
        train_blocks: train.len() as u64,
        validation_blocks: validation.len() as u64,
        train_tokens: tokens(train),
        validation_tokens: tokens(validation),
        train_documents: 1,
        validation_documents: 1,
    };
    fs::write(
        folder.join("tokens.json"),
        serde_json::to_vec(&summary).unwrap(),
    )
    .unwrap();
}

/// Makes a temporary tokens artifact with `count` training blocks.
pub(crate) fn tokens(count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_tokens(folder.path(), &blocks(count, 1), &blocks(20, 2));
    folder
}

/// Returns the parameters of a quick run, overridden by `given`.
pub(crate) fn params(given: Value) -> Params {
    let mut all = json!({"size": "nano", "steps": 6, "batch": 8, "max_positions": LENGTH, "validation_blocks": 10});
    let Value::Object(given) = given else {
        panic!("parameters are a table")
    };
    all.as_object_mut().unwrap().extend(given);
    Params(complete(PretrainStage.signature().fields, all.as_object().unwrap()).unwrap())
}

/// Runs the stage in a context.
pub(crate) fn run_in(context: &Context, tokens: &Path, given: Value) -> Result<(), StageError> {
    run_on(context, &Inputs::from([("tokens", tokens)]), given)
}

/// Runs the stage in a context on any inputs.
pub(crate) fn run_on(context: &Context, inputs: &Inputs, given: Value) -> Result<(), StageError> {
    let params = params(given);
    assert_eq!(PretrainStage.check(&params), []);
    PretrainStage.run(&params, inputs, context)
}

/// Runs the stage in a fresh folder, starting from the encoder of another run.
pub(crate) fn go_on(tokens: &Path, start: &Path, given: Value) -> Result<TempDir, StageError> {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Inputs::from([("tokens", tokens), ("start", start)]);
    run_on(&Context::in_folder(folder.path())?, &inputs, given)?;
    Ok(folder)
}

/// Runs the stage in a fresh folder, which holds `output/`.
pub(crate) fn run(tokens: &Path, given: Value) -> Result<TempDir, StageError> {
    let folder = tempfile::tempdir().unwrap();
    run_in(&Context::in_folder(folder.path())?, tokens, given)?;
    Ok(folder)
}

/// Returns the artifact's files by name, those of subfolders as `folder/name`.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![(String::new(), folder.join("output"))];
    while let Some((prefix, folder)) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
            match path.is_dir() {
                true => open.push((format!("{name}/"), path)),
                false => drop(files.insert(name, fs::read(path).unwrap())),
            }
        }
    }
    files
}

/// Asserts that two artifacts have the same bytes; a failure names the files that differ.
pub(crate) fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (files(one), files(other));
    assert!(
        one.keys().eq(other.keys()),
        "{:?} {:?}",
        one.keys(),
        other.keys()
    );
    let different: Vec<_> = one
        .iter()
        .filter(|(name, bytes)| other[*name] != **bytes)
        .collect();
    let names: Vec<_> = different.iter().map(|(name, _)| name).collect();
    assert!(names.is_empty(), "{names:?} differ");
}
