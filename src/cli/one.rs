//! The result of one stage, as the command line names it: `stage:NAME[variable=value,…]`.

use std::path::PathBuf;
use std::sync::Arc;

use super::arguments::Common;
use super::failure::CommandFailure;
use super::project::Project;
use crate::graph::{Job, JobIndex, Plan};
use crate::registry::Registry;
use crate::store::{Content, Found, Record, Store};

/// How a stage is named.
pub(super) const STAGE: &str = "stage:";

/// The result of one stage, with those that it rests on.
pub(super) struct One {
    pub(super) project: Project,
    pub(super) store: Store,
    pub(super) plan: Plan,
    /// The results of all jobs of the plan, in its order.
    pub(super) all: Vec<Arc<Found>>,
    index: JobIndex,
    /// The stage, as it was named.
    pub(super) target: String,
}

impl One {
    /// Finds the result of the stage that `target` names, as `stage:NAME` or `@NAME`.
    ///
    /// # Errors
    /// When that is no stage, more than one job, or a job without a result.
    pub(super) fn find(
        common: &Common,
        target: &str,
        registry: &Registry,
    ) -> Result<Self, CommandFailure> {
        let target = match target.strip_prefix('@') {
            Some(stage) => format!("{STAGE}{stage}"),
            None => target.to_owned(),
        };
        let project = Project::load(common, registry)?;
        let store = Store::open(&project.store)?;
        let targets = std::slice::from_ref(&target);
        let (plan, all) = match target.starts_with(STAGE) {
            true => project.known(&store, targets)?,
            // What the target means instead is for the message alone.
            false => {
                project.plan(targets)?;
                return Err(is_not_one(&target));
            }
        };
        let &[index] = &plan.stages[..] else {
            return Err(is_not_one(&target));
        };
        Ok(Self {
            project,
            store,
            plan,
            all,
            index,
            target,
        })
    }

    /// Returns the job.
    pub(super) fn job(&self) -> &Job {
        self.plan.jobs.job(self.index)
    }

    /// Returns the job's result.
    pub(super) fn result(&self) -> &Found {
        &self.all[self.index.index()]
    }

    /// Returns the result's record.
    ///
    /// # Errors
    /// When it cannot be read, or was removed meanwhile.
    pub(super) fn record(&self, index: usize) -> Result<Record, CommandFailure> {
        let record = self.store.recorded(&self.all[index].key)?;
        record.ok_or_else(|| CommandFailure::Usage {
            message: "a result was removed meanwhile".into(),
            remedy: format!(
                "make it again: {}",
                self.project
                    .command("run", std::slice::from_ref(&self.target))
            ),
        })
    }

    /// Returns the place of the job among the results.
    pub(super) fn place(&self) -> usize {
        self.index.index()
    }

    /// Lays the result out as a folder, or what lies at `part` in it, if anything does.
    ///
    /// # Errors
    /// When a file of it is elsewhere, damaged or cannot be read.
    pub(super) fn lay_out(&self, part: Option<&str>) -> Result<Option<PathBuf>, CommandFailure> {
        let manifest = &self.result().manifest;
        Ok(match part {
            None => Some(self.store.lay_out(manifest)?),
            Some(part) => match manifest.part(part) {
                Some(part) => Some(self.store.lay_out(&part)?),
                None => None,
            },
        })
    }

    /// Whether the result is of that type.
    pub(super) fn is(&self, output: contract::ArtifactType) -> bool {
        self.result().manifest.content == Content::Artifact(output)
    }
}

fn is_not_one(target: &str) -> CommandFailure {
    CommandFailure::Usage {
        message: format!("{target} is not the result of one stage"),
        remedy: "name one, with the values of its variables: 'stage:pretrain[m=0.4]'; `pipe list` shows them".into(),
    }
}
