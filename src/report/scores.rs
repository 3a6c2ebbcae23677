//! The scores of results. Each file is read once: its scores are kept as a note in the store.

use std::collections::BTreeMap;

use metrics::scores::{self, Score};

use super::ReportError;
use crate::bytes::{Reader, Writer};
use crate::store::{Digest, Manifest, Store};

/// The version of the notes. A note of another version counts as none.
const VERSION: u8 = 2;

/// Reads scores.
pub(super) struct Scores<'a> {
    store: &'a Store,
    /// Scores that were read from their files.
    read: BTreeMap<Digest, Vec<Score>>,
}

impl<'a> Scores<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self {
            store,
            read: BTreeMap::new(),
        }
    }

    /// Returns the scores of an artifact; none if it holds no scores.
    ///
    /// # Errors
    /// When the file of scores is damaged or cannot be read.
    pub(super) fn of(
        &mut self,
        artifact: &Digest,
        manifest: &Manifest,
    ) -> Result<Vec<Score>, ReportError> {
        if let Some(scores) = self.read.get(artifact) {
            return Ok(scores.clone());
        }
        if let Some(scores) = self.store.note(artifact).as_deref().and_then(decode) {
            return Ok(scores);
        }
        let scores = match self.store.file(manifest, scores::FILE)? {
            Some(path) => scores::read(&path)?,
            None => Vec::new(),
        };
        self.store.keep_note(artifact, &encode(&scores));
        self.read.insert(*artifact, scores.clone());
        Ok(scores)
    }
}

/// Returns the score that stands for an artifact, if it has scores.
///
/// # Errors
/// When the file of scores is damaged or cannot be read.
pub fn main_score(
    store: &Store,
    artifact: &Digest,
    manifest: &Manifest,
) -> Result<Option<Score>, ReportError> {
    let scores = Scores::new(store).of(artifact, manifest)?;
    Ok(scores.into_iter().find(|score| score.main))
}

fn encode(scores: &[Score]) -> Vec<u8> {
    let mut bytes = Writer::default();
    bytes.bytes(&[VERSION]);
    for score in scores {
        bytes.text(&score.name);
        bytes.bytes(&score.value.to_bits().to_le_bytes());
        bytes.text(&score.unit);
        bytes.text(&score.split);
        bytes.bytes(&score.examples.to_le_bytes());
        bytes.bytes(&[u8::from(score.main)]);
        // Every undefined score has a reason, so the empty text stands for a defined one.
        bytes.text(score.undefined.as_deref().unwrap_or_default());
    }
    bytes.0
}

fn decode(note: &[u8]) -> Option<Vec<Score>> {
    let mut bytes = Reader::new(note);
    if bytes.chunk()? != [VERSION] {
        return None;
    }
    let mut scores = Vec::new();
    while !bytes.is_at_end() {
        scores.push(Score {
            name: bytes.text()?.to_owned(),
            value: f64::from_bits(u64::from_le_bytes(bytes.chunk()?)),
            unit: bytes.text()?.to_owned(),
            split: bytes.text()?.to_owned(),
            examples: u64::from_le_bytes(bytes.chunk()?),
            main: bytes.chunk()? == [1],
            undefined: Some(bytes.text()?)
                .filter(|reason| !reason.is_empty())
                .map(str::to_owned),
        });
    }
    Some(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_and_half_of_it_is_not() {
        let score = |name: &str, main| Score {
            name: name.into(),
            value: 84.5,
            unit: "%".into(),
            split: "validation".into(),
            examples: 872,
            main,
            undefined: (!main).then(|| "constant predictions".into()),
        };
        let scores = vec![score("accuracy", true), score("f1", false)];
        let note = encode(&scores);
        assert_eq!(decode(&note), Some(scores));
        assert_eq!(decode(&note[..note.len() - 3]), None);
        assert_eq!(decode(&encode(&[])), Some(Vec::new()));
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[VERSION + 1]), None);
    }
}
