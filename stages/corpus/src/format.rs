//! Recognises the layout of a text file.

use std::io::Read;
use std::path::Path;

use contract::{Content, StageError};

use crate::open::{open, unreadable};
use crate::parse::wikitext_title;
use crate::wikiextractor::is_header;

/// How many bytes of a file are looked at.
const HEAD: u64 = 1 << 16;

/// The layout of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Plain text: a file is a document.
    Text,
    /// WikiText (Merity et al., 2016): a line ` = Title = ` begins a document.
    WikiText,
    /// WikiExtractor's default: `<doc id="…" url="…" title="…">` to `</doc>`.
    WikiExtractor,
    /// WikiExtractor's `--json`: a line is an object with `text` and `title`.
    WikiExtractorJson,
}

/// Returns the layout of a file in the format that the user named. `auto` decides by the first line that is not blank, and
/// refuses texts with other markup.
pub(crate) fn of_file(path: &Path, named: &str) -> Result<Format, StageError> {
    match named {
        "text" => Ok(Format::Text),
        "wikitext" => Ok(Format::WikiText),
        "wikiextractor" => Ok(match first_line(path)? {
            line if line.starts_with('{') => Format::WikiExtractorJson,
            _ => Format::WikiExtractor,
        }),
        _ => {
            let line = first_line(path)?;
            if is_header(&line) {
                Ok(Format::WikiExtractor)
            } else if wikitext_title(&line).is_some() {
                Ok(Format::WikiText)
            } else if line.starts_with('{') && has_text(&line) {
                Ok(Format::WikiExtractorJson)
            } else {
                marked_up(path, &line).map_or(Ok(Format::Text), Err)
            }
        }
    }
}

/// Returns the error for a text whose first line has a markup that is not known.
fn marked_up(path: &Path, line: &str) -> Option<StageError> {
    let what = match Content::of(line.as_bytes()) {
        Some(Content::Html) => "a web page (HTML)",
        Some(Content::Xml) => "an XML document",
        _ if is_json(line) => "JSON without a `text` in each line",
        _ => return None,
    };
    Some(StageError::input(
        path.display(),
        format!("this is {what}, not plain text"),
        "give the text that is in it (a dump of Wikipedia: by WikiExtractor; JSON: as `text`), or set `format = \"text\"` \
         to read it as it is",
    ))
}

/// Whether the line, a JSON object as far as it was read, has a key `text`.
fn has_text(line: &str) -> bool {
    line.match_indices("\"text\"").any(|(place, name)| {
        let after = &line[place + name.len()..];
        after.trim_start().starts_with(':')
    })
}

/// Whether the line is a JSON object or list, or begins one that goes on in other lines or beyond the part that was read.
fn is_json(line: &str) -> bool {
    line.starts_with(['{', '['])
        && match serde_json::from_str::<serde::de::IgnoredAny>(line) {
            Ok(_) => true,
            Err(error) => error.is_eof(),
        }
}

/// Returns the first line that is not blank, trimmed, as far as it lies in the part that is looked at.
fn first_line(path: &Path) -> Result<String, StageError> {
    let mut head = Vec::new();
    open(path)?
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|error| unreadable(path, error))?;
    let head = String::from_utf8_lossy(&head);
    let head = head.strip_prefix('\u{feff}').unwrap_or(&head);
    Ok(head
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_from_text_though_its_line_is_cut() {
        for (line, json, text) in [
            ("{\"id\": 1, \"content\": \"word wo", true, false),
            ("{\"id\": 1, \"text\" : \"hello\"}", true, true),
            ("[{\"id\": 1, \"text\": \"hello\"}]", true, true),
            ("{", true, false),
            ("[1] A note", false, false),
            ("[Illustration]", false, false),
            ("{{Infobox}}", false, false),
            ("\"text\" is a word", false, false),
        ] {
            assert_eq!((is_json(line), has_text(line)), (json, text), "{line}");
        }
    }
}
