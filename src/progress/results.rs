//! What the jobs of a run have made.

use serde::{Deserialize, Serialize};

use crate::bytes::Writer;
use crate::keys::Key;
use crate::store::{Digest, Found};

/// What a job made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The job's key.
    pub key: Key,
    /// The job's artifact.
    pub artifact: Digest,
}

impl From<&Found> for Made {
    fn from(found: &Found) -> Self {
        Self {
            key: found.key,
            artifact: found.artifact,
        }
    }
}

/// What the jobs of a run have made, by label, each once.
#[derive(Clone, Debug, Default)]
pub struct Results<'l>(Vec<(&'l str, Made)>);

impl<'l> FromIterator<(&'l str, Made)> for Results<'l> {
    fn from_iter<T: IntoIterator<Item = (&'l str, Made)>>(results: T) -> Self {
        Self(results.into_iter().collect())
    }
}

impl<'l> Results<'l> {
    /// Returns how many jobs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no job.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns each job with what it has made.
    pub fn iter(&self) -> impl Iterator<Item = (&'l str, &Made)> {
        self.0.iter().map(|(label, result)| (*label, result))
    }

    /// Returns the digest of all keys and artifacts, by label.
    pub fn digest(&self) -> Digest {
        let mut bytes = Writer::default();
        for (label, result) in &self.0 {
            bytes.text(label);
            bytes.bytes(result.key.as_bytes());
            bytes.bytes(result.artifact.as_bytes());
        }
        Digest::of(&bytes.0)
    }
}
