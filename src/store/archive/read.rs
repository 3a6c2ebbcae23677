//! Reading an archive, trusting nothing, and taking in what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Permissions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tempfile::TempPath;

use super::contents::Contents;
use super::{ArchiveError, BLOCK, Carried, Imported, Index, Place, header, index_name, padding};
use crate::keys::{self, Key};
use crate::store::commit::{Move, Source};
use crate::store::error::io_error;
use crate::store::{Digest, Elsewhere, Lookup, Manifest, Origin, Record, Store, StoreError};

/// The largest index that is read, in bytes: the index of a million files has a quarter of it.
const LARGEST_INDEX: u64 = 1 << 30;
/// The largest member that is read as a whole, in bytes: objects and logs alone may be larger.
const LARGEST_TEXT: u64 = 1 << 28;
/// Files are read in pieces of this size.
const PIECE: usize = 1 << 16;

/// An archive that was read to its end and found whole.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    index: Index,
    carried: BTreeMap<Digest, Vec<u8>>,
    bytes: u64,
}

impl Archive {
    /// Reads an archive whole, without writing anywhere.
    ///
    /// # Errors
    /// When it cannot be read, is no archive, was made by a later program, or any byte of it is not what it must be.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let failed = |source: io::Error| ArchiveError::Io {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(ArchiveError::Refused {
                path: path.to_path_buf(),
                reason: "not a file".into(),
                remedy: "an archive is read twice: save it to a file first".into(),
            });
        }
        let mut reader = Reader::new(path, &file);
        let (index, _) = reader.index()?;
        let mut contents = Contents::default();
        contents.leave_out(&index, &reader)?;
        for at in 0..index.members.len() {
            contents.check(&index, at, &mut reader)?;
        }
        contents.finish(&index, &reader)?;
        reader.end()?;
        let bytes = reader.at;
        Ok(Self {
            path: path.to_path_buf(),
            index,
            carried: contents.carried,
            bytes,
            file,
        })
    }

    /// Returns the archive's index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Returns the files of the project that it carries. Their paths lead to nowhere but below the folder that they start at.
    pub fn project(&self) -> impl Iterator<Item = (&Carried, &[u8])> {
        let files = self.index.about.project.iter();
        files.filter_map(|file| Some((file, self.carried.get(&file.digest)?.as_slice())))
    }
}

impl Store {
    /// Takes in the results of an archive. A result that is there already and whole stays as it is.
    ///
    /// # Errors
    /// When a result is there with another artifact, before anything is written; when the system refuses to write; and when
    /// the archive was changed since it was opened. Results that were taken in until then are whole, and stay.
    pub fn import(&self, archive: &Archive) -> Result<Imported, ArchiveError> {
        let known = self.known_results(archive)?;
        let failed = |source: io::Error| ArchiveError::Io {
            path: archive.path.clone(),
            source,
        };
        let mut file = &archive.file;
        file.rewind().map_err(failed)?;
        let mut reader = Reader::new(&archive.path, file);
        let (index, digest) = reader.index()?;
        if index != archive.index {
            return Err(reader.refuse("it was changed while it was read"));
        }
        let name = archive.path.file_name().unwrap_or_default();
        let origin = Origin {
            archive: name.to_string_lossy().into_owned(),
            digest,
            program: index.program,
        };
        self.keep_outside(&origin, &index.about.outside)?;
        let away: BTreeSet<Digest> = archive.index.away.iter().map(|one| one.digest).collect();
        let results = archive.index.results.iter();
        let makers: BTreeMap<Digest, &str> = results
            .map(|listed| (listed.artifact, listed.label.as_str()))
            .collect();
        // Objects that wait for their manifest, so that all are synced together.
        let mut waiting: Vec<(TempPath, Digest)> = Vec::new();
        for member in &archive.index.members {
            let place = Place::parse(&member.path);
            let Some(place) = place else {
                return Err(reader.refuse("it was changed while it was read"));
            };
            reader.start(&member.path, member.size)?;
            match place {
                Place::Object(digest) if !self.has_whole(&digest)? => {
                    let mut aside = tempfile::Builder::new()
                        .permissions(Permissions::from_mode(0o444))
                        .tempfile_in(self.tmp())
                        .map_err(io_error(&self.tmp()))?;
                    let target = self.object(&digest);
                    reader.member(member.size, &member.digest, &mut |piece| {
                        let written = aside.write_all(piece);
                        written.map_err(|error| io_error(&target)(error).into())
                    })?;
                    waiting.push((aside.into_temp_path(), digest));
                }
                Place::Object(_) | Place::Project(_) => {
                    reader.member(member.size, &member.digest, &mut |_| Ok(()))?;
                }
                Place::Manifest(_) | Place::Listing(_) | Place::Log(_) | Place::Record(_) => {
                    let bytes = reader.text(member.size, &member.digest)?;
                    self.keep_objects(&mut waiting)?;
                    if let Place::Manifest(artifact) = place {
                        let manifest =
                            Manifest::read(&bytes).map_err(|reason| reader.refuse(&reason))?;
                        let left_out = manifest.files.into_iter();
                        let left_out = left_out.filter(|file| away.contains(&file.digest));
                        let marks = left_out.map(|file| Elsewhere {
                            digest: file.digest,
                            path: file.path,
                            label: makers.get(&artifact).copied().unwrap_or_default().into(),
                            origin: origin.clone(),
                        });
                        self.keep_elsewhere(&marks.collect::<Vec<_>>())?;
                    }
                    let target = self.root().join(place.path());
                    let is_there = match place {
                        Place::Record(key) => known.contains(&key),
                        Place::Log(_) => target.exists(),
                        _ => std::fs::read(&target).is_ok_and(|there| there == bytes),
                    };
                    let bytes = match place {
                        Place::Record(key) => {
                            from(&bytes, &key, &origin).map_err(|reason| reader.refuse(&reason))?
                        }
                        _ => bytes,
                    };
                    if !is_there {
                        self.write_aside(&target, &bytes)?;
                    }
                }
            }
            reader.pad(member.size)?;
        }
        let all = archive.index.results.len();
        let mut without = 0;
        if !away.is_empty() {
            let mut snapshot = self.snapshot();
            for listed in &archive.index.results {
                let found = snapshot.lookup(&listed.key)?;
                without += usize::from(matches!(found, Lookup::Hit(found) if !found.is_whole()));
            }
        }
        Ok(Imported {
            about: archive.index.about.clone(),
            program: archive.index.program.clone(),
            taken: all - known.len(),
            known: known.len(),
            away: without,
            bytes: archive.bytes,
        })
    }

