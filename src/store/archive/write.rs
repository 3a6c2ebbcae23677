//! Writing an archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use contract::ArtifactType;

use super::{
    About, ArchiveError, BLOCK, Index, LeftOut, Listed, Member, Place, header, index_name, padding,
};
use crate::keys;
use crate::store::away::target;
use crate::store::error::io_error;
use crate::store::{Content, Digest, Entry, Found, Manifest, Record, Store, StoreError};

/// How many results whose files are elsewhere are named in a message at most.
const TOLD: usize = 5;

/// Says of a file whether it is light: by the kind of stage that made it, its artifact's type, and its path.
pub type IsLight<'a> = &'a dyn Fn(&str, ArtifactType, &str) -> bool;

/// Which files of results go into an archive.
#[derive(Clone, Copy)]
pub enum Weight<'a> {
    /// All files.
    All,
    /// Light files alone.
    Light(IsLight<'a>),
}

impl Weight<'_> {
    /// Whether a file of an artifact goes into the archive.
    fn has(self, kind: &str, manifest: &Manifest, file: &Entry) -> bool {
        match (self, manifest.content) {
            (Self::All, _) => true,
            (Self::Light(is_light), Content::Artifact(output)) => {
                is_light(kind, output, &file.path)
            }
            (Self::Light(_), Content::Folder | Content::File) => false,
        }
    }
}

