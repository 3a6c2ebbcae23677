//! `pipe graph`.

use super::Exit;
use super::arguments::{Drawn, GraphArguments};
use super::failure::CommandFailure;
use super::output::print;
use super::project::Project;
use crate::draw::{Drawing, dot, mermaid, svg};
use crate::execute::{Machine, Resolver, survey};
use crate::registry::Registry;
use crate::store::Store;

/// Prints the graph of what the targets need.
pub(super) fn graph(
    arguments: &GraphArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let (_, plan) = project.plan(&arguments.targets)?;
    let store = Store::view(&project.store)?;
    let machine = Machine::here();
    let standings = survey(&plan.jobs, &mut Resolver::new(&store, &machine))?;
    let drawing = match arguments.jobs {
        true => Drawing::of_jobs(&plan.jobs, &standings),
        false => Drawing::of_stages(&plan.jobs, &standings),
    };
    print(&match arguments.format {
        Drawn::Dot => dot(&drawing),
        Drawn::Mermaid => mermaid(&drawing),
        Drawn::Svg => svg(&drawing),
    })?;
    Ok(Exit::Ok)
}
