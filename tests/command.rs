//! A program of the user's as a stage, from outside.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use support::Project;

/// How long anything here may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// Joins two files.
const JOIN: &str = r#"
[vars]
word = "one"

[stage.first]
use = "command"
argv = ["sh", "{script}", "{output}/text", "${word}"]
inputs = { script = "write.sh" }
outputs = ["text"]

[stage.second]
use = "command"
shell = "cat {first}/text {file} > {output}/both; echo {threads} > {scratch}/n; echo x > {output}/stray"
inputs = { first = "@first", file = "a file.txt" }
outputs = ["both"]
"#;

fn join() -> Project {
    let project = Project::with(JOIN);
    project.write("write.sh", "echo \"word: $2\" > \"$1\"\n");
    project.write("a file.txt", "file\n");
    project
}

/// A project with a stage `it`, and files for it to read.
fn one(declaration: &str) -> Project {
    Project::with(&format!("[stage.it]\nuse = \"command\"\n{declaration}"))
}

/// Runs a stage and returns the folder with what it has made.
fn made(project: &Project, target: &str) -> PathBuf {
    let told = project.pipe(&["run", target]).code(0).stdout;
    let (folder, _) = told.split_once("  ").expect("a folder and a label");
    folder.into()
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(Duration::from_millis(10));
    }
}

/// Returns the text of a file once it has a whole line.
fn line_of(path: &Path) -> String {
    let text = || fs::read_to_string(path).unwrap_or_default();
    until(&path.display().to_string(), || text().ends_with('\n'));
    text().trim().to_owned()
}

fn lives(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // A zombie waits only to be counted.
    !stat.is_empty() && !stat.contains(") Z ")
}

fn kill(signal: &str, process: &str) {
    let status = Command::new("kill").args([signal, process]).status();
    assert!(status.expect("kill").success());
}

fn start(project: &Project, arguments: &[&str]) -> Child {
    project
        .command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started")
}

#[test]
fn programs_make_artifacts_that_are_kept_by_content() {
    let project = join();
    let folder = made(&project, "stage:second");
    let files: Vec<_> = fs::read_dir(&folder).expect("a folder").collect();
    assert_eq!(files.len(), 1, "only what `outputs` names");
    let both = fs::read_to_string(folder.join("both")).expect("a file");
    assert_eq!(both, "word: one\nfile\n");
    project
        .pipe(&["run", "stage:second", "--threads", "1"])
        .code(0)
        .says("all 2 jobs cached");
    // A variable reaches the program's argument.
    let other = made(&project, "stage:second[word=0.50]");
    let both = fs::read_to_string(other.join("both")).expect("a file");
    assert_eq!(both, "word: 0.5\nfile\n");
}

#[test]
fn an_edited_script_runs_again_and_the_same_bytes_stop_there() {
    let project = join();
    project.pipe(&["run", "stage:second"]).code(0);
    project.write("write.sh", "# a comment\necho \"word: $2\" > \"$1\"\n");
    let why = project.pipe(&["why", "stage:first"]).code(0).stdout;
    assert!(why.contains("input script"), "{why}");
    project
        .pipe(&["run", "stage:second"])
        .code(0)
        .says("1 cached, 1 run");
    project.edit("outputs = [\"text\"]", "outputs = [\"text\"]\nversion = 2");
    project
        .pipe(&["run", "stage:second"])
        .code(0)
        .says("1 cached, 1 run");
    project.write("a file.txt", "another\n");
    project
        .pipe(&["run", "stage:second"])
        .code(0)
        .says("1 cached, 1 run");
}

#[test]
fn a_program_that_fails_is_quoted() {
    let project = one("shell = \"echo beginning; echo no data >&2; exit 3\"\n");
    let ended = project.pipe(&["run", "stage:it"]).code(10);
    let ended = ended.says("it: `sh` ended with code 3, and last said: beginning | no data");
    ended.says("hint: mend what its log tells");
    let log = project.pipe(&["log", "stage:it"]).code(0).stdout;
    assert!(log.contains("beginning\nno data\n"), "{log}");
    // A command in the middle that fails ends the stage, and so does a variable that nobody has set.
    project.edit("exit 3", "false; true");
    project.pipe(&["run", "stage:it"]).code(10);
    project.edit("false; true", "echo $nobody; true");
    project.pipe(&["run", "stage:it"]).code(10).says("nobody");
}

