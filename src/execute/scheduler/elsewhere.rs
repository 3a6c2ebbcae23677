//! Jobs that other runs work on.

use std::time::{Duration, Instant};

use super::{Run, Running};
use crate::execute::follow::Follower;
use crate::execute::queue::{Lane, Rank};
use crate::execute::resolve::Ready;
use crate::failure::Failure;
use crate::store::Holder;

/// How often to look whether another run's job is done: the first pause, and the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// A job that another run works on.
pub(super) struct Elsewhere {
    pub(super) rank: Rank,
    pub(super) ready: Ready,
    pub(super) events: Follower,
    pub(super) holder: Option<Holder>,
    /// When to look again, and how long to wait after that.
    pub(super) look: Instant,
    pub(super) pause: Duration,
}

impl Run<'_, '_> {
    /// Takes in a job that was to be started and that another run works on.
    pub(super) fn wait_for(&mut self, job: Running) {
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

    /// Looks after the jobs that other runs work on. A job that nobody works on any more is started here, and finds the result
    /// if the other run has made it.
    pub(super) fn look_elsewhere(&mut self) {
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
            // The last job now stands at this place; it has been looked at or will be.
            let last = self.elsewhere.len() - 1;
            self.elsewhere.swap(at, last);
            at += 1;
        }
    }
}
