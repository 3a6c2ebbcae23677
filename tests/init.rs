//! A new project, outside of the checkout.

mod support;

use std::fs;
use std::path::Path;

use support::Project;

/// A folder with nothing in it but a file that is no pipeline.
fn folder() -> Project {
    let project = Project::with("");
    fs::remove_file(project.join("pipeline.toml")).expect("removed");
    project
}

#[test]
fn a_new_project_makes_its_tables_without_the_checkout() {
    let folder = folder();
    let ended = folder.pipe(&["init", "mine"]).code(0);
    assert!(
        ended.stdout.contains("data/reference/masking-rate.toml"),
        "{}",
        ended.stdout
    );
    // Whatever lies beside the program's source of published values and claims is there.
    for folder_of in ["data/reference", "data/claims"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder_of);
        for entry in fs::read_dir(source).expect("read") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name");
            let copy = folder.join("mine").join(folder_of).join(name);
            assert_eq!(
                fs::read(copy).expect("read"),
                fs::read(&path).expect("read")
            );
        }
    }
    assert!(
        ended.stderr.contains("/mine; `pipe plan` says"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        fs::read_to_string(folder.join("mine/.gitignore")).expect("read"),
        ".pipe/\n/results/**/*.costs.json\n"
    );
    let schema = fs::read_to_string(folder.join("mine/pipeline.schema.json")).expect("read");
    assert_eq!(schema, folder.pipe(&["schema"]).code(0).stdout);
    let file = ["--file", "mine/pipeline.toml"];
    let profiles = folder
        .pipe(&[&["list", "--json"], &file[..]].concat())
        .code(0)
        .json();
    assert_eq!(profiles["profile"], "laptop");
    assert_eq!(
        profiles["profiles"]
            .as_array()
            .expect("profiles")
            .last()
            .expect("one"),
        "own"
    );
    // The table has published values beside its own, and is of the smallest size.
    let run = ["run", "table:sts", "--profile", "tiny"];
    let table = folder.pipe(&[&run[..], &file].concat()).code(0).stdout;
    assert!(
        table.contains("BERT base (first-last avg.)") || table.contains("("),
        "{table}"
    );
    assert!(folder.join("mine/results/tiny/sts.md").exists());
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let folder = folder();
    folder.write("README.md", "mine");
    folder.write(".gitignore", "target/\n");
    folder
        .pipe(&["init"])
        .code(0)
        .says(".gitignore was there and stays as it is: `.pipe/` belongs into it\n")
        .says("README.md was there and stays as it is\n");
    assert_eq!(
        fs::read_to_string(folder.join("README.md")).expect("read"),
        "mine"
    );
    assert_eq!(
        fs::read_to_string(folder.join(".gitignore")).expect("read"),
        "target/\n"
    );
    let before = folder.files("");
    folder.write("pipeline.toml", "[vars]\n");
    folder
        .pipe(&["init"])
        .code(2)
        .says("holds pipeline.toml, data/reference/README.md")
        .says("nothing was written");
    assert_eq!(folder.files(""), before);
    assert_eq!(
        fs::read_to_string(folder.join("pipeline.toml")).expect("read"),
        "[vars]\n"
    );
    // A link that leads nowhere counts as a file that exists; a file cannot be a folder.
    folder.write("other/keep", "");
    std::os::unix::fs::symlink("nowhere", folder.join("other/pipeline.toml")).expect("linked");
    folder
        .pipe(&["init", "other"])
        .code(2)
        .says("holds pipeline.toml already");
    folder
        .pipe(&["init", "README.md"])
        .code(2)
        .says("cannot write ");
}

#[test]
fn a_folder_of_data_is_looked_through_for_what_the_variables_take() {
    let folder = folder();
    let text = "The quick brown fox jumps over the lazy dog once more today.\n".repeat(200);
    folder.write("data/books/a.txt", &text);
    folder.write("data/books/more/b.txt", &text);
    folder.write("data/few/c.txt", "A few words.\n");
    folder.write(
        "data/words/bert/vocab.txt",
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n",
    );
    folder.write("data/glue_data/SST-2/dev.tsv", "sentence\tlabel\n");
    folder.write("data/glue_data/RTE/dev.tsv", "index\n");
    folder.write(
        "data/senteval/downstream/STS/STS12-en-test/STS.input.MSRpar.txt",
        "a\tb\n",
    );
    folder.write(
        "data/senteval/downstream/SICK/SICK_test_annotated.txt",
        "a\tb\n",
    );
    folder.write("data/.hidden/d.txt", &text.repeat(10));
    let told = folder.pipe(&["init", "--data", "data", "--json"]).code(0);
    let found = told.json();
    assert_eq!(found["profile"], "own");
    let place = |variable: &str| {
        let mut all = found["found"].as_array().expect("all").iter();
        let one = all.find(|one| one["variable"] == variable);
        one.map(|one| one["path"].as_str().expect("a path").to_owned())
    };
    for (variable, path) in [
        ("text", "data/books"),
        ("vocab", "data/words/bert"),
        ("glue", "data/glue_data"),
        ("sts", "data/senteval/downstream"),
    ] {
        let path = folder.join(path).display().to_string();
        assert_eq!(place(variable), Some(path), "{variable}: {}", told.stdout);
    }
    assert!(
        told.stderr.contains("    not ") && told.stderr.contains("/data/few\n"),
        "{}",
        told.stderr
    );
    // Data within the project is named from the project's folder.
    let pipeline = fs::read_to_string(folder.join("pipeline.toml")).expect("read");
    assert!(pipeline.contains("\ntext = \"data/books\"\n"), "{pipeline}");
    assert!(
        pipeline.contains("extends = \"laptop\"\ndefault = true\n"),
        "{pipeline}"
    );
    folder.pipe(&["run", "stage:corpus"]).code(0);
    let value = folder.pipe(&["list", "text"]).code(0).stdout;
    assert!(
        value.contains("\"data/books\"") && value.contains("[profile.own.vars]"),
        "{value}"
    );
    // Data elsewhere is named in full.
    folder
        .pipe(&["init", "else/where", "--data", "data"])
        .code(0);
    let pipeline = fs::read_to_string(folder.join("else/where/pipeline.toml")).expect("read");
    let line = format!("\ntext = \"{}\"\n", folder.join("data/books").display());
    assert!(pipeline.contains(&line), "{pipeline}");

    folder.write("nothing/photo.jpg", "");
    for (data, says) in [
        ("nothing", "nothing in it is known"),
        ("no/such", "there is no such folder"),
    ] {
        folder
            .pipe(&["init", "third", "--data", data])
            .code(2)
            .says(says);
        assert!(!folder.join("third").exists());
    }
}
