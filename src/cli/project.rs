//! What the options that all commands share lead to.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::Common;
use super::failure::CommandFailure;
use crate::declare::{self, Pipeline, Target};
use crate::execute::{Machine, Resolver, Standing, survey, survey_from};
use crate::graph::{self, Plan};
use crate::progress::{Verbosity, count};
use crate::registry::Registry;
use crate::store::{Found, LookAhead, Store};

/// The file that is looked for.
const FILE: &str = "pipeline.toml";
/// The store's folder, beside the pipeline file.
const STORE: &str = ".pipe";
/// The results' folder, beside the pipeline file.
const RESULTS: &str = "results";

/// A pipeline and the places that belong to it.
pub(super) struct Project {
    pub(super) pipeline: Pipeline,
    pub(super) store: PathBuf,
}

/// What targets come to.
pub(super) struct Expanded {
    pub(super) targets: Vec<Target>,
    pub(super) plan: Plan,
    /// The store, which was only looked at.
    pub(super) store: Store,
    /// Who looks which results are there.
    pub(super) ahead: LookAhead,
}

impl Project {
    /// Reads the pipeline that the options name.
    pub(super) fn load(common: &Common, registry: &Registry) -> Result<Self, CommandFailure> {
        let file = Self::file(common)?;
        let mut pipeline = declare::load(&file, common.profile.as_deref(), &common.set, registry)?;
        pipeline.set_results(vec![pipeline.root().join(RESULTS)]);
        let store = match &common.store {
            Some(store) => store.clone(),
            None => pipeline.root().join(STORE),
        };
        Ok(Self { pipeline, store })
    }

    /// Has results written to that folder, if one is named.
    pub(super) fn write_results_to(&mut self, folder: Option<&Path>) {
        let folders = [self.pipeline.root().join(RESULTS)].into_iter();
        let folders = folders.chain(folder.map(Path::to_path_buf));
        self.pipeline.set_results(folders.collect());
    }

    /// Returns the pipeline file that the options name.
    pub(super) fn file(common: &Common) -> Result<PathBuf, CommandFailure> {
        common.file.clone().map_or_else(find, Ok)
    }

    /// Returns where the options say that results are kept, without reading a pipeline.
    pub(super) fn store(common: &Common) -> Result<PathBuf, CommandFailure> {
        if let Some(store) = &common.store {
            return Ok(store.clone());
        }
        let file = std::path::absolute(Self::file(common)?)?;
        Ok(file.parent().unwrap_or(Path::new("/")).join(STORE))
    }

    /// Expands targets as they stand on the command line.
    pub(super) fn plan(&self, targets: &[String]) -> Result<(Vec<Target>, Plan), CommandFailure> {
        let targets = self.pipeline.targets(targets)?;
        let plan = graph::expand(&self.pipeline, &targets)?;
        Ok((targets, plan))
    }

    /// Expands targets, while somebody looks already which results are there; of the store only caches are written.
    pub(super) fn expand(&self, targets: &[String]) -> Result<Expanded, CommandFailure> {
        let store = Store::view(&self.store)?;
        let ahead = store.look_ahead();
        let (targets, plan) = self.plan(targets)?;
        Ok(Expanded {
            targets,
            plan,
            store,
            ahead,
        })
    }

    /// Expands targets and says how their jobs stand; of the store only caches are written.
    pub(super) fn look(
        &self,
        targets: &[String],
    ) -> Result<(Plan, Store, Vec<Standing>), CommandFailure> {
        let Expanded {
            plan, store, ahead, ..
        } = self.expand(targets)?;
        let machine = Machine::here();
        let standings = survey_from(
            &plan.jobs,
            &mut Resolver::new(&store, &machine),
            Some(ahead),
        )?;
        Ok((plan, store, standings))
    }

    /// Expands targets and returns what each of their jobs has made.
    ///
    /// # Errors
    /// When some have made nothing yet.
    pub(super) fn known(
        &self,
        store: &Store,
        targets: &[String],
    ) -> Result<(Plan, Vec<Arc<Found>>), CommandFailure> {
        let (_, plan) = self.plan(targets)?;
        let machine = Machine::here();
        let standings = survey(&plan.jobs, &mut Resolver::new(store, &machine))?;
        let found: Vec<_> = standings.iter().filter_map(Standing::found).collect();
        let lacking = standings.len() - found.len();
        if lacking > 0 {
            let jobs = count(standings.len(), "job");
            return Err(CommandFailure::Usage {
                message: format!("no result yet: {lacking} of {jobs}"),
                remedy: format!("make them first: pipe run {}", targets.join(" ")),
            });
        }
        Ok((plan, found))
    }

    /// Returns where this profile's results go.
    pub(super) fn results(&self, folder: Option<&Path>) -> PathBuf {
        let folder = folder.map_or_else(|| self.pipeline.root().join(RESULTS), Path::to_path_buf);
        folder.join(self.pipeline.profile())
    }
}

impl Common {
    /// Returns how much to tell.
    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, _) => Verbosity::Verbose,
        }
    }
}

/// Looks for the pipeline file here and in the folders above. It is named relative to here if it is here.
fn find() -> Result<PathBuf, CommandFailure> {
    if Path::new(FILE).is_file() {
        return Ok(FILE.into());
    }
    let here = env::current_dir()?;
    let found = here
        .ancestors()
        .map(|folder| folder.join(FILE))
        .find(|file| file.is_file());
    found.ok_or_else(|| CommandFailure::Usage {
        message: format!("there is no {FILE} in {} or above", here.display()),
        remedy: "name the pipeline file with --file".into(),
    })
}
