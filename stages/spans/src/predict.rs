//! Answers to a user's own questions: what `pipe predict` does with a model of the stage kind `finetune-spans`.

use std::path::Path;

use benchmarks::{PredictionTable, Question, SpanTask, read_texts};
use contract::{Context, StageError};

use crate::kept::Kept;
use crate::objective::Questions;
use crate::windows::Reader;

/// The columns that a file of questions needs, as data sets in SQuAD's form call them.
const COLUMNS: [&str; 2] = ["question", "context"];

/// Answers the questions of a file, in its order: the answer (empty for none), the probability of the best answer, and how much better "no
/// answer" is where questions may have none.
///
/// # Errors
/// When the folder is none that the stage has kept, the file lacks a column, or a text has no token.
pub fn predict(
    folder: &Path,
    file: &Path,
    context: &Context,
) -> Result<PredictionTable, StageError> {
    let (kept, model, tokenizer) = Kept::read(folder, context)?;
    let mut places = Vec::new();
    let rows = read_texts(file, &COLUMNS)?.into_iter().enumerate();
    let questions = rows.map(|(row, given)| {
        places.push(given.place);
        let mut cells = given.cells.into_iter();
        Question {
            id: row.to_string(),
            title: String::new(),
            question: cells.next().unwrap_or_default(),
            context: cells.next().unwrap_or_default().into(),
            answers: Vec::new(),
        }
    });
    let task = SpanTask {
        name: kept.task.clone(),
        unanswerable: kept.rules.threshold.is_some(),
        train: Vec::new(),
        validation: questions.collect(),
    };
    let reader = Reader::new(&tokenizer, model.config(), kept.lengths)?;
    let asked = reader.read_at(&task.validation, &|question| {
        // A question is called by its row.
        let row = question.id.parse::<usize>().ok();
        let place = row.and_then(|row| places.get(row));
        let place = place.map_or_else(|| file.display().to_string(), String::clone);
        (place, "the context has no token".to_owned())
    })?;
    let cut = asked.iter().filter(|asked| asked.is_cut).count();
    if cut > 0 {
        let all = asked.len();
        context.note(format!("{cut} of {all} questions were cut"));
    }
    let questions = Questions {
        task: &task,
        asked: &asked,
        rules: kept.rules,
    };
    let found = questions.answer(&model, |_| context.keep_going())?;
    let mut header = ["row", "prediction", "probability"]
        .map(str::to_owned)
        .to_vec();
    if task.unanswerable {
        header.push("null_odds".to_owned());
    }
    let rows = found.into_iter().enumerate().map(|(row, found)| {
        let chosen = found
            .candidates
            .iter()
            .find(|candidate| candidate.text == found.answer);
        let probability = chosen.map_or(0.0, |candidate| candidate.probability);
        let mut cells = vec![row.to_string(), found.answer, probability.to_string()];
        cells.extend(found.null_odds.map(|odds| odds.to_string()));
        cells
    });
    Ok(PredictionTable {
        header,
        rows: rows.collect(),
    })
}
