//! What `pipe export` and `import` promise, seen from outside.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::Project;

#[test]
fn an_exported_table_is_had_elsewhere_without_running_anything() {
    let project = Project::new();
    project
        .pipe(&["export", "table:baselines", "-o", "all.tar"])
        .code(2)
        .says("no result yet");
    let table = project.pipe(&["run", "table:baselines"]).code(0).stdout;
    let ended = project
        .pipe(&["export", "table:baselines", "-o", "all.tar"])
        .code(0);
    assert!(
        ended.stdout.starts_with("all.tar: 10 results, "),
        "{}",
        ended.stdout
    );
    project
        .pipe(&["export", "table:baselines", "-o", "all.tar"])
        .code(2)
        .says("all.tar: it is there already");
    project
        .pipe(&["export", "table:baselines", "-o", "again.tar"])
        .code(0);
    let bytes = fs::read(project.join("all.tar")).expect("read");
    assert_eq!(
        fs::read(project.join("again.tar")).expect("read"),
        bytes,
        "the same bytes"
    );

    let other = Project::new();
    let archive = project.join("all.tar");
    let archive = archive.to_str().expect("UTF-8");
    let ended = other.pipe(&["import", archive]).code(0);
    assert!(
        ended.stdout.starts_with(
            "10 results taken in, 0 there already: table:baselines under profile plain"
        ),
        "{}",
        ended.stdout
    );
    let ended = other
        .pipe(&["run", "table:baselines"])
        .code(0)
        .says("all 10 jobs cached");
    assert_eq!(ended.stdout, table);
    other.pipe(&["verify"]).code(0);
    // Whatever shows imported results tells where they come from.
    let from = "imported from all.tar (index ";
    for pipe in [&other, &project] {
        let is_foreign = std::ptr::eq(pipe, &other);
        let why = pipe.pipe(&["why", "stage:majority"]).code(0).stdout;
        assert_eq!(why.contains(from), is_foreign, "{why}");
        let cell = ["show", "--cell", "majority", "table:baselines"];
        let cell = pipe.pipe(&cell).code(0).stdout;
        assert_eq!(cell.contains(from), is_foreign, "{cell}");
    }
    let provenance = fs::read_to_string(other.join("results/plain/baselines.provenance.json"));
    assert!(
        provenance
            .expect("read")
            .contains("\"archive\": \"all.tar\"")
    );
    let mine = fs::read_to_string(project.join("results/plain/baselines.provenance.json"));
    assert!(!mine.expect("read").contains("archive"));
    other
        .pipe(&["export", "table:baselines", "-o", "more.tar"])
        .code(0);
    let third = Project::new();
    let more = other.join("more.tar");
    third
        .pipe(&["import", more.to_str().expect("UTF-8")])
        .code(0);
    let why = third.pipe(&["why", "stage:majority"]).code(0).stdout;
    assert!(
        why.contains(from) && why.contains("imported from more.tar"),
        "{why}"
    );
    for object in other.files(".pipe/objects") {
        assert_eq!(
            fs::metadata(object).expect("metadata").permissions().mode() & 0o777,
            0o444
        );
    }
    let log = other.pipe(&["log", "stage:world"]).code(0);
    assert!(!log.stderr.contains("has not run"), "{}", log.stderr);

    // The archive is imported again: into a whole store, into one that lacks half, and over damage.
    let ended = other.pipe(&["import", archive]).code(0);
    assert!(
        ended
            .stdout
            .starts_with("0 results taken in, 10 there already"),
        "{}",
        ended.stdout
    );
    for (number, record) in other.files(".pipe/records").iter().enumerate().step_by(2) {
        match number % 4 {
            0 => fs::remove_file(record).expect("removed"),
            _ => fs::write(record, "{").expect("written"),
        }
    }
    let object = &other.files(".pipe/objects")[3];
    fs::remove_file(object).expect("removed");
    fs::write(object, "swapped").expect("written");
    other.pipe(&["import", archive]).code(0);
    other
        .pipe(&["run", "table:baselines"])
        .code(0)
        .says("all 10 jobs cached");
    other.pipe(&["verify"]).code(0);
    assert!(other.files(".pipe/tmp").is_empty());
}

