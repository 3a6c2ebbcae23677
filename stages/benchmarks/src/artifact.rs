//! The benchmark artifact: Parquet files by split and `task.json`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use contract::{Column, ColumnType, FileOf, OutputFile, StageError, io_error};
use serde::{Deserialize, Serialize};

use crate::columns::{self, batches, numbers, strings, unreadable, write_batch};
use crate::{Example, Kind, Metric, StsPair, Task};

const TRAIN: &str = "train.parquet";
const VALIDATION: &str = "validation.parquet";
const MISMATCHED: &str = "validation_mismatched.parquet";
const PAIRS: &str = "pairs.parquet";
const DESCRIPTION: &str = "task.json";
/// The name of the similarity sets in `task.json`.
pub(crate) const STS: &str = "sts";

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
    OutputFile::table(
        PAIRS,
        &[
            Column::new("set", ColumnType::Text, "sts12 to sts16, stsb, sickr"),
            Column::new("subset", ColumnType::Text, "the part of the set"),
            Column::new("sentence1", ColumnType::Text, "the first sentence"),
            Column::new("sentence2", ColumnType::Text, "the second"),
            Column::new("score", ColumnType::Number, "how alike people found them"),
        ],
        "the pairs of all sets",
    )
    .when("sts"),
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
    let rows = columns::rows(&file(TRAIN)?)?;
    Some(rows as f64)
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
    let path = folder.join(PAIRS);
    let mut pairs = Vec::new();
    for batch in batches(&path)? {
        let batch = batch?;
        let [set, subset, sentence1, sentence2] =
            ["set", "subset", "sentence1", "sentence2"].map(|name| strings(&batch, name, &path));
        let (set, subset, sentence1, sentence2) = (set?, subset?, sentence1?, sentence2?);
        let score = numbers(&batch, "score", &path)?;
        pairs.extend((0..batch.num_rows()).map(|row| StsPair {
            set: set.value(row).to_owned(),
            subset: subset.value(row).to_owned(),
            sentence1: sentence1.value(row).to_owned(),
            sentence2: sentence2.value(row).to_owned(),
            score: score.value(row),
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
    let columns = ["set", "subset", "sentence1", "sentence2"];
    let mut fields: Vec<_> = columns
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, false))
        .collect();
    fields.push(Field::new("score", DataType::Float64, false));
    let text = |of: fn(&StsPair) -> &str| {
        Arc::new(StringArray::from_iter_values(pairs.iter().map(of))) as Arc<dyn Array>
    };
    let batch = RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        vec![
            text(|pair| &pair.set),
            text(|pair| &pair.subset),
            text(|pair| &pair.sentence1),
            text(|pair| &pair.sentence2),
            Arc::new(Float64Array::from_iter_values(
                pairs.iter().map(|pair| pair.score),
            )),
        ],
    )
    .map_err(StageError::failed)?;
    write_batch(&folder.join(PAIRS), &batch)?;

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
    let schema = Schema::new(vec![
        Field::new("sentence1", DataType::Utf8, false),
        Field::new("sentence2", DataType::Utf8, true),
        Field::new("label", DataType::Float64, false),
    ]);
    let batch = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(StringArray::from_iter_values(
                examples.iter().map(|one| &one.sentence1),
            )),
            Arc::new(StringArray::from_iter(
                examples.iter().map(|one| one.sentence2.as_deref()),
            )),
            Arc::new(Float64Array::from_iter_values(
                examples.iter().map(|one| one.label),
            )),
        ],
    )
    .map_err(StageError::failed)?;
    write_batch(path, &batch)
}

fn read_examples(path: &Path) -> Result<Vec<Example>, StageError> {
    let mut examples = Vec::new();
    for batch in batches(path)? {
        let batch = batch?;
        let sentence1 = strings(&batch, "sentence1", path)?;
        let sentence2 = strings(&batch, "sentence2", path)?;
        let label = numbers(&batch, "label", path)?;
        examples.extend((0..batch.num_rows()).map(|row| {
            Example {
                sentence1: sentence1.value(row).to_owned(),
                sentence2: sentence2
                    .is_valid(row)
                    .then(|| sentence2.value(row).to_owned()),
                label: label.value(row),
            }
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
    serde_json::from_slice(&bytes).map_err(|error| unreadable(&path, error))
}

fn write_description(folder: &Path, description: &impl Serialize) -> Result<(), StageError> {
    let path = folder.join(DESCRIPTION);
    let mut text = serde_json::to_string_pretty(description).map_err(StageError::failed)?;
    text.push('\n');
    fs::write(&path, text).map_err(io_error(&path))
}
