//! Profile and settings need not be given again and again: an environment variable, and hints that name them.

mod support;

use support::Project;

const PROFILES: &str = "
[profile.other]
extends = \"plain\"

[profile.other.vars]
world_seed = 5
";

fn project() -> Project {
    let project = Project::new();
    project.edit("default = true\n", &format!("default = true\n{PROFILES}"));
    project
}

#[test]
fn the_profile_may_come_from_the_environment() {
    let project = project();
    let profile = |name: &str, arguments: &[&str]| {
        let mut command = project.command(&[&["plan", "--json"], arguments].concat());
        let output = command.env("PIPE_PROFILE", name).output().expect("started");
        support::Ended::from(output)
    };
    assert_eq!(profile("other", &[]).code(0).json()["profile"], "other");
    let said = profile("other", &["--profile", "plain"]).code(0).json();
    assert_eq!(said["profile"], "plain");
    // The message names the variable of the environment.
    profile("othr", &[])
        .code(2)
        .says("[environment:1:14]")
        .says("PIPE_PROFILE=othr")
        .says("did you mean `other`?");
    profile("other", &["--profile", "othr"])
        .code(2)
        .says("[command line:1:11]");
}

#[test]
fn an_empty_variable_of_the_environment_is_none_and_a_wrong_one_is_refused() {
    let project = project();
    let with = |name: &str, value: &str, arguments: &[&str]| {
        let mut command = project.command(arguments);
        let output = command.env(name, value).output().expect("started");
        support::Ended::from(output)
    };
    for name in [
        "PIPE_PROFILE",
        "PIPE_STORE",
        "PIPE_STORE_LOCKS",
        "PIPE_GPUS",
        "PIPE_GPU_LOCKS",
        "PIPE_INSIDE",
    ] {
        let ended = with(name, "", &["run", "stage:world", "--json"]).code(0);
        assert_eq!(ended.json()["profile"], "plain", "{name}");
    }
    assert!(project.join(".pipe").is_dir());
    for command in ["plan", "run", "doctor", "list", "log"] {
        with("PIPE_STORE_LOCKS", "foo", &[command])
            .code(2)
            .says("error: PIPE_STORE_LOCKS cannot be `foo`\n")
            .says("hint: it is one-host, all-hosts or nothing\n");
    }
    with("PIPE_GPUS", "four", &["run"])
        .code(2)
        .says("PIPE_GPUS cannot be `four`");
    with("PIPE_STORE", "elsewhere", &["run", "stage:world"]).code(0);
    assert!(project.join("elsewhere").is_dir());
    with(
        "PIPE_STORE",
        "elsewhere",
        &["run", "stage:world", "--store", "third"],
    )
    .code(0);
    assert!(project.join("third").is_dir());
}

#[test]
fn a_look_that_finds_little_names_the_options_under_which_results_are() {
    let project = project();
    // Before anything has run there is no other profile to name.
    assert_eq!(project.pipe(&["plan"]).code(0).stderr, "");
    let given = [
        "--profile",
        "other",
        "--set",
        "world_seed=7",
        "--set",
        "source=@world",
    ];
    project
        .pipe(&[&["run", "all", "stage:tokens"], &given[..]].concat())
        .code(0);
    let hint = "hint: little of this is known under profile plain; the last run that made it was given \
                --profile other --set source=@world --set world_seed=7\n";
    for look in [
        &["plan"][..],
        &["show", "table:baselines"],
        &["why", "stage:tokens"],
        &["log", "stage:tokens"],
        &["graph"],
    ] {
        let told = project.pipe(look).code(0).stderr;
        assert!(told.contains(hint), "{look:?}: {told}");
        let quiet = project.pipe(&[look, &["-q"]].concat()).code(0).stderr;
        assert!(!quiet.contains("hint:"), "{look:?}: {quiet}");
    }
    // Where the results are known, or none were made under other options, there is no hint.
    let told = project
        .pipe(&[&["plan"], &given[..]].concat())
        .code(0)
        .stderr;
    assert_eq!(told, "");
    let told = project
        .pipe(&["plan", "stage:bag-of-words[task=rte]"])
        .code(0)
        .stderr;
    assert_eq!(told, "");
    project.pipe(&["run"]).code(0);
    assert_eq!(project.pipe(&["plan"]).code(0).stderr, "");
}

#[test]
fn commands_in_hints_have_the_options_in_force() {
    let project = project();
    let given = [
        "--profile",
        "other",
        "--set",
        "world_seed=7",
        "--store",
        "my store",
    ];
    project
        .pipe(&[&["pin", "stage:tokens[length=16]"], &given[..]].concat())
        .code(2)
        .says(
            "hint: make them first: pipe run 'stage:tokens[length=16]' --profile other \
             --set world_seed=7 --store 'my store'\n",
        );
    // The label holds the variables that are set already.
    let given = ["--set", "world_seed=7", "--store", "my store"];
    project.pipe(&[&["run"], &given[..]].concat()).code(0);
    let cell = [&["show", "--cell", "majority,task=qnli"], &given[..]].concat();
    let shown = project.pipe(&cell).code(0).stdout;
    let again = "again: pipe run 'stage:majority[world_seed=7,task=qnli]' --profile plain --store 'my store'\n";
    assert!(shown.contains(again), "{shown}");
}
