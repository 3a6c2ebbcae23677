//! Questions about texts, as files.

use std::path::Path;
use std::sync::Arc;

use columnar::{IntegerLists, Reader, Schema, Values};
use contract::{Column, ColumnType, StageError};
use serde::{Deserialize, Serialize};

use super::{AGAIN, TRAIN, VALIDATION, read_description, write_description};
use crate::{Question, Shape, SpanTask, spans};

const STARTS: &str = "answer_starts";
const ENDS: &str = "answer_ends";
pub(super) const COLUMNS: &[Column] = &[
    Column::new(
        "id",
        ColumnType::Text,
        "the data set's own name of the question",
    ),
    Column::new(
        "title",
        ColumnType::Text,
        "the title of the article that the text is from",
    ),
    Column::new("context", ColumnType::Text, "the text"),
    Column::new("question", ColumnType::Text, "the question"),
    Column::new(
        STARTS,
        ColumnType::Integers,
        "where each gold answer begins, in bytes of the text in UTF-8; none where there is no answer",
    ),
    Column::new(ENDS, ColumnType::Integers, "and where it ends"),
];

/// Contents of `task.json`.
#[derive(Serialize, Deserialize)]
struct Description {
    task: String,
    shape: Shape,
    unanswerable: bool,
    metrics: Vec<String>,
}

pub(super) fn read(folder: &Path) -> Result<SpanTask, StageError> {
    let description: Description = read_description(folder)?;
    Ok(SpanTask {
        name: description.task,
        unanswerable: description.unanswerable,
        train: read_questions(&folder.join(TRAIN))?,
        validation: read_questions(&folder.join(VALIDATION))?,
    })
}

pub(super) fn write(folder: &Path, task: &SpanTask) -> Result<(), StageError> {
    write_questions(&folder.join(TRAIN), &task.train)?;
    write_questions(&folder.join(VALIDATION), &task.validation)?;
    let description = Description {
        task: task.name.clone(),
        shape: Shape::Spans,
        unanswerable: task.unanswerable,
        metrics: spans::METRICS.map(str::to_owned).to_vec(),
    };
    write_description(folder, &description)
}

fn write_questions(path: &Path, questions: &[Question]) -> Result<(), StageError> {
    let places = |get: fn(&std::ops::Range<usize>) -> usize| -> Result<Values, StageError> {
        let mut lists = IntegerLists::new();
        for question in questions {
            for answer in &question.answers {
                lists.push(i32::try_from(get(answer)).map_err(StageError::failed)?);
            }
            lists.end_row();
        }
        Ok(lists.take())
    };
    let values = vec![
        questions.iter().map(|one| one.id.as_str()).collect(),
        questions.iter().map(|one| one.title.as_str()).collect(),
        questions.iter().map(|one| &*one.context).collect(),
        questions.iter().map(|one| one.question.as_str()).collect(),
        places(|answer| answer.start)?,
        places(|answer| answer.end)?,
    ];
    columnar::write(path, &Schema::of(COLUMNS), values)
}

fn read_questions(path: &Path) -> Result<Vec<Question>, StageError> {
    let mut questions: Vec<Question> = Vec::new();
    for batch in Reader::open(path, AGAIN)?.batches()? {
        let batch = batch?;
        let [ids, titles, contexts, asked] =
            ["id", "title", "context", "question"].map(|name| batch.texts(name));
        let (ids, titles, contexts, asked) = (ids?, titles?, contexts?, asked?);
        let starts = batch.integer_lists(STARTS)?;
        let ends = batch.integer_lists(ENDS)?;
        for (row, (starts, ends)) in starts.iter().zip(ends.iter()).enumerate() {
            let context = match questions.last() {
                Some(last) if *last.context == *contexts.get(row) => Arc::clone(&last.context),
                _ => Arc::from(contexts.get(row)),
            };
            let bytes = starts.iter().zip(ends).map(|(&start, &end)| {
                let bytes = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
                context.get(bytes.clone()).map(|_| bytes)
            });
            let answers = bytes.collect::<Option<Vec<_>>>();
            let answers = answers.filter(|_| starts.len() == ends.len());
            questions.push(Question {
                id: ids.get(row).to_owned(),
                title: titles.get(row).to_owned(),
                question: asked.get(row).to_owned(),
                answers: answers.ok_or_else(|| {
                    let id = ids.get(row);
                    let reason = format!("an answer to question `{id}` lies outside of its text");
                    contract::unreadable(path, reason, AGAIN)
                })?,
                context,
            });
        }
    }
    Ok(questions)
}
