//! Where results come from that were not made here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Digest;

/// An archive that a result was taken from. That its bytes are whole is checked; that they are what the job makes is the word
/// of whoever wrote the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The last part of its path when it was imported.
    pub archive: String,
    /// The digest of its index, which names all that is in it.
    pub digest: Digest,
    /// The program that wrote the archive, by its own word.
    pub program: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            archive,
            digest,
            program,
        } = self;
        let digest = digest.short();
        write!(
            f,
            "imported from {archive} (index {digest}), written by {program}; not made here"
        )
    }
}
