//! `pipe graph`.

use serde_json::json;

use super::Exit;
use super::arguments::{Drawn, GraphArguments};
use super::failure::CommandFailure;
use super::output::{print_data, print_json};
use super::project::Project;
use crate::draw::{Drawing, dot, mermaid, svg};
use crate::registry::Registry;

/// Prints the graph of what the targets need.
pub(super) fn graph(
    arguments: &GraphArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let (plan, _, standings) = project.look(&arguments.targets)?;
    let drawing = match arguments.jobs {
        true => Drawing::of_jobs(&plan.jobs, &standings),
        false => Drawing::of_stages(&plan.jobs, &standings),
    };
    if arguments.common.json {
        let nodes = drawing.nodes.iter().map(
            |node| json!({ "name": node.name, "note": node.note, "state": node.state.name() }),
        );
        print_json(&json!({
            "schema_version": 1,
            "nodes": nodes.collect::<Vec<_>>(),
            "edges": drawing.edges,
        }))?;
        return Ok(Exit::Ok);
    }
    let text = match arguments.format {
        Drawn::Dot => dot(&drawing),
        Drawn::Mermaid => mermaid(&drawing),
        Drawn::Svg => svg(&drawing),
    };
    print_data(text.as_bytes())?;
    Ok(Exit::Ok)
}
