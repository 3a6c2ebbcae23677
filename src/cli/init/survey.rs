//! Looks for what the variables of a pipeline can take in a folder of the user's.

use std::fs;
use std::path::{Path, PathBuf};

use crate::graph::InputVariable;

/// How many levels below the folder are looked at.
const DEEPEST: usize = 4;
/// How many files and folders are looked at, at most.
const MOST: usize = 20_000;

/// A variable, and what was found for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) variable: String,
    pub(super) path: PathBuf,
    /// Other places that would do as well.
    pub(super) others: Vec<PathBuf>,
}

/// Finds what the variables can take in a folder: for each variable the place that has most of it. A place is for one variable
/// only, and variables that the fewest places suit choose first.
pub(super) fn survey(folder: &Path, variables: &[InputVariable]) -> Vec<Finding> {
    let places = places(folder);
    let mut candidates: Vec<(&str, Vec<(u64, &PathBuf)>)> = variables
        .iter()
        .map(|variable| {
            let suits = |path: &&PathBuf| {
                let InputVariable {
                    stage,
                    input,
                    params,
                    ..
                } = variable;
                stage
                    .suits(input, params, path)
                    .filter(|amount| *amount > 0)
            };
            let places = places.iter();
            let suiting = places.filter_map(|path| Some((suits(&path)?, path)));
            (variable.name.as_str(), suiting.collect())
        })
        .collect();
    candidates.sort_by_key(|(_, places)| places.len());
    let mut findings: Vec<Finding> = Vec::new();
    for (variable, mut places) in candidates {
        places.retain(|(_, path)| {
            let is_taken =
                |taken: &Finding| path.starts_with(&taken.path) || taken.path.starts_with(path);
            !findings.iter().any(is_taken)
        });
        // Of places with the same amount the first is taken, which is the nearest.
        let most = places.iter().map(|(amount, _)| *amount).max();
        let Some((_, best)) = places.iter().find(|(amount, _)| Some(*amount) == most) else {
            continue;
        };
        let best = (*best).clone();
        let others = places.iter().map(|(_, path)| (*path).clone());
        findings.push(Finding {
            variable: variable.to_owned(),
            others: others
                .filter(|path| !path.starts_with(&best) && !best.starts_with(path))
                .collect(),
            path: best,
        });
    }
    findings.sort_by_key(|finding| {
        variables
            .iter()
            .position(|known| known.name == finding.variable)
    });
    findings
}

/// Returns the folder and everything below it, level by level, sorted by name. Hidden files and folders are passed over.
fn places(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_path_buf()];
    let mut level = all.clone();
    for _ in 0..DEEPEST {
        let mut next = Vec::new();
        for folder in &level {
            let Ok(entries) = fs::read_dir(folder) else {
                continue;
            };
            let mut below: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            below.sort();
            let is_hidden = |path: &PathBuf| {
                path.file_name()
                    .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
            };
            below.retain(|path| !is_hidden(path) && path.to_str().is_some() && path.is_dir());
            if all.len() + next.len() + below.len() > MOST {
                return all;
            }
            next.extend(below);
        }
        all.extend(next.iter().cloned());
        level = next;
    }
    all
}
