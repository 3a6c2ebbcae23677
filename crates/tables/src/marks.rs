//! Places of the numbers of notes: a number stands at a heading if its note holds for a whole column or row, else at each cell.

use crate::{Cell, Table};

/// The numbers of notes at column headings, row labels and cells.
pub(crate) struct Marks<'a> {
    table: &'a Table,
    pub(crate) columns: Vec<Vec<usize>>,
    pub(crate) rows: Vec<Vec<usize>>,
    pub(crate) cells: Vec<Vec<Vec<usize>>>,
    /// The numbers of sources beside published values.
    pub(crate) published: Vec<Vec<Vec<usize>>>,
}

impl<'a> Marks<'a> {
    pub(crate) fn of(table: &'a Table) -> Self {
        let (rows, columns) = (table.rows.len(), table.columns.len());
        Self {
            table,
            columns: vec![Vec::new(); columns],
            rows: vec![Vec::new(); rows],
            cells: vec![vec![Vec::new(); columns]; rows],
            published: vec![vec![Vec::new(); columns]; rows],
        }
    }

    /// Marks published values with the numbers of their sources: at the headings if each column has a single source, at the row
    /// labels if each row has, else at the values.
    pub(crate) fn place(&mut self, number: &dyn Fn(usize, usize) -> Option<usize>) {
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let only = |numbers: &mut dyn Iterator<Item = usize>| -> Result<Option<usize>, ()> {
            let first = numbers.next();
            let others = numbers.collect::<Vec<_>>();
            match others.into_iter().all(|it| Some(it) == first) {
                true => Ok(first),
                false => Err(()),
            }
        };
        let of_columns: Result<Vec<_>, ()> = (0..columns)
            .map(|column| only(&mut (0..rows).filter_map(|row| number(row, column))))
            .collect();
        let of_rows: Result<Vec<_>, ()> = (0..rows)
            .map(|row| only(&mut (0..columns).filter_map(|column| number(row, column))))
            .collect();
        let (lines, found) = match (of_columns, of_rows) {
            (Ok(found), _) => (&mut self.columns, found),
            (_, Ok(found)) => (&mut self.rows, found),
            _ => {
                for (row, marks) in self.published.iter_mut().enumerate() {
                    for (column, marks) in marks.iter_mut().enumerate() {
                        marks.extend(number(row, column));
                    }
                }
                return;
            }
        };
        for (marks, number) in lines.iter_mut().zip(found) {
            marks.extend(number);
        }
    }

    /// Marks the cells that a note concerns. A note that concerns all scores of the table gets no mark.
    pub(crate) fn note(&mut self, number: usize, concerns: &dyn Fn(&Cell) -> bool) {
        let table = self.table;
        if concerns_all(table, concerns) {
            return;
        }
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let concerned = |row: usize, column: usize| concerns(&table.cells[row][column]);
        // Whether a note concerns all cells of a row or column, none of them, or some.
        let line = |cells: &mut dyn Iterator<Item = (usize, usize)>| {
            let (mut some, mut all) = (false, true);
            for (row, column) in cells {
                if has_scores(&table.cells[row][column]) {
                    let concerned = concerned(row, column);
                    some |= concerned;
                    all &= concerned;
                }
            }
            match (some, all) {
                (true, false) => None,
                (some, _) => Some(some),
            }
        };
        let of_columns: Option<Vec<bool>> = (0..columns)
            .map(|column| line(&mut (0..rows).map(|row| (row, column))))
            .collect();
        let of_rows: Option<Vec<bool>> = (0..rows)
            .map(|row| line(&mut (0..columns).map(|column| (row, column))))
            .collect();
        let (lines, found) = match (of_columns, of_rows) {
            (Some(found), _) => (&mut self.columns, found),
            (_, Some(found)) => (&mut self.rows, found),
            _ => {
                for row in 0..rows {
                    for column in 0..columns {
                        if concerned(row, column) {
                            self.cells[row][column].push(number);
                        }
                    }
                }
                return;
            }
        };
        for (marks, concerned) in lines.iter_mut().zip(found) {
            if concerned {
                marks.push(number);
            }
        }
    }
}

/// Returns numbers as text: ` [1, 3]`, or an empty text for none.
pub(crate) fn numbered(numbers: &[usize]) -> String {
    if numbers.is_empty() {
        return String::new();
    }
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!(" [{}]", numbers.join(", "))
}

fn has_scores(cell: &Cell) -> bool {
    cell.count() > 0
}

/// Whether a note concerns every cell of the table that has scores.
pub(crate) fn concerns_all(table: &Table, concerns: &dyn Fn(&Cell) -> bool) -> bool {
    let mut cells = table.cells.iter().flatten();
    cells.all(|cell| !has_scores(cell) || concerns(cell))
}
