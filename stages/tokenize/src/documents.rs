//! Streams the documents of a corpus, in order, a few megabytes at a time.

use std::path::{Path, PathBuf};

use contract::StageError;
use corpus::Document;

use crate::words::Cut;

/// The length in bytes of the pieces into which longer documents are cut, at the ends of words.
const PIECE_BYTES: usize = 64 << 10;

/// The documents of a corpus artifact.
pub(crate) struct Documents {
    path: PathBuf,
    total: u64,
}

/// Some consecutive documents.
pub(crate) struct Batch {
    /// Index in the corpus of the first document.
    pub(crate) first: u64,
    documents: Vec<Document>,
}

impl Documents {
    /// Opens a corpus.
    ///
    /// # Errors
    /// When `path` is not a corpus, or is one without documents.
    pub(crate) fn open(path: &Path) -> Result<Self, StageError> {
        let this = Self {
            path: path.to_path_buf(),
            total: corpus::read(path)?.documents(),
        };
        if this.total == 0 {
            Err(this.without_text())
        } else {
            Ok(this)
        }
    }

    /// Returns the number of documents.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Passes the documents to `take`, batch by batch.
    ///
    /// # Errors
    /// When a file is damaged; and the errors of `take`.
    pub(crate) fn for_each(
        &self,
        mut take: impl FnMut(&Batch) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let mut first = 0;
        for documents in corpus::read(&self.path)? {
            let batch = Batch {
                first,
                documents: documents?,
            };
            first += batch.len() as u64;
            take(&batch)?;
        }
        Ok(())
    }

    /// Returns the error for a corpus without words.
    pub(crate) fn without_text(&self) -> StageError {
        StageError::input(
            self.path.display(),
            "the corpus holds no text",
            "check that the corpus stage reads the right folder and that its files are not empty",
        )
    }
}

impl Batch {
    /// Returns the number of documents.
    pub(crate) fn len(&self) -> usize {
        self.documents.len()
    }

    /// Returns all texts in pieces, each with the index of its document in the batch, as units of parallel work. Words stay
    /// whole. Documents stay whole too where there is no `cut`, which bounds the length of a piece.
    pub(crate) fn pieces(&self, cut: Option<Cut>) -> Vec<(usize, &str)> {
        let mut pieces = Vec::new();
        for (place, document) in self.documents.iter().enumerate() {
            let mut rest = document.text.as_str();
            if let Some(cut) = cut {
                while rest.len() > PIECE_BYTES {
                    let end = cut.place(rest, PIECE_BYTES).unwrap_or(rest.len());
                    let (piece, after) = rest.split_at(end);
                    pieces.push((place, piece));
                    rest = after;
                }
            }
            pieces.push((place, rest));
        }
        pieces
    }
}