#[test]
fn a_program_that_is_killed_or_cannot_start_is_told() {
    let project = one("argv = [\"sh\", \"-c\", \"kill -9 $$\"]\n");
    project
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("it: `sh` was killed (signal 9): by hand, or by the system for want of memory");
    let project = one("argv = [\"{tool}\"]\ninputs = { tool = \"tool\" }\n");
    project.write("tool", "#!/bin/sh\n");
    project
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("Permission denied");
    let project = one("argv = [\"sh\", \"train.sh\"]\n");
    project.write("train.sh", "true\n");
    project
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("if `train.sh` is a file of yours, declare it as an input");
}

#[test]
fn what_was_not_made_is_told() {
    let project = one("shell = \"echo > {output}/modle\"\noutputs = [\"model\"]\n");
    project
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("not written `model`, which `outputs` names")
        .says("hint: it has written modle");
    let project = one("argv = [\"true\"]\n");
    project
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("ended well but written no file");
    let project = one("shell = \"echo {{}} > {output}/config.json\"\nmakes = \"encoder\"\n");
    project
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("no artifact of type encoder: `model.safetensors` is missing");
    // The failure is not kept as a result: once the command is mended, the job runs.
    let project = one("shell = \"echo > {output}/modle\"\noutputs = [\"model\"]\n");
    project.pipe(&["run", "stage:it"]).code(10);
    project.edit("modle", "model");
    project.pipe(&["run", "stage:it"]).code(0);
}

#[test]
fn scores_fill_a_cell_and_others_are_refused() {
    let table = "[table.t]\ncell = \"@it\"\nrows = [{ label = \"row\" }]\ncolumns = [{ label = \"column\" }]\n";
    let scores = |json: &str| {
        let project = one(&format!(
            "shell = 'cp {{scores}} {{output}}/scores.json'\ninputs = {{ scores = \"s.json\" }}\nmakes = \"scores\"\n{table}"
        ));
        project.write("s.json", json);
        project
    };
    let project = scores("{\"accuracy\": 91.25, \"f1\": 2, \"main\": \"accuracy\"}");
    let told = project.pipe(&["run", "table:t"]).code(0).stdout;
    assert!(told.contains("91.2"), "{told}");
    scores("{\"accuracy\": NaN}")
        .pipe(&["run", "table:t"])
        .code(10)
        .says("scores.json: it is not JSON, which has no NaN");
    scores("{\"a\": 1, \"b\": 2}")
        .pipe(&["run", "table:t"])
        .code(10)
        .says("it holds 2 scores and does not say which is the main one");
    let project = scores("{}");
    project.edit("scores.json'", "other.json'");
    project
        .pipe(&["run", "table:t"])
        .code(10)
        .says("not written `scores.json`");
    // A folder has no scores to fill a cell with.
    project.edit("makes = \"scores\"", "");
    project
        .pipe(&["plan", "table:t"])
        .code(2)
        .says("`@it` has no scores: it makes folder");
}

