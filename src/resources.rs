//! What a job needs of the machine while it runs: threads, memory, GPUs. None of it can reach a result.

use std::time::Duration;

/// What a job declares to need; what is `None` here is decided when the job runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Threads that the job uses; `None` stands for an equal part of those that the run has.
    pub threads: Option<usize>,
    /// Most memory that the job holds, in bytes; `None` stands for what like jobs have held.
    pub memory: Option<u64>,
    /// GPUs that the job has for itself.
    pub gpus: usize,
    /// What it asks of a batch system.
    pub batch: Batch,
    /// Where the needs are written, for messages: `pipeline.toml:12`.
    pub place: Option<String>,
}

/// What a job asks of a batch system, in Slurm's words. A machine of one's own has no need of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The partition.
    pub partition: Option<String>,
    /// The account that is charged.
    pub account: Option<String>,
    /// The quality of service.
    pub qos: Option<String>,
    /// Features that a node must have.
    pub constraint: Option<String>,
    /// The time limit.
    pub time: Option<Duration>,
    /// Further arguments of `sbatch`, as they are.
    pub arguments: Vec<String>,
}

impl Batch {
    /// Returns what is asked for where `usual` fills in what is left open. Further arguments come after those of `usual`.
    pub fn or(&self, usual: &Self) -> Self {
        let first =
            |own: &Option<String>, usual: &Option<String>| own.clone().or_else(|| usual.clone());
        Self {
            partition: first(&self.partition, &usual.partition),
            account: first(&self.account, &usual.account),
            qos: first(&self.qos, &usual.qos),
            constraint: first(&self.constraint, &usual.constraint),
            time: self.time.or(usual.time),
            arguments: [&*usual.arguments, &*self.arguments].concat(),
        }
    }
}

/// The units of sizes, and their bytes.
const UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a size of at least one byte: `8 GB`, `1.5GiB`, `512 MB`.
///
/// # Errors
/// What is wrong with the text, as a lowercase fragment.
pub fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim());
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no size"))?;
    if unit.is_empty() {
        return Err(format!("`{text}` has no unit"));
    }
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    let Some((_, factor)) = known else {
        return Err(format!("unknown unit `{unit}`"));
    };
    let bytes = number * *factor as f64;
    if bytes < 1.0 {
        return Err("it must be more than nothing".into());
    }
    if bytes >= u64::MAX as f64 {
        return Err(format!("`{text}` is more than any machine has"));
    }
    Ok(bytes as u64)
}

/// Reads a time: `3d`, `2h`, `1h30m`, `45m`, `90s`.
///
/// # Errors
/// What would be a time.
pub fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 3d, 2h, 1h30m, 45m or 90s".to_owned();
    let mut seconds = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let unit = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .ok_or_else(wrong)?;
        let number: f64 = rest[..unit].parse().map_err(|_| wrong())?;
        let letters = rest[unit..].find(|c: char| !c.is_ascii_alphabetic());
        let end = letters.map_or(rest.len(), |letters| unit + letters);
        let factor = match &rest[unit..end] {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" | "min" => 60.0,
            "s" => 1.0,
            _ => return Err(wrong()),
        };
        seconds += number * factor;
        rest = rest[end..].trim_start();
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// How a size is written, for remedies.
pub const SIZES: &str = "write a number and a unit: \"8 GB\", \"512 MB\", \"1.5 GiB\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("2h", 7200.0),
            ("1h30m", 5400.0),
            ("1h 30min", 5400.0),
            ("0.5h", 1800.0),
            ("90s", 90.0),
            ("1d12h", 129_600.0),
        ] {
            assert_eq!(time(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "2", "h", "2y", "-1h", "1..5h", "1e3s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("8 GB", 8_000_000_000),
            ("8GB", 8_000_000_000),
            (" 1.5 GiB ", 3 << 29),
            ("512 MB", 512_000_000),
            ("64 KiB", 1 << 16),
            ("1 B", 1),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_told_apart() {
        let wrong = |text: &str| bytes(text).unwrap_err();
        assert_eq!(wrong("8"), "`8` has no unit");
        assert_eq!(wrong("8 Gb"), "unknown unit `Gb`");
        assert_eq!(wrong("much"), "`much` is no size");
        assert_eq!(wrong("-1 GB"), "`-1 GB` is no size");
        assert_eq!(wrong("1..5 GB"), "`1..5 GB` is no size");
        assert_eq!(wrong(""), "`` is no size");
        assert_eq!(wrong("0 GB"), "it must be more than nothing");
        assert_eq!(
            wrong("99999999999 TB"),
            "`99999999999 TB` is more than any machine has"
        );
    }
}
