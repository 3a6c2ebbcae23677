//! Small text files that other programs wrote: settings and vocabularies.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Content, StageError, io_error};

/// The largest text file that is read, in bytes: the largest possible vocabulary is smaller.
const MOST_BYTES: u64 = 512 << 20;
/// The mark that editors on Windows put before text in UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a text file in UTF-8, without the byte order mark that it may begin with.
///
/// # Errors
/// When the file cannot be read, is larger than any settings or vocabulary, or is not UTF-8; the error names UTF-16 as such.
pub fn read_text(path: &Path) -> Result<String, StageError> {
    let file = File::open(path).map_err(io_error(path))?;
    let size = file.metadata().map_err(io_error(path))?.len();
    let mut bytes = Vec::new();
    if size <= MOST_BYTES {
        let mut file = file.take(MOST_BYTES + 1);
        file.read_to_end(&mut bytes).map_err(io_error(path))?;
    }
    if size.max(bytes.len() as u64) > MOST_BYTES {
        return Err(StageError::input(
            path.display(),
            format!("the file is larger than {} MiB", MOST_BYTES >> 20),
            "give the right file: no vocabulary or settings are that large",
        ));
    }
    if let Some(content) = Content::of(&bytes) {
        return Err(content.refusal(path));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(StageError::input(
            path.display(),
            "the file is in UTF-16, by its byte order mark",
            "save it as UTF-8",
        ));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        StageError::input(
            format!("{}:{line}", path.display()),
            "the file is not UTF-8",
            "save it as UTF-8",
        )
    })?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    Ok(text)
}

/// Reads a JSON file; `remedy` is what to do about a file that is not JSON, or not of the form `T`.
///
/// # Errors
/// The errors of [`read_text`], and when the text is not JSON of the form `T`.
pub fn read_json<T: DeserializeOwned>(path: &Path, remedy: &str) -> Result<T, StageError> {
    parse_json(&read_text(path)?, path, remedy)
}

/// Reads the text of the JSON file `path` as [`read_json`] does.
///
/// # Errors
/// When the text is not JSON of the form `T`.
pub fn parse_json<T: DeserializeOwned>(
    text: &str,
    path: &Path,
    remedy: &str,
) -> Result<T, StageError> {
    serde_json::from_str(text).map_err(|error| {
        StageError::input(
            format!("{}:{}", path.display(), error.line()),
            error.to_string(),
            remedy,
        )
    })
}

/// Writes a value as indented JSON with a line feed at the end: the same value gives the same bytes.
///
/// # Errors
/// When the value has no form in JSON, or the file cannot be written.
pub fn write_json(path: &Path, value: &(impl Serialize + ?Sized)) -> Result<(), StageError> {
    let mut text = serde_json::to_string_pretty(value).map_err(StageError::failed)?;
    text.push('\n');
    fs::write(path, text).map_err(io_error(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, "\u{feff}{\"a\": 1}").unwrap();
        assert_eq!(read_text(&path).unwrap(), "{\"a\": 1}");
        let read: serde_json::Value = read_json(&path, "mend it").unwrap();
        assert_eq!(read["a"], 1);
        // Inside the text U+FEFF is a character like others.
        fs::write(&path, "a\u{feff}b").unwrap();
        assert_eq!(read_text(&path).unwrap(), "a\u{feff}b");
    }

    #[test]
    fn what_is_no_utf_8_is_told_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vocab.txt");
        for (bytes, place, reason) in [
            (&b"\xff\xfe[\0P\0"[..], "", "UTF-16"),
            (b"\xfe\xff\0[\0P", "", "UTF-16"),
            (b"a\nb\xe9\n", ":2", "not UTF-8"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = read_text(&path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}{place}: ", path.display())));
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_file_of_another_size_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vocab.txt");
        let file = File::create(&path).unwrap();
        file.set_len(1 << 40).unwrap();
        let error = read_text(&path).unwrap_err().to_string();
        assert!(
            error.ends_with("the file is larger than 512 MiB"),
            "{error}"
        );
    }
}
