//! SentEval's transfer tasks, and the other layouts of the similarity sets.

use std::fmt::Write;

use benchmarks::{
    Benchmark, Shape, TransferSet, TransferSplits, read, read_sentences, read_transfer,
};
use serde_json::json;

use crate::common::{folder, run, run_given};

const MR: [(&str, &[u8]); 2] = [
    ("MR/rt-polarity.pos", b"a  fine film \n\nanother \n"),
    ("MR/rt-polarity.neg", b"dull \n"),
];
const SST: [(&str, &[u8]); 3] = [
    ("SST/binary/sentiment-train", b"good one\t1\nbad\t0\n"),
    ("SST/binary/sentiment-dev", b"fine\t1\npoor \t0\n"),
    ("SST/binary/sentiment-test", b"poor\t0\nfine\t1\n"),
];
const TREC: [(&str, &[u8]); 2] = [
    (
        "TREC/train_5500.label",
        b"DESC:manner How is it ?\nHUM:ind Who was Knud \xf8 ?\n",
    ),
    ("TREC/TREC_10.label", b"NUM:dist How far is it ?\n"),
];
const HEADER: &str = "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n";

fn sets(files: &[(&str, &[u8])]) -> (Vec<TransferSet>, Vec<String>) {
    let source = folder(files);
    let artifact = run(source.path(), "transfer").unwrap();
    let sets = read_transfer(&artifact.path()).unwrap();
    let Benchmark::Transfer(again) = read(&artifact.path()).unwrap() else {
        panic!("another shape")
    };
    assert_eq!(sets, again);
    (sets, artifact.notes)
}

#[test]
fn sets_are_read_as_sent_eval_reads_them() {
    let mrpc = format!("{HEADER}1\t7\t8\tthe \"a\tthe b\n0\t7\t9\tthe a\tc\n");
    let test = format!("{HEADER}1\t7\t8\ta\tb\n0\t1\t2\ta\tc\n");
    let mut files = [&MR[..], &SST, &TREC].concat();
    files.push(("MRPC/msr_paraphrase_train.txt", mrpc.as_bytes()));
    files.push(("MRPC/msr_paraphrase_test.txt", test.as_bytes()));
    let (sets, notes) = sets(&files);
    let names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
    assert_eq!(names, ["mr", "sst2", "trec", "mrpc"]);
    assert_eq!(
        notes,
        ["MR: 1 lines without words count as sentences, as in SentEval"]
    );
    let TransferSplits::Whole(mr) = &sets[0].splits else {
        panic!("MR has splits")
    };
    let told: Vec<_> = mr
        .iter()
        .map(|one| (one.id.as_str(), one.sentence1.as_str(), one.label))
        .collect();
    assert_eq!(
        told,
        [
            ("pos-0", "a fine film", 1.0),
            ("pos-1", "", 1.0),
            ("pos-2", "another", 1.0),
            ("neg-0", "dull", 0.0),
        ]
    );
    let splits = sets[1].splits.named();
    let counts: Vec<_> = splits
        .iter()
        .map(|(name, all)| (*name, all.len()))
        .collect();
    assert_eq!(counts, [("train", 2), ("validation", 2), ("test", 2)]);
    // Latin-1, and the coarse class alone.
    let TransferSplits::Test { train, test } = &sets[2].splits else {
        panic!("TREC has a test set")
    };
    assert_eq!(
        (train[1].sentence1.as_str(), train[1].label),
        ("Who was Knud ø ?", 3.0)
    );
    assert_eq!(
        (test[0].sentence1.as_str(), test[0].label),
        ("How far is it ?", 5.0)
    );
    assert_eq!(sets[2].labels[5], "NUM");
    let TransferSplits::Test { train, .. } = &sets[3].splits else {
        panic!("MRPC has a test set")
    };
    assert_eq!(train[0].id, "7-8");
    assert_eq!(train[0].sentence1, "the \"a");
    assert_eq!(train[0].sentence2.as_deref(), Some("the b"));
}

#[test]
fn every_sentence_is_embedded_once() {
    let source = folder(&SST);
    let artifact = run(source.path(), "transfer").unwrap();
    let sentences = read_sentences(&artifact.path()).unwrap();
    assert_eq!(sentences, ["good one", "bad", "fine", "poor"]);
    assert_eq!(read(&artifact.path()).unwrap().shape(), Shape::Transfer);
}

