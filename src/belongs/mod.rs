//! What belongs to an input.
//!
//! An input of the user's is a file or folder outside the store, where others write as well. One rule says which of its files
//! count: only they enter keys, and only they are shown to a stage.
//!
//! | what | counts |
//! | --- | --- |
//! | the path itself that the user gives | always, whatever its name |
//! | names of version control, caches, systems, editors (`names`) | never |
//! | a folder with a valid `CACHEDIR.TAG`, what CVS keeps | never |
//! | the store in use, files that this run prints to; also through links | never |
//! | in the folder of results, what a run has written there for a profile | never |
//! | other hidden files and folders | for programs of the user's; not for the program's own kinds |
//! | what `ignore` of a stage matches | never |
//! | of a kind that says what it reads ([`Reads`]) | only that |
//!
//! What a stage has made counts whole, but for what `ignore` matches: nobody else writes there.

mod dangling;
mod names;
mod own;

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::{Patterns, Reads};

pub(crate) use dangling::{Dangling, dangling};
pub(crate) use own::{CACHE_TAG, DIGESTS, Own, identity, is_cache_tag, is_results, open};

/// Which files of an input belong to it, as the stage declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Whether hidden files count, unless they have a name that never does.
    pub hidden: bool,
    /// What the stage reads.
    pub reads: Reads,
    /// Patterns of what does not count.
    pub ignore: Arc<[String]>,
    /// Folders in which each profile has one that runs write results to.
    pub results: Arc<[PathBuf]>,
}

/// Hashes the short fields alone: selections are looked up for each job with a path, and few of them differ.
impl Hash for Selection {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hidden.hash(state);
        self.ignore.len().hash(state);
    }
}

impl Selection {
    /// Returns one text for everything in the selection that decides the content of an input; where this machine keeps results
    /// decides nothing of it.
    pub fn identity(&self) -> String {
        let Self {
            hidden,
            reads,
            ignore,
            results: _,
        } = self;
        serde_json::json!({
            "hidden": hidden,
            "files": reads.files,
            "beside": reads.beside,
            "ignore": &**ignore,
        })
        .to_string()
    }
}

/// What belongs to each input of a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selections(Vec<(Arc<str>, Selection)>);

impl Selections {
    /// The selections of inputs by name.
    pub fn new(inputs: impl IntoIterator<Item = (Arc<str>, Selection)>) -> Self {
        Self(inputs.into_iter().collect())
    }

    /// Returns the selection of the input of that name; a member `NAME/MEMBER` of an input that gathers has the selection of
    /// `NAME`.
    pub fn of(&self, input: &str) -> Option<&Selection> {
        let input = input.split_once('/').map_or(input, |(whole, _)| whole);
        let mut inputs = self.0.iter();
        Some(&inputs.find(|(name, _)| **name == *input)?.1)
    }
}

/// A selection, ready to judge names and paths.
pub(crate) struct Rule {
    hidden: bool,
    reads: Option<Patterns>,
    ignore: Patterns,
}

/// What follows from a name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A file or folder of that name does not count.
    Out,
    /// A file of that name does not count; a folder may hold what does.
    NoFile,
    /// A file or folder of that name counts, unless it is a store, a marked cache or the like.
    In,
}

impl Rule {
    pub(crate) fn of(selection: &Selection) -> Self {
        // The patterns were checked where the pipeline file was read.
        let patterns = |texts: &[String]| Patterns::new(texts).unwrap_or_default();
        Self {
            hidden: selection.hidden,
            reads: selection
                .reads
                .files
                .map(|texts| Patterns::new(texts).unwrap_or_default()),
            ignore: patterns(&selection.ignore),
        }
    }

    /// Judges a name by itself, before anybody looks what lies under it.
    pub(crate) fn name(&self, name: &str) -> Verdict {
        if names::never(name).is_some() || (!self.hidden && name.starts_with('.')) {
            Verdict::Out
        } else {
            Verdict::In
        }
    }

