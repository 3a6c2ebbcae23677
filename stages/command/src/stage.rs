//! The stage `command`.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, OutputFile, Params, Piece,
    Problem, Signature, Stage, StageError,
};

use metrics::texts;

use crate::environment::environment;
use crate::log::{Log, last_lines};
use crate::parameters::{Command, Parameters};
use crate::places::{self, Text};
use crate::process::{self, Program, ProgressPipe};
use crate::{hints, outputs, programs, room, scores, shell};

/// Runs a user's program.
pub struct CommandStage;

/// The remedy if nothing more specific is known.
const MEND: &str = "mend what its log tells, and run again";
/// The shell and its options: it stops at the first command that fails and at an unset variable, and takes no text for an
/// option, whatever value the text begins with.
const SHELL: [&str; 3] = ["sh", "-euc", "--"];

/// The files that are made from what a program writes.
const FILES: &[OutputFile] = &[
    metrics::scores::DOCUMENTED.when("makes = \"scores\", or an encoder with a scores.json"),
    texts::DOCUMENTED.when("the program wrote it, or texts into scores.json"),
    OutputFile::new(
        "*",
        "what the program leaves in {output}: all of it, or what `outputs` names",
    ),
];

impl Stage for CommandStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "command",
            version: 1,
            about: "Runs a program of yours",
            fields: const {
                &[
                    Field::new(
                        "argv",
                        FieldType::TextList,
                        FieldDefault::Absent,
                        "the program and its arguments, without a shell; {output}, {checkpoints}, {scratch}, \
                            {threads} and {NAME} of an input are replaced, {{ and }} are plain braces",
                    ),
                    Field::new(
                        "shell",
                        FieldType::Text,
                        FieldDefault::Absent,
                        "in the place of `argv`, a text for `sh -eu`; places and values of variables are quoted already",
                    ),
                    Field::new(
                        "inputs",
                        FieldType::Inputs,
                        FieldDefault::Table,
                        "what the program reads, scripts included: keyed by content",
                    ),
                    Field::new(
                        "ignore",
                        FieldType::Ignore,
                        FieldDefault::List,
                        "files of the inputs that do not belong to them, as patterns: \"*.log\", \"runs/\"; they are not \
                            keyed, and the program does not see them",
                    ),
                    Field::new(
                        "outputs",
                        FieldType::TextList,
                        FieldDefault::List,
                        "files and folders that it must leave in {output}, and the only ones kept; without any, all are",
                    ),
                    Field::new(
                        "makes",
                        FieldType::Output(&[
                            ArtifactType::Folder,
                            ArtifactType::Scores,
                            ArtifactType::Encoder,
                            ArtifactType::Tokenizer,
                            ArtifactType::Corpus,
                            ArtifactType::Ngrams,
                            ArtifactType::Tokens,
                            ArtifactType::Benchmark,
                            ArtifactType::Embeddings,
                        ]),
                        FieldDefault::Text("folder"),
                        "the type of what it leaves; scores are written as scores.json: {\"accuracy\": 91.3}",
                    ),
                    Field::new(
                        "env",
                        FieldType::TextTable,
                        FieldDefault::Table,
                        "its environment, over PATH, HOME, LANG, TMPDIR and the number of threads",
                    ),
                    Field::new(
                        "pass_env",
                        FieldType::TextList,
                        FieldDefault::List,
                        "variables of the environment to take over from outside; their values are not keyed",
                    ),
                    Field::new(
                        "version",
                        FieldType::Integer {
                            min: 0,
                            max: u32::MAX as i64,
                        },
                        FieldDefault::Integer(1),
                        "raise it to have the program run anew",
                    ),
                ]
            },
            output: ArtifactType::Folder,
            numerics: None,
            files: FILES,
        }
    }

    fn join(&self, key: &str, pieces: &[Piece<'_>]) -> Result<String, Problem> {
        match key {
            "argv" | "env" => places::join(pieces),
            "shell" => shell::join(pieces),
            _ => Ok(pieces.iter().map(Piece::text).collect()),
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(Parameters::check)
    }

    fn lacking(&self, params: &Params) -> Vec<Problem> {
        let Ok(parameters) = params.parse::<Parameters>() else {
            return Vec::new();
        };
        let Ok(Command::Argv(argv)) = parameters.command() else {
            return Vec::new();
        };
        let Some(name) = argv.first().and_then(Text::plain) else {
            return Vec::new();
        };
        if programs::find(name, search_path(&parameters)).is_some() {
            return Vec::new();
        }
        let problem = if name.contains('/') {
            Problem::value("argv.0", format!("`{name}` is no program"))
                .with_help("check that the file is there and may be executed")
        } else {
            Problem::value("argv.0", format!("no program `{name}` on PATH")).with_help(
                "install it, or put its folder on PATH; if it is a file of yours, declare it as an input",
            )
        };
        vec![problem]
    }

    fn is_by_chance(&self) -> bool {
        // Nobody knows what a program does.
        true
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let command = parameters.command().map_err(refused)?;
        let asked = parameters.environment().map_err(refused)?;
        // An earlier attempt may have removed its own right to use the folders.
        for folder in context.checkpoints().folders() {
            if contract::is_folder(&folder).map_err(contract::io_error(&folder))? {
                contract::open_up(&folder).map_err(contract::io_error(&folder))?;
            }
        }
        let places = fill_places(inputs, context)?;
        let mut argv: Vec<String> = match &command {
            Command::Argv(texts) => texts.iter().map(|text| text.fill(&places)).collect(),
            Command::Shell(text) => {
                let mut argv = SHELL.map(str::to_owned).to_vec();
                argv.push(shell::fill(&text.pieces(&places))?);
                argv
            }
        };
        let name = argv.remove(0);
        let path = programs::find(&name, search_path(&parameters));
        let path = path
            .as_ref()
            .map_or(OsStr::new(&name), |path| path.as_os_str());
        let progress = ProgressPipe::new()?;
        let environment = environment(&asked, &parameters.pass_env, &places, progress.number());
        let folder = Path::new(&places[places::SCRATCH]);
        let program = Program {
            path,
            arguments: &argv,
            folder,
        };
        let log = Log::here();
        let workplace = outputs::Workplace::look(context);
        let status = process::run(&program, &environment, progress, context);
        workplace.check(context)?;
        let status = status?;
        if !status.success() {
            return Err(failed(&name, &program, status, &log, context.output()));
        }
        outputs::check_places(context)?;
        outputs::keep(&parameters.outputs, context)?;
        outputs::check_type(parameters.makes, context.output())?;
        // A trained encoder may have the scores of its training beside it.
        if matches!(
            parameters.makes,
            ArtifactType::Scores | ArtifactType::Encoder
        ) {
            let found = scores::convert(context.output())?;
            if !found && parameters.makes == ArtifactType::Scores {
                return Err(scores::missing());
            }
            scores::check_texts(context.output())?;
            if let Some(why) = scores::unusable(context.output())? {
                context.note(why);
            }
        }
        Ok(())
    }
}

/// Returns the PATH on which the program is searched, if the stage sets one.
fn search_path(parameters: &Parameters) -> Option<&str> {
    parameters.env.get("PATH").map(String::as_str)
}

/// Returns the values of all places.
fn fill_places(inputs: &Inputs, context: &Context) -> Result<BTreeMap<String, String>, StageError> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            StageError::input(
                path.display(),
                "the path is not UTF-8, and a program gets paths within texts that are",
                "choose a folder whose name is UTF-8: for what is in the store with --store PATH",
            )
        })
    };
    let mut places = BTreeMap::from([
        (places::OUTPUT.to_owned(), text(context.output())?),
        (
            places::CHECKPOINTS.to_owned(),
            text(&context.checkpoints().own()?)?,
        ),
        (places::SCRATCH.to_owned(), text(&context.scratch()?)?),
        (places::THREADS.to_owned(), context.threads().to_string()),
    ]);
    for (name, path) in &inputs.0 {
        places.insert(name.clone(), text(path)?);
    }
    Ok(places)
}

