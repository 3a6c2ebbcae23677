//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::resources::{SIZES, bytes, time};
use crate::settings::Place;

/// Reproducible experiments: declared once in pipeline.toml, computed once, printed beside the published values.
#[derive(Debug, Parser)]
#[command(name = "pipe", version, arg_required_else_help = true, after_long_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
   0  all is well
   1  a mistake in the program itself
   2  the input is wrong: command line, pipeline.toml, data
  10  a stage failed
  11  interrupted: the same command goes on where it stopped
  12  the store cannot be used: not writable, not a store, or damaged; a result is not what its job makes
  13  no space left on the disk";

/// The most jobs, and the most threads, that may be asked for.
const MOST_AT_ONCE: usize = 1024;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run what the targets need and is not known yet, and print their tables.
    Run(RunArguments),
    /// Show what is cached and what would run, without running it.
    Plan(PlanArguments),
    /// Show why jobs will run, or need not.
    Why(WhyArguments),
    /// Show what the pipeline declares: tables, stages, variables, profiles.
    List(ListArguments),
    /// Print tables from what is known, without running anything.
    Show(ShowArguments),
    /// Say whether a row of a table is better than another, over seeds and examples: differences, intervals, verdicts.
    Compare(CompareArguments),
    /// Say which claims of papers hold here, from what is known, without running anything.
    Claims(ClaimsArguments),
    /// Draw what the targets need: as DOT, Mermaid or SVG.
    Graph(GraphArguments),
    /// Lay out a new project: a pipeline file with all that its tables need.
    Init(InitArguments),
    /// Print the JSON Schema of pipeline.toml, for editors.
    Schema,
    /// Show the jobs that run now, and those that were stopped or failed.
    Status(StatusArguments),
    /// Print the messages of a stage's job and the last rows of its training, or what a run did; without a name, list the runs.
    Log(LogArguments),
    /// Show what a masking strategy makes of a text, and what a trained encoder would fill in.
    Masks(Box<MasksArguments>),
    /// Write the vectors that a trained encoder gives the lines of a text.
    Encode(EncodeArguments),
    /// Write what a fine-tuned model predicts for the texts of a file: classes with probabilities, scores, answers.
    Predict(PredictArguments),
    /// Show what differs between what two runs have made, and why.
    Diff(DiffArguments),
    /// Read all that the store holds, and set aside what is damaged.
    Verify(VerifyArguments),
    /// Remove what no table, pin or running job needs from the store.
    Gc(GcArguments),
    /// Keep results whatever pipeline.toml says; without a target, show what is kept so.
    Pin(PinArguments),
    /// Take pins out: what they kept stays until `pipe gc`.
    Unpin(UnpinArguments),
    /// Write results, with all that they rest on, to one file that verifies itself; or a model as a folder for other programs.
    Export(ExportArguments),
    /// Take in what `pipe export` wrote. That the file is whole is checked; that its results are what the jobs would make is
    /// taken on trust, and told wherever they are shown; `pipe verify --rerun` runs a sample of the jobs once more.
    Import(ImportArguments),
    /// Show what this machine offers, and whether pipeline and store are in order.
    Doctor(DoctorArguments),
    /// Run the job of a work folder (what `pipe run` does in a child process).
    #[command(hide = true)]
    Stage(StageArguments),
    /// Run the job of a work folder apart from the machine that waits for it (what `pipe run --on slurm` does on a node).
    #[command(hide = true)]
    Attempt(AttemptArguments),
    /// Say whether another process has a lock on a file (what opening a store asks a second process).
    #[command(hide = true)]
    TryLock(TryLockArguments),
}

/// What all commands take that read a pipeline.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The pipeline file [default: pipeline.toml here or in a folder above].
    #[arg(long, short, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The profile: a named set of values [default: PIPE_PROFILE, else the one marked as default].
    #[arg(long, short, value_name = "NAME")]
    pub profile: Option<String>,
    /// Give a variable another value. May be repeated.
    #[arg(long, value_name = "VARIABLE=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Where results are kept [default: PIPE_STORE, else .pipe beside the pipeline file].
    #[arg(long, value_name = "FOLDER")]
    pub store: Option<PathBuf>,
    /// Print JSON on standard output.
    #[arg(long)]
    pub json: bool,
    /// Tell more.
    #[arg(long, short, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Tell only what went wrong.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `pipe run`.
