use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns of paths below a folder: `*.log` matches a name at any depth, `data/*.tmp` a path from the folder on, and
/// `runs/` only folders. Everything in a folder that matches is covered too.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    /// Patterns that match files and folders.
    any: GlobSet,
    /// Patterns that match only folders.
    folders: GlobSet,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAPattern {
    /// Index of the text among those given.
    pub place: usize,
    /// What is wrong with the text.
    pub reason: String,
    /// What to do about it, if that is known.
    pub remedy: Option<&'static str>,
}

impl fmt::Display for NotAPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Patterns {
    /// Reads the patterns from texts.
    ///
    /// # Errors
    /// The first text that is no pattern, and what is wrong with it.
    pub fn new<T: AsRef<str>>(texts: &[T]) -> Result<Self, NotAPattern> {
        let (mut any, mut folders) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for (place, text) in texts.iter().enumerate() {
            let text = text.as_ref();
            let wrong = |reason, remedy| NotAPattern {
                place,
                reason,
                remedy,
            };
            check(text).map_err(|(reason, remedy)| wrong(reason, Some(remedy)))?;
            let (path, set) = match text.strip_suffix('/') {
                Some(path) => (path, &mut folders),
                None => (text, &mut any),
            };
            let path = match path.strip_prefix('/') {
                Some(path) => path.to_owned(),
                None if path.contains('/') => path.to_owned(),
                None => format!("**/{path}"),
            };
            let glob = GlobBuilder::new(&path).literal_separator(true).build();
            let glob = glob.map_err(|error| {
                wrong(format!("`{text}` is no pattern: {}", error.kind()), None)
            })?;
            set.add(glob);
        }
        let build = |set: GlobSetBuilder| {
            set.build().map_err(|error| NotAPattern {
                place: 0,
                reason: format!("the patterns are too large: {}", error.kind()),
                remedy: None,
            })
        };
        Ok(Self {
            any: build(any)?,
            folders: build(folders)?,
        })
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.any.is_empty() && self.folders.is_empty()
    }

    /// Whether the path itself matches, as a file or a folder; the folders that contain it are not considered.
    pub fn has(&self, path: &str) -> bool {
        self.any.is_match(path)
    }

    /// Whether the path of a folder itself matches; the folders that contain it are not considered.
    pub fn has_folder(&self, path: &str) -> bool {
        self.has(path) || self.folders.is_match(path)
    }

    /// Whether a file matches, or one of the folders that contain it.
    pub fn cover(&self, path: &str) -> bool {
        let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
        above.any(|folder| self.has_folder(folder)) || self.has(path)
    }
}

/// Refuses a text that would be a legal glob but cannot be meant as a pattern, with the reason and the remedy.
fn check(text: &str) -> Result<(), (String, &'static str)> {
    let from_the_input =
        "write it as from the input's folder on: \"*.log\", \"data/*.tmp\", \"runs/\"";
    if text.trim_matches('/').is_empty() {
        return Err((
            format!("`{text}` is no pattern: it names nothing"),
            from_the_input,
        ));
    }
    if text.starts_with('!') {
        return Err((
            format!("`{text}`: a pattern can only leave files out, not bring any back"),
            "write narrower patterns for the files to leave out; a file whose name begins with ! is written [!]…",
        ));
    }
    if text.split('/').any(|part| matches!(part, "." | "..")) {
        return Err((
            format!("`{text}` leads out of the input's folder"),
            from_the_input,
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_matches_at_any_depth_and_a_path_from_the_top() {
        let patterns = Patterns::new(&["*.log", "/top", "data/*.tmp", "runs/", "a/**/z"]).unwrap();
        for path in [
            "x.log",
            "deep/er/x.log",
            "top",
            "top/below",
            "data/x.tmp",
            "runs/1",
            "deep/runs/1/2",
            "x.log/of/a/folder",
            "a/z",
            "a/b/c/z",
        ] {
            assert!(patterns.cover(path), "{path}");
        }
        for path in [
            "x.logs",
            "deep/top",
            "data/deep/x.tmp",
            "runs",
            "x/data/y.tmp",
        ] {
            assert!(!patterns.cover(path), "{path}");
        }
        assert!(Patterns::new::<&str>(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_pattern_is_told_with_its_place() {
        let told = |text: &str| {
            let error = Patterns::new(&["fine", text]).unwrap_err();
            assert_eq!(error.place, 1);
            error.reason
        };
        assert_eq!(told(""), "`` is no pattern: it names nothing");
        assert_eq!(told("/"), "`/` is no pattern: it names nothing");
        assert_eq!(
            told("!a"),
            "`!a`: a pattern can only leave files out, not bring any back"
        );
        assert_eq!(told("../a"), "`../a` leads out of the input's folder");
        assert!(told("a[").starts_with("`a[` is no pattern: unclosed character class"));
        assert!(told("{a").starts_with("`{a` is no pattern: "));
    }
}
