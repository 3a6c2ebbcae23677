//! Results in one file, with all that they rest on: `pipe export` and `pipe import`.
//!
//! The file is a tar archive (GNU headers), so that anybody can look into it, and of one form only:
//!
//! | member | holds |
//! | --- | --- |
//! | `index-HEX.json` | the [`Index`]: for what targets, which formats, which results, and all members with digests and sizes; named by its own digest |
//! | `project/HEX` | files of the project: the pipeline file, what its tables refer to, small inputs |
//! | `objects/ab/HEX` | files of artifacts |
//! | `artifacts/HEX.json` | manifests |
//! | `listings/HEX.json` | what inputs consisted of |
//! | `logs/KEY.txt` | logs |
//! | `records/KEY.json` | records, each after its manifest, which comes after its objects |
//!
//! Members are sorted by the keys of the results and their headers hold no time, user or host, so the same results give the
//! same bytes. Nothing is compressed: tables and tokens are compressed already, and weights hardly can be.
//!
//! A **thin** archive (`pipe export --scores`) leaves out what is heavy: of objects it holds those alone that a kind documents as light
//! ([`contract::Signature::is_light`]), which are scores, predictions and logs of trainings. The others its index names as `away`,
//! with their digests and sizes; so a thin archive is no archive with something missing, and an object that is neither in it nor
//! named so is damage. An import marks them as elsewhere ([`super::away`]), before the manifest that names them. What is here already stays,
//! whatever an archive says of it. Records in a thin archive do not tell which archives they came through, so that it has the same bytes
//! wherever the results are known, with their weight or without.
//!
//! **It verifies itself.** Headers, padding and end follow from the index, the index from its name, and every other byte is
//! covered by a digest in the index. A reader knows what each byte must be before it looks, so no damage goes unnoticed, and
//! no name in the archive ever becomes a path that is not a place in the store. An import reads the whole file before it
//! touches the store, and again while it takes the results in: a result's objects, then its manifest, then its record, as a
//! commit does. What is there already and whole is left alone; so an import that was killed goes on where it stopped.
//!
//! Of files that the user gave by path, those of the project that are small are in it, with the pipeline file, so that it can be
//! laid out elsewhere. The others are not. A result does not need them, but whoever looks it up does, since their content is part
//! of its key; the index names them with their digests, by which an import finds its results without them ([`super::outside`]).

mod contents;
mod read;
mod write;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Digest, Outside, StoreError};
use crate::keys::Key;

pub use read::Archive;
pub use write::{IsLight, Weight};

/// The size of a header, and what members are padded to.
const BLOCK: usize = 512;

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The version of the archive's form.
    pub format: u32,
    /// The program that wrote it.
    pub program: String,
    /// The version of its manifests' fields.
    pub manifest_format: u32,
    /// The version of its records' fields.
    pub record_format: u32,
    /// The version of its keys.
    pub key_format: u32,
    /// The targets that the archive was made for, and the user's files that their results rest on.
    pub about: About,
    /// The results, in the order of their keys.
    pub results: Vec<Listed>,
    /// All other members, in their order.
    pub members: Vec<Member>,
    /// Objects that its manifests name and that it leaves out, in the order of their digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub away: Vec<LeftOut>,
}

/// An object that an archive leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The object.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
}

impl Index {
    /// The version of the form: raised when an older program would misread it. Archives of the first version carry no files of
    /// the project, and leave nothing out.
    pub const FORMAT: u32 = 2;
}

/// What an archive was made for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The targets, as they were written.
    pub targets: Vec<String>,
    /// The profile.
    pub profile: String,
    /// Values of variables, as they were written.
    pub set: Vec<String>,
    /// Files of the user's whose content is part of keys.
    pub outside: Vec<Outside>,
    /// The name of the pipeline file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pipeline: String,
    /// Files of the project that are in the archive, in the order of their paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub project: Vec<Carried>,
}

