//! What `pipe gc`, `pin`, `export` and `import` promise, seen from outside.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use support::{EVERYTHING, Ended, Project};

/// A job that no table reaches, and what it is called.
const EXTRA: [&str; 4] = ["run", "stage:tokens", "--set", "length=16"];

fn json(project: &Project, arguments: &[&str]) -> serde_json::Value {
    project
        .pipe(&[arguments, &["--json"]].concat())
        .code(0)
        .json()
}

/// Returns the labels of results that stay, or go, with the reasons.
fn results(report: &serde_json::Value, stay: bool) -> Vec<(String, String)> {
    let results = report["results"].as_array().expect("results").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let mut found: Vec<_> = results
        .filter(|result| result["stays"] == stay)
        .map(|result| (text(&result["label"]), text(&result["reason"])))
        .collect();
    found.sort();
    found
}

fn all_cached(project: &Project) {
    project.pipe(&EVERYTHING).code(0).says("all 13 jobs cached");
}

#[test]
fn what_no_table_reaches_goes_and_the_rest_is_still_cached() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    let whole = project.files(".pipe/objects");
    let report = json(&project, &["gc"]);
    assert_eq!(results(&report, false), []);
    assert_eq!(report["removed"], serde_json::json!({}));
    project.pipe(&EXTRA).code(0);
    project
        .pipe(&["run", "stage:benchmark", "--set", "world_seed=3"])
        .code(0);

    // Looking removes nothing.
    let before = project.files(".pipe");
    let report = json(&project, &["gc", "--dry-run"]);
    assert_eq!(project.files(".pipe"), before);
    let gone = results(&report, false);
    let labels: Vec<&str> = gone.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "benchmark[world_seed=3]",
            "tokens[length=16]",
            "world[world_seed=3]"
        ]
    );
    assert_eq!(gone[1].1, "no table reaches it");
    assert_eq!(report["removed"]["record"]["count"], 3);

    let ended = project.pipe(&["gc", "--dry-run"]).code(0);
    assert!(
        ended.stdout.contains("would remove 3 records"),
        "{}",
        ended.stdout
    );
    let ended = project.pipe(&["gc"]).code(0);
    assert!(
        ended
            .stdout
            .contains("tokens[length=16]: no table reaches it ("),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("3 results that cost 0.0"),
        "{}",
        ended.stdout
    );
    assert_eq!(project.files(".pipe/objects"), whole);
    project.pipe(&["verify"]).code(0);
    all_cached(&project);
    assert_eq!(results(&json(&project, &["gc"]), false), []);
}

#[test]
fn what_the_sweep_may_cost_is_bounded_and_said() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    project.pipe(&EXTRA).code(0);
    let ended = project.pipe(&["gc", "--max-cost", "0s"]).code(0);
    assert!(
        ended
            .stdout
            .contains("stay: 1 result that no table reaches"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("--max-cost any"), "{}", ended.stdout);
    project.pipe(&EXTRA).code(0).says("cached");
    project.pipe(&["gc", "--max-cost", "any"]).code(0);
    assert_eq!(project.files(".pipe/records").len(), 13);
    project
        .pipe(&["gc", "--max-cost", "soon"])
        .code(2)
        .says("or `any`");
}

#[test]
fn results_of_changed_tables_and_changed_inputs_go_with_their_reasons() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    project.edit("{ label = \"MNLI\", task = \"mnli\" },", "");
    let report = json(&project, &["gc", "--dry-run"]);
    let gone = results(&report, false);
    let labels: Vec<&str> = gone.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "bag-of-words[task=mnli]",
            "benchmark[task=mnli]",
            "majority[task=mnli]"
        ]
    );
    assert!(
        gone.iter()
            .all(|(_, reason)| reason == "no table reaches it"),
        "{gone:?}"
    );
    project.edit("world_seed = 0", "world_seed = 1");
    project.pipe(&EVERYTHING).code(0);
    let gone = results(&json(&project, &["gc"]), false);
    let reason = |label: &str| {
        let found = gone.iter().find(|(known, _)| known == label);
        found.map(|(_, reason)| reason.as_str())
    };
    assert_eq!(reason("world"), Some("no table reaches it"));
    assert_eq!(reason("tokenizer"), Some("an input has changed since"));
    project.pipe(&EVERYTHING).code(0).says("all 10 jobs cached");
}

