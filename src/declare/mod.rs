//! `pipeline.toml`: read, checked, and ready to be expanded into jobs.
//!
//! # What a file says
//!
//! - `[vars]`: variables, each a single value. `"${other}"` alone takes over the value of another with its type;
//!   `"a-${other}"` makes text; `$${` stands for a plain `${`. A variable may hold an input (`"@stage"`, a path).
//! - `[stage.NAME]`: `use` names the kind; the other keys are its parameters and inputs. An input is `"@stage"`,
//!   `"@stage/sub/folder"` where that stage makes a folder, or a path: from the file's folder, or from the current
//!   one where `--set` gave it. An optional input that is the empty text is left out. `resources` says what the stage's jobs need
//!   of the machine: `threads`, `memory` (`"8 GB"`) and `gpus`, each as far as it matters; no key rests on it.
//!   `{ stage = "@stage", over = { seed = [0, 1, 2] } }` is an input that gathers the stage's results, a folder of each.
//!   A kind may take lists and tables of texts, and inputs under names of the user's; and it may leave to the file what
//!   the stage makes, which then is a plain word and no variable.
//! - `[KIND.NAME]` for each kind of output, of which `table` is the first (`grammar::OutputKind`):
//! - `[table.NAME]`: `title`, `caption`, `reference` (`"FILE#ID"`, one or several), `cell` (`"@stage"`), `rows` and
//!   `columns`, `over` (variable → values gathered in each cell), `exclude`, `best`, `select`, `compare` and `claims` (files).
//!   Every key of a row or column except `label`, `cell`, `metric`, `shows`, `reference`, `best`, `select` and `compare` binds
//!   a variable. A `cell` or `metric`
//!   there takes precedence over the table's; where row and column name different ones, the cell stays empty.
//! - `[group.NAME]`: `tables` that are asked for together, and perhaps a `title`.
//! - `[profile.NAME]`: `vars`, and `rows`, `columns`, `over`, `exclude`, `best`, `select` or `compare` of
//!   `[profile.NAME.table.TABLE]`, in the place of the file's; `extends` names a profile to begin with; one is the
//!   `default`.
//!
//! # Axes
//!
//! `rows` and `columns` are a table or a list of tables. A list of values in one stands for a line of each value, several
//! lists for every combination, the first variable turning slowest: `{ size = ["nano", "tiny"], m = [0.15, 0.4] }`
//! is four lines. In a `label` and in a `reference`, `${m}` is what the line binds, as it is written, and `${m:%}` that as
//! a percentage; without a label a line is named by its values. `over` and `best` are such tables too.
//!
//! `exclude` holds combinations of values. What a row, a column, `over` and `best` bind in a place of the table is compared
//! with them; a place that has all values of a combination is left out, and its job is not made. A cell without places is
//! empty. To leave out what does not occur is a mistake.
//!
//! # Grid search
//!
//! `best` names variables and values to choose among, for a table or for one of its rows or columns (`best = {}` there
//! searches nothing). All points of the grid are run. A cell shows the point whose selection score, as a mean over `over`, is
//! best, the first of equals; as long as a score of any point is lacking it chooses none. `select` names that score
//! (`"accuracy"`, `"accuracy@SPLIT"`, `"@SPLIT"`; by default the one that the cell shows), and perhaps its direction
//! (`"lowest rmse"`): else lower is better for a perplexity, a loss and an error, and higher for all else.
//!
//! # Comparison
//!
//! `compare = { to = { m = 0.15 } }` compares the rows of a table with one of them, which `to` names by values that it alone binds
//! as they are written, or by its label. Rows and columns with `compare = false` stay out of it. A row of the profile in force
//! must fit.
//!
//! # What a variable is
//!
//! A variable is what its row or column says, else `over` or `best`, else `--set`, else the profile, else `[vars]`. Definitions
//! are looked at only where they are read: whoever binds `m_corr = "${m}"` to a number no longer depends on `m`.
//!
//! # Limits
//!
//! A few lines can stand for more than any machine has. What comes to more than a limit is refused, and the message names it:
//! 100 000 combinations of one table of axes, 1 000 000 places of all tables (rows × columns × `over` × `best`), 20 000 000
//! comparisons of a place with a combination that is left out, 512 MiB for all lines; 10 000 results that one input gathers, and
//! 100 000 of all; 1000 reads of variables for one value
//! and 64 KiB for a text that they are put together to; 16 MiB for the texts of one job and 2 GiB for those of all.
//!
//! # How it is read
//!
//! Reading has two steps. `raw` turns the text into tables whose every key and value knows where it stands, and
//! knows nothing of what they mean. `build` makes of that a [`Pipeline`]: profile chosen, `--set` applied, names
//! resolved to indices, templates parsed. Both collect problems instead of stopping at the first. What depends on
//! the values of variables (edges, parameters) is checked by `graph::load`, once per stage and table line, before
//! anything is handed out.

