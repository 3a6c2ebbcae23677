//! The benchmark artifact: Parquet files by split and `task.json`.

use std::fs;
use std::path::Path;

use columnar::{Reader, Schema};
use contract::{Column, ColumnType, FileOf, OutputFile, StageError, io_error};
use serde::{Deserialize, Serialize};

use crate::{Example, Kind, Metric, StsPair, Task};

const TRAIN: &str = "train.parquet";
const VALIDATION: &str = "validation.parquet";
const MISMATCHED: &str = "validation_mismatched.parquet";
const PAIRS: &str = "pairs.parquet";
const DESCRIPTION: &str = "task.json";
/// The name of the similarity sets in `task.json`.
pub(crate) const STS: &str = "sts";
/// What to do about a file of the artifact that is damaged, or was made by something else.
const AGAIN: &str = "run the `benchmarks` stage again to make the artifact anew";

const EXAMPLES: &[Column] = &[
    Column::new(
        "sentence1",
        ColumnType::Text,
        "the sentence, or the first of two",
    ),
    Column::new(
        "sentence2",
        ColumnType::Text,
        "the second, in tasks on pairs",
    )
    .nullable(),
    Column::new(
        "label",
        ColumnType::Number,
        "the class as its place among the labels of task.json, or the score",
    ),
];
const PAIR: &[Column] = &[
    Column::new("set", ColumnType::Text, "sts12 to sts16, stsb, sickr"),
    Column::new("subset", ColumnType::Text, "the part of the set"),
    Column::new("sentence1", ColumnType::Text, "the first sentence"),
    Column::new("sentence2", ColumnType::Text, "the second"),
    Column::new("score", ColumnType::Number, "how alike people found them"),
];
const GLUE_ALONE: &str = "tasks of GLUE";

/// The files of a benchmark.
pub(crate) const FILES: &[OutputFile] = &[
    OutputFile::new(
        DESCRIPTION,
        "the task, its labels and metrics; of `sts`, its sets and their subsets",
    ),
    OutputFile::table(TRAIN, EXAMPLES, "the examples to train on, a row each").when(GLUE_ALONE),
    OutputFile::table(VALIDATION, EXAMPLES, "the development split").when(GLUE_ALONE),
    OutputFile::table(
        MISMATCHED,
        EXAMPLES,
        "the development split of other genres",
    )
    .when("mnli"),
    OutputFile::table(PAIRS, PAIR, "the pairs of all sets").when("sts"),
];

/// What `task.json` says of a GLUE task.
#[derive(Serialize, Deserialize)]
struct GlueDescription {
    task: String,
    kind: Kind,
    labels: Vec<String>,
    metrics: Vec<Metric>,
}

/// What `task.json` says of the similarity sets.
#[derive(Serialize, Deserialize)]
struct StsDescription {
    task: String,
    metrics: Vec<Metric>,
    sets: Vec<SetDescription>,
}

#[derive(Serialize, Deserialize)]
struct SetDescription {
    set: String,
    subsets: Vec<SubsetDescription>,
}

#[derive(Serialize, Deserialize)]
struct SubsetDescription {
    subset: String,
    pairs: usize,
}

/// The part of `task.json` that tells the two apart.
#[derive(Deserialize)]
struct Header {
    task: String,
}

/// Reads a GLUE task from a benchmark artifact.
///
/// # Errors
/// When the folder is no benchmark artifact, or holds the similarity sets.
pub fn read(folder: &Path) -> Result<Task, StageError> {
    if header(folder)?.task == STS {
        return Err(StageError::input(
            folder.display(),
            "these are the similarity sets (`sts`), which have no training split",
            "give a benchmark of a GLUE task: `task = \"sst2\"`",
        ));
    }
    let description: GlueDescription = read_description(folder)?;
    let mismatched = folder.join(MISMATCHED);
    Ok(Task {
        name: description.task,
        kind: description.kind,
        labels: description.labels,
        metrics: description.metrics,
        train: read_examples(&folder.join(TRAIN))?,
        validation: read_examples(&folder.join(VALIDATION))?,
        validation_mismatched: if mismatched.exists() {
            Some(read_examples(&mismatched)?)
        } else {
            None
        },
    })
}

/// Returns how many examples to train on the benchmark artifact with these files has, by the metadata alone; `None` where there
/// is none.
pub fn training_examples(file: FileOf<'_>) -> Option<f64> {
    let file = Reader::open(&file(TRAIN)?, AGAIN).ok()?;
    Some(file.rows() as f64)
}