#[test]
fn pinned_results_stay_whatever_the_pipeline_says() {
    let project = Project::new();
    project
        .pipe(&["pin", "all"])
        .code(2)
        .says("no result yet")
        .says("pipe run all");
    project.pipe(&EVERYTHING).code(0);
    project.pipe(&EXTRA).code(0);
    let pin = [
        &["pin"],
        &EXTRA[1..],
        &["--as", "short", "--note", "for the appendix"],
    ]
    .concat();
    project.pipe(&pin).code(0);
    project.pipe(&pin).code(0);
    let shown = project.pipe(&["pin"]).code(0).stdout;
    assert!(
        shown.starts_with("short  stage:tokens under profile plain, length=16: 4 results, "),
        "{shown}"
    );
    assert!(shown.ends_with(" (for the appendix)\n"), "{shown}");
    project
        .pipe(&["pin", "all", "--as", "short"])
        .code(2)
        .says("there is a pin `short` already");
    project
        .pipe(&["pin", "all", "--as", "../x"])
        .code(2)
        .says("cannot be called");
    project.pipe(&["pin", "table:baselines"]).code(0);
    let text = fs::read_to_string(project.join("pipeline.toml")).expect("read");
    let start = text.find("[table.baselines]").expect("a table");
    let end = text.find("[profile.plain]").expect("a profile");
    project.write(
        "pipeline.toml",
        &format!("{}{}", &text[..start], &text[end..]),
    );
    project.edit("seed = \"${world_seed}\"", "seed = 77");

    let report = json(&project, &["gc", "--max-cost", "any"]);
    let kept = results(&report, true);
    let pinned = |label: &str| {
        kept.iter()
            .any(|(known, why)| known == label && why.starts_with("pinned as "))
    };
    assert!(
        pinned("tokens[length=16]") && pinned("majority[task=qnli]") && pinned("world"),
        "{kept:?}"
    );
    project.write("pipeline.toml", &text);
    project.pipe(&EXTRA).code(0).says("all 4 jobs cached");
    project
        .pipe(&["run", "table:baselines"])
        .code(0)
        .says("cached");
    project.pipe(&["verify"]).code(0);

    project
        .pipe(&["unpin", "long"])
        .code(2)
        .says("there are short, table-baselines");
    project.pipe(&["unpin", "short", "table-baselines"]).code(0);
    let report = json(&project, &["gc"]);
    assert_eq!(results(&report, false)[0].0, "tokens[length=16]");
    // A pin that cannot be read is not passed over.
    project.write(".pipe/pins/half.json", "{");
    project.pipe(&["gc"]).code(12).says("half.json: not a pin");
    project
        .pipe(&["verify"])
        .code(12)
        .says("half.json: not a pin");
    assert!(
        project.join(".pipe/pins/half.json").exists(),
        "it is not set aside"
    );
}

#[test]
fn what_may_still_hold_is_kept_until_its_inputs_are_known() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    // The corpus is lost: whether the tokens still hold cannot be told until it is made again.
    for record in project.files(".pipe/records") {
        if fs::read_to_string(&record)
            .expect("read")
            .contains("\"label\": \"corpus\"")
        {
            fs::remove_file(record).expect("removed");
        }
    }
    let report = json(&project, &["gc", "--max-cost", "any"]);
    assert_eq!(results(&report, false), []);
    let kept = results(&report, true);
    let why = kept
        .iter()
        .find(|(label, _)| label == "tokens")
        .map(|(_, why)| why.as_str());
    assert_eq!(
        why,
        Some("profile plain may need it, once its inputs are made again")
    );
    project.pipe(&EVERYTHING).code(0).says("12 cached, 1 run");
}