#[derive(Args, Debug)]
pub struct RunArguments {
    /// What to make: all, table:NAME, group:NAME, stage:NAME[variable=value,…].
    #[arg(value_name = "TARGET", default_value = "all")]
    pub targets: Vec<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
    /// Where to write tables, in a folder per profile, and below it one for each choice of --set [default: results beside the pipeline file].
    #[arg(long, value_name = "FOLDER")]
    pub results: Option<PathBuf>,
    /// How many jobs may run at once [default: the number of cores].
    #[arg(long, short, value_name = "N", value_parser = number_at_once)]
    pub jobs: Option<usize>,
    /// How many threads they may use together [default: the number of cores].
    #[arg(long, short, value_name = "N", value_parser = number_at_once)]
    pub threads: Option<usize>,
    /// How much memory they may hold together, by what their stages declare or like jobs have held: 8GB, 1.5GiB [default: what
    /// is free here].
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    /// How many GPUs they may use together [default: all that are seen].
    #[arg(long, value_name = "N")]
    pub gpus: Option<usize>,
    /// Stop gently after this time (2h, 1h30m, 45m, 90s): the same command goes on. What completes most cells goes first.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub budget: Option<Duration>,
    /// Where jobs run: on this machine, or by `sbatch` on the nodes of a Slurm cluster that see the store under the same path
    /// [default: as your settings say, else here].
    #[arg(long, value_name = "PLACE")]
    pub on: Option<Place>,
    /// After a failure, still start the jobs that do not need the failed one.
    #[arg(long, short)]
    pub keep_going: bool,
}

