//! Tasks of the user's own: tables of texts with a class or a number, in tab-separated, CSV or Parquet files.
//!
//! * `declaration` is what the user says of the columns, and checks it by itself;
//! * `cells` reads the declared columns of a file, `delimited` those of a text file;
//! * `split` decides which examples are scored where the user has one file.

mod cells;
mod declaration;
mod delimited;
mod split;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use contract::StageError;

pub(crate) use self::cells::Table;
pub(crate) use self::declaration::{Answer, COUNT, Declaration, FIELDS, Parameters};
pub(crate) use self::delimited::Form;

use self::cells::Row;
use crate::catalogue::Reading;
use crate::table::shorten;
use crate::{Benchmark, Example, Task};

/// The range on which scores are learnt, that of STS-B.
pub(crate) const HIGHEST: f64 = 5.0;
/// How many different labels a message names at most.
const SHOWN: usize = 12;

/// An example and what decides on which side of a split it lies.
struct Placed {
    example: Example,
    group: Option<String>,
}

/// Reads the task's examples: those of `train` are trained on and those of `dev` scored; without `dev`, a share of `train` is.
pub(crate) fn read(
    train: &Path,
    dev: Option<&Path>,
    declared: &Declaration,
) -> Result<Reading, StageError> {
    let mut notes = Vec::new();
    let table = Table::open(train, declared.form)?;
    let (train, validation) = match dev {
        Some(dev) => {
            let other = Table::open(dev, declared.form)?;
            let trained = plain(examples(&table, declared, None, &mut notes)?);
            let scored = plain(examples(&other, declared, Some(table.path()), &mut notes)?);
            note_shared(&trained, &scored, &mut notes);
            (trained, scored)
        }
        None => divide(&table, declared, &mut notes)?,
    };
    if let Answer::Classes { labels, .. } = &declared.answer {
        let (trained, scored) = (met(&train, labels.len()), met(&validation, labels.len()));
        for (class, label) in labels.iter().enumerate() {
            if !trained[class] {
                return Err(StageError::input(
                    table.path().display(),
                    format!("no example of the class `{label}` to train on"),
                    "add examples of it, take a smaller `dev_share`, or take the class out of `labels`",
                ));
            }
            if !scored[class] {
                notes.push(format!(
                    "no example of the class `{label}` is among those that are scored"
                ));
            }
        }
    }
    let task = Task {
        name: declared.name.clone(),
        kind: declared.answer.kind(),
        labels: match &declared.answer {
            Answer::Classes { labels, .. } => labels.clone(),
            Answer::Score { .. } => Vec::new(),
        },
        metrics: declared.metrics.clone(),
        train,
        validation,
        validation_mismatched: None,
    };
    Ok(Reading {
        benchmark: Benchmark::Labelled(task),
        notes,
    })
}

/// Divides the examples of one file into those to train on and those to score.
fn divide(
    table: &Table,
    declared: &Declaration,
    notes: &mut Vec<String>,
) -> Result<(Vec<Example>, Vec<Example>), StageError> {
    let all = examples(table, declared, None, notes)?;
    let count = all.len();
    let (mut trained, mut scored) = (Vec::new(), Vec::new());
    for Placed { example, group } in all {
        let second = example.sentence2.as_deref();
        let is_scored = match &group {
            Some(group) => split::is_scored(&[group], declared.dev_share),
            None => {
                let content = [&example.sentence1, second.unwrap_or_default()];
                split::is_scored(&content, declared.dev_share)
            }
        };
        match is_scored {
            true => scored.push(example),
            false => trained.push(example),
        }
    }
    if trained.is_empty() || scored.is_empty() {
        let (what, remedy) = match scored.is_empty() {
            true => ("score", "a larger"),
            false => ("train on", "a smaller"),
        };
        return Err(StageError::input(
            table.path().display(),
            format!(
                "with dev_share = {}, none of its {count} examples is left to {what}",
                declared.dev_share
            ),
            format!(
                "take {remedy} dev_share or give more examples, or a file of their own by `dev`"
            ),
        ));
    }
    notes.push(format!(
        "{}: {} of {count} examples are scored and not trained on, drawn by {}",
        table.path().display(),
        scored.len(),
        match &declared.group {
            Some(group) => format!("the column `{group}`"),
            None => "their texts".to_owned(),
        }
    ));
    Ok((trained, scored))
}

