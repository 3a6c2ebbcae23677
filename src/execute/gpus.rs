//! GPUs: which there are, and the lease to each.
//!
//! A lease is an exclusive kernel lock on a file per GPU, in a folder that all users of the machine share, so that two runs
//! never give one GPU to two jobs, whatever their stores. The child that does the work inherits the open file, and so does
//! whatever it starts: the lease ends with the last of them and never outlives it.
//!
//! GPUs are taken one run at a time. Whoever needs more than are free keeps its turn, and what it has gathered, until it
//! has all: so no two runs wait for each other, and a job that needs many is not passed over by those that need one.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::environment;
use crate::store::{Holder, is_at};

/// Says which GPUs a program may see.
pub(super) const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";
/// Says in which order they are counted.
pub(super) const ORDER: (&str, &str) = ("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
/// Folders that every user can write to. The first that exists is taken, so that all runs on a machine choose the same.
const SHARED: [&str; 2] = ["/run/lock", "/tmp"];
/// The lock of the run that takes GPUs just now.
const TURN: &str = "turn";

/// A GPU that a run may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// How `CUDA_VISIBLE_DEVICES` names it.
    pub name: String,
    /// What tells it from all others of the machine: its place on the bus, where that is known.
    pub id: String,
}

/// Returns the GPUs that programs started here may use: those that the driver names, as far as `CUDA_VISIBLE_DEVICES`
/// lets them be seen. `PIPE_GPUS=4` stands for four, whatever the driver says.
pub fn gpus() -> Vec<Gpu> {
    let pretended = environment::text(environment::GPUS).and_then(|text| text.parse().ok());
    let all = match pretended {
        Some(number) => (0..number)
            .map(|number: usize| Device {
                bus: format!("pretended-{number}"),
                uuid: None,
            })
            .collect(),
        None => devices(),
    };
    visible(&all, env::var(VISIBLE).ok().as_deref())
}

/// What the driver says of a GPU. GPUs are counted in the order of their places on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Device {
    bus: String,
    uuid: Option<String>,
}

fn devices() -> Vec<Device> {
    let mut devices = listed(Path::new("/proc/driver/nvidia/gpus"));
    if devices.is_empty() {
        let asked = Command::new("nvidia-smi")
            .args(["--query-gpu=pci.bus_id,uuid", "--format=csv,noheader"])
            .output();
        // A machine without the program has no such GPU.
        let text = asked.map(|output| output.stdout).unwrap_or_default();
        devices = queried(&String::from_utf8_lossy(&text));
    }
    devices.sort_by(|a, b| a.bus.cmp(&b.bus));
    devices
}

/// Reads the driver's list.
fn listed(folder: &Path) -> Vec<Device> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let device = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path().join("information")).ok()?;
        let uuid = text.lines().find_map(|line| {
            let uuid = line.strip_prefix("GPU UUID:")?.trim();
            // A driver that sleeps shows question marks.
            (!uuid.contains('?')).then(|| uuid.to_owned())
        });
        let bus = bus(&entry.file_name().to_string_lossy());
        Some(Device { bus, uuid })
    };
    entries.filter_map(device).collect()
}

/// Reads what `nvidia-smi` prints.
fn queried(text: &str) -> Vec<Device> {
    let device = |line: &str| {
        let (place, uuid) = line.split_once(',')?;
        Some(Device {
            bus: bus(place),
            uuid: Some(uuid.trim().to_owned()),
        })
    };
    text.lines().filter_map(device).collect()
}

/// Returns a place on the bus in one form: the driver and its tools differ in case and in leading zeros.
fn bus(text: &str) -> String {
    let text = text.trim().to_lowercase();
    match text.split_once(':') {
        Some((domain, rest)) => {
            let domain = u32::from_str_radix(domain, 16).unwrap_or(0);
            format!("{domain:04x}:{rest}")
        }
        None => text,
    }
}

/// Returns those GPUs that a value of `CUDA_VISIBLE_DEVICES` lets be seen: up to the first word that names none, as CUDA does.
fn visible(all: &[Device], value: Option<&str>) -> Vec<Gpu> {
    let numbered = |number: usize| {
        Some(Gpu {
            name: number.to_string(),
            id: all.get(number)?.bus.clone(),
        })
    };
    let Some(value) = value else {
        return (0..all.len()).filter_map(numbered).collect();
    };
    let mut seen = BTreeSet::new();
    let named = value.split(',').map_while(|word| {
        let word = word.trim();
        if let Ok(number) = word.parse() {
            return numbered(number);
        }
        if !word.starts_with("GPU-") && !word.starts_with("MIG-") {
            return None;
        }
        let device = all.iter().find(|device| {
            let uuid = device.uuid.as_deref();
            uuid.is_some_and(|uuid| uuid.starts_with(word))
        });
        Some(Gpu {
            name: word.to_owned(),
            // A part of a GPU (MIG) has a name of its own and no place on the bus.
            id: device.map_or_else(|| word.to_owned(), |device| device.bus.clone()),
        })
    });
    named.filter(|gpu| seen.insert(gpu.id.clone())).collect()
}

