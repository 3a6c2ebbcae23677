//! Which job runs when.
//!
//! A job may start when all its inputs are known. Of those that may, the one with the longest chain of jobs behind it
//! goes first, and among equals the one that the graph names first. Up to [`Options::jobs`] run at once and share
//! [`Options::threads`]: each gets an equal part of them, never more than are free. Neither order nor threads can reach
//! a result, so both follow convenience alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Scope;
use std::time::{Duration, Instant};

use contract::Event;

use super::attempt::{Attempt, Gained};
use super::resolve::{Ready, Resolver};
use super::worker::{Control, Worker};
use super::{Failure, FailureKind, Machine};
use crate::graph::{JobGraph, JobIndex};
use crate::keys::Key;
use crate::progress::{Progress, count};
use crate::store::{Found, Lookup, Peaks, Section, Store, StoreError};

/// How often running jobs are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How often a job is tried again whose inputs were found damaged.
const RETRIES: u32 = 3;

/// How a run goes about its jobs.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many jobs may run at once.
    pub jobs: usize,
    /// How many threads they may use together.
    pub threads: usize,
    /// Whether to start jobs that do not need a failed one after one has failed.
    pub keep_going: bool,
    /// How long jobs that were asked to stop may take to save their checkpoints before they are killed.
    pub grace: Duration,
    /// After what time to stop gently.
    pub budget: Option<Duration>,
    /// Each job's place in the order in which jobs are started, by index; without it, the longest chains go first.
    pub order: Option<Vec<usize>>,
    /// Results that are known to be there, by index; those not named are looked up.
    pub known: Vec<Option<Arc<Found>>>,
}

impl Options {
    /// The usual [`Options::grace`]: long enough to end an update of a large encoder and to save. Whoever cannot wait asks
    /// twice.
    pub const GRACE: Duration = Duration::from_secs(15 * 60);
}

/// What became of a job.
#[derive(Clone, Debug)]
pub enum JobState {
    /// Its result was known.
    Cached(Arc<Found>),
    /// It ran.
    Made(Arc<Found>),
    /// It has no result.
    Failed(Failure),
    /// A job that it needs has no result.
    Blocked {
        /// The job that failed.
        by: JobIndex,
    },
    /// It was not started, because the run ended before.
    NotStarted,
}

impl JobState {
    /// Returns the result, if there is one.
    pub fn found(&self) -> Option<&Arc<Found>> {
        match self {
            Self::Cached(found) | Self::Made(found) => Some(found),
            Self::Failed(_) | Self::Blocked { .. } | Self::NotStarted => None,
        }
    }
}

/// A request to end the run early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Let running jobs save a checkpoint.
    Gently,
    /// At once.
    Now,
}

/// Runs all jobs whose results are not known, and returns what became of each, by index.
pub fn run(
    graph: &JobGraph,
    store: &Store,
    worker: &dyn Worker,
    machine: &Machine,
    mut options: Options,
    progress: &mut dyn Progress,
    stops: &Receiver<Stop>,
) -> Vec<JobState> {
    let (sender, messages) = channel();
    let known = std::mem::take(&mut options.known);
    let deadline = options
        .budget
        // A time beyond what the clock can tell is no bound.
        .and_then(|budget| Instant::now().checked_add(in_time(budget)));
    let counted = known.iter().flatten().map(|found| found.key).collect();
    let mut states: Vec<Option<JobState>> = known
        .into_iter()
        .map(|found| found.map(JobState::Cached))
        .collect();
    states.resize(graph.len(), None);
    std::thread::scope(|scope| {
        let mut run = Run {
            graph,
            worker,
            machine,
            options,
            progress,
            resolver: Resolver::new(store, machine),
            peaks: store.peaks(&machine.cpu, machine.cores),
            heights: heights(graph),
            states,
            ready: Vec::new(),
            used: Vec::new(),
            running: Vec::new(),
            retries: BTreeMap::new(),
            starting: true,
            patience: None,
            deadline,
            sender,
            scope,
        };
        run.used = counted;
        run.settle(graph.jobs().map(|(index, _)| index).collect());
        // Whoever names nothing counts on everything: a run that ends at once need not say more.
        if !run.ready.is_empty() {
            run.hold(&store.enter());
        }
        run.progress.planned(graph.len(), run.count_cached());
        run.drive(&messages, stops);
        run.states
            .into_iter()
            .map(|state| state.unwrap_or(JobState::NotStarted))
            .collect()
    })
}

