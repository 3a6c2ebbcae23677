use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{StageError, io_error, is_folder, no_folder, remove_all};

/// How many checkpoints are kept: the newest, and the one before in case the newest is damaged.
const KEPT: usize = 2;
/// The folder for a program that keeps checkpoints in a form of its own, beside the sealed checkpoints.
const OWN: &str = "own";
/// Prefix of the folders that [`Checkpoints::keep`] makes.
const KEPT_FOR_GOOD: &str = "kept-";
/// The file that seals a checkpoint: digests of all other files.
const SEAL: &str = "seal.json";
/// The largest seal that is read, in bytes. A stage writes a handful of files, so a real seal is far shorter.
const LONGEST_SEAL: u64 = 1 << 20;

/// The checkpoints of one job, newest last: folders `after-0000000120`, each written aside, synced and renamed, and
/// sealed with the digests of its files.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

/// A checkpoint that was found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Units of work done when it was saved.
    pub done: u64,
    /// Where its files are.
    pub path: PathBuf,
}

/// What a checkpoint consists of.
#[derive(Serialize, Deserialize)]
struct Seal {
    /// The files, by name, with their digests.
    files: BTreeMap<String, String>,
    /// The digest of `files`: a damaged list may still be valid JSON that lacks a file.
    digest: String,
}

impl Seal {
    fn of(files: BTreeMap<String, String>) -> Self {
        let digest = Self::digest_of(&files);
        Self { files, digest }
    }

    fn digest_of(files: &BTreeMap<String, String>) -> String {
        let mut hasher = blake3::Hasher::new();
        // Names and digests contain no NUL, so a NUL separates them.
        for part in files.iter().flat_map(|(name, digest)| [name, digest]) {
            hasher.update(part.as_bytes()).update(&[0]);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Reads the seal of a checkpoint; `None` if it is not there or not whole.
    fn read(folder: &Path) -> Option<Self> {
        let file = File::open(folder.join(SEAL)).ok()?;
        let mut text = Vec::new();
        file.take(LONGEST_SEAL).read_to_end(&mut text).ok()?;
        let seal: Self = serde_json::from_slice(&text).ok()?;
        (seal.digest == Self::digest_of(&seal.files)).then_some(seal)
    }
}

impl Checkpoints {
    /// Checkpoints below `folder`, made when the first is saved.
    ///
    /// # Errors
    /// When something other than a folder lies there, such as a link to one, or remains of an unfinished save cannot be removed.
    pub fn in_folder(folder: &Path) -> Result<Self, StageError> {
        let this = Self {
            folder: folder.to_path_buf(),
        };
        refuse_others(folder)?;
        let aside = this.aside();
        remove_all(&aside).map_err(io_error(&aside))?;
        Ok(this)
    }

    /// Saves a checkpoint after `done` units: `write` puts files into the folder it is given.
    ///
    /// # Errors
    /// The errors of `write` and of the file system. An unfinished save leaves the earlier checkpoints as they are.
    pub fn save(
        &self,
        done: u64,
        write: impl FnOnce(&Path) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        self.seal(&self.folder.join(format!("after-{done:010}")), write)?;
        let (all, later): (Vec<_>, Vec<_>) = self
            .all()?
            .into_iter()
            .partition(|checkpoint| checkpoint.done <= done);
        // A run only moves forward, so a later checkpoint is one that it has passed over, and would be found again.
        for given_up in &later {
            remove_all(&given_up.path).map_err(io_error(&given_up.path))?;
        }
        for old in &all[..all.len().saturating_sub(KEPT)] {
            remove_all(&old.path).map_err(io_error(&old.path))?;
        }
        Ok(())
    }

    /// Makes the sealed folder `place` out of the files that `write` puts into the folder it is given.
    fn seal(
        &self,
        place: &Path,
        write: impl FnOnce(&Path) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let aside = self.aside();
        remove_all(&aside).map_err(io_error(&aside))?;
        fs::create_dir_all(&aside).map_err(io_error(&aside))?;
        write(&aside)?;
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&aside).map_err(io_error(&aside))? {
            let path = entry.map_err(io_error(&aside))?.path();
            let file = File::open(&path).map_err(io_error(&path))?;
            file.sync_all().map_err(io_error(&path))?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.insert(name, digest(&path)?);
        }
        let seal = aside.join(SEAL);
        let text = serde_json::to_vec_pretty(&Seal::of(files)).map_err(StageError::failed)?;
        fs::write(&seal, text).map_err(io_error(&seal))?;
        sync(&seal)?;
        sync(&aside)?;
        remove_all(place).map_err(io_error(place))?;
        fs::rename(&aside, place).map_err(io_error(place))?;
        sync(&self.folder)
    }

    /// Keeps the files that `write` puts into the folder it is given, under a name and sealed like a checkpoint, until the job is
    /// done or the name is [forgotten](Self::forget).
    ///
    /// # Errors
    /// The errors of [`Checkpoints::save`].
    pub fn keep(
        &self,
        name: &str,
        write: impl FnOnce(&Path) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        self.seal(&self.place_of(name), write)
    }

    /// Returns the folder that was kept under a name, if it exists and is whole.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn kept(&self, name: &str) -> Result<Option<PathBuf>, StageError> {
        let place = self.place_of(name);
        let is_there = is_folder(&place).map_err(io_error(&place))?;
        Ok((is_there && is_whole(&place)).then_some(place))
    }

