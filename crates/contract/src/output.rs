//! The files that a stage writes, as data.

/// A file that a stage writes, or several files of one form.
#[derive(Clone, Copy, Debug)]
pub struct OutputFile {
    /// Path of the file in the artifact: `log.parquet`. A `*` stands for any part of a path.
    pub path: &'static str,
    /// In which case the file is written; `None` where it always is.
    pub when: Option<&'static str>,
    /// Form of the file's contents.
    pub form: FileForm,
    /// One sentence for `pipe list`.
    pub about: &'static str,
    /// Whether a thin archive (`pipe export --scores`) holds the file: it holds scores, predictions and logs.
    pub light: bool,
}

/// A score that a job may end with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScoreName {
    /// Name of the score: `accuracy`.
    pub name: String,
    /// The split that is scored: `validation`.
    pub split: &'static str,
}

impl ScoreName {
    /// Makes the score of that name on that split.
    pub fn new(name: impl Into<String>, split: &'static str) -> Self {
        Self {
            name: name.into(),
            split,
        }
    }
}

/// The form of a file's contents.
#[derive(Clone, Copy, Debug)]
pub enum FileForm {
    /// Contents that only `about` describes: weights, text, JSON.
    Other,
    /// A Parquet table of these columns.
    Table(&'static [Column]),
    /// A Parquet table of numbers whose rows a stage adds as it goes; the first column counts them. While the stage runs,
    /// [`Context::rows`](crate::Context::rows) shows the rows so far.
    Log(&'static [Column]),
}

/// A column of a Parquet table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name of the column.
    pub name: &'static str,
    /// Type of the column's values.
    pub holds: ColumnType,
    /// Whether a row may have no value in the column.
    pub nullable: bool,
    /// One sentence, with the unit.
    pub about: &'static str,
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Text in UTF-8.
    Text,
    /// Whole numbers of 64 bits.
    Integer,
    /// Floating-point numbers of 64 bits.
    Number,
    /// `true` or `false`.
    Bool,
    /// Lists of whole numbers of 32 bits.
    Integers,
    /// Lists of floating-point numbers of 32 bits.
    Numbers,
}

impl Column {
    /// A column in which every row has a value.
    pub const fn new(name: &'static str, holds: ColumnType, about: &'static str) -> Self {
        Self {
            name,
            holds,
            nullable: false,
            about,
        }
    }

    /// The column, in which a row may have no value.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self {
            nullable: true,
            ..self
        }
    }
}

impl ColumnType {
    /// Returns the name that Arrow and related formats give the type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "utf8",
            Self::Integer => "int64",
            Self::Number => "double",
            Self::Bool => "bool",
            Self::Integers => "list<int32>",
            Self::Numbers => "list<float>",
        }
    }
}

impl OutputFile {
    /// A file that is always written and that only `about` describes.
    pub const fn new(path: &'static str, about: &'static str) -> Self {
        Self {
            path,
            when: None,
            form: FileForm::Other,
            about,
            light: false,
        }
    }

    /// A Parquet table that is always written.
    pub const fn table(
        path: &'static str,
        columns: &'static [Column],
        about: &'static str,
    ) -> Self {
        Self {
            form: FileForm::Table(columns),
            ..Self::new(path, about)
        }
    }

    /// A Parquet log that is always written. Logs are light.
    pub const fn log(path: &'static str, columns: &'static [Column], about: &'static str) -> Self {
        Self {
            form: FileForm::Log(columns),
            light: true,
            ..Self::new(path, about)
        }
    }

    /// The file, marked as one that a thin archive holds.
    #[must_use]
    pub const fn light(self) -> Self {
        Self {
            light: true,
            ..self
        }
    }

    /// The file, written only in the case that `when` describes.
    #[must_use]
    pub const fn when(self, when: &'static str) -> Self {
        Self {
            when: Some(when),
            ..self
        }
    }

    /// Returns the columns of a table or log; none for other files.
    pub fn columns(&self) -> &'static [Column] {
        match self.form {
            FileForm::Other => &[],
            FileForm::Table(columns) | FileForm::Log(columns) => columns,
        }
    }

    /// Whether this documents the file at `path` of an artifact.
    pub fn is_at(&self, path: &str) -> bool {
        let mut parts = self.path.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = path.strip_prefix(first) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_part_of_a_path() {
        let is_at = |pattern, path| OutputFile::new(pattern, "").is_at(path);
        assert!(is_at("log.parquet", "log.parquet"));
        assert!(!is_at("log.parquet", "log.parquet.part"));
        assert!(is_at("train-*.parquet", "train-00000.parquet"));
        assert!(!is_at("train-*.parquet", "validation-00000.parquet"));
        assert!(is_at("text/*", "text/a/b"));
        assert!(is_at("*", "any/thing"));
        assert!(is_at("a*b*c", "a-b-b-c"));
        assert!(!is_at("a*b*c", "a-c"));
        assert!(!is_at("ab*b", "ab"));
    }
}
