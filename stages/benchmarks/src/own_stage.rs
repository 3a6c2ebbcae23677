//! The stage `task`.

use contract::{
    ArtifactType, Context, Event, Field, FieldDefault, FieldType, Inputs, Params, Problem,
    Signature, Stage, StageError, joined,
};

use crate::artifact;
use crate::catalogue::Reading;
use crate::own::{self, COUNT, Parameters};

/// Makes a task of the user's own tables.
pub struct TaskStage;

const INPUTS: &[Field] = &[
    Field::new(
        "train",
        FieldType::Input(ArtifactType::Folder),
        FieldDefault::Required,
        "the examples to train on, a row each: a `.tsv`, `.csv` or `.parquet` file whose columns have names",
    ),
    Field::new(
        "dev",
        FieldType::Input(ArtifactType::Folder),
        FieldDefault::Absent,
        "the examples that are scored, in such a file; if left out, a share of `train`",
    ),
];

static FIELDS: [Field; 2 + COUNT] = joined(&[INPUTS, own::FIELDS]);

impl Stage for TaskStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "task",
            version: 1,
            about: "Makes a task of your own of a table of texts with classes or scores",
            fields: &FIELDS,
            output: ArtifactType::Benchmark,
            numerics: None,
            files: artifact::OWN_FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(Parameters::check)
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        // What is wrong with the declaration by itself was told before anything ran.
        let declared = parameters.declaration().map_err(|problems| {
            let messages = problems.iter().map(|problem| problem.message.as_str());
            StageError::failed(messages.collect::<Vec<_>>().join("; "))
        })?;
        let (train, dev) = (inputs.path("train")?, inputs.optional("dev"));
        let Reading { benchmark, notes } = own::read(train, dev, &declared)?;
        context.keep_going()?;
        artifact::write(context.output(), &benchmark)?;
        for note in notes {
            context.note(note);
        }
        context.tell(&Event::Worked {
            amount: benchmark.examples() as f64,
            unit: "example".to_owned(),
        });
        Ok(())
    }
}