    /// Returns the names of all kept folders, in no order, whether or not the folders are whole.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn kept_names(&self) -> Result<Vec<String>, StageError> {
        if !is_folder(&self.folder).map_err(io_error(&self.folder))? {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io_error(&self.folder))? {
            let name = entry.map_err(io_error(&self.folder))?.file_name();
            let name = name
                .to_str()
                .and_then(|name| name.strip_prefix(KEPT_FOR_GOOD));
            // What `pipe verify` has set aside is kept no more.
            names.extend(
                name.filter(|name| !name.contains(".damaged"))
                    .map(str::to_owned),
            );
        }
        Ok(names)
    }

    /// Removes the folder that was kept under a name.
    ///
    /// # Errors
    /// When the folder cannot be removed.
    pub fn forget(&self, name: &str) -> Result<(), StageError> {
        let place = self.place_of(name);
        remove_all(&place).map_err(io_error(&place))
    }

    /// Returns the files of a sealed folder, without the seal, by name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn files(folder: &Path) -> Result<Vec<PathBuf>, StageError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(io_error(folder))? {
            let entry = entry.map_err(io_error(folder))?;
            if entry.file_name() != SEAL {
                files.push(entry.path());
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    fn place_of(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{KEPT_FOR_GOOD}{name}"))
    }

    /// Returns the newest checkpoint that is whole; damaged checkpoints are passed over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn latest(&self) -> Result<Option<Checkpoint>, StageError> {
        self.latest_after(&mut |_| {})
    }

    /// Returns the newest checkpoint that is whole, after passing each newer checkpoint, all damaged, to `damaged`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn latest_after(
        &self,
        damaged: &mut dyn FnMut(Checkpoint),
    ) -> Result<Option<Checkpoint>, StageError> {
        for checkpoint in self.all()?.into_iter().rev() {
            if is_whole(&checkpoint.path) {
                return Ok(Some(checkpoint));
            }
            damaged(checkpoint);
        }
        Ok(None)
    }

    /// Returns a folder, made if need be, for a program that keeps checkpoints in a form of its own. The folder's contents are as the
    /// program left them and are not checked.
    ///
    /// # Errors
    /// When something other than a folder, such as a link, has the folder's path, or the folder cannot be made.
    pub fn own(&self) -> Result<PathBuf, StageError> {
        let own = self.folder.join(OWN);
        refuse_others(&own)?;
        fs::create_dir_all(&own).map_err(io_error(&own))?;
        Ok(own)
    }

    /// Returns the folders that a program which keeps checkpoints of its own must be able to write to, outermost first.
    pub fn folders(&self) -> [PathBuf; 2] {
        [self.folder.clone(), self.folder.join(OWN)]
    }

    /// Returns the damaged ones among the checkpoints and kept folders below `folder`. Nothing is changed.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn damaged(folder: &Path) -> Result<Vec<PathBuf>, StageError> {
        let this = Self {
            folder: folder.to_path_buf(),
        };
        let mut kept = this.kept_names()?;
        kept.sort_unstable();
        let all = this.all()?.into_iter().map(|checkpoint| checkpoint.path);
        let all = all.chain(kept.iter().map(|name| this.place_of(name)));
        Ok(all.filter(|path| !is_whole(path)).collect())
    }

    fn all(&self) -> Result<Vec<Checkpoint>, StageError> {
        if !is_folder(&self.folder).map_err(io_error(&self.folder))? {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io_error(&self.folder))? {
            let entry = entry.map_err(io_error(&self.folder))?;
            let path = entry.path();
            // A link would lead to files outside the job's folder.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(done) = name
                .strip_prefix("after-")
                .and_then(|digits| digits.parse().ok())
            {
                all.push(Checkpoint { done, path });
            }
        }
        all.sort_by_key(|checkpoint| checkpoint.done);
        Ok(all)
    }

    fn aside(&self) -> PathBuf {
        self.folder.join("unfinished")
    }
}

