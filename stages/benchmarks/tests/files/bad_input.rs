//! The messages that users see when their files are broken.

use std::fmt::Write;

use crate::common::{folder, run};
use benchmarks::read_labelled;
use proptest::prelude::*;

const TASKS: [(&str, &str, &str); 9] = [
    ("cola", "CoLA", ""),
    ("sst2", "SST-2", "sentence\tlabel\n"),
    (
        "mrpc",
        "MRPC",
        "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n",
    ),
    (
        "qqp",
        "QQP",
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n",
    ),
    ("stsb", "STS-B", "index\tsentence1\tsentence2\tscore\n"),
    ("mnli", "MNLI", "index\tsentence1\tsentence2\tgold_label\n"),
    ("qnli", "QNLI", "index\tquestion\tsentence\tlabel\n"),
    ("rte", "RTE", "index\tsentence1\tsentence2\tlabel\n"),
    ("wnli", "WNLI", "index\tsentence1\tsentence2\tlabel\n"),
];

fn failure(files: &[(&str, &[u8])], task: &str) -> String {
    let source = folder(files);
    let Err(error) = run(source.path(), task) else {
        panic!("{task} was read from {files:?}")
    };
    let message = format!("{error}\n  help: {}\n", error.remedy().unwrap());
    message.replace(source.path().to_str().unwrap(), "SOURCE")
}

