#![allow(clippy::unwrap_used)]
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use contract::Reads;

use super::*;

/// A place for an input, and a store.
struct Bench {
    folder: tempfile::TempDir,
    root: tempfile::TempDir,
    store: Store,
    selection: Selection,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            store: Store::open(root.path()).unwrap(),
            root,
            selection: Selection::default(),
        }
    }

    /// A bench whose input is read as by a program of the user's, hidden files too.
    fn hidden(ignore: &[&str]) -> Self {
        let ignore: Vec<String> = ignore.iter().map(|text| (*text).to_owned()).collect();
        let mut bench = Self::new();
        bench.selection.hidden = true;
        bench.selection.ignore = ignore.into();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read_at(&self, path: &Path) -> Result<External, StageError> {
        External::read(
            path,
            "d",
            &self.selection,
            &self.store,
            &mut Hashed::default(),
        )
    }

    fn read(&self, name: &str) -> Result<External, StageError> {
        self.read_at(&self.path(name))
    }

    /// The names that count.
    fn names(&self, name: &str) -> Vec<String> {
        let files = self.read(name).unwrap().manifest.files;
        files.into_iter().map(|file| file.path).collect()
    }

    fn refusal(&self, name: &str) -> String {
        self.read(name).unwrap_err().to_string()
    }

    /// Shows an input in a folder of its own.
    fn show(&self, external: &External) -> (tempfile::TempDir, View) {
        let work = tempfile::tempdir().unwrap();
        let view = external.show("d", work.path()).unwrap();
        (work, view)
    }
}

#[test]
fn place_and_time_do_not_matter_content_and_names_do() {
    let bench = Bench::new();
    let make = |name: &str, inner: &str, content: &str| {
        bench.write(&format!("{name}/sub/{inner}"), content);
        bench.read(name).unwrap().digest()
    };
    let first = make("one", "a.txt", "hello");
    assert_eq!(make("two", "a.txt", "hello"), first);
    assert_ne!(make("three", "a.txt", "hullo"), first);
    assert_ne!(make("four", "b.txt", "hello"), first);
    let file = bench.read("one/sub/a.txt").unwrap();
    assert_ne!(file.digest(), bench.read("one/sub").unwrap().digest());
}

#[test]
fn of_a_single_file_the_name_does_not_count_and_what_it_is_shown_as_does() {
    let bench = Bench::new();
    bench.write("a.txt", "hello");
    bench.write("b.txt", "hello");
    bench.write("b.csv", "hello");
    symlink(bench.path("a.txt"), bench.path("l.txt")).unwrap();
    let a = bench.read("a.txt").unwrap();
    assert_eq!(a.manifest.files[0].path, "d.txt");
    for other in ["b.txt", "l.txt"] {
        assert_eq!(bench.read(other).unwrap().digest(), a.digest(), "{other}");
    }
    assert_ne!(bench.read("b.csv").unwrap().digest(), a.digest());
    let (work, view) = bench.show(&a);
    assert_eq!(view.path, work.path().join("d.txt"));
    assert_eq!(fs::read_to_string(&view.path).unwrap(), "hello");
}

#[test]
fn links_are_followed_but_not_in_circles() {
    let bench = Bench::new();
    bench.write("plain/a", "x");
    fs::create_dir(bench.path("linked")).unwrap();
    symlink(bench.path("plain/a"), bench.path("linked/a")).unwrap();
    let digest = |name: &str| bench.read(name).unwrap().digest();
    assert_eq!(digest("plain"), digest("linked"));
    symlink(bench.path("linked"), bench.path("linked/again")).unwrap();
    assert!(bench.refusal("linked").contains("leads back"));
}

#[test]
fn what_is_missing_or_empty_is_named() {
    let bench = Bench::new();
    assert!(bench.refusal("nothing").contains("nothing: No such file"));
    assert!(bench.refusal("").contains("the folder holds no file"));
    bench.write(".hidden", "x");
    assert!(bench.refusal("").contains("no file that counts"));
}

#[test]
fn what_others_leave_in_a_folder_does_not_count_even_where_it_leads_nowhere() {
    for hidden in [false, true] {
        let mut bench = Bench::hidden(&[]);
        bench.selection.hidden = hidden;
        bench.write("in/a.txt", "text");
        let before = bench.read("in").unwrap().digest();
        symlink("somebody@host.1:2", bench.path("in/.#a.txt")).unwrap();
        symlink("nowhere", bench.path("in/__pycache__")).unwrap();
        for name in [
            ".DS_Store",
            "sub/Thumbs.db",
            "a.txt~",
            "#a.txt#",
            ".a.txt.swp",
            ".git/index",
            "sub/.git",
            ".cache/huggingface/x.lock",
            ".pipe/store.json",
            "CVS/Entries",
            "CVS/Repository",
        ] {
            bench.write(&format!("in/{name}"), "noise");
        }
        assert_eq!(bench.names("in"), ["a.txt"]);
        assert_eq!(bench.read("in").unwrap().digest(), before);
    }
}

