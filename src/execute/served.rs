//! What a job is served, and whether it stayed as it was keyed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::Inputs;

use super::resolve::{Ready, ReadyInput};
use crate::failure::{Failure, FailureKind};
use crate::graph::InputName;
use crate::store::{External, Holder, Served, Store, View, io_error};

/// The inputs of a job, as the job finds them.
pub(super) struct Serving {
    inputs: Vec<(InputName, Kind)>,
    /// Paths below the work folder, each with what a user calls it; the longest first.
    names: Vec<(String, String)>,
}

enum Kind {
    Stored(Served),
    External(Arc<External>, View),
}

impl Serving {
    /// Makes the inputs appear in the work folder and returns where.
    pub(super) fn begin(
        store: &Store,
        ready: &Ready,
        folder: &Path,
        is_here: bool,
    ) -> Result<(Inputs, Self), Failure> {
        let inputs = match is_here {
            true => folder.join("inputs"),
            // The job may run on another machine, and read what an earlier run has laid out.
            false => folder.join(format!(
                "inputs-{}-{}",
                Holder::here().host,
                std::process::id()
            )),
        };
        if inputs.exists() {
            contract::remove_all(&inputs).map_err(io_error(&inputs))?;
        }
        let mut paths = Inputs::default();
        let mut served = Vec::with_capacity(ready.inputs.len());
        let mut names = Vec::new();
        let mut name_as = |place: &Path, name: &Path| {
            names.push((place.display().to_string(), name.display().to_string()));
        };
        for (name, input) in &ready.inputs {
            let place = inputs.join(&**name);
            let (path, kind) = match input {
                ReadyInput::Stored(_, manifest) => {
                    store.keep_listing(manifest)?;
                    let (path, served) = store.serve_watched(manifest, &place)?;
                    name_as(&place, &PathBuf::from(format!("input {name}")));
                    (path, Kind::Stored(served))
                }
                // Inputs that are away are taken by commands that only look, and never by a run.
                ReadyInput::Away(_) => {
                    let message = format!("input `{name}`: its files are not at hand");
                    return Err(Failure::new(FailureKind::Input, message));
                }
                ReadyInput::External(external) => {
                    store.keep_listing(external.manifest())?;
                    let view = external.show(name, &inputs)?;
                    // A changed file is found now, and not when the job has worked for hours.
                    external.check(name, &view, store)?;
                    for (place, name) in &view.places {
                        name_as(place, name);
                    }
                    (
                        view.path.clone(),
                        Kind::External(Arc::clone(external), view),
                    )
                }
            };
            match name.split_once('/') {
                // The members of an input that gathers lie in one folder, which is the path that the job gets.
                Some((whole, _)) => paths.0.insert(whole.to_owned(), inputs.join(whole)),
                None => paths.0.insert(name.to_string(), path),
            };
            served.push((Arc::clone(name), kind));
        }
        names.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(place.len()));
        let serving = Self {
            inputs: served,
            names,
        };
        Ok((paths, serving))
    }

    /// Checks that all inputs are still what was keyed, now that the job has read them.
    pub(super) fn check(&self, store: &Store) -> Result<(), Failure> {
        for (name, kind) in &self.inputs {
            match kind {
                Kind::Stored(served) => {
                    store.check_served(served).map_err(|error| {
                        let mut failure = Failure::from(error);
                        failure.message = format!("input `{name}`: {}", failure.message);
                        failure
                    })?;
                }
                Kind::External(external, view) => external.check(name, view, store)?,
            }
        }
        Ok(())
    }

    /// Replaces paths of the work folder in a message by what the user calls the inputs.
    pub(super) fn readable(&self, message: &str) -> String {
        let mut message = message.to_owned();
        for (place, name) in &self.names {
            message = replaced(&message, place, name);
        }
        message
    }
}

/// Replaces a path where it stands in a text as a whole, or before what lies below it.
fn replaced(text: &str, path: &str, name: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(path) {
        let (before, found) = rest.split_at(at);
        let after = &found[path.len()..];
        let goes_on = after
            .chars()
            .next()
            .is_some_and(|next| next.is_alphanumeric() || matches!(next, '-' | '_' | '.'));
        made += before;
        made += if goes_on { path } else { name };
        rest = after;
    }
    made + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_replaced_where_they_are_whole() {
        let text = "/w/inputs/a/x.txt:3: bad; /w/inputs/a: bad; /w/inputs/ab/x: other";
        assert_eq!(
            replaced(text, "/w/inputs/a", "/home/me/data"),
            "/home/me/data/x.txt:3: bad; /home/me/data: bad; /w/inputs/ab/x: other"
        );
    }
}
