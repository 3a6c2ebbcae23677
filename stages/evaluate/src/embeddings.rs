//! The embeddings artifact: `embeddings.parquet`, one row per distinct sentence (`sentence`: utf8, `vector`: list of
//! float, all of one length), and `embeddings.json`, which says how the vectors were made.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use columnar::{Encoding, Reader, Schema, Writer};
use contract::{Column, ColumnType, OutputFile, StageError, io_error};
use encoder::Pooling;
use serde::{Deserialize, Serialize};

use crate::Similarity;

const VECTORS: &str = "embeddings.parquet";
pub(crate) const DESCRIPTION: &str = "embeddings.json";
/// Number of rows that are written at a time.
const ROWS: usize = 4096;
/// What to do about a file that does not belong to the artifact.
const REMEDY: &str = "give what the stage `embed` has written";

const COLUMNS: &[Column] = &[
    Column::new("sentence", ColumnType::Text, "the sentence"),
    Column::new("vector", ColumnType::Numbers, "its vector"),
];
/// The files of an embeddings artifact.
pub const FILES: &[OutputFile] = &[
    OutputFile::table(
        VECTORS,
        COLUMNS,
        "the vectors, a row for each distinct sentence",
    ),
    OutputFile::new(
        DESCRIPTION,
        "pooling, whether vectors have length 1, their dimension, how many there are, and how many sentences were cut",
    ),
];

/// How vectors were made: `embeddings.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The pooling of hidden states.
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1.
    pub normalised: bool,
    /// Length of the vectors.
    pub dimension: usize,
    /// Number of distinct sentences.
    pub sentences: usize,
    /// The most tokens of a sentence that are read, `[CLS]` and `[SEP]` included.
    pub max_length: usize,
    /// Number of sentences that were longer and were truncated.
    pub truncated: usize,
    /// The similarity by which vectors should be compared.
    #[serde(default, skip_serializing_if = "Similarity::is_cosine")]
    pub similarity: Similarity,
}

/// The vectors of sentences.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// How the vectors were made.
    pub description: Description,
    /// The vectors by sentence.
    pub vectors: BTreeMap<String, Vec<f32>>,
}

/// Writes the artifact into `folder`; `vectors` are in the order of `sentences`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    folder: &Path,
    description: &Description,
    sentences: &[String],
    vectors: &[Vec<f32>],
) -> Result<(), StageError> {
    let path = folder.join(VECTORS);
    let mut writer = Writer::create(path, &Schema::of(COLUMNS), Encoding::default())?;
    for (sentences, vectors) in sentences.chunks(ROWS).zip(vectors.chunks(ROWS)) {
        writer.write(vec![
            sentences.iter().map(String::as_str).collect(),
            vectors.iter().map(Vec::as_slice).collect(),
        ])?;
    }
    writer.finish()?;

    let path = folder.join(DESCRIPTION);
    let text = serde_json::to_string_pretty(description).map_err(StageError::failed)?;
    fs::write(&path, text + "\n").map_err(io_error(&path))
}

impl Embeddings {
    /// Reads the artifact in `folder`.
    ///
    /// # Errors
    /// When a file is missing, or the folder is not an embeddings artifact.
    pub fn read(folder: &Path) -> Result<Self, StageError> {
        if !folder.is_dir() {
            let what = match folder.exists() {
                true => "a file, and no folder",
                false => "no such folder",
            };
            return Err(wrong(folder, what.to_owned()));
        }
        let there = [DESCRIPTION, VECTORS].map(|name| folder.join(name));
        if let Some(lacking) = there.iter().find(|path| !path.exists()) {
            return Err(wrong(lacking, "no such file".to_owned()));
        }
        let [path, _] = there;
        let text = fs::read(&path).map_err(io_error(&path))?;
        let description: Description = serde_json::from_slice(&text)
            .map_err(|error| wrong(&path, format!("line {}: {error}", error.line())))?;
        let path = folder.join(VECTORS);
        let mut vectors = BTreeMap::new();
        for batch in Reader::open(&path, REMEDY)?.batches()? {
            let batch = batch?;
            let sentences = batch.texts("sentence")?;
            for (row, vector) in batch.number_lists("vector")?.iter().enumerate() {
                if vector.len() != description.dimension {
                    let (found, said) = (vector.len(), description.dimension);
                    let reason =
                        format!("a vector of {found} numbers where {DESCRIPTION} says {said}");
                    return Err(wrong(&path, reason));
                }
                vectors.insert(sentences.get(row).to_owned(), vector.to_vec());
            }
        }
        Ok(Self {
            description,
            vectors,
        })
    }

