//! `pipe export TARGET --mteb FOLDER`: results in the form of MTEB's result files.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Exit;
use super::arguments::ExportArguments;
use super::aside::Aside;
use super::failure::CommandFailure;
use super::one::One;
use super::output::{path_json, print, print_json, tell};
use super::take;
use crate::graph::InputSource;
use crate::progress::count;
use crate::registry::mteb::{self, Results, Whose};
use crate::registry::{Registry, mteb_inputs};
use crate::store::Digest;
use crate::terminal::Paint;

/// What to do where the folder cannot be written.
const ELSEWHERE: &str = "name another folder with --mteb";
/// The file that describes vectors.
const VECTORS: &str = "embeddings.json";
/// How many characters of a label are a model's name.
const LONGEST: usize = 120;
/// How many digits of a digest stand for a revision: as many as Git's.
const DIGITS: usize = 40;

/// Writes the results of a stage as `mteb.ResultCache` finds them: `results/MODEL/REVISION/TASK.json`.
pub(super) fn results(
    arguments: &ExportArguments,
    to: &Path,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let [target] = &arguments.targets[..] else {
        return Err(CommandFailure::Usage {
            message: "a folder holds the results of one stage".into(),
            remedy: "name one stage, and export the others to folders of their own".into(),
        });
    };
    let one = One::find(&arguments.common, target, registry)?;
    let job = one.job();
    let Some(inputs) = mteb_inputs(job.kind) else {
        return Err(CommandFailure::Usage {
            message: format!(
                "{} is of kind {}, whose results MTEB has no form for",
                job.label, job.kind
            ),
            remedy: "name a stage of kind sts".into(),
        });
    };
    let [vectors, data] = inputs.map(|input| made_by(&one, input));
    let (Some(vectors), Some(data)) = (vectors, data) else {
        return Err(CommandFailure::Usage {
            message: format!(
                "{} scores vectors or pairs that no stage has made",
                job.label
            ),
            remedy: "export the results of a stage that scores what a stage of kind embed has made"
                .into(),
        });
    };
    let Some(vectors) = one.store.file(&one.all[vectors].manifest, VECTORS)? else {
        return Err(CommandFailure::Usage {
            message: format!("{} scores vectors that are not described", job.label),
            remedy: "embed them by a stage of kind embed".into(),
        });
    };
    let folder = one.lay_out(None)?.unwrap_or_default();
    let name = plain(&job.label);
    let full_name = format!("pipe/{name}");
    let revision = shortened(&one.result().artifact.to_string());
    let data = shortened(&one.all[data].artifact.to_string());
    let whose = Whose {
        name: &full_name,
        revision: &revision,
        data: &data,
    };
    let Results { files, notes } = mteb::results(&folder, &vectors, whose)?;
    let aside = Aside::folder(to, one.store.root(), ELSEWHERE)?;
    let inner = aside
        .path()
        .join("results")
        .join(format!("pipe__{name}"))
        .join(&revision);
    aside.told(write(&inner, &files))?;
    aside.finish()?;
    let is_task = |name: &&str| *name != mteb::MODEL;
    let names = files.iter().map(|(name, _)| name.as_str());
    let tasks: Vec<&str> = names.filter(is_task).collect();
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "path": path_json(to),
            "files": tasks,
            "notes": notes,
        }))?;
        return Ok(Exit::Ok);
    }
    print(&format!(
        "{}: {} of {}\n",
        to.display(),
        count(tasks.len(), "result"),
        job.label
    ))?;
    for note in notes.iter().filter(|_| !arguments.common.quiet) {
        tell(&format!("{} {note}", "note:".cyan()));
    }
    Ok(Exit::Ok)
}

/// Returns the place among the results of the one that an input is.
fn made_by(one: &One, input: &str) -> Option<usize> {
    match one.job().input(input)? {
        InputSource::Job { job, .. } => Some(job.index()),
        InputSource::Path(_) => None,
    }
}

fn write(folder: &Path, files: &[(String, Value)]) -> Result<(), CommandFailure> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| CommandFailure::Project {
            path,
            source,
            remedy: ELSEWHERE,
        }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for (name, value) in files {
        let path = folder.join(name);
        fs::write(&path, format!("{value:#}\n")).map_err(failed(&path))?;
    }
    Ok(())
}

/// Returns a label as a part of a path and of a model's name, without the places of this machine. One that is too long for the name of a file
/// is cut, and told from others by a hash.
fn plain(label: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=.".contains(c);
    let told = take::label(label);
    let marks = told.trim_end_matches(']');
    let marks = marks.chars().map(|c| if is_plain(c) { c } else { '-' });
    let name: String = marks.collect();
    match name.len() > LONGEST {
        true => format!(
            "{}-{}",
            &name[..LONGEST],
            Digest::of(told.as_bytes()).short()
        ),
        false => name,
    }
}

fn shortened(digest: &str) -> String {
    digest.chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_becomes_a_name() {
        assert_eq!(plain("sts[m=0.4,pooling=cls]"), "sts-m=0.4-pooling=cls");
        assert_eq!(plain("sts[text=/tmp/secret/x]"), "sts-text=x");
        assert_eq!(plain("a/b"), "a-b");
        let long = |end: &str| plain(&format!("sts[m={}{end}]", "é".repeat(300)));
        assert!(long("").len() < 160);
        assert_ne!(long("a"), long("b"));
    }
}
