//! `pipe export` and `pipe import`.

mod carried;
mod layout;

use std::io::{self, IsTerminal};
use std::path::Path;

use serde_json::json;

use super::Exit;
use super::arguments::{Common, ExportArguments, ImportArguments};
use super::failure::CommandFailure;
use super::output::{path_json, print, print_json, tell};
use super::project::{Project, STORE};
use super::{mteb, take};
use crate::progress::{amount, count};
use crate::registry::Registry;
use crate::runs::quoted;
use crate::store::{About, Archive, Found, Store, Weight};
use crate::terminal::line;
use carried::{Around, left_behind};
use layout::Layout;

/// The usual name of a pipeline file.
const PIPELINE: &str = "pipeline.toml";
/// What messages call standard output.
const STDOUT: &str = "standard output";

/// Writes the results of targets, with all that they rest on, to a file.
pub(super) fn export(
    arguments: &ExportArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    if let Some(to) = &arguments.to {
        return take::folder(arguments, to, registry);
    }
    if let Some(to) = &arguments.mteb {
        return mteb::results(arguments, to, registry);
    }
    // The command line asks for one of them.
    let output = arguments.output.as_deref().unwrap_or(Path::new("-"));
    let to_stdout = output == Path::new("-");
    if to_stdout {
        check_stdout(arguments)?;
    }
    let project = Project::load(&arguments.common, registry)?;
    let store = Store::reader(&project.store)?;
    let (plan, found) = project.known(&store, &arguments.targets)?;
    let found: Vec<&Found> = found.iter().map(AsRef::as_ref).collect();
    let around = Around::of(&project, &plan, &found, &store)?;
    let about = About {
        targets: arguments.targets.clone(),
        profile: project.pipeline.profile().to_owned(),
        set: project.settings(),
        pipeline: around.pipeline,
        outside: around.outside.into_iter().collect(),
        project: around.project.into_values().collect(),
    };
    let path = match to_stdout {
        true => Path::new(STDOUT),
        false => output,
    };
    let is_light = |kind: &str, output, path: &str| registry.is_light(kind, output, path);
    let weight = match arguments.scores {
        true => Weight::Light(&is_light),
        false => Weight::All,
    };
    let carried = &around.bytes;
    let (index, bytes) = match to_stdout {
        true => store.export_to(about, carried, &found, weight, io::stdout().lock(), path)?,
        false => store.export(about, carried, &found, weight, path)?,
    };
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "path": path_json(path),
            "bytes": bytes,
            "results": index.results,
            "away": index.away,
            "outside": index.about.outside,
            "project": index.about.project,
        }))?;
        return Ok(Exit::Ok);
    }
    let results = count(index.results.len(), "result");
    let size = amount(bytes as f64);
    let mut text = format!("{}: {results}, {size}B\n", path.display());
    let files = index.about.project.iter().map(|file| file.path.as_str());
    text += &format!("with {}\n", files.collect::<Vec<_>>().join(", "));
    if !index.away.is_empty() {
        let sizes = index.away.iter().map(|one| one.size);
        let left_out = sizes.fold(0, u64::saturating_add);
        text += &format!(
            "without {} of {}B: tables can be shown and made without; what reads them makes them again\n",
            count(index.away.len(), "file"),
            amount(left_out as f64)
        );
    }
    text += &outside_text(&index.about);
    match to_stdout {
        true if arguments.common.quiet => {}
        true => tell(text.trim_end()),
        false => print(&text)?,
    }
    Ok(Exit::Ok)
}

/// Refuses to write an archive to a terminal, or to mix it with JSON.
fn check_stdout(arguments: &ExportArguments) -> Result<(), CommandFailure> {
    if io::stdout().is_terminal() {
        return Err(CommandFailure::Usage {
            message: "an archive is nothing for a terminal".into(),
            remedy: "send it to another program or a file: pipe export … -o - | …".into(),
        });
    }
    if arguments.common.json {
        return Err(CommandFailure::Usage {
            message: "the archive and --json cannot both go to standard output".into(),
            remedy: "name a file with -o, or leave --json out".into(),
        });
    }
    Ok(())
}

