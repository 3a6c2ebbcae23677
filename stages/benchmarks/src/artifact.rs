//! The benchmark artifact: Parquet files by split, and `task.json`, whose `shape` says how to read them.

mod labelled;
mod minimal_pairs;
mod pairs;
mod spans;
mod test_splits;
mod transfer;
mod triplets;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use columnar::Reader;
use contract::{FileOf, OutputFile, StageError, io_error};
use serde::{Deserialize, Serialize};

use crate::{
    Benchmark, Example, MinimalPair, Shape, SpanTask, StsPair, Task, TestSplit, TransferSet,
    Triplet,
};

const TRAIN: &str = "train.parquet";
const VALIDATION: &str = "validation.parquet";
const MISMATCHED: &str = "validation_mismatched.parquet";
const PAIRS: &str = "pairs.parquet";
const EXAMPLES: &str = "examples.parquet";
const DESCRIPTION: &str = "task.json";
/// The name in `task.json` of the semantic textual similarity sets.
pub(crate) const STS: &str = "sts";
/// What to do about a file of the artifact that is damaged, or that another program made.
const AGAIN: &str = "run the `benchmarks` stage again to make the artifact anew";

const GLUE_ALONE: &str = "tasks of GLUE";
const SQUAD_ALONE: &str = "squad";

/// The files of a benchmark artifact.
pub(crate) const FILES: &[OutputFile] = &[
    OutputFile::new(
        DESCRIPTION,
        "the task, the shape of its examples, its labels and metrics; of `sts`, its sets and their subsets",
    ),
    OutputFile::table(
        TRAIN,
        labelled::COLUMNS,
        "the examples to train on, a row each",
    )
    .when(GLUE_ALONE),
    OutputFile::table(VALIDATION, labelled::COLUMNS, "the development split").when(GLUE_ALONE),
    OutputFile::table(
        MISMATCHED,
        labelled::COLUMNS,
        "the development split of other genres",
    )
    .when("mnli"),
    OutputFile::table(
        test_splits::FILES[0],
        test_splits::COLUMNS,
        "the test split, without labels",
    )
    .when("test is set"),
    OutputFile::table(
        test_splits::FILES[1],
        test_splits::COLUMNS,
        "the test split of other genres",
    )
    .when("test is set, and mnli"),
    OutputFile::table(PAIRS, pairs::COLUMNS, "the pairs of all sets").when("sts"),
    OutputFile::table(
        TRAIN,
        spans::COLUMNS,
        "the questions to train on, a row each",
    )
    .when(SQUAD_ALONE),
    OutputFile::table(VALIDATION, spans::COLUMNS, "the development split").when(SQUAD_ALONE),
    OutputFile::table(PAIRS, minimal_pairs::COLUMNS, "the pairs of all paradigms")
        .when("minimal-pairs"),
    OutputFile::table(
        TRAIN,
        triplets::COLUMNS,
        "the sentences to train on, a row each",
    )
    .when("sentences or triplets"),
    OutputFile::table(EXAMPLES, transfer::COLUMNS, "the examples of all sets").when("transfer"),
];

/// The files of sentences for contrastive training.
pub const TRIPLET_FILES: &[OutputFile] = &[
    OutputFile::new(DESCRIPTION, "the shape of its examples"),
    OutputFile::table(
        TRAIN,
        triplets::COLUMNS,
        "the sentences to train on, a row each",
    ),
];

/// Writes sentences for contrastive training as a benchmark artifact below `folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_triplets(folder: &Path, sentences: &[Triplet]) -> Result<(), StageError> {
    triplets::write(folder, sentences)
}

/// The files of a task of the user's own.
pub(crate) const OWN_FILES: &[OutputFile] = &[
    OutputFile::new(DESCRIPTION, "the task, its labels and metrics"),
    OutputFile::table(
        TRAIN,
        labelled::COLUMNS,
        "the examples to train on, a row each",
    ),
    OutputFile::table(
        VALIDATION,
        labelled::COLUMNS,
        "the examples that are scored",
    ),
];

