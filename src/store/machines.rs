//! What was measured of machines that use the store.

use serde::{Deserialize, Serialize};

use super::{Store, StoreError};

/// What a machine can do at most, in floating-point operations a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peaks {
    /// The processor's name.
    pub cpu: String,
    /// Threads that run at once.
    pub cores: usize,
    /// In 32-bit floats.
    pub f32: Rates,
    /// With bfloat16 operands, where the processor has instructions for it.
    pub bf16: Option<Rates>,
}

/// Rates of one precision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// On one thread.
    pub one: f64,
    /// On as many threads as there are cores.
    pub all: f64,
}

impl Rates {
    /// Returns the rate on so many threads: between what was measured, on a straight line.
    pub fn on(&self, threads: usize, cores: usize) -> f64 {
        match threads.clamp(1, cores.max(1)) {
            1 => self.one,
            threads => {
                let share = (threads - 1) as f64 / (cores - 1) as f64;
                self.one + share * (self.all - self.one)
            }
        }
    }
}

impl Store {
    /// Returns what was measured of a machine like this; `None` if nothing was, or it cannot be read.
    pub fn peaks(&self, cpu: &str, cores: usize) -> Option<Peaks> {
        let text = std::fs::read(self.machine(cpu, cores)).ok()?;
        let peaks: Peaks = serde_json::from_slice(&text).ok()?;
        (peaks.cpu == cpu && peaks.cores == cores).then_some(peaks)
    }

    /// Keeps what was measured.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_peaks(&self, peaks: &Peaks) -> Result<(), StoreError> {
        let text = serde_json::json!(peaks).to_string();
        self.write_aside(&self.machine(&peaks.cpu, peaks.cores), text.as_bytes())
    }

    fn machine(&self, cpu: &str, cores: usize) -> std::path::PathBuf {
        let name = blake3::hash(format!("{cpu}\0{cores}").as_bytes()).to_hex();
        let file = format!("{}.json", &name[..16]);
        self.root().join("machines").join(file)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_measured_is_found_again_for_such_a_machine_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let peaks = Peaks {
            cpu: "A".into(),
            cores: 4,
            f32: Rates {
                one: 100.0,
                all: 310.0,
            },
            bf16: None,
        };
        assert_eq!(store.peaks("A", 4), None);
        store.keep_peaks(&peaks).unwrap();
        assert_eq!(store.peaks("A", 4), Some(peaks.clone()));
        assert_eq!((store.peaks("A", 2), store.peaks("B", 4)), (None, None));
        let on = [1, 2, 3, 4, 9].map(|threads| peaks.f32.on(threads, 4));
        assert_eq!(on, [100.0, 170.0, 240.0, 310.0, 310.0]);
        assert_eq!(peaks.f32.on(1, 1), 100.0);
    }
}