/// What a job's thread tells the scheduler.
enum Message {
    Waits(JobIndex),
    Ended(JobIndex, Result<Gained, Failure>),
}

/// A job that runs.
struct Running {
    index: JobIndex,
    ready: Ready,
    threads: usize,
    control: Arc<Control>,
    events: Follower,
}

struct Run<'scope, 'env> {
    graph: &'env JobGraph,
    worker: &'env dyn Worker,
    machine: &'env Machine,
    options: Options,
    progress: &'env mut dyn Progress,
    resolver: Resolver<'env>,
    /// What this machine can do at most, if that was measured.
    peaks: Option<Peaks>,
    heights: Vec<usize>,
    /// By job: what became of it; `None` while that is open.
    states: Vec<Option<JobState>>,
    ready: Vec<(JobIndex, Ready)>,
    /// Keys that have become known since the store was last told.
    used: Vec<Key>,
    running: Vec<Running>,
    /// How often a job was tried again.
    retries: BTreeMap<JobIndex, u32>,
    /// Whether new jobs are still started.
    starting: bool,
    /// Until when jobs that were asked to stop are waited for.
    patience: Option<Instant>,
    /// When to stop, if the run has a budget.
    deadline: Option<Instant>,
    sender: Sender<Message>,
    scope: &'scope Scope<'scope, 'env>,
}

impl<'scope, 'env> Run<'scope, 'env> {
    fn drive(&mut self, messages: &Receiver<Message>, stops: &Receiver<Stop>) {
        loop {
            self.start();
            if self.running.is_empty() {
                return;
            }
            match messages.recv_timeout(TICK) {
                Ok(Message::Waits(index)) => self.progress.waits(index.index()),
                Ok(Message::Ended(index, result)) => self.ended(index, result),
                // The scheduler itself holds a sender, so the channel never closes.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            while let Ok(stop) = stops.try_recv() {
                self.stop(stop);
            }
            if self.deadline.is_some_and(|until| Instant::now() >= until) {
                self.deadline = None;
                self.progress
                    .note("the budget is used up: running jobs save their checkpoints");
                self.starting = false;
                self.stop(Stop::Gently);
            }
            if self.patience.is_some_and(|until| Instant::now() >= until) {
                self.lose_patience();
            }
            self.follow();
        }
    }

    /// Looks up the given jobs and whatever depends on results that this finds, in the graph's order.
    fn settle(&mut self, mut open: BTreeSet<JobIndex>) {
        while let Some(index) = open.pop_first() {
            if self.states[index.index()].is_some() {
                continue;
            }
            let blocker =
                self.graph
                    .inputs(index)
                    .find_map(|input| match &self.states[input.index()] {
                        Some(JobState::Failed(_)) => Some(input),
                        Some(JobState::Blocked { by }) => Some(*by),
                        _ => None,
                    });
            if let Some(by) = blocker {
                self.states[index.index()] = Some(JobState::Blocked { by });
                open.extend(self.graph.users(index));
                continue;
            }
            let known = |index: JobIndex| {
                self.states[index.index()]
                    .as_ref()
                    .and_then(JobState::found)
                    .cloned()
            };
            match self.resolver.resolve(self.graph.job(index), &known) {
                None => {}
                Some(Err(failure)) => {
                    self.fail(index, failure);
                    open.extend(self.graph.users(index));
                }
                Some(Ok(ready)) => match self.look_up(ready.key) {
                    Ok(Lookup::Hit(found)) => {
                        self.states[index.index()] = Some(JobState::Cached(Arc::new(found)));
                        open.extend(self.graph.users(index));
                    }
                    Ok(Lookup::Miss) => self.ready.push((index, ready)),
                    Ok(Lookup::Damaged { path, reason }) => {
                        self.progress.note(&format!(
                            "damaged in the store, made again: {}: {reason}",
                            path.display()
                        ));
                        self.ready.push((index, ready));
                    }
                    Err(error) => {
                        self.fail(index, error.into());
                        open.extend(self.graph.users(index));
                    }
                },
            }
        }
    }