#[test]
fn files_of_claims_travel_with_the_project() {
    let project = Project::new();
    let claims = "# none yet\nschema = 1\n";
    project.write("data/claims/own.toml", claims);
    project.edit(
        "title = \"What needs no encoder\"",
        "title = \"What needs no encoder\"\nclaims = \"data/claims/own.toml\"",
    );
    project.pipe(&["run", "stage:majority"]).code(0);
    let export = ["export", "stage:majority", "-o", "all.tar"];
    project.pipe(&export).code(0);
    let other = Project::with("");
    let archive = project.join("all.tar");
    let archive = archive.to_str().expect("UTF-8");
    other
        .pipe(&["import", archive, "--project", "theirs"])
        .code(0);
    let laid_out = fs::read_to_string(other.join("theirs/data/claims/own.toml"));
    assert_eq!(laid_out.expect("read"), claims);
    let list = ["list", "baselines", "--file", "theirs/pipeline.toml"];
    let told = other.pipe(&list).code(0).stdout;
    assert!(told.contains("  claims: data/claims/own.toml\n"), "{told}");
    // What is named and is not there is told before anything runs.
    fs::remove_file(project.join("data/claims/own.toml")).expect("removed");
    project
        .pipe(&["run", "stage:majority"])
        .code(2)
        .says("cannot read data/claims/own.toml: No such file");
}

/// Every byte counts: whichever is changed, and wherever the file ends, it is refused and nothing is written.
#[test]
fn a_damaged_archive_is_refused_and_nothing_is_written() {
    let project = Project::new();
    project.pipe(&["run", "stage:majority"]).code(0);
    project
        .pipe(&["export", "stage:majority", "-o", "a.tar"])
        .code(0);
    let whole = fs::read(project.join("a.tar")).expect("read");
    let refused = |name: &str, bytes: &[u8]| {
        fs::write(project.join("bad.tar"), bytes).expect("written");
        let ended = project
            .pipe(&["import", "bad.tar", "--store", "new"])
            .code(2);
        assert!(
            ended.stderr.contains("bad.tar: "),
            "{name}: {}",
            ended.stderr
        );
        assert!(!project.join("new").exists(), "{name}");
        ended.stderr
    };
    let mut at = 3;
    while at < whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let told = refused(&format!("flip at {at}"), &bytes);
        assert!(
            told.contains("damaged at byte ") || told.contains("not an archive"),
            "{told}"
        );
        at += whole.len() / 37;
    }
    for end in [
        0,
        1,
        511,
        512,
        700,
        whole.len() / 2,
        whole.len() - 512,
        whole.len() - 1,
    ] {
        refused(&format!("cut at {end}"), &whole[..end]);
    }
    refused("more", &[&whole[..], b"x"].concat());
    refused("zeros", &vec![0; 4096]);
    let text = String::from_utf8_lossy(&whole);
    let object = text.find("objects/").expect("an object");
    // The first object's header after the index.
    let header = whole
        .windows(8)
        .enumerate()
        .filter(|(at, window)| at % 512 == 0 && window == b"objects/");
    let places: Vec<usize> = header.map(|(at, _)| at).collect();
    assert!(object > 0 && places.len() > 3);
    let mut swapped = whole.clone();
    let (a, b) = (places[0], places[1]);
    let first = swapped[a..a + 512].to_vec();
    let second = swapped[b..b + 512].to_vec();
    swapped[a..a + 512].copy_from_slice(&second);
    swapped[b..b + 512].copy_from_slice(&first);
    refused("members swapped", &swapped);
    refused("a member left out", &[&whole[..a], &whole[b..]].concat());
    for name in ["../../evil", "/etc/evil", "objects/../../evil"] {
        let mut evil = tar::Header::from_byte_slice(&whole[a..a + 512]).clone();
        evil.as_mut_bytes()[..100].fill(0);
        evil.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        evil.set_cksum();
        refused(
            name,
            &[&whole[..a], evil.as_bytes(), &whole[a + 512..]].concat(),
        );
    }
    let mut huge = tar::Header::from_byte_slice(&whole[..512]).clone();
    huge.set_size(1 << 62);
    huge.set_cksum();
    refused("a huge index", &[huge.as_bytes(), &whole[512..]].concat());
    project
        .pipe(&["import", "none.tar"])
        .code(2)
        .says("none.tar");
    project.pipe(&["import", "."]).code(2).says("not a file");
    project
        .pipe(&["import", "pipeline.toml"])
        .code(2)
        .says("not an archive that `pipe export` wrote");
    project.pipe(&["import", "a.tar", "--store", "new"]).code(0);
}

