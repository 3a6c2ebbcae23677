//! Published values: found by row and column, and errors that say where to look.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use tables::reference::{Key, Reference, first};

const TEXT: &str = r#"
schema = 1
topic = "a test"

[[table]]
id = "sweep"
paper = "A Paper (2023)"
number = "table 1"
source = "the paper"
confidence = "published"
columns = [
  { key = "m", label = "masking rate", kind = "key", unit = "%" },
  { key = "strategy", label = "strategy", kind = "key" },
  { key = "mnli", label = "MNLI", kind = "metric", unit = "accuracy, %" },
  { key = "stsb", label = "STS-B", kind = "metric", unit = "x 100" },
]
rows = [
  { m = 15, strategy = "uniform", mnli = 84.2, stsb = 87.25 },
  { m = 40, strategy = "uniform", mnli = 84.0, stsb = 88.2, confidence = "memory", note = "seen once" },
  { m = 40, strategy = "span", mnli = 85 },
]

[[table]]
id = "rest"
paper = "A Paper (2023)"
number = "table 2"
source = "recollection"
confidence = "memory"
columns = [
  { key = "m", label = "masking rate", kind = "key", unit = "%" },
  { key = "mnli", label = "MNLI", kind = "metric" },
  { key = "rte", label = "RTE", kind = "metric" },
]
rows = [{ m = 15, mnli = 1.0, rte = 67.3 }]
"#;

fn parse(id: &str) -> Reference {
    Reference::parse(TEXT, "paper.toml", Some(id)).unwrap()
}

fn number(value: f64) -> Key {
    Key::Number(value)
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/reference")
}

#[test]
fn a_value_is_found_by_row_and_column() {
    let sweep = parse("sweep");
    let found = sweep
        .lookup(&[("m", number(15.0))], "stsb")
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.value, found.decimals, found.verified),
        (87.25, 2, true)
    );
    assert_eq!(
        found.citation.to_string(),
        "A Paper (2023), table 1; the paper"
    );
    let span = [
        ("m", number(40.0)),
        ("strategy", Key::Text("span".to_owned())),
    ];
    let found = sweep.lookup(&span, "mnli").unwrap().unwrap();
    assert_eq!((found.value, found.decimals), (85.0, 1));
    assert_eq!(
        sweep.lookup(&span, "stsb").unwrap(),
        None,
        "the paper leaves it out"
    );
}

#[test]
fn what_the_table_does_not_have_is_none() {
    let sweep = parse("sweep");
    assert_eq!(sweep.lookup(&[("m", number(20.0))], "mnli").unwrap(), None);
    assert_eq!(sweep.lookup(&[("m", number(15.0))], "cola").unwrap(), None);
    assert_eq!(
        sweep.lookup(&[("m", number(15.0))], "strategy").unwrap(),
        None
    );
    assert_eq!(
        sweep.lookup(&[("size", number(15.0))], "mnli").unwrap(),
        None
    );
    assert_eq!(sweep.lookup(&[], "mnli").unwrap(), None);
}

#[test]
fn shares_find_percentages() {
    let sweep = parse("sweep");
    let share = sweep.lookup(&[("m", number(0.15))], "mnli").unwrap();
    assert_eq!(share, sweep.lookup(&[("m", number(15.0))], "mnli").unwrap());
    assert!(share.is_some());
}

#[test]
fn rows_may_be_less_sure_than_their_table() {
    let sweep = parse("sweep");
    let row = [
        ("m", number(40.0)),
        ("strategy", Key::Text("uniform".to_owned())),
    ];
    assert!(!sweep.lookup(&row, "mnli").unwrap().unwrap().verified);
    assert!(
        !parse("rest")
            .lookup(&[("m", number(15.0))], "rte")
            .unwrap()
            .unwrap()
            .verified
    );
}

#[test]
fn the_first_reference_wins() {
    let references = [parse("sweep"), parse("rest")];
    let row = [("m", number(15.0))];
    assert_eq!(
        first(&references, &row, "mnli").unwrap().unwrap().value,
        84.2
    );
    assert_eq!(
        first(&references, &row, "rte").unwrap().unwrap().value,
        67.3
    );
    assert_eq!(first(&references, &row, "cola").unwrap(), None);
}

#[test]
fn rows_that_are_named_by_too_little_are_an_error() {
    let error = parse("sweep")
        .lookup(&[("m", number(40.0))], "mnli")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "paper.toml#sweep: several rows fit { m = 40 }"
    );
    assert_eq!(
        error.remedy().unwrap(),
        "name the row by more of its keys: m, strategy"
    );
}