impl Store {
    /// Writes results to a file, which must not be there: aside, synced, and put in place when it is whole. `carried` are the
    /// bytes of the project's files, by their digests. Returns what is in it, and how many bytes it has.
    ///
    /// # Errors
    /// When something in the store is damaged, files that should go along are elsewhere, or the file is there or cannot be written.
    pub fn export(
        &self,
        about: About,
        carried: &BTreeMap<Digest, Vec<u8>>,
        found: &[&Found],
        weight: Weight<'_>,
        path: &Path,
    ) -> Result<(Index, u64), ArchiveError> {
        let failed = |source: io::Error| ArchiveError::Io {
            path: path.to_path_buf(),
            source,
        };
        if fs::symlink_metadata(path).is_ok() {
            return Err(ArchiveError::Refused {
                path: path.to_path_buf(),
                reason: "it is there already".into(),
                remedy: "name another file, or remove this one first".into(),
            });
        }
        let (index, texts) = self.contents(about, carried, found, weight, path)?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new()
            .prefix(".export-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder)
            .map_err(failed)?;
        let bytes = self.send(&index, &texts, file.as_file(), path)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist_noclobber(path)
            .map_err(|error| failed(error.error))?;
        Ok((index, bytes))
    }

    /// Writes an archive to whatever takes bytes, called `name` in messages, as [`Store::export`] does to a file. Damage in the
    /// store may be found after much was written: then the archive has no end, and is refused.
    ///
    /// # Errors
    /// When something in the store is damaged, files that should go along are elsewhere, or the bytes cannot be written.
    pub fn export_to(
        &self,
        about: About,
        carried: &BTreeMap<Digest, Vec<u8>>,
        found: &[&Found],
        weight: Weight<'_>,
        to: impl Write,
        name: &Path,
    ) -> Result<(Index, u64), ArchiveError> {
        let (index, texts) = self.contents(about, carried, found, weight, name)?;
        let bytes = self.send(&index, &texts, to, name)?;
        Ok((index, bytes))
    }

    /// Writes an archive and returns how many bytes it has. `texts` holds the members whose bytes are not those in the store.
    fn send(
        &self,
        index: &Index,
        texts: &BTreeMap<Digest, Vec<u8>>,
        to: impl Write,
        name: &Path,
    ) -> Result<u64, ArchiveError> {
        let failed = |source: io::Error| ArchiveError::Io {
            path: name.to_path_buf(),
            source,
        };
        let mut output = Output {
            file: io::BufWriter::with_capacity(1 << 20, to),
            at: 0,
        };
        let text = serde_json::to_vec(index).map_err(|error| failed(error.into()))?;
        let name = index_name(&Digest::of(&text));
        output.start(&name, text.len() as u64).map_err(failed)?;
        output.write_all(&text).map_err(failed)?;
        output.pad(text.len() as u64).map_err(failed)?;
        for member in &index.members {
            output.start(&member.path, member.size).map_err(failed)?;
            match texts.get(&member.digest) {
                Some(bytes) => output.write_all(bytes).map_err(failed)?,
                None => self.copy(member, &mut output, &failed)?,
            }
            output.pad(member.size).map_err(failed)?;
        }
        // Two blocks of zeros end a tar archive.
        output.write_all(&[0; 2 * BLOCK]).map_err(failed)?;
        output.flush().map_err(failed)?;
        Ok(output.at)
    }

    /// Lists the members of an archive of these results, in order, and returns the bytes of those members that are not in the
    /// store in this form.
    fn contents(
        &self,
        about: About,
        carried: &BTreeMap<Digest, Vec<u8>>,
        found: &[&Found],
        weight: Weight<'_>,
        path: &Path,
    ) -> Result<(Index, BTreeMap<Digest, Vec<u8>>), ArchiveError> {
        let mut found = found.to_vec();
        found.sort_by_key(|found| found.key);
        found.dedup_by_key(|found| found.key);
        let mut texts = carried.clone();
        let (mut results, mut members) = (Vec::new(), Vec::new());
        let mut there = BTreeSet::new();
        let mut left_out = BTreeMap::new();
        let mut lacking = Vec::new();
        let mut add = |place: Place, digest: Digest, size: u64| {
            if there.insert(place) {
                let path = place.path();
                members.push(Member { path, digest, size });
            }
        };
        for (digest, bytes) in carried {
            add(Place::Project(*digest), *digest, bytes.len() as u64);
        }
        for found in &found {
            let key = found.key;
            let Some(mut record) = self.recorded(&key)? else {
                let reason = "it is gone, or no record".to_owned();
                let path = self.record(&key);
                return Err(StoreError::Damaged { path, reason }.into());
            };
            let mut lacks = false;
            for file in &found.manifest.files {
                if weight.has(&record.parts.kind, &found.manifest, file) {
                    lacks |= found.absent.has(&file.digest);
                    add(Place::Object(file.digest), file.digest, file.size);
                } else {
                    left_out.insert(file.digest, file.size);
                }
            }
            if lacks {
                lacking.push(record.label.clone());
            }
            let manifest = found.manifest.bytes();
            let digest = Digest::of(&manifest);
            add(Place::Manifest(digest), digest, manifest.len() as u64);
            for input in record.parts.inputs.values() {
                // A list that is missing or damaged is left out: lists only serve to explain.
                let Some(digest) = input.parse().ok().filter(|digest| self.has_listing(digest))
                else {
                    continue;
                };
                let size = self
                    .listing(&digest)
                    .map_or(0, |listing| listing.bytes().len());
                add(Place::Listing(digest), digest, size as u64);
            }
            let log = self.log(&key);
            match fs::read(&log) {
                Ok(bytes) => add(Place::Log(key), Digest::of(&bytes), bytes.len() as u64),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(io_error(&log)(error).into()),
            }
            let label = record.label.clone();
            let bytes = match weight {
                Weight::All => {
                    let path = self.record(&key);
                    fs::read(&path).map_err(io_error(&path))?
                }
                Weight::Light(_) => {
                    record.origin = Vec::new();
                    let bytes = record.bytes();
                    texts.insert(Digest::of(&bytes), bytes.clone());
                    bytes
                }
            };
            add(Place::Record(key), Digest::of(&bytes), bytes.len() as u64);
            results.push(Listed {
                key,
                label,
                artifact: found.artifact,
            });
        }
        if !lacking.is_empty() {
            return Err(refusal(path, &lacking, weight));
        }
        left_out.retain(|digest, _| !there.contains(&Place::Object(*digest)));
        let away = left_out.into_iter();
        let index = Index {
            format: Index::FORMAT,
            program: concat!("pipe ", env!("CARGO_PKG_VERSION")).to_owned(),
            manifest_format: Manifest::FORMAT,
            record_format: Record::FORMAT,
            key_format: keys::FORMAT,
            about,
            results,
            members,
            away: away
                .map(|(digest, size)| LeftOut { digest, size })
                .collect(),
        };
        Ok((index, texts))
    }

    /// Whether the list of an input's files is there, whole and in its one form.
    fn has_listing(&self, digest: &Digest) -> bool {
        let listing = self.listing(digest);
        self.listing_of(digest).exists() && listing.is_some_and(|one| one.digest() == *digest)
    }

    /// Copies a member's bytes from the store, and checks that they are those that its name says.
    fn copy(
        &self,
        member: &Member,
        output: &mut dyn Write,
        failed: &dyn Fn(io::Error) -> ArchiveError,
    ) -> Result<(), ArchiveError> {
        let path = self.root().join(&member.path);
        let mut file = File::open(&path).map_err(io_error(&path))?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(io_error(&path)(error).into()),
            };
            hasher.update(&buffer[..read]);
            output.write_all(&buffer[..read]).map_err(failed)?;
        }
        if Digest::from(hasher.finalize()) == member.digest {
            return Ok(());
        }
        Err(ArchiveError::Store(StoreError::Unreadable {
            path,
            reason: "its content does not fit its name".into(),
            remedy: "`pipe verify` sets aside what is damaged, `pipe run` makes it again".into(),
        }))
    }
}

/// Refuses to write an archive of results whose files are elsewhere.
fn refusal(path: &Path, lacking: &[String], weight: Weight<'_>) -> ArchiveError {
    let told: Vec<&str> = lacking.iter().take(TOLD).map(String::as_str).collect();
    let mut names = told.join(", ");
    if lacking.len() > TOLD {
        names += &format!(" and {} more", lacking.len() - TOLD);
    }
    let stages: Vec<String> = told.iter().map(|label| target(label)).collect();
    let again = format!("make them again with `pipe run {}`", stages.join(" "));
    ArchiveError::Refused {
        path: path.to_path_buf(),
        reason: format!(
            "files of {} are not here, which were imported without: {names}",
            count(lacking.len())
        ),
        remedy: match weight {
            Weight::All => format!("write what is here with --scores, or {again}"),
            Weight::Light(_) => again,
        },
    }
}

fn count(results: usize) -> String {
    match results {
        1 => "a result".to_owned(),
        many => format!("{many} results"),
    }
}

/// The file, and how many bytes were written to it.
struct Output<W> {
    file: W,
    at: u64,
}

impl<W: Write> Output<W> {
    fn start(&mut self, path: &str, size: u64) -> io::Result<()> {
        self.write_all(header(path, size)?.as_bytes())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        self.write_all(&[0; BLOCK][..padding(size)])
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
