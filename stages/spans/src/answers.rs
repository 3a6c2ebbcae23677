//! The stage kind `answers`.

use std::path::{Path, PathBuf};

use benchmarks::SpanTask;
use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, Params, ScoreName, Signature,
    Stage, StageError, read_json,
};
use metrics::{predictions, scores};
use serde_json::{Map, Value};

use crate::files::{NULL_ODDS, PREDICTIONS};
use crate::odds;

const REMEDY: &str = "give an object of question ids and answers, as SQuAD's scripts take it";

/// Scores answers that others have written in the form of SQuAD's server, as the official scripts do.
#[derive(Clone, Copy, Debug)]
pub struct AnswersStage;

impl Stage for AnswersStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "answers",
            version: 1,
            about: "Scores a file of answers to SQuAD's development questions as the official scripts do",
            fields: const {
                &[
                    Field::new(
                        "predictions",
                        FieldType::Input(ArtifactType::Folder),
                        FieldDefault::Required,
                        "The answers: a JSON file of ids and texts, or a folder with such a `predictions.json`.",
                    ),
                    Field::new(
                        "data",
                        FieldType::Input(ArtifactType::Benchmark),
                        FieldDefault::Required,
                        "The questions: a benchmark with `task = \"squad\"` or `\"squad2\"`.",
                    ),
                    Field::new(
                        "null_odds",
                        FieldType::Input(ArtifactType::Folder),
                        FieldDefault::Absent,
                        "How likely each question of SQuAD 2.0 has no answer: a JSON file of ids and numbers (`--na-prob-file` of the \
                         official script), or a folder with such a `null_odds.json`. With it the best threshold is looked for: best_f1, \
                         best_exact.",
                    ),
                ]
            },
            output: ArtifactType::Scores,
            numerics: None,
            files: &[scores::DOCUMENTED, predictions::DOCUMENTED_ANSWERS],
        }
    }

    fn scores(
        &self,
        _: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let mut names = SpanTask::score_names();
        names.extend(SpanTask::best_score_names());
        Some(names)
    }

    fn run(&self, _: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let task = benchmarks::read_spans(inputs.path("data")?)?;
        let path = inputs.path("predictions")?;
        let answers = read(&in_folder(path, PREDICTIONS), &task)?;
        let missing = answers.iter().filter(|answer| answer.is_none()).count();
        if missing > 0 {
            let all = answers.len();
            let what = match task.unanswerable {
                true => "are left out",
                false => "count as wrong",
            };
            context.note(format!(
                "{missing} of {all} questions have no prediction, and {what}"
            ));
        }
        predictions::write_answers(context.output(), &task.rows_of(&answers)?)?;
        let mut all = task.scores(&answers)?;
        if let Some(path) = inputs.optional("null_odds") {
            let odds = odds::read(&in_folder(path, NULL_ODDS), &task, &answers)?;
            all.extend(task.best_scores(&answers, &odds)?);
        }
        scores::write(context.output(), &all)
    }
}

/// Returns the path of a file that is given itself, or as the folder that it lies in.
fn in_folder(path: &Path, name: &str) -> PathBuf {
    match path.is_dir() {
        true => path.join(name),
        false => path.to_path_buf(),
    }
}

/// Reads the answers to the development questions, in their order. Other questions of the file are passed over, as the official scripts
/// do.
fn read(path: &Path, task: &SpanTask) -> Result<Vec<Option<String>>, StageError> {
    let mut all: Map<String, Value> = read_json(path, REMEDY)?;
    let questions = task.validation.iter();
    let answers = questions.map(|question| match all.remove(&question.id) {
        None => Ok(None),
        Some(Value::String(answer)) => Ok(Some(answer)),
        Some(other) => {
            let place = format!("{}: question `{}`", path.display(), question.id);
            let other = match other {
                Value::Null => "null",
                Value::Bool(_) => "a truth value",
                Value::Number(_) => "a number",
                Value::Array(_) => "a list",
                _ => "an object",
            };
            Err(StageError::input(
                place,
                format!("its answer is {other}, and no text"),
                REMEDY,
            ))
        }
    });
    let answers = answers.collect::<Result<Vec<_>, _>>()?;
    if answers.iter().all(Option::is_none) {
        return Err(StageError::input(
            path.display(),
            format!("it answers none of the {} questions", answers.len()),
            "give the answers to the development split of this release",
        ));
    }
    Ok(answers)
}
