//! `pipe encode`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use contract::{Problem, read_text};
use serde_json::{Map, Value, json};

use super::Exit;
use super::arguments::EncodeArguments;
use super::aside::Aside;
use super::failure::CommandFailure;
use super::one::{One, STAGE};
use super::output::{path_json, print, print_json};
use super::project::Project;
use super::tool::Tool;
use crate::progress::count;
use crate::registry::vectors::{self, Asked, Form};
use crate::registry::{Registry, trained_pooling};

/// What to do where the file cannot be written.
const ELSEWHERE: &str = "name another file with --to";

/// Writes the vectors of a text's lines to a file.
pub(super) fn encode(
    arguments: &EncodeArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let asked = Asked::read(&arguments.settings()).map_err(|problems| wrong(&problems))?;
    let form = Form::of(&arguments.to).ok_or_else(|| CommandFailure::Usage {
        message: format!(
            "what {} is to be, its ending does not say",
            arguments.to.display()
        ),
        remedy: "end it with .parquet or .npy".into(),
    })?;
    // A folder's vectors need no project, and so no store.
    let store = Project::store(&arguments.common).ok();
    let store = store.as_deref();
    Aside::check_file(&arguments.to, store, ELSEWHERE)?;
    let sentences = vectors::sentences(&text(&arguments.texts)?);
    if sentences.is_empty() {
        return Err(CommandFailure::Usage {
            message: format!("{} has no line", arguments.texts.display()),
            remedy: "give a text with a sentence a line".into(),
        });
    }
    let (folder, own) = match &arguments.model {
        model if model.starts_with(STAGE) || model.starts_with('@') => {
            let one = One::find(&arguments.common, model, registry)?;
            let job = one.job();
            if !one.is(contract::ArtifactType::Encoder) {
                return Err(CommandFailure::Usage {
                    message: format!("{} makes {}, and no encoder", job.label, job.output),
                    remedy: "name a stage that trains an encoder; `pipe list` shows the stages"
                        .into(),
                });
            }
            let own = trained_pooling(job.kind, &job.params.params());
            (one.lay_out(None)?.unwrap_or_default(), own)
        }
        model if Path::new(model).is_dir() => (PathBuf::from(model), None),
        model => {
            return Err(CommandFailure::Usage {
                message: format!("no such folder: {model}"),
                remedy: "name the folder of an encoder, or a stage: 'stage:pretrain[m=0.4]'".into(),
            });
        }
    };
    let tool = Tool::new(arguments.common.verbosity())?;
    let aside = Aside::file(&arguments.to, store, ELSEWHERE)?;
    let description = aside.told(vectors::write(
        &folder,
        (asked, own),
        &sentences,
        (&aside.path(), form),
        &tool.context,
    ))?;
    tool.context.keep_going()?;
    aside.finish()?;
    let to = &arguments.to;
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "path": path_json(to),
            "vectors": description,
        }))?;
        return Ok(Exit::Ok);
    }
    let vectors = count(description.sentences, "vector");
    print(&format!(
        "{}: {vectors} of {} numbers, pooling {}{}\n",
        to.display(),
        description.dimension,
        description.pooling.name(),
        if description.normalised {
            ", of length 1"
        } else {
            ""
        },
    ))?;
    Ok(Exit::Ok)
}

/// Returns the text in a file, or that of standard input.
pub(super) fn text(path: &Path) -> Result<String, CommandFailure> {
    if path != Path::new("-") {
        if path.is_dir() {
            return Err(CommandFailure::Usage {
                message: format!("{} is a folder, and no text", path.display()),
                remedy: "name a file of text".into(),
            });
        }
        return Ok(read_text(path)?);
    }
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| CommandFailure::Usage {
            message: format!("standard input cannot be read: {error}"),
            remedy: "name a file".into(),
        })?;
    String::from_utf8(bytes).map_err(|_| CommandFailure::Usage {
        message: "what comes from standard input is not UTF-8".into(),
        remedy: "send text in UTF-8".into(),
    })
}

/// Returns the error for wrong settings, each with its option.
fn wrong(problems: &[Problem]) -> CommandFailure {
    let told = problems.iter().map(|problem| {
        let name = problem.path.last().map_or("", String::as_str);
        format!("--{}: {}", name.replace('_', "-"), problem.message)
    });
    let help = problems.iter().find_map(|problem| problem.help.clone());
    CommandFailure::Usage {
        message: told.collect::<Vec<_>>().join("; "),
        remedy: help.unwrap_or_else(|| "`pipe encode --help` tells what is taken".into()),
    }
}

impl EncodeArguments {
    /// Returns what was asked for, as parameters.
    fn settings(&self) -> Map<String, Value> {
        let given = [
            ("pooling", self.pooling.as_deref().map(Value::from)),
            ("normalise", self.normalise.as_deref().map(Value::from)),
            ("max_length", self.max_length.map(Value::from)),
            ("precision", self.precision.as_deref().map(Value::from)),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}
