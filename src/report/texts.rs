//! The texts of results. Each file is read once: its texts are kept as a note in the store.

use std::collections::BTreeMap;

use metrics::texts;

use super::ReportError;
use crate::store::{Digest, Manifest, Store};

/// Reads texts.
pub(super) struct Texts<'a> {
    store: &'a Store,
}

impl<'a> Texts<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Returns the texts of an artifact; none if it holds no texts.
    ///
    /// # Errors
    /// When the file of texts is damaged or cannot be read.
    pub(super) fn of(
        &self,
        artifact: &Digest,
        manifest: &Manifest,
    ) -> Result<BTreeMap<String, String>, ReportError> {
        // The artifact's own note holds its scores, so the texts have a note under another digest.
        let note = Digest::of(format!("texts of {artifact}").as_bytes());
        let known = self.store.note(&note);
        if let Some(known) = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(known);
        }
        let texts = match self.store.file(manifest, texts::FILE)? {
            Some(path) => texts::read(&path)?,
            None => BTreeMap::new(),
        };
        if let Ok(bytes) = serde_json::to_vec(&texts) {
            self.store.keep_note(&note, &bytes);
        }
        Ok(texts)
    }
}
