//! Test splits, whose labels nobody has, as files.

use std::path::Path;

use columnar::{Reader, Schema};
use contract::{Column, ColumnType, StageError};

use super::AGAIN;
use crate::server::SPLITS;
use crate::{Example, TestSplit};

/// The files of the splits, in the order of [`SPLITS`].
pub(super) const FILES: [&str; 2] = ["test.parquet", "test_mismatched.parquet"];

pub(super) const COLUMNS: &[Column] = &[
    Column::new(
        "id",
        ColumnType::Text,
        "the example's index, by which the server knows it",
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
];

pub(super) fn read(folder: &Path) -> Result<Vec<TestSplit>, StageError> {
    let mut splits = Vec::new();
    for (name, file) in SPLITS.into_iter().zip(FILES) {
        let path = folder.join(file);
        if !path.exists() {
            continue;
        }
        let mut examples = Vec::new();
        for batch in Reader::open(&path, AGAIN)?.batches()? {
            let batch = batch?;
            let (ids, firsts) = (batch.texts("id")?, batch.texts("sentence1")?);
            let seconds = batch.optional_texts("sentence2")?;
            examples.extend((0..batch.rows()).map(|row| Example {
                id: ids.get(row).to_owned(),
                sentence1: firsts.get(row).to_owned(),
                sentence2: seconds.get_optional(row).map(str::to_owned),
                label: 0.0,
            }));
        }
        splits.push(TestSplit { name, examples });
    }
    Ok(splits)
}

pub(super) fn write(folder: &Path, splits: &[TestSplit]) -> Result<(), StageError> {
    for (split, file) in splits.iter().zip(FILES) {
        let examples = split.examples.iter();
        let ids = examples.clone().map(|one| one.id.as_str());
        let firsts = examples.clone().map(|one| one.sentence1.as_str());
        let seconds = examples.map(|one| one.sentence2.as_deref());
        let values = vec![ids.collect(), firsts.collect(), seconds.collect()];
        columnar::write(&folder.join(file), &Schema::of(COLUMNS), values)?;
    }
    Ok(())
}
