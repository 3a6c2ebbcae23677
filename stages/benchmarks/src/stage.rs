//! The stage `benchmarks`.

use std::path::Path;

use contract::{
    ArtifactType, Context, Event, Field, FieldDefault, FieldType, Inputs, KeyPolicy, Params,
    Problem, Signature, Sizes, Stage, StageError,
};
use serde::Deserialize;

use crate::artifact;
use crate::catalogue::{self, Reading, TASKS};

/// Reads one benchmark's official files.
pub struct BenchmarksStage;

#[derive(Deserialize)]
struct Parameters {
    task: String,
    test: bool,
    sick_all: bool,
}

impl Stage for BenchmarksStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "benchmarks",
            // Version 2: examples have names. Version 3: pairs without a gold score are told, and the folders of SemEval are found.
            version: 3,
            about: "Reads a GLUE task, the seven STS sets, SQuAD or minimal pairs from the official files",
            fields: const {
                &[
                    Field::new(
                        "source",
                        FieldType::Input(ArtifactType::Folder),
                        FieldDefault::Required,
                        "the folder of the tasks (`glue_data`) or SentEval's `data/downstream`, \
                            or the folder of SQuAD's JSON files, or a folder above it, or of BLiMP's JSON lines, or a file of sentences",
                    ),
                    Field::new(
                        "task",
                        FieldType::Choice(&TASKS),
                        FieldDefault::Required,
                        "the GLUE task, `sts` for STS12 to STS16, STS-B and SICK-R, `squad` (1.1) and `squad2` (2.0), or \
                            `minimal-pairs` for BLiMP and JSON lines of its form, `sentences` for a text file with one a line, \
                            `triplets` for a table with the columns sent0, sent1 and hard_neg, which may be missing, `transfer` for \
                            SentEval's MR, CR, SUBJ, MPQA, SST2, TREC and MRPC",
                    ),
                    Field::new(
                        "test",
                        FieldType::Bool,
                        FieldDefault::Bool(false),
                        "whether to read the test split of a GLUE task as well, whose labels GLUE's server keeps: a stage `finetune` \
                            then writes its predictions in the form that the server takes",
                    )
                    .keyed(KeyPolicy::Unless(FieldDefault::Bool(false))),
                    Field::new(
                        "sick_all",
                        FieldType::Bool,
                        FieldDefault::Bool(false),
                        "whether `sts` has all 9,927 pairs of SICK as the set `sickr_all` as well, as MTEB scores them, beside `sickr`, \
                            those of the test split; no average has a part of it",
                    )
                    .keyed(KeyPolicy::Unless(FieldDefault::Bool(false))),
                ]
            },
            output: ArtifactType::Benchmark,
            numerics: None,
            files: artifact::FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(
            |Parameters {
                 task,
                 test,
                 sick_all,
             }| {
                let mut problems = Vec::new();
                if *test && !catalogue::has_tests(task) {
                    let message = format!("`{task}` has no test split that is read");
                    problems.push(
                        Problem::value("test", message)
                            .with_help("leave it out: tasks of GLUE have one"),
                    );
                }
                if *sick_all && task != artifact::STS {
                    let message = format!("`{task}` has no pairs of SICK");
                    problems.push(
                        Problem::value("sick_all", message)
                            .with_help("leave it out: it belongs to the task `sts`"),
                    );
                }
                problems
            },
        )
    }

    /// Number of tasks or similarity sets in the folder.
    fn suits(&self, _: &str, params: &Params, path: &Path) -> Option<u64> {
        let Parameters { task, .. } = params.parse().ok()?;
        Some(catalogue::found(&task, path) as u64)
    }

    /// Number of a task's training examples, which is the size of the source in the source's own unit.
    fn size(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let Parameters { task, .. } = params.parse().ok()?;
        inputs
            .get("source")
            .filter(|_| ![artifact::STS, crate::transfer::TASK].contains(&task.as_str()))
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let Parameters {
            task,
            test,
            sick_all,
        } = params.parse()?;
        let source = inputs.path("source")?;
        let Reading { benchmark, notes } = catalogue::read(&task, source, sick_all)?;
        context.keep_going()?;
        artifact::write(context.output(), &benchmark)?;
        if test {
            artifact::write_tests(context.output(), &catalogue::read_tests(&task, source)?)?;
        }
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
