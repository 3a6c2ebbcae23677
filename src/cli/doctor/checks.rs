//! The checks that `pipe doctor` makes.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use contract::{ROOM, is_full};
use kernels::{Precision, numerics};
use rustix::fs::statvfs;
use rustix::process::{Resource, getrlimit};

use super::Check;
use crate::cli::Exit;
use crate::execute::{Gpu, Machine, Memory};
use crate::progress::{amount, count};
use crate::store::{FileSystem, Peaks, Rates, Store, locks_hold};

/// How many files a run has open besides those of its jobs, and how many for each job.
const OPEN_FILES: (u64, u64) = (64, 16);
/// Less free memory or disk than this is soon used up, in bytes.
const LITTLE: u64 = 1_000_000_000;
/// How many names in a folder are told.
const NAMES: usize = 8;

/// Checks the machine, whatever the project is.
pub(super) fn machine(machine: &Machine, memory: Option<Memory>, gpus: &[Gpu]) -> Vec<Check> {
    let mut checks = vec![
        Check::fine("program", format!("pipe {}", env!("CARGO_PKG_VERSION"))),
        Check::fine(
            "processor",
            format!("{}, {}", machine.cpu, count(machine.cores, "core")),
        ),
        Check::fine("instructions", kernels::Path::current().name()),
        Check::fine("numerics", numerics_line()),
    ];
    checks.extend(memory.map(self::memory));
    checks.push(graphics(gpus));
    checks.push(open_files(
        getrlimit(Resource::Nofile).current,
        machine.cores,
    ));
    checks
}

/// Says which numerics classes this machine computes, and how fast.
fn numerics_line() -> String {
    let how = match Precision::Bf16.is_native() {
        true => "native",
        false => "not on this processor, but by imitation, slowly, with PIPE_IMITATE_BF16=1",
    };
    format!(
        "{}; {} (precision=bf16): {how}",
        numerics::CLASS,
        numerics::BF16_CLASS
    )
}

fn memory(memory: Memory) -> Check {
    let [total, free] = [memory.total, memory.free].map(|bytes| amount(bytes as f64));
    let group = match memory.limit {
        Some(_) => ", as its control group allows",
        None => "",
    };
    let check = Check::fine("memory", format!("{total}B{group}, {free}B of it free"));
    match memory.free < LITTLE {
        true => check.hint("end what else runs here, or run fewer jobs at once with --jobs"),
        false => check,
    }
}

fn graphics(gpus: &[Gpu]) -> Check {
    let names: Vec<&str> = gpus.iter().map(|gpu| gpu.name.as_str()).collect();
    let text = match names.is_empty() {
        true => "none seen".to_owned(),
        false => format!("{} seen: {}", names.len(), names.join(", ")),
    };
    Check::fine("GPUs", text)
}

fn open_files(limit: Option<u64>, cores: usize) -> Check {
    let wanted = OPEN_FILES.0 + OPEN_FILES.1 * cores as u64;
    let Some(limit) = limit else {
        return Check::fine("open files", "as many as there may be");
    };
    let check = Check::fine("open files", format!("{limit} at once"));
    match limit {
        limit if limit >= wanted => check,
        limit if limit >= OPEN_FILES.0 => check.hint(format!(
            "{} at once may need {wanted}: raise the limit with ulimit -n, or lower --jobs",
            count(cores, "job")
        )),
        _ => check.wrong(
            format!("a run needs {wanted}: raise the limit with ulimit -n"),
            Exit::Store,
        ),
    }
}

/// Checks files or a folder of the user's, which exist.
pub(super) fn data(path: &Path) -> Check {
    match look(path) {
        Ok((text, is_empty)) => {
            let check = Check::fine("data", format!("{}: {text}", path.display()));
            match is_empty {
                true => check.wrong("put the files there, or name another folder", Exit::Input),
                false => check,
            }
        }
        Err(error) => Check::fine("data", format!("{}: {error}", path.display()))
            .wrong("make it readable, or name another", Exit::Input),
    }
}

