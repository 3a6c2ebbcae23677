//! What tables and groups of them cost: how many jobs there are, how many have a result, and how long the rest takes, by the
//! estimates of `pipe plan`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::cli::project::Project;
use crate::declare::{Group, Target};
use crate::execute::{Executor, Local, Resolver, Standing, recall, survey_from};
use crate::graph::{self, JobGraph, JobIndex, Plan};
use crate::progress::{count, duration};
use crate::registry::Registry;
use crate::store::{Store, StoreError};
use crate::terminal::Paint;
use crate::why::{History, Price, Prices, prices};

/// How many bytes of the user's files are read for a list. Where more has to be read to know which results hold, `pipe plan`
/// does it.
const MOST_READ: u64 = 16 << 20;

/// What is said where no estimate can be had.
const NOT_KNOWN: &str = "not known";

/// What all outputs of a pipeline cost.
pub(super) struct Costs {
    looked: Result<Looked, String>,
    threads: usize,
}

/// The jobs of all outputs, and how they stand.
struct Looked {
    plan: Plan,
    standings: Vec<Standing>,
    prices: Prices,
}

/// What some outputs cost together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Cost {
    jobs: usize,
    cached: usize,
    /// Jobs that will run.
    run: usize,
    /// Jobs that need inputs which have to be made first, and may turn out to be cached.
    unknown: usize,
    /// Jobs that cannot run.
    broken: usize,
    /// The price of those that will run, as `pipe plan` has it.
    price: Price,
}

impl Costs {
    /// Looks how the jobs of all outputs stand. Nothing fails: why costs cannot be told, [`Costs::note`] says.
    pub(super) fn look(project: &Project, registry: &Registry) -> Self {
        let threads = Local::here().machine().cores;
        let looked = Looked::look(project, registry, threads);
        Self { looked, threads }
    }

    /// Returns what an output costs, if that can be told.
    pub(super) fn output(&self, name: &str) -> Option<Cost> {
        self.of(&[name])
    }

    /// Returns what the tables of a group cost together, each job counted once.
    pub(super) fn group(&self, group: &Group) -> Option<Cost> {
        let names: Vec<&str> = group.tables.iter().map(String::as_str).collect();
        self.of(&names)
    }

    fn of(&self, names: &[&str]) -> Option<Cost> {
        let looked = self.looked.as_ref().ok()?;
        Some(looked.cost(names, self.threads))
    }

    /// Says why costs, or some of them, cannot be told.
    pub(super) fn note(&self) -> Option<String> {
        match &self.looked {
            Err(reason) => Some(format!("what tables cost cannot be told: {reason}")),
            Ok(looked) => {
                let broken = |standing: &Standing| match standing {
                    Standing::Broken(failure) => Some(failure.message.clone()),
                    _ => None,
                };
                let reasons: Vec<String> = looked.standings.iter().filter_map(broken).collect();
                let first = reasons.first()?;
                let jobs = count(reasons.len(), "job");
                Some(format!("{jobs} cannot run: {first}"))
            }
        }
    }

    /// Adds a section: a line an output or group, with its name, its cost and what it is about.
    pub(super) fn section(
        &self,
        text: &mut String,
        heading: &str,
        entries: &[(String, String, Option<Cost>)],
    ) {
        if entries.is_empty() {
            return;
        }
        let left = format!("left, on {}", count(self.threads, "core"));
        let head = ["jobs", "known", &left].map(str::to_owned);
        let cells = entries.iter().map(|(_, _, cost)| cost.map(Cost::cells));
        let cells: Vec<Option<[String; 3]>> = cells.collect();
        let width = |at: usize| {
            let all = cells.iter().flatten().chain([&head]);
            all.map(|cells| cells[at].chars().count())
                .max()
                .unwrap_or(0)
        };
        let [jobs, known, left] = [0, 1, 2].map(width);
        let columns = |cells: &[String; 3]| {
            let [a, b, c] = cells;
            format!("{a:>jobs$}  {b:>known$}  {c:<left$}")
        };
        let names = entries.iter().map(|(name, ..)| name.chars().count());
        let names = names.max().unwrap_or(0);
        *text += &format!("{}\n", heading.bold());
        let is_told = cells.iter().any(Option::is_some);
        if is_told {
            let head = columns(&head);
            *text += &format!("  {:names$}  {}\n", "", head.trim_end().dimmed());
        }
        for ((name, about, _), cells) in entries.iter().zip(&cells) {
            let cells = cells.as_ref().map(&columns);
            let cells = cells.map(|cells| format!("{cells}  ")).unwrap_or_default();
            let name = format!("{name:<names$}");
            *text += &format!("  {}  {cells}{about}\n", name.cyan());
        }
        text.push('\n');
    }

