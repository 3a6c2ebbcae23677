//! The stage.

use std::path::Path;

use contract::{
    ArtifactType, Context, Event, Field, FieldDefault, FieldType, Inputs, Params, Signature, Sizes,
    Stage, StageError,
};
use serde::Deserialize;

use crate::layout::{LAYOUTS, Layout};
use crate::{artifact, glue, sts};

/// Reads one benchmark's official files.
pub struct BenchmarksStage;

const TASKS: &[&str] = &[
    "cola",
    "sst2",
    "mrpc",
    "qqp",
    "stsb",
    "mnli",
    "qnli",
    "rte",
    "wnli",
    artifact::STS,
];

#[derive(Deserialize)]
struct Parameters {
    task: String,
}

impl Stage for BenchmarksStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "benchmarks",
            version: 1,
            about: "Reads a GLUE task or the seven STS sets from the official files",
            fields: const {
                &[
                    Field::new(
                        "source",
                        FieldType::Input(ArtifactType::Folder),
                        FieldDefault::Required,
                        "the folder of the tasks (`glue_data`) or SentEval's `data/downstream`, \
                            or a folder above it",
                    ),
                    Field::new(
                        "task",
                        FieldType::Choice(TASKS),
                        FieldDefault::Required,
                        "the GLUE task, or `sts` for STS12 to STS16, STS-B and SICK-R",
                    ),
                ]
            },
            output: ArtifactType::Benchmark,
            numerics: None,
            files: artifact::FILES,
        }
    }

    /// As many tasks, or sets of similarity, as lie in a folder.
    fn suits(&self, _: &str, params: &Params, path: &Path) -> Option<u64> {
        let Parameters { task } = params.parse().ok()?;
        let tasks = match task == artifact::STS {
            true => sts::sets_in(path),
            false => {
                let is_there =
                    |layout: &&Layout| path.join(layout.folder).join(layout.validation).is_file();
                LAYOUTS.iter().filter(is_there).count()
            }
        };
        Some(tasks as u64)
    }

    /// Examples of a task to train on: as many as its source has of each.
    fn size(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let Parameters { task } = params.parse().ok()?;
        inputs.get("source").filter(|_| task != artifact::STS)
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let Parameters { task } = params.parse()?;
        let source = inputs.path("source")?;
        let (notes, examples) = if let Some(layout) = LAYOUTS.iter().find(|one| one.task == task) {
            let glue::Reading { task, notes } = glue::read(source, layout)?;
            context.keep_going()?;
            artifact::write(context.output(), &task)?;
            let mismatched = task.validation_mismatched.as_ref().map_or(0, Vec::len);
            (notes, task.train.len() + task.validation.len() + mismatched)
        } else {
            let sts::Reading { pairs, notes } = sts::read(source)?;
            context.keep_going()?;
            artifact::write_pairs(context.output(), &pairs)?;
            (notes, pairs.len())
        };
        for note in notes {
            context.note(note);
        }
        context.tell(&Event::Worked {
            amount: examples as f64,
            unit: "example".to_owned(),
        });
        Ok(())
    }
}
