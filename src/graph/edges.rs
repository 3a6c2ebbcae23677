//! Inputs: what `"@stage/sub/folder"` or a path leads to, and whether that fits.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use contract::ArtifactType;

use super::environment::{Environment, Reads};
use super::parameters::trace;
use crate::belongs::{Dangling, dangling};
use crate::declare::{InputDeclaration, ItemValue, Origin, Pipeline, StageDeclaration, StageId};
use crate::errors::{Diagnostic, did_you_mean, nearest};

/// Where an input leads.
pub(super) enum Edge {
    /// The input was not given, and is optional.
    Absent,
    /// To another stage's artifact.
    Stage {
        stage: StageId,
        subfolder: Option<Arc<str>>,
    },
    /// To a stage that makes something else, which has been reported: the edge serves to find cycles.
    Wrong(StageId),
    /// To files.
    Path(Arc<Path>),
}

/// Which of the user's files that inputs name must exist.
#[derive(Clone, Copy)]
pub(super) enum Files<'a> {
    /// No file has to exist.
    Any,
    /// Every file must exist.
    There,
    /// Every file must exist but those for which this is true.
    ThereUnless(&'a dyn Fn(&Path) -> bool),
}

/// What looks at inputs.
pub(super) struct Edges<'p> {
    pub(super) pipeline: &'p Pipeline,
    /// Which files of the user's must exist.
    files: Files<'p>,
    /// Paths already found to exist.
    existing: BTreeSet<Arc<Path>>,
}

impl<'p> Edges<'p> {
    pub(super) fn new(pipeline: &'p Pipeline, files: Files<'p>) -> Self {
        Self {
            pipeline,
            files,
            existing: BTreeSet::new(),
        }
    }

