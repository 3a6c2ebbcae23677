//! The layouts and their peculiarities, and the messages that users see when their files are broken.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use contract::{Context, Inputs, Params, Stage, StageError};
use corpus::{CorpusStage, Document, read};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// An artifact in a temporary folder.
struct Artifact(TempDir);

impl Artifact {
    fn path(&self) -> PathBuf {
        self.0.path().join("output")
    }

    fn documents(&self) -> Vec<Document> {
        read(&self.path())
            .unwrap()
            .flat_map(Result::unwrap)
            .collect()
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read(entry.path()).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    }
}

fn run(source: &Path, given: &Value) -> Result<Artifact, StageError> {
    let folder = tempfile::tempdir().unwrap();
    let context = Context::in_folder(folder.path())?;
    let fields = CorpusStage.signature().fields;
    let params = contract::complete(fields, given.as_object().unwrap()).unwrap();
    CorpusStage.run(
        &Params(params),
        &Inputs::from([("source", source)]),
        &context,
    )?;
    Ok(Artifact(folder))
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn documents(files: &[(&str, &[u8])], given: &Value) -> Vec<(Option<String>, String)> {
    let source = folder(files);
    let documents = run(source.path(), given).unwrap().documents();
    documents
        .into_iter()
        .map(|document| (document.title, document.text))
        .collect()
}

fn untitled(text: &str) -> (Option<String>, String) {
    (None, text.into())
}

fn titled(title: &str, text: &str) -> (Option<String>, String) {
    (Some(title.into()), text.into())
}

const WIKITEXT: &[u8] =
    b" \n = Homarus gammarus = \n \n The lobster @-@ a <unk> . \n \n = = Life = = \n \n It \
    lives .\n x \n = not a heading = \n \n = Other = \n \n Text .\n";

const EXTRACTED: &[u8] = b"<doc id=\"1\" url=\"u?curid=1\" title=\"The \"A\" &amp; B\">\nThe \"A\" & B\n\nFirst \
    line.\n\n  Second line. \n\n</doc>\n<doc id=\"2\" url=\"u\" title=\"Empty\">\nEmpty\n\n</doc>\n\n<doc id=\"3\" \
    url=\"u\" title=\"Kept\">\nNot the title\n</doc>\n";

#[test]
fn plain_text_is_a_document_a_file_in_the_order_of_paths() {
    let files: [(&str, &[u8]); 9] = [
        ("b.txt", "\u{feff}Beta\r\n\r\nline two\r\n".as_bytes()),
        ("a/z.txt", b"alpha"),
        ("a.txt", b"before a/z: the point sorts before the slash\n"),
        ("B.TXT", b"capitals first"),
        (".hidden.txt", b"hidden"),
        (".hidden/c.txt", b"hidden"),
        ("README.txt", b"about"),
        ("notes.md", b"not text"),
        ("empty.txt", b" \n\n"),
    ];
    let expected = [
        "capitals first",
        "before a/z: the point sorts before the slash",
        "alpha",
        "Beta\n\nline two",
    ];
    assert_eq!(documents(&files, &json!({})), expected.map(untitled));
}

#[test]
fn wikitext_headings_begin_documents() {
    let expected = [
        titled(
            "Homarus gammarus",
            "The lobster @-@ a <unk> .\n\n= = Life = =\n\nIt lives .\nx\n= not a heading =",
        ),
        titled("Other", "Text ."),
    ];
    assert_eq!(
        documents(&[("wiki.train.tokens", WIKITEXT)], &json!({})),
        expected
    );
    let plain = documents(
        &[("wiki.train.raw", WIKITEXT)],
        &json!({ "format": "text" }),
    );
    assert_eq!(plain.len(), 1);
}

#[test]
fn wikiextractor_folders_are_read_in_both_forms() {
    let expected = [
        titled("The \"A\" & B", "First line.\n\n  Second line."),
        titled("Kept", "Not the title"),
    ];
    assert_eq!(
        documents(&[("AA/wiki_00", EXTRACTED)], &json!({})),
        expected
    );
    assert_eq!(
        documents(
            &[("a.txt", EXTRACTED)],
            &json!({ "format": "wikiextractor" })
        ),
        expected
    );

    let json = b"{\"id\": \"1\", \"title\": \"A\", \"text\": \"One.\\n\\nTwo.\"}\n\n{\"text\": \"Three\"}\n";
    let expected = [titled("A", "One.\n\nTwo."), untitled("Three")];
    assert_eq!(documents(&[("AB/wiki_07", json)], &json!({})), expected);
    assert_eq!(
        documents(
            &[("AB/wiki_07", json)],
            &json!({ "format": "wikiextractor" })
        ),
        expected
    );
}

#[test]
fn a_file_of_any_name_can_be_given() {
    let source = folder(&[("corpus.text", b"words")]);
    let artifact = run(&source.path().join("corpus.text"), &json!({})).unwrap();
    assert_eq!(artifact.documents().len(), 1);
    let shard = artifact.path().join("documents-00000.parquet");
    assert_eq!(read(&shard).unwrap().documents(), 1);
}

#[test]
fn short_documents_are_left_out() {
    let files: [(&str, &[u8]); 2] = [("a.txt", "äöü".as_bytes()), ("b.txt", b"four")];
    assert_eq!(
        documents(&files, &json!({ "min_characters": 4 })),
        [untitled("four")]
    );
    assert_eq!(documents(&files, &json!({ "min_characters": 3 })).len(), 2);
}

#[test]
fn large_files_are_cut_and_sharded() {
    // 80 MB of text: different paragraphs, with a blank line after every 1000 lines, and then a long part without blank lines.
    let mut text = String::new();
    for line in 0..1_600_000 {
        writeln!(text, "line {line:07} of many, with some words in it again").unwrap();
        if line < 1_500_000 && line % 1000 == 999 {
            text.push('\n');
        }
    }
    let source = folder(&[("big.txt", text.as_bytes())]);
    let artifact = run(source.path(), &json!({})).unwrap();
    assert_eq!(artifact.files().len(), 2);
    let reader = read(&artifact.path()).unwrap();
    let count = reader.documents();
    let mut joined = String::new();
    let mut seen = 0;
    for batch in reader {
        let batch = batch.unwrap();
        assert!(
            batch
                .iter()
                .map(|document| document.text.len())
                .sum::<usize>()
                <= 13 << 20
        );
        for document in batch {
            assert!(document.text.len() <= 4 << 20);
            joined += &document.text;
            joined.push('\n');
            seen += 1;
        }
    }
    assert_eq!(seen, count);
    assert!(count > 60, "{count}");
    assert!(
        joined
            .lines()
            .filter(|line| !line.is_empty())
            .eq(text.lines().filter(|line| !line.is_empty()))
    );
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let files: [(&str, &[u8]); 2] = [("a.tokens", WIKITEXT), ("wiki_00", EXTRACTED)];
    let [first, second] =
        [(), ()].map(|()| run(folder(&files).path(), &json!({})).unwrap().files());
    assert_eq!(first, second);
    assert_eq!(first.len(), 1);
}

#[test]
fn broken_corpora() {
    let mut shown = String::new();
    let long = vec![b'a'; (16 << 20) + 1];
    for (what, files, given) in [
        ("missing folder", None, json!({})),
        (
            "empty folder",
            Some(vec![("notes.md", &b"text"[..])]),
            json!({}),
        ),
        (
            "empty corpus",
            Some(vec![("a.txt", &b"\n \n"[..])]),
            json!({}),
        ),
        (
            "short documents only",
            Some(vec![("a.txt", &b"abc"[..])]),
            json!({ "min_characters": 4 }),
        ),
        (
            "not UTF-8",
            Some(vec![("a.txt", &b"fine\ncaf\xe9\n"[..])]),
            json!({}),
        ),
        (
            "not UTF-8 in the first line",
            Some(vec![("a.txt", &b"\xff\xfea\0"[..])]),
            json!({}),
        ),
        ("long line", Some(vec![("a.txt", &long[..])]), json!({})),
        (
            "unclosed at the end",
            Some(vec![(
                "wiki_00",
                &b"\n<doc id=\"1\" title=\"A\">\nA\n\ntext\n"[..],
            )]),
            json!({}),
        ),
        (
            "unclosed before the next",
            Some(vec![(
                "wiki_00",
                &b"<doc id=\"1\" title=\"A\">\ntext\n<doc id=\"2\" title=\"B\">\n</doc>\n"[..],
            )]),
            json!({}),
        ),
        (
            "text outside",
            Some(vec![(
                "wiki_00",
                &b"<doc id=\"1\" title=\"A\">\ntext\n</doc>\nmore\n"[..],
            )]),
            json!({}),
        ),
        (
            "no documents",
            Some(vec![("a.txt", &b"plain\n"[..])]),
            json!({ "format": "wikiextractor" }),
        ),
        (
            "bad JSON",
            Some(vec![(
                "wiki_00",
                &b"{\"text\": \"a\"}\n{\"title\": \"b\"}\n"[..],
            )]),
            json!({}),
        ),
    ] {
        let source = folder(files.as_deref().unwrap_or_default());
        let path = if files.is_some() {
            source.path().to_owned()
        } else {
            source.path().join("wiki")
        };
        let Err(error) = run(&path, &given) else {
            panic!("{what} was read")
        };
        let message = format!(
            "{what}\n  error: {error}\n  help: {}\n",
            error.remedy().unwrap()
        );
        shown += &message.replace(source.path().to_str().unwrap(), "SOURCE");
    }
    insta::assert_snapshot!(shown);
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_circles_are_refused() {
    let source = folder(&[("sub/a.txt", b"text")]);
    std::os::unix::fs::symlink(source.path(), source.path().join("sub/back")).unwrap();
    let error = run(source.path(), &json!({})).err().unwrap();
    assert!(error.to_string().contains("leads back"), "{error}");
}

#[test]
fn what_is_no_corpus_is_refused() {
    let empty = folder(&[("a.txt", b"text")]);
    assert!(
        read(empty.path())
            .err()
            .unwrap()
            .to_string()
            .contains("no Parquet files")
    );
    let damaged = folder(&[("documents-00000.parquet", b"PAR1 but not really")]);
    assert!(read(damaged.path()).err().unwrap().remedy().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_a_reader_panic(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just(b"\n".to_vec()),
                Just(b" = A = \n".to_vec()),
                Just(b"<doc id=\"1\" title=\"T\">\n".to_vec()),
                Just(b"<doc \">title=\"".to_vec()),
                Just(b"</doc>\n".to_vec()),
                Just(b"{\"text\": \"a\"}\n".to_vec()),
                Just(b"words".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..6),
            ],
            0..20,
        ),
    ) {
        let source = folder(&[("a.txt", &pieces.concat())]);
        for format in ["auto", "text", "wikitext", "wikiextractor"] {
            match run(source.path(), &json!({ "format": format })) {
                Ok(artifact) => prop_assert!(!artifact.documents().is_empty()),
                Err(error) => prop_assert!(error.remedy().is_some(), "{}", error),
            }
        }
    }

    #[test]
    fn documents_come_back_as_they_were(texts in proptest::collection::vec("\\PC{1,40}", 1..10)) {
        let wanted: Vec<_> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
        prop_assume!(!wanted.is_empty());
        let names: Vec<_> = (0..texts.len()).map(|index| format!("{index:02}.txt")).collect();
        let files: Vec<_> =
            names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
        let source = folder(&files);
        let artifact = run(source.path(), &json!({ "format": "text" })).unwrap();
        let back: Vec<_> = artifact.documents().into_iter().map(|document| document.text).collect();
        prop_assert_eq!(back, wanted);
    }
}

/// Needs real corpora: the environment variable `PIPE_TEST_DATA` names the folder that contains them.
#[test]
#[ignore = "reads real data: CONTRIBUTING.md says how to run it"]
fn real_data_corpora_have_their_sizes() {
    let data = std::env::var_os("PIPE_TEST_DATA").expect("PIPE_TEST_DATA names the data");
    let data = PathBuf::from(data);
    for (name, count, first) in [
        // Four of the 6514 articles have only a title.
        ("wiki", 6510, Some("Anarchism")),
        ("wikitext-2/wiki.valid.tokens", 60, Some("Homarus gammarus")),
        ("wikitext-2-raw", 60, Some("Robert Boulter")),
    ] {
        let documents = run(&data.join(name), &json!({})).unwrap().documents();
        let untitled = documents
            .iter()
            .filter(|document| document.title.is_none())
            .count();
        assert_eq!((documents.len(), untitled), (count, 0), "{name}");
        assert_eq!(documents[0].title.as_deref(), first);
    }
    let books = run(&data.join("books"), &json!({})).unwrap().documents();
    // Six of the 24 books are longer than a mebibyte and are cut once.
    assert!((24..=32).contains(&books.len()), "{}", books.len());
}
