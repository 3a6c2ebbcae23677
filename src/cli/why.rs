//! `pipe why`.

use serde_json::json;

use super::Exit;
use super::arguments::WhyArguments;
use super::failure::CommandFailure;
use super::notes;
use super::output::{print, print_json};
use super::project::{Expanded, Project};
use crate::execute::{Resolver, recall, survey_from};
use crate::registry::Registry;
use crate::terminal::Paint;
use crate::why::{Explainer, History, Why};

/// Says of each job that the targets need why it will run, or need not.
pub(super) fn why(arguments: &WhyArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let Expanded {
        plan,
        store,
        noted,
        ahead,
        ..
    } = project.expand(&arguments.targets)?;
    let mut resolver = Resolver::new(&store).to_look(&noted);
    let mut standings = survey_from(&plan.jobs, &mut resolver, Some(ahead))?;
    recall(&plan.jobs, &mut standings, &plan.stages);
    project.tell_away(&noted);
    project.tell_elsewhere(&arguments.targets, &plan, &standings, &store)?;
    let mut history = History::new(&store);
    let mut explainer = Explainer::new(
        &plan.jobs,
        &standings,
        &mut resolver,
        registry,
        &mut history,
    );
    // A stage that is asked for by name is explained itself; for tables, all jobs are that they rest on.
    let indices: Vec<_> = match plan.outputs.is_empty() && !plan.stages.is_empty() {
        true => plan.stages.clone(),
        false => plan.jobs.jobs().map(|(index, _)| index).collect(),
    };
    let whys = indices
        .iter()
        .map(|index| {
            let found = standings[index.index()].found();
            let record = match &found {
                Some(found) => store.recorded(&found.key)?,
                None => None,
            };
            let origin = record.map(|record| record.origin).unwrap_or_default();
            let notes = found.map(|found| found.notes.clone()).unwrap_or_default();
            let job = plan.jobs.job(*index);
            Ok((job, explainer.why(*index)?, notes, origin))
        })
        .collect::<Result<Vec<_>, CommandFailure>>()?;
    if arguments.common.json {
        let jobs = whys.iter().map(|(job, why, notes, origin)| {
            let (label, stage) = (&job.label, &*job.stage);
            let text = why.to_string();
            json!({
                "label": label, "stage": stage, "why": why, "text": text, "notes": notes, "origin": origin,
            })
        });
        print_json(&json!({
            "schema_version": 1,
            "profile": project.pipeline.profile(),
            "jobs": jobs.collect::<Vec<_>>(),
        }))?;
    } else {
        let lines = whys.iter().map(|(job, why, notes, origin)| {
            let word = match why {
                Why::Cached { .. } => "cached".green().to_string(),
                Why::Waits { .. } => "unknown".dimmed().to_string(),
                Why::Broken { .. } => "broken".red().to_string(),
                Why::First | Why::Changed { .. } | Why::Damaged { .. } | Why::Away { .. } => {
                    "run".yellow().to_string()
                }
            };
            let notes = notes::below(notes, "  ");
            let origin = origin.iter().map(|origin| format!("  {origin}\n"));
            let origin: String = origin.collect();
            format!("{}: {word}: {why}\n{notes}{origin}", job.label)
        });
        print(&lines.collect::<String>())?;
    }
    let broken = whys.iter().filter_map(|(_, why, _, _)| match why {
        Why::Broken { failure } => Some(failure),
        _ => None,
    });
    Ok(Exit::after(broken))
}
