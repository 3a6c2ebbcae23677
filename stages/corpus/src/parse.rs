//! Cuts a file into documents.

use std::path::Path;

use contract::StageError;
use serde::Deserialize;

use crate::Document;
use crate::format::Format;
use crate::lines::Lines;

/// From this length on, in bytes, a document ends at the next blank line: books become a few documents, and memory
/// stays bounded.
const LONG: usize = 1 << 20;
/// At this length a document ends after the line.
const TOO_LONG: usize = 4 << 20;

/// Reads the documents of a file in order and hands each to `sink`. Documents without text are left out. Text is kept
/// as it is but for blank space around documents (WikiText: around lines), and the ends of lines.
pub(crate) fn parse(
    path: &Path,
    format: Format,
    sink: &mut dyn FnMut(Document) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let mut lines = Lines::open(path)?;
    let mut draft = Draft {
        title: None,
        text: String::new(),
        sink,
    };
    match format {
        Format::Text => {
            while let Some(line) = lines.next()? {
                draft.push(line)?;
            }
            draft.finish()
        }
        Format::WikiText => parse_wikitext(&mut lines, &mut draft),
        Format::WikiExtractor => parse_wikiextractor(&mut lines, &mut draft),
        Format::WikiExtractorJson => parse_json(&mut lines, &mut draft),
    }
}

/// A document in the making.
struct Draft<'a> {
    title: Option<String>,
    text: String,
    sink: &'a mut dyn FnMut(Document) -> Result<(), StageError>,
}

impl Draft<'_> {
    fn push(&mut self, line: &str) -> Result<(), StageError> {
        let ends = self.text.len() >= LONG && line.trim().is_empty();
        if ends || self.text.len() + line.len() > TOO_LONG {
            self.send()?;
        }
        self.text.push_str(line);
        self.text.push('\n');
        Ok(())
    }

    /// Ends a piece of the document; the next has the same title.
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

    fn finish(&mut self) -> Result<(), StageError> {
        self.send()?;
        self.title = None;
        Ok(())
    }
}

/// Returns the title if the line is WikiText's heading of an article, ` = Title = `; sections have ` = = Title = = `.
pub(crate) fn wikitext_title(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix("= ")?.strip_suffix(" =")?.trim();
    (!inner.is_empty() && !inner.starts_with("= ") && !inner.ends_with(" =")).then_some(inner)
}

/// Reads WikiText: headings of sections stay in the text, as do its `<unk>` and ` @-@ `.
fn parse_wikitext(lines: &mut Lines<'_>, draft: &mut Draft<'_>) -> Result<(), StageError> {
    // A heading stands alone: formulas in the middle of a paragraph can look like one.
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

fn parse_wikiextractor(lines: &mut Lines<'_>, draft: &mut Draft<'_>) -> Result<(), StageError> {
    const REMEDY: &str = "extract the file again with WikiExtractor, or give `format = \"text\"`";
    // The line on which the current document began.
    let mut opened = None;
    // Whether the next line may be the title that WikiExtractor repeats.
    let mut at_title = false;
    while let Some(line) = lines.next()? {
        let opens = line.starts_with("<doc ");
        match opened {
            None if opens => {
                draft.title = doc_title(line);
                at_title = true;
                opened = Some(lines.number());
            }
            None if line.trim().is_empty() => {}
            None => {
                return Err(StageError::input(
                    lines.place(),
                    "text outside of <doc>",
                    REMEDY,
                ));
            }
            Some(start) if opens => return Err(unclosed(lines, start, REMEDY)),
            Some(_) if line.trim_end() == "</doc>" => {
                draft.finish()?;
                opened = None;
            }
            Some(_) => {
                if !(at_title && Some(line.trim()) == draft.title.as_deref()) {
                    draft.push(line)?;
                }
                at_title = false;
            }
        }
    }
    match opened {
        Some(start) => Err(unclosed(lines, start, REMEDY)),
        None => Ok(()),
    }
}

fn unclosed(lines: &Lines<'_>, start: u64, remedy: &str) -> StageError {
    let reason = format!("this <doc> is not closed by line {}", lines.number());
    StageError::input(lines.place_of(start), reason, remedy)
}

/// Returns the title of a `<doc …>` line. It is the last attribute and its quotation marks are not escaped.
fn doc_title(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(" title=\"")?;
    let end = rest.rfind("\">")?;
    let title = rest[..end]
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    let title = title.trim();
    (!title.is_empty()).then(|| title.to_owned())
}

/// A line of WikiExtractor's JSON.
#[derive(Deserialize)]
struct JsonDocument {
    title: Option<String>,
    text: String,
}

fn parse_json(lines: &mut Lines<'_>, draft: &mut Draft<'_>) -> Result<(), StageError> {
    while let Some(line) = lines.next()? {
        if line.trim().is_empty() {
            continue;
        }
        let JsonDocument { title, text } = serde_json::from_str(line).map_err(|error| {
            StageError::input(
                lines.place(),
                format!("no JSON object with a `text`: {error}"),
                "write one object with the texts `title` and `text` on each line, as WikiExtractor \
                 --json does",
            )
        })?;
        draft.title = title.filter(|title| !title.is_empty());
        for line in text.lines() {
            draft.push(line)?;
        }
        draft.finish()?;
    }
    Ok(())
}