/// An index that somebody wrote by hand and sealed well is still not believed where it would lead out of the store.
#[test]
fn a_forged_archive_leads_nowhere() {
    let project = Project::new();
    let forge = |members: &[(&str, &[u8])], results: serde_json::Value| {
        let listed: Vec<_> = members
            .iter()
            .map(|(path, bytes)| serde_json::json!({ "path": path, "digest": hex(bytes), "size": bytes.len() }))
            .collect();
        let index = serde_json::json!({
            "format": 1, "program": "forger", "manifest_format": 1, "record_format": 1, "key_format": 1,
            "about": { "targets": [], "profile": "", "set": [], "outside": [] },
            "results": results, "members": listed,
        });
        let text = index.to_string().into_bytes();
        let mut archive = member(&format!("index-{}.json", hex(&text)), &text);
        for (path, bytes) in members {
            archive.extend(member(path, bytes));
        }
        archive.extend([0; 1024]);
        fs::write(project.join("forged.tar"), archive).expect("written");
        let ended = project.pipe(&["import", "forged.tar", "--store", "new"]);
        (ended.code, ended.stderr)
    };
    let nothing = serde_json::json!([]);
    assert_eq!(
        forge(&[], nothing.clone()).0,
        Some(0),
        "an empty one is well formed"
    );
    fs::remove_dir_all(project.join("new")).expect("removed");
    for path in [
        "../evil",
        "/tmp/evil",
        "store.json",
        "objects/../../evil",
        "pins/x.json",
    ] {
        let (code, told) = forge(&[(path, b"evil")], nothing.clone());
        assert_eq!(code, Some(2), "{path}: {told}");
        assert!(
            told.contains("a name that is no place in a store"),
            "{path}: {told}"
        );
    }
    let object = format!("objects/{}/{}", &hex(b"x")[..2], hex(b"x"));
    let manifest = format!(
        "{{\"format\":1,\"content\":\"folder\",\"files\":[{{\"path\":\"../../evil\",\"digest\":\"{}\",\"size\":1}}]}}\n",
        hex(b"x")
    );
    let name = format!("artifacts/{}.json", hex(manifest.as_bytes()));
    let (code, told) = forge(
        &[(&object, b"x"), (&name, manifest.as_bytes())],
        nothing.clone(),
    );
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("`../../evil` would lie outside"), "{told}");
    let wrong = format!("objects/{}/{}", &hex(b"y")[..2], hex(b"y"));
    let (code, told) = forge(&[(&wrong, b"x")], nothing.clone());
    assert_eq!(code, Some(2), "{told}");
    let (code, told) = forge(&[(&object, b"x"), (&object, b"x")], nothing);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("there twice"), "{told}");
    assert!(!project.join("new").exists() && !project.join("evil").exists());
}

