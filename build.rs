//! Takes a fingerprint of each crate below `crates/` and `stages/`: of its own source and of those crates that it builds on.
//! Lists the published values and claims that `pipe init` lays out.
//!
//! The fingerprint decides nothing: a stage's behaviour version does. It lets `pipe why` say whether the code has changed since
//! a result was made.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let homes = ["crates", "stages"].map(|home| root.join(home));
    for home in &homes {
        println!("cargo::rerun-if-changed={}", home.display());
    }
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") {
        return Err("pipe runs on Linux alone: it rests on /proc, parent-death signals, control groups and flock".into());
    }
    // Every job is a process of this program, and every program of the user's passes through one: at a fixed address none of
    // them has 90 000 pointers to adjust before it begins, which takes longer than all else that it does by then.
    if is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    published(&root)?;
    let mut crates = BTreeMap::new();
    let mut folders = Vec::new();
    for home in &homes {
        for entry in fs::read_dir(home)? {
            folders.push(entry?.path());
        }
    }
    for folder in folders {
        let manifest = folder.join("Cargo.toml");
        if let (Some(name), true) = (folder.file_name(), manifest.is_file()) {
            let mut hash = Hash::new();
            hash.file(&root, &manifest)?;
            hash.folder(&root, &folder.join("src"))?;
            let uses = dependencies(&fs::read_to_string(&manifest)?);
            crates.insert(name.to_string_lossy().into_owned(), (hash.0, uses));
        }
    }
    let mut text = String::from("&[\n");
    for name in crates.keys() {
        let mut reached = BTreeSet::new();
        reach(name, &crates, &mut reached);
        let mut hash = Hash::new();
        for name in reached {
            hash.bytes(name.as_bytes());
            hash.bytes(&crates[name].0.to_le_bytes());
        }
        writeln!(text, "    ({name:?}, \"{:016x}\"),", hash.0)?;
    }
    text.push_str("]\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("sources.rs"), text)?;
    Ok(())
}

/// Writes the list of published values and claims, each file's path in a project with its text.
fn published(root: &Path) -> Result<(), Box<dyn Error>> {
    let mut text = String::from("&[\n");
    for home in ["data/reference", "data/claims"] {
        let folder = root.join(home);
        println!("cargo::rerun-if-changed={}", folder.display());
        let entries = fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path()));
        let mut files = entries.collect::<Result<Vec<_>, _>>()?;
        files.sort();
        for file in files {
            let kind = file.extension().and_then(|extension| extension.to_str());
            if let (Some("toml" | "md"), Some(name)) = (kind, file.file_name()) {
                let name = format!("{home}/{}", name.to_string_lossy());
                writeln!(text, "    ({name:?}, include_str!({file:?})),")?;
            }
        }
    }
    text.push_str("]\n");
    fs::write(
        PathBuf::from(env::var("OUT_DIR")?).join("published.rs"),
        text,
    )?;
    Ok(())
}

type Crates = BTreeMap<String, (u64, Vec<String>)>;

/// Adds a crate and all that it builds on.
fn reach<'a>(name: &'a str, crates: &'a Crates, reached: &mut BTreeSet<&'a str>) {
    if let Some((_, uses)) = crates.get(name)
        && reached.insert(name)
    {
        for name in uses {
            reach(name, crates, reached);
        }
    }
}

/// Returns the names in the section `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().map(str::trim);
    let section = lines.skip_while(|line| *line != "[dependencies]").skip(1);
    let section = section.take_while(|line| !line.starts_with('['));
    let name = |line: &str| line.split(['.', ' ', '=']).next().map(str::to_owned);
    section.filter_map(name).collect()
}

/// FNV-1a, 64 bits (Fowler, Noll and Vo). Nobody forges source code to look unchanged.
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // The length first, so that where a part ends is never in doubt.
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn file(&mut self, root: &Path, path: &Path) -> Result<(), Box<dyn Error>> {
        self.bytes(path.strip_prefix(root)?.to_string_lossy().as_bytes());
        self.bytes(&fs::read(path)?);
        Ok(())
    }

    fn folder(&mut self, root: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
        let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
        let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
        entries.sort();
        for path in entries {
            if path.is_dir() {
                self.folder(root, &path)?;
            } else {
                self.file(root, &path)?;
            }
        }
        Ok(())
    }
}
