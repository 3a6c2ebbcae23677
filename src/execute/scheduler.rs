//! Which job runs when.
//!
//! A job may start when all its inputs are known. Of those that may, the one with the longest chain of jobs behind it
//! goes first, and among equals the one that the graph names first, as far as what it needs is free: threads, memory and
//! GPUs are packed ([`Room`]), and [`Options`] says how much of them there is. A job that does not say how many threads it
//! uses gets an equal part of them; one that does not say how much memory it holds is taken to hold what like jobs held.
//! A job that another run works on takes no room here: now and then it is looked whether its result is there. Neither
//! order nor room can reach a result, so both follow convenience alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Gained};
use super::follow::Follower;
use super::gpus::{Gathered, Gpu, Lease, Pool};
use super::memory::KillWatch;
use super::queue::{Lane, Queue, Rank};
use super::resolve::{Ready, Resolver};
use super::room::{Needs, Room, Taken};
use super::worker::{Control, Share, Worker};
use super::{Failure, FailureKind, Machine};
use crate::graph::{JobGraph, JobIndex};
use crate::keys::{Key, KeyParts};
use crate::progress::{Progress, amount, count, whose};
use crate::store::{Found, Holder, Lookup, Peaks, Record, Section, Store, StoreError};

/// How often running jobs are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often to look whether another run's job is done: first, and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// So many times the jobs that work may have their outputs stored: more would only wait for the disk.
const STORING: usize = 4;

/// How often a job is tried again whose inputs were found damaged.
const RETRIES: u32 = 3;

/// How a run goes about its jobs.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many jobs may run at once.
    pub jobs: usize,
    /// How many threads they may use together.
    pub threads: usize,
    /// How much memory they may hold together, in bytes; without, memory is not looked at.
    pub memory: Option<u64>,
    /// The GPUs that they may use.
    pub gpus: Vec<Gpu>,
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

/// What a run works with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// Where results are.
    pub store: &'a Store,
    /// What runs jobs.
    pub worker: &'a dyn Worker,
    /// The machine that it goes on.
    pub machine: &'a Machine,
    /// Says how much memory a job of that label and those parts will hold, in bytes, if anything like it is known.
    pub peak_memory: &'a dyn Fn(&str, &KeyParts) -> Option<u64>,
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
    means: Means<'_>,
    mut options: Options,
    progress: &mut dyn Progress,
    stops: &Receiver<Stop>,
) -> Vec<JobState> {
    let (sender, messages) = channel();
    let Means { store, machine, .. } = means;
    let known = std::mem::take(&mut options.known);
    let deadline = options
        .budget
        // A time beyond what the clock can tell is no bound.
        .and_then(|budget| Instant::now().checked_add(in_time(budget)));
    let total = Needs {
        threads: options.threads.max(1),
        memory: options.memory.unwrap_or(u64::MAX),
        gpus: options.gpus.len(),
    };
    let kills = KillWatch::new();
    std::thread::scope(|scope| {
        let mut run = Run {
            graph,
            means,
            pool: Pool::new(options.gpus.clone()),
            options,
            progress,
            resolver: Resolver::new(store, machine),
            peaks: store.peaks(&machine.cpu, machine.cores),
            heights: heights(graph),
            missing: missing(graph),
            states: vec![None; graph.len()],
            queue: Queue::default(),
            likely: HashMap::new(),
            seen: HashMap::new(),
            used: Vec::new(),
            retries: BTreeMap::new(),
            room: Room::new(total),
            kills: &kills,
            running: Vec::new(),
            elsewhere: Vec::new(),
            told: String::new(),
            starting: true,
            patience: None,
            deadline,
            sender,
            scope,
        };
        for ((index, _), found) in graph.jobs().zip(known) {
            if let Some(found) = found {
                run.used.push(found.key);
                run.has(index, JobState::Cached(found));
            }
        }
        run.settle(graph.jobs().map(|(index, _)| index).collect());
        // Whoever names nothing counts on everything: a run that ends at once need not say more.
        if run.queue.len() > 0 {
            run.hold(&store.enter());
        }
        run.progress.planned(graph.len(), run.count_cached());
        run.warn();
        run.drive(&messages, stops);
        run.states
            .into_iter()
            .map(|state| state.unwrap_or(JobState::NotStarted))
            .collect()
    })
}

