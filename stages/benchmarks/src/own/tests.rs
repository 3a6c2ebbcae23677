use std::path::PathBuf;

use columnar::{Schema, Values};
use contract::{ColumnType, complete};
use serde_json::{Value, json};

use super::*;
use crate::Kind;

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn classes() -> Value {
    json!({ "texts": ["text"], "label": "urteil", "labels": ["schlecht", "gut"] })
}

fn with(more: &[(&str, Value)]) -> Value {
    let mut all = classes();
    for (key, value) in more {
        all[*key] = value.clone();
    }
    all
}

fn declared(given: &Value) -> Result<Declaration, Vec<String>> {
    let params = complete(FIELDS, given.as_object().unwrap()).unwrap();
    let parameters: Parameters = serde_json::from_value(Value::Object(params)).unwrap();
    parameters.declaration().map_err(|problems| {
        let told = problems.into_iter();
        told.map(|problem| format!("{}: {}", problem.path.join("."), problem.message))
            .collect()
    })
}

fn task(train: &Path, dev: Option<&Path>, given: &Value) -> Result<(Task, Vec<String>), String> {
    let reading = read(train, dev, &declared(given).unwrap());
    let Reading { benchmark, notes } = reading.map_err(|error| {
        let remedy = error.remedy().unwrap_or_default();
        let told = format!("{error} ({remedy})");
        let folder = format!("{}/", train.parent().unwrap().display());
        assert!(!remedy.is_empty(), "{told}");
        told.replace(&folder, "")
    })?;
    match benchmark {
        Benchmark::Labelled(task) => Ok((task, notes)),
        other => panic!("{other:?}"),
    }
}

const TRAIN: &str =
    "nr,text,urteil\n1,Sehr schön,gut\n2,\"Laut, kühl\",schlecht\n3,Über alles,gut\n";
const DEV: &str = "urteil,text,nr\r\ngut,Schön,1\r\nschlecht,Laut,2\r\n";

#[test]
fn a_task_is_what_its_files_say_whatever_their_form() {
    let files = Files::new();
    let train = files.put("train.csv", format!("\u{feff}{TRAIN}"));
    let dev = files.put("dev.csv", DEV);
    let given = with(&[("id", json!("nr"))]);
    let (first, notes) = task(&train, Some(&dev), &given).unwrap();
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(
        (first.kind, &first.metrics[..]),
        (Kind::Classification, &[crate::Metric::Accuracy][..])
    );
    let told: Vec<_> = first
        .train
        .iter()
        .map(|one| (one.id.as_str(), one.sentence1.as_str(), one.label))
        .collect();
    assert_eq!(
        told,
        [
            ("1", "Sehr schön", 1.0),
            ("2", "Laut, kühl", 0.0),
            ("3", "Über alles", 1.0)
        ]
    );
    assert_eq!(first.validation[0].label, 1.0);

    let tabs = TRAIN
        .replace("\"Laut, kühl\"", "Laut; kühl")
        .replace(',', "\t")
        .replace("Laut;", "Laut,");
    let tabs = files.put("train.tsv", tabs.replace('\n', "\r\n"));
    assert_eq!(task(&tabs, Some(&dev), &given).unwrap().0, first);
    let semicolons = TRAIN.replace(',', ";").replace("Laut;", "Laut,");
    let semicolons = files.put("semicolons.csv", semicolons);
    let semicolon = with(&[("id", json!("nr")), ("separator", json!(";"))]);
    let other = files.put("dev_semicolons.csv", DEV.replace(',', ";"));
    assert_eq!(
        task(&semicolons, Some(&other), &semicolon).unwrap().0,
        first
    );

    let columns = [
        ("nr", ColumnType::Integer),
        ("text", ColumnType::Text),
        ("urteil", ColumnType::Text),
    ];
    let schema = Schema::nullable(columns.map(|(name, holds)| (name.to_owned(), holds)));
    let numbers: Values = [1_i64, 2, 3].into_iter().collect();
    let texts: Values = ["Sehr schön", "Laut, kühl", "Über alles"]
        .into_iter()
        .map(Some)
        .collect();
    let labels: Values = ["gut", "schlecht", "gut"].into_iter().map(Some).collect();
    let parquet = files.0.path().join("train.parquet");
    columnar::write(&parquet, &schema, vec![numbers, texts, labels]).unwrap();
    assert_eq!(task(&parquet, Some(&dev), &given).unwrap().0, first);
}

