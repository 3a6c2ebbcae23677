//! Archives that are damaged or forged, and results that contradict each other.

use super::*;

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
