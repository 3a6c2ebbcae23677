//! Remedies for a program that has failed, guessed from its last messages.

use std::ffi::OsStr;
use std::path::Path;

use contract::STARVED_REMEDY;

/// A program that has failed.
pub(crate) struct Failed<'a> {
    /// Path of the program.
    pub(crate) program: &'a OsStr,
    pub(crate) arguments: &'a [String],
    /// The program's last messages.
    pub(crate) said: &'a str,
    /// The empty folder in which it was started.
    pub(crate) folder: &'a Path,
    /// The folder in which the user may expect the program to start.
    pub(crate) here: &'a Path,
}

/// Messages of interpreters about a missing package. The name of the package follows the message.
const NO_PACKAGE: [&str; 6] = [
    "No module named ",
    "there is no package called ",
    "Cannot find module ",
    "Can't locate ",
    "cannot load such file -- ",
    "module not found: ",
];
/// Messages of programs about a missing file.
const NO_FILE: [&str; 8] = [
    "no such file",
    "cannot open",
    "can't open",
    "cannot find",
    "could not open",
    "could not find",
    "not found",
    "does not exist",
];
/// Messages of programs that could not start a thread or a process.
const STARVED: [&str; 5] = [
    "can't start new thread",
    "pthread_create failed",
    "Cannot fork",
    "fork: Resource temporarily unavailable",
    "fork: retry",
];

impl Failed<'_> {
    /// Returns the remedy, if the messages suggest one.
    pub(crate) fn remedy(&self) -> Option<String> {
        if STARVED.iter().any(|words| self.said.contains(words)) {
            return Some(STARVED_REMEDY.into());
        }
        self.no_package().or_else(|| self.undeclared())
    }

    /// Returns the remedy if a package is missing in the program's environment.
    fn no_package(&self) -> Option<String> {
        let line = self.said.lines().rev().find_map(|line| {
            let found = NO_PACKAGE.iter().find_map(|words| line.split_once(words));
            found.map(|(_, package)| package)
        })?;
        let is_name = |c: char| c.is_alphanumeric() || "_-./@:".contains(c);
        let package = line.trim_start_matches(|c| !is_name(c));
        let package = package
            .split(|c| !is_name(c))
            .next()
            .filter(|name| !name.is_empty())?;
        let program = Path::new(self.program);
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let which = match name.as_ref() {
            "sh" | "bash" | "env" => "the interpreter that PATH leads to".to_owned(),
            _ => program.display().to_string(),
        };
        Some(format!(
            "`{package}` is not there for {which}: programs are found on the PATH that pipe was started with, so activate the \
             environment that has it, or set env = {{ PATH = \"…\" }}; if it is code of yours, declare its folder as an input \
             and lead to it (env = {{ PYTHONPATH = \"{{code}}\" }}). What is installed is not keyed: raise `version` when it \
             changes results"
        ))
    }

    /// Returns the remedy if an argument names a file of the user's that the program cannot see, since it starts in another folder.
    /// An argument that looks like a file's name is not enough evidence: `0.001` looks like one too.
    fn undeclared(&self) -> Option<String> {
        let separates = |c: char| c.is_whitespace() || "=;|&()<>'\"".contains(c);
        let words = self.arguments.iter().flat_map(|argument| {
            std::iter::once(argument.as_str()).chain(argument.split(separates))
        });
        let said = self.said.to_lowercase();
        let misses = NO_FILE.iter().any(|words| said.contains(words));
        let file = words.filter(|word| may_be_a_file(word)).find(|word| {
            let is_missed = misses && said.contains(&word.to_lowercase());
            !self.folder.join(word).exists() && (is_missed || self.here.join(word).exists())
        })?;
        Some(format!(
            "it starts in an empty folder: if `{file}` is a file of yours, declare it as an input, \
             inputs = {{ script = \"{file}\" }}, and write {{script}}"
        ))
    }
}

/// Whether a word may name a file by a relative path.
fn may_be_a_file(word: &str) -> bool {
    let path = Path::new(word);
    let extension = path.extension().and_then(OsStr::to_str);
    let has_extension =
        extension.is_some_and(|extension| extension.starts_with(char::is_alphabetic));
    path.is_relative()
        && !word.starts_with(['-', '$', '{'])
        && !word.contains("://")
        && word.parse::<f64>().is_err()
        && (has_extension || word.contains('/'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Returns the remedy for a program that was started beside a file `train.py` and a folder `data`.
    fn told(arguments: &[&str], said: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (here, empty) = (folder.path().join("here"), folder.path().join("empty"));
        std::fs::create_dir_all(here.join("data/train")).unwrap();
        std::fs::create_dir(&empty).unwrap();
        std::fs::write(here.join("train.py"), "").unwrap();
        let arguments: Vec<_> = arguments.iter().map(|&one| one.to_owned()).collect();
        let failed = Failed {
            program: OsStr::new("/usr/bin/python3"),
            arguments: &arguments,
            said,
            folder: &empty,
            here: &here,
        };
        failed.remedy().unwrap_or_default()
    }

    #[test]
    fn a_file_is_told_of_where_there_is_a_reason_to() {
        let file = |told: &str| told.split('`').nth(1).unwrap_or_default().to_owned();
        assert_eq!(file(&told(&["train.py"], "")), "train.py");
        assert_eq!(
            file(&told(&["--lr", "0.001", "--in=data/train"], "")),
            "data/train"
        );
        assert_eq!(
            file(&told(&["-euc", "python3 'train.py' 0.5"], "")),
            "train.py"
        );
        let said = "sh: 0: cannot open other.sh: No such file";
        assert_eq!(file(&told(&["other.sh"], said)), "other.sh");
        for none in [
            "0.001",
            "1e-3",
            "v1.5",
            "torch.optim.Adam",
            "https://a.b/c.d",
            "bert-base.x",
            "-c",
            "a/b",
        ] {
            assert_eq!(
                told(&[none], "ValueError: a number was not found"),
                "",
                "{none}"
            );
        }
    }

    #[test]
    fn a_package_that_is_not_there_is_told_of() {
        for said in [
            "Traceback\n  import torch.nn as nn\nModuleNotFoundError: No module named 'torch'\n",
            "/usr/bin/python3: No module named torch\n",
            "Error in library(torch) : there is no package called ‘torch’\n",
            "Error: Cannot find module 'torch'\nRequire stack:\n- /x.js\n",
        ] {
            let told = told(&["--lr", "0.001", "train.py"], said);
            assert!(
                told.starts_with("`torch` is not there for /usr/bin/python3: "),
                "{told}"
            );
        }
    }

    #[test]
    fn a_program_without_threads_is_told_of_the_limit() {
        let told = told(&["x"], "RuntimeError: can't start new thread\n");
        assert_eq!(told, STARVED_REMEDY);
    }
}
