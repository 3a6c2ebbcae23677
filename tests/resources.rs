//! What jobs need of the machine, runs beside each other, and the message for a job that was killed.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use support::{Ended, Project, children};

/// How long anything here may take, on a machine that does much else.
const LONG: Duration = Duration::from_secs(120);

/// A run that goes on, and the lines that it has told.
struct Run {
    child: Child,
    lines: Receiver<String>,
    told: String,
}

impl Run {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let stderr = BufReader::new(child.stderr.take().expect("standard error"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            told: String::new(),
        }
    }

    /// Waits until the run tells this text.
    #[track_caller]
    fn until(&mut self, text: &str) {
        let deadline = Instant::now() + LONG;
        while !self.told.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.told += &format!("{line}\n"),
                Err(_) => panic!("`{text}` is not in:\n{}", self.told),
            }
        }
    }

    /// Waits for the child that runs a job, and returns it with its share of GPUs.
    #[track_caller]
    fn job(&self, kind: &str) -> (u32, String) {
        let deadline = Instant::now() + LONG;
        loop {
            for child in children(self.child.id()) {
                let folder = Path::new("/proc").join(child.to_string());
                let works = fs::read_to_string(folder.join("cmdline")).unwrap_or_default();
                let mut words = works.split('\0');
                let work = words
                    .find(|word| word.contains("/work/"))
                    .unwrap_or_default();
                let job = fs::read_to_string(Path::new(work).join("job.json")).unwrap_or_default();
                if job.contains(&format!("\"kind\": \"{kind}\"")) {
                    let environment = fs::read_to_string(folder.join("environ")).expect("read");
                    let mut variables = environment.split('\0');
                    let gpus =
                        variables.find_map(|text| text.strip_prefix("CUDA_VISIBLE_DEVICES="));
                    return (child, gpus.expect("the variable").to_owned());
                }
            }
            assert!(Instant::now() < deadline, "no job of kind {kind}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: &str) {
        kill(self.child.id(), signal);
    }

    /// Waits for the run's end, and returns what it told.
    #[track_caller]
    fn ends(mut self, code: i32) -> String {
        let status = self.child.wait().expect("ended");
        self.told.extend(self.lines.iter().map(|line| line + "\n"));
        assert_eq!(status.code(), Some(code), "{}", self.told);
        self.told
    }
}

fn kill(process: u32, signal: &str) {
    let status = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(status.expect("kill").success());
}

/// Trains for longer than any test, with these resources.
fn training(resources: &str) -> Project {
    let project = Project::training(1_000_000);
    project.edit(
        "checkpoint_every = 5",
        &format!("checkpoint_every = 500\nresources = {resources}"),
    );
    project
}

#[test]
fn two_runs_never_share_a_gpu_and_the_one_that_waits_says_for_whom() {
    let locks = tempfile::tempdir().expect("a folder");
    let run = |project: &Project| {
        let mut command = project.command(&["run"]);
        command
            .env("PIPE_GPUS", "2")
            .env("PIPE_GPU_LOCKS", locks.path().join("gpus"));
        Run::start(command)
    };
    let projects = [training("{ gpus = 1 }"), training("{ gpus = \"${n}\" }")];
    projects[1].edit("[stage.world]", "[vars]\nn = 2\n\n[stage.world]");
    let first = run(&projects[0]);
    let (child, gpus) = first.job("pretrain");
    assert_eq!(gpus, "0");
    // The child holds the lease as well, so that it lasts as long as the child.
    let open = fs::read_dir(format!("/proc/{child}/fd"))
        .expect("its files")
        .flatten();
    let lease = open
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|file| file.starts_with(locks.path()));
    assert!(lease, "the child does not hold the lease");

    let mut second = run(&projects[1]);
    second.until("pretrain waits for 2 GPUs, which others have: pid ");
    assert!(
        second
            .told
            .contains(&format!("pid {} of ", first.child.id())),
        "{}",
        second.told
    );
    first.signal("-KILL");
    let (_, gpus) = second.job("pretrain");
    assert_eq!(gpus, "0,1");
    second.signal("-INT");
    second.ends(11);
    drop(first.lines);
    // No lease is left behind.
    let third = run(&projects[0]);
    assert_eq!(third.job("pretrain").1, "0");
    third.signal("-TERM");
    third.ends(11);
}

#[test]
fn a_job_without_gpus_sees_none_and_an_outer_choice_holds() {
    let locks = tempfile::tempdir().expect("a folder");
    let run = |project: &Project, visible: &str| {
        let mut command = project.command(&["run"]);
        command
            .env("PIPE_GPUS", "4")
            .env("PIPE_GPU_LOCKS", locks.path())
            .env("CUDA_VISIBLE_DEVICES", visible);
        Run::start(command)
    };
    for (resources, visible, expected) in
        [("{ threads = 1 }", "1", ""), ("{ gpus = 1 }", "3,1", "3")]
    {
        let project = training(resources);
        let run = run(&project, visible);
        assert_eq!(run.job("pretrain").1, expected);
        run.signal("-INT");
        run.ends(11);
    }
}

#[test]
fn more_than_there_is_ends_with_2_and_what_to_change() {
    let project = training("{ gpus = 3 }");
    let ended = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.env("PIPE_GPUS", "2");
        Ended::from(command.output().expect("started"))
    };
    ended(&["run"])
        .code(2)
        .says("pretrain cannot run here: pipeline.toml:")
        .says("it declares 3 GPUs, and this run has 2 GPUs")
        .says("hint: lower `resources.gpus`");
    ended(&["run", "--gpus", "3"])
        .code(2)
        .says("--gpus 3: 2 GPUs seen here");
    ended(&["run", "--memory", "8"])
        .code(2)
        .says("`8` has no unit");
    project.edit("gpus = 3", "memory = \"900 TB\"");
    project
        .pipe(&["run", "--memory", "8 GB"])
        .code(2)
        .says("and this run has 8.00 GB of memory")
        .says("let the run have more with --memory");
    project.edit("900 TB", "900 T");
    project
        .pipe(&["run"])
        .code(2)
        .says("unknown unit `T`")
        .says("write a number and a unit");
}

