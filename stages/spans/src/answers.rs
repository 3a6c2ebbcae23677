//! The stage kind `answers`.

use std::path::Path;

use benchmarks::SpanTask;
use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, Params, ScoreName, Signature,
    Stage, StageError, read_json,
};
use metrics::{predictions, scores};
use serde_json::{Map, Value};

use crate::files::PREDICTIONS;

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
        Some(SpanTask::score_names())
    }

    fn run(&self, _: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let task = benchmarks::read_spans(inputs.path("data")?)?;
        let path = inputs.path("predictions")?;
        let answers = match path.is_dir() {
            true => read(&path.join(PREDICTIONS), &task)?,
            false => read(path, &task)?,
        };
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
        scores::write(context.output(), &task.scores(&answers)?)
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
