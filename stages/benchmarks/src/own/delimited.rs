//! Text files of columns, read strictly: a file that another program would read in another way is refused at its line.
//!
//! With quotes the form is that of RFC 4180: a field in quotation marks may hold separators, line ends and doubled quotation marks.
//! The reader is our own since the usual ones take what is quoted wrongly for something, and say nothing.

use contract::StageError;
use serde::Deserialize;

use crate::table::shorten;
use crate::text::TextFile;

/// How a text file is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Form {
    pub(crate) separator: Separator,
    pub(crate) quotes: Option<bool>,
}

impl Form {
    /// The end of remedies that stages have, whose declaration can say so, and tools have not.
    pub(crate) const OR_PLAINLY: &'static str =
        ", or set quotes = false if quotation marks are signs like others";
}

/// What lies between columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Separator {
    /// A comma in `.csv`, a tab in `.tsv`.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = ",")]
    Comma,
    #[serde(rename = ";")]
    Semicolon,
    #[serde(rename = "tab")]
    Tab,
    #[serde(rename = "|")]
    Bar,
}

impl Separator {
    /// The names of all, as they are declared.
    pub(crate) const NAMES: &'static [&'static str] = &["auto", ",", ";", "tab", "|"];
    const ALL: [(Self, char); 4] = [
        (Self::Comma, ','),
        (Self::Semicolon, ';'),
        (Self::Tab, '\t'),
        (Self::Bar, '|'),
    ];

    /// Returns the sign; of `Auto` the given one.
    pub(crate) fn sign(self, auto: char) -> char {
        let found = Self::ALL.iter().find(|(one, _)| *one == self);
        found.map_or(auto, |(_, sign)| *sign)
    }

    /// Returns the declared name of a sign.
    pub(crate) fn name(sign: char) -> String {
        match sign {
            '\t' => "tab".to_owned(),
            sign => sign.to_string(),
        }
    }

    /// Returns the sign other than `sign` that separates most in `line`.
    pub(crate) fn other(line: &str, sign: char) -> Option<char> {
        let others = Self::ALL.iter().map(|(_, other)| *other);
        let counted = others
            .filter(|other| *other != sign)
            .map(|other| (line.matches(other).count(), other));
        let (count, other) = counted.max_by_key(|(count, _)| *count)?;
        (count > 0).then_some(other)
    }
}

/// A line of a file, or several where a quoted field holds line ends.
#[derive(Debug, PartialEq)]
pub(crate) struct Record {
    /// The line in which it begins, from 1.
    pub(crate) line: usize,
    pub(crate) fields: Vec<String>,
}

/// The records of a file, without empty lines.
pub(crate) struct Records<'a> {
    file: &'a TextFile,
    rest: &'a str,
    line: usize,
    separator: char,
    quotes: bool,
}

impl<'a> Records<'a> {
    /// Begins to read a file.
    ///
    /// # Errors
    /// When the file holds NUL bytes, or its lines do not end in line feeds.
    pub(crate) fn of(
        file: &'a TextFile,
        separator: char,
        quotes: bool,
    ) -> Result<Self, StageError> {
        let text = file.text();
        if let Some(at) = text.find('\0') {
            return Err(StageError::input(
                file.place(1 + text[..at].matches('\n').count()),
                "a NUL byte, which no text holds",
                "write the file once more; or drop such bytes: tr -d '\\000' < OLD > NEW",
            ));
        }
        if text.contains('\r') && !text.contains('\n') {
            return Err(StageError::input(
                file.place(1),
                "the lines end in carriage returns alone",
                "write line feeds: tr '\\r' '\\n' < OLD > NEW",
            ));
        }
        Ok(Self {
            file,
            rest: text,
            line: 1,
            separator,
            quotes,
        })
    }

