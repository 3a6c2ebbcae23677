//! The project that the common options lead to: pipeline, store, results.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::terminal::Paint;

use super::arguments::Common;
use super::elsewhere;
use super::failure::CommandFailure;
use super::output::tell;
use super::overridden;
use crate::declare::{Asked, Pipeline, Target};
use crate::environment;
use crate::execute::{Resolver, Standing, survey, survey_from};
use crate::graph::{self, InputSource, Plan};
use crate::progress::{Verbosity, count};
use crate::registry::Registry;
use crate::runs::quoted;
use crate::store::{Away, Found, Noted, Prefetch, Store, StoreError};

/// The name of the file that is looked for.
const FILE: &str = "pipeline.toml";
/// The store's folder, beside the pipeline file.
pub(super) const STORE: &str = ".pipe";
/// The results' folder, beside the pipeline file.
const RESULTS: &str = "results";

/// A pipeline and the places that belong to it.
pub(super) struct Project {
    pub(super) pipeline: Pipeline,
    pub(super) store: PathBuf,
    /// The options that all commands share.
    common: Common,
}

/// Targets, expanded.
pub(super) struct Expanded {
    pub(super) targets: Vec<Target>,
    pub(super) plan: Plan,
    /// The store, opened to be looked at only.
    pub(super) store: Store,
    /// What archives tell of files that are not at hand.
    pub(super) noted: Noted,
    /// The thread that looks up results already.
    pub(super) ahead: Prefetch,
}

impl Project {
    /// Reads the pipeline that the options name.
    pub(super) fn load(common: &Common, registry: &Registry) -> Result<Self, CommandFailure> {
        let file = Self::file(common)?;
        let fallback = environment::text(environment::PROFILE);
        let asked = match (&common.profile, &fallback) {
            (Some(profile), _) => Some(Asked::from(profile.as_str())),
            (None, Some(profile)) => Some(Asked::by_variable(profile, environment::PROFILE)),
            (None, None) => None,
        };
        let mut pipeline = graph::load(&file, asked, &common.set, registry)?;
        pipeline.set_results(vec![pipeline.root().join(RESULTS)]);
        let store = common.store();
        let store = store.unwrap_or_else(|| pipeline.root().join(STORE));
        Ok(Self {
            pipeline,
            store,
            common: common.clone(),
        })
    }

    /// Notes the folder that results are written to, if one is named.
    pub(super) fn write_results_to(&mut self, folder: Option<&Path>) {
        let folders = [self.pipeline.root().join(RESULTS)].into_iter();
        let folders = folders.chain(folder.map(Path::to_path_buf));
        self.pipeline.set_results(folders.collect());
    }

    /// Returns the pipeline file that the options name.
    pub(super) fn file(common: &Common) -> Result<PathBuf, CommandFailure> {
        common.file.clone().map_or_else(find, Ok)
    }

    /// Returns the store's folder as the options say, without reading a pipeline.
    pub(super) fn store(common: &Common) -> Result<PathBuf, CommandFailure> {
        if let Some(store) = common.store() {
            return Ok(store);
        }
        let file = std::path::absolute(Self::file(common)?)?;
        Ok(file.parent().unwrap_or(Path::new("/")).join(STORE))
    }

    /// Returns the name of the pipeline file.
    pub(super) fn file_name(&self) -> Result<String, CommandFailure> {
        let file = Self::file(&self.common)?;
        let name = file.file_name().and_then(|name| name.to_str());
        name.map(str::to_owned)
            .ok_or_else(|| CommandFailure::Usage {
                message: format!("the name of {} is no UTF-8", file.display()),
                remedy: "rename it".into(),
            })
    }

    /// Returns the values of `--set` as they would be given in the project's folder: paths start there.
    pub(super) fn settings(&self) -> Vec<String> {
        let set = self.common.set.iter();
        let set = set.map(|(name, value)| {
            let placed = graph::placed(&self.pipeline, name);
            let placed = placed.as_ref().and_then(Value::as_str);
            // A value that is read as text as well counts as it was typed.
            let path = placed.filter(|placed| !placed.starts_with(&format!("{value} (")));
            format!("{name}={}", path.unwrap_or(value))
        });
        set.collect()
    }

    /// Whether the pipeline file or a setting names a path in full.
    pub(super) fn names(&self, path: &Path) -> bool {
        let Some(path) = path.to_str() else {
            return false;
        };
        let mut set = self.common.set.iter();
        self.pipeline.text().contains(path) || set.any(|(_, value)| value == path)
    }

