//! Memory: how much there is, how much a job holds, and whether the system has killed for want of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use procfs::process::Process;
use procfs::{Current, Meminfo, ProcessCGroup};

/// What memory a process on this machine can have, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All there is: of the machine, or what its control group allows.
    pub total: u64,
    /// How much memory is free or can be freed.
    pub free: u64,
    /// What its control group allows, if that is less than the machine has.
    pub limit: Option<u64>,
}

impl Memory {
    /// Returns the memory that there is here and now; `None` where the system does not tell.
    pub fn here() -> Option<Self> {
        let info = Meminfo::current().ok()?;
        let machine = Self {
            total: info.mem_total,
            free: info.mem_available?,
            limit: None,
        };
        Some(machine.within(&Groups::here()))
    }

    /// Returns what of this memory the control groups leave.
    fn within(mut self, groups: &Groups) -> Self {
        for folder in &groups.folders {
            let number = |name: &str| -> Option<u64> {
                fs::read_to_string(folder.join(name))
                    .ok()?
                    .trim()
                    .parse()
                    .ok()
            };
            let [limit, used] = groups.files;
            let Some(limit) = number(limit).filter(|limit| *limit < self.total) else {
                continue;
            };
            let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
            // File pages that nobody has used of late can be freed.
            let idle = field(&stat, groups.idle).unwrap_or(0);
            let used = number(used).unwrap_or(0).saturating_sub(idle);
            self.total = limit;
            self.limit = Some(limit);
            self.free = self.free.min(limit.saturating_sub(used));
        }
        self
    }
}

/// The control groups that bound this process's memory, innermost first.
struct Groups {
    folders: Vec<PathBuf>,
    /// The files that hold limit and use.
    files: [&'static str; 2],
    /// The field of `memory.stat` for file pages that are out of use.
    idle: &'static str,
    /// The file that counts kills.
    kills: &'static str,
}

impl Groups {
    fn here() -> Self {
        let groups = Process::myself().and_then(|process| process.cgroups());
        let groups = groups.map_or_else(|_| Vec::new(), |groups| groups.0);
        Self::of(&groups, Path::new("/sys/fs/cgroup"))
    }

    /// The control groups of a process, of version 1 or 2.
    fn of(groups: &[ProcessCGroup], root: &Path) -> Self {
        let path = |bounds: &dyn Fn(&ProcessCGroup) -> bool| {
            let mut groups = groups.iter();
            Some(groups.find(|group| bounds(group))?.pathname.as_str())
        };
        let unified = path(&|group| group.hierarchy == 0);
        let memory = path(&|group| group.controllers.iter().any(|name| name == "memory"));
        let (root, path, files, idle, kills) = match memory {
            Some(path) => (
                root.join("memory"),
                path,
                ["memory.limit_in_bytes", "memory.usage_in_bytes"],
                "total_inactive_file",
                "memory.oom_control",
            ),
            None => (
                root.to_path_buf(),
                unified.unwrap_or("/"),
                ["memory.max", "memory.current"],
                "inactive_file",
                "memory.events",
            ),
        };
        let inner = root.join(path.trim_start_matches('/'));
        // Within a container the path may be the host's, and its own group lies at the root.
        let folders = inner
            .ancestors()
            .take_while(|folder| folder.starts_with(&root))
            .map(Path::to_path_buf);
        Self {
            folders: folders.collect(),
            files,
            idle,
            kills,
        }
    }

    /// Returns how many processes of the innermost group the system has killed for want of memory.
    fn killed(&self) -> Option<u64> {
        self.folders.iter().find_map(|folder| {
            field(
                &fs::read_to_string(folder.join(self.kills)).ok()?,
                "oom_kill",
            )
        })
    }
}

/// How sure it is that the system has killed for want of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    /// Nothing speaks for it.
    Nothing,
    /// The system has killed a process on this machine.
    Machine,
    /// The system has killed a process in the control group of this run.
    Group,
}

/// How many processes the system has killed, by each of its counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kills {
    group: Option<u64>,
    machine: Option<u64>,
}

impl Kills {
    fn now() -> Self {
        let all = procfs::vmstat().unwrap_or_default();
        let machine = all.get("oom_kill").copied();
        Self {
            group: Groups::here().killed(),
            machine: machine.and_then(|kills| u64::try_from(kills).ok()),
        }
    }