    /// Returns the results that are there already, with all files that the archive has of them. An archive that has another
    /// artifact for one of them is refused.
    fn known_results(&self, archive: &Archive) -> Result<BTreeSet<Key>, ArchiveError> {
        let mut known = BTreeSet::new();
        let away: BTreeSet<Digest> = archive.index.away.iter().map(|one| one.digest).collect();
        for listed in &archive.index.results {
            // A damaged result was set aside, and is taken in anew.
            let Lookup::Hit(found) = self.lookup(&listed.key)? else {
                continue;
            };
            let (here, there) = (found.artifact, listed.artifact);
            if here != there {
                return Err(ArchiveError::Refused {
                    path: archive.path.clone(),
                    reason: format!(
                        "`{}` has another result in this store: {} here, {} in the archive; nothing was imported",
                        listed.label,
                        here.short(),
                        there.short()
                    ),
                    remedy:
                        "equal keys promise equal bytes, so one of the two machines has erred: \
                             compare them in a store of its own, with --store"
                            .into(),
                });
            }
            if found.away().all(|file| away.contains(&file.digest)) {
                known.insert(listed.key);
            }
        }
        Ok(known)
    }

    fn keep_objects(&self, waiting: &mut Vec<(TempPath, Digest)>) -> Result<(), StoreError> {
        let moves = waiting.iter().map(|(path, digest)| Move {
            from: Source::Output(path.to_path_buf()),
            to: self.object(digest),
        });
        self.keep(&moves.collect::<Vec<_>>())?;
        waiting.clear();
        Ok(())
    }
}

/// Returns the record of an imported result, which names the archive as its origin.
fn from(bytes: &[u8], key: &Key, origin: &Origin) -> Result<Vec<u8>, String> {
    let mut record = Record::read(bytes, key)?;
    record.origin.push(origin.clone());
    Ok(record.bytes())
}