    /// Says in a line what a name costs; empty where that cannot be told.
    pub(super) fn line(&self, of: impl FnOnce(&Self) -> Option<Cost>) -> String {
        let Some(cost) = of(self) else {
            return String::new();
        };
        let jobs = count(cost.jobs, "job");
        let left = match cost.left() {
            Left::Nothing => "nothing is left".to_owned(),
            Left::Broken => cost.left().to_string(),
            left => format!("left, on {}: {left}", count(self.threads, "core")),
        };
        format!("  costs: {jobs}, {} known; {left}\n", cost.cached)
    }
}

impl Looked {
    fn look(project: &Project, registry: &Registry, threads: usize) -> Result<Self, String> {
        let store = Store::view(&project.store).map_err(|error| error.to_string())?;
        // Files that are not there make their jobs broken, and the others are told all the same.
        let plan = graph::expand_without_files(&project.pipeline, &[Target::All]);
        let plan = plan.map_err(|report| report.diagnostics()[0].message().to_owned())?;
        Self::survey(project, registry, &store, plan, threads).map_err(|error| error.to_string())
    }

    fn survey(
        project: &Project,
        registry: &Registry,
        store: &Store,
        plan: Plan,
        threads: usize,
    ) -> Result<Self, StoreError> {
        let ahead = store.prefetch();
        let noted = store.noted(project.pipeline.root());
        let resolver = Resolver::new(store).to_look(&noted);
        let mut resolver = resolver.reading_at_most(MOST_READ);
        let mut standings = survey_from(&plan.jobs, &mut resolver, Some(ahead))?;
        recall(&plan.jobs, &mut standings, &plan.stages);
        let mut history = History::new(store);
        let prices = prices(
            &plan.jobs,
            &standings,
            &mut resolver,
            registry,
            &mut history,
            threads,
        )?;
        Ok(Self {
            plan,
            standings,
            prices,
        })
    }

    fn cost(&self, names: &[&str], threads: usize) -> Cost {
        let graph = &self.plan.jobs;
        let outputs = self.plan.outputs.iter();
        let outputs = outputs.filter(|output| names.contains(&output.name.as_str()));
        let cells = outputs.flat_map(|output| output.cells.iter().flatten().flatten());
        let needed = needed(graph, cells.flat_map(|cell| cell.jobs.iter().copied()));
        let mut cost = Cost {
            jobs: needed.len(),
            cached: 0,
            run: 0,
            unknown: 0,
            broken: 0,
            price: self.prices.of(graph, &self.standings, &needed, threads),
        };
        for index in &needed {
            *match &self.standings[index.index()] {
                Standing::Cached(_) => &mut cost.cached,
                Standing::Away(_) | Standing::Missing { .. } => &mut cost.run,
                Standing::Unknown => &mut cost.unknown,
                Standing::Broken(_) => &mut cost.broken,
            } += 1;
        }
        cost
    }
}

/// Returns jobs with all that they take inputs from.
fn needed(graph: &JobGraph, jobs: impl Iterator<Item = JobIndex>) -> BTreeSet<JobIndex> {
    let mut open: Vec<JobIndex> = jobs.collect();
    let mut needed = BTreeSet::new();
    while let Some(index) = open.pop() {
        if needed.insert(index) {
            open.extend(graph.inputs(index));
        }
    }
    needed
}

/// What is left to do for some outputs.
enum Left {
    Nothing,
    /// Some jobs cannot run.
    Broken,
    NotKnown,
    /// So long, and more if there are jobs that nothing is known of.
    Time(Duration, bool),
}

impl Cost {
    fn left(self) -> Left {
        match self {
            _ if self.broken > 0 => Left::Broken,
            _ if self.cached == self.jobs => Left::Nothing,
            _ if self.price.jobs == 0 => Left::NotKnown,
            _ => Left::Time(self.price.wall(), self.price.unknown > 0),
        }
    }

    /// Returns what stands in the columns of a list.
    fn cells(self) -> [String; 3] {
        let left = self.left().to_string();
        [self.jobs.to_string(), self.cached.to_string(), left]
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Broken => f.write_str("cannot run"),
            Self::NotKnown => f.write_str(NOT_KNOWN),
            Self::Time(time, true) => write!(f, "at least {}", duration(*time)),
            Self::Time(time, false) => write!(f, "about {}", duration(*time)),
        }
    }
}
