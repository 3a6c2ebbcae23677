//! TOML files of ours, with errors that name file and line.

use contract::StageError;
use serde::de::DeserializeOwned;

/// Reads the text of the file called `file`; `remedy` says where its format is described.
pub(crate) fn parse<T: DeserializeOwned>(
    text: &str,
    file: &str,
    remedy: &str,
) -> Result<T, StageError> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        StageError::input(format!("{file}:{line}"), error.message(), remedy)
    })
}
