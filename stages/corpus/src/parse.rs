//! Splits a file into documents.

use std::path::Path;

use contract::StageError;

use crate::Document;
use crate::format::Format;
use crate::lines::Lines;
use crate::wikiextractor::{self, Form};

/// A document that is at least this long, in bytes, ends at the next blank line: a book becomes a few documents, and memory is
/// bounded.
const LONG: usize = 1 << 20;
/// A document that is at least this long, in bytes, ends after the current line.
const TOO_LONG: usize = 4 << 20;

/// Reads the documents of a file in order and passes each to `sink`. Documents without text are left out. Text is
/// unchanged except for white space around documents (WikiText: around lines), line ends, and entities in texts that
/// WikiExtractor has escaped. Returns whether the text was escaped.
pub(crate) fn parse(
    path: &Path,
    format: Format,
    sink: &mut dyn FnMut(Document) -> Result<(), StageError>,
) -> Result<bool, StageError> {
    let mut draft = Draft {
        title: None,
        text: String::new(),
        sink,
    };
    match format {
        Format::Text => parse_text(&mut Lines::open(path)?, &mut draft)?,
        Format::WikiText => parse_wikitext(&mut Lines::open(path)?, &mut draft)?,
        Format::WikiExtractor => return wikiextractor::parse(path, Form::Tags, &mut draft),
        Format::WikiExtractorJson => return wikiextractor::parse(path, Form::Json, &mut draft),
    }
    Ok(false)
}

/// A document that is being read.
pub(crate) struct Draft<'a> {
    pub(crate) title: Option<String>,
    text: String,
    sink: &'a mut dyn FnMut(Document) -> Result<(), StageError>,
}

impl Draft<'_> {
    /// Adds a line.
    pub(crate) fn push(&mut self, line: &str) -> Result<(), StageError> {
        let ends = self.text.len() >= LONG && line.trim().is_empty();
        if ends || self.text.len() + line.len() > TOO_LONG {
            self.send()?;
        }
        self.text.push_str(line);
        self.text.push('\n');
        Ok(())
    }

    /// Ends a piece of the document. The next piece has the same title.
    fn send(&mut self) -> Result<(), StageError> {
        let text = self.text.trim();
        if !text.is_empty() {
            (self.sink)(Document {
                title: self.title.clone(),
                text: text.to_owned(),
            })?;
        }
        self.text.clear();
        Ok(())
    }

    /// Ends the document.
    pub(crate) fn finish(&mut self) -> Result<(), StageError> {
        self.send()?;
        self.title = None;
        Ok(())
    }
}

fn parse_text(lines: &mut Lines<'_>, draft: &mut Draft<'_>) -> Result<(), StageError> {
    while let Some(line) = lines.next()? {
        draft.push(line)?;
    }
    draft.finish()
}

/// Returns the title if the line is WikiText's heading of an article, ` = Title = `. Sections have ` = = Title = = `.
pub(crate) fn wikitext_title(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix("= ")?.strip_suffix(" =")?.trim();
    (!inner.is_empty() && !inner.starts_with("= ") && !inner.ends_with(" =")).then_some(inner)
}

/// Reads WikiText. Headings of sections, `<unk>` and ` @-@ ` stay in the text.
fn parse_wikitext(lines: &mut Lines<'_>, draft: &mut Draft<'_>) -> Result<(), StageError> {
    // Only a line after a blank one can be a heading, since formulas inside paragraphs can look like one.
    let mut after_blank = true;
    while let Some(line) = lines.next()? {
        let line = line.trim();
        match wikitext_title(line).filter(|_| after_blank) {
            Some(title) => {
                draft.finish()?;
                draft.title = Some(title.to_owned());
            }
            None => draft.push(line)?,
        }
        after_blank = line.is_empty();
    }
    draft.finish()
}
