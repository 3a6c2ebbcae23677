//! Which processor this is, as far as results or costs depend on it.

use std::fs;

use kernels::Precision;

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
    pub fn here() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            class: kernels::numerics::CLASS.to_owned(),
            cpu: name(&info),
            cores,
        }
    }
}

fn name(info: &str) -> String {
    field(info, "model name").unwrap_or("unknown").to_owned()
}

/// Returns the first value of `key` in `/proc/cpuinfo`.
fn field<'a>(info: &'a str, key: &str) -> Option<&'a str> {
    info.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == key).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTEL: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n\
        model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz\n";

    #[test]
    fn processors_are_named() {
        assert_eq!(name(INTEL), "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz");
        assert_eq!(name(""), "unknown");
    }
}
