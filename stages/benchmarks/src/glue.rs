//! Reader of the files of GLUE tasks.

use std::path::{Path, PathBuf};

use contract::StageError;

use crate::catalogue::Reading;
use crate::identity::settle;
use crate::layout::{Answer, Columns, Layout, Quirk};
use crate::table::{Row, Table, shorten};
use crate::text::TextFile;
use crate::{Benchmark, Example, Task, mrpc};

/// Reads a task's training and development splits from `source/TASK` or `source/glue_data/TASK`. Test splits have no
/// labels; `server` reads them.
pub(crate) fn read(source: &Path, layout: &Layout) -> Result<Reading, StageError> {
    let folder = find_folder(source, layout)?;
    let mut notes = Vec::new();
    let train_file = folder.join("train.tsv");
    let (train, validation) = if layout.quirk == Quirk::MicrosoftRelease && !train_file.exists() {
        mrpc::read_release(&folder, layout, &mut notes)?
    } else {
        let validation_file = folder.join(layout.validation);
        (
            read_split(&train_file, layout, &mut notes)?,
            read_split(&validation_file, layout, &mut notes)?,
        )
    };
    let validation_mismatched = match layout.mismatched {
        Some(name) => Some(read_split(&folder.join(name), layout, &mut notes)?),
        None => None,
    };
    let task = Task {
        name: layout.task.to_owned(),
        kind: layout.answer.kind(),
        labels: layout.answer.labels(),
        metrics: layout.metrics.to_vec(),
        train,
        validation,
        validation_mismatched,
    };
    Ok(Reading {
        benchmark: Benchmark::Labelled(task),
        notes,
    })
}

pub(crate) fn find_folder(source: &Path, layout: &Layout) -> Result<PathBuf, StageError> {
    let candidates = [
        source.join(layout.folder),
        source.join("glue_data").join(layout.folder),
    ];
    candidates.into_iter().find(|folder| folder.is_dir()).ok_or_else(|| {
        let reason = if source.is_dir() {
            format!("no folder `{0}` or `glue_data/{0}` in it", layout.folder)
        } else {
            "no such folder".to_owned()
        };
        StageError::input(
            source.display(),
            reason,
            format!(
                "give the folder that holds `{0}/train.tsv` and `{0}/{1}` (`glue_data` as GLUE's \
                 download script makes it)",
                layout.folder, layout.validation
            ),
        )
    })
}

/// Reads one file of a task.
pub(crate) fn read_split(
    path: &Path,
    layout: &Layout,
    notes: &mut Vec<String>,
) -> Result<Vec<Example>, StageError> {
    let file = open(path)?;
    let table = match layout.columns {
        Columns::Named {
            sentence1,
            sentence2: Some(sentence2),
            label,
        } => Table::with_header(&file, &[label, sentence1, sentence2], layout.naming)?,
        Columns::Named {
            sentence1,
            sentence2: None,
            label,
        } => Table::with_header(&file, &[label, sentence1], layout.naming)?,
        Columns::Positions {
            width,
            sentence1,
            label,
        } => Table::without_header(&file, width, &[label, sentence1]),
    };
    let (mut short, mut undecided) = (0_usize, 0_usize);
    let (mut examples, mut names) = (Vec::new(), Vec::new());
    for row in table.rows() {
        match row {
            Ok(row) if layout.quirk == Quirk::Undecided && row.fields[0] == "-" => undecided += 1,
            Ok(row) => {
                examples.push(example(&row, layout)?);
                names.push((row.name, row.number));
            }
            Err(broken) if layout.quirk == Quirk::QuotedAndShortRows && broken.is_short() => {
                short += 1;
            }
            Err(broken) => return Err(broken.into()),
        }
    }
    if short > 0 {
        notes.push(format!(
            "{}: {short} short row{} left out, as by GLUE's own loaders",
            path.display(),
            if short == 1 { "" } else { "s" }
        ));
    }
    if undecided > 0 {
        notes.push(format!(
            "{}: {undecided} example{} without a gold label left out",
            path.display(),
            if undecided == 1 { "" } else { "s" }
        ));
    }
    name(&mut examples, names);
    not_empty(examples, path)
}

