//! The script and the arguments by which a job is handed to Slurm.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::submitted::Submission;
use crate::resources::Resources;
use crate::settings::SlurmSettings;

/// How long before its time limit a job is asked to save a checkpoint, at least and at most.
const WARNING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// What a job is handed over with.
pub(super) struct Script<'a> {
    pub(super) program: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) submission: &'a Submission,
    pub(super) threads: usize,
    /// What its stage declares to need.
    pub(super) request: &'a Resources,
    /// The fingerprint of the code of its stage.
    pub(super) source: Option<&'a str>,
    pub(super) settings: &'a SlurmSettings,
}

impl Script<'_> {
    /// Returns where Slurm writes what the job prints.
    pub(super) fn log(&self) -> PathBuf {
        let name = format!("slurm-{}.log", self.submission.number);
        self.folder.join("starts").join(name)
    }

    /// Returns the arguments of `sbatch`.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            "--parsable".to_owned(),
            "--no-requeue".to_owned(),
            "--nodes=1".to_owned(),
            "--ntasks=1".to_owned(),
            format!("--job-name={}", self.submission.name),
            // Slurm takes a percent sign for the beginning of a pattern.
            format!(
                "--output={}",
                self.log().display().to_string().replace('%', "%%")
            ),
            "--open-mode=append".to_owned(),
            format!("--chdir={}", self.folder.display()),
            format!("--cpus-per-task={}", self.threads),
        ];
        let mut option = |name: &str, value: Option<String>| {
            arguments.extend(value.map(|value| format!("--{name}={value}")));
        };
        let memory = self.request.memory;
        option(
            "mem",
            memory.map(|bytes| format!("{}M", bytes.div_ceil(1 << 20).max(1))),
        );
        let gpus = (self.request.gpus > 0).then(|| format!("gpu:{}", self.request.gpus));
        option("gres", gpus);
        let batch = self.request.batch.or(&self.settings.batch());
        option(
            "time",
            batch
                .time
                .map(|time| time.as_secs().div_ceil(60).max(1).to_string()),
        );
        // The batch shell gets the signal, which has made way for the job's own program.
        let tenth = batch.time.map_or(WARNING.1, |time| time / 10);
        let warning = tenth.clamp(WARNING.0, WARNING.1).as_secs();
        option("signal", Some(format!("B:USR1@{warning}")));
        option("partition", batch.partition);
        option("account", batch.account);
        option("qos", batch.qos);
        option("constraint", batch.constraint);
        arguments.extend(batch.arguments);
        arguments
    }

    /// Returns the script. The program takes the place of the shell, so that signals reach it.
    pub(super) fn text(&self) -> String {
        let source = self.source.map_or_else(String::new, |source| {
            format!(" --source {}", quoted(source))
        });
        format!(
            "#!/bin/sh\nexport RAYON_NUM_THREADS={}\nexec {} attempt {} --number {}{source}\n",
            self.threads,
            quoted(&self.program.display().to_string()),
            quoted(&self.folder.display().to_string()),
            self.submission.number,
        )
    }
}

/// Puts a text into quotes for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Batch;

    #[test]
    fn a_job_asks_for_what_its_stage_and_the_settings_say() {
        let settings = SlurmSettings {
            partition: Some("long".into()),
            time: Some(Duration::from_secs(3600)),
            arguments: vec!["--exclude=n3".into()],
            ..SlurmSettings::default()
        };
        let submission = Submission {
            number: 2,
            name: "pipe-ab-2".into(),
            id: None,
            end: None,
        };
        let request = Resources {
            memory: Some(2_000_000_000),
            gpus: 1,
            batch: Batch {
                partition: Some("gpu".into()),
                ..Batch::default()
            },
            ..Resources::default()
        };
        let script = Script {
            program: Path::new("/opt/pipe's/pipe"),
            folder: Path::new("/s/work/ab"),
            submission: &submission,
            threads: 4,
            request: &request,
            source: Some("f00"),
            settings: &settings,
        };
        insta::assert_snapshot!(script.arguments().join("\n"), @r"
        --parsable
        --no-requeue
        --nodes=1
        --ntasks=1
        --job-name=pipe-ab-2
        --output=/s/work/ab/starts/slurm-2.log
        --open-mode=append
        --chdir=/s/work/ab
        --cpus-per-task=4
        --mem=1908M
        --gres=gpu:1
        --time=60
        --signal=B:USR1@300
        --partition=gpu
        --exclude=n3
        ");
        insta::assert_snapshot!(script.text(), @r"
        #!/bin/sh
        export RAYON_NUM_THREADS=4
        exec '/opt/pipe'\''s/pipe' attempt '/s/work/ab' --number 2 --source 'f00'
        ");
    }
}
