//! Inputs: what `"@stage/sub/folder"` or a path leads to, and whether that fits.

use std::collections::BTreeSet;
use std::path::PathBuf;

use contract::{ArtifactType, Default, Field};

use super::environment::{Environment, Evaluated, Reads};
use super::parameters::trace;
use crate::declare::{Definition, ItemValue, Origin, Pipeline, StageDeclaration, StageId};
use crate::errors::{Diagnostic, did_you_mean, nearest};

/// Where an input leads.
pub(super) enum Edge {
    /// It was not given and need not be.
    Absent,
    /// To another stage's artifact.
    Stage { stage: StageId, subfolder: Option<String> },
    /// To files.
    Path(PathBuf),
}

/// What looks at inputs.
pub(super) struct Edges<'p> {
    pub(super) pipeline: &'p Pipeline,
    /// Whether the files of the user's must exist.
    pub(super) check_paths: bool,
    /// Paths already found to exist.
    existing: BTreeSet<PathBuf>,
}

impl<'p> Edges<'p> {
    pub(super) fn new(pipeline: &'p Pipeline, check_paths: bool) -> Self {
        Self { pipeline, check_paths, existing: BTreeSet::new() }
    }

    /// Finds where the input `field` of `stage` leads; `None` where that is wrong and `problems` says so.
    pub(super) fn resolve(
        &mut self,
        stage: &'p StageDeclaration,
        field: &Field,
        expected: ArtifactType,
        environment: &Environment<'p>,
        reads: &mut Reads,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Edge> {
        let (source, name) = (&self.pipeline.source, &stage.name);
        let what = format!("`{}` of stage `{}`", field.name, name.text);
        let takes = format!("it takes an artifact of type {expected}: \"@stage\" or a path");
        let Some(item) = stage.items.iter().find(|item| item.key.text == field.name) else {
            if field.default == Default::Absent {
                return Some(Edge::Absent);
            }
            problems.push(
                Diagnostic::new(format!("`{}` is missing", field.name))
                    .at(source, name.span.clone(), "")
                    .help(format!("{takes}; {}", field.about)),
            );
            return None;
        };
        let ItemValue::Value(definition) = &item.value else {
            problems.push(
                Diagnostic::new("expected an input, found a table")
                    .at(source, item.span.clone(), what)
                    .help(takes),
            );
            return None;
        };
        let evaluated = match environment.evaluate(definition, reads) {
            Ok(evaluated) => evaluated,
            Err(problem) => {
                problems.push(problem);
                return None;
            }
        };
        let result = match evaluated.value.as_str() {
            None => {
                let message = format!("expected an input, found {}", evaluated.value);
                Err(Diagnostic::new(message).help(takes))
            }
            // An optional input can be switched off by a variable.
            Some("") if field.default == Default::Absent => Ok(Edge::Absent),
            Some("") => Err(Diagnostic::new(format!("`{}` is empty", field.name)).help(takes)),
            Some(text) => match text.strip_prefix('@') {
                Some(reference) => match self.stage(reference, field, expected, stage) {
                    Some(result) => result,
                    None => return None,
                },
                None => self.path(text, evaluated.origin),
            },
        };
        self.place(result, &evaluated, definition, &what, problems)
    }

    fn place(
        &self,
        result: Result<Edge, Diagnostic>,
        evaluated: &Evaluated<'p>,
        definition: &'p Definition,
        what: &str,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Edge> {
        result
            .map_err(|problem| {
                problems.push(trace(problem, evaluated.origin, &definition.origin, what));
            })
            .ok()
    }

    /// Resolves `stage/sub/folder`; `None` where the stage is known to be broken.
    fn stage(
        &self,
        reference: &str,
        field: &Field,
        expected: ArtifactType,
        user: &StageDeclaration,
    ) -> Option<Result<Edge, Diagnostic>> {
        let (name, subfolder) = match reference.split_once('/') {
            Some((name, subfolder)) => (name, Some(subfolder)),
            None => (reference, None),
        };
        let Some(declared) = self.pipeline.stage_ids.get(name) else {
            let known = self.pipeline.stage_ids.keys().map(String::as_str);
            let help = did_you_mean(name, known, "stages");
            return Some(Err(Diagnostic::new(format!("unknown stage `{name}`")).help(help)));
        };
        let id = (*declared)?;
        let output = self.pipeline.stage(id).signature.output;
        if output != expected {
            let message = format!(
                "`{}` of stage `{}` takes {}, but `@{name}` makes {}",
                field.name,
                user.name.text,
                a(expected),
                a(output)
            );
            return Some(Err(Diagnostic::new(message).maybe_help(self.makers(expected))));
        }
        Some(match subfolder {
            None => Ok(Edge::Stage { stage: id, subfolder: None }),
            Some(_) if output != ArtifactType::Folder => Err(Diagnostic::new(format!(
                "`@{name}` makes {}: only a folder has folders to name",
                a(output)
            ))
            .help(format!("write \"@{name}\""))),
            Some(path) if path.split('/').any(|step| matches!(step, "" | "." | "..")) => {
                Err(Diagnostic::new(format!("`{path}` is no folder inside an artifact"))
                    .help("write \"@stage/sub/folder\""))
            }
            Some(path) => Ok(Edge::Stage { stage: id, subfolder: Some(path.to_owned()) }),
        })
    }

    /// Says which stages make what is needed.
    fn makers(&self, expected: ArtifactType) -> Option<String> {
        let makers: Vec<_> = self
            .pipeline
            .stages
            .iter()
            .filter(|stage| stage.signature.output == expected)
            .map(|stage| format!("@{}", stage.name.text))
            .collect();
        (!makers.is_empty()).then(|| format!("stages that make {}: {}", a(expected), makers.join(", ")))
    }

    fn path(&mut self, text: &str, origin: &Origin) -> Result<Edge, Diagnostic> {
        let (base, from) = if origin.command_line {
            (&self.pipeline.current, "the current folder")
        } else {
            (&self.pipeline.root, "the folder of the pipeline file")
        };
        let path = base.join(text);
        if !self.check_paths || self.existing.contains(&path) {
            return Ok(Edge::Path(path));
        }
        match path.try_exists() {
            Ok(true) => {
                self.existing.insert(path.clone());
                Ok(Edge::Path(path))
            }
            Ok(false) => {
                let known = self.pipeline.stage_ids.keys().map(String::as_str);
                let help = match nearest(text, known) {
                    Some(stage) => format!("did you mean the stage `@{stage}`?"),
                    None => format!("a relative path starts at {from}"),
                };
                Err(Diagnostic::new(format!("no such file or folder: {text}")).help(help))
            }
            Err(error) => Err(Diagnostic::new(format!("cannot look at {text}: {error}"))
                .help("check the permissions of that path")),
        }
    }
}

/// Returns the type with its article: `an encoder`, `tokens`.
fn a(kind: ArtifactType) -> String {
    match kind {
        ArtifactType::Tokens | ArtifactType::Embeddings | ArtifactType::Scores => kind.to_string(),
        ArtifactType::Encoder => format!("an {kind}"),
        ArtifactType::Folder
        | ArtifactType::Corpus
        | ArtifactType::Tokenizer
        | ArtifactType::Benchmark => format!("a {kind}"),
    }
}