#[test]
fn input_files_that_are_not_there_take_no_result_with_them() {
    let project = Project::with(
        "[stage.corpus]\nuse = \"corpus\"\nsource = \"texts\"\n\
         [stage.tokenizer]\nuse = \"tokenizer\"\ncorpus = \"@corpus\"\nvocab_size = 200\n",
    );
    let words = "the quick brown fox jumps over the lazy dog again and again\n";
    project.write("texts/a.txt", &words.repeat(50));
    project.pipe(&["run", "all"]).code(0);
    fs::rename(project.join("texts"), project.join("away")).expect("moved");
    let report = json(&project, &["gc", "--max-cost", "any"]);
    assert_eq!(results(&report, false), []);
    fs::rename(project.join("away"), project.join("texts")).expect("moved");
    project
        .pipe(&["run", "all"])
        .code(0)
        .says("all 2 jobs cached");
    let ended = project.pipe(&["export", "all", "-o", "all.tar"]).code(0);
    assert!(
        ended.stdout.contains("content is part of keys: texts ("),
        "{}",
        ended.stdout
    );
}

#[test]
fn stopped_jobs_that_a_table_needs_keep_their_checkpoints() {
    let project = Project::training(4000);
    let mut child = project
        .command(&["run", "all", "-q"])
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let checkpoint = || {
        project
            .files_if_any(".pipe/work")
            .iter()
            .any(|path| path.to_string_lossy().contains("checkpoints/after-"))
    };
    while !checkpoint() {
        std::thread::sleep(Duration::from_millis(5));
        assert!(child.try_wait().expect("waited").is_none(), "it ended");
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    std::thread::sleep(Duration::from_millis(100));
    let ended = project.pipe(&["gc", "--max-cost", "any"]).code(0);
    assert!(checkpoint(), "{}", ended.stdout);
    // Nothing wants so many steps any more.
    project.edit("steps = 4000", "steps = 3");
    let ended = project.pipe(&["gc", "--max-cost", "any"]).code(0);
    assert!(
        ended
            .stdout
            .contains("pretrain, half done: no table reaches it"),
        "{}",
        ended.stdout
    );
    assert!(project.files(".pipe/work").is_empty());
    project.pipe(&["run", "all"]).code(0).says("cached, 1 run");
}

/// Sweeps go on all the time while several runs make what no table reaches: every run ends well, with the right digests.
#[test]
fn sweeps_beside_runs_take_nothing_from_them() {
    let reference = Project::new();
    let set = ["--set", "world_seed=5", "--results", "results"];
    let run = [&EVERYTHING[..], &set].concat();
    reference.pipe(&run).code(0);
    let project = Project::new();
    // All keys of the pipeline itself are known: of what the runs below make nothing may turn out to be its own.
    project.pipe(&EVERYTHING).code(0);
    for round in 0..2 {
        let runs: Vec<_> = (0..3)
            .map(|_| {
                let mut command = project.command(&run);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                command.spawn().expect("started")
            })
            .collect();
        let mut runs: Vec<_> = runs.into_iter().map(Some).collect();
        let mut sweeps = 0;
        while runs.iter().any(Option::is_some) {
            let ended = project.pipe(&["gc", "--max-cost", "any", "-q"]).code(0);
            assert!(
                ended.stderr.is_empty() || ended.stderr.contains("no store yet"),
                "{}",
                ended.stderr
            );
            sweeps += 1;
            for run in &mut runs {
                let ended = run
                    .as_mut()
                    .is_some_and(|run| run.try_wait().expect("waited").is_some());
                if let Some(run) = run.take_if(|_| ended) {
                    Ended::from(run.wait_with_output().expect("ended")).code(0);
                }
            }
        }
        assert!(sweeps > 1, "{sweeps} sweeps only, round {round}");
        assert_eq!(project.digests(), reference.digests());
        project.pipe(&["verify"]).code(0);
        project.pipe(&["gc", "--max-cost", "any"]).code(0);
        assert_eq!(project.files(".pipe/records").len(), 13);
    }
}

#[test]
fn a_killed_sweep_leaves_a_store_that_is_whole() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    let digests = project.digests();
    for number in 0..8_u64 {
        let seed = format!("world_seed={}", 10 + number % 2);
        project
            .pipe(&["run", "stage:benchmark", "--set", &seed])
            .code(0);
        let mut child = project
            .command(&["gc", "--max-cost", "any"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        std::thread::sleep(Duration::from_millis(3 + 6 * number));
        child.kill().expect("killed");
        child.wait().expect("ended");
        project.pipe(&["verify"]).code(0);
        all_cached(&project);
        assert_eq!(project.digests(), digests);
    }
    project.pipe(&["gc", "--max-cost", "any"]).code(0);
    let report = json(&project, &["gc"]);
    assert_eq!(report["removed"], serde_json::json!({}));
    assert_eq!(project.files(".pipe/records").len(), 13);
}

#[test]
fn what_nobody_names_goes_too() {
    let project = Project::new();
    project.pipe(&EVERYTHING).code(0);
    let hex = blake3::hash(b"left by a killed commit")
        .to_hex()
        .to_string();
    project.write(
        &format!(".pipe/objects/{}/{hex}", &hex[..2]),
        "left by a killed commit",
    );
    project.write(&format!(".pipe/logs/{hex}.txt"), "old");
    project.write(&format!(".pipe/listings/{hex}.json"), "{}");
    project.write(".pipe/folders/0123456789abcdef/file", "old");
    project.write(".pipe/records/note.txt", "not ours");
    let report = json(&project, &["gc"]);
    for kind in ["object", "log", "listing", "folder"] {
        assert_eq!(report["removed"][kind]["count"], 1, "{kind}: {report}");
    }
    assert!(project.join(".pipe/records/note.txt").exists());
    all_cached(&project);
    // A record that cannot be read may name anything.
    project.write(&format!(".pipe/records/{hex}.json"), "{");
    project
        .pipe(&["gc"])
        .code(12)
        .says("the record cannot be read")
        .says("pipe verify");
    project.pipe(&["verify"]).code(12);
    project.pipe(&["gc"]).code(0);
}

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
    for object in other.files(".pipe/objects") {
        assert_eq!(
            fs::metadata(object).expect("metadata").permissions().mode() & 0o777,
            0o444
        );
    }
    let log = other.pipe(&["log", "stage:world"]).code(0);
    assert!(!log.stderr.contains("has not run"), "{}", log.stderr);

    // Again, half, and over damage.
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
    fs::write(find("world"), world.to_string()).expect("written");
    let before = fs::read(find("world")).expect("read");
    project
        .pipe(&["import", "a.tar"])
        .code(2)
        .says("`world` has another result in this store")
        .says("nothing was imported");
    assert_eq!(fs::read(find("world")).expect("read"), before);
}

/// Objects on one file system and work on another, as where a large disk holds the objects.
#[test]
fn a_store_may_lie_on_two_file_systems() {
    let shm = Path::new("/dev/shm");
    let project = Project::new();
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    if device(shm).is_none() || device(shm) == device(project.path()) {
        return;
    }
    let Ok(elsewhere) = tempfile::TempDir::new_in(shm) else {
        return;
    };
    for moved in [
        &["objects"][..],
        &["work"],
        &["objects", "folders"],
        &["records", "artifacts", "logs", "pins"],
    ] {
        let project = Project::new();
        project.pipe(&["run", "stage:world"]).code(0);
        for name in moved {
            let place = elsewhere.path().join(name);
            fs::create_dir(&place).expect("made");
            fs::remove_dir_all(project.join(&format!(".pipe/{name}"))).expect("removed");
            symlink(&place, project.join(&format!(".pipe/{name}"))).expect("linked");
        }
        let told = project.pipe(&["doctor"]).code(0).stdout;
        assert!(
            told.contains("/ is on another file system than tmp/"),
            "{told}"
        );
        let ended = project.pipe(&["run", "all", "stage:tokens"]).code(0);
        let (folder, _) = ended
            .stdout
            .lines()
            .last()
            .expect("a line")
            .split_once("  ")
            .expect("a line");
        for file in project.files_if_any(folder) {
            let mode = fs::metadata(file).expect("a file").permissions().mode();
            assert_eq!(mode & 0o222, 0, "{moved:?}: served files are read-only");
        }
        all_cached(&project);
        project.pipe(&["verify"]).code(0);
        project.pipe(&["pin", "all"]).code(0);
        project.pipe(&EXTRA).code(0);
        project.pipe(&["gc", "--max-cost", "any"]).code(0);
        all_cached(&project);
        assert!(
            project.files(".pipe/work").is_empty() && project.files(".pipe/tmp").is_empty(),
            "{moved:?}"
        );
        for name in moved {
            fs::remove_dir_all(elsewhere.path().join(name)).expect("removed");
        }
    }
}
