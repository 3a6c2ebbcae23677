//! Names of scores that no job of a cell can have: told before hours are spent on it.

use std::collections::BTreeSet;

use contract::{Params, ScoreName};

use super::cells::Cells;
use super::expand::Expander;
use super::{InputSource, JobIndex};
use crate::declare::{Line, Selection, StageId};
use crate::errors::{Diagnostic, did_you_mean};

/// Which checks were made already: a stage, the score that a cell shows, and the selection.
pub(super) type Looked<'p> = BTreeSet<(StageId, Option<&'p str>, String)>;

/// Looks whether a job of the stage in a cell may have the score that the cell shows, and the one that its grid is searched by;
/// with `params`, whether this very job may.
pub(super) fn check<'p>(
    cells: &Cells<'_, 'p>,
    expander: &mut Expander<'p>,
    (row, column): (&'p Line, &'p Line),
    job: JobIndex,
    params: Option<&Params>,
    looked: &mut Looked<'p>,
) {
    let table = cells.table;
    let (Some(stage), Some(shown)) = (table.cell(row, column), table.shown(row, column)) else {
        return;
    };
    // No kind says beforehand which texts its jobs make.
    let metric = shown.metric();
    let select = table.best(row, column).map(|_| table.select(row, column));
    let select = select.unwrap_or_default();
    if metric.is_none() && select == Selection::default() {
        return;
    }
    if !looked.insert((stage, metric, format!("{select:?}{params:?}"))) {
        return;
    }
    let declaration = expander.pipeline.stage(stage);
    let maker = |input: &str| match expander.job_at(job).input(input)? {
        InputSource::Job { job, .. } => Some(expander.job_at(*job).kind),
        InputSource::Path(_) => None,
    };
    let Some(known) = declaration.stage.scores(params, &maker) else {
        return;
    };
    let source = &expander.pipeline.source;
    let stage = &declaration.name.text;
    let mut problems = Vec::new();
    let names = || known.iter().map(|score| score.name.as_str());
    let word = row.metric.as_ref().or(column.metric.as_ref());
    if let (Some(metric), Some(word)) = (metric, word)
        && !names().any(|name| name == metric)
    {
        problems.push(
            Diagnostic::new(format!("stage `{stage}` has no score `{metric}`"))
                .at(source, word.span.clone(), "")
                .help(did_you_mean(metric, names(), "scores")),
        );
    } else if let Some(at) = table.select_at(row, column)
        && let Err((message, help)) = selects(&select, metric, &known)
    {
        problems.push(
            Diagnostic::new(format!("stage `{stage}` {message}"))
                .at(source, at.clone(), "")
                .help(help),
        );
    }
    expander.problems.append(&mut problems);
}

/// Checks that a score to select by exists, as [`metrics::find`] finds it; returns what is wrong, and what was probably meant.
fn selects(
    select: &Selection,
    shown: Option<&str>,
    known: &[ScoreName],
) -> Result<(), (String, String)> {
    let metric = select.metric.as_deref().or(shown);
    let names = || known.iter().map(|score| score.name.as_str());
    let Some(split) = select.split.as_deref() else {
        return match metric {
            Some(metric) if !names().any(|name| name == metric) => Err((
                format!("has no score `{metric}` to select by"),
                did_you_mean(metric, names(), "scores"),
            )),
            _ => Ok(()),
        };
    };
    let on_split = || known.iter().filter(|score| score.split == split);
    if on_split().next().is_none() {
        let splits: BTreeSet<&str> = known.iter().map(|score| score.split).collect();
        return Err((
            format!("scores no split `{split}` here"),
            did_you_mean(split, splits, "splits"),
        ));
    }
    let fits = |score: &ScoreName, metric: &str| {
        let rest = score.name.strip_prefix(metric);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    match metric {
        Some(metric) if !on_split().any(|score| fits(score, metric)) => Err((
            format!("has no score `{metric}` on the split `{split}`"),
            did_you_mean(
                metric,
                on_split().map(|score| score.name.as_str()),
                "scores",
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_selected_by_is_looked_for_as_it_is_found() {
        let known = [
            ScoreName::new("accuracy", "validation"),
            ScoreName::new("accuracy_mm", "validation_mismatched"),
            ScoreName::new("f1_held_out", "held_out"),
        ];
        let told = |text: &str, shown: Option<&str>| {
            let select = Selection::parse(text).unwrap_or_default();
            selects(&select, shown, &known).map_err(|(message, _)| message)
        };
        for text in [
            "accuracy",
            "@validation",
            "f1@held_out",
            "lowest f1_held_out",
            "accuracy@validation_mismatched",
        ] {
            assert_eq!(told(text, None), Ok(()), "{text}");
        }
        assert_eq!(
            told("acc", None),
            Err("has no score `acc` to select by".to_owned())
        );
        assert_eq!(
            told("@heldout", None),
            Err("scores no split `heldout` here".to_owned())
        );
        assert_eq!(
            told("@held_out", Some("accuracy")),
            Err("has no score `accuracy` on the split `held_out`".to_owned())
        );
    }
}
