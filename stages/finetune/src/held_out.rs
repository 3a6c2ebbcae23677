//! Held-out training examples: the model is not trained on them but scored on them, so that runs can be chosen by these scores and
//! the scores on the development split stay unbiased.

use benchmarks::{Metric, Prediction, Task};
use contract::{ScoreName, StageError};
use kernels::Stream;
use metrics::scores::Score;

/// The name of the split, and the suffix of its scores' names.
pub(crate) const SPLIT: &str = "held_out";

/// Takes `count` training examples out of the task, drawn in the same way for every seed. Returns a task whose validation
/// split they are, in the file's order; `None` if `count` is 0.
///
/// # Errors
/// When no example would be left to train on.
pub(crate) fn set_aside(task: &mut Task, count: usize) -> Result<Option<Task>, StageError> {
    if count == 0 {
        return Ok(None);
    }
    let all = task.train.len();
    if count >= all {
        return Err(StageError::input(
            "held_out",
            format!("{count} of {all} training examples leave none to train on"),
            "set fewer aside",
        ));
    }
    let mut is_held_out = vec![false; all];
    for at in Stream::new(0, "held-out examples")
        .draws(0, 0, 0)
        .choose(all, count)
    {
        is_held_out[at] = true;
    }
    let mut kept = Vec::with_capacity(all - count);
    let mut held_out = Vec::with_capacity(count);
    for (example, is_held_out) in std::mem::take(&mut task.train).into_iter().zip(is_held_out) {
        let to = if is_held_out {
            &mut held_out
        } else {
            &mut kept
        };
        to.push(example);
    }
    task.train = kept;
    Ok(Some(Task {
        name: task.name.clone(),
        kind: task.kind,
        labels: task.labels.clone(),
        metrics: task.metrics.clone(),
        train: Vec::new(),
        validation: held_out,
        validation_mismatched: None,
    }))
}

/// Returns the names of the scores on held-out examples.
pub(crate) fn score_names() -> impl Iterator<Item = ScoreName> {
    let names = Metric::ALL.into_iter();
    names.map(|metric| ScoreName::new(renamed(metric.name()), SPLIT))
}

fn renamed(name: &str) -> String {
    format!("{name}_{SPLIT}")
}

/// Scores predictions for held-out examples, under names of their own: `accuracy_held_out`.
///
/// # Errors
/// The errors of [`Task::scores`].
pub(crate) fn scores(
    held_out: &Task,
    predictions: &[Prediction],
) -> Result<Vec<Score>, StageError> {
    let scores = held_out.scores(predictions, None)?.into_iter();
    let renamed = scores.map(|score| Score {
        name: renamed(&score.name),
        split: SPLIT.to_owned(),
        main: false,
        ..score
    });
    Ok(renamed.collect())
}
