//! Looking at a run from outside, while it goes on and after it was stopped.

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use support::Project;

/// Asks until the answer fits.
fn until(project: &Project, arguments: &[&str], fits: impl Fn(&str) -> bool) -> String {
    let start = Instant::now();
    loop {
        let text = project.pipe(arguments).code(0).stdout;
        if fits(&text) {
            return text;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_run_is_seen_from_outside_and_stops_when_its_budget_is_used_up() {
    let project = Project::training(100_000);
    // A budget that is longer than any clock can tell is no bound, and no panic.
    project
        .pipe(&["run", "stage:world", "--budget", "4000000000000000h"])
        .code(0);
    assert_eq!(
        project.pipe(&["status"]).code(0).stdout,
        "no job runs, and none was left half done\n"
    );
    let run = project
        .command(&["run", "--budget", "20s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let status = until(&project, &["status"], |text| {
        text.contains("running  pretrain: ") && text.contains(" left (pid ")
    });
    assert!(status.contains("step "), "{status}");
    assert!(status.ends_with("1 job: 1 running\n"), "{status}");
    let json = project.pipe(&["status", "--json"]).code(0).json();
    assert_eq!(json["jobs"][0]["label"], "pretrain");
    assert_eq!(json["jobs"][0]["state"], "running");
    let show = project.pipe(&["show", "table:training"]).code(0).stdout;
    assert!(show.contains("running: "), "{show}");

    let ended = support::Ended::from(run.wait_with_output().expect("ended"));
    let ended = ended
        .code(11)
        .says("the budget is used up")
        .says("the same command goes on");
    assert!(ended.stdout.contains("out of budget"), "{}", ended.stdout);
    let status = project.pipe(&["status"]).code(0).stdout;
    assert!(status.contains("stopped  pretrain: "), "{status}");
    let show = project.pipe(&["show", "table:training"]).code(0).stdout;
    assert!(show.contains("stopped: "), "{show}");
    // The messages of the stopped job are still there.
    project.pipe(&["log", "stage:pretrain"]).code(0);
}

#[test]
fn a_graph_is_drawn_in_three_forms() {
    let project = Project::new();
    let dot = project.pipe(&["graph"]).code(0).stdout;
    assert!(dot.starts_with("digraph pipe {\n"), "{dot}");
    assert!(dot.contains("label=\"world\\n1 job, 0 cached\""), "{dot}");
    let mermaid = project
        .pipe(&["graph", "--format", "mermaid"])
        .code(0)
        .stdout;
    assert!(mermaid.starts_with("flowchart LR\n"), "{mermaid}");
    let svg = project
        .pipe(&["graph", "--format", "svg", "--jobs"])
        .code(0)
        .stdout;
    let json = project.pipe(&["graph", "--json"]).code(0).json();
    assert_eq!(json["nodes"][0]["name"], "world");
    assert!(
        svg.starts_with("<svg ") && svg.contains(">world</text>"),
        "{svg}"
    );
}

#[test]
fn a_cell_tells_where_its_numbers_come_from() {
    let project = Project::new();
    project.pipe(&["run"]).code(0);
    let cell = ["show", "table:baselines", "--cell", "majority,task=qnli"];
    let text = project.pipe(&cell).code(0).stdout;
    assert!(text.starts_with("baselines: majority, QNLI\n"), "{text}");
    for word in [
        "mean ",
        "artifact ",
        "again: pipe run 'stage:majority[task=qnli]' --profile plain\n",
        "resting on\n",
        "  world: artifact ",
    ] {
        assert!(text.contains(word), "{word}\n{text}");
    }
    let json = project
        .pipe(&[&cell[..], &["--json"]].concat())
        .code(0)
        .json();
    assert_eq!(json["cells"][0]["bindings"]["task"], "qnli");
    let label = json["cells"][0]["jobs"][0]["label"]
        .as_str()
        .expect("a text");
    // The command in the hint is right: it finds that very result.
    project
        .pipe(&["run", &format!("stage:{label}")])
        .code(0)
        .says("cached (");
    project
        .pipe(&["show", "--cell", "task=qnly"])
        .code(2)
        .says("no cell fits `task=qnly`")
        .says("task=qnli");
}

#[test]
fn a_plan_has_a_price_once_something_like_it_has_run() {
    let project = Project::new();
    let plan = project.pipe(&["plan"]).code(0).stdout;
    assert!(!plan.contains("of memory for one job at most"), "{plan}");
    project.pipe(&["run"]).code(0);
    let plan = project
        .pipe(&["plan", "stage:majority[world_seed=1]"])
        .code(0)
        .stdout;
    assert!(plan.contains("of memory for one job at most\n"), "{plan}");
    let json = project
        .pipe(&["plan", "--set", "world_seed=1", "--json"])
        .code(0)
        .json();
    assert!(json["price"]["core_seconds"].as_f64().expect("a time") > 0.0);
    assert_eq!(json["price"]["unknown"], 0);
}
