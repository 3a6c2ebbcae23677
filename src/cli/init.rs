//! `pipe init`.

mod survey;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Exit;
use super::arguments::InitArguments;
use super::failure::CommandFailure;
use super::output::{path_json, print, print_json, tell};
use crate::declare::Pipeline;
use crate::graph;
use crate::registry::Registry;
use crate::runs::quoted;
use crate::schema;
use survey::{Finding, survey};

const PIPELINE: &str = "pipeline.toml";
const IGNORE: &str = ".gitignore";
const README: &str = "README.md";
/// The name of the profile that is the user's own.
const OWN: &str = "own";
/// The line by which a profile is the default.
const DEFAULT: &str = "default = true\n";

/// The shipped pipeline.
const SHIPPED: &str = include_str!("../../pipeline.toml");
/// The published values and claims that its tables refer to, as the build script lists them.
const PUBLISHED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/published.rs"));
/// The lines that the user's own profile suggests.
const SUGGESTED: &str = include_str!("../../data/init/own.toml");

/// Lays out a new project. Files that exist already are left as they are, and a pipeline file is never replaced.
pub(super) fn init(arguments: &InitArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let folder = std::path::absolute(&arguments.folder)?;
    let found = match &arguments.data {
        Some(data) => look(data, registry)?,
        None => Vec::new(),
    };
    let pipeline = with_own(SHIPPED, &found, &folder)?;
    let mut files: Vec<(&str, String)> = vec![(PIPELINE, pipeline)];
    let published = PUBLISHED.iter();
    files.extend(published.map(|(name, text)| (*name, (*text).to_owned())));
    files.push((
        "pipeline.schema.json",
        format!("{:#}\n", schema::of(registry)),
    ));
    let taken: Vec<&str> = files
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| folder.join(name).symlink_metadata().is_ok())
        .collect();
    if !taken.is_empty() {
        return Err(CommandFailure::Usage {
            message: format!("{} holds {} already", folder.display(), taken.join(", ")),
            remedy: "name another folder: pipe init FOLDER; nothing was written".into(),
        });
    }
    // A folder may well have these files already: then they are the user's, and stay.
    let mut kept = Vec::new();
    for (name, text) in [
        (IGNORE, ".pipe/\n/results/**/*.costs.json\n"),
        (README, include_str!("../../data/init/README.md")),
    ] {
        match folder.join(name).symlink_metadata() {
            Ok(_) => kept.push(name),
            Err(_) => files.push((name, text.to_owned())),
        }
    }
    write(&folder, &files)?;
    // The pipeline is read back at once, so that a mistake in it shows now.
    let path = folder.join(PIPELINE);
    let pipeline = graph::load(&path, None, &[], registry)?;
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    if arguments.json {
        let found = found
            .iter()
            .map(|found| json!({ "variable": found.variable, "path": path_json(&found.path) }));
        print_json(&json!({
            "schema_version": 1,
            "folder": folder,
            "profile": pipeline.profile(),
            "files": names,
            "found": found.collect::<Vec<_>>(),
        }))?;
    } else {
        print(&format!("{}: {}\n", folder.display(), names.join(", ")))?;
    }
    if !arguments.quiet {
        tell_next(&folder, &pipeline, &found, &kept);
    }
    Ok(Exit::Ok)
}

/// Finds what the variables of the shipped pipeline can take in a folder.
fn look(data: &Path, registry: &Registry) -> Result<Vec<Finding>, CommandFailure> {
    let data = std::path::absolute(data)?;
    if !data.is_dir() {
        return Err(CommandFailure::Usage {
            message: format!("--data {}: there is no such folder", data.display()),
            remedy: "name the folder that holds your data".into(),
        });
    }
    let pipeline = graph::load_text(SHIPPED, registry)?;
    let variables = graph::input_variables(&pipeline);
    let found = survey(&data, &variables);
    if found.is_empty() {
        let takes = variables.iter().filter_map(|variable| {
            let field = variable.stage.signature().field(&variable.input)?;
            Some(format!(
                "{}: {}",
                variable.name,
                field.about.trim_end_matches('.')
            ))
        });
        return Err(CommandFailure::Usage {
            message: format!("--data {}: nothing in it is known", data.display()),
            remedy: format!(
                "what is looked for\n{}",
                takes.collect::<Vec<_>>().join("\n")
            ),
        });
    }
    Ok(found)
}

/// Returns a pipeline with a profile of the user's own that extends the default one. If something was found for the profile, it
/// becomes the default.
fn with_own(pipeline: &str, found: &[Finding], folder: &Path) -> Result<String, CommandFailure> {
    let base = pipeline.split("[profile.").skip(1).find_map(|profile| {
        let (name, rest) = profile.split_once(']')?;
        rest.contains(DEFAULT).then_some(name)
    });
    let mut text = pipeline.to_owned();
    let mut own = format!("\n[profile.{OWN}]{:30}# your own data and sizes\n", "");
    if let Some(base) = base {
        own += &format!("extends = \"{base}\"\n");
    }
    if !found.is_empty() {
        text = text.replacen(DEFAULT, "", 1);
        own += DEFAULT;
    }
    own += &format!("\n[profile.{OWN}.vars]\n");
    for found in found {
        // Data within the project is named from the project's folder, so that both can be moved together.
        let path = found.path.strip_prefix(folder).unwrap_or(&found.path);
        let path = path.to_str().ok_or_else(|| CommandFailure::Usage {
            message: format!("{} is not UTF-8", path.display()),
            remedy: "rename it: a pipeline file is UTF-8".into(),
        })?;
        own += &format!("{} = {}\n", found.variable, toml::Value::from(path));
    }
    // A variable for which something was found needs no suggestion.
    let is_open = |line: &&str| {
        let is_of = |found: &Finding| line.starts_with(&format!("# {} =", found.variable));
        !found.iter().any(is_of)
    };
    let suggested: Vec<&str> = SUGGESTED.lines().filter(is_open).collect();
    Ok(format!("{text}{own}{}\n", suggested.join("\n")))
}

/// Writes files that do not exist yet. If one cannot be written, those written before it are removed.
fn write(folder: &Path, files: &[(&str, String)]) -> Result<(), CommandFailure> {
    let mut made: Vec<PathBuf> = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        let written = fs::create_dir_all(parent).and_then(|()| {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)?;
            made.push(path.clone());
            file.write_all(text.as_bytes())
        });
        if let Err(error) = written {
            for path in &made {
                let _ = fs::remove_file(path);
            }
            return Err(CommandFailure::Project {
                path,
                source: error,
                remedy: "name another folder: pipe init FOLDER",
            });
        }
    }
    Ok(())
}

/// Says what was found, which files stayed as they were, and how to go on.
fn tell_next(folder: &Path, pipeline: &Pipeline, found: &[Finding], kept: &[&str]) {
    for Finding {
        variable,
        path,
        others,
    } in found
    {
        tell(&format!("{variable}: {}", path.display()));
        for other in others.iter().take(3) {
            tell(&format!("    not {}", other.display()));
        }
    }
    for name in kept {
        let more = match *name {
            IGNORE => ": `.pipe/` belongs into it",
            _ => "",
        };
        tell(&format!("{name} was there and stays as it is{more}"));
    }
    let mut next = String::new();
    if std::env::current_dir().is_ok_and(|here| here != folder) {
        next = format!("cd {}; ", quoted(&folder.display().to_string()));
    }
    tell(&format!(
        "next: {next}`pipe plan` says what a run of profile {} takes, `pipe run all` makes its tables",
        pipeline.profile()
    ));
}
