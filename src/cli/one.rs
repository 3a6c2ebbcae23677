//! The result of one stage, as the command line names it: `stage:NAME[variable=value,…]`; or what it has kept on the way there:
//! `stage:NAME[…]/step-N`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::arguments::Common;
use super::failure::CommandFailure;
use super::project::Project;
use super::take::label;
use crate::graph::{Job, JobIndex, Plan};
use crate::registry::Registry;
use crate::store::{Content, Digest, Found, Manifest, Record, Store};

/// How what a training has kept along the way is called: with the number of the step.
const STEP: &str = "step-";
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
    /// What of the result is meant, if not all: `step-1000`, and its files.
    pub(super) part: Option<(String, Manifest)>,
}

impl One {
    /// Finds the result of the stage that `target` names, as `stage:NAME` or `@NAME`, or a step that it has kept.
    ///
    /// # Errors
    /// When that is no stage, more than one job, or a job without a result; or when that has no such step.
    pub(super) fn find(
        common: &Common,
        target: &str,
        registry: &Registry,
    ) -> Result<Self, CommandFailure> {
        let target = match target.strip_prefix('@') {
            Some(stage) => format!("{STAGE}{stage}"),
            None => target.to_owned(),
        };
        let (target, step) = match target.rsplit_once('/') {
            Some((stage, step)) if is_step(step) => (stage.to_owned(), Some(step.to_owned())),
            _ => (target, None),
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
        let manifest = &all[index.index()].manifest;
        let part = match step {
            Some(step) => match manifest.part(&step) {
                Some(part) => Some((step, part)),
                None => return Err(has_no(&step, &plan.jobs.job(index).label, manifest)),
            },
            None => None,
        };
        Ok(Self {
            project,
            store,
            plan,
            all,
            index,
            target,
            part,
        })
    }

    /// Returns what the result is called, without the places of this machine: the job's label, and the step that is meant.
    pub(super) fn label(&self) -> String {
        let label = label(&self.job().label);
        match &self.part {
            Some((step, _)) => format!("{label}/{step}"),
            None => label,
        }
    }

    /// Returns the digest of what is meant.
    pub(super) fn artifact(&self) -> Digest {
        match &self.part {
            Some((_, part)) => part.digest(),
            None => self.result().artifact,
        }
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

    /// Lays out as a folder what is meant, or what lies at `part` in it, if anything does.
    ///
    /// # Errors
    /// When a file of it is elsewhere, damaged or cannot be read.
    pub(super) fn lay_out(&self, part: Option<&str>) -> Result<Option<PathBuf>, CommandFailure> {
        let manifest = match &self.part {
            Some((_, part)) => part,
            None => &*self.result().manifest,
        };
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

/// Whether that is the name of a step that a training may have kept.
fn is_step(name: &str) -> bool {
    let number = name.strip_prefix(STEP);
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

fn has_no(step: &str, label: &str, manifest: &Manifest) -> CommandFailure {
    let kept = manifest.files.iter();
    let kept = kept.filter_map(|file| Some(file.path.split_once('/')?.0));
    let kept: BTreeSet<&str> = kept.filter(|name| is_step(name)).collect();
    let kept: Vec<&str> = kept.into_iter().collect();
    CommandFailure::Usage {
        message: format!("{label} has kept no {step}"),
        remedy: match kept.is_empty() {
            true => "name the stage alone, or have it keep steps: keep_at".into(),
            false => format!("name what it has kept: {}", kept.join(", ")),
        },
    }
}

fn is_not_one(target: &str) -> CommandFailure {
    CommandFailure::Usage {
        message: format!("{target} is not the result of one stage"),
        remedy: "name one, with the values of its variables: 'stage:pretrain[m=0.4]'; `pipe list` shows them".into(),
    }
}
