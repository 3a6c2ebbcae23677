//! The answer that looks at no sentence.

use benchmarks::{Example, Kind, Task};
use contract::StageError;
use metrics::scores::Score;

/// Returns the constant prediction of a task: the most frequent class of `train` (of several, the first), or the mean
/// of its scores.
pub fn majority(train: &[Example], kind: Kind) -> f64 {
    match kind {
        Kind::Classification => {
            let mut counts: Vec<usize> = Vec::new();
            for example in train {
                let class = example.class();
                counts.resize(counts.len().max(class + 1), 0);
                counts[class] += 1;
            }
            let most = counts.iter().copied().max().unwrap_or_default();
            counts
                .iter()
                .position(|count| *count == most)
                .unwrap_or_default() as f64
        }
        Kind::Regression => {
            train.iter().map(|example| example.label).sum::<f64>() / train.len().max(1) as f64
        }
    }
}

/// Scores the constant prediction with the task's metrics on its validation splits.
///
/// # Errors
/// When a validation split is empty.
pub fn majority_scores(task: &Task) -> Result<Vec<Score>, StageError> {
    let answer = majority(&task.train, task.kind);
    let answers = |examples: &Vec<Example>| vec![answer; examples.len()];
    let mismatched = task.validation_mismatched.as_ref().map(answers);
    task.scores(&answers(&task.validation), mismatched.as_deref())
}