/// What a job's thread tells the scheduler.
enum Message {
    /// Its work is done: its output is being stored.
    Done(JobIndex),
    Ended(JobIndex, Result<Gained, Failure>),
}

/// A job that runs.
struct Running {
    rank: Rank,
    ready: Ready,
    /// Its part of the room, until its work is done.
    taken: Option<Taken>,
    control: Arc<Control>,
    events: Follower,
    /// Whether it was told that it holds more memory than it declares.
    beyond: bool,
}

/// A job that another run works on.
struct Elsewhere {
    rank: Rank,
    ready: Ready,
    events: Follower,
    holder: Option<Holder>,
    /// When to look again, and how long to wait after that.
    look: Instant,
    pause: Duration,
}

struct Run<'scope, 'env> {
    graph: &'env JobGraph,
    means: Means<'env>,
    options: Options,
    progress: &'env mut dyn Progress,
    resolver: Resolver<'env>,
    /// What this machine can do at most, if that was measured.
    peaks: Option<Peaks>,
    heights: Vec<usize>,
    /// By job: how many of its inputs have no result yet.
    missing: Vec<usize>,
    /// By job: what became of it; `None` while that is open.
    states: Vec<Option<JobState>>,
    queue: Queue,
    /// What the first jobs of lanes will likely hold, in bytes: each is asked for once.
    likely: HashMap<JobIndex, u64>,
    /// The most that a job of each stage has held in this run, in bytes.
    seen: HashMap<&'env str, u64>,
    /// Keys that have become known since the store was last told.
    used: Vec<Key>,
    /// How often a job was tried again.
    retries: BTreeMap<JobIndex, u32>,
    room: Room,
    pool: Pool,
    kills: &'env KillWatch,
    running: Vec<Running>,
    elsewhere: Vec<Elsewhere>,
    /// What was last said of a GPU that is waited for.
    told: String,
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
        let mut looked = Instant::now();
        loop {
            let waits = self.start();
            if self.running.is_empty() && self.elsewhere.is_empty() && !waits {
                return;
            }
            let looks = self.elsewhere.iter().map(|job| job.look);
            let next = looks.fold(looked + TICK, Instant::min);
            let pause = next.saturating_duration_since(Instant::now());
            // The scheduler itself holds a sender, so the channel never closes.
            match messages.recv_timeout(pause) {
                Ok(Message::Done(index)) => self.done(index),
                Ok(Message::Ended(index, result)) => self.ended(index, result),
                Err(_) => {}
            }
            while let Ok(stop) = stops.try_recv() {
                self.stop(stop);
            }
            if self.deadline.is_some_and(|until| Instant::now() >= until) {
                self.deadline = None;
                self.progress
                    .note("the budget is used up: running jobs save their checkpoints");
                self.starting = false;
                // A budget is not kept by a job that does not stop.
                let grace = self.options.budget.map_or(self.options.grace, overtime);
                self.options.grace = self.options.grace.min(grace);
                self.stop(Stop::Gently);
            }
            if self.patience.is_some_and(|until| Instant::now() >= until) {
                self.lose_patience();
            }
            self.look_elsewhere();
            if looked.elapsed() >= TICK {
                looked = Instant::now();
                self.follow();
            }
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
            if self.missing[index.index()] > 0 {
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
                Some(Err(failure)) => open.extend(self.fail(index, failure)),
                Some(Ok(ready)) => match self.look_up(ready.key) {
                    Ok(Lookup::Hit(found)) => {
                        let state = JobState::Cached(Arc::new(found));
                        open.extend(self.has(index, state));
                    }
                    Ok(Lookup::Miss) => open.extend(self.enqueue(index, ready)),
                    Ok(Lookup::Damaged { path, reason }) => {
                        self.progress.note(&format!(
                            "damaged in the store, made again: {}: {reason}",
                            path.display()
                        ));
                        open.extend(self.enqueue(index, ready));
                    }
                    Err(error) => open.extend(self.fail(index, error.into())),
                },
            }
        }
    }

    fn look_up(&mut self, key: Key) -> Result<Lookup, StoreError> {
        self.used.push(key);
        self.means.store.lookup(&key)
    }

    /// Tells the store which results this run counts on, so that none of them is swept away.
    fn hold(&mut self, section: &Section) {
        let keys = std::mem::take(&mut self.used);
        self.means.store.hold(section, &keys);
    }

    /// Settles these jobs in a section of the store: what is found there is counted on.
    fn settle_and_hold(&mut self, open: BTreeSet<JobIndex>) {
        let section = self.means.store.enter();
        self.settle(open);
        self.hold(&section);
    }

    /// A job has a result. Returns the jobs that now have all their inputs.
    fn has(&mut self, index: JobIndex, state: JobState) -> Vec<JobIndex> {
        self.states[index.index()] = Some(state);
        let mut complete = Vec::new();
        // Once for each input that it is: as they were counted.
        for user in self.graph.users(index) {
            let missing = &mut self.missing[user.index()];
            *missing = missing.saturating_sub(1);
            if *missing == 0 {
                complete.push(user);
            }
        }
        complete
    }

    /// A job has to run. If it never could, it fails; then the jobs that need it are returned.
    fn enqueue(&mut self, index: JobIndex, ready: Ready) -> Vec<JobIndex> {
        if let Some(failure) = self.too_large(index) {
            return self.fail(index, failure);
        }
        let job = self.graph.job(index);
        let lane = Lane::of(job.kind, &job.resources);
        self.queue.push(self.rank(index), lane, ready);
        Vec::new()
    }

    fn rank(&self, index: JobIndex) -> Rank {
        let order = self.options.order.as_ref();
        let place = order.map(|order| order[index.index()]);
        (place, Reverse(self.heights[index.index()]), index)
    }

    /// Says what a job declares to need beyond all that the run has.
    fn too_large(&self, index: JobIndex) -> Option<Failure> {
        let resources = &self.graph.job(index).resources;
        let total = self.room.total();
        let bytes = |bytes: u64| format!("{}B of memory", amount(bytes as f64));
        let (wanted, had, option) = match (resources.threads, resources.memory) {
            (Some(threads), _) if threads > total.threads => (
                count(threads, "thread"),
                count(total.threads, "thread"),
                "--threads",
            ),
            (_, Some(memory)) if memory > total.memory => {
                (bytes(memory), bytes(total.memory), "--memory")
            }
            _ if resources.gpus > total.gpus => {
                let gpus = [resources.gpus, total.gpus].map(|gpus| count(gpus, "GPU"));
                let [wanted, had] = gpus;
                (wanted, had, "--gpus")
            }
            _ => return None,
        };
        let place = resources.place.as_deref().unwrap_or("its stage");
        let mut failure = Failure::new(
            FailureKind::Input,
            format!("{place}: it declares {wanted}, and this run has {had}"),
        );
        failure.remedy = Some(match option {
            "--gpus" => "lower `resources.gpus`, or run it where there are as many (`pipe doctor` shows those that are seen; CUDA_VISIBLE_DEVICES and --gpus bound them)".to_owned(),
            _ => format!("lower it in `resources`, or let the run have more with {option}"),
        });
        Some(failure)
    }

    /// Says early which jobs could not run if they had to: an hour later would be too late.
    fn warn(&mut self) {
        let mut told = BTreeSet::new();
        for (index, job) in self.graph.jobs() {
            if self.states[index.index()].is_some() || job.resources.place.is_none() {
                continue;
            }
            if let Some(failure) = self.too_large(index)
                && told.insert(failure.message.clone())
            {
                let text = format!("{} cannot run here: {}", job.label, failure.message);
                self.progress.note(&text);
            }
        }
    }

    /// Starts what may start. Returns whether a job waits for what another run has.
    fn start(&mut self) -> bool {
        let mut waits = false;
        while self.starting
            && self.working() < self.options.jobs.max(1)
            && self.running.len() < self.options.jobs.max(1) * STORING
            && !self.room.is_full()
        {
            let heads = self.heads();
            if self
                .room
                .kept()
                .is_some_and(|kept| heads.iter().all(|(_, needs)| *needs != kept))
            {
                self.room.forget();
            }
            let mut next = None;
            for (rank, needs) in heads {
                // What was gathered for one that waits for GPUs is for no other.
                if waits && needs.gpus > 0 {
                    continue;
                }
                if !self.room.fits(needs) {
                    self.room.keep(needs);
                    continue;
                }
                match self.lease(rank.2, needs.gpus) {
                    Ok(Some(leases)) => {
                        next = Some((rank, needs, leases));
                        break;
                    }
                    Ok(None) => waits = true,
                    Err(failure) => {
                        if let Some(ready) = self.queue.take(rank) {
                            let open = self.close(rank.2, &ready, Err(failure));
                            self.settle(open);
                        }
                        break;
                    }
                }
            }
            let Some((rank, needs, leases)) = next else {
                break;
            };
            self.spawn(rank, needs, leases);
        }
        if !waits {
            self.pool.abandon();
            self.told.clear();
        }
        waits
    }

    /// Returns how many jobs work, rather than have their output stored.
    fn working(&self) -> usize {
        let working = self.running.iter().filter(|job| job.taken.is_some());
        working.count()
    }

    /// Returns the first job of each lane by rank, before all others the one that room is kept for.
    fn heads(&mut self) -> Vec<(Rank, Needs)> {
        let heads = self.queue.heads();
        let mut heads: Vec<_> = heads
            .map(|(rank, lane, ready)| {
                let memory = lane.memory.unwrap_or_else(|| {
                    let known = self.likely.entry(rank.2);
                    *known.or_insert_with(|| {
                        let job = self.graph.job(rank.2);
                        let parts = ready.parts(job, self.means.machine);
                        let likely = (self.means.peak_memory)(&job.label, &parts)
                            .or_else(|| self.seen.get(&*job.stage).copied());
                        // More than there is runs by itself.
                        likely.unwrap_or(0).min(self.room.total().memory)
                    })
                });
                let needs = Needs {
                    threads: lane.threads.unwrap_or(1),
                    memory,
                    gpus: lane.gpus,
                };
                (rank, needs)
            })
            .collect();
        let kept = self.room.kept();
        heads.sort_unstable_by_key(|(rank, needs)| (Some(*needs) != kept, *rank));
        heads
    }

    /// Leases so many GPUs for a job; `None` while others have them.
    fn lease(&mut self, index: JobIndex, number: usize) -> Result<Option<Vec<Lease>>, Failure> {
        if number == 0 {
            return Ok(Some(Vec::new()));
        }
        match self.pool.gather(number) {
            Ok(Gathered::All(leases)) => Ok(Some(leases)),
            Ok(Gathered::Waits(holders)) => {
                let label = &self.graph.job(index).label;
                let others: BTreeSet<String> = holders.iter().map(whose).collect();
                let others: Vec<String> = others.into_iter().collect();
                let others = match others.is_empty() {
                    true => "another run".to_owned(),
                    false => others.join("; "),
                };
                let gpus = count(number, "GPU");
                let text = format!("{label} waits for {gpus}, which others have: {others}");
                // The time that it has been is another each time.
                let who: String = holders
                    .iter()
                    .map(|holder| format!("{label} {} ", holder.pid))
                    .collect();
                if self.told != who {
                    self.told = who;
                    self.progress.note(&text);
                }
                Ok(None)
            }
            Err(error) => {
                let folder = self.pool.folder().display();
                let mut failure = Failure::new(
                    FailureKind::Failed,
                    format!("{folder}: cannot lease a GPU: {error}"),
                );
                failure.remedy = Some(
                    "make that folder one that all who use the GPUs can write to, or name another to all of them with PIPE_GPU_LOCKS"
                        .into(),
                );
                Err(failure)
            }
        }
    }

    fn spawn(&mut self, rank: Rank, needs: Needs, gpus: Vec<Lease>) {
        let Some(ready) = self.queue.take(rank) else {
            return;
        };
        let index = rank.2;
        self.likely.remove(&index);
        let job = self.graph.job(index);
        let threads = job.resources.threads.unwrap_or_else(|| {
            let sharing = self.working() + self.queue.len() + 1;
            let sharing = sharing.min(self.options.jobs).max(1);
            let free = self.room.free(needs).threads;
            (self.room.total().threads / sharing).clamp(1, free.max(1))
        });
        let taken = self.room.take(needs, Needs { threads, ..needs });
        self.progress.started(index.index(), &job.label, threads);
        let control = Arc::new(Control::default());
        let attempt = Attempt {
            store: self.means.store,
            worker: self.means.worker,
            cpu: &self.means.machine.cpu,
            label: job.label.to_string(),
            output: job.output,
            parts: ready.parts(job, self.means.machine),
            ready: ready.clone(),
            share: Share { threads, gpus },
            resources: &job.resources,
            memory: self.options.memory,
            kills: self.kills,
            peak: self
                .peaks
                .as_ref()
                .and_then(|peaks| self.means.machine.peak(peaks, job, threads)),
        };
        self.running.push(Running {
            rank,
            taken: Some(taken),
            control: Arc::clone(&control),
            events: Follower::new(self.means.store.events(&ready.key)),
            ready,
            beyond: false,
        });
        let sender = self.sender.clone();
        self.scope.spawn(move || {
            // Nobody listens any more only when the whole run has panicked.
            let done = || drop(sender.send(Message::Done(index)));
            let result = catch_unwind(AssertUnwindSafe(|| attempt.run(&control, done)))
                .unwrap_or_else(|panic| Err(Failure::panicked(panic.as_ref())));
            let _ = sender.send(Message::Ended(index, result));
        });
    }

    /// A job needs no room any more: the next may start while its output is stored, which waits for the disk above all.
    fn done(&mut self, index: JobIndex) {
        let mut running = self.running.iter_mut();
        let done = running.find(|running| running.rank.2 == index);
        if let Some(taken) = done.and_then(|done| done.taken.take()) {
            self.room.give_back(taken);
        }
    }

    fn ended(&mut self, index: JobIndex, result: Result<Gained, Failure>) {
        let at = self
            .running
            .iter()
            .position(|running| running.rank.2 == index);
        let Some(at) = at else { return };
        let mut ended = self.running.swap_remove(at);
        for event in ended.events.read() {
            self.progress.event(index.index(), &event);
        }
        if let Some(taken) = ended.taken.take() {
            self.room.give_back(taken);
        }
        let result = match result {
            Ok(Gained::Elsewhere) => return self.wait_for(ended),
            Ok(Gained::Made(found, record)) => Ok((JobState::Made(found), Some(record))),
            Ok(Gained::Cached(found)) => Ok((JobState::Cached(found), None)),
            Err(failure) => Err(failure),
        };
        let open = self.close(index, &ended.ready, result);
        self.settle_and_hold(open);
    }

    /// Says what became of a job and of those with the same key. Returns the jobs to be settled next.
    fn close(
        &mut self,
        index: JobIndex,
        ready: &Ready,
        result: Result<(JobState, Option<Box<Record>>), Failure>,
    ) -> BTreeSet<JobIndex> {
        // Those with the same key share its fate.
        let twins = self.queue.end(&ready.key);
        let mut open = BTreeSet::new();
        match result {
            Ok((state, record)) => {
                if let Some(record) = &record {
                    self.learn(index, record.cost.peak_memory);
                }
                let label = &self.graph.job(index).label;
                self.progress
                    .finished(index.index(), label, record.as_deref());
                open.extend(self.has(index, state));
                // Their look-up will find it.
                open.extend(twins);
            }
            Err(failure) if failure.kind == FailureKind::Damaged && self.may_retry(index) => {
                self.progress
                    .note(&format!("{}, made again", failure.message));
                for input in self.graph.inputs(index).collect::<BTreeSet<_>>() {
                    open.extend(self.lose(input));
                }
                open.insert(index);
                open.extend(twins);
            }
            Err(failure) => {
                for twin in twins {
                    open.extend(self.fail(twin, failure.clone()));
                }
                open.extend(self.fail(index, failure));
            }
        }
        open
    }

    /// Whether a job that found its inputs damaged is tried again; a disk that damages all that it is given ends the run.
    fn may_retry(&mut self, index: JobIndex) -> bool {
        let tries = self.retries.entry(index).or_default();
        *tries += 1;
        *tries <= RETRIES
    }

    /// Gives up a result that is no longer whole. Returns its job, which has to be settled again.
    fn lose(&mut self, index: JobIndex) -> Option<JobIndex> {
        let found = self.states[index.index()].as_ref()?.found()?;
        if let Ok(Lookup::Hit(_)) = self.means.store.lookup(&found.key) {
            return None;
        }
        self.states[index.index()] = None;
        for user in self.graph.users(index) {
            self.missing[user.index()] += 1;
        }
        Some(index)
    }

    /// A job has held so much memory: others of its stage may as well.
    fn learn(&mut self, index: JobIndex, held: u64) {
        let seen = self.seen.entry(&*self.graph.job(index).stage).or_default();
        if held > *seen {
            *seen = held;
            self.likely.clear();
        }
    }

    /// Another run works on a job that was to be started.
    fn wait_for(&mut self, job: Running) {
        let Running {
            rank,
            ready,
            events,
            ..
        } = job;
        let holder = self.means.store.holder(&ready.key);
        self.progress.waits(rank.2.index(), holder.as_ref());
        self.elsewhere.push(Elsewhere {
            rank,
            ready,
            events,
            holder,
            look: Instant::now() + LOOK.0,
            pause: LOOK.0,
        });
    }

    /// Looks after the jobs that other runs work on: those that nobody works on any more are started here, and find the
    /// result if there is one.
    fn look_elsewhere(&mut self) {
        let now = Instant::now();
        let mut at = 0;
        while at < self.elsewhere.len() {
            if self.starting && self.elsewhere[at].look > now {
                at += 1;
                continue;
            }
            let mut job = self.elsewhere.swap_remove(at);
            for event in job.events.read() {
                self.progress.event(job.rank.2.index(), &event);
            }
            if !self.starting {
                let open = self.close(job.rank.2, &job.ready, Err(Failure::interrupted()));
                self.settle(open);
                continue;
            }
            if !self.means.store.is_claimed(&job.ready.key) {
                let own = self.graph.job(job.rank.2);
                let lane = Lane::of(own.kind, &own.resources);
                self.queue.put_back(job.rank, lane, job.ready);
                continue;
            }
            let holder = self.means.store.holder(&job.ready.key);
            if holder.is_some() && holder != job.holder {
                self.progress.waits(job.rank.2.index(), holder.as_ref());
                job.holder = holder;
            }
            job.pause = (job.pause * 2).min(LOOK.1);
            job.look = now + job.pause;
            self.elsewhere.push(job);
            // What was last stands here now, and has been looked at or will be.
            let last = self.elsewhere.len() - 1;
            self.elsewhere.swap(at, last);
            at += 1;
        }
    }

    /// A job has no result. Returns the jobs that need it.
    fn fail(&mut self, index: JobIndex, failure: Failure) -> Vec<JobIndex> {
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
        self.graph.users(index).collect()
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

    /// Passes on what running jobs have told since the last time, and looks what they hold.
    fn follow(&mut self) {
        for running in &mut self.running {
            let job = self.graph.job(running.rank.2);
            for event in running.events.read() {
                self.progress.event(running.rank.2.index(), &event);
            }
            let held = running.control.look().unwrap_or(0);
            let declared = job.resources.memory.unwrap_or(u64::MAX);
            if held > declared && !running.beyond {
                running.beyond = true;
                let [held, declared] = [held, declared].map(|bytes| amount(bytes as f64));
                self.progress.note(&format!(
                    "{} holds {held}B of memory and declares {declared}B: raise `resources.memory` ({})",
                    job.label,
                    job.resources.place.as_deref().unwrap_or("its stage"),
                ));
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

/// Returns for how long jobs may go on that were asked to stop since the budget is used up.
fn overtime(budget: Duration) -> Duration {
    (budget / 10).max(Duration::from_secs(30))
}

/// Returns for each job how many inputs it has that are other jobs' results.
fn missing(graph: &JobGraph) -> Vec<usize> {
    let inputs = graph.jobs().map(|(index, _)| graph.inputs(index).count());
    inputs.collect()
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
