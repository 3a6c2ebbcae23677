//! The tasks that can be read, each with its reader. A new task is a row of `layout`, or a reader beside `sts` and `squad` and a
//! source here.

use std::path::Path;

use contract::StageError;

use crate::layout::{LAYOUTS, Layout};
use crate::server::{self, TestSplit};
use crate::{Benchmark, artifact, glue, minimal_pairs, squad, sts, transfer, triplets};

const GLUE: usize = LAYOUTS.len();
const SQUAD: usize = squad::RELEASES.len();

/// The names of all tasks: those of `layout`, the similarity sets, the releases of SQuAD, minimal pairs, sentences to train on,
/// transfer sets.
pub(crate) const TASKS: [&str; GLUE + 1 + SQUAD + 4] = {
    let mut names = [artifact::STS; GLUE + 1 + SQUAD + 4];
    let mut place = 0;
    while place < GLUE {
        names[place] = LAYOUTS[place].task;
        place += 1;
    }
    while place < GLUE + SQUAD {
        names[place + 1] = squad::RELEASES[place - GLUE].task;
        place += 1;
    }
    names[GLUE + 1 + SQUAD] = minimal_pairs::TASK;
    names[GLUE + 2 + SQUAD] = triplets::SENTENCES;
    names[GLUE + 3 + SQUAD] = triplets::TRIPLETS;
    names[GLUE + 4 + SQUAD] = transfer::TASK;
    names
};

/// A benchmark that was read, and notes for the user about its files.
pub(crate) struct Reading {
    pub(crate) benchmark: Benchmark,
    pub(crate) notes: Vec<String>,
}

/// The layout of a task's files.
enum Source {
    Glue(&'static Layout),
    Similarity,
    Squad(&'static squad::Release),
    MinimalPairs,
    Sentences,
    Triplets,
    Transfer,
}

impl Source {
    fn of(task: &str) -> Result<Self, StageError> {
        let glue = LAYOUTS.iter().find(|layout| layout.task == task);
        let squad = squad::RELEASES.iter().find(|release| release.task == task);
        match (glue, squad) {
            (Some(layout), _) => Ok(Self::Glue(layout)),
            (_, Some(release)) => Ok(Self::Squad(release)),
            _ if task == artifact::STS => Ok(Self::Similarity),
            _ if task == minimal_pairs::TASK => Ok(Self::MinimalPairs),
            _ if task == triplets::SENTENCES => Ok(Self::Sentences),
            _ if task == triplets::TRIPLETS => Ok(Self::Triplets),
            _ if task == transfer::TASK => Ok(Self::Transfer),
            _ => Err(StageError::failed(format!("no task is named `{task}`"))),
        }
    }
}

/// Reads a task's official files from the folder `source`; of the similarity sets with all pairs of SICK as a further one, if `sick_all`.
pub(crate) fn read(task: &str, source: &Path, sick_all: bool) -> Result<Reading, StageError> {
    match Source::of(task)? {
        Source::Glue(layout) => glue::read(source, layout),
        Source::Similarity => sts::read(source, sick_all),
        Source::Squad(release) => squad::read(source, release),
        Source::MinimalPairs => minimal_pairs::read(source),
        Source::Sentences => triplets::read_sentences(source),
        Source::Triplets => triplets::read_triplets(source),
        Source::Transfer => transfer::read(source),
    }
}

/// Whether the test splits of a task, which have no labels, can be read.
pub(crate) fn has_tests(task: &str) -> bool {
    matches!(Source::of(task), Ok(Source::Glue(_)))
}

/// Reads the test splits of a task of GLUE; of another there are none.
pub(crate) fn read_tests(task: &str, source: &Path) -> Result<Vec<TestSplit>, StageError> {
    match Source::of(task)? {
        Source::Glue(layout) => server::read(source, layout),
        _ => Ok(Vec::new()),
    }
}

/// Counts the data in a folder in the layout of `task`: tasks of GLUE, similarity or transfer sets, releases of SQuAD, or files
/// of minimal pairs.
pub(crate) fn found(task: &str, folder: &Path) -> usize {
    match Source::of(task) {
        Ok(Source::Glue(_)) => {
            let is_there = |layout: &&Layout| {
                let path = folder.join(layout.folder).join(layout.validation);
                path.is_file()
            };
            LAYOUTS.iter().filter(is_there).count()
        }
        Ok(Source::Similarity) => sts::sets_in(folder),
        Ok(Source::Squad(release)) => usize::from(squad::is_in(folder, release)),
        Ok(Source::MinimalPairs) => minimal_pairs::files_in(folder),
        Ok(Source::Sentences | Source::Triplets) => triplets::files_in(folder, task),
        Ok(Source::Transfer) => transfer::sets_in(folder),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_a_reader() {
        for (place, task) in TASKS.iter().enumerate() {
            assert!(Source::of(task).is_ok(), "{task}");
            assert!(!TASKS[..place].contains(task), "{task} is there twice");
        }
        assert!(Source::of("glue").is_err());
    }
}