/// Names the examples after the rows that they come from.
pub(crate) fn name(examples: &mut [Example], names: Vec<(String, usize)>) {
    for (example, name) in examples.iter_mut().zip(settle(names.into_iter())) {
        example.id = name;
    }
}

/// Opens a file of a task, or says that it is missing.
pub(crate) fn open(path: &Path) -> Result<TextFile, StageError> {
    if !path.is_file() {
        return Err(StageError::input(
            path.display(),
            "no such file",
            "complete the task's folder with GLUE's download script",
        ));
    }
    TextFile::open(path)
}

/// Refuses an empty split.
pub(crate) fn not_empty(examples: Vec<Example>, path: &Path) -> Result<Vec<Example>, StageError> {
    if examples.is_empty() {
        return Err(StageError::input(
            path.display(),
            "no examples in it",
            "use the official file: a split without examples can neither train nor score",
        ));
    }
    Ok(examples)
}

/// Reads a row of the columns label, first sentence and perhaps second sentence. The example has no name yet.
pub(crate) fn example(row: &Row<'_>, layout: &Layout) -> Result<Example, StageError> {
    Ok(Example {
        id: String::new(),
        label: label(row, &layout.answer)?,
        sentence1: sentence(row.fields[1], layout),
        sentence2: row.fields.get(2).map(|text| sentence(text, layout)),
    })
}

/// Reads a sentence as the task's files write it.
pub(crate) fn sentence(text: &str, layout: &Layout) -> String {
    match layout.quirk {
        Quirk::QuotedAndShortRows => unquote(text),
        _ => text.to_owned(),
    }
}

fn label(row: &Row<'_>, answer: &Answer) -> Result<f64, StageError> {
    let text = row.fields[0];
    match answer {
        Answer::Classes(classes) => {
            let class = classes.iter().position(|(spelling, _)| *spelling == text);
            class.map(|class| class as f64).ok_or_else(|| {
                let known: Vec<_> = classes.iter().map(|(spelling, _)| *spelling).collect();
                StageError::input(
                    row.place,
                    format!(
                        "the label is \"{}\", not one of {}",
                        shorten(text),
                        known.join(", ")
                    ),
                    "correct the row, or use the official file",
                )
            })
        }
        Answer::Score(min, max) => score(text, *min, *max).ok_or_else(|| {
            StageError::input(
                row.place,
                format!(
                    "the score is \"{}\", not a number from {min} to {max}",
                    shorten(text)
                ),
                "correct the row, or use the official file",
            )
        }),
    }
}

/// Reads a number in a range.
pub(crate) fn score(text: &str, min: f64, max: f64) -> Option<f64> {
    let value: f64 = text.trim().parse().ok()?;
    (min..=max).contains(&value).then_some(value)
}

/// Undoes CSV quoting, where it is well formed: `"a ""b"""` is `a "b"`. Anything else stays as it is.
fn unquote(text: &str) -> String {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return text.to_owned();
    };
    let undoubled = inner.replace("\"\"", "");
    if undoubled.contains('"') {
        text.to_owned()
    } else {
        inner.replace("\"\"", "\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_undone_only_where_it_is_well_formed() {
        for (quoted, plain) in [
            (
                r#""What does ""otoke"" mean?""#,
                r#"What does "otoke" mean?"#,
            ),
            (r#""""Marriage is."" Why?""#, r#""Marriage is." Why?"#),
            (r#""a" or "b""#, r#""a" or "b""#),
            (r#"5'6"" tall"#, r#"5'6"" tall"#),
            ("\"", "\""),
            ("\"\"", ""),
            ("plain", "plain"),
        ] {
            assert_eq!(unquote(quoted), plain);
        }
    }
}
