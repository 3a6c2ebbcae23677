//! The baselines as stages.

use benchmarks::Task;
use contract::{
    ArtifactType, Context, Event, Field, FieldDefault, FieldType, Inputs, Params, ScoreName,
    Signature, Stage, StageError,
};

use crate::predictions::FILES;
use crate::{bag_of_words_predictions, majority_predictions};

/// Scores the most frequent class of a task.
pub struct MajorityStage;

/// Scores a bag-of-words logistic regression on a task.
pub struct BagOfWordsStage;

const FIELDS: &[Field] = &[Field::new(
    "data",
    FieldType::Input(ArtifactType::Benchmark),
    FieldDefault::Required,
    "the GLUE task whose training split is fitted and whose development split is scored",
)];

impl Stage for MajorityStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "majority",
            // Version 2: a correlation with a constant is undefined, not 0. Version 3: predictions are written.
            version: 3,
            about: "Scores the most frequent class of a task, or the mean of its scores",
            fields: FIELDS,
            output: ArtifactType::Scores,
            numerics: None,
            files: FILES,
        }
    }

    fn scores(
        &self,
        _: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        Some(Task::score_names())
    }

    fn run(&self, _: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let task = benchmarks::read_labelled(inputs.path("data")?)?;
        majority_predictions(&task).write(&task, context.output())
    }
}

impl Stage for BagOfWordsStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "bag-of-words",
            // Version 2: a correlation with a constant is undefined, not 0. Version 3: predictions are written.
            version: 3,
            about: "Scores a logistic regression over the words of the sentences",
            fields: FIELDS,
            output: ArtifactType::Scores,
            // The model uses the kernels' exp and ln.
            numerics: Some(|_, _| kernels::numerics::CLASS),
            files: FILES,
        }
    }

    fn scores(
        &self,
        _: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        Some(Task::score_names())
    }

    fn run(&self, _: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let task = benchmarks::read_labelled(inputs.path("data")?)?;
        bag_of_words_predictions(&task)?.write(&task, context.output())?;
        let examples = task.train.len() as f64;
        context.tell(&Event::Worked {
            amount: examples,
            unit: "example".to_owned(),
        });
        Ok(())
    }
}