/// Refuses anything but a folder at the path `folder`: a link would lead to files outside the job's folder.
fn refuse_others(folder: &Path) -> Result<(), StageError> {
    match no_folder(folder).map_err(io_error(folder))? {
        None => Ok(()),
        Some(found) => Err(StageError::input(
            folder.display(),
            format!("it is {found}, and no folder"),
            "remove it (what a link leads to stays as it is), and run again",
        )),
    }
}

fn sync(path: &Path) -> Result<(), StageError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(io_error(path))
}

fn digest(path: &Path) -> Result<String, StageError> {
    let mut hasher = blake3::Hasher::new();
    let file = File::open(path).map_err(io_error(path))?;
    hasher.update_reader(file).map_err(io_error(path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Whether a folder holds the files that its seal lists, as they were, and no others.
fn is_whole(folder: &Path) -> bool {
    let Some(seal) = Seal::read(folder) else {
        return false;
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    // A name that leads outside the folder is no file of the checkpoint. Only plain files are read: reading a pipe or a device
    // might never end.
    let mut there = 0;
    for entry in entries {
        let Ok(entry) = entry else {
            return false;
        };
        let name = entry.file_name();
        if name == SEAL {
            continue;
        }
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let expected = name.to_str().and_then(|name| seal.files.get(name));
        let Some(expected) = expected.filter(|_| is_file) else {
            return false;
        };
        if digest(&entry.path()).is_ok_and(|found| found == *expected) {
            there += 1;
        } else {
            return false;
        }
    }
    there == seal.files.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(checkpoints: &Checkpoints, done: u64) {
        checkpoints
            .save(done, |folder| {
                let path = folder.join("weights");
                fs::write(&path, done.to_le_bytes()).map_err(io_error(&path))
            })
            .expect("saved");
    }

    #[test]
    fn the_newest_whole_checkpoint_is_found_and_old_ones_go() {
        let folder = tempfile::tempdir().expect("folder");
        let checkpoints = Checkpoints::in_folder(&folder.path().join("c")).expect("checkpoints");
        assert_eq!(checkpoints.latest().expect("none yet"), None);
        for done in [10, 20, 30] {
            save(&checkpoints, done);
        }
        assert_eq!(checkpoints.all().expect("all").len(), KEPT);
        let newest = checkpoints.latest().expect("latest").expect("some");
        assert_eq!(newest.done, 30);
        let damaged = || Checkpoints::damaged(&folder.path().join("c")).expect("looked");
        assert!(damaged().is_empty());
        fs::write(newest.path.join("weights"), b"damaged").expect("damage");
        assert_eq!(damaged(), [newest.path]);
        assert_eq!(
            checkpoints.latest().expect("latest").expect("some").done,
            20
        );
    }

    /// Whether a checkpoint of two files counts as damaged after `damage` has changed its folder.
    fn damaged_by(damage: impl FnOnce(&Path)) -> bool {
        let folder = tempfile::tempdir().expect("folder");
        let checkpoints = Checkpoints::in_folder(folder.path()).expect("checkpoints");
        let write = |folder: &Path| {
            for name in ["moments", "weights"] {
                let path = folder.join(name);
                fs::write(&path, name).map_err(io_error(&path))?;
            }
            Ok(())
        };
        checkpoints.save(10, write).expect("saved");
        let path = checkpoints.latest().expect("latest").expect("some").path;
        damage(&path);
        checkpoints.latest().expect("latest").is_none()
    }

    #[test]
    fn a_damaged_seal_vouches_for_nothing() {
        let seals =
            |text: String| move |folder: &Path| fs::write(folder.join(SEAL), text).expect("damage");
        let digest = Seal::digest_of(&BTreeMap::new());
        assert!(damaged_by(seals(r#"{"files":{}}"#.into())));
        assert!(damaged_by(seals(format!(
            r#"{{"files":{{}},"digest":"{digest}"}}"#
        ))));
        // One file is removed, together with its line in the seal's list.
        assert!(damaged_by(|folder| {
            let text = fs::read_to_string(folder.join(SEAL)).expect("a seal");
            let mut lines: Vec<&str> = text.lines().collect();
            lines.retain(|line| !line.contains("moments"));
            fs::write(folder.join(SEAL), lines.join("\n")).expect("damage");
            fs::remove_file(folder.join("moments")).expect("damage");
        }));
        assert!(damaged_by(|folder| {
            fs::write(folder.join("more"), "").expect("damage");
        }));
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        assert!(damaged_by(|folder| {
            fs::remove_file(folder.join("weights")).expect("damage");
            std::os::unix::fs::symlink("/dev/zero", folder.join("weights")).expect("damage");
        }));
        // A seal that lists a file outside the folder, with the right digest.
        assert!(damaged_by(|folder| {
            let elsewhere = folder.with_file_name("elsewhere");
            fs::write(&elsewhere, "weights").expect("written");
            let name = "../elsewhere".to_owned();
            let digest = digest(&elsewhere).expect("a digest");
            let text = serde_json::to_vec(&Seal::of([(name, digest)].into())).expect("a seal");
            for name in ["moments", "weights"] {
                fs::remove_file(folder.join(name)).expect("damage");
            }
            fs::write(folder.join(SEAL), text).expect("damage");
        }));
    }

    #[test]
    fn a_run_that_begins_anew_keeps_its_own_checkpoints() {
        let folder = tempfile::tempdir().expect("folder");
        let checkpoints = Checkpoints::in_folder(folder.path()).expect("checkpoints");
        for done in [800, 820] {
            save(&checkpoints, done);
            let weights = folder.path().join(format!("after-{done:010}/weights"));
            fs::write(weights, "damaged").expect("damage");
        }
        assert_eq!(checkpoints.latest().expect("looked"), None);
        for done in [50, 100, 150] {
            save(&checkpoints, done);
            let newest = checkpoints.latest().expect("looked").expect("whole");
            assert_eq!(newest.done, done);
        }
        let all = checkpoints.all().expect("all");
        let all: Vec<u64> = all.iter().map(|checkpoint| checkpoint.done).collect();
        assert_eq!(all, [100, 150]);
    }

    #[test]
    fn what_is_kept_stays_until_it_is_forgotten_and_damage_is_seen() {
        let folder = tempfile::tempdir().expect("folder");
        let checkpoints = Checkpoints::in_folder(folder.path()).expect("checkpoints");
        let kept = |name: &str| checkpoints.kept(name).expect("looked");
        assert_eq!(kept("a"), None);
        for name in ["a", "b"] {
            let write = |folder: &Path| fs::write(folder.join("w"), name).map_err(io_error(folder));
            checkpoints.keep(name, write).expect("kept");
        }
        for done in [10, 20, 30] {
            save(&checkpoints, done);
        }
        let place = kept("a").expect("whole");
        assert_eq!(
            Checkpoints::files(&place).expect("files"),
            [place.join("w")]
        );
        fs::write(place.join("w"), "x").expect("damage");
        assert_eq!(kept("a"), None);
        let damaged = Checkpoints::damaged(folder.path()).expect("looked");
        assert_eq!(damaged, [place]);
        let mut names = checkpoints.kept_names().expect("names");
        names.sort_unstable();
        assert_eq!(names, ["a", "b"]);
        checkpoints.forget("b").expect("forgotten");
        assert_eq!(kept("b"), None);
    }

    #[test]
    fn an_unfinished_save_is_never_seen() {
        let folder = tempfile::tempdir().expect("folder");
        let checkpoints = Checkpoints::in_folder(folder.path()).expect("checkpoints");
        save(&checkpoints, 10);
        let failed = checkpoints.save(20, |_| Err(StageError::failed("power cut")));
        assert!(failed.is_err());
        let again = Checkpoints::in_folder(folder.path()).expect("checkpoints");
        assert_eq!(again.latest().expect("latest").expect("some").done, 10);
        assert!(!folder.path().join("unfinished").exists());
    }
}
