//! Tells the three layouts apart.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use contract::{StageError, io_error};

use crate::parse::wikitext_title;

/// How much of a file is looked at.
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

/// Returns the layout of a file in the format that the user named; `auto` goes by the file's first line with
/// something on it.
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
            Ok(if line.starts_with("<doc ") {
                Format::WikiExtractor
            } else if line.starts_with("{\"") && line.contains("\"text\":") {
                Format::WikiExtractorJson
            } else if wikitext_title(&line).is_some() {
                Format::WikiText
            } else {
                Format::Text
            })
        }
    }
}

/// Returns the first line that is not blank, without blank space around it, as far as it lies in the file's head.
fn first_line(path: &Path) -> Result<String, StageError> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(io_error(path))?;
    file.take(HEAD)
        .read_to_end(&mut head)
        .map_err(io_error(path))?;
    let head = String::from_utf8_lossy(&head);
    let head = head.strip_prefix('\u{feff}').unwrap_or(&head);
    Ok(head
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned())
}
