//! Work that threads share, counted: how often a step parts and joins, and how long it is not alone.
//!
//! A step of training is a chain of parallel regions. Between two of them all threads wait for one another, so their number and
//! the time outside of them say how far more cores can help.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

static REGIONS: AtomicU64 = AtomicU64::new(0);
static NANOSECONDS: AtomicU64 = AtomicU64::new(0);

/// The parallel regions of this process so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Regions {
    /// How many there were.
    pub count: u64,
    /// How long they took.
    pub time: Duration,
}

impl Regions {
    /// Returns the regions that have ended.
    pub fn now() -> Self {
        Self {
            count: REGIONS.load(Ordering::Relaxed),
            time: Duration::from_nanos(NANOSECONDS.load(Ordering::Relaxed)),
        }
    }

    /// Returns the regions since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            count: self.count - before.count,
            time: self.time.saturating_sub(before.time),
        }
    }
}

/// A parallel iterator whose end is counted as that of a region.
pub trait Share: ParallelIterator {
    /// Calls `work` with every item, like `for_each`, as one parallel region. Regions inside of regions would be counted twice: no
    /// kernel has any.
    fn share(self, work: impl Fn(Self::Item) + Sync + Send) {
        let start = Instant::now();
        self.for_each(work);
        REGIONS.fetch_add(1, Ordering::Relaxed);
        NANOSECONDS.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

impl<I: ParallelIterator> Share for I {}