#[test]
fn scores_are_learnt_from_0_to_5_and_those_from_0_to_5_stay_as_they_are() {
    let files = Files::new();
    let rows: String = (0..=50)
        .map(|tenth| format!("a\tb{tenth}\t{}\n", f64::from(tenth) / 10.0))
        .collect();
    let train = files.put("a.tsv", format!("x\ty\tz\n{rows}"));
    let given = |lowest: f64, highest: f64| json!({ "texts": ["x", "y"], "score": "z", "lowest": lowest, "highest": highest });
    let labels = |given: &Value| {
        let (task, _) = task(&train, Some(&train), given).unwrap();
        assert_eq!(
            task.metrics,
            [crate::Metric::Spearman, crate::Metric::Pearson]
        );
        assert_eq!(task.train[3].sentence2.as_deref(), Some("b3"));
        task.train.iter().map(|one| one.label).collect::<Vec<f64>>()
    };
    let same: Vec<f64> = (0..=50).map(|tenth| f64::from(tenth) / 10.0).collect();
    assert_eq!(labels(&given(0.0, 5.0)), same);
    assert_eq!(labels(&given(-5.0, 5.0))[50], 5.0);
    assert_eq!(labels(&given(-5.0, 5.0))[0], 2.5);
}

#[test]
fn labels_in_parquet_may_be_words_numbers_or_truth_values() {
    let files = Files::new();
    let types = [
        ("text", ColumnType::Text),
        ("whole", ColumnType::Integer),
        ("number", ColumnType::Number),
        ("truth", ColumnType::Bool),
        ("gap", ColumnType::Text),
    ];
    let schema = Schema::nullable(types.map(|(name, holds)| (name.to_owned(), holds)));
    let path = files.0.path().join("a.parquet");
    let values = vec![
        ["x", "y", "z"].into_iter().map(Some).collect(),
        [0_i64, 1, 1].into_iter().collect(),
        [0.0, 1.0, 1.0].into_iter().collect(),
        [false, true, true].into_iter().collect(),
        [Some("0"), None, Some("1")].into_iter().collect(),
    ];
    columnar::write(&path, &schema, values).unwrap();
    for (column, words) in [
        ("whole", ["0", "1"]),
        ("number", ["0", "1"]),
        ("truth", ["false", "true"]),
    ] {
        let given = json!({ "texts": ["text"], "label": column, "labels": words });
        let (task, _) = task(&path, Some(&path), &given).unwrap();
        let labels: Vec<f64> = task.train.iter().map(|one| one.label).collect();
        assert_eq!(labels, [0.0, 1.0, 1.0], "{column}");
    }
    let given = json!({ "texts": ["text"], "label": "gap", "labels": ["0", "1"] });
    let told = task(&path, Some(&path), &given).unwrap_err();
    assert!(
        told.starts_with("a.parquet, row 2: no value in the column `gap`"),
        "{told}"
    );
    let given = json!({ "texts": ["txt"], "label": "gap", "labels": ["0", "1"] });
    let told = task(&path, Some(&path), &given).unwrap_err();
    assert!(
        told.starts_with("a.parquet: no column `txt`; the columns are text, whole"),
        "{told}"
    );
}

#[test]
fn a_share_of_one_file_is_scored_whatever_the_order_of_its_rows() {
    let files = Files::new();
    let row = |n: usize| format!("Satz {n},{},{}\n", ["gut", "schlecht"][n % 2], n % 40);
    let file = |name: &str, rows: &mut dyn Iterator<Item = usize>| {
        files.put(
            name,
            format!("text,urteil,haus\n{}", rows.map(row).collect::<String>()),
        )
    };
    let scored = |path: &Path, given: &Value| {
        let (task, notes) = task(path, None, given).unwrap();
        assert_eq!(notes.len(), 1, "{notes:?}");
        let mut texts: Vec<String> = task
            .validation
            .iter()
            .map(|one| one.sentence1.clone())
            .collect();
        texts.sort();
        texts
    };
    let some = scored(&file("a.csv", &mut (0..200)), &classes());
    assert!((20..60).contains(&some.len()), "{}", some.len());
    assert_eq!(
        scored(&file("b.csv", &mut (0..200).rev()), &classes()),
        some
    );
    let fewer = scored(&file("c.csv", &mut (0..100)), &classes());
    assert!(!fewer.is_empty() && fewer.iter().all(|text| some.contains(text)));
    // Of a group, all examples lie on one side.
    let grouped = with(&[("group", json!("haus")), ("dev_share", json!(0.4))]);
    let some = scored(&file("a.csv", &mut (0..200)), &grouped);
    let house = |text: &String| text[5..].parse::<usize>().unwrap() % 40;
    let houses: BTreeSet<usize> = some.iter().map(house).collect();
    assert!(!houses.is_empty() && houses.len() < 40);
    assert_eq!(
        some.len(),
        (0..200).filter(|n| houses.contains(&(n % 40))).count()
    );
}

