//! What a running stage notes of its result, without the places where its inputs happen to lie.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use contract::{Event, Inputs};

use crate::store::{Notes, Noting};

/// Takes the notes of a job.
#[derive(Debug, Default)]
pub(super) struct NoteTaker {
    noting: Noting,
    /// Where inputs lie, and what they are called, the longest path first.
    inputs: Vec<(String, String)>,
}

impl NoteTaker {
    /// A note taker for a job with these inputs.
    pub(super) fn new(inputs: &Inputs) -> Self {
        let mut places = Vec::new();
        for (name, path) in &inputs.0 {
            let canonical = fs::canonicalize(path).ok();
            for path in [Some(path.as_path()), canonical.as_deref()] {
                let Some(path) = path.and_then(Path::to_str) else {
                    continue;
                };
                // An input that is `/` is left as it is: all paths begin with it.
                if path.len() > 1 {
                    places.push((path.trim_end_matches('/').to_owned(), name.clone()));
                }
            }
        }
        places.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Self {
            noting: Noting::default(),
            inputs: places,
        }
    }

    /// Takes a note.
    pub(super) fn add(&mut self, message: &str) {
        let places = self.inputs.iter();
        let message = places.fold(message.to_owned(), |message, (path, name)| {
            relative(&message, path, name)
        });
        self.noting.add(&message);
    }

    /// Returns the notes.
    pub(super) fn finish(&mut self) -> Notes {
        std::mem::take(&mut self.noting).finish()
    }
}

/// Returns what a job that runs, was stopped or failed has noted so far, read from the file of its events.
pub fn noted(events: &Path) -> Notes {
    let mut noting = Noting::default();
    let file = File::open(events).map(BufReader::new);
    let lines = file
        .into_iter()
        .flat_map(|file| file.split(b'\n').map_while(Result::ok));
    for line in lines {
        if let Ok(Event::Note { message }) = serde_json::from_slice(&line) {
            noting.add(&message);
        }
    }
    noting.finish()
}

/// Names the files below `path` from there on, and `path` itself `name`, so that the same data elsewhere gives the same note.
fn relative(message: &str, path: &str, name: &str) -> String {
    let mut told = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(path) {
        let (before, after) = (&rest[..at], &rest[at + path.len()..]);
        told += before;
        let part = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
        match after.strip_prefix('/') {
            Some(below) if below.starts_with(part) => rest = below,
            None if after.starts_with(part) => {
                told += path;
                rest = after;
            }
            _ => {
                told += name;
                rest = after;
            }
        }
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_input_that_they_are_in() {
        let inputs = [
            ("data", "/home/me/glue"),
            ("source", "/home/me/glue/QQP"),
            ("whole", "/"),
        ];
        let inputs = inputs.map(|(name, path)| (name.to_owned(), path.into()));
        let mut taker = NoteTaker::new(&Inputs(inputs.into()));
        for message in [
            "/home/me/glue/QQP/train.tsv: 3 short rows left out",
            "/home/me/glue/QQP: empty; /home/me/glue/MNLI",
            "/home/me/glue2/x, of `/home/me/glue`",
            "1/2 of it, and a/b",
        ] {
            taker.add(message);
        }
        let notes = taker.finish();
        assert_eq!(
            notes.messages().collect::<Vec<_>>(),
            [
                "train.tsv: 3 short rows left out",
                "source: empty; MNLI",
                "/home/me/glue2/x, of `data`",
                "1/2 of it, and a/b",
            ]
        );
    }
}
