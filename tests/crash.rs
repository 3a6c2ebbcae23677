//! `kill -9` at random moments: the same command again must go on, refuse nothing, and end with the same bytes.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{EVERYTHING, Project, children};

/// Which processes are killed.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// The coordinator alone: the kernel tells its children.
    Coordinator,
    /// One child, as the system kills it for want of memory.
    Child,
    /// The coordinator, and then its children as fast as they can be found: nearly a power cut.
    All,
}

/// How many kills of each sort; `PIPE_TEST_KILLS` asks for more.
const KILLS: usize = 10;

#[test]
fn a_killed_coordinator_costs_nothing_but_time() {
    kill_and_go_on(Victim::Coordinator);
}

#[test]
fn a_killed_child_costs_nothing_but_time() {
    kill_and_go_on(Victim::Child);
}

#[test]
fn everything_killed_at_once_costs_nothing_but_time() {
    kill_and_go_on(Victim::All);
}

/// Runs with kills until `KILLS` have hit, in new stores as old ones get done, and compares each with an unkilled run.
fn kill_and_go_on(victim: Victim) {
    let reference = Project::new();
    let start = Instant::now();
    reference.pipe(&EVERYTHING).code(0);
    let whole = start.elapsed();
    let expected = reference.digests();

    let kills = std::env::var("PIPE_TEST_KILLS")
        .ok()
        .and_then(|text| text.parse().ok());
    let kills = kills.unwrap_or(KILLS);
    // Moments spread over the run by the golden ratio: any number of them covers it evenly, and a failure repeats.
    let mut moment = 0.37_f64;
    let mut hits = 0;
    while hits < kills {
        let project = Project::new();
        loop {
            moment = (moment + 0.618_033_988_749_895).fract();
            let mut child = start_run(&project);
            std::thread::sleep(whole.mul_f64(moment * 0.6));
            hits += usize::from(strike(victim, &mut child));
            let status = child.wait().expect("ended");
            if status.success() {
                break;
            }
            if let Victim::Child = victim {
                assert_eq!(status.code(), Some(10), "a killed child is a failed job");
            }
            nobody_is_left(&project);
            if hits >= kills {
                break;
            }
        }
        project.pipe(&EVERYTHING).code(0);
        assert_eq!(project.digests(), expected, "{victim:?} after {hits} kills");
        whole_objects(&project);
    }
}

fn start_run(project: &Project) -> Child {
    project
        .command(&[&EVERYTHING[..], &["--quiet"]].concat())
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started")
}

/// Kills the victim; returns whether there was a process to kill.
fn strike(victim: Victim, coordinator: &mut Child) -> bool {
    let children = loop {
        if coordinator.try_wait().expect("waited").is_some() {
            return false;
        }
        let children = children(coordinator.id());
        // Between two jobs there is no child for a moment.
        if !children.is_empty() || !matches!(victim, Victim::Child) {
            break children;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let kill = |process: u32| {
        let status = Command::new("kill")
            .args(["-9", &process.to_string()])
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    match victim {
        Victim::Coordinator => kill(coordinator.id()),
        Victim::Child => children.first().is_some_and(|child| kill(*child)),
        Victim::All => {
            let hit = kill(coordinator.id());
            for child in children {
                kill(child);
            }
            hit
        }
    }
}

/// Waits until no process works in the project's store: orphans must die with their coordinator.
fn nobody_is_left(project: &Project) {
    let store = project.join(".pipe").canonicalize().unwrap_or_default();
    let store = store.to_string_lossy().into_owned();
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        let left = lines
            .filter(|line| String::from_utf8_lossy(line).contains(&store))
            .count();
        if left == 0 || store.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{left} processes outlive their coordinator"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Checks that every object is what its name says, and that nothing was set aside as damaged.
fn whole_objects(project: &Project) {
    for object in project.files(".pipe/objects") {
        let content = fs::read(&object).expect("read");
        let name = object
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert_eq!(
            blake3::hash(&content).to_hex().as_str(),
            name,
            "{}",
            object.display()
        );
    }
}

#[test]
fn killed_inside_training_it_resumes_and_ends_with_the_same_weights() {
    let reference = Project::training(60);
    reference.pipe(&EVERYTHING).code(0);
    let expected: BTreeMap<_, _> = reference.digests();
    let project = Project::training(60);
    project.pipe(&["run", "stage:tokens"]).code(0);
    let mut resumed = 0;
    let mut last = 0;
    for _ in 0..30 {
        let mut child = start_run(&project);
        // The test waits for a checkpoint that is later than the last one.
        let saved = loop {
            if child.try_wait().expect("waited").is_some() {
                break None;
            }
            match newest_checkpoint(&project) {
                Some(done) if done > last => break Some(done),
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let Some(done) = saved else { break };
        last = done;
        strike([Victim::All, Victim::Coordinator][resumed % 2], &mut child);
        child.wait().expect("ended");
        nobody_is_left(&project);
        resumed += 1;
        if resumed == 4 {
            break;
        }
    }
    assert!(resumed >= 2, "it was killed {resumed} times only");
    let ended = project.pipe(&EVERYTHING).code(0);
    assert!(
        ended.stderr.contains("resumed pretrain"),
        "{}",
        ended.stderr
    );
    assert_eq!(project.digests(), expected);
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_word() {
    let reference = Project::training(60);
    reference.pipe(&EVERYTHING).code(0);
    let project = Project::training(60);
    project.pipe(&["run", "stage:tokens"]).code(0);
    let mut child = start_run(&project);
    // The test waits until a job has two checkpoints, so that there is one to fall back to.
    while newest_of_several(&project).is_none() {
        let ended = child.try_wait().expect("waited");
        assert!(ended.is_none(), "it was over before two were seen");
        std::thread::sleep(Duration::from_millis(2));
    }
    strike(Victim::All, &mut child);
    child.wait().expect("ended");
    nobody_is_left(&project);
    let newest = newest_of_several(&project).expect("two checkpoints");
    let weights = newest.join("weights.safetensors");
    let mut bytes = fs::read(&weights).expect("weights");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&weights, bytes).expect("damage");
    let ended = project.pipe(&EVERYTHING).code(0);
    assert!(
        ended.stderr.contains("damaged pretrain: its checkpoint")
            && ended.stderr.contains("resumed pretrain"),
        "{}",
        ended.stderr
    );
    assert_eq!(project.digests(), reference.digests());
}

/// Returns the newest checkpoint of a job that has at least two.
fn newest_of_several(project: &Project) -> Option<PathBuf> {
    let jobs = fs::read_dir(project.join(".pipe/work")).ok()?.flatten();
    jobs.into_iter().find_map(|job| {
        let folder = fs::read_dir(job.path().join("checkpoints")).ok()?;
        let saved = folder.flatten().map(|entry| entry.path());
        let is_saved = |path: &PathBuf| path.to_string_lossy().contains("/after-");
        let mut saved: Vec<PathBuf> = saved.filter(is_saved).collect();
        saved.sort();
        (saved.len() >= 2).then(|| saved.pop()).flatten()
    })
}

/// Returns after how many steps the newest checkpoint was saved.
fn newest_checkpoint(project: &Project) -> Option<u64> {
    let jobs = fs::read_dir(project.join(".pipe/work")).ok()?.flatten();
    let checkpoints = jobs.filter_map(|job| fs::read_dir(job.path().join("checkpoints")).ok());
    checkpoints
        .flat_map(|folder| folder.flatten())
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_prefix("after-")?
                .parse()
                .ok()
        })
        .max()
}