/// Takes in what was exported.
pub(super) fn import(arguments: &ImportArguments) -> Result<Exit, CommandFailure> {
    if arguments.archive == Path::new("-") {
        return Err(CommandFailure::Usage {
            message: "an archive is read twice, so it cannot come from standard input".into(),
            remedy: "write it to a file first, and name that".into(),
        });
    }
    // The archive is read before the store is made, so that a refused one leaves nothing behind.
    let archive = Archive::open(&arguments.archive)?;
    let place = match &arguments.project {
        Some(folder) if arguments.common.store().is_none() => folder.join(STORE),
        _ => Project::store(&arguments.common).map_err(|failure| match failure {
            CommandFailure::Usage { message, remedy } => CommandFailure::Usage {
                message,
                remedy: format!("{remedy}, or lay out the archive's own with --project FOLDER"),
            },
            failure => failure,
        })?,
    };
    let layout = match &arguments.project {
        Some(folder) => Some(Layout::of(&archive, folder)?),
        None => None,
    };
    let imported = Store::open(&place)?.import(&archive)?;
    let laid_out = layout.map_or_else(|| Ok(Vec::new()), Layout::write)?;
    let about = &imported.about;
    if arguments.common.json {
        print_json(&json!({
            "schema_version": 1,
            "taken": imported.taken,
            "known": imported.known,
            "away": imported.away,
            "about": about,
            "program": imported.program,
            "results": archive.index().results,
            "laid_out": laid_out,
        }))?;
        return Ok(Exit::Ok);
    }
    // Texts of the archive are kept on their lines.
    let mut text = format!(
        "{} taken in, {} there already: {} under profile {}",
        count(imported.taken, "result"),
        imported.known,
        line(&about.targets.join(" ")),
        line(&about.profile)
    );
    for value in &about.set {
        text += &format!(", {}", line(value));
    }
    text += &format!(", written by {}", line(&imported.program));
    if imported.taken > 0 {
        text +=
            "\nwhat was taken in is whole; that it is what its jobs would make is taken on trust";
    }
    text += "\n";
    if imported.away > 0 {
        text += &format!(
            "{} of them without their weight: a job that reads it makes it again first\n",
            imported.away
        );
    }
    text += &outside_text(about);
    if let Some(folder) = &arguments.project {
        let place = folder.display().to_string();
        text += &format!("{}: {}\n", line(&place), laid_out.join(", "));
        let next = show(&arguments.common, folder, about)?;
        text += &format!("next: {}\n", line(&next));
    }
    print(&text)?;
    Ok(Exit::Ok)
}

/// Returns the command that shows what was imported with its project, to be run in the project's folder, where paths start.
fn show(common: &Common, folder: &Path, about: &About) -> io::Result<String> {
    let common = Common {
        file: (about.pipeline != PIPELINE).then(|| about.pipeline.clone().into()),
        profile: Some(about.profile.clone()),
        set: Vec::new(),
        store: match &common.store {
            Some(store) => Some(std::path::absolute(store)?),
            None => None,
        },
        ..common.clone()
    };
    let is_table = |target: &String| !target.starts_with("stage:");
    let command = match about.targets.iter().all(is_table) {
        true => "show",
        false => "why",
    };
    let targets = about.targets.iter().map(|target| quoted(target));
    let set = about.set.iter();
    let set: String = set.map(|set| format!(" --set {}", quoted(set))).collect();
    Ok(format!(
        "cd {}; pipe {command} {}{}{set}",
        quoted(&folder.display().to_string()),
        targets.collect::<Vec<_>>().join(" "),
        common.options()
    ))
}

/// Says which files are not in the archive.
fn outside_text(about: &About) -> String {
    let away = left_behind(about);
    if away.is_empty() {
        return String::new();
    }
    let files = away.iter().map(|file| {
        let path = file.place.as_ref().map_or(&file.name, |place| &place.path);
        let part = match file.carried {
            Some(_) => "but for a part of it, ",
            None => "",
        };
        format!("{} ({part}{:.12})", line(path), file.digest)
    });
    let files: Vec<String> = files.collect();
    format!(
        "not in it: {}; its results can be shown without, a run needs them\n",
        files.join(", ")
    )
}
