//! Settings that the tables asked for override: `--set` must not be ignored in silence.

use super::failure::CommandFailure;
use crate::graph::{Overridden, Setting, What};

/// How many labels are named at most.
const LABELS: usize = 6;

/// Returns a line for each setting that reaches only some of the cells asked for, or that nothing reads.
///
/// # Errors
/// When a setting reaches nothing, since all tables asked for set the variable themselves: the results would be those without
/// it.
pub(super) fn check(
    settings: &[Setting],
    set: &[(String, String)],
) -> Result<Vec<String>, CommandFailure> {
    let mut notes = Vec::new();
    for setting in settings {
        let name = &setting.variable;
        let value = set.iter().rfind(|(set, _)| set == name);
        let written = format!("--set {name}={}", value.map_or("", |(_, value)| value));
        match setting.overridden.as_slice() {
            [] if setting.is_read => {}
            [] => notes.push(format!(
                "{written}: nothing that is asked for reads `{name}`"
            )),
            [first, ..] if !setting.is_read => {
                return Err(CommandFailure::Usage {
                    message: format!("{written} would change nothing: {}", whose(name, first)),
                    remedy: format!(
                        "give other values there in the pipeline file, or ask for a stage with it: \
                         stage:NAME[{name}=…]"
                    ),
                });
            }
            overridden => notes.extend(overridden.iter().map(|table| {
                let (reached, cells) = (table.reached, table.cells);
                format!(
                    "{written} reaches {reached} of {cells} cells: {}",
                    whose(name, table)
                )
            })),
        }
    }
    Ok(notes)
}

/// Says what sets a variable: `in table `rates` the rows `15 %` and `40 %` set `m``.
fn whose(name: &str, overridden: &Overridden) -> String {
    let labels = |wanted: What, word: &str| -> Option<String> {
        let of_sort = overridden.by.iter().filter(|(what, _)| *what == wanted);
        let labels: Vec<String> = of_sort.map(|(_, label)| format!("`{label}`")).collect();
        if labels.is_empty() {
            return None;
        }
        let shown = labels[..labels.len().min(LABELS)].join(", ");
        let more = match labels.len().saturating_sub(LABELS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let s = if labels.len() == 1 { "" } else { "s" };
        Some(format!("{word}{s} {shown}{more}"))
    };
    let has = |wanted: What| overridden.by.iter().any(|(what, _)| *what == wanted);
    let mut setters: Vec<String> = Vec::new();
    setters.extend(labels(What::Row, "row"));
    setters.extend(labels(What::Column, "column"));
    setters.extend(has(What::Over).then(|| "`over`".to_owned()));
    setters.extend(has(What::Best).then(|| "`best`".to_owned()));
    let what = match overridden.made_of_it.as_slice() {
        [] => format!("`{name}`"),
        made => {
            let made: Vec<String> = made.iter().map(|name| format!("`{name}`")).collect();
            format!("{}, which would follow from `{name}`", made.join(" and "))
        }
    };
    let are_many = overridden.by.len() > 1;
    let verb = if are_many { "set" } else { "sets" };
    format!(
        "in table `{}` {} {verb} {what}",
        overridden.table,
        setters.join(", ")
    )
}