/// The part of `task.json` that says how to read the rest.
#[derive(Deserialize)]
struct Header {
    task: String,
    shape: Option<Shape>,
}

impl Header {
    /// Returns the shape. Artifacts of earlier versions have none, and programs of users may leave it out.
    fn shape(&self) -> Shape {
        self.shape.unwrap_or(match self.task.as_str() {
            STS => Shape::Pairs,
            _ => Shape::Labelled,
        })
    }
}

/// Reads a benchmark artifact, whatever its shape.
///
/// # Errors
/// When the folder is not a benchmark artifact, or is damaged.
pub fn read(folder: &Path) -> Result<Benchmark, StageError> {
    let header: Header = read_description(folder)?;
    Ok(match header.shape() {
        Shape::Labelled => Benchmark::Labelled(labelled::read(folder)?),
        Shape::Pairs => Benchmark::Pairs(pairs::read(folder)?),
        Shape::Spans => Benchmark::Spans(spans::read(folder)?),
        Shape::MinimalPairs => Benchmark::MinimalPairs(minimal_pairs::read(folder)?),
        Shape::Triplets => Benchmark::Triplets(triplets::read(folder)?),
        Shape::Transfer => Benchmark::Transfer(transfer::read(folder)?),
    })
}

/// Reads a task whose examples have a class or a number from a benchmark artifact.
///
/// # Errors
/// When the folder is not a benchmark artifact, or has another shape.
pub fn read_labelled(folder: &Path) -> Result<Task, StageError> {
    expect(folder, Shape::Labelled)?;
    labelled::read(folder)
}

/// Reads the pairs of the similarity sets from a benchmark artifact, in the order of sets, subsets and files.
///
/// # Errors
/// When the folder is not a benchmark artifact, or has another shape.
pub fn read_pairs(folder: &Path) -> Result<Vec<StsPair>, StageError> {
    expect(folder, Shape::Pairs)?;
    pairs::read(folder)
}

/// Reads a task of questions about texts from a benchmark artifact.
///
/// # Errors
/// When the folder is not a benchmark artifact, or has another shape.
pub fn read_spans(folder: &Path) -> Result<SpanTask, StageError> {
    expect(folder, Shape::Spans)?;
    spans::read(folder)
}

/// Reads minimal pairs from a benchmark artifact, in the order of their files.
///
/// # Errors
/// When the folder is not a benchmark artifact, or has another shape.
pub fn read_minimal_pairs(folder: &Path) -> Result<Vec<MinimalPair>, StageError> {
    expect(folder, Shape::MinimalPairs)?;
    minimal_pairs::read(folder)
}

/// Reads sentences to train on from a benchmark artifact, in the order of their file.
///
/// # Errors
/// When the folder is not a benchmark artifact, or has another shape.
pub fn read_triplets(folder: &Path) -> Result<Vec<Triplet>, StageError> {
    expect(folder, Shape::Triplets)?;
    triplets::read(folder)
}

/// Reads the transfer sets from a benchmark artifact, in the order of its files.
///
/// # Errors
/// When the folder is not a benchmark artifact, or has another shape.
pub fn read_transfer(folder: &Path) -> Result<Vec<TransferSet>, StageError> {
    expect(folder, Shape::Transfer)?;
    transfer::read(folder)
}

