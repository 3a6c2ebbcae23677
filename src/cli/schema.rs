//! `pipe schema`.

use super::Exit;
use super::failure::CommandFailure;
use super::output::print_json;
use crate::registry::Registry;
use crate::schema;

/// Prints the schema of pipeline files.
pub(super) fn schema(registry: &Registry) -> Result<Exit, CommandFailure> {
    print_json(&schema::of(registry))?;
    Ok(Exit::Ok)
}
