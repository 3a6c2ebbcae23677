//! A task of the user's own: the example project, and what is told of files and declarations that are wrong.

mod support;

use std::fs;
use std::path::Path;

use support::Project;

/// A copy of the example project.
fn example() -> Project {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/own-task");
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("a file");
    let project = Project::with(&text("pipeline.toml"));
    for name in ["reviews.csv", "text/hotels.txt"] {
        project.write(name, &text(name));
    }
    project
}

#[test]
fn the_example_trains_scores_and_compares() {
    let project = example();
    let table = project.pipe(&["run", "all"]).code(0).stdout;
    for row in [
        "pre-trained",
        "random initialisation",
        "bag of words",
        "majority class",
    ] {
        assert!(table.contains(row), "{table}");
    }
    project
        .pipe(&["compare", "table:reviews", "pre-trained", "bag of words"])
        .code(0);
    let text = fs::read_to_string(project.join("reviews.csv")).expect("the file");
    project.write("reviews.csv", &text.replace(",gut\n", ",toll\n"));
    project
        .pipe(&["run", "stage:reviews"])
        .code(2)
        .says("reviews.csv:")
        .says("the label is \"toll\", not one of schlecht, gut");
    project.write("reviews.csv", &text);
    project.pipe(&["run", "all"]).code(0).says("jobs cached");
}

#[test]
fn a_tokenizer_of_ones_own_keeps_capitals_and_umlauts() {
    let project = example();
    let told = project.pipe(&["run", "stage:tokenizer"]).code(0).stdout;
    let folder = told.split_whitespace().next().expect("a folder");
    let vocabulary = fs::read_to_string(format!("{folder}/vocab.txt")).expect("a vocabulary");
    let has = |token: &str| vocabulary.lines().any(|line| line == token);
    assert!(has("Das") && has("##ü") && has("G"), "{vocabulary}");
}

#[test]
fn what_is_wrong_ends_with_place_and_remedy() {
    let text = fs::read_to_string(example().join("reviews.csv")).expect("the file");
    for (from, to, reason, remedy) in [
        (
            "haus,bewertung,urteil\n",
            "haus,text,urteil\n",
            "no column `bewertung`; the columns are haus, text, urteil",
            "declare columns",
        ),
        (
            "haus,bewertung,urteil\n",
            "",
            "no column `urteil`",
            "put one before it",
        ),
        (
            ",gut\n",
            ",\"gut\n",
            "text after a closing quotation mark",
            "quotes = false",
        ),
        (",gut\n", ",gut\0\n", "a NUL byte", "tr -d"),
        (
            ",gut\n",
            ",schlecht\n",
            "no example of the class `gut` to train on",
            "add examples",
        ),
    ] {
        let project = example();
        project.write("reviews.csv", &text.replace(from, to));
        project
            .pipe(&["run", "table:reviews"])
            .code(2)
            .says("reviews.csv")
            .says(reason)
            .says(remedy);
    }
    let project = example();
    project.edit("labels = [\"schlecht\", \"gut\"]", "labels = [\"gut\"]");
    project
        .pipe(&["plan", "all"])
        .code(2)
        .says("`gut` is the only class");
}
