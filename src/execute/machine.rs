//! Which processor this is, as far as results or costs depend on it.

use kernels::Precision;
use procfs::{CpuInfo, Current};

use crate::graph::Job;
use crate::store::{Peaks, Rates};

/// The machine that a run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The numerics class: two machines of one class give the same bits for the same floating-point work.
    pub class: String,
    /// The processor's name, for cost records.
    pub cpu: String,
    /// Threads that run at once.
    pub cores: usize,
}

impl Machine {
    /// Returns what a job can do at most on so many threads, in floating-point operations a second.
    pub fn peak(&self, peaks: &Peaks, job: &Job, threads: usize) -> Option<f64> {
        let rates = match job.numerics {
            Some(kernels::numerics::BF16_CLASS) => peaks.bf16?,
            _ => peaks.f32,
        };
        Some(rates.on(threads, self.cores))
    }

    /// Measures what this machine can do at most: seconds, on all cores.
    pub fn measure(&self) -> Option<Peaks> {
        let rates = |precision| {
            Some(Rates {
                one: 1e9 * kernels::peak(precision, 1)?,
                all: 1e9 * kernels::peak(precision, self.cores)?,
            })
        };
        Some(Peaks {
            cpu: self.cpu.clone(),
            cores: self.cores,
            f32: rates(Precision::F32)?,
            bf16: rates(Precision::Bf16),
        })
    }

    /// Returns the machine that this program runs on.
    pub(super) fn here() -> Self {
        let info = CpuInfo::current().ok();
        let name = info.as_ref().and_then(|info| info.model_name(0));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            class: kernels::numerics::CLASS.to_owned(),
            cpu: name.unwrap_or("unknown").to_owned(),
            cores,
        }
    }
}
