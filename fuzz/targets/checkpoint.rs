//! Two checkpoints, saved and then damaged as the input says. The one that is loaded is whole and one of the two, or none is.
//!
//! The input is a list of changes: a byte for the kind of change, one for the file, and what that kind takes besides.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use contract::Checkpoints;
use libfuzzer_sys::fuzz_target;

type Files = BTreeMap<String, Vec<u8>>;

/// The files of each checkpoint, by the units that were done.
struct Saved {
    folder: PathBuf,
    all: BTreeMap<u64, Files>,
}

static SAVED: LazyLock<Saved> = LazyLock::new(|| {
    let folder = fuzz::folder("checkpoint");
    let checkpoints = Checkpoints::in_folder(&folder).expect("a folder");
    for done in [7, 12] {
        let write = |folder: &Path| {
            fs::write(folder.join("weights"), [done as u8; 40]).expect("written");
            fs::write(folder.join("moments"), [done as u8; 9]).expect("written");
            fs::write(folder.join("log.json"), "[]").expect("written");
            Ok(())
        };
        checkpoints.save(done, write).expect("saved");
    }
    let all = [7, 12].map(|done| (done, files(&place(&folder, done))));
    Saved {
        folder,
        all: all.into(),
    }
});

fuzz_target!(|bytes: &[u8]| {
    let saved = &*SAVED;
    let _ = fs::remove_dir_all(&saved.folder);
    let mut now = saved.all.clone();
    damage(&mut now, bytes);
    for (done, files) in &now {
        let place = place(&saved.folder, *done);
        fs::create_dir_all(&place).expect("a folder");
        for (name, bytes) in files {
            fs::write(place.join(name), bytes).expect("written");
        }
    }
    let checkpoints = Checkpoints::in_folder(&saved.folder).expect("a folder");
    let latest = checkpoints.latest().expect("a folder that can be read");
    let whole = |done: &u64| now.get(done) == saved.all.get(done);
    match &latest {
        Some(found) => {
            // Blanks in the seal do not count as damage.
            let stage = |mut files: Files| {
                files.remove("seal.json");
                files
            };
            let before = stage(saved.all[&found.done].clone());
            assert_eq!(stage(files(&found.path)), before, "another checkpoint");
        }
        None => assert!(!saved.all.keys().any(whole), "a whole one is passed over"),
    }
    assert!(!whole(&12) || latest.is_some_and(|found| found.done == 12));
    let damaged = Checkpoints::damaged(&saved.folder).expect("a folder that can be read");
    let there = damaged.iter().all(|path| path.starts_with(&saved.folder));
    assert!(there && damaged.len() <= saved.all.len());
});

/// Changes or removes files.
fn damage(all: &mut BTreeMap<u64, Files>, mut rest: &[u8]) {
    while let [what, which, at, more @ ..] = rest {
        rest = more;
        let done = if which & 0x80 == 0 { 7 } else { 12 };
        let Some(files) = all.get_mut(&done) else {
            continue;
        };
        let names: Vec<String> = files.keys().cloned().collect();
        let Some(name) = names.get(usize::from(which & 0x7f) % names.len().max(1)) else {
            continue;
        };
        let Some(file) = files.get_mut(name) else {
            continue;
        };
        let at = usize::from(*at);
        match what % 8 {
            0 => {
                if let ([flip, more @ ..], Some(byte)) = (rest, file.get_mut(at)) {
                    *byte ^= flip;
                    rest = more;
                }
            }
            1 => file.truncate(at),
            2 => {
                if let [length, more @ ..] = rest {
                    let end = at.saturating_add(usize::from(*length)).min(file.len());
                    file.drain(at.min(end)..end);
                    rest = more;
                }
            }
            3 => {
                let (new, more) = rest.split_at(at.min(rest.len()));
                *file = new.to_vec();
                rest = more;
            }
            4 => drop(files.remove(name)),
            5 => {
                let (new, more) = rest.split_at(at.min(rest.len()));
                files.insert("more".into(), new.to_vec());
                rest = more;
            }
            6 => {
                let bytes = file.clone();
                files.insert("copy".into(), bytes);
            }
            _ => drop(all.remove(&done)),
        }
    }
}

fn place(folder: &Path, done: u64) -> PathBuf {
    folder.join(format!("after-{done:010}"))
}

fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("a name"));
    names
        .map(|name| (name.clone(), fs::read(folder.join(name)).expect("a file")))
        .collect()
}
