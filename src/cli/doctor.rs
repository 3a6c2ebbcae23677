//! `pipe doctor`.

use std::fs;
use std::path::Path;

use kernels::{Precision, numerics};
use owo_colors::OwoColorize;
use rustix::fs::statvfs;
use serde_json::{Value, json};

use super::Exit;
use super::arguments::DoctorArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json};
use super::project::Project;
use crate::execute::Machine;
use crate::progress::{amount, count};
use crate::registry::Registry;
use crate::store::{Peaks, Rates, Store};

/// Shows what the machine offers and whether pipeline and store are in order.
pub(super) fn doctor(
    arguments: &DoctorArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let machine = Machine::here();
    let memory = memory();
    let mut lines = vec![
        ("program", format!("pipe {}", env!("CARGO_PKG_VERSION"))),
        (
            "processor",
            format!("{}, {}", machine.cpu, count(machine.cores, "core")),
        ),
        ("instructions", kernels::Path::current().name().to_owned()),
        ("numerics", numerics_line()),
    ];
    if let Some(memory) = memory {
        let [total, free] = memory.map(|bytes| amount(bytes as f64));
        lines.push(("memory", format!("{total}B, {free}B of it free")));
    }
    // What there is of the machine is said even if the project is at fault.
    let project = Project::load(&arguments.common, registry);
    let store = project.and_then(|project| {
        let pipeline = &project.pipeline;
        let (stages, tables) = (pipeline.stages().count(), pipeline.tables().count());
        let text = format!(
            "{}, profile {}: {}, {}",
            pipeline.root().display(),
            pipeline.profile(),
            count(stages, "stage"),
            count(tables, "table")
        );
        lines.push(("pipeline", text));
        Ok(match arguments.bench {
            true => Store::open(&project.store)?,
            false => Store::view(&project.store)?,
        })
    });
    let mut peaks = None;
    if let Ok(store) = &store {
        lines.push(("store", store_line(store.root())));
        if arguments.bench {
            peaks = machine.measure();
            if let Some(peaks) = &peaks {
                store.keep_peaks(peaks)?;
            }
        } else {
            peaks = store.peaks(&machine.cpu, machine.cores);
        }
        lines.push(("peak", peak_line(peaks.as_ref())));
    }
    if arguments.common.json {
        print_json(&json(&machine, memory, store.as_ref().ok(), peaks.as_ref()))?;
    } else {
        let width = lines.iter().map(|line| line.0.len()).max().unwrap_or(0);
        let lines = lines.iter().map(|(name, text)| {
            let name = format!("{name:<width$}");
            format!("{}  {text}\n", name.cyan())
        });
        print(&lines.collect::<String>())?;
    }
    store.map(|_| Exit::Ok)
}

/// Which classes this machine computes, and how.
fn numerics_line() -> String {
    let how = match Precision::Bf16.is_native() {
        true => "native",
        false => "not on this processor, but by imitation, slowly, with PIPE_IMITATE_BF16=1",
    };
    format!(
        "{}; {} (precision=bf16): {how}",
        numerics::CLASS,
        numerics::BF16_CLASS
    )
}

fn store_line(root: &Path) -> String {
    let place = root.display();
    if !root.exists() {
        return format!("{place}: none yet, the first run makes it");
    }
    let records = fs::read_dir(root.join("records")).map_or(0, Iterator::count);
    let room = match free(root) {
        Some(bytes) => format!(", {}B free on the disk", amount(bytes as f64)),
        None => String::new(),
    };
    format!("{place}: {}{room}", count(records, "result"))
}

fn peak_line(peaks: Option<&Peaks>) -> String {
    let Some(peaks) = peaks else {
        return "not measured yet: pipe doctor --bench does it, in seconds".to_owned();
    };
    let text = |rates: &Rates| {
        let [one, all] = [rates.one, rates.all].map(|rate| format!("{:.0} GFLOP/s", rate / 1e9));
        match peaks.cores {
            1 => one,
            cores => format!("{one} on one thread, {all} on {cores}"),
        }
    };
    match &peaks.bf16 {
        Some(bf16) => format!("{}; bf16: {}", text(&peaks.f32), text(bf16)),
        None => text(&peaks.f32),
    }
}

fn json(
    machine: &Machine,
    memory: Option<[u64; 2]>,
    store: Option<&Store>,
    peaks: Option<&Peaks>,
) -> Value {
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "cpu": machine.cpu,
        "cores": machine.cores,
        "instructions": kernels::Path::current().name(),
        "numerics": [numerics::CLASS, numerics::BF16_CLASS],
        "bf16_native": Precision::Bf16.is_native(),
        "memory_bytes": memory.map(|[total, _]| total),
        "free_memory_bytes": memory.map(|[_, free]| free),
        "store": store.map(Store::root),
        "free_disk_bytes": store.and_then(|store| free(store.root())),
        "peak": peaks,
    })
}

/// Returns all memory and what is free of it, in bytes.
fn memory() -> Option<[u64; 2]> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kibibytes * 1024)
    };
    Some([field("MemTotal:")?, field("MemAvailable:")?])
}

/// Returns how many bytes are free on the file system of that folder.
fn free(folder: &Path) -> Option<u64> {
    let status = statvfs(folder).ok()?;
    Some(status.f_bavail * status.f_frsize)
}