    /// Judges a path from the input's folder on, before anybody looks what lies there.
    pub(crate) fn path(&self, path: &str) -> Verdict {
        if self.ignore.has(path) {
            return Verdict::Out;
        }
        match &self.reads {
            Some(reads) if !reads.cover(path) => Verdict::NoFile,
            _ => Verdict::In,
        }
    }

    /// Whether a folder does not count, by its path from the input's folder on.
    pub(crate) fn leaves_out_folder(&self, path: &str) -> bool {
        self.ignore.has_folder(path)
    }
}

/// Returns which of these files remain when what `ignore` matches is left out; `None` if all do.
pub(crate) fn without<'f, T>(
    files: &'f [T],
    ignore: &[String],
    path: impl Fn(&T) -> &str,
) -> Option<Vec<&'f T>> {
    if ignore.is_empty() {
        return None;
    }
    let patterns = Patterns::new(ignore).unwrap_or_default();
    let remaining: Vec<&T> = files
        .iter()
        .filter(|file| !patterns.cover(path(file)))
        .collect();
    (remaining.len() < files.len()).then_some(remaining)
}

/// Returns the name under which a single file counts and is shown: the input's name with the file's own extension, by which
/// programs tell formats. A compressed file keeps the extension of its content as well: `data.csv.gz`.
pub(crate) fn name_of_file(input: &str, path: &Path) -> String {
    const COMPRESSED: [&str; 8] = ["gz", "bz2", "xz", "zst", "lz4", "lzma", "br", "z"];
    let extension = |path: &Path| Some(path.extension()?.to_str()?.to_owned());
    let Some(last) = extension(path) else {
        return input.to_owned();
    };
    let inner = COMPRESSED
        .contains(&&*last.to_ascii_lowercase())
        .then(|| extension(Path::new(path.file_stem()?)))
        .flatten();
    match inner {
        Some(inner) => format!("{input}.{inner}.{last}"),
        None => format!("{input}.{last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_file_keeps_its_extension_alone() {
        let name = |path: &str| name_of_file("d", Path::new(path));
        assert_eq!(name("x/a.txt"), "d.txt");
        assert_eq!(name("x/v1.2 of it.TXT"), "d.TXT");
        assert_eq!(name("a.csv.gz"), "d.csv.gz");
        assert_eq!(name("a.gz"), "d.gz");
        assert_eq!(name("x.y/data"), "d");
        assert_eq!(name(".env"), "d");
    }

    #[test]
    fn names_and_paths_are_judged_as_the_stage_declares() {
        let program = Rule::of(&Selection {
            hidden: true,
            ignore: ["*.log".to_owned(), "runs/".into()].into(),
            ..Selection::default()
        });
        assert_eq!(program.name(".env"), Verdict::In);
        assert_eq!(program.name(".git"), Verdict::Out);
        assert_eq!(program.path("deep/a.log"), Verdict::Out);
        assert_eq!(program.path("runs"), Verdict::In);
        assert!(program.leaves_out_folder("runs"));
        let own = Rule::of(&Selection {
            reads: Reads::only(&["*.json", "[0-9]_*/**"]),
            ..Selection::default()
        });
        assert_eq!(own.name(".env"), Verdict::Out);
        assert_eq!(own.path("config.json"), Verdict::In);
        assert_eq!(own.path("1_Pooling/anything"), Verdict::In);
        assert_eq!(own.path("README.md"), Verdict::NoFile);
        assert!(!own.leaves_out_folder("onnx"));
    }

    #[test]
    fn what_remains_is_told_only_where_something_goes() {
        let files = ["a.txt", "b.log", "c/d.log"];
        let left = |ignore: &[&str]| {
            let ignore: Vec<String> = ignore.iter().map(|text| (*text).to_owned()).collect();
            without(&files, &ignore, |file| file).map(|left| left.into_iter().copied().collect())
        };
        assert_eq!(left(&[]), None);
        assert_eq!(left(&["*.md"]), None);
        assert_eq!(left(&["*.log"]), Some(vec!["a.txt"]));
    }
}