/// Reads the pairs of the similarity sets from a benchmark artifact, in the order of sets, subsets and files.
///
/// # Errors
/// When the folder is no benchmark artifact, or holds another task.
pub fn read_pairs(folder: &Path) -> Result<Vec<StsPair>, StageError> {
    let task = header(folder)?.task;
    if task != STS {
        return Err(StageError::input(
            folder.display(),
            format!("this is the GLUE task `{task}`, not the similarity sets"),
            "give a benchmark with `task = \"sts\"`",
        ));
    }
    let mut pairs = Vec::new();
    for batch in Reader::open(&folder.join(PAIRS), AGAIN)?.batches()? {
        let batch = batch?;
        let (sets, subsets) = (batch.texts("set")?, batch.texts("subset")?);
        let (firsts, seconds) = (batch.texts("sentence1")?, batch.texts("sentence2")?);
        let scores = batch.numbers("score")?.iter().enumerate();
        pairs.extend(scores.map(|(row, score)| StsPair {
            set: sets.get(row).to_owned(),
            subset: subsets.get(row).to_owned(),
            sentence1: firsts.get(row).to_owned(),
            sentence2: seconds.get(row).to_owned(),
            score: *score,
        }));
    }
    Ok(pairs)
}

/// Writes a GLUE task below `folder`.
pub(crate) fn write(folder: &Path, task: &Task) -> Result<(), StageError> {
    write_examples(&folder.join(TRAIN), &task.train)?;
    write_examples(&folder.join(VALIDATION), &task.validation)?;
    if let Some(examples) = &task.validation_mismatched {
        write_examples(&folder.join(MISMATCHED), examples)?;
    }
    let description = GlueDescription {
        task: task.name.clone(),
        kind: task.kind,
        labels: task.labels.clone(),
        metrics: task.metrics.clone(),
    };
    write_description(folder, &description)
}

/// Writes the similarity sets below `folder`.
pub(crate) fn write_pairs(folder: &Path, pairs: &[StsPair]) -> Result<(), StageError> {
    let values = vec![
        pairs.iter().map(|pair| pair.set.as_str()).collect(),
        pairs.iter().map(|pair| pair.subset.as_str()).collect(),
        pairs.iter().map(|pair| pair.sentence1.as_str()).collect(),
        pairs.iter().map(|pair| pair.sentence2.as_str()).collect(),
        pairs.iter().map(|pair| pair.score).collect(),
    ];
    columnar::write(&folder.join(PAIRS), &Schema::of(PAIR), values)?;

    let mut sets: Vec<SetDescription> = Vec::new();
    for pair in pairs {
        if sets.last().is_none_or(|last| last.set != pair.set) {
            sets.push(SetDescription {
                set: pair.set.clone(),
                subsets: Vec::new(),
            });
        }
        let Some(SetDescription { subsets, .. }) = sets.last_mut() else {
            continue;
        };
        match subsets.last_mut() {
            Some(last) if last.subset == pair.subset => last.pairs += 1,
            _ => subsets.push(SubsetDescription {
                subset: pair.subset.clone(),
                pairs: 1,
            }),
        }
    }
    let description = StsDescription {
        task: STS.to_owned(),
        metrics: vec![Metric::Spearman],
        sets,
    };
    write_description(folder, &description)
}

fn write_examples(path: &Path, examples: &[Example]) -> Result<(), StageError> {
    let firsts = examples.iter().map(|one| one.sentence1.as_str());
    let seconds = examples.iter().map(|one| one.sentence2.as_deref());
    let labels = examples.iter().map(|one| one.label);
    let values = vec![firsts.collect(), seconds.collect(), labels.collect()];
    columnar::write(path, &Schema::of(EXAMPLES), values)
}

fn read_examples(path: &Path) -> Result<Vec<Example>, StageError> {
    let mut examples = Vec::new();
    for batch in Reader::open(path, AGAIN)?.batches()? {
        let batch = batch?;
        let firsts = batch.texts("sentence1")?;
        let seconds = batch.optional_texts("sentence2")?;
        let labels = batch.numbers("label")?.iter().enumerate();
        examples.extend(labels.map(|(row, label)| Example {
            sentence1: firsts.get(row).to_owned(),
            sentence2: seconds.get_optional(row).map(str::to_owned),
            label: *label,
        }));
    }
    Ok(examples)
}

fn header(folder: &Path) -> Result<Header, StageError> {
    read_description(folder)
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
    let path = folder.join(DESCRIPTION);
    let mut text = serde_json::to_string_pretty(description).map_err(StageError::failed)?;
    text.push('\n');
    fs::write(&path, text).map_err(io_error(&path))
}