    /// Finds where an input of `stage` leads; `None` where that is wrong, which `problems` then says.
    pub(super) fn resolve(
        &mut self,
        stage: &'p StageDeclaration,
        input: &'p InputDeclaration,
        environment: &Environment<'p>,
        reads: &mut Reads,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Edge> {
        let (source, name) = (&self.pipeline.source, &stage.name);
        let expected = input.takes;
        let what = format!("`{}` of stage `{}`", input.path.join("."), name.text);
        let takes = match expected {
            Some(kind) => format!("it takes an artifact of type {kind}: \"@stage\" or a path"),
            None => "it takes any artifact: \"@stage\" or a path".into(),
        };
        let Some(item) = stage.written(&input.path) else {
            if input.optional {
                return Some(Edge::Absent);
            }
            problems.push(
                Diagnostic::new(format!("`{}` is missing", input.name))
                    .at(source, name.span.clone(), "")
                    .help(format!("{takes}; {}", input.about)),
            );
            return None;
        };
        let definition = match (&item.value, &input.gathers) {
            (ItemValue::Value(definition), _) => Some(definition),
            (_, Some(gathers)) => Some(&gathers.stage),
            _ => None,
        };
        let Some(definition) = definition else {
            let found = match &item.value {
                ItemValue::List(_) => "a list",
                // What is wrong with the value has been reported.
                _ => return None,
            };
            problems.push(
                Diagnostic::new(format!("expected an input, found {found}"))
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
        let gathers = input.gathers.as_ref();
        let folder = Some(ArtifactType::Folder);
        if let (Some(gathers), Some(expected)) = (gathers, expected.filter(|_| expected != folder))
        {
            let message = format!(
                "{what} takes {}, and this is a folder of several results",
                a(expected)
            );
            problems.push(
                Diagnostic::new(message)
                    .at(source, gathers.span.clone(), "")
                    .help("name one stage: \"@stage\"; programs of a `command` stage take folders"),
            );
            return None;
        }
        // Gathered results are a folder, whatever the stage makes.
        let expected = if gathers.is_some() { None } else { expected };
        let mut wrong = None;
        let result = match evaluated.value.as_str() {
            None => {
                let message = format!("expected an input, found {}", evaluated.value);
                Err(Diagnostic::new(message).help(takes))
            }
            // An optional input can be switched off by a variable.
            Some("") if input.optional => Ok(Edge::Absent),
            Some("") => Err(Diagnostic::new(format!("`{}` is empty", input.name)).help(takes)),
            Some(text) => match text.strip_prefix('@') {
                Some(reference) => {
                    let (name, subfolder) = match reference.split_once('/') {
                        Some((name, subfolder)) => (name, Some(subfolder)),
                        None => (reference, None),
                    };
                    match self.pipeline.stage_ids.get(name) {
                        // The stage is of an unknown kind, which has been reported.
                        Some(None) => return None,
                        Some(Some(id)) => self.stage(*id, subfolder, expected).map_err(|why| {
                            wrong = Some(*id);
                            why.unwrap_or_else(|kind| self.mismatch(&what, kind, *id))
                        }),
                        None => Err(self.unknown(name)),
                    }
                }
                None if gathers.is_some() => {
                    let message = format!("`{text}` is no stage, whose results could be gathered");
                    let meant = match self.pipeline.stage_ids.contains_key(text) {
                        true => format!("did you mean `@{text}`?"),
                        false => "write stage = \"@stage\"".to_owned(),
                    };
                    Err(Diagnostic::new(message).help(meant))
                }
                None => self.path(text, evaluated.origin),
            },
        };
        result
            .map_err(|problem| {
                problems.push(trace(problem, evaluated.origin, &definition.origin, &what));
            })
            .ok()
            .or(wrong.map(Edge::Wrong))
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let known = self.pipeline.stage_ids.keys().map(String::as_str);
        let help = did_you_mean(name, known, "stages");
        Diagnostic::new(format!("unknown stage `{name}`")).help(help)
    }

    fn mismatch(&self, what: &str, expected: ArtifactType, maker: StageId) -> Diagnostic {
        let maker = self.pipeline.stage(maker);
        let (name, output) = (&maker.name.text, maker.signature.output);
        let message = format!(
            "{what} takes {}, but `@{name}` makes {}",
            a(expected),
            a(output)
        );
        Diagnostic::new(message).maybe_help(self.makers(expected))
    }

    /// Resolves `@stage/sub/folder`. Fails with the type that was expected, where the stage makes another one.
    fn stage(
        &self,
        id: StageId,
        subfolder: Option<&str>,
        expected: Option<ArtifactType>,
    ) -> Result<Edge, Result<Diagnostic, ArtifactType>> {
        let declaration = self.pipeline.stage(id);
        let (name, output) = (&declaration.name.text, declaration.signature.output);
        if let Some(expected) = expected
            && output != expected
        {
            return Err(Err(expected));
        }
        let problem = match subfolder {
            // An input that takes anything may take any part of an artifact.
            Some(_)
                if output != ArtifactType::Folder
                    && expected.is_some()
                    && declaration.stage.parts(None).is_none() =>
            {
                let made = a(output);
                let message = format!("`@{name}` makes {made}: only a folder has folders to name");
                Diagnostic::new(message).help(format!("write \"@{name}\""))
            }
            Some(path) if path.split('/').any(|step| matches!(step, "" | "." | "..")) => {
                Diagnostic::new(format!("`{path}` is no folder inside an artifact"))
                    .help("write \"@stage/sub/folder\"")
            }
            subfolder => {
                return Ok(Edge::Stage {
                    stage: id,
                    subfolder: subfolder.map(Into::into),
                });
            }
        };
        Err(Ok(problem))
    }

    /// Says which stages make artifacts of that type.
    fn makers(&self, expected: ArtifactType) -> Option<String> {
        let makers: Vec<_> = self
            .pipeline
            .stages
            .iter()
            .filter(|stage| stage.signature.output == expected)
            .map(|stage| format!("@{}", stage.name.text))
            .collect();
        (!makers.is_empty())
            .then(|| format!("stages that make {}: {}", a(expected), makers.join(", ")))
    }

    fn path(&mut self, text: &str, origin: &Origin) -> Result<Edge, Diagnostic> {
        let (base, from) = if origin.command_line {
            (&self.pipeline.current, "the current folder")
        } else {
            (&self.pipeline.root, "the folder of the pipeline file")
        };
        let path = base.join(text);
        if let Some(path) = self.existing.get(&*path) {
            return Ok(Edge::Path(Arc::clone(path)));
        }
        let shared = Arc::from(&*path);
        let is_excused: &dyn Fn(&Path) -> bool = match self.files {
            Files::Any => return Ok(Edge::Path(shared)),
            Files::There => &|_| false,
            Files::ThereUnless(is_excused) => is_excused,
        };
        match path.try_exists() {
            Ok(true) => {
                self.existing.insert(Arc::clone(&shared));
                Ok(Edge::Path(shared))
            }
            Ok(false) if is_excused(&path) => Ok(Edge::Path(shared)),
            Ok(false) => {
                if let Some(Dangling { what, remedy }) = dangling(&path) {
                    return Err(Diagnostic::new(format!("{text}: {what}")).help(remedy));
                }
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
        ArtifactType::Ngrams
        | ArtifactType::Tokens
        | ArtifactType::Embeddings
        | ArtifactType::Scores => kind.to_string(),
        ArtifactType::Encoder => format!("an {kind}"),
        ArtifactType::Folder
        | ArtifactType::Corpus
        | ArtifactType::Tokenizer
        | ArtifactType::Benchmark => format!("a {kind}"),
    }
}
