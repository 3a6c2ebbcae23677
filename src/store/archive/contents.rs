//! What an archive holds, checked member by member.

use std::collections::{BTreeMap, BTreeSet};

use super::read::Reader;
use super::{ArchiveError, Index, Place};
use crate::keys::Key;
use crate::store::{Digest, Manifest, Record};

/// The most bytes that the project's files in an archive may have together.
const LARGEST_PROJECT: u64 = 1 << 26;

/// What was seen of an archive so far, to check the next member against.
#[derive(Default)]
pub(super) struct Contents {
    places: BTreeSet<Place>,
    sizes: BTreeMap<Digest, u64>,
    /// Objects that the archive leaves out, with their sizes, and those of them that manifests have named so far.
    away: BTreeMap<Digest, u64>,
    named: BTreeSet<Digest>,
    records: BTreeMap<Key, Digest>,
    /// Files of the project, and how many bytes they have together.
    pub(super) carried: BTreeMap<Digest, Vec<u8>>,
    carried_bytes: u64,
}

impl Contents {
    /// Takes in which objects the index says are left out.
    pub(super) fn leave_out(
        &mut self,
        index: &Index,
        reader: &Reader<'_>,
    ) -> Result<(), ArchiveError> {
        let digests = || index.away.iter().map(|one| one.digest);
        if !digests().is_sorted_by(|a, b| a < b) {
            return Err(reader.refuse("what it leaves out is not in order"));
        }
        self.away = index
            .away
            .iter()
            .map(|one| (one.digest, one.size))
            .collect();
        Ok(())
    }

    /// Reads the next member of the index's list, and checks that it is what the list says and comes after the members it rests
    /// on.
    pub(super) fn check(
        &mut self,
        index: &Index,
        at: usize,
        reader: &mut Reader<'_>,
    ) -> Result<(), ArchiveError> {
        let member = &index.members[at];
        reader.name = member.path.clone();
        let Some(place) = Place::parse(&member.path) else {
            return Err(reader.refuse("it has a name that is no place in a store"));
        };
        if !self.places.insert(place) {
            return Err(reader.refuse("it is there twice"));
        }
        let named = match place {
            Place::Project(digest)
            | Place::Object(digest)
            | Place::Manifest(digest)
            | Place::Listing(digest) => digest,
            Place::Log(_) | Place::Record(_) => member.digest,
        };
        if named != member.digest {
            return Err(reader.refuse("its name is not its digest"));
        }
        reader.start(&member.path, member.size)?;
        match place {
            Place::Project(digest) => {
                self.carried_bytes = self.carried_bytes.saturating_add(member.size);
                if self.carried_bytes > LARGEST_PROJECT {
                    return Err(reader.refuse("its files of the project are too large"));
                }
                let text = reader.text(member.size, &member.digest)?;
                self.carried.insert(digest, text);
            }
            Place::Object(digest) => {
                if self.away.contains_key(&digest) {
                    return Err(reader.refuse("it is there, and said to be left out"));
                }
                self.sizes.insert(digest, member.size);
                reader.member(member.size, &member.digest, &mut |_| Ok(()))?;
            }
            Place::Log(_) => reader.member(member.size, &member.digest, &mut |_| Ok(()))?,
            Place::Manifest(_) | Place::Listing(_) => {
                let text = reader.text(member.size, &member.digest)?;
                let manifest = Manifest::read(&text).map_err(|reason| reader.refuse(&reason))?;
                if matches!(place, Place::Manifest(_)) {
                    self.name_files(&manifest)
                        .map_err(|reason| reader.refuse(&reason))?;
                }
            }
            Place::Record(key) => {
                let text = reader.text(member.size, &member.digest)?;
                let record = Record::read(&text, &key).map_err(|reason| reader.refuse(&reason))?;
                if !self.places.contains(&Place::Manifest(record.artifact)) {
                    return Err(reader.refuse("its artifact does not come before it"));
                }
                self.records.insert(key, record.artifact);
            }
        }
        reader.pad(member.size)
    }

    /// Checks that each file of an artifact was seen before, or is left out by the index.
    fn name_files(&mut self, manifest: &Manifest) -> Result<(), String> {
        for file in &manifest.files {
            if self.sizes.get(&file.digest) == Some(&file.size) {
                continue;
            }
            if self.away.get(&file.digest) != Some(&file.size) {
                return Err(format!("its file `{}` does not come before it", file.path));
            }
            self.named.insert(file.digest);
        }
        Ok(())
    }

    /// Checks that the archive holds the results that it lists, and no others.
    pub(super) fn finish(&self, index: &Index, reader: &Reader<'_>) -> Result<(), ArchiveError> {
        let listed = index.results.iter();
        let listed: BTreeMap<Key, Digest> =
            listed.map(|listed| (listed.key, listed.artifact)).collect();
        let logs = self.places.iter().all(|place| match place {
            Place::Log(key) => listed.contains_key(key),
            _ => true,
        });
        if listed != self.records || listed.len() != index.results.len() || !logs {
            return Err(reader.refuse("it does not hold the results that it lists"));
        }
        if !self.named.iter().eq(self.away.keys()) {
            return Err(reader.refuse("it leaves out what no result of it has"));
        }
        let mut paths = BTreeSet::new();
        let mut named = BTreeSet::new();
        let mut bytes = 0_u64;
        for file in &index.about.project {
            named.insert(file.digest);
            // One file may be laid out under many names, and counts for each.
            let size = self.carried.get(&file.digest).map_or(0, Vec::len);
            bytes = bytes.saturating_add(size as u64);
            if bytes > LARGEST_PROJECT {
                return Err(reader.refuse("its files of the project are too large"));
            }
            if !is_below(&file.path) || !paths.insert(&file.path) {
                let path = file.path.escape_debug();
                return Err(reader.refuse(&format!("no file of a project lies at `{path}`")));
            }
        }
        if !named.iter().eq(self.carried.keys()) {
            return Err(reader.refuse("it does not hold the files of the project that it lists"));
        }
        Ok(())
    }
}

/// Whether a path, in its one form, leads from a folder to a file below it, and passes no hidden name: stores, version control
/// and shells keep their files under such names.
fn is_below(path: &str) -> bool {
    let is_plain = |step: &str| !step.is_empty() && !step.starts_with('.');
    path.split('/').all(is_plain) && !path.chars().any(char::is_control)
}