    /// Returns the vectors that a map of these vectors is fit to: those of `other`, or these.
    ///
    /// # Errors
    /// When they have another dimension, or one is not finite.
    pub fn to_fit<'e>(&'e self, other: Option<&'e Self>) -> Result<Vec<&'e [f32]>, StageError> {
        let fit = other.unwrap_or(self);
        let (found, own) = (fit.description.dimension, self.description.dimension);
        if found != own {
            return Err(StageError::input(
                "fit",
                format!("its vectors have {found} numbers, those to be mapped {own}"),
                "give vectors of the same encoder",
            ));
        }
        let vectors: Vec<&[f32]> = fit.vectors.values().map(Vec::as_slice).collect();
        let mut numbers = vectors.iter().copied().flatten();
        if !numbers.all(|value| value.is_finite()) {
            return Err(StageError::input(
                "fit",
                "a vector is not finite",
                "its encoder is of a training that diverged, or damaged: give another",
            ));
        }
        Ok(vectors)
    }

    /// Returns a sentence's vector.
    ///
    /// # Errors
    /// When the sentence was not embedded.
    pub fn vector(&self, sentence: &str) -> Result<&[f32], StageError> {
        self.vectors
            .get(sentence)
            .map(Vec::as_slice)
            .ok_or_else(|| {
                StageError::input(
                    "embeddings",
                    format!("there is no vector for `{sentence}`"),
                    "embed the same data as is scored",
                )
            })
    }
}

fn wrong(path: &Path, reason: String) -> StageError {
    StageError::input(path.display(), reason, REMEDY)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn description(sentences: usize) -> Description {
        Description {
            pooling: Pooling::FirstLast,
            normalised: false,
            dimension: 2,
            sentences,
            max_length: 512,
            truncated: 0,
            similarity: Similarity::Cosine,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let sentences: Vec<String> = (0..ROWS + 3).map(|row| format!("sentence {row}")).collect();
        let vectors: Vec<Vec<f32>> = (0..ROWS + 3).map(|row| vec![row as f32, 0.1]).collect();
        write(folder.path(), &description(ROWS + 3), &sentences, &vectors).unwrap();
        let read = Embeddings::read(folder.path()).unwrap();
        assert_eq!(read.description, description(ROWS + 3));
        assert_eq!(read.vectors.len(), ROWS + 3);
        assert_eq!(read.vector("sentence 4097").unwrap(), [4097.0, 0.1]);
        let missing = read.vector("another").unwrap_err().to_string();
        assert_eq!(missing, "embeddings: there is no vector for `another`");
    }

    #[test]
    fn what_is_none_is_refused_with_what_to_give() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |place: &Path, what: &str| {
            let error = Embeddings::read(place).unwrap_err();
            assert!(error.to_string().ends_with(what), "{error}");
            assert_eq!(error.remedy().as_deref(), Some(REMEDY));
        };
        refused(folder.path(), "embeddings.json: no such file");
        let description = serde_json::to_string(&description(1)).unwrap();
        fs::write(folder.path().join(DESCRIPTION), description).unwrap();
        refused(folder.path(), "embeddings.parquet: no such file");
        refused(&folder.path().join(DESCRIPTION), "a file, and no folder");
        refused(&folder.path().join("nowhere"), "no such folder");
    }

    #[test]
    fn a_full_disk_is_told_from_a_failure() {
        // Every write to /dev/full fails with "no space left on device".
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join(VECTORS)).unwrap();
        let error = write(
            folder.path(),
            &description(1),
            &["a".to_owned()],
            &[vec![1.0; 2]],
        )
        .unwrap_err();
        assert!(
            matches!(&error, StageError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull),
            "{error:?}"
        );
    }

    #[test]
    fn vectors_of_another_length_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &description(1),
            &["a".to_owned()],
            &[vec![1.0; 3]],
        )
        .unwrap();
        let error = Embeddings::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("a vector of 3 numbers where embeddings.json says 2"),
            "{error}"
        );
    }
}
