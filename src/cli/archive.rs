//! `pipe export` and `pipe import`.
use super::Exit;
use super::arguments::{ExportArguments, ImportArguments};
use super::failure::CommandFailure;
use crate::registry::Registry;
pub(super) fn export(_: &ExportArguments, _: &Registry) -> Result<Exit, CommandFailure> {
    Ok(Exit::Ok)
}
pub(super) fn import(_: &ImportArguments) -> Result<Exit, CommandFailure> {
    Ok(Exit::Ok)
}
