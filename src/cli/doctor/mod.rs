//! `pipe doctor`.

mod checks;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Exit;
use super::arguments::DoctorArguments;
use super::failure::CommandFailure;
use super::output::{path_json, print, print_json};
use super::project::Project;
use crate::declare::Target;
use crate::execute::{self, Executor, Gpu, Local, Machine, Memory};
use crate::graph::{self, InputSource};
use crate::progress::count;
use crate::registry::Registry;
use crate::store::{FileSystem, Peaks, Store};
use crate::terminal::Paint;

/// One thing that was checked.
struct Check {
    name: &'static str,
    /// What was found.
    text: String,
    verdict: Verdict,
}

/// Whether the user should do something about it.
enum Verdict {
    Fine,
    /// A run goes on without it, and better with it.
    Hint(String),
    /// It will stop a run, which then ends with that exit code.
    Wrong(String, Exit),
}

impl Check {
    fn fine(name: &'static str, text: impl Into<String>) -> Self {
        Self {
            name,
            text: text.into(),
            verdict: Verdict::Fine,
        }
    }

    fn hint(mut self, remedy: impl Into<String>) -> Self {
        self.verdict = Verdict::Hint(remedy.into());
        self
    }

    fn wrong(mut self, remedy: impl Into<String>, exit: Exit) -> Self {
        self.verdict = Verdict::Wrong(remedy.into(), exit);
        self
    }

    fn exit(&self) -> Exit {
        match self.verdict {
            Verdict::Wrong(_, exit) => exit,
            _ => Exit::Ok,
        }
    }

    fn line(&self, width: usize) -> String {
        let (mark, remedy) = match &self.verdict {
            Verdict::Fine => ("✓".green().to_string(), None),
            Verdict::Hint(remedy) => ("!".yellow().to_string(), Some(remedy)),
            Verdict::Wrong(remedy, _) => ("✗".red().to_string(), Some(remedy)),
        };
        let name = format!("{:<width$}", self.name);
        let mut line = format!("{mark} {}  {}\n", name.cyan(), self.text);
        if let Some(remedy) = remedy {
            line += &format!("  {:<width$}  {} {remedy}\n", "", "hint:".cyan());
        }
        line
    }

    fn json(&self) -> Value {
        let (state, remedy) = match &self.verdict {
            Verdict::Fine => ("fine", None),
            Verdict::Hint(remedy) => ("hint", Some(remedy)),
            Verdict::Wrong(remedy, _) => ("wrong", Some(remedy)),
        };
        json!({ "name": self.name, "state": state, "text": self.text, "remedy": remedy })
    }
}

/// Shows what the machine offers, and whether pipeline, data and store are in order. The first check that will stop a run
/// decides the exit code.
pub(super) fn doctor(
    arguments: &DoctorArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let executor = Local::here();
    let machine = executor.machine();
    let memory = Memory::here();
    let gpus = execute::gpus();
    let mut found = checks::machine(machine, memory, &gpus);
    // The machine's checks are shown even if the project cannot be read.
    let mut peaks = None;
    let mut file_system = None;
    let store = Project::load(&arguments.common, registry).and_then(|project| {
        found.push(pipeline(&project));
        let data = data(&project);
        if let Ok(paths) = &data {
            found.extend(paths.iter().map(|path| checks::data(path)));
        }
        let store = match arguments.bench {
            true => Store::open(&project.store)?,
            false => Store::view(&project.store)?,
        };
        found.extend(checks::store(&store));
        file_system = FileSystem::of(&checks::existing(store.root())).ok();
        if arguments.bench {
            peaks = machine.measure();
            if let Some(peaks) = &peaks {
                store.keep_peaks(peaks)?;
            }
        } else {
            peaks = store.peaks(&machine.cpu, machine.cores);
        }
        found.push(checks::peak(peaks.as_ref()));
        data.map(|_| store)
    });
    if arguments.common.json {
        let mut value = json(machine, memory, &gpus, store.as_ref().ok(), peaks.as_ref());
        value["file_system"] = json!(file_system.map(|found| found.name));
        value["checks"] = found.iter().map(Check::json).collect();
        print_json(&value)?;
    } else {
        let width = found.iter().map(|check| check.name.len()).max();
        let lines = found.iter().map(|check| check.line(width.unwrap_or(0)));
        print(&lines.collect::<String>())?;
    }
    store?;
    Ok(found.iter().map(Check::exit).max().unwrap_or_default())
}

fn pipeline(project: &Project) -> Check {
    let pipeline = &project.pipeline;
    let (stages, tables) = (pipeline.stages().count(), pipeline.outputs().count());
    let text = format!(
        "{}, profile {}: {}, {}",
        pipeline.root().display(),
        pipeline.profile(),
        count(stages, "stage"),
        count(tables, "output")
    );
    Check::fine("pipeline", text)
}

/// Returns the user's files that the pipeline takes.
fn data(project: &Project) -> Result<BTreeSet<PathBuf>, CommandFailure> {
    let plan = graph::expand(&project.pipeline, &[Target::All])?;
    let inputs = plan
        .jobs
        .jobs()
        .flat_map(|(_, job)| job.inputs.iter().map(|(_, source)| source));
    let paths = inputs.filter_map(|input| match input {
        InputSource::Path(path) => Some(path.to_path_buf()),
        InputSource::Job { .. } => None,
    });
    Ok(paths.collect())
}

fn json(
    machine: &Machine,
    memory: Option<Memory>,
    gpus: &[Gpu],
    store: Option<&Store>,
    peaks: Option<&Peaks>,
) -> Value {
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "cpu": machine.cpu,
        "cores": machine.cores,
        "instructions": kernels::Path::current().name(),
        "numerics": [kernels::numerics::CLASS, kernels::numerics::BF16_CLASS],
        "bf16_native": kernels::Precision::Bf16.is_native(),
        "memory_bytes": memory.map(|memory| memory.total),
        "free_memory_bytes": memory.map(|memory| memory.free),
        "memory_limit_bytes": memory.and_then(|memory| memory.limit),
        "gpus": gpus.iter().map(|gpu| json!({ "name": gpu.name, "id": gpu.id })).collect::<Vec<_>>(),
        "store": store.map(|store| path_json(store.root())),
        "free_disk_bytes": store.and_then(|store| checks::free(&checks::existing(store.root()))),
        "peak": peaks,
    })
}
