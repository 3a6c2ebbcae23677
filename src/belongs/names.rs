//! Names of what is never part of an input, whatever reads it.
//!
//! They are looked at before anything else: nobody asks what lies under such a name, so that a link of an editor's that leads
//! nowhere, or a folder that nobody may read, does no harm. Names that data sets are known to use are not among them.

/// Why something is no part of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// What a version control system keeps: it changes when somebody looks at the state of the files.
    VersionControl,
    /// What some program keeps to be faster the next time.
    Cache,
    /// What systems, file managers and synchronisers leave in folders.
    System,
    /// What an editor keeps beside a file that is edited: locks, swap files, backups.
    Editor,
    /// A store of this program.
    Store,
}

/// A form of names.
#[derive(Clone, Copy, Debug)]
enum Form {
    Is(&'static str),
    /// Equal but for upper and lower case: file systems that do not tell the two apart have written either.
    InAnyCase(&'static str),
    Begins(&'static str),
    Ends(&'static str),
    /// Begins and ends so, with something in between.
    Between(&'static str, &'static str),
    /// vim's `.NAME.swp`, and where that is taken `.NAME.swo` and so on.
    Swap,
}

use Form::{Begins, Between, Ends, InAnyCase, Is, Swap};

const NAMES: &[(Why, &[Form])] = &[
    (
        Why::VersionControl,
        &[
            // A file in the work trees and submodules of git.
            Is(".git"),
            Is(".hg"),
            Is(".svn"),
            Is(".jj"),
            Is(".bzr"),
            Is("_darcs"),
            Is(".pijul"),
            Is(".sl"),
            Is(".fslckout"),
            Is("_FOSSIL_"),
        ],
    ),
    (
        Why::Cache,
        &[
            // `huggingface_hub` keeps times and locks of downloads there.
            Is(".cache"),
            Is("__pycache__"),
            Is(".ipynb_checkpoints"),
            Is(".pytest_cache"),
            Is(".mypy_cache"),
            Is(".ruff_cache"),
        ],
    ),
    (
        Why::System,
        &[
            Is(".DS_Store"),
            Begins("._"),
            Is(".AppleDouble"),
            Is(".Spotlight-V100"),
            Is(".Trashes"),
            Is(".fseventsd"),
            Is(".TemporaryItems"),
            Is("Icon\r"),
            InAnyCase("thumbs.db"),
            InAnyCase("ehthumbs.db"),
            InAnyCase("desktop.ini"),
            InAnyCase("$recycle.bin"),
            Is("System Volume Information"),
            Is(".directory"),
            Is(".Trash"),
            Begins(".Trash-"),
            Is("lost+found"),
            // Files that are removed and still open, on network file systems.
            Begins(".nfs"),
            Begins(".fuse_hidden"),
            Is(".snapshot"),
            Is(".snapshots"),
            Is(".zfs"),
            Is("@eaDir"),
            Is(".stfolder"),
            Is(".stversions"),
            Begins(".syncthing."),
            Is(".dropbox"),
            Is(".dropbox.cache"),
        ],
    ),
    (
        Why::Editor,
        &[
            // Emacs: a link that leads nowhere, and what is not saved yet.
            Begins(".#"),
            Between("#", "#"),
            // Emacs, vim, nano, gedit and others: what was there before.
            Ends("~"),
            Swap,
            Is(".swp"),
            Between(".", ".kate-swp"),
            Begins(".goutputstream-"),
            Between(".~lock.", "#"),
            Begins("~$"),
            Ends("___jb_tmp___"),
            Ends("___jb_old___"),
        ],
    ),
    (Why::Store, &[Is(".pipe")]),
];

/// Says why a file or folder of that name is no part of any input; `None` if it may be one.
pub(super) fn never(name: &str) -> Option<Why> {
    let found = NAMES
        .iter()
        .find(|(_, forms)| forms.iter().any(|form| form.fits(name)));
    found.map(|(why, _)| *why)
}

impl Form {
    fn fits(self, name: &str) -> bool {
        match self {
            Is(whole) => name == whole,
            InAnyCase(whole) => name.eq_ignore_ascii_case(whole),
            Begins(start) => name.starts_with(start),
            Ends(end) => name.len() > end.len() && name.ends_with(end),
            Between(start, end) => name
                .strip_prefix(start)
                .and_then(|rest| rest.strip_suffix(end))
                .is_some_and(|middle| !middle.is_empty()),
            Swap => {
                let rest = name.strip_prefix('.').map(str::as_bytes);
                matches!(rest, Some([.., b'.', b's', b'w', b'a'..=b'z']))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_their_form() {
        for (name, why) in [
            (".git", Why::VersionControl),
            (".svn", Why::VersionControl),
            ("_darcs", Why::VersionControl),
            (".cache", Why::Cache),
            ("__pycache__", Why::Cache),
            (".DS_Store", Why::System),
            ("._a.txt", Why::System),
            ("Thumbs.db", Why::System),
            ("Desktop.ini", Why::System),
            (".Trash-1000", Why::System),
            (".nfs000000000123", Why::System),
            ("lost+found", Why::System),
            (".#a.txt", Why::Editor),
            ("#a.txt#", Why::Editor),
            ("a.txt~", Why::Editor),
            (".a.txt.swp", Why::Editor),
            (".swp", Why::Editor),
            (".a.swo", Why::Editor),
            (".~lock.a.csv#", Why::Editor),
            ("~$a.docx", Why::Editor),
            (".pipe", Why::Store),
        ] {
            assert_eq!(never(name), Some(why), "{name}");
        }
    }

    #[test]
    fn names_of_data_are_none_of_them() {
        for name in [
            "a.txt",
            ".env",
            ".gitattributes",
            "git",
            "cache",
            "a.swp",
            ".a.swpx",
            "#",
            "##",
            "#a",
            "~",
            "4913",
            "a.lock",
            "pycache",
            "module.pyc",
            ".gitignore",
            "CVS",
            "results",
            "a~b",
            "Makefile#",
        ] {
            assert_eq!(never(name), None, "{name}");
        }
    }
}