    fn look_up(&mut self, key: Key) -> Result<Lookup, StoreError> {
        self.used.push(key);
        self.resolver.store().lookup(&key)
    }

    /// Tells the store which results this run counts on, so that none of them is swept away.
    fn hold(&mut self, section: &Section) {
        let keys = std::mem::take(&mut self.used);
        self.resolver.store().hold(section, &keys);
    }

    /// Starts what may start.
    fn start(&mut self) {
        while self.starting && self.running.len() < self.options.jobs.max(1) {
            let used: usize = self.running.iter().map(|running| running.threads).sum();
            let total = self.options.threads.max(1);
            let free = total.saturating_sub(used);
            // Of two jobs with one key the second waits: it will find the result of the first.
            let startable: Vec<usize> = (0..self.ready.len())
                .filter(|&at| {
                    let key = self.ready[at].1.key;
                    self.running.iter().all(|running| running.ready.key != key)
                })
                .collect();
            let next = startable.iter().copied().min_by_key(|&at| {
                let index = self.ready[at].0;
                let place = self
                    .options
                    .order
                    .as_ref()
                    .map(|order| order[index.index()]);
                (place, std::cmp::Reverse(self.heights[index.index()]), index)
            });
            let Some(next) = next else { return };
            if free == 0 {
                return;
            }
            let sharing = (self.running.len() + startable.len())
                .min(self.options.jobs)
                .max(1);
            let threads = (total / sharing).clamp(1, free);
            let (index, ready) = self.ready.remove(next);
            self.spawn(index, ready, threads);
        }
    }

    fn spawn(&mut self, index: JobIndex, ready: Ready, threads: usize) {
        let job = self.graph.job(index);
        self.progress.started(index.index(), &job.label, threads);
        let store = self.resolver.store();
        let control = Arc::new(Control::default());
        let attempt = Attempt {
            store,
            worker: self.worker,
            cpu: &self.machine.cpu,
            label: job.label.to_string(),
            output: job.output,
            parts: ready.parts(job, self.machine),
            ready: ready.clone(),
            threads,
            peak: self
                .peaks
                .as_ref()
                .and_then(|peaks| self.machine.peak(peaks, job, threads)),
        };
        let events = Follower::new(store.events(&ready.key));
        let sender = self.sender.clone();
        self.running.push(Running {
            index,
            ready,
            threads,
            control: Arc::clone(&control),
            events,
        });
        self.scope.spawn(move || {
            let waits = || drop(sender.send(Message::Waits(index)));
            let result = catch_unwind(AssertUnwindSafe(|| attempt.run(&control, waits)))
                .unwrap_or_else(|panic| Err(Failure::panicked(panic.as_ref())));
            // Nobody listens any more only when the whole run has panicked.
            let _ = sender.send(Message::Ended(index, result));
        });
    }