    /// Returns what follows from counters that have grown until `now`, and takes one kill as explained.
    fn tell(&mut self, now: Self) -> Evidence {
        let rose = |before: &mut Option<u64>, now: Option<u64>| match (before, now) {
            (Some(before), Some(now)) if *before < now => {
                *before += 1;
                true
            }
            _ => false,
        };
        match (
            rose(&mut self.group, now.group),
            rose(&mut self.machine, now.machine),
        ) {
            (true, _) => Evidence::Group,
            (false, true) => Evidence::Machine,
            (false, false) => Evidence::Nothing,
        }
    }
}

/// Tells whether a job that was killed may have been killed for want of memory.
#[derive(Debug)]
pub(super) struct KillWatch(Mutex<Kills>);

impl KillWatch {
    /// Begins to watch: kills of before do not count.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Kills::now()))
    }

    /// Returns what speaks for the system having killed the job that has just ended.
    pub(super) fn evidence(&self) -> Evidence {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.tell(Kills::now())
    }
}

/// Returns how much memory a process and those that it has started have held at most, each by itself; `None` if it has
/// ended.
pub(super) fn held(process: u32) -> Option<u64> {
    let found = Process::new(i32::try_from(process).ok()?).ok()?;
    let mut bytes = peak(process)?;
    for task in found.tasks().ok()?.flatten() {
        let children = task.children().unwrap_or_default();
        bytes += children.into_iter().filter_map(held).sum::<u64>();
    }
    Some(bytes)
}

/// Returns the most memory that a process has held by itself, in bytes.
pub(super) fn peak(process: u32) -> Option<u64> {
    let process = Process::new(i32::try_from(process).ok()?).ok()?;
    // A process that has ended and was not waited for holds none.
    Some(process.status().ok()?.vmhwm? * 1024)
}

/// Returns the number after a name that begins a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use procfs::{FromRead, ProcessCGroups};

    use super::*;

    fn group(folder: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    fn of(text: &str, root: &Path) -> Groups {
        let groups = ProcessCGroups::from_read(text.as_bytes()).unwrap();
        Groups::of(&groups.0, root)
    }

    const MACHINE: Memory = Memory {
        total: 64_000,
        free: 40_000,
        limit: None,
    };

    #[test]
    fn the_tightest_group_bounds_memory() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        group(
            &root.join("user"),
            &[
                ("memory.max", "10000\n"),
                ("memory.current", "7000\n"),
                ("memory.stat", "anon 5000\ninactive_file 1500\n"),
            ],
        );
        group(
            &root.join("user/job"),
            &[
                ("memory.max", "max\n"),
                ("memory.events", "low 0\noom_kill 3\n"),
            ],
        );
        let groups = of("0::/user/job\n", root);
        assert_eq!(
            MACHINE.within(&groups),
            Memory {
                total: 10_000,
                free: 4_500,
                limit: Some(10_000),
            }
        );
        assert_eq!(groups.killed(), Some(3));
        // The path is the host's, which a container does not see.
        let groups = of("0::/docker/abc\n", root);
        assert_eq!(MACHINE.within(&groups), MACHINE);
    }

    #[test]
    fn groups_of_the_first_version_count_as_well() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        group(
            &root.join("memory/a"),
            &[
                ("memory.limit_in_bytes", "8000\n"),
                ("memory.usage_in_bytes", "6000\n"),
                ("memory.stat", "total_inactive_file 1000\n"),
                ("memory.oom_control", "oom_kill_disable 0\noom_kill 2\n"),
            ],
        );
        let groups = of("4:cpu,memory:/a\n1:cpu:/b\n0::/\n", root);
        let memory = MACHINE.within(&groups);
        assert_eq!((memory.total, memory.free), (8_000, 3_000));
        assert_eq!(groups.killed(), Some(2));
    }

    #[test]
    fn each_kill_is_told_once_and_the_group_s_before_the_machine_s() {
        let kills = |group, machine| Kills {
            group: Some(group),
            machine: Some(machine),
        };
        let mut told = kills(1, 5);
        assert_eq!(told.tell(kills(1, 5)), Evidence::Nothing);
        assert_eq!(told.tell(kills(3, 7)), Evidence::Group);
        assert_eq!(told.tell(kills(3, 7)), Evidence::Group);
        assert_eq!(told.tell(kills(3, 7)), Evidence::Nothing);
        assert_eq!(told.tell(kills(3, 8)), Evidence::Machine);
        let mut none = Kills::default();
        assert_eq!(none.tell(kills(3, 8)), Evidence::Nothing);
    }

    #[test]
    fn this_machine_has_memory_and_this_process_holds_some() {
        let memory = Memory::here().unwrap();
        assert!(memory.free <= memory.total);
        assert!(held(std::process::id()).unwrap() > 1 << 20);
        assert_eq!(held(u32::MAX), None);
    }
}
