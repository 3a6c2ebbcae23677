//! Which processor this is, as far as results or costs depend on it.

use std::fs;

/// The machine that a run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The numerics class: two machines of one class give the same bits for the same floating-point work.
    ///
    /// candle's matrix products choose kernels by instruction set and block sizes by cache, so the class names both:
    /// `candle-f32/1 x86_64 GenuineIntel-6-143 avx512`. The number is raised when arithmetic shared by all numeric
    /// stages changes, such as a new version of candle.
    pub class: String,
    /// The processor's name, for cost records.
    pub cpu: String,
    /// Threads that run at once.
    pub cores: usize,
}

impl Machine {
    /// Returns the machine that this program runs on.
    pub fn here() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            class: class(&info, instructions()),
            cpu: name(&info),
            cores,
        }
    }
}

/// The instruction set for which matrix kernels are chosen.
fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
        {
            return "avx2";
        }
    }
    "baseline"
}

fn class(info: &str, instructions: &str) -> String {
    // x86 names its processors by vendor, family and model; Arm by implementer and part.
    let parts: Vec<&str> = [
        ["vendor_id", "cpu family", "model"],
        ["CPU implementer", "CPU part", ""],
    ]
    .into_iter()
    .map(|keys| {
        keys.into_iter()
            .filter_map(|key| field(info, key))
            .collect::<Vec<_>>()
    })
    .find(|parts| parts.len() >= 2)
    .unwrap_or_else(|| vec!["unknown"]);
    format!(
        "candle-f32/1 {} {} {instructions}",
        std::env::consts::ARCH,
        parts.join("-")
    )
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
    const ARM: &str = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n";

    #[test]
    fn the_class_names_what_kernels_are_chosen_by() {
        let arch = std::env::consts::ARCH;
        let class_of = |info| class(info, "avx512");
        assert_eq!(
            class_of(INTEL),
            format!("candle-f32/1 {arch} GenuineIntel-6-143 avx512")
        );
        assert_eq!(
            class_of(ARM),
            format!("candle-f32/1 {arch} 0x41-0xd40 avx512")
        );
        assert_eq!(class_of(""), format!("candle-f32/1 {arch} unknown avx512"));
        assert_eq!(name(INTEL), "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz");
    }
}