#[test]
fn broken_glue_files() {
    let rte = |train: &'static [u8]| [("RTE/train.tsv", train), ("RTE/dev.tsv", train)];
    let mut shown = String::new();
    for (what, files, task) in [
        ("no folder", vec![], "rte"),
        ("no file", vec![("RTE/readme", &b""[..])], "rte"),
        ("empty file", rte(b"").to_vec(), "rte"),
        (
            "no rows",
            rte(b"index\tsentence1\tsentence2\tlabel\n").to_vec(),
            "rte",
        ),
        (
            "no such column",
            rte(b"index\tpremise\thypothesis\tlabel\n0\ta\tb\tentailment\n").to_vec(),
            "rte",
        ),
        (
            "short row",
            rte(b"index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n1\tc\tnot_entailment\n")
                .to_vec(),
            "rte",
        ),
        (
            "long row",
            rte(b"index\tsentence1\tsentence2\tlabel\n0\ta\tb\tc\tentailment\n").to_vec(),
            "rte",
        ),
        (
            "label",
            rte(b"index\tsentence1\tsentence2\tlabel\n0\ta\tb\tneutral\n").to_vec(),
            "rte",
        ),
        (
            "not UTF-8",
            rte(b"index\tsentence1\tsentence2\tlabel\n0\tcaf\xe9\tb\tentailment\n").to_vec(),
            "rte",
        ),
        (
            "a pointer of Git LFS",
            rte(b"version https://git-lfs.github.com/spec/v1\noid sha256:01\nsize 9\n").to_vec(),
            "rte",
        ),
        (
            "a web page",
            rte(b"<!DOCTYPE html>\n<html>").to_vec(),
            "rte",
        ),
        ("UTF-16", rte(b"\xff\xfei\0n\0d\0e\0x\0").to_vec(), "rte"),
        ("gzip", rte(b"\x1f\x8b\x08\0\0").to_vec(), "rte"),
        (
            "no mismatched split",
            vec![
                (
                    "MNLI/train.tsv",
                    &b"sentence1\tsentence2\tgold_label\na\tb\tneutral\n"[..],
                ),
                (
                    "MNLI/dev_matched.tsv",
                    &b"sentence1\tsentence2\tgold_label\na\tb\tneutral\n"[..],
                ),
            ],
            "mnli",
        ),
        (
            "score",
            vec![(
                "STS-B/train.tsv",
                &b"sentence1\tsentence2\tscore\na\tb\t5.1\n"[..],
            )],
            "stsb",
        ),
        (
            "header in CoLA",
            vec![("CoLA/train.tsv", &b"source\tlabel\tmark\tsentence\n"[..])],
            "cola",
        ),
        (
            "too many columns in QQP",
            vec![(
                "QQP/train.tsv",
                &b"id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\ta\tb\t0\t0\n"[..],
            )],
            "qqp",
        ),
        ("no MRPC", vec![("MRPC/test.tsv", &b""[..])], "mrpc"),
    ] {
        writeln!(shown, "{what}\n  error: {}", failure(&files, task)).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn broken_similarity_files() {
    const INPUT: &str = "STS/STS13-en-test/STS.input.FNWN.txt";
    const GOLD: &str = "STS/STS13-en-test/STS.gs.FNWN.txt";
    const BENCHMARK: &str = "STS/STSBenchmark/sts-test.csv";
    const SICK: &str = "SICK/SICK_test_annotated.txt";
    let mut shown = String::new();
    for (what, files) in [
        ("nothing there", vec![("readme", &b""[..])]),
        ("no gold", vec![(INPUT, &b"a\tb\n"[..])]),
        ("no input", vec![(GOLD, &b"1\n"[..])]),
        (
            "fewer scores",
            vec![(INPUT, &b"a\tb\nc\td\n"[..]), (GOLD, &b"1\n"[..])],
        ),
        (
            "no second sentence",
            vec![(INPUT, &b"a b\n"[..]), (GOLD, &b"1\n"[..])],
        ),
        (
            "bad score",
            vec![(INPUT, &b"a\tb\n"[..]), (GOLD, &b"high\n"[..])],
        ),
        (
            "no scores",
            vec![(INPUT, &b"a\tb\n"[..]), (GOLD, &b"\n"[..])],
        ),
        ("short row", vec![(BENCHMARK, &b"a\tb\tc\td\t1\te\n"[..])]),
        ("empty file", vec![(BENCHMARK, &b""[..])]),
        (
            "short row of SICK",
            vec![(
                SICK,
                &b"sentence_A\tsentence_B\trelatedness_score\na\tb\n"[..],
            )],
        ),
        (
            "infinite score",
            vec![(
                SICK,
                &b"sentence_A\tsentence_B\trelatedness_score\na\tb\tinf\n"[..],
            )],
        ),
    ] {
        writeln!(shown, "{what}\n  error: {}", failure(&files, "sts")).unwrap();
    }
    insta::assert_snapshot!(shown);
}

/// Bytes that often resemble a table enough to be parsed in part.
fn table_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"\t".to_vec()),
        2 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"\"".to_vec()),
        2 => Just(b"0".to_vec()),
        1 => Just(b"entailment".to_vec()),
        1 => Just(b"-".to_vec()),
        1 => Just("\u{feff}é".as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_bytes_make_a_reader_panic(body in table_like(), with_header in any::<bool>()) {
        for (task, name, header) in TASKS {
            let mut bytes = if with_header { header.as_bytes().to_vec() } else { Vec::new() };
            bytes.extend(&body);
            let files = ["train", "dev", "dev_matched", "dev_mismatched", "msr_paraphrase_train"];
            let names = files.map(|file| format!("{name}/{file}.tsv"));
            let source = folder(&names.each_ref().map(|name| (name.as_str(), bytes.as_slice())));
            if let Err(error) = run(source.path(), task) {
                prop_assert!(error.remedy().is_some(), "{}", error);
            }
        }
        let sets = folder(&[
            ("STS/STS12-en-test/STS.input.MSRpar.txt", body.as_slice()),
            ("STS/STS12-en-test/STS.gs.MSRpar.txt", body.as_slice()),
            ("STS/STSBenchmark/sts-test.csv", body.as_slice()),
            ("SICK/SICK_test_annotated.txt", body.as_slice()),
        ]);
        if let Err(error) = run(sets.path(), "sts") {
            prop_assert!(error.remedy().is_some(), "{}", error);
        }
    }

    #[test]
    fn what_is_written_is_read(
        rows in proptest::collection::vec(("[^\t\n\r]{0,20}", "[^\t\n\r]{0,20}", 0..2_usize), 1..8),
    ) {
        let mut text = "index\tsentence1\tsentence2\tlabel\n".to_owned();
        for (first, second, label) in &rows {
            let label = ["entailment", "not_entailment"][*label];
            text += &format!("0\t{first}\t{second}\t{label}\n");
        }
        let source = folder(&[("RTE/train.tsv", text.as_bytes()), ("RTE/dev.tsv", text.as_bytes())]);
        let task = read_labelled(&run(source.path(), "rte").unwrap().path()).unwrap();
        let back: Vec<_> = task
            .train
            .into_iter()
            .map(|one| (one.sentence1.clone(), one.sentence2.clone().unwrap(), one.class()))
            .collect();
        prop_assert_eq!(back, rows);
    }
}