/// Reads an archive from its start, and knows for messages where in it a mistake is.
pub(super) struct Reader<'a> {
    path: &'a Path,
    source: BufReader<&'a File>,
    at: u64,
    /// The member that is read.
    pub(super) name: String,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, file: &'a File) -> Self {
        Self {
            path,
            source: BufReader::with_capacity(1 << 20, file),
            at: 0,
            name: "index".to_owned(),
        }
    }

    pub(super) fn refuse(&self, reason: &str) -> ArchiveError {
        ArchiveError::Refused {
            path: self.path.to_path_buf(),
            reason: format!("damaged at byte {}, in `{}`: {reason}", self.at, self.name),
            remedy: "nothing of it was imported that is not whole: get the file anew, and compare its size".into(),
        }
    }

    /// Fills the buffer with the next bytes; an archive that ends before is refused.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        match self.source.read_exact(buffer) {
            Ok(()) => {
                self.at += buffer.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.refuse("the file ends before it should"))
            }
            Err(source) => Err(ArchiveError::Io {
                path: self.path.to_path_buf(),
                source,
            }),
        }
    }

    /// Reads the index, which comes first and is named by its digest. Returns the index and the digest.
    fn index(&mut self) -> Result<(Index, Digest), ArchiveError> {
        let not_one = || ArchiveError::Refused {
            path: self.path.to_path_buf(),
            reason: "not an archive that `pipe export` wrote".into(),
            remedy: "name a file that `pipe export` wrote; one that was packed anew is not".into(),
        };
        let mut block = [0; BLOCK];
        if self.source.read_exact(&mut block).is_err() {
            return Err(not_one());
        }
        let found = tar::Header::from_byte_slice(&block);
        let path = String::from_utf8_lossy(&found.path_bytes()).into_owned();
        let digest = path.strip_prefix("index-");
        let digest = digest.and_then(|rest| rest.strip_suffix(".json"));
        let Some(digest) = digest.and_then(|digest| digest.parse::<Digest>().ok()) else {
            return Err(not_one());
        };
        self.at = BLOCK as u64;
        let size = found.size().unwrap_or(u64::MAX);
        let is_ours = size <= LARGEST_INDEX
            && header(&index_name(&digest), size).is_ok_and(|header| header.as_bytes() == &block);
        if !is_ours {
            return Err(self.refuse("its header is not what it must be"));
        }
        let text = self.text_up_to(size, &digest, LARGEST_INDEX)?;
        self.pad(size)?;
        #[derive(Deserialize)]
        struct Versions {
            format: u32,
            manifest_format: u32,
            record_format: u32,
            key_format: u32,
            program: String,
        }
        let versions: Versions = serde_json::from_slice(&text)
            .map_err(|error| self.refuse(&format!("not an index: {error}")))?;
        let ours = (
            Index::FORMAT,
            Manifest::FORMAT,
            Record::FORMAT,
            keys::FORMAT,
        );
        let theirs = (
            match versions.format {
                // Fields that the first format lacks are empty in the index, so it is read as one of today's.
                1 => Index::FORMAT,
                format => format,
            },
            versions.manifest_format,
            versions.record_format,
            versions.key_format,
        );
        if theirs != ours {
            return Err(ArchiveError::Refused {
                path: self.path.to_path_buf(),
                reason: format!(
                    "written by {} in formats {theirs:?}, this program knows {ours:?}",
                    versions.program
                ),
                remedy: "import it with the program that wrote it, or one of its age".into(),
            });
        }
        let index = serde_json::from_slice(&text)
            .map_err(|error| self.refuse(&format!("not an index: {error}")))?;
        Ok((index, digest))
    }

    /// Reads the header of a member, which must be the one that follows from its name and size.
    pub(super) fn start(&mut self, path: &str, size: u64) -> Result<(), ArchiveError> {
        self.name = path.to_owned();
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        match header(path, size) {
            Ok(header) if header.as_bytes() == &block => Ok(()),
            _ => Err(self.refuse("its header is not what the index says")),
        }
    }

    /// Reads the bytes of a member and gives them to `take`, and checks their digest when all are read.
    pub(super) fn member(
        &mut self,
        size: u64,
        digest: &Digest,
        take: &mut dyn FnMut(&[u8]) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; PIECE];
        let mut left = size;
        while left > 0 {
            let piece = &mut buffer[..left.min(PIECE as u64) as usize];
            self.fill(piece)?;
            hasher.update(piece);
            take(piece)?;
            left -= piece.len() as u64;
        }
        match Digest::from(hasher.finalize()) == *digest {
            true => Ok(()),
            false => Err(self.refuse("its content does not fit its digest")),
        }
    }

    pub(super) fn text(&mut self, size: u64, digest: &Digest) -> Result<Vec<u8>, ArchiveError> {
        self.text_up_to(size, digest, LARGEST_TEXT)
    }

    /// Reads a member as a whole. Memory grows with the bytes that are there, not with the size that the index claims.
    fn text_up_to(
        &mut self,
        size: u64,
        digest: &Digest,
        most: u64,
    ) -> Result<Vec<u8>, ArchiveError> {
        if size > most {
            return Err(self.refuse(&format!("it claims to have {size} bytes")));
        }
        let mut text = Vec::new();
        self.member(size, digest, &mut |piece| {
            text.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(text)
    }

    pub(super) fn pad(&mut self, size: u64) -> Result<(), ArchiveError> {
        let mut block = [0; BLOCK];
        let padding = &mut block[..padding(size)];
        self.fill(padding)?;
        match padding.iter().all(|&byte| byte == 0) {
            true => Ok(()),
            false => Err(self.refuse("what follows it is not empty")),
        }
    }

    /// Reads the end of the archive.
    fn end(&mut self) -> Result<(), ArchiveError> {
        self.name = "end".to_owned();
        let mut end = [0; 2 * BLOCK];
        self.fill(&mut end)?;
        let more = self
            .source
            .read(&mut [0])
            .map_err(|source| ArchiveError::Io {
                path: self.path.to_path_buf(),
                source,
            })?;
        match more == 0 && end.iter().all(|&byte| byte == 0) {
            true => Ok(()),
            false => Err(self.refuse("something comes after the end")),
        }
    }
}
