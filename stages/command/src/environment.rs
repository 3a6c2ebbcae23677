//! The environment of a program: a small base and the variables that its stage asks for, and nothing else.
//!
//! | name | value |
//! | --- | --- |
//! | `PATH`, `HOME` | as the runner has them |
//! | `CUDA_VISIBLE_DEVICES` | as the runner sets it, where it does |
//! | `LANG` | `C.UTF-8`: one order of letters on every machine |
//! | `TMPDIR` | `{scratch}` |
//! | `OMP_NUM_THREADS`, `RAYON_NUM_THREADS` | `{threads}` |
//! | `PYTHONHASHSEED` | 0: Python iterates over sets in one order |
//! | `PYTHONDONTWRITEBYTECODE` | 1: importing a module writes nothing beside it |
//! | `PIPE_OUTPUT`, `PIPE_CHECKPOINTS` | `{output}`, `{checkpoints}` |
//! | `PIPE_INSIDE` | the keys of the jobs that the program is part of: a run that it starts does not wait for them |
//! | `PIPE_PROGRESS_FD` | the number of the descriptor that takes progress ([`crate::progress`]) |

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;

use crate::places::{self, Text};

/// The prefix of the names of the runner's own variables.
pub(crate) const PREFIX: &str = "PIPE_";
const PROGRESS: &str = "PIPE_PROGRESS_FD";
const INSIDE: &str = "PIPE_INSIDE";
/// The runner's own variables that repeat a place, with the name of the place.
const PLACES: [(&str, &str); 2] = [
    ("PIPE_OUTPUT", places::OUTPUT),
    ("PIPE_CHECKPOINTS", places::CHECKPOINTS),
];
/// All of the runner's own variables.
pub(crate) const OWN: [&str; 4] = [PLACES[0].0, PLACES[1].0, PROGRESS, INSIDE];

/// The variables that every program gets as they are outside.
const PASSED: [&str; 4] = ["PATH", "HOME", "CUDA_VISIBLE_DEVICES", INSIDE];

/// Returns the whole environment. `asked` and `passed` are the stage's `env` and `pass_env`, `progress` is the number of the
/// descriptor for progress.
pub(crate) fn environment(
    asked: &BTreeMap<&str, Text>,
    passed: &[String],
    places: &BTreeMap<String, String>,
    progress: i32,
) -> BTreeMap<OsString, OsString> {
    let place = |name: &str| places.get(name).cloned().unwrap_or_default();
    let mut all: BTreeMap<OsString, OsString> = BTreeMap::new();
    let outside = PASSED.into_iter().chain(passed.iter().map(String::as_str));
    all.extend(outside.filter_map(|name| Some((name.into(), env::var_os(name)?))));
    let mut set = |name: &str, value: String| {
        // A variable in `pass_env` keeps its value from outside.
        if !passed.iter().any(|passed| passed == name) {
            all.insert(name.into(), value.into());
        }
    };
    set("LANG", "C.UTF-8".into());
    set("TMPDIR", place(places::SCRATCH));
    set("OMP_NUM_THREADS", place(places::THREADS));
    set("RAYON_NUM_THREADS", place(places::THREADS));
    set("PYTHONHASHSEED", "0".into());
    set("PYTHONDONTWRITEBYTECODE", "1".into());
    for (name, text) in asked {
        set(name, text.fill(places));
    }
    for (name, value) in PLACES {
        set(name, place(value));
    }
    set(PROGRESS, progress.to_string());
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_environment_is_what_is_asked_for_over_the_base() {
        let places = [
            ("output", "/o"),
            ("checkpoints", "/c"),
            ("scratch", "/s"),
            ("threads", "3"),
        ];
        let places = BTreeMap::from(places.map(|(name, text)| (name.into(), text.into())));
        let asked = BTreeMap::from([
            ("LANG", Text::parse("de_DE", &[]).unwrap()),
            ("N", Text::parse("{threads}", &[]).unwrap()),
        ]);
        // Cargo sets this variable for every test.
        let all = environment(&asked, &["CARGO_PKG_NAME".into()], &places, 7);
        let lines: Vec<_> = all
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .filter(|line| {
                !["PATH=", "HOME=", "CUDA"]
                    .iter()
                    .any(|start| line.starts_with(start))
            })
            .collect();
        assert_eq!(
            lines,
            [
                "CARGO_PKG_NAME=command",
                "LANG=de_DE",
                "N=3",
                "OMP_NUM_THREADS=3",
                "PIPE_CHECKPOINTS=/c",
                "PIPE_OUTPUT=/o",
                "PIPE_PROGRESS_FD=7",
                "PYTHONDONTWRITEBYTECODE=1",
                "PYTHONHASHSEED=0",
                "RAYON_NUM_THREADS=3",
                "TMPDIR=/s",
            ]
        );
    }
}