/// `pipe plan`.
#[derive(Args, Debug)]
pub struct PlanArguments {
    /// What to make: all, table:NAME, group:NAME, stage:NAME[variable=value,…].
    #[arg(value_name = "TARGET", default_value = "all")]
    pub targets: Vec<String>,
    /// Find the largest value of a variable, such as the updates of a training, at which all fits in the time of --within here.
    #[arg(long, value_name = "VARIABLE", requires = "within")]
    pub fit: Option<String>,
    /// The time that all may take (24h, 1h30m, 45m), by what like jobs have taken.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "fit")]
    pub within: Option<Duration>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe why`.
#[derive(Args, Debug)]
pub struct WhyArguments {
    /// What to explain: all, table:NAME, group:NAME, stage:NAME[variable=value,…].
    #[arg(value_name = "TARGET", default_value = "all")]
    pub targets: Vec<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe list`.
#[derive(Args, Debug)]
pub struct ListArguments {
    /// What to tell about: a stage kind (what it takes), a variable (its value, meaning and reach), a table, a group, a stage, a
    /// profile.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe masks`.
#[derive(Args, Debug)]
pub struct MasksArguments {
    /// The text to mask.
    #[arg(value_name = "TEXT")]
    pub text: String,
    /// What is masked together: uniform, whole-word, spanbert-spans, t5-spans, pmi.
    #[arg(long, value_name = "NAME", default_value = "uniform")]
    pub strategy: String,
    /// The share of tokens that is masked.
    #[arg(long, value_name = "SHARE", default_value = "0.4")]
    pub rate: String,
    /// The share of tokens that is predicted [default: all that are masked].
    #[arg(long, value_name = "SHARE")]
    pub predict: Option<String>,
    /// Whether the share is met (exact), or each token, word or n-gram drawn by itself (bernoulli) [default: exact].
    #[arg(long, value_name = "HOW")]
    pub count: Option<String>,
    /// The share of the masked tokens that a random token replaces [default: 0].
    #[arg(long, value_name = "SHARE")]
    pub random: Option<String>,
    /// The share of the masked tokens that is left as it is [default: 0].
    #[arg(long, value_name = "SHARE")]
    pub keep: Option<String>,
    /// Whether that is drawn for each token, or once for a whole span [default: token].
    #[arg(long, value_name = "WHAT")]
    pub replace_each: Option<String>,
    /// The mean length, in tokens, of t5-spans [default: 3].
    #[arg(long, value_name = "TOKENS")]
    pub mean_span: Option<String>,
    /// The parameter of the distribution of the lengths of spanbert-spans [default: 0.2].
    #[arg(long, value_name = "SHARE")]
    pub span_p: Option<String>,
    /// The most words in a span of spanbert-spans [default: 10].
    #[arg(long, value_name = "WORDS")]
    pub longest_span: Option<String>,
    /// The n-grams of pmi: a list, one a line, or a stage of the pipeline: @ngrams.
    #[arg(long, value_name = "PATH|@STAGE")]
    pub ngrams: Option<String>,
    /// What makes tokens of the text: a tokenizer's folder or file, or a stage [default: the encoder's; else each word is a token].
    #[arg(long, value_name = "PATH|@STAGE")]
    pub tokenizer: Option<String>,
    /// A trained encoder that fills in what is masked: a Hugging Face folder, or a stage: '@pretrain[m=0.4]'.
    #[arg(long, value_name = "PATH|@STAGE")]
    pub encoder: Option<String>,
    /// How often the text is masked.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub examples: u32,
    /// The seed of the masks.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Show the special token at the beginning, and mask it like any other.
    #[arg(long)]
    pub specials: bool,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe encode`.
#[derive(Args, Debug)]
pub struct EncodeArguments {
    /// What encodes: stage:NAME[variable=value,…] of a stage that trains an encoder, with /step-N behind it what keep_at has kept of it; or
    /// a Hugging Face or sentence-transformers folder.
    #[arg(value_name = "STAGE|FOLDER")]
    pub model: String,
    /// A text with a sentence a line; `-` for standard input.
    #[arg(value_name = "FILE")]
    pub texts: PathBuf,
    /// The file to write, which must not be there yet: OUT.parquet with the columns `row` (the line, from 0) and `vector`, or OUT.npy,
    /// a matrix.
    #[arg(long, value_name = "OUT")]
    pub to: PathBuf,
    /// How hidden states become one vector [default: as the stage was trained or the folder says, with its dense maps; else mean].
    #[arg(long, value_name = "NAME")]
    pub pooling: Option<String>,
    /// Whether vectors are scaled to length 1: auto, always, never [default: as the folder says, else not].
    #[arg(long, value_name = "WHEN")]
    pub normalise: Option<String>,
    /// The most tokens of a sentence that are seen [default: as many as the folder says].
    #[arg(long, value_name = "TOKENS")]
    pub max_length: Option<u32>,
    /// Operands of matrix products: f32, bf16 [default: f32].
    #[arg(long, value_name = "NAME")]
    pub precision: Option<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe predict`.
#[derive(Args, Debug)]
pub struct PredictArguments {
    /// What predicts: stage:NAME[variable=value,…] of a stage that fine-tunes and has kept its model (keep_model = true).
    #[arg(value_name = "STAGE")]
    pub stage: String,
    /// A .tsv, .csv or .parquet file whose columns are called as in the task's own files; of questions about texts `question` and
    /// `context`.
    #[arg(value_name = "FILE")]
    pub texts: PathBuf,
    /// The file to write, which must not be there yet: OUT.tsv, separated by tabs, or OUT.csv, by commas [default: standard output, by tabs].
    #[arg(long, value_name = "OUT")]
    pub to: Option<PathBuf>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe show`.
#[derive(Args, Debug)]
pub struct ShowArguments {
    /// What to print: all, table:NAME, group:NAME.
    #[arg(value_name = "TARGET", default_value = "all")]
    pub targets: Vec<String>,
    /// Print where the numbers of some cells come from: those with these values of variables, or in a row or column of
    /// that label.
    #[arg(long, value_name = "VARIABLE=VALUE,…")]
    pub cell: Option<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe compare`.
#[derive(Args, Debug)]
pub struct CompareArguments {
    /// The table: table:NAME.
    #[arg(value_name = "TABLE")]
    pub table: String,
    /// The row that others are compared with, and the other: by values of variables or by its label [default: the row that the table
    /// compares with, else its first; and all other rows].
    #[arg(value_name = "VARIABLE=VALUE,…", num_args = 0..=2)]
    pub rows: Vec<String>,
    /// Say as well how many seeds would settle a difference of this size, and what they would cost [default: the difference that was
    /// found].
    #[arg(long, value_name = "DIFFERENCE", num_args = 0..=1, require_equals = true, value_parser = size_of_difference)]
    #[allow(
        clippy::option_option,
        reason = "as clap tells a flag without a value from none"
    )]
    pub power: Option<Option<f64>>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe claims`.
#[derive(Args, Debug)]
pub struct ClaimsArguments {
    /// The tables whose claims are answered: all, table:NAME, group:NAME.
    #[arg(value_name = "TARGET", default_value = "all")]
    pub targets: Vec<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe graph`.
#[derive(Args, Debug)]
pub struct GraphArguments {
    /// What to draw: all, table:NAME, group:NAME, stage:NAME[variable=value,…].
    #[arg(value_name = "TARGET", default_value = "all")]
    pub targets: Vec<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
    /// As what to draw it.
    #[arg(long, value_enum, default_value = "dot")]
    pub format: Drawn,
    /// Draw a box for each job instead of one for each stage.
    #[arg(long)]
    pub jobs: bool,
}

/// Forms of a drawing.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Drawn {
    /// The language of Graphviz.
    Dot,
    /// A flowchart that GitHub and others draw.
    Mermaid,
    /// A picture.
    Svg,
}

/// `pipe init`.
#[derive(Args, Debug)]
pub struct InitArguments {
    /// The folder, which may be there already.
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Look at this folder for what the pipeline can take (text, benchmarks, a vocabulary), and name it in a profile of your own,
    /// which is then the default.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Print JSON on standard output.
    #[arg(long)]
    pub json: bool,
    /// Tell only what went wrong.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `pipe status`.
#[derive(Args, Debug)]
pub struct StatusArguments {
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe log`.
#[derive(Args, Debug)]
pub struct LogArguments {
    /// Whose messages to print: stage:NAME[variable=value,…]; or a run: its name, the start of it, last, last~1.
    #[arg(value_name = "TARGET|RUN")]
    pub targets: Vec<String>,
    /// How many runs to list [default: 20], or rows of a training to show [default: 10].
    #[arg(long, short = 'n', value_name = "N")]
    pub number: Option<usize>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe diff`.
#[derive(Args, Debug)]
pub struct DiffArguments {
    /// A run: its name as `pipe log` lists it, the start of it, last (the last run of tables, not of one stage), last~1.
    #[arg(value_name = "OLD", default_value = "last~1")]
    pub old: String,
    /// Another.
    #[arg(value_name = "NEW", default_value = "last")]
    pub new: String,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe verify`.
#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// Read this share of the files, chosen anew each time, and all records.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub sample: Option<u32>,
    /// Read your own files as well that the pipeline takes, whatever was noted of them.
    #[arg(long)]
    pub inputs: bool,
    /// Run this share of the jobs once more whose results the pipeline takes (1%, 0.5%, 100%), aside, and compare bytes; at least
    /// one job. Nothing in the store is replaced.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub rerun: Option<f64>,
    /// With --rerun: how much core time the jobs may have cost together when they were run (1h, 90m, any). After as much time by
    /// the clock those that still run are stopped.
    #[arg(long, value_name = "TIME", value_parser = core_seconds, default_value = "1h", requires = "rerun")]
    pub max_cost: f64,
    /// With --rerun: choose the jobs that this number chose before.
    #[arg(long, value_name = "NUMBER", requires = "rerun")]
    pub seed: Option<u64>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe gc`.
#[derive(Args, Debug)]
pub struct GcArguments {
    /// Say what would go and why, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How much core time the results that go may have cost together (1h, 90m, any): what gives most room for its cost goes
    /// first, the rest stays.
    #[arg(long, value_name = "TIME", value_parser = core_seconds, default_value = "1h")]
    pub max_cost: f64,
    /// Keep what runs of this time (30d, 12h, 0s) made or used that were given values by --set or in a stage's brackets.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "30d")]
    pub recent: Duration,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe pin`.
#[derive(Args, Debug)]
pub struct PinArguments {
    /// What to keep, with all that it rests on: all, table:NAME, group:NAME, stage:NAME[variable=value,…].
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// What to call it [default: the target].
    #[arg(long = "as", value_name = "NAME", requires = "targets")]
    pub name: Option<String>,
    /// What there is to say about it.
    #[arg(long, value_name = "TEXT", requires = "targets")]
    pub note: Option<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe unpin`.
#[derive(Args, Debug)]
pub struct UnpinArguments {
    /// The pins, as `pipe pin` shows them.
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe export`.
#[derive(Args, Debug)]
pub struct ExportArguments {
    /// What to write: all, table:NAME, group:NAME, stage:NAME[variable=value,…].
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
    /// The file to write, a tar archive, which must not be there yet; `-` for standard output.
    #[arg(long, short, value_name = "FILE", required_unless_present_any = ["to", "mteb"], conflicts_with_all = ["to", "mteb"])]
    pub output: Option<PathBuf>,
    /// Write a thin archive: records, logs, scores, predictions and logs of trainings, without encoders, tokens and texts.
    #[arg(long, conflicts_with_all = ["to", "mteb"])]
    pub scores: bool,
    /// In the place of an archive, write the model of one stage (or of a step that keep_at has kept: stage:NAME/step-N) as a folder that
    /// transformers and sentence-transformers load, with a model card. The folder must not be there yet, or be empty.
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// With --to: what to write the model for: sentences, masked-lm, encoder; task, a fine-tuned model with its head [default: the task of
    /// a fine-tuned model, sentences where the stage trains vectors of sentences, else masked-lm where the encoder has that head].
    #[arg(long = "for", value_name = "USE", requires = "to")]
    pub for_: Option<String>,
    /// In the place of an archive, write the results of one stage of kind sts in the form of MTEB's result files, in a folder that
    /// `mteb.ResultCache` reads. The folder must not be there yet, or be empty.
    #[arg(long, value_name = "FOLDER", conflicts_with = "to")]
    pub mteb: Option<PathBuf>,
    /// With --to: the pooling of a folder for sentences: cls, mean, max [default: that of the stage, else mean].
    #[arg(long, value_name = "NAME", requires = "to")]
    pub pooling: Option<String>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe import`.
#[derive(Args, Debug)]
pub struct ImportArguments {
    /// The file that `pipe export` wrote.
    #[arg(value_name = "FILE")]
    pub archive: PathBuf,
    /// Lay out the archive's project as well: its pipeline file and small inputs, in a folder that has none of them. Results go
    /// into the store there, if --store names no other.
    #[arg(long, value_name = "FOLDER")]
    pub project: Option<PathBuf>,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe doctor`.
#[derive(Args, Debug)]
pub struct DoctorArguments {
    /// Measure what the processor can do at most, and keep it in the store: progress lines then tell the share reached.
    #[arg(long)]
    pub bench: bool,
    /// What holds for all commands.
    #[command(flatten)]
    pub common: Common,
}

/// `pipe stage`.
#[derive(Args, Debug)]
pub struct StageArguments {
    /// The work folder.
    pub folder: PathBuf,
    /// The process to die with.
    #[arg(long, value_name = "PID")]
    pub coordinator: Option<u32>,
}

/// `pipe attempt`.
#[derive(Args, Debug)]
pub struct AttemptArguments {
    /// The work folder.
    pub folder: PathBuf,
    /// Which attempt at the job this is.
    #[arg(long, value_name = "N")]
    pub number: u32,
    /// The fingerprint of the stage's code in the program that submits the job.
    #[arg(long, value_name = "DIGEST")]
    pub source: Option<String>,
}

/// `pipe try-lock`.
#[derive(Args, Debug)]
pub struct TryLockArguments {
    /// The file.
    pub file: PathBuf,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().into(), value.into())),
        _ => Err("expected VARIABLE=VALUE".into()),
    }
}

/// Reads a share of a hundred, as `1%` or `0.5`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    match number.parse() {
        Ok(percent) if 0.0 < percent && percent <= 100.0 => Ok(percent),
        _ => Err("expected a share of a hundred such as 1%, 0.5% or 100%".to_owned()),
    }
}

/// Reads an amount of core time, in seconds: a time, or `any`.
fn core_seconds(text: &str) -> Result<f64, String> {
    match text {
        "any" => Ok(f64::INFINITY),
        _ => time(text)
            .map(|time| time.as_secs_f64())
            .map_err(|wrong| format!("{wrong}, or `any`")),
    }
}

/// Reads a size.
fn size(text: &str) -> Result<u64, String> {
    bytes(text).map_err(|why| format!("{why}: {SIZES}"))
}

/// Reads the size of a difference, in the unit of the scores.
fn size_of_difference(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(size) if size.is_finite() && size > 0.0 => Ok(size),
        _ => Err("expected a number above 0, in the unit of the scores: 0.5".into()),
    }
}

/// Reads a number of jobs or threads. More than [`MOST_AT_ONCE`] is a slip of the finger.
fn number_at_once(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > MOST_AT_ONCE => Err(format!(
            "expected at most {MOST_AT_ONCE}: more would bring the machine to a halt"
        )),
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a whole number of at least 1".into()),
    }
}
