//! Sentences for contrastive training, as files.

use std::path::Path;

use columnar::{Reader, Schema};
use contract::{Column, ColumnType, StageError};
use serde::Serialize;

use super::{AGAIN, TRAIN, write_description};
use crate::triplets::{SENTENCES, TRIPLETS};
use crate::{Shape, Triplet};

const NAMES: [&str; 3] = ["anchor", "positive", "negative"];
pub(super) const COLUMNS: &[Column] = &[
    Column::new(NAMES[0], ColumnType::Text, "the sentence"),
    Column::new(
        NAMES[1],
        ColumnType::Text,
        "a sentence that belongs to it; empty where sentences stand alone",
    ),
    Column::new(
        NAMES[2],
        ColumnType::Text,
        "a sentence that is near it and does not belong to it; empty where there is none",
    ),
];

/// Contents of `task.json`.
#[derive(Serialize)]
struct Description {
    task: &'static str,
    shape: Shape,
}

pub(super) fn read(folder: &Path) -> Result<Vec<Triplet>, StageError> {
    let mut triplets = Vec::new();
    for batch in Reader::open(&folder.join(TRAIN), AGAIN)?.batches()? {
        let batch = batch?;
        let [anchors, positives, negatives] = NAMES.map(|name| batch.texts(name));
        let (anchors, positives, negatives) = (anchors?, positives?, negatives?);
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        triplets.extend((0..batch.rows()).map(|row| Triplet {
            anchor: anchors.get(row).to_owned(),
            positive: given(positives.get(row)),
            negative: given(negatives.get(row)),
        }));
    }
    Ok(triplets)
}

pub(super) fn write(folder: &Path, triplets: &[Triplet]) -> Result<(), StageError> {
    let column = |get: fn(&Triplet) -> &str| triplets.iter().map(get).collect();
    let values = vec![
        column(|one| &one.anchor),
        column(|one| one.positive.as_deref().unwrap_or_default()),
        column(|one| one.negative.as_deref().unwrap_or_default()),
    ];
    columnar::write(&folder.join(TRAIN), &Schema::of(COLUMNS), values)?;
    let alone = triplets.iter().all(|one| one.positive.is_none());
    let description = Description {
        task: if alone { SENTENCES } else { TRIPLETS },
        shape: Shape::Triplets,
    };
    write_description(folder, &description)
}
