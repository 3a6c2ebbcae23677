//! Pairs of sentences with a gold similarity, as files.

use std::path::Path;

use columnar::{Reader, Schema};
use contract::{Column, ColumnType, StageError};
use serde::Serialize;

use super::{AGAIN, PAIRS, STS, write_description};
use crate::{Metric, Shape, StsPair};

const ID: &str = "id";
pub(super) const COLUMNS: &[Column] = &[
    Column::new("set", ColumnType::Text, "sts12 to sts16, stsb, sickr"),
    Column::new("subset", ColumnType::Text, "the part of the set"),
    Column::new(
        ID,
        ColumnType::Text,
        "the data set's own name of the pair in its part, or else its line in the file, from 0",
    ),
    Column::new("sentence1", ColumnType::Text, "the first sentence"),
    Column::new("sentence2", ColumnType::Text, "the second"),
    Column::new("score", ColumnType::Number, "how alike people found them"),
];

/// Contents of `task.json`.
#[derive(Serialize)]
struct Description {
    task: &'static str,
    shape: Shape,
    metrics: Vec<Metric>,
    sets: Vec<SetDescription>,
}

#[derive(Serialize)]
struct SetDescription {
    set: String,
    subsets: Vec<SubsetDescription>,
}

#[derive(Serialize)]
struct SubsetDescription {
    subset: String,
    pairs: usize,
}

pub(super) fn read(folder: &Path) -> Result<Vec<StsPair>, StageError> {
    let mut pairs = Vec::new();
    for batch in Reader::open(&folder.join(PAIRS), AGAIN)?.batches()? {
        let batch = batch?;
        // Artifacts that a user's program wrote may lack names of pairs.
        let ids = match batch.has(ID, ColumnType::Text) {
            true => Some(batch.texts(ID)?),
            false => None,
        };
        let (sets, subsets) = (batch.texts("set")?, batch.texts("subset")?);
        let (firsts, seconds) = (batch.texts("sentence1")?, batch.texts("sentence2")?);
        for (row, score) in batch.numbers("score")?.iter().enumerate() {
            let place = pairs.len();
            pairs.push(StsPair {
                set: sets.get(row).to_owned(),
                subset: subsets.get(row).to_owned(),
                id: ids.map_or_else(|| place.to_string(), |ids| ids.get(row).to_owned()),
                sentence1: firsts.get(row).to_owned(),
                sentence2: seconds.get(row).to_owned(),
                score: *score,
            });
        }
    }
    Ok(pairs)
}

pub(super) fn write(folder: &Path, pairs: &[StsPair]) -> Result<(), StageError> {
    let values = vec![
        pairs.iter().map(|pair| pair.set.as_str()).collect(),
        pairs.iter().map(|pair| pair.subset.as_str()).collect(),
        pairs.iter().map(|pair| pair.id.as_str()).collect(),
        pairs.iter().map(|pair| pair.sentence1.as_str()).collect(),
        pairs.iter().map(|pair| pair.sentence2.as_str()).collect(),
        pairs.iter().map(|pair| pair.score).collect(),
    ];
    columnar::write(&folder.join(PAIRS), &Schema::of(COLUMNS), values)?;

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
    let description = Description {
        task: STS,
        shape: Shape::Pairs,
        metrics: vec![Metric::Spearman],
        sets,
    };
    write_description(folder, &description)
}
