//! Minimal pairs, as files.

use std::collections::BTreeMap;
use std::path::Path;

use columnar::{Reader, Schema};
use contract::{Column, ColumnType, StageError};
use serde::Serialize;

use super::{AGAIN, PAIRS, write_description};
use crate::minimal_pairs::TASK;
use crate::{MinimalPair, Shape};

const NAMES: [&str; 6] = ["field", "phenomenon", "paradigm", "id", "good", "bad"];
pub(super) const COLUMNS: &[Column] = &[
    Column::new(NAMES[0], ColumnType::Text, "morphology, syntax, …"),
    Column::new(NAMES[1], ColumnType::Text, "the phenomenon: island_effects"),
    Column::new(
        NAMES[2],
        ColumnType::Text,
        "how its pairs are made: adjunct_island",
    ),
    Column::new(
        NAMES[3],
        ColumnType::Text,
        "the data set's own name of the pair in its paradigm, or else its place there, from 0",
    ),
    Column::new(NAMES[4], ColumnType::Text, "the acceptable sentence"),
    Column::new(NAMES[5], ColumnType::Text, "the other"),
];

/// Contents of `task.json`.
#[derive(Serialize)]
struct Description {
    task: &'static str,
    shape: Shape,
    metrics: [&'static str; 1],
    paradigms: Vec<ParadigmDescription>,
}

#[derive(Serialize)]
struct ParadigmDescription {
    field: String,
    phenomenon: String,
    paradigm: String,
    pairs: usize,
}

pub(super) fn read(folder: &Path) -> Result<Vec<MinimalPair>, StageError> {
    let mut pairs = Vec::new();
    for batch in Reader::open(&folder.join(PAIRS), AGAIN)?.batches()? {
        let batch = batch?;
        let [fields, phenomena, paradigms, ids, good, bad] = NAMES.map(|name| batch.texts(name));
        let (fields, phenomena, paradigms) = (fields?, phenomena?, paradigms?);
        let (ids, good, bad) = (ids?, good?, bad?);
        pairs.extend((0..batch.rows()).map(|row| MinimalPair {
            field: fields.get(row).to_owned(),
            phenomenon: phenomena.get(row).to_owned(),
            paradigm: paradigms.get(row).to_owned(),
            id: ids.get(row).to_owned(),
            good: good.get(row).to_owned(),
            bad: bad.get(row).to_owned(),
        }));
    }
    Ok(pairs)
}

pub(super) fn write(folder: &Path, pairs: &[MinimalPair]) -> Result<(), StageError> {
    let column = |get: fn(&MinimalPair) -> &str| pairs.iter().map(get).collect();
    let values = vec![
        column(|pair| &pair.field),
        column(|pair| &pair.phenomenon),
        column(|pair| &pair.paradigm),
        column(|pair| &pair.id),
        column(|pair| &pair.good),
        column(|pair| &pair.bad),
    ];
    columnar::write(&folder.join(PAIRS), &Schema::of(COLUMNS), values)?;
    let mut paradigms: Vec<ParadigmDescription> = Vec::new();
    let mut places = BTreeMap::new();
    for pair in pairs {
        let place = *places.entry(&pair.paradigm).or_insert_with(|| {
            paradigms.push(ParadigmDescription {
                field: pair.field.clone(),
                phenomenon: pair.phenomenon.clone(),
                paradigm: pair.paradigm.clone(),
                pairs: 0,
            });
            paradigms.len() - 1
        });
        paradigms[place].pairs += 1;
    }
    let description = Description {
        task: TASK,
        shape: Shape::MinimalPairs,
        metrics: ["accuracy"],
        paradigms,
    };
    write_description(folder, &description)
}
