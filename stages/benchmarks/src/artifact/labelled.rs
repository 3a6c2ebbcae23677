//! Examples with a class or a number, as files.

use std::path::Path;

use columnar::{Reader, Schema};
use contract::{Column, ColumnType, StageError};
use serde::{Deserialize, Serialize};

use super::{AGAIN, MISMATCHED, TRAIN, VALIDATION, read_description, write_description};
use crate::{Example, Kind, Metric, Shape, Task};

const ID: &str = "id";
pub(super) const COLUMNS: &[Column] = &[
    Column::new(
        ID,
        ColumnType::Text,
        "the data set's own name of the example, or else its place in the file, from 0",
    ),
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

/// Contents of `task.json`.
#[derive(Serialize, Deserialize)]
struct Description {
    task: String,
    #[serde(default = "labelled")]
    shape: Shape,
    kind: Kind,
    labels: Vec<String>,
    metrics: Vec<Metric>,
}

fn labelled() -> Shape {
    Shape::Labelled
}

pub(super) fn read(folder: &Path) -> Result<Task, StageError> {
    let description: Description = read_description(folder)?;
    let mismatched = folder.join(MISMATCHED);
    let classes = match description.kind {
        Kind::Classification => Some(description.labels.len()),
        Kind::Regression => None,
    };
    let read = |path: &Path| read_examples(path, classes);
    Ok(Task {
        train: read(&folder.join(TRAIN))?,
        validation: read(&folder.join(VALIDATION))?,
        validation_mismatched: match mismatched.exists() {
            true => Some(read(&mismatched)?),
            false => None,
        },
        name: description.task,
        kind: description.kind,
        labels: description.labels,
        metrics: description.metrics,
    })
}

pub(super) fn write(folder: &Path, task: &Task) -> Result<(), StageError> {
    write_examples(&folder.join(TRAIN), &task.train)?;
    write_examples(&folder.join(VALIDATION), &task.validation)?;
    if let Some(examples) = &task.validation_mismatched {
        write_examples(&folder.join(MISMATCHED), examples)?;
    }
    let description = Description {
        task: task.name.clone(),
        shape: Shape::Labelled,
        kind: task.kind,
        labels: task.labels.clone(),
        metrics: task.metrics.clone(),
    };
    write_description(folder, &description)
}

fn write_examples(path: &Path, examples: &[Example]) -> Result<(), StageError> {
    let ids = examples.iter().map(|one| one.id.as_str());
    let firsts = examples.iter().map(|one| one.sentence1.as_str());
    let seconds = examples.iter().map(|one| one.sentence2.as_deref());
    let labels = examples.iter().map(|one| one.label);
    let values = vec![
        ids.collect(),
        firsts.collect(),
        seconds.collect(),
        labels.collect(),
    ];
    columnar::write(path, &Schema::of(COLUMNS), values)
}

/// Reads a split. Labels are classes, of which there are `classes`, or numbers.
fn read_examples(path: &Path, classes: Option<usize>) -> Result<Vec<Example>, StageError> {
    let mut examples = Vec::new();
    for batch in Reader::open(path, AGAIN)?.batches()? {
        let batch = batch?;
        // Artifacts that a user's program wrote may lack names of examples.
        let ids = match batch.has(ID, ColumnType::Text) {
            true => Some(batch.texts(ID)?),
            false => None,
        };
        let firsts = batch.texts("sentence1")?;
        let seconds = batch.optional_texts("sentence2")?;
        for (row, label) in batch.numbers("label")?.iter().enumerate() {
            let place = examples.len();
            let is_label = match classes {
                Some(classes) => (0..classes).any(|class| class as f64 == *label),
                None => label.is_finite(),
            };
            if !is_label {
                let reason = format!(
                    "the label {label} of row {place}, counted from 0, is none of the task's"
                );
                return Err(contract::unreadable(path, reason, AGAIN));
            }
            examples.push(Example {
                id: ids.map_or_else(|| place.to_string(), |ids| ids.get(row).to_owned()),
                sentence1: firsts.get(row).to_owned(),
                sentence2: seconds.get_optional(row).map(str::to_owned),
                label: *label,
            });
        }
    }
    Ok(examples)
}
