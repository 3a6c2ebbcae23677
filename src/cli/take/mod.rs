//! `pipe export TARGET --to FOLDER`: a trained model as a folder that the libraries of Hugging Face load.

mod card;
mod known;
mod places;

use std::fs;
use std::path::{Path, PathBuf};

use contract::{ArtifactType, Context};
use serde_json::json;

use super::Exit;
use super::arguments::ExportArguments;
use super::aside::Aside;
use super::failure::CommandFailure;
use super::one::One;
use super::output::{path_json, print, print_json, tell};
use super::tool::Tool;
use crate::registry::take::{self, ModelCard, Taker};
use crate::registry::{KEPT, Registry, take_kept, trained_pooling};
use crate::terminal::Paint;

pub(super) use places::label;

/// The file that the Hub shows.
const CARD: &str = "README.md";
/// The use that a fine-tuned model is written for, with its head.
const TASK: &str = "task";
/// What to do where the folder cannot be written.
const ELSEWHERE: &str = "name another folder with --to";

/// Writes the model of a stage's result.
pub(super) fn folder(
    arguments: &ExportArguments,
    to: &Path,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let [target] = &arguments.targets[..] else {
        return Err(CommandFailure::Usage {
            message: "a folder holds the model of one stage".into(),
            remedy: "name one stage, and export the others to folders of their own".into(),
        });
    };
    // What is asked for is read first: it needs no project.
    let pooling = arguments.pooling.as_deref();
    let wants_task = arguments.for_.as_deref() == Some(TASK);
    if wants_task && pooling.is_some() {
        return Err(CommandFailure::Usage {
            message: format!("a folder for {TASK} has the pooling that its head was trained with"),
            remedy: "leave --pooling out".into(),
        });
    }
    let asked = match (&arguments.for_, pooling) {
        (Some(_), _) if wants_task => None,
        (Some(name), _) => Some(Taker::read(name, pooling)?),
        (None, Some(_)) => Some(Taker::read("sentences", pooling)?),
        (None, None) => None,
    };
    let one = One::find(&arguments.common, target, registry)?;
    let source = Source::of(&one, asked, wants_task, registry)?;
    let tool = Tool::new(arguments.common.verbosity())?;
    let aside = Aside::folder(to, one.store.root(), ELSEWHERE)?;
    let card = aside.told(write(source, &one, &aside, &tool.context, registry))?;
    tool.context.keep_going()?;
    aside.finish()?;
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "path": path_json(to),
            "library": card.library,
            "class": card.class,
            "task": card.task,
            "key": one.result().key,
            "artifact": one.artifact(),
        }))?;
        return Ok(Exit::Ok);
    }
    let class = &card.class;
    print(&format!("{}: {}, for {class}\n", to.display(), shown(&one)))?;
    if !arguments.common.quiet {
        for note in &card.notes {
            tell(&format!("{} {note}", "note:".cyan()));
        }
    }
    Ok(Exit::Ok)
}

/// Returns what a result is called here.
fn shown(one: &One) -> String {
    match &one.part {
        Some((step, _)) => format!("{}/{step}", one.job().label),
        None => one.job().label.to_string(),
    }
}

/// Writes the folder, with its card, aside.
fn write(
    source: Source,
    one: &One,
    aside: &Aside,
    context: &Context,
    registry: &Registry,
) -> Result<ModelCard, CommandFailure> {
    let card = source.write(one, &aside.path(), context)?;
    let text = card::text(one, &card, registry)?;
    let path = aside.path().join(CARD);
    fs::write(&path, text).map_err(|source| CommandFailure::Project {
        path,
        source,
        remedy: ELSEWHERE,
    })?;
    Ok(card)
}

/// What is taken of a result.
enum Source {
    /// The encoder that it is, for a use if one was named.
    Encoder(Option<Taker>),
    /// The fine-tuned model in it.
    Kept(PathBuf),
}

impl Source {
    fn of(
        one: &One,
        asked: Option<Taker>,
        wants_task: bool,
        registry: &Registry,
    ) -> Result<Self, CommandFailure> {
        if one.is(ArtifactType::Encoder) && !wants_task {
            return Ok(Self::Encoder(asked));
        }
        match kept(one, registry)? {
            Some(_) if asked.is_some() => Err(CommandFailure::Usage {
                message: format!(
                    "{} holds a fine-tuned model, whose head decides what it is for",
                    one.job().label
                ),
                remedy: format!("leave --for and --pooling out, or give --for {TASK}"),
            }),
            Some(folder) => Ok(Self::Kept(folder)),
            None if one.is(ArtifactType::Encoder) => Err(CommandFailure::Usage {
                message: format!(
                    "{} holds an encoder without a head for a task",
                    one.job().label
                ),
                remedy: "leave --for out, or name a stage that fine-tunes".into(),
            }),
            None => Err(no_model(one)),
        }
    }

    fn write(self, one: &One, to: &Path, context: &Context) -> Result<ModelCard, CommandFailure> {
        let job = one.job();
        let asked = match self {
            Self::Encoder(asked) => asked,
            Self::Kept(folder) => return Ok(take_kept(job.kind, &folder, to, context)?),
        };
        let from = one.lay_out(None)?.unwrap_or_default();
        let pooling = trained_pooling(job.kind, &job.params.params());
        let taker = match asked {
            Some(taker) => taker,
            None => take::usual(&from, pooling, context)?,
        };
        Ok(take::take(&from, (taker, pooling), to, context)?)
    }
}

/// Returns the folder of the fine-tuned model that a result holds; none for a result of a kind that never holds one.
///
/// # Errors
/// When the kind can keep its model and was not asked to.
pub(super) fn kept(one: &One, registry: &Registry) -> Result<Option<PathBuf>, CommandFailure> {
    if one.part.is_some() {
        return Ok(None);
    }
    let (folder, parameter) = KEPT;
    if let Some(folder) = one.lay_out(Some(folder))? {
        return Ok(Some(folder));
    }
    let job = one.job();
    let keeps = registry.get(job.kind).is_some_and(|kind| {
        let mut fields = kind.signature().fields.iter();
        fields.any(|field| field.name == parameter)
    });
    match keeps {
        false => Ok(None),
        true => Err(CommandFailure::Usage {
            message: format!("{} has not kept its model", job.label),
            remedy: format!(
                "write {parameter} = true in [stage.{}] of the pipeline file, and run it again: {}",
                job.stage,
                one.project
                    .command("run", std::slice::from_ref(&one.target))
            ),
        }),
    }
}

/// Says why a result is no model, and which are.
fn no_model(one: &One) -> CommandFailure {
    let job = one.job();
    let stages = one.project.pipeline.stages();
    let stages = stages.filter(|(_, signature)| signature.output == ArtifactType::Encoder);
    let names: Vec<&str> = stages.map(|(name, _)| name).collect();
    CommandFailure::Usage {
        message: format!(
            "{} holds no model: a stage of kind {} makes {}",
            job.label, job.kind, job.output
        ),
        remedy: match names.is_empty() {
            true => "name a stage that trains an encoder".into(),
            false => format!("name a stage that makes an encoder: {}", names.join(", ")),
        },
    }
}
