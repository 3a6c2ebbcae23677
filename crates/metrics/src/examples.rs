//! Predictions in any of the forms of `predictions.parquet`, as statistics read them.

use std::path::Path;

use columnar::{Batch, Reader};
use contract::StageError;

use crate::predictions::{FILE, Name, check_names};

/// What to do about a file of another form.
const REMEDY: &str = "REFERENCE.md says what a predictions file holds, under Predictions";
const LABEL: &str = "label";
const PREDICTION: &str = "prediction";

/// The examples of a predictions file, sorted by name, with what was predicted of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// The examples. No two have the same name.
    pub names: Vec<Name>,
    /// The true and the predicted classes or numbers, where the file has them.
    pub pairs: Option<Pairs>,
    /// The other columns of numbers, by name: how well each example was done, such as `exact_match` or `loss`.
    pub measures: Vec<(String, Vec<f64>)>,
}

/// True and predicted classes or numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// What is right.
    pub labels: Vec<f64>,
    /// What was predicted.
    pub predictions: Vec<f64>,
}

impl Examples {
    /// Reads `predictions.parquet` in a folder, or the file itself. The columns `set`, `subset` and `split` may be missing, and count as
    /// empty then; a column of numbers beyond those that `pipe` writes is a measure.
    ///
    /// # Errors
    /// When there is no such file, it names no examples, or a number is not finite.
    pub fn read(path: &Path) -> Result<Self, StageError> {
        let path = match path.is_dir() {
            true => path.join(FILE),
            false => path.to_path_buf(),
        };
        let wrong = |reason: String| contract::unreadable(&path, reason, REMEDY);
        let mut examples = Self::default();
        let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
        for batch in Reader::open(&path, REMEDY)?.batches()? {
            let batch = batch?;
            examples.names.extend(names(&batch)?);
            for (name, values) in batch.all_numbers() {
                match columns.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => known.extend(values),
                    None => columns.push((name.to_owned(), values)),
                }
            }
        }
        check_names(examples.names.iter()).map_err(wrong)?;
        if examples.names.is_empty() {
            return Err(wrong("it has no rows".to_owned()));
        }
        // A further column need not be a measure, so that one with gaps is passed over.
        columns.retain(|(column, values)| {
            [LABEL, PREDICTION].contains(&column.as_str()) || values.iter().all(|it| it.is_finite())
        });
        for (column, values) in &columns {
            if let Some(place) = values.iter().position(|value| !value.is_finite()) {
                let (value, example) = (values[place], &examples.names[place].example);
                return Err(wrong(format!(
                    "`{column}` of example `{example}` is {value}"
                )));
            }
        }
        let mut take = |name: &str| {
            let place = columns.iter().position(|(known, _)| known == name)?;
            Some(columns.remove(place).1)
        };
        examples.pairs = match (take(LABEL), take(PREDICTION)) {
            (Some(labels), Some(predictions)) => Some(Pairs {
                labels,
                predictions,
            }),
            (None, None) => None,
            (label, _) => {
                let missing = if label.is_none() { LABEL } else { PREDICTION };
                return Err(wrong(format!("it has no column `{missing}`")));
            }
        };
        examples.measures = columns;
        if examples.pairs.is_none() && examples.measures.is_empty() {
            return Err(wrong(format!(
                "it has neither columns `{LABEL}` and `{PREDICTION}` nor another column of numbers"
            )));
        }
        examples.sort();
        Ok(examples)
    }

    /// Sorts the examples by name, so that files which hold them in different orders become equal.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by(|a, b| self.names[*a].cmp(&self.names[*b]));
        let sorted = |values: &[f64]| order.iter().map(|place| values[*place]).collect();
        self.pairs = self.pairs.as_ref().map(|pairs| Pairs {
            labels: sorted(&pairs.labels),
            predictions: sorted(&pairs.predictions),
        });
        for (_, values) in &mut self.measures {
            *values = sorted(values);
        }
        self.names = order
            .iter()
            .map(|place| std::mem::take(&mut self.names[*place]))
            .collect();
    }
}

fn names(batch: &Batch) -> Result<Vec<Name>, StageError> {
    let examples = batch.names("example")?;
    let optional = |name: &str| match batch.has_any(name) {
        true => batch.names(name),
        false => Ok(vec![String::new(); batch.rows()]),
    };
    let parts = optional("set")?
        .into_iter()
        .zip(optional("subset")?)
        .zip(optional("split")?);
    let names = examples.into_iter().zip(parts);
    Ok(names
        .map(|(example, ((set, subset), split))| Name {
            set,
            subset,
            split,
            example,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use columnar::{Schema, Values};
    use contract::{Column, ColumnType};

    use super::*;

    fn write(path: &Path, columns: Vec<(&'static str, ColumnType, Values)>) {
        let (schema, values): (Vec<Column>, Vec<Values>) = columns
            .into_iter()
            .map(|(name, holds, values)| (Column::new(name, holds, ""), values))
            .unzip();
        columnar::write(path, &Schema::of(&schema), values).unwrap();
    }

    fn texts(texts: &[&str]) -> Values {
        texts.iter().copied().collect()
    }

    fn numbers(numbers: &[f64]) -> Values {
        numbers.iter().copied().collect()
    }

    #[test]
    fn files_in_any_order_are_the_same_examples() {
        let folder = tempfile::tempdir().unwrap();
        let read = |order: [usize; 3]| {
            let path = folder.path().join(FILE);
            let (names, labels, marks) = (["b", "a", "c"], [1.0, 0.0, 2.0], [0.5, 0.25, 0.75]);
            write(
                &path,
                vec![
                    (
                        "example",
                        ColumnType::Text,
                        texts(&order.map(|at| names[at])),
                    ),
                    (
                        "label",
                        ColumnType::Number,
                        numbers(&order.map(|at| labels[at])),
                    ),
                    (
                        "prediction",
                        ColumnType::Number,
                        numbers(&order.map(|at| labels[at])),
                    ),
                    (
                        "mark",
                        ColumnType::Number,
                        numbers(&order.map(|at| marks[at])),
                    ),
                ],
            );
            Examples::read(folder.path()).unwrap()
        };
        let examples = read([0, 1, 2]);
        assert_eq!(examples.pairs.as_ref().unwrap().labels, [0.0, 1.0, 2.0]);
        assert_eq!(
            examples.measures,
            [("mark".to_owned(), vec![0.25, 0.5, 0.75])]
        );
        assert_eq!(read([2, 0, 1]), examples);
    }

    #[test]
    fn what_is_no_predictions_file_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.parquet");
        let told = |columns| {
            write(&path, columns);
            let error = Examples::read(&path).unwrap_err().to_string();
            error.replace(&*path.to_string_lossy(), "FILE")
        };
        let example = || ("example", ColumnType::Text, texts(&["x", "y"]));
        let number = |name, value| (name, ColumnType::Number, numbers(&[0.0, value]));
        let all = [
            told(vec![number("label", 1.0)]),
            told(vec![example()]),
            told(vec![example(), number("label", 1.0)]),
            told(vec![example(), number("loss", f64::NAN)]),
            told(vec![
                example(),
                number("label", f64::NAN),
                number("prediction", 1.0),
            ]),
            told(vec![
                ("example", ColumnType::Text, texts(&[])),
                ("loss", ColumnType::Number, numbers(&[])),
            ]),
            told(vec![
                ("example", ColumnType::Text, texts(&["x", "x"])),
                number("loss", 1.0),
            ]),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }
}