/// A file of the project that an archive carries: the pipeline file, what its tables refer to, small inputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// Its path, from the folder of the pipeline file on.
    pub path: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Whether it may be run as a program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// A result in an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// What its job was called.
    pub label: String,
    /// The artifact that the job made.
    pub artifact: Digest,
}

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its name, which is also its place in the store.
    pub path: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
}

/// What a member is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Project(Digest),
    Object(Digest),
    Manifest(Digest),
    Listing(Digest),
    Log(Key),
    Record(Key),
}

impl Place {
    /// Returns the name of the member, which of all but files of the project is a path below the store's folder.
    fn path(&self) -> String {
        match self {
            Self::Project(digest) => format!("project/{digest}"),
            Self::Object(digest) => {
                let name = digest.to_string();
                format!("objects/{}/{name}", &name[..2])
            }
            Self::Manifest(digest) => format!("artifacts/{digest}.json"),
            Self::Listing(digest) => format!("listings/{digest}.json"),
            Self::Log(key) => format!("logs/{key}.txt"),
            Self::Record(key) => format!("records/{key}.json"),
        }
    }

    /// Returns the place of that name; `None` if no archive of ours has such a name.
    fn parse(path: &str) -> Option<Self> {
        let (folder, name) = path.split_once('/')?;
        let json = name.strip_suffix(".json");
        let place = match folder {
            "project" => Self::Project(name.parse().ok()?),
            "objects" => Self::Object(name.split_once('/')?.1.parse().ok()?),
            "artifacts" => Self::Manifest(json?.parse().ok()?),
            "listings" => Self::Listing(json?.parse().ok()?),
            "logs" => Self::Log(name.strip_suffix(".txt")?.parse().ok()?),
            "records" => Self::Record(json?.parse().ok()?),
            _ => return None,
        };
        (place.path() == path).then_some(place)
    }
}

/// What importing has done.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What the archive was made for.
    pub about: About,
    /// The program that wrote it.
    pub program: String,
    /// Results that were taken in.
    pub taken: usize,
    /// Results that were there already.
    pub known: usize,
    /// Results of the archive of which files are elsewhere now.
    pub away: usize,
    /// How many bytes the archive has.
    pub bytes: u64,
}

/// Why results could not be exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The archive.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: io::Error,
    },
    /// The archive is not to be believed.
    #[error("{}: {reason}", path.display())]
    Refused {
        /// The archive.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
}

/// Returns the one header that a member of that name and size has.
fn header(path: &str, size: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path)?;
    header.set_size(size);
    header.set_mode(0o444);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// Returns how many zeros follow a member of that size.
fn padding(size: u64) -> usize {
    let over = (size % BLOCK as u64) as usize;
    (BLOCK - over) % BLOCK
}

/// Returns the name of an index.
fn index_name(digest: &Digest) -> String {
    format!("index-{digest}.json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_places_in_the_store_and_nothing_else_is() {
        let hex = "ab".repeat(32);
        for path in [
            format!("project/{hex}"),
            format!("objects/ab/{hex}"),
            format!("artifacts/{hex}.json"),
            format!("listings/{hex}.json"),
            format!("logs/{hex}.txt"),
            format!("records/{hex}.json"),
        ] {
            assert_eq!(Place::parse(&path).unwrap().path(), path);
        }
        for path in [
            format!("objects/cd/{hex}"),
            format!("objects/{hex}"),
            format!("objects/../objects/ab/{hex}"),
            format!("/objects/ab/{hex}"),
            format!("../records/{hex}.json"),
            format!("records/{hex}"),
            format!("records/{}.json", hex.to_uppercase()),
            format!("pins/{hex}.json"),
            "store.json".to_owned(),
            "/etc/passwd".to_owned(),
            String::new(),
        ] {
            assert_eq!(Place::parse(&path), None, "{path}");
        }
    }

    #[test]
    fn headers_hold_large_sizes_and_padding_fills_blocks() {
        let name = index_name(&Digest::of(b""));
        let large = header(&name, 1 << 40).unwrap();
        assert_eq!(large.size().unwrap(), 1 << 40);
        assert_eq!(large.as_bytes(), header(&name, 1 << 40).unwrap().as_bytes());
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
