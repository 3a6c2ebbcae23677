//! Test splits, and files for GLUE's server.

use std::path::Path;

use benchmarks::{
    BenchmarksStage, Example, Prediction, TestSplit, read_labelled, read_tests, submission,
};
use contract::{Params, Stage, complete};
use serde_json::json;

use crate::common::{folder, run_given};

/// Reads a task with its test splits: the fixtures, and files of tests beside them.
fn read(task: &str, tests: &[(&str, &str)]) -> Result<(benchmarks::Task, Vec<TestSplit>), String> {
    let fixtures = Path::new("tests/fixtures/glue_data");
    let tests = tests.iter().map(|(name, text)| (*name, text.as_bytes()));
    let source = folder(&tests.collect::<Vec<_>>());
    for entry in std::fs::read_dir(fixtures).unwrap() {
        let from = entry.unwrap().path();
        let to = source.path().join(from.file_name().unwrap());
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(&from).unwrap() {
            let file = file.unwrap().path();
            std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
        }
    }
    let given = json!({ "task": task, "test": true });
    let artifact = run_given(source.path(), &given).map_err(|error| {
        let text = error.to_string();
        text.replace(&*source.path().to_string_lossy(), "DATA")
    })?;
    let path = artifact.path();
    Ok((read_labelled(&path).unwrap(), read_tests(&path).unwrap()))
}

fn predictions(values: &[f64]) -> Vec<Prediction> {
    let values = values.iter().map(|&value| Prediction {
        value,
        probabilities: Vec::new(),
    });
    values.collect()
}

#[test]
fn predictions_are_written_as_the_server_takes_them() {
    let pairs = "index\tsentence1\tsentence2\n0\ta b\tc\n1\td\te\n";
    let mnli = "index\tpromptID\tsentence1\tsentence2\n7\tx\ta\tb\n9\tx\tc\td\n";
    for (task, tests, values, written) in [
        (
            "rte",
            &[("RTE/test.tsv", pairs)][..],
            [1.0, 0.0],
            &[("RTE.tsv", "0\tnot_entailment\n1\tentailment\n")][..],
        ),
        (
            "wnli",
            &[("WNLI/test.tsv", pairs)],
            [1.0, 0.0],
            &[("WNLI.tsv", "0\t1\n1\t0\n")],
        ),
        (
            "stsb",
            &[("STS-B/test.tsv", pairs)],
            [-0.25, 3.1],
            &[("STS-B.tsv", "0\t0\n1\t3.1\n")],
        ),
        (
            "cola",
            &[("CoLA/test.tsv", "index\tsentence\n0\tBill\n1\twas\n")],
            [0.0, 1.0],
            &[("CoLA.tsv", "0\t0\n1\t1\n")],
        ),
        (
            "qqp",
            &[(
                "QQP/test.tsv",
                "id\tquestion1\tquestion2\n0\t\"a \"\"b\"\"\"\tc\n1\td\te\n",
            )],
            [1.0, 1.0],
            &[("QQP.tsv", "0\t1\n1\t1\n")],
        ),
        (
            "mrpc",
            &[(
                "MRPC/test.tsv",
                "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\ta\tb\n1\t3\t4\tc\td\n",
            )],
            [0.0, 1.0],
            &[("MRPC.tsv", "0\t0\n1\t1\n")],
        ),
        (
            "mnli",
            &[
                ("MNLI/test_matched.tsv", mnli),
                ("MNLI/test_mismatched.tsv", mnli),
            ],
            [2.0, 1.0],
            &[
                ("MNLI-m.tsv", "7\tcontradiction\n9\tneutral\n"),
                ("MNLI-mm.tsv", "7\tcontradiction\n9\tneutral\n"),
            ],
        ),
    ] {
        let (task, splits) = read(task, tests).unwrap();
        let found = splits
            .iter()
            .map(|split| submission(&task, split, &predictions(&values)).unwrap());
        let expected = written
            .iter()
            .map(|(name, rows)| ((*name).to_owned(), format!("index\tprediction\n{rows}")));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        // The sentences are read as those of the other splits.
        let Example {
            sentence1,
            sentence2,
            ..
        } = &splits[0].examples[0];
        match &*task.name {
            "qqp" => assert_eq!(sentence1, "a \"b\""),
            "cola" => assert_eq!((sentence1.as_str(), sentence2), ("Bill", &None)),
            _ => assert!(sentence2.is_some()),
        }
    }
}

#[test]
fn a_test_split_that_the_server_would_refuse_is_told() {
    let told = |text: &str| read("rte", &[("RTE/test.tsv", text)]).unwrap_err();
    assert_eq!(
        told("index\tsentence1\tsentence2\n0\ta\n"),
        "DATA/RTE/test.tsv:2: expected 3 columns, found 2"
    );
    assert!(told("index\tsentence1\n0\ta\n").contains("no column `sentence2`"));
    assert_eq!(
        read("rte", &[]).unwrap_err(),
        "DATA/RTE/test.tsv: no such file"
    );
    let given = json!({ "task": "squad", "test": true });
    let fields = BenchmarksStage.signature().fields;
    let params = Params(complete(fields, given.as_object().unwrap()).unwrap());
    let problems = BenchmarksStage.check(&params);
    assert_eq!(
        problems[0].message,
        "`squad` has no test split that is read"
    );
}