#[test]
fn hidden_files_count_for_programs_alone_and_what_they_ignore_does_not() {
    let mut bench = Bench::hidden(&["*.log", "runs/", "/data/raw"]);
    for name in [
        "a.py",
        ".env",
        "x.log",
        "deep/y.log",
        "runs/1/out",
        "data/raw/big",
        "deep/data/raw",
    ] {
        bench.write(&format!("in/{name}"), "x");
    }
    assert_eq!(bench.names("in"), [".env", "a.py", "deep/data/raw"]);
    bench.selection.hidden = false;
    assert_eq!(bench.names("in"), ["a.py", "deep/data/raw"]);
}

#[test]
fn only_what_a_kind_reads_counts_and_the_rest_may_be_anything() {
    let mut bench = Bench::new();
    bench.selection.reads = Reads {
        files: Some(&["/*.json", "/[0-9]_*/**"]),
        beside: &["config.json"],
    };
    for name in [
        "config.json",
        "README.md",
        "onnx/model",
        "1_Pooling/x",
        "deep/a.json",
    ] {
        bench.write(&format!("in/{name}"), name);
    }
    symlink("nowhere", bench.path("in/weights.bin")).unwrap();
    Command::new("mkfifo")
        .arg(bench.path("in/pipe"))
        .status()
        .unwrap();
    assert_eq!(bench.names("in"), ["1_Pooling/x", "config.json"]);
    // Of an input that is a single file, the files that are read beside it count as well.
    assert_eq!(bench.names("in/README.md"), ["config.json", "d.md"]);
    let external = bench.read("in/README.md").unwrap();
    let (work, view) = bench.show(&external);
    assert_eq!(view.path, work.path().join("d/d.md"));
    assert!(work.path().join("d/config.json").is_file());
    assert_eq!(bench.names("in/config.json"), ["d.json"]);
}

#[test]
fn stores_results_and_caches_in_a_folder_do_not_count_whatever_leads_to_them() {
    let mut bench = Bench::hidden(&[]);
    bench.write("in/a.txt", "text");
    bench.write("in/results/tiny/x.json", "made");
    bench.write("in/results/tiny/digests.json", "{\n  \"jobs\": {}");
    bench.write("in/other/tiny/digests.json", "{\n  \"jobs\": {}");
    bench.write(
        "in/target/CACHEDIR.TAG",
        "Signature: 8a477f597d28d172789f06886806bc55\n",
    );
    bench.write("in/target/debug/x", "made");
    bench.write("in/notes/CACHEDIR.TAG", "no such thing");
    symlink(bench.root.path(), bench.path("in/link-to-the-store")).unwrap();
    bench.selection.results = [bench.path("in/results")].into();
    let names = ["a.txt", "notes/CACHEDIR.TAG", "other/tiny/digests.json"];
    assert_eq!(bench.names("in"), names);
    // The path that the user gives counts whatever its name, unless it is a store.
    assert_eq!(bench.names("in/target"), ["CACHEDIR.TAG", "debug/x"]);
    assert_eq!(bench.names("in/results/tiny"), ["digests.json", "x.json"]);
    let refusal = bench.refusal("in/results");
    assert!(
        refusal.contains("nothing that counts but results of pipe"),
        "{refusal}"
    );
    // A user's own file there counts, and so does a user's folder that is called like one of results.
    bench.write("in/results/notes.txt", "mine");
    bench.write("in/results/mine/digests.json", "{}");
    assert_eq!(
        bench.names("in/results"),
        ["mine/digests.json", "notes.txt"]
    );
    assert!(
        bench
            .refusal("in/link-to-the-store")
            .contains("a store of pipe")
    );
}

#[test]
fn what_is_neither_file_nor_folder_is_refused_and_not_opened() {
    let bench = Bench::new();
    bench.write("in/a.txt", "text");
    let fifo = bench.path("in/fifo");
    Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(bench.refusal("in").contains("in/fifo: a named pipe"));
    assert!(bench.refusal("in/fifo").contains("a named pipe"));
    for device in ["/dev/null", "/dev/zero"] {
        let error = bench.read_at(Path::new(device)).unwrap_err();
        assert!(error.to_string().contains("a device"), "{error}");
        assert!(error.remedy().unwrap().contains("to a file"));
    }
    let _socket = std::os::unix::net::UnixListener::bind(bench.path("s")).unwrap();
    assert!(bench.refusal("s").contains("a socket"));
    symlink("nowhere", bench.path("l")).unwrap();
    assert!(bench.refusal("l").contains("a link that leads nowhere"));
}