/// Reads the examples of a file. `other` is a file that has the declared columns.
fn examples(
    table: &Table,
    declared: &Declaration,
    other: Option<&Path>,
    notes: &mut Vec<String>,
) -> Result<Vec<Placed>, StageError> {
    // A group decides nothing where the user has divided the examples.
    let group = declared.group.as_deref().filter(|_| other.is_none());
    let mut wanted: Vec<&str> = vec![declared.answer.column()];
    wanted.extend(declared.texts.iter().map(String::as_str));
    wanted.extend(declared.id.as_deref());
    wanted.extend(group);
    table.expect(&wanted, other)?;
    let rows = table.rows(&wanted)?;
    if rows.is_empty() {
        return Err(StageError::input(
            table.path().display(),
            "no example in it",
            "give a row below the names of the columns for each example",
        ));
    }
    if let Answer::Classes { column, labels } = &declared.answer
        && labels.is_empty()
    {
        return Err(undeclared(table, column, &rows));
    }
    let mut quoted = 0_usize;
    let mut names = BTreeMap::new();
    let mut examples = Vec::with_capacity(rows.len());
    for (number, row) in rows.into_iter().enumerate() {
        let label = answer(table, &row, &declared.answer)?;
        let place = row.place;
        let mut cells = row.cells.into_iter().skip(1);
        let mut text = |column: &str| {
            let text = cells.next().unwrap_or_default();
            match text.trim().is_empty() {
                true => Err(table.wrong(
                    place,
                    format!("the text in the column `{column}` is empty"),
                    "give it a text, or leave the row out",
                )),
                false => Ok(text),
            }
        };
        let sentence1 = text(&declared.texts[0])?;
        let sentence2 = declared
            .texts
            .get(1)
            .map(|column| text(column))
            .transpose()?;
        quoted += usize::from(table.reads_marks_plainly() && looks_quoted(&sentence1));
        let id = match declared.id {
            Some(_) => cells.next().unwrap_or_default(),
            None => number.to_string(),
        };
        if let Some(before) = names.insert(id.clone(), place) {
            return Err(table.wrong(
                place,
                format!(
                    "the example is named `{}`, as is that of {before}",
                    shorten(&id)
                ),
                "give each example a name of its own, or leave `id` out",
            ));
        }
        examples.push(Placed {
            example: Example {
                id,
                sentence1,
                sentence2,
                label,
            },
            group: cells.next(),
        });
    }
    if quoted > 0 {
        notes.push(format!(
            "{}: {quoted} text{} in quotation marks, which are read as a part of the text; if they are not, set quotes = true",
            table.path().display(),
            if quoted == 1 { " is" } else { "s are" }
        ));
    }
    Ok(examples)
}

/// Reads the answer of a row, which is its first cell.
fn answer(table: &Table, row: &Row, answer: &Answer) -> Result<f64, StageError> {
    let cell = row.cells[0].trim();
    match answer {
        Answer::Classes { labels, .. } => {
            let class = labels.iter().position(|label| label == cell);
            class.map(|class| class as f64).ok_or_else(|| {
                let known = shorten(&labels.join(", "));
                table.wrong(
                    row.place,
                    format!("the label is \"{}\", not one of {known}", shorten(cell)),
                    "correct the row, or add the word to `labels`",
                )
            })
        }
        Answer::Score {
            lowest, highest, ..
        } => {
            let score = cell
                .parse::<f64>()
                .ok()
                .filter(|score| (*lowest..=*highest).contains(score));
            let score = score.ok_or_else(|| {
                table.wrong(
                    row.place,
                    format!(
                        "the score is \"{}\", not a number from {lowest} to {highest}",
                        shorten(cell)
                    ),
                    match cell.replace(',', ".").parse::<f64>() {
                        Ok(_) if cell.contains(',') => "write a point before the decimals",
                        _ => "correct the row, or `lowest` and `highest`",
                    },
                )
            })?;
            // From 0 to 5 the factor is 1, so that such scores stay what they are to the last bit.
            Ok((score - lowest) * (HIGHEST / (highest - lowest)))
        }
    }
}

/// Returns the error for a column whose labels are not declared, with the words that it holds.
fn undeclared(table: &Table, column: &str, rows: &[Row]) -> StageError {
    let found: BTreeSet<&str> = rows.iter().map(|row| row.cells[0].trim()).collect();
    let some: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|label| format!("{:?}", shorten(label)))
        .collect();
    let some = some.join(", ");
    match found.len() > SHOWN {
        true => StageError::input(
            table.path().display(),
            format!(
                "the column `{column}` holds {} different values, and no `labels` are declared: {some}, …",
                found.len()
            ),
            "name the words that it may hold: labels = [\"…\", \"…\"]; a column of numbers is declared by `score`",
        ),
        false => StageError::input(
            table.path().display(),
            format!("the words that the column `{column}` may hold are not declared"),
            format!("it holds these, so: labels = [{some}]"),
        ),
    }
}

fn plain(examples: Vec<Placed>) -> Vec<Example> {
    examples.into_iter().map(|placed| placed.example).collect()
}

/// Whether a text is quoted as a CSV writer quotes: the marks enclose it, and those inside are doubled.
fn looks_quoted(text: &str) -> bool {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.replace("\"\"", "").contains('"'))
}

/// Returns which classes have examples.
fn met(examples: &[Example], classes: usize) -> Vec<bool> {
    let mut met = vec![false; classes];
    for example in examples {
        met[example.class()] = true;
    }
    met
}

/// Notes how many of the scored examples have texts that are trained on as well.
fn note_shared(trained: &[Example], scored: &[Example], notes: &mut Vec<String>) {
    let texts = |example: &Example| (example.sentence1.clone(), example.sentence2.clone());
    let known: BTreeSet<_> = trained.iter().map(texts).collect();
    let shared = scored
        .iter()
        .filter(|example| known.contains(&texts(example)))
        .count();
    if shared > 0 {
        notes.push(format!(
            "{shared} of {} examples that are scored {} trained on as well, by texts",
            scored.len(),
            if shared == 1 { "is" } else { "are" }
        ));
    }
}

#[cfg(test)]
mod tests;