/// A forged archive must not lay a project out elsewhere than in the folder that it is given.
#[test]
fn a_forged_project_leads_nowhere() {
    let project = Project::new();
    let forge = |path: &str, held: &[u8], named: &[u8]| {
        let name = format!("project/{}", hex(held));
        let index = serde_json::json!({
            "format": 2, "program": "forger", "manifest_format": 1, "record_format": 1, "key_format": 1,
            "about": {
                "targets": ["all"], "profile": "plain", "set": [], "outside": [],
                "project": [{ "path": path, "digest": hex(named) }],
            },
            "results": [], "members": [{ "path": name, "digest": hex(held), "size": held.len() }],
        });
        let text = index.to_string().into_bytes();
        let mut archive = member(&format!("index-{}.json", hex(&text)), &text);
        archive.extend(member(&name, held));
        archive.extend([0; 1024]);
        fs::write(project.join("forged.tar"), archive).expect("written");
        let ended = project.pipe(&["import", "forged.tar", "--project", "sub/new"]);
        (ended.code, ended.stderr)
    };
    let (code, told) = forge("deep/a.txt", b"mine", b"mine");
    assert_eq!(code, Some(0), "{told}");
    let laid_out = fs::read_to_string(project.join("sub/new/deep/a.txt"));
    assert_eq!(laid_out.expect("read"), "mine");
    fs::remove_dir_all(project.join("sub")).expect("removed");
    for path in [
        "../evil",
        "/tmp/evil-of-pipe",
        "deep/../../evil",
        "./../evil",
        ".pipe/store.json",
        "deep/.git/hooks/post-checkout",
        ".GIT/hooks/post-checkout",
        ".envrc",
        "a//b",
        "a/./b",
        "a\nhint: b",
        "",
        ".",
        "deep/",
    ] {
        let (code, told) = forge(path, b"evil", b"evil");
        assert_eq!(code, Some(2), "{path}: {told}");
        assert!(
            told.contains("no file of a project lies at"),
            "{path}: {told}"
        );
        assert!(!project.join("sub").exists(), "{path}");
    }
    // A place that holds no plain file may never end when read, and a link leads elsewhere.
    fs::create_dir_all(project.join("sub/new")).expect("a folder");
    fs::create_dir(project.join("elsewhere")).expect("a folder");
    let fifo = project.join("sub/new/a.txt");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo runs").success());
    std::os::unix::fs::symlink(project.join("elsewhere"), project.join("sub/new/deep"))
        .expect("a link");
    for path in ["a.txt", "deep/b.txt"] {
        let (code, told) = forge(path, b"mine", b"mine");
        assert_eq!(code, Some(2), "{path}: {told}");
        assert!(told.contains("is there already, and another"), "{told}");
    }
    let elsewhere = fs::read_dir(project.join("elsewhere")).expect("listed");
    assert_eq!(elsewhere.count(), 0);
    fs::remove_dir_all(project.join("sub")).expect("removed");
    let (code, told) = forge("a.txt", b"one", b"other");
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("does not hold the files of the project"),
        "{told}"
    );
    assert!(!project.join("sub").exists());
}

/// A corpus stays where it was. Results that rest on it can be looked at elsewhere, built upon, and exported again; a job that
/// would have to read it is refused.
#[test]
fn what_was_imported_is_shown_and_built_upon_without_the_files_it_rests_on() {
    const PIPELINE: &str = r#"
[vars]
text = "data/corpus"
n = 3

[stage.corpus]
use = "corpus"
source = "${text}"

[stage.count]
use = "command"
argv = ["${run}", "{c}", "{output}", "${n}"]
makes = "scores"
inputs = { c = "@corpus", run = "programs/count.sh" }

[stage.more]
use = "command"
shell = "cp {c}/*.parquet {output}/"
inputs = { c = "@corpus" }

[table.counted]
title = "Counted"
cell = "@count"
rows = [{ label = "it" }]
columns = [{ label = "files", metric = "files" }]
"#;
    let pipeline = PIPELINE.replace("${run}", "{run}");
    let project = Project::with(&pipeline);
    let script =
        "#!/bin/sh\necho \"{\\\"files\\\": $(ls \"$1\" | wc -l)$3}\" > \"$2/scores.json\"\n";
    project.write("programs/count.sh", script);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(project.join("programs/count.sh"), mode).expect("a program");
    // The corpus is too large to go into the archive.
    let text = "the cat sat on the mat\n\n".repeat(50_000);
    project.write("data/corpus/a.txt", &text);
    let table = project.pipe(&["run", "all"]).code(0).stdout;
    let told = project.pipe(&["export", "all", "-o", "all.tar"]).code(0);
    assert!(
        told.stdout
            .contains("with pipeline.toml, programs/count.sh\nnot in it: data/corpus ("),
        "{}",
        told.stdout
    );
    let archive = project.join("all.tar");
    let archive = archive.to_str().expect("UTF-8");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let away = elsewhere.path().join("paper");
    let away = away.to_str().expect("UTF-8");
    let empty = Project::with("");
    fs::remove_file(empty.join("pipeline.toml")).expect("removed");
    empty
        .pipe(&["import", archive])
        .code(2)
        .says("--project FOLDER");
    let told = empty.pipe(&["import", archive, "--project", away]).code(0);
    let next = format!("next: cd {away}; pipe show all --profile default\n");
    assert!(told.stdout.ends_with(&next), "{}", told.stdout);
    // A second import finds the same files, which is no mistake.
    empty.pipe(&["import", archive, "--project", away]).code(0);

    let file = format!("{away}/pipeline.toml");
    let pipe = |arguments: &[&str]| empty.pipe(&[arguments, &["--file", &file]].concat());
    let note = "data/corpus is not at hand: taken as it was where all.tar was made";
    let shown = pipe(&["show", "all", "--profile", "default"])
        .code(0)
        .says(note);
    assert_eq!(shown.stdout, table);
    for looks in [
        &["why", "all"][..],
        &["plan", "all"],
        &["log", "stage:count"],
        &["graph", "all"],
        &["pin", "all"],
        &["export", "all", "-o", "again.tar"],
        &["run", "all"],
    ] {
        pipe(looks).code(0).says(note);
    }
    let swept = pipe(&["gc", "--dry-run", "--max-cost", "1000h"]).code(0);
    assert!(
        swept.stdout.contains("nothing to remove"),
        "{}",
        swept.stdout
    );
    // A new job that rests on imported results runs; one that would have to read the corpus does not.
    pipe(&["run", "stage:more"]).code(0).says("1 cached, 1 run");
    let changed = pipe(&["run", "all", "--set", "n=4"]).code(0);
    assert!(changed.stdout.contains("14.00"), "{}", changed.stdout);
    fs::remove_dir_all(elsewhere.path().join("paper/.pipe/records")).expect("removed");
    pipe(&["run", "all"])
        .code(2)
        .says("no such file or folder: data/corpus");
    pipe(&["verify", "--inputs"])
        .code(2)
        .says("no such file or folder: data/corpus");
    // An archive that was exported from the import does as well.
    let again = empty.join("again.tar");
    let again = again.to_str().expect("UTF-8");
    let third = elsewhere.path().join("third");
    let third = third.to_str().expect("UTF-8");
    empty.pipe(&["import", again, "--project", third]).code(0);
    let file = format!("{third}/pipeline.toml");
    let shown = empty.pipe(&["show", "all", "--file", &file]).code(0);
    assert_eq!(shown.stdout, table);
    // A corpus that is at hand counts as it is.
    fs::create_dir_all(elsewhere.path().join("third/data/corpus")).expect("a folder");
    fs::write(elsewhere.path().join("third/data/corpus/a.txt"), "else").expect("written");
    let shown = empty.pipe(&["show", "all", "--file", &file]).code(0);
    assert!(!shown.stderr.contains("not at hand"), "{}", shown.stderr);
    assert!(shown.stdout.contains("not run yet"), "{}", shown.stdout);
}

