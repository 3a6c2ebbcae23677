//! What a user sets for all projects of a machine or an account: where jobs run. None of it reaches a result or a key.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::environment;
use crate::resources::{Batch, time};

/// The file below the folder of a user's settings.
const FILE: &str = "pipe/settings.toml";

/// A user's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where jobs run.
    pub executor: ExecutorSettings,
}

/// Where jobs run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExecutorSettings {
    /// Where, unless the command line says it.
    pub on: Place,
    /// How jobs are handed to Slurm.
    pub slurm: SlurmSettings,
}

/// A place where jobs run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// On this machine.
    #[default]
    Here,
    /// On the nodes of a Slurm cluster, by `sbatch`.
    Slurm,
}

/// How jobs are handed to Slurm. What a stage's `resources` say comes first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlurmSettings {
    /// The most jobs that are queued or run there at once.
    pub jobs: usize,
    /// The cores of a job whose stage names no threads.
    pub cpus: usize,
    /// How often Slurm is asked how its jobs stand.
    #[serde(deserialize_with = "duration")]
    pub poll: Duration,
    /// How long a job's files may take to appear here after it has ended, as on a network file system.
    #[serde(deserialize_with = "duration")]
    pub grace: Duration,
    /// The partition.
    pub partition: Option<String>,
    /// The account that is charged.
    pub account: Option<String>,
    /// The quality of service.
    pub qos: Option<String>,
    /// Features that a node must have.
    pub constraint: Option<String>,
    /// The time limit.
    #[serde(deserialize_with = "some_duration")]
    pub time: Option<Duration>,
    /// Further arguments of `sbatch`.
    pub arguments: Vec<String>,
}

impl SlurmSettings {
    /// Returns what jobs ask for whose stages ask for nothing.
    pub fn batch(&self) -> Batch {
        Batch {
            partition: self.partition.clone(),
            account: self.account.clone(),
            qos: self.qos.clone(),
            constraint: self.constraint.clone(),
            time: self.time,
            arguments: self.arguments.clone(),
        }
    }
}

impl Default for SlurmSettings {
    fn default() -> Self {
        Self {
            jobs: 64,
            cpus: 1,
            poll: Duration::from_secs(15),
            grace: Duration::from_secs(60),
            partition: None,
            account: None,
            qos: None,
            constraint: None,
            time: None,
            arguments: Vec::new(),
        }
    }
}

/// Settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong, the file first.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Settings {
    /// Reads the user's settings: the file that `PIPE_SETTINGS` names, or `pipe/settings.toml` in the folder of a user's settings
    /// (`XDG_CONFIG_HOME`, else `~/.config`), if there is one.
    ///
    /// # Errors
    /// When the file cannot be read, or says what is not to be said there.
    pub fn load() -> Result<Self, Wrong> {
        let named = environment::os(environment::SETTINGS).map(PathBuf::from);
        let Some(path) = named.clone().or_else(usual) else {
            return Ok(Self::default());
        };
        let wrong = |message: String, remedy: &str| Wrong {
            message: format!("{}: {message}", path.display()),
            remedy: remedy.to_owned(),
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
                return Ok(Self::default());
            }
            Err(error) => {
                let remedy = "name a file that is there with PIPE_SETTINGS, or unset it";
                return Err(wrong(error.to_string(), remedy));
            }
        };
        Self::of(&text).map_err(|message| {
            wrong(
                message,
                "REFERENCE.md tells what settings there are (A Slurm cluster)",
            )
        })
    }

    fn of(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| text[..span.start].lines().count().max(1));
            let line = line.map_or_else(String::new, |line| format!("line {line}: "));
            format!("{line}{}", error.message())
        })?;
        let slurm = &settings.executor.slurm;
        for (name, value) in [("jobs", slurm.jobs), ("cpus", slurm.cpus)] {
            if value == 0 {
                return Err(format!("`{name}` must be at least 1"));
            }
        }
        if slurm.poll < Duration::from_millis(100) {
            return Err("`poll` must be at least 0.1s".into());
        }
        Ok(settings)
    }
}

/// Returns where a user's settings are by custom.
fn usual() -> Option<PathBuf> {
    let folder = env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty());
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".config"));
    Some(folder.map(PathBuf::from).or_else(home)?.join(FILE))
}

fn duration<'d, D: Deserializer<'d>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    time(&text).map_err(serde::de::Error::custom)
}

fn some_duration<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn settings_are_read_and_what_is_left_out_is_as_usual() {
        let text = "[executor]\non = \"slurm\"\n[executor.slurm]\npartition = \"long\"\ntime = \"4h\"\npoll = \"2s\"\narguments = [\"--exclude=n3\"]\n";
        let settings = Settings::of(text).unwrap();
        assert_eq!(settings.executor.on, Place::Slurm);
        let slurm = settings.executor.slurm;
        assert_eq!((slurm.jobs, slurm.poll), (64, Duration::from_secs(2)));
        let batch = slurm.batch();
        assert_eq!(batch.partition.as_deref(), Some("long"));
        assert_eq!(batch.time, Some(Duration::from_secs(4 * 3600)));
        assert_eq!(batch.arguments, ["--exclude=n3"]);
        assert_eq!(Settings::of("").unwrap(), Settings::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let wrong = |text: &str| Settings::of(text).unwrap_err();
        assert!(
            wrong("[executor]\non = \"cloud\"\n").starts_with("line 2: unknown variant `cloud`")
        );
        assert!(wrong("[executor.slurm]\njobs = 0\n").contains("`jobs` must be at least 1"));
        assert!(wrong("[executor.slurm]\ntime = \"soon\"\n").contains("expected a time"));
        assert!(wrong("[cache]\n").contains("unknown field `cache`"));
    }
}
