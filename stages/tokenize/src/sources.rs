//! The files of a Hugging Face folder that describe its tokenizer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contract::{StageError, parse_json, read_json, read_text};
use serde_json::{Map, Value};

use crate::byte_level::files;
use crate::files::{ADDED, CONFIG, SPECIALS, TOKENIZER, VOCABULARY};

/// The configuration of a model, which may name the class of the tokenizer.
pub(crate) const MODEL: &str = "config.json";
/// What to do about a file that is not JSON.
const MEND: &str = "mend the file, or remove it";
/// The longest line of a vocabulary, in bytes. No longer line is needed: words of more than a hundred characters are not looked up.
const LONGEST_LINE: usize = 1 << 16;

/// The contents of a folder's files, not yet interpreted.
pub(crate) struct Sources {
    /// Path of the vocabulary's file, for errors.
    pub(crate) place: PathBuf,
    pub(crate) vocabulary: Given,
    /// `tokenizer_config.json`.
    pub(crate) config: Option<Document>,
    /// `special_tokens_map.json`.
    pub(crate) specials: Option<Document>,
    /// `added_tokens.json`.
    pub(crate) added: BTreeMap<String, u32>,
    /// `config.json`, if the tokenizer lies beside a model.
    pub(crate) model: Option<Map<String, Value>>,
}

/// A JSON file that contains an object.
pub(crate) struct Document {
    /// The text of the file, without a byte order mark.
    pub(crate) text: String,
    pub(crate) map: Map<String, Value>,
}

/// The contents of the vocabulary's file.
pub(crate) enum Given {
    /// A `tokenizer.json`: its text, without a byte order mark, and its value.
    Tokenizer(String, Value),
    /// A `vocab.txt`: tokens by id.
    Tokens(Vec<String>),
    /// A `vocab.json` or `encoder.json`, and the merges beside it.
    Merges(files::Given),
}

impl Sources {
    /// Reads `path`, which is a folder with a `tokenizer.json` or else a `vocab.txt`, a `vocab.json` or an `encoder.json`, or such a
    /// file itself, together with the other files that lie beside it.
    ///
    /// # Errors
    /// When there is no such file, or one cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self, StageError> {
        if path.is_file() {
            return Self::of(path.to_path_buf());
        }
        let file = [TOKENIZER, VOCABULARY, files::VOCABULARY, files::ENCODER]
            .iter()
            .map(|name| path.join(name))
            .find(|file| file.is_file());
        match file {
            Some(file) => Self::of(file),
            None => Err(StageError::input(
                path.display(),
                format!("there is neither a {TOKENIZER} nor a {VOCABULARY}"),
                "give the path of a vocab.txt, of a tokenizer.json, or of a folder that holds one, or vocab.json and merges.txt",
            )),
        }
    }

    /// Reads the file of a vocabulary, and the other files beside it.
    fn of(place: PathBuf) -> Result<Self, StageError> {
        let vocabulary = if files::is_vocabulary(&place) {
            Given::Merges(files::read(&place)?)
        } else if place.extension().is_some_and(|it| it == "json") {
            let remedy =
                "give a tokenizer.json as Hugging Face's tokenizers write it, or a vocab.txt";
            let text = read_text(&place)?;
            let value = parse_json(&text, &place, remedy)?;
            Given::Tokenizer(text, value)
        } else {
            Given::Tokens(read_vocabulary(&place)?)
        };
        let neighbour = |name: &str| Some(place.with_file_name(name)).filter(|file| file.is_file());
        let map = |name: &str| neighbour(name).map(|file| document(&file)).transpose();
        let added = neighbour(ADDED)
            .map(|file| read_json(&file, MEND))
            .transpose()?;
        Ok(Self {
            vocabulary,
            config: map(CONFIG)?,
            specials: map(SPECIALS)?,
            added: added.unwrap_or_default(),
            model: map(MODEL)?.map(|document| document.map),
            place,
        })
    }

    /// Whether the vocabulary is one of byte-pair encoding.
    pub(crate) fn is_byte_level(&self) -> bool {
        match &self.vocabulary {
            Given::Tokenizer(_, value) => match value["model"]["type"].as_str() {
                None => value["model"].get("merges").is_some(),
                kind => kind == Some("BPE"),
            },
            Given::Tokens(_) => false,
            Given::Merges(_) => true,
        }
    }

    /// Returns the path of a file beside the vocabulary, for errors.
    pub(crate) fn beside(&self, name: &str) -> String {
        self.place.with_file_name(name).display().to_string()
    }
}

fn document(path: &Path) -> Result<Document, StageError> {
    let text = read_text(path)?;
    let map = parse_json(&text, path, MEND)?;
    Ok(Document { text, map })
}

/// Reads a `vocab.txt`: the token of id i on line i + 1.
fn read_vocabulary(path: &Path) -> Result<Vec<String>, StageError> {
    let text = read_text(path)?;
    let lines = || {
        let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
        lines.map(|line| line.strip_suffix('\r').unwrap_or(line))
    };
    if lines().all(str::is_empty) {
        return Err(StageError::input(
            path.display(),
            "the vocabulary is empty",
            "give a vocab.txt with one token a line",
        ));
    }
    if let Some((line, token)) = (1..).zip(lines()).find(|(_, it)| it.len() > LONGEST_LINE) {
        let bytes = token.len();
        return Err(StageError::input(
            format!("{}:{line}", path.display()),
            format!("a line of {bytes} bytes is no token: {LONGEST_LINE} are allowed"),
            "give a vocab.txt with one token a line",
        ));
    }
    Ok(lines().map(str::to_owned).collect())
}