/// Returns the error for problems that the check before the run should have found.
fn refused(problems: Vec<Problem>) -> StageError {
    let texts: Vec<_> = problems
        .into_iter()
        .map(|problem| problem.message)
        .collect();
    StageError::failed(texts.join("; "))
}

/// Returns the error for a program that has failed.
fn failed(
    name: &str,
    started: &Program<'_>,
    status: ExitStatus,
    log: &Log,
    output: &Path,
) -> StageError {
    let program = Path::new(name)
        .file_name()
        .unwrap_or(OsStr::new(name))
        .display();
    let mut reason = match (status.signal(), status.code()) {
        (Some(9), _) => format!(
            "`{program}` was killed (signal 9): by hand, or by the system for want of memory"
        ),
        (Some(signal), _) => format!("`{program}` was ended by signal {signal}"),
        (None, code) => format!("`{program}` ended with code {}", code.unwrap_or_default()),
    };
    let end = log.end();
    let last = last_lines(&end);
    if !last.is_empty() {
        reason += &format!(", and last said: {last}");
    }
    let said = String::from_utf8_lossy(&end);
    if let Some(error) = room::lacking(output, &said, status, &reason) {
        return error;
    }
    let hint = hints::Failed {
        program: started.path,
        arguments: started.arguments,
        said: &said,
        folder: started.folder,
        here: &env::current_dir().unwrap_or_default(),
    };
    let remedy = match status.signal() {
        Some(9) => {
            "give it less to hold at once, or more memory; the same command tries again".into()
        }
        Some(_) => MEND.into(),
        None => hint.remedy().unwrap_or_else(|| MEND.into()),
    };
    StageError::Program { reason, remedy }
}