/// A part of an input that goes into the archive for another reason is not taken for the input. Files that others may not read
/// stay.
#[test]
fn a_part_of_an_input_is_not_taken_for_the_whole_and_secrets_stay() {
    const PIPELINE: &str = r#"
[vars]
data = "none"

[stage.count]
use = "command"
shell = "n=$(cat {data}/* | wc -c); echo \"{{\\\"bytes\\\": $n}}\" > {output}/scores.json"
inputs = { data = "${data}", vocab = "data/vocab.txt", code = "code" }
makes = "scores"

[table.counted]
title = "Counted"
cell = "@count"
rows = [{ label = "it" }]
columns = [{ label = "bytes", metric = "bytes" }]
"#;
    let project = Project::with("");
    fs::rename(project.join("pipeline.toml"), project.join("mine.toml")).expect("renamed");
    project.write("mine.toml", PIPELINE);
    project.write("data/corpus.txt", &"the cat sat\n".repeat(100_000));
    project.write("data/vocab.txt", "cat\n");
    project.write("code/main.py", "print()\n");
    project.write("code/.env", "hidden token\n");
    project.write("outside", "outside token\n");
    let run = ["run", "all", "--file", "mine.toml", "--set", "data=./data"];
    let table = project.pipe(&run).code(0).stdout;
    let export = |name: &str| {
        let arguments = ["--file", "mine.toml", "--set", "data=./data", "-o", name];
        project
            .pipe(&[&["export", "all"], &arguments[..]].concat())
            .code(0)
    };
    let told = export("all.tar").stdout;
    assert!(
        told.contains("with data/vocab.txt, mine.toml\nnot in it: code (")
            && told.contains("data (but for a part of it, "),
        "{told}"
    );
    for change in [
        "chmod 600 main.py; rm .env",
        "ln -sf ../../outside link.py; chmod 644 main.py",
    ] {
        let shell = std::process::Command::new("sh")
            .args([
                "-c",
                &change.replace(
                    "../../outside",
                    &project.join("../outside").display().to_string(),
                ),
            ])
            .current_dir(project.join("code"))
            .status();
        assert!(shell.expect("sh runs").success());
        fs::write(project.join("../outside"), "outside token\n").ok();
    }
    let held = fs::read(project.join("all.tar")).expect("read");
    assert!(!held.windows(5).any(|window| window == b"token"));

    let elsewhere = tempfile::tempdir().expect("a folder");
    let told = project
        .command(&[
            "import",
            project.join("all.tar").to_str().expect("UTF-8"),
            "--project",
            "there",
        ])
        .current_dir(elsewhere.path())
        .output()
        .expect("pipe runs");
    let told = String::from_utf8(told.stdout).expect("UTF-8");
    let next = told
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("next: "));
    assert_eq!(
        next,
        Some("cd there; pipe show all --file mine.toml --profile default --set data=data"),
        "{told}"
    );
    let there = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--file", "mine.toml", "--set", "data=data"]);
        let output = project
            .command(&all)
            .current_dir(elsewhere.path().join("there"))
            .output()
            .expect("pipe runs");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("UTF-8"),
            String::from_utf8(output.stderr).expect("UTF-8"),
        )
    };
    let (code, shown, said) = there(&["show", "all"]);
    assert_eq!(
        (code, number(&shown)),
        (Some(0), number(&table)),
        "{shown}{said}"
    );
    assert!(said.contains("data is at hand in part only"), "{said}");
    // The results are of a run that was given values, and were imported recently: no table reaches them, and they stay.
    let (code, swept, _) = there(&["gc", "--max-cost", "any"]);
    assert!(
        code == Some(0) && swept.contains("nothing to remove"),
        "{swept}"
    );
    fs::remove_dir_all(elsewhere.path().join("there/.pipe/records")).expect("removed");
    let (code, _, said) = there(&["run", "all"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        !elsewhere
            .path()
            .join("there/results/default/counted.md")
            .exists()
    );
}

