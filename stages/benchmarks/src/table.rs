//! Tab-separated tables, in which quotation marks have no special meaning.

use contract::StageError;

use crate::text::{Place, TextFile};

/// A table, and which of its columns are read.
pub(crate) struct Table<'a> {
    file: &'a TextFile,
    wanted: Vec<usize>,
    /// The columns that together name a row.
    naming: Vec<usize>,
    width: usize,
    header: bool,
}

/// A row: its wanted fields, in the order in which the reader named them.
pub(crate) struct Row<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) fields: Vec<&'a str>,
    /// The row's name in the data set; empty if it has none.
    pub(crate) name: String,
    /// Index of the row, from 0, without empty lines.
    pub(crate) number: usize,
}

/// A row that has another number of columns than the table.
pub(crate) struct BrokenRow<'a> {
    place: Place<'a>,
    width: usize,
    found: usize,
}

impl BrokenRow<'_> {
    /// Whether columns are missing, rather than too many.
    pub(crate) fn is_short(&self) -> bool {
        self.found < self.width
    }
}

impl From<BrokenRow<'_>> for StageError {
    fn from(row: BrokenRow<'_>) -> Self {
        Self::input(
            row.place,
            format!("expected {} columns, found {}", row.width, row.found),
            "restore the tabs between the row's columns, or delete the row; a tab inside a \
             sentence must become a space",
        )
    }
}

impl<'a> Table<'a> {
    /// Makes a table whose first line names its columns. The columns of `naming` together name a row, if the table has all of them.
    pub(crate) fn with_header(
        file: &'a TextFile,
        wanted: &[&str],
        naming: &[&str],
    ) -> Result<Self, StageError> {
        let Some((place, header)) = file.lines().next() else {
            return Err(StageError::input(
                file.path().display(),
                "the file is empty",
                format!(
                    "use the official file, whose header names {}",
                    wanted.join(", ")
                ),
            ));
        };
        let names: Vec<_> = header.split('\t').collect();
        let find = |name: &&str| {
            names.iter().position(|found| found == name).ok_or_else(|| {
                StageError::input(
                    place,
                    format!(
                        "no column `{name}` in the header ({})",
                        shorten(&names.join(", "))
                    ),
                    format!(
                        "use the official file, whose header names {}",
                        wanted.join(", ")
                    ),
                )
            })
        };
        let wanted = wanted.iter().map(find).collect::<Result<_, _>>()?;
        let naming = naming
            .iter()
            .map(|name| names.iter().position(|found| found == name))
            .collect::<Option<_>>()
            .unwrap_or_default();
        Ok(Self {
            file,
            wanted,
            naming,
            width: names.len(),
            header: true,
        })
    }

    /// Makes a table without a header, of `width` columns; `wanted` are positions of columns, from 0.
    pub(crate) fn without_header(file: &'a TextFile, width: usize, wanted: &[usize]) -> Self {
        debug_assert!(wanted.iter().all(|column| *column < width));
        Self {
            file,
            wanted: wanted.to_vec(),
            naming: Vec::new(),
            width,
            header: false,
        }
    }

    /// Returns the rows, without empty lines.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Result<Row<'a>, BrokenRow<'a>>> {
        let lines = self.file.lines().skip(usize::from(self.header));
        lines
            .filter(|(_, line)| !line.is_empty())
            .enumerate()
            .map(|(number, (place, line))| {
                let fields: Vec<_> = line.split('\t').collect();
                if fields.len() == self.width {
                    let parts: Vec<_> = self.naming.iter().map(|column| fields[*column]).collect();
                    let name = match parts.iter().any(|part| part.is_empty()) {
                        true => String::new(),
                        false => parts.join("-"),
                    };
                    let fields = self.wanted.iter().map(|column| fields[*column]).collect();
                    Ok(Row {
                        place,
                        fields,
                        name,
                        number,
                    })
                } else {
                    Err(BrokenRow {
                        place,
                        width: self.width,
                        found: fields.len(),
                    })
                }
            })
    }
}

/// Shortens file content for a message.
pub(crate) fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