#[test]
fn what_is_wrong_with_files_is_told_with_place_reason_and_remedy() {
    let rows = |text: &str| format!("text,urteil\n{text}");
    for (name, train, dev, given, told) in [
        (
            "a.csv",
            "nr,txt,urteil\n".to_owned(),
            None,
            classes(),
            "a.csv:1: no column `text`; the columns are nr, txt, urteil (declare columns that there are",
        ),
        (
            "a.csv",
            "text;urteil\nx;gut\n".to_owned(),
            None,
            classes(),
            "a.csv:1: no column `urteil`; the columns are text;urteil (if it separates columns: separator = \";\")",
        ),
        (
            "a.csv",
            "Sehr schön,gut\nLaut,schlecht\n".to_owned(),
            None,
            classes(),
            "put one before it, such as: urteil,text)",
        ),
        (
            "a.csv",
            rows("x,gut\ny,gutt\n"),
            None,
            classes(),
            "a.csv:3: the label is \"gutt\", not one of schlecht, gut (correct the row, or add",
        ),
        (
            "a.csv",
            rows("x,gut\n ,gut\n"),
            None,
            classes(),
            "a.csv:3: the text in the column `text` is empty",
        ),
        (
            "a.csv",
            rows("x,gut\n\"y,gut\n"),
            None,
            classes(),
            "a.csv:3: a quotation mark that is never closed",
        ),
        (
            "a.csv",
            rows("x,gut\ny,z,gut\n"),
            None,
            classes(),
            "a.csv:3: expected 2 columns, found 3 (put texts that hold `,` in quotation marks)",
        ),
        (
            "a.csv",
            rows("x,gut\ny\0,gut\n"),
            None,
            classes(),
            "a.csv:3: a NUL byte",
        ),
        (
            "a.csv",
            rows("x,gut\ny,gut\n"),
            Some(DEV),
            classes(),
            "a.csv: no example of the class `schlecht` to train on (add examples",
        ),
        (
            "a.csv",
            TRAIN.to_owned(),
            Some("text,art\nx,gut\n"),
            classes(),
            "dev.csv:1: no column `urteil`, which a.csv has; its columns are text, art",
        ),
        (
            "a.csv",
            rows(""),
            None,
            classes(),
            "a.csv: no example in it",
        ),
        (
            "a.csv",
            String::new(),
            None,
            classes(),
            "a.csv: the file is empty",
        ),
        (
            "a.csv",
            "text,text,urteil\n".to_owned(),
            None,
            classes(),
            "a.csv:1: two columns are called `text`",
        ),
        (
            "a.csv",
            rows("x,gut\nz,schlecht\n"),
            None,
            with(&[("dev_share", json!(0.001))]),
            "a.csv: with dev_share = 0.001, none of its 2 examples is left to score (take a larger dev_share",
        ),
        (
            "a.csv",
            rows("x,gut\nz,schlecht\nz,übel\n"),
            None,
            with(&[("labels", json!([]))]),
            "(it holds these, so: labels = [\"gut\", \"schlecht\", \"übel\"])",
        ),
        (
            "a.csv",
            "nr,text,urteil\n7,x,gut\n7,y,gut\n".to_owned(),
            None,
            with(&[("id", json!("nr"))]),
            "a.csv:3: the example is named `7`, as is that of line 2",
        ),
        (
            "a.txt",
            TRAIN.to_owned(),
            None,
            classes(),
            "a.txt: its name ends in none of .tsv, .csv and .parquet",
        ),
        (
            "a.csv.gz",
            "\u{1f}".to_owned(),
            None,
            classes(),
            "a.csv.gz: its name ends in none of",
        ),
        (
            "a.parquet",
            TRAIN.to_owned(),
            None,
            classes(),
            "a.parquet: not a Parquet file",
        ),
        (
            "a.tsv",
            "text\tz\nx\t3,5\n".to_owned(),
            None,
            json!({ "texts": ["text"], "score": "z", "lowest": 1, "highest": 5 }),
            "a.tsv:2: the score is \"3,5\", not a number from 1 to 5 (write a point before the decimals)",
        ),
        (
            "a.tsv",
            "text\tz\nx\t3\ny\tNaN\n".to_owned(),
            None,
            json!({ "texts": ["text"], "score": "z", "lowest": 1, "highest": 5 }),
            "a.tsv:3: the score is \"NaN\", not a number from 1 to 5",
        ),
        (
            "a.tsv",
            "text\tz\nx\t3\ny\t6\n".to_owned(),
            None,
            json!({ "texts": ["text"], "score": "z", "lowest": 1, "highest": 5 }),
            "a.tsv:3: the score is \"6\", not a number",
        ),
    ] {
        let files = Files::new();
        let path = files.put(name, train);
        let dev = dev.map(|text| files.put("dev.csv", text));
        let found = task(&path, dev.as_deref(), &given).unwrap_err();
        assert!(found.contains(told), "{found}\nwanted\n{told}");
    }
    let files = Files::new();
    let latin = files.put("a.csv", b"text,urteil\nsch\xf6n,gut\n");
    let found = task(&latin, None, &classes()).unwrap_err();
    assert!(
        found.starts_with("a.csv:2: the byte 0xF6") && found.contains("iconv"),
        "{found}"
    );
}

