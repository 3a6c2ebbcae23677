//! Checks of the output folder: whether the program has left what its stage declares.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use contract::{
    ArtifactType, Below, Context, StageError, below, io_error, no_folder, open_up, read_plain,
};
use serde_json::{Map, Value};
use walkdir::WalkDir;

use crate::links::Links;
use crate::log::tell;
use crate::places;

/// How many of the files that are left out a message names.
const NAMED: usize = 5;
/// The largest JSON file of a program's that is read, in bytes.
pub(crate) const LARGEST: u64 = 16 << 20;

/// The identity of the folder in which the job works, before the program starts.
pub(crate) struct Workplace(Option<(u64, u64)>);

impl Workplace {
    /// Records the folder's identity.
    pub(crate) fn look(context: &Context) -> Self {
        let found = context.output().parent().map(fs::symlink_metadata);
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        Self(found.and_then(Result::ok).map(identity))
    }

    /// Checks that the folder is the same one. A link in its place, or in place of a folder above it, leads to the user's files.
    pub(crate) fn check(&self, context: &Context) -> Result<(), StageError> {
        if Self::look(context).0 == self.0 {
            return Ok(());
        }
        Err(StageError::Program {
            reason: "the program has put something else in the place of the folder that {output} lies in; nothing was \
                     taken or removed there"
                .into(),
            remedy: "have it write into {output}, and leave the folders above where they are".into(),
        })
    }
}

/// Checks that the folders which the program was given are still folders. A link in place of one leads outside the job: nothing
/// may be taken or removed there.
pub(crate) fn check_places(context: &Context) -> Result<(), StageError> {
    let [output, checkpoints, scratch] = [places::OUTPUT, places::CHECKPOINTS, places::SCRATCH];
    let checkpoint_folders = context.checkpoints().folders();
    let all = [(output, context.output())].into_iter().chain(
        checkpoint_folders
            .iter()
            .map(|path| (checkpoints, path.as_path())),
    );
    let scratch_folder = context.scratch_folder();
    for (name, path) in all.chain([(scratch, scratch_folder.as_path())]) {
        let Some(found) = no_folder(path).map_err(io_error(path))? else {
            continue;
        };
        return Err(StageError::Program {
            reason: format!(
                "the program has replaced the folder {{{name}}} by {found}; nothing was taken or removed there"
            ),
            remedy: format!(
                "have it write into {{{name}}} itself, and leave the folder where it is"
            ),
        });
    }
    let there = contract::is_folder(context.output()).map_err(io_error(context.output()))?;
    match there {
        true => Ok(()),
        false => Err(StageError::Program {
            reason: format!("the program has removed the folder {{{output}}}"),
            remedy: format!("have it write its result to {{{output}}}"),
        }),
    }
}