#[test]
fn a_view_holds_the_files_that_count_and_no_others() {
    let bench = Bench::new();
    bench.write("in/run.sh", "echo hello\n");
    bench.write("in/sub/large", &"x".repeat((1 << 20) + 1));
    fs::set_permissions(bench.path("in/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let whole = bench.read("in").unwrap();
    let (_, view) = bench.show(&whole);
    assert_eq!(view.path, fs::canonicalize(bench.path("in")).unwrap());
    bench.write("in/.git/config", "secret");
    let part = bench.read("in").unwrap();
    assert_eq!(part.digest(), whole.digest());
    let (work, view) = bench.show(&part);
    assert_eq!(view.path, work.path().join("d"));
    let script = view.path.join("run.sh");
    let mode = fs::symlink_metadata(&script).unwrap().permissions().mode();
    assert_eq!(
        mode & 0o7777,
        0o555,
        "a copy that nobody writes to, and that runs"
    );
    assert!(view.path.join("sub/large").is_symlink());
    assert!(!view.path.join(".git").exists());
    assert_eq!(fs::read_dir(&view.path).unwrap().count(), 2);
    part.check("d", &view, &bench.store).unwrap();
}

#[test]
fn what_is_copied_is_bounded_together() {
    let bench = Bench::new();
    bench.write("in/a.txt", "one");
    let mut external = bench.read("in").unwrap();
    assert_eq!(external.largest_copy(), 1 << 20);
    let entry = external.manifest.files[0].clone();
    let of = |size| Entry {
        size,
        ..entry.clone()
    };
    external.manifest.files = vec![of(1 << 19); 200];
    external.manifest.files.push(of(10));
    assert_eq!(external.largest_copy(), (1 << 19) - 1);
}

#[test]
fn what_only_looks_changed_is_read_again_and_what_is_changed_is_told() {
    let bench = Bench::new();
    bench.write("in/a.txt", "one");
    bench.write("in/b.txt", "two");
    let (path, other) = (bench.path("in/a.txt"), bench.path("in/b.txt"));
    let external = bench.read("in").unwrap();
    let (_, view) = bench.show(&external);
    let check = || external.check("d", &view, &bench.store);
    let text = |result: Result<(), StageError>| result.unwrap_err().to_string();
    check().unwrap();
    // Each of these leaves the bytes as they are: touch, chmod, ln, and an editor that puts another file in place.
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    check().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(&path, bench.path("elsewhere")).unwrap();
    check().unwrap();
    bench.write("aside", "two");
    fs::rename(bench.path("aside"), &other).unwrap();
    check().unwrap();
    // Files that do not count may come and go.
    bench.write("in/.DS_Store", "noise");
    check().unwrap();

    // The bytes change, the length does not, and the time is put back.
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "eno").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(time).unwrap();
    assert!(text(check()).contains("in/a.txt: somebody has changed it"));
    fs::write(&path, "one").unwrap();
    check().unwrap();
    bench.write("in/c.txt", "new");
    assert!(text(check()).contains("in/c.txt: somebody has added it"));
    fs::remove_file(bench.path("in/c.txt")).unwrap();
    fs::remove_file(&other).unwrap();
    assert!(text(check()).contains("in/b.txt: somebody has removed it"));
}

#[test]
fn a_copy_is_of_what_was_keyed_and_stays_it() {
    let bench = Bench::new();
    bench.write("a.txt", "one");
    let external = bench.read("a.txt").unwrap();
    let (_work, view) = bench.show(&external);
    // A job that has a copy does not care what becomes of the file itself.
    bench.write("a.txt", "two");
    external.check("d", &view, &bench.store).unwrap();
    let work = tempfile::tempdir().unwrap();
    let error = external.show("d", work.path()).unwrap_err().to_string();
    assert!(
        error.contains("a.txt: somebody has changed it since"),
        "{error}"
    );
    fs::set_permissions(&view.path, fs::Permissions::from_mode(0o600)).unwrap();
    external.check("d", &view, &bench.store).unwrap();
    fs::write(&view.path, "six").unwrap();
    let error = external.check("d", &view, &bench.store).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the program has changed its input `d`: a.txt"
    );
}

#[test]
fn what_was_noted_wrongly_is_found_by_reading_it_again() {
    let bench = Bench::new();
    bench.write("a.txt", "one");
    let mut external = bench.read("a.txt").unwrap();
    let again = |external: &External| {
        let mut done = std::collections::BTreeSet::new();
        let others = external.read_again(&bench.store, &mut done).unwrap();
        others
            .into_iter()
            .map(Path::to_path_buf)
            .collect::<Vec<_>>()
    };
    assert!(again(&external).is_empty());
    external.manifest.files[0].digest = Digest::of(b"another");
    let others = again(&external);
    assert_eq!(others, [bench.path("a.txt")]);
}
