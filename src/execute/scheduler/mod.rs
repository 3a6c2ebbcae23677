//! Which job runs when.
//!
//! A job may start when all its inputs are known. Of those that may, the one with the longest chain of jobs behind it
//! goes first, and among equals the one that the graph names first, as far as what it needs is free: threads, memory and
//! GPUs are packed ([`Room`]), and [`Options`] says how much of them there is. A job that does not say how many threads it
//! uses gets an equal part of them; one that does not say how much memory it holds is taken to hold what like jobs held.
//! A job that another run works on takes no room here: now and then it is looked whether its result is there. Neither
//! order nor room can reach a result, so both follow convenience alone.

mod elsewhere;
mod needs;
mod options;
mod recall;
mod settle;
mod stopping;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use contract::Event;

use super::attempt::{Attempt, Gained};
use super::executor::{Control, Share};
use super::follow::Follower;
use super::gpus::{Lease, Pool};
use super::inside;
use super::memory::KillWatch;
use super::queue::{Lane, Queue, Rank};
use super::resolve::{Ready, Resolver};
use super::room::{Needs, Room, Taken};
use crate::failure::Failure;
use crate::graph::{Job, JobGraph, JobIndex};
use crate::keys::Key;
use crate::progress::{Made, Progress, Results, amount};
use crate::store::{Found, Peaks};
use elsewhere::Elsewhere;
pub use options::{JobState, Means, Options, Stop};
use stopping::{in_time, overtime};

/// How often running jobs are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How many times the number of working jobs may have their outputs stored at once: more would only wait for the disk.
const STORING: usize = 4;