/// Reads the sentences of a benchmark artifact, each once, in the order in which they first appear: of similarity and transfer sets, of
/// tasks with classes or numbers (training split first), and of sentences to train on.
///
/// # Errors
/// When the folder is not a benchmark artifact, or has questions about texts or minimal pairs.
pub fn read_sentences(folder: &Path) -> Result<Vec<String>, StageError> {
    let header: Header = read_description(folder)?;
    if matches!(header.shape(), Shape::Spans | Shape::MinimalPairs) {
        expect(folder, Shape::Pairs)?;
    }
    let benchmark = read(folder)?;
    let of_example = |example: &Example| {
        let second = example.sentence2.clone();
        [Some(example.sentence1.clone()), second]
    };
    let mut sentences: Vec<[Option<String>; 2]> = Vec::new();
    match benchmark {
        Benchmark::Pairs(pairs) => {
            let pairs = pairs.into_iter();
            sentences.extend(pairs.map(|pair| [Some(pair.sentence1), Some(pair.sentence2)]));
        }
        Benchmark::Labelled(task) => {
            let splits = [
                Some(task.train),
                Some(task.validation),
                task.validation_mismatched,
            ];
            sentences.extend(splits.iter().flatten().flatten().map(of_example));
        }
        Benchmark::Transfer(sets) => {
            let splits = sets.iter().flat_map(|set| set.splits.named());
            sentences.extend(splits.flat_map(|(_, examples)| examples).map(of_example));
        }
        Benchmark::Triplets(triplets) => {
            for triplet in triplets {
                sentences.push([Some(triplet.anchor), triplet.positive]);
                sentences.push([triplet.negative, None]);
            }
        }
        Benchmark::Spans(_) | Benchmark::MinimalPairs(_) => {}
    }
    let mut seen = BTreeSet::new();
    let sentences = sentences.into_iter().flatten().flatten();
    Ok(sentences
        .filter(|sentence| seen.insert(sentence.clone()))
        .collect())
}

/// Reads the test splits of a benchmark artifact: none, unless the stage was told to read them.
///
/// # Errors
/// When a file is damaged.
pub fn read_tests(folder: &Path) -> Result<Vec<TestSplit>, StageError> {
    test_splits::read(folder)
}

/// Writes test splits into the folder of a benchmark.
pub(crate) fn write_tests(folder: &Path, splits: &[TestSplit]) -> Result<(), StageError> {
    test_splits::write(folder, splits)
}

/// Refuses an artifact of another shape than `wanted` before its files are read.
fn expect(folder: &Path, wanted: Shape) -> Result<(), StageError> {
    let header: Header = read_description(folder)?;
    let found = header.shape();
    if found == wanted {
        return Ok(());
    }
    let (task, (is, _), (what, remedy)) = (&header.task, found.words(), wanted.words());
    Err(StageError::input(
        folder.display(),
        format!("this is the task `{task}`: {is}, not {what}"),
        remedy,
    ))
}

/// Returns the number of training examples of the benchmark artifact that consists of these files, from metadata alone; `None`
/// where it has no training split.
pub fn training_examples(file: FileOf<'_>) -> Option<f64> {
    let file = Reader::open(&file(TRAIN)?, AGAIN).ok()?;
    Some(file.rows() as f64)
}

/// Writes a benchmark below `folder`.
pub(crate) fn write(folder: &Path, benchmark: &Benchmark) -> Result<(), StageError> {
    match benchmark {
        Benchmark::Labelled(task) => labelled::write(folder, task),
        Benchmark::Pairs(pairs) => pairs::write(folder, pairs),
        Benchmark::Spans(task) => spans::write(folder, task),
        Benchmark::MinimalPairs(pairs) => minimal_pairs::write(folder, pairs),
        Benchmark::Triplets(triplets) => triplets::write(folder, triplets),
        Benchmark::Transfer(sets) => transfer::write(folder, sets),
    }
}

fn read_description<T: serde::de::DeserializeOwned>(folder: &Path) -> Result<T, StageError> {
    let path = folder.join(DESCRIPTION);
    if !path.is_file() {
        return Err(StageError::input(
            folder.display(),
            format!("no `{DESCRIPTION}`: this is no benchmark artifact"),
            "give the output of a `benchmarks` stage, which reads official files",
        ));
    }
    let bytes = fs::read(&path).map_err(io_error(&path))?;
    serde_json::from_slice(&bytes).map_err(|error| contract::unreadable(&path, error, AGAIN))
}

fn write_description(folder: &Path, description: &impl Serialize) -> Result<(), StageError> {
    contract::write_json(&folder.join(DESCRIPTION), description)
}