#[test]
fn broken_files_are_named() {
    let mut shown = String::new();
    let with = |files: &[(&'static str, &'static [u8])], at: usize, bytes: &'static [u8]| {
        let mut files = files.to_vec();
        files[at].1 = bytes;
        files
    };
    let mrpc = |bytes: &'static [u8]| {
        vec![
            ("MRPC/msr_paraphrase_train.txt", bytes),
            ("MRPC/msr_paraphrase_test.txt", bytes),
        ]
    };
    for (what, files) in [
        ("nothing there", vec![("readme", &b""[..])]),
        ("a file too few", vec![MR[0]]),
        ("an empty file", with(&MR, 1, b"")),
        ("no class", with(&SST, 0, b"good one\t1\nbad\n")),
        ("another class", with(&SST, 2, b"good one\t2\n")),
        ("one class alone", with(&SST, 1, b"good one\t1\n")),
        ("not UTF-8", with(&SST, 1, b"caf\xe9\t1\n")),
        ("no colon", with(&TREC, 0, b"How is it ?\n")),
        ("no question", with(&TREC, 0, b"NUM:dist\n")),
        (
            "no such class",
            with(&TREC, 1, b"NUMB:dist How far is it ?\n"),
        ),
        (
            "a short row",
            mrpc(b"Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t2\t3\ta\n"),
        ),
        (
            "no such column",
            mrpc(b"Quality\tID\tID\tone\tother\n1\t2\t3\ta\tb\n"),
        ),
        (
            "a class of MRPC",
            mrpc(b"Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\nyes\t2\t3\ta\tb\n"),
        ),
    ] {
        let source = folder(&files);
        let Err(error) = run(source.path(), "transfer") else {
            panic!("{what}: it was read")
        };
        let message = format!("{error}\n  help: {}\n", error.remedy().unwrap());
        let message = message.replace(source.path().to_str().unwrap(), "SOURCE");
        writeln!(shown, "{what}\n  error: {message}").unwrap();
    }
    insta::assert_snapshot!(shown);
}

const SICK_HEADER: &str = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\n";

#[test]
fn all_pairs_of_sick_are_a_set_of_their_own() {
    let of = |id: usize| format!("{SICK_HEADER}{id}\ta {id}\tb\t3.5\n{}\tc\td\t1\n", id + 10);
    let texts = [of(1), of(2), of(3)];
    let names = [
        "SICK/SICK_train.txt",
        "SICK/SICK_trial.txt",
        "SICK/SICK_test_annotated.txt",
    ];
    let files: Vec<(&str, &[u8])> = names
        .into_iter()
        .zip(texts.iter().map(String::as_bytes))
        .collect();
    let source = folder(&files);
    let given = json!({"task": "sts", "sick_all": true});
    let artifact = run_given(source.path(), &given).unwrap();
    let pairs = benchmarks::read_pairs(&artifact.path()).unwrap();
    let ids = |set: &str| -> Vec<String> {
        let of = pairs.iter().filter(|pair| pair.set == set);
        of.map(|pair| pair.id.clone()).collect()
    };
    assert_eq!(ids("sickr"), ["3", "13"]);
    assert_eq!(
        ids(benchmarks::SICKR_ALL),
        ["1", "11", "2", "12", "3", "13"]
    );

    let lacking = folder(&files[2..]);
    let error = run_given(lacking.path(), &given).err().unwrap();
    assert!(
        error
            .to_string()
            .ends_with("SICK_train.txt: no such file, and all pairs of SICK are asked for"),
        "{error}"
    );
}

#[test]
fn the_years_are_found_as_they_were_released() {
    let source = folder(&[
        (
            "STS2012-en-test/test-gold/STS.input.MSRpar.txt",
            b"A man.\tA Man.\n",
        ),
        ("STS2012-en-test/test-gold/STS.gs.MSRpar.txt", b"5\n"),
        (
            "STS2016-en-test/sts2016-english-with-gs-v1.0/STS2016.input.plagiarism.txt",
            b"A\tB\tsource\nC\tD\tsource\n",
        ),
        (
            "STS2016-en-test/sts2016-english-with-gs-v1.0/STS2016.gs.plagiarism.txt",
            b"\n1\n",
        ),
        (
            "stsbenchmark/sts-test.csv",
            b"main\tfile\t2017\t7\t2.5\tOne.\tTwo.\n",
        ),
    ]);
    let artifact = run(source.path(), "sts").unwrap();
    let pairs = benchmarks::read_pairs(&artifact.path()).unwrap();
    let told: Vec<_> = pairs
        .iter()
        .map(|pair| (pair.set.as_str(), pair.sentence1.as_str(), pair.score))
        .collect();
    assert_eq!(
        told,
        [
            ("sts12", "A man.", 5.0),
            ("sts16", "C", 1.0),
            ("stsb", "One.", 2.5)
        ]
    );
    let left_out = "pairs without a gold score are left out, as in the official score: 1 of STS16";
    assert!(
        artifact.notes.iter().any(|note| note == left_out),
        "{:?}",
        artifact.notes
    );
}