#[test]
fn resources_are_no_part_of_a_key() {
    let project = Project::new();
    project.pipe(&["run", "all", "stage:corpus"]).code(0);
    project.edit(
        "use = \"corpus\"",
        "use = \"corpus\"\nresources = { threads = 1, memory = \"64 MB\" }",
    );
    project
        .pipe(&["run", "all", "stage:corpus", "--threads", "2"])
        .code(0)
        .says("cached (");
}

#[test]
fn a_job_that_is_killed_is_told_with_what_it_held() {
    let project = training("{ memory = \"1 GB\" }");
    let run = Run::start(project.command(&["run", "--memory", "2 GB"]));
    let (child, _) = run.job("pretrain");
    // The run has to have looked at the memory of its job.
    std::thread::sleep(Duration::from_millis(1500));
    kill(child, "-KILL");
    let told = run.ends(10);
    for text in [
        "killed by signal 9",
        "want of memory",
        ": it held ",
        ", its stage declares 1.00 GB, the run has 2.00 GB",
        "hint: make it need less (a smaller batch)",
        "log: ",
    ] {
        assert!(told.contains(text), "`{text}` is not in:\n{told}");
    }
}

#[test]
fn a_run_that_waits_for_another_says_whose_and_takes_over_when_it_dies() {
    let project = training("{ threads = 1 }");
    let first = Run::start(project.command(&["run"]));
    first.job("pretrain");
    let mut second = Run::start(project.command(&["run"]));
    second.until("another run works on it: pid ");
    let pid = format!("pid {} of ", first.child.id());
    assert!(second.told.contains(&pid), "{}", second.told);
    let status = project.pipe(&["status"]).code(0).stdout;
    assert!(status.contains(&format!("({pid}")), "{status}");
    let json = project.pipe(&["status", "--json"]).code(0).json();
    assert_eq!(json["jobs"][0]["holder"]["pid"], first.child.id());
    first.signal("-KILL");
    second.job("pretrain");
    second.signal("-INT");
    second.ends(11);
}

#[test]
fn a_run_under_nohup_outlives_the_terminal_and_one_without_stops_gently() {
    // Tests may run under nohup themselves. A signal that is handled here has its default in what is started, and an ignored one has not.
    let handled = std::sync::Arc::default();
    signal_hook::flag::register(signal_hook::consts::SIGHUP, handled).expect("registered");
    let project = training("{ threads = 1 }");
    let plain = Run::start(project.command(&["run"]));
    plain.job("pretrain");
    plain.signal("-HUP");
    plain.ends(11);
    let mut command = Command::new("sh");
    command
        .current_dir(project.path())
        .args(["-c", "trap '' HUP; exec \"$0\" run"])
        .arg(env!("CARGO_BIN_EXE_pipe"));
    let mut run = Run::start(command);
    let (child, _) = run.job("pretrain");
    run.signal("-HUP");
    kill(child, "-HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(run.child.try_wait().expect("waited"), None);
    run.signal("-TERM");
    run.until("stopping: running jobs save their checkpoints");
    run.ends(11);
}

#[test]
fn a_doctor_says_of_each_thing_whether_it_will_do() {
    let project = Project::new();
    let doctor = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.env("PIPE_GPUS", "2");
        Ended::from(command.output().expect("started"))
    };
    let text = doctor(&["doctor"]).code(0).stdout;
    assert!(text.contains("2 seen: 0, 1"), "{text}");
    project.pipe(&["run", "stage:world"]).code(0);
    let json = doctor(&["doctor", "--json"]).code(0).json();
    assert_eq!(json["gpus"][1]["name"], "1");
    let checks = json["checks"].as_array().expect("checks");
    let named = |name: &str| {
        let found = checks.iter().find(|check| check["name"] == name);
        found.unwrap_or_else(|| panic!("{name}"))
    };
    for name in ["memory", "open files", "file system", "disk"] {
        assert_ne!(named(name)["state"], "wrong", "{name}");
    }
    let tried = named("file system")["text"].as_str().expect("a text");
    assert!(tried.contains("locks hold"), "{tried}");
    // Data that is missing will stop a run.
    fs::create_dir_all(project.join("mine/glue_data")).expect("made");
    project.edit("source = \"@world\"", "source = \"mine\"");
    let wrong = project.pipe(&["doctor"]).code(2);
    assert!(
        wrong.stdout.contains("mine/glue_data: empty"),
        "{}",
        wrong.stdout
    );
}

#[test]
fn a_lock_is_seen_by_another_process() {
    let project = Project::new();
    project.write("file", "");
    let asked = || project.pipe(&["try-lock", "file"]).code(0).stdout;
    assert_eq!(asked(), "free\n");
    let held = fs::File::open(project.join("file")).expect("opened");
    held.lock().expect("locked");
    assert_eq!(asked(), "locked\n");
    // A word that vouches for locks must be one of those known.
    let mut command = project.command(&["run"]);
    command.env("PIPE_STORE_LOCKS", "yes");
    Ended::from(command.output().expect("started"))
        .code(2)
        .says("PIPE_STORE_LOCKS cannot be `yes`")
        .says("it is one-host, all-hosts or nothing");
}