mod build;
pub(crate) mod grammar;
mod grid;
mod inputs;
mod model;
mod outline;
mod parameter;
mod raw;
mod reference;
mod target;
mod template;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::errors::{Diagnostic, Report, Source};
use crate::registry::Registry;

pub(crate) use build::parse_value;
pub use grid::Selection;
pub(crate) use grid::{Axis, Grid, Point, product};
pub use model::{Asked, Group, Output, Pipeline};
pub(crate) use model::{
    Combination, Definition, Gathers, InputDeclaration, Item, ItemValue, Line, Origin,
    OutputDeclaration, ReferenceKey, StageDeclaration, StageId, VariableId,
};
pub use outline::{OutputOutline, ProfileOutline};
pub use target::Target;
pub(crate) use target::{written_binding, written_bindings};
pub(crate) use template::{Part, Template};

/// A pipeline as far as it can be understood, and all that is wrong with it.
pub(crate) struct Parsed {
    pub(crate) pipeline: Pipeline,
    pub(crate) problems: Vec<Diagnostic>,
}

/// Reads a pipeline file, and checks all that does not depend on the values of variables.
///
/// `profile` is the profile asked for, else the one marked `default`; `set` holds the `VARIABLE=VALUE` pairs of
/// `--set`, whose values parse as TOML scalars and are text otherwise.
///
/// # Errors
/// What keeps anything else from being understood: the file cannot be read, or is no TOML.
pub(crate) fn parse(
    file: &Path,
    profile: Option<Asked<'_>>,
    set: &[(String, String)],
    registry: &Registry,
) -> Result<Parsed, Report> {
    let text = read(file)?;
    let source = Arc::new(Source {
        name: file.display().to_string(),
        text,
    });
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let root = file.parent().unwrap_or(Path::new("")).to_path_buf();
    let mut problems = Vec::new();
    let pipeline = build(&source, root, profile, set, registry, &mut problems)?;
    reference::check(&source, &pipeline.outputs, &mut problems);
    Ok(Parsed { pipeline, problems })
}

/// Reads, like [`parse`], a pipeline that lies in no file yet, under its default profile. Files that it names are not looked
/// for.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_text(text: &str, registry: &Registry) -> Result<Parsed, Report> {
    let source = Arc::new(Source {
        name: "pipeline.toml".into(),
        text: text.to_owned(),
    });
    let mut problems = Vec::new();
    let pipeline = build(&source, PathBuf::new(), None, &[], registry, &mut problems)?;
    Ok(Parsed { pipeline, problems })
}

fn build(
    source: &Arc<Source>,
    root: PathBuf,
    profile: Option<Asked<'_>>,
    set: &[(String, String)],
    registry: &Registry,
    problems: &mut Vec<Diagnostic>,
) -> Result<Pipeline, Report> {
    let raw = raw::read(source, problems);
    if raw.is_empty() {
        Report::unless_empty(std::mem::take(problems))?;
    }
    let settings = build::Settings {
        root,
        // Relative paths mean the same with and without the current folder in front.
        current: std::env::current_dir().unwrap_or_else(|_| PathBuf::new()),
        profile,
        set,
        registry,
    };
    Ok(build::build(source, raw, settings, problems))
}

fn read(file: &Path) -> Result<String, Report> {
    let bytes = fs::read(file).map_err(|error| {
        Diagnostic::new(format!("cannot read {}: {error}", file.display()))
            .help("name the pipeline file with --file, or run in its folder")
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Diagnostic::new(format!("{}:{line}: the line is not UTF-8", file.display()))
            .help("save the file as UTF-8")
            .into()
    })
}