/// Runs all jobs whose results are not known, and returns what became of each, by index.
pub fn run(
    graph: &JobGraph,
    means: Means<'_>,
    mut options: Options,
    progress: &mut dyn Progress,
    stops: &Receiver<Stop>,
) -> Vec<JobState> {
    let (sender, messages) = channel();
    let Means {
        store, executor, ..
    } = means;
    let machine = executor.machine();
    let known = std::mem::take(&mut options.known);
    let deadline = options
        .budget
        // A budget beyond what the clock can tell is no bound.
        .and_then(|budget| Instant::now().checked_add(in_time(budget)));
    let total = Needs {
        threads: options.threads.max(1),
        memory: options.memory.unwrap_or(u64::MAX),
        gpus: options.gpus.len(),
    };
    let kills = KillWatch::new();
    thread::scope(|scope| {
        let mut run = Run {
            graph,
            means,
            pool: Pool::new(options.gpus.clone()),
            options,
            progress,
            resolver: Resolver::new(store),
            peaks: store.peaks(&machine.cpu, machine.cores),
            heights: heights(graph),
            missing: missing(graph),
            states: vec![None; graph.len()],
            queue: Queue::default(),
            likely: HashMap::new(),
            seen: HashMap::new(),
            used: Vec::new(),
            retries: BTreeMap::new(),
            recalled: BTreeMap::new(),
            room: Room::new(total),
            kills: &kills,
            inside: inside::jobs(),
            running: Vec::new(),
            elsewhere: Vec::new(),
            told: String::new(),
            starting: true,
            planned: false,
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
        run.recall_asked();
        run.settle(graph.jobs().map(|(index, _)| index).collect());
        // A run that has named no keys counts on all results, so one that ends at once need not name any.
        if run.queue.len() > 0 {
            run.hold(&store.enter());
        }
        let cached = run.count_cached();
        // A run that has nothing to do tells its results at its end, which is now.
        if cached < graph.len() {
            run.progress.known(&run.cached());
        }
        run.progress.planned(graph.len(), cached);
        run.planned = true;
        run.warn();
        run.drive(&messages, stops);
        run.forget_recalled();
        run.states
            .into_iter()
            .map(|state| state.unwrap_or(JobState::NotStarted))
            .collect()
    })
}

/// What a job's thread tells the scheduler.
enum Message {
    /// The job's work is done, and its output is being stored; with it, its last event.
    Done(JobIndex, Option<Event>),
    Ended(JobIndex, Result<Gained, Failure>),
}

/// A job that runs.
struct Running {
    rank: Rank,
    ready: Ready,
    /// The job's part of the room, until its work is done.
    taken: Option<Taken>,
    control: Arc<Control>,
    events: Follower,
    /// Whether a note has told that the job holds more memory than it declares.
    beyond: bool,
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
    /// By job: its final state; `None` while that is open.
    states: Vec<Option<JobState>>,
    queue: Queue,
    /// By job that is the first of a lane: how much memory it will likely hold, in bytes, asked for once.
    likely: HashMap<JobIndex, u64>,
    /// The most that a job of each stage has held in this run, in bytes.
    seen: HashMap<&'env str, u64>,
    /// Keys that have become known since the store was last told.
    used: Vec<Key>,
    /// How often a job was tried again.
    retries: BTreeMap<JobIndex, u32>,
    /// Known results that are made again for their files, each with the jobs that wait for these.
    recalled: BTreeMap<JobIndex, BTreeSet<JobIndex>>,
    room: Room,
    pool: Pool,
    kills: &'env KillWatch,
    /// The jobs that this run is part of.
    inside: Vec<Key>,
    running: Vec<Running>,
    elsewhere: Vec<Elsewhere>,
    /// The last note about a GPU that is waited for.
    told: String,
    /// Whether the results that were known at the start have been told.
    planned: bool,
    /// Whether new jobs are still started.
    starting: bool,
    /// The time until which jobs that were asked to stop may go on.
    patience: Option<Instant>,
    /// The time at which to stop, if the run has a budget.
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
                Ok(Message::Done(index, last)) => self.done(index, last.as_ref()),
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
                // A job that does not stop must not exceed the budget for long.
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

    /// Queues a job that has to run. If it never could, it fails, and the jobs that need it are added to `open`, to be settled.
    /// So are inputs that have to be made again first.
    fn enqueue(&mut self, index: JobIndex, ready: Ready, open: &mut BTreeSet<JobIndex>) {
        if let Some(failure) = self.too_large(index) {
            return open.extend(self.fail(index, failure));
        }
        if self.inside.contains(&ready.key) {
            return open.extend(self.fail(index, inside::refusal()));
        }
        if self.waits_for_files(index, open) {
            return;
        }
        let job = self.graph.job(index);
        let lane = Lane::of(job.kind, &job.resources);
        self.queue.push(self.rank(index), lane, ready);
    }

    fn rank(&self, index: JobIndex) -> Rank {
        let order = self.options.order.as_ref();
        let place = order.map(|order| order[index.index()]);
        (place, Reverse(self.heights[index.index()]), index)
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
                // GPUs that were gathered for the job that waits for them are for no other.
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

    /// Returns the first job of each lane by rank. The job that room is kept for comes before all others.
    fn heads(&mut self) -> Vec<(Rank, Needs)> {
        let heads = self.queue.heads();
        let mut heads: Vec<_> = heads
            .map(|(rank, lane, ready)| {
                let memory = lane.memory.unwrap_or_else(|| {
                    let known = self.likely.entry(rank.2);
                    *known.or_insert_with(|| {
                        let job = self.graph.job(rank.2);
                        let parts = ready.parts(job);
                        let likely = (self.means.peak_memory)(&job.label, &parts)
                            .or_else(|| self.seen.get(&*job.stage).copied());
                        // A job that is likely to hold more than the run has runs by itself.
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

    fn spawn(&mut self, rank: Rank, needs: Needs, gpus: Vec<Lease>) {
        let Some(ready) = self.queue.take(rank) else {
            return;
        };
        let index = rank.2;
        self.likely.remove(&index);
        let job = self.graph.job(index);
        let each = self.means.executor.threads_each();
        let threads = job.resources.threads.or(each).unwrap_or_else(|| {
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
            executor: self.means.executor,
            label: job.label.to_string(),
            output: job.output,
            parts: ready.parts(job),
            params: job.params.params(),
            ready: ready.clone(),
            known: self.known(index).filter(|known| known.key == ready.key),
            share: Share { threads, gpus },
            source: (self.means.source)(job.kind),
            resources: &job.resources,
            memory: self.options.memory,
            kills: self.kills,
            peak: self
                .peaks
                .as_ref()
                .and_then(|peaks| self.means.executor.machine().peak(peaks, job, threads)),
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
        let work = move || {
            // Nobody receives the message only when the whole run has panicked.
            let done = |last| drop(sender.send(Message::Done(index, last)));
            let result = catch_unwind(AssertUnwindSafe(|| attempt.run(&control, done)))
                .unwrap_or_else(|panic| Err(Failure::panicked(panic.as_ref())));
            let _ = sender.send(Message::Ended(index, result));
        };
        if thread::Builder::new()
            .spawn_scoped(self.scope, work)
            .is_err()
        {
            let result = Err(Failure::starved());
            let _ = self.sender.send(Message::Ended(index, result));
        }
    }

    /// Frees the room of a job whose output is still to be stored. The next job may start meanwhile, since storing mostly waits
    /// for the disk.
    fn done(&mut self, index: JobIndex, last: Option<&Event>) {
        if let Some(last) = last {
            self.progress.event(index.index(), last);
        }
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

    /// Passes on the events of running jobs since the last time, and looks how much memory they hold.
    fn follow(&mut self) {
        if let Some(news) = self.means.executor.news() {
            self.progress.note(&news);
        }
        for running in &mut self.running {
            let job = self.graph.job(running.rank.2);
            for event in running.events.read() {
                self.progress.event(running.rank.2.index(), &event);
            }
            for word in running.control.said() {
                self.progress.note(&format!("{}: {word}", job.label));
            }
            self.means.store.bound_log(&running.ready.key);
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

    /// Returns the results of the jobs that need not run.
    fn cached(&self) -> Results<'scope> {
        let cached = self
            .found()
            .map(|(job, found)| (&*job.label, Made::from(&**found)));
        cached.collect()
    }

    /// Returns how many jobs need not run.
    fn count_cached(&self) -> usize {
        self.found().count()
    }

    /// Returns the jobs that need not run, with their results.
    fn found(&self) -> impl Iterator<Item = (&'scope Job, &Arc<Found>)> {
        let jobs = self.graph.jobs().zip(&self.states);
        jobs.filter_map(|((index, job), state)| match state {
            Some(JobState::Cached(found)) if !self.recalled.contains_key(&index) => {
                Some((job, found))
            }
            _ => None,
        })
    }
}

/// Returns for each job how many inputs it has that are other jobs' results.
fn missing(graph: &JobGraph) -> Vec<usize> {
    let inputs = graph.jobs().map(|(index, _)| graph.inputs(index).count());
    inputs.collect()
}

/// Returns for each job the length of the longest chain of jobs that starts with it.
fn heights(graph: &JobGraph) -> Vec<usize> {
    let mut heights = vec![1; graph.len()];
    // Users come after their inputs, so backwards each height is complete when it is passed on.
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
