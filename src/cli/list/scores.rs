//! The scores that a stage kind may have.

use contract::{ScoreName, Stage};
use serde_json::{Value, json};

use super::names::wrapped;
use crate::registry::Registry;
use crate::terminal::Paint;

/// The scores of a kind.
struct Known {
    scores: Vec<ScoreName>,
    /// The stage kind whose artifact must be read for these scores to be known; `None` if any may be.
    reads: Option<&'static str>,
}

/// Returns the scores that a kind may have, whatever its parameters; `None` where data of the user's decide.
fn known(stage: &dyn Stage, registry: &Registry) -> Option<Known> {
    let makers = registry.kinds().map(Some);
    [None].into_iter().chain(makers).find_map(|reads| {
        let scores = stage.scores(None, &|_| reads)?;
        Some(Known { scores, reads })
    })
}

/// Lists the scores by split; empty where they are not known.
pub(super) fn text(stage: &dyn Stage, registry: &Registry) -> String {
    let Some(Known { scores, reads }) = known(stage, registry) else {
        return String::new();
    };
    let mut splits: Vec<(&str, Vec<String>)> = Vec::new();
    for score in scores {
        match splits.iter_mut().find(|(split, _)| *split == score.split) {
            Some((_, names)) => names.push(score.name),
            None => splits.push((score.split, vec![score.name])),
        }
    }
    let reads = reads.map(|kind| format!(" (of what {kind} makes)"));
    let mut text = format!("\n{}{}\n", "scores".bold(), reads.unwrap_or_default());
    for (split, names) in splits {
        text += &wrapped(&format!("  on the split {}: ", split.cyan()), &names);
    }
    text
}

pub(super) fn json(stage: &dyn Stage, registry: &Registry) -> Value {
    let Some(Known { scores, .. }) = known(stage, registry) else {
        return Value::Null;
    };
    let scores = scores.iter();
    scores
        .map(|score| json!({ "name": score.name, "split": score.split }))
        .collect()
}
