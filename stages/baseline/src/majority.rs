//! The majority baseline: one constant answer for all examples.

use benchmarks::{Example, Kind, Prediction, Task};
use contract::StageError;
use metrics::scores::Score;

use crate::Predictions;

/// Returns the constant prediction of a task: the most frequent class of `train` (of equally frequent classes, the first), or
/// the mean of its labels.
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

/// Returns the constant prediction for the validation splits of a task. The probability of a class is its share of the training
/// examples.
pub fn majority_predictions(task: &Task) -> Predictions {
    let share = |class: usize| {
        let of_class = task.train.iter().filter(|one| one.class() == class);
        of_class.count() as f64 / task.train.len().max(1) as f64
    };
    let answer = Prediction {
        value: majority(&task.train, task.kind),
        probabilities: match task.kind {
            Kind::Classification => (0..task.labels.len())
                .map(|class| share(class) as f32)
                .collect(),
            Kind::Regression => Vec::new(),
        },
    };
    Predictions::of(task, |examples| vec![answer.clone(); examples.len()])
}

/// Scores the constant prediction with the task's metrics on its validation splits.
///
/// # Errors
/// When a validation split is empty.
pub fn majority_scores(task: &Task) -> Result<Vec<Score>, StageError> {
    majority_predictions(task).scores(task)
}