    /// Returns targets that name all outputs and all stages.
    pub(super) fn everything(&self) -> Vec<String> {
        let stages = self.pipeline.stages();
        let mut targets: Vec<String> = stages.map(|(name, _)| format!("stage:{name}")).collect();
        if self.pipeline.outputs().next().is_some() {
            targets.push("all".into());
        }
        targets
    }

    /// Expands targets as they stand on the command line.
    pub(super) fn plan(&self, targets: &[String]) -> Result<(Vec<Target>, Plan), CommandFailure> {
        self.plan_with(targets, &Noted::default())
    }

    /// Expands targets. Files that archives tell of need not be at hand.
    pub(super) fn plan_with(
        &self,
        targets: &[String],
        noted: &Noted,
    ) -> Result<(Vec<Target>, Plan), CommandFailure> {
        let targets = self.pipeline.targets(targets)?;
        let is_known = |path: &Path| noted.knows(path);
        let plan = graph::expand_unless(&self.pipeline, &targets, &is_known)?;
        let notes = overridden::check(&plan.settings, &self.common.set)?;
        for note in notes.iter().filter(|_| self.tells()) {
            tell(&format!("{} {note}", "note:".cyan()));
        }
        Ok((targets, plan))
    }

    /// Expands targets, while a thread looks up results already. Of the store only caches are written. Files that archives tell
    /// of need not be at hand.
    pub(super) fn expand(&self, targets: &[String]) -> Result<Expanded, CommandFailure> {
        let store = Store::view(&self.store)?;
        let ahead = store.prefetch();
        let noted = store.noted(self.pipeline.root());
        let (targets, plan) = self.plan_with(targets, &noted)?;
        Ok(Expanded {
            targets,
            plan,
            store,
            noted,
            ahead,
        })
    }

    /// Checks that the files are at hand that the jobs which will run have to read.
    ///
    /// # Errors
    /// Names the files that are not, with the places in the pipeline file that name them.
    pub(super) fn check_at_hand(
        &self,
        targets: &[Target],
        plan: &Plan,
        standings: &[Standing],
        noted: &Noted,
    ) -> Result<(), CommandFailure> {
        let used = noted.used();
        if used.is_empty() {
            return Ok(());
        }
        let jobs = plan.jobs.jobs().zip(standings);
        let to_run = jobs.filter(|(_, standing)| !standing.is_cached());
        let inputs = to_run.flat_map(|((_, job), _)| &job.inputs);
        let paths = inputs.filter_map(|(_, source)| match source {
            InputSource::Path(path) => Some(&**path),
            InputSource::Job { .. } => None,
        });
        let needed: BTreeSet<&Path> = paths.collect();
        let mut away = used.iter().filter(|away| needed.contains(&*away.path));
        let Some(first) = away.next() else {
            return Ok(());
        };
        // This time these files must exist, so the expansion reports them.
        graph::expand_unless(&self.pipeline, targets, &|path| !needed.contains(path))?;
        Err(CommandFailure::Usage {
            message: format!(
                "of {} a part is there, as {} has carried it, and jobs that are to run need the whole",
                first.told, first.archive
            ),
            remedy: "put the rest there; results that rest on it can be shown without".into(),
        })
    }

    /// Expands targets and says how their jobs stand; of the store only caches are written.
    pub(super) fn look(
        &self,
        targets: &[String],
    ) -> Result<(Plan, Store, Vec<Standing>), CommandFailure> {
        let Expanded {
            plan,
            store,
            noted,
            ahead,
            ..
        } = self.expand(targets)?;
        let mut resolver = Resolver::new(&store).to_look(&noted);
        let standings = survey_from(&plan.jobs, &mut resolver, Some(ahead))?;
        self.tell_away(&noted);
        self.tell_elsewhere(targets, &plan, &standings, &store)?;
        Ok((plan, store, standings))
    }

