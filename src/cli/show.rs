//! `pipe show`.

use serde_json::{Map, json};

use super::Exit;
use super::arguments::ShowArguments;
use super::cells::Cells;
use super::failure::CommandFailure;
use super::missing::Missing;
use super::output::{print, print_json, width};
use super::project::Project;
use super::settings;
use crate::execute::Standing;
use crate::registry::Registry;
use crate::report::{Builder, Jobs, all_json};

/// Prints tables of what is known.
pub(super) fn show(arguments: &ShowArguments, registry: &Registry) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let (plan, store, standings) = project.look(&arguments.targets)?;
    let targets = project.pipeline.targets(&arguments.targets)?;
    let settings = settings::reaching(&arguments.common, &project, registry, &targets, &plan);
    if plan.outputs.is_empty() {
        return Err(CommandFailure::Usage {
            message: "only tables can be shown".into(),
            remedy: "name one: pipe show table:NAME; `pipe list` shows them".into(),
        });
    }
    let missing = Missing::new(&plan.jobs, &standings, &store)?;
    let mut builder = Builder::new(&store);
    let mut outputs = Vec::new();
    for (output, settings) in plan.outputs.iter().zip(&settings) {
        outputs.push(builder.output(
            output,
            vec![settings::note(&project, settings)],
            Jobs {
                graph: &plan.jobs,
                found: &|job| match &standings[job.index()] {
                    Standing::Cached(found) | Standing::Away(found) => Some(found.as_ref()),
                    _ => None,
                },
                reason: &|job| missing.reason(job),
            },
        )?);
    }
    if let Some(selector) = &arguments.cell {
        let cells = Cells {
            project: &project,
            plan: &plan,
            standings: &standings,
            store: &store,
        };
        return cells.show(selector, &outputs, arguments.common.json);
    }
    if arguments.common.json {
        let mut all = Map::new();
        all.insert("schema_version".into(), json!(1));
        all.insert("profile".into(), json!(project.pipeline.profile()));
        all.extend(all_json(&plan.outputs, &outputs));
        print_json(&all.into())?;
    } else {
        let texts = outputs.iter().map(|output| output.terminal(width()));
        let texts: Vec<String> = texts.collect();
        print(&texts.join("\n"))?;
    }
    Ok(Exit::Ok)
}