/// Says what lies at a path, and whether it is an empty folder.
fn look(path: &Path) -> io::Result<(String, bool)> {
    if !path.is_dir() {
        let size = File::open(path)?.metadata()?.len();
        return Ok((format!("{}B", amount(size as f64)), false));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let slash = if entry.path().is_dir() { "/" } else { "" };
        names.push(name + slash);
    }
    names.sort();
    let all = names.len();
    names.truncate(NAMES);
    let text = match all {
        0 => "empty".to_owned(),
        _ if all > NAMES => format!("{} and {} more", names.join(", "), all - NAMES),
        _ => names.join(", "),
    };
    Ok((text, all == 0))
}

/// Checks the store, and the file system that it lies on.
pub(super) fn store(store: &Store) -> Vec<Check> {
    let root = store.root();
    let mut checks = vec![Check::fine("store", store_line(root))];
    let there = existing(root);
    let room = free(&there);
    let system = FileSystem::of(&there);
    let local = system.as_ref().is_ok_and(FileSystem::is_local);
    let name = system.map_or_else(|error| error.to_string(), |system| system.words());
    if !root.exists() {
        let check = Check::fine("file system", name);
        checks.push(
            match rustix::fs::access(&there, rustix::fs::Access::WRITE_OK) {
                Ok(()) if local => check,
                Ok(()) => check.hint(
                    "whether locks can be relied on there is seen when the first run makes the store",
                ),
                Err(error) => check.wrong(
                    format!(
                        "{}: {error}: choose another store with --store PATH",
                        there.display()
                    ),
                    Exit::Store,
                ),
            },
        );
    } else {
        checks.push(file_system(store, &name));
    }
    if let Some(room) = room {
        let check = Check::fine("disk", format!("{}B free", amount(room as f64)));
        checks.push(match room {
            0 => check.wrong("free some space", Exit::Full),
            room if room < LITTLE => check.hint("free some space: it is soon used up"),
            _ => check,
        });
    }
    checks
}

fn store_line(root: &Path) -> String {
    let place = root.display();
    if !root.exists() {
        return format!("{place}: none yet, the first run makes it");
    }
    let records = fs::read_dir(root.join("records")).map_or(0, Iterator::count);
    format!("{place}: {}", count(records, "result"))
}

/// Tries what a store needs of its file system.
fn file_system(store: &Store, name: &str) -> Check {
    let check = |text: &str| Check::fine("file system", format!("{name}: {text}"));
    match store.trust() {
        Err(error) => {
            let remedy = error.remedy().unwrap_or_default();
            let exit = match error.is_full() {
                true => Exit::Full,
                false => Exit::Store,
            };
            return check(&error.to_string()).wrong(remedy, exit);
        }
        Ok(Some(word)) => return check(&word),
        Ok(None) => {}
    }
    let tmp = store.tmp();
    let mut apart = None;
    for home in ["objects", "artifacts", "records", "work"] {
        match is_apart(&tmp, &store.root().join(home)) {
            Ok(false) => {}
            Ok(true) => apart = apart.or(Some(home)),
            Err(error) => {
                return unwritable(check(&format!("{home}/: {error}")), &error);
            }
        }
    }
    match locks_hold(&tmp) {
        Ok(true) => {}
        Ok(false) => {
            let remedy =
                "choose another store with --store PATH: two runs would write one result at once";
            return check("two processes were given one lock at once").wrong(remedy, Exit::Store);
        }
        Err(error) => {
            let check = check(&format!("locks cannot be tried out: {error}"));
            return unwritable(check, &error);
        }
    }
    match tried(&tmp) {
        Ok(true) if let Some(home) = apart => check(&format!(
            "locks hold; {home}/ is on another file system than tmp/"
        ))
        .hint("what is stored is copied between them, which takes longer than moving it"),
        Ok(true) => check("locks hold, files are linked and replaced at once"),
        Ok(false) => check("locks hold, files are replaced at once").hint(
            "it has no hard links: what stages read and folders that are asked for are copied",
        ),
        Err(error) => unwritable(check(&format!("{}: {error}", tmp.display())), &error),
    }
}

