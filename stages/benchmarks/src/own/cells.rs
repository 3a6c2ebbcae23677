//! The declared columns of a file, whatever its format: tab-separated, CSV or Parquet, by the file's extension.

use std::fmt;
use std::path::{Path, PathBuf};

use columnar::Reader;
use contract::{Content, StageError, io_error};

use super::delimited::{Form, Record, Records, Separator};
use crate::table::shorten;
use crate::text::TextFile;

const REMEDY: &str = "give a file in UTF-8 whose first line names its columns (.tsv, .csv), or a Parquet file (.parquet)";
const DAMAGED: &str = "write the file once more: its end may be missing";

/// A file of examples, of which the header was read.
pub(crate) struct Table {
    path: PathBuf,
    pub(crate) header: Vec<String>,
    body: Body,
}

enum Body {
    /// A text file, with the sign between its columns.
    Text {
        file: TextFile,
        sign: char,
        quotes: bool,
    },
    Parquet(Reader),
}

/// The declared columns of a row, in the order in which they were asked for.
pub(crate) struct Row {
    pub(crate) place: Place,
    pub(crate) cells: Vec<String>,
}

/// Where a row is in its file, from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Line(usize),
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

impl Table {
    /// Opens a file and reads the names of its columns.
    pub(crate) fn open(path: &Path, form: Form) -> Result<Self, StageError> {
        if !path.is_file() {
            let reason = match path.is_dir() {
                true => "a folder, not a file",
                false => "no such file",
            };
            return Err(StageError::input(path.display(), reason, REMEDY));
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        let extension = extension.map(str::to_ascii_lowercase);
        let (auto, quotes) = match extension.as_deref() {
            Some("parquet") => return Self::open_parquet(path),
            Some("tsv" | "tab") => ('\t', false),
            Some("csv") => (',', true),
            // What was packed or is of another kind is told for what it is.
            _ => {
                let content = Content::of_file(path).map_err(io_error(path))?;
                return Err(match content {
                    Some(content) if content != Content::Parquet => content.refusal(path),
                    _ => StageError::input(
                        path.display(),
                        "its name ends in none of .tsv, .csv and .parquet",
                        "name the file by what it is",
                    ),
                });
            }
        };
        let sign = form.separator.sign(auto);
        let quotes = match (form.quotes, form.separator) {
            (Some(quotes), _) => quotes,
            (None, Separator::Auto) => quotes,
            (None, separator) => separator != Separator::Tab,
        };
        let file = TextFile::open(path)?;
        let first = Records::of(&file, sign, quotes)?.next().transpose()?;
        let Some(Record { line, fields }) = first else {
            return Err(StageError::input(
                path.display(),
                "the file is empty",
                REMEDY,
            ));
        };
        if let Some(name) = twice(&fields) {
            return Err(StageError::input(
                file.place(line),
                format!("two columns are called `{}`", shorten(name)),
                "give each column a name of its own",
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            header: fields,
            body: Body::Text { file, sign, quotes },
        })
    }

    fn open_parquet(path: &Path) -> Result<Self, StageError> {
        let reader = Reader::open(path, DAMAGED)?;
        Ok(Self {
            path: path.to_owned(),
            header: reader.columns().map(str::to_owned).collect(),
            body: Body::Parquet(reader),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether quotation marks are signs like others in a text file.
    pub(crate) fn reads_marks_plainly(&self) -> bool {
        matches!(self.body, Body::Text { quotes: false, .. })
    }

    /// Refuses a file that lacks one of the columns. `other` is a file that has been found to have them.
    pub(crate) fn expect(&self, wanted: &[&str], other: Option<&Path>) -> Result<(), StageError> {
        let lacks = wanted
            .iter()
            .find(|name| !self.header.iter().any(|one| one == **name));
        let Some(lacking) = lacks else {
            return Ok(());
        };
        let names = shorten(&self.header.join(", "));
        let place = match &self.body {
            Body::Text { file, .. } => file.place(1).to_string(),
            Body::Parquet(_) => self.path.display().to_string(),
        };
        if let Some(other) = other {
            let other = other.file_name().unwrap_or(other.as_os_str()).display();
            return Err(StageError::input(
                place,
                format!("no column `{lacking}`, which {other} has; its columns are {names}"),
                "give both files the columns that are declared",
            ));
        }
        let remedy = match &self.body {
            Body::Text { file, sign, .. } => {
                let first = file
                    .text()
                    .lines()
                    .find(|line| !line.is_empty())
                    .unwrap_or_default();
                let other = Separator::other(first, *sign).filter(|_| self.header.len() == 1);
                match other {
                    Some(other) => format!(
                        "if it separates columns: separator = \"{}\"",
                        Separator::name(other)
                    ),
                    None => format!(
                        "declare columns that there are; if the file begins without a line of names, put one before it, such as: {}",
                        wanted.join(&sign.to_string())
                    ),
                }
            }
            Body::Parquet(_) => "declare columns that there are".to_owned(),
        };
        Err(StageError::input(
            place,
            format!("no column `{lacking}`; the columns are {names}"),
            remedy,
        ))
    }

    /// Reads the columns `wanted`, which are there.
    pub(crate) fn rows(&self, wanted: &[&str]) -> Result<Vec<Row>, StageError> {
        match &self.body {
            Body::Text { file, sign, quotes } => {
                let places: Vec<usize> = wanted
                    .iter()
                    .filter_map(|name| self.header.iter().position(|one| one == name))
                    .collect();
                let records = Records::of(file, *sign, *quotes)?.skip(1);
                records
                    .map(|record| {
                        let Record { line, mut fields } = record?;
                        if fields.len() != self.header.len() {
                            let (wide, found) = (self.header.len(), fields.len());
                            return Err(StageError::input(
                                file.place(line),
                                format!("expected {wide} columns, found {found}"),
                                match quotes {
                                    true => format!(
                                        "put texts that hold `{}` in quotation marks",
                                        Separator::name(*sign)
                                    ),
                                    false => "a tab or line end inside a text must become a space"
                                        .to_owned(),
                                },
                            ));
                        }
                        let cells = places.iter().map(|at| std::mem::take(&mut fields[*at]));
                        Ok(Row {
                            place: Place::Line(line),
                            cells: cells.collect(),
                        })
                    })
                    .collect()
            }
            Body::Parquet(reader) => self.parquet_rows(reader, wanted),
        }
    }

    fn parquet_rows(&self, reader: &Reader, wanted: &[&str]) -> Result<Vec<Row>, StageError> {
        let mut rows: Vec<Row> = Vec::new();
        for batch in reader.batches()? {
            let batch = batch?;
            let first = rows.len() + 1;
            let places = (first..).take(batch.rows()).map(Place::Row);
            rows.extend(places.map(|place| Row {
                place,
                cells: Vec::with_capacity(wanted.len()),
            }));
            for name in wanted {
                let column = batch.as_written(name)?;
                for (row, cell) in rows[first - 1..].iter_mut().zip(column) {
                    let Some(cell) = cell else {
                        return Err(self.wrong(
                            row.place,
                            format!("no value in the column `{name}`"),
                            "leave such rows out, or give them a value",
                        ));
                    };
                    if cell.contains('\0') {
                        return Err(self.wrong(
                            row.place,
                            format!("a NUL byte in the column `{name}`, which no text holds"),
                            "write the file once more without such bytes",
                        ));
                    }
                    row.cells.push(cell);
                }
            }
        }
        Ok(rows)
    }

    /// Returns the error for a row.
    pub(crate) fn wrong(
        &self,
        place: Place,
        reason: String,
        remedy: impl Into<String>,
    ) -> StageError {
        let path = self.path.display();
        let place = match place {
            Place::Line(line) => format!("{path}:{line}"),
            Place::Row(row) => format!("{path}, row {row}"),
        };
        StageError::input(place, reason, remedy)
    }
}

fn twice(names: &[String]) -> Option<&String> {
    let mut all = names.iter().enumerate();
    let found = all.find(|(place, name)| names[..*place].contains(name));
    found.map(|(_, name)| name)
}