#[test]
fn mistakes_are_told_with_their_places_before_anything_runs() {
    let project = Project::with(
        r#"
[vars]
kind = "folder"

[stage.a]
use = "command"
argv = ["sh", "{scrpt}", "--out={output}", "}"]
inputs = { script = "@d/text", data = "@nobody" }
outputs = ["../up"]
env = { PIPE_OUTPUT = "x" }

[stage.b]
use = "command"
shell = "cat {a} > {output}/text"
inputs = { a = "@c" }

[stage.c]
use = "command"
argv = ["cp", "{b}", "{output}"]
inputs = { b = "@b" }

[stage.d]
use = "command"
argv = ["true"]
makes = "${kind}"

[stage.e]
use = "command"
argv = "true"
inputs = "@d"
makes = "score"

[stage.f]
use = "command"
argv = ["true", []]
inputs = { "no name" = "@d", list = ["@d"] }
env = { A = ["x"] }

[stage.scores]
use = "command"
argv = ["true"]
makes = "scores"

[stage.corpus]
use = "corpus"
source = "@scores"
"#,
    );
    let told = project.pipe(&["plan"]).code(2).stderr;
    assert_snapshot!(told, @r#"
     × unknown place `{scrpt}`
      ╭─[pipeline.toml:7:15]
    7 │ argv = ["sh", "{scrpt}", "--out={output}", "}"]
      ·               ────┬────
      ·                   ╰── `argv.1` of stage `a`
      ╰────
     help: did you mean {script}?

     × `}` closes nothing
      ╭─[pipeline.toml:7:44]
    7 │ argv = ["sh", "{scrpt}", "--out={output}", "}"]
      ·                                            ─┬─
      ·                                             ╰── `argv.3` of stage `a`
      ╰────
     help: write {{ and }} for plain braces

     × unknown stage `nobody`
      ╭─[pipeline.toml:8:39]
    8 │ inputs = { script = "@d/text", data = "@nobody" }
      ·                                       ────┬────
      ·                                           ╰── `inputs.data` of stage `a`
      ╰────
     help: known stages: a, b, c, corpus, d, e, f, scores

     × `../up` names no file inside of {output}
      ╭─[pipeline.toml:9:12]
    9 │ outputs = ["../up"]
      ·            ───┬───
      ·               ╰── `outputs.0` of stage `a`
      ╰────
     help: name it from there, without `.` and `..`: "model.bin", "folder/part"

     × `PIPE_OUTPUT` is the runner's to set
       ╭─[pipeline.toml:10:9]
    10 │ env = { PIPE_OUTPUT = "x" }
       ·         ───────────
       ╰────
     help: the program finds there PIPE_OUTPUT, PIPE_CHECKPOINTS, PIPE_PROGRESS_FD, PIPE_INSIDE

     × stages need each other in a cycle: b → c → b
       ╭─[pipeline.toml:12:8]
    12 │ [stage.b]
       ·        ┬
       ·        ╰── needs `c`
       ╰────
       ╭─[pipeline.toml:17:8]
    17 │ [stage.c]
       ·        ┬
       ·        ╰── needs `b`
       ╰────
     help: an arrow leads from a stage to one that it needs: cut one of them

     × `makes` cannot be left to a variable
       ╭─[pipeline.toml:25:9]
    25 │ makes = "${kind}"
       ·         ─────────
       ╰────
     help: write the word itself

     × expected a list of texts: ["…", …], found "true"
       ╭─[pipeline.toml:29:8]
    29 │ argv = "true"
       ·        ───┬──
       ·           ╰── `argv` of stage `e`
       ╰────

     × expected a table of artifacts and files: { name = "@stage", … }, or paths, found "@d"
       ╭─[pipeline.toml:30:10]
    30 │ inputs = "@d"
       ·          ──┬─
       ·            ╰── `inputs` of stage `e`
       ╰────

     × expected one of folder, scores, encoder, tokenizer, corpus, ngrams, tokens, benchmark,
     │ embeddings, found "score"
       ╭─[pipeline.toml:31:9]
    31 │ makes = "score"
       ·         ───┬───
       ·            ╰── `makes` of stage `e`
       ╰────

     × expected a text, found a list
       ╭─[pipeline.toml:35:17]
    35 │ argv = ["true", []]
       ·                 ─┬
       ·                  ╰── `argv.1` of stage `f`
       ╰────

     × `no name` cannot name an input
       ╭─[pipeline.toml:36:12]
    36 │ inputs = { "no name" = "@d", list = ["@d"] }
       ·            ─────────
       ╰────
     help: a name is made of letters, digits, `-` and `_`

     × expected an input, found a list
       ╭─[pipeline.toml:36:37]
    36 │ inputs = { "no name" = "@d", list = ["@d"] }
       ·                                     ───┬──
       ·                                        ╰── `inputs.list` of stage `f`
       ╰────
     help: it takes any artifact: "@stage" or a path

     × expected a text, found a list
       ╭─[pipeline.toml:37:13]
    37 │ env = { A = ["x"] }
       ·             ──┬──
       ·               ╰── `env.A` of stage `f`
       ╰────

     × `source` of stage `corpus` takes a folder, but `@scores` makes scores
       ╭─[pipeline.toml:46:10]
    46 │ source = "@scores"
       ·          ─────────
       ╰────
     help: stages that make a folder: @a, @b, @c, @d, @e, @f
    "#);
}

#[test]
fn a_program_that_is_not_there_is_told_before_anything_runs() {
    let project = join();
    project.edit(
        "argv = [\"sh\", \"{script}\"",
        "argv = [\"no-such-program\", \"{script}\"",
    );
    project.pipe(&["plan", "stage:second"]).code(0);
    let told = project.pipe(&["run", "stage:second"]).code(2).stderr;
    assert_snapshot!(told, @r#"
     × no program `no-such-program` on PATH
      ╭─[pipeline.toml:7:9]
    7 │ argv = ["no-such-program", "{script}", "{output}/text", "${word}"]
      ·         ────────┬────────
      ·                 ╰── `first` needs it
      ╰────
     help: install it, or put its folder on PATH; if it is a file of yours, declare it as an input
    "#);
    // A job whose result is known needs no program.
    let folder = tempfile::tempdir().expect("a folder");
    let tool = folder.path().join("no-such-program");
    fs::copy("/bin/sh", &tool).expect("copied");
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").expect("PATH")
    );
    let status = project
        .command(&["run", "stage:second"])
        .env("PATH", path)
        .status();
    assert!(status.expect("started").success());
    project
        .pipe(&["run", "stage:second"])
        .code(0)
        .says("all 2 jobs cached");
}

#[test]
fn the_environment_is_what_is_declared() {
    let project = one(
        "shell = \"env | sed 's/=.*//' | sort > {output}/names; echo \\\"$A $B\\\" > {output}/values; pwd > {output}/pwd\"\n\
         env = { A = \"{threads}\" }\npass_env = [\"B\"]\n",
    );
    let output = project
        .command(&["run", "stage:it", "--threads", "1"])
        .envs([("B", "b"), ("C", "c")])
        .env_remove("CUDA_VISIBLE_DEVICES")
        .output()
        .expect("started");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    let folder = PathBuf::from(told.split_once("  ").expect("a folder").0);
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a file");
    let names = read("names");
    // The shell sets these variables itself.
    let names = names
        .split_whitespace()
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(
        names.collect::<Vec<_>>().join(" "),
        "A B CUDA_VISIBLE_DEVICES HOME LANG OMP_NUM_THREADS PATH PIPE_CHECKPOINTS PIPE_INSIDE PIPE_OUTPUT PIPE_PROGRESS_FD PYTHONDONTWRITEBYTECODE \
         PYTHONHASHSEED RAYON_NUM_THREADS TMPDIR"
    );
    assert_eq!(read("values"), "1 b\n");
    assert!(read("pwd").trim().ends_with("/scratch"));
    // Neither the value of a variable that is passed through nor the number of threads is keyed.
    let status = project
        .command(&["run", "stage:it"])
        .env("B", "other")
        .output();
    let told = String::from_utf8(status.expect("started").stderr).expect("UTF-8");
    assert!(told.contains("the job is cached"), "{told}");
}

#[test]
fn a_program_gets_large_pages_as_if_it_were_started_by_hand() {
    let project = one("shell = \"grep THP_enabled /proc/self/status > {output}/thp\"\n");
    let status = fs::read_to_string("/proc/self/status").expect("read");
    let mine = status.lines().find(|line| line.starts_with("THP_enabled"));
    // Kernels before Linux 5.0 do not tell this.
    let Some(mine) = mine else { return };
    let folder = made(&project, "stage:it");
    let its = fs::read_to_string(folder.join("thp")).expect("a file");
    assert_eq!(its.trim(), mine);
}

#[test]
fn progress_is_followed_and_what_is_none_is_passed_over() {
    let project = one("shell = '''\n\
         echo '{{\"done\": 3, \"total\": 4, \"unit\": \"row\", \"note\": \"loss 2.3\"}}' >&$PIPE_PROGRESS_FD\n\
         echo 'nonsense' >&$PIPE_PROGRESS_FD\n\
         exit 1'''\n");
    project.pipe(&["run", "stage:it"]).code(10);
    let events = project.files(".pipe/work");
    let events = events
        .iter()
        .find(|path| path.ends_with("events.jsonl"))
        .expect("events");
    let events = fs::read_to_string(events).expect("text");
    assert_snapshot!(events.trim(), @r#"{"event":"progress","done":3,"total":4,"unit":"row","note":"loss 2.3"}"#);
    let log = project.pipe(&["log", "stage:it"]).code(0).stdout;
    assert!(
        log.contains("a line of progress is not understood"),
        "{log}"
    );
}

#[test]
fn an_input_that_a_program_writes_to_is_told() {
    let project = one(
        "shell = \"chmod u+w {data}; echo more >> {data}; echo > {output}/a\"\ninputs = { data = \"data.txt\" }\n",
    );
    project.write("data.txt", "data\n");
    project
        .pipe(&["run", "stage:it"])
        .code(10)
        .says("the program has changed its input `data`: data.txt");
}

/// A program with a child, both of which would run for minutes.
fn long() -> Project {
    let project = one(
        "argv = [\"sh\", \"{script}\", \"{place}\"]\ninputs = { script = \"long.sh\", place = \"place\" }\n",
    );
    // The program writes its process numbers to a folder where the test looks for them, and which is no input.
    project.write(
        "long.sh",
        "sleep 300 &\necho $! > \"$1.child\"\necho $PPID > \"$1.stage\"\necho $$ > \"$1.program\"\nwait\n",
    );
    project.write("place/file", "");
    project
}

fn both_run(project: &Project) -> [String; 2] {
    let both = ["place.child", "place.program"].map(|name| line_of(&project.join(name)));
    assert!(both.iter().all(|process| lives(process)));
    both
}

fn both_end(both: &[String]) {
    until("the program and its child end", || {
        !both.iter().any(|process| lives(process))
    });
}

#[test]
fn nothing_of_a_program_outlives_a_killed_coordinator() {
    let project = long();
    let mut run = start(&project, &["run", "stage:it"]);
    let both = both_run(&project);
    run.kill().expect("killed");
    run.wait().expect("ended");
    both_end(&both);
    // The folder's lock is free again: another run gets it, and does the job.
    project.write("long.sh", "echo > $PIPE_OUTPUT/done\n");
    project.pipe(&["run", "stage:it"]).code(0);
}

#[test]
fn nothing_of_a_program_outlives_a_killed_stage() {
    let project = long();
    let mut run = start(&project, &["run", "stage:it"]);
    let both = both_run(&project);
    kill("-9", &line_of(&project.join("place.stage")));
    assert_eq!(run.wait().expect("ended").code(), Some(10));
    both_end(&both);
}

#[test]
fn nothing_of_a_program_outlives_coordinator_and_stage_killed_at_once() {
    let project = long();
    let mut run = start(&project, &["run", "stage:it"]);
    let both = both_run(&project);
    let stage = line_of(&project.join("place.stage"));
    // A warden is posted only where a program lasts.
    until("there is a warden", || {
        let children = format!("/proc/{stage}/task/{stage}/children");
        fs::read_to_string(children).is_ok_and(|list| list.split_whitespace().count() == 2)
    });
    // A stage that is halted cannot do what it does when its coordinator dies.
    kill("-STOP", &stage);
    run.kill().expect("killed");
    kill("-9", &stage);
    run.wait().expect("ended");
    both_end(&both);
}

#[test]
fn what_escapes_its_group_keeps_the_lock() {
    let setsid = Command::new("setsid").arg("true").status();
    if !setsid.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no setsid");
        return;
    }
    let project = long();
    let script = fs::read_to_string(project.join("long.sh")).expect("a script");
    project.write("long.sh", &script.replace("sleep 300", "setsid sleep 300"));
    let mut run = start(&project, &["run", "stage:it"]);
    let [child, program] = both_run(&project);
    until("it is in a session of its own", || {
        fs::read_to_string(format!("/proc/{child}/cmdline"))
            .is_ok_and(|line| line.starts_with("sleep"))
    });
    run.kill().expect("killed");
    run.wait().expect("ended");
    until("the program ends", || !lives(&program));
    assert!(lives(&child));
    let running = || project.pipe(&["status"]).code(0).stdout.contains("running");
    assert!(running(), "no second attempt may begin");
    kill("-9", &child);
    until("the lock is free", || !running());
}

#[test]
fn what_a_program_leaves_running_ends_with_it() {
    let project = one("shell = \"sleep 300 & echo $! > {output}/child\"\n");
    let folder = made(&project, "stage:it");
    let child = line_of(&folder.join("child"));
    until("the child ends", || !lives(&child));
}

#[test]
fn a_stopped_program_goes_on_from_its_checkpoints() {
    let project = one(
        "argv = [\"sh\", \"{script}\", \"{checkpoints}\", \"{output}\", \"{place}\"]\n\
         inputs = { script = \"count.sh\", place = \"place\" }\n",
    );
    project.write("place/file", "");
    project.write(
        "count.sh",
        r#"count=$(cat "$1/count" 2>/dev/null || echo 0)
echo "began at $count" >> "$3.log"
echo "{\"resumed\": $count}" >&$PIPE_PROGRESS_FD
stop=
trap 'stop=1' TERM
while [ "$count" -lt 20 ]; do
    if [ -n "$stop" ]; then echo stopped >> "$3.log"; exit 0; fi
    count=$((count + 1))
    echo "$count" > "$1/part" && mv "$1/part" "$1/count"
    if [ ! -e "$3.go" ] && [ "$count" -eq 7 ]; then
        echo "$count" > "$3.at"
        while [ -z "$stop" ]; do sleep 0.05; done
    fi
done
echo "$count" > "$2/count"
"#,
    );
    let mut run = start(&project, &["run", "stage:it"]);
    assert_eq!(line_of(&project.join("place.at")), "7");
    kill("-TERM", &run.id().to_string());
    assert_eq!(run.wait().expect("ended").code(), Some(11), "interrupted");
    project.write("place.go", "");
    let folder = made(&project, "stage:it");
    assert_eq!(line_of(&folder.join("count")), "20");
    let log = fs::read_to_string(project.join("place.log")).expect("a log");
    assert_eq!(log, "began at 0\nstopped\nbegan at 7\n");
}

#[test]
fn the_example_in_python_trains_and_scores() {
    let works = Command::new("python3").arg("--version").output();
    if !works.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no python3");
        return;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/command");
    let text = |name: &str| fs::read_to_string(example.join(name)).expect("a file");
    let project = Project::with(&text("pipeline.toml"));
    for name in ["train.py", "score.py"] {
        project.write(name, &text(name));
    }
    let told = project.pipe(&["run", "all"]).code(0).stdout;
    let score = |label: &str| -> f64 {
        let line = told
            .lines()
            .find(|line| line.contains(label))
            .expect("a row");
        let last = line.split_whitespace().last().expect("a cell");
        last.parse().expect("a number")
    };
    assert!(score("1000 examples") > score("majority class"), "{told}");
    project.pipe(&["run", "all"]).code(0).says("jobs cached");
    // The program runs twice and makes the same bytes.
    let digests = || fs::read(project.join("results/default/digests.json")).expect("digests");
    let first = digests();
    fs::remove_dir_all(project.join(".pipe")).expect("removed");
    project.pipe(&["run", "all"]).code(0);
    assert_eq!(digests(), first);
}