    /// Reads a record. What is left does not begin with a line end.
    fn record(&mut self) -> Result<Record, StageError> {
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            let field = match self.quotes && self.rest.starts_with('"') {
                true => self.quoted()?,
                false => self.plain()?,
            };
            fields.push(field);
            match self.rest.strip_prefix(self.separator) {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        self.end_line();
        Ok(Record { line, fields })
    }

    /// Passes over a line end, if there is one.
    fn end_line(&mut self) -> bool {
        let rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
        match rest.strip_prefix('\n') {
            Some(rest) => {
                self.rest = rest;
                self.line += 1;
                true
            }
            None => false,
        }
    }

    fn plain(&mut self) -> Result<String, StageError> {
        let end = self.rest.find([self.separator, '\n']);
        let end = end.unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        let at_line_end = !rest.starts_with(self.separator);
        let cut = field.strip_suffix('\r').filter(|_| at_line_end);
        let field = cut.unwrap_or(field);
        if self.quotes && field.contains('"') {
            return Err(StageError::input(
                self.file.place(self.line),
                format!(
                    "a quotation mark inside a field that is not quoted: {}",
                    shorten(field)
                ),
                or_plainly("quote the field and double its quotation marks (\"5\"\" wide\")"),
            ));
        }
        self.rest = rest;
        Ok(field.to_owned())
    }

    /// Reads a field in quotation marks.
    fn quoted(&mut self) -> Result<String, StageError> {
        let start = self.line;
        let opened = self.rest;
        let mut field = String::new();
        let mut rest = &self.rest[1..];
        loop {
            let Some(end) = rest.find('"') else {
                return Err(StageError::input(
                    self.file.place(start),
                    format!(
                        "a quotation mark that is never closed: {}",
                        shorten(opened.lines().next().unwrap_or_default())
                    ),
                    or_plainly("close it"),
                ));
            };
            let part = &rest[..end];
            self.line += part.matches('\n').count();
            field.push_str(part);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    rest = after;
                }
                None => break,
            }
        }
        let ends = rest.is_empty()
            || rest.starts_with(self.separator)
            || rest.starts_with('\n')
            || rest.starts_with("\r\n");
        if !ends {
            let after = rest.lines().next().unwrap_or_default();
            return Err(StageError::input(
                self.file.place(self.line),
                format!("text after a closing quotation mark: {}", shorten(after)),
                or_plainly(
                    "double the quotation marks inside of a quoted field (\"he said \"\"no\"\"\")",
                ),
            ));
        }
        self.rest = rest;
        Ok(field)
    }
}

fn or_plainly(remedy: &str) -> String {
    format!("{remedy}{}", Form::OR_PLAINLY)
}

impl Iterator for Records<'_> {
    type Item = Result<Record, StageError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.end_line() {}
        if self.rest.is_empty() {
            return None;
        }
        let record = self.record();
        if record.is_err() {
            self.rest = "";
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, TextFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let file = TextFile::open(&path).unwrap();
        (folder, file)
    }

    fn read(text: &str, separator: char, quotes: bool) -> Result<Vec<Record>, String> {
        let (_folder, file) = file(text);
        let records = Records::of(&file, separator, quotes).map_err(|error| error.to_string())?;
        let records = records.collect::<Result<_, _>>();
        records.map_err(|error| error.to_string().rsplit('/').next().unwrap().to_owned())
    }

    fn fields(text: &str, separator: char, quotes: bool) -> Vec<Vec<String>> {
        let records = read(text, separator, quotes).unwrap().into_iter();
        records.map(|record| record.fields).collect()
    }

    #[test]
    fn fields_are_read_as_in_rfc_4180() {
        assert_eq!(
            fields(
                "\u{feff}a,b\r\n\"x, \"\"y\"\"\",\"1\n2\"\r\n\r\n,\r\n",
                ',',
                true
            ),
            [["a", "b"], ["x, \"y\"", "1\n2"], ["", ""]]
        );
        assert_eq!(
            fields("a\tb\n\"x\t5\"\n", '\t', false),
            [["a", "b"], ["\"x", "5\""]]
        );
        assert_eq!(fields("a;b\nx;y", ';', true), [["a", "b"], ["x", "y"]]);
        let lines: Vec<_> = read("a,b\n\n\"1\n2\",x\ny,z\n", ',', true).unwrap();
        let lines: Vec<_> = lines.iter().map(|record| record.line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }

    #[test]
    fn what_is_quoted_wrongly_is_refused_at_its_line() {
        for (text, told) in [
            (
                "a,b\n5\" wide,x\n",
                "a.csv:2: a quotation mark inside a field that is not quoted: 5\" wide",
            ),
            (
                "a,b\n\"x,y\nz,w\n",
                "a.csv:2: a quotation mark that is never closed: \"x,y",
            ),
            (
                "a,b\n\"1\n2\" x,y\n",
                "a.csv:3: text after a closing quotation mark:  x,y",
            ),
        ] {
            assert_eq!(read(text, ',', true).unwrap_err(), told);
        }
        assert!(
            read("a,b\nx,\0\n", ',', true)
                .unwrap_err()
                .ends_with("a.csv:2: a NUL byte, which no text holds")
        );
        assert!(
            read("a,b\rx,y\r", ',', true)
                .unwrap_err()
                .contains("carriage returns alone")
        );
    }

    proptest! {
        /// What a writer that follows RFC 4180 has written is read as it was.
        #[test]
        fn what_was_written_is_read(rows in prop::collection::vec(prop::collection::vec("[a\",;\t\n\u{e9} ]{0,6}", 2), 1..6)) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            for (separator, end) in [(',', "\n"), (';', "\r\n"), ('\t', "\n")] {
                let lines = rows.iter().map(|row| {
                    let row: Vec<_> = row.iter().map(quoted).collect();
                    row.join(&separator.to_string()) + end
                });
                prop_assert_eq!(&fields(&lines.collect::<String>(), separator, true), &rows);
            }
        }

        /// Whatever a file holds, reading it ends in records or in an error.
        #[test]
        fn nothing_is_too_odd_to_be_read(text in "[a\",;\t\r\n\u{feff}]{0,40}", quotes: bool) {
            let _ = read(&text, ',', quotes);
        }
    }
}