#[test]
fn what_is_odd_and_legal_is_noted() {
    let files = Files::new();
    let tabs = files.put(
        "a.tsv",
        "text\turteil\n\"Sie sagte \"\"nein\"\"\"\tgut\nx\tschlecht\n",
    );
    let dev = files.put("dev.csv", "text,urteil\nx,schlecht\nx,schlecht\n");
    let (_, notes) = task(&tabs, Some(&dev), &classes()).unwrap();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].ends_with("1 text is in quotation marks, which are read as a part of the text; if they are not, set quotes = true"));
    assert_eq!(
        notes[1],
        "2 of 2 examples that are scored are trained on as well, by texts"
    );
    assert_eq!(
        notes[2],
        "no example of the class `gut` is among those that are scored"
    );
}

#[test]
fn what_is_wrong_with_a_declaration_is_told_before_anything_runs() {
    for (given, told) in [
        (
            json!({ "texts": [], "label": "a", "labels": ["x", "y"] }),
            "texts: 0 columns of texts",
        ),
        (
            json!({ "texts": ["t"] }),
            "label: neither `label` nor `score` names the column to predict",
        ),
        (
            with(&[("score", json!("z"))]),
            "score: the task has classes already, by `label`",
        ),
        (
            with(&[("labels", json!(["gut"]))]),
            "labels: `gut` is the only class",
        ),
        (
            with(&[("labels", json!(["gut", "gut "]))]),
            "labels: `gut` is there twice",
        ),
        (
            with(&[("metrics", json!(["pearson"]))]),
            "metrics: `pearson` is no metric of classes",
        ),
        (
            with(&[
                ("metrics", json!(["f1"])),
                ("labels", json!(["a", "b", "c"])),
            ]),
            "metrics: f1 is of two classes, and there are 3",
        ),
        (
            with(&[("texts", json!(["urteil"]))]),
            "texts: the column `urteil` is to be predicted",
        ),
        (
            json!({ "texts": ["t"], "score": "z" }),
            "score: the range of the scores is not said",
        ),
        (
            json!({ "texts": ["t"], "score": "z", "lowest": 5, "highest": 1 }),
            "highest: 1 is not above `lowest`, 5",
        ),
    ] {
        assert_eq!(declared(&given).unwrap_err(), [told]);
    }
    let both = declared(&with(&[("metrics", json!(["f1", "accuracy"]))])).unwrap();
    assert_eq!(both.metrics, [crate::Metric::F1, crate::Metric::Accuracy]);
}