/// Returns the one number of a table.
fn number(table: &str) -> Option<&str> {
    let row = table
        .lines()
        .find(|line| line.trim_start().starts_with("it "))?;
    row.split_whitespace().last()
}

fn hex(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn member(path: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(bytes.len() as u64);
    header.set_mode(0o444);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let mut member = header.as_bytes().to_vec();
    member.extend(bytes);
    member.resize(member.len().div_ceil(512) * 512, 0);
    member
}

#[test]
fn another_result_of_the_same_key_is_not_overwritten() {
    let project = Project::new();
    project.pipe(&["run", "stage:world"]).code(0);
    project
        .pipe(&["export", "stage:world", "-o", "a.tar"])
        .code(0);
    project.pipe(&["run", "stage:corpus"]).code(0);
    // The record of the world says that it made the corpus.
    let records = project.files(".pipe/records");
    let read = |path: &Path| -> serde_json::Value {
        serde_json::from_slice(&fs::read(path).expect("read")).expect("JSON")
    };
    let find = |label: &str| {
        records
            .iter()
            .find(|path| read(path)["label"] == label)
            .expect("a record")
    };
    let mut world = read(find("world"));
    world["artifact"] = read(find("corpus"))["artifact"].clone();
    // The record is as an earlier build would have written it.
    world.as_object_mut().expect("fields").remove("check");
    fs::write(find("world"), world.to_string()).expect("written");
    let before = fs::read(find("world")).expect("read");
    project
        .pipe(&["import", "a.tar"])
        .code(2)
        .says("`world` has another result in this store")
        .says("nothing was imported");
    assert_eq!(fs::read(find("world")).expect("read"), before);
}

#[test]
fn an_archive_may_go_to_standard_output() {
    let project = Project::new();
    project.pipe(&["run", "stage:tokens"]).code(0);
    project
        .pipe(&["export", "stage:tokens", "-o", "all.tar"])
        .code(0);
    let output = project
        .command(&["export", "stage:tokens", "-o", "-"])
        .output()
        .expect("started");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout == fs::read(project.join("all.tar")).expect("read"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.starts_with("standard output: 4 results, "), "{told}");
    assert!(!project.join("-").exists());
    project
        .pipe(&["export", "stage:tokens", "-o", "-", "--json"])
        .code(2)
        .says("cannot both go to standard output");
    project
        .pipe(&["import", "-"])
        .code(2)
        .says("cannot come from standard input");
}
