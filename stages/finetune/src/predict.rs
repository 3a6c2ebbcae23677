//! Predictions for a user's own texts: what `pipe predict` does with a model of the stage kind `finetune`.

use std::path::Path;

use benchmarks::{Example, Kind, OwnTexts, PredictionTable};
use contract::{Context, StageError};

use crate::examples::Reader;
use crate::kept::Kept;

/// Number of examples between checks whether to stop.
const AT_ONCE: usize = 512;

/// Predicts the examples of a file, in its order: the class with the probabilities of all, or the number.
///
/// # Errors
/// When the folder is none that the stage has kept, the file lacks a column of the task, or a prediction is not finite.
pub fn predict(
    folder: &Path,
    texts: &OwnTexts,
    file: &Path,
    context: &Context,
) -> Result<PredictionTable, StageError> {
    let (kept, model, tokenizer) = Kept::read(folder, context)?;
    let examples: Vec<Example> = texts.read(file, kept.pairs)?;
    let reader = Reader::new(&tokenizer, model.config(), kept.max_length)?;
    let read = reader.read(&examples);
    reader.note_cut("given", &read, context);
    let mut predictions = Vec::with_capacity(read.len());
    for part in read.chunks(AT_ONCE) {
        context.keep_going()?;
        predictions.extend(model.predict(part)?);
    }
    let mut header = vec!["row".to_owned(), "prediction".to_owned()];
    header.extend(kept.labels.iter().cloned());
    let rows = predictions.into_iter().enumerate().map(|(row, found)| {
        let value = match kept.kind {
            Kind::Classification => kept.labels[found.value as usize].clone(),
            Kind::Regression => texts.rescaled(found.value).to_string(),
        };
        let mut cells = vec![row.to_string(), value];
        cells.extend(found.probabilities.iter().map(f32::to_string));
        cells
    });
    Ok(PredictionTable {
        header,
        rows: rows.collect(),
    })
}
