//! What a job needs of the machine while it runs: threads, memory, GPUs. None of it can reach a result.

/// What a job declares to need; what is `None` here is decided when the job runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Threads that the job uses; `None` stands for an equal part of those that the run has.
    pub threads: Option<usize>,
    /// Most memory that the job holds, in bytes; `None` stands for what like jobs have held.
    pub memory: Option<u64>,
    /// GPUs that the job has for itself.
    pub gpus: usize,
    /// Where the needs are written, for messages: `pipeline.toml:12`.
    pub place: Option<String>,
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

/// How a size is written, for remedies.
pub const SIZES: &str = "write a number and a unit: \"8 GB\", \"512 MB\", \"1.5 GiB\"";

#[cfg(test)]
mod tests {
    use super::*;

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
