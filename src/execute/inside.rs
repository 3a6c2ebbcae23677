//! Runs inside of jobs: a program that is a job may call `pipe run` itself.
//!
//! A job's program is told which jobs it is part of. A run in it that needs one of those jobs waits for its own end or, with
//! another store, starts itself again and again: it is refused.

use std::path::Path;

use crate::environment;
use crate::failure::{Failure, FailureKind};
use crate::keys::Key;

/// The variable that names the jobs by their keys, the innermost last: `KEY,KEY`. `command` passes it on to programs.
pub(crate) const INSIDE: &str = environment::INSIDE;

/// Returns the jobs that this process is part of.
pub(super) fn jobs() -> Vec<Key> {
    let text = environment::text(INSIDE).unwrap_or_default();
    text.split(',').filter_map(|key| key.parse().ok()).collect()
}

/// Returns what the job in the work folder `folder` is to be told: the jobs that this process is part of, and itself.
pub(crate) fn with(folder: &Path) -> String {
    let own = folder
        .file_name()
        .and_then(|name| name.to_str()?.parse().ok());
    let all: Vec<String> = jobs()
        .into_iter()
        .chain(own)
        .map(|key: Key| key.to_string())
        .collect();
    all.join(",")
}

/// Says that a job is not to be waited for, since this run is part of it.
pub(super) fn refusal() -> Failure {
    let mut failure = Failure::new(
        FailureKind::Input,
        "this run was started by the very job: it would wait for its own end",
    );
    failure.remedy = Some(
        "have the program make what it needs itself, or declare it as an input of its stage: inputs = { name = \"@stage\" }"
            .into(),
    );
    failure
}