    /// Expands targets and returns the result of each of their jobs.
    ///
    /// # Errors
    /// When some jobs have no result yet.
    pub(super) fn known(
        &self,
        store: &Store,
        targets: &[String],
    ) -> Result<(Plan, Vec<Arc<Found>>), CommandFailure> {
        let noted = store.noted(self.pipeline.root());
        let (_, plan) = self.plan_with(targets, &noted)?;
        let mut resolver = Resolver::new(store).to_look(&noted);
        let standings = survey(&plan.jobs, &mut resolver)?;
        self.tell_away(&noted);
        let found: Vec<_> = standings.iter().filter_map(Standing::found).collect();
        let lacking = standings.len() - found.len();
        if lacking > 0 {
            let jobs = count(standings.len(), "job");
            return Err(CommandFailure::Usage {
                message: format!("no result yet: {lacking} of {jobs}"),
                remedy: format!("make them first: {}", self.command("run", targets)),
            });
        }
        Ok((plan, found))
    }

    /// Whether more than failures is to be told.
    fn tells(&self) -> bool {
        self.common.verbosity() > Verbosity::Quiet
    }

    /// Returns a command for hints, with the options in force: `pipe run all --profile tiny --set m=0.3`.
    pub(super) fn command(&self, command: &str, targets: &[String]) -> String {
        let mut text = format!("pipe {command}");
        for target in targets {
            text += &format!(" {}", quoted(target));
        }
        text + &self.common.options()
    }

    /// Returns the options in force that say where things are.
    pub(super) fn places(&self) -> String {
        let common = Common {
            profile: None,
            set: Vec::new(),
            ..self.common.clone()
        };
        common.options()
    }

    /// Tells which files are not at hand, and that their digests are those that archives tell.
    pub(super) fn tell_away(&self, noted: &Noted) {
        for away in noted.used().iter().filter(|_| self.tells()) {
            tell(&format!("{} {}", "note:".cyan(), away_text(away)));
        }
    }

    /// Tells under which options results exist, where few results are known under those in force.
    pub(super) fn tell_elsewhere(
        &self,
        targets: &[String],
        plan: &Plan,
        standings: &[Standing],
        store: &Store,
    ) -> Result<(), StoreError> {
        let options = elsewhere::options(
            &self.pipeline,
            &self.common,
            targets,
            plan,
            standings,
            store,
        )?;
        if let Some(options) = options.filter(|_| self.tells()) {
            tell(&format!(
                "{} little of this is known under profile {}; the last run that made it was {options}",
                "hint:".cyan(),
                self.pipeline.profile(),
            ));
        }
        Ok(())
    }

    /// Says in a line which targets are asked for, under which profile and settings: `all · profile laptop · m = 0.5`.
    pub(super) fn heading(&self, targets: &[String]) -> String {
        let profile = self.pipeline.profile();
        let mut text = format!("{} · profile {profile}", targets.join(" "));
        for (name, value) in &self.common.set {
            text += &format!(" · {name} = {value}");
        }
        text
    }

    /// Returns where this profile's results go.
    pub(super) fn results(&self, folder: Option<&Path>) -> PathBuf {
        let folder = folder.map_or_else(|| self.pipeline.root().join(RESULTS), Path::to_path_buf);
        folder.join(self.pipeline.profile())
    }
}

impl Common {
    /// Returns the store that the options name, or the environment.
    pub(super) fn store(&self) -> Option<PathBuf> {
        let store = self.store.clone();
        store.or_else(|| environment::os(environment::STORE).map(PathBuf::from))
    }

    /// Returns the options that decide what a command is about, as they would be given again: ` --profile tiny --set m=0.3`.
    pub(super) fn options(&self) -> String {
        let path = |path: &PathBuf| quoted(&path.display().to_string());
        let file = self
            .file
            .iter()
            .map(|file| format!(" --file {}", path(file)));
        let profile = self.profile.iter();
        let profile = profile.map(|profile| format!(" --profile {}", quoted(profile)));
        let set = self.set.iter();
        let set = set.map(|(name, value)| format!(" --set {}", quoted(&format!("{name}={value}"))));
        let store = self
            .store
            .iter()
            .map(|store| format!(" --store {}", path(store)));
        file.chain(profile).chain(set).chain(store).collect()
    }

    /// Returns how much to tell.
    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, _) => Verbosity::Verbose,
        }
    }
}

/// Says what is taken in the place of an input that is not at hand.
pub(super) fn away_text(away: &Away) -> String {
    let Away {
        told,
        archive,
        partly,
        ..
    } = away;
    let what = match partly {
        true => "is at hand in part only",
        false => "is not at hand",
    };
    format!("{told} {what}: taken as it was where {archive} was made")
}

/// Looks for the pipeline file here and in the folders above. A file in the current folder is named without a path.
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
