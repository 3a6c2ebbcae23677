//! Transfer sets, as files.

use std::path::Path;

use columnar::{Reader, Schema};
use contract::{Column, ColumnType, StageError};
use serde::{Deserialize, Serialize};

use super::{AGAIN, EXAMPLES, read_description, write_description};
use crate::transfer::TASK;
use crate::{Example, Metric, Shape, TransferSet, TransferSplits};

pub(super) const COLUMNS: &[Column] = &[
    Column::new(
        "set",
        ColumnType::Text,
        "mr, cr, subj, mpqa, sst2, trec, mrpc",
    ),
    Column::new(
        "split",
        ColumnType::Text,
        "train, validation, test; all, where a set has no splits",
    ),
    Column::new(
        "id",
        ColumnType::Text,
        "the data set's own name of the example, or else its place in its file, from 0; unique in its split",
    ),
    Column::new(
        "sentence1",
        ColumnType::Text,
        "the sentence, or the first of two",
    ),
    Column::new("sentence2", ColumnType::Text, "the second, of mrpc").nullable(),
    Column::new(
        "label",
        ColumnType::Number,
        "the class as its place among the set's labels in task.json",
    ),
];

/// Contents of `task.json`.
#[derive(Serialize, Deserialize)]
struct Description {
    task: String,
    shape: Shape,
    metrics: Vec<Metric>,
    sets: Vec<SetDescription>,
}

#[derive(Serialize, Deserialize)]
struct SetDescription {
    set: String,
    labels: Vec<String>,
    splits: Vec<SplitDescription>,
}

#[derive(Serialize, Deserialize)]
struct SplitDescription {
    split: String,
    examples: usize,
}

pub(super) fn write(folder: &Path, sets: &[TransferSet]) -> Result<(), StageError> {
    let mut rows: Vec<(&str, &str, &Example)> = Vec::new();
    for set in sets {
        for (split, examples) in set.splits.named() {
            rows.extend(examples.iter().map(|one| (set.name.as_str(), split, one)));
        }
    }
    let examples = || rows.iter().map(|(_, _, example)| *example);
    let values = vec![
        rows.iter().map(|(set, ..)| *set).collect(),
        rows.iter().map(|(_, split, _)| *split).collect(),
        examples().map(|one| one.id.as_str()).collect(),
        examples().map(|one| one.sentence1.as_str()).collect(),
        examples().map(|one| one.sentence2.as_deref()).collect(),
        examples().map(|one| one.label).collect(),
    ];
    columnar::write(&folder.join(EXAMPLES), &Schema::of(COLUMNS), values)?;
    let describe = |set: &TransferSet| SetDescription {
        set: set.name.clone(),
        labels: set.labels.clone(),
        splits: set
            .splits
            .named()
            .into_iter()
            .map(|(split, examples)| SplitDescription {
                split: split.to_owned(),
                examples: examples.len(),
            })
            .collect(),
    };
    let description = Description {
        task: TASK.to_owned(),
        shape: Shape::Transfer,
        metrics: vec![Metric::Accuracy],
        sets: sets.iter().map(describe).collect(),
    };
    write_description(folder, &description)
}

pub(super) fn read(folder: &Path) -> Result<Vec<TransferSet>, StageError> {
    let description: Description = read_description(folder)?;
    let path = folder.join(EXAMPLES);
    let wrong = |reason: String| contract::unreadable(&path, reason, AGAIN);
    let mut rows: Vec<(String, String, Example)> = Vec::new();
    for batch in Reader::open(&path, AGAIN)?.batches()? {
        let batch = batch?;
        let (sets, splits, ids) = (
            batch.texts("set")?,
            batch.texts("split")?,
            batch.texts("id")?,
        );
        let firsts = batch.texts("sentence1")?;
        let seconds = batch.optional_texts("sentence2")?;
        for (row, label) in batch.numbers("label")?.iter().enumerate() {
            let example = Example {
                id: ids.get(row).to_owned(),
                sentence1: firsts.get(row).to_owned(),
                sentence2: seconds.get_optional(row).map(str::to_owned),
                label: *label,
            };
            rows.push((
                sets.get(row).to_owned(),
                splits.get(row).to_owned(),
                example,
            ));
        }
    }
    let mut sets: Vec<TransferSet> = Vec::new();
    for set in description.sets {
        if !crate::transfer_sets().any(|name| name == set.set) {
            return Err(wrong(format!("`{}` is no transfer set", set.set)));
        }
        if sets.iter().any(|other| other.name == set.set) {
            return Err(wrong(format!("the set {} is there twice", set.set)));
        }
        let classes = set.labels.len();
        let take = |split: &str| -> Result<Vec<Example>, StageError> {
            let of_split = rows.iter().filter(|row| row.0 == set.set && row.1 == split);
            let examples: Vec<Example> = of_split.map(|row| row.2.clone()).collect();
            if examples.is_empty() {
                let set = &set.set;
                return Err(wrong(format!("the split {split} of {set} has no example")));
            }
            let is_class = |label: f64| (0..classes).any(|class| class as f64 == label);
            if let Some(one) = examples.iter().find(|one| !is_class(one.label)) {
                let (set, label) = (&set.set, one.label);
                return Err(wrong(format!(
                    "the label {label} of `{}` in {set} is none of its labels",
                    one.id
                )));
            }
            Ok(examples)
        };
        let names: Vec<&str> = set
            .splits
            .iter()
            .map(|split| split.split.as_str())
            .collect();
        let splits = match names[..] {
            ["all"] => TransferSplits::Whole(take("all")?),
            ["train", "test"] => TransferSplits::Test {
                train: take("train")?,
                test: take("test")?,
            },
            ["train", "validation", "test"] => TransferSplits::Development {
                train: take("train")?,
                validation: take("validation")?,
                test: take("test")?,
            },
            _ => {
                let (set, names) = (&set.set, names.join(", "));
                return Err(wrong(format!("the splits of {set} are {names}")));
            }
        };
        sets.push(TransferSet {
            name: set.set.clone(),
            labels: set.labels.clone(),
            splits,
        });
    }
    Ok(sets)
}
