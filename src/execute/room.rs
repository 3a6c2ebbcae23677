//! What a run may use at once, and what of it is taken.
//!
//! Jobs are packed: whatever fits beside what runs may start. So that a large job is not passed over for ever, the first
//! that does not fit has the room it needs kept for it: jobs started from then on take only what it will not need, so
//! that it fits as soon as those have ended that ran before.

/// An amount of everything that is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needs {
    pub(super) threads: usize,
    /// Bytes.
    pub(super) memory: u64,
    pub(super) gpus: usize,
}

impl Needs {
    fn fits(self, room: Self) -> bool {
        self.threads <= room.threads && self.memory <= room.memory && self.gpus <= room.gpus
    }

    fn add(&mut self, other: Self) {
        self.threads += other.threads;
        self.memory = self.memory.saturating_add(other.memory);
        self.gpus += other.gpus;
    }

    fn less(self, other: Self) -> Self {
        Self {
            threads: self.threads.saturating_sub(other.threads),
            memory: self.memory.saturating_sub(other.memory),
            gpus: self.gpus.saturating_sub(other.gpus),
        }
    }
}

/// The room of a run.
#[derive(Debug)]
pub(super) struct Room {
    total: Needs,
    taken: Needs,
    kept: Option<Kept>,
    /// How often room was kept so far.
    times: u64,
}

/// Room that is kept for a large job.
#[derive(Clone, Copy, Debug)]
struct Kept {
    needs: Needs,
    /// What was taken since the room was kept.
    since: Needs,
}

/// A part of the room that a running job has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) needs: Needs,
    /// How often room had been kept when this part was taken.
    times: u64,
}

impl Room {
    pub(super) fn new(total: Needs) -> Self {
        Self {
            total,
            taken: Needs::default(),
            kept: None,
            times: 0,
        }
    }

    pub(super) fn total(&self) -> Needs {
        self.total
    }

    /// Returns what is free for a job: everything, if room is kept for a job with these needs, and else what that room leaves.
    pub(super) fn free(&self, needs: Needs) -> Needs {
        let free = self.total.less(self.taken);
        match self.kept {
            Some(kept) if kept.needs != needs => {
                let beside = self.total.less(kept.needs).less(kept.since);
                Needs {
                    threads: free.threads.min(beside.threads),
                    memory: free.memory.min(beside.memory),
                    gpus: free.gpus.min(beside.gpus),
                }
            }
            _ => free,
        }
    }

    /// Whether a job fits now.
    pub(super) fn fits(&self, needs: Needs) -> bool {
        needs.fits(self.free(needs))
    }

    /// Whether nothing more fits, however little it needs.
    pub(super) fn is_full(&self) -> bool {
        self.taken.threads >= self.total.threads
    }

    /// Returns what room is kept for.
    pub(super) fn kept(&self) -> Option<Needs> {
        self.kept.map(|kept| kept.needs)
    }

    /// Keeps room for a job that does not fit, unless some is kept already.
    pub(super) fn keep(&mut self, needs: Needs) {
        if self.kept.is_none() {
            self.times += 1;
            self.kept = Some(Kept {
                needs,
                since: Needs::default(),
            });
        }
    }

    /// Keeps no room any more, since the job that needed it is gone.
    pub(super) fn forget(&mut self) {
        self.kept = None;
    }

    /// Takes room for a job. If room was kept for such a job, this is the one that was waited for.
    pub(super) fn take(&mut self, wanted: Needs, given: Needs) -> Taken {
        if self.kept() == Some(wanted) {
            self.kept = None;
        }
        self.taken.add(given);
        if let Some(kept) = &mut self.kept {
            kept.since.add(given);
        }
        Taken {
            needs: given,
            times: self.times,
        }
    }

    /// Gives room back.
    pub(super) fn give_back(&mut self, taken: Taken) {
        self.taken = self.taken.less(taken.needs);
        if let Some(kept) = self.kept.as_mut().filter(|_| taken.times == self.times) {
            kept.since = kept.since.less(taken.needs);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn needs(threads: usize, memory: u64, gpus: usize) -> Needs {
        Needs {
            threads,
            memory,
            gpus,
        }
    }

    #[test]
    fn what_is_kept_for_a_large_job_goes_to_nobody_else() {
        let mut room = Room::new(needs(4, 8, 2));
        let small = needs(1, 3, 0);
        let large = needs(1, 8, 0);
        let before = room.take(small, small);
        assert!(!room.fits(large));
        room.keep(large);
        assert!(!room.fits(small), "it would take memory that is waited for");
        let other = needs(1, 0, 1);
        assert!(
            room.fits(other),
            "of threads and GPUs there is enough for both"
        );
        let beside = room.take(other, other);
        room.give_back(before);
        assert!(room.fits(large));
        let large = room.take(large, large);
        assert_eq!(room.kept(), None);
        room.give_back(large);
        room.give_back(beside);
        assert_eq!(room.taken, Needs::default());
    }

    proptest! {
        /// Small jobs come without end. The room is never overdrawn, and a large job starts once the jobs have ended that ran
        /// before it came.
        #[test]
        fn nothing_is_overdrawn_and_nobody_starves(
            small in prop::collection::vec((1..3_usize, 0..5_u64, 0..2_usize), 1..60),
            large in (1..5_usize, 0..9_u64, 0..3_usize),
        ) {
            let total = needs(4, 8, 2);
            let large = needs(large.0, large.1, large.2);
            let mut room = Room::new(total);
            let mut running: Vec<(Taken, bool)> = Vec::new();
            let mut waits = true;
            for (step, (threads, memory, gpus)) in small.into_iter().enumerate() {
                let small = needs(threads, memory, gpus);
                if waits && step > 3 {
                    if room.fits(large) {
                        let taken = room.take(large, large);
                        running.push((taken, false));
                        waits = false;
                    } else if room.kept().is_none() {
                        room.keep(large);
                        running.iter_mut().for_each(|job| job.1 = true);
                    }
                }
                if small != large && room.fits(small) {
                    let taken = room.take(small, small);
                    running.push((taken, false));
                }
                let sum = running.iter().fold(Needs::default(), |mut sum, (taken, _)| {
                    sum.add(taken.needs);
                    sum
                });
                prop_assert!(sum.fits(total), "{sum:?}");
                prop_assert_eq!(sum, room.taken);
                // Each time, one of the earliest ends.
                if step % 2 == 0 && !running.is_empty() {
                    room.give_back(running.remove(0).0);
                }
                if room.kept().is_some() && running.iter().all(|job| !job.1) {
                    prop_assert!(room.fits(large));
                }
            }
        }
    }
}