/// The exclusive right to use a GPU.
#[derive(Debug)]
pub struct Lease {
    /// The GPU.
    pub gpu: Gpu,
    /// The lock: whoever has it open holds the lease.
    pub(super) file: File,
}

/// The GPUs of a run, to be leased.
#[derive(Debug)]
pub(super) struct Pool {
    gpus: Vec<Gpu>,
    folder: PathBuf,
    /// The turn's lock, held while GPUs are gathered, and the leases gathered so far.
    turn: Option<File>,
    gathered: Vec<Lease>,
}

/// What came of asking for GPUs.
#[derive(Debug)]
pub(super) enum Gathered {
    /// As many GPUs as were asked for.
    All(Vec<Lease>),
    /// Others have GPUs that are needed: who, as far as that is known.
    Waits(Vec<Holder>),
}

impl Pool {
    pub(super) fn new(gpus: Vec<Gpu>) -> Self {
        Self::in_folder(gpus, folder())
    }

    fn in_folder(gpus: Vec<Gpu>, folder: PathBuf) -> Self {
        Self {
            gpus,
            folder,
            turn: None,
            gathered: Vec::new(),
        }
    }

    /// Leases so many GPUs, or says whom to wait for. GPUs that were free are kept for the next call.
    ///
    /// # Errors
    /// When the lock files cannot be had.
    pub(super) fn gather(&mut self, number: usize) -> io::Result<Gathered> {
        self.prepare()?;
        if self.turn.is_none() {
            match lock(&self.folder.join(TURN))? {
                Ok(turn) => self.turn = Some(turn),
                Err(holder) => return Ok(Gathered::Waits(holder.into_iter().collect())),
            }
        }
        let mut holders = Vec::new();
        for gpu in &self.gpus {
            if self.gathered.len() >= number {
                break;
            }
            if self.gathered.iter().any(|lease| lease.gpu == *gpu) {
                continue;
            }
            match lock(&self.folder.join(file_name(&gpu.id)))? {
                Ok(file) => self.gathered.push(Lease {
                    gpu: gpu.clone(),
                    file,
                }),
                Err(holder) => holders.extend(holder),
            }
        }
        if self.gathered.len() < number {
            return Ok(Gathered::Waits(holders));
        }
        self.turn = None;
        let mut leases = std::mem::take(&mut self.gathered);
        // More GPUs may have been gathered for a job that needs them no more.
        leases.truncate(number);
        leases.sort_by_key(|lease| self.gpus.iter().position(|gpu| *gpu == lease.gpu));
        Ok(Gathered::All(leases))
    }

    /// Gives up the GPUs that were gathered, since no job of this run waits for GPUs any more.
    pub(super) fn abandon(&mut self) {
        self.turn = None;
        self.gathered.clear();
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder, for all users of the machine.
    fn prepare(&self) -> io::Result<()> {
        match fs::create_dir(&self.folder) {
            Ok(()) => {
                // Any user may make files in the folder, and remove no other's.
                fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o1777))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match fs::symlink_metadata(&self.folder)?.is_dir() {
                    true => Ok(()),
                    false => Err(io::ErrorKind::NotADirectory.into()),
                }
            }
            Err(error) => Err(error),
        }
    }
}

/// Returns where leases are kept: the same folder for all users of the machine.
fn folder() -> PathBuf {
    if let Some(folder) = environment::os(environment::GPU_LOCKS) {
        return folder.into();
    }
    let anybodys = |folder: &&&str| {
        let metadata = fs::metadata(folder);
        metadata
            .is_ok_and(|metadata| metadata.is_dir() && metadata.permissions().mode() & 0o002 != 0)
    };
    let shared = SHARED.iter().find(anybodys).unwrap_or(&SHARED[1]);
    Path::new(shared).join("pipe-gpus")
}

fn file_name(id: &str) -> String {
    id.replace(
        |c: char| !(c.is_ascii_alphanumeric() || "-.:".contains(c)),
        "_",
    )
}

/// Locks a file, made if need be, and writes the holder into it; or returns what the file's holder wrote.
fn lock(path: &Path) -> io::Result<Result<File, Option<Holder>>> {
    loop {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Err(Holder::read(path))),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The locked file may have been removed, and another made in its place.
        if !is_at(&file, path)? {
            continue;
        }
        Holder::here().sign(&file);
        return Ok(Ok(file));
    }
}