/// Checks that every path of `outputs` exists, and removes all other files. Without `outputs`, all files are kept. Kept files
/// must be plain files that can be read and moved.
pub(crate) fn keep(outputs: &[String], context: &Context) -> Result<(), StageError> {
    let folder = context.output();
    open_up(folder).map_err(io_error(folder))?;
    let below = |name: &str, above: &str| {
        name.strip_prefix(above.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_kept =
        |name: &str| outputs.is_empty() || outputs.iter().any(|output| below(name, output));
    let links = Links::within(folder)?;
    for Below { path, name, kind } in items(folder)? {
        // Links in place of a folder that contains a kept file are refused too.
        if kind.is_symlink()
            && (is_kept(&name) || outputs.iter().any(|output| below(output, &name)))
        {
            links.replace(&path)?;
        }
    }
    let missing: Vec<_> = outputs
        .iter()
        .filter(|output| !holds_file(&folder.join(output)))
        .map(|output| format!("`{output}`"))
        .collect();
    if !missing.is_empty() {
        let found = names(folder)?;
        let found = match found.as_slice() {
            [] => "it has written nothing to {output}".to_owned(),
            found => format!("it has written {}", some(found)),
        };
        return Err(StageError::Program {
            reason: format!(
                "the program has ended well but not written {}, which `outputs` names",
                missing.join(", ")
            ),
            remedy: format!("{found}: have it write there, or correct `outputs`"),
        });
    }
    if outputs.is_empty() && !holds_file(folder) {
        return Err(StageError::Program {
            reason: "the program has ended well but written no file".into(),
            remedy: "have it write its result to {output}".into(),
        });
    }
    let mut left_out = Vec::new();
    for Below { path, name, kind } in items(folder)? {
        if !is_kept(&name) {
            fs::remove_file(&path).map_err(io_error(&path))?;
            left_out.push(name);
        } else if kind.is_file() {
            let metadata = fs::symlink_metadata(&path).map_err(io_error(&path))?;
            // The permissions of a file with a second name belong to whoever has that name.
            if metadata.mode() & 0o400 == 0 && metadata.nlink() == 1 {
                let mode = Permissions::from_mode(metadata.mode() & 0o7777 | 0o400);
                fs::set_permissions(&path, mode).map_err(io_error(&path))?;
            }
        } else {
            return Err(StageError::Program {
                reason: format!(
                    "the program has written something to {{output}} that is no file and no folder: {name}"
                ),
                remedy: "have it put pipes and sockets into {scratch}, or name in `outputs` what is to be kept"
                    .into(),
            });
        }
    }
    if !left_out.is_empty() {
        // The stage declares what it keeps, so this goes to the log and is not a note on the result.
        tell(&format!(
            "note: left out, since `outputs` does not name it: {}",
            some(&left_out)
        ));
    }
    Ok(())
}

/// Checks of an artifact of the type `makes` what can be checked cheaply.
pub(crate) fn check_type(makes: ArtifactType, folder: &Path) -> Result<(), StageError> {
    let has = |name: &str| folder.join(name).is_file();
    let wrong = |reason: String, remedy: &str| {
        Err(StageError::Program {
            reason: format!(
                "what the program has written is no artifact of type {makes}: {reason}"
            ),
            remedy: remedy.into(),
        })
    };
    match makes {
        // Scores are checked where they are read.
        ArtifactType::Folder | ArtifactType::Scores => Ok(()),
        ArtifactType::Encoder => {
            // sentence-transformers keeps the model in a subfolder.
            if has("modules.json") {
                return Ok(());
            }
            for name in ["config.json", "model.safetensors"] {
                if !has(name) {
                    return wrong(
                        format!("`{name}` is missing"),
                        "save it as `save_pretrained` does: config.json, model.safetensors, tokenizer.json",
                    );
                }
            }
            if !has("tokenizer.json") && !has("vocab.txt") {
                return wrong(
                    "`tokenizer.json` or `vocab.txt` is missing".into(),
                    "save the tokenizer into the same folder",
                );
            }
            let config = folder.join("config.json");
            let text = read_plain(&config, LARGEST).map_err(io_error(&config))?;
            match serde_json::from_slice::<Map<String, Value>>(&text) {
                Ok(_) => Ok(()),
                Err(error) => wrong(format!("config.json: {error}"), "save it as JSON"),
            }
        }
        ArtifactType::Tokenizer => {
            if has("tokenizer.json") || has("vocab.txt") {
                return Ok(());
            }
            wrong(
                "`tokenizer.json` or `vocab.txt` is missing".into(),
                "save it as `save_pretrained` does",
            )
        }
        ArtifactType::Ngrams if !has("ngrams.txt") => wrong(
            "`ngrams.txt` is missing".into(),
            "write the n-grams to it, one a line, their words separated by spaces",
        ),
        ArtifactType::Ngrams => Ok(()),
        ArtifactType::Benchmark if !has("task.json") => wrong(
            "`task.json` is missing".into(),
            "to have a stage `benchmarks` read official files, make a folder of them: makes = \"folder\"",
        ),
        ArtifactType::Corpus
        | ArtifactType::Tokens
        | ArtifactType::Benchmark
        | ArtifactType::Embeddings => {
            if items(folder)?
                .iter()
                .any(|item| item.name.ends_with(".parquet"))
            {
                return Ok(());
            }
            let remedy = match makes {
                ArtifactType::Corpus => {
                    "to have a stage `corpus` read plain text, make a folder of it: makes = \"folder\""
                }
                _ => "write its tables as Parquet, in the layout of the stage that makes the like",
            };
            wrong("it has no Parquet file".into(), remedy)
        }
    }
}

/// Whether `path` is a file, or a folder that contains one.
fn holds_file(path: &Path) -> bool {
    let all = WalkDir::new(path).follow_root_links(false).into_iter();
    all.flatten().any(|entry| !entry.file_type().is_dir())
}

/// Returns every entry below `folder` that is not a folder, sorted by name. Links are not followed.
fn items(folder: &Path) -> Result<Vec<Below>, StageError> {
    below(folder).map_err(|(place, error)| io_error(&place)(error))
}

fn names(folder: &Path) -> Result<Vec<String>, StageError> {
    Ok(items(folder)?.into_iter().map(|item| item.name).collect())
}

/// Returns the first names, and the number of the others.
fn some(names: &[String]) -> String {
    let mut text = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED {
        text += &format!(", and {} more", names.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn context(files: &[&str]) -> (tempfile::TempDir, Context) {
        let folder = tempfile::tempdir().unwrap();
        let context = Context::in_folder(folder.path()).unwrap();
        for file in files {
            let path = context.output().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        (folder, context)
    }

    fn kept(files: &[&str], outputs: &[&str]) -> Result<Vec<String>, String> {
        let (_folder, context) = context(files);
        let outputs: Vec<_> = outputs.iter().map(|&output| output.to_owned()).collect();
        keep(&outputs, &context)
            .map_err(|error| format!("{error}; {}", error.remedy().unwrap_or_default()))?;
        Ok(names(context.output()).unwrap())
    }

    #[test]
    fn what_is_named_is_kept_and_must_be_there() {
        assert_eq!(kept(&["b", "a/x"], &[]), Ok(vec!["a/x".into(), "b".into()]));
        assert_eq!(
            kept(&["a/x", "a/y", "ab", "c"], &["a/", "c"]),
            Ok(vec!["a/x".into(), "a/y".into(), "c".into()])
        );
        assert_eq!(
            kept(&["a", "log"], &["a", "b", "c/d"]).unwrap_err(),
            "the program has ended well but not written `b`, `c/d`, which `outputs` names; \
             it has written a, log: have it write there, or correct `outputs`"
        );
        assert_eq!(
            kept(&[], &["b"]).unwrap_err(),
            "the program has ended well but not written `b`, which `outputs` names; \
             it has written nothing to {output}: have it write there, or correct `outputs`"
        );
        assert_eq!(
            kept(&[], &[]).unwrap_err(),
            "the program has ended well but written no file; have it write its result to {output}"
        );
    }

    #[test]
    fn what_is_plainly_no_artifact_of_its_type_is_refused() {
        let told = |makes: ArtifactType, files: &[&str]| {
            let (_folder, context) = context(files);
            let told = check_type(makes, context.output()).map_err(|error| error.to_string());
            told.err().unwrap_or_default()
        };
        let start = "what the program has written is no artifact of type";
        assert_eq!(
            told(ArtifactType::Encoder, &["config.json"]),
            format!("{start} encoder: `model.safetensors` is missing")
        );
        let model = ["config.json", "model.safetensors"];
        assert_eq!(
            told(ArtifactType::Encoder, &model),
            format!("{start} encoder: `tokenizer.json` or `vocab.txt` is missing")
        );
        assert_eq!(
            told(
                ArtifactType::Encoder,
                &[&model[..], &["vocab.txt"]].concat()
            ),
            ""
        );
        assert_eq!(
            told(ArtifactType::Corpus, &["a.txt"]),
            format!("{start} corpus: it has no Parquet file")
        );
        assert_eq!(told(ArtifactType::Corpus, &["part-0.parquet"]), "");
        assert_eq!(
            told(ArtifactType::Benchmark, &["train.parquet"]),
            format!("{start} benchmark: `task.json` is missing")
        );
        assert_eq!(
            told(ArtifactType::Tokenizer, &["a"]),
            format!("{start} tokenizer: `tokenizer.json` or `vocab.txt` is missing")
        );
        assert_eq!(told(ArtifactType::Folder, &["a"]), "");
    }
}
