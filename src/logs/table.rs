//! Logs as a short table: all columns, some of the rows.

use std::collections::BTreeMap;

use crate::terminal::Paint;
use contract::ColumnType;
use serde_json::{Value, json};

use super::Log;

/// The logs of a job side by side, joined by what their first column counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The columns, the one that counts first.
    pub columns: Vec<&'static str>,
    /// Whether a column holds whole numbers.
    whole: Vec<bool>,
    /// The rows that were chosen, in order.
    pub rows: Vec<Vec<Option<f64>>>,
}

impl Table {
    /// Chooses `most` rows at most: the last, and others at even distances before it. Where there are several rows in which
    /// every log has its numbers, those alone are chosen from. `None` where there is no row at all.
    pub fn of(logs: &[Log], most: usize) -> Option<Self> {
        let first = logs.iter().find_map(|log| log.columns.first())?;
        let (mut columns, mut whole) = (vec![first.name], vec![true]);
        let mut joined: BTreeMap<i64, Vec<Option<f64>>> = BTreeMap::new();
        for log in logs {
            let width = columns.len();
            for column in log.columns.iter().skip(1) {
                columns.push(column.name);
                whole.push(column.holds == ColumnType::Integer);
            }
            for row in &log.rows {
                let Some((&step, numbers)) = row.split_first() else {
                    continue;
                };
                let cells = joined
                    .entry(step as i64)
                    .or_insert_with(|| vec![Some(step)]);
                cells.resize(width, None);
                cells.extend(numbers.iter().map(|number| Some(*number)));
            }
        }
        let width = columns.len();
        joined
            .values_mut()
            .for_each(|cells| cells.resize(width, None));
        let rows: Vec<_> = joined.into_values().collect();
        let full = |row: &&Vec<Option<f64>>| row.iter().all(Option::is_some);
        let whole_rows: Vec<_> = rows.iter().filter(full).collect();
        let last = rows.last()?;
        let mut chosen = match whole_rows.len() {
            0 | 1 => spread(&rows.iter().collect::<Vec<_>>(), most),
            _ => spread(&whole_rows, most),
        };
        // The last row is shown even if some logs have nothing at it: it is the news of a job that goes on.
        if chosen.last().is_none_or(|row| row != last) {
            chosen.push(last.clone());
            let beyond = chosen.len().saturating_sub(most);
            chosen.drain(..beyond);
        }
        Some(Self {
            columns,
            whole,
            rows: chosen,
        })
    }

    /// Renders it for a terminal or a file.
    pub fn text(&self) -> String {
        let cell = |row: &[Option<f64>], at: usize| match row[at] {
            Some(number) if self.whole[at] => format!("{number}"),
            Some(number) => figure(number),
            None => String::new(),
        };
        let cells: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| (0..row.len()).map(|at| cell(row, at)).collect())
            .collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let widest = cells.iter().map(|row| row[at].len()).max();
                widest.unwrap_or(0).max(self.columns[at].len())
            })
            .collect();
        let line = |texts: Vec<&str>| {
            let cells = texts.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(text, &width)| format!("{text:>width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        };
        let mut text = format!("{}\n", line(self.columns.clone()).dimmed());
        for row in &cells {
            text += &line(row.iter().map(String::as_str).collect());
            text.push('\n');
        }
        text
    }

    /// Returns the rows as objects.
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let cells = self.columns.iter().zip(row).zip(&self.whole);
            let cells = cells.map(|((name, cell), whole)| {
                let cell = match cell {
                    Some(number) if *whole => json!(*number as i64),
                    other => json!(other),
                };
                ((*name).to_owned(), cell)
            });
            Value::Object(cells.collect())
        });
        rows.collect()
    }
}

/// Takes `most` of the rows: the last, and others at even distances before it.
fn spread(rows: &[&Vec<Option<f64>>], most: usize) -> Vec<Vec<Option<f64>>> {
    let all = rows.len();
    let taken = most.min(all);
    let at = |place: usize| (place + 1) * all / taken - 1;
    (0..taken).map(|place| rows[at(place)].clone()).collect()
}

/// Writes a number with four figures.
fn figure(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 {
        "0".into()
    } else if !(1e-3..1e6).contains(&size) {
        format!("{number:.2e}")
    } else {
        let whole = (size.log10().floor() as i32).clamp(-3, 5);
        let digits = usize::try_from(3 - whole).unwrap_or(0);
        format!("{number:.digits$}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use contract::Column;

    use super::*;

    const TRAINING: &[Column] = &[
        Column::new("step", ColumnType::Integer, ""),
        Column::new("loss", ColumnType::Number, ""),
        Column::new("rate", ColumnType::Number, ""),
        Column::new("tokens", ColumnType::Integer, ""),
    ];
    const VALIDATION: &[Column] = &[
        Column::new("step", ColumnType::Integer, ""),
        Column::new("perplexity", ColumnType::Number, ""),
    ];

    fn logs(steps: i32, every: usize) -> [Log; 2] {
        let training = (1..=steps).map(|step| {
            let step = f64::from(step);
            vec![step, 7.0 / step, 3e-3 * step / 7.0, 1024.0 * step]
        });
        let training: Vec<_> = training.collect();
        let measured = training.iter().skip(every - 1).step_by(every);
        let validation = measured.map(|row| vec![row[0], 1000.0 / row[0]]).collect();
        [(TRAINING, training), (VALIDATION, validation)].map(|(columns, rows)| Log {
            file: "log.parquet",
            path: PathBuf::new(),
            columns,
            rows,
        })
    }

    fn text(steps: i32, every: usize, most: usize) -> String {
        let table = Table::of(&logs(steps, every), most);
        let text = table.map(|table| table.text()).unwrap_or_default();
        crate::terminal::shown(&text, false).into_owned()
    }

    #[test]
    fn rows_at_even_distances_end_with_the_last() {
        insta::assert_snapshot!(text(100, 100, 4), @r"
        step     loss     rate  tokens  perplexity
          25   0.2800  0.01071   25600
          50   0.1400  0.02143   51200
          75  0.09333  0.03214   76800
         100  0.07000  0.04286  102400       10.00
        ");
        insta::assert_snapshot!(text(2, 5, 4), @r"
        step   loss     rate  tokens  perplexity
           1  7.000  4.29e-4    1024
           2  3.500  8.57e-4    2048
        ");
    }

    #[test]
    fn rows_that_have_all_go_first_and_the_news_is_there() {
        insta::assert_snapshot!(text(47, 10, 3), @r"
        step    loss      rate  tokens  perplexity
          20  0.3500  0.008571   20480       50.00
          40  0.1750   0.01714   40960       25.00
          47  0.1489   0.02014   48128
        ");
    }

    #[test]
    fn without_a_row_there_is_no_table() {
        assert_eq!(Table::of(&logs(0, 1), 9), None);
        assert_eq!(Table::of(&[], 9), None);
    }
}