#[test]
fn errors_name_the_place_and_the_nearest_id() {
    let error = Reference::parse(TEXT, "paper.toml", Some("sweeep")).unwrap_err();
    assert_eq!(error.to_string(), "paper.toml: there is no table `sweeep`");
    assert_eq!(error.remedy().unwrap(), "did you mean `sweep`?");
    let error = Reference::parse(TEXT, "paper.toml", None).unwrap_err();
    assert_eq!(error.remedy().unwrap(), "add #ID, one of sweep, rest");
    let error = Reference::load(&shipped(), "masking-rates#rate-sweep").unwrap_err();
    assert_eq!(error.remedy().unwrap(), "did you mean `masking-rate`?");
}

#[test]
fn files_that_are_not_of_the_format_are_refused() {
    let refusal = |from: &str, to: &str| {
        assert!(TEXT.contains(from));
        let text = TEXT.replacen(from, to, 1);
        Reference::parse(&text, "paper.toml", Some("sweep"))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refusal("schema = 1", "schema = 2"),
        "paper.toml: schema = 2 is not one that this version reads"
    );
    assert_eq!(
        refusal("mnli = 84.2", "mlni = 84.2"),
        "paper.toml#sweep: row 1: `mlni` is no column"
    );
    assert_eq!(
        refusal("mnli = 84.2", "mnli = \"84.2\""),
        "paper.toml#sweep: row 1: `mnli` is no finite number"
    );
    assert_eq!(
        refusal(
            "confidence = \"memory\", note",
            "confidence = \"memroy\", note"
        ),
        "paper.toml#sweep: row 2: confidence \"memroy\" is not known"
    );
    assert!(
        refusal("confidence = \"published\"", "confidence = \"sure\"").starts_with("paper.toml:")
    );
    assert!(refusal("schema = 1", "schema = = 1").starts_with("paper.toml:2: "));
}

#[test]
fn the_shipped_values_can_be_read() {
    let folder = shipped();
    for (specification, row, column, value) in [
        (
            "masking-rate#example-table",
            vec![("m", number(0.4))],
            "ppl",
            69.4,
        ),
        (
            "masking-rate#rate-sweep",
            vec![("m", number(15.0))],
            "sst2",
            93.3,
        ),
        (
            "masking-rate#test-fifteen-vs-forty",
            vec![("m", number(0.15))],
            "cola",
            51.8,
        ),
        (
            "masking-rate#appendix-extreme",
            vec![("m", number(0.0))],
            "qnli",
            60.9,
        ),
        (
            "training-steps#roberta-recipe",
            vec![("m", number(0.4))],
            "squad",
            91.23,
        ),
        (
            "masking-rate.toml#fifteen-vs-forty",
            vec![("m", number(40.0))],
            "cola",
            61.0,
        ),
        (
            "corruption-vs-prediction",
            vec![("m_corr", number(0.05)), ("m_pred", number(0.4))],
            "mnli",
            86.9,
        ),
        (
            "simcse-sts#sts-main",
            vec![("model", Key::Text("BERT base (first-last avg.)".to_owned()))],
            "sts12",
            39.7,
        ),
    ] {
        let reference = Reference::load(&folder, specification).unwrap();
        let found = reference.lookup(&row, column).unwrap().unwrap();
        assert_eq!(found.value, value, "{specification}");
        assert_eq!(
            found.verified,
            !specification.ends_with("#fifteen-vs-forty"),
            "{specification}"
        );
    }
}

/// Returns the tables of a file as they are written.
fn tables_of(path: &Path) -> Vec<toml::Table> {
    let file: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let tables = file["table"].as_array().unwrap();
    tables
        .iter()
        .map(|it| it.as_table().unwrap().clone())
        .collect()
}

#[test]
fn every_shipped_table_is_of_the_format() {
    let mut seen = 0;
    for entry in std::fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let stem = path.file_stem().unwrap().to_str().unwrap();
        for table in tables_of(&path) {
            let id = table["id"].as_str().unwrap();
            Reference::load(&shipped(), &format!("{stem}#{id}")).unwrap();
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The paper's table 2 is of GLUE's test sets: no value under that number may be of a development set, or from memory.
#[test]
fn the_papers_second_table_is_of_the_test_sets() {
    for table in tables_of(&shipped().join("masking-rate.toml")) {
        let is_second = table["number"].as_str().unwrap().starts_with("table 2");
        let is_of_tests = table["split"].as_str().unwrap().starts_with("test");
        assert_eq!(is_second, is_of_tests, "{}", table["id"]);
        assert!(!is_second || table["confidence"].as_str() == Some("notes"));
    }
}
