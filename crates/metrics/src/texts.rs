//! The texts that a job made: `texts.json`, an object of names and texts of one line each. Columns of tables may show these
//! texts.
//! ```json
//! {"features": "tf-idf", "optimiser": "L-BFGS"}
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use contract::{OutputFile, StageError, read_plain};

/// The file's name in its artifact.
pub const FILE: &str = "texts.json";
/// The file, for the signature of a stage that writes it.
pub const DOCUMENTED: OutputFile = OutputFile::new(
    FILE,
    "texts that tables may show (`shows = \"NAME\"`): {\"features\": \"tf-idf\"}",
)
.light();
/// The longest text, in characters.
pub const LONGEST: usize = 200;
/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads the texts of an artifact from the file `path`.
///
/// # Errors
/// When the file cannot be read, or does not hold such an object.
pub fn read(path: &Path) -> Result<BTreeMap<String, String>, StageError> {
    let wrong = |reason: String| {
        let remedy = format!(
            "it is to hold names, and texts of one line with at most {LONGEST} letters: {{\"features\": \"tf-idf\"}}"
        );
        StageError::input(path.display(), reason, remedy)
    };
    let bytes = read_plain(path, LARGEST).map_err(contract::io_error(path))?;
    let texts: BTreeMap<String, String> = serde_json::from_slice(&bytes)
        .map_err(|error| wrong(format!("it holds no texts: {error}")))?;
    match texts.iter().find_map(|(name, text)| problem(name, text)) {
        Some(reason) => Err(wrong(reason)),
        None => Ok(texts),
    }
}

/// Writes texts into an artifact's folder.
///
/// # Errors
/// When the file cannot be written.
pub fn write(folder: &Path, texts: &BTreeMap<String, String>) -> Result<(), StageError> {
    contract::write_json(&folder.join(FILE), texts)
}

/// Returns the reason why a text cannot be shown in a table, if there is one.
pub fn problem(name: &str, text: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a text has no name".into());
    }
    if text.trim().is_empty() {
        return Some(format!("the text `{name}` is empty"));
    }
    if text.chars().any(char::is_control) {
        return Some(format!(
            "the text `{name}` has more than one line, or control characters"
        ));
    }
    let letters = text.chars().count();
    (letters > LONGEST).then(|| format!("the text `{name}` has {letters} letters"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn texts_are_names_and_short_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let told = |text: &str| {
            fs::write(&path, text).unwrap();
            match read(&path) {
                Ok(texts) => format!("{texts:?}"),
                Err(error) => error.to_string().replace(&*path.to_string_lossy(), FILE),
            }
        };
        assert_eq!(told(r#"{"a": "tf-idf"}"#), r#"{"a": "tf-idf"}"#);
        assert_eq!(told(r#"{"a": " "}"#), "texts.json: the text `a` is empty");
        assert_eq!(
            told(r#"{"a": "b\nc"}"#),
            "texts.json: the text `a` has more than one line, or control characters"
        );
        assert!(told(r#"{"a": 1}"#).starts_with("texts.json: it holds no texts: invalid type"));
        let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(201));
        assert_eq!(told(&long), "texts.json: the text `a` has 201 letters");
    }
}