/// Adds to a check how to make a store writable.
fn unwritable(check: Check, error: &io::Error) -> Check {
    match is_full(error) {
        true => check.wrong(ROOM, Exit::Full),
        false => check.wrong(
            "make the store writable, or choose another with --store PATH",
            Exit::Store,
        ),
    }
}

/// Tries to write a file in `home`, and returns whether `home` lies on another file system than `tmp`.
fn is_apart(tmp: &Path, home: &Path) -> io::Result<bool> {
    let file = tempfile::tempfile_in(home)?;
    Ok(fs::metadata(tmp)?.dev() != file.metadata()?.dev())
}

/// Tries to replace a file, and returns whether the file system can link.
fn tried(tmp: &Path) -> io::Result<bool> {
    let folder = tempfile::Builder::new().prefix("doctor-").tempdir_in(tmp)?;
    let [one, other, link] = ["one", "other", "link"].map(|name| folder.path().join(name));
    fs::write(&one, "one")?;
    fs::write(&other, "other")?;
    let linked = fs::hard_link(&one, &link).is_ok();
    fs::rename(&one, &other)?;
    match fs::read(&other)?.as_slice() {
        b"one" => Ok(linked),
        _ => Err(io::Error::other("a file was not replaced as it was asked")),
    }
}

pub(super) fn peak(peaks: Option<&Peaks>) -> Check {
    let Some(peaks) = peaks else {
        let text = "not measured yet: pipe doctor --bench does it, in seconds";
        return Check::fine("peak", text);
    };
    let text = |rates: &Rates| {
        let [one, all] = [rates.one, rates.all].map(|rate| format!("{:.0} GFLOP/s", rate / 1e9));
        match peaks.cores {
            1 => one,
            cores => format!("{one} on one thread, {all} on {cores}"),
        }
    };
    let text = match &peaks.bf16 {
        Some(bf16) => format!("{}; bf16: {}", text(&peaks.f32), text(bf16)),
        None => text(&peaks.f32),
    };
    Check::fine("peak", text)
}

/// Returns the folder, or the innermost one above that exists.
pub(super) fn existing(folder: &Path) -> PathBuf {
    let full = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let mut all = full.ancestors();
    let found = all.find(|folder| folder.exists());
    found.unwrap_or(Path::new("/")).to_path_buf()
}

/// Returns how many bytes are free on the file system of that folder.
pub(super) fn free(folder: &Path) -> Option<u64> {
    let status = statvfs(folder).ok()?;
    Some(status.f_bavail * status.f_frsize)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn few_open_files_are_told_before_a_run_needs_more() {
        let exit = |limit| open_files(limit, 4).exit();
        assert_eq!((exit(None), exit(Some(1024))), (Exit::Ok, Exit::Ok));
        assert!(matches!(open_files(Some(100), 4).verdict, Verdict::Hint(_)));
        assert_eq!(exit(Some(20)), Exit::Store);
    }

    #[test]
    fn data_that_is_not_there_will_stop_a_run() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(data(folder.path()).exit(), Exit::Input, "an empty folder");
        for number in 0..10 {
            fs::write(folder.path().join(format!("f{number}")), "text").unwrap();
        }
        let check = data(folder.path());
        assert_eq!(check.exit(), Exit::Ok);
        assert!(
            check
                .text
                .ends_with(": f0, f1, f2, f3, f4, f5, f6, f7 and 2 more")
        );
        assert!(data(&folder.path().join("f0")).text.ends_with("f0: 4B"));
        assert_eq!(data(&folder.path().join("none")).exit(), Exit::Input);
    }

    #[test]
    fn a_store_in_pieces_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let records = folder.path().join("records");
        fs::remove_dir(&records).unwrap();
        std::os::unix::fs::symlink("/proc", &records).unwrap();
        let check = file_system(&store, "ext4");
        assert_eq!(check.exit(), Exit::Store);
        assert!(check.text.starts_with("ext4: records/: "), "{}", check.text);
    }
}
