//! The files of answers in the form that SQuAD's server and official scripts take: `predictions.json`, and beside it what was
//! considered. Questions stand in the order of the data set.

use std::path::Path;

use benchmarks::Question;
use contract::{OutputFile, StageError, write_json};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::decode::Found;

pub(crate) const PREDICTIONS: &str = "predictions.json";
const N_BEST: &str = "nbest_predictions.json";
pub(crate) const NULL_ODDS: &str = "null_odds.json";

pub(crate) const PREDICTIONS_FILE: OutputFile = OutputFile::new(
    PREDICTIONS,
    "the answer of each development question, by id, empty for none: what SQuAD's server and scripts take",
)
.light();
pub(crate) const N_BEST_FILE: OutputFile = OutputFile::new(
    N_BEST,
    "the best answers of each question, with their probabilities and scores",
);
pub(crate) const NULL_ODDS_FILE: OutputFile = OutputFile::new(
    NULL_ODDS,
    "how much better no answer is than the best one, by id (`--na-prob-file` of SQuAD 2.0's script)",
)
.light()
.when("squad2");

/// A JSON object of questions, in their order.
struct ById<'a, F>(&'a [Question], &'a [Found], F);

impl<T: Serialize, F: Fn(&Found) -> T> Serialize for ById<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (question, found) in self.0.iter().zip(self.1) {
            map.serialize_entry(&question.id, &self.2(found))?;
        }
        map.end()
    }
}

/// Writes the files of answers to `questions` into the folder.
pub(crate) fn write(
    folder: &Path,
    questions: &[Question],
    found: &[Found],
) -> Result<(), StageError> {
    write_json(
        &folder.join(PREDICTIONS),
        &ById(questions, found, |found: &Found| found.answer.clone()),
    )?;
    write_json(
        &folder.join(N_BEST),
        &ById(questions, found, |found: &Found| found.candidates.clone()),
    )?;
    if found.iter().any(|found| found.null_odds.is_some()) {
        write_json(
            &folder.join(NULL_ODDS),
            &ById(questions, found, |found: &Found| found.null_odds),
        )?;
    }
    Ok(())
}