/// Opens a file that any user may open, and makes it if need be.
fn open(path: &Path) -> io::Result<File> {
    let plain = OFlags::CLOEXEC | OFlags::NOFOLLOW;
    loop {
        // Opened without `CREATE`, which is refused for another user's file in a shared folder.
        let opened = rustix::fs::open(path, plain | OFlags::RDWR, Mode::empty());
        let opened = match opened {
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
                rustix::fs::open(path, plain | OFlags::RDONLY, Mode::empty())
            }
            opened => opened,
        };
        match opened {
            Ok(file) => return Ok(file.into()),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let make = plain | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        match rustix::fs::open(path, make, Mode::from_raw_mode(0o666)) {
            Ok(file) => {
                let file = File::from(file);
                file.set_permissions(fs::Permissions::from_mode(0o666))?;
                return Ok(file);
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::test_support::in_time;

    fn devices_of(number: usize) -> Vec<Device> {
        let device = |number: usize| Device {
            bus: format!("0000:0{number}:00.0"),
            uuid: Some(format!("GPU-{number}{number}aa-bb")),
        };
        (0..number).map(device).collect()
    }

    fn names(value: Option<&str>) -> Vec<String> {
        let gpus = visible(&devices_of(4), value);
        gpus.into_iter().map(|gpu| gpu.name).collect()
    }

    #[test]
    fn an_outer_choice_of_gpus_is_respected_as_cuda_reads_it() {
        assert_eq!(names(None), ["0", "1", "2", "3"]);
        assert_eq!(names(Some("2, 0")), ["2", "0"]);
        assert_eq!(names(Some("")), [""; 0]);
        assert_eq!(names(Some("1,-1,2")), ["1"]);
        assert_eq!(names(Some("7,0")), [""; 0]);
        assert_eq!(names(Some("1,1")), ["1"]);
        assert_eq!(names(Some("GPU-22aa,NoDevFiles")), ["GPU-22aa"]);
        let by_name = visible(&devices_of(4), Some("GPU-22aa"));
        assert_eq!(by_name[0].id, "0000:02:00.0", "one lease under both names");
        let part = visible(&devices_of(1), Some("MIG-ab12"));
        assert_eq!(part[0].id, "MIG-ab12");
    }

    #[test]
    fn the_driver_and_its_tool_name_one_gpu_alike() {
        let tool = queried("00000000:1B:00.0, GPU-8f0e\n00000000:03:00.0, GPU-17aa\n");
        let folder = tempfile::tempdir().unwrap();
        let gpu = folder.path().join("0000:1b:00.0");
        fs::create_dir(&gpu).unwrap();
        fs::write(
            gpu.join("information"),
            "Model: \t\t NVIDIA H100 80GB HBM3\nGPU UUID: \t GPU-8f0e\nBus Location: \t 0000:1b:00.0\n",
        )
        .unwrap();
        assert_eq!(listed(folder.path()), tool[..1]);
        assert_eq!(tool[1].bus, "0000:03:00.0");
        assert_eq!(listed(&folder.path().join("none")), []);
    }

    fn pool(folder: &Path) -> Pool {
        let gpus = visible(&devices_of(2), None);
        Pool::in_folder(gpus, folder.join("locks"))
    }

    /// Gathers the GPUs that are free.
    fn all(pool: &mut Pool, number: usize) -> Vec<Lease> {
        let mut all = Vec::new();
        let gathered = in_time(|| match pool.gather(number).unwrap() {
            Gathered::All(leases) => {
                all = leases;
                true
            }
            Gathered::Waits(_) => false,
        });
        assert!(gathered, "{number} are not free");
        all
    }

    fn holders(gathered: Gathered) -> Vec<Holder> {
        match gathered {
            Gathered::All(leases) => panic!("{leases:?}"),
            Gathered::Waits(holders) => holders,
        }
    }

    #[test]
    fn a_gpu_is_leased_once_and_an_inherited_lock_keeps_the_lease() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (pool(folder.path()), pool(folder.path()));
        let mut first = all(&mut one, 1);
        let second = all(&mut other, 1);
        assert_eq!(
            (first[0].gpu.name.as_str(), second[0].gpu.name.as_str()),
            ("0", "1")
        );
        let inherited = first[0].file.try_clone().unwrap();
        drop(first.pop());
        let waits = holders(one.gather(1).unwrap());
        assert_eq!(waits.len(), 2, "the child still works");
        assert_eq!(waits[0].pid, std::process::id());
        drop(inherited);
        assert_eq!(all(&mut one, 1)[0].gpu.name, "0");
        drop(second);
        assert_eq!(all(&mut other, 2).len(), 2);
    }

    #[test]
    fn whoever_needs_more_than_are_free_has_its_turn_before_others() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (pool(folder.path()), pool(folder.path()));
        let busy = all(&mut other, 1);
        assert_eq!(holders(one.gather(2).unwrap()).len(), 1);
        // A free GPU is kept for the run that waits for two.
        assert_eq!(holders(other.gather(1).unwrap()).len(), 1);
        drop(busy);
        assert_eq!(holders(other.gather(1).unwrap()).len(), 1);
        let both = all(&mut one, 2);
        assert_eq!(both.len(), 2);
        drop(both);
        assert_eq!(all(&mut other, 1).len(), 1);
        // A run that stops waiting gives up what it has gathered.
        let busy = all(&mut other, 1);
        holders(one.gather(2).unwrap());
        one.abandon();
        drop(busy);
        assert_eq!(all(&mut other, 2).len(), 2);
    }

    #[test]
    fn a_folder_that_is_none_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("locks"), "").unwrap();
        assert!(pool(folder.path()).gather(1).is_err());
        fs::remove_file(folder.path().join("locks")).unwrap();
        std::os::unix::fs::symlink("/tmp", folder.path().join("locks")).unwrap();
        assert!(
            pool(folder.path()).gather(1).is_err(),
            "a link may lead anywhere"
        );
    }
}