    fn ended(&mut self, index: JobIndex, result: Result<Gained, Failure>) {
        self.follow();
        let Some(at) = self
            .running
            .iter()
            .position(|running| running.index == index)
        else {
            return;
        };
        let ended = self.running.remove(at);
        // Those with the same key share its fate.
        let (twins, ready) = std::mem::take(&mut self.ready)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, ready)| ready.key == ended.ready.key);
        self.ready = ready;
        let mut open: BTreeSet<JobIndex> = self.graph.users(index).collect();
        match result {
            Ok(Gained { found, made }) => {
                let label = &self.graph.job(index).label;
                self.progress
                    .finished(index.index(), label, made.as_deref());
                let state = match made {
                    Some(_) => JobState::Made(found),
                    None => JobState::Cached(found),
                };
                self.states[index.index()] = Some(state);
                // Their look-up will find it.
                open.extend(twins.into_iter().map(|(twin, _)| twin));
            }
            Err(failure) if failure.kind == FailureKind::Damaged && self.may_retry(index) => {
                self.progress
                    .note(&format!("{}, made again", failure.message));
                // Look-ups find out what is gone. The job itself is settled when its inputs are.
                for input in self.graph.inputs(index) {
                    self.states[input.index()] = None;
                    open.insert(input);
                }
                open.insert(index);
                open.extend(twins.into_iter().map(|(twin, _)| twin));
            }
            Err(failure) => {
                for (twin, _) in twins {
                    self.fail(twin, failure.clone());
                    open.extend(self.graph.users(twin));
                }
                self.fail(index, failure);
            }
        }
        let section = self.resolver.store().enter();
        self.settle(open);
        self.hold(&section);
    }

    /// Whether a job that found its inputs damaged is tried again; a disk that damages all that it is given ends the run.
    fn may_retry(&mut self, index: JobIndex) -> bool {
        let tries = self.retries.entry(index).or_default();
        *tries += 1;
        *tries <= RETRIES
    }

    fn fail(&mut self, index: JobIndex, failure: Failure) {
        self.progress
            .failed(index.index(), &self.graph.job(index).label, &failure);
        let fatal = matches!(
            failure.kind,
            FailureKind::Full | FailureKind::Store | FailureKind::Interrupted
        );
        if fatal || !self.options.keep_going {
            self.starting = false;
        }
        self.states[index.index()] = Some(JobState::Failed(failure));
    }

    fn stop(&mut self, stop: Stop) {
        if self.starting && stop == Stop::Gently {
            let grace = self.options.grace.as_secs();
            self.progress.note(&format!(
                "stopping: running jobs save their checkpoints, for {grace} s at most; once more kills them"
            ));
        }
        if stop == Stop::Gently {
            self.patience
                .get_or_insert_with(|| Instant::now() + self.options.grace);
        }
        self.starting = false;
        for running in &self.running {
            match stop {
                Stop::Gently => running.control.stop(),
                Stop::Now => running.control.kill(),
            }
        }
    }

    /// Kills the jobs that have not stopped although they were asked to.
    fn lose_patience(&mut self) {
        self.patience = None;
        if !self.running.is_empty() {
            let jobs = count(self.running.len(), "job");
            self.progress
                .note(&format!("killed, for not stopping when asked to: {jobs}"));
        }
        self.stop(Stop::Now);
    }

    /// Passes on what running jobs have told since the last time.
    fn follow(&mut self) {
        for running in &mut self.running {
            for event in running.events.read() {
                self.progress.event(running.index.index(), &event);
            }
        }
        self.progress.tick();
    }

    fn count_cached(&self) -> usize {
        self.states
            .iter()
            .filter(|state| matches!(state, Some(JobState::Cached(_))))
            .count()
    }
}

/// Returns when to ask jobs to stop so that they have stopped when the budget is used up: a little before.
fn in_time(budget: Duration) -> Duration {
    budget.saturating_sub((budget / 50).min(Duration::from_secs(20)))
}

/// Returns for each job the length of the longest chain of jobs that starts with it.
fn heights(graph: &JobGraph) -> Vec<usize> {
    let mut heights = vec![1; graph.len()];
    // Users come after their inputs: backwards, each is complete when it is passed on.
    let order: Vec<JobIndex> = graph.jobs().map(|(index, _)| index).collect();
    for index in order.into_iter().rev() {
        let above = graph
            .users(index)
            .map(|user| heights[user.index()])
            .max()
            .unwrap_or(0);
        heights[index.index()] = above + 1;
    }
    heights
}

/// Reads lines that another process appends to a file.
struct Follower {
    path: PathBuf,
    at: u64,
}

impl Follower {
    fn new(path: PathBuf) -> Self {
        // What is there already is of an earlier attempt; a new one starts the file afresh.
        Self { path, at: 0 }
    }

    fn read(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let Ok(mut file) = File::open(&self.path) else {
            return events;
        };
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        if length < self.at {
            self.at = 0;
        }
        if file.seek(SeekFrom::Start(self.at)).is_err() {
            return events;
        }
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            // Half a line will be whole the next time.
            if line.last() != Some(&b'\n') {
                break;
            }
            self.at += line.len() as u64;
            events.extend(serde_json::from_slice::<Event>(&line));
            line.clear();
        }
        events
    }
}
